"""Make two byte streams, and the order of what happened in them, of a session's segments.

The first copy of a byte wins. What was acknowledged or skipped and is not in the capture is a gap. A session is worked
on as a whole, or in parts; the parts give the same as the whole.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.tcp import columns as c
from analyzer.tcp import pieces as p
from analyzer.tcp.merge import deliver, merge, skip, step
from analyzer.tcp.pieces import compare, insert, position, reach, take
from analyzer.tcp.sequence import ACK_FLAG, RST_FLAG, distance
from analyzer.tcp.table import release
from analyzer.tcp.track import HOLE_BYTES, HOLE_SEGMENTS
from analyzer.wire.octets import fetch

#: Sessions whose segments are fetched at a time: these fit into a processor's first cache.
CHAINS = 6


@helper
def anchor(s: Any, side: int, waiting: Any) -> None:
    """Decide where a stream begins: behind the SYN, else at the lowest byte captured, else the lowest place named."""
    if s[c.SYN_0 + side] > 0:
        s[c.REF_0 + side] = (s[c.ISN_0 + side] + 1) & 0xFFFFFFFF
        return
    # how good a place is: 3 data, 2 one byte (a keep-alive?), 1 of a segment without data, or acknowledged
    best = 0 if s[c.SEEN_0 + side] == 0 else 1
    lowest = s[c.LOW_0 + side]
    row = s[c.HEAD]
    while row >= 0:
        good = 0
        flags = waiting[row, c.FLAGS]
        sequence = waiting[row, c.SEQ]
        if waiting[row, c.SIDE] != side:
            good = 1 if flags & ACK_FLAG else 0
            sequence = waiting[row, c.ACK]
        elif waiting[row, c.WIRE] > 0 and flags & RST_FLAG == 0:
            good = 3 if waiting[row, c.WIRE] > 1 else 2
        if good > best or (good == best and good > 0 and distance(sequence, lowest) < 0):
            best = good
            lowest = sequence
        row = waiting[row, c.NEXT]
    s[c.REF_0 + side] = lowest


@helper
def start_part(s: Any) -> None:
    """Set up what is only known while a part is worked on."""
    for column in range(c.SESSION_WIDTH, p.SCRATCH_WIDTH):
        s[column] = 0
    for side in range(2):
        s[p.FIN_ROW_0 + side] = -1
        s[p.RST_ROW_0 + side] = -1
        s[p.ACK_ROW_0 + side] = -1
        s[p.LAST_ROW_0 + side] = -1
        s[p.WHOLE_0 + side] = s[c.AT_0 + side]
        s[p.BEGAN_0 + side] = s[c.AT_0 + side]
        s[p.WRITE_0 + side] = s[c.STREAM_0 + side] + s[c.LENGTH_0 + side]
    s[c.STEPS] = 0


@helper
def read(s: Any, pieces: Any, waiting: Any, buffer: Any, stream: Any, steps: Any, bounds: Any) -> None:
    """Walk through the segments of a session in the order of the file, and write what can be read."""
    row = s[c.HEAD]
    while row >= 0:
        side = waiting[row, c.SIDE]
        if take(s, side, pieces, waiting, row):
            start = waiting[row, c.START]
            at = s[c.AT_0 + side]
            stop = start + waiting[row, c.WIRE]
            if start < at:
                compare(s, side, pieces, waiting, row, buffer, stream)
            free = s[p.PIECES] == 0 and s[p.FIN_ROW_0] < 0 and s[p.FIN_ROW_1] < 0
            free = free and s[p.RST_ROW_0] < 0 and s[p.RST_ROW_1] < 0
            if free and start <= at < stop and waiting[row, c.NEED] <= s[c.AT_1 - side]:
                deliver(s, side, stop, waiting, row, buffer, stream, steps)  # as nearly always: all is in order
            else:
                if s[p.PIECES] == 0:
                    for each in range(p.FIRST_0, p.PIECES):
                        s[each] = 0
                insert(s, side, pieces, waiting, row, buffer)
                merge(s, pieces, waiting, buffer, stream, steps, bounds[HOLE_SEGMENTS], bounds[HOLE_BYTES])
        row = waiting[row, c.NEXT]


@helper
def infer_fin(s: Any, side: int, pieces: Any, waiting: Any) -> None:
    """Infer a FIN that was not captured: its sender, or who acknowledged it, is exactly one byte past all data.

    Who sends the last acknowledgement of a connection closed first: its own FIN was sent before it got the other.
    """
    if s[p.FIN_ROW_0 + side] >= 0 or s[c.SEEN_0 + side] == 0:
        return
    stop = reach(s, side, pieces)
    acked = s[p.ACK_ROW_0 + side]
    last = s[p.LAST_ROW_0 + side]
    need = c.NOWHERE
    if acked >= 0 and s[c.ACKED_0 + side] == stop + 1:
        other = reach(s, 1 - side, pieces)
        if position(s, 1 - side, waiting[acked, c.SEQ]) == other + 1:
            need = other + 1
        row = acked
    elif last >= 0 and position(s, side, waiting[last, c.SEQ]) == stop + 1:
        row = last
    else:
        return
    s[p.FIN_ROW_0 + side] = row
    s[p.FIN_AT_0 + side] = stop
    s[p.FIN_NEED_0 + side] = need


@helper
def leave(s: Any, waiting: Any, counters: Any) -> None:
    """Keep those segments of a session in parts that have something left to tell."""
    row = s[c.HEAD]
    last = c.LAST
    s[c.HEAD] = c.LAST
    s[c.PENDING] = 0
    s[c.ROOM_0] = 0
    s[c.ROOM_1] = 0
    while row >= 0:
        side = waiting[row, c.SIDE]
        other = 1 - side
        at = s[c.AT_0 + side]
        start = waiting[row, c.START]
        if (
            (waiting[row, c.WIRE] > 0 and start + waiting[row, c.WIRE] > at)
            or row == s[p.FIN_ROW_0 + side]
            or row == s[p.RST_ROW_0 + side]
            or (row == s[p.LAST_ROW_0 + side] and start > at)
            or (row == s[p.ACK_ROW_0 + other] and s[c.ACKED_0 + other] > s[c.AT_0 + other])
        ):
            if last >= 0:
                waiting[last, c.NEXT] = row
            else:
                s[c.HEAD] = row
            last = row
            s[c.PENDING] += 1
            s[c.ROOM_0 + side] += waiting[row, c.LEN] + 1
            row = waiting[row, c.NEXT]
        else:
            row = release(waiting, row, counters)
    if last >= 0:
        waiting[last, c.NEXT] = c.LAST
    s[c.TAIL] = last
    s[c.LEFT] = s[c.PENDING]
    s[c.LEFT_ROOM] = s[c.ROOM_0] + s[c.ROOM_1]


@helper
def finish(s: Any, waiting: Any, steps: Any, counters: Any) -> None:
    """Write the end of a session, and before it what was acknowledged and never seen."""
    for side in range(2):
        if s[c.ACKED_0 + side] > s[c.AT_0 + side]:
            skip(s, side, s[c.ACKED_0 + side], waiting, -1, steps)
    step(s, 0, c.END, 0, waiting, -1, steps)
    row = s[c.HEAD]
    while row >= 0:
        row = release(waiting, row, counters)


@helper
def finish_part(s: Any, steps: Any) -> None:
    """Say of each step whether the other side received it, and let the references follow the streams.

    So streams of any length have positions, and an acknowledgement counts wherever it was captured.
    """
    for n in range(s[c.STEP], s[c.STEP] + s[c.STEPS]):
        side = steps[n, c.STEP_SIDE]
        s[p.BEGAN_0 + side] += steps[n, c.STEP_SIZE]
        if steps[n, c.STEP_KIND] <= c.CUT:
            if s[p.BEGAN_0 + side] <= s[c.HEARD_0 + side]:
                steps[n, c.STEP_ACKED] |= c.HEARD
        elif steps[n, c.STEP_KIND] == c.FIN:
            s[p.BEGAN_0 + side] += 1
    for side in range(2):
        s[c.LENGTH_0 + side] = s[p.WRITE_0 + side] - s[c.STREAM_0 + side]
        s[c.REF_0 + side] = (s[c.REF_0 + side] + s[c.AT_0 + side] - s[c.ORIGIN_0 + side]) & 0xFFFFFFFF
        s[c.ORIGIN_0 + side] = s[c.AT_0 + side]
    s[c.PARTS] += 1


@helper
def fetch_some(ready: Any, first: int, waiting: Any, arena: Any, at: Any) -> None:
    """Have the segments of the next sessions fetched, which lie all over the memory.

    Where one is, only the one before it tells; to follow some such chains at once takes no longer than to follow one.
    """
    count = min(CHAINS, len(ready) - first)
    for chain in range(count):
        at[chain] = ready[first + chain, c.HEAD]
    left = count
    while left > 1:
        left = 0
        for chain in range(count):
            row = at[chain]
            if row >= 0:
                fetch(waiting, row * c.SEGMENT_WIDTH + c.SEGMENT_WIDTH - 1)
                fetch(arena, waiting[row, c.OFF])
                at[chain] = waiting[row, c.NEXT]
                left += 1


@kernel(
    "int64(int64[:, ::1], int64, int64, int64[::1], int64[:, ::1], int64[:, ::1], uint8[::1], uint8[::1],"
    " int64[:, ::1], int64[::1], int64[::1])"
)
def assemble(
    ready: Any,
    n: int,
    at: int,
    s: Any,
    pieces: Any,
    waiting: Any,
    arena: Any,
    stream: Any,
    steps: Any,
    bounds: Any,
    counters: Any,
) -> Any:
    """Make streams and steps of all sessions in `ready`, behind `n` steps that are there; gives their number then.

    Streams are laid into `stream` from `at` on, one behind the other: of each side LENGTH bytes, which the part before
    has left over, and ROOM for more. `steps` must hold ten a segment and ten a session, `pieces` four a segment of the
    largest session and four more; `s` is scratch.
    """
    if waiting.shape[1] != c.SEGMENT_WIDTH or ready.shape[1] != c.SESSION_WIDTH or steps.shape[1] != c.STEP_WIDTH:
        return -1  # never; so the compiler knows that all columns are there
    for k in range(len(ready)):
        if k % CHAINS == 0:
            fetch_some(ready, k, waiting, arena, s)
        for column in range(c.SESSION_WIDTH):
            s[column] = ready[k, column]
        for side in range(2):
            s[c.STREAM_0 + side] = at
            at += s[c.LENGTH_0 + side] + s[c.ROOM_0 + side]
        if s[c.PARTS] == 0:
            anchor(s, 0, waiting)
            anchor(s, 1, waiting)
        s[c.STEP] = n
        start_part(s)
        read(s, pieces, waiting, arena, stream, steps, bounds)
        if s[c.FINAL] == 1:
            infer_fin(s, 0, pieces, waiting)
            infer_fin(s, 1, pieces, waiting)
            merge(s, pieces, waiting, arena, stream, steps, -1, -1)
            finish(s, waiting, steps, counters)
        else:
            leave(s, waiting, counters)
        finish_part(s, steps)
        n += s[c.STEPS]
        for column in range(c.SESSION_WIDTH):
            ready[k, column] = s[column]
    return n
