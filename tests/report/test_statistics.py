"""Statistics in a terminal: the page of the main ones, and one answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import pytest

import analyzer
from analyzer.report.overview import page
from analyzer.report.screen import Clock, Screen, width_of
from analyzer.report.statistics import answered
from analyzer.schema import TABLES
from analyzer.stats.answer import answer
from analyzer.stats.facts import Facts
from analyzer.tables import Table
from tests.records import ms, session
from tests.stats.traffic import facts

SCREEN = Screen(80, False, Clock(dt.UTC))
FIRST_LOOK = Path(__file__).parents[2] / "samples/first-look/capture.pcap"
HEAD = """\
Input       mail.pcap
Seen        10 attempts in 7 sessions, 6 names, 4 clients
Failed      8 of 10 attempts whose ending was seen: 80.0 % (49 to 94 %)
First try   1 of 5 sessions succeeded: 20.0 % (4 to 62 %)
Per session attempts: 0 in 1, 1 in 2, 2 in 2, 4 in 1
When        09 h (10), Mon (10), UTC
Not seen    of 7 sessions 1 could not be read; of 1 nobody knows whether they
            had attempts
"""
TITLES = (
    "Mechanisms, and how often they failed",
    "Why attempts failed",
    "Rounds (334 replies) against what the mechanism takes",
    "Where clients left: after which challenge",
    "Seconds",
    "Mechanisms offered and used, in sessions whose EHLO reply is known",
)


@pytest.fixture(scope="module")
def morning():
    """The sample that a newcomer begins with."""
    return Facts(analyzer.read(FIRST_LOOK).tables, dt.UTC)


def shown(made, by, screen=SCREEN, **how):
    other = how.get("other")
    return list(answered(answer(made, by, **how), made, other, screen))


def test_page(morning):
    """The page begins with what it is of and what nobody saw, and has every section."""
    text = "\n".join(page(morning, ["mail.pcap"], SCREEN))

    assert text.startswith(HEAD)
    assert [line for line in text.splitlines() if line in TITLES] == list(TITLES)
    assert "\n         8       7  87.5 %  53 to 98         4      5        3  LOGIN\n" in text
    assert "\n       5  50.0 %         3      5        2  rejected       bad_credentials\n" in text
    assert "\n         5          1  LOGIN      2       expected\n" in text
    assert "\n         1         1        1  username    LOGIN      client_closed\n" in text
    assert "\n        7      5          2            0  clear  (all)\n" in text


@pytest.mark.parametrize("width", [80, 120])
def test_page_is_two_screens(width):
    """However much there is to tell, the page takes two screens, and no line is wider than the terminal."""
    endless = [
        {
            "session": f"S{n}", "mechanism": f"MECHANISM-{n % 20}", "outcome": outcome, "reason": f"reason_{n % 30}",
            "identity": f"{n}@{'x' * 70}.test", "client_ip": f"10.1.{n // 200}.{n % 200}", "challenge": "username",
            "started": ms(3_600_000 * n), "rounds": n % 4,
        }
        for n, outcome in zip(range(600), ["rejected", "succeeded", "client_closed", "cancelled"] * 150, strict=True)
    ]  # fmt: skip
    listed = " ".join(f"M{m}" for m in range(20))
    offers = tuple(session(f"S{n}", "10.1.0.1", ms(0), offered=listed, attempts=n) for n in range(600))
    screen = dataclasses.replace(SCREEN, width=width)
    lines = list(page(facts(*endless, sessions=offers), ["x" * 300], screen))

    assert len(lines) <= 64
    assert max(map(width_of, lines)) <= width
    assert "  and 14 more: `smtp-analyzer stats --by mechanism` gives all" in lines


def test_page_of_nothing():
    """Without SMTP the page says so, and has no empty section."""
    empty = Facts({name: Table.empty(name) for name in TABLES}, dt.UTC)

    assert list(page(empty, ["mail.pcap"], SCREEN)) == [
        "Input       mail.pcap",
        "Seen        0 attempts in 0 sessions, 0 names, 0 clients",
    ]


def test_all_seen():
    """Where everything was seen the page says that, and no answer counts zeros."""
    seen = facts({"outcome": "rejected"}, sessions=(session("S0", "192.0.2.1", ms(0)),))

    assert (
        "Not seen    no session inside TLS, no ending that nobody saw, no rounds that are\n            not exact"
        in ("\n".join(page(seen, [], SCREEN)))
    )
    assert shown(seen, "mechanism")[0] == "stats: 1 attempt in 1 session"


def test_basis(morning):
    """An answer says what it is of and what of that nobody can know."""
    text = " ".join(" ".join(shown(morning, "mechanism")).split())

    assert text.startswith(
        "stats: 10 attempts in 7 sessions; of 7 sessions 1 could not be read; of 1 nobody knows whether they had "
        "attempts attempts "
    )
    told = ({"outcome": "unseen"}, {"outcome": "rejected", "rounds_known": "unknown"})
    vague = facts(*told, sessions=tuple(session(f"S{n}", "192.0.2.1", ms(0)) for n in range(2)))
    assert shown(vague, "mechanism")[:2] == [
        "stats: 2 attempts in 2 sessions; of 2 attempts 1 with an ending that nobody saw;",
        "       1 with rounds that are not exact",
    ]
    hidden = Facts(analyzer.read(FIRST_LOOK.parents[1] / "tls-without-keys/capture.pcap").tables, dt.UTC)
    assert "of 1 nobody knows whether they had attempts" in " ".join(" ".join(shown(hidden, "")).split())


@pytest.mark.parametrize(
    ("by", "how", "heads"),
    [
        ("mechanism", {}, "attempts failed rate 95 % sessions names clients mechanism"),
        ("reason", {}, "attempts of rate 95 % sessions names clients reason"),
        ("reason", {"failures": True}, "failed of rate 95 % sessions names clients reason"),
        ("outcome", {"measure": "seconds"}, "attempts known least p50 p90 p99 greatest outcome"),
    ],
)
def test_columns(morning, by, how, heads):
    """What stands in a table follows what was asked."""
    lines = shown(morning, by, **how)

    assert heads in [" ".join(line.split()) for line in lines]


def test_two_periods(morning):
    """Two periods stand side by side, each with what it is of."""
    lines = shown(morning, "mechanism", other=morning)

    assert [line.split(":")[0] for line in lines if ":" in line] == ["stats", "period 2"]
    assert " ".join(lines[-3].split()) == "attempts rate attempts 2 rate 2 change 95 % mechanism"
    assert " ".join(lines[-2].split()) == "8 87.5 % 8 87.5 % 0.0 % -36 to 36 LOGIN"
    assert "change" in " ".join(shown(morning, "reason", other=morning, failures=True))


def test_clock_is_named(morning):
    """Hours and days come with their timezone, days by name."""
    lines = shown(morning, "weekday,hour")

    assert "hours and days in UTC" in lines
    assert lines[-1].split()[-2:] == ["Mon", "9"]


def test_width(morning):
    """Names give way, then numbers are left out; in a pipe nothing is cut."""
    by = "client,identity,outcome,reason,product,server"
    for width in (80, 100, 140):
        assert max(map(width_of, shown(morning, by, dataclasses.replace(SCREEN, width=width)))) <= width

    piped = "\n".join(shown(morning, by, dataclasses.replace(SCREEN, width=None)))
    assert "carol@example.test" in piped
    assert "95 %" in piped


def test_hostile():
    """Names written by strangers print as text."""
    evil = "\x1b[31m[/]\u202e\n" + "w" * 200
    made = facts({"identity": evil, "mechanism": evil, "client_ip": evil, "reason": evil, "challenge": evil})

    for text in ("\n".join(page(made, [evil], SCREEN)), "\n".join(shown(made, "identity,client,mechanism,challenge"))):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert max(map(width_of, text.splitlines())) <= 80


def test_colours_change_nothing_else(morning):
    """Without colours there is no escape sequence, with them the text is the same."""
    plain, coloured = (
        "\n".join(page(morning, ["mail.pcap"], dataclasses.replace(SCREEN, colour=colour))) for colour in (False, True)
    )

    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain
    assert coloured != plain
