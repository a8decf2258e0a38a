from __future__ import annotations

import struct

import pytest

from analyzer import limits
from tests.wire import captures as c

PACKETS = c.traffic()
SECOND = c.START // 10**9


@pytest.mark.parametrize(
    ("options", "ticks", "expected"),
    [
        (b"", SECOND * 10**6 + 5, c.START + 5000),
        (c.option(9, b"\x09"), c.START + 5, c.START + 5),
        (c.option(9, b"\x00"), SECOND, c.START),
        (c.option(9, b"\x03"), SECOND * 1000 + 7, c.START + 7_000_000),
        (c.option(9, b"\x0c"), 5_000_000_000_123, 5_000_000_000),
        (c.option(9, b"\x80"), SECOND, c.START),
        (c.option(9, b"\x8a"), SECOND << 10 | 512, c.START + 500_000_000),
        (c.option(9, b"\xa0"), SECOND << 32 | 1 << 31, c.START + 500_000_000),
        (c.option(9, b"\xbf"), 1 << 62, 500_000_000),
        (c.option(9, b"\xc0"), 1 << 62, 250_000_000),
        (c.option(9, b"\xff"), (1 << 63) - 1, 0),
        (c.option(9, b"\x7f"), 1, 0),
        (c.option(14, struct.pack("<q", SECOND)), 5, c.START + 5000),
        (c.option(14, struct.pack("<q", -10)), 11_000_000, 10**9),
        (c.option(2, b"eth0") + c.option(9, b"\x09") + c.option(0, b"") + c.option(9, b"\x00"), c.START, c.START),
        (c.option(9, b"\x00"), (1 << 64) - 1, 1 << 62),
        (c.option(9, b"\x00"), (1 << 63) - 1, 1 << 62),
    ],
)
def test_clocks(options: bytes, ticks: int, expected: int) -> None:
    """Every clock that an interface can describe gives nanoseconds, and none leaves 64 bits."""
    data = c.section() + c.interface(options=options) + c.enhanced(PACKETS[0], ticks=ticks)
    assert c.read(data)[1][0].time == expected


def test_offset_big_endian() -> None:
    """An offset in a section of the other byte order is read in that order."""
    options = c.option(14, struct.pack(">q", -10), ">")
    data = c.section(">") + c.interface(1, ">", options=options) + c.enhanced(PACKETS[0], 0, ">", ticks=11_000_000)
    assert c.read(data)[1][0].time == 10**9


def test_link_types() -> None:
    """Interfaces of one section may be of different media."""
    frame = PACKETS[0].data
    cooked = bytes(14) + frame[12:]
    packets = [c.Packet(c.START, frame, len(frame)), c.Packet(c.START, frame[14:], len(frame) - 14)]
    packets.append(c.Packet(c.START, cooked, len(cooked)))
    data = c.section() + c.interface(1) + c.interface(101) + c.interface(113)
    data += b"".join(c.enhanced(packet, number) for number, packet in enumerate(packets))
    assert [s.ports for s in c.read(data)[1]] == [(40000, 25)] * 3


def test_other_packet_blocks() -> None:
    """Simple and old packet blocks give packets too; a simple one has the time of the one before it."""
    frame = PACKETS[2].data
    old = c.block(2, struct.pack("<HHIIII", 0, 9, *divmod(SECOND * 10**6, 1 << 32), len(frame), len(frame)) + frame)
    simple = c.block(3, struct.pack("<I", len(frame)) + frame)
    cut = c.block(3, struct.pack("<I", len(frame)) + frame[:60])
    capture, found = c.read(c.section() + c.interface(snaplen=60) + old + cut)
    assert [(s.time, s.payload, s.wire) for s in found] == [(c.START, b"line 2\r\n" * 2, 16), (c.START, b"line 2", 16)]
    assert "carry no time" in capture.warnings[0]
    assert c.payloads(c.read(c.section() + c.interface() + old + simple)[1]) == [b"line 2\r\n" * 2] * 2


def test_secrets() -> None:
    """Key logs in decryption secrets blocks are kept, other secrets are not, and both are no packets."""
    log = b"CLIENT_RANDOM 00 11\n"
    first = c.block(10, struct.pack("<II", 0x544C534B, len(log)) + log)
    other = c.block(10, struct.pack("<II", 0x57474B4C, 3) + b"abc")
    lying = c.block(10, struct.pack("<II", 0x544C534B, 10**6) + log)
    packets = [c.enhanced(packet) for packet in PACKETS]
    data = c.section() + c.interface() + first + packets[0] + other + b"".join(packets[1:]) + lying
    for capacity in (None, 1):
        capture, found = c.read(data, capacity=capacity)
        assert capture.secrets == [log, log]
        assert [s.frame for s in found] == [1, 2, 3, 5, 6, 7, 8]


def test_too_many_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets beyond the limit are skipped, and that is told."""
    monkeypatch.setattr(limits, "SECRETS_BYTES", 5)
    blocks = [c.block(10, struct.pack("<II", 0x544C534B, 4) + b"key\n")] * 3
    capture, _ = c.read(c.section() + b"".join(blocks))
    assert capture.secrets == [b"key\n"]
    assert [(skip.count, skip.stage) for skip in capture.skipped] == [(2, "wire")]


def test_orphans() -> None:
    """A packet block of no known interface, or longer than its block, is skipped, and the rest is read."""
    packets = [c.enhanced(packet) for packet in PACKETS]
    stray = c.enhanced(PACKETS[0], 5)
    short = c.block(6, bytes(8))
    liar = c.block(6, struct.pack("<IIIII", 0, 0, 0, 5000, 5000) + b"abc")
    capture, found = c.read(c.section() + c.interface() + packets[0] + stray + short + liar + b"".join(packets[1:]))
    assert len(found) == 7
    assert [skip.count for skip in capture.skipped] == [3]


@pytest.mark.parametrize("place", [4, -4])
def test_damaged_length(place: int) -> None:
    """A block whose lengths do not agree is passed over; the next one is read."""
    packets = [bytearray(c.enhanced(packet)) for packet in PACKETS]
    position = place % len(packets[2])
    packets[2][position : position + 4] = struct.pack("<I", 4_000_000_000)
    capture, found = c.read(c.section() + c.interface() + b"".join(packets))
    assert [s.payload for s in found] == c.payloads([s for s in c.read(c.pcapng(PACKETS))[1] if s.frame != 3])
    assert [(skip.reason.split(";")[0], skip.count) for skip in capture.skipped] == [("damaged record header", 1)]
    assert "in 1 place(s)" in capture.warnings[0]


def test_zeros() -> None:
    """A hole of zeros in the middle, as a full disk leaves, is passed over."""
    data = c.pcapng(PACKETS[:4]) + bytes(4096) + b"".join(c.enhanced(packet) for packet in PACKETS[4:])
    capture, found = c.read(data)
    assert len(found) == 7
    assert "4096 bytes" in capture.warnings[0]
