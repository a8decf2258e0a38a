"""What became of every line: understood, known and of no interest, or not understood."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.errors import Skip
from analyzer.logs import columns as c
from analyzer.smtp.encoding import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

#: Octets of a line that are shown, masked.
_SHOWN: Final = 160
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")

#: What is a program's name for sure, though no process id stands behind it.
_SERVICE: Final = re.compile(r"[a-z][a-z./_-]*")

DULL: Final = "line of no interest for AUTH"
FOREIGN: Final = "line of a program that is no mail server"
UNKNOWN: Final = "line not understood"
BLANK: Final = "blank line"
UNANSWERED: Final = "line of a dialogue in which no server speaks"

#: Lines that nobody misses.
NEEDLESS: Final = frozenset((DULL, FOREIGN, BLANK))


def masked(text: bytes) -> str:
    """Give the shape of a text: runs of letters as x, of digits as 9; no word of it is left."""
    shape = _DIGITS.sub("9", _LETTERS.sub("x", printable(text[:_SHOWN])))
    return shape + ("…" if len(text) > _SHOWN else "")


class Account:
    """Counts the lines of one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines = self.understood = 0
        self.formats: Counter[str] = Counter()  #: lines that tell something, by format
        self._left: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def taken(self, catalogue: Catalogue, events: Array) -> Array:
        """Count the lines that patterns took; gives which of them tell something."""
        telling: Array = ~catalogue.dull.take(events[:, c.E_PATTERN])
        self.understood += int(telling.sum())
        if len(events) - int(telling.sum()):
            self._left[DULL] += len(events) - int(telling.sum())
        owners = np.bincount(events[:, c.E_FORMAT][telling], minlength=len(catalogue.formats)).tolist()
        self.formats.update({each.name: n for each, n in zip(catalogue.formats, owners, strict=True) if n})
        return telling

    def unanswered(self, group: Group) -> None:
        """Count the lines of sessions that make no row: no server speaks in them, so they may be anything."""
        rows, first = np.unique(group.at, return_index=True)
        self.understood -= len(rows)
        owners = np.bincount(group.events[first, c.E_FORMAT], minlength=len(group.catalogue.formats)).tolist()
        self.formats -= Counter({each.name: n for each, n in zip(group.catalogue.formats, owners, strict=True)})
        self.left(UNANSWERED, group.block.buffer, group.block.lines, rows, group.block.files)

    def left(self, reason: str, buffer: Array, lines: Array, rows: Array, files: Sequence[str]) -> None:
        """Count lines that were not used, and keep the shape of the first."""
        if not len(rows):
            return
        self._left[reason] += len(rows)
        if reason not in self._first:
            line = lines[rows[0]]
            head = printable(bytes(buffer[line[c.PROGRAM] : line[c.PROGRAM_END]]))
            head = head if line[c.PID] or _SERVICE.fullmatch(head) else ""
            body = line[c.BODY] if head else line[c.AFTER_TIME]
            shape = masked(bytes(buffer[body : line[c.STOP]])) if reason != DULL else ""
            place = f"{files[line[c.FILE]]} line {line[c.NUMBER]}"
            self._first[reason] = ": ".join(part for part in (place, head, shape) if part)

    def skips(self) -> Iterator[Skip]:
        """Give what was not used."""
        for reason, count in self._left.items():
            yield Skip(self.source, "logs", reason, count, self._first.get(reason))
