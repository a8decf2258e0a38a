"""Columns that lie on disk: a table of any size, of which only what is looked at comes into memory.

A builder that has collected enough puts its rows behind those that are in its file already. What is read again is one
column of all rows, or some columns of some rows.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.tables.arrays import picked
from analyzer.tables.columns import Column, taken, together
from analyzer.tables.shelf import NOWHERE, Place, Shelf
from analyzer.tables.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    Array = np.ndarray[Any, Any]


#: Of what is read of a part, rows are picked at once where fewer than one of so many are wanted.
_SPARSE = 4


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that were written at a time; `places` has, by column, where its arrays are."""

    shelf: Shelf
    rows: int
    places: dict[str, list[Place]]


class Span(NamedTuple):
    """Rows of a part: from one to before another, or `inside` of these some, counted from the first."""

    part: Part
    start: int
    stop: int
    inside: Array | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.stop - self.start if self.inside is None else len(self.inside)


@dataclass(frozen=True, slots=True)
class Run:
    """Parts of one builder. `patterns` are columns without rows; `codes` has what became of codes on disk since."""

    parts: list[Part]
    patterns: dict[str, Column]
    codes: dict[str, Array] = field(default_factory=dict)

    def read(self, name: str, spans: list[Span]) -> Column:
        """Read rows of a column."""
        joined = [_joined(spans, places) for places in zip(*(span.part.places[name] for span in spans), strict=True)]
        if name in self.codes:
            joined[0] = picked(self.codes[name], joined[0].astype(np.int32, copy=False))
        pattern = self.patterns[name]
        return joined[0] if isinstance(pattern, np.ndarray) else pattern.like(*joined)


def _joined(spans: list[Span], places: Sequence[Place]) -> Array:
    """Read rows of an array, of which each part is in its place; what is one value all along is there once."""
    first, total, at = places[0].first, sum(span.rows for span in spans), 0
    if all(place.at == NOWHERE and place.first.tobytes() == first.tobytes() for place in places):
        return np.broadcast_to(first[0], total)
    made = np.empty(total, first.dtype)
    for span, place in zip(spans, places, strict=True):
        mine = made[at : at + span.rows]
        if span.inside is None or place.at == NOWHERE:
            span.part.shelf.get(place, span.start, mine)
        else:
            read = np.empty(span.stop - span.start, made.dtype)
            span.part.shelf.get(place, span.start, read)
            np.take(read, span.inside, out=mine, mode="clip")  # any other mode makes a copy
        at += span.rows
    return made


def of_one_vocabulary(runs: list[Run]) -> list[Run]:
    """Let the texts of runs have the same words, so that they can be put together without looking at them."""
    known = [dict(run.patterns) for run in runs]
    codes = [dict(run.codes) for run in runs]
    for name, first in runs[0].patterns.items():
        if isinstance(first, Text):
            numbers: dict[str, int] = {}
            for run, made in zip(runs, codes, strict=True):
                pattern = run.patterns[name]
                assert isinstance(pattern, Text)
                new = [numbers.setdefault(word, len(numbers)) for word in pattern.words]
                if new == list(range(len(new))):
                    continue
                renamed = np.array([*new, -1], np.int32)
                made[name] = renamed[made[name]] if name in made else renamed
            words = list(numbers)
            for patterns in known:
                patterns[name] = Text(first.codes[:0], words)
    return [Run(run.parts, *each) for run, each in zip(runs, zip(known, codes, strict=True), strict=True)]


class Rows:
    """Numbers of rows, in any order: the first in files, the last few in memory."""

    def __init__(self, parts: Iterable[Array], dtype: type[np.signedinteger[Any]] = np.int32) -> None:
        self._parts: list[Array | Place] = []
        self._ends = [0]
        self._shelf: Shelf | None = None
        held: list[Array] = []
        for part in parts:
            held.append(part.astype(dtype))
            if sum(each.nbytes for each in held) >= limits.TABLE_BYTES // 4:
                self._add(held)
                held = []
        self._add(held)

    def __len__(self) -> int:
        return self._ends[-1]

    def _add(self, held: list[Array]) -> None:
        """Add numbers, many of them to the file; where that has no room, they stay in memory."""
        if held:
            self._ends.append(len(self) + sum(map(len, held)))
            if sum(each.nbytes for each in held) >= limits.TABLE_BYTES // 4:
                with suppress(OSError):
                    self._shelf = self._shelf or Shelf()
                    self._parts.append(self._shelf.put(held))
                    return
            self._parts.append(np.concatenate(held))

    def read(self, start: int, stop: int) -> Array:
        """Give some that follow each other (int64)."""
        made = np.empty(stop - start, np.int64)
        for part, first, end in zip(self._parts, self._ends, self._ends[1:], strict=False):
            low, high = max(start, first), min(stop, end)
            if low < high:
                made[low - start : high - start] = self._read(part, low - first, high - first)
        return made

    def _read(self, part: Array | Place, start: int, stop: int) -> Array:
        if not isinstance(part, Place):
            return part[start:stop]
        assert self._shelf is not None
        rows = np.empty(stop - start, part.first.dtype)
        self._shelf.get(part, start, rows)
        return rows


@dataclass(slots=True)
class Stored(MutableMapping[str, Column]):
    """The columns of runs of parts, put behind each other; `chosen` are the rows (None: all).

    `own` are columns in the place of others, in memory or among those of another table on disk.
    """

    runs: list[Run]
    chosen: Rows | None = None
    own: dict[str, Column | Stored] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._all() if self.chosen is None else len(self.chosen)

    def __len__(self) -> int:
        return len(self.runs[0].patterns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs[0].patterns)

    def __getitem__(self, name: str) -> Column:
        own = self.own.get(name)
        if own is not None:
            return own[name] if isinstance(own, Stored) else own
        column = self._read(name, [[Span(part, 0, part.rows) for part in run.parts] for run in self.runs])
        return column if self.chosen is None else taken(column, self.chosen.read(0, self.rows))

    def __setitem__(self, name: str, column: Column) -> None:
        self.own[name] = column

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def take(self, rows: Array) -> Stored:
        """Give some rows, or all in another order; of the columns on disk nothing is read for it."""
        chosen = self._rows(self._kept(rows) if rows.dtype == bool else [self._places(rows)])
        own: dict[int, Any] = {}  # columns of one table take their rows once
        for column in self.own.values():
            if id(column) not in own:
                own[id(column)] = column.take(rows) if isinstance(column, Stored) else taken(column, rows)
        return Stored(self.runs, chosen, {name: own[id(column)] for name, column in self.own.items()})

    def sorted(self, order: Iterable[Array]) -> Stored:
        """Give all rows in another order, which comes in parts."""
        if self.chosen is None and not self.own:
            return Stored(self.runs, self._rows(order))
        return self.take(np.concatenate([np.zeros(0, np.int64), *order]))

    def _rows(self, parts: Iterable[Array]) -> Rows:
        return Rows(parts, np.int32 if self._all() < 1 << 31 else np.int64)

    def _kept(self, mask: Array) -> Iterator[Array]:
        """Give the places of the rows that a mask names, part after part."""
        for start in range(0, len(mask), limits.TABLE_ROWS):
            yield self._places(np.flatnonzero(mask[start : start + limits.TABLE_ROWS]) + start)

    def _places(self, rows: Array) -> Array:
        """Give where rows are, counted over all parts."""
        if self.chosen is None or not len(rows):
            return rows
        first = int(rows.min())
        return self.chosen.read(first, int(rows.max()) + 1).take(rows - first)

    def replaced(self, columns: Mapping[str, Column | Stored]) -> Stored:
        """Give the columns with others in the place of some."""
        return Stored(self.runs, self.chosen, {**self.own, **columns})

    def only(self, names: Collection[str]) -> Stored:
        """Give some of the columns."""
        runs = [Run(run.parts, {name: run.patterns[name] for name in names}, run.codes) for run in self.runs]
        return Stored(runs, self.chosen, {name: column for name, column in self.own.items() if name in names})

    def words(self, name: str) -> list[str]:
        """Give the words of a column of text."""
        column = self.own.get(name)
        if isinstance(column, Stored):
            return column.words(name)
        texts = [column] if column is not None else [run.patterns[name] for run in self.runs]
        return list(dict.fromkeys(word for text in texts if isinstance(text, Text) for word in text.words))

    def part(self, rows: slice, names: Iterable[str] | None = None) -> dict[str, Column]:
        """Read rows that follow each other, and of them all columns or some."""
        spans, places = self._spans(rows)
        made: dict[str, Column] = {}
        for name in self if names is None else names:
            own = self.own.get(name)
            if isinstance(own, Stored):
                made |= own.part(rows, (name,))
            elif own is not None:
                made[name] = taken(own, rows)
            else:
                read = self._read(name, spans)
                made[name] = read if places is None else taken(read, places)
        return made

    def _spans(self, rows: slice) -> tuple[list[list[Span]], Array | None]:
        """Give what has to be read of each run, and where in it each of the rows is (None: it is they, in order).

        Of each part on disk, what lies between the first and the last of the rows, or only these where they are few.
        """
        spans: list[list[Span]] = [[] for _ in self.runs]
        parts = [(part, found) for run, found in zip(self.runs, spans, strict=True) for part in run.parts]
        ends = list(accumulate((part.rows for part, _ in parts), initial=0))
        if self.chosen is None:
            for (part, found), (first, end) in zip(parts, pairwise(ends), strict=True):
                start, stop = max(rows.start, first), min(rows.stop, end)
                if start < stop:
                    found.append(Span(part, start - first, stop - first))
            return spans, None
        wanted = self.chosen.read(rows.start, rows.stop)
        which = np.searchsorted(ends, wanted, "right") - 1
        places, behind = np.empty(len(wanted), np.int64), 0
        for number in np.flatnonzero(np.bincount(which)).tolist():
            (part, found), mine = parts[number], which == number
            inside = wanted[mine] - ends[number]
            start, stop = int(inside.min()), int(inside.max()) + 1
            inside -= start
            if stop - start > _SPARSE * len(inside):
                found.append(Span(part, start, stop, inside))
                inside = np.arange(len(inside))
            else:
                found.append(Span(part, start, stop))
            places[mine] = inside + behind
            behind += found[-1].rows
        in_order = len(places) == behind and bool((places[1:] > places[:-1]).all())
        return spans, None if in_order else places

    def _all(self) -> int:
        return sum(part.rows for run in self.runs for part in run.parts)

    def _read(self, name: str, spans: list[list[Span]]) -> Column:
        """Read rows of a column: spans of each run."""
        columns = [run.read(name, found) for run, found in zip(self.runs, spans, strict=True) if found]
        return together(columns or [self.runs[0].patterns[name]])
