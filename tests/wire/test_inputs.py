from __future__ import annotations

import gzip
import io
import os
import re
import sys
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether  # noqa: F401 (rdpcap knows the layers that are loaded)
from scapy.utils import rdpcap

import analyzer
from analyzer.errors import InputError
from analyzer.inputs import find
from tests.wire import captures as c

PACKETS = c.traffic(30)
SETS = {
    "dumpcap": ["rot_00001_20261123161030.pcap", "rot_00002_20261123161033.pcap", "rot_00003_20261123161034.pcap"],
    "counted": ["rot-0.pcap", "rot-1.pcap", "rot-2.pcap"],
    "tcpdump": ["trace.pcap", "trace.pcap1", "trace.pcap2"],
    "past nine": ["t.pcap8", "t.pcap9", "t.pcap10"],
}


def write(folder: Path, *files: tuple[str, bytes]) -> None:
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def thirds(form: object = c.pcap) -> list[bytes]:
    return [form(PACKETS[n : n + 10]) for n in (0, 10, 20)]  # type: ignore[operator]


def names(paths: list[object]) -> list[list[str]]:
    return [[os.path.basename(str(place)) for place in one.places] for one in find(paths)]  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [c.pcap, c.pcapng, c.snoop, lambda packets: gzip.compress(c.pcap(packets))])
@pytest.mark.parametrize("name", SETS)
def test_rotated_sets(name: str, form: object, tmp_path: Path) -> None:
    """Files of a rotated set are one input, in the order of their times, however they are named on the command line."""
    write(tmp_path, *zip(SETS[name], thirds(form), strict=True))
    for paths in ([tmp_path], [tmp_path / "*"], [tmp_path / one for one in reversed(SETS[name])]):
        (found,) = find(paths)
        assert (
            found.places == [str(tmp_path / one) for one in SETS[name]]
            or [Path(str(place)).name for place in found.places] == SETS[name]
        )
        assert found.name == f"{SETS[name][0]} … {SETS[name][2]}"
        capture = found.open(window_packets=7)
        count = 0
        while (window := capture.read()) is not None:
            count += len(window.segments)
        assert (count, capture.name) == (29, found.name)


def test_not_a_set(tmp_path: Path) -> None:
    """Captures whose names differ in digits alone but whose times overlap are apart; so are other names and folders."""
    write(tmp_path, ("snap96.pcap", c.pcap(PACKETS)), ("snap200.pcap", c.pcap(PACKETS)))
    write(tmp_path, ("a.pcap", thirds()[0]), ("b.pcap", thirds()[1]), ("sub/a.pcap", thirds()[2]))
    assert sorted(names([tmp_path])) == [["a.pcap"], ["a.pcap"], ["b.pcap"], ["snap200.pcap"], ["snap96.pcap"]]


def test_two_sets_at_once(tmp_path: Path) -> None:
    """Rings of two hosts, captured at the same time, are two sets."""
    for host in (1, 2):
        write(tmp_path, *((f"host{host}_{n}.pcap", data) for n, data in enumerate(thirds())))
    assert names([tmp_path]) == [[f"host{host}_{n}.pcap" for n in range(3)] for host in (1, 2)]


def test_set_with_an_empty_file(tmp_path: Path) -> None:
    """A file of a ring without packets stays in the set."""
    write(tmp_path, *zip(("r1.pcap", "r2.pcap", "r3.pcap"), [thirds()[0], c.pcap([]), thirds()[1]], strict=True))
    assert names([tmp_path]) == [["r1.pcap", "r3.pcap", "r2.pcap"]]


def test_folder(tmp_path: Path) -> None:
    """In a folder, and in those below it, files that are neither captures nor text are passed over and told."""
    write(tmp_path, ("b.pcap", c.pcap(PACKETS)), ("x/y.pcapng", c.pcapng(PACKETS)), (".hidden", b"x"))
    write(tmp_path, ("empty", b""), ("bin", bytes(range(256))), ("x/bin", bytes(range(256))))
    found = find([tmp_path])
    assert [one.name for one in found] == ["b.pcap", "y.pcapng"]
    told = {re.split("[;(]", skip.reason)[0].strip(): (skip.count, skip.first) for skip in found[0].skipped}
    assert told["file is empty"] == (1, "empty")
    assert told["file is no packet capture"] == (2, "bin")
    assert len(told) == 2
    capture = found[0].open()
    assert capture.skipped == found[0].skipped


def test_empty_inputs(tmp_path: Path) -> None:
    """What is empty, file, folder or stream, is told with its whole name where there is more, and alone is an error."""
    write(tmp_path, ("mx1/a.pcap", c.pcap(PACKETS)), ("mx2/a.pcap", b""), ("mx3/a.pcap", b""), ("mx3/b.pcap", b""))
    (tmp_path / "mx4").mkdir()
    good, file, folder, bare = (str(tmp_path / name) for name in ("mx1", "mx2/a.pcap", "mx3", "mx4"))

    (found,) = find([file, good, io.BytesIO()])
    assert found.warnings == [f"{file}, - are empty: nothing could be read there"]
    assert [(skip.source, skip.reason) for skip in found.skipped] == [(file, "input is empty"), ("-", "input is empty")]
    for one, alone in ((file, "is empty; capture or"), (folder, "holds no packet captures"), (bare, "holds no")):
        (found,) = find([good, one])
        assert found.warnings == [f"{one} is empty: nothing could be read there"]
        assert [(skip.source, skip.reason) for skip in found.skipped] == [(one, "input is empty")]
        with pytest.raises(InputError, match=f"^{one} {alone}"):
            find([one])
    write(tmp_path, *((f"many/{n}", b"") for n in range(9)))
    with pytest.raises(InputError, match=r"many/0, [^ ]*many/1, [^ ]*many/2, 6 more are empty; capture or copy them"):
        find([str(tmp_path / "many/*")])
    assert analyzer.read(file, good).warnings == [f"{file} is empty: nothing could be read there"]


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below that cannot be read is told."""
    write(tmp_path, ("a.pcap", c.pcap(PACKETS)), ("closed/b.pcap", c.pcap(PACKETS)))
    real = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (found,) = find([tmp_path])
    assert [(skip.reason, skip.count) for skip in found.skipped] == [("folder cannot be read", 1)]


def test_lists_of_paths(tmp_path: Path) -> None:
    """Paths may stand in a list, a tuple or what gives them one by one."""
    write(tmp_path, ("a.pcap", c.pcap(PACKETS)), ("b.pcap", c.pcap(PACKETS)))
    paths = [str(tmp_path / "a.pcap"), tmp_path / "b.pcap"]
    for given in (paths, tuple(paths), iter(paths), [paths[:1], [io.BytesIO(c.pcap(PACKETS)), *paths[1:]]]):
        assert [one.name for one in find([given]) if one.name != "-"] == ["a.pcap", "b.pcap"]


def test_same_file_twice(tmp_path: Path) -> None:
    """A file that is named twice is read once."""
    write(tmp_path, ("a.pcap", c.pcap(PACKETS)))
    assert names([tmp_path / "a.pcap", tmp_path, str(tmp_path / "*.pcap")]) == [["a.pcap"]]


def test_equal_names(tmp_path: Path) -> None:
    """Sources of equal names in different folders are told apart."""
    write(
        tmp_path, ("mx1/mail.pcap", c.pcap(PACKETS)), ("mx2/mail.pcap", c.pcap(PACKETS)), ("one.pcap", c.pcap(PACKETS))
    )
    assert [one.name for one in find([tmp_path])] == ["one.pcap", "mx1/mail.pcap", "mx2/mail.pcap"]


def test_equal_names_of_folders(tmp_path: Path) -> None:
    """Where the folders have equal names, too, those above them tell."""
    data = c.pcap(PACKETS)
    write(tmp_path, *((f"{site}/mail/a.pcap", data) for site in ("east", "west")), ("mail/b.pcap", data))
    assert [one.name for one in find([tmp_path])] == ["east/mail/a.pcap", "b.pcap", "west/mail/a.pcap"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (bytes(range(256)), "is no packet capture"),
        (c.pcap([])[:20], "header is damaged"),
        (b"PK\x03\x04" + bytes(99), "a zip archive; unpack it"),
        (bytes(257) + b"ustar" + bytes(300), "a tar archive"),
    ],
)
def test_other_kinds(data: bytes, words: str, tmp_path: Path) -> None:
    """A named file of another kind is an InputError that names it and says what it is."""
    write(tmp_path, ("given.pcap", data))
    with pytest.raises(InputError, match=rf"given\.pcap .*{words}"):
        find([tmp_path / "given.pcap"])


def test_nothing_there(tmp_path: Path) -> None:
    """Paths that lead nowhere, and folders without captures, are InputErrors."""
    with pytest.raises(InputError, match="does not exist"):
        find([tmp_path / "nothing.pcap"])
    with pytest.raises(InputError, match="does not exist"):
        find([f"{tmp_path}/*.pcap"])
    with pytest.raises(InputError, match="holds no packet captures or logs"):
        find([tmp_path])


def test_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary stream and standard input are inputs; what was looked at is not lost."""
    (found,) = find([io.BytesIO(c.pcap(PACKETS))])
    capture = found.open()
    window = capture.read()
    assert window is not None
    assert (len(window.segments), capture.name, capture.read()) == (29, "-", None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(c.pcapng(PACKETS))))
    (found,) = find(["-"])
    window = found.open().read()
    assert window is not None
    assert len(window.segments) == 29


def test_packet_lists() -> None:
    """A list of scapy packets is an input, under the name that scapy gives it."""
    listed = rdpcap(io.BytesIO(c.pcap(PACKETS)))
    listed.listname = "sniffed"
    for given, name in ((listed, "sniffed"), (list(listed), "packets")):
        (found,) = find([given])
        window = found.open().read()
        assert window is not None
        assert (len(window.segments), found.name) == (29, name)


def test_text_stream() -> None:
    """A file that was opened as text is an InputError that says how to open it."""
    with pytest.raises(InputError, match="binary mode"):
        find([io.StringIO("hello")])


def test_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody types a capture: standard input from a terminal is an InputError."""
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(InputError, match="standard input"):
        find(["-"])
