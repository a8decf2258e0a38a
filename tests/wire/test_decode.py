from __future__ import annotations

import struct
from io import BytesIO

import pytest
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.ipsec import AH
from scapy.layers.l2 import GRE, LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN

from tests.wire import captures as c

LINE = b"250 ok\r\n"
TCP4 = c.ipv4(c.tcp(LINE))
TCP6 = c.ipv6(c.tcp(LINE))
FRAME = c.ethernet(TCP4)
HEAD4 = IP(src="10.0.0.1", dst="10.0.0.2")
HEAD6 = IPv6(src="fe80::1", dst="2001:db8::2")
PORTS = TCP(sport=40000, dport=25)
S4 = HEAD4 / TCP(sport=40000, dport=25, flags="PA") / LINE
S6 = HEAD6 / TCP(sport=40000, dport=25, flags="PA") / LINE
OUTER = IP(src="192.0.2.1", dst="192.0.2.2")
OUTER6 = IPv6(src="2001:db8::a", dst="2001:db8::b")
#: scapy would ask the network for these.
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
LAN = Ether(**MACS)
GTP = GTP_U_Header(teid=7, gtp_type=255)

LINKS = {
    "raw 12": (12, TCP4),
    "raw 14": (14, TCP6),
    "raw 101": (101, TCP6),
    "raw IPv4": (228, TCP4),
    "raw IPv6": (229, TCP6),
    "loopback, little endian": (0, b"\2\0\0\0" + TCP4),
    "loopback, big endian": (0, b"\0\0\0\2" + TCP4),
    "loopback, IPv6": (0, b"\x1e\0\0\0" + TCP6),
    "OpenBSD loopback": (108, b"\0\0\0\x18" + TCP6),
    "OpenBSD enc": (109, bytes(12) + TCP4),
    "PPP": (9, b"\xff\x03\x00\x21" + TCP4),
    "PPP without address": (9, b"\x00\x57" + TCP6),
    "PPP, compressed": (50, b"\x21" + TCP4),
    "PPP with direction": (204, b"\1\xff\3\0\x21" + TCP4),
    "PPPoE": (51, b"\x11\0\0\1\0\x99\0\x21" + TCP4),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + TCP4),
    "cooked v1": (113, bytes(14) + b"\x08\0" + TCP4),
    "cooked v2": (276, b"\x86\xdd" + bytes(18) + TCP6),
    "mPacket": (274, b"\x55" * 7 + b"\xd5" + FRAME),
}

STACKS = {
    "VLAN": LAN / Dot1Q(vlan=42) / S4,
    "QinQ": LAN / Dot1AD(vlan=100) / Dot1Q(vlan=42) / S6,
    "three tags": Ether(**MACS, type=0x9100) / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / S4,
    "SNAP": Dot3(**MACS) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800) / S4,
    "PPPoE session": Ether(**MACS, type=0x8864) / PPPoE(sessionid=5) / PPP(proto=0x57) / S6,
    "MPLS": LAN / MPLS(label=3, s=0) / MPLS(label=4, s=1) / S4,
    "MPLS pseudowire": Ether(**MACS, type=0x8847) / MPLS(label=4, s=1) / (bytes(4) + bytes(LAN / S4)),
    "IPv4 options": LAN / IP(src="10.0.0.1", dst="10.0.0.2", options=b"\x01" * 8) / PORTS / LINE,
    "TCP options": LAN / HEAD4 / TCP(sport=40000, dport=25, options=[("NOP", 0)] * 40) / LINE,
    "IPv6 extensions": LAN / HEAD6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting()
    / IPv6ExtHdrDestOpt() / PORTS / LINE,
    "atomic fragment": LAN / HEAD6 / IPv6ExtHdrFragment(nh=6) / PORTS / LINE,
    "AH": LAN / IP(src="10.0.0.1", dst="10.0.0.2", proto=51) / AH(nh=6, payloadlen=4, icv=bytes(12)) / PORTS / LINE,
}  # fmt: skip

TUNNELS = {
    "IP in IP": LAN / OUTER / S4,
    "6in4": LAN / OUTER / S6,
    "4in6": LAN / OUTER6 / S4,
    "GRE": LAN / OUTER / GRE() / S4,
    "GRE with all fields": LAN / OUTER / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=7) / S6,
    "GRE of Ethernet": LAN / OUTER6 / GRE(proto=0x6558) / LAN / Dot1Q(vlan=7) / S4,
    "ERSPAN I": LAN / OUTER / GRE(proto=0x88BE) / (bytes(LAN / S4)),
    "ERSPAN II": LAN / OUTER / GRE(proto=0x88BE, seqnum_present=1) / (bytes(8) + bytes(LAN / S4)),
    "ERSPAN III": LAN / OUTER / GRE(proto=0x22EB, seqnum_present=1) / (bytes(12) + bytes(LAN / S4)),
    "ERSPAN III, subheader": LAN / OUTER / GRE(proto=0x22EB, seqnum_present=1)
    / (bytes(11) + b"\1" + bytes(8) + bytes(LAN / S4)),
    "PPTP": LAN / OUTER / IP(proto=47) / (b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\x03\x00\x21" + bytes(S4)),
    "VXLAN": LAN / OUTER / UDP(dport=4789) / VXLAN(vni=9, flags=8) / LAN / S6,
    "VXLAN, Linux' first port": LAN / OUTER / UDP(dport=8472) / VXLAN(vni=9, flags=8) / LAN / S4,
    "VXLAN with a group": LAN / OUTER / UDP(dport=4789) / VXLAN(vni=9, flags=0x88, gpid=7) / LAN / S6,
    "VXLAN-GPE": LAN / OUTER / UDP(dport=4790) / VXLAN(vni=9, flags=0x0C, NextProtocol=3) / LAN / S4,
    "VXLAN-GPE of IPv4": LAN / OUTER / UDP(dport=4790) / VXLAN(vni=9, flags=0x0C, NextProtocol=1) / S4,
    "VXLAN-GPE of IPv6": LAN / OUTER / UDP(dport=4790) / VXLAN(vni=9, flags=0x0C, NextProtocol=2) / S6,
    "GENEVE": LAN / OUTER / UDP(dport=6081) / GENEVE(vni=9, proto=0x6558) / LAN / S4,
    "GENEVE with options": LAN / OUTER / UDP(dport=6081)
    / GENEVE(vni=9, proto=0x86DD, options=GeneveOptions(data=bytes(8))) / S6,
    "GTP-U": LAN / OUTER / UDP(dport=2152) / GTP / S4,
    "GTP-U with a number": LAN / OUTER / UDP(sport=2152, dport=9) / GTP_U_Header(S=1, seq=7, gtp_type=255) / S6,
    "GTP-U with an extension": LAN / OUTER6 / UDP(dport=2152)
    / GTP_U_Header(teid=7, gtp_type=255, E=1, next_ex=0x85) / GTPPDUSessionContainer(type=1, QFI=1) / S4,
    "tunnel in a tunnel": LAN / OUTER / GRE() / OUTER6 / UDP(dport=4789) / VXLAN(vni=9, flags=8) / LAN / S4,
}  # fmt: skip


def is_mail(found: list[c.Segment]) -> bool:
    ends = {("10.0.0.1", "10.0.0.2"), ("fe80::1", "2001:db8::2")}
    return [(s.payload, s.wire, s.ports) for s in found] == [(LINE, 8, (40000, 25))] and (
        found[0].source,
        found[0].target,
    ) in ends


@pytest.mark.parametrize("name", LINKS)
def test_links(name: str) -> None:
    """Every link type leads to the segment in it, and padding behind it is not payload."""
    link, data = LINKS[name]
    for padding in (b"", bytes(6)):
        capture, found = c.one(data + padding, link)
        assert is_mail(found), found
        assert capture.skipped == []


@pytest.mark.parametrize("name", STACKS)
def test_stacks(name: str) -> None:
    """Tags, labels, options and extension headers between link and TCP are gone over."""
    capture, found = c.one(bytes(STACKS[name]) + bytes(4))
    assert is_mail(found), found
    assert (capture.skipped, capture.counts["tunnelled"]) == ([], 0)


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels(name: str) -> None:
    """What a tunnel carries is read as if it had come alone."""
    capture, found = c.one(bytes(TUNNELS[name]))
    assert is_mail(found), found
    assert capture.skipped == []
    assert capture.counts["tunnelled"] >= 1


@pytest.mark.parametrize("name", [*LINKS, *STACKS, *TUNNELS])
def test_any_cut(name: str) -> None:
    """A packet cut anywhere gives a part of its payload, or is counted; never anything that it does not hold."""
    link, data = LINKS[name] if name in LINKS else (1, bytes((STACKS | TUNNELS)[name]))
    cut = [c.Packet(c.START, data[:size], len(data)) for size in range(1, len(data))]
    capture, found = c.read(c.pcap(cut, link=link))
    assert all(LINE.startswith(s.payload) and s.wire == 8 and s.ports == (40000, 25) for s in found)
    assert len(found) == len(data) - 1 - sum(skip.count for skip in capture.skipped) - sum(
        capture.counts[kind] for kind in ("udp", "other_ip", "not_ip")
    )
    assert found[-1].payload == LINE[:-1]


OTHERS = {
    "ARP": (c.ethernet(bytes(28), 0x0806), "not_ip"),
    "spanning tree": (c.ethernet(b"\x42\x42\x03" + bytes(35), 38), "not_ip"),
    "SNAP of something else": (c.ethernet(b"\xaa\xaa\x03\0\0\x0c\x20\0" + bytes(35), 43), "not_ip"),
    "ICMP": (c.ethernet(c.ipv4(bytes(8), protocol=1)), "other_ip"),
    "ICMP fragment": (c.ethernet(c.ipv4(bytes(8), protocol=1, place=0x2000)), "other_ip"),
    "DNS": (c.ethernet(c.ipv4(struct.pack(">HHHH", 53, 53, 20, 0) + bytes(12), protocol=17)), "udp"),
    "short UDP": (c.ethernet(c.ipv4(bytes(8), protocol=17)), "udp"),
    "UDP on VXLAN's port": (c.ethernet(c.ipv4(struct.pack(">HHHH", 9, 4789, 20, 0) + bytes(12), protocol=17)), "udp"),
    "VXLAN-GPE of something else": (
        c.ethernet(c.ipv4(struct.pack(">HHHHI", 9, 4790, 20, 0, 0x0C000004) + bytes(8), protocol=17)),
        "udp",
    ),
    "GENEVE control": (
        c.ethernet(c.ipv4(struct.pack(">HHHHI", 9, 6081, 20, 0, 0x00800800) + bytes(8), protocol=17)),
        "udp",
    ),
    "GTP-U echo": (c.ethernet(c.ipv4(struct.pack(">HHHHBB", 9, 2152, 20, 0, 0x32, 1) + bytes(10), protocol=17)), "udp"),
    "GRE keepalive": (c.ethernet(c.ipv4(bytes(4), protocol=47)), "other_ip"),
    "PPP control": (c.ethernet(b"\x11\0\0\1\0\x06\xc0\x21" + bytes(4), 0x8864), "not_ip"),
    "no IP in MPLS": (c.ethernet(b"\0\0\1\0\x50" + bytes(40), 0x8847), "not_ip"),
    "ESP": (c.ethernet(c.ipv4(bytes(40), protocol=50)), "other_ip"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_traffic(name: str) -> None:
    """Traffic that is no TCP is counted by kind and not called lost."""
    data, kind = OTHERS[name]
    capture, found = c.one(data)
    assert found == capture.skipped == []
    assert {name: count for name, count in capture.counts.items() if count and name != "tunnelled"} == {
        "packets": 1,
        kind: 1,
    }


BAD = {
    "IP version": c.ethernet(b"\x35" + TCP4[1:]),
    "IP header length": c.ethernet(b"\x44" + TCP4[1:]),
    "IP total length": c.ethernet(c.ipv4(c.tcp(LINE), total=19)),
    "IPv6 version": c.ethernet(b"\x50" + TCP6[1:], 0x86DD),
    "TCP header length": c.ethernet(c.ipv4(c.tcp(LINE)[:12] + b"\x40" + c.tcp(LINE)[13:])),
    "TCP header behind the end": c.ethernet(c.ipv4(c.tcp(b"")[:12] + b"\xf0" + c.tcp(b"")[13:])),
    "no room for TCP": c.ethernet(c.ipv4(c.tcp(b""), total=30)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_headers(name: str) -> None:
    """A header with lengths that cannot be is skipped and told with its frame."""
    capture, found = c.read(c.pcap([c.traffic()[0], c.Packet(c.START, BAD[name], len(BAD[name]))]))
    assert len(found) == 1
    assert [(skip.count, skip.first) for skip in capture.skipped] == [(1, "frame 2")]


def test_lengths() -> None:
    """The IP total length rules; where it is 0 (left to the network card) the record does."""
    head = c.tcp(b"")
    for frame in (
        c.ethernet(c.ipv4(head + LINE, total=0)),
        c.ethernet(c.ipv6(head + LINE, length=0), 0x86DD),
    ):
        assert [(s.payload, s.wire) for s in c.one(frame)[1]] == [(LINE, 8)]
        assert [(s.payload, s.wire) for s in c.one(frame, wire=len(frame) + 100)[1]] == [(LINE, 108)]
    more = c.ethernet(c.ipv4(head + LINE, total=2000))
    assert [(s.payload, s.wire) for s in c.one(more)[1]] == [(LINE, 1960)]
    assert [(s.payload, s.wire) for s in c.one(c.ethernet(c.ipv4(head)) + bytes(6))[1]] == [(b"", 0)]


def test_many_kinds_at_once() -> None:
    """Counting survives windows: the first frame of a kind is that of the whole source."""
    data = [*(frame for frame, _ in OTHERS.values()), *BAD.values(), FRAME]
    file = c.pcap([c.Packet(c.START, frame, len(frame)) for frame in data])
    whole, found = c.read(file)
    parts, again = c.read([BytesIO(file)], window_packets=1)
    assert (whole.skipped, whole.counts, found) == (parts.skipped, parts.counts, again)
