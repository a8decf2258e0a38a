"""Where text for people goes: how wide it is, whether it takes colours, and in which timezone it tells times."""

from __future__ import annotations

import datetime as dt
import functools
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analyzer.report import safe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

#: Narrower than this nothing is laid out.
LEAST_WIDTH: Final = 80

#: Select Graphic Rendition numbers (ECMA-48 section 8.3.117).
_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Times as people of one timezone read them; None is the timezone of this machine."""

    zone: dt.tzinfo | None = dt.UTC

    def at(self, time: int) -> dt.datetime:
        """Give the date and time of a number of nanoseconds since 1970, cut to whole microseconds."""
        return (_EPOCH + dt.timedelta(microseconds=time // 1000)).astimezone(self.zone)

    def day(self, time: int) -> str:
        """Give the date."""
        return f"{self.at(time):%Y-%m-%d}"

    def time(self, time: int) -> str:
        """Give the time of day, in seconds."""
        return f"{self.at(time):%H:%M:%S}"

    def name(self, time: int) -> str:
        """Name the timezone as it is at that time."""
        moment = self.at(time)
        offset = f"UTC{moment:%z}"[:6] + ":" + f"{moment:%z}"[3:5]
        name = getattr(self.zone, "key", None) or moment.tzname() or ""
        return "UTC" if name == "UTC" else f"{name} ({offset})"


@dataclass(frozen=True, slots=True)
class Screen:
    """A place for text: `width` None means that nothing has to be cut."""

    width: int | None
    colour: bool
    clock: Clock

    @classmethod
    def of(cls, stream: TextIO, clock: Clock) -> Screen:
        """Describe a stream: colours only in a terminal and without NO_COLOR, no limit in a pipe without COLUMNS."""
        terminal = stream.isatty()
        wide = terminal or os.environ.get("COLUMNS", "").isdecimal()
        width = max(LEAST_WIDTH, shutil.get_terminal_size((LEAST_WIDTH, 24)).columns) if wide else None
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(width, terminal and not plain, clock)

    @property
    def columns(self) -> int:
        """Width for text that is laid out in any case."""
        return self.width or LEAST_WIDTH

    def style(self, text: str, style: str) -> str:
        """Colour a text, where there are colours."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and style else text


@functools.lru_cache(maxsize=1 << 16)
def width_of(text: str) -> int:
    """Give the cells that a text takes in a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clipped(text: str, width: int) -> str:
    """Cut a text to so many cells, with an ellipsis where something is left out."""
    if width_of(text) <= width:
        return text
    if width < 1:
        return ""
    kept = text[: width - 1]
    while width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def many(count: int, what: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Cut or fill a text to exactly so many cells."""
    text = clipped(text, width)
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def some(words: Iterable[str], width: int, separator: str = ", ", beyond: int = 0) -> str:
    """List as many words as fit, and say how many more there are, with those `beyond` the words."""
    words = [safe.visible(word) for word in words]
    for count in range(len(words), 0, -1):
        left = len(words) - count + beyond
        more = f"{separator}{left:,} more" if left else ""
        line = separator.join(words[:count])
        if width_of(line + more) <= width or count == 1:
            return clipped(clipped(line, max(width - width_of(more), 1)) + more, width)
    return ""
