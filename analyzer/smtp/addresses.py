"""Addresses as text, made from the numbers of columns."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.words.vocabulary import Vocabulary

if TYPE_CHECKING:
    from analyzer.tables import Text

    Array = np.ndarray[Any, Any]

#: Octets of an address; those of IPv4 are mapped to IPv6 (RFC 4291 section 2.5.5.2).
OCTETS: Final = 16


def address(octets: bytes) -> str:
    """Write an address; IPv4 in its own form."""
    mapped = ipaddress.IPv6Address(octets)
    return str(mapped.ipv4_mapped or mapped)


class Addresses(Vocabulary):
    """Writes addresses: each once, for the same clients come again and again."""

    def __init__(self) -> None:
        super().__init__(address)

    def of(self, high: Array, low: Array) -> Text:
        """Write addresses of two halves (int64) each, as a column."""
        octets = np.stack((high, low), axis=1).astype(">i8").view(np.uint8).ravel()
        starts = np.arange(0, len(octets), OCTETS)
        return self.text(octets, starts, starts + OCTETS)
