"""Containers with a fixed header before each record (pcap and its kin, snoop): buffer to record rows.

What a walk (here and in `analyzer.wire.blocks`) promises:

- It gives rows for whole records only and goes on where it stopped: `state` is all it remembers.
- What it decides depends on the bytes of the file alone, never on where a window ends: where it has to look ahead it
  asks for more bytes (`MORE`, `NEED`) unless the file has ended (`LAST`).
- A header whose lengths cannot be true is damage: the walk goes on at the next header that is sound, is followed by
  another sound one and lies within `RESYNC_BYTES`; else the rest of the file is given up. A wrong time is no damage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.limits import RESYNC_BYTES, RESYNC_SECONDS, SNAPLEN_BYTES
from analyzer.wire.octets import u32

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

# Columns of a record row.
OFF = 0  #: where the captured bytes begin in the buffer
CAP = 1  #: bytes captured
WIRE = 2  #: bytes that the packet had on the wire, never less than CAP
TIME = 3  #: nanoseconds since 1970
LINK = 4  #: link type (tcpdump.org's LINKTYPE numbers; a negative one is `analyzer.wire.decode`'s)
FRAME = 5  #: ordinal over the source, from 1
FILE = 6  #: index of the file
CLOCK = 7  #: highest TIME so far
WIDTH = 8

# Cells of the state of a walk.
POSITION = 0  #: next byte to look at
END = 1  #: end of the bytes in the buffer
LAST = 2  #: whether the file ends there
STATUS = 3  #: why the walk returned
NEED = 4  #: bytes from POSITION on that it wants to see before it goes on
FRAMES = 5  #: records so far in the source
FILES = 6  #: index of this file
CLOCKS = 7  #: highest time so far in the source
NOW = 8  #: time of the last record of this file
SEEN = 9  #: records so far in this file
ORIGIN = 10  #: offset in the file of the first byte of the buffer (negative: the buffer has a head)
BIG = 11  #: most significant byte first
DAMAGED = 12  #: places where a damaged header was met
DAMAGED_AT = 13  #: offset in the file of the first
LOST = 14  #: bytes passed over to find the next sound record
TRUNCATED = 15  #: bytes of an incomplete record at the end of the file
GIVEN_UP = 16  #: no sound record was found behind a damaged one
# of `walk_records` alone: the layout of the container
HEADER = 17  #: bytes of a record header
SECONDS_AT = 18  #: where in it the fields are
FRACTION_AT = 19
CAP_AT = 20
WIRE_AT = 21
STEP_AT = 22  #: where the length of the whole record is, -1: header and captured bytes
UNIT_NS = 23  #: nanoseconds of one unit of the fraction
LINKTYPE = 24
LIMIT = 25  #: most bytes that a record can have
SNAPLEN = 26  #: bytes after which packets were cut
# of `walk_blocks` alone
INTERFACES = 27  #: interfaces of this section so far
SECRETS_AT = 28  #: where the secrets are that it stopped at
SECRETS_LENGTH = 29
UNTIMED = 30  #: packets without a time (simple packet blocks)
ORPHANS = 31  #: packets of no known interface, or that do not fit into their block
ROWS = 32  #: rows written
GIVEN_UP_AT = 33  #: offset in the file from which on nothing is read
STATE_WIDTH = 34

# Values of STATUS.
FULL = 0  #: the output is full: call again
MORE = 1  #: NEED bytes are wanted, or the file has ended
SECRETS = 2  #: stopped behind a block of secrets: fetch them and call again

#: Times beyond this (year 2116) are taken for it, so that nothing that is added to them leaves int64.
TIME_LIMIT = 1 << 62


@helper
def put_record(records: Grid, state: Cells, off: int, cap: int, wire: int, time: int, link: int) -> None:
    """Write the next row and advance the counters of the source."""
    row = state[ROWS]
    state[ROWS] += 1
    state[FRAMES] += 1
    state[SEEN] += 1
    state[NOW] = time
    state[CLOCKS] = max(state[CLOCKS], time)
    records[row, OFF] = off
    records[row, CAP] = cap
    records[row, WIRE] = max(wire, cap)
    records[row, TIME] = time
    records[row, LINK] = link
    records[row, FRAME] = state[FRAMES]
    records[row, FILE] = state[FILES]
    records[row, CLOCK] = state[CLOCKS]


@helper
def ask(state: Cells, need: int) -> None:
    """Stop until `need` bytes are there."""
    state[STATUS] = MORE
    state[NEED] = need


@helper
def pass_over(state: Cells, position: int, found: int) -> None:
    """Count a damaged place and go on where a sound record was found, or nowhere."""
    if state[DAMAGED] == 0:
        state[DAMAGED_AT] = state[ORIGIN] + position
    state[DAMAGED] += 1
    if found < 0:
        state[GIVEN_UP] = 1
        state[GIVEN_UP_AT] = state[ORIGIN] + position
        state[POSITION] = state[END]
        return
    state[LOST] += found - position
    state[POSITION] = found


@helper
def cut_off(state: Cells, position: int) -> None:
    """Count an incomplete record at the end of the file."""
    state[TRUNCATED] = state[END] - position
    state[POSITION] = state[END]


@helper
def record_step(buffer: Octets, at: int, state: Cells) -> int:
    """Bytes from the header at `at` to the next one, or -1 where its lengths cannot be true."""
    big = state[BIG]
    cap = u32(buffer, at + state[CAP_AT], big)
    step = state[HEADER] + cap
    if state[STEP_AT] >= 0:
        whole = u32(buffer, at + state[STEP_AT], big)
        if whole < step or whole > step + state[LIMIT]:
            return -1
        step = whole
    if cap > state[LIMIT]:
        return -1
    # A run of zeros is no empty record.
    if cap == 0 and u32(buffer, at + state[SECONDS_AT], big) == 0 and u32(buffer, at + state[WIRE_AT], big) == 0:
        return -1
    return step


@helper
def strict_step(buffer: Octets, at: int, state: Cells) -> int:
    """Like `record_step`, but only for a header that nothing speaks against."""
    big = state[BIG]
    step = record_step(buffer, at, state)
    cap = u32(buffer, at + state[CAP_AT], big)
    wire = u32(buffer, at + state[WIRE_AT], big)
    if step < 0 or cap == 0 or cap > wire or wire > state[LIMIT]:
        return -1
    if u32(buffer, at + state[FRACTION_AT], big) * state[UNIT_NS] >= 1000000000:
        return -1
    apart = u32(buffer, at + state[SECONDS_AT], big) - state[NOW] // 1000000000
    if state[SEEN] > 0 and (apart > RESYNC_SECONDS or apart < -RESYNC_SECONDS):
        return -1
    return step


@helper
def find_record(buffer: Octets, position: int, state: Cells) -> int:
    """Where behind `position` the next sound record begins that another one, or the end of the file, follows; or -1."""
    end = state[END]
    header = state[HEADER]
    for at in range(position + 1, min(position + RESYNC_BYTES, end - header)):
        step = strict_step(buffer, at, state)
        if step < 0:
            continue
        if at + step == end and state[LAST]:
            return at
        if at + step + header <= end and strict_step(buffer, at + step, state) >= 0:
            return at
    return -1


@kernel("int64(uint8[::1], int64[::1], int64[:, ::1])")
def walk_records(buffer: Octets, state: Cells, records: Grid) -> int:
    """Turn the bytes from POSITION to END into rows; gives how many."""
    big = state[BIG]
    header = state[HEADER]
    end = state[END]
    last = state[LAST]
    state[ROWS] = 0
    while state[ROWS] < records.shape[0]:
        position = state[POSITION]
        left = end - position
        if left < header:
            if last and left > 0:
                cut_off(state, position)
            ask(state, header)
            return state[ROWS]
        step = record_step(buffer, position, state)
        cap = u32(buffer, position + state[CAP_AT], big)
        wire = u32(buffer, position + state[WIRE_AT], big)
        if step >= 0 and cap != min(wire, state[SNAPLEN]):
            # A packet may have been cut once more, but a length may be damaged: look at what follows.
            if left >= step + header:
                if record_step(buffer, position + step, state) < 0:
                    step = -1
            elif not last:
                ask(state, step + header)
                return state[ROWS]
        if step > left and not last:
            ask(state, step)
            return state[ROWS]
        if step < 0 or step > left:
            wanted = RESYNC_BYTES + 2 * header + max(state[LIMIT], SNAPLEN_BYTES)
            if left < wanted and not last:
                ask(state, wanted)
                return state[ROWS]
            found = find_record(buffer, position, state)
            if found < 0 and step > left:
                cut_off(state, position)
            else:
                pass_over(state, position, found)
            continue
        time = u32(buffer, position + state[SECONDS_AT], big) * 1000000000
        time += u32(buffer, position + state[FRACTION_AT], big) * state[UNIT_NS]
        if wire > state[LIMIT]:
            wire = cap
        put_record(records, state, position + header, cap, wire, time, state[LINKTYPE])
        state[POSITION] = position + step
    state[STATUS] = FULL
    return state[ROWS]
