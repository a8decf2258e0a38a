from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.errors import InputError
from analyzer.inputs import find
from analyzer.wire.sources import Source, modified_ns
from tests.wire import captures as c

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.given import Input

LINE = "Nov 23 16:10:26 mx postfix/smtpd[7]: connect from unknown[192.0.2.1]\n"
LOG = LINE.encode()
PCAP = c.pcap(c.traffic(9))


def write(folder: Path, *names: str, data: bytes = LOG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)


def found(*paths: object) -> dict[str, list[str]]:
    return {one.name: [os.path.basename(str(place)) for place in one.places] for one in find(paths)}


def text(given: Input) -> bytes:
    return b"".join(source.stream.readall() for source in given.sources())


# --- kinds


@pytest.mark.parametrize(
    "data",
    [
        LOG,
        gzip.compress(LOG, mtime=0),
        bz2.compress(LOG),
        b"\xef\xbb\xbf" + LOG,
        b"\xff\xfe" + LINE.encode("utf-16-le"),
        b"\xfe\xff" + LINE.encode("utf-16-be"),
        gzip.compress(b"\xff\xfe" + LINE.encode("utf-16-le"), mtime=0),
    ],
)
def test_texts(data: bytes, tmp_path: Path) -> None:
    """Text is told by its content, and read as UTF-8 however it is packed and coded; what was looked at is not lost."""
    write(tmp_path, "given", data=data)
    (one,) = find([tmp_path / "given"])
    assert (one.kind, one.name, text(one)) == ("text", "given", LOG)
    (one,) = find([io.BytesIO(data)])
    assert (one.kind, one.name, text(one)) == ("text", "-", LOG)


@pytest.mark.parametrize(
    "data",
    [
        LOG * 20 + bytes(900),
        bytes(900) + LOG * 20,
        LOG * 2 + bytes(99) + LOG * 2,
        b"just some words\n",
        "größer\n".encode("latin-1"),
        b"\xff\xfe",
    ],
)
def test_odd_texts(data: bytes, tmp_path: Path) -> None:
    """Zeros that a crash left in a log, and text in any coding, are text still."""
    write(tmp_path, "given", data=data)
    if data == b"\xff\xfe":  # a mark and nothing behind it
        with pytest.raises(InputError, match="is empty"):
            find([tmp_path / "given"])
        return
    (one,) = find([tmp_path / "given"])
    assert (one.kind, text(one)) == ("text", data)


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)),
        bytes(5000),
        bytes(900) + LOG,
        b"a word\n" * 9 + bytes(9),
        LINE.encode("utf-16-le"),  # nothing tells its coding
        gzip.compress(bytes(range(256)), mtime=0),
        random.Random(7).randbytes(4096),
    ],
)
def test_junk(data: bytes, tmp_path: Path) -> None:
    """Octets that are neither a capture nor text are an InputError of one line."""
    write(tmp_path, "junk.bin", data=data)
    with pytest.raises(InputError, match=r"^junk\.bin is no packet capture .*and no text") as error:
        find([tmp_path / "junk.bin"])
    assert "\n" not in str(error.value)


def test_folder_of_both(tmp_path: Path) -> None:
    """A folder gives its captures and its texts; what is neither is told."""
    write(tmp_path, "mail.log", "x/notes")
    write(tmp_path, "b.pcap", data=PCAP)
    write(tmp_path, "junk", data=bytes(range(256)))
    write(tmp_path, "empty", data=b"")
    inputs = find([tmp_path])
    assert [(one.kind, one.name) for one in inputs] == [("capture", "b.pcap"), ("text", "mail.log"), ("text", "notes")]
    assert [(skip.reason.split(";")[0].split(" (")[0], skip.first) for one in inputs for skip in one.skipped] == [
        ("file is empty", "empty"),
        ("file is no packet capture", "junk"),
    ]


def test_lines_of_equal_names(tmp_path: Path) -> None:
    """Where logs of several hosts have one name, each place says which of them it is in; files of a set, too."""
    line = b"Nov 23 15:39:3%d mx postfix/smtpd[%d]: warning: unknown[192.0.2.%d]: SASL LOGIN authentication failed: x\n"
    for host, name in enumerate(("h1/mail.log.1", "h1/mail.log", "h2/mail.log")):
        write(tmp_path, name, data=line % (host, host, host + 1))
    trace = analyzer.read(tmp_path / "h1", tmp_path / "h2", year=2026)
    assert trace.sources == ["h1/mail.log", "h2/mail.log"]
    assert sorted(trace.auth["where"]) == ["h1/mail.log line 1", "h1/mail.log.1 line 1", "h2/mail.log line 1"]


def test_folder_of_nothing(tmp_path: Path) -> None:
    """A folder that holds neither captures nor logs is an InputError that says so."""
    write(tmp_path, "junk", data=bytes(range(256)))
    with pytest.raises(InputError, match="holds no packet captures or logs"):
        find([tmp_path])


# --- rotated logs

SETS = {
    "mail.log": ["mail.log.10.gz", "mail.log.2.gz", "mail.log.1", "mail.log"],
    "mainlog": ["mainlog.10", "mainlog.02", "mainlog.01", "mainlog"],
    "maillog": ["maillog.1.gz", "maillog.0.gz", "maillog"],
    "syslog": ["syslog-20251231", "syslog-20261121.gz", "syslog-20261122.gz", "syslog"],
    "exim.main": ["exim.main.20261121", "exim.main.20261122"],
    "dated": ["dated-2026-11-21.gz", "dated-2026-11-22", "dated"],
    "hourly": ["hourly-2026112122", "hourly-20261122", "hourly-2026112201"],
    "dashed": ["dashed-2", "dashed-1", "dashed"],
    "packed": ["packed.gz", "packed"],
}


@pytest.mark.parametrize("name", SETS)
def test_rotated_logs(name: str, tmp_path: Path) -> None:
    """The files of a rotated log are one source under its name, the oldest first, however they are named."""
    write(tmp_path, *SETS[name])
    assert found(tmp_path) == {name: SETS[name]}
    assert found(tmp_path / "*") == {name: SETS[name]}
    assert found(*(tmp_path / one for one in reversed(SETS[name]))) == {name: SETS[name]}


def test_all_compressions(tmp_path: Path) -> None:
    """However the files of a rotated log are packed, they are read one after another."""
    (tmp_path / "mail.log.2.bz2").write_bytes(bz2.compress(b"two\n"))
    (tmp_path / "mail.log.3.gz").write_bytes(gzip.compress(b"three\n", mtime=0))
    write(tmp_path, "mail.log.1", data=b"one\n")
    (one,) = find([tmp_path])
    assert text(one) == b"three\ntwo\none\n"
    sources = one.sources()
    first = next(sources)
    second = next(sources)
    assert (first.name, second.name) == ("mail.log.3.gz", "mail.log.2.bz2")
    assert first.stream.closed
    sources.close()
    assert second.stream.closed


def test_no_sets(tmp_path: Path) -> None:
    """A single file keeps its name; other logs, other folders, captures and what Exchange writes stay apart."""
    write(tmp_path, "mail.log.1", "mainlog", "RECV2026112301-1.LOG", "RECV2026112302-1.LOG", "a/maillog", "b/maillog.1")
    write(tmp_path, "mainlog.1", data=PCAP)
    exchange = ["RECV2026112301-1.LOG", "RECV2026112302-1.LOG"]
    apart = [*exchange, "mail.log.1", "mainlog", "mainlog.1", "maillog", "maillog.1"]
    assert found(tmp_path) == {name: [name] for name in apart}
    assert found(tmp_path / "mail.log.1") == {"mail.log.1": ["mail.log.1"]}


def test_sets_of_equal_names(tmp_path: Path) -> None:
    """Rotated logs of two hosts are told apart by their folders."""
    write(tmp_path, *(f"mx{host}/{name}" for host in (1, 2) for name in ("mail.log", "mail.log.1")))
    assert found(tmp_path) == {f"mx{host}/mail.log": ["mail.log.1", "mail.log"] for host in (1, 2)}


def test_skips_of_a_set(tmp_path: Path) -> None:
    """What a folder held besides is told with the set."""
    write(tmp_path, "mail.log", "mail.log.1")
    write(tmp_path, "junk", data=bytes(range(256)))
    (one,) = find([tmp_path])
    assert [skip.first for skip in one.skipped] == ["junk"]


# --- sources


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["utf-16-le", "utf-16-be"]), st.integers(1, 9))
def test_utf_16(words: str, coding: str, step: int) -> None:
    """UTF-16 comes out as UTF-8, whatever the steps in which it is read."""
    words = words.lstrip("\ufeff")
    stream = Source(io.BytesIO("\ufeff".encode(coding) + words.encode(coding))).stream
    made = b"".join(iter(lambda: stream.read(step), b""))
    assert made.decode() == words


def test_damaged_utf_16() -> None:
    """Half a character at the end, and damage in what packed the text, are no exceptions; the damage is told."""
    coded = b"\xff\xfe" + (LINE * 1000).encode("utf-16-le")
    assert Source(io.BytesIO(coded[:-1])).stream.readall().decode()[-1] == "\ufffd"
    stream = Source(io.BytesIO(gzip.compress(coded, mtime=0)[:-30])).stream
    assert stream.readall()[: len(LOG)] == LOG
    assert re.search("ended", str(stream.damage))


def test_modified(tmp_path: Path) -> None:
    """A file tells when it was written, by its path and as an open file; a pipe and what is in memory do not."""
    write(tmp_path, "mail.log")
    path = tmp_path / "mail.log"
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))
    with path.open("rb") as file:
        assert modified_ns(file) == modified_ns(path) == modified_ns(Source(path)) == 1_700_000_000_123_456_789
    (one,) = find([path])
    assert [source.modified for source in one.sources()] == [1_700_000_000_123_456_789]
    assert modified_ns(io.BytesIO()) is None
    assert modified_ns(tmp_path / "nothing") is None
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        os.close(writing)
        assert modified_ns(pipe) is None
