"""From when on something is a finding: every threshold with what it counts and why it is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any

from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Iterable


def _threshold(value: float, meaning: str, why: str) -> Any:
    return field(default=value, metadata={"meaning": meaning, "why": why})


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Numbers from which on something is told; `meaning` and `why` of each stand in its metadata."""

    try_seconds: float = _threshold(
        10,
        "attempts of one connection with other mechanisms that begin within so many seconds of each other are one try",
        "mail programs try three to five mechanisms after one wrong password, each within a second",
    )
    typos: float = _threshold(
        5,
        "so many different wrong secrets before a success of the same client and identity are typing errors",
        "fail2ban's default (maxretry) lets five pass; people rarely need more than three",
    )
    guesses: float = _threshold(
        10,
        "guesses of one client within `guess_minutes` that make it an attacker",
        "twice fail2ban's default of five: what several people behind one address mistype at once stays below",
    )
    guess_minutes: float = _threshold(10, "the window of `guesses`", "fail2ban's default (findtime)")
    slow_guesses: float = _threshold(
        30,
        "guesses of one client within `slow_hours` that make it an attacker",
        "a bot that tries every two to five minutes reaches it in two hours",
    )
    slow_hours: float = _threshold(24, "the window of `slow_guesses`", "covers a working day and the night after it")
    spray_identities: float = _threshold(
        10,
        "identities at which one client (or all clients, with one secret) failed that make it spraying",
        "no time limit, since spraying takes days to stay below the limits of accounts",
    )
    spray_ratio: float = _threshold(
        3,
        "identities for each secret that make it spraying",
        "people who mistype behind one address each have a secret of their own: their ratio is 1",
    )
    distributed_addresses: float = _threshold(
        10,
        "addresses that guess at one identity, each with too few guesses to be told alone",
        "nobody mistypes from ten addresses without getting in from any of them",
    )
    break_in_guesses: float = _threshold(
        6,
        "different wrong secrets of one client at one identity that make the success behind them suspicious",
        "one more than `typos`",
    )
    networks: float = _threshold(
        5,
        "networks (/24, /64) from which one identity logs in within `network_minutes`",
        "a phone between home, street and office shows two or three",
    )
    network_minutes: float = _threshold(60, "the window of `networks`", "nobody travels through five networks faster")
    stale_repeats: float = _threshold(
        6,
        "refusals of one and the same secret that make a program that repeats it, not a person",
        "a person changes what was typed; clients with a stored password repeat it for days",
    )
    outage_failures: float = _threshold(
        3,
        "temporary failures of a server within `outage_minutes` that make an outage",
        "a single one is a restart of the authentication service",
    )
    outage_minutes: float = _threshold(10, "the window of `outage_failures`", "clients retry every few minutes")
    mistakes: float = _threshold(
        5,
        "attempts that fail for the same fault of a client or its settings",
        "a program repeats its fault at each message, a test by hand does not",
    )
    scans: float = _threshold(
        10,
        "attempts of one client that left before any name or password",
        "a client that crashes or times out does so now and then, a scanner each time",
    )
    relay_refusals: float = _threshold(
        3, "refusals of the login at a relay", "mail waits there from the first one on; two are chance"
    )

    @classmethod
    def of(cls, values: Mapping[str, float] | Thresholds | None) -> Thresholds:
        """Make thresholds of those that differ from the defaults; AnalyzerError for a name that is none."""
        if isinstance(values, Thresholds):
            return values
        if not isinstance(values, (Mapping, NoneType)):
            raise AnalyzerError(f"thresholds have to be names with numbers, as in {{'guesses': 20}}, not {values!r}")
        known = [each.name for each in fields(cls)]
        for name, value in (values or {}).items():
            if name not in known:
                raise AnalyzerError(f"unknown threshold {name!r}; known are {', '.join(known)}")
            if not (isinstance(value, Real) and 0 < value < float("inf")):
                raise AnalyzerError(f"threshold {name} has to be a number above 0, not {value!r}")
        return cls(**(values or {}))

    @classmethod
    def parse(cls, given: Iterable[str]) -> Thresholds:
        """Read ``NAME=VALUE``, as often as given."""
        values: dict[str, float] = {}
        for each in given:
            name, _, value = each.partition("=")
            try:
                values[name.strip()] = float(value)
            except ValueError:
                raise AnalyzerError(f"{each!r} is no threshold: give NAME=NUMBER, as in guesses=20") from None
        return cls.of(values)
