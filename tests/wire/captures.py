"""Captures built by hand, and what is read from them as plain tuples."""

from __future__ import annotations

import ipaddress
import struct
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from analyzer.wire import segments as s
from analyzer.wire.capture import Capture

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
START = 1_700_000_000 * 10**9


class Packet(NamedTuple):
    """A record: nanoseconds, what was captured, and how long the packet was."""

    time: int
    data: bytes
    wire: int


class Segment(NamedTuple):
    """A segment with its payload in hand."""

    frame: int
    time: int
    clock: int
    file: int
    source: str
    target: str
    ports: tuple[int, int]
    numbers: tuple[int, int, int]
    payload: bytes
    wire: int


def tcp(
    payload: bytes, *, seq: int = 1, ports: tuple[int, int] = (40000, 25), flags: int = 0x18, options: bytes = b""
) -> bytes:
    offset = (20 + len(options)) // 4
    return struct.pack(">HHIIBBHHH", *ports, seq, 7, offset << 4, flags, 512, 0, 0) + options + payload


def ipv4(
    body: bytes, *, protocol: int = 6, total: int | None = None, options: bytes = b"", place: int = 0, ident: int = 1
) -> bytes:
    size = 20 + len(options)
    total = size + len(body) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, total, ident, place, 64, protocol, 0)
    return head + bytes([10, 0, 0, 1]) + bytes([10, 0, 0, 2]) + options + body


def ipv6(body: bytes, *, protocol: int = 6, length: int | None = None) -> bytes:
    ends = ipaddress.ip_address("fe80::1").packed + ipaddress.ip_address("2001:db8::2").packed
    return struct.pack(">IHBB", 6 << 28, len(body) if length is None else length, protocol, 64) + ends + body


def ethernet(body: bytes, ethertype: int = 0x0800) -> bytes:
    return bytes(12) + struct.pack(">H", ethertype) + body


def traffic(count: int = 8) -> list[Packet]:
    """Give packets of both IP versions, with a datagram that is no TCP among them."""
    made = []
    for number in range(count):
        payload = f"line {number}\r\n".encode() * (number % 3)
        body = tcp(payload, seq=100 * number)
        frame = ethernet(ipv6(body), 0x86DD) if number % 2 else ethernet(ipv4(body))
        if number == 3:
            frame = ethernet(ipv4(struct.pack(">HHHH", 53, 53, 12, 0) + b"dns!", protocol=17))
        made.append(Packet(START + number * 1_000_001_000, frame, len(frame)))
    return made


def pcap(
    packets: list[Packet], *, link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4, snaplen: int = 262144
) -> bytes:
    unit = 1 if magic == 0xA1B23C4D else 1000
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for time, data, wire in packets:
        parts.append(struct.pack(order + "IIII", time // 10**9, time % 10**9 // unit, len(data), wire))
        if magic == 0xA1B2CD34:
            parts.append(bytes(8))
        parts.append(data)
    return b"".join(parts)


def snoop(packets: list[Packet], *, link: int = 4) -> bytes:
    parts = [b"snoop\0\0\0" + struct.pack(">II", 2, link)]
    for time, data, wire in packets:
        pad = -len(data) % 4
        parts.append(
            struct.pack(">IIIIII", wire, len(data), 24 + len(data) + pad, 0, time // 10**9, time % 10**9 // 1000)
        )
        parts.append(data + bytes(pad))
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, order: str = "<", snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(packet: Packet, number: int = 0, order: str = "<", ticks: int | None = None) -> bytes:
    ticks = packet.time // 1000 if ticks is None else ticks
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet.data), packet.wire)
    return block(6, head + packet.data, order)


def pcapng(packets: list[Packet], order: str = "<", link: int = 1) -> bytes:
    return section(order) + interface(link, order) + b"".join(enhanced(packet, 0, order) for packet in packets)


def read(places: Any, **options: Any) -> tuple[Capture, list[Segment]]:
    """Read everything; `places` is the bytes of a file, or what `Capture` takes."""
    capture = Capture([BytesIO(places)] if isinstance(places, bytes) else places, **options)
    return capture, drained(capture)


def drained(capture: Capture) -> list[Segment]:
    """Read all that there is of a capture."""
    found: list[Segment] = []
    while (window := capture.read()) is not None:
        assert window.buffer.flags.writeable
        assert window.buffer.flags.c_contiguous
        assert window.segments.flags.c_contiguous
        found += [_segment(row, window.buffer) for row in window.segments.tolist()]
    return found


def _segment(row: list[int], buffer: Any) -> Segment:
    payload = buffer[row[s.OFF] : row[s.OFF] + row[s.LEN]].tobytes()
    assert len(payload) == row[s.LEN] <= row[s.WIRE]
    return Segment(
        row[s.FRAME], row[s.TIME], row[s.CLOCK], row[s.FILE],
        address(row[s.SRC_HI], row[s.SRC_LO]), address(row[s.DST_HI], row[s.DST_LO]),
        (row[s.SPORT], row[s.DPORT]), (row[s.SEQ], row[s.ACK], row[s.FLAGS]), payload, row[s.WIRE],
    )  # fmt: skip


def address(high: int, low: int) -> str:
    found = ipaddress.IPv6Address(struct.pack(">qq", high, low))
    return str(found.ipv4_mapped or found)


def one(data: bytes, link: int = 1, wire: int | None = None) -> tuple[Capture, list[Segment]]:
    """Read a single packet."""
    return read(pcap([Packet(START, data, len(data) if wire is None else wire)], link=link))


def payloads(found: list[Segment]) -> list[bytes]:
    return [segment.payload for segment in found]
