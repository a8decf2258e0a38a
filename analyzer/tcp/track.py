"""Sort segments into sessions: who belongs together, and when a session is over.

A session is over with a new connection on the same addresses and ports, after a time without data, some time after
its FINs or RST (stragglers), or with the input. Whether it is over depends on the segments before alone, never on
where a window ends, so results are the same whatever the windows are.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.tcp import columns as c
from analyzer.tcp.sequence import ACK_FLAG, NEAR, SYN_FLAG, distance
from analyzer.tcp.state import LATE_SYN, OPAQUE, PLAUSIBLE, SIDE_0_SEEN, begin, look, note
from analyzer.tcp.table import drop, find, hash_of, home, keep, remove
from analyzer.wire import segments as wire
from analyzer.wire.octets import fetch
from analyzer.wire.segments import share_of

# why `track` or `sweep` stopped: all is done; `ready` is full, or has a part of a session that goes on; rows or room in
# the arena are short; a session has more to give, and the part in `ready` has to be read first
DONE, WORK, NO_ROOM, FLUSH = range(4)

# places in the array of bounds that the kernels are given; `analyzer.tcp.stage.Bounds` says what they are
(
    IDLE_NS, LINGER_NS, SETTLE_NS, PART_BYTES, PART_SEGMENTS, UNKNOWN_BYTES, BATCH_BYTES, HOLE_SEGMENTS, HOLE_BYTES,
    WAITING,
) = range(10)  # fmt: skip

#: Data this far behind where a closed connection stood may be a straggler; else it is the next one on these ports.
STRAGGLER = 1 << 28

#: So many segments before one that needs them, the slot of its session and then the row are fetched; hashes are kept in
#: a ring, whose length is a power of two.
AHEAD, NEAR_AHEAD, HASHES = 8, 4, 16

#: Cells of a session's row that `track` looks at for each segment, and cells that the processor fetches at a time.
ROW_CELLS, LINE_CELLS = 40, 8


@helper
def is_brief(table: Any, row: int) -> Any:
    """Say whether only stragglers of a session are waited for: it is closed, or never was a connection."""
    return table[row, c.CLOSED] == 1 or table[row, c.ANSWERED] == 0


@helper
def is_full(ready: Any, bounds: Any, counters: Any) -> Any:
    """Say whether the batch takes no more sessions."""
    return counters[c.READY] == len(ready) or counters[c.READY_BYTES] > bounds[BATCH_BYTES]


@helper
def over(table: Any, row: int, segments: Any, i: int, side: int, bounds: Any) -> Any:
    """Give why the session is over before segment i (NEW_SESSION, IDLE, LINGERED), or -1."""
    quiet = segments[i, wire.CLOCK] - table[row, c.CLOCK]
    if quiet > bounds[LINGER_NS] and is_brief(table, row):
        return c.LINGERED
    if quiet > bounds[IDLE_NS]:
        return c.IDLE
    flags = segments[i, wire.FLAGS]
    sequence = segments[i, wire.SEQ]
    if flags & SYN_FLAG:
        if table[row, c.SYN_0 + side] > 0:
            return c.NEW_SESSION if table[row, c.ISN_0 + side] != sequence else -1
        if table[row, c.SEEN_0 + side] == 1:
            late = -LATE_SYN < distance(sequence, table[row, c.LOW_0 + side]) < 0 and table[row, c.BYTES] < LATE_SYN
            return -1 if late else c.NEW_SESSION
        if table[row, c.CLOSED] == 1 and flags & ACK_FLAG == 0:
            return c.NEW_SESSION
    elif table[row, c.CLOSED] == 1 and table[row, c.EDGE_0 + side] >= 0 and segments[i, wire.WIRE] > 0:
        if not (-STRAGGLER < distance(sequence, table[row, c.EDGE_0 + side]) < NEAR):
            return c.NEW_SESSION
    return -1


@helper
def settled(table: Any, row: int, clock: int, bounds: Any) -> Any:
    """Say whether all bytes of both sides came in order, were acknowledged, and later segments can only be copies."""
    return (
        table[row, c.FIN_0] == 2
        and table[row, c.FIN_1] == 2
        and table[row, c.DULL] == 0
        and clock - table[row, c.CLOCK] > bounds[SETTLE_NS]
    )


@helper
def hand_over(table: Any, row: int, ready: Any, counters: Any, final: int, why: int) -> None:
    """Copy a session to `ready`, with its list of segments; the caller sees to its row."""
    if table[row, c.DULL] > 0:
        counters[c.DULL_OVER] += table[row, c.DULL] & c.NO_SMTP
        return
    at = counters[c.READY]
    if final == 0:
        table[row, c.GIVEN] = counters[c.BATCH]
    for column in range(c.SESSION_WIDTH):
        ready[at, column] = table[row, column]
    ready[at, c.FINAL] = final
    ready[at, c.ENDED] = why
    counters[c.READY] = at + 1
    counters[c.READY_BYTES] += table[row, c.ROOM_0] + table[row, c.ROOM_1]
    counters[c.READY_PENDING] += table[row, c.PENDING]
    counters[c.READY_MOST] = max(counters[c.READY_MOST], table[row, c.PENDING])
    counters[c.READY_OPEN] += 1 - final
    counters[c.READY_OWNED] += min(table[row, c.OWNER], 1)


@helper
def due(table: Any, row: int, bounds: Any, more: int, segments: int) -> Any:
    """Say whether a part of a session is assembled, with so much more waiting: more than twice what the last part left.

    So the work on what stays behind a hole grows with what comes, and not with its square.
    """
    return (
        table[row, c.ROOM_0] + table[row, c.ROOM_1] + more > bounds[PART_BYTES] + 2 * table[row, c.LEFT_ROOM]
        or table[row, c.PENDING] + segments > bounds[PART_SEGMENTS] + 2 * table[row, c.LEFT]
    )


@helper
def look_ahead(slots: Any, table: Any, hashes: Any, i: int) -> None:
    """Have what later segments need fetched meanwhile: the slots of one, and the row that is most likely of another."""
    mask = len(slots) - 1
    fetch(slots, home(hashes[(i + AHEAD) % HASHES], mask))
    row = slots[home(hashes[(i + NEAR_AHEAD) % HASHES], mask)] * c.SESSION_WIDTH
    for cell in range(0, ROW_CELLS, LINE_CELLS):
        fetch(table, row + cell)


@kernel(
    "int64(int64[:, ::1], int64, uint8[::1], uint8[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1],"
    " int64[::1], int64[::1], int64[::1], int64, int64, int64)"
)
def track(
    segments: Any,
    start: int,
    buffer: Any,
    arena: Any,
    waiting: Any,
    slots: Any,
    table: Any,
    ready: Any,
    bounds: Any,
    counters: Any,
    hashes: Any,
    key: int,
    shard: int,
    shards: int,
) -> Any:
    """Sort the segments from `start` on into sessions, and give the index of the first that was not looked at.

    `slots` is a hash table of rows of `table`, at least twice as long. Sessions that are over, or have a part to
    assemble, are copied to `ready`. `hashes` is scratch.
    """
    if segments.shape[1] != wire.WIDTH or waiting.shape[1] != c.SEGMENT_WIDTH or table.shape[1] != c.SESSION_WIDTH:
        return -1  # never; so the compiler knows that all columns are there
    for i in range(start, min(start + AHEAD, len(segments))):
        hashes[i % HASHES] = hash_of(key, segments, i)
    for i in range(start, len(segments)):
        if i + AHEAD < len(segments):
            hashes[(i + AHEAD) % HASHES] = hash_of(key, segments, i + AHEAD)
            look_ahead(slots, table, hashes, i)
        hashed = hashes[i % HASHES]
        if shards > 1 and share_of(segments, i, shards) != shard:
            continue
        if is_full(ready, bounds, counters):
            counters[c.STOPPED] = WORK
            return i
        size = segments[i, wire.LEN]
        full = counters[c.SEGMENTS] == len(waiting) or counters[c.ARENA] + size > len(arena)
        if full or counters[c.FREE_SESSION] < 0:
            counters[c.STOPPED] = NO_ROOM
            return i
        slot, side = find(slots, table, segments, i, hashed)
        row = slots[slot]
        if row < 0:
            row = counters[c.FREE_SESSION]
            counters[c.FREE_SESSION] = table[row, c.HEAD]
            slots[slot] = row
            begin(table, row, segments, i, hashed)
        else:
            why = over(table, row, segments, i, side, bounds)
            done = why < 0 and settled(table, row, segments[i, wire.CLOCK], bounds)
            if table[row, c.GIVEN] == counters[c.BATCH] and (why >= 0 or done or due(table, row, bounds, size + 1, 1)):
                counters[c.STOPPED] = FLUSH
                return i
            if why >= 0:
                hand_over(table, row, ready, counters, 1, why)
                begin(table, row, segments, i, hashed)
                side = 0
            elif done:
                hand_over(table, row, ready, counters, 1, c.LINGERED)
                table[row, c.DULL] = c.COMPLETE
        note(table, row, segments, i, side)
        if table[row, c.DULL] > 0:
            continue
        if size > 0 and table[row, c.LOOKS] & (SIDE_0_SEEN << side) == 0:
            look(table, row, buffer, segments[i, wire.OFF], size, side)
            if table[row, c.DULL] > 0:
                drop(table, row, waiting, counters)
                continue
        keep(table, row, segments, i, side, buffer, waiting, arena, counters)
        if table[row, c.LOOKS] & (PLAUSIBLE | OPAQUE) == 0:
            if table[row, c.ROOM_0] + table[row, c.ROOM_1] > bounds[UNKNOWN_BYTES] + table[row, c.PENDING]:
                table[row, c.DULL] = c.NO_SMTP
                drop(table, row, waiting, counters)
                continue
        if due(table, row, bounds, 0, 0):
            # It is assembled at once, since what it leaves over comes before what follows.
            hand_over(table, row, ready, counters, 0, 0)
            counters[c.STOPPED] = WORK
            return i + 1
    counters[c.STOPPED] = DONE
    return len(segments)


@kernel("int64(int64[:, ::1], int64, int64[::1], int64[:, ::1], int64[::1], int64[::1], int64, int64)")
def sweep(table: Any, start: int, slots: Any, ready: Any, bounds: Any, counters: Any, clock: int, last: int) -> Any:
    """Copy the sessions that the clock has ended to `ready`, and free their rows; with `last`, all: the input is over.

    Gives the row that it did not look at any more.
    """
    if table.shape[1] != c.SESSION_WIDTH:
        return -1  # never; so the compiler knows that all columns are there
    for row in range(start, len(table)):
        if table[row, c.OPEN] == 0:
            continue
        quiet = clock - table[row, c.CLOCK]
        why = -1
        if quiet > bounds[LINGER_NS] and is_brief(table, row):
            why = c.LINGERED
        elif quiet > bounds[IDLE_NS]:
            why = c.IDLE
        elif last:
            why = c.CAPTURE_END
        done = why < 0 and settled(table, row, clock, bounds)
        if why < 0 and not done:
            continue
        if is_full(ready, bounds, counters):
            counters[c.STOPPED] = WORK
            return row
        if table[row, c.GIVEN] == counters[c.BATCH]:
            counters[c.STOPPED] = FLUSH
            return row
        if done:
            hand_over(table, row, ready, counters, 1, c.LINGERED)
            table[row, c.DULL] = c.COMPLETE
        else:
            hand_over(table, row, ready, counters, 1, why)
            remove(slots, table, row)
            table[row, c.OPEN] = 0
            table[row, c.HEAD] = counters[c.FREE_SESSION]
            counters[c.FREE_SESSION] = row
    counters[c.STOPPED] = DONE
    return len(table)
