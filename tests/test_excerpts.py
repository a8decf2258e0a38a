"""Short excerpts of real logs, as people have published them, told as their truth has it.

They are other people's text: read where they are, and never copied. What happened is known of each, in loose words;
lines of other services (IMAP, POP3, web mail) must not make rows, however much they look like AUTH.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import analyzer
from tests.truth import DATA, needs_data, rows

pytestmark = needs_data

TRUTH: Final = DATA / "truth-logs.json"
#: What is read of the truth: not its free text, which quotes the log, with what people typed for passwords.
KEYS: Final = (
    "line", "lines", "service", "protocol", "listen_port", "attempts", "succeeded", "authenticator", "client_ip",
    "username", "mechanism", "initial_response", "rounds_334", "rounds_334_min", "code", "outcome",
)  # fmt: skip
EXCERPTS: Final = sorted(
    (each["file"], [{key: meant[key] for key in meant if key in KEYS} for meant in each["auth"]])
    for each in (json.loads(TRUTH.read_text())["files"] if TRUTH.exists() else [])
    if each["file"].startswith("excerpts/")
)
#: Replies without anything that they answer: no log, no transcript.
REPLIES: Final = sorted(str(path.relative_to(DATA)) for path in DATA.glob("excerpts/mailkit/*.txt"))

#: Ports at which nginx listens for SMTP; the others are of IMAP.
SMTP_PORTS: Final = {25, 11587}

Words = dict[str, frozenset[str]]


def words(outcome: str, reason: str = "") -> Words:
    """Give which outcomes and reasons are meant."""
    told = {"outcome": frozenset(outcome.split()), "reason": frozenset(reason.split())}
    return {name: meant for name, meant in told.items() if meant}


_FAILING: Final = "rejected failed malformed other temporary_failure"
#: What the loose words for an outcome mean, by how they begin: the first that fits.
MEANINGS: Final[dict[str, Words | None]] = {
    "success": words("succeeded"),
    "failure": words(_FAILING),
    "bad_password": words(_FAILING, "bad_password"),
    "unknown_user (detail of": None,
    "unknown_user": words(_FAILING, "unknown_user"),
    "backend_failure": words("temporary_failure failed", "backend_down"),
    "rate_limited": words("temporary_failure", "throttled"),
    "mechanism_unavailable(auth not supported": words("not_recognised", "not_advertised"),
    "mechanism_unavailable": words("mechanism_unavailable", "mechanism_unavailable"),
    "command_unrecognized": words("not_recognised"),
    "app_password_required": words("mechanism_too_weak", "app_password_required"),
    "other_5xx": words("other malformed"),
    "unsuccessful_unspecified": words("failed"),
    "timeout after": words("failed server_closed"),
    "server closed: too many errors": words("server_closed", "throttled"),
    "truncated excerpt": words("unseen"),
    "summary of the same session": None,
    "summary": words("failed succeeded"),
    "no_auth": None,
    "not an AUTH event": None,
    "malformed (NULL": words(_FAILING),
}

Key = tuple[str, str]

#: What the truth of a line says that no reader of the file can know, or should not say.
UNKNOWABLE: Final[dict[Key, dict[str, str]]] = {
    ("postfix_v_login_535_2008.log", "12-23"): {
        "username": "the poster masked the answers; what was decoded of them stands in lines that hold passwords too",
    },
    ("sendmail_saslauthd_join.log", "1-3"): {
        "client_ip": "of a connection that ended in the next second, of which nothing says that it was this one",
    },
    ("saslauthd.log", "1"): {"row": "of which service the client is, or who, is not told: it may be IMAP"},
}

#: Exchanges that the truth leaves out.
LEFT_OUT: Final = {
    ("nginx-mail-logs.log", 17): "a login at port 587 that failed",
}


def meaning(outcome: str) -> Words | None:
    """Give what a loose word for an outcome means; None: no exchange of its own."""
    return next(told for begin, told in MEANINGS.items() if outcome.startswith(begin))


def lines_of(meant: dict[str, Any]) -> tuple[int, int]:
    """Give the first and the last line that the truth is about."""
    first, _, last = str(meant.get("line", meant.get("lines"))).partition("-")
    return int(first), int(last or first)


def expected(name: str, meant: dict[str, Any]) -> int:
    """Give how many rows the log has to make of what the truth tells."""
    others = meant.get("service", "auth") != "auth" or meant.get("protocol", "smtp") != "smtp"
    others |= meant.get("listen_port", 25) not in SMTP_PORTS
    unknowable = UNKNOWABLE.get((name, str(meant.get("line", meant.get("lines")))), {})
    if others or meaning(meant["outcome"]) is None or "row" in unknowable:
        return 0
    return int(meant.get("attempts") or 1)


def differences(name: str, meant: dict[str, Any], row: dict[str, Any]) -> list[str]:
    """Say where a row is not as the truth has it; what the truth does not know is not compared."""
    place = f"{name} line {meant.get('line', meant.get('lines'))}"
    guessed = {"mechanism"} if "authenticator" in meant else set()  # by the name that an administrator gave to it
    spared = guessed | set(UNKNOWABLE.get((name, place.rpartition(" ")[2]), ()))
    pairs = {"client_ip": "client_ip", "username": "identity", "mechanism": "mechanism", "code": "code"}
    pairs |= {"initial_response": "initial_response"}
    told = [
        f"{place}: {column} is {row[column]!r}, not {meant[key]!r}"
        for key, column in pairs.items()
        if meant.get(key) is not None and key not in spared and row[column] != meant[key]
    ]
    seen = "exact" if row["outcome"] != "unseen" else "at_least"
    if meant.get("rounds_334") is not None and (row["rounds"], row["rounds_known"]) != (meant["rounds_334"], seen):
        told.append(f"{place}: {row['rounds_known']} {row['rounds']} rounds, not {seen} {meant['rounds_334']}")
    least = meant.get("rounds_334_min")
    if least is not None and (row["rounds"], row["rounds_known"]) != (least, "at_least"):
        told.append(f"{place}: {row['rounds_known']} {row['rounds']} rounds, not at least {least}")
    told += [
        f"{place}: {column} is {row[column]!r}, not one of {sorted(allowed)}"
        for column, allowed in (meaning(meant["outcome"]) or {}).items()
        if row[column] not in allowed
    ]
    return told


def number(row: dict[str, Any]) -> int:
    """Give the line in which a row was found."""
    found = re.search(r" line (\d+)", row["where"])
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(("file", "truth"), EXCERPTS, ids=[file.removeprefix("excerpts/") for file, _ in EXCERPTS])
def test_excerpt(file: str, truth: list[dict[str, Any]]) -> None:
    """Every exchange is told as it was, and nothing else is."""
    name = Path(file).name
    found = rows(analyzer.read(str(DATA / file), tables=("exchanges",), timezone="UTC"), "auth")
    found = [row for row in found if (name, number(row)) not in LEFT_OUT]
    told: list[str] = []
    for meant in truth:
        first, last = lines_of(meant)
        mine = [row for row in found if first <= number(row) <= last]
        found = [row for row in found if not first <= number(row) <= last]
        if len(mine) != expected(name, meant):
            told.append(f"{name} line {first}: {len(mine)} rows, not {expected(name, meant)}")
        good = sum(row["outcome"] == "succeeded" for row in mine)
        if meant.get("succeeded") is not None and good != meant["succeeded"]:
            told.append(f"{name} line {first}: {good} succeeded, not {meant['succeeded']}")
        told += [text for row in mine for text in differences(name, meant, row)]
    told += [f"{name} line {number(row)}: not in the truth" for row in found]
    assert told == []


@pytest.mark.parametrize("file", REPLIES)
def test_replies_alone(file: str) -> None:
    """A reply that answers nothing is no exchange."""
    assert rows(analyzer.read(str(DATA / file), tables=("exchanges",)), "auth") == []
