"""Conditions on rows."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from analyzer.errors import AnalyzerError
from analyzer.filters import Conditions, select
from analyzer.trace import Trace
from analyzer.zones import zone
from tests.records import START, attempt, rows, session


def kept(tables, **conditions):
    """Give how many attempts and sessions are kept."""
    got = select(tables, Conditions(timezone="UTC", **conditions))
    return len(got["auth"]), len(got["sessions"])


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, (10, 10)),
        ({"outcome": "succeeded"}, (2, 2)),
        ({"outcome": ["succeeded", "client_closed"]}, (3, 2)),
        ({"outcome": "Succeeded, rejected"}, (9, 9)),
        ({"mechanism": "plain"}, (1, 1)),
        ({"reason": "bad_credentials"}, (7, 7)),
        ({"reason": "throttled"}, (0, 0)),
        ({"identity": "*@EXAMPLE.test"}, (2, 1)),
        ({"identity": "user?"}, (7, 7)),
        ({"identity": "user"}, (0, 0)),
        ({"client": "192.0.2.66"}, (8, 8)),
        ({"client": "192.0.2.0/24"}, (8, 8)),
        ({"client": "192.0.2.99/24"}, (8, 8)),
        ({"client": "198.51.100.7:41559"}, (2, 1)),
        ({"client": "198.51.100.7:25"}, (0, 0)),
        ({"client": "2001:db8::5"}, (0, 1)),
        ({"client": "[2001:db8::]/32:41559"}, (0, 1)),
        ({"client": "[2001:db8::5]"}, (0, 1)),
        ({"server": ":2525"}, (10, 10)),
        ({"server": "127.0.0.1:25"}, (0, 0)),
        ({"client": "192.0.2.0/24", "outcome": "succeeded"}, (1, 1)),
        ({"since": "11:03:20"}, (2, 2)),
        ({"until": "11:03:20"}, (8, 8)),
        ({"since": "11:03:02", "until": "11:03:04"}, (2, 2)),
        ({"since": "12:03:20+01:00"}, (2, 2)),
        ({"since": "2026-11-19"}, (0, 1)),
        ({"until": "2026-11-18"}, (10, 9)),
        ({"until": "2026-11-17"}, (0, 0)),
        ({"since": "2026-11-18T11:03:20", "until": "2026-11-18 11:04"}, (2, 1)),
        ({"since": "2026-11-18T11:03:20Z"}, (2, 2)),
        ({"since": dt.datetime(2026, 11, 18, 12, 3, 20, tzinfo=dt.timezone(dt.timedelta(hours=1)))}, (2, 2)),
        ({"since": dt.date(2026, 11, 19)}, (0, 1)),
        ({"until": dt.date(2026, 11, 18)}, (10, 9)),
        ({"since": "11:03:20", "until": "11:03:10"}, (2, 2)),
        ({"since": "9:00", "until": "10:00"}, (0, 0)),
    ],
)
def test_conditions(tables, conditions, expected):
    """Each condition keeps the attempts and sessions that meet it."""
    assert kept(tables, **conditions) == expected


def test_time_of_another_zone(tables):
    """A time without a zone is of the timezone that was chosen."""
    got = select(tables, Conditions(since="20:03:20", timezone="Asia/Tokyo"))

    assert len(got["auth"]) == 2


def test_rows_follow_their_session(tables):
    """Exchanges, messages and findings follow their session; what names no session and what was skipped stays."""
    got = select(tables, Conditions(client="192.0.2.66"))

    assert {name: len(table) for name, table in got.items()} == {
        "auth": 8, "sessions": 8, "exchanges": 0, "messages": 0, "findings": 3, "skipped": 1,
    }  # fmt: skip
    assert len(select(tables, Conditions(identity="alice*"))["exchanges"]) == 6


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({"client": "192.0.2.0/24"}, "abeg"),
        ({"client": "192.0.2.128/25"}, ""),
        ({"client": "198.51.100.7"}, "bcg"),
        ({"client": "2001:db8::/32"}, "bdg"),
        ({"server": ":25"}, ""),
        ({"server": "127.0.0.0/24:2525"}, "abcdeg"),
        ({"identity": "ALICE@*"}, "bcg"),
        ({"identity": "bob"}, "abeg"),
        ({"identity": "nobody"}, ""),
        ({"mechanism": "PLAIN"}, "bcg"),
        ({"since": "2026-11-18T12:03Z"}, "bdg"),
        ({"until": "2026-11-18T12:03Z"}, "abceg"),
        ({"since": "2026-11-20"}, ""),
        ({"outcome": "rejected"}, "abg"),
        ({"outcome": "cancelled"}, ""),
    ],
)
def test_findings_tell_whom_they_concern(tables, conditions, kept):
    """A finding of many sessions stays where all whom it names, and its time, have to do with what is kept."""
    hour, many = 3600 * 10**9, {"count": 9, "session": "Elsewhere00"}
    wide = {"at": START, "last": START + 9 * hour}
    findings = [
        {"kind": "a", "client": "192.0.2.0/24", **wide},
        {"kind": "b", "server": "127.0.0.1:2525", **wide},
        {"kind": "c", "client": "198.51.100.7", "server": "127.0.0.1:2525", "at": START, "last": START},
        {"kind": "d", "client": "2001:db8::/64", **wide, "at": START + 2 * hour},
        {"kind": "e", "identity": "bob", "client": "192.0.2.66", **wide, "last": None},
        {"kind": "f", "server": "host.example", "at": None, "last": None},
        {"kind": "g", **wide},
    ]  # fmt: skip
    tables["findings"] = rows("findings", *({**many, **each} for each in findings))

    assert "".join(select(tables, Conditions(**conditions))["findings"].text("kind").list()) == kept


def test_findings_of_what_several_sources_tell():
    """A log names the identity of an attempt that a capture shows: a finding about it concerns the client's address."""
    told = [
        attempt("Capture0001", "192.0.2.7", START, "rejected", event="e", identity=None),
        attempt("Log00000001", "mail.example", START, "rejected", event="e", identity="bob"),
    ]
    tables = {
        "auth": rows("auth", *told),
        "sessions": rows("sessions", session("Capture0001", "192.0.2.7", START)),
        "findings": rows("findings", {"kind": "a", "count": 9, "client": "192.0.2.0/24", "identity": "bob"}),
    }

    assert len(select(tables, Conditions(client="192.0.2.7"))["findings"]) == 1
    assert len(select(tables, Conditions(client="192.0.2.8"))["findings"]) == 0
    bare = {**tables, "findings": rows("findings", {"kind": "a", "count": 9, "client": "no/network"})}
    assert len(select(bare, Conditions(client="192.0.2.7"))["findings"]) == 0


def test_nothing_met(tables):
    """A trace of which nothing meets the conditions knows how much there is in all."""
    trace = Trace(tables, [], [])

    assert trace.unmet is None
    assert trace.filter(outcome="rejected").unmet is None
    assert trace.filter(client="2001:db8::5").unmet is None  # a session, and no attempt
    assert trace.filter(outcome="rejected").filter(identity="zzz").unmet == (10, 10)
    none = {name: table.take(np.zeros(len(table), bool)) for name, table in tables.items()}
    assert Trace(none, [], []).filter(identity="zzz").unmet is None


def test_an_unknown_value_meets_no_condition():
    """A row of a log without address and identity is not of any client and not like any name."""
    bare = {"client_ip": None, "client_port": None, "identity": None, "mechanism": None}
    tables = {
        "auth": rows("auth", attempt("a", "", START, "failed", **bare)),
        "sessions": rows("sessions", session("a", "host.example", START)),
    }

    for conditions in ({"client": "0.0.0.0/0"}, {"client": ":41559"}, {"identity": "*"}, {"mechanism": "LOGIN"}):
        assert len(select(tables, Conditions(**conditions))["auth"]) == 0
    assert kept(tables, outcome="failed") == (1, 1)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"outcome": "rejcted"}, "unknown outcome rejcted; known are account_disabled, bad_sequence"),
        ({"reason": "x"}, "known are .*bad_credentials"),
        ({"reason": "client_closed"}, "^client_closed is an outcome: --outcome client_closed$"),
        ({"reason": "Unseen, failed, cancelled"}, "^failed,unseen are outcomes: --outcome failed,unseen$"),
        ({"reason": "client_closed,x"}, "^unknown reason client_closed, x; known are"),
        ({"outcome": "throttled"}, "^throttled is a reason: --reason throttled$"),
        ({"client": "mail.example"}, "is no address"),
        ({"server": "192.0.2.1:smtp"}, "is no address"),
        ({"server": ":99999"}, "':99999' is no address: give .*:587"),
        ({"client": "[2001:db8::1]:65536"}, "is no address"),
        ({"since": "yesterday"}, "is no time"),
        ({"until": "25:00"}, "is no time"),
        ({"since": 3}, "^3 is no time: give 2026-11-18"),
        ({"client": 3}, "^client has to be a text, not 3$"),
        ({"identity": ["bob"]}, r"^identity has to be a text, not \['bob'\]$"),
        ({"outcome": 3}, "^outcome has to be names, .*, not 3$"),
        ({"mechanism": ["LOGIN", 3]}, "^mechanism has to be names"),
        ({"since": "2026-11-19", "until": "2026-11-17"}, "nothing lies between"),
        ({"since": "10:00", "timezone": "Mars/Olympus"}, "unknown timezone 'Mars/Olympus'"),
    ],
)
def test_nonsense_is_told_before_anything_is_read(conditions, message):
    """Conditions that make no sense are refused when they are made, with what would make sense."""
    with pytest.raises(AnalyzerError, match=message):
        Conditions(**conditions)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, []),
        ({"timezone": "UTC"}, []),
        ({"outcome": ["succeeded", "rejected"]}, ["--outcome", "succeeded,rejected"]),
        ({"reason": "throttled", "since": "09:00"}, ["--since", "09:00", "--reason", "throttled"]),
        ({"until": "2026-11-18", "timezone": "UTC"}, ["--until", "2026-11-18", "--display-timezone", "UTC"]),
        ({"since": dt.datetime(2026, 11, 18, tzinfo=dt.UTC)}, ["--since", "2026-11-18T00:00:00+00:00"]),
    ],
)
def test_words(tables, conditions, words):
    """Conditions are told as options of the command line, and a trace knows what it was narrowed to."""
    assert Conditions(**conditions).words() == words

    twice = Trace(tables, [], []).filter(client="192.0.2.66").filter(**conditions)
    assert twice.conditions == ["--client", "192.0.2.66", *words]


def test_mechanisms_are_those_of_the_capture_too(tables):
    """A mechanism is known when it is registered or when the capture shows it."""
    with pytest.raises(AnalyzerError, match="unknown mechanism foo; known are ANONYMOUS"):
        select(tables, Conditions(mechanism="FOO"))
    odd = {**tables, "auth": rows("auth", attempt("Person00001", "198.51.100.7", START, "other", mechanism="FOO"))}
    assert len(select(odd, Conditions(mechanism="foo"))["auth"]) == 1


@pytest.mark.parametrize(("name", "expected"), [(None, None), ("local", None), ("utc", dt.UTC), ("Z", dt.UTC)])
def test_zone(name, expected):
    """No name and local are this machine's timezone."""
    assert zone(name) is expected


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "Europe", "\0"])
def test_zone_refuses(name):
    """What is no timezone is an error of ours, whatever the library raises for it."""
    with pytest.raises(AnalyzerError, match="unknown timezone"):
        zone(name)


def test_nothing_to_keep(tables):
    """Tables without rows are filtered like others."""
    none = {name: table.take(np.zeros(len(table), bool)) for name, table in tables.items()}

    assert kept(none, since="10:00", outcome="succeeded", client="192.0.2.1") == (0, 0)
