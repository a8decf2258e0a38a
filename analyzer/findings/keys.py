"""Groups of rows by key, and windows over time: arithmetic on columns, no loop over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.tables import ROOM, begins_run, in_order, packed, span

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Times are counted in hundredths of a second, so that a key and a time fit into one integer: the range of nanoseconds
#: in int64, 585 years, is 2 ** 41 of them, which leaves 2 ** 22 keys.
_UNIT_NS: Final = 10**7


def uniques(column: Array) -> Array:
    """Give the distinct values, in order; `numpy.unique` without counts hashes, which takes fifty times as long."""
    ordered = np.sort(column)
    different: Array = ordered[begins_run(ordered)]
    return different


def numbered(key: Array) -> Array:
    """Number the keys in their order, from 0 on: what is known of a small number can be looked up in a table."""
    order = in_order(key)
    ordered = key.take(order)
    number = np.empty(len(key), np.int64)
    number[order] = np.cumsum(begins_run(ordered)) - 1
    return number


def firsts(key: Array) -> Array:
    """Say which rows are the first with their key."""
    order = in_order(key)
    first = np.empty(len(key), bool)
    first[order] = begins_run(key.take(order))
    return first


def distinct(key: Array, *columns: Array) -> tuple[Array, Array]:
    """Give the distinct keys, in order, and how many different rows of the columns each has."""
    if not len(key):
        return key.astype(np.int64), np.zeros(0, np.int64)
    other = packed(*columns)
    if span(key) * span(other) > ROOM:
        other = np.unique(other, return_inverse=True)[1].astype(np.int64)
    width = span(other)
    both = np.sort((key - key.min()).astype(np.int64) * width + (other - other.min()))
    owner = both[begins_run(both)] // width
    starts = np.flatnonzero(begins_run(owner))
    return owner[starts] + key.min(), np.diff(np.append(starts, len(owner)))


def count_of(key: Array, keys: Array, counts: Array) -> Array:
    """Give for each row the count that is known of its key, of keys in order; 0 where none is."""
    return looked_up(key, keys, counts, 0)


def looked_up(key: Array, keys: Array, values: Array, unknown: int) -> Array:
    """Give for each row the value of its key, of keys in order; by a table of all keys, if they are not far apart."""
    if not len(keys):
        return np.full(len(key), unknown, np.int64)
    low, high = int(keys[0]), int(keys[-1])
    if high - low > 4 * (len(key) + len(keys)):
        at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        return np.where(keys.take(at) == key, values.take(at), unknown)
    table = np.full(high - low + 2, unknown, values.dtype)  # the last one is of all that is not known
    table[keys - low] = values
    return table.take(np.where((key < low) | (key > high), high - low + 1, key - low))


def busiest(key: Array, time: Array, window_ns: float) -> tuple[Array, Array]:
    """Give the distinct keys, in order, and the largest number of rows that each has in any window of that length."""
    if not len(key):
        return key, np.zeros(0, np.int64)
    keys, which = uniques(key), numbered(key)
    units = (time - time.min()) // _UNIT_NS
    window = int(window_ns // _UNIT_NS)
    width = int(units.max()) + window + 1
    line = np.sort(which * width + units)
    count = np.arange(1, len(line) + 1) - np.searchsorted(line, line - window)
    starts = np.append(0, np.cumsum(np.bincount(which))[:-1])
    return keys, np.maximum.reduceat(count, starts)


def parts(key: Array, most: int) -> tuple[list[Array], Array, int]:
    """Give the rows of the keys with the most rows, the rows of all other keys, and how many other keys there are."""
    order = in_order(key)
    starts = np.flatnonzero(np.append(True, np.diff(key[order]) != 0)) if len(key) else np.zeros(0, np.int64)
    stops = np.append(starts[1:], len(key))
    places = np.lexsort((order[starts], starts - stops))  # of equally large ones, the one that began first
    large = [order[starts[place] : stops[place]] for place in places[:most].tolist()]
    small = np.ones(len(key), bool)
    for rows in large:
        small[rows] = False
    return large, np.flatnonzero(small), max(len(places) - most, 0)
