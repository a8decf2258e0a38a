"""Tables for other programs: JSON Lines and CSV, assembled column by column.

A row is never an object here. Each column gives the finished pieces of its rows, each distinct word encoded once, and
a block of rows is one join over all pieces: a row of the auth table takes half the time of `json.dumps`, and no
dictionary has to be made for it. Unknown is ``null`` in JSON and empty in CSV; times are UTC with as many digits as
they have.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer import limits
from analyzer.report import safe
from analyzer.schema import NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.stats.answer import Answer
    from analyzer.tables import Ids, Places, Table, Text

    Array = np.ndarray[Any, Any]
    Pieces = Callable[[slice], list[str]]

#: Rows that are joined at a time: enough to make the loops below cheap, few enough to stay in the cache.
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a format writes words, lists of words, times and unknown values."""

    text: Callable[[str], str]
    words: Callable[[str], str]
    quote: str
    unknown: str


JSON = Syntax(
    text=safe.json_text,
    words=lambda text: f"[{', '.join(map(safe.json_text, text.split()))}]",
    quote='"',
    unknown="null",
)
CSV = Syntax(text=safe.csv, words=safe.csv, quote="", unknown="")


def jsonl(table: Table | Answer, columns: Sequence[str]) -> Iterator[str]:
    """Give blocks of lines, one object a row with all the columns as keys."""
    heads = [f"{', ' if n else '{'}{safe.json_text(name)}: " for n, name in enumerate(columns)]
    return _blocks(table, columns, JSON, heads, "}\n")


def csv(table: Table | Answer, columns: Sequence[str]) -> Iterator[str]:
    """Give the row of heads, then blocks of lines."""
    yield ",".join(columns) + "\n"
    yield from _blocks(table, columns, CSV, ["," if n else "" for n in range(len(columns))], "\n")


def _blocks(
    table: Table | Answer, columns: Sequence[str], syntax: Syntax, heads: Sequence[str], end: str
) -> Iterator[str]:
    for rows in table.slices(limits.TABLE_ROWS):
        makers = [_MAKERS[table.kinds[n]](rows[n], syntax, head) for n, head in zip(columns, heads, strict=True)]
        for start in range(0, len(rows), BLOCK):
            part = slice(start, min(start + BLOCK, len(rows)))
            ends = [end] * (part.stop - start)
            yield "".join(chain.from_iterable(zip(*(maker(part) for maker in makers), ends, strict=True)))


class _Known(dict[Any, str]):
    """Pieces of values seen before; a new value is written once, and few values are kept."""

    def __init__(self, write: Callable[[Any], str]) -> None:
        self.write = write

    def __missing__(self, value: Any) -> str:
        piece = self.write(value)
        if len(self) < 1 << 17:
            self[value] = piece
        return piece


def _texts(column: Text, encode: Callable[[str], str], head: str, unknown: str) -> Pieces:
    pieces = np.array([head + encode(word) for word in column.words] + [head + unknown], object)
    return lambda part: pieces[column.codes[part]].tolist()


def _text(column: Text, syntax: Syntax, head: str) -> Pieces:
    return _texts(column, syntax.text, head, syntax.unknown)


def _words(column: Text, syntax: Syntax, head: str) -> Pieces:
    return _texts(column, syntax.words, head, syntax.words(""))


def _written(column: Ids | Places, syntax: Syntax, head: str) -> Pieces:
    """Give ids and places: hardly any two rows have the same."""
    unknown, text = head + syntax.unknown, syntax.text

    def pieces(part: slice) -> list[str]:
        return [unknown if word is None else head + text(word) for word in column.take(part).list()]

    return pieces


def _flag(column: Array, syntax: Syntax, head: str) -> Pieces:
    pieces = np.array([head + "false", head + "true", head + syntax.unknown], object)
    return lambda part: pieces[column[part]].tolist()


def _int(column: Array, syntax: Syntax, head: str) -> Pieces:
    known = _Known(lambda value: f"{head}{value}")
    known[NULL] = head + syntax.unknown
    return lambda part: [known[value] for value in column[part].tolist()]


def _seconds(column: Array, syntax: Syntax, head: str) -> Pieces:
    unknown = head + syntax.unknown
    front = np.frombuffer(f"{head}0.".encode("ascii"), np.uint8)

    def pieces(part: slice) -> list[str]:
        values = column[part]
        if np.isnan(values).all():
            return [unknown] * len(values)
        short = np.where((values >= 0) & (values < 9), values, 0)  # one digit before the point
        nanoseconds = np.rint(short * 1e9).astype(np.int64)
        whole, digits = np.divmod(nanoseconds, 10**9)
        plain = nanoseconds / 1e9 == values
        fronts = np.repeat(front[None, :], len(values), axis=0)
        fronts[:, -2] += whole.astype(np.uint8)
        made = _decimals(fronts, digits, b"")
        for row in np.flatnonzero(~plain).tolist():
            made[row] = unknown if np.isnan(values[row]) else f"{head}{float(values[row])!r}"
        return made

    return pieces


def _time(column: Array, syntax: Syntax, head: str) -> Pieces:
    unknown, end = head + syntax.unknown, f"Z{syntax.quote}".encode("ascii")

    def pieces(part: slice) -> list[str]:
        values = column[part]
        seconds, digits = np.divmod(np.where(values == NULL, 0, values), 10**9)
        days, second = np.divmod(seconds, 86400)
        distinct, day = np.unique(days, return_inverse=True)
        dates = [f"{head}{syntax.quote}{np.datetime64(int(d), 'D')}T".encode("ascii") for d in distinct]
        made = _decimals(np.hstack([_matrix(dates)[day], _times_of_day()[second]]), digits, end)
        for row in np.flatnonzero(values == NULL).tolist():
            made[row] = unknown
        return made

    return pieces


# Digits as columns of bytes: writing times and durations number by number was half of the cost of a row.


def _matrix(words: Sequence[bytes]) -> Array:
    return np.frombuffer(b"".join(words), np.uint8).reshape(len(words), -1)


@functools.cache
def _thousand() -> Array:
    return _matrix([b"%03d" % number for number in range(1000)])


@functools.cache
def _times_of_day() -> Array:
    pairs = _thousand()[:100, 1:]
    second = np.arange(86400)
    colon, point = np.full((86400, 1), ord(":"), np.uint8), np.full((86400, 1), ord("."), np.uint8)
    return np.hstack([pairs[second // 3600], colon, pairs[second // 60 % 60], colon, pairs[second % 60], point])


def _decimals(fronts: Array, digits: Array, end: bytes) -> list[str]:
    """Give fronts (a row of bytes each), nanoseconds as six digits, or nine where they say more, and the end."""
    rows, start = fronts.shape
    thousand = _thousand()
    tail = np.frombuffer(end, np.uint8)
    lines = np.empty((rows, start + 9 + len(end)), np.uint8)
    lines[:, :start] = fronts
    lines[:, start : start + 3] = thousand[digits // 10**6]
    lines[:, start + 3 : start + 6] = thousand[digits // 1000 % 1000]
    lines[:, start + 6 : start + 9] = thousand[digits % 1000]
    lines[:, start + 9 :] = tail
    short = digits % 1000 == 0
    lines[short, start + 6 : start + 6 + len(end)] = tail
    text, width = lines.tobytes().decode("ascii"), lines.shape[1]
    stops = np.arange(1, rows + 1) * width - 3 * short
    return [text[at:stop] for at, stop in zip(range(0, rows * width, width), stops.tolist(), strict=True)]


_MAKERS: dict[str, Callable[[Any, Syntax, str], Pieces]] = {
    "text": _text,
    "words": _words,
    "flag": _flag,
    "int": _int,
    "seconds": _seconds,
    "time": _time,
    "id": _written,
    "place": _written,
}
