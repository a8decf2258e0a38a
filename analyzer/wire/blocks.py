"""pcapng: buffer to record rows. What a walk promises is said in `analyzer.wire.records`.

Layout: draft-ietf-opsawg-pcapng. Sections may differ in byte order; every section has its own interfaces; every
interface has its own link type and clock. A block repeats its length at its end: that is what makes it sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.limits import RECORD_BYTES, RESYNC_BYTES, SNAPLEN_BYTES
from analyzer.wire.octets import be32, be64, le32, le64, u16, u32
from analyzer.wire.records import (
    BIG,
    END,
    FULL,
    INTERFACES,
    LAST,
    NOW,
    ORPHANS,
    POSITION,
    ROWS,
    SECRETS,
    SECRETS_AT,
    SECRETS_LENGTH,
    STATUS,
    TIME_LIMIT,
    UNTIMED,
    ask,
    cut_off,
    pass_over,
    put_record,
)

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

# Block types.
SECTION = 0x0A0D0D0A
INTERFACE = 1
OLD_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
DECRYPTION_SECRETS = 10
#: The highest of the plain block types; behind a damaged block only these, a section and custom blocks are believed.
HIGHEST = 10
CUSTOM = 0x00000BAD
CUSTOM_UNCOPIED = 0x40000BAD

BYTE_ORDER = 0x1A2B3C4D
TLS_KEY_LOG = 0x544C534B

# Columns of the table of interfaces.
LINK = 0
SNAPLEN = 1
TIMES = 2  #: a time stamp is multiplied by this, then divided by
OVER = 3
BINARY = 4  #: or: bits that are a fraction of a second, 0 where the clock is decimal
OFFSET = 5  #: nanoseconds to add
WIDTH = 6


@helper
def block_length(buffer: Octets, at: int, left: int, state: Cells) -> int:
    """Length of the block at `at`, or -1 where it cannot be one; 12 bytes have to be there."""
    big = state[BIG]
    if be32(buffer, at) == SECTION:
        big = int(be32(buffer, at + 8) == BYTE_ORDER)
        if not big and le32(buffer, at + 8) != BYTE_ORDER:
            return -1
    length = u32(buffer, at + 4, big)
    if length < 12 or length > RECORD_BYTES:
        return -1
    if length <= left and u32(buffer, at + length - 4, big) != length:
        return -1
    return length


@helper
def find_block(buffer: Octets, position: int, state: Cells) -> int:
    """Where behind `position` the next whole block of a known type begins, or -1."""
    end = state[END]
    for at in range(position + 1, min(position + RESYNC_BYTES, end - 12)):
        kind = u32(buffer, at, state[BIG])
        if 0 < kind <= HIGHEST or kind in (SECTION, CUSTOM, CUSTOM_UNCOPIED):
            length = block_length(buffer, at, end - at, state)
            if 0 < length <= end - at and length <= SNAPLEN_BYTES:
                return at
    return -1


@helper
def add_interface(buffer: Octets, at: int, length: int, state: Cells, interfaces: Grid) -> None:
    """Read an interface description block into the next row of the table."""
    big = state[BIG]
    row = state[INTERFACES]
    state[INTERFACES] += 1
    interfaces[row, LINK] = u16(buffer, at + 8, big)
    interfaces[row, SNAPLEN] = u32(buffer, at + 12, big)
    interfaces[row, BINARY] = 0
    interfaces[row, OFFSET] = 0
    digits = 6
    option = at + 16
    stop = at + length - 4
    while option + 4 <= stop:
        code = u16(buffer, option, big)
        size = u16(buffer, option + 2, big)
        value = option + 4
        if code == 0 or value + size > stop:
            break
        if code == 9 and size == 1:  # if_tsresol
            digits = buffer[value] * 1
            if digits > 127:
                interfaces[row, BINARY] = digits - 128
                digits = 0 if digits == 128 else 9
        elif code == 14 and size == 8:  # if_tsoffset, in seconds
            seconds = be64(buffer, value) if big else le64(buffer, value)
            interfaces[row, OFFSET] = min(max(seconds, -4000000000), 4000000000) * 1000000000
        option = value + (size + 3) // 4 * 4
    interfaces[row, TIMES] = 10 ** max(9 - digits, 0)
    # 64 bits of a clock finer than 10^-27 s are less than a nanosecond.
    interfaces[row, OVER] = 10 ** min(max(digits - 9, 0), 18)


@helper
def nanoseconds(high: int, low: int, interface: int, interfaces: Grid) -> int:
    """Turn a time stamp into nanoseconds since 1970."""
    if high >= 2147483648:
        return TIME_LIMIT
    ticks = high * 4294967296 + low
    bits = interfaces[interface, BINARY]
    if bits > 0:
        seconds = ticks >> min(bits, 63)
        fraction = ticks - (seconds << min(bits, 62)) if bits < 63 else ticks
        if bits > 30:
            fraction = fraction >> min(bits - 30, 63)
            bits = 30
        time = min(seconds, 4000000000) * 1000000000 + (fraction * 1000000000 >> bits)
    elif ticks > TIME_LIMIT // interfaces[interface, TIMES]:
        time = TIME_LIMIT
    else:
        time = ticks * interfaces[interface, TIMES] // interfaces[interface, OVER]
    return min(time + interfaces[interface, OFFSET], TIME_LIMIT)


@helper
def packet(buffer: Octets, at: int, length: int, kind: int, state: Cells, interfaces: Grid, records: Grid) -> None:
    """Write the row of a packet block, unless it cannot be one."""
    big = state[BIG]
    time = state[NOW]
    interface = 0
    if kind == SIMPLE_PACKET:
        data = at + 12
        wire = u32(buffer, at + 8, big) if length >= 16 else 0
        cap = min(wire, length - 16)
        if state[INTERFACES] > 0 and interfaces[0, SNAPLEN] > 0:
            cap = min(cap, interfaces[0, SNAPLEN])
    elif length >= 32:
        data = at + 28
        interface = u32(buffer, at + 8, big) if kind == ENHANCED_PACKET else u16(buffer, at + 8, big)
        cap = u32(buffer, at + 20, big)
        wire = u32(buffer, at + 24, big)
    else:
        data = at
        cap = -1
        wire = 0
    if cap < 0 or data + cap > at + length - 4 or interface >= state[INTERFACES]:
        state[ORPHANS] += 1
        return
    if kind == SIMPLE_PACKET:
        state[UNTIMED] += 1
    else:
        time = nanoseconds(u32(buffer, at + 12, big), u32(buffer, at + 16, big), interface, interfaces)
    if wire > RECORD_BYTES:
        wire = cap
    put_record(records, state, data, cap, wire, time, interfaces[interface, LINK])


@kernel("int64(uint8[::1], int64[::1], int64[:, ::1], int64[:, ::1])")
def walk_blocks(buffer: Octets, state: Cells, records: Grid, interfaces: Grid) -> int:
    """Turn the bytes from POSITION to END into rows; gives how many."""
    end = state[END]
    last = state[LAST]
    state[ROWS] = 0
    while state[ROWS] < records.shape[0]:
        position = state[POSITION]
        left = end - position
        if left < 12:
            if last and left > 0:
                cut_off(state, position)
            ask(state, 12)
            return state[ROWS]
        length = block_length(buffer, position, left, state)
        if length > left and not last:
            ask(state, length)
            return state[ROWS]
        if length < 0 or length > left:
            if left < RESYNC_BYTES + SNAPLEN_BYTES and not last:
                ask(state, RESYNC_BYTES + SNAPLEN_BYTES)
                return state[ROWS]
            found = find_block(buffer, position, state)
            if found < 0 and length > left:
                cut_off(state, position)
            else:
                pass_over(state, position, found)
            continue
        kind = u32(buffer, position, state[BIG])
        if kind == SECTION:
            state[BIG] = 1 if be32(buffer, position + 8) == BYTE_ORDER else 0
            state[INTERFACES] = 0
        elif kind in (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET):
            packet(buffer, position, length, kind, state, interfaces, records)
        elif kind == INTERFACE and length >= 20 and state[INTERFACES] < interfaces.shape[0]:
            add_interface(buffer, position, length, state, interfaces)
        elif kind == DECRYPTION_SECRETS and length >= 20:
            if u32(buffer, position + 8, state[BIG]) == TLS_KEY_LOG:
                state[SECRETS_AT] = position + 16
                state[SECRETS_LENGTH] = min(u32(buffer, position + 12, state[BIG]), length - 20)
                state[POSITION] = position + length
                state[STATUS] = SECRETS
                return state[ROWS]
        state[POSITION] = position + length
    state[STATUS] = FULL
    return state[ROWS]
