"""Find the session of a segment: a hash table of the open connections, and the rows of what waits."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.tcp import columns as c
from analyzer.wire import segments as wire
from analyzer.wire.octets import copy
from analyzer.wire.segments import FACTOR


@helper
def stir(state: int, value: int) -> int:
    """Give 32 bits that depend on all bits of two numbers, of which the low 32 bits count."""
    return ((((state ^ value) & 0xFFFFFFFF) * FACTOR) >> 15) & 0xFFFFFFFF


@helper
def hash_of_end(key: int, high: int, low: int, port: int) -> Any:
    """Give 32 bits of an address and port; `key` is secret, so that nobody can make a capture full of collisions."""
    state = stir(stir(key, low), port)
    if high != 0:
        state = stir(stir(stir(state, high), high >> 32), low >> 32)
    return state


@helper
def hash_of(key: int, segments: Any, i: int) -> Any:
    """Give a hash of the addresses and ports of segment i that is the same for both directions."""
    one = hash_of_end(key, segments[i, wire.SRC_HI], segments[i, wire.SRC_LO], segments[i, wire.SPORT])
    two = hash_of_end(key, segments[i, wire.DST_HI], segments[i, wire.DST_LO], segments[i, wire.DPORT])
    return ((one + two) & 0xFFFFFFFF) * FACTOR


@helper
def home(hashed: int, mask: int) -> int:
    """Give the slot where the search for a hash begins."""
    return (hashed >> 16) & mask


@helper
def sent_by(table: Any, row: int, side: int, segments: Any, i: int) -> Any:
    """Say whether a side of the session sent segment i to the other."""
    return (
        table[row, c.PORT_0 + side] == segments[i, wire.SPORT]
        and table[row, c.PORT_1 - side] == segments[i, wire.DPORT]
        and table[row, c.LO_0 + side] == segments[i, wire.SRC_LO]
        and table[row, c.LO_1 - side] == segments[i, wire.DST_LO]
        and table[row, c.HI_0 + side] == segments[i, wire.SRC_HI]
        and table[row, c.HI_1 - side] == segments[i, wire.DST_HI]
    )


@helper
def find(slots: Any, table: Any, segments: Any, i: int, hashed: int) -> tuple[Any, int]:
    """Give the slot that holds the session of segment i, and who sent it; or the slot where it belongs, and side 0."""
    mask = len(slots) - 1
    slot = home(hashed, mask)
    while slots[slot] >= 0:
        row = slots[slot]
        if table[row, c.HASH] == hashed:
            if sent_by(table, row, 0, segments, i):
                return slot, 0
            if sent_by(table, row, 1, segments, i):
                return slot, 1
        slot = (slot + 1) & mask
    return slot, 0


@helper
def remove(slots: Any, table: Any, row: int) -> None:
    """Take a session out of the hash table; those behind it move up, so that a search ends at the first free slot."""
    mask = len(slots) - 1
    free = home(table[row, c.HASH], mask)
    while slots[free] != row:
        free = (free + 1) & mask
    slot = free
    while True:
        slot = (slot + 1) & mask
        other = slots[slot]
        if other < 0:
            break
        if (slot - home(table[other, c.HASH], mask)) & mask >= (slot - free) & mask:
            slots[free] = other
            free = slot
    slots[free] = -1


@helper
def keep(
    table: Any, row: int, segments: Any, i: int, side: int, buffer: Any, waiting: Any, arena: Any, counters: Any
) -> None:
    """Let segment i wait for the assembly of its session, in the next row, and its payload in the arena."""
    free = counters[c.SEGMENTS]
    counters[c.SEGMENTS] += 1
    counters[c.WAITING] += 1
    waiting[free, c.SIDE] = side
    waiting[free, c.NEXT] = c.LAST
    waiting[free, c.TIME] = segments[i, wire.TIME]
    waiting[free, c.FRAME] = segments[i, wire.FRAME]
    waiting[free, c.SEQ] = segments[i, wire.SEQ]
    waiting[free, c.ACK] = segments[i, wire.ACK]
    waiting[free, c.FLAGS] = segments[i, wire.FLAGS]
    size = segments[i, wire.LEN]
    waiting[free, c.OFF] = counters[c.ARENA]
    if size > 0:
        copy(arena, counters[c.ARENA], buffer, segments[i, wire.OFF], size)
        counters[c.ARENA] += size
    waiting[free, c.LEN] = size
    waiting[free, c.WIRE] = segments[i, wire.WIRE]
    if table[row, c.TAIL] >= 0:
        waiting[table[row, c.TAIL], c.NEXT] = free
    else:
        table[row, c.HEAD] = free
    table[row, c.TAIL] = free
    table[row, c.PENDING] += 1
    table[row, c.ROOM_0 + side] += size + 1
    counters[c.WAITING_BYTES] += size


@helper
def release(waiting: Any, i: int, counters: Any) -> Any:
    """Count out a segment that waits no more; gives the row of the one that followed it."""
    counters[c.WAITING] -= 1
    counters[c.WAITING_BYTES] -= waiting[i, c.LEN]
    return waiting[i, c.NEXT]


@helper
def drop(table: Any, row: int, waiting: Any, counters: Any) -> None:
    """Free all that waits of a session."""
    i = table[row, c.HEAD]
    while i >= 0:
        i = release(waiting, i, counters)
    table[row, c.HEAD] = c.LAST
    table[row, c.TAIL] = c.LAST
    table[row, c.PENDING] = 0
    table[row, c.ROOM_0] = 0
    table[row, c.ROOM_1] = 0


@kernel("int64(int64[:, ::1], int64, int64[:, ::1], int64[::1])")
def forget(table: Any, row: int, waiting: Any, counters: Any) -> Any:
    """Make a session dull: nothing of it waits any more, and it is only counted from here on."""
    drop(table, row, waiting, counters)
    table[row, c.DULL] = c.NO_SMTP
    return row


@kernel("int64(int64[::1], int64[:, ::1])")
def fill(slots: Any, table: Any) -> Any:
    """Put the open sessions of the table into an empty hash table; gives their number."""
    mask = len(slots) - 1
    count = 0
    for row in range(len(table)):
        if table[row, c.OPEN] == 1:
            slot = home(table[row, c.HASH], mask)
            while slots[slot] >= 0:
                slot = (slot + 1) & mask
            slots[slot] = row
            count += 1
    return count


@kernel("int64(int64[:, ::1], int64[:, ::1], uint8[::1], int64[:, ::1], uint8[::1], int64[::1])")
def stow(table: Any, waiting: Any, arena: Any, rows: Any, octets: Any, counters: Any) -> Any:
    """Move all that waits, session by session, to the beginning of other `rows` and `octets`; gives their bytes.

    What is over leaves its room behind: rows and bytes that follow each other are far faster than those that are free
    here and there.
    """
    count = 0
    at = 0
    for row in range(len(table)):
        if table[row, c.OPEN] == 0 or table[row, c.DULL] > 0 or table[row, c.HEAD] < 0:
            continue
        i = table[row, c.HEAD]
        table[row, c.HEAD] = count
        while i >= 0:
            for column in range(c.SEGMENT_WIDTH):
                rows[count, column] = waiting[i, column]
            size = waiting[i, c.LEN]
            copy(octets, at, arena, waiting[i, c.OFF], size)
            rows[count, c.OFF] = at
            at += size
            i = waiting[i, c.NEXT]
            rows[count, c.NEXT] = count + 1
            count += 1
        rows[count - 1, c.NEXT] = c.LAST
        table[row, c.TAIL] = count - 1
    counters[c.SEGMENTS] = count
    counters[c.ARENA] = at
    return at
