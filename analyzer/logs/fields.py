"""Blocks of lines with their events, and the fields that patterns took from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.tables import Text
from analyzer.words.spans import hashes_of, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.words.vocabulary import Vocabularies

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines and what they tell; spans are places in `buffer`."""

    buffer: Array  # uint8
    lines: Array  # int64[n, LINE_WIDTH]; TIME is UTC, or NULL
    events: Array  # int64[m, EVENT_WIDTH], in the order of the lines, a repeated one as often as it was
    spans: Array  # int32[SPANS_WIDTH, n]: the fields of the lines, as patterns took them; equal ends: not there
    filled: Array  # bool[SPANS_WIDTH + 1]: at the row where a field begins, whether any line may have it
    files: list[str]  # FILE of a line counts them
    vocabularies: Vocabularies  # of the source
    #: What of `buffer` and of `lines` is used; behind it there is room for what is put in front of this block.
    used: tuple[int, int]
    _words: dict[tuple[str, Any], Text] = field(default_factory=dict, init=False)  # made once, of all lines
    _has: dict[str, Array] = field(default_factory=dict, init=False)
    _columns: dict[int, Array] = field(default_factory=dict, init=False)

    def words(self, name: str, made: Callable[[bytes], str | None], lines: Array) -> Text:
        """Give a field of some lines, by their rows, as text."""
        of_line = _OF_LINES.get(name)
        if of_line is None and not self.filled[c.span_of(name)]:
            return Text(np.broadcast_to(np.int32(-1), len(lines)), [])
        if (name, made) not in self._words:
            if len(lines) * _FEW < len(self.lines):
                return self.vocabularies.text(name, made, self.buffer, *self._places(name, lines))
            row = c.span_of(name) if of_line is None else of_line
            starts, stops = (self.spans if of_line is None else self.lines.T)[row : row + 2]
            self._words[name, made] = self.vocabularies.text(name, made, self.buffer, starts, stops)
        return self._words[name, made].take(lines)

    def hashes(self, name: str, lines: Array) -> Array:
        """Give a number of a field of some lines: equal ones for equal octets, 0 where it is not there."""
        return hashes_of(self.buffer, *self._places(name, lines))

    def numbers(self, name: str, lines: Array) -> Array:
        """Give a field of digits of some lines as numbers; NULL where it is not there, or something else."""
        return numbers_of(self.buffer, *self._places(name, lines))

    def _places(self, name: str, lines: Array) -> tuple[Array, Array]:
        """Give where a field of some lines begins, and where it ends."""
        of_line = _OF_LINES.get(name)
        if of_line is not None:
            return self.cells(of_line, lines), self.cells(of_line + 1, lines)
        row = c.span_of(name)
        return self.spans[row].take(lines), self.spans[row + 1].take(lines)

    def has(self, name: str, lines: Array) -> Array:
        """Give which of some lines, by their rows, have a field."""
        row = c.span_of(name)
        if not self.filled[row]:
            return np.zeros(len(lines), bool)
        if name not in self._has:
            self._has[name] = self.spans[row + 1] > self.spans[row]
        return self._has[name].take(lines)

    def cells(self, number: int, lines: Array) -> Array:
        """Give a column of some lines, by their rows."""
        if number not in self._columns:
            if len(lines) * _FEW < len(self.lines):
                few: Array = self.lines[lines, number]
                return few
            self._columns[number] = np.ascontiguousarray(self.lines[:, number])  # in one piece, it is much faster
        return self._columns[number].take(lines)


#: Of fewer lines than one in so many, words or cells are taken of these alone: nobody asks for them often.
_FEW: Final = 4

#: Fields that are of a line, whatever the pattern.
_OF_LINES: Final = {"host": c.HOST, "program": c.PROGRAM}
