"""The bridge to scapy: the packets of a session as a PacketList, and a PacketList as a capture."""

from __future__ import annotations

import importlib
import io
import ipaddress
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.wire import records as r
from analyzer.wire import segments
from analyzer.wire.capture import Capture
from analyzer.wire.exotic import SCAPY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scapy.packet import Packet
    from scapy.plist import PacketList

    from analyzer.wire.sources import Place

    End = tuple[str, int]
    Half = tuple[int, int, int]

#: Where scapy keeps the layers of the link types that `analyzer.wire.layers` knows.
LAYERS = ("scapy.layers.l2", "scapy.layers.inet", "scapy.layers.inet6", "scapy.layers.ppp")

#: Link type for what scapy has no number for: reserved for private use, and so told as unknown when it is read.
PRIVATE = 147

#: scapy has several numbers for some layers; these are the ones that capture files use.
NUMBERS = {"Ether": 1, "CookedLinux": 113, "CookedLinuxV2": 276, "IP": 228, "IPv6": 229, "Loopback": 0, "PPP": 9}


def packets(
    sources: Iterable[Capture | Place], here: End, there: End, first: int | None = None, last: int | None = None, *,
    frames: bool = False,
) -> PacketList:  # fmt: skip
    """Give the packets between two ends (address and port, in either order) with times from `first` to `last`.

    Times are nanoseconds since 1970; with `frames`, `first` and `last` are frame numbers, counted over each source.
    Of a fragmented datagram this is the fragment that completed it.
    """
    from scapy.plist import PacketList

    found: list[Packet] = []
    for source in sources:
        capture = source if isinstance(source, Capture) else Capture([source])
        capture.keep_records = True
        found += _packets(
            capture, (_half(here), _half(there)), segments.FRAME if frames else segments.TIME, first, last
        )
        capture.close()
    return PacketList(found)


def capture_of(packet_list: Iterable[Packet], name: str = "packets", **options: Any) -> Capture:
    """Make a capture of scapy packets; the options are those of `Capture`."""
    return Capture([io.BytesIO(pcapng(packet_list))], name=name, **options)


def pcapng(packet_list: Iterable[Packet]) -> bytes:
    """Write packets as a pcapng file with an interface for each link type and times in nanoseconds."""
    parts = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    interfaces: dict[int, int] = {}
    for packet in packet_list:
        link = _link_of(packet)
        if link not in interfaces:
            interfaces[link] = len(interfaces)
            parts.append(_block(1, struct.pack("<HHIHHB3xI", link, 0, 0, 9, 1, 9, 0)))
        data = bytes(packet)
        time = min(max(int(Decimal(packet.time) * 10**9), 0), r.TIME_LIMIT)
        wire = max(getattr(packet, "wirelen", None) or 0, len(data))
        head = struct.pack("<IIIII", interfaces[link], time >> 32, time & 0xFFFFFFFF, len(data), wire)
        parts.append(_block(6, head + data))
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _link_of(packet: Packet) -> int:
    from scapy.config import conf

    name = type(packet).__name__
    return int(NUMBERS[name] if name in NUMBERS else conf.l2types.layer2num.get(type(packet), PRIVATE))


def _packets(
    capture: Capture, ends: tuple[Half, Half], column: int, first: int | None, last: int | None
) -> Iterator[Packet]:  # fmt: skip
    here, there = ends
    while (window := capture.read()) is not None:
        rows = window.segments
        wanted = _between(rows, here, there) | _between(rows, there, here)
        if first is not None:
            wanted &= rows[:, column] >= first
        if last is not None:
            wanted &= rows[:, column] <= last
        places = np.searchsorted(capture.records[:, r.FRAME], rows[wanted, segments.FRAME])
        for record in capture.records[places].tolist():
            yield _packet(record, window.buffer[record[r.OFF] : record[r.OFF] + record[r.CAP]].tobytes())


def _half(end: End) -> Half:
    """Give an end as the values of its columns: halves of the address, port."""
    address = ipaddress.ip_address(end[0])
    number = int(address) if address.version == 6 else 0xFFFF << 32 | int(address)
    high, low = struct.unpack(">qq", number.to_bytes(16, "big"))
    return high, low, end[1]


def _between(rows: np.ndarray[Any, Any], source: Half, target: Half) -> Any:
    columns = (segments.SRC_HI, segments.SRC_LO, segments.SPORT, segments.DST_HI, segments.DST_LO, segments.DPORT)
    return (rows[:, columns] == (*source, *target)).all(axis=1)


def _packet(record: list[int], data: bytes) -> Packet:
    from scapy.config import conf
    from scapy.packet import Raw
    from scapy.utils import EDecimal

    link = record[r.LINK]
    for module in (*LAYERS, SCAPY.get(link, LAYERS[0])):
        importlib.import_module(module)
    packet = conf.l2types.num2layer.get(link, Raw)(data)
    packet.time = EDecimal(record[r.TIME]).scaleb(-9)
    packet.wirelen = record[r.WIRE]
    return packet
