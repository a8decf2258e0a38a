"""Groups of rows by key, and windows over time: arithmetic on columns, no loop over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Times are counted in hundredths of a second, so that a key and a time fit into one integer: 292 years, the range of
#: nanoseconds in int64, are 2 ** 40 of them, which leaves 2 ** 22 keys.
_UNIT_NS = 10**7


def packed(*columns: Array) -> Array:
    """Put columns of integers into one: equal rows, and only those, are equal. Order is that of the columns."""
    key = np.zeros(len(columns[0]), np.int64)
    size = 1
    for column in columns:
        if not len(column):
            return key
        low = int(column.min())
        span = int(column.max()) - low + 1
        if span > 1 << 62 or span * size > 1 << 62:  # an unknown secret is far from all others
            column = np.unique(column, return_inverse=True)[1].astype(np.int64)  # noqa: PLW2901
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            low, span, size = 0, int(column.max()) + 1, int(key.max()) + 1
        key = key * span + (column - low)
        size *= span
    return key


def firsts(key: Array) -> Array:
    """Say which rows are the first with their key."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.ones(len(key), bool)
    first[order[1:]] = ordered[1:] != ordered[:-1]
    return first


def distinct(key: Array, *columns: Array) -> tuple[Array, Array]:
    """Give the distinct keys, in order, and how many different rows of the columns each has."""
    once = firsts(packed(key, *columns))
    keys, counts = np.unique(key[once], return_counts=True)
    return keys, counts


def count_of(key: Array, keys: Array, counts: Array) -> Array:
    """Give for each row the count that is known of its key; 0 where none is."""
    if not len(keys):
        return np.zeros(len(key), np.int64)
    at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    counted: Array = np.where(keys[at] == key, counts[at], 0)
    return counted


def busiest(key: Array, time: Array, window_ns: float) -> tuple[Array, Array]:
    """Give the distinct keys, in order, and the largest number of rows that each has in any window of that length."""
    if not len(key):
        return key, np.zeros(0, np.int64)
    keys, which = np.unique(key, return_inverse=True)
    units = (time - time.min()) // _UNIT_NS
    window = int(window_ns // _UNIT_NS)
    span = int(units.max()) + window + 2
    line = np.sort(which * span + units)
    count = np.arange(1, len(line) + 1) - np.searchsorted(line, line - window)
    most = np.zeros(len(keys), np.int64)
    np.maximum.at(most, line // span, count)
    return keys, most


def parts(key: Array, most: int) -> tuple[list[Array], Array, int]:
    """Give the rows of the keys with the most rows, the rows of all other keys, and how many other keys there are."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(key[order]) != 0)) if len(key) else np.zeros(0, np.int64)
    stops = np.append(starts[1:], len(key))
    places = np.lexsort((order[starts], starts - stops))  # of equally large ones, the one that began first
    large = [order[starts[place] : stops[place]] for place in places[:most].tolist()]
    small = np.ones(len(key), bool)
    for rows in large:
        small[rows] = False
    return large, np.flatnonzero(small), max(len(places) - most, 0)
