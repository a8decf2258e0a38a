"""Rows to tables, some at a time; what becomes too much for the memory goes to disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer import limits
from analyzer.schema import TABLES
from analyzer.tables.names import Ids, Places
from analyzer.tables.stored import Part, Place, Run, Shelf, Stored, of_one_vocabulary
from analyzer.tables.table import MAKERS, Table, made
from analyzer.tables.text import Numbering, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.tables.columns import Column

    Array = np.ndarray[Any, Any]


class Builder:
    """Collects the rows of a table. Distinct words are numbered once, so a row is numbers whatever its texts are."""

    def __init__(self, name: str) -> None:
        self.name, self.rows = name, 0
        self._parts: dict[str, list[tuple[Array, ...]]] = {column.name: [] for column in TABLES[name]}
        self._words = {column.name: Numbering() for column in TABLES[name] if column.kind in MAKERS}
        self._bytes = 0
        self._shelf: Shelf | None = None
        self._shelved: list[Part] = []
        self._full = False  # the disk is
        self._owners = [np.zeros(0, np.int32)]

    def add(self, rows: int, columns: Mapping[str, Any], owners: Array | None = None) -> None:
        """Add rows: every column as a column, a sequence (None: unknown), or one value for all rows.

        `owners` has the number of each row's session in its source.
        """
        if rows == 0:
            return
        if owners is not None:
            self._owners.append(owners.astype(np.int32))
        for column in TABLES[self.name]:
            arrays = self._numbered(column.name, made(column.kind, columns[column.name], rows))
            self._parts[column.name].append(arrays)
            self._bytes += sum(array.nbytes for array in arrays if any(array.strides))
        self.rows += rows
        if self._bytes >= limits.TABLE_BYTES and not self._full:
            self._shelve()

    @property
    def owners(self) -> Array:
        """The number of each row's session (int32)."""
        return np.concatenate(self._owners)

    def _numbered(self, name: str, column: Column) -> tuple[Array, ...]:
        """Give the arrays of a column with the numbers that its words have in this table."""
        if isinstance(column, np.ndarray):
            return (column,)
        if isinstance(column, Text):
            return (self._words[name].renamed(column),)
        return (column.renamed(self._words[name].numbers) if isinstance(column, Places) else column).arrays

    def _collected(self, name: str) -> list[Array]:
        """Give the arrays of a column that are in memory, and forget them: never is there a second copy of two."""
        parts, self._parts[name] = self._parts[name], []
        return [_joined(each) for each in zip(*parts, strict=True)]

    def _shelve(self) -> None:
        """Put the rows in memory on disk; where that has no room, they stay."""
        try:
            shelf = self._shelf = self._shelf or Shelf()
            places: dict[str, list[Place]] = {}
            rows = 0
            for column in TABLES[self.name]:
                arrays = self._collected(column.name)
                self._parts[column.name] = [tuple(arrays)]
                rows = len(arrays[0])
                places[column.name] = [shelf.put(array) for array in arrays]
        except OSError:
            self._full = True
            return
        self._shelved.append(Part(shelf, rows, places))
        self._parts = {name: [] for name in self._parts}
        self._bytes = 0

    def _like(self, name: str, kind: str, arrays: Sequence[Array]) -> Column:
        """Make a column of its arrays."""
        if kind in ("text", "words"):
            return Text(arrays[0], list(self._words[name].numbers))
        if kind == "id":
            return Ids(*arrays)
        return Places(arrays[0], list(self._words[name].numbers), *arrays[1:]) if kind == "place" else arrays[0]

    def table(self) -> Table:
        """Give the table of what was added, and forget it."""
        if not self.rows:
            return Table.empty(self.name)
        if self._shelved and self._bytes and not self._full:
            self._shelve()
        rest: dict[str, Column] = {}
        if self._bytes:
            rest = {c.name: self._like(c.name, c.kind, self._collected(c.name)) for c in TABLES[self.name]}
        if not self._shelved:
            return Table(self.name, rest)
        first = self._shelved[0]
        patterns = {
            c.name: self._like(c.name, c.kind, [place.first[:0] for place in first.places[c.name]])
            for c in TABLES[self.name]
        }
        stored = Table(self.name, Stored([Run(self._shelved, patterns)]))
        return concatenate([stored, Table(self.name, rest)]) if rest else stored


def _joined(parts: Sequence[Array]) -> Array:
    """Join arrays; those of one value, which take no room (`made`), into one of their kind."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if any(any(part.strides) or part[:1].tobytes() != first[:1].tobytes() for part in parts):
        return np.concatenate(parts)
    return np.broadcast_to(first[0], sum(map(len, parts)))


def concatenate(tables: Sequence[Table]) -> Table:
    """Join tables of one name, in order."""
    tables = [table for table in tables if len(table)] or tables[:1]
    if len(tables) == 1:
        return tables[0]
    name, stored = tables[0].name, [table.columns for table in tables if isinstance(table.columns, Stored)]
    if len(stored) == len(tables) and all(each.chosen is None and not each.own for each in stored):
        return Table(name, Stored(of_one_vocabulary([run for each in stored for run in each.runs])))
    builder = Builder(name)
    for table in tables:
        for part in table.slices(limits.TABLE_ROWS):
            builder.add(len(part), part.columns)
    return builder.table()
