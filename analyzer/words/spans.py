"""Spans of a buffer as numbers, without a word made of any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.schema import NULL
from analyzer.wire.octets import le32

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Octets

    Array = np.ndarray[Any, Any]

#: A number has no more digits than this.
MOST_DIGITS: Final = 17

#: A hash has so many bits: what is computed of it stays within 63, compiled and interpreted.
_BITS_40: Final = (1 << 40) - 1


@helper
def hash_of(word: Octets, seed: int, factor: int) -> int:
    """Give a hash of 40 bits; `factor` has 22 at most."""
    value, place, octets = seed, 0, len(word)
    while place + 4 <= octets:  # four octets at a time: each step waits for the one before
        value = ((value ^ le32(word, place)) * factor + value // 16777216) & _BITS_40
        place += 4
    while place < octets:
        value = (value * factor + word[place]) & _BITS_40
        place += 1
    return value


@kernel("void(uint8[::1], int32[::1], int32[::1], int64[::1])")
def hash_spans(buffer: Octets, starts: Cells, stops: Cells, hashes: Cells) -> None:
    """Give a hash of 63 bits of each span, the same in every run; 0 for an empty one."""
    for row in range(len(starts)):
        word = buffer[starts[row] : stops[row]]
        hashes[row] = (hash_of(word, len(word), 1000003) << 23) ^ hash_of(word, len(word), 1299709)


@kernel("void(uint8[::1], int32[::1], int32[::1], int64[::1])")
def read_numbers(buffer: Octets, starts: Cells, stops: Cells, numbers: Cells) -> None:
    """Read the digits of each span; NULL where there are none, too many, or anything else."""
    for row in range(len(starts)):
        start, stop = starts[row] * 1, stops[row] * 1
        number = 0 if 0 < stop - start <= MOST_DIGITS else NULL
        for at in range(start, stop if number == 0 else start):
            octet = buffer[at] * 1
            if octet < 48 or octet > 57:
                number = NULL
                break
            number = number * 10 + octet - 48
        numbers[row] = number


def hashes_of(buffer: Array, starts: Array, stops: Array) -> Array:
    """Give a hash of each span (int64), the same in every run; 0 for an empty one.

    It tells apart what no one has made to be mistaken for each other: never use it for secrets.
    """
    hashes = np.empty(len(starts), np.int64)
    hash_spans(buffer, _narrow(starts), _narrow(stops), hashes)
    return hashes


def numbers_of(buffer: Array, starts: Array, stops: Array) -> Array:
    """Read the digits of each span (int64); NULL where there are none, too many, or anything else."""
    numbers = np.empty(len(starts), np.int64)
    read_numbers(buffer, _narrow(starts), _narrow(stops), numbers)
    return numbers


def _narrow(places: Array) -> Array:
    return np.ascontiguousarray(places, np.int32)
