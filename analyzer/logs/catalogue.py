"""The known formats as arrays for the kernel that matches lines."""

from __future__ import annotations

import fnmatch
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs.columns import span_of
from analyzer.logs.formats import EVENT_NAMES
from analyzer.logs.match import ROW_WIDTH
from analyzer.logs.template import LITERAL, OPTION, RUN, SETS, STEP_WIDTH, steps
from analyzer.smtp.attempts import TLS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.logs.formats import Format
    from analyzer.logs.template import Step

    Array = np.ndarray[Any, Any]


class Catalogue:
    """Formats as arrays for `analyzer.logs.match`.

    `rules` int64[n, RULE_WIDTH], one a template; `moves` int64[m, 5] their steps; `letters` uint8 all literals, one
    after the other; `sets` uint8[len(SETS) * 256].
    """

    def __init__(self, known: Sequence[Format]) -> None:
        self.formats = tuple(known)
        self.patterns = [(k, pattern) for k, each in enumerate(known) for pattern in each.patterns]
        self.texts, self._places = bytearray(), dict[bytes, int]()
        self.first_octets: list[frozenset[int]] = []
        self.steps: list[Sequence[Step]] = []
        rules: list[tuple[int, ...]] = []
        moves: list[tuple[int, ...]] = []
        for number, (owner, pattern) in enumerate(self.patterns):
            for template in pattern.templates:
                made = steps(template)
                rules.append((owner, number, len(moves), len(moves) + len(made), *self._kept(pattern.cut.encode())))
                moves += [(step.kind, step.column, step.of, *self._literal(step)) for step in made]
                self.first_octets.append(_first_octets(made))
                self.steps.append(made)
        self.rules = np.array(rules, np.int64).reshape(-1, RULE_WIDTH)
        self.moves = np.array(moves, np.int64).reshape(-1, STEP_WIDTH + 1)
        self.letters = np.frombuffer(self.texts + b"\0", np.uint8).copy()
        #: The steps of each rule as numbers, equal ones for equal steps; first what is cut off, which has to be alike.
        ways = [[(rule[4:],), *made] for rule, made in zip(rules, self.steps, strict=True)]
        numbers: dict[Any, int] = {}
        self._numbers = [[numbers.setdefault(step, len(numbers)) for step in way] for way in ways]
        self._buckets: dict[tuple[int, ...], tuple[Array, Array]] = {}

    def _literal(self, step: Step) -> tuple[int, int]:
        return (0, step.least) if step.kind == RUN else self._kept(step.text)

    def _kept(self, text: bytes) -> tuple[int, int]:
        if text not in self._places:
            self._places[text] = len(self.texts)
            self.texts += text
        return self._places[text], len(text)

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
    def tls(self) -> Array:
        """How each pattern says that a session is in TLS, as a number in TLS_NAMES; -1: it says nothing of it."""
        named = [pattern.stated.get("tls") for _, pattern in self.patterns] or [None]
        return np.array([-1 if name is None else TLS_NAMES.index(name) for name in named])

    @cached_property
    def silent(self) -> Array:
        """Which formats leave out what clients answer to a challenge."""
        return np.array([each.hides_answers for each in self.formats])

    @cached_property
    def shows_tls(self) -> Array:
        """Which formats say of every dialogue in TLS that it is."""
        return np.array([each.shows_tls for each in self.formats])

    @cached_property
    def mails(self) -> Array:
        """Which patterns tell that a message was accepted."""
        return np.array([pattern.mail or pattern.event == "mail" for _, pattern in self.patterns] or [False])

    @cached_property
    def counts_mails(self) -> Array:
        """Of which formats a line tells of messages, or counts them."""
        column = span_of("counters")
        counting = [any(step.column == column for step in made) for made in self.steps]
        told = {self.patterns[rule[1]][0] for rule, counts in zip(self.rules.tolist(), counting, strict=True) if counts}
        told |= {owner for (owner, _), tells in zip(self.patterns, self.mails, strict=False) if tells}
        return np.isin(np.arange(len(self.formats)), list(told))

    @cached_property
    def roles(self) -> list[str]:
        """Who logs in to whom, of each pattern."""
        return [pattern.stated.get("role", self.formats[owner].role) for owner, pattern in self.patterns]

    @cached_property
    def products(self) -> list[str | None]:
        """Which server each pattern is of; None where a client says it, or an authentication service alone."""
        owners = [self.formats[owner] for owner, _ in self.patterns]
        told = [
            role == "server" and not pattern.alone for role, (_, pattern) in zip(self.roles, self.patterns, strict=True)
        ]
        return [(owner.product or None) if mine else None for owner, mine in zip(owners, told, strict=True)]

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
        """Give the rules of formats by the first octet of a line: where its list begins and ends, and the lists.

        Formats are tried in the order of `chosen`, and their patterns in the order of the file. A list has ROW_WIDTH
        columns, see `analyzer.logs.match`. The places are int64[512]: where the lists of 256 octets begin, then where
        they end.
        """
        if chosen not in self._buckets:
            mine = [r for k in chosen for r in np.flatnonzero(self.rules[:, 0] == k).tolist()]
            parents = {rule: (mine[k] if k >= 0 else -1, shared) for rule, k, shared in self._with_parents(mine)}
            rows, places = list[tuple[int, int, int]](), np.zeros((2, 256), np.int64)
            sets = {self.first_octets[rule] for rule in mine}
            known: dict[tuple[bool, ...], tuple[int, int]] = {}  # most octets have the list of another
            for octet in range(256):
                member = tuple([octet in each for each in sets])
                if member not in known:
                    each = [rule for rule in mine if octet in self.first_octets[rule]]
                    known[member] = len(rows), len(rows) + len(each)
                    at = {rule: k for k, rule in enumerate((-1, *each), -1)}
                    if all(parents[rule][0] in at for rule in each):
                        rows += [(rule, at[parents[rule][0]], parents[rule][1]) for rule in each]
                    else:  # rules that begin with an optional part may leave their parents behind
                        rows += self._with_parents(each)
                places[:, octet] = known[member]
            gates = [_gate(self.steps[rule], shared) for rule, _, shared in rows]
            lists = [(*row, *gate) for row, gate in zip(rows, gates, strict=True)]
            self._buckets[chosen] = places.ravel(), np.array([*lists, (-1,) * ROW_WIDTH], np.int64)
        return self._buckets[chosen]

    @cached_property
    def marks(self) -> Array:
        """Room for where the steps of rules begin: a row a rule."""
        return np.zeros((len(self.rules) + 1, 2 + max(map(len, self.steps), default=0)), np.int64)

    def _with_parents(self, rules: Sequence[int]) -> list[tuple[int, int, int]]:
        """Give of each rule the first one before it that has most steps in common with it, and how many these are."""
        tree: dict[tuple[int, int], int] = {}  # where a step leads from a place in the tree of what rules begin with
        first: list[int] = []  # of each of these places, the first rule that came by
        made: list[tuple[int, int, int]] = []
        for number, rule in enumerate(rules):
            at, parents = -1, list[int]()
            for step in self._numbers[rule]:
                at = tree.setdefault((at, step), len(first))
                if at == len(first):
                    first.append(number)
                elif first[at] < number:
                    parents.append(first[at])
            shared = _whole(self.steps[rule], len(parents) - 1)
            made.append((rule, parents[shared], shared) if shared > 0 else (rule, -1, 0))
        return made


#: The octets of each class of `analyzer.logs.template.SETS`.
MEMBERS: Final = tuple(
    frozenset(octet for octet in range(256) if re.fullmatch(expression, bytes([octet]), re.DOTALL))
    for expression in SETS.values()
)

#: A rule: its format, its pattern, its steps (from, to), and its cut (offset and length in `letters`).
RULE_WIDTH: Final = 6


def _whole(made: Sequence[Step], count: int) -> int:
    """Give how many of the first steps are no part of an optional part that goes on behind them."""
    for place, step in enumerate(made[: max(count, 0)]):
        if step.kind == OPTION and place < count < place + 1 + step.of:
            return place
    return count


def _gate(made: Sequence[Step], shared: int) -> tuple[int, ...]:
    """Say what has to follow the steps that a rule has in common with another, as far as eight octets tell.

    It is a literal; or that of an optional part, or else the one behind this. Gives the step that fails where neither
    follows, and of both, which bits are looked at and what they are; none are where nothing is known.
    """
    places = [shared, shared]
    if shared < len(made) and made[shared].kind == OPTION:
        places = [shared + 1, shared + 1 + made[shared].of]
    texts = [made[place].text if place < len(made) and made[place].kind == LITERAL else b"" for place in places]
    if not all(texts):
        texts = [b"", b""]
    octets = [part[:8].ljust(8, b"\0") for text in texts for part in (b"\xff" * len(text), text)]
    return places[-1], *(int.from_bytes(part, "little", signed=True) for part in octets)


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
