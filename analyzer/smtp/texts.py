"""What is said in sessions, a number each text: what is made of one is made once, for most is said again and again."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.tables import Text, Words
from analyzer.words.vocabulary import MOST_WORDS, NONE, Store, distinct_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    Array = np.ndarray[Any, Any]

#: The number of a text that was not captured, or never said; that of an empty one is NONE.
LOST: Final = -2


class Texts:
    """Distinct texts, counted from 0 on, and what was made of them. They begin anew at a batch when they are many."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._store = Store()
        self._octets: list[bytes] = []
        self._facts: dict[Callable[[bytes | None], int], _Fact] = {}
        self._names: dict[Callable[[bytes | None], str | None], _Names] = {}
        self._words: dict[Hashable, Words] = {}
        self._kept: dict[Any, Any] = {}

    def begin_batch(self) -> None:
        """Forget all where there are too many: numbers of batches before mean nothing then."""
        if self._store.is_large or len(self._kept) > MOST_WORDS:
            self._begin()

    def number(self, stream: Array, starts: Array, stops: Array) -> Array:
        """Give the numbers (int32) of spans of a stream; one that begins at LOST is lost."""
        lost = starts == LOST
        numbers = self._store.number(stream, starts, np.where(lost, LOST, stops))
        self._octets += self._store.words(len(self._octets))
        numbers[lost] = LOST
        return numbers

    def numbers(self, words: Sequence[bytes]) -> Array:
        """Give the numbers (int32) of some texts."""
        stops = np.array([*accumulate(map(len, words))], np.int64)
        return self.number(np.frombuffer(bytearray(b"".join(words) + b"\0"), np.uint8), np.append(0, stops)[:-1], stops)

    def __getitem__(self, number: int) -> bytes | None:
        """Give a text; None where it is lost."""
        if number >= 0:
            return self._octets[number]
        return b"" if number == NONE else None

    def facts(self, of: Callable[[bytes | None], int], numbers: Array) -> Array:
        """Give what `of` makes of texts (int64)."""
        fact = self._facts.get(of)
        if fact is None:
            fact = self._facts[of] = _Fact()
        return fact.of(self, of, numbers)

    def once(self, what: str, key: tuple[Any, ...], make: Callable[..., Any]) -> Any:
        """Give what `make` makes of a key that has numbers of texts in it, anything but None; `what` that is."""
        made = self._kept.get((what, key))
        if made is None:
            made = self._kept[what, key] = make(*key)
        return made

    def words(self, group: Hashable) -> Words:
        """Give the words of a group of columns; their codes are the same until all is forgotten."""
        if group not in self._words:
            self._words[group] = Words()
        return self._words[group]

    def names(self, of: Callable[[bytes | None], str | None], numbers: Array, group: Hashable | None = None) -> Text:
        """Give what `of` makes of texts, as a column of text, whose words are those of a group (none: its own)."""
        names = self._names.get(of)
        if names is None:
            names = self._names[of] = _Names(of, self.words(group or of))
        return Text(self.facts(names, numbers).astype(np.int32), names.words)


class _Fact:
    """What a function makes of texts, as far as anybody has asked; LOST and NONE come first."""

    def __init__(self) -> None:
        self._made = np.zeros(0, np.int64)
        self._known = np.zeros(0, bool)

    def of(self, texts: Texts, make: Callable[[bytes | None], int], numbers: Array) -> Array:
        """Give it of some texts."""
        place = numbers - LOST
        more = int(place.max(initial=-1)) + 1 - len(self._made)
        if more > 0:
            room = np.zeros(max(more, len(self._made)), np.int64)
            self._made, self._known = np.append(self._made, room), np.append(self._known, room > 0)
        known = self._known.take(place)
        if not known.all():
            for new in distinct_of(place[~known])[0]:
                self._made[new], self._known[new] = make(texts[new + LOST]), True
        return self._made.take(place)


class _Names:
    """Gives the codes of what a function makes of texts."""

    def __init__(self, of: Callable[[bytes | None], str | None], words: Words) -> None:
        self._of, self.words = of, words

    def __call__(self, text: bytes | None) -> int:
        return self.words.code(self._of(text))
