"""Tables as columns: what every stage after the kernels works on. pandas comes only when somebody asks for a frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.schema import NULL, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from analyzer.schema import Kind

    Array = np.ndarray[Any, Any]

DTYPES = {"int": np.int64, "time": np.int64, "seconds": np.float64, "flag": np.int8}
UNKNOWN = {"seconds": np.nan, "flag": -1}


@dataclass(frozen=True, slots=True)
class Text:
    """A column of text: `codes` (int32, one a row, -1 for unknown) into `words` (distinct strings)."""

    codes: Array
    words: list[str]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Text:
        """Make a column of the values, in order."""
        known: dict[str | None, int] = {None: -1}
        codes = [known.setdefault(value, len(known) - 1) for value in values]
        return cls(np.array(codes, np.int32), [word for word in known if word is not None])

    @classmethod
    def joined(cls, parts: Sequence[Text]) -> Text:
        """Put columns one behind the other."""
        numbers = {word: k for k, word in enumerate(dict.fromkeys(chain.from_iterable(part.words for part in parts)))}
        codes = [np.zeros(0, np.int32)]
        for part in parts:
            renamed = np.empty(len(part.words) + 1, np.int32)
            renamed[:-1] = np.fromiter(map(numbers.__getitem__, part.words), np.int32, len(part.words))
            renamed[-1] = -1
            codes.append(renamed[part.codes])
        return cls(np.concatenate(codes), list(numbers))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Array) -> Text:
        """Give the rows that an index or a mask names."""
        return Text(self.codes[rows], self.words)

    def list(self) -> list[str | None]:
        """Give the values, one a row."""
        words: list[str | None] = [*self.words, None]
        return [words[code] for code in self.codes.tolist()]

    def mask(self, accepted: Sequence[bool]) -> Array:
        """Give, for each row, what `accepted` says of its word; False for unknown."""
        return np.array([*accepted, False], bool)[self.codes]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length, in the order of the schema."""

    name: str
    columns: dict[str, Array | Text]

    @classmethod
    def of(cls, name: str, columns: Mapping[str, Any]) -> Table:
        """Make a table of raw columns (arrays, or sequences with None); every column of the schema has to be there."""
        made: dict[str, Array | Text] = {}
        for column in TABLES[name]:
            values = columns[column.name]
            if isinstance(values, (np.ndarray, Text)):
                made[column.name] = values
            elif column.kind in ("text", "words"):
                made[column.name] = Text.of(values)
            else:
                unknown = UNKNOWN.get(column.kind, NULL)
                made[column.name] = np.array([unknown if v is None else v for v in values], DTYPES[column.kind])
        return cls(name, made)

    @classmethod
    def empty(cls, name: str) -> Table:
        """Make a table without rows."""
        return cls.of(name, {column.name: () for column in TABLES[name]})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Array | Text:
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
        assert not isinstance(column, Text)
        return column

    def has(self, name: str, word: str) -> Array:
        """Say which rows have a word in a column of text."""
        column = self.text(name)
        return column.mask([each == word for each in column.words])

    def of_session(self, session: str) -> Table:
        """Give the rows of one session."""
        return self.take(self.has("session", session))

    def take(self, rows: Array) -> Table:
        """Give the rows that an index or a mask names."""
        return Table(self.name, {n: c.take(rows) if isinstance(c, Text) else c[rows] for n, c in self.columns.items()})

    def sort(self, order: Array) -> None:
        """Put the rows into another order, one column after the other: no second copy of the table comes to be."""
        for name, column in self.columns.items():
            self.columns[name] = column.take(order)

    def lists(self) -> dict[str, list[Any]]:
        """Give the values as Python lists, unknown as None; times stay nanoseconds, flags become bool, words lists."""
        return {column.name: _values(column.kind, self.columns[column.name]) for column in TABLES[self.name]}

    def frame(self) -> pd.DataFrame:
        """Give a plain DataFrame with the dtypes that `analyzer.schema` names."""
        import pandas as pd

        return pd.DataFrame({c.name: series(c.kind, self.columns[c.name]) for c in TABLES[self.name]})


def rows_of(text: Text, names: Text) -> Array:
    """Give for each value of a column the first row of `names` that has it; -1: none has."""
    rows: Array = np.full(len(names.words) + 1, -1, np.int64)
    rows[names.codes[::-1]] = np.arange(len(names) - 1, -1, -1)
    rows[-1] = -1
    if text.words is names.words:
        return rows[text.codes]
    place = dict(zip(names.words, rows.tolist(), strict=False))
    return np.array([*(place.get(word, -1) for word in text.words), -1], np.int64)[text.codes]


class Builder:
    """Collects the columns of a table, some rows at a time; words are numbered when the table is made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: dict[str, list[Any]] = {column.name: [] for column in TABLES[name]}

    def add(self, rows: int, columns: Mapping[str, Any]) -> None:
        """Add rows: every column as an array, a Text, a sequence (None: unknown), or one value for all rows."""
        if rows == 0:
            return
        for column in TABLES[self.name]:
            values = columns[column.name]
            part: Array | Text
            if column.kind in ("text", "words"):
                part = values if isinstance(values, Text) else _text(rows, values)
            elif isinstance(values, np.ndarray):
                part = values.astype(DTYPES[column.kind], copy=False)
            else:
                unknown = UNKNOWN.get(column.kind, NULL)
                listed = values if isinstance(values, (list, tuple)) else [values]
                known = np.array([unknown if value is None else value for value in listed], DTYPES[column.kind])
                part = known if listed is values else np.repeat(known, rows)
            self.parts[column.name].append(part)

    def table(self) -> Table:
        """Give the table of what was added, and forget it: there is never a second copy of more than one column."""
        columns: dict[str, Array | Text] = {}
        for column in TABLES[self.name]:
            parts, self.parts[column.name] = self.parts[column.name], []
            if column.kind in ("text", "words"):
                columns[column.name] = Text.joined(parts)
            else:
                columns[column.name] = np.concatenate([np.zeros(0, DTYPES[column.kind]), *parts])
        return Table(self.name, columns)


def _text(rows: int, values: Any) -> Text:
    """Give a column of text of a sequence, or of one value for all rows."""
    return Text.of(values) if isinstance(values, (list, tuple)) else Text.of([values]).take(np.zeros(rows, np.int32))


def concatenate(tables: Sequence[Table]) -> Table:
    """Join tables of one name, in order."""
    tables = [table for table in tables if len(table)] or tables[:1]
    if len(tables) == 1:
        return tables[0]
    builder = Builder(tables[0].name)
    for table in tables:
        builder.add(len(table), table.columns)
    return builder.table()


def _values(kind: str, data: Array | Text) -> list[Any]:
    if isinstance(data, Text):
        return [(word or "").split() for word in data.list()] if kind == "words" else data.list()
    if kind == "seconds":
        return [None if value != value else value for value in data.tolist()]  # noqa: PLR0124 (NaN is unequal to itself)
    if kind == "flag":
        return [None if value < 0 else bool(value) for value in data.tolist()]
    return [None if value == NULL else value for value in data.tolist()]


def series(kind: str, data: Array | Text) -> Any:
    """Give a column of that kind as a Series."""
    import pandas as pd

    if isinstance(data, Text):
        words = pd.Series([*data.words, None], dtype="str")
        return words.take(data.codes).reset_index(drop=True)
    if kind == "time":
        return pd.Series(data.view("datetime64[ns]")).dt.tz_localize("UTC")  # NULL is NaT
    if kind == "int":
        return pd.Series(pd.arrays.IntegerArray(np.where(data == NULL, 1, data), data == NULL))
    if kind == "flag":
        return pd.Series(pd.arrays.BooleanArray(data == 1, data < 0))
    return pd.Series(data)
