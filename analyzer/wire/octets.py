"""Integers and spans in a buffer, for kernels."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any, Protocol

from analyzer.kernel import helper, load

#: What kernels get, as they see it: a buffer, a row of cells, a table.
Octets = Sequence[int]
Cells = MutableSequence[int]


#: Eight octets of 1, and of 128, as an integer.
EACH_1, EACH_128 = 0x0101010101010101, -0x7F7F7F7F7F7F7F80


class Grid(Protocol):
    """A two-dimensional array of int64."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, place: tuple[int, int], /) -> int:
        """Give a cell."""

    def __setitem__(self, place: tuple[int, int], value: int, /) -> None:
        """Set a cell."""


def _part(buffer: Octets, at: int, size: int) -> Any:
    """Give octets; what is beyond an end of the buffer raises, as it does compiled."""
    part = buffer[at : at + size]
    if at < 0 or len(part) < size:
        raise IndexError
    return part


@load(2, big=True)
def be16(buffer: Octets, at: int) -> int:
    """Two octets, most significant first."""
    return int.from_bytes(_part(buffer, at, 2), "big")


@load(4, big=True)
def be32(buffer: Octets, at: int) -> int:
    """Four octets, most significant first."""
    return int.from_bytes(_part(buffer, at, 4), "big")


@load(8, big=True)
def be64(buffer: Octets, at: int) -> int:
    """Eight octets, most significant first, as a signed integer."""
    return int.from_bytes(_part(buffer, at, 8), "big", signed=True)


@load(2)
def le16(buffer: Octets, at: int) -> int:
    """Two octets, least significant first."""
    return int.from_bytes(_part(buffer, at, 2), "little")


@load(4)
def le32(buffer: Octets, at: int) -> int:
    """Four octets, least significant first."""
    return int.from_bytes(_part(buffer, at, 4), "little")


@load(8)
def le64(buffer: Octets, at: int) -> int:
    """Eight octets, least significant first, as a signed integer."""
    return int.from_bytes(_part(buffer, at, 8), "little", signed=True)


@helper
def u16(buffer: Octets, at: int, big: int) -> int:
    """Two octets in the order that `big` tells."""
    return be16(buffer, at) if big else le16(buffer, at)


@helper
def u32(buffer: Octets, at: int, big: int) -> int:
    """Four octets in the order that `big` tells."""
    return be32(buffer, at) if big else le32(buffer, at)


@helper
def find_octet(buffer: Octets, octet: int, at: int, stop: int) -> int:
    """Give the first place of an octet from `at` on; -1: there is none before `stop`. Looks at eight at a time."""
    each = octet % 128 * EACH_1 | (EACH_128 if octet > 127 else 0)
    while at + 8 <= stop:
        differ = le64(buffer, at) ^ each
        if (differ - EACH_1) & ~differ & EACH_128:  # one of them is zero
            break
        at += 8
    while at < stop:
        if buffer[at] == octet:
            return at
        at += 1
    return -1


@helper
def alike(here: Octets, there: Octets) -> bool:
    """Say whether two spans of one length are equal."""
    size, at = min(len(here), len(there)), 0
    while at + 8 <= size:
        if le64(here, at) != le64(there, at):
            return False
        at += 8
    while at < size:
        if here[at] != there[at]:
            return False
        at += 1
    return True


@helper
def copy(target: Any, at: int, source: Octets, offset: int, size: int) -> None:
    """Copy bytes. A loop over two slices compiles in a tenth of the time of a slice assignment, and runs as fast."""
    here = target[at : at + size]
    there = source[offset : offset + size]
    for k in range(min(len(here), len(there))):
        here[k] = there[k]
