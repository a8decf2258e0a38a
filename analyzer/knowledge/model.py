"""What the knowledge gives: plain objects. Their fields are also those of ``smtp-analyzer explain --json``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """What one product or provider does."""

    product: str
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Where more is to be read."""

    text: str
    url: str  #: empty where the text says it all


@dataclass(frozen=True, slots=True)
class Entry:
    """A reply code or an enhanced code."""

    kind: str  #: `code` or `enhanced`
    name: str  #: the code itself, such as `535` or `5.7.8`
    lang: str  #: the language it is written in: `en` where the one asked for has no translation
    listed: bool  #: false: no list has it, and it is explained by its digits
    title: str  #: what it says, in a few words
    standing: str  #: standard, extension, registered, product or unlisted, in words
    category: str  #: what the first digit says
    subject: str  #: what the second digit or number says; empty where nothing is defined
    meaning: str  #: the description
    seen: str  #: when you see it
    fix: tuple[str, ...]  #: how to fix it, step by step
    use: str  #: when it is used, and when another one is
    exchange: str  #: whether the command, or the AUTH exchange, goes on
    next: str  #: who acts next
    retry: str  #: whether to try again
    auth: bool  #: it occurs with AUTH
    codes: tuple[int, ...]  #: of an enhanced code: the reply codes that it stands beside
    notes: tuple[Note, ...]  #: what products and providers do
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason or an outcome of the analyzer."""

    kind: str  #: `reason` or `outcome`
    name: str  #: as in the tables: `bad_credentials`, `cancelled`
    lang: str
    title: str
    advice: str  #: one line, as reports show it
    meaning: str
    seen: str
    fix: tuple[str, ...]
    codes: tuple[int, ...]  #: reply codes that usually bring it
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A SASL mechanism."""

    kind: str  #: `mechanism`
    name: str
    lang: str
    title: str
    meaning: str
    without: str  #: how many 334 there are without an initial response
    with_initial: str  #: and with one
    rounds: str  #: why
    identity: str  #: where the identity is taken from
    fix: tuple[str, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply of a server, read as the analyzer reads it."""

    kind: str  #: `reply`
    name: str  #: its codes
    lang: str
    text: str  #: its words, without codes and without what may be a secret
    code: Entry
    enhanced: Entry | None
    challenge: bool  #: it is a step of an AUTH exchange, and no ending
    asks: str  #: of a challenge: what it asks for
    outcome: Cause | None  #: what the analyzer would say if an AUTH exchange ended with this reply
    reason: Cause | None
    source: Reference | None  #: the product whose words tell the reason; none where the code alone tells it


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing in which two codes differ."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two codes, side by side."""

    first: str  #: the first code
    second: str  #: the second code
    lang: str
    facts: tuple[Fact, ...]
    text: tuple[str, ...]  #: what is worth saying in words
    use: tuple[str, str]  #: when the first is used, and when the second


Topic = Entry | Cause | Mechanism | Reply
