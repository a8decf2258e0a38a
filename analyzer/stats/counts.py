"""Counts of groups of attempts: of rows, and of parts put together.

`partial` counts the rows of a part of a table, `merged` puts counts of parts together, in any order and grouping, and
`analyzer.stats.answer` finishes them: what comes out is what the whole table gives. All that is kept are integers,
sets of distinct values, and histograms. Rows that share `event` have to be in one part (`analyzer.events.once` joins
them), and so have an attempt and the row of its session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.stats.columns import column_of
from analyzer.stats.distinct import chained, numbered, pairs
from analyzer.stats.spread import Spread
from analyzer.tables import taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.stats.distinct import Column
    from analyzer.stats.facts import Facts

    Array = np.ndarray[Any, Any]

#: Of which columns of attempts the distinct values are counted.
MEMBERS: Final = {"sessions": "session", "identities": "identity", "clients": "client"}


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the groups that some columns make."""

    #: The columns that make the groups, with the values of each group.
    by: dict[str, Column]
    #: How many rows of each group are something.
    sums: dict[str, Array]
    #: Distinct values: of which group, and which value.
    members: dict[str, tuple[Array, Column]]
    #: The durations that were asked for.
    spread: Spread | None

    def __len__(self) -> int:
        return len(next(iter(self.sums.values())))

    def zeroed(self) -> Counts:
        """Give the same groups with nothing in them."""
        none = np.zeros(0, np.int64)
        return Counts(
            self.by,
            {name: np.zeros_like(values) for name, values in self.sums.items()},
            {name: (none, taken(values, none)) for name, (_, values) in self.members.items()},
            self.spread.zeroed() if self.spread else None,
        )


def partial(facts: Facts, by: Sequence[str], measure: str | None = None, *, failures: bool = False) -> Counts:
    """Count attempts by columns; `measure` names a duration to spread.

    With `failures`, sessions, identities and clients are those of failures alone.
    """
    columns = {name: column_of(facts, name) for name in by}
    places, first = numbered(list(columns.values()), len(facts))
    groups = len(first)
    flags = {"succeeded": facts.succeeded, "unseen": facts.unseen, "rounds_unknown": facts.rounds_unknown}
    sums = {"attempts": np.bincount(places, minlength=groups)}
    sums |= {name: np.bincount(places[flag], minlength=groups) for name, flag in flags.items()}
    members = {name: column_of(facts, column) for name, column in MEMBERS.items()}
    whose = places
    if failures:
        chosen = ~(facts.succeeded | facts.unseen)
        whose, members = places[chosen], {name: taken(column, chosen) for name, column in members.items()}
    return Counts(
        {name: taken(column, first) for name, column in columns.items()},
        sums,
        {name: pairs(whose, column) for name, column in members.items()},
        Spread.of(places, facts.duration(measure), groups) if measure else None,
    )


def merged(parts: Sequence[Counts]) -> Counts:
    """Put counts of parts of a table together; all are by the same columns."""
    by = {name: chained([part.by[name] for part in parts]) for name in parts[0].by}
    numbers, first = numbered(list(by.values()), sum(map(len, parts)))
    places = np.split(numbers, np.cumsum([len(part) for part in parts])[:-1])
    spreads = [part.spread for part in parts if part.spread]
    return Counts(
        {name: taken(column, first) for name, column in by.items()},
        {name: _summed([part.sums[name] for part in parts], places, len(first)) for name in parts[0].sums},
        {
            name: pairs(
                np.concatenate([place[part.members[name][0]] for part, place in zip(parts, places, strict=True)]),
                chained([part.members[name][1] for part in parts]),
            )
            for name in parts[0].members
        },
        Spread.joined(spreads, places, len(first)) if spreads else None,
    )


def _summed(parts: Sequence[Array], places: Sequence[Array], groups: int) -> Array:
    sums = np.zeros(groups, np.int64)
    for part, place in zip(parts, places, strict=True):
        sums[place] += part  # the groups of a part are distinct
    return sums
