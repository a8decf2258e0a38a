"""Kinds of captures: what the first bytes tell, and how their records lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.errors import EmptyInputError, InputError
from analyzer.wire import records as r

if TYPE_CHECKING:
    from analyzer.wire.sources import Stream

#: pcap magics, as the bytes of a file: name, most significant byte first, nanoseconds of a fraction, record header.
PCAP = {
    magic.to_bytes(4, order): (order == "big", unit, header)
    for magic, unit, header in (
        (0xA1B2C3D4, 1000, 16),
        (0xA1B23C4D, 1, 16),
        (0xA1B2CD34, 1000, 24),  # "modified": Kuznetzov's libpcap adds interface, protocol and packet type
    )
    for order in ("little", "big")
}
PCAPNG = b"\x0a\x0d\x0d\x0a"
SNOOP = b"snoop\x00\x00\x00"

#: Data links of snoop (RFC 1761, and Solaris' dlpi.h) as link types; anything else is -1000 minus its number.
SNOOP_LINKS = {0: 1, 4: 1, 9: 9}

#: Bytes that are enough for `kind` to tell.
MAGIC_BYTES = 8


class Container(NamedTuple):
    """How the records of a file lie: bytes of its own header, and what the state of its walk begins with."""

    blocks: bool
    header: int
    cells: dict[int, int]


def is_capture(head: bytes) -> bool:
    """Tell a capture by its first bytes."""
    return head[:4] in PCAP or head[:4] == PCAPNG or head.startswith(SNOOP)


def opened(stream: Stream, name: str) -> Container:
    """Look at the header of a file (the stream stays before it); raises InputError where there is none."""
    head = stream.peek(MAGIC_BYTES)
    if not head:
        fault = f"is damaged ({stream.damage})" if stream.damage else "is empty"
        message = f"{name} {fault}; capture or copy it again"
        raise InputError(message) if stream.damage else EmptyInputError(message)
    if head[:4] in PCAP:
        return _pcap(stream, name)
    if head[:4] == PCAPNG:
        if len(stream.peek(28)) < 28 or stream.peek(12)[8:] not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise damaged(name, "pcapng")
        return Container(blocks=True, header=0, cells={})
    if head.startswith(SNOOP):
        return _snoop(stream, name)
    message = f"{name} is no packet capture (known are pcap, pcapng and snoop, plain or compressed)"
    raise InputError(message)


def damaged(name: str, kind: str) -> InputError:
    """Make the error for a file that ends inside its header, or has a header that cannot be."""
    return InputError(
        f"{name} begins like a {kind} capture, but its header is damaged or cut off; capture or copy it again"
    )


def _pcap(stream: Stream, name: str) -> Container:
    head = stream.peek(24)
    big, unit, header = PCAP[head[:4]]
    order: Literal["big", "little"] = "big" if big else "little"
    if len(head) < 24:
        raise damaged(name, "pcap")
    snaplen = int.from_bytes(head[16:20], order)
    believed = 0 < snaplen <= limits.RECORD_BYTES
    cells = {
        r.BIG: int(big), r.HEADER: header, r.SECONDS_AT: 0, r.FRACTION_AT: 4, r.CAP_AT: 8, r.WIRE_AT: 12, r.STEP_AT: -1,
        r.UNIT_NS: unit,
        # The upper half tells of checksums behind the frame, which lie outside of the IP packet anyway.
        r.LINKTYPE: int.from_bytes(head[20:24], order) & 0xFFFF,
        r.LIMIT: max(snaplen, limits.SNAPLEN_BYTES) if believed else limits.SNAPLEN_BYTES,
        r.SNAPLEN: snaplen if believed else limits.RECORD_BYTES,
    }  # fmt: skip
    return Container(blocks=False, header=24, cells=cells)


def _snoop(stream: Stream, name: str) -> Container:
    head = stream.peek(16)
    if len(head) < 16 or int.from_bytes(head[8:12], "big") != 2:
        raise damaged(name, "snoop")
    link = int.from_bytes(head[12:16], "big") & 0xFFFF
    cells = {
        r.BIG: 1, r.HEADER: 24, r.WIRE_AT: 0, r.CAP_AT: 4, r.STEP_AT: 8, r.SECONDS_AT: 16, r.FRACTION_AT: 20,
        r.UNIT_NS: 1000, r.LINKTYPE: SNOOP_LINKS.get(link, -1000 - link), r.LIMIT: limits.SNAPLEN_BYTES,
        r.SNAPLEN: limits.RECORD_BYTES,
    }  # fmt: skip
    return Container(blocks=False, header=16, cells=cells)


def new_state() -> np.ndarray[Any, Any]:
    """Make the state of a walk that has not begun."""
    return np.zeros(r.STATE_WIDTH, np.int64)
