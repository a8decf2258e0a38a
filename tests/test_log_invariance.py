"""However a log is read, the tables are the same: blocks, kernels, rotation, compression, line ends, envelopes.

A log and a capture of the same traffic make one event of what both tell.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from click.testing import CliRunner

import analyzer
from analyzer import kernel
from analyzer.cli import main
from analyzer.logs import columns as c
from analyzer.logs import read as reading
from analyzer.logs.account import Account
from analyzer.logs.blocks import blocks
from analyzer.logs.catalogue import Catalogue
from analyzer.logs.clock import Clock
from analyzer.logs.formats import formats
from analyzer.logs.lines import Lines
from analyzer.wire.sources import Source
from tests.matching import records
from tests.rendering import pen_of
from tests.truth import DATA, needs_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from analyzer.trace import Trace

#: Options that make reading independent of this machine.
SET: Final[dict[str, Any]] = {"timezone": "UTC", "year": 2026}
#: Logs of the lab: outcomes, dialogues, several formats.
LAB: Final = [
    DATA / name
    for name in ("postfix-plain/maillog", "exim-plain/exim-mainlog.log", "aiosmtpd-policy/aiosmtpd.log")
    if (DATA / name).exists()
]
#: Lines of a lab log that are read: as many as can be read in small blocks without compiled kernels.
LINES: Final = 400
#: Columns that name the input or the place in it.
PLACES: Final = frozenset({"source", "where", "places"})
#: Columns that an envelope changes: ids are made of places too.
NAMES: Final = PLACES | {"session", "event"}


def _dialogue(name: str, client: int) -> str:
    pen = pen_of(name)
    assert pen is not None
    said = [
        ("server", "220 mx.example.test ESMTP"), ("client", f"EHLO c{client}"), ("server", "250 AUTH LOGIN PLAIN"),
        ("client", "AUTH LOGIN"), ("server", "334 VXNlcm5hbWU6"), ("client", "YWxpY2U="),
        ("server", "334 UGFzc3dvcmQ6"), ("client", "d3Jvbmc="), ("server", "535 5.7.8 no"),
        ("client", "QUIT"), ("server", "221 bye"),
    ]  # fmt: skip
    return pen.write(said)


def _own() -> str:
    """Give a small log of several programs: sessions that interleave, dialogues, and a line that is written often."""
    lines = []
    for k in range(12):
        head = f"Nov 23 10:{k:02}"
        host, pid = f"unknown[192.0.2.{k % 3 + 1}]", 70 + k % 4
        lines += [
            f"{head}:00 mx postfix/smtpd[{pid}]: connect from {host}",
            f"{head}:01 mx dovecot: auth: passwd-file(u{k},192.0.2.{k % 3 + 1}): unknown user",
            f"{head}:02 mx postfix/smtpd[{pid}]: warning: {host}: SASL LOGIN authentication failed: no, sasl_username=u{k}",  # noqa: E501
            f"{head}:02 mx sshd[9]: Failed password for root",
            (
                f"{head}:03 mx postfix/smtpd[{pid}]: message repeated 2 times: [ warning: {host}: SASL LOGIN "
                f"authentication failed: no, sasl_username=u{k}]"
            ),
            f"{head}:04 mx postfix/smtpd[{pid}]: disconnect from {host} ehlo=1 auth=0/3 commands=1/4",
        ]
        end = f"user=<u{k}>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, session=<S{k}>"
        lines += [
            f"{head}:05 mx dovecot: auth: passwd-file(u{k},192.0.2.9,<S{k}>): unknown user - trying the next passdb",
            f"{head}:05 mx dovecot: auth: sql(u{k},192.0.2.9,<S{k}>): Password mismatch",
            f"{head}:07 mx dovecot: submission-login: "
            + (f"Login: {end}" if k % 2 else f"Disconnected (auth failed, {1 + k % 3} attempts in 2 secs): {end}"),
        ]
        lines += _dialogue("postfix", k).replace("Nov 23 10:00", head).replace("[77]", f"[{pid}]").splitlines()
    return "\n".join(lines) + "\n"


@cache
def _text(path: Path | None) -> bytes:
    if path is None:
        return _own().encode()
    return b"".join(path.read_bytes().splitlines(keepends=True)[:LINES])


LOGS: Final = [None, *LAB]
each_log = pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name if path else "own")


def columns(trace: Trace, without: frozenset[str] = frozenset()) -> dict[str, dict[str, list[Any]]]:
    """Give all tables but what was skipped, as lists, in order."""
    tables = {name: table.lists() for name, table in trace.tables.items() if name != "skipped"}
    return {table: {name: c for name, c in lists.items() if name not in without} for table, lists in tables.items()}


def skipped(trace: Trace) -> list[tuple[str, int]]:
    """Give what was skipped, and how often."""
    lists = trace.tables["skipped"].lists()
    return sorted(zip(lists["reason"], lists["count"], strict=True))


@cache
def plainly(path: Path | None, folder: Path) -> Trace:
    """Read a log as one file, in one block, interpreted."""
    place = folder / "mail.log"
    place.write_bytes(_text(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.FORCE, "interpreted")
        return analyzer.read(place, **SET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for logs as they were written."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(autouse=True)
def _after() -> Iterator[None]:
    yield
    kernel.select(0)


@each_log
@pytest.mark.parametrize(("size", "workers"), [(300, 1), (300, 2), (4096, 1), (30_000, 2)])
def test_blocks(path: Path | None, size: int, workers: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where blocks end, and how far is read ahead, changes nothing in any table, ids and order included."""
    wanted = plainly(path, folder)
    monkeypatch.setattr(reading, "blocks", lambda source, unwrap=None: blocks(source, unwrap, size))
    monkeypatch.setenv(kernel.FORCE, "interpreted")
    _put_back(folder, path)
    found = analyzer.read(folder / "mail.log", workers=workers, **SET)

    assert columns(found) == columns(wanted)
    assert skipped(found) == skipped(wanted)


#: What stands behind the end of a session: seconds after it, in which log, whether it is of that session.
_BEHIND: Final = [
    ("postfix/smtpd[7]: lost connection after AUTH from c[192.0.2.7]", 2, True),  # two lines that changed places
    ("postfix/smtpd[7]: lost connection after AUTH from c[192.0.2.7]", 9, False),
    ("postfix/smtpd[7]: warning: c[192.0.2.7]: SASL PLAIN authentication failed: no", 1, False),
    ("postfix/smtpd[7]: connect from c[192.0.2.7]", 0, False),
]


@pytest.mark.parametrize("behind", _BEHIND)
@pytest.mark.parametrize("size", [100, 6_000_000])
def test_behind_the_end(behind, size, tmp_path, monkeypatch):
    """What still belongs to a session that is over depends on the time, and not on where blocks end."""
    line, seconds, belongs = behind
    lines = [
        (0, "postfix/smtpd[7]: connect from c[192.0.2.7]"),
        (1, "postfix/smtpd[7]: warning: c[192.0.2.7]: SASL PLAIN authentication failed: no"),
        (1, "postfix/smtpd[7]: disconnect from c[192.0.2.7]"),
        *((1 + k, "postfix/smtpd[8]: connect from d[192.0.2.8]") for k in range(seconds)),
        (1 + seconds, line),
    ]
    (tmp_path / "mail.log").write_text("".join(f"Nov 23 10:00:{at:02} mx {text}\n" for at, text in lines))
    monkeypatch.setattr(reading, "blocks", lambda source, unwrap=None: blocks(source, unwrap, size))
    found = analyzer.read(tmp_path / "mail.log", **SET)

    clients = found.tables["sessions"].lists()["client_ip"]
    assert clients.count("192.0.2.7") == (1 if belongs else 2)


@pytest.mark.parametrize("size", [300, 6_000_000])
def test_told_by_two_patterns(size, tmp_path, monkeypatch):
    """A request that two lines tell of is one, wherever blocks end."""
    head = "2026-11-23 10:00:0{},5 {}  [q:smtp://mx/] [oip=192.0.2.7;oport=4;oproto=smtp;soapId={};] {}"
    why = "authentication failed for [bob], invalid password"
    lines = []
    for k in range(9):
        audit = f"security - cmd=Auth; account=bob; protocol=soap; error={why};"
        lines.append(head.format(k, "WARN", k, audit))
        lines.append(head.format(k, "INFO", k - k % 2, f"SoapEngine - handler exception: {why}"))
    (tmp_path / "mailbox.log").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(reading, "blocks", lambda source, unwrap=None: blocks(source, unwrap, size))
    auth = analyzer.read(tmp_path / "mailbox.log", **SET).tables["auth"].lists()

    told = sorted(int(place.split()[-1]) for place in auth["where"])
    assert told == [1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17]


def test_exim_tells_afterwards(tmp_path):
    """Of a session of Exim, more may be told for a minute after its end."""
    head, who = "2026-11-23 10:0", "from (c.example.test) [192.0.2.7]:40000"
    end = f"{head}0:00 [9] SMTP connection {who} closed by QUIT\n"
    told = f"[9] no MAIL in SMTP connection {who} D=1s A=plain_server:alice C=EHLO,AUTH,QUIT\n"
    counts = []
    for behind in (f"{head}0:50 {told}", f"{head}1:05 {told}"):
        (tmp_path / "mainlog").write_text(end + behind)
        counts.append(len(analyzer.read(tmp_path / "mainlog", **SET).tables["sessions"]))
    assert counts == [1, 2]


def _put_back(folder: Path, path: Path | None) -> None:
    """Write a log again: all share one name, which is in the ids."""
    (folder / "mail.log").write_bytes(_text(path))


@each_log
@pytest.mark.skipif(not kernel.available(), reason="numba is not installed")
def test_kernels(path: Path | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled kernels change nothing in any table."""
    wanted = plainly(path, folder)
    _put_back(folder, path)
    monkeypatch.setenv(kernel.FORCE, "compiled")
    found = analyzer.read(folder / "mail.log", **SET)

    assert columns(found) == columns(wanted)
    assert skipped(found) == skipped(wanted)


@each_log
def test_rotated(path: Path | None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log in three files, two of them packed, is the same log."""
    wanted = plainly(path, folder)
    monkeypatch.setenv(kernel.FORCE, "interpreted")
    lines = _text(path).splitlines(keepends=True)
    third = len(lines) // 3
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:third])))
    (tmp_path / "mail.log.1").write_bytes(b"".join(lines[third : 2 * third]))
    (tmp_path / "mail.log").write_bytes(b"".join(lines[2 * third :]))
    found = analyzer.read(tmp_path, **SET)

    # Ids are made of numbers of lines, and a row says in which file it stands.
    without = NAMES | {"frame", "reply_frame"}
    assert columns(found, without) == columns(wanted, without)
    assert skipped(found) == skipped(wanted)


@each_log
def test_packed(path: Path | None, folder: Path, tmp_path: Path) -> None:
    """A compressed log and a stream are the same log."""
    wanted = columns(plainly(path, folder), NAMES)
    (tmp_path / "mail.log.gz").write_bytes(gzip.compress(_text(path)))
    (tmp_path / "plain").write_bytes(_text(path))

    assert columns(analyzer.read(tmp_path / "mail.log.gz", **SET), NAMES) == wanted
    with (tmp_path / "plain").open("rb") as stream:
        assert columns(analyzer.read(stream, **SET), NAMES) == wanted


def _docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-23T10:00:00.5Z"})


def _journal(line: str) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": "1795428000000000", "MESSAGE": line, "_HOSTNAME": "mx"})


def _cri(line: str) -> str:
    half = len(line) // 2
    stamp = "2026-11-23T10:00:00.5Z stdout"
    return f"{stamp} F {line}" if half % 2 else f"{stamp} P {line[:half]}\n{stamp} F {line[half:]}"


def _crlf(line: str) -> str:
    return f"{line}\r"


_STAMP: Final = "2026-11-23T10:00:00.5Z"

ENVELOPES: Final[dict[str, Callable[[str], str]]] = {
    "docker": _docker, "journald": _journal, "CRI": _cri, "CRLF": _crlf, "compose": lambda line: f"mail-1  | {line}",
    "journald in docker": lambda line: _docker(_journal(line)), "docker logs -t": lambda line: f"{_STAMP} {line}",
    "colours": lambda line: f"\x1b[2m{line}\x1b[0m",
}  # fmt: skip


@each_log
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_envelopes(path: Path | None, envelope: str, folder: Path, tmp_path: Path) -> None:
    """What containers and journals put about lines that have their own time changes no column."""
    without = NAMES | {"frame", "reply_frame"}
    wanted = columns(plainly(path, folder), without)
    lines = _text(path).decode("utf-8", "surrogateescape").splitlines()
    wrapped = "".join(f"{ENVELOPES[envelope](line)}\n" for line in lines)
    (tmp_path / "mail.log").write_bytes(wrapped.encode("utf-8", "surrogateescape"))

    assert columns(analyzer.read(tmp_path / "mail.log", **SET), without) == wanted


#: A log and the capture beside it.
GROUPS: Final = {
    "postfix-plain": "maillog", "exim-plain": "exim-mainlog.log", "aiosmtpd-policy": "aiosmtpd.log",
    "postfix-verbose": "maillog",
}  # fmt: skip


@cache
def _together(group: str) -> tuple[Trace, Trace]:
    paths = [DATA / group / name for name in ("capture.pcap", GROUPS[group])]
    return analyzer.read(paths[0], **SET), analyzer.read(*paths, **SET)


def _seen(paths: list[str]) -> str:
    result = CliRunner().invoke(main, ["report", *paths, "--quiet", "--timezone", "UTC", "--year", "2026"])
    assert result.exit_code == 0
    return next((line for line in result.output.splitlines() if "AUTH attempt" in line), "")


@needs_data
@pytest.mark.parametrize("group", GROUPS)
def test_log_and_capture(group: str) -> None:
    """Every exchange of a log is one of the capture beside it, each of another one."""
    alone, both = _together(group)
    rows = records(both.tables["auth"].lists())
    shown = {row["event"] for row in rows if row["evidence"] != "logged"}
    told = [row["event"] for row in rows if row["evidence"] == "logged"]

    assert len(shown) == len(alone.tables["auth"])
    assert told
    assert len(set(told)) == len(told)
    assert not set(told) - shown


@needs_data
@pytest.mark.parametrize("group", GROUPS)
def test_counted_once(group: str) -> None:
    """A report over a log and its capture counts what the capture's own does."""
    capture, log = (str(DATA / group / name) for name in ("capture.pcap", GROUPS[group]))
    once, both = (_seen(paths).split()[:2] for paths in ([capture], [capture, log]))

    assert once[:1] == ["Seen"]
    assert both == once


def test_room_is_empty(folder: Path) -> None:
    """Behind a block there is room for the lines of sessions that go on; whoever looks at all rows finds nothing there.

    What was in that memory before could be a secret, or no place in the block at all.
    """
    path = folder / "room.log"
    path.write_text(_own())
    found = []
    for room in ((0, 0), (5000, 300)):
        np.full((400, c.LINE_WIDTH), 1 << 40)  # what the memory held before
        np.full((c.SPANS_WIDTH, 400), 1 << 20, np.int32)
        lines = Lines(Catalogue(formats()), Clock(dt.UTC, 2026, None), Account("room.log"))
        with path.open("rb") as file:
            block = lines.block(next(blocks(Source(file))), room)
        octets, rows = block.used
        assert (len(block.buffer), len(block.lines)) == (octets + room[0], rows + room[1])
        assert not block.buffer[octets:].any()
        assert not block.lines[rows:].any()
        assert not block.spans[:, rows:].any()
        found.append(block.events.tolist())
    assert found[0] == found[1]
    assert found[0]
