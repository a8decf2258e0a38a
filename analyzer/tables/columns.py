"""Columns that are no plain array: text as codes into distinct words, ids and places as numbers written on demand.

All of them give their `arrays` and can be made anew of others (`like`), so they can be cut, joined and kept on disk
without anybody looking at what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Array = np.ndarray[Any, Any]

#: A place holds the number of a frame or line, and above these bits that of its file.
PLACE_BITS: Final = 40
_NUMBER: Final = (1 << PLACE_BITS) - 1

_LETTERS: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_ID_LETTERS: Final = 11  # 62 ** 11 > 2 ** 64


class Words(list[str]):
    """Distinct words that become more and more; what is made of each of them is made once."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        super().__init__(words)
        self._made: dict[Any, Array] = {}

    def numbers(self, of: Callable[[str], Any], unknown: Any) -> Array:
        """Give what `of` makes of each word, and last `unknown`: int64[words + 1], or as many columns as it gives."""
        made = self._made.get((of, unknown))
        if made is None or len(made) <= len(self):
            known = 0 if made is None else len(made) - 1
            more = np.array([*map(of, self[known:]), unknown], np.int64)
            made = self._made[of, unknown] = more if made is None else np.concatenate((made[:-1], more))
        return made


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
    def one(cls, value: str | None, rows: int) -> Text:
        """Make a column of one value for all rows."""
        one = cls.of([value])
        return cls(np.broadcast_to(one.codes[0], rows), one.words)

    @classmethod
    def joined(cls, parts: Sequence[Text]) -> Text:
        """Put columns one behind the other."""
        if all(part.words is parts[0].words for part in parts[1:]):
            words = parts[0].words if parts else []
            return cls(np.concatenate([np.zeros(0, np.int32), *(part.codes for part in parts)]), words)
        numbers = {word: k for k, word in enumerate(dict.fromkeys(chain.from_iterable(part.words for part in parts)))}
        return cls(
            np.concatenate([part.numbers(numbers.__getitem__, -1) for part in parts]).astype(np.int32), [*numbers]
        )

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What there is of each row."""
        return (self.codes,)

    def like(self, codes: Array) -> Text:
        """Give a column of the same words."""
        return Text(codes, self.words)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Array | slice) -> Text:
        """Give the rows that an index or a mask names."""
        return Text(picked(self.codes, rows), self.words)

    def list(self) -> list[str | None]:
        """Give the values, one a row."""
        words: list[str | None] = [*self.words, None]
        return [words[code] for code in self.codes.tolist()]

    def mask(self, accepted: Sequence[bool]) -> Array:
        """Give, for each row, what `accepted` says of its word; False for unknown."""
        return np.array([*accepted, False], bool).take(self.codes)

    def numbers(self, of: Callable[[str], Any], unknown: Any) -> Array:
        """Give, for each row, the number (or the row of numbers) that `of` makes of its word."""
        words = self.words if isinstance(self.words, Words) else Words(self.words)
        return words.numbers(of, unknown).take(self.codes, axis=0)

    def ranks(self) -> Array:
        """Give, for each row, the place of its word among all of them in alphabetic order; unknown comes first."""
        met = np.zeros(len(self.words) + 1, bool)
        met[self.codes] = True
        words = sorted(np.flatnonzero(met[:-1]).tolist(), key=self.words.__getitem__)
        ranks = np.zeros(len(met), np.int64)
        ranks[words] = np.arange(1, len(words) + 1)
        return ranks.take(self.codes)

    def known(self) -> Array:
        """Say which rows have a value."""
        known: Array = self.codes >= 0
        return known

    def put(self, rows: Array, values: Text) -> Text:
        """Give the column with other values in some rows."""
        numbers = {word: code for code, word in enumerate(self.words)} if values.words is not self.words else None
        codes = self.codes.copy()
        if numbers is None:
            codes[rows] = values.codes
            return Text(codes, self.words)
        used = np.unique(values.codes[values.codes >= 0]).tolist()
        new = np.full(len(values.words) + 1, -1, np.int32)
        new[used] = [numbers.setdefault(values.words[code], len(numbers)) for code in used]
        codes[rows] = new[values.codes]
        return Text(codes, list(numbers))


class Numbering:
    """Numbers the words of columns alike: those that rows have, in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._words: list[str] = []  # of the column before: often the next one has the same, and more
        self._known = np.full(1, -1, np.int32)  # their numbers; last is that of unknown

    def renamed(self, text: Text) -> Array:
        """Give the codes of a column by the numbers of its words."""
        words = text.words
        if len(text) > 1 and not any(text.codes.strides):  # one value
            return np.broadcast_to(self.renamed(text.take(slice(0, 1)))[0], len(text))
        if words is not self._words:
            self._words, self._known = words, self._known[-1:]
        if len(self._known) <= len(words):
            self._known = np.append(self._known[:-1], np.full(len(words) + 1, _NEW, np.int32))
            self._known[-1] = -1
        codes = self._known.take(text.codes)
        if len(codes) and codes.min() == _NEW:
            for code in dict.fromkeys(text.codes[codes == _NEW].tolist()):
                self._known[code] = self.numbers.setdefault(words[code], len(self.numbers))
            codes = self._known.take(text.codes)
        return codes


#: No number yet; smaller than that of unknown.
_NEW: Final = -2


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

        def other(at: Array) -> Array:
            return np.where(at < 0, at, new[at >> PLACE_BITS] << PLACE_BITS | at & _NUMBER) if len(new) else at

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

    def put(self, rows: Array, values: Places) -> Places:
        """Give the column with other values in some rows."""
        numbers = {file: number for number, file in enumerate(self.files)}
        values = values.renamed(numbers)
        at = self.at.copy()
        at[rows] = values.at
        more = self.more
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


#: A column of a table.
Column = np.ndarray[Any, Any] | Text | Ids | Places


def taken(column: Column, rows: Array | slice) -> Any:
    """Give the rows of a column that an index or a mask names."""
    return picked(column, rows) if isinstance(column, np.ndarray) else column.take(rows)


def picked(array: Array, rows: Array | slice) -> Array:
    """Give the rows of an array that an index or a mask names; several times faster than indexing with arrays."""
    if isinstance(rows, slice):
        return array[rows]
    rows = np.asarray(rows)
    return array.take(np.flatnonzero(rows) if rows.dtype == bool else rows)


def mixed(columns: Iterable[Array]) -> Array:
    """Mix int64 columns into one uint64 a row: each step is the finalizer of MurmurHash3, public domain."""
    value: Array = np.uint64(0x736D7470)  # type: ignore[assignment]
    for column in columns:
        value = (value ^ np.ascontiguousarray(column).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        value ^= value >> np.uint64(33)
    return value


def distinct(*columns: Array) -> tuple[Array, Array]:
    """Give the first row of each distinct combination of integers, and which of these each row is."""
    _, first, which = np.unique(mixed([c.astype(np.int64) for c in columns]), return_index=True, return_inverse=True)
    return first, which


def letters(numbers: Array) -> list[str]:
    """Write 64-bit numbers with 11 letters and digits each."""
    numbers = numbers.view(np.uint64)
    written = np.empty((len(numbers), _ID_LETTERS), np.uint8)
    for place in range(_ID_LETTERS):
        numbers, digits = np.divmod(numbers, np.uint64(len(_LETTERS)))
        written[:, place] = _LETTERS[digits]
    names: list[str] = written.view(f"S{_ID_LETTERS}").ravel().astype(str).tolist()
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
