"""Logs of strangers: whatever stands in them, every line is accounted for, soon, and no name becomes a fact."""

from __future__ import annotations

import datetime as dt
import io
import random
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer
from analyzer import kernel
from analyzer.errors import InputError
from analyzer.logs import read as reading
from analyzer.logs import repeats
from analyzer.logs.blocks import blocks
from analyzer.logs.read import Log
from analyzer.schema import TABLES
from analyzer.smtp.sasl import Decoder
from analyzer.sorting import sorted_tables
from analyzer.stages import catalogue
from analyzer.wire.sources import Source
from tests.logs import rows_of
from tests.rendering import head_of
from tests.test_formats import KNOWN
from tests.test_hostile import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.tables import Table

#: Real lines of every format, as a log has them.
LINES: Final = [
    f"{head_of(owner)}{sample['text']}".encode()
    for owner in KNOWN
    for pattern in owner.patterns
    for sample in (*pattern.samples, *pattern.injections)
]
#: What breaks heads, envelopes and numbers.
ODD: Final = (
    b"", b"\r", b"\0" * 30, b"\xff\xfe\xfd", b" \t ", b"x" * 3000, b"@400000005", b"@4000000000000000ffffffff x",
    b"@ffffffffffffffffffffffff x", b"<999>1 - - - - - -", b'<1>1 2026-11-23T10:00:00Z a b c [x y="]', b"[", b"<",
    b'{"log": "x", "time": 1}', b'{"log":' + b"[" * 3000, b'{"MESSAGE": [300], "__REALTIME_TIMESTAMP": "x"}',
    b'{"MESSAGE": null, "__REALTIME_TIMESTAMP": "99999999999999999999999"}', b"2026-11-23T10:00:00Z stdout P x",
    b"9999-12-31 23:59:59 x", b"0000-00-00 00:00:00 x", b"Feb 29 23:59:60 mx postfix/smtpd[99999999999999999999]: x",
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: message repeated 999999999 times: [ connect from x[192.0.2.7]]",
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: message repeated 0 times: [ connect from x[192.0.2.7]]",
    b"Nov 23 10:00:00 mx last message repeated 999999999999999999999 times", b"Jan  1 00:00:00 mx last message repeated",  # noqa: E501
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: disconnect from x[192.0.2.7] auth=0/99999999999999999 commands=1/" + b"9" * 40,  # noqa: E501
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: disconnect from x[192.0.2.7] auth=99999/1",
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: < x[192.0.2.7]: BDAT 99999999999999999999999999",
    b"Nov 23 10:00:00 mx postfix/smtpd[7]: > x[192.0.2.7]: 334 " + b"A" * 4000,
)  # fmt: skip
ENDS: Final = (b"\n", b"\r\n", b"\n\n", b"\r", b"\n\0")

modest = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def log_of(data: bytes, form: str | None = None, size: int = 1 << 20) -> tuple[Log, dict[str, Table]]:
    """Read a log; gives it with its tables."""
    source = Source(io.BytesIO(data))
    source.name = "own.log"
    known = catalogue(())
    log = Log("own.log", known, dt.UTC, 2026, form, frozenset(TABLES), Decoder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "blocks", lambda given, unwrap=None: blocks(given, unwrap, size))
        log.read([source], [source])
    return log, sorted_tables(log.written())


def check(log: Log, tables: dict[str, Table]) -> None:
    """Hold what is true of any log: each line is counted once, and rows are what the schema says."""
    left = sum(skip.count for skip in log.account.skips())
    assert log.account.understood + left == log.account.lines
    for name, table in tables.items():
        columns = table.lists()
        for column in TABLES[name]:
            told = column.name in ("started", "first", "at", "last")  # a log may have no times
            assert column.nullable or told or None not in columns[column.name], (name, column.name)
    auth, sessions = tables["auth"].lists(), tables["sessions"].lists()
    assert set(auth["session"]) <= set(sessions["session"])
    assert set(auth["outcome"]) <= OUTCOMES
    assert set(auth["evidence"]) <= {"logged"}
    assert [known == "unknown" for known in auth["rounds_known"]] == [number is None for number in auth["rounds"]]
    assert all(number is None or number >= 0 for number in auth["rounds"])


def mutated(seed: int, count: int) -> bytes:
    """Give lines of all formats in any order, some of them hurt; the same for the same arguments."""
    rng = random.Random(seed)
    pool = [*rng.sample(LINES, 12), *rng.sample(ODD, 6)]
    lines = []
    for _ in range(count):
        line = bytearray(rng.choice(pool))
        kind = rng.randrange(8)
        if kind == 0 and line:
            line[rng.randrange(len(line))] = rng.randrange(256)
        elif kind == 1:
            del line[rng.randrange(len(line) + 1) :]
        elif kind == 2:
            other = rng.choice(pool)
            line[rng.randrange(len(line) + 1) :] = other[rng.randrange(len(other) + 1) :]
        elif kind == 3:
            line[:0] = rng.choice((b"<22>1 ", b"[", b"mx-1  | ", b"2026-11-23T10:00:00Z stdout F ", b"\x1b[31m"))
        lines.append(bytes(line) + (rng.choice(ENDS) if rng.random() < 0.2 else b"\n"))
    return b"".join(lines)


@pytest.fixture(autouse=True)
def _modest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpret kernels, and let a line stand for a few."""
    kernel.select(0)
    monkeypatch.setattr(repeats, "LOG_REPEATS", 50)


@modest
@given(seed=st.integers(0, 1 << 32), count=st.integers(0, 60))
def test_mixed(seed: int, count: int) -> None:
    """Lines of all formats, hurt and mixed, are all accounted for, whatever the size of blocks."""
    data = mutated(seed, count)
    for size in (1 << 20, 256):
        check(*log_of(data, size=size))


@modest
@given(seed=st.integers(0, 1 << 32), form=st.sampled_from([each.name for each in KNOWN]))
def test_forced(seed: int, form: str) -> None:
    """Lines of any format, read as another one, are all accounted for."""
    check(*log_of(mutated(seed, 40), form))


@modest
@given(data=st.binary(max_size=400))
def test_octets(data: bytes) -> None:
    """Any octets are lines of a log."""
    check(*log_of(data))


@modest
@given(data=st.binary(max_size=200), seed=st.integers(0, 1 << 32))
def test_inputs(data: bytes, seed: int) -> None:
    """Octets in front of a log make it a log or an InputError."""
    try:
        trace = analyzer.read(io.BytesIO(data + mutated(seed, 10)), timezone="UTC", year=2026)
    except InputError:
        return
    assert set(trace.tables) == set(TABLES)


@pytest.mark.parametrize("owner", KNOWN, ids=lambda owner: owner.name)
def test_samples_are_accounted_for(owner: Any) -> None:
    """Every sample of a format, all in one log, is understood or told in `skipped`."""
    lines = [sample["text"] for pattern in owner.patterns for sample in (*pattern.samples, *pattern.injections)]
    data = "".join(f"{head_of(owner, k)}{line}\n" for k, line in enumerate(lines)).encode()
    log, tables = log_of(data, owner.name)
    check(log, tables)
    assert log.account.lines == len(lines)


_FAILED: Final = (
    b"Nov 23 10:%02d:%02d mx postfix/smtpd[%d]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: no\n"
)


TELLING: Final = b" mx postfix/smtpd[9]: warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: x\n"
DATES: Final = (b"Nov 23 %b 10:00:00", b"%b-11-23T10:00:00Z", b"23-Nov-%b 10:00:00", b"23.11.%b 10:00:00")


@pytest.mark.parametrize("way", ["interpreted", "compiled"])
@pytest.mark.parametrize("year", [b"0126", b"1677", b"1969", b"2262", b"9999"])
def test_years_of_no_log(monkeypatch: pytest.MonkeyPatch, year: bytes, way: str) -> None:
    """A date whose nanoseconds may not be a number of 64 bits is no time; the lines stay."""
    if way == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setenv(kernel.FORCE, way)
    kernel.select(0)
    try:
        log, tables = log_of(b"".join(date % year + TELLING for date in DATES))
    finally:
        monkeypatch.undo()
        kernel.select(0)

    check(log, tables)
    assert log.account.lines == len(DATES)
    assert set(tables["auth"].lists()["started"]) <= {None}


@pytest.mark.parametrize("before", [b"", b'{"log":"hello\\n","stream":"stdout","time":"2026-03-02T09:00:00Z"}\n'])
def test_an_envelope_of_nothing(before: bytes) -> None:
    """An envelope whose text is blank, without an end of its own, is a blank line, also where a block has no other."""
    line = b'{"log":"\\n","stream":"stdout","time":"2026-03-02T09:00:00Z"}'
    for data in (before + line, before + line + b"\n"):
        assert [(skip.reason, skip.count) for skip in log_of(data, size=80)[0].account.skips()][-1:] != []
        assert not len(analyzer.read(io.BytesIO(data)).tables["auth"])


def _numbered(line: bytes) -> Callable[[int], bytes]:
    return lambda count: b"".join(line % (k + 1) for k in range(count))


def _whole(head: bytes, part: bytes, tail: bytes = b"\n") -> Callable[[int], bytes]:
    return lambda count: head + part * count + tail


#: What could take more than its share: of how many lines or parts, and in which format.
SHAPES: Final[dict[str, tuple[str | None, Callable[[int], bytes]]]] = {
    "one session": (
        "postfix", lambda count: b"".join(_FAILED % (k // 60 % 60, k % 60, 7) for k in range(count)),
    ),
    "never closed": ("postfix", _numbered(b"Nov 23 10:00:00 mx postfix/smtpd[%d]: connect from unknown[192.0.2.7]\n")),
    "sessions of a dialogue": ("aiosmtpd", _numbered(b"INFO:mail.log:('192.0.2.7', %d) >> b'AUTH LOGIN'\n")),
    "one dialogue": ("swaks", _whole(b"<-  220 mx ESMTP\n", b"-> AUTH LOGIN\n<-  504 5.5.4 no\n")),
    "no server": ("swaks", _whole(b"<-  220 mx ESMTP\n", b"-> AUTH LOGIN\n")),
    "greetings": ("swaks", _whole(b"-> EHLO x\n", b"<-  220 mx ESMTP\n")),
    "sessions in one file": ("swaks", _whole(b"", b"=== Connected to x.\n<-  220 mx ESMTP\n-> QUIT\n<-  221 bye\n")),
    "more on each": (
        "nodemailer",
        _whole(b"", b'DEBUG [x] C: AUTH LOGIN\nDEBUG [x] S: 504 no\nINFO  [x] User "a" failed to authenticate\n'),
    ),
    "reply without end": ("swaks", _whole(b"-> EHLO x\n", b"<-  250-mx ESMTP\n")),
    "reply in one line": ("phpmailer", _whole(b"SERVER -> CLIENT: ", b"250-x")),
    "folded line": ("postfix-notify", _whole(b" Out: 220 x\n In:  AUTH PLAIN aaaa\n", b"    " + b"a" * 70 + b"\n")),
    "times that jump": (
        "postfix",
        lambda count: b"".join(
            b"%b %2d %02d:00:00 mx postfix/smtpd[%d]: connect from unknown[192.0.2.7]\n"
            % ((b"Jan", b"Dec", b"Feb", b"Jul")[k % 4], k % 28 + 1, k % 24, k % 50 + 1)
            for k in range(count)
        ),
    ),
    "literals of a template": (
        "dovecot",
        _whole(
            b"Nov 23 10:00:00 mx dovecot: submission-login: Info: x (",
            b"auth failed, 1 attempts): user=<a>, method=PLAIN, rip=1, lip=2, session=<",
        ),
    ),
    "names of hosts": (
        "exim", _whole(b"2026-11-23 10:00:00 login authenticator failed for (a) ", b"[192.0.2.7]:1: 535 x (set_id=a) H=("),  # noqa: E501
    ),
    "blanks": (None, _whole(b"2026-11-23 10:00:00", b" \t" * 10, b"x\n")),
    "entities": ("phpmailer", _whole(b"SERVER -&gt; CLIENT: ", b"&amp;<br>", b"<br>\n")),
    "tags": (None, _whole(b"[B]\n", b"[B] [/CODE]  ")),
    "base64 in a reason": (
        "postfix",
        _whole(b"Nov 23 10:00:00 mx postfix/smtpd[7]: warning: a[192.0.2.7]: SASL LOGIN authentication failed: ", b"Aa0/ "),  # noqa: E501
    ),
    "brackets in JSON": (None, _whole(b'{"log":', b"[")),
    "parts of a line": (None, _whole(b"", b"2026-11-23T10:00:00Z stdout P xxxxxxxxxxxxxxxxxx\n")),
}  # fmt: skip
#: Parts of the smaller of two logs; the other has so many times more, and may take so many times longer.
PARTS: Final = 600
MORE: Final = 6
LONGER: Final = 18
#: Below this the clock tells nothing.
MOMENT: Final = 0.04


@pytest.mark.parametrize("shape", SHAPES)
def test_linear(shape: str) -> None:
    """No shape of a log takes more than its share of time: six times as much of it not eighteen times as long."""
    form, make = SHAPES[shape]
    spent = []
    for count in (PARTS, MORE * PARTS):
        data = make(count)
        began = time.process_time()
        log, tables = log_of(data, form)
        spent.append(max(time.process_time() - began, MOMENT))
        check(log, tables)

    assert spent[1] < LONGER * spent[0], spent


@pytest.mark.parametrize("count", [10, 10**5, 10**9, 10**30])
def test_repeated(count: int) -> None:
    """A line that says how often it was written says it within limits."""
    head = "Nov 23 10:00:00 mx postfix/smtpd[7]: "
    text = "warning: x[192.0.2.7]: SASL LOGIN authentication failed: no"
    data = f"{head}{text}\n{head}message repeated {count} times: [ {text}]\n".encode()
    log, tables = log_of(data)
    check(log, tables)

    assert len(tables["auth"]) == (count + 1 if count <= repeats.LOG_REPEATS else 1)
    assert log.account.understood == len(data.splitlines()) - (count > repeats.LOG_REPEATS)


#: Names that look like what servers write.
NAMES: Final = [
    sample["text"]
    for owner in KNOWN
    for pattern in owner.patterns
    for sample in pattern.samples
    if pattern.event in ("failed", "succeeded", "connect", "disconnect", "line") and "\t" not in sample["text"]
][::2]
#: Names that once were taken for something else.
WORST: Final = (
    "x, sasl_username=(unavailable)", "bad protocol / cancel, sasl_username=(unavailable)",
    "x (no auth attempts in 0 secs): user=<", "x (auth failed, 9 attempts in 2 secs): user=<",
)  # fmt: skip
#: Lines whose server puts what the client says where only it can tell: between its own words, or at the end.
TELLERS: Final = {
    "postfix": "Nov 23 10:00:00 mx postfix/smtpd[7]: warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: authentication failure, sasl_username={}",  # noqa: E501
    "dovecot": "Nov 23 10:00:00 mx dovecot: submission-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{}>, method=LOGIN, rip=192.0.2.7, lip=192.0.2.1, session=<AbC>",  # noqa: E501
    "exim": "2026-11-23 10:00:00 login authenticator failed for (x) [192.0.2.7]:40001: 535 Incorrect authentication data (set_id={})",  # noqa: E501
    "opensmtpd": "Nov 23 10:00:00 mx smtpd[7]: 77aa1f5cd4f5c08b smtp authentication user={} result=permfail",
    "sendmail": "Nov 23 10:00:00 mx sendmail[7]: AUTH=server, relay=x [192.0.2.7], authid={}, mech=LOGIN, bits=0",
}  # fmt: skip


@pytest.mark.parametrize("teller", TELLERS)
def test_names_stay_names(teller: str) -> None:
    """A user or a host whose name is a line of a log changes no other column, and makes no other row."""
    form = teller.partition(",")[0]
    shown = ("client_ip", "mechanism", "outcome", "code", "reason", "tls", "rounds", "where")
    told = {}
    for name in ("bob", *WORST, *NAMES):
        _, tables = log_of(f"{TELLERS[teller].format(name.strip() or 'bob')}\n".encode(), form)
        told[name] = [{column: row[column] for column in shown} for row in rows_of(tables["auth"])]

    assert len(told["bob"]) == 1
    assert {name: rows for name, rows in told.items() if rows != told["bob"]} == {}
