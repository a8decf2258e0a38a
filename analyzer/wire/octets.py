"""Integers in a buffer, for kernels.

Multiplication widens where a shift would not: a compiled `uint8 << 8` is still unsigned, `uint8 * 256` is int64, and
both are Python integers when interpreted.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Protocol

from analyzer.kernel import helper

#: What kernels get, as they see it: a buffer, a row of cells, a table.
Octets = Sequence[int]
Cells = MutableSequence[int]


class Grid(Protocol):
    """A two-dimensional array of int64."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, place: tuple[int, int], /) -> int:
        """Give a cell."""

    def __setitem__(self, place: tuple[int, int], value: int, /) -> None:
        """Set a cell."""


@helper
def be16(buffer: Octets, at: int) -> int:
    """Two octets, most significant first."""
    return buffer[at] * 256 + buffer[at + 1]


@helper
def be32(buffer: Octets, at: int) -> int:
    """Four octets, most significant first."""
    return ((buffer[at] * 256 + buffer[at + 1]) * 256 + buffer[at + 2]) * 256 + buffer[at + 3]


@helper
def le32(buffer: Octets, at: int) -> int:
    """Four octets, least significant first."""
    return ((buffer[at + 3] * 256 + buffer[at + 2]) * 256 + buffer[at + 1]) * 256 + buffer[at]


@helper
def u16(buffer: Octets, at: int, big: int) -> int:
    """Two octets in the order that `big` tells."""
    if big:
        return buffer[at] * 256 + buffer[at + 1]
    return buffer[at + 1] * 256 + buffer[at]


@helper
def u32(buffer: Octets, at: int, big: int) -> int:
    """Four octets in the order that `big` tells."""
    if big:
        return be32(buffer, at)
    return le32(buffer, at)


@helper
def signed64(buffer: Octets, at: int) -> int:
    """Eight octets, most significant first, as a signed integer; never leaves int64 on the way."""
    first = buffer[at] * 1
    if first > 127:  # the sign bit
        first -= 256
    value = first * 16777216 + (buffer[at + 1] * 256 + buffer[at + 2]) * 256 + buffer[at + 3]
    return value * 4294967296 + be32(buffer, at + 4)
