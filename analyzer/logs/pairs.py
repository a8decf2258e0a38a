"""Rows of two tables that tell of one thing: of equal keys, near in time, the first that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.tables import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.tables import Column

    Array = np.ndarray[Any, Any]
    Fits = Callable[[int, int], bool]

#: Partners that are looked at for one row, where none fits: a flood must not make the time quadratic.
TRIED: Final = 256

#: A line may be so much later than what it tells of: clocks that show whole seconds (RFC 3164), and servers that hold
#: back their answer to a failure (Dovecot, auth_failure_delay: two seconds).
LATE_NS: Final = 4 * 10**9

#: Longer than any session.
EVER: Final = 2**61


class Side(NamedTuple):
    """One of two sets of rows: what has to be equal (int64, -1: never), and when (int64)."""

    key: Array
    time: Array

    def only(self, rows: Array) -> Side:
        """Leave out rows, and those without a time."""
        return Side(np.where(rows & (self.time != NULL), self.key, -1), self.time)

    def take(self, rows: Array) -> Side:
        """Give some of the rows."""
        return Side(self.key[rows], self.time[rows])


def pairs(
    left: Side, right: Side, apart: tuple[int, int], fits: Fits | None = None, *, shared: bool = False
) -> tuple[Array, Array, Array]:
    """Pair rows of equal keys, each left one in order of time with the first right one that fits.

    The right one's time is not more than `apart` before and behind it. Gives the rows of both sides, and whether
    another right one fitted as well. `shared`: a right row can have many, and the last that fits is taken.
    """
    common = np.intersect1d(left.key[left.key >= 0], right.key[right.key >= 0])
    lefts, rights = _sorted(left, common), _sorted(right, common)
    lefts = lefts[_near(left.take(lefts), right.take(rights), apart)]
    rights = rights[_near(right.take(rights), left.take(lefts), apart[::-1])] if len(lefts) else rights[:0]
    keys, times = right.key[rights].tolist(), right.time[rights].tolist()
    names, size, start = rights.tolist(), len(rights), 0
    taken = bytearray(size)
    found: list[tuple[int, int, bool]] = []
    for name, key, time in zip(lefts.tolist(), left.key[lefts].tolist(), left.time[lefts].tolist(), strict=True):
        while start < size and (
            keys[start] < key or (keys[start] == key and (times[start] < time - apart[0] or taken[start]))
        ):
            start += 1
        mine, rivals = -1, False
        for place in range(start, min(size, start + TRIED)):
            if keys[place] != key or times[place] > time + apart[1]:
                break
            if taken[place] or not (fits is None or fits(name, names[place])):
                continue
            rivals = mine >= 0
            if shared or not rivals:
                mine = place
            if rivals and not shared:
                break
        if mine >= 0:
            taken[mine] = not shared
            found.append((name, names[mine], rivals))
    made = np.array(found, np.int64).reshape(-1, 3)
    return made[:, 0], made[:, 1], made[:, 2].astype(bool)


def about(lefts: Array, rights: Array, apart: tuple[int, int]) -> Array:
    """Say which right times are not more than `apart` before and behind some left one; NULL never is."""
    marks = np.sort(lefts[lefts != NULL])
    known = np.where(rights == NULL, -EVER, rights)
    about: Array = np.searchsorted(marks, known - apart[1]) < np.searchsorted(marks, known + apart[0], "right")
    about &= rights != NULL
    return about


def _sorted(side: Side, common: Array) -> Array:
    """Give the rows whose key is one of those that both sides have, by key and time."""
    rows = np.flatnonzero((side.key >= 0) & np.isin(side.key, common))
    order: Array = rows[np.lexsort((rows, side.time[rows], side.key[rows]))]
    return order


def _near(left: Side, right: Side, apart: tuple[int, int]) -> Array:
    """Say which left rows have a right one of their key near in time; both have only keys of the other, in order."""
    keys, marks = np.unique(right.key), np.unique(right.time)
    width = len(marks) + 1
    places = np.searchsorted(keys, right.key) * width + np.searchsorted(marks, right.time)
    base = np.searchsorted(keys, left.key) * width
    low = np.searchsorted(places, base + np.searchsorted(marks, left.time - apart[0]))
    high = np.searchsorted(places, base + np.searchsorted(marks, left.time + apart[1], "right"))
    near: Array = high > low
    return near


def agree(codes: Array, left: int, right: int) -> bool:
    """Whether two values are equal as far as both are known."""
    return bool(codes[left] < 0 or codes[right] < 0 or codes[left] == codes[right])


def codes_of(column: Column) -> Array:
    """Give a column as numbers from 0 on; -1 for unknown."""
    if isinstance(column, Text):
        return column.codes
    assert isinstance(column, np.ndarray)
    codes: Array = np.where(column == NULL, -1, column)
    return codes


def local_part(user: str) -> str:
    """Give a user name without its domain."""
    return user.casefold().partition("@")[0]


def numbered(text: Text, fold: Callable[[str], str]) -> Array:
    """Number the values of a column; equal are those that `fold` makes equal."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(fold(word), len(numbers)) for word in text.words]
    folded: Array = np.array([*codes, -1], np.int64)[text.codes]
    return folded


def numbered_alike(first: Text, second: Text, fold: Callable[[str], str]) -> tuple[Array, Array]:
    """Number the values of two columns alike."""
    if fold is str and first.words is second.words:
        return first.codes.astype(np.int64), second.codes.astype(np.int64)
    both = Text(
        np.concatenate((first.codes, np.where(second.codes < 0, -1, second.codes + len(first.words)))),
        [*first.words, *second.words],
    )
    codes = numbered(both, fold)
    return codes[: len(first)], codes[len(first) :]
