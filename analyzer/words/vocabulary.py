"""Spans of a buffer as text: each distinct word is made once, over all blocks of a source."""

from __future__ import annotations

import os
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import kernel
from analyzer.tables import Text, Words
from analyzer.wire.octets import alike, copy
from analyzer.words.spans import hash_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.wire.octets import Cells, Octets

    Array = np.ndarray[Any, Any]

NONE = -1

#: Another one in each process, so that no input can make all words fall together.
KEY: Final = int.from_bytes(os.urandom(4))

#: With more distinct words than this, or so many octets of them, a vocabulary begins anew: where nearly every row has a
#: word of its own, nothing is gained by knowing those before.
MOST_WORDS: Final = 1 << 16
MOST_OCTETS: Final = 1 << 23

#: Columns of the state of `number_words`: the next row, the words that are known, and the octets of them.
_ROW, _KNOWN, _USED = range(3)


@kernel(
    "void(uint8[::1], int32[::1], int32[::1], int32[::1], int64[::1], uint8[::1], int64[::1], int64[::1], int64[::1], "
    "int64)"
)
def number_words(
    buffer: Octets, starts: Cells, stops: Cells, codes: Cells, slots: Cells, store: Cells, ends: Cells, hashes: Cells,
    state: Cells, key: int,
) -> None:  # fmt: skip
    """Give equal spans equal codes, from 0 on in the order in which they were first met, and empty ones NONE.

    The words are kept in `store`; word k ends at `ends[k]`, where the next begins. `slots` (a power of two) is a hash
    table of codes, NONE where there is none. Stops at a row for whose word there may be no room.
    """
    size = len(slots)
    row, known, used = state[0], state[1], state[2]
    last, before, width = NONE, 0, NONE  # the word before, where it begins, and how long it is
    while row < len(starts):
        start, stop = starts[row], stops[row]
        if stop <= start:
            codes[row] = NONE
            row += 1
            continue
        if stop - start == width:  # hosts and programs come again and again
            if alike(buffer[before : before + width], buffer[start:stop]):
                codes[row] = last
                row += 1
                continue
        if used + stop - start > len(store) or known >= len(ends) or 2 * known >= size:
            break
        word = buffer[start:stop]
        octets, value = len(word), hash_of(word, key, 1000003)
        value = value * 40503 + value // 65536
        slot = value & (size - 1)
        found = NONE
        while found == NONE:
            code = slots[slot]
            if code == NONE:
                copy(store, used, word, 0, octets)
                used += octets
                slots[slot], hashes[known], ends[known] = known, value, used
                found = known
                known += 1
            else:
                begin = ends[code - 1] if code > 0 else 0
                length = ends[code] - begin
                if hashes[code] == value and length == octets and alike(store[begin : begin + length], word):
                    found = code
                slot = (slot + 1) & (size - 1)
        codes[row] = found
        last, before, width = found, start, stop - start
        row += 1
    state[0], state[1], state[2] = row, known, used


@kernel("void(int64[::1], int64, int64[::1])")
def refill(hashes: Cells, known: int, slots: Cells) -> None:
    """Put known words into a hash table that is NONE before."""
    for code in range(known):
        slot = hashes[code] & (len(slots) - 1)
        while slots[slot] != NONE:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = code


def distinct_of(numbers: Array) -> tuple[list[int], Array]:
    """Give the distinct ones of some numbers of words (or what stands below them), and which of these each is.

    Numbers of words are small, so none has to be sorted.
    """
    if not len(numbers):
        return [], np.zeros(0, np.int64)
    low = int(numbers.min())
    met = np.zeros(int(numbers.max()) - low + 1, bool)
    met[numbers - low] = True
    which: Array = np.cumsum(met).take(numbers - low) - 1
    return (np.flatnonzero(met) + low).tolist(), which


class Store:
    """Numbers equal spans alike, from 0 on in the order in which they are first met; empty ones NONE."""

    def __init__(self) -> None:
        self._slots = np.full(1 << 10, NONE, np.int64)
        self._store, self._ends = np.empty(1 << 13, np.uint8), np.empty(1 << 9, np.int64)
        self._hashes = np.empty(1 << 9, np.int64)
        self._state = np.zeros(3, np.int64)

    @property
    def is_large(self) -> bool:
        """Whether there are so many words that nothing is gained by knowing them."""
        return bool(self._state[_KNOWN] > MOST_WORDS or self._state[_USED] > MOST_OCTETS)

    @property
    def known(self) -> int:
        """How many words there are."""
        return int(self._state[_KNOWN])

    def number(self, buffer: Array, starts: Array, stops: Array) -> Array:
        """Give the numbers of some spans (int32)."""
        codes = np.empty(len(starts), np.int32)
        starts, stops = np.ascontiguousarray(starts, np.int32), np.ascontiguousarray(stops, np.int32)
        self._state[_ROW] = 0
        while True:
            number_words(
                buffer, starts, stops, codes, self._slots, self._store, self._ends, self._hashes, self._state, KEY
            )
            row = int(self._state[_ROW])
            if row == len(starts):
                return codes
            self._grow(int(stops[row] - starts[row]))

    def words(self, first: int = 0) -> list[bytes]:
        """Give the words from one number on."""
        start = int(self._ends[first - 1]) if first else 0
        ends = [0, *(self._ends[first : self.known] - start).tolist()]
        octets = self._store[start : start + ends[-1]].tobytes()
        return [octets[begin:end] for begin, end in pairwise(ends)]

    def _grow(self, octets: int) -> None:
        """Make room for at least one more word, of so many octets."""
        _, known, used = self._state.tolist()
        if used + octets > len(self._store):
            self._store = np.append(self._store[:used], np.empty(used + octets + (1 << 13), np.uint8))
        if known >= len(self._ends):
            self._ends = np.append(self._ends, np.empty(known, np.int64))
            self._hashes = np.append(self._hashes, np.empty(known, np.int64))
        if 2 * known >= len(self._slots):
            self._slots = np.full(4 * len(self._slots), NONE, np.int64)
            refill(self._hashes, known, self._slots)


class Vocabulary:
    """Makes text of spans; `made` makes a word of octets, or None for unknown."""

    def __init__(self, made: Callable[[bytes], str | None]) -> None:
        self.made = made
        self._begin()

    def _begin(self) -> None:
        self._store, self._words = Store(), Words()
        #: Of the word that is made of each one in the store: two may be made the same, or unknown; last: of none.
        self._codes = np.full(1, NONE, np.int32)

    def text(self, buffer: Array, starts: Array, stops: Array) -> Text:
        """Give spans as a column of text."""
        if self._store.is_large:
            self._begin()
        before = self._store.known
        codes = self._store.number(buffer, starts, stops)
        if self._store.known > before:
            new = [self._words.code(self.made(octets)) for octets in self._store.words(before)]
            self._codes = np.append(self._codes[:-1], np.array([*new, NONE], np.int32))
        plain = len(self._words) == self._store.known  # then every word in the store has made one of its own
        return Text(codes if plain else self._codes.take(codes), self._words)


class Vocabularies:
    """The vocabularies of a source, by field and by what makes a word; several threads may use them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Callable[[bytes], str | None]], Vocabulary] = {}
        self._lock = threading.Lock()

    def text(self, name: str, made: Callable[[bytes], str | None], buffer: Array, starts: Array, stops: Array) -> Text:
        """Give spans as a column of text."""
        with self._lock:
            vocabulary = self._known.get((name, made))
            if vocabulary is None:
                vocabulary = self._known[name, made] = Vocabulary(made)
            return vocabulary.text(buffer, starts, stops)
