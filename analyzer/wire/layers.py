"""Where in a packet the IP header is, and what it carries: link layers, IP, tunnels.

The link types and protocols that `network` and `tunnel` know are those that mail is seen in; anything else goes to
`analyzer.wire.exotic`. Tunnels (GRE, IP in IP, VXLAN, GENEVE, GTP-U) are opened here and not by scapy, since a
mirrored or mobile network puts every packet into one (20 ns a packet here, 300 µs there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.kernel import helper
from analyzer.wire.octets import be16, be32

if TYPE_CHECKING:
    from analyzer.wire.octets import Octets

# EtherTypes: how every layer between link and IP is named here, also those that are met elsewhere.
IPV4 = 0x0800
IPV6 = 0x86DD
ETHERNET = 0x6558  #: transparent Ethernet bridging: an Ethernet frame
PPP = 0x880B
PPPOE = 0x8864
RAW = 1  #: no EtherType: IP of the version that its first four bits tell

#: Link type: EtherType, or 0 and where it is read; bytes of the header. https://www.tcpdump.org/linktypes.html
LINKS = {
    0: (RAW, 0, 4),  # BSD loopback: address family in the order of the host; the version of IP tells as much
    1: (ETHERNET, 0, 0),
    9: (PPP, 0, 0),
    12: (RAW, 0, 0),
    14: (RAW, 0, 0),
    50: (PPP, 0, 0),  # PPP in HDLC-like framing
    51: (PPPOE, 0, 0),
    101: (RAW, 0, 0),
    104: (0, 2, 4),  # Cisco HDLC
    108: (RAW, 0, 4),  # OpenBSD loopback
    109: (RAW, 0, 12),  # OpenBSD enc: packets inside IPsec
    113: (0, 14, 16),  # Linux cooked v1
    204: (PPP, 0, 1),  # PPP with a direction
    228: (RAW, 0, 0),
    229: (RAW, 0, 0),
    274: (ETHERNET, 0, 8),  # with preamble
    276: (0, 0, 20),  # Linux cooked v2
}

# What a packet is.
TCP = 0
UDP = 1
OTHER_IP = 2  #: neither TCP nor UDP nor a tunnel
NOT_IP = 3
TUNNELLED = 4
EXOTIC = 5  #: given to `analyzer.wire.exotic`
CUT = 6  #: the capture cut the packet inside its headers
BAD_IP = 7
BAD_TCP = 8
KINDS = 9


def link_table() -> np.ndarray[Any, Any]:
    """Give `LINKS` as the array that `analyzer.wire.decode` takes, indexed by link type; -1 where it knows none."""
    table = np.full((max(LINKS) + 1, 3), -1, np.int64)
    for link, row in LINKS.items():
        table[link] = row
    return table


@helper
def network(buffer: Octets, ethertype: int, at: int, end: int) -> tuple[int, int]:
    """Go in to the IP header: its EtherType and offset. Else -NOT_IP, or -CUT, and where."""
    while ethertype not in (IPV4, IPV6):
        left = end - at
        if ethertype == ETHERNET:
            if left < 14:
                return -CUT, at
            ethertype = be16(buffer, at + 12)
            at += 14
        elif ethertype in (0x8100, 0x88A8, 0x9100, 0x9200):  # VLAN tags: IEEE 802.1Q, 802.1ad, and older ones
            if left < 4:
                return -CUT, at
            ethertype = be16(buffer, at + 2)
            at += 4
        elif ethertype == RAW:
            if left < 1:
                return -CUT, at
            version = buffer[at] // 16
            if version not in (4, 6):
                return -NOT_IP, at
            ethertype = IPV4 if version == 4 else IPV6
        elif ethertype == PPPOE:  # RFC 2516 section 4
            if left < 6:
                return -CUT, at
            at += 6
            ethertype = PPP
        elif ethertype == PPP:  # RFC 1661 section 2; RFC 1662 section 3.1
            if left < 4:
                return -CUT, at
            if be16(buffer, at) == 0xFF03:
                at += 2
            protocol = buffer[at] * 1
            at += 1
            if protocol % 2 == 0:
                protocol = protocol * 256 + buffer[at]
                at += 1
            if protocol not in (0x21, 0x57, 0x281):
                return -NOT_IP, at
            ethertype = IPV4 if protocol == 0x21 else IPV6 if protocol == 0x57 else 0x8847
        elif ethertype in (0x8847, 0x8848):  # MPLS: RFC 3032 section 2.1
            if left < 5:
                return -CUT, at
            bottom = buffer[at + 2] % 2
            at += 4
            if bottom:
                ethertype = RAW
                if buffer[at] // 16 == 0:  # the control word before an Ethernet frame: RFC 4448 section 4.6
                    ethertype = ETHERNET
                    at += 4
        elif ethertype <= 1500:  # a length: IEEE 802.2 follows, and perhaps SNAP
            if left < 8:
                return -CUT, at
            if be32(buffer, at) != 0xAAAA0300 or be16(buffer, at + 4) != 0:
                return -NOT_IP, at
            ethertype = be16(buffer, at + 6)
            at += 8
            if ethertype <= 1500:
                return -NOT_IP, at
        else:
            return -NOT_IP, at
    return ethertype, at


@helper
def transport(buffer: Octets, ethertype: int, at: int, end: int, wire: int) -> tuple[int, int, int, int]:
    """Go over an IP header: protocol, offset behind it, ends of the datagram as captured and on the wire.

    A negative protocol is -CUT, -BAD_IP, -EXOTIC for a fragment of what may hold TCP, -OTHER_IP for one of what cannot.
    """
    if ethertype == IPV4:
        if end - at < 20:
            return -CUT, at, end, wire
        header = buffer[at] % 16 * 4
        total = be16(buffer, at + 2)
        # No total length: the network card was to cut this packet up, and the record tells its length.
        if buffer[at] // 16 != 4 or header < 20 or 0 < total < header:
            return -BAD_IP, at, end, wire
        if total > 0:
            wire = at + total
            end = min(end, wire)
        protocol = buffer[at + 9] * 1
        if be16(buffer, at + 6) & 0x3FFF:
            return -EXOTIC if protocol in (4, 6, 17, 41, 47, 51) else -OTHER_IP, at, end, wire
        at += header
        if protocol != 51:
            return protocol, at, end, wire
    else:
        if end - at < 40:
            return -CUT, at, end, wire
        if buffer[at] // 16 != 6:
            return -BAD_IP, at, end, wire
        total = be16(buffer, at + 4)
        if total > 0:  # else the same, or a jumbogram (RFC 2675)
            wire = at + 40 + total
            end = min(end, wire)
        protocol = buffer[at + 6] * 1
        at += 40
    while protocol in (0, 43, 44, 51, 60, 135, 139, 140):  # RFC 8200 section 4; mobility, HIP, Shim6
        if end - at < 8:
            return -CUT, at, end, wire
        step = buffer[at + 1] * 8 + 8
        if protocol == 44:
            if be16(buffer, at + 2) & 0xFFF9:
                return -EXOTIC if buffer[at] in (4, 6, 17, 41, 47, 51, 60) else -OTHER_IP, at, end, wire
            step = 8
        elif protocol == 51:  # authentication header: RFC 4302 section 2.2
            step = buffer[at + 1] * 4 + 8
        protocol = buffer[at] * 1
        at += step
    return protocol, at, end, wire


@helper
def tunnel(buffer: Octets, protocol: int, at: int, end: int) -> tuple[int, int]:
    """Go in to what a tunnel carries: its EtherType and offset; 0 where this is no tunnel, -CUT where it is cut."""
    if protocol == 4:
        return IPV4, at
    if protocol == 41:
        return IPV6, at
    if protocol == 47:  # GRE: RFC 2784, 2890; version 1, PPTP: RFC 2637 section 4.1
        if end - at < 4:
            return -CUT, at
        flags = be16(buffer, at)
        ethertype = be16(buffer, at + 2)
        at += 4
        for flag in (0x8000, 0x2000, 0x1000):
            if flags & flag:
                at += 4
        if flags % 8 == 1 and flags & 0x0080:
            at += 4
        if ethertype == 0x88BE:  # ERSPAN type I has no header of its own, type II has one and GRE's sequence number
            return ETHERNET, at + 8 if flags & 0x1000 else at
        if ethertype == 0x22EB:  # ERSPAN type III, perhaps with a subheader
            if end - at < 12:
                return -CUT, at
            return ETHERNET, at + 20 if buffer[at + 11] % 2 else at + 12
        return ethertype, at
    if protocol != 17 or end - at < 16:
        return 0, at
    port = be16(buffer, at + 2)
    if port in (4789, 8472, 4790):  # VXLAN: RFC 7348 section 5; other bits than I are ignored (Group Policy has some)
        if buffer[at + 8] & 8 == 0:
            return 0, at
        if port != 4790 or buffer[at + 8] & 4 == 0:
            return ETHERNET, at + 16
        following = buffer[at + 11] * 1  # VXLAN-GPE: draft-ietf-nvo3-vxlan-gpe section 3.2
        return IPV4 if following == 1 else IPV6 if following == 2 else ETHERNET if following == 3 else 0, at + 16
    if port == 6081:  # GENEVE: RFC 8926 section 3.4; version 0, and no control packet
        if buffer[at + 8] // 64 != 0 or buffer[at + 9] & 128:
            return 0, at
        return be16(buffer, at + 10), at + 16 + buffer[at + 8] % 64 * 4
    if 2152 in (port, be16(buffer, at)):  # GTP-U: 3GPP TS 29.281 section 5.1; only G-PDU carries IP
        if buffer[at + 8] // 16 != 3 or buffer[at + 9] != 255:
            return 0, at
        flags = buffer[at + 8] % 8
        at += 16
        if flags:
            at += 4
            extension = flags & 4
            while extension:
                if at > end or buffer[at - 1] == 0:
                    break
                if at >= end or buffer[at] == 0:
                    return -CUT, at
                at += buffer[at] * 4
        return RAW, at
    return 0, at
