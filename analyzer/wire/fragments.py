"""IP fragments to datagrams, over the whole source, in whatever order the fragments are met.

Linux' way: the datagram is known by addresses, protocol and identification (RFC 791 section 3.2, RFC 8200 section
4.5), what was met first wins an overlap, memory is bounded and the oldest datagram gives way. Order in the file says
nothing (files are shuffled and merged), so fragments belong together by their time stamps.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer import limits

#: What a fragment costs besides its bytes: Python's objects around it, about.
OVERHEAD = 300

#: Longest datagram: the length fields of both IP versions have 16 bits.
DATAGRAM = 65535

#: UDP ports whose datagrams `analyzer.wire.layers` looks into; fragments to others are let go.
TUNNEL_PORTS = {4789, 8472, 2152}
UDP = 17

#: IPv6 extension headers that may stand before the fragment header: RFC 8200 section 4.1.
BEFORE_FRAGMENT = (0, 43, 60)

Key = tuple[bytes, bytes]


class Fragment(NamedTuple):
    """One fragment, its headers read."""

    key: Key  #: addresses, protocol and identification
    header: bytes  #: IP header before it
    begin: int  #: offset in the datagram
    wire: int  #: bytes of the datagram that it carried
    more: bool  #: whether more follow
    protocol: int
    data: bytes  #: those that were captured


class Datagram(NamedTuple):
    """A whole IP packet again; `wire` is more than what is there where a fragment was cut."""

    data: bytes
    wire: int


@dataclass(slots=True)
class _Waiting:
    time: int
    frame: int
    header: bytes = b""
    protocol: int = -1
    total: int = -1
    have: int = 0
    cost: int = 0
    places: list[int] = field(default_factory=list)  #: where the parts begin, sorted
    parts: dict[int, Fragment] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)  #: hashes of the parts, once they are put together


class Fragments:
    """The fragments that wait for the rest of their datagram."""

    def __init__(self, memory: int = limits.FRAGMENT_BYTES) -> None:
        """Wait with at most `memory` bytes."""
        self.incomplete = 0  #: datagrams that were given up
        self.first: int | None = None  #: frame of the first fragment of the first of them
        self.bad = 0  #: fragments whose headers cannot be
        self.bad_first: int | None = None
        self._memory = memory
        self._used = 0
        self._waiting: dict[Key, _Waiting] = {}

    def add(self, packet: bytes, wire: int, time: int, frame: int) -> Datagram | None:
        """Take a fragment (from its IP header on); gives the datagram that it completes."""
        fragment = fragment4(packet, wire) if packet[0] >> 4 == 4 else fragment6(packet, wire)
        if fragment is None:
            self.bad += 1
            self.bad_first = self.bad_first or frame
            return None
        known = self._waiting.get(fragment.key)
        if known and (abs(time - known.time) > limits.FRAGMENT_NS or _is_new(fragment, known)):
            self._drop(fragment.key)
            known = None
        if known is None:
            known = self._waiting[fragment.key] = _Waiting(time, frame)
        if known.seen or not _fits(fragment, known):
            return None
        self._charge(known, len(fragment.data) + OVERHEAD)
        datagram = _joined(known) if known.have == known.total and known.header else None
        if datagram:
            known.seen = {begin: hash(part.data) for begin, part in known.parts.items()}
            known.parts = {}
            self._charge(known, OVERHEAD * len(known.seen) - known.cost)
        while self._used > self._memory:
            self._drop(next(iter(self._waiting)))
        return datagram

    def finish(self) -> None:
        """Give up what still waits."""
        for key in list(self._waiting):
            self._drop(key)

    def _charge(self, known: _Waiting, cost: int) -> None:
        known.cost += cost
        self._used += cost

    def _drop(self, key: Key) -> None:
        known = self._waiting.pop(key)
        self._used -= known.cost
        if not known.seen and not _is_other_udp(known):
            self.incomplete += 1
            self.first = known.frame if self.first is None else min(self.first, known.frame)


def _is_new(fragment: Fragment, known: _Waiting) -> bool:
    """Tell the second use of an identification from a packet that was captured twice."""
    return bool(known.seen) and known.seen.get(fragment.begin) != hash(fragment.data)


def _fits(fragment: Fragment, known: _Waiting) -> bool:
    """Put a fragment to the others, unless it overlaps one: duplicates do, and what overlaps else is an attack."""
    place = bisect.bisect_left(known.places, fragment.begin)
    if place < len(known.places) and known.places[place] < fragment.begin + fragment.wire:
        return False
    if place and known.places[place - 1] + known.parts[known.places[place - 1]].wire > fragment.begin:
        return False
    known.places.insert(place, fragment.begin)
    known.parts[fragment.begin] = fragment
    known.have += fragment.wire
    if fragment.begin == 0:
        known.header, known.protocol = fragment.header, fragment.protocol
    if not fragment.more:
        known.total = fragment.begin + fragment.wire
    return True


def _is_other_udp(known: _Waiting) -> bool:
    """Tell a UDP datagram that cannot be a tunnel."""
    first = known.parts.get(0)
    if first is None or first.protocol != UDP:
        return False
    ports = {int.from_bytes(first.data[:2], "big"), int.from_bytes(first.data[2:4], "big")}
    return not ports & TUNNEL_PORTS


def _joined(known: _Waiting) -> Datagram | None:
    data = bytearray()
    for begin in known.places:
        # Behind a fragment that the capture cut nothing can be used.
        if begin == len(data):
            data += known.parts[begin].data
    if known.places[-1] + known.parts[known.places[-1]].wire != known.total:
        return None
    return _datagram(known.header, known.protocol, bytes(data), known.total)


def _datagram(header: bytes, protocol: int, data: bytes, total: int) -> Datagram:
    if header[0] >> 4 == 4:
        length = (len(header) + total).to_bytes(2, "big")
        header = header[:2] + length + header[4:6] + b"\0\0" + header[8:]
    else:
        header = header[:4] + total.to_bytes(2, "big") + bytes([protocol]) + header[7:40]
    return Datagram(header + data, len(header) + total)


def fragment4(packet: bytes, wire: int) -> Fragment | None:
    """Read an IPv4 fragment; `decode` has seen to it that the fixed header is there."""
    size = (packet[0] & 15) * 4
    if len(packet) < size:
        return None
    place = int.from_bytes(packet[6:8], "big")
    more, begin = bool(place & 0x2000), (place & 0x1FFF) * 8
    key = (b"4" + packet[12:20], packet[9:10] + packet[4:6])
    if wire + begin > DATAGRAM:
        return None
    return _sound(Fragment(key, packet[:size], begin, wire - size, more, packet[9], packet[size:]))


def fragment6(packet: bytes, wire: int) -> Fragment | None:
    """Read an IPv6 fragment; headers between the fixed one and the fragment header are let go."""
    following, at = packet[6], 40
    while following in BEFORE_FRAGMENT and at + 8 <= len(packet):
        following, at = packet[at], at + packet[at + 1] * 8 + 8
    if following != 44 or at + 8 > len(packet):
        return None
    place = int.from_bytes(packet[at + 2 : at + 4], "big")
    if wire - at - 8 + (place & 0xFFF8) > DATAGRAM:
        return None
    key = (b"6" + packet[8:40], packet[at + 4 : at + 8])
    data = packet[at + 8 :]
    return _sound(Fragment(key, packet[:40], place & 0xFFF8, wire - at - 8, bool(place & 1), packet[at], data))


def _sound(fragment: Fragment) -> Fragment | None:
    """Let go what would wait for ever: all but the last are a multiple of eight octets, and none is empty."""
    uneven = fragment.more and fragment.wire % 8
    return None if fragment.wire <= 0 or len(fragment.data) > fragment.wire or uneven else fragment
