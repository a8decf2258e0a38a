"""Addresses as text, made from the numbers of columns."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analyzer.tables import Text, distinct

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@lru_cache(maxsize=1 << 16)
def address(high: int, low: int) -> str:
    """Write an address of two signed halves; IPv4 in its own form."""
    mapped = ipaddress.IPv6Address((high & (2**64 - 1)) << 64 | low & (2**64 - 1))
    return str(mapped.ipv4_mapped or mapped)


def addresses(high: Array, low: Array) -> Text:
    """Write addresses of two halves (int64) each, as a column."""
    first, which = distinct(high, low)
    return Text.of(map(address, high[first].tolist(), low[first].tolist())).take(which)
