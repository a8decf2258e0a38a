"""Real traffic against its truth: every label, session, message and time of the lab, and every caveat.

The truth was written by the clients' drivers, not derived from captures. What each capture is weakened by is kept in
``tests/data/caveats``; ``pytest --update`` writes it anew, to be looked at by eye.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import analyzer
from tests.truth import (
    CONTAINERS,
    DATA,
    GROUPS,
    IMPAIRED,
    VARIANTS,
    by_client,
    greeted,
    judge,
    key_of,
    needs_data,
    paired,
    rows,
    truth,
    verdict,
)

if TYPE_CHECKING:
    from tests.matching import Row

pytestmark = needs_data

CAVEATS: Final = Path(__file__).parent / "data" / "caveats"
#: Variants that show too little of the sessions for every field.
PARTIAL: Final = {"header-only", "only-client", "only-server", "truncated-middle", "rot-0", "rot-1", "rot-2"}
#: What of an attempt can be right where 96 octets of each packet were captured.
WITHOUT_IDENTITY: Final = "mechanism,initial_response,rounds,code,enhanced,outcome"
#: Between the clock of a driver that reads or writes octet by octet and the packets, in seconds.
ATTEMPT_SECONDS: Final = 0.2
#: Between the life of a client program, or a server's last words, and the connection, in seconds.
SESSION_SECONDS: Final = 1.5

each_group = pytest.mark.parametrize("group", GROUPS)


@each_group
def test_group(group: str) -> None:
    """Every field of every attempt of a lab group is right."""
    right, told = verdict(group)

    assert right, told


@pytest.mark.parametrize("name", CONTAINERS)
def test_container(name: str) -> None:
    """A kind of capture file does not change a field; only names that were cut off are unknown."""
    fields = ["--fields", WITHOUT_IDENTITY] if name == "snap96.pcap" else []
    right, told = verdict(*fields, f"formats/{name}")

    assert right, told


def test_cut_names() -> None:
    """Where packets are cut at 96 octets, a name is right or unknown, and what hides it is told."""
    attempts = by_client(rows(analyzer.read(DATA / "formats" / "snap96.pcap"), "auth"))
    wanted = {key_of(session): session["attempts"] for session in truth("formats")}

    for client, found in attempts.items():
        for row, attempt in zip(found, wanted[client], strict=True):
            name = attempt.get("identity_on_wire", attempt["username"])
            assert row["identity"] == name or (row["identity"] is None and "truncated" in row["caveats"])


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in PARTIAL])
def test_impaired(name: str) -> None:
    """What befell a capture does not change a field of the sessions that it shows whole."""
    right, told = verdict(f"impaired-postfix-plain/{name}.pcap")

    assert right, told


@pytest.mark.parametrize("pattern", ["rotation/rot_*.pcapng", "impaired-postfix-plain/rot-*.pcap"])
def test_rotation(pattern: str) -> None:
    """The files of a rotated set are read as one capture."""
    right, told = verdict(pattern)

    assert right, told


@pytest.mark.parametrize(
    "name",
    [name for name in VARIANTS if name not in PARTIAL],
)
def test_nothing_is_hidden(name: str) -> None:
    """No dialogue of the impaired captures is said to be inside TLS, since none was."""
    sessions = rows(analyzer.read(IMPAIRED / f"{name}.pcap"), "sessions")

    assert {(row["tls"], row["readable"]) for row in sessions} == {("none", True)}


def test_gaps_are_told() -> None:
    """Where packets are missing, exactly the sessions that lost data carry the caveat."""
    sessions = rows(analyzer.read(IMPAIRED / "loss5.pcap"), "sessions")
    lost = {end for end in judge().lost_sessions(IMPAIRED, "loss5.pcap") if end[1] != sessions[0]["server_port"]}

    assert {key_of(row) for row in sessions if "gap" in row["caveats"]} == lost


def test_cut_file() -> None:
    """A file cut at two thirds shows every session that ended before, and says where it was cut."""
    trace = analyzer.read(IMPAIRED / "truncated-middle.pcap")
    last = max(row["last"] for row in rows(trace, "sessions"))
    found = by_client(rows(trace, "auth"))
    whole = [session for session in truth(IMPAIRED.name) if session["t_end"] * 10**9 < last]
    fields = judge().FIELDS
    wrong = [
        (session["scenario"], field)
        for session in whole
        for row, attempt in zip(found.get(key_of(session), []), session["attempts"], strict=True)
        for field in fields
        if not judge().right(field, row[field], attempt)
    ]

    assert not wrong
    assert len(whole) > 50
    assert [row["reason"] for row in rows(trace, "skipped") if row["stage"] == "wire"]


def test_no_packets() -> None:
    """A capture without packets has no rows, and is no error."""
    trace = analyzer.read(IMPAIRED / "header-only.pcap")

    assert {name: len(table) for name, table in trace.tables.items() if name != "skipped"} == {
        "sessions": 0, "auth": 0, "exchanges": 0, "messages": 0, "findings": 0,
    }  # fmt: skip


def test_client_alone() -> None:
    """The client's side alone shows who tried what, and never how it ended or, as a fact, how many rounds it took."""
    _, told = verdict("--fields", "mechanism,initial_response,identity", "impaired-postfix-plain/only-client.pcap")
    attempts = rows(analyzer.read(IMPAIRED / "only-client.pcap"), "auth")
    wanted = {key_of(session): session["attempts"] for session in truth(IMPAIRED.name)}

    # One session is `AUTH PLAIN …` and `QUIT` alone: from one side it could as well be POP3.
    assert ": 69/70 attempts right in every field, 1 missing, 0 extra" in told
    assert {row["outcome"] for row in attempts} == {"unseen"}
    assert {(row["code"], row["enhanced"], row["text"]) for row in attempts} == {(None, None, None)}
    for row in attempts:
        most = max(attempt["rounds_334"] for attempt in wanted[key_of(row)])
        assert row["rounds"] is None if row["rounds_known"] == "unknown" else 0 < row["rounds"] <= most
        assert row["rounds_known"] != "exact"


def test_server_alone() -> None:
    """The server's side alone shows rounds and endings, and never, as a fact, a mechanism."""
    attempts = by_client(rows(analyzer.read(IMPAIRED / "only-server.pcap"), "auth"))
    wanted = {key_of(session): session["attempts"] for session in truth(IMPAIRED.name)}

    assert sum(map(len, attempts.values())) >= 66  # a 503 or 501 alone does not tell that AUTH was refused
    for client, found in attempts.items():
        for row, attempt in zip(found, wanted[client], strict=False):
            assert (row["code"], row["enhanced"]) == (attempt["final_code"], attempt["enhanced_code"])
            assert (row["mechanism"], row["initial_response"], row["identity"]) == (None, None, None)
            assert row["rounds"] <= attempt["rounds_334"] or attempt["outcome"] == "client_fin"
            assert row["rounds_known"] != "exact"


@each_group
def test_sessions(group: str) -> None:
    """Every connection on which a server greets in the clear is one session, and nothing else is one of these."""
    found = Counter(map(key_of, rows(analyzer.read(DATA / group / "capture.pcap"), "sessions")))
    sessions = truth(group)
    certain = Counter(key_of(session) for session in sessions if greeted(group, session))

    assert not certain - found
    assert not found - Counter(map(key_of, sessions))


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "clients-plain"])  # it has no truth of mails
def test_messages(group: str) -> None:
    """Every mail transaction has its sender, recipients, size without dot-stuffing, chunks and code."""
    trace = analyzer.read(DATA / group / "capture.pcap")
    messages: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows(trace, "messages"):
        if row["code"] is not None:
            mail = tuple(row[name] for name in ("mail_from", "accepted", "refused", "size", "chunks", "code"))
            messages.setdefault(row["session"], []).append(mail)
    for session, row in paired(group, trace):
        if session["tls"] == "none" and row["readable"]:
            mails = [_transaction(mail) for mail in session["mail"] if mail["final_code"]]
            assert messages.get(row["session"], []) == mails, session["scenario"]
            assert row["messages"] == sum(mail[-1] == 250 for mail in mails)


def _transaction(mail: Row) -> tuple[Any, ...]:
    accepted = sum(code // 100 == 2 for code in mail["rcpt_codes"])
    refused = len(mail["rcpt_codes"]) - accepted
    chunks = len(mail.get("bdat_sizes", ()))
    return f"<{mail['from']}>", accepted, refused, mail["body_len"], chunks, mail["final_code"]


@each_group
def test_times(group: str) -> None:
    """Sessions and attempts begin and end when the client had it so."""
    trace = analyzer.read(DATA / group / "capture.pcap")
    attempts = by_client(rows(trace, "auth"))
    for session, row in paired(group, trace):
        assert abs(row["first"] / 1e9 - session["t_start"]) < SESSION_SECONDS, session["scenario"]
        assert abs(row["last"] / 1e9 - session["t_end"]) < SESSION_SECONDS, session["scenario"]
        clear = [attempt for attempt in session["attempts"] if not attempt.get("in_tls")]
        mine = [each for each in attempts.get(key_of(row), []) if each["session"] == row["session"]]
        for found, attempt in zip(mine, clear, strict=True):
            for name, at in (("started", attempt.get("t")), ("ended", attempt.get("t_end"))):
                if at is not None:
                    assert abs(found[name] / 1e9 - at) < ATTEMPT_SECONDS, (session["scenario"], name)


@each_group
def test_durations(group: str) -> None:
    """Durations are never negative, and the parts of an attempt's time add up to all of it."""
    for row in rows(analyzer.read(DATA / group / "capture.pcap"), "auth"):
        if row["seconds"] is not None and row["ended"] is not None:
            assert row["seconds"] == pytest.approx((row["ended"] - row["started"]) / 1e9)
        parts = [row[name] for name in ("seconds_server", "seconds_client") if row[name] is not None]
        assert all(part >= 0 for part in parts)
        assert row["seconds"] is None or sum(parts) <= row["seconds"] + 1e-9


@pytest.mark.parametrize(
    "name",
    [
        *(f"impaired-postfix-plain/{name}.pcap" for name in VARIANTS),
        *(f"formats/{name}" for name in CONTAINERS),
        *(f"{group}/capture.pcap" for group in GROUPS if group != "formats"),
    ],
)
def test_caveats(name: str, *, update: bool) -> None:
    """Exactly those sessions and attempts that a capture weakens carry a caveat, and all that is wrong is told."""
    trace = analyzer.read(DATA / name)
    found = {table: _weakened(rows(trace, table)) for table in ("sessions", "auth")} | {
        "findings": _totals(rows(trace, "findings")),
        "skipped": [[row["stage"], row["reason"], row["count"]] for row in rows(trace, "skipped")],
        "warnings": [warning.replace(str(DATA), "") for warning in trace.warnings],
    }
    folder, _, file = name.partition("/")
    stem = {"impaired-postfix-plain": file.removesuffix(".pcap"), "formats": file}.get(folder, folder)
    path = CAVEATS / f"{stem}.json"
    if update:
        path.write_text(_dumped(found), encoding="utf-8")
        return

    assert found == json.loads(path.read_text(encoding="utf-8"))


def _totals(found: list[Row]) -> dict[str, int]:
    """Sum up the counts of findings by kind."""
    totals: Counter[str] = Counter()
    for row in found:
        totals[row["kind"]] += row["count"]
    return dict(sorted(totals.items()))


def _weakened(found: list[Row]) -> dict[str, list[str]]:
    """Give the clients of each caveat; an attempt is ``port/number``, and ``… all`` stands for every row."""
    weakened: dict[str, list[str]] = {}
    for row in found:
        place = f"{row['client_port']}/{row['attempt']}" if "attempt" in row else str(row["client_port"])
        for caveat in row["caveats"]:
            weakened.setdefault(caveat, []).append(place)
    return {
        caveat: [f"{len(places)} all"] if len(places) == len(found) else [f"{len(places)} of {len(found)}", *places]
        for caveat, places in sorted(weakened.items())
    }


def _dumped(found: dict[str, Any]) -> str:
    """Write JSON with a caveat a line."""
    parts = []
    for name, value in found.items():
        if isinstance(value, dict) and value:
            lines = [f"    {json.dumps(key)}: {json.dumps(what)}" for key, what in value.items()]
            parts.append(f'  "{name}": {{\n' + ",\n".join(lines) + "\n  }")
        else:
            parts.append(f'  "{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
