"""What a report says, as plain objects: pages are made of them, and ``smtp-analyzer report --json`` prints them."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

import numpy as np

#: Version of the object. It grows when a field goes, or means something else; new fields may come at any time.
SCHEMA: Final = 1


class Time(int):
    """Nanoseconds since 1970 UTC; as JSON an ISO 8601 text in UTC."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A word, and how many attempts or sessions have it."""

    name: str
    count: int  #: how many


@dataclass(frozen=True, slots=True)
class Cell:
    """Attempts that are alike in three columns."""

    mechanism: str | None  #: null where the client named none
    rounds: str  #: replies 334: `2`, `2+` (at least), `?` (unknown)
    outcome: str  #: how they ended
    count: int  #: how many


@dataclass(frozen=True, slots=True)
class Why:
    """Why attempts did not succeed, and what to do."""

    kind: str  #: `reason`, or `outcome` where no reason is told
    name: str  #: as in the table `auth`
    count: int  #: how many
    title: str  #: what it is, in a few words
    advice: str  #: what to do, in one line
    lang: str  #: the language of `title` and `advice`


@dataclass(frozen=True, slots=True)
class Party:
    """A client or an identity, and how it fared."""

    name: str
    attempts: int  #: how many
    succeeded: int  #: of these
    rejected: int  #: of these
    others: int  #: distinct identities of a client, distinct clients of an identity


@dataclass(frozen=True, slots=True)
class Parties:
    """The clients, or the identities, with the most attempts."""

    distinct: int  #: how many there are
    shown: tuple[Party, ...]  #: the first of them


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do."""

    text: str
    lang: str  #: its language
    why: str  #: `finding`, `reason`, `outcome` or `input`
    name: str  #: of the reason or outcome, or the number of the finding, from 1


@dataclass(frozen=True, slots=True)
class Unseen:
    """What the input does not show; every total of the report includes it."""

    sessions_unreadable: int  #: sessions of which TLS hides some
    sessions_elsewhere: int  #: sessions inside TLS that conditions leave out: whether they meet them nobody knows
    sessions_unknown: int  #: sessions of which nobody knows whether they had attempts
    sessions_incomplete: int  #: sessions of which bytes are missing
    logins: bool  #: whether somebody may have got in unseen
    endings: int  #: attempts whose ending nobody saw
    rounds: int  #: attempts whose rounds are at least a number, or unknown
    missing: tuple[Count, ...]  #: caveats of sessions that are not there as a whole, and of how many
    caveats: tuple[Count, ...]  #: what weakens labels, and of how many attempts
    lost: tuple[Count, ...]  #: why parts of the input are lost, of what is skipped
    skipped: tuple[Skipped, ...]  #: what could not be read
    cannot: tuple[Cannot, ...]  #: what the formats of the logs do not tell


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be read, and why."""

    source: str  #: the input
    stage: str  #: `wire`, `tcp`, `smtp`, `tls` or `logs`
    reason: str  #: why
    count: int  #: how many
    first: str | None  #: where it was first met


@dataclass(frozen=True, slots=True)
class Cannot:
    """What a log format does not tell."""

    format: str
    what: str  #: is missing
    setting: str  #: of the server that would tell it


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table `findings`."""

    severity: str  #: `high`, `medium`, `low` or `info`
    kind: str  #: docs/findings.md lists them
    title: str  #: the kind and whom it is about, in a few words
    client: str | None  #: address or network
    identity: str | None
    server: str | None  #: address and port
    session: str | None  #: where it was first seen
    at: Time | None  #: when it was first seen
    last: Time | None  #: and last
    count: int  #: how many tries, attempts or sessions show it
    evidence: str  #: what was seen, in numbers
    places: str | None  #: of the first of them: file and frame, file and line, or file and session
    confidence: float | None  #: 0 to 1
    advice: str  #: what to do


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    schema: int  #: version of this object
    lang: str  #: the language that was asked for
    sources: tuple[str, ...]  #: the inputs
    conditions: tuple[str, ...]  #: options of the command line that narrow it, and their values
    successes_asked: bool  #: false where a condition leaves successes out
    input_sessions: int | None  #: of the whole input, where nothing meets the conditions (`unmet`)
    input_attempts: int | None  #: alike
    first: Time | None  #: the earliest time in them
    last: Time | None  #: the latest
    sessions: int  #: SMTP sessions; what several sources show counts once
    attempts: int  #: AUTH exchanges, counted alike
    succeeded: int  #: of these
    verdict: str  #: `break_in`, `attack`, `trouble` (else), `quiet`; no attempts: `none`, `unseen` (hidden), `unmet`
    outcomes: tuple[Count, ...]  #: attempts by outcome
    causes: tuple[Why, ...]  #: why attempts did not succeed, the most frequent first
    cells: tuple[Cell, ...]  #: attempts by mechanism, rounds and outcome
    clients: Parties
    identities: Parties
    inside: Parties  #: identities that got in, those with most successes first
    unnamed: int  #: successes of which nobody knows the identity
    servers: tuple[Count, ...]  #: sessions by server
    endings: tuple[Count, ...]  #: sessions by what ended them
    steps: tuple[Step, ...]  #: what to do, the most urgent first
    more_steps: int  #: how many there are besides
    findings: tuple[Finding, ...]  #: the worst first
    unseen: Unseen


def plain(value: Any) -> Any:
    """Give an object of this module as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return f"{np.datetime64(value, 'ns')}Z" if isinstance(value, Time) else value
