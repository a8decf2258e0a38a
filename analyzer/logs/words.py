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


@kernel("void(uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64)")
def number_words(
    buffer: Octets, starts: Cells, stops: Cells, codes: Cells, firsts: Cells, slots: Cells, key: int
) -> None:
    """Give equal spans equal codes, from 0 on in the order of their first places; empty ones NONE.

    `firsts` gets for each code the row of its first span, and NONE behind the last; `slots` (a power of two, more than
    rows) is NONE before. `key` is another one in each process, so that no input can make all words fall together.
    """
    known, size = 0, len(slots)
    for row in range(len(starts)):
        start, stop = starts[row], stops[row]
        codes[row] = NONE
        if stop <= start:
            continue
        value = key
        for place in range(start, stop):
            value = (value * 1000003 + buffer[place]) & 1099511627775
        slot = (value * 40503 + value // 65536) & (size - 1)
        while codes[row] == NONE:
            code = slots[slot]
            if code == NONE:
                slots[slot], firsts[known], codes[row] = known, row, known
                known += 1
            else:
                other = firsts[code]
                length = stops[other] - starts[other]
                k = 0
                if length == stop - start:
                    while k < length and buffer[starts[other] + k] == buffer[start + k]:
                        k += 1
                if length == stop - start and k == length:
                    codes[row] = code
                slot = (slot + 1) & (size - 1)
    if known < len(firsts):
        firsts[known] = NONE


def words_of(buffer: Array, starts: Array, stops: Array, made: Callable[[bytes], str | None], key: int) -> Text:
    """Give spans as a column of text; `made` makes a word of octets, or None for unknown."""
    codes, firsts = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    slots = np.full(1 << max(2 * len(starts), 1).bit_length(), NONE, np.int64)
    starts, stops = np.ascontiguousarray(starts), np.ascontiguousarray(stops)
    number_words(buffer, starts, stops, codes, firsts, slots, key)
    known = np.flatnonzero(firsts == NONE)
    firsts = firsts[: known[0]] if len(known) else firsts
    spans = zip(starts[firsts].tolist(), stops[firsts].tolist(), strict=True)
    whole = memoryview(buffer)
    words = Text.of([made(bytes(whole[start:stop])) for start, stop in spans])
    return Text(np.where(codes == NONE, NONE, np.append(words.codes, NONE)[codes]).astype(np.int32), words.words)
