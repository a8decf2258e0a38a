from __future__ import annotations

from scapy.layers.dot11 import Dot11, Dot11FCS, RadioTap
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import LLC, SNAP

from tests.wire import captures as c

LINE = b"250 ok\r\n"
MACS = {"addr1": "02:00:00:00:00:01", "addr2": "02:00:00:00:00:02", "addr3": "02:00:00:00:00:03"}
DATA = (
    LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
    / SNAP(code=0x0800)
    / IP(src="10.0.0.1", dst="10.0.0.2")
    / TCP(sport=40000, dport=25)
    / LINE
)


def test_wireless() -> None:
    """A data frame of a wireless network is read, with radiotap header and checksum or without."""
    plain = bytes(Dot11(type=2, **MACS) / DATA)
    tapped = bytes(RadioTap(present="Flags", Flags="FCS") / Dot11FCS(type=2, **MACS) / DATA)
    for link, data in ((105, plain), (127, tapped)):
        capture, found = c.one(data, link)
        assert [(s.payload, s.wire, s.source) for s in found] == [(LINE, 8, "10.0.0.1")]
        assert (capture.counts["rare_links"], capture.skipped) == (1, [])


def test_encrypted_wireless() -> None:
    """An encrypted frame is told as lost; one that carries no IP is not."""
    hidden = bytes(Dot11(type=2, FCfield="protected", **MACS) / bytes(60))
    beacon = bytes(Dot11(type=0, subtype=8, **MACS) / bytes(60))
    capture, found = c.read(c.pcap([c.Packet(c.START, data, len(data)) for data in (beacon, hidden, hidden)], link=105))
    assert found == []
    assert [(s.reason, s.count, s.first) for s in capture.skipped] == [("802.11 frame is encrypted", 2, "frame 2")]


def test_unknown_link() -> None:
    """A link type that nobody reads is told once, with its number."""
    for link in (147, 3, 600):
        capture, found = c.read(c.pcap(c.traffic(), link=link))
        assert found == []
        assert [(s.reason, s.count, s.first) for s in capture.skipped] == [
            (f"link type {link} is not known", 8, "frame 1")
        ]


def test_order() -> None:
    """Segments of exotic packets stand in the order of their frames."""
    plain = bytes(Dot11(type=2, **MACS) / DATA)
    packets = c.traffic()
    data = c.section() + c.interface(1) + c.interface(105)
    for packet in packets:
        data += c.enhanced(c.Packet(c.START, plain, len(plain)), 1) + c.enhanced(packet)
    found = c.read(data)[1]
    assert [s.frame for s in found] == sorted(s.frame for s in found)
    assert len(found) == 15
