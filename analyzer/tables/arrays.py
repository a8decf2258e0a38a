"""Arithmetic on arrays that tables, and those who look at them, have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Array = np.ndarray[Any, Any]

#: A table of numbers takes less time than sorting them where it is so many times as long as they are.
_NEAR: Final = 32

#: Rows of a few hundred octets that stay in a cache.
_CACHED: Final = 512

#: Two columns are one integer below this.
ROOM: Final = 1 << 62


def is_one(array: Array) -> bool:
    """Say whether all rows of an array are one value that is there once (`numpy.broadcast_to`)."""
    return not any(array.strides)


def picked(array: Array, rows: Array | slice) -> Array:
    """Give the rows of an array that an index or a mask names; several times faster than indexing with arrays."""
    if isinstance(rows, slice):
        return array[rows]
    rows = np.asarray(rows)
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    if len(rows) and (is_one(array) or is_one(rows)):
        return np.broadcast_to(array[rows[0]], len(rows))
    return array.take(rows)


def columns_of(rows: Array) -> Array:
    """Give the columns of a two-dimensional array, each in one piece, and with a zero behind its last row.

    What stands in one piece is read several times faster; so many rows at a time stay in the processor's cache.
    """
    made: Array = np.empty((rows.shape[1], len(rows) + 1), rows.dtype)
    made[:, -1] = 0
    for start in range(0, len(rows), _CACHED):
        some = rows[start : start + _CACHED]
        made[:, start : start + len(some)] = some.T
    return made


def selected(array: Array, rows: Array) -> Array:
    """Give some rows of an array in their order; it is not copied where that is all of them."""
    return array if len(rows) == len(array) else array.take(rows, axis=0)


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
    """Give the first row of each distinct combination of integers, in any order, and which of these each row is."""
    key = packed(*columns)
    places = int(key.max(initial=-1)) + 1
    if places > _NEAR * (len(key) + _NEAR):
        return np.unique(key, return_index=True, return_inverse=True)[1:]
    rows: Array = np.arange(len(key), dtype=np.int32)
    table: Array = np.empty(places, np.int32)
    table[key[::-1]] = rows[::-1]  # of several rows, the first one stays
    first = table.take(key)
    begins = first == rows
    return np.flatnonzero(begins), (np.cumsum(begins) - 1).take(first)


def begins_run(column: Array) -> Array:
    """Say which rows have another value than the row before; the first one has."""
    return np.append(True, column[1:] != column[:-1])[: len(column)]


def nth(*columns: Array) -> Array:
    """Count, for each row, the rows before it that are equal to it."""
    order = np.lexsort(columns)
    begins: Array = np.any([begins_run(column.take(order)) for column in columns], axis=0)
    place = np.arange(len(order))
    made = np.empty_like(place)
    made[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return made


def bounds(owners: Array, count: int) -> tuple[Array, Array]:
    """Give where the rows of each of so many owners begin, and where they end; rows stand in the order of owners."""
    sizes = np.bincount(owners, minlength=count)
    stops: Array = np.cumsum(sizes)
    return stops - sizes, stops


def span(column: Array) -> int:
    """Give how many numbers lie between the smallest and the largest, both counted."""
    return int(column.max()) - int(column.min()) + 1


def packed(*columns: Array) -> Array:
    """Put columns of integers into one, from 0 on: only equal rows are equal, in the order of the columns."""
    key, room = np.zeros(len(columns[0]), np.int64), 1
    if not len(key):
        return key
    for column in columns:
        part = column.astype(np.int64, copy=False)
        width = span(part)
        if room * width > ROOM and span(key) * width > ROOM:  # an unknown secret is far from all others
            key, part = _narrowed(key), _narrowed(part)
            room, width = span(key), span(part)
        part = part - part.min()
        key = part if room == 1 else key * width + part
        room *= width
    return key


def _narrowed(column: Array) -> Array:
    """Give numbers in the same order that lie nearer to each other: times of whole seconds, or else their ranks."""
    above = column.view(np.uint64) - column.min().view(np.uint64)
    step = int(np.gcd.reduce(above))
    if int(above.max()) < (step or 1) << 31:
        near: Array = (above // np.uint64(step or 1)).astype(np.int64)
        return near
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def in_order(key: Array) -> Array:
    """Give the order of a key, rows with equal keys as they are.

    Sorting numbers that hold the key and the row is a fifth of the work of a stable `argsort`. Where a key has no room
    in them, its rank has: that is half of the work.
    """
    count = len(key)
    if not count:
        return np.zeros(0, np.int64)
    row: Array = np.arange(count)
    bits = count.bit_length()
    if span(key) << bits > ROOM:
        row = np.argsort(key)
        ordered = key.take(row)
        key = np.cumsum(begins_run(ordered))
    order: Array = np.sort((key.astype(np.int64) - key.min() << bits) + row)
    return order & (1 << bits) - 1


def among(key: Array, keys: Array | Sequence[int]) -> Array:
    """Say which rows have one of some keys, distinct or not; `numpy.isin` takes ten times as long for large keys."""
    keys = np.asarray(keys)
    if not len(keys):
        return np.zeros(len(key), bool)
    low, high = int(keys.min()), int(keys.max())
    if high - low <= 4 * (len(key) + len(keys)):
        table = np.zeros(high - low + 2, bool)
        table[keys - low] = True
        return table.take(np.where((key < low) | (key > high), high - low + 1, key - low))
    known = np.sort(keys)
    hit: Array = known.take(np.searchsorted(known, key), mode="clip") == key
    return hit
