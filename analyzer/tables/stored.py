"""Columns that lie on disk: a table of any size, of which only what is looked at comes into memory.

A builder that has collected enough puts its rows behind those that are in its file already. What is read again is one
column of all rows, or all columns of some rows.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.tables.columns import Column, taken
from analyzer.tables.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    Array = np.ndarray[Any, Any]


NOWHERE: Final = -1

#: Values that are compared before all are.
_SAMPLES: Final = 64


class Place(NamedTuple):
    """Where an array is in the file (NOWHERE: all of it is its first value), and its first value, as an array."""

    at: int
    first: Array


class Shelf:
    """A file without a name, which is gone when nobody needs it any more (folder: `TMPDIR`)."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(prefix="smtp-analyzer-")  # noqa: SIM115
        self.size = 0

    def __del__(self) -> None:
        self.file.close()

    def put(self, array: Array) -> Place:
        """Write an array; what is one value all along is only noted. Raises OSError where there is no room."""
        first, octets = array[:1], f"i{array.itemsize}"
        some = slice(None, None, 1 + len(array) // _SAMPLES)  # nearly always they tell already that it is not
        same = not any(array.strides) or (
            (array[some].view(octets) == first.view(octets)).all() and (array.view(octets) == first.view(octets)).all()
        )
        if same:
            return Place(NOWHERE, first.copy())
        data, at = memoryview(np.ascontiguousarray(array)).cast("B"), self.size
        done = 0
        while done < len(data):
            done += os.pwrite(self.file.fileno(), data[done:], at + done)
        self.size += len(data)
        return Place(at, array[:1].copy())

    def get(self, place: Place, start: int, array: Array) -> None:
        """Read a part of an array, as much as there is room for."""
        if place.at == NOWHERE:
            array[:] = place.first
            return
        data = memoryview(array).cast("B")
        at, done = place.at + start * array.itemsize, 0
        while done < len(data):
            done += os.preadv(self.file.fileno(), [data[done:]], at + done)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that were written at a time; `places` has, by column, where its arrays are."""

    shelf: Shelf
    rows: int
    places: dict[str, list[Place]]

    def read(self, name: str, start: int, arrays: Sequence[Array]) -> None:
        """Read the arrays of a column, some rows of them."""
        for place, array in zip(self.places[name], arrays, strict=True):
            self.shelf.get(place, start, array)


@dataclass(frozen=True, slots=True)
class Run:
    """Parts of one builder. `patterns` are columns without rows; `codes` has what became of codes on disk since."""

    parts: list[Part]
    patterns: dict[str, Column]
    codes: dict[str, Array] = field(default_factory=dict)

    def read(self, name: str, spans: list[tuple[Part, int, int]]) -> Column:
        """Read rows of a column."""
        total, at, pattern = sum(stop - start for _, start, stop in spans), 0, self.patterns[name]
        joined = [np.empty(total, place.first.dtype) for place in self.parts[0].places[name]]
        for part, start, stop in spans:
            part.read(name, start, [array[at : at + stop - start] for array in joined])
            at += stop - start
        if name in self.codes:
            joined[0] = self.codes[name].take(joined[0].astype(np.int32, copy=False))
        return joined[0] if isinstance(pattern, np.ndarray) else pattern.like(*joined)


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
                renamed = np.array([*new, -1], np.int32)
                made[name] = renamed[made[name]] if name in made else renamed
            words = list(numbers)
            for patterns in known:
                patterns[name] = Text(first.codes[:0], words)
    return [Run(run.parts, *each) for run, each in zip(runs, zip(known, codes, strict=True), strict=True)]


class Kept(NamedTuple):
    """A column in the place of another: what it is like, and where its arrays are."""

    pattern: Column
    shelf: Shelf
    places: list[Place]

    def read(self, start: int, stop: int) -> Column:
        """Read rows of the column."""
        arrays = [np.empty(stop - start, place.first.dtype) for place in self.places]
        for place, array in zip(self.places, arrays, strict=True):
            self.shelf.get(place, start, array)
        return arrays[0] if isinstance(self.pattern, np.ndarray) else self.pattern.like(*arrays)


@dataclass(slots=True)
class Stored(MutableMapping[str, Column]):
    """The columns of runs of parts, put behind each other; `chosen` are the rows (None: all), `own` other columns."""

    runs: list[Run]
    chosen: Array | None = None
    own: dict[str, Column | Kept] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._all() if self.chosen is None else len(self.chosen)

    def __len__(self) -> int:
        return len(self.runs[0].patterns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs[0].patterns)

    def __getitem__(self, name: str) -> Column:
        if name in self.own:
            return self._own(name, slice(0, self.rows))
        column = self._read(name, [(part, 0, part.rows) for run in self.runs for part in run.parts])
        return column if self.chosen is None else taken(column, self.chosen)

    def __setitem__(self, name: str, column: Column) -> None:
        self.own[name] = _kept(column)

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def take(self, rows: Array) -> Stored:
        """Give some rows, or all in another order; of the columns on disk nothing is read for it."""
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        chosen = rows if self.chosen is None else self.chosen.take(rows)
        if self._all() < 1 << 31:
            chosen = chosen.astype(np.int32, copy=False)
        return Stored(self.runs, chosen, {name: _kept(taken(self[name], rows)) for name in self.own})

    def replaced(self, columns: Mapping[str, Column]) -> Stored:
        """Give the columns with others in the place of some."""
        return Stored(self.runs, self.chosen, {**self.own, **{name: _kept(each) for name, each in columns.items()}})

    def part(self, rows: slice) -> dict[str, Column]:
        """Read some rows that follow each other: of each part on disk, what lies between the first and last of them."""
        wanted = np.arange(rows.start, rows.stop) if self.chosen is None else self.chosen[rows].astype(np.int64)
        spans, moved, before, behind = [], np.empty(len(wanted), np.int64), 0, 0
        for part in (part for run in self.runs for part in run.parts):
            mine = (wanted >= before) & (wanted < before + part.rows)
            if mine.any():
                inside = wanted[mine] - before
                start, stop = int(inside.min()), int(inside.max()) + 1
                spans.append((part, start, stop))
                moved[mine] = inside - start + behind
                behind += stop - start
            before += part.rows
        return {
            name: self._own(name, rows) if name in self.own else taken(self._read(name, spans), moved) for name in self
        }

    def _own(self, name: str, rows: slice) -> Column:
        """Give rows of a column in the place of another."""
        column = self.own[name]
        return column.read(rows.start, rows.stop) if isinstance(column, Kept) else taken(column, rows)

    def _all(self) -> int:
        return sum(part.rows for run in self.runs for part in run.parts)

    def _read(self, name: str, spans: list[tuple[Part, int, int]]) -> Column:
        """Read rows of a column."""
        mine = [(run, [span for span in spans if any(span[0] is part for part in run.parts)]) for run in self.runs]
        columns = [run.read(name, found) for run, found in mine if found]
        first = columns[0] if columns else self.runs[0].patterns[name]
        if len(columns) < 2:
            return first
        return np.concatenate(columns) if isinstance(first, np.ndarray) else type(first).joined(columns)  # type: ignore[arg-type]


def _kept(column: Column) -> Column | Kept:
    """Put a long column on disk, if there is room."""
    arrays = (column,) if isinstance(column, np.ndarray) else column.arrays
    if len(arrays[0]) <= limits.TABLE_ROWS:
        return column
    try:
        shelf = Shelf()
        return Kept(taken(column, slice(0, 0)), shelf, [shelf.put(array) for array in arrays])
    except OSError:
        return column
