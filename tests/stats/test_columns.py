"""What attempts can be grouped by, column by column."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from analyzer.smtp.expected import EXPECTED, against
from analyzer.stats.answer import answer
from analyzer.stats.networks import domain_of, network_of
from tests.records import ms, session
from tests.stats.traffic import facts


def groups(made, *by):
    """Give the groups with their numbers of attempts."""
    return {tuple(row[name] for name in by): row["attempts"] for row in answer(made, by).rows()}


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("mail.example.org", None),
        ("192.0.2", None),
        ("", None),
    ],
)
def test_network(client, network):
    """A network is a /24 or a /64; the name of a host has none."""
    assert network_of(client) == network


@pytest.mark.parametrize(("name", "domain"), [("a@X.test", "x.test"), ("a@b@c", "c"), ("alice", None), ("a@", "")])
def test_domain(name, domain):
    """A domain is what follows the last @, in lower case."""
    assert domain_of(name) == domain


def test_server():
    """A server is an address with its port; one without port is the address, one without address unknown."""
    made = facts({}, {"server_ip": "2001:db8::25", "server_port": 587}, {"server_port": None}, {"server_ip": None})

    assert groups(made, "server") == {("127.0.0.1:2525",): 1, ("[2001:db8::25]:587",): 1, ("127.0.0.1",): 1, (None,): 1}


def test_of_session():
    """Product and number of attempts are those of the session; unknown where there is no such session."""
    sessions = (session("A", "192.0.2.1", ms(0), product="Exim 4.97", attempts=7),)
    made = facts({"session": "A"}, {"session": "A"}, {"session": "B"}, sessions=sessions)
    gone = type(made)({"auth": made.auth, "sessions": made.sessions.take([0])}, dt.UTC)

    assert groups(gone, "product", "session_attempts") == {("Exim 4.97", 7): 2, (None, None): 1}


def test_rounds():
    """Rounds that are not exact are told apart from those that are."""
    made = facts(
        {"rounds": 2},
        {"rounds": 2, "rounds_known": "at_least"},
        {"rounds": None, "rounds_known": "unknown"},
        {"rounds": 1, "rounds_known": "unknown"},
    )

    assert groups(made, "rounds") == {("2",): 1, ("2+",): 1, ("?",): 2}


def test_expected():
    """Rounds of a success or rejection are checked where they are exact and the mechanism is known; no others are."""
    made = facts(
        {"mechanism": "LOGIN", "rounds": 2},
        {"mechanism": "LOGIN", "rounds": 1},
        {"mechanism": "LOGIN", "rounds": 3, "outcome": "succeeded"},
        {"mechanism": "LOGIN", "rounds": 1, "outcome": "client_closed"},
        {"mechanism": "LOGIN", "rounds": 1, "rounds_known": "at_least"},
        {"mechanism": "LOGIN", "rounds": 1, "initial_response": None},
        {"mechanism": "X-OWN", "rounds": 1},
        {"mechanism": None, "rounds": 1},
    )

    assert groups(made, "expected") == {(None,): 5, ("expected",): 1, ("fewer",): 1, ("more",): 1}


@pytest.mark.parametrize(
    ("mechanism", "initial", "succeeded", "rounds"),
    [
        *(("PLAIN", initial, end, 1 - initial) for initial in (0, 1) for end in (0, 1)),
        *(("LOGIN", 0, end, 2) for end in (0, 1)),
        *(("LOGIN", 1, 1, rounds) for rounds in (1, 2)),
        ("CRAM-MD5", 0, 1, 1),
        *(("DIGEST-MD5", 0, end, 1 + end) for end in (0, 1)),
        *(("NTLM", initial, 1, 2 - initial) for initial in (0, 1)),
        *(("SCRAM-SHA-256", initial, end, 2 + end - initial) for initial in (0, 1) for end in (0, 1)),
        *(("XOAUTH2", initial, end, 2 - end - initial) for initial in (0, 1) for end in (0, 1)),
        ("GSSAPI", 0, 1, 3),
        ("GSSAPI", 1, 1, 9),
    ],
)
def test_table_of_rounds(mechanism, initial, succeeded, rounds):
    """The table of mechanisms holds for what a mechanism takes, and for one round less."""
    facts = {"initial_response": bool(initial), "succeeded": bool(succeeded)}

    assert against(mechanism, rounds=rounds, **facts) == "expected"
    least = {"LOGIN": 2 - initial, "GSSAPI": 3 - initial}.get(mechanism, rounds)
    assert against(mechanism, rounds=least - 1, **facts) == "fewer"


def test_no_table_of_rounds():
    """Of unknown mechanisms nothing is expected, nor of a response that the mechanism does not allow."""
    assert against("X-OWN", initial_response=False, succeeded=True, rounds=1) is None
    assert against("CRAM-MD5", initial_response=True, succeeded=False, rounds=0) is None
    assert all(span is None or span[0] <= span[1] for rounds in EXPECTED.values() for span in rounds)


def test_left_after():
    """Where the client left is the last challenge, or that there was none; what it did not end has no such place."""
    made = facts(
        {"outcome": "client_closed", "challenge": "username", "rounds": 1},
        {"outcome": "cancelled", "challenge": "username password", "rounds": 2},
        {"outcome": "client_closed", "challenge": None, "rounds": 0},
        {"outcome": "client_closed", "challenge": None, "rounds": None, "rounds_known": "unknown"},
        {"outcome": "server_closed", "challenge": "username", "rounds": 1},
    )

    assert groups(made, "left_after") == {
        ("username",): 1, ("password",): 1, ("(no challenge)",): 1, ("(unknown)",): 1, (None,): 1,
    }  # fmt: skip


def test_offered():
    """An attempt is held against the list of its own stage; without a list nobody knows."""
    sessions = (session("A", "192.0.2.1", ms(0), offered="PLAIN", offered_tls="LOGIN"),)
    made = facts(
        {"session": "A", "mechanism": "PLAIN"},
        {"session": "A", "mechanism": "LOGIN"},
        {"session": "A", "mechanism": "LOGIN", "tls": "starttls"},
        {"session": "A", "mechanism": None},
        {"session": "B", "mechanism": "PLAIN"},
        sessions=sessions,
    )

    assert groups(made, "offered") == {("yes",): 2, ("no",): 1, (None,): 2}


def at(text):
    return round(dt.datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("zone", "time", "hour", "weekday", "day"),
    [
        (dt.UTC, "1970-01-01T00:00:00Z", 0, 4, "1970-01-01"),
        (dt.UTC, "2026-11-29T23:59:59Z", 23, 7, "2026-11-29"),
        (ZoneInfo("Europe/Berlin"), "2026-11-29T23:59:59Z", 0, 1, "2026-11-30"),
        (ZoneInfo("Europe/Berlin"), "2026-10-25T00:59:59Z", 2, 7, "2026-10-25"),  # still summer
        (ZoneInfo("Europe/Berlin"), "2026-10-25T01:00:00Z", 2, 7, "2026-10-25"),  # the hour comes twice
        (ZoneInfo("America/St_Johns"), "2010-03-14T03:30:59Z", 0, 7, "2010-03-14"),  # it changes at one minute past
        (ZoneInfo("America/St_Johns"), "2010-03-14T03:31:00Z", 1, 7, "2010-03-14"),
        (ZoneInfo("Asia/Kathmandu"), "2026-11-28T18:14:59Z", 23, 6, "2026-11-28"),
        (ZoneInfo("Asia/Kathmandu"), "2026-11-28T18:15:00Z", 0, 7, "2026-11-29"),
    ],
)
def test_clock(zone, time, hour, weekday, day):
    """Hour, weekday and date are those of the timezone, on both sides of a change of the clocks."""
    assert groups(facts({"started": at(time)}, zone=zone), "hour", "weekday", "day") == {(hour, weekday, day): 1}


def test_unknown_time():
    """An attempt whose time is unknown has no hour; the timezone is named in the answer."""
    rows = answer(facts({"started": None}, {}), "hour").rows()

    assert [(row["hour"], row["attempts"], row["timezone"]) for row in rows] == [(None, 1, "UTC"), (11, 1, "UTC")]


def test_local_zone(monkeypatch):
    """The timezone of the machine is used and named where none is given."""
    monkeypatch.setenv("TZ", "XST-3")
    import time

    time.tzset()
    try:
        (row,) = answer(facts({}, zone=None), "hour").rows()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (row["hour"], row["timezone"]) == (14, "XST")


def test_seconds_to_auth():
    """The time from connect to AUTH is that of first attempts; a clock that went back tells none."""
    sessions = (session("A", "192.0.2.1", ms(0)), session("B", "192.0.2.1", ms(900)))
    made = facts(
        {"session": "A", "started": ms(1500)},
        {"session": "A", "attempt": 2, "started": ms(9000)},
        {"session": "B", "started": ms(800)},
        sessions=sessions,
    )
    (row,) = answer(made, measure="seconds_to_auth").rows()

    assert (row["attempts"], row["known"], row["least"], row["greatest"]) == (3, 1, 1.5, 1.5)
