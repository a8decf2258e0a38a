"""Names for sessions and addresses, made from columns."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    Array = np.ndarray[Any, Any]

_LETTERS: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_ID_LETTERS: Final = 11  # 62 ** 11 > 2 ** 64


def mixed(columns: Iterable[Array]) -> Array:
    """Mix int64 columns into one uint64 a row: each step is the finalizer of MurmurHash3, public domain."""
    value: Array = np.uint64(0x736D7470)  # type: ignore[assignment]
    for column in columns:
        value = (value ^ np.ascontiguousarray(column).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        value ^= value >> np.uint64(33)
    return value


def letters(numbers: Array) -> list[str]:
    """Write 64-bit numbers with 11 letters and digits each."""
    written = np.empty((len(numbers), _ID_LETTERS), np.uint8)
    for place in range(_ID_LETTERS):
        numbers, digits = np.divmod(numbers, np.uint64(len(_LETTERS)))
        written[:, place] = _LETTERS[digits]
    names: list[str] = written.view(f"S{_ID_LETTERS}").ravel().astype(str).tolist()
    return names


@lru_cache(maxsize=1 << 16)
def address(high: int, low: int) -> str:
    """Write an address of two signed halves; IPv4 in its own form."""
    mapped = ipaddress.IPv6Address((high & (2**64 - 1)) << 64 | low & (2**64 - 1))
    return str(mapped.ipv4_mapped or mapped)
