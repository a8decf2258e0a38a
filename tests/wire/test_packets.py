from __future__ import annotations

from io import BytesIO

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import CookedLinux, Ether
from scapy.packet import Raw
from scapy.plist import PacketList
from scapy.utils import rdpcap

from analyzer.wire.packets import capture_of, packets
from tests.wire import captures as c

PACKETS = c.traffic(30)
ENDS4 = (("10.0.0.1", 40000), ("10.0.0.2", 25))
ENDS6 = (("fe80::1", 40000), ("2001:db8::2", 25))


def test_packets_of_two_ends() -> None:
    """The packets between two ends are given as they were captured, whichever end is named first."""
    for ends in (ENDS4, ENDS4[::-1]):
        found = packets([BytesIO(c.pcap(PACKETS, magic=0xA1B23C4D))], *ends)
        expected = [p for number, p in enumerate(PACKETS) if number % 2 == 0]
        assert [bytes(packet) for packet in found] == [p.data for p in expected]
        assert [int(packet.time * 10**9) for packet in found] == [p.time for p in expected]
        assert isinstance(found, PacketList)
        assert all(Ether in packet and packet[TCP].dport == 25 for packet in found)


def test_range() -> None:
    """Packets outside of the range are left out: ports may be used again."""
    found = packets([BytesIO(c.pcapng(PACKETS))], *ENDS6, 9, 20, frames=True)
    assert [int(packet.time * 10**6) for packet in found] == [PACKETS[n].time // 1000 for n in range(9, 20, 2)]
    assert len(packets([BytesIO(c.pcap(PACKETS))], *ENDS4, 31, frames=True)) == 0
    assert len(packets([BytesIO(c.pcap(PACKETS))], ("10.0.0.1", 1), ("10.0.0.2", 25))) == 0


def test_wire_length() -> None:
    """A packet that the capture cut still knows its length."""
    cut = [c.Packet(p.time, p.data[:60], p.wire) for p in PACKETS]
    found = packets([BytesIO(c.pcap(cut))], *ENDS4, PACKETS[2].time // 1000 * 1000, PACKETS[2].time)
    assert [(len(packet), packet.wirelen) for packet in found] == [(60, PACKETS[2].wire)]


def test_there_and_back() -> None:
    """A PacketList read as a capture gives the segments of the file that it came from."""
    for data in (c.pcap(PACKETS), c.pcap([c.Packet(p.time, p.data[:66], p.wire) for p in PACKETS])):
        expected = c.read(data)[1]
        capture = capture_of(rdpcap(BytesIO(data)), name="list")
        window = capture.read()
        assert window is not None
        assert capture.name == "list"
        assert len(window.segments) == len(expected)
        again = c.read([BytesIO(data)])[1]
        assert again == expected


def test_mixed_lists() -> None:
    """Packets of different layers, and with odd times, may be in one list."""
    body = IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40000, dport=25) / b"250 ok\r\n"
    listed = [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / body, CookedLinux() / body, body, Raw(b"odd")]
    listed[0].time = 1.5
    listed[1].time = -3
    listed[2].time = 1e30
    capture = capture_of(listed)
    window = capture.read()
    assert window is not None
    assert window.segments[:, 0].tolist() == [1_500_000_000, 0, 1 << 62]
    assert [skip.count for skip in capture.skipped] == [1]
