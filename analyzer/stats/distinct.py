"""Distinct rows of columns, numbered: what every count is made of.

A million rows are numbered without sorting them where the columns have few values: codes become one number, and a table
of all such numbers says which occur. Only where that table would be large are the numbers sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.tables import Text, begins_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]
    Column = Array | Text

#: A table of all numbers that may occur has at most so many places, or so many for each row.
_PLACES: Final = 1 << 20
_PLACES_PER_ROW: Final = 4


class Coded(NamedTuple):
    """A column as small numbers: 0 for unknown, and `values`, of which the number n has the one at n - 1."""

    codes: Array
    values: Column

    @property
    def size(self) -> int:
        """How many numbers there are at most."""
        return (len(self.values.words) if isinstance(self.values, Text) else len(self.values)) + 1


def coded(column: Column) -> Coded:
    """Give a number for each row of a column of text or of integers."""
    if isinstance(column, Text):
        return Coded(column.codes.astype(np.int64) + 1, column)
    known = column != NULL
    least, most = (int(column.min(where=known, initial=-NULL - 1)), int(column.max(where=known, initial=NULL)))
    if most - least < max(_PLACES, _PLACES_PER_ROW * len(column)):
        values = np.arange(least, most + 1) if most >= least else np.zeros(0, np.int64)
        return Coded(np.where(known, column - least + 1, 0), values)
    # Numbers from anywhere are ids, and rows with one id stand together: each run of them is looked up once.
    begins = begins_run(column)
    values, codes = np.unique(column[begins], return_inverse=True)
    unknown = int(not known.all())  # NULL is the least of all
    return Coded(codes[np.cumsum(begins) - 1] + 1 - unknown, values[unknown:])


def numbered(columns: Sequence[Column], rows: int) -> tuple[Array, Array]:
    """Number the distinct rows of columns; gives the number of each row, and for each number a row that has it.

    Numbers follow the order of the values, column by column: that of integers, and that of the words of a text; unknown
    comes first. Without columns all rows are alike.
    """
    numbers, size = np.zeros(rows, np.int64), min(rows, 1)
    for column in columns:
        codes = coded(column)
        numbers, size = _renumbered(numbers * codes.size + codes.codes, size * codes.size)
    first = np.zeros(size, np.int64)
    first[numbers[::-1]] = np.arange(rows - 1, -1, -1)
    return numbers, first


def _renumbered(numbers: Array, size: int) -> tuple[Array, int]:
    """Number those that occur among numbers below `size`, in their order."""
    if size > max(_PLACES, _PLACES_PER_ROW * len(numbers)):
        distinct, places = np.unique(numbers, return_inverse=True)
        return places, len(distinct)
    occurs = np.zeros(size, bool)
    occurs[numbers] = True
    ranks = np.cumsum(occurs) - 1
    return ranks[numbers], int(ranks[-1]) + 1 if size else 0


def pairs(places: Array, column: Column) -> tuple[Array, Column]:
    """Give the distinct pairs of a place and a known value, in order, as two columns."""
    codes = coded(column)
    known = codes.codes > 0
    keys = places[known] * codes.size + codes.codes[known]
    keys.sort()
    keys = keys[np.append(keys[:1] >= 0, keys[1:] != keys[:-1])]
    found, members = np.divmod(keys, codes.size)
    if isinstance(codes.values, Text):
        return found, Text((members - 1).astype(np.int32), codes.values.words)
    return found, codes.values[members - 1]


def chained(parts: Sequence[Column]) -> Column:
    """Put columns one behind the other."""
    texts = [part for part in parts if isinstance(part, Text)]
    return Text.joined(texts) if texts else np.concatenate([part for part in parts if not isinstance(part, Text)])


def renamed(column: Text, name: Callable[[str], str | None]) -> Text:
    """Give another word for each word of a column; None: unknown."""
    words = Text.of(name(word) for word in column.words)
    return Text(np.append(words.codes, np.int32(-1))[column.codes], words.words)


def ordered(column: Column) -> Array:
    """Give a number for each row that sorts as its value does: text by the alphabet, unknown first."""
    if not isinstance(column, Text):
        return column
    ranks = np.zeros(len(column.words) + 1, np.int64)
    ranks[sorted(range(len(column.words)), key=column.words.__getitem__)] = np.arange(1, len(column.words) + 1)
    return ranks[column.codes]
