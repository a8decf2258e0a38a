"""Spans of a buffer as text: each distinct word is made once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.kernel import kernel
from analyzer.tables import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.wire.octets import Cells, Octets

    Array = np.ndarray[Any, Any]

NONE = -1


@kernel("int64(uint8[::1], int64[::1], int64[::1], int32[::1], int64[::1], int64[::1], int64)")
def number_words(
    buffer: Octets, starts: Cells, stops: Cells, codes: Cells, firsts: Cells, slots: Cells, key: int
) -> int:
    """Give equal spans equal codes, from 0 on in the order of their first places, and empty ones NONE.

    Gives how many there are; `firsts` gets for each code the row of its first span. `slots` (a power of two, more than
    rows) is NONE before. `key` is another one in each process, so that no input can make all words fall together.
    """
    known, size = 0, len(slots)
    for row in range(len(starts)):
        start, stop = starts[row], stops[row]
        codes[row] = NONE
        if stop <= start:
            continue
        value, place = key, start
        while place + 4 <= stop:  # four octets at a time: each step waits for the one before
            four = buffer[place] + buffer[place + 1] * 256 + buffer[place + 2] * 65536 + buffer[place + 3] * 16777216
            value = ((value ^ four) * 1000003 + value // 16777216) & 1099511627775
            place += 4
        while place < stop:
            value = (value * 1000003 + buffer[place]) & 1099511627775
            place += 1
        slot = (value * 40503 + value // 65536) & (size - 1)
        while codes[row] == NONE:
            code = slots[slot]
            if code == NONE:
                slots[slot], firsts[known], codes[row] = known, row, known
                known += 1
            else:
                other = starts[firsts[code]]
                length = stops[firsts[code]] - other
                k = 0
                if length == stop - start:
                    while k < length and buffer[other + k] == buffer[start + k]:
                        k += 1
                    if k == length:
                        codes[row] = code
                slot = (slot + 1) & (size - 1)
    return known


def words_of(buffer: Array, starts: Array, stops: Array, made: Callable[[bytes], str | None], key: int) -> Text:
    """Give spans as a column of text; `made` makes a word of octets, or None for unknown."""
    codes, firsts = np.empty(len(starts), np.int32), np.empty(len(starts), np.int64)
    slots = np.full(1 << max(2 * len(starts), 1).bit_length(), NONE, np.int64)
    starts, stops = np.ascontiguousarray(starts), np.ascontiguousarray(stops)
    firsts = firsts[: number_words(buffer, starts, stops, codes, firsts, slots, key)]
    spans = zip(starts[firsts].tolist(), stops[firsts].tolist(), strict=True)
    whole = memoryview(buffer)
    words = Text.of([made(bytes(whole[start:stop])) for start, stop in spans])
    if len(words.words) == len(firsts):
        return Text(codes, words.words)
    return Text(np.append(words.codes, np.int32(NONE))[codes], words.words)  # two became the same, or unknown
