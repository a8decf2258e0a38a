"""Integers and spans in a buffer, for kernels."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any, Protocol

from analyzer.kernel import helper, instruction

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


@instruction("load", 2, True)
def be16(buffer: Octets, at: int) -> int:
    """Two octets, most significant first."""
    return int.from_bytes(_part(buffer, at, 2), "big")


@instruction("load", 4, True)
def be32(buffer: Octets, at: int) -> int:
    """Four octets, most significant first."""
    return int.from_bytes(_part(buffer, at, 4), "big")


@instruction("load", 8, True)
def be64(buffer: Octets, at: int) -> int:
    """Eight octets, most significant first, as a signed integer."""
    return int.from_bytes(_part(buffer, at, 8), "big", signed=True)


@instruction("load", 2, False)
def le16(buffer: Octets, at: int) -> int:
    """Two octets, least significant first."""
    return int.from_bytes(_part(buffer, at, 2), "little")


@instruction("load", 4, False)
def le32(buffer: Octets, at: int) -> int:
    """Four octets, least significant first."""
    return int.from_bytes(_part(buffer, at, 4), "little")


@instruction("load", 8, False)
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
def zeros_in(octets: int) -> int:
    """Mark the octets of an integer that are zero, by their highest bits; above the lowest one others may be marked."""
    return (octets - EACH_1) & ~octets & EACH_128


@helper
def lowest(marks: int) -> int:
    """Give which octet of an integer is the lowest that is marked."""
    place = 0
    if marks & 0xFFFFFFFF == 0:
        place = 4
        marks = marks >> 32
    if marks & 0xFFFF == 0:
        place += 2
        marks = marks >> 16
    return place if marks & 0xFF else place + 1


@helper
def find_octet(buffer: Octets, octet: int, at: int, stop: int) -> int:
    """Give the first place of an octet from `at` on; -1: there is none before `stop`. Looks at eight at a time."""
    each = octet % 128 * EACH_1 | (EACH_128 if octet > 127 else 0)
    first = at
    while at + 8 <= stop:
        marks = zeros_in(le64(buffer, at) ^ each)
        if marks:
            return at + lowest(marks)
        at += 8
    if at < stop and stop - first >= 8:  # the last eight, some of which are known
        marks = zeros_in(le64(buffer, stop - 8) ^ each)
        return stop - 8 + lowest(marks) if marks else -1
    while at < stop:
        if buffer[at] == octet:
            return at
        at += 1
    return -1


@instruction("skip")
def after_members(buffer: Octets, at: int, stop: int, sets: Octets, members: int) -> int:
    """Give the first place from `at` on whose octet is no member of the set that begins at `members`; `stop`: none."""
    if at < 0 or stop > len(buffer) or members < 0 or members + 256 > len(sets):
        raise IndexError
    while at < stop and sets[members + buffer[at]]:
        at += 1
    return at


@helper
def alike(here: Octets, there: Octets) -> bool:
    """Say whether two spans of one length are equal."""
    size, at = min(len(here), len(there)), 0
    while at + 8 <= size:
        if le64(here, at) != le64(there, at):
            return False
        at += 8
    if size >= 8:  # the last eight, some of which are known
        return le64(here, size - 8) == le64(there, size - 8)
    if size >= 4:
        return le32(here, 0) == le32(there, 0) and le32(here, size - 4) == le32(there, size - 4)
    while at < size:
        if here[at] != there[at]:
            return False
        at += 1
    return True


@instruction("copy")
def copy(target: Any, at: int, source: Octets, offset: int, size: int) -> None:
    """Copy bytes of a buffer to a place in another one."""
    if min(at, offset, size) < 0 or at + size > len(target) or offset + size > len(source):
        raise IndexError
    target[at : at + size] = source[offset : offset + size]


@instruction("fetch")
def fetch(array: Any, at: int) -> None:
    """Have the processor fetch a cell of an array that will be needed, counted from the first one of all rows."""
