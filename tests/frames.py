"""Ethernet frames and capture files of a dialogue, built with struct: fast enough for property tests."""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.dialogue import Event

#: Time in nanoseconds since 1970 UTC, and the octets captured.
Packet = tuple[int, bytes]
Endpoint = tuple[str, int]

#: RFC 5737 and RFC 3849: addresses for documentation.
CLIENT: Final[Endpoint] = ("198.51.100.7", 40001)
SERVER: Final[Endpoint] = ("192.0.2.25", 587)
IPV6_PREFIX: Final = "2001:db8::"
#: 2026-03-02 09:00:00 UTC.
START: Final = 1_772_442_000 * 10**9
#: Between two frames.
STEP_NS: Final = 1_000_000
#: Largest payload of a segment: 1500 less the headers of IPv4 and TCP.
MSS: Final = 1460
#: How far, in frames, a reordered frame may travel.
REACH: Final = 4.0

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OTHER: Final = {"client": "server", "server": "client"}
ETHERNET, ETHERNET_IPV4, ETHERNET_IPV6 = 14, 0x0800, 0x86DD
IPV4_HEAD, IPV6_HEAD, TCP_HEAD = 20, 40, 20
MASK: Final = 0xFFFFFFFF


@dataclass(slots=True)
class _Side:
    """One end of a connection."""

    endpoint: Endpoint
    sent: int
    """Next sequence number."""
    last: int = 0
    """Sequence number of the last data segment."""
    acknowledgeable: int = 0
    """What the other side acknowledges when it sends."""
    acknowledged: int = 0
    """What this side acknowledged last."""
    frozen: bool = False
    """Whether the other side acknowledges nothing more."""
    closed: bool = False


@dataclass(slots=True)
class _Wire:
    """The place of the capture: connections one after another, frames in the order of their capture."""

    now: int
    ipv6: bool
    packets: list[Packet] = field(default_factory=list)
    held: list[bytes] = field(default_factory=list)
    sides: dict[str, _Side] = field(default_factory=dict)
    cut: int | None = None
    only: str | None = None
    midstream: bool = False
    close: bool = True
    opened: bool = False
    reset: bool = False

    def connect(self, client: Endpoint, server: Endpoint) -> None:
        """Begin a connection; its handshake is sent with its first segment."""
        turn = len(self.packets)
        self.sides = {
            "client": _Side(client, (0x1000_0000 + turn * 0x0123_4567) & MASK),
            "server": _Side(server, (0x9000_0000 + turn * 0x0345_6789) & MASK),
        }
        self.only, self.midstream, self.close, self.opened, self.reset = None, False, True, False, False

    def open(self) -> None:
        """Shake hands, once."""
        if self.opened:
            return
        self.opened = True
        for name, flags in (("client", SYN), ("server", SYN | ACK), ("client", ACK)):
            self.send(name, flags, b"", frozenset({"lost"} if self.midstream else ()))

    def send(self, name: str, flags: int, data: bytes, words: frozenset[str] = frozenset()) -> None:
        """Send one segment and capture it, unless it is lost."""
        side, other = self.sides[name], self.sides[OTHER[name]]
        if not flags & RST and "crossing" not in words:
            side.acknowledged = other.acknowledgeable
        again = "again" in words
        sequence = side.last if again else side.sent
        if not again:
            side.last = sequence
            side.sent = (sequence + len(data) + bool(flags & (SYN | FIN))) & MASK
            side.frozen |= "unacked" in words
            if not side.frozen:
                side.acknowledgeable = side.sent
        ack = side.acknowledged if flags & ACK else 0
        frame = _frame((side.endpoint, other.endpoint), (sequence, ack), flags, data)
        if self.cut is not None and data:
            frame, self.cut = frame[: len(frame) - len(data) + self.cut], None
        self.now += STEP_NS
        if "lost" in words or (self.only and self.only != name):
            return
        if "late" in words:
            self.held.append(frame)
            return
        self.packets.append((self.now, frame))
        self.release()

    def release(self) -> None:
        """Capture the frames that were held back."""
        for frame in self.held:
            self.now += STEP_NS
            self.packets.append((self.now, frame))
        self.held.clear()

    def fin(self, name: str) -> None:
        self.sides[name].closed = True
        self.send(name, FIN | ACK, b"")

    def rst(self, name: str) -> None:
        """Reset: with ACK where all was received, without where something came after the close (as Linux does)."""
        self.reset = True
        other = self.sides[OTHER[name]]
        self.send(name, RST if other.frozen or self.sides[name].closed else RST | ACK, b"")

    def end(self) -> None:
        """Close as hosts do: each side sends its FIN, the first one acknowledges the last."""
        if self.opened and self.close and not self.reset:
            open_sides = [name for name in ("client", "server") if not self.sides[name].closed]
            for name in open_sides:
                self.fin(name)
            if open_sides:
                self.send(OTHER[open_sides[-1]], ACK, b"")
        self.release()


def to_packets(
    events: Sequence[Event],
    *,
    segmentation: Sequence[int] | None = None,
    shuffle: int | None = None,
    duplicate: int | None = None,
    ipv6: bool = False,
    client: Endpoint = CLIENT,
    server: Endpoint = SERVER,
    start: int = START,
) -> list[Packet]:
    """Make the frames of a dialogue, in the order of their capture.

    `segmentation` gives sizes, used in turn, for the segments of everything that has no flag. `shuffle` and
    `duplicate` are seeds: frames travel a little, or are captured a second time.
    """
    client, server = (_in_ipv6(e) if ipv6 else e for e in (client, server))
    wire = _Wire(start, ipv6)
    wire.connect(client, server)
    for event in _segments(events, segmentation):
        _play(wire, event)
    wire.end()
    packets = wire.packets
    if duplicate is not None:
        packets = _duplicated(packets, random.Random(duplicate))
    return packets if shuffle is None else _shuffled(packets, random.Random(shuffle))


def _play(wire: _Wire, event: Event) -> None:
    kind, side = event.kind, event.side
    if kind in ("data", "gap", "fin", "rst", "ack"):
        wire.open()
    if kind in ("data", "gap"):
        wire.send(side, PSH | ACK, event.data, event.flags)
    elif kind in ("fin", "rst"):
        getattr(wire, kind)(side)
    elif kind == "ack":
        wire.send(side, ACK, b"")
    elif kind == "time":
        wire.release()
        wire.now += round(float(event.argument) * 10**9)
    elif kind == "cut":
        wire.cut = int(event.argument)
    elif kind == "port":
        wire.sides["server"].endpoint = (wire.sides["server"].endpoint[0], int(event.argument))
    elif kind == "connect":
        wire.end()
        wire.connect(_next_client(wire, event.argument), wire.sides["server"].endpoint)
    elif kind in ("only", "midstream", "no-close"):
        wire.only = side or wire.only
        wire.midstream |= kind == "midstream"
        wire.close &= kind != "no-close"


def _next_client(wire: _Wire, argument: str) -> Endpoint:
    address, port = wire.sides["client"].endpoint
    if argument in ("", "same"):
        return (address, port + (argument == ""))
    address, _, number = argument.partition(":")
    endpoint = (address, int(number))
    return _in_ipv6(endpoint) if wire.ipv6 else endpoint


def _in_ipv6(endpoint: Endpoint) -> Endpoint:
    address, port = endpoint
    return (address if ":" in address else IPV6_PREFIX + address, port)


def _segments(events: Iterable[Event], segmentation: Sequence[int] | None) -> Iterator[Event]:
    """Join and cut the data of the events into segments."""
    sizes = cycle(segmentation or (MSS,))
    pending: Event | None = None
    for event in events:
        follows = pending is not None and event.kind == "data" and event.side == pending.side
        if follows and ("joined" in event.flags or (segmentation and not event.flags)):
            assert pending is not None
            pending = _replaced(pending, pending.data + event.data)
            continue
        if pending is not None:
            yield from _pieces(pending, sizes)
        pending = event if event.kind == "data" and not event.flags & {"again", "late"} else None
        if pending is None:
            yield event
    if pending is not None:
        yield from _pieces(pending, sizes)


def _pieces(event: Event, sizes: Iterator[int]) -> Iterator[Event]:
    data = event.data
    while data:
        size = next(sizes)
        yield _replaced(event, data[:size])
        data = data[size:]


def _replaced(event: Event, data: bytes) -> Event:
    return type(event)(event.kind, event.side, data, event.flags, event.argument, event.line)


def _barrier(frame: bytes) -> bool:
    """Whether the frame opens or closes: no other may pass it, since the order of those is the law's subject."""
    return bool(frame[_tcp_offset(frame) + 13] & (SYN | FIN | RST))


def _stretches(packets: list[Packet]) -> Iterator[list[Packet]]:
    """Cut the capture at openings, closings and pauses."""
    part: list[Packet] = []
    for packet in packets:
        if _barrier(packet[1]) or (part and packet[0] - part[-1][0] > 10 * STEP_NS):
            yield part
            part = []
        part.append(packet)
        if _barrier(packet[1]):
            yield part
            part = []
    yield part


def _shuffled(packets: list[Packet], rng: random.Random) -> list[Packet]:
    out: list[Packet] = []
    for part in _stretches(packets):
        order = sorted(range(len(part)), key=lambda i: i + rng.uniform(0, REACH))
        out += [(time, part[i][1]) for (time, _), i in zip(part, order, strict=True)]
    return out


def _duplicated(packets: list[Packet], rng: random.Random) -> list[Packet]:
    out: list[Packet] = []
    for part in _stretches(packets):
        again = [packet for packet in part if rng.random() < 0.3]
        keyed = [(i, p) for i, p in enumerate(part)] + [(part.index(p) + rng.uniform(0.5, REACH), p) for p in again]
        out += [packet for _, packet in sorted(keyed, key=lambda pair: pair[0])]
    times = sorted(time for time, _ in out)
    return [(time, frame) for time, (_, frame) in zip(times, out, strict=True)]


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _frame(ends: tuple[Endpoint, Endpoint], numbers: tuple[int, int], flags: int, data: bytes) -> bytes:
    """Build Ethernet, IPv4 (RFC 791) or IPv6 (RFC 8200), and TCP (RFC 9293) with right checksums."""
    (source, source_port), (target, target_port) = ends
    here, there = _packed(source), _packed(target)
    length = TCP_HEAD + len(data)
    ports = (source_port, target_port, *numbers, TCP_HEAD << 2, flags, 64240)
    length_and_protocol = struct.pack(">II", length, 6)  # as of IPv6; the sum of IPv4's pseudo header is the same
    checksum = _checksum(here + there + length_and_protocol + struct.pack(">HHIIBBHHH", *ports, 0, 0) + data)
    tcp = struct.pack(">HHIIBBHHH", *ports, checksum, 0) + data
    if len(here) == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, IPV4_HEAD + length, 0, 0x4000, 64, 6, 0) + here + there
        head = head[:10] + _checksum(head).to_bytes(2, "big") + head[12:]
        kind = ETHERNET_IPV4
    else:
        head = struct.pack(">IHBB", 6 << 28, length, 6, 64) + here + there
        kind = ETHERNET_IPV6
    return _mac(there) + _mac(here) + kind.to_bytes(2, "big") + head + tcp


def _mac(address: bytes) -> bytes:
    """Make a locally administered hardware address of an IP address."""
    return b"\x02\0" + address[-4:]


def _tcp_offset(frame: bytes) -> int:
    return ETHERNET + (IPV4_HEAD if frame[12:14] == b"\x08\0" else IPV6_HEAD)


def _wire_length(frame: bytes) -> int:
    """Give the length on the wire, which a cut frame shows in its IP header."""
    if frame[12:14] == b"\x08\0":
        return ETHERNET + int.from_bytes(frame[16:18], "big")
    return ETHERNET + IPV6_HEAD + int.from_bytes(frame[18:20], "big")


def to_pcap(packets: Iterable[Packet], *, nanosecond: bool = False) -> bytes:
    """Write a capture file (draft-ietf-opsawg-pcap), little endian, link type Ethernet."""
    magic, unit = (0xA1B23C4D, 1) if nanosecond else (0xA1B2C3D4, 1000)
    parts = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262144, 1)]
    for time, frame in packets:
        seconds, rest = divmod(time, 10**9)
        parts += (struct.pack("<IIII", seconds, rest // unit, len(frame), _wire_length(frame)), frame)
    return b"".join(parts)
