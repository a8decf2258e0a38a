"""Every entry of the law's tables matters: replaced by another value, it fails a case.

An entry is replaced by each other value that its place can hold, one at a time, and the cases that use it are run over
their streams. One of them has to fail: a label, a pair or a finding comes out wrong. Where none does, a case is
missing, or the entry can never be reached and has no place in the law. Cases are those of `tests/cases`, and the tables
of `tests/smtp/test_law.py`.
"""

from __future__ import annotations

import inspect
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from analyzer import kernel
from analyzer.smtp import law, reader, recognise
from analyzer.smtp.law import Action, Kind, Mode
from analyzer.smtp.machine import steps
from tests.smtp.test_law import (
    FINAL,
    REPLIES,
    SIMPLE,
    STANDS,
    WAITING,
    wrong_behind_a_gap,
    wrong_ending,
    wrong_pair,
    wrong_text,
)
from tests.streams import captured, tables_of
from tests.test_cases import CASES, Case, failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

A, K, M = Action, Kind, Mode
KINDS: Final = len(Kind)

#: Actions by what they are done for; an action of another group would do nothing there.
FOR_LINES: Final = (A.NOTHING, A.UNIT, A.BEGIN_ATTEMPT)
FOR_KINDS: Final = {
    K.BDAT: (*FOR_LINES, A.BEGIN_CHUNK),
    K.RESPONSE: (A.NOTHING, A.UNIT),
    K.EMPTY: (A.NOTHING, A.UNIT),
    K.CANCEL: (A.NOTHING, A.UNIT),
    K.DOT: (A.NOTHING, A.END_DATA),
}
FOR_REPLIES: Final = (A.NOTHING, A.BEGIN_TLS)
FOR_REPLIES_TO_AUTH: Final = (*FOR_REPLIES, A.ROUND, A.END_ATTEMPT)
FOR_REPLIES_TO_DATA: Final = (*FOR_REPLIES, A.BEGIN_BODY)
FOR_RECIPIENTS: Final = (A.NOTHING, A.RECIPIENT, A.FORGET)

#: Modes that read the next line as a command does, unless its first byte is none of a line: where an entry leads to
#: COMMAND, these would do as well. (A chunk of which nothing is left is over at once.)
LIKE_COMMAND: Final = frozenset({M.CHECK, M.SECURED, M.CHUNK})
#: Modes that go on to TLS with the byte that is there.
LIKE_TLS: Final = frozenset({M.CHECK, M.ANSWER, M.LOST})
#: Where nothing is read any more, it does not matter why.
ALIKE: Final = {M.COMMAND: LIKE_COMMAND, M.TLS: LIKE_TLS, M.LAYER: frozenset({M.OVER})}


class Mutation(NamedTuple):
    """An entry of the law with another value."""

    to: str
    apply: Callable[[pytest.MonkeyPatch], None]


class Entry(NamedTuple):
    """An entry of the law, its other values, the places of it in the kernel's tables, or a word of its cases."""

    name: str
    mutations: list[Mutation]
    places: tuple[tuple[str, object], ...] = ()
    word: str = ""


def _set(table: dict[Any, Any], key: object, value: object, patch: pytest.MonkeyPatch) -> None:
    patch.setitem(table, key, value)


def _let(owner: object, name: str, value: object, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(owner, name, value)


def _end(table: dict[Any, Any], key: Any, value: str, patch: pytest.MonkeyPatch) -> None:
    """Give an ending another name, and what is made of it."""
    patch.setitem(table, key, value)
    outcomes = _outcomes().copy()
    for how in law.How if table is law.ENDINGS else [key]:
        for code in [key] if table is law.ENDINGS else range(600):
            for last in law.Last:
                outcomes[how, code, last] = law.OUTCOMES.index(law.outcome(how, code, last))
    patch.setattr(law, "outcomes", lambda: outcomes)


@cache
def _outcomes() -> np.ndarray[Any, Any]:
    return law.outcomes()


def _law() -> Iterator[Entry]:
    for (mode, kind), (after, action) in law.LAW.items():
        alike = ALIKE.get(after, frozenset())
        mutations = [
            Mutation(f"then {other.name}", partial(_set, law.LAW, (mode, kind), (other, action)))
            for other in Mode
            if other not in alike | {after}
        ]
        mutations += [
            Mutation(f"do {other.name}", partial(_set, law.LAW, (mode, kind), (after, other)))
            for other in _actions(mode, kind)
            if other != action
        ]
        row = mode * KINDS + kind
        yield Entry(f"LAW[{mode.name}, {kind.name}]", mutations, (("law", (row, 0)), ("law", (row, 1))))


def _actions(mode: Mode, kind: Kind) -> tuple[Action, ...]:
    """Give the actions that an entry could name: `FOR_KINDS`, and of replies those that its mode makes sense of."""
    if kind not in law.REPLIES:
        return FOR_KINDS.get(kind, FOR_LINES if kind <= K.UNKNOWN else (A.NOTHING,))
    if law.LAW[mode, kind][0] == M.BODY:
        return FOR_REPLIES_TO_DATA
    greeting = (A.GREET,) if (mode, kind) == (M.LOST, K.R220) else ()
    return (*(FOR_REPLIES_TO_AUTH if mode in (M.AUTH, M.ANSWER, M.LOST) else FOR_REPLIES), *greeting)


def _dicts() -> Iterator[Entry]:
    for verb, kind in law.VERBS.items():
        others = [other for other in (K.AUTH, K.DATA, K.RCPT, K.PLAIN) if other != kind]
        mutations = [Mutation(other.name, partial(_set, law.VERBS, verb, other)) for other in others]
        yield Entry(f"VERBS[{verb}]", mutations, word=verb)
    for code, outcome in law.ENDINGS.items():
        yield Entry(f"ENDINGS[{code}]", _renamed(law.ENDINGS, code, outcome), word=str(code))
    for how, outcome in law.CLOSINGS.items():
        yield Entry(f"CLOSINGS[{how.name}]", _renamed(law.CLOSINGS, how, outcome), word=outcome.upper())
    for code, kind in law.REPLY_KINDS.items():
        yield Entry(f"REPLY_KINDS[{code}]", _other_replies(law.REPLY_KINDS, code, kind), (("codes", code),))
    for digit, kind in law.CLASS_KINDS.items():
        yield Entry(f"CLASS_KINDS[{digit}]", _other_replies(law.CLASS_KINDS, digit, kind))
    for flag, name in law.CAVEATS.items():
        mutations = [Mutation("-", partial(_set, law.CAVEATS, flag, "-"))]
        yield Entry(f"CAVEATS[{flag.name}]", mutations, word=name.upper())
    for kind, action in law.TRANSACTION.items():
        mutations = [
            Mutation(other.name, partial(_set, law.TRANSACTION, kind, other))
            for other in FOR_RECIPIENTS
            if other != action
        ]
        yield Entry(f"TRANSACTION[{kind.name}]", mutations, (("traits", (int(kind), 0)),))


def _renamed(table: dict[Any, str], key: object, outcome: str) -> list[Mutation]:
    return [Mutation(other, partial(_end, table, key, other)) for other in law.OUTCOMES if other != outcome]


def _other_replies(table: dict[Any, Kind], key: object, kind: Kind) -> list[Mutation]:
    return [
        Mutation(other.name, partial(_set, table, key, other))
        for other in law.REPLIES
        if other not in (kind, K.R334_FINAL)  # which its text makes, not its code
    ]


def _sets() -> Iterator[Entry]:
    for kind, replies in law.FITS.items():
        for reply in law.REPLIES:
            mutation = Mutation("out" if reply in replies else "in", partial(_set, law.FITS, kind, replies ^ {reply}))
            place = "traits", (int(kind), 2 + int(reply))
            yield Entry(f"FITS[{kind.name}] {reply.name}", [mutation], (place,))
    for reply in set(law.REPLIES) - {K.R334}:
        ends = law.ENDS_AFTER_GAP
        mutation = Mutation("out" if reply in ends else "in", partial(_let, law, "ENDS_AFTER_GAP", ends ^ {reply}))
        yield Entry(f"ENDS_AFTER_GAP {reply.name}", [mutation], (("traits", (int(reply), 1)),))
    for kind in law.SHARED_KINDS:
        fewer = tuple(sorted(int(other) for other in law.SHARED_KINDS if other != kind))
        mutation = Mutation("out", partial(_let, recognise, "SHARED_LIST", fewer))
        yield Entry(f"SHARED_KINDS {kind.name}", [mutation])


def _wrong_case(case: Case) -> list[str]:
    return failures(case, tables_of(captured(case.text)))


ENTRIES: Final = [*_law(), *_dicts(), *_sets()]

#: What may fail, by name: gives what is wrong, nothing where all is right.
WITNESSES: Final[dict[str, Callable[[], object]]] = {
    **{case.name: partial(_wrong_case, case) for case in CASES},
    **{
        f"{line} / {reply}, behind a gap": partial(wrong_behind_a_gap, line, reply)
        for line in STANDS
        for reply in REPLIES
    },
    **{f"{line} / MAIL, behind a gap": partial(wrong_pair, line) for line in SIMPLE},
    **{f"{line} / text, behind a gap": partial(wrong_text, line) for line in WAITING},
    **{f"AUTH / gap / {reply}": partial(wrong_ending, reply) for reply in FINAL},
}
TEXTS: Final[dict[str, str]] = {case.name: case.text.upper() for case in CASES}


class Recorder:
    """A table of the kernel that notes which of its places are read."""

    def __init__(self, table: Any, places: set[object]) -> None:
        self.table, self.places = table, places

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, place: object) -> Any:
        self.places.add(place)
        return self.table[place]


@cache
def used() -> dict[tuple[str, object], list[str]]:
    """Say which witnesses read which place of the kernel's tables."""
    real, places = steps.run, {name: set[object]() for name in ("law", "codes", "traits")}
    names = list(inspect.signature(real.function).parameters)

    def run(*arguments: Any) -> Any:
        given: dict[str, Any] = dict(zip(names, [memoryview(array) for array in arguments], strict=True))
        return real.function(*(given | {name: Recorder(given[name], places[name]) for name in places}).values())

    found: dict[tuple[str, object], list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "run", run)
        for witness, wrong in WITNESSES.items():
            assert not wrong(), witness
            for name, read in places.items():
                for place in read:
                    found.setdefault((name, place), []).append(witness)
                read.clear()
    return found


def witnesses(entry: Entry) -> list[str]:
    """Give who may notice a change of an entry, the likely ones first."""
    if entry.places:
        return list(dict.fromkeys(chain.from_iterable(used().get(place, []) for place in entry.places)))
    return sorted(WITNESSES, key=lambda name: entry.word not in (TEXTS.get(name) or name))


def noticed(names: list[str]) -> bool:
    """Say whether one of the witnesses fails; an exception is a failure."""
    for name in names:
        try:
            if WITNESSES[name]():
                return True
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return True
    return False


@pytest.fixture(autouse=True)
def interpreted() -> None:
    kernel.select(0)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_matters(entry: Entry) -> None:
    """An entry of the law that is replaced by another value fails a case."""
    names = witnesses(entry)
    survivors = []
    for mutation in entry.mutations:
        with pytest.MonkeyPatch.context() as patch:
            mutation.apply(patch)
            if not noticed(names):
                survivors.append(mutation.to)

    assert names, f"{entry.name}: no case uses it"
    assert not survivors, f"{entry.name}: no case fails when it is {' or '.join(survivors)}"
