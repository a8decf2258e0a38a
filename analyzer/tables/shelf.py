"""Arrays on disk: what a table cannot keep in memory."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.tables.arrays import is_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    Array = np.ndarray[Any, Any]

NOWHERE: Final = -1

#: Values that are compared before all are.
_SAMPLES: Final = 64


class Place(NamedTuple):
    """Where an array is in the file (NOWHERE: all of it is its first value), and its first value, as an array."""

    at: int
    first: Array


class Shelf:
    """A file without a name, which is gone when nobody needs it any more (folder: `TMPDIR`)."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(prefix="smtp-analyzer-")  # noqa: SIM115
        self.size = 0

    def __del__(self) -> None:
        self.file.close()

    def put(self, parts: Sequence[Array]) -> Place:
        """Write an array, of which there are parts; what is one value all along is only noted.

        Raises OSError where there is no room.
        """
        first, at = parts[0][:1].copy(), self.size
        if all(_holds_only(first, part) for part in parts):
            return Place(NOWHERE, first)
        for part in parts:
            data = memoryview(np.ascontiguousarray(part)).cast("B")
            done = 0
            while done < len(data):
                done += os.pwrite(self.file.fileno(), data[done:], self.size + done)
            self.size += len(data)
        return Place(at, first)

    def get(self, place: Place, start: int, array: Array) -> None:
        """Read a part of an array, as much as there is room for."""
        if place.at == NOWHERE:
            array[:] = place.first
            return
        data = memoryview(array).cast("B")
        at, done = place.at + start * array.itemsize, 0
        while done < len(data):
            done += os.preadv(self.file.fileno(), [data[done:]], at + done)


def _holds_only(value: Array, array: Array) -> bool:
    """Say whether an array holds one value all along; nearly always a few places tell already that it does not."""
    octets = f"i{array.itemsize}"
    if is_one(array):
        array = array[:1]
    some = slice(None, None, 1 + len(array) // _SAMPLES)
    return all((each.view(octets) == value.view(octets)).all() for each in (array[some], array))
