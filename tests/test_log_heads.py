"""Heads of lines as the ways of writing logs differ: what stands beside time, host and program takes no line away."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import analyzer
from analyzer import kernel
from tests.truth import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.trace import Trace

SMTPD = "postfix/smtpd[100]: "
SAID = (
    "connect from c[192.0.2.7]",
    "warning: c[192.0.2.7]: SASL LOGIN authentication failed: no",
    "disconnect from c[192.0.2.7]",
)
EXIM = "login authenticator failed for (c) [192.0.2.7]:4711: 535 Incorrect authentication data (set_id=bob)"


@pytest.fixture(params=["interpreted", "compiled"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run kernels in both ways."""
    if request.param == "compiled" and not kernel.available():
        pytest.skip("numba is not installed")
    monkeypatch.setenv(kernel.FORCE, request.param)
    yield
    monkeypatch.undo()
    kernel.select(0)


def read(*lines: str, timezone: str = "UTC") -> Trace:
    """Read a log of some lines."""
    return analyzer.read(io.BytesIO("".join(f"{line}\n" for line in lines).encode()), timezone=timezone, year=2026)


def told(trace: Trace) -> list[tuple[Any, ...]]:
    """Give of each exchange who failed to log in, and when."""
    return [
        (row["client_ip"], datetime.fromtimestamp(row["started"] / 10**9, UTC).strftime("%F %T"))
        for row in rows(trace, "auth")
    ]


@pytest.mark.parametrize("priority", ["mail.info", "mail.warn", "local0.notice", "authpriv.err", "security.emerg"])
def test_priorities(priority: str) -> None:
    """BusyBox puts facility and level between host and program."""
    trace = read(*(f"Mar  3 10:00:0{n} mx {priority} {SMTPD}{said}" for n, said in enumerate(SAID)))
    assert told(trace) == [("192.0.2.7", "2026-03-03 10:00:01")]
    assert rows(trace, "skipped") == []
    assert len(rows(trace, "sessions")) == 1


@pytest.mark.parametrize(
    "word",
    [
        "mail.example",
        "mail.infos",
        "mails.info",
        "mail.",
        ".info",
        "mail",
        "MAIL.INFO",
        "mail.info.x",
        "öäüöäüöäü.info",
    ],
)
def test_other_words(word: str) -> None:
    """No other word stands there, whatever dots it has."""
    assert told(read(f"Mar  3 10:00:01 mx {word} {SMTPD}{SAID[1]}")) == []


@pytest.mark.parametrize("host", ["mail.info", "user.news", "mail.warn"])
def test_host_like_a_priority(host: str) -> None:
    """A host may have the name of a priority: sessions of two hosts stay apart."""
    trace = read(*(f"Mar  3 10:00:01 {name} {SMTPD}{said}" for said in SAID for name in (host, "mx")))
    assert len(rows(trace, "sessions")) == len(told(trace)) == 2


@pytest.mark.parametrize("host", ["fe80::1", "2001:db8::5", "::1", "fe80::1%eth0", "2001:db8::192.0.2.1", "192.0.2.9"])
def test_addresses_of_hosts(host: str) -> None:
    """A syslog that does not look names up writes the address of the host."""
    trace = read(*(f"Mar  3 10:00:01 {each} {SMTPD}{said}" for said in SAID for each in (host, "2001:db8::9")))
    assert told(trace) == [("192.0.2.7", "2026-03-03 10:00:01")] * 2
    assert len(rows(trace, "sessions")) == 2


@pytest.mark.parametrize("program", ["fe80:", "beef:", "cafe[7]:", "face:x::"])
def test_programs_like_addresses(program: str) -> None:
    """The name of a program may have no letters but hexadecimal ones: it is no host, and no other program follows."""
    assert told(read(f"Mar  3 10:00:01 {program} {SMTPD}{SAID[1]}")) == []


@pytest.mark.parametrize(
    ("head", "started"),
    [
        ("Mar  3 10:00:02 mx exim[125]: 2025-03-03 10:00:01 ", "2025-03-03 09:00:01"),
        ("Mar  3 10:00:02 mx exim[125]: 2025-03-03 10:00:01.234 [125] ", "2025-03-03 09:00:01"),
        ("Mar  3 10:00:02 mx exim[125]: 2025-03-03 10:00:01 +0200 [125] ", "2025-03-03 08:00:01"),
        ("Mar  3 10:00:02 mx exim[125]: [1/3] 2025-03-03 10:00:01 ", "2025-03-03 09:00:01"),
        ("Mar  3 10:00:02 mx exim[125]: [1\\12] 2025-03-03 10:00:01 ", "2025-03-03 09:00:01"),
        ("Mar  3 10:00:02 mx mail.info exim4: 2025-03-03 10:00:01 ", "2025-03-03 09:00:01"),
        # A zone that syslog tells is better than none.
        ("2025-03-03T12:00:02+02:00 mx exim[125]: 2025-03-03 10:00:01 ", "2025-03-03 10:00:02"),
        ("2025-03-03T12:00:02+02:00 mx exim[125]: 2025-03-03 10:00:01 +0000 ", "2025-03-03 10:00:01"),
        ("<22>1 2025-03-03T10:00:02Z mx exim 125 - - 2025-03-03 10:00:01 ", "2025-03-03 10:00:02"),
        # There is none, but syslog's own.
        ("Mar  3 10:00:02 mx exim[125]: ", "2026-03-03 09:00:02"),
        ("Mar  3 10:00:02 mx exim[125]: [125] ", "2026-03-03 09:00:02"),
    ],
)
def test_time_behind_the_program(head: str, started: str) -> None:
    """Exim in a syslog has a time of its own (syslog_timestamp), which has a year."""
    trace = read(f"{head}{EXIM}", timezone="Europe/Berlin")
    assert told(trace) == [("192.0.2.7", started)]
    assert [row["identity"] for row in rows(trace, "auth")] == ["bob"]


@pytest.mark.parametrize(
    "text",
    ["2025-03-03", "2025-03-03 10:00:01", "2025-13-03 10:00:01 x", "2025-03-03 10:00:01x y", "[1/", "[1/2] 2025"],
)
def test_no_time_behind_the_program(text: str) -> None:
    """What only looks like a time there is none, and leaves that of syslog; the lines behind it too."""
    trace = read(*(f"Mar  3 10:00:02 mx exim[125]: {each}" for each in (EXIM, text, EXIM.replace("4711", "4712"))))
    assert told(trace) == [("192.0.2.7", "2026-03-03 10:00:02")] * 2


@pytest.mark.parametrize(
    ("zone", "started"),
    [
        ("CET", "2026-03-03 09:00:01"),
        ("CEST", "2026-03-03 09:00:01"),
        ("UTC", "2026-03-03 10:00:01"),
        ("GMT", "2026-03-03 10:00:01"),
        ("-03", "2026-03-03 13:00:01"),
        ("+0530", "2026-03-03 04:30:01"),
    ],
)
def test_zones_of_the_journal(zone: str, started: str) -> None:
    """The journal names the zone (journalctl -o short-full): one of numbers is told, a name but UTC is not unique."""
    lines = [f"Tue 2026-03-03 10:00:0{n} {zone} mx7 {SMTPD}{said}" for n, said in enumerate(SAID)]
    trace = read(*lines, *(line.replace("mx7", "7mx") for line in lines), timezone="Europe/Berlin")
    assert told(trace) == [("192.0.2.7", started)] * 2
    assert len(rows(trace, "sessions")) == 2
    assert rows(trace, "skipped") == []


@pytest.mark.parametrize(
    "head",
    [
        "2026-03-03 10:00:01 INFO mx",
        "Tue 2026-03-03 10:00:01 Info mx",
        "Tue 2026-03-03 10:00:01 C3T mx",
        "Tue 2026-03-03 10:00:01 CET a mx",
    ],
)
def test_words_that_are_no_zone(head: str) -> None:
    """Other words there do not move the host."""
    assert told(read(f"{head} {SMTPD}{SAID[1]}")) == []


@pytest.mark.parametrize("told_before", ["[ID 197553 mail.info] ", "[ID 1 local0.warning] ", ""])
def test_message_ids(told_before: str) -> None:
    """Solaris puts the number of a message, its facility and its level before the text."""
    trace = read(*(f"Mar  3 10:00:01 mx {SMTPD}{told_before}{said}" for said in SAID))
    assert told(trace) == [("192.0.2.7", "2026-03-03 10:00:01")]
    assert rows(trace, "skipped") == []


@pytest.mark.parametrize(
    "other", ["[ID x mail.info] ", "[ID 7 mail.example] ", "[ID 7 mail.info]", "[ID 7] ", "[ID ", "[ID 7 mail.info x] "]
)
def test_no_message_ids(other: str) -> None:
    """Another bracket stays in the text."""
    assert told(read(f"Mar  3 10:00:01 mx {SMTPD}{other}{SAID[1]}", f"Mar  3 10:00:01 mx {SMTPD}{other}")) == []


@pytest.mark.parametrize(
    ("writer", "count"),
    [
        ("", 4),
        (SMTPD, 4),
        ("syslogd: ", 4),
        ("syslogd[9]: ", 4),
        ("postfix/smtpd[101]: ", 1),
        ("postfix/smtps[100]: ", 1),
        ("logger: ", 1),
    ],
)
def test_repeated(writer: str, count: int) -> None:
    """The program that wrote a line, or syslogd, says that it was written again; nobody else can."""
    line = f"Mar  3 10:00:01 mx {SMTPD}{SAID[1]}"
    trace = read(line, f"Mar  3 10:00:02 mx {writer}last message repeated 3 times")
    assert len(told(trace)) == count
    assert len(rows(trace, "skipped")) == (count == 1)
    assert len(told(read(line, *2 * (f"Mar  3 10:00:02 mx {writer}last message repeated 3 times",)))) == 2 * count - 1


@pytest.mark.parametrize(
    "text",
    ["last message repeated 3 times: x", "last message repeated times", "last message repeated 3", "last message"],
)
def test_not_repeated(text: str) -> None:
    """A text that goes on says nothing of the line before; nor does one that is the first."""
    assert len(told(read(f"Mar  3 10:00:01 mx {SMTPD}{SAID[1]}", f"Mar  3 10:00:01 mx {SMTPD}{text}"))) == 1
    assert len(told(read(f"Mar  3 10:00:01 mx {SMTPD}{text}", f"Mar  3 10:00:01 mx {SMTPD}{SAID[1]}"))) == 1
