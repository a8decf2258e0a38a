"""Columns of ids and of places: numbers that are written on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.tables.arrays import mixed, picked
from analyzer.tables.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Array = np.ndarray[Any, Any]

#: A place holds the number of a frame or line, and above these bits that of its file.
PLACE_BITS: Final = 40
_NUMBER: Final = (1 << PLACE_BITS) - 1

_LETTERS: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_ID_LETTERS: Final = 11  # 62 ** 11 > 2 ** 64


@dataclass(frozen=True, slots=True)
class Ids:
    """A column of ids: `numbers` (int64, NULL for unknown) written as 11 letters.

    Where there are `parts` (int32), one is written behind a dash: the number of an AUTH exchange in its session.
    """

    numbers: Array
    parts: Array | None = None

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Ids:
        """Make a column of ids as they are written."""
        pairs = [("" if value is None else value).partition("-") for value in values]
        numbers = np.array([number_of(name) for name, _, _ in pairs], np.int64)
        if not any(dash for _, dash, _ in pairs):
            return cls(numbers)
        return cls(numbers, np.array([int(part) if part.isdecimal() else -1 for _, _, part in pairs], np.int32))

    @classmethod
    def joined(cls, columns: Sequence[Ids]) -> Ids:
        """Put columns one behind the other."""
        numbers = np.concatenate([np.zeros(0, np.int64), *(column.numbers for column in columns)])
        if all(column.parts is None for column in columns):
            return cls(numbers)
        return cls(numbers, np.concatenate([column.parts for column in columns if column.parts is not None]))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What there is of each row."""
        return (self.numbers,) if self.parts is None else (self.numbers, self.parts)

    def like(self, numbers: Array, parts: Array | None = None) -> Ids:
        """Give a column of the same kind."""
        return Ids(numbers, parts)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Array | slice) -> Ids:
        """Give the rows that an index or a mask names."""
        return Ids(*(picked(array, rows) for array in self.arrays))

    def known(self) -> Array:
        """Say which rows have a value."""
        known: Array = self.numbers != NULL
        return known

    def put(self, rows: Array, values: Ids) -> Ids:
        """Give the column with other values in some rows."""
        made = self.take(slice(None))
        made = Ids(*(array.copy() for array in made.arrays))
        for mine, theirs in zip(made.arrays, values.arrays, strict=True):
            mine[rows] = theirs
        return made

    def keys(self) -> Array:
        """Give int64 numbers that are equal for equal ids."""
        return self.numbers if self.parts is None else mixed([self.numbers, self.parts.astype(np.int64)]).view(np.int64)

    def list(self) -> list[str | None]:
        """Give the values, one a row."""
        if not len(self.numbers):
            return []
        names: list[str | None] = list(letters(self.numbers))
        if self.parts is not None:
            names = [f"{name}-{part}" for name, part in zip(names, self.parts.tolist(), strict=True)]
        for row in np.flatnonzero(~self.known()).tolist():
            names[row] = None
        return names


@dataclass(frozen=True, slots=True)
class Places:
    """A column of places: `at` (int64), a file and the number of a frame or line in it, written ``name line 7``.

    `files` has the words before the number, by the bits of a place above PLACE_BITS; the number 0 is not written.
    Where there are `more` (int64, -1 for none), a second place is written behind a semicolon.
    """

    at: Array
    files: list[str]
    more: Array | None = None

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Places:
        """Make a column of texts that are taken as they are."""
        text: Text = Text.of(value or "" for value in values)
        return cls(text.codes.astype(np.int64) << PLACE_BITS, text.words)

    @classmethod
    def joined(cls, columns: Sequence[Places]) -> Places:
        """Put columns one behind the other."""
        numbers: dict[str, int] = {}
        made = [column.renamed(numbers) for column in columns]
        at = np.concatenate([np.zeros(0, np.int64), *(column.at for column in made)])
        if all(column.more is None for column in columns):
            return cls(at, list(numbers))
        more = [np.full(len(column), -1, np.int64) if column.more is None else column.more for column in made]
        return cls(at, list(numbers), np.concatenate(more))

    def renamed(self, numbers: dict[str, int]) -> Places:
        """Give the column where files have these numbers; what is not among them is added."""
        new = np.array([numbers.setdefault(file, len(numbers)) for file in self.files], np.int64)
        as_it_is = bool((new == np.arange(len(new))).all())

        def other(at: Array) -> Array:
            return at if as_it_is else np.where(at < 0, at, new[at >> PLACE_BITS] << PLACE_BITS | at & _NUMBER)

        return Places(other(self.at), list(numbers), None if self.more is None else other(self.more))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What there is of each row."""
        return (self.at,) if self.more is None else (self.at, self.more)

    def like(self, at: Array, more: Array | None = None) -> Places:
        """Give a column of the same files."""
        return Places(at, self.files, more)

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Array | slice) -> Places:
        """Give the rows that an index or a mask names."""
        return self.like(*(picked(array, rows) for array in self.arrays))

    def known(self) -> Array:
        """Say which rows have a value."""
        known: Array = self.at >= 0
        return known

    def doubled(self) -> Places:
        """Give the column with room for a second place in each row."""
        return self if self.more is not None else Places(self.at, self.files, np.full(len(self.at), -1, np.int64))

    def put(self, rows: Array, values: Places) -> Places:
        """Give the column with other values in some rows."""
        numbers = {file: number for number, file in enumerate(self.files)}
        values = values.renamed(numbers)
        at, more = self.at.copy(), self.more
        at[rows] = values.at
        if more is not None or values.more is not None:
            more = np.full(len(at), -1, np.int64) if more is None else more.copy()
            more[rows] = -1 if values.more is None else values.more
        return Places(at, list(numbers), more)

    def numbers(self) -> Array:
        """Give the number of each row's frame or line."""
        numbers: Array = self.at & _NUMBER
        return numbers

    def list(self) -> list[str | None]:
        """Give the values, one a row."""
        names: list[str | None] = [*self._written(self.at)]
        if self.more is not None:
            second = np.flatnonzero(self.more >= 0)
            for row, text in zip(second.tolist(), self._written(self.more[second]), strict=True):
                names[row] = f"{names[row]}; {text}"
        return names

    def _written(self, at: Array) -> Sequence[str]:
        files = self.files
        pairs = zip((at >> PLACE_BITS).tolist(), (at & _NUMBER).tolist(), strict=True)
        return [f"{files[file]} {number}" if number else files[file] for file, number in pairs]


def spelled(numbers: Array) -> Array:
    """Write 64-bit numbers with 11 letters and digits each, as bytes (S11)."""
    pairs, rest = _pairs(), numbers.view(np.uint64)
    written = np.empty((len(numbers), _ID_LETTERS // 2 + 1), np.uint16)
    for place in range(written.shape[1]):
        whole = rest // np.uint64(len(pairs))
        written[:, place] = pairs.take((rest - whole * np.uint64(len(pairs))).view(np.int64))
        rest = whole
    return np.ndarray(len(written), f"S{_ID_LETTERS}", written, 0, written.strides[:1])  # the last letter is always 0


@cache
def _pairs() -> Array:
    """Give two letters for each number below 62 * 62, the lower one first."""
    second, first = np.divmod(np.arange(len(_LETTERS) ** 2), len(_LETTERS))
    return np.stack((_LETTERS[first], _LETTERS[second]), axis=1).view(np.uint16).ravel()


def letters(numbers: Array) -> list[str]:
    """Write 64-bit numbers with 11 letters and digits each."""
    names: list[str] = spelled(numbers).astype(str).tolist()
    return names


def number_of(name: str) -> int:
    """Give the int64 number that `letters` writes as `name`; NULL for what it never writes."""
    value = 0
    if len(name) != _ID_LETTERS:
        return NULL
    for letter in reversed(name):
        digit = _LETTERS.tobytes().find(letter.encode("utf-8", "replace"))
        if digit < 0:
            return NULL
        value = value * len(_LETTERS) + digit
    return NULL if value >= 2**64 else value - (value >> 63 << 64)
