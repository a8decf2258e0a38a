from __future__ import annotations

import pytest

from analyzer.errors import InputError
from tests.wire import captures as c

PACKETS = c.traffic()
EXPECTED = c.read(c.pcap(PACKETS))[1]

CONTAINERS = {
    "big endian": c.pcap(PACKETS, order=">"),
    "nanoseconds": c.pcap(PACKETS, magic=0xA1B23C4D),
    "nanoseconds, big endian": c.pcap(PACKETS, magic=0xA1B23C4D, order=">"),
    "Kuznetzov": c.pcap(PACKETS, magic=0xA1B2CD34),
    "Kuznetzov, big endian": c.pcap(PACKETS, magic=0xA1B2CD34, order=">"),
    "snaplen 0": c.pcap(PACKETS, snaplen=0),
    "absurd snaplen": c.pcap(PACKETS, snaplen=0xFFFFFFFF),
    "link type with FCS bits": c.pcap(PACKETS, link=0x24000001),
    "snoop": c.snoop(PACKETS),
    "pcapng": c.pcapng(PACKETS),
    "pcapng, big endian": c.pcapng(PACKETS, ">"),
    "two sections": c.pcapng(PACKETS[:5]) + c.pcapng(PACKETS[5:], ">"),
}


def test_fields() -> None:
    """A segment has the addresses, numbers, times and payload of its packet."""
    assert len(EXPECTED) == 7
    first, third, last = EXPECTED[0], EXPECTED[2], EXPECTED[-1]
    assert (first.source, first.target, first.ports) == ("10.0.0.1", "10.0.0.2", (40000, 25))
    assert third == c.Segment(
        3,
        PACKETS[2].time,
        PACKETS[2].time,
        0,
        "10.0.0.1",
        "10.0.0.2",
        (40000, 25),
        (200, 7, 0x18),
        b"line 2\r\n" * 2,
        16,
    )
    assert (last.frame, last.source, last.target, last.payload) == (8, "fe80::1", "2001:db8::2", b"line 7\r\n")


@pytest.mark.parametrize("name", CONTAINERS)
def test_same_segments(name: str) -> None:
    """Every container of the same packets gives the same segments."""
    capture, found = c.read(CONTAINERS[name])
    assert found == EXPECTED
    assert capture.counts["packets"] == 8
    assert (capture.counts["tcp"], capture.counts["udp"]) == (7, 1)
    assert capture.skipped == capture.warnings == []


def test_cut_packets() -> None:
    """A packet that the snapshot length cut keeps its length on the wire."""
    cut = [c.Packet(p.time, p.data[:80], p.wire) for p in PACKETS]
    for data in (c.pcap(cut, snaplen=80), c.pcap(cut), c.snoop(cut), c.pcapng(cut)):
        found = c.read(data)[1]
        assert [(s.frame, s.wire) for s in found] == [(s.frame, s.wire) for s in EXPECTED]
        assert found[2].payload == (b"line 2\r\n" * 2)
        assert found[-1].payload == b"line 7"


def test_header_only() -> None:
    """A capture without packets has no windows and is no error."""
    for data in (c.pcap([]), c.snoop([]), c.section(), c.section() + c.interface()):
        capture, found = c.read(data)
        assert found == capture.skipped == []


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "is empty"),
        (c.pcap([])[:23], "header is damaged"),
        (c.pcap([])[:4], "header is damaged"),
        (c.snoop([])[:15], "header is damaged"),
        (b"snoop\0\0\0\0\0\0\1\0\0\0\4", "header is damaged"),
        (c.section()[:20], "header is damaged"),
        (c.section().replace(b"\x4d\x3c\x2b\x1a", b"4321"), "header is damaged"),
        (b"\x7fELF" + bytes(100), "no packet capture"),
    ],
)
def test_no_header(data: bytes, word: str) -> None:
    """What has no sound header is an InputError that says so."""
    with pytest.raises(InputError, match=word):
        c.read(data)


def test_unknown_snoop_link() -> None:
    """A snoop capture of another medium is told as such."""
    skipped = c.read(c.snoop(PACKETS, link=2))[0].skipped
    assert [(skip.count, skip.first) for skip in skipped] == [(8, "frame 1")]
