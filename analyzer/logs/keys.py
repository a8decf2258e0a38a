"""What the events of one session have in common, as a number that is the same in every block of a source."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.schema import NULL
from analyzer.smtp.encoding import printable
from analyzer.tables import mixed
from analyzer.words.vocabulary import KEY

if TYPE_CHECKING:
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.fields import Block

    Array = np.ndarray[Any, Any]

_MASKED: Final = re.compile(r"(?=.*[:.])(?=.*[\dx*])[0-9A-Fa-fx*:.]{3,45}")


@lru_cache(maxsize=1 << 16)
def address(text: bytes) -> str | None:
    """Give an address as captures write it; one that a person has masked in part as it stands; None for other words."""
    word = printable(text).removeprefix("IPv6:").removeprefix("ipv6:")
    try:
        parsed = ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return word if _MASKED.fullmatch(word) else None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


@lru_cache(maxsize=1 << 16)
def stable(word: str) -> int:
    """Give a number of a word that is the same in every run."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), signed=True)


def put_keys(block: Block, catalogue: Catalogue) -> None:
    """Write E_KEY and E_ALONE of a block's events."""
    events = block.events
    lines, formats = (np.ascontiguousarray(events[:, column]) for column in (c.E_LINE, c.E_FORMAT))
    keys, alone = np.empty(len(events), np.uint64), np.ones(len(events), bool)
    for number in np.flatnonzero(np.bincount(formats)).tolist():
        family = catalogue.formats[number].family
        for choice in catalogue.formats[number].key:
            rows = np.flatnonzero(alone & (formats == number))
            for name in choice:
                rows = rows[_has(block, name, lines.take(rows))]
            parts = [np.array([stable(f"{family} {choice}") ^ KEY])]
            parts += [_part(block, name, lines.take(rows)) for name in choice]
            keys[rows], alone[rows] = mixed(parts), False
    rest = np.flatnonzero(alone)
    keys[rest] = mixed([np.array([-1]), rest])
    events[:, c.E_KEY], events[:, c.E_ALONE] = keys.view(np.int64), alone


def _has(block: Block, name: str, lines: Array) -> Array:
    """Say which lines have a part of a key; every line has a host, if only an unknown one."""
    if name == "host":
        return np.ones(len(lines), bool)
    has = block.has(name, lines)
    return has | (block.cells(c.PID, lines) > 0) if name == "pid" else has


def _part(block: Block, name: str, lines: Array) -> Array:
    """Give a part of a key as numbers: equal ones for equal values of the source."""
    if name.endswith("_ip"):  # an address may be written in several ways
        return block.words(name, address, lines).numbers(stable, 0)
    if name == "pid":
        values = block.numbers(name, lines)
        return np.where(values == NULL, block.cells(c.PID, lines), values)
    return block.hashes(name, lines)
