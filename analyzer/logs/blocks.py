"""A text source as blocks of whole lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.kernel import kernel
from analyzer.wire.octets import find_octet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.logs.unwrap import Unwrap
    from analyzer.wire.octets import Cells, Octets
    from analyzer.wire.sources import Source

    Array = np.ndarray[Any, Any]

LF = 10

#: Octets of a line, about: there is room for so many lines, and for more where these are shorter.
LINE_OCTETS = 64


class Raw(NamedTuple):
    """Whole lines, not looked at yet."""

    data: bytearray
    file: str
    number: int  # of the first line, from 1
    stops: Array  # int64: where the lines end


def blocks(source: Source, unwrap: Unwrap | None = None, size: int = limits.LOG_BLOCK_BYTES) -> Iterator[Raw]:
    """Read a source as blocks of whole lines of about `size` bytes; a line longer than that is cut.

    The last line of a block is kept for the next one: what follows may say that it was written again.
    `unwrap` takes lines out of their envelopes: as many come out as go in.
    """
    rest, number = bytearray(), 1
    while True:
        data = bytearray(len(rest) + size)
        data[: len(rest)] = rest
        count = len(rest) + source.stream.fill(memoryview(data)[len(rest) :])
        last = source.stream.ended
        whole = data.rfind(b"\n", 0, count)
        end = count if last else data.rfind(b"\n", 0, max(whole, 0)) + 1 or whole + 1 or count
        rest = data[end:count]
        del data[end:]
        if data:
            data = bytearray(unwrap(bytes(data))) if unwrap else data
            stops = _stops(np.frombuffer(data, np.uint8))
            yield Raw(data, source.name, number, stops)
            number += len(stops)
        if last:
            return


def _stops(data: Array) -> Array:
    """Give where lines end (int64); the last one may have no end of its own."""
    stops, count = np.empty(len(data) // LINE_OCTETS + 2, np.int64), 0
    while True:
        at = int(stops[count - 1]) + 1 if count else 0
        count = line_ends(data, at, stops, count)
        if count < len(stops):
            break
        stops = np.append(stops, np.empty_like(stops))
    if not len(data) or data[-1] != LF:
        stops[count] = len(data)
        count += 1
    return stops[:count]


@kernel("int64(uint8[::1], int64, int64[::1], int64)")
def line_ends(data: Octets, at: int, stops: Cells, count: int) -> int:
    """Write where lines end behind those that are known; gives how many there are. Stops where there is no room."""
    while count < len(stops):
        at = find_octet(data, LF, at, len(data))
        if at < 0:
            break
        stops[count] = at
        count += 1
        at += 1
    return count
