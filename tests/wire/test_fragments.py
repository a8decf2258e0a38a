from __future__ import annotations

import random

import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import GRE, Ether
from scapy.layers.vxlan import VXLAN

from analyzer.wire import decoder
from analyzer.wire.fragments import Fragments, fragment4
from tests.wire import captures as c

LINES = b"".join(b"line %d\r\n" % number for number in range(60))
LAN = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
SEGMENT = TCP(sport=40000, dport=25, flags="PA") / LINES


def pieces4(ident: int = 7, size: int = 40, body: object = SEGMENT, source: str = "10.0.0.1") -> list[bytes]:
    packet = IP(src=source, dst="10.0.0.2", id=ident) / body
    return [bytes(LAN / piece) for piece in fragment(packet, size)]


def pieces6(ident: int = 7, size: int = 120) -> list[bytes]:
    packet = IPv6(src="fe80::1", dst="fe80::2") / IPv6ExtHdrFragment(id=ident) / SEGMENT
    return [bytes(LAN / piece) for piece in fragment6(packet, size)]


def records(frames: list[bytes], step: int = 10**6) -> list[c.Packet]:
    return [c.Packet(c.START + number * step, frame, len(frame)) for number, frame in enumerate(frames)]


@pytest.mark.parametrize("frames", [pieces4(), pieces6(), pieces4(size=8)], ids=["IPv4", "IPv6", "smallest"])
def test_any_order(frames: list[bytes]) -> None:
    """Fragments make a datagram in whatever order they come; its frame is that which completed it."""
    for order in (frames, frames[::-1], random.Random(1).sample(frames, len(frames))):
        capture, found = c.read(c.pcap(records(order)))
        assert c.payloads(found) == [LINES]
        assert (found[0].frame, found[0].time) == (len(frames), c.START + (len(frames) - 1) * 10**6)
        assert capture.counts["fragments"] == len(frames)
        assert capture.skipped == []


def test_across_windows() -> None:
    """Fragments in different windows, and between other packets, come together; segments stay in file order."""
    mixed = [frame for pair in zip(pieces4(7), pieces4(8, source="10.0.0.9"), strict=True) for frame in pair]
    mixed[5:5] = [p.data for p in c.traffic()]
    for options in ({}, {"window_packets": 1}, {"window_packets": 7}, {"window_bytes": 100}, {"capacity": 1}):
        found = c.read(c.pcap(records(mixed)), **options)[1]
        assert [s.frame for s in found] == sorted(s.frame for s in found)
        assert [s.source for s in found if s.payload == LINES] == ["10.0.0.1", "10.0.0.9"]


def test_captured_twice() -> None:
    """Fragments that were captured twice, each time or all together, make one datagram and no complaint."""
    frames = pieces4()
    for order in (frames + frames, [frame for frame in frames for _ in range(2)]):
        capture, found = c.read(c.pcap(records(order)))
        assert c.payloads(found) == [LINES]
        assert capture.skipped == []


def test_identification_again() -> None:
    """A second use of an identification, at once or later, is another datagram."""
    other = pieces4(body=TCP(sport=40000, dport=25) / LINES.upper())
    for step in (10**6, 10**9):
        found = c.read(c.pcap(records(pieces4() + other, step)))[1]
        assert c.payloads(found) == [LINES, LINES.upper()]


def test_missing() -> None:
    """A datagram without all its fragments is told once; so is one whose fragments are too far apart in time."""
    frames = pieces4()
    for lost in range(len(frames)):
        capture, found = c.read(c.pcap(records(frames[:lost] + frames[lost + 1 :])))
        assert found == []
        assert [(s.reason, s.count, s.first) for s in capture.skipped] == [
            ("IP datagram lacks fragments", 1, "frame 1")
        ]
    capture, found = c.read(c.pcap(records(frames, 60 * 10**9)))
    assert found == []
    assert capture.skipped[0].count == len(frames)


def test_memory_is_bounded() -> None:
    """Datagrams beyond the memory give way, the oldest first, and are counted."""
    waiting = Fragments(memory=2000)
    for number in range(50):
        waiting.add(c.ipv4(bytes(96), place=0x2000, ident=number), 116, c.START, number + 1)
    assert waiting.incomplete == 45
    waiting.finish()
    assert (waiting.incomplete, waiting.first) == (50, 1)


def test_overlaps() -> None:
    """What was met first wins an overlap."""
    first = c.ipv4(c.tcp(b"A" * 20), place=0x2000)
    overlap = c.ipv4(b"B" * 40, place=0x2000 | 2)
    last = c.ipv4(b"C" * 8, place=5)
    packets = [c.ethernet(data) for data in (first, overlap, last)]
    assert c.payloads(c.read(c.pcap(records(packets)))[1]) == [b"A" * 20 + b"C" * 8]


def test_last_fragment_lies() -> None:
    """Fragments behind the last one cannot stand for those that are missing."""
    parts = [(0x2000, 24), (0x2000 | 6, 24), (3 | 0, 8)]
    packets = [
        c.ethernet(c.ipv4(c.tcp(b"A" * 4) if not place & 15 else bytes(size), place=place)) for place, size in parts
    ]
    capture, found = c.read(c.pcap(records([*packets, c.ethernet(c.ipv4(bytes(24), place=9))])))
    assert found == []
    assert capture.skipped[0].count == 1


def test_cut_fragments() -> None:
    """Behind a fragment that the capture cut nothing is used, and the length on the wire is kept."""
    packets = [c.Packet(p.time, p.data[:90], p.wire) for p in records(pieces4(size=120))]
    found = c.read(c.pcap(packets))[1]
    assert [(s.payload, s.wire) for s in found] == [(LINES[:36], len(LINES))]


@pytest.mark.parametrize(
    "packet",
    [
        c.ipv4(bytes(7), place=0x2000),
        c.ipv4(b"", place=0x2000),
        c.ipv4(bytes(800), place=0x1FFF),
        c.ipv6(b"\6\0\0\1\0\0\0\1" + bytes(7), protocol=44),
        c.ipv6(b"\6\0\xff\xf9\0\0\0\1" + bytes(80), protocol=44),
        c.ipv6(b"\x2c\0\0\0\0\0\0\0", protocol=0),
        c.ipv6(b"\x2c\0" + bytes(10) + b"\6\0\0\1\0\0\0\1" + bytes(8), protocol=51),
        c.ipv4(bytes(4), options=bytes(24), place=0x2000)[:30],
    ],
)
def test_bad_fragments(packet: bytes) -> None:
    """A fragment that cannot be one is told."""
    capture, found = c.one(packet, 101)
    assert found == []
    assert sum(skip.count for skip in capture.skipped) + capture.counts["other_ip"] == 1


def test_fragments_and_tunnels() -> None:
    """A tunnel may be cut into fragments, and may carry fragments."""
    inner = [IP(bytes(piece)[14:]) for piece in pieces4()]
    outer = [bytes(LAN / IP(src="192.0.2.1", dst="192.0.2.2") / GRE() / piece) for piece in inner]
    assert c.payloads(c.read(c.pcap(records(outer)))[1]) == [LINES]
    whole = IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT
    for body in (GRE() / whole, UDP(dport=4789, sport=9) / VXLAN(vni=9, flags=8) / LAN / whole):
        frames = pieces4(body=body, size=200)
        for order in (frames, frames[::-1]):
            assert c.payloads(c.read(c.pcap(records(order)))[1]) == [LINES]
    both = [
        bytes(LAN / part)
        for piece in inner
        for part in fragment(IP(src="192.0.2.1", id=piece.frag) / GRE() / piece, 16)
    ]
    assert c.payloads(c.read(c.pcap(records(both)))[1]) == [LINES]


def test_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets within packets are opened a limited number of times, and the rest is told."""
    monkeypatch.setattr(decoder, "DEPTH", 1)
    inner = [IP(bytes(piece)[14:]) for piece in pieces4(size=320)]
    frames = [bytes(LAN / part) for piece in inner for part in fragment(IP(id=piece.frag) / GRE() / piece, 160)]
    capture, found = c.read(c.pcap(records(frames)))
    assert found == []
    assert [(s.reason, s.count) for s in capture.skipped] == [(decoder.TOO_DEEP, len(inner))]


def test_other_udp() -> None:
    """Fragments of UDP that is no tunnel are not called lost."""
    capture, _ = c.read(c.pcap(records(pieces4(body=UDP(dport=53, sport=9) / LINES)[:3])))
    assert capture.skipped == []


def test_fields() -> None:
    """A fragment knows its place."""
    found = fragment4(c.ipv4(bytes(8), place=0x2003, ident=9), 28)
    assert found is not None
    assert (found.begin, found.wire, found.more, found.protocol) == (24, 8, True, 6)
