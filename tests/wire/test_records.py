from __future__ import annotations

import struct
from io import BytesIO

import pytest

from analyzer import limits
from tests.wire import captures as c

PACKETS = c.traffic(40)
FILE = c.pcap(PACKETS)
EXPECTED = c.read(FILE)[1]
#: Where the records begin, and where the file ends.
STARTS = [24]
for one in PACKETS:
    STARTS.append(STARTS[-1] + 16 + len(one.data))


def changed(record: int, field: int, value: int) -> bytes:
    """Give the file with a 32-bit field of one record header changed."""
    at = STARTS[record] + field
    return FILE[:at] + struct.pack("<I", value) + FILE[at + 4 :]


def numbers(found: list[c.Segment]) -> list[int]:
    """Sequence numbers tell the packets apart, whatever their frames are."""
    return [segment.numbers[0] for segment in found]


ALL = numbers(EXPECTED)


@pytest.mark.parametrize("value", [300_000, 0x7FFFFFFF, 0xFFFFFFFF, 100_000, 5000, 20, 61])
def test_damaged_length(value: int) -> None:
    """A record with a wrong length costs itself, and perhaps its neighbour, not the file."""
    capture, found = c.read(changed(10, 8, value))
    assert set(ALL) - set(numbers(found)) <= {1000, 1100}
    assert [s for s in found if s.numbers[0] < 1000] == EXPECTED[:9]
    assert capture.skipped[0].reason.startswith("damaged record header")
    assert capture.skipped[0].first == f"-, byte {STARTS[10]}"
    assert "place(s) could not be read" in capture.warnings[0]


@pytest.mark.parametrize(("field", "value"), [(0, 0), (0, 0xFFFFFFFF), (4, 0xFFFFFFFF), (12, 0xFFFFFFFF), (12, 0)])
def test_odd_fields(field: int, value: int) -> None:
    """A wrong time and a wrong original length are no damage."""
    capture, found = c.read(changed(10, field, value))
    assert numbers(found) == ALL
    assert capture.skipped == []


def test_clock() -> None:
    """CLOCK is the running maximum of the times, those of other traffic included."""
    back = [c.Packet(PACKETS[0].time - 120 * 10**9, p.data, p.wire) for p in PACKETS[:2]]
    found = c.read(c.pcap([*PACKETS[:4], *back]))[1]
    assert [s.clock for s in found] == [PACKETS[n].time for n in (0, 1, 2, 3, 3)]
    assert [s.time for s in found][-2:] == [back[0].time] * 2


def test_garbage_between_records() -> None:
    """Bytes that are no records, zeros or others, are passed over and counted."""
    for garbage in (bytes(5000), b"\xff" * 5000, b"GET / HTTP/1.1\r\n" * 300):
        data = FILE[: STARTS[20]] + garbage + FILE[STARTS[20] :]
        capture, found = c.read(data)
        assert set(ALL) - set(numbers(found)) <= {1900}
        assert sum(skip.count for skip in capture.skipped) == 1


def test_too_far() -> None:
    """The search for a sound record is bounded; then the rest of the file is given up, and that is told."""
    data = FILE[: STARTS[20]] + b"\xff" * (limits.RESYNC_BYTES + 10) + FILE[STARTS[20] :]
    for options in ({}, {"window_bytes": 5000}):
        capture, found = c.read(data, **options)
        assert found == EXPECTED[:19]
        assert "rest of the file" in capture.skipped[1].reason
        assert capture.skipped[1].first == f"-, byte {STARTS[20]}"
        assert len(capture.warnings) == 1


def test_truncated() -> None:
    """A file that ends anywhere gives every record before that, and says that the last is incomplete."""
    for end in range(STARTS[5] + 1, STARTS[6]):
        capture, found = c.read(FILE[:end])
        assert found == EXPECTED[:4]
        assert [(skip.reason, skip.count) for skip in capture.skipped] == [
            ("incomplete record at the end of the file", 1)
        ]
        assert capture.warnings == ["- ends inside a packet; everything before it was read"]
    assert c.read(FILE[: STARTS[6]])[0].skipped == []


def test_damage_before_the_end() -> None:
    """A length that points behind the end is damage if sound records follow."""
    capture, found = c.read(changed(35, 8, 60_000))
    assert set(ALL) - set(numbers(found)) == {3500}
    assert capture.skipped[0].reason.startswith("damaged record header")


def test_large_record() -> None:
    """A record larger than the window is read whole."""
    big = c.ethernet(c.ipv6(c.tcp(b"x" * 60_000), length=60_020), 0x86DD)
    packets = [PACKETS[0], c.Packet(c.START, big, len(big)), PACKETS[2]]
    for data in (c.pcap(packets), c.pcapng(packets), c.snoop(packets)):
        found = c.read(data, window_bytes=4096)[1]
        assert [len(s.payload) for s in found] == [0, 60_000, 16]


@pytest.mark.parametrize(
    "data",
    [
        changed(10, 8, 300_000),
        changed(10, 8, 61),
        FILE[:-7],
        FILE[: STARTS[9]] + bytes(99) + FILE[STARTS[9] :],
        c.pcap([c.Packet(p.time, p.data[:60], p.wire) for p in PACKETS]),
    ],
)
def test_damage_and_windows(data: bytes) -> None:
    """What is made of damage does not depend on the windows."""
    whole, expected = c.read(data)
    for options in ({"window_packets": 1}, {"window_packets": 7}, {"window_bytes": 64}, {"capacity": 1}):
        parts, found = c.read([BytesIO(data)], **options)
        assert found == expected
        assert (parts.skipped, parts.warnings, parts.counts) == (whole.skipped, whole.warnings, whole.counts)
