"""Records to segments: the headers of TCP. What is not TCP costs a few branches and is counted.

What only `analyzer.wire.exotic` knows goes to it by way of the rows in `exotic`. Checksums are never looked at: where
they are computed by the network card a capture shows wrong ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.wire.layers import (
    BAD_TCP,
    CUT,
    EXOTIC,
    IPV4,
    OTHER_IP,
    TCP,
    TUNNELLED,
    UDP,
    network,
    transport,
    tunnel,
)  # fmt: skip
from analyzer.wire.octets import be16, be32, be64
from analyzer.wire.records import CAP, CLOCK, FILE, FRAME, LINK, OFF, TIME, WIRE
from analyzer.wire.records import WIDTH as RECORD_WIDTH
from analyzer.wire.segments import put_headers, put_packet, share_of

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

#: Link types of rows for `analyzer.wire.exotic` that name no link: a fragment, beginning at its IP header.
FRAGMENT4 = -4
FRAGMENT6 = -6

# Cells of the state of `decode`.
NEXT = 0  #: record to go on with
COUNT = 1  #: number of records
ROW = 2  #: segments written
ASIDE = 3  #: exotic rows written
STATE_WIDTH = 4


@helper
def addresses(buffer: Octets, ip: int) -> tuple[int, int, int, int]:
    """Halves of the addresses in the IP header at `ip`, as `analyzer.wire.segments` has them."""
    if buffer[ip] // 16 == 4:
        return 0, be32(buffer, ip + 12) + 0xFFFF00000000, 0, be32(buffer, ip + 16) + 0xFFFF00000000
    return (
        be64(buffer, ip + 8), be64(buffer, ip + 16), be64(buffer, ip + 24), be64(buffer, ip + 32),
    )  # fmt: skip


@helper
def put_segment(buffer: Octets, segments: Grid, row: int, ip: int, tcp: int, end: int, wire: int) -> int:
    """Write what the headers tell; gives the row of `tally`."""
    if end - tcp < 14:
        return CUT if wire - tcp >= 20 else BAD_TCP
    payload = tcp + buffer[tcp + 12] // 16 * 4
    if payload < tcp + 20 or payload > wire:
        return BAD_TCP
    ports = be32(buffer, tcp)
    put_headers(
        segments, row, addresses(buffer, ip),
        (ports // 65536, ports % 65536, be32(buffer, tcp + 4), be32(buffer, tcp + 8), buffer[tcp + 13] * 1),
        (min(payload, end), max(end - payload, 0), wire - payload),
    )  # fmt: skip
    return TCP


@kernel(
    "int64(uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1],"
    " int64, int64)"
)
def decode(
    buffer: Octets, links: Grid, records: Grid, state: Cells, segments: Grid, exotic: Grid, tally: Grid, share: int,
    shares: int,
) -> int:  # fmt: skip
    """Turn records NEXT to COUNT into rows of `segments` and of `exotic`; gives how many records are left.

    Of the connections, those of one share of so many are kept; `tally` counts all packets by what they are, and has the
    first frame of each kind.
    """
    row = state[ROW]
    aside = state[ASIDE]
    number = state[NEXT]
    while number < state[COUNT] and row < segments.shape[0] and aside < exotic.shape[0]:
        frame = records[number, FRAME]
        link = records[number, LINK]
        start = records[number, OFF]
        end = start + records[number, CAP]
        wire = start + records[number, WIRE]
        at = start
        ip = start
        kind = EXOTIC
        if 0 <= link < links.shape[0] and links[link, 0] >= 0:
            ethertype = links[link, 0]
            kind = CUT
            if end - at >= links[link, 2]:
                if ethertype == 0:
                    ethertype = be16(buffer, at + links[link, 1])
                at += links[link, 2]
                while True:
                    ethertype, at = network(buffer, ethertype, at, end)
                    if ethertype < 0:
                        kind = -ethertype
                        break
                    ip = at
                    protocol, at, end, wire = transport(buffer, ethertype, at, end, wire)
                    if protocol < 0:
                        kind = -protocol
                        if kind == EXOTIC:
                            link = FRAGMENT4 if ethertype == IPV4 else FRAGMENT6
                            start = ip
                        break
                    if protocol == 6:
                        kind = put_segment(buffer, segments, row, ip, at, end, wire)
                        break
                    ethertype, at = tunnel(buffer, protocol, at, end)
                    if ethertype <= 0:
                        kind = -ethertype if ethertype < 0 else UDP if protocol == 17 else OTHER_IP
                        break
                    tally[TUNNELLED, 0] += 1
        if tally[kind, 0] == 0:
            tally[kind, 1] = frame
        tally[kind, 0] += 1
        if kind == TCP:
            put_packet(segments, row, records[number, TIME], frame, records[number, FILE], records[number, CLOCK])
            if shares == 1 or share_of(segments, row, shares) == share:
                row += 1
        elif kind == EXOTIC:
            for column in range(RECORD_WIDTH):
                exotic[aside, column] = records[number, column]
            exotic[aside, OFF] = start
            exotic[aside, CAP] = end - start
            exotic[aside, WIRE] = wire - start
            exotic[aside, LINK] = link
            aside += 1
        number += 1
    state[NEXT] = number
    state[ROW] = row
    state[ASIDE] = aside
    return state[COUNT] - number
