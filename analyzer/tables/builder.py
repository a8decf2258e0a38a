"""Rows to tables, some at a time; what becomes too much for the memory goes to disk."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.schema import TABLES
from analyzer.tables.arrays import is_one
from analyzer.tables.columns import together
from analyzer.tables.names import Ids, Places
from analyzer.tables.shelf import Shelf
from analyzer.tables.stored import Part, Run, Stored, of_one_vocabulary
from analyzer.tables.table import MAKERS, Table, made
from analyzer.tables.text import Numbering, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analyzer.schema import Kind
    from analyzer.tables.columns import Column

    Array = np.ndarray[Any, Any]


class Builder:
    """Collects the rows of a table. Distinct words are numbered once, so a row is numbers whatever its texts are.

    `kinds` are those of the columns: of all that the schema has, of some of them, or of more that nobody is shown.
    """

    def __init__(self, name: str, kinds: Mapping[str, Kind] | None = None) -> None:
        self.name, self.rows = name, 0
        self.kinds = dict(kinds or {column.name: column.kind for column in TABLES[name]})
        self._parts: dict[str, list[tuple[Array, ...]]] = {column: [] for column in self.kinds}
        self._words = {column: Numbering() for column, kind in self.kinds.items() if kind in MAKERS}
        self._bytes = 0
        self._shelf: Shelf | None = None
        self._shelved: list[Part] = []
        self._full = False  # the disk is

    def add(self, rows: int, columns: Mapping[str, Any]) -> None:
        """Add rows: every column as a column, a sequence (None: unknown), or one value for all rows."""
        if rows == 0:
            return
        for name, kind in self.kinds.items():
            arrays = self._numbered(name, made(kind, columns[name], rows))
            self._parts[name].append(arrays)
            self._bytes += sum(array.nbytes for array in arrays if not is_one(array))
        self.rows += rows
        if self._bytes >= limits.TABLE_BYTES and not self._full:
            self._shelve()

    def _numbered(self, name: str, column: Column) -> tuple[Array, ...]:
        """Give the arrays of a column with the numbers that its words have in this table."""
        if isinstance(column, np.ndarray):  # what is part of another array would keep all of it, and change with it
            return (column if column.base is None or is_one(column) else column.copy(),)
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
            places = {
                name: [shelf.put(each) for each in zip(*parts, strict=True)] for name, parts in self._parts.items()
            }
        except OSError:
            self._full = True
            return
        rows = self.rows - sum(part.rows for part in self._shelved)
        self._shelved.append(Part(shelf, rows, places))
        self._parts = {name: [] for name in self._parts}
        self._bytes = 0

    def _like(self, name: str, arrays: Sequence[Array]) -> Column:
        """Make a column of its arrays."""
        kind = self.kinds[name]
        if kind in ("text", "words"):
            return Text(arrays[0], list(self._words[name].numbers))
        if kind == "id":
            return Ids(*arrays)
        return Places(arrays[0], list(self._words[name].numbers), *arrays[1:]) if kind == "place" else arrays[0]

    def table(self) -> Table:
        """Give the table of what was added, and forget it."""
        if not self.rows:
            return Table(self.name, {name: made(kind, ()) for name, kind in self.kinds.items()})
        if self._shelved and self._bytes and not self._full:
            self._shelve()
        rest: dict[str, Column] = {}
        if self._bytes:
            rest = {name: self._like(name, self._collected(name)) for name in self.kinds}
        if not self._shelved:
            return Table(self.name, rest)
        first = self._shelved[0].places
        patterns = {name: self._like(name, [place.first[:0] for place in first[name]]) for name in self.kinds}
        stored = Table(self.name, Stored([Run(self._shelved, patterns)]))
        return concatenate([stored, Table(self.name, rest)]) if rest else stored


def _joined(parts: Sequence[Array]) -> Array:
    """Join arrays; those of one value, which take no room (`made`), into one of their kind."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if any(not is_one(part) or part[:1].tobytes() != first[:1].tobytes() for part in parts):
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
    if not stored and sum(_bytes(table) for table in tables) < _FEW * limits.TABLE_BYTES:
        return Table(
            name, {column: together([table.columns[column] for table in tables]) for column in tables[0].columns}
        )
    schema = {column.name: column.kind for column in TABLES[name]}
    builder = Builder(name, {column: schema.get(column, "int") for column in tables[0].columns})
    for table in tables:
        for part in table.slices(limits.TABLE_ROWS):
            builder.add(len(part), part.columns)
    return builder.table()


#: Tables in memory are joined there where they are no more than so many full ones.
_FEW: Final = 4


def _bytes(table: Table) -> int:
    """Say how large a table in memory is."""
    columns = ((column,) if isinstance(column, np.ndarray) else column.arrays for column in table.columns.values())
    return sum(array.nbytes for array in chain.from_iterable(columns))


def changed(table: Table, names: Sequence[str], change: Callable[[Table, int], Mapping[str, Column]]) -> Table:
    """Give a table with some columns made anew, part after part: `change` gets those, and the number of a first row."""
    kinds = {column.name: column.kind for column in TABLES[table.name] if column.name in names}
    builder = Builder(table.name, kinds)
    for start in range(0, len(table), limits.TABLE_ROWS):
        part = table.read(slice(start, min(start + limits.TABLE_ROWS, len(table))), names)
        builder.add(len(part), change(part, start))
    return table.replaced(builder.table().columns)
