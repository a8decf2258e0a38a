"""Rows of several sources that tell of one AUTH exchange find each other, and no others."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from analyzer.logs.captured import same_events
from analyzer.logs.join import folded, joined
from analyzer.schema import NULL, TABLES
from analyzer.tables import Ids, Places, Table, Text
from tests.records import id_of

SECOND = 10**9
AUTH: dict[str, Any] = {
    "session": "log", "attempt": 1, "event": "e", "client_ip": "192.0.2.7", "role": "server", "started": 100 * SECOND,
    "ended": 100 * SECOND, "rounds_known": "unknown", "outcome": "rejected", "reason": "bad_credentials", "tls": "none",
    "evidence": "logged", "caveats": "", "source": "maillog", "where": "maillog line 12",
}  # fmt: skip
SESSION: dict[str, Any] = {
    "session": "log", "source": "maillog", "role": "server", "first": 100 * SECOND, "last": 101 * SECOND,
    "client_ip": "192.0.2.7", "tls": "none", "readable": 1, "commands": NULL, "replies": NULL, "ended_by": "closed",
    "caveats": "",
}  # fmt: skip
SEEN = {
    "session": "tap",
    "source": "a.pcap",
    "evidence": "observed",
    "mechanism": "PLAIN",
    "identity": "Alice@example.org",
}
TAP = {"session": "tap", "source": "a.pcap", "packets": 12}


def table(name: str, base: dict[str, Any], rows: list[dict[str, Any]]) -> Table:
    """Make a table; every row says in what it differs from `base`, `at` is the time in seconds."""
    blank: dict[str, Any] = dict.fromkeys(c.name for c in TABLES[name])
    whole = [blank | base | row for row in rows]
    for row in whole:
        for key in ("started", "ended") if name == "auth" else ("first", "last"):
            if "at" in row:
                row[key] = round(row["at"] * SECOND) + (SECOND if key == "last" else 0)
    columns = {c.name: [row[c.name] for row in whole] for c in TABLES[name]}
    ids = {c.name: [*map(id_of, columns[c.name])] for c in TABLES[name] if c.kind == "id"}
    return Table.of(name, columns | ids)


def auth(*rows: dict[str, Any]) -> Table:
    """Make a table of AUTH exchanges."""
    return table("auth", AUTH, [{"event": f"event{n}"} | row for n, row in enumerate(rows)])


def sessions(*rows: dict[str, Any]) -> Table:
    """Make a table of sessions."""
    return table("sessions", SESSION, list(rows))


def details(*rows: dict[str, Any]) -> dict[str, Any]:
    """Make details; `at` in seconds."""
    base = {"client_ip": "192.0.2.7", "identity": "alice@example.org", "mechanism": None, "reason": "bad_password"}
    base |= {"outcome": "rejected"}
    whole = [base | {"where": f"dovecot.log line {n}", "session": f"detail{n}"} | row for n, row in enumerate(rows, 7)]
    made: dict[str, Any] = {name: Text.of([row[name] for row in whole]) for name in base}
    made["where"] = Places.of([row["where"] for row in whole])
    made["session"] = Ids.of([id_of(row["session"]) for row in whole])
    return made | {"started": np.array([round(row.get("at", 100) * SECOND) for row in whole], np.int64)}


@pytest.mark.parametrize(
    ("row", "detail", "confidence"),
    [
        ({"identity": "alice@example.org"}, {}, 1.0),
        ({"identity": "ALICE@example.org"}, {}, 1.0),
        ({"identity": "alice"}, {}, 0.9),
        ({}, {}, 0.9),
        ({"identity": "alice@example.org"}, {"identity": None}, 0.9),
        ({"identity": "alice@example.org"}, {"client_ip": None}, 0.8),
        ({"identity": "alice"}, {"client_ip": None}, 0.7),
        ({"identity": "alice@example.org"}, {"at": 98}, 1.0),
        ({"identity": "alice@example.org"}, {"at": 102}, 1.0),
        ({"identity": "bob@example.org"}, {}, None),
        ({"identity": "alice@example.org"}, {"client_ip": "192.0.2.8"}, None),
        ({"identity": "alice@example.org"}, {"at": 103}, None),
        ({"identity": "alice@example.org"}, {"at": 95}, None),
        ({"identity": "alice@example.org", "outcome": "succeeded"}, {}, None),
        ({"identity": "alice@example.org", "evidence": "observed"}, {}, None),
        ({"identity": "alice@example.org", "role": "client"}, {}, None),
        ({"client_ip": None}, {"client_ip": None}, None),
    ],
)
def test_detail(row: dict[str, Any], detail: dict[str, Any], confidence: float | None) -> None:
    """A detail belongs to the row of the same address, user and time, as far as both know them."""
    made, left = joined(auth(row), details(detail))
    values = made.lists()
    assert left.tolist() == [confidence is None]
    assert values["confidence"][0] == confidence
    found = confidence is not None
    assert values["where"] == ["maillog line 12; dovecot.log line 7" if found else "maillog line 12"]
    assert values["reason"] == ["bad_password" if found else "bad_credentials"]
    if found:
        assert values["identity"][0] == row.get("identity", "alice@example.org")


@pytest.mark.parametrize(
    ("own", "other", "result"),
    [
        (None, "unknown_user", "unknown_user"),
        ("unknown", "bad_password", "bad_password"),
        ("backend_down", "bad_password", "backend_down"),
        ("bad_credentials", None, "bad_credentials"),
        ("bad_credentials", "unknown", "bad_credentials"),
    ],
)
def test_reason(own: str | None, other: str | None, result: str) -> None:
    """Only a vague reason is replaced, and only by an exact one."""
    made, _ = joined(auth({"reason": own, "identity": "alice@example.org"}), details({"reason": other}))
    assert made.lists()["reason"] == [result]


def test_fills_in() -> None:
    """What the row had not comes from the detail, the rest stays."""
    rows = auth({"mechanism": "LOGIN"}, {"client_ip": "192.0.2.9", "identity": "bob"})
    made, _ = joined(
        rows, details({"mechanism": "PLAIN"}, {"client_ip": "192.0.2.9", "identity": "bob", "mechanism": "PLAIN"})
    )
    values = made.lists()
    assert values["mechanism"] == ["LOGIN", "PLAIN"]
    assert values["identity"] == ["alice@example.org", "bob"]
    assert rows.lists()["where"] == ["maillog line 12"] * 2


def test_in_order() -> None:
    """One detail a row, in order; what is left over is said."""
    rows = auth(*({"identity": "alice@example.org", "at": at, "where": f"line {at}"} for at in (102, 104, 106)))
    reasons = ("unknown_user", "bad_password", "account_locked", "password_expired")
    made, left = joined(
        rows, details(*({"at": at, "reason": r} for at, r in zip((100, 102, 104, 200), reasons, strict=True)))
    )
    assert made.lists()["reason"] == ["unknown_user", "bad_password", "account_locked"]
    assert left.tolist() == [False, False, False, True]


def test_surest_first() -> None:
    """The row of the same user is taken before one without a user, however near that is."""
    made, _ = joined(auth({"at": 100}, {"at": 101, "identity": "alice@example.org"}), details({"at": 100}))
    assert made.lists()["confidence"] == [None, 1.0]


def test_rivals() -> None:
    """Where two rows could be it, that is less sure."""
    rows = auth({"identity": "alice@example.org"}, {"identity": "alice@example.org", "client_ip": "192.0.2.8"})
    made, _ = joined(rows, details({"client_ip": None}))
    assert made.lists()["confidence"][0] == pytest.approx(0.7)


def test_folded() -> None:
    """Rows of an authentication service go into those of the mail server; those of nobody stay."""
    service = {"session": "a", "source": "dovecot.log", "caveats": "auth_service_only", "identity": "alice@example.org"}
    rows = auth(
        {"identity": "alice@example.org"},
        service | {"reason": "unknown_user", "where": "dovecot.log line 7"},
        service | {"identity": "carol@example.org"},
    )
    made, kept = folded(rows)
    assert kept.tolist() == [True, False, True]
    assert made.lists()["reason"] == ["unknown_user", "bad_credentials"]
    assert made.lists()["where"][0] == "maillog line 12; dovecot.log line 7"
    assert folded(made)[0] is made


def test_successes_folded() -> None:
    """A success of an authentication service is that of the mail server, which may tell of it much later: never two."""
    good = {"outcome": "succeeded", "reason": None}
    service = good | {"session": "a", "source": "auth.log", "caveats": "auth_service_only", "client_ip": None}
    told = service | {"identity": "alice", "where": "auth.log line 7"}
    made, kept = folded(auth({"identity": "alice"}, good | {"identity": "alice", "session": "b"}, told))
    assert kept.tolist() == [True, True, False]
    assert made.lists()["where"] == ["maillog line 12", "maillog line 12; auth.log line 7"]

    made, kept = folded(auth(good | {"at": 700}, told))
    assert (kept.tolist(), len(made)) == ([True, False], 1)
    made, kept = folded(auth(told, told | {"outcome": "rejected"}))
    assert (kept.tolist(), len(made)) == ([True, True], 2)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"at": 100.9}, True),
        ({"at": 102}, False),
        ({"client_port": 4712}, False),
        ({"client_port": None}, False),
        ({"client_ip": "192.0.2.8"}, False),
        ({"identity": "bob"}, False),
        ({"identity": None}, False),
        ({"outcome": "failed"}, False),
        ({"source": "audit.log"}, False),
    ],
)
def test_two_logs_of_a_service(other: dict[str, Any], same: bool) -> None:  # noqa: FBT001
    """What two logs of an authentication service tell of one client, port, user and time is one exchange."""
    service = {"caveats": "auth_service_only", "client_port": 4711, "identity": "alice", "where": "audit.log line 1"}
    first = service | {"session": "a", "source": "audit.log", "reason": "unknown"}
    second = service | {"session": "b", "source": "mailbox.log", "where": "mailbox.log line 7"} | other
    made, kept = folded(auth(second | {"reason": "bad_password"}, first))
    assert kept.tolist() == [not same, True]
    if same:
        assert made.lists()["reason"] == ["bad_password"]
        assert made.lists()["where"] == ["audit.log line 1; mailbox.log line 7"]


def test_two_logs_and_a_mail_server() -> None:
    """Of three lines on one exchange there is one row, and each line counts once."""
    service = {"caveats": "auth_service_only", "client_port": 4711, "identity": "alice"}
    first, second = ({"session": name, "source": name, "where": f"{name} line 1"} | service for name in ("a", "b"))
    made, kept = folded(auth(second, {"identity": "alice"}, first, first | {"at": 100.5}, second | {"at": 100.6}))
    assert kept.tolist() == [False, True, False, True, False]
    assert made.lists()["where"] == ["maillog line 12; a line 1", "a line 1; b line 1"]


def test_own_session() -> None:
    """Two rows of one session are two exchanges, even of one user at one time."""
    row = {"session": "a", "source": "dovecot.log", "identity": "alice@example.org"}
    assert folded(auth(row | {"caveats": "auth_service_only"}, row))[1].all()


def events(rows: Table, of: Table) -> list[str]:
    """Give the events after rows of logs have found their partners."""
    names = {id_of(f"event{n}"): f"event{n}" for n in range(10)}
    return [names[event] for event in same_events(rows, of)[0].lists()["event"]]


@pytest.mark.parametrize(
    ("log", "same"),
    [
        ({}, True),
        ({"identity": "alice"}, True),
        ({"mechanism": "PLAIN"}, True),
        ({"outcome": "failed"}, True),
        ({"outcome": "unseen"}, True),
        ({"mechanism": "LOGIN"}, False),
        ({"identity": "bob"}, False),
        ({"outcome": "succeeded"}, False),
        ({"role": "client"}, False),
    ],
)
def test_same_event(log: dict[str, Any], same: bool) -> None:  # noqa: FBT001
    """A row of a log shares the event with the row of a capture that it can be."""
    made = events(auth(SEEN, log), sessions(TAP, {}))
    assert made == ["event0", "event0" if same else "event1"]


@pytest.mark.parametrize(
    ("tap", "log", "same"),
    [
        ({"client_port": 4711}, {"client_port": 4711}, True),
        ({"client_port": 4711}, {}, True),
        ({"client_port": 4711}, {"client_port": 4712}, False),
        ({"client_ip": "192.0.2.8"}, {}, False),
        ({"server_port": 587}, {"server_port": 25}, False),
        ({"server_port": 587}, {"server_port": 587, "server_ip": "192.0.2.1"}, True),
        ({"client_port": 4711, "at": 50}, {"client_port": 4711}, False),
        ({"at": 99}, {"at": 100}, True),
        ({"at": 90}, {"at": 100}, False),
        ({"at": 100, "client_port": 4711}, {"at": 140, "client_port": 4711}, False),
    ],
)
def test_same_session(tap: dict[str, Any], log: dict[str, Any], same: bool) -> None:  # noqa: FBT001
    """Sessions are the same by address, port and time, as far as both know them."""
    made = events(auth(SEEN | tap, log), sessions(TAP | tap, log))
    assert made == ["event0", "event0" if same else "event1"]


def test_long_session() -> None:
    """With the port known, only the session's time counts: a counter is written when it ends."""
    rows = auth(SEEN | {"client_port": 4711}, {"client_port": 4711, "at": 160, "outcome": "failed"})
    of = sessions(TAP | {"client_port": 4711, "last": 160 * SECOND}, {"client_port": 4711, "last": 160 * SECOND})
    assert events(rows, of) == ["event0", "event0"]


def test_port_used_again() -> None:
    """The session is the last that had begun."""
    ports = {"client_port": 4711}
    rows = auth(SEEN | ports, SEEN | ports | {"session": "tap2", "at": 110}, ports | {"at": 110})
    of = sessions(TAP | ports, TAP | ports | {"session": "tap2", "at": 110}, ports | {"at": 110})
    assert events(rows, of) == ["event0", "event1", "event1"]


def test_attempts_in_order() -> None:
    """Within a session, the first that fits: a log may be silent on some."""
    shown = [
        SEEN | {"attempt": n, "outcome": o} for n, o in enumerate(("rejected", "cancelled", "rejected", "succeeded"), 1)
    ]
    told = [{"attempt": n, "outcome": o} for n, o in enumerate(("rejected", "rejected", "succeeded"), 1)]
    assert events(auth(*shown, *told), sessions(TAP, {}))[4:] == ["event0", "event2", "event3"]


def test_client_was_gone() -> None:
    """A server that writes of a failure which nobody read tells of the same exchange."""
    assert events(auth(SEEN | {"outcome": "client_closed"}, {}), sessions(TAP, {})) == ["event0", "event0"]


def test_lines_without_sessions() -> None:
    """Lines that stand alone find the exchange by address and time."""
    shown = [SEEN | {"attempt": n, "at": 100 + 10 * n} for n in range(3)]
    told = [{"session": f"log{n}", "at": 100 + 10 * n} for n in range(3)]
    of = sessions(TAP | {"last": 130 * SECOND}, *({"session": row["session"], "at": row["at"]} for row in told))
    assert events(auth(*shown, *told), of) == ["event0", "event1", "event2"] * 2


def test_two_logs() -> None:
    """Each log may tell of an exchange once."""
    other = {"source": "dovecot.log", "session": "second"}
    rows = auth(SEEN, {}, other, other | {"attempt": 2})
    assert events(rows, sessions(TAP, {}, other)) == ["event0", "event0", "event0", "event3"]


def test_nothing_to_join() -> None:
    """One kind of source is left as it is."""
    rows = auth({}, {})
    assert same_events(rows, sessions({}))[0] is rows
    assert joined(rows, details())[0] is rows
    assert same_events(Table.empty("auth"), Table.empty("sessions"))[0] is not None


def test_times_unknown() -> None:
    """Rows without a time find nobody, and hurt nobody."""
    rows = auth(
        SEEN | {"started": NULL, "ended": None}, {"started": NULL, "ended": None, "identity": "alice@example.org"}
    )
    of = sessions(TAP | {"first": NULL, "last": NULL}, {"first": NULL, "last": NULL})
    assert events(rows, of) == ["event0", "event1"]
    assert joined(rows, details({}))[1].tolist() == [True]


def test_flood() -> None:
    """Many lines of one address within one second do not take more time each."""
    count = 5_000
    rows = auth(*({"identity": "alice@example.org"} for _ in range(count)))
    begin = time.process_time()
    joined(rows, details(*({"identity": f"user{n}"} for n in range(count))))
    joined(rows, details(*({"identity": None} for _ in range(count))))
    assert time.process_time() - begin < 20


def test_strangers() -> None:
    """A large log beside a small capture costs no more than some passes over its columns."""
    rows, of = auth(SEEN, {"at": 5000}), sessions(TAP, {"at": 5000})
    many = np.append(0, np.ones(100_000, np.int64))
    begin = time.process_time()
    made = same_events(rows.take(many), of)[0]
    assert time.process_time() - begin < 5
    assert set(made.lists()["event"][1:]) == {id_of("event1")}
