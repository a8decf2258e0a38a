"""What is said in AUTH exchanges, a number each text: what is made of one is made once, for guessers repeat them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.tables import Text, Words
from analyzer.words.vocabulary import NONE, Store, distinct_of

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._kept: dict[Any, Any] = {}

    def begin_batch(self) -> None:
        """Forget all where there are too many: numbers of batches before mean nothing then."""
        if self._store.is_large:
            self._begin()

    def number(self, stream: Array, starts: Array, stops: Array) -> Array:
        """Give the numbers (int32) of spans of a stream; one that begins at LOST is lost."""
        lost = starts == LOST
        numbers = self._store.number(stream, starts, np.where(lost, LOST, stops))
        self._octets += self._store.words(len(self._octets))
        numbers[lost] = LOST
        return numbers

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

    def once(self, key: tuple[Any, ...], make: Callable[..., Any]) -> Any:
        """Give what `make` makes of a key that has numbers of texts in it, anything but None."""
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = make(*key)
        return made

    def names(self, of: Callable[[bytes | None], str | None], numbers: Array) -> Text:
        """Give what `of` makes of texts, as a column of text."""
        names = self._names.get(of)
        if names is None:
            names = self._names[of] = _Names(of)
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
    """Numbers what a function makes of texts; -1: nothing."""

    def __init__(self, of: Callable[[bytes | None], str | None]) -> None:
        self._of, self.words = of, Words()
        self._codes: dict[str | None, int] = {None: NONE}

    def __call__(self, text: bytes | None) -> int:
        name = self._of(text)
        code = self._codes.setdefault(name, len(self.words))
        if name is not None and code == len(self.words):
            self.words.append(name)
        return code
