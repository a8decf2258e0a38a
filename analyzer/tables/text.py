"""Columns of text: codes into distinct words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.tables.arrays import is_one, picked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Array = np.ndarray[Any, Any]


class Words(list[str]):
    """Distinct words that become more and more; what is made of each of them is made once."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        super().__init__(words)
        self._made: dict[Any, Array] = {}
        self._codes: dict[str | None, int] = {None: -1}  # of the words that `code` has given

    def code(self, word: str | None) -> int:
        """Give the code of a word, a new one where it is not known; -1 for None."""
        if len(self._codes) <= len(self):
            self._codes |= {known: code for code, known in enumerate(self)}
        code = self._codes.setdefault(word, len(self))
        if word is not None and code == len(self):
            self.append(word)
        return code

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
        if len(self.codes) < len(self.words):
            return [self.words[code] if code >= 0 else None for code in self.codes.tolist()]
        words: list[str | None] = [*self.words, None]
        return [words[code] for code in self.codes.tolist()]

    def counts(self) -> dict[str, int]:
        """Say how many rows have each word that any has."""
        counts = np.bincount(self.codes + 1, minlength=1)[1:]
        return {self.words[code]: int(counts[code]) for code in np.flatnonzero(counts).tolist()}

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
        codes = self.codes.copy()
        if values.words is self.words:
            codes[rows] = values.codes
            return Text(codes, self.words)
        numbering = Numbering({word: code for code, word in enumerate(self.words)})
        codes[rows] = numbering.renamed(values)
        return Text(codes, list(numbering.numbers))


class Numbering:
    """Numbers the words of columns alike: those that rows have."""

    def __init__(self, numbers: dict[str, int] | None = None) -> None:
        self.numbers = numbers or {}
        self._words: list[str] = []  # of the column before: often the next one has the same, and more
        self._known = np.full(1, -1, np.int32)  # their numbers; last is that of unknown

    def renamed(self, text: Text) -> Array:
        """Give the codes of a column by the numbers of its words."""
        words = text.words
        if len(text) > 1 and is_one(text.codes):
            return np.broadcast_to(self.renamed(text.take(slice(0, 1)))[0], len(text))
        if words is not self._words:
            self._words, self._known = words, self._known[-1:]
        if len(self._known) <= len(words):
            self._known = np.append(self._known[:-1], np.full(len(words) + 1, _NEW, np.int32))
            self._known[-1] = -1
        codes = self._known.take(text.codes)
        if len(codes) and codes.min() == _NEW:
            met, numbers = np.zeros(len(words), bool), self.numbers
            met[text.codes[codes == _NEW]] = True
            new = np.flatnonzero(met)
            self._known[new] = [numbers.setdefault(words[code], len(numbers)) for code in new.tolist()]
            codes = self._known.take(text.codes)
        return codes


#: No number yet; smaller than that of unknown.
_NEW: Final = -2
