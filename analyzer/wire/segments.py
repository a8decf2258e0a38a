"""The columns of a segment row: what the rooms behind `wire` know of a packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper

if TYPE_CHECKING:
    from analyzer.wire.octets import Grid

TIME = 0  #: nanoseconds since 1970, UTC
FRAME = 1  #: ordinal of the record over the whole source, from 1
FILE = 2  #: index into the files of the source
CLOCK = 3  #: highest TIME of any record of the source so far
SRC_HI = 4  #: sender's address: first half of its 16-byte IPv6 form, as a signed integer
SRC_LO = 5  #: second half; IPv4 is ::ffff:a.b.c.d
DST_HI = 6  #: receiver's address
DST_LO = 7
SPORT = 8
DPORT = 9
SEQ = 10
ACK = 11
FLAGS = 12  #: the flag byte of the TCP header
OFF = 13  #: where the payload begins in the buffer of the window
LEN = 14  #: bytes of payload that were captured
WIRE = 15  #: bytes of payload that were on the wire, never less than LEN
WIDTH = 16

#: An odd number without a pattern, of 31 bits, so that its product with 32 bits stays in the range of int64.
FACTOR = 0x5BD1E995


@helper
def put_packet(rows: Grid, row: int, time: int, frame: int, file: int, clock: int) -> None:
    """Write the columns that come from the record."""
    rows[row, TIME] = time
    rows[row, FRAME] = frame
    rows[row, FILE] = file
    rows[row, CLOCK] = clock


@helper
def put_headers(
    rows: Grid, row: int, addresses: tuple[int, int, int, int], tcp: tuple[int, int, int, int, int],
    payload: tuple[int, int, int],
) -> None:  # fmt: skip
    """Write the columns that come from the headers, in their order."""
    rows[row, SRC_HI], rows[row, SRC_LO], rows[row, DST_HI], rows[row, DST_LO] = addresses
    rows[row, SPORT], rows[row, DPORT], rows[row, SEQ], rows[row, ACK], rows[row, FLAGS] = tcp
    rows[row, OFF], rows[row, LEN], rows[row, WIRE] = payload


@helper
def share_of(rows: Grid, row: int, shares: int) -> int:
    """Give which of so many shares of the connections a segment belongs to; it is the same for both directions."""
    ends = rows[row, SRC_HI] ^ rows[row, DST_HI] ^ rows[row, SRC_LO] ^ rows[row, DST_LO]
    mixed = ((ends ^ ends >> 32) & 0xFFFFFFFF) * FACTOR ^ (rows[row, SPORT] ^ rows[row, DPORT])
    mixed = ((mixed ^ mixed >> 32) & 0xFFFFFFFF) * FACTOR
    return (mixed >> 24 & 0xFFFF) * shares >> 16
