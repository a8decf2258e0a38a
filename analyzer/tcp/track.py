"""Sort segments into sessions: who belongs together, and when a session is over.

A session is over with a new connection on the same addresses and ports, after `IDLE_NS` without data, some time after
its FINs or RST (stragglers), or with the input. Whether it is over depends on the segments before alone, never on
where a window ends, so results are the same whatever the windows are.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.tcp.columns import (
    BYTES,
    CLOCK,
    CLOSED,
    DONE_WITH,
    DULL,
    ENDED,
    FIN_0,
    FINAL,
    FIRST_FILE,
    FIRST_FRAME,
    FIRST_TIME,
    HASH,
    HEAD,
    HI_0,
    HI_1,
    IDLE,
    ISN_0,
    LAST,
    LAST_TIME,
    LINGERED,
    LO_0,
    LO_1,
    LOOKS,
    LOW_0,
    NEW_SESSION,
    PACKETS,
    PENDING,
    PENDING_BYTES,
    PORT_0,
    PORT_1,
    ROW,
    SEEN_0,
    SESSION_WIDTH,
    SYN_0,
    TAIL,
)
from analyzer.wire import segments as wire

# TCP flags (RFC 9293 section 3.1)
FIN_FLAG, SYN_FLAG, RST_FLAG, ACK_FLAG = 1, 2, 4, 16

# what `track` says in status[0] when it stops
DONE, WORK, FULL = range(3)

# limits, by their place in the array that `track` is given
LIMIT_IDLE, LIMIT_LINGER, LIMIT_BYTES, LIMIT_SEGMENTS, LIMIT_UNKNOWN, LIMIT_BATCH = range(6)

# LOOKS, a bit each
SIDE_0_SEEN, SIDE_1_SEEN, PLAUSIBLE, OPAQUE = 1, 2, 4, 8

#: A SYN may come this much later in the file than the data behind it (in bytes of the stream): files in odd order.
LATE_SYN = 1 << 20

# Ports on which TLS from the first byte is taken for SMTP (RFC 8314 section 7.3, and what providers use)
TLS_PORTS = (465, 25, 587, 2525, 2465, 1465, 4465, 5465, 8465, 10465)


@helper
def distance(a: int, b: int) -> int:
    """Give a - b of two sequence numbers, which wrap at 2**32 (RFC 9293 section 3.4)."""
    return ((a - b + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


@helper
def find(slots: Any, table: Any, segments: Any, i: int, hashed: int) -> Any:
    """Give the slot that holds the session of segment i, or the slot where it belongs."""
    mask = len(slots) - 1
    slot = hashed & mask
    free = -1
    while slots[slot] != -1:
        row = slots[slot]
        if row == -2:
            if free < 0:
                free = slot
        elif table[row, HASH] == hashed and side_of(table, row, segments, i) >= 0:
            return slot
        slot = (slot + 1) & mask
    return slot if free < 0 else free


@helper
def side_of(table: Any, row: int, segments: Any, i: int) -> Any:
    """Give the side of the session that sent segment i; -1 where it is of another session."""
    for side in range(2):
        other = 1 - side
        if (
            table[row, PORT_0 + side] == segments[i, wire.SPORT]
            and table[row, PORT_0 + other] == segments[i, wire.DPORT]
            and table[row, LO_0 + side] == segments[i, wire.SRC_LO]
            and table[row, LO_0 + other] == segments[i, wire.DST_LO]
            and table[row, HI_0 + side] == segments[i, wire.SRC_HI]
            and table[row, HI_0 + other] == segments[i, wire.DST_HI]
        ):
            return side
    return -1


@helper
def over(table: Any, row: int, segments: Any, i: int, side: int, limits: Any) -> Any:
    """Give why the session is over before segment i (NEW_SESSION, IDLE, LINGERED), or -1."""
    quiet = segments[i, wire.CLOCK] - table[row, CLOCK]
    if table[row, CLOSED] == 1 and quiet > limits[LIMIT_LINGER]:
        return LINGERED
    if quiet > limits[LIMIT_IDLE]:
        return IDLE
    ahead = distance(segments[i, wire.SEQ], table[row, LOW_0 + side])
    if segments[i, wire.FLAGS] & SYN_FLAG:
        if table[row, SYN_0 + side] > 0:
            return NEW_SESSION if table[row, ISN_0 + side] != segments[i, wire.SEQ] else -1
        if table[row, SEEN_0 + side] == 1 and not (-LATE_SYN < ahead < 0):
            return NEW_SESSION
        if table[row, CLOSED] == 1 and segments[i, wire.FLAGS] & ACK_FLAG == 0 and table[row, SEEN_0 + side] == 0:
            return NEW_SESSION
    elif table[row, CLOSED] == 1 and table[row, SEEN_0 + side] == 1 and segments[i, wire.WIRE] > 0:
        if not (-(1 << 28) < ahead < (1 << 28)):
            return NEW_SESSION
    return -1


@helper
def begin(table: Any, row: int, segments: Any, i: int, hashed: int) -> None:
    """Make the row of a new session whose first segment is i."""
    for column in range(SESSION_WIDTH):
        table[row, column] = 0
    table[row, HI_0] = segments[i, wire.SRC_HI]
    table[row, LO_0] = segments[i, wire.SRC_LO]
    table[row, PORT_0] = segments[i, wire.SPORT]
    table[row, HI_1] = segments[i, wire.DST_HI]
    table[row, LO_1] = segments[i, wire.DST_LO]
    table[row, PORT_1] = segments[i, wire.DPORT]
    table[row, HASH] = hashed
    table[row, HEAD] = -1
    table[row, TAIL] = -1
    table[row, ROW] = row
    table[row, CLOCK] = segments[i, wire.CLOCK]
    table[row, FIRST_FRAME] = segments[i, wire.FRAME]
    table[row, FIRST_TIME] = segments[i, wire.TIME]
    table[row, FIRST_FILE] = segments[i, wire.FILE]


@helper
def hand_over(table: Any, row: int, ready: Any, status: Any, final: int, why: int) -> None:
    """Copy a session with its list of segments to `ready`; the caller sees to the row."""
    for column in range(SESSION_WIDTH):
        ready[status[1], column] = table[row, column]
    ready[status[1], FINAL] = final
    ready[status[1], ENDED] = why
    status[1] += 1
    status[2] += table[row, PENDING_BYTES]


@helper
def look(table: Any, row: int, buffer: Any, segments: Any, i: int, side: int) -> None:
    """Judge the first payload of a side: TLS off the mail ports is dull; a reply or a capital letter is plausible."""
    table[row, LOOKS] |= SIDE_0_SEEN << side
    at = segments[i, wire.OFF]
    size = segments[i, wire.LEN]
    if size >= 3 and 0x14 <= buffer[at] <= 0x17 and buffer[at + 1] == 3 and buffer[at + 2] <= 4:
        for port in TLS_PORTS:
            if table[row, PORT_0] == port or table[row, PORT_1] == port:
                table[row, LOOKS] |= OPAQUE
                return
        if table[row, LOOKS] & PLAUSIBLE == 0:
            table[row, DULL] = 1
        return
    digits = 0
    while digits < 3 and digits < size and 48 <= buffer[at + digits] <= 57:
        digits += 1
    letter = int(buffer[at]) & 0xDF
    if digits == 3 or 65 <= letter <= 90 or buffer[at] in (4, 5, 13):
        table[row, LOOKS] |= PLAUSIBLE


@helper
def note(table: Any, row: int, segments: Any, i: int, side: int) -> None:
    """Count segment i into its session's state."""
    flags = segments[i, wire.FLAGS]
    size = segments[i, wire.WIRE]
    sequence = segments[i, wire.SEQ]
    table[row, PACKETS] += 1
    table[row, BYTES] += size
    table[row, LAST_TIME] = segments[i, wire.TIME]
    if size > 0 or flags & (SYN_FLAG | FIN_FLAG | RST_FLAG):
        table[row, CLOCK] = max(table[row, CLOCK], segments[i, wire.CLOCK])
    if flags & SYN_FLAG:
        if flags & ACK_FLAG == 0:
            table[row, FIRST_TIME] = segments[i, wire.TIME]
        table[row, SYN_0 + side] = 2 if flags & ACK_FLAG else 1
        table[row, ISN_0 + side] = sequence
    if flags & RST_FLAG == 0 and (table[row, SEEN_0 + side] == 0 or distance(sequence, table[row, LOW_0 + side]) < 0):
        table[row, SEEN_0 + side] = 1
        table[row, LOW_0 + side] = sequence
    if flags & FIN_FLAG:
        table[row, FIN_0 + side] = 1
    if flags & RST_FLAG or (table[row, FIN_0] == 1 and table[row, FIN_0 + 1] == 1):
        table[row, CLOSED] = 1


@helper
def drop(table: Any, row: int, links: Any) -> None:
    """Forget the segments that wait for assembly."""
    i = table[row, HEAD]
    while i >= 0:
        following = links[i]
        links[i] = DONE_WITH
        i = following
    table[row, HEAD] = -1
    table[row, TAIL] = -1
    table[row, PENDING] = 0
    table[row, PENDING_BYTES] = 0


@kernel(
    "int64(int64[:, ::1], int64, int64[::1], uint8[::1], int64[::1], int64[::1], int64[:, ::1], int64[::1],"
    " int64[:, ::1], int64[::1], int64[::1], int64, int64)"
)
def track(
    segments: Any,
    start: int,
    hashes: Any,
    buffer: Any,
    links: Any,
    slots: Any,
    table: Any,
    free: Any,
    ready: Any,
    limits: Any,
    status: Any,
    shard: int,
    shards: int,
) -> Any:
    """Sort the segments from `start` on into sessions, and give the index of the first that was not looked at.

    `slots` is a hash table of rows of `table`; `free` a stack of unused rows (free[0] is its height). Sessions that
    are over, or have a part to assemble, are copied to `ready`. status: why it stopped, rows in `ready`, their bytes,
    slots taken, segments of dull sessions.
    """
    for i in range(start, len(segments)):
        if hashes[i] % shards != shard:
            continue
        if status[1] == len(ready) or status[2] > limits[LIMIT_BATCH]:
            status[0] = WORK
            return i
        slot = find(slots, table, segments, i, hashes[i])
        row = slots[slot]
        if row >= 0:
            side = side_of(table, row, segments, i)
            why = over(table, row, segments, i, side, limits)
            if why >= 0:
                hand_over(table, row, ready, status, 1, why)
                begin(table, row, segments, i, hashes[i])
                side = 0
        else:
            if free[0] == 0:
                status[0] = FULL
                return i
            row = free[free[0]]
            free[0] -= 1
            slots[slot] = row
            status[3] += 1
            begin(table, row, segments, i, hashes[i])
            side = 0
        note(table, row, segments, i, side)
        if table[row, DULL] == 0 and segments[i, wire.LEN] > 0 and table[row, LOOKS] & (SIDE_0_SEEN << side) == 0:
            look(table, row, buffer, segments, i, side)
        if table[row, DULL] == 1:
            drop(table, row, links)
            status[4] += 1
            continue
        links[i] = LAST
        if table[row, TAIL] >= 0:
            links[table[row, TAIL]] = i
        else:
            table[row, HEAD] = i
        table[row, TAIL] = i
        table[row, PENDING] += 1
        table[row, PENDING_BYTES] += segments[i, wire.LEN]
        if table[row, PENDING_BYTES] > limits[LIMIT_UNKNOWN] and table[row, LOOKS] & (PLAUSIBLE | OPAQUE) == 0:
            table[row, DULL] = 1
            drop(table, row, links)
        elif table[row, PENDING_BYTES] > limits[LIMIT_BYTES] or table[row, PENDING] > limits[LIMIT_SEGMENTS]:
            # A part of a long session: it is assembled at once, since what it leaves over comes before what follows.
            hand_over(table, row, ready, status, 0, 0)
            status[0] = WORK
            return i + 1
    status[0] = DONE
    return len(segments)


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def fill(slots: Any, rows: Any, hashes: Any) -> Any:
    """Put rows of the table into an empty hash table."""
    mask = len(slots) - 1
    for j in range(len(rows)):
        slot = hashes[j] & mask
        while slots[slot] != -1:
            slot = (slot + 1) & mask
        slots[slot] = rows[j]
    return len(rows)
