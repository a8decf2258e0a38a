"""A table: columns of one length, in memory or on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.schema import NULL, TABLES
from analyzer.tables.columns import Column, taken
from analyzer.tables.names import Ids, Places, number_of
from analyzer.tables.stored import Stored
from analyzer.tables.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

    import pandas as pd

    from analyzer.schema import Kind

    Array = np.ndarray[Any, Any]

DTYPES = {"int": np.int64, "time": np.int64, "seconds": np.float64, "flag": np.int8}
UNKNOWN = {"seconds": np.nan, "flag": -1}
MAKERS: dict[str, Any] = {"text": Text, "words": Text, "id": Ids, "place": Places}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, in the order of the schema."""

    name: str
    columns: MutableMapping[str, Column]

    @classmethod
    def of(cls, name: str, columns: Mapping[str, Any]) -> Table:
        """Make a table of raw columns (arrays, or sequences with None); every column of the schema has to be there."""
        return cls(name, {column.name: made(column.kind, columns[column.name]) for column in TABLES[name]})

    @classmethod
    def empty(cls, name: str) -> Table:
        """Make a table without rows."""
        return cls.of(name, {column.name: () for column in TABLES[name]})

    def __len__(self) -> int:
        return self.columns.rows if isinstance(self.columns, Stored) else len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column."""
        return {column.name: column.kind for column in TABLES[self.name]}

    def text(self, name: str) -> Text:
        """Give a column of text."""
        column = self.columns[name]
        assert isinstance(column, Text)
        return column

    def array(self, name: str) -> Array:
        """Give a column of numbers."""
        column = self.columns[name]
        assert isinstance(column, np.ndarray)
        return column

    def ids(self, name: str) -> Ids:
        """Give a column of ids."""
        column = self.columns[name]
        assert isinstance(column, Ids)
        return column

    def places(self, name: str) -> Places:
        """Give a column of places."""
        column = self.columns[name]
        assert isinstance(column, Places)
        return column

    def has(self, name: str, word: str) -> Array:
        """Say which rows have a word in a column of text."""
        column = self.text(name)
        return column.mask([each == word for each in column.words])

    def words(self, name: str) -> list[str]:
        """Give the words of a column of text; some may be those of no row."""
        return self.columns.words(name) if isinstance(self.columns, Stored) else self.text(name).words

    def of_session(self, session: str) -> Table:
        """Give the rows of one session."""
        return self.take(np.flatnonzero(self.ids("session").numbers == number_of(session)))

    def take(self, rows: Array) -> Table:
        """Give the rows that an index or a mask names."""
        if isinstance(self.columns, Stored):
            return Table(self.name, self.columns.take(rows))
        return Table(self.name, {name: taken(column, rows) for name, column in self.columns.items()})

    def sort(self, order: Iterable[Array]) -> Table:
        """Give the rows in another order, which comes in parts."""
        if isinstance(self.columns, Stored):
            return Table(self.name, self.columns.sorted(order))
        return self.take(np.concatenate([np.zeros(0, np.int64), *order]))

    def replaced(self, columns: Mapping[str, Column]) -> Table:
        """Give the table with other columns in the place of some."""
        if isinstance(self.columns, Stored):
            inside = dict.fromkeys(columns, columns) if isinstance(columns, Stored) else columns
            return Table(self.name, self.columns.replaced(inside))
        return Table(self.name, {**self.columns, **columns})

    def only(self, names: Sequence[str]) -> Table:
        """Give the table with some of its columns."""
        if isinstance(self.columns, Stored):
            return Table(self.name, self.columns.only(names))
        return Table(self.name, {name: self.columns[name] for name in names})

    def slices(self, rows: int, names: Sequence[str] | None = None) -> Iterator[Table]:
        """Give the table, or some of its columns, in parts of so many rows, each of them in memory."""
        for start in range(0, len(self), rows):
            yield self.read(slice(start, min(start + rows, len(self))), names)

    def read(self, rows: Array | slice, names: Sequence[str] | None = None) -> Table:
        """Give rows in memory, and of them all columns or some."""
        if not isinstance(self.columns, Stored):
            return Table(self.name, {name: taken(self.columns[name], rows) for name in names or self.columns})
        if isinstance(rows, slice):
            return Table(self.name, self.columns.part(rows, names))
        return Table(self.name, self.columns.take(rows).part(slice(0, len(rows)), names))

    def lists(self) -> dict[str, list[Any]]:
        """Give the values as Python lists, unknown as None; times stay nanoseconds, flags become bool, words lists."""
        return {column.name: _values(column.kind, self.columns[column.name]) for column in TABLES[self.name]}

    def frame(self) -> pd.DataFrame:
        """Give a plain DataFrame with the dtypes that `analyzer.schema` names."""
        import pandas as pd

        return pd.DataFrame({c.name: series(c.kind, self.columns[c.name]) for c in TABLES[self.name]})


def made(kind: str, values: Any, rows: int | None = None) -> Column:
    """Make a column of this kind of a column, a sequence (None: unknown), or one value for so many rows."""
    if isinstance(values, (Text, Ids, Places)):
        return values
    if kind in MAKERS:
        if isinstance(values, (list, tuple)):
            several: Column = MAKERS[kind].of(values)
            return several
        one = MAKERS[kind].of([values])
        repeated: Column = one.like(*(np.broadcast_to(array[0], rows or 0) for array in one.arrays))
        return repeated
    if isinstance(values, np.ndarray):
        return values.astype(DTYPES[kind], copy=False)
    unknown = UNKNOWN.get(kind, NULL)
    if isinstance(values, (list, tuple)):
        return np.array([unknown if value is None else value for value in values], DTYPES[kind])
    return np.broadcast_to(np.array(unknown if values is None else values, DTYPES[kind]), rows or 0)


def rows_of(ids: Ids, names: Ids) -> Array:
    """Give for each id the first row of `names` that has it; -1: none has."""
    if not len(names):
        return np.full(len(ids), -1, np.int64)
    order = np.argsort(names.numbers, kind="stable")
    known = names.numbers.take(order)
    place = np.searchsorted(known, ids.numbers)
    rows: Array = np.where(
        (known.take(place, mode="clip") == ids.numbers) & ids.known(), order.take(place, mode="clip"), -1
    )
    return rows


def _values(kind: str, data: Column) -> list[Any]:
    if not isinstance(data, np.ndarray):
        return [(word or "").split() for word in data.list()] if kind == "words" else data.list()
    if kind == "seconds":
        return [None if value != value else value for value in data.tolist()]  # noqa: PLR0124 (NaN is unequal to itself)
    if kind == "flag":
        return [None if value < 0 else bool(value) for value in data.tolist()]
    return [None if value == NULL else value for value in data.tolist()]


def series(kind: str, data: Column) -> Any:
    """Give a column of that kind as a Series."""
    import pandas as pd

    if isinstance(data, Text):
        words = pd.Series([*data.words, None], dtype="str")
        return words.take(data.codes).reset_index(drop=True)
    if not isinstance(data, np.ndarray):
        return pd.Series(data.list(), dtype="str")
    if kind == "time":
        return pd.Series(data.view("datetime64[ns]")).dt.tz_localize("UTC")  # NULL is NaT
    if kind == "int":
        return pd.Series(pd.arrays.IntegerArray(np.where(data == NULL, 1, data), data == NULL))
    if kind == "flag":
        return pd.Series(pd.arrays.BooleanArray(data == 1, data < 0))
    return pd.Series(data)
