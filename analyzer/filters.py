"""Which attempts, sessions and rows a question is about.

A condition on attempts (identity, mechanism, outcome, reason) keeps the attempts that meet it and the sessions that
have one; conditions on time, client and server keep attempts and sessions alike; everything else follows its session.
Findings are those of the whole input; they stay where all whom they name are among what is kept.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.concerned import about_kept, address_of, parties_of
from analyzer.errors import AnalyzerError
from analyzer.schema import NULL
from analyzer.smtp.law import OUTCOMES
from analyzer.tables import among, replaced
from analyzer.zones import zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: Why it did not succeed, as far as the reply tells.
REASONS: Final = (
    "bad_credentials", "bad_password", "unknown_user", "authzid_refused", "account_disabled", "account_locked",
    "password_expired", "app_password_required", "second_factor_required", "basic_auth_disabled",
    "oauth_token_invalid", "mechanism_unavailable", "not_advertised", "already_authenticated", "in_transaction",
    "tls_required", "backend_down", "throttled", "bad_base64", "bad_syntax", "line_too_long", "empty_response",
    "cancelled", "timeout", "policy", "unknown",
)  # fmt: skip

#: SASL mechanisms that servers offer (IANA's list, and what is used without being on it).
MECHANISMS: Final = (
    "ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "GSSAPI", "LOGIN", "NTLM", "OAUTHBEARER", "PLAIN",
    "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "XOAUTH2",
)  # fmt: skip

#: How many ports there are.
PORTS: Final = 1 << 16

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY: Final = dt.timedelta(days=1)
_CLOCK_TIME: Final = re.compile(r"\d{1,2}:\d\d")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a row has to meet; None meets everything."""

    #: First moment: an ISO date, date and time, or a time alone, which means the first day of the capture.
    since: str | dt.date | None = None
    #: First moment that is too late, written alike; a date alone includes that day.
    until: str | dt.date | None = None
    #: Address or network, with ``:port`` where wanted: ``192.0.2.7``, ``192.0.2.0/24:587``, ``[2001:db8::1]:25``.
    client: str | None = None
    server: str | None = None
    #: Pattern for the whole identity, upper and lower case alike: ``*@example.org``.
    identity: str | None = None
    #: Names, as a list or separated by commas.
    mechanism: str | Iterable[str] | None = None
    outcome: str | Iterable[str] | None = None
    reason: str | Iterable[str] | None = None
    #: Timezone of `since` and `until` where they name none: an IANA name, ``UTC`` or ``local``.
    timezone: str | None = None

    def __post_init__(self) -> None:
        """Complain now about what nothing can meet, and not after hours of reading."""
        for name in ("client", "server", "identity", "timezone"):
            if not isinstance(getattr(self, name), (str, NoneType)):
                raise AnalyzerError(f"{name} has to be a text, not {getattr(self, name)!r}")
        _span(self, dt.date(1970, 1, 1))
        for wanted in filter(None, (self.client, self.server)):
            _endpoint(wanted)
        for name, known in (("outcome", OUTCOMES), ("reason", REASONS)):
            _check(name, getattr(self, name), known)
        _parts("mechanism", self.mechanism)

    def words(self) -> list[str]:
        """Write the conditions as options of the command line."""
        asked = {name: getattr(self, name) for name in self.__slots__ if name != "timezone"}
        if self.timezone not in (None, "local") and (self.since or self.until):
            asked["display-timezone"] = self.timezone
        return [word for name, value in asked.items() if value is not None for word in (f"--{name}", _written(value))]

    def about_attempts(self) -> bool:
        """Whether a session needs a matching attempt to be kept."""
        return any(value is not None for value in (self.identity, self.mechanism, self.outcome, self.reason))


def _written(value: str | dt.date | Iterable[str]) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    return value if isinstance(value, str) else ",".join(value)


def select(tables: Mapping[str, Table], conditions: Conditions) -> Mapping[str, Table]:
    """Keep the rows of every table that meet the conditions; what was skipped stays."""
    if conditions == Conditions(timezone=conditions.timezone):
        return tables
    auth, sessions = tables["auth"], tables["sessions"]
    since, until = _span(conditions, _first_day(sessions, auth, zone(conditions.timezone)))
    attempts = (
        _connected(auth, conditions)
        & (auth.array("started") >= since)
        & (auth.array("started") < until)
        & _like(auth, "identity", conditions.identity)
        & _named(auth, "mechanism", conditions.mechanism, MECHANISMS)
        & _named(auth, "outcome", conditions.outcome, OUTCOMES)
        & _named(auth, "reason", conditions.reason, REASONS)
    )
    kept = _connected(sessions, conditions) & (sessions.array("last") >= since) & (sessions.array("first") < until)
    if conditions.about_attempts():
        kept &= _among(sessions, _names(auth.take(attempts)))
    sessions = sessions.take(kept)
    names = _names(sessions)

    def following(name: str) -> Table:
        table = tables[name]
        return table.take(_among(table, names))

    def concerned() -> Table:
        findings = tables["findings"]
        parties = parties_of(tables, tables["auth"].take(attempts), sessions)
        return findings.take(about_kept(findings, names, parties, since, until))

    others: dict[str, Callable[[], Table]] = {
        "exchanges": partial(following, "exchanges"),
        "messages": partial(following, "messages"),
        "findings": concerned,
    }
    there = {name: make for name, make in others.items() if name in tables}
    return replaced(tables, {**there, "auth": auth.take(attempts), "sessions": sessions})


# -- times ------------------------------------------------------------------------------------------------------------


def _first_day(sessions: Table, auth: Table, where: dt.tzinfo | None) -> dt.date:
    known = np.concatenate([sessions.array("first"), auth.array("started")])
    known = known[known != NULL]
    microseconds = int(known.min()) // 1000 if len(known) else 0
    return (_EPOCH + dt.timedelta(microseconds=microseconds)).astimezone(where).date()


def _span(conditions: Conditions, day: dt.date) -> tuple[int, int]:
    """Give the nanoseconds from which and before which rows are kept; a time alone is on that day."""
    where = zone(conditions.timezone)
    since, kind_since = (NULL, "") if conditions.since is None else _moment(conditions.since, where, day)
    until, kind = (-NULL - 1, "") if conditions.until is None else _moment(conditions.until, where, day)
    if kind == "date" or (kind == kind_since == "time" and until <= since):  # 23:00 to 01:00 goes over midnight
        until += _nanoseconds(_DAY)
    if until <= since and (kind == "time") == (kind_since == "time"):
        raise AnalyzerError(f"nothing lies between --since {conditions.since} and --until {conditions.until}")
    return since, until


def _moment(value: str | dt.date, where: dt.tzinfo | None, day: dt.date) -> tuple[int, str]:
    """Read a moment; gives nanoseconds and how it was written: date, time or both."""
    try:
        if isinstance(value, dt.datetime):
            moment, kind = value, "both"
        elif isinstance(value, dt.date):
            moment, kind = dt.datetime.combine(value, dt.time()), "date"
        elif _CLOCK_TIME.match(value):
            moment, kind = dt.datetime.combine(day, dt.time.fromisoformat(value.rjust(5, "0"))), "time"
        elif "T" in value or " " in value:
            moment, kind = dt.datetime.fromisoformat(value), "both"
        else:
            moment, kind = dt.datetime.combine(dt.date.fromisoformat(value), dt.time()), "date"
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=where) if where else moment.astimezone()
        return _nanoseconds(moment - _EPOCH), kind
    except (TypeError, ValueError, OverflowError):
        raise AnalyzerError(
            f"{value!r} is no time: give 2026-11-18, 2026-11-18T09:30, 09:30 (that day of the capture), "
            "with +01:00 or Z for another timezone"
        ) from None


def _nanoseconds(span: dt.timedelta) -> int:
    return span // dt.timedelta(microseconds=1) * 1000


# -- masks: one flag a row, found on distinct words -------------------------------------------------------------------


def _names(table: Table) -> Array:
    """Give the numbers of the sessions that a table has."""
    return table.ids("session").numbers


def _among(table: Table, names: Array) -> Array:
    return among(table.ids("session").numbers, names)


def _like(table: Table, name: str, pattern: str | None) -> Array:
    if pattern is None:
        return np.ones(len(table), bool)
    matches = re.compile(fnmatch.translate(pattern), re.IGNORECASE).match
    column = table.text(name)
    return column.mask([matches(word) is not None for word in column.words])


def _parts(name: str, wanted: Any) -> list[str]:
    """Give names that stand in a list, or between commas."""
    parts = (
        wanted.split(",")
        if isinstance(wanted, str)
        else [wanted]
        if wanted and not isinstance(wanted, Iterable)
        else list(wanted or ())
    )
    if not all(isinstance(part, str) for part in parts):
        raise AnalyzerError(f"{name} has to be names, as a list or separated by commas, not {wanted!r}")
    return parts


def _check(name: str, wanted: str | Iterable[str] | None, known: Iterable[str]) -> set[str]:
    """Give the names that are wanted, in lower case; every one has to be known."""
    asked = {part.strip().casefold() for part in _parts(name, wanted)}
    choices = sorted(set(known))
    unknown = asked - {choice.casefold() for choice in choices}
    for kind, others in (("outcome", OUTCOMES), ("reason", REASONS)):  # reports tell both of them in one column
        if unknown and unknown <= {*others}:
            words = ",".join(sorted(unknown))
            is_one = f"is {'an outcome' if kind == 'outcome' else 'a reason'}"
            raise AnalyzerError(f"{words} {is_one if len(unknown) == 1 else f'are {kind}s'}: --{kind} {words}")
    if unknown:
        raise AnalyzerError(f"unknown {name} {', '.join(sorted(unknown))}; known are {', '.join(choices)}")
    return asked


def _named(table: Table, name: str, wanted: str | Iterable[str] | None, known: tuple[str, ...]) -> Array:
    if wanted is None:
        return np.ones(len(table), bool)
    column = table.text(name)
    asked = _check(name, wanted, (*known, *column.words))
    return column.mask([word.casefold() in asked for word in column.words])


def _connected(table: Table, conditions: Conditions) -> Array:
    return _end(table, "client", conditions.client) & _end(table, "server", conditions.server)


def _end(table: Table, side: str, wanted: str | None) -> Array:
    if wanted is None:
        return np.ones(len(table), bool)
    network, port = _endpoint(wanted)
    kept = np.ones(len(table), bool) if port is None else table.array(f"{side}_port") == port
    if network is None:
        return kept
    column = table.text(f"{side}_ip")
    mask: Array = kept & column.mask([_inside(word, network) for word in column.words])
    return mask


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _endpoint(wanted: str) -> tuple[Network | None, int | None]:
    """Read ``address``, ``network/bits``, either with ``:port``, or ``:port`` alone."""
    host, port = wanted, ""
    if wanted.count(":") == 1 or ("[" in wanted and re.search(r"[\]\d]:\d+$", wanted)):
        host, _, port = wanted.rpartition(":")
    host = host.replace("[", "").replace("]", "")
    message = (
        f"{wanted!r} is no address: give 192.0.2.7, 192.0.2.0/24, 2001:db8::1, or with a port 192.0.2.7:587, "
        "[2001:db8::1]:587, :587"
    )
    try:
        network, number = ipaddress.ip_network(host, strict=False) if host else None, int(port) if port else None
    except ValueError:
        raise AnalyzerError(message) from None
    if number is not None and not 0 <= number < PORTS:
        raise AnalyzerError(message)
    return network, number


def _inside(word: str, network: Network) -> bool:
    address = address_of(word)  # a log may name a host instead
    return address is not None and address in network
