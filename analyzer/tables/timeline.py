"""The rows of a long table by a column of times, where that column does not fit into memory."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.tables.table import Table

    Array = np.ndarray[Any, Any]

#: Of a stretch of time, so many rows are looked at to find where it ends.
_SAMPLES = 1024


class Timeline:
    """Finds the rows of a stretch of time. Rows are about in the order of time, so few parts of the table are read."""

    def __init__(self, table: Table, name: str) -> None:
        self.table, self.name = table, name
        step = -(-limits.TABLE_ROWS // _SAMPLES)
        self._starts, self._ends, samples = [], [], [np.zeros(0, np.int64)]
        for rows in self._slices():
            times = self._times(rows)
            self._starts.append(int(times.min()))
            self._ends.append(int(times.max()) + 1)
            samples.append(times[::step])
        self._samples = np.sort(np.concatenate(samples))[:: limits.TABLE_ROWS // step]

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Give stretches of about `TABLE_ROWS` rows: the first time, and that behind the last one."""
        if self._starts:
            first, last = min(self._starts), max(self._ends)
            inner = self._samples[(self._samples > first) & (self._samples < last)]
            yield from pairwise(dict.fromkeys([first, *inner.tolist(), last]))

    def rows(self, start: int, end: int) -> Array:
        """Give the rows (int64) whose time is from `start` on and before `end`, in the order of the table."""
        found = [np.zeros(0, np.int64)]
        for rows, first, last in zip(self._slices(), self._starts, self._ends, strict=True):
            if first < end and last > start:
                times = self._times(rows)
                found.append(np.flatnonzero((times >= start) & (times < end)) + rows.start)
        return np.concatenate(found)

    def _slices(self) -> Iterator[slice]:
        size = len(self.table)
        return (slice(at, min(at + limits.TABLE_ROWS, size)) for at in range(0, size, limits.TABLE_ROWS))

    def _times(self, rows: slice) -> Array:
        return self.table.read(rows, (self.name,)).array(self.name)
