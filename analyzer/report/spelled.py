"""Numbers, times and durations as bytes: a column at a time, digits by arithmetic on whole columns.

All functions give one piece a row (``S`` arrays, NUL behind what is shorter than the longest): text that is written
never holds NUL, and NumPy takes it off again. Writing number by number in Python was half of the cost of a row.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

#: Numbers below this are written by arithmetic: three digits more fit into 64 bits.
_LARGE: Final = 10**15
_POWERS: Final = 10 ** np.arange(16)


def side_by_side(pieces: Sequence[Array]) -> Array:
    """Put pieces of each row behind each other; all but the last fill their width. One value stands for all rows."""
    rows, width = max(map(len, pieces)), sum(piece.dtype.itemsize for piece in pieces)
    whole, at = np.empty(rows, f"S{width}"), 0
    for piece in pieces:
        field(whole, at, piece.dtype.itemsize)[:] = piece
        at += piece.dtype.itemsize
    return whole


def field(whole: Array, at: int, width: int) -> Array:
    """Give so many bytes of every row."""
    return whole.view(_part(at, f"S{width}", whole.dtype.itemsize))["part"]


@functools.cache
def _part(at: int, kind: str, width: int) -> np.dtype[Any]:
    return np.dtype({"names": ["part"], "formats": [kind], "offsets": [at], "itemsize": width})


def matrix(pieces: Array) -> Array:
    """Give the bytes of pieces: uint8[rows, width]."""
    return np.ascontiguousarray(pieces).view(np.uint8).reshape(len(pieces), -1)


def even(pieces: Array) -> bool:
    """Say whether all pieces are as long as the longest."""
    width = pieces.dtype.itemsize
    return bool(pieces.view(_part(width - 1, "u1", width))["part"].all())


def integers(values: Array, unknown: bytes) -> Array:
    """Write int64 numbers."""
    missing = values == NULL if values.min() == NULL else None
    some = values if missing is None else np.where(missing, 0, values)
    low, high = int(some.min()), int(some.max())
    if low < 0 or high >= _LARGE:
        return np.array([unknown if value == NULL else b"%d" % value for value in values.tolist()])
    fewest, most = len(str(low)), len(str(high))
    longer = [some >= _POWERS[digits] for digits in range(fewest, most)]  # than so many digits
    groups = -(-most // 3)
    rest = some * (_POWERS.take(3 * groups - fewest - sum(longer)) if longer else _POWERS[3 * groups - fewest])
    written = np.empty(len(some), f"S{3 * groups}")
    for group in reversed(range(groups)):
        rest, lower = split(rest, 1000)
        field(written, 3 * group, 3)[:] = _thousand().take(lower)
    for digits, has in enumerate(longer, fewest):
        written.view(np.uint8).reshape(len(some), -1)[:, digits] *= has
    written = written.astype(f"S{most if missing is None else max(most, len(unknown))}")
    if missing is not None:
        written[missing] = unknown
    return written


def times(values: Array, quote: bytes, unknown: bytes) -> Array:
    """Write nanoseconds since 1970 as UTC, with six digits behind the point, or nine where they say more."""
    missing = values == NULL if values.min() == NULL else None
    some = values if missing is None else np.where(missing, 0, values)
    seconds, digits = split(some, 10**9)
    first, last = int(seconds.min()) // 86400, int(seconds.max()) // 86400
    if first == last:
        dates, second = np.array([_date(first)]), seconds - first * 86400
    else:
        days, second = split(seconds, 86400)
        distinct, which = np.unique(days, return_inverse=True)
        dates = np.array([*map(_date, distinct.tolist())]).take(which)
    front = (np.array([quote]), dates, _times_of_day().take(second))
    written = _with_digits(front if quote else front[1:], digits, b"Z" + quote)
    if missing is not None:
        written[missing] = unknown
    return written


def durations(values: Array, unknown: bytes) -> Array:
    """Write float64 seconds: like times where that is exact, else with all the digits that they have."""
    short = values
    if not (values.min() >= 0 and values.max() < 9):  # one digit before the point; NaN is not that, either
        short = np.where((values >= 0) & (values < 9), values, 0)
    nanoseconds = np.rint(short * 1e9).astype(np.int64)
    whole, digits = split(nanoseconds, 10**9)
    written = _with_digits((_ones().take(whole),), digits, b"")
    odd = np.flatnonzero(nanoseconds / 1e9 != values)
    if len(odd):
        others = [unknown if value != value else repr(value).encode("ascii") for value in values[odd].tolist()]  # noqa: PLR0124 (NaN is unequal to itself)
        written = written.astype(f"S{max(written.dtype.itemsize, *map(len, others))}")
        written[odd] = others
    return written


def split(values: Array, unit: int) -> tuple[Array, Array]:
    """Give how many whole units there are, and what is left; several times faster than `numpy.divmod`."""
    whole: Array = values // unit
    return whole, values - whole * unit


def _with_digits(front: Sequence[Array], digits: Array, end: bytes) -> Array:
    """Write nanoseconds behind what stands in front of them, and the end behind them."""
    micro, nano = split(digits, 1000)
    milli, micro = split(micro, 1000)
    tail = [np.array([end])] if end else []
    six = [*front, _thousand().take(milli), _thousand().take(micro)]
    if not nano.any():
        return side_by_side([*six, *tail])
    written = side_by_side([*six, _thousand().take(nano), *tail])
    short = nano == 0
    width = 3 + len(end)
    field(written, written.dtype.itemsize - width, width)[short] = end
    return written


def _date(days: int) -> bytes:
    """Write a day since 1970, and a T."""
    return f"{np.datetime64(days, 'D')}T".encode("ascii")


@functools.cache
def _thousand() -> Array:
    return np.array([b"%03d" % number for number in range(1000)])


@functools.cache
def _times_of_day() -> Array:
    hours = np.array([b"%02d:" % hour for hour in range(24)])
    minutes = np.array([b"%02d:%02d." % divmod(second, 60) for second in range(3600)])
    return side_by_side([hours.repeat(3600), np.tile(minutes, 24)])


@functools.cache
def _ones() -> Array:
    return np.array([b"%d." % number for number in range(10)])
