"""The log formats that are known: one declarative file each, read into a catalogue of arrays for the kernels.

A file of formats (TOML) has::

    name = "postfix"                      # --as postfix
    title = "Postfix"
    reference = "https://..."             # where the product, or a page with real lines, shows the format
    programs = ["*/smtpd"]                # syslog names; without any, lines that no syslog has written
    irrelevant_programs = ["postfix/qmgr"]  # of the same product: known, and of no interest
    key = [["host", "pid"]]               # what the lines of one session have in common: the first list of which a line
                                          # has all; has it none of them, it stands alone. [[]]: the file is one session
    family = "postfix"                    # formats of one family have sessions in common; none: the name
    role = "server"                       # who logs in to whom
    server = "a"                          # of a dialogue: the side of the server, where replies do not tell it

    [[cannot]]                            # what such a log does not show, and what would show it
    what = "rounds of 334"
    setting = "debug_peer_list = 192.0.2.7"

    [[meaning]]                           # what a text in the field `reason` means; the first that it contains decides
    text = "authentication failure"
    reason = "bad_credentials"
    outcome = "rejected"                  # and what else differs from what the pattern says: code, enhanced

    [[pattern]]
    name = "connect"
    event = "connect"                     # one of EVENTS
    text = "connect from {client_name}[{client_ip}]"   # or a list; see analyzer.logs.template
    reference = "https://..."
    samples = [{ text = "connect from unknown[192.0.2.7]", is = { client_ip = "192.0.2.7" } }]
    others = ["connect to mx.example.org"]             # lines that it must not take
    injections = [{ text = "...", is = { client_ip = "192.0.2.7" } }]   # hostile lines, and what has to come out

Tests hold every sample against the pattern that it stands in.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.errors import InputError
from analyzer.logs.columns import FIELDS
from analyzer.logs.template import LITERAL, OPTION, RUN, SETS, STEP_WIDTH, Step, TemplateError, steps
from analyzer.smtp.law import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Array = np.ndarray[Any, Any]

#: What a line tells.
EVENTS: Final = {
    "connect": "a session begins",
    "disconnect": "a session is over",
    "lost": "the client has left",
    "timeout": "the server waited in vain and closes",
    "closed": "the server closes, because of too many errors for one",
    "failed": "an AUTH exchange ended without success",
    "succeeded": "an AUTH exchange succeeded",
    "detail": "more on an AUTH exchange that another line reports",
    "summary": "how many AUTH exchanges of a session failed",
    "tls": "TLS was established",
    "mail": "a message was accepted",
    "line": "a line of the dialogue itself",
    "other": "the session is of another service, and makes no row",
    "note": "nothing of interest",
}
EVENT_NAMES: Final = list(EVENTS)

#: How a session ended, as `sessions.ended_by` names it, the most telling event first; and where no event tells it.
ENDED_BY: Final = {
    "lost": "client_lost", "timeout": "server_timeout", "closed": "server_closed", "disconnect": "closed",
}  # fmt: skip
UNENDED: Final = "log_end"

#: Sides of a dialogue: two that the log tells apart, or none; or that of the line before, which goes on.
SIDES: Final = ("a", "b", "any", "more")

#: How a line of a dialogue is written into the log; see `analyzer.logs.dialogue`.
ESCAPES: Final = ("", "python", "html", "csv", "nl", "glued")

#: What a pattern can say without a field for it.
_STATED: Final = ("outcome", "code", "enhanced", "reason", "mechanism", "role", "tls", "after")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of line. `stated` is what it says without saying it: outcome, code, reason, mechanism, role."""

    name: str
    event: str
    templates: tuple[str, ...]
    reference: str
    cut: str = ""  #: what a client wrote follows the first place of this; no field of the class last ends behind it
    side: str = ""
    escape: str = ""
    once: bool = False  #: a success that is told again with every message of its session
    abandons: bool = False  #: a refusal that is also written where the client was gone before
    alone: bool = False  #: a detail that is an attempt of its own where no other line reports that
    stated: dict[str, Any] = field(default_factory=dict)
    samples: tuple[dict[str, Any], ...] = ()
    others: tuple[str, ...] = ()
    injections: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One format; see the head of this module."""

    name: str
    title: str
    reference: str
    patterns: tuple[Pattern, ...]
    programs: tuple[str, ...] = ()
    irrelevant_programs: tuple[str, ...] = ()
    key: tuple[tuple[str, ...], ...] = ()
    family: str = ""
    product: str = ""  #: what the server is called in the tables; none: the title
    role: str = "server"
    server: str = "a"
    bare: bool = False  #: its lines are also written without a syslog
    generic: bool = False  #: takes what every other format leaves; only where no other format takes a line
    cannot: tuple[dict[str, str], ...] = ()
    meanings: tuple[dict[str, Any], ...] = ()


def formats(folders: Sequence[str | Path] = ()) -> tuple[Format, ...]:
    """Read the formats that are built in and those in `folders`, which come first and replace those of equal names."""
    known: dict[str, Format] = {}
    for folder in (*folders, Path(__file__).parent / "formats"):
        files = sorted(Path(folder).glob("*.toml"))
        if not files:
            message = f"{folder} holds no format files (*.toml)"
            raise InputError(message)
        for file in files:
            made = parse(file)
            known.setdefault(made.name, made)
    return tuple(known.values())


def parse(file: Path) -> Format:
    """Read one file; raises InputError with a line that says what is wrong."""
    try:
        given = tomllib.loads(file.read_text("utf-8"))
        patterns = tuple(_pattern(each) for each in given.pop("pattern", ()))
        cannot, meanings = tuple(given.pop("cannot", ())), tuple(given.pop("meaning", ()))
        given["key"] = tuple(map(tuple, given.get("key", ())))
        for name in ("programs", "irrelevant_programs"):
            given[name] = tuple(given.get(name, ()))
        given.setdefault("family", given["name"])
        made = Format(patterns=patterns, cannot=cannot, meanings=meanings, **given)
        _check(made)
    except (
        OSError,
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        KeyError,
        TypeError,
        ValueError,
        TemplateError,
    ) as error:
        message = f"{file.name} is no format file: {error}"
        raise InputError(message) from None
    return made


def _pattern(given: dict[str, Any]) -> Pattern:
    text = given.pop("text")
    given["templates"] = (text,) if isinstance(text, str) else tuple(text)
    for name in ("samples", "others", "injections"):
        given[name] = tuple(given.get(name, ()))
    stated: dict[str, Any] = {name: given.pop(name) for name in _STATED if name in given}
    return Pattern(stated=stated, **given)


def _check(made: Format) -> None:
    """Hold a format against what there is; raises ValueError."""
    for name in (name for choice in made.key for name in choice):
        _among(name, ("host", *FIELDS), "key")
    for meaning in made.meanings:
        _among(meaning.get("outcome", OUTCOMES[0]), OUTCOMES, "outcome")
    for pattern in made.patterns:
        _among(pattern.event, EVENT_NAMES, "event")
        _among(pattern.escape, ESCAPES, "escape")
        _among(pattern.side, SIDES if pattern.event == "line" else ("",), "side")
        _among(pattern.stated.get("outcome", OUTCOMES[0]), OUTCOMES, "outcome")
        for template in pattern.templates:
            steps(template)


def _among(value: str, known: Iterable[str], what: str) -> None:
    if value not in known:
        message = f"no {what} {value!r}; there are {', '.join(map(repr, known))}"
        raise ValueError(message)


class Catalogue:
    """Formats as arrays for `analyzer.logs.match`.

    `rules` int64[n, RULE_WIDTH], one a template; `moves` int64[m, 5] their steps; `letters` uint8 all literals, one
    after the other; `sets` uint8[len(SETS) * 256].
    """

    def __init__(self, known: Sequence[Format]) -> None:
        self.formats = tuple(known)
        self.patterns = [(k, pattern) for k, each in enumerate(known) for pattern in each.patterns]
        self.texts = bytearray()
        self.first_octets: list[frozenset[int]] = []
        rules: list[tuple[int, ...]] = []
        moves: list[tuple[int, ...]] = []
        for number, (owner, pattern) in enumerate(self.patterns):
            for template in pattern.templates:
                made = steps(template)
                rules.append((owner, number, len(moves), len(moves) + len(made), *self._literal(pattern.cut.encode())))
                moves += [(step.kind, step.column, step.of, *self._literal(step.text)) for step in made]
                self.first_octets.append(_first_octets(made))
        self.rules = np.array(rules, np.int64).reshape(-1, RULE_WIDTH)
        self.moves = np.array(moves, np.int64).reshape(-1, STEP_WIDTH + 1)
        self.letters = np.frombuffer(self.texts + b"\0", np.uint8).copy()
        self._buckets: dict[tuple[int, ...], tuple[Array, Array]] = {}

    def _literal(self, text: bytes) -> tuple[int, int]:
        at = self.texts.find(text)
        if at < 0:
            at = len(self.texts)
            self.texts += text
        return at, len(text)

    @cached_property
    def sets(self) -> Array:
        """Which octets belong to which class."""
        return np.array([octet in members for members in MEMBERS for octet in range(256)], np.uint8)

    @cached_property
    def greedy(self) -> Array:
        """Which patterns take any line: they say nothing about the format."""
        return np.array([any(t == "{line:rest}" for t in p.templates) for _, p in self.patterns] or [False])

    @cached_property
    def kinds(self) -> Array:
        """The event of each pattern, as a number in EVENT_NAMES."""
        return np.array([EVENT_NAMES.index(pattern.event) for _, pattern in self.patterns] or [0])

    @cached_property
    def dull(self) -> Array:
        """Which patterns tell nothing of interest."""
        return np.array([pattern.event == "note" for _, pattern in self.patterns] or [False])

    @cached_property
    def once(self) -> Array:
        """Which patterns tell a success again with every message."""
        return np.array([pattern.once for _, pattern in self.patterns] or [False])

    @cached_property
    def alone(self) -> Array:
        """Which patterns are an attempt of their own where no other line reports that."""
        return np.array([pattern.alone for _, pattern in self.patterns] or [False])

    @cached_property
    def abandons(self) -> Array:
        """Which patterns tell a refusal also where the client was gone before."""
        return np.array([pattern.abandons for _, pattern in self.patterns] or [False])

    @cached_property
    def roles(self) -> list[str]:
        """Who logs in to whom, of each pattern."""
        return [pattern.stated.get("role", self.formats[owner].role) for owner, pattern in self.patterns]

    @cached_property
    def bare(self) -> tuple[int, ...]:
        """The formats of lines that no syslog has written, generic ones last."""
        numbers = [k for k, each in enumerate(self.formats) if each.bare or not each.programs]
        return tuple(sorted(numbers, key=lambda k: self.formats[k].generic))

    def of_program(self, program: str) -> tuple[tuple[int, ...], bool]:
        """Give the formats of a syslog name, and whether a format knows it as irrelevant."""
        takes = [k for k, each in enumerate(self.formats) if _named(program, each.programs)]
        return tuple(takes), any(_named(program, each.irrelevant_programs) for each in self.formats)

    def rules_of(self, chosen: tuple[int, ...]) -> tuple[Array, Array]:
        """Give the rules of formats by the first octet of a line: where its list begins (int64[257]), and the lists.

        Formats are tried in the order of `chosen`, and their patterns in the order of the file.
        """
        if chosen not in self._buckets:
            mine = [r for k in chosen for r in np.flatnonzero(self.rules[:, 0] == k).tolist()]
            lists = [[r for r in mine if octet in self.first_octets[r]] for octet in range(256)]
            starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
            self._buckets[chosen] = starts, np.array([r for each in lists for r in each] + [-1], np.int64)
        return self._buckets[chosen]


#: The octets of each class of `analyzer.logs.template.SETS`.
MEMBERS: Final = tuple(
    frozenset(octet for octet in range(256) if re.fullmatch(expression, bytes([octet]), re.DOTALL))
    for expression in SETS.values()
)

#: A rule: its format, its pattern, its steps (from, to), and its cut (offset and length in `letters`).
RULE_WIDTH: Final = 6


def _first_octets(made: Sequence[Step]) -> frozenset[int]:
    """Give the octets that a line of this template can begin with."""
    octets: frozenset[int] = frozenset()
    place = 0
    while place < len(made):
        step = made[place]
        if step.kind == LITERAL:
            return octets | {step.text[0]}
        if step.kind == RUN:
            return octets | MEMBERS[step.of]
        if step.kind != OPTION:
            break
        octets |= _first_octets(made[place + 1 : place + 1 + step.of])
        place += 1 + step.of
    return frozenset(range(256))


def _named(program: str, names: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(program, name) for name in names)


def references(made: Format) -> Iterator[str]:
    """Give every address that a format names."""
    yield made.reference
    yield from (pattern.reference for pattern in made.patterns)
