from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from analyzer import kernel
from analyzer.errors import InputError, Skip
from analyzer.wire import Capture
from tests.wire import captures as c
from tests.wire.test_hostile import SEEDS

if TYPE_CHECKING:
    from pathlib import Path

PACKETS = c.traffic(60)
FILES = {"pcap": c.pcap(PACKETS), "pcapng": c.pcapng(PACKETS), "snoop": c.snoop(PACKETS)}
WAYS: list[dict[str, Any]] = [
    {"window_packets": 1},
    {"window_packets": 7},
    {"window_bytes": 4096},
    {"window_bytes": 1},
    {"capacity": 1},
    {"capacity": 3, "window_packets": 5},
    {"window_bytes": 100, "window_packets": 2, "capacity": 1},
    {"keep_records": True},
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_windows(name: str, options: dict[str, Any]) -> None:
    """Segments do not depend on windows and capacities."""
    whole, expected = c.read(FILES[name])
    parts, found = c.read(FILES[name], **options)
    assert found == expected
    assert (parts.counts, parts.skipped, parts.warnings) == (whole.counts, whole.skipped, whole.warnings)


@pytest.mark.parametrize("shares", [1, 2, 3, 7])
def test_shares(shares: int) -> None:
    """Each connection is in one share, whole, in both directions; what is counted is counted in each share."""
    packets, server = c.traffic(10), (bytes([198, 51, 100, 1]), 25)
    for number in range(200):
        client = bytes([192, 0, 2, number % 50]), 40000 + number
        for (source, port), (target, other) in ((client, server), (server, client)):
            frame = c.ethernet(c.ipv4(c.tcp(b"x" * number, ports=(port, other))))
            frame = frame.replace(bytes([10, 0, 0, 1, 10, 0, 0, 2]), source + target)
            packets.append(c.Packet(c.START, frame, len(frame)))
    whole, expected = c.read(c.pcap(packets))
    told = [c.read(c.pcap(packets), share=(share, shares)) for share in range(shares)]
    assert sorted(each for _, found in told for each in found) == sorted(expected)
    ends = [{frozenset(zip((one.source, one.target), one.ports, strict=True)) for one in found} for _, found in told]
    assert sum(map(len, ends)) == len(set.union(*ends))
    assert all(len(found) > len(expected) / shares / 2 for _, found in told)
    assert all((capture.counts, capture.skipped) == (whole.counts, whole.skipped) for capture, _ in told)


@pytest.mark.parametrize("name", FILES)
def test_sizes(tmp_path: Path, name: str) -> None:
    """Of a file that is written meanwhile, what there was at first is read; of one that became shorter, all of it."""
    path = tmp_path / name
    path.write_bytes(FILES[name])
    capture = Capture([path], sizes=[len(FILES[name])])
    with path.open("ab") as file:
        file.write(FILES[name][-200:])
    found = c.drained(capture)
    assert found == c.read(FILES[name])[1]
    assert capture.warnings == []
    assert len(c.drained(Capture([path], sizes=[1 << 40]))) >= len(found)


@pytest.mark.skipif(not kernel.available(), reason="no numba")
def test_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels give what interpreted ones give, damage and rare things included."""
    damaged = bytearray(FILES["pcap"])
    damaged[2000:2010] = b"\xff" * 10
    files = [*FILES.values(), bytes(damaged), FILES["pcapng"][:-9], c.pcap(PACKETS, link=147)]
    files += [seed[:place] + b"\xff\xfe" + seed[place + 2 :] for seed in SEEDS for place in range(24, len(seed), 167)]
    monkeypatch.setenv(kernel.FORCE, "interpreted")
    kernel.select(0)
    slow = [c.read(file) for file in files]
    monkeypatch.setenv(kernel.FORCE, "compiled")
    try:
        kernel.select(0)
        for options in ({}, {"window_packets": 7, "capacity": 1}):
            for file, (capture, expected) in zip(files, slow, strict=True):
                compiled, found = c.read(file, **options)
                assert found == expected
                assert (compiled.counts, compiled.skipped) == (capture.counts, capture.skipped)
    finally:
        monkeypatch.delenv(kernel.FORCE)
        kernel.select(0)


def test_rotated_set() -> None:
    """Files of a set are one source: frames and the clock go on, and FILE tells them apart."""
    parts = [PACKETS[:20], PACKETS[20:21], [], PACKETS[21:]]
    sources = [
        BytesIO(c.pcap(parts[0])),
        BytesIO(c.pcapng(parts[1])),
        BytesIO(c.pcap(parts[2])),
        BytesIO(c.snoop(parts[3])),
    ]
    capture, found = c.read(sources)
    expected = c.read(FILES["pcap"])[1]
    assert [s._replace(file=0) for s in found] == expected
    assert sorted({s.file for s in found}) == [0, 1, 3]
    assert capture.counts["packets"] == 60


def test_set_with_a_cut_file() -> None:
    """A file of a set that was cut is told by its own name; the next files are read."""
    capture, found = c.read([BytesIO(FILES["pcap"][:-3]), BytesIO(FILES["pcapng"])], name="a … b")
    assert len(found) == 58 + 59
    assert capture.skipped == [
        Skip("a … b", "wire", "incomplete record at the end of the file", 1, "-, after frame 59")
    ]


def test_names(tmp_path: Path) -> None:
    """A source is named by its file, or by the first and the last of several."""
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"rot-{number}.pcap")
        paths[-1].write_bytes(FILES["pcap"])
    assert Capture(paths[:1]).name == "rot-0.pcap"
    capture = Capture([str(path) for path in paths])
    assert capture.name == "rot-0.pcap … rot-2.pcap"
    assert capture.files == ["rot-0.pcap", "rot-1.pcap", "rot-2.pcap"]
    assert capture.total_bytes == 3 * len(FILES["pcap"])
    assert capture.consumed == 0
    c_read = 0
    while capture.read() is not None:
        assert capture.consumed > c_read
        c_read = capture.consumed
    assert capture.consumed == capture.total_bytes


def test_gone(tmp_path: Path) -> None:
    """A file that vanishes before it is read is an InputError."""
    with pytest.raises(InputError):
        Capture([tmp_path / "gone.pcap"]).read()


def test_records() -> None:
    """With `keep_records`, the records of the window are there, those without segments too."""
    capture = Capture([BytesIO(FILES["pcap"])], keep_records=True, window_packets=10)
    window = capture.read()
    assert window is not None
    assert capture.records[:, 5].tolist() == list(range(1, 11))
    capture.close()


@pytest.mark.skipif(not c.SHARED.is_dir(), reason="no shared data")
def test_real_containers() -> None:
    """One set of sessions, captured at once in many containers, has the same payloads in each."""
    folder = c.SHARED / "formats"
    names = [
        "capture.pcapng",
        "capture-dsb.pcapng",
        "any-sll.pcap",
        "any-sll2.pcap",
        "nano.pcap",
        "modified-kuznetzov.pcap",
    ]
    expected = c.payloads(c.read([folder / "capture.pcap"])[1])
    for name in (*names, "capture.snoop", "capture.pcap.gz"):
        capture, found = c.read([folder / name])
        assert c.payloads(found) == expected, name
        assert capture.skipped == [], name
    for name, size in (("snap96.pcap", 96), ("snap200.pcap", 200)):
        found = c.read([folder / name])[1]
        assert all(whole.startswith(part.payload) for whole, part in zip(expected, found, strict=True)), size
        assert [s.wire for s in found] == [len(payload) for payload in expected]
    assert len(c.read([folder / "capture-dsb.pcapng"])[0].secrets) == 1


@pytest.mark.skipif(not c.SHARED.is_dir(), reason="no shared data")
def test_real_variants() -> None:
    """Tags, tunnels, fragments and other link types change nothing about the segments."""
    folder = c.SHARED / "impaired-postfix-plain"
    key = [(s.source, s.ports, s.numbers, s.payload) for s in c.read([folder / "clean.pcap"])[1]]
    for name in ("vlan", "qinq", "vlan-mixed", "gre", "ipip", "raw-ip", "null-loopback", "big-endian"):
        capture, found = c.read([folder / f"{name}.pcap"])
        assert [(s.source, s.ports, s.numbers, s.payload) for s in found] == key, name
        assert capture.skipped == [], name
    capture, found = c.read([folder / "ip-fragments.pcap"])  # some are in reverse order, so that others overtake them
    assert sorted((s.source, s.ports, s.numbers, s.payload) for s in found) == sorted(key)
    assert capture.skipped == []
    parts = [folder / f"rot-{number}.pcap" for number in range(3)]
    assert [(s.source, s.ports, s.numbers, s.payload) for s in c.read(parts)[1]] == key
    for name in ("file-order-shuffled", "clock-jump-back"):
        found = c.read([folder / f"{name}.pcap"])[1]
        assert sorted((s.source, s.ports, s.payload) for s in found) == sorted((a, b, d) for a, b, _, d in key)
        assert [s.clock for s in found] == sorted(s.clock for s in found)
