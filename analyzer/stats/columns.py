"""What attempts can be grouped by: their own columns, and those that their session, a clock or a database adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp.expected import against
from analyzer.stats.distinct import numbered, renamed
from analyzer.stats.networks import domain_of, network_of
from analyzer.tables import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzer.stats.distinct import Column
    from analyzer.stats.facts import Facts

    Array = np.ndarray[Any, Any]

_DAY_SECONDS: Final = 86_400
#: 1970-01-01 was a Thursday, the fourth day of the week (ISO 8601).
_FIRST_WEEKDAY: Final = 4

#: Outcomes of attempts that the client ended.
_LEFT: Final = ("client_closed", "cancelled")
#: Outcomes of attempts that went their whole way.
_WHOLE: Final = ("succeeded", "rejected")


def _told(columns: Sequence[Column], rows: int, say: Callable[..., str | None]) -> Text:
    """Give a word for each row, said once for each distinct row of the columns (text as words, unknown as None)."""
    which, first = numbered(columns, rows)
    values = [c.take(first).list() if isinstance(c, Text) else c[first].tolist() for c in columns]
    words = Text.of(say(*row) for row in zip(*values, strict=True))
    return words.take(which)


def _server(facts: Facts) -> Text:
    ends = (facts.auth.text("server_ip"), facts.auth.array("server_port"))
    return _told(ends, len(facts), end)


def end(address: str | None, port: int) -> str | None:
    """Write an address with its port; NULL: it is unknown."""
    if address is None or port == NULL:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _rounds(facts: Facts) -> Text:
    return _told((facts.auth.array("rounds"), facts.auth.text("rounds_known")), len(facts), rounds_text)


def rounds_text(rounds: int, known: str | None) -> str:
    """Write a number of rounds: 2, at least 2 as 2+, unknown as ?."""
    return "?" if rounds == NULL else {"exact": f"{rounds}", "at_least": f"{rounds}+"}.get(known or "", "?")


def _expected(facts: Facts) -> Text:
    auth = facts.auth
    whole = auth.text("outcome").mask([word in _WHOLE for word in auth.text("outcome").words])
    checked = whole & ~facts.rounds_unknown & (auth.array("initial_response") >= 0)
    columns = (
        auth.text("mechanism"), auth.array("initial_response").astype(np.int64), facts.succeeded.astype(np.int64),
        np.where(checked, auth.array("rounds"), NULL),
    )  # fmt: skip

    def say(mechanism: str | None, initial: int, succeeded: int, rounds: int) -> str | None:
        if mechanism is None or rounds == NULL:
            return None
        return against(mechanism, initial_response=bool(initial), succeeded=bool(succeeded), rounds=rounds)

    return _told(columns, len(facts), say)


def _left_after(facts: Facts) -> Text:
    outcome = facts.auth.text("outcome")
    left = outcome.mask([word in _LEFT for word in outcome.words]).astype(np.int64)
    asked = facts.auth.array("rounds")

    def say(left: int, rounds: int, challenge: str | None) -> str | None:
        if not left:
            return None
        kinds = (challenge or "").split()
        return kinds[-1] if kinds else "(no challenge)" if rounds == 0 else "(unknown)"

    return _told((left, asked, facts.auth.text("challenge")), len(facts), say)


def inside_tls(facts: Facts) -> Array:
    """Say of each attempt whether it is known to be inside TLS."""
    return facts.auth.has("tls", "starttls") | facts.auth.has("tls", "implicit")


def _offered(facts: Facts) -> Text:
    lists = (facts.of_session("offered"), facts.of_session("offered_tls"))

    def say(mechanism: str | None, inside: int, before: str | None, within: str | None) -> str | None:
        listed = within if inside else before
        return None if listed is None or mechanism is None else "yes" if mechanism in listed.split() else "no"

    return _told((facts.auth.text("mechanism"), inside_tls(facts).astype(np.int64), *lists), len(facts), say)


def _session_attempts(facts: Facts) -> Array:
    return np.append(facts.sessions.array("attempts"), NULL)[facts.owner]


def _hour(facts: Facts) -> Array:
    return np.where(facts.local == NULL, NULL, facts.local % _DAY_SECONDS // 3600)


def _weekday(facts: Facts) -> Array:
    return np.where(facts.local == NULL, NULL, (facts.local // _DAY_SECONDS + _FIRST_WEEKDAY - 1) % 7 + 1)


def _day(facts: Facts) -> Text:
    days = np.where(facts.local == NULL, NULL, facts.local // _DAY_SECONDS)
    return _told((days,), len(facts), lambda day: None if day == NULL else str(np.datetime64(day, "D")))


def _place(facts: Facts, name: str) -> Text:
    assert facts.places is not None  # `analyzer.stats.answer.checked`
    return renamed(facts.auth.text("client_ip"), getattr(facts.places, name))


def _own(name: str) -> Callable[[Facts], Column]:
    return lambda facts: facts.auth.text(name)


def _number(name: str) -> Callable[[Facts], Column]:
    return lambda facts: facts.auth.array(name)


def _flag(facts: Facts) -> Text:
    return Text(facts.auth.array("initial_response").astype(np.int32), ["no", "yes"])


#: By column: how it is made, what it means.
_COLUMNS: Final[dict[str, tuple[Callable[[Facts], Column], str]]] = {
    "mechanism": (_own("mechanism"), "SASL mechanism"),
    "outcome": (_own("outcome"), "how the attempt ended"),
    "reason": (_own("reason"), "why, as far as the reply tells"),
    "code": (_number("code"), "final reply code"),
    "enhanced": (_own("enhanced"), "enhanced status code"),
    "client": (_own("client_ip"), "address of the client"),
    "network": (lambda facts: renamed(facts.auth.text("client_ip"), network_of), "its network, /24 or /64"),
    "asn": (lambda facts: _place(facts, "asn"), "its autonomous system; needs --geoip"),
    "country": (lambda facts: _place(facts, "country"), "its country; needs --geoip"),
    "server": (_server, "address and port of the server"),
    "product": (lambda facts: facts.of_session("product"), "server product"),
    "role": (_own("role"), "server (a client to this server) or client (this server to its relay)"),
    "identity": (_own("identity"), "who tried to log in"),
    "domain": (lambda facts: renamed(facts.auth.text("identity"), domain_of), "what follows @ in the identity"),
    "tls": (_own("tls"), "none, starttls or implicit"),
    "initial_response": (_flag, "yes where the AUTH command carried an initial response"),
    "rounds": (_rounds, "replies 334; 2+ is at least 2, ? unknown"),
    "expected": (_expected, "rounds of a success or rejection: fewer or more than the mechanism takes, or expected"),
    "challenge": (_own("challenge"), "kinds of the challenges, in order"),
    "left_after": (_left_after, "the challenge after which the client closed or cancelled"),
    "offered": (_offered, "yes or no: whether the server's EHLO reply lists the mechanism"),
    "attempt": (_number("attempt"), "number of the attempt in its session; 1 shows what succeeds at first try"),
    "session_attempts": (_session_attempts, "attempts in the same session"),
    "day": (_day, "date, in the display timezone"),
    "weekday": (_weekday, "1 is Monday (ISO 8601), in the display timezone"),
    "hour": (_hour, "hour of the day, in the display timezone"),
    "evidence": (_own("evidence"), "observed, decrypted, inferred or logged"),
}


def column_of(facts: Facts, name: str) -> Column:
    """Give the column of attempts that `BY` names, or the sessions as numbers."""
    return facts.session if name == "session" else _COLUMNS[name][0](facts)


#: What attempts can be grouped by, and what it means.
BY: Final = {name: meaning for name, (_, meaning) in _COLUMNS.items()}
#: Columns that tell how an attempt ended; the others tell what kind of attempt it was.
ENDINGS: Final = frozenset({"outcome", "reason", "code", "enhanced", "expected", "rounds", "challenge", "left_after"})
#: Columns whose groups stand in their own order.
IN_ORDER: Final = frozenset({"attempt", "session_attempts", "day", "weekday", "hour"})
#: Columns that depend on the timezone, which the answer names then.
OF_CLOCK: Final = frozenset({"day", "weekday", "hour"})
