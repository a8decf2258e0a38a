"""Tables for other programs: JSON Lines and CSV, assembled column by column.

A row is never an object here. Each column gives pieces of its rows: one of a few words, each encoded once, or digits
that are spelled for a block of rows at a time. Neighbours that have few different values together become one piece, so
that of the forty columns of an AUTH exchange about six pieces are left, and a block of rows is one join over them: a
fifth of the time of `json.dumps`. Unknown is ``null`` in JSON and empty in CSV; times are UTC with as many digits
as they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.report import safe, spelled
from analyzer.report.pieces import Digits, Words, beside, joined, one
from analyzer.schema import NULL
from analyzer.tables import PLACE_BITS, Places
from analyzer.tables import spelled as spelled_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.report.pieces import Piece
    from analyzer.stats.answer import Answer
    from analyzer.tables import Ids, Table, Text

    Array = np.ndarray[Any, Any]

#: Integers that lie within so many are taken for words.
_FEW: Final = 1024


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a format writes words, lists of words, times and unknown values."""

    text: Callable[[str], str]
    words: Callable[[str], str]
    quote: bytes
    unknown: bytes


JSON = Syntax(
    text=safe.json_text,
    words=lambda text: f"[{', '.join(map(safe.json_text, text.split()))}]",
    quote=b'"',
    unknown=b"null",
)
CSV = Syntax(text=safe.csv, words=safe.csv, quote=b"", unknown=b"")
_PLAIN = Syntax(text=str, words=str, quote=b"", unknown=b"")


def jsonl(table: Table | Answer, columns: Sequence[str]) -> Iterator[bytes]:
    """Give blocks of lines in ASCII, one object a row with all the columns as keys."""
    heads = [f"{', ' if n else '{'}{safe.json_text(name)}: ".encode("ascii") for n, name in enumerate(columns)]
    return _blocks(table, columns, JSON, heads, b"}\n")


def csv(table: Table | Answer, columns: Sequence[str]) -> Iterator[bytes]:
    """Give the row of heads, then blocks of lines, in UTF-8."""
    yield ",".join(columns).encode("ascii") + b"\n"
    yield from _blocks(table, columns, CSV, [b"," if n else b"" for n in range(len(columns))], b"\n")


def plain(column: Ids | Places) -> Iterator[Array]:
    """Give ids or places as they are, in UTF-8, some rows at a time (see `analyzer.report.pieces.beside`)."""
    made = _place(column, _PLAIN, b"") if isinstance(column, Places) else _id(column, _PLAIN, b"")
    return beside(made, len(column))


def _blocks(
    table: Table | Answer, columns: Sequence[str], syntax: Syntax, heads: Sequence[bytes], end: bytes
) -> Iterator[bytes]:
    for rows in table.slices(limits.TABLE_ROWS):
        made = [_MAKERS[table.kinds[n]](rows[n], syntax, head) for n, head in zip(columns, heads, strict=True)]
        yield from joined([*chain.from_iterable(made), one(end, len(rows))], len(rows))


# The pieces of a column, by its kind.


def _coded(column: Text, write: Callable[[str], bytes], unknown: bytes) -> list[Piece]:
    words = column.words
    return [Words.of(column.codes, len(words) + 1, lambda code: write(words[code]) if code < len(words) else unknown)]


def _encoded(head: bytes, write: Callable[[str], str], text: str) -> bytes:
    return head + write(text).encode("utf-8")


def _text(column: Text, syntax: Syntax, head: bytes) -> list[Piece]:
    return _coded(column, partial(_encoded, head, syntax.text), head + syntax.unknown)


def _words(column: Text, syntax: Syntax, head: bytes) -> list[Piece]:
    return _coded(column, partial(_encoded, head, syntax.words), _encoded(head, syntax.words, ""))


def _flag(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    words = (b"false", b"true", syntax.unknown)
    return [Words.of(column, len(words), lambda code: head + words[code])]


def _int(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    rows, unknown = len(column), syntax.unknown
    known = column[column != NULL] if rows and column.min() == NULL else column
    if not len(known):
        return [one(head + unknown, rows)]
    low, size = int(known.min()), int(known.max()) - int(known.min()) + 2
    if size > _FEW:
        return [one(head, rows), Digits(lambda part: spelled.integers(column[part], unknown))]
    codes = column - low if known is column else np.where(column == NULL, size - 1, column - low)
    return [Words.of(codes, size, lambda code: head + (b"%d" % (low + code) if code < size - 1 else unknown))]


def _seconds(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    if np.isnan(column).all():
        return [one(head + syntax.unknown, len(column))]
    return [one(head, len(column)), Digits(lambda part: spelled.durations(column[part], syntax.unknown))]


def _time(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    if (column == NULL).all():
        return [one(head + syntax.unknown, len(column))]
    return [one(head, len(column)), Digits(lambda part: spelled.times(column[part], syntax.quote, syntax.unknown))]


def _id(column: Ids, syntax: Syntax, head: bytes) -> list[Piece]:
    if not column.known().all():
        return _each(column, syntax, head)
    numbers, rows = column.numbers, len(column)
    tail = [] if column.parts is None else _int(column.parts.astype(np.int64), syntax, b"-")
    return [
        one(head + syntax.quote, rows),
        Digits(lambda part: spelled_ids(numbers[part])),
        *tail,
        one(syntax.quote, rows),
    ]


def _place(column: Places, syntax: Syntax, head: bytes) -> list[Piece]:
    numbers, more = column.numbers(), column.more
    if (column.at < 0).any():
        return _each(column, syntax, head)
    files, codes, size = column.files, column.at >> PLACE_BITS, len(column.files)
    second = None if more is None or (more < 0).all() else more
    if not numbers.any() and second is None:
        return [Words.of(codes, size, lambda code: _encoded(head, syntax.text, files[code]))]
    if not numbers.all() or (second is not None and not column.like(second[second >= 0]).numbers().all()):
        return _each(column, syntax, head)
    around = [_encoded(head, syntax.text, f"{file} 0").rpartition(b"0") for file in files]
    first = [Words.of(codes, size, lambda code: around[code][0]), *_int(numbers, syntax, b"")]
    if second is None:
        return [*first, Words.of(codes, size, lambda code: around[code][2])]

    def tail(code: int) -> tuple[bytes, bytes]:
        """Give what stands before and behind the second number, of the files of both: the last of these is no file."""
        one, other = divmod(code, size + 1)
        if other == size:
            return around[one][2], b""
        both = _encoded(head, syntax.text, f"{files[one]} 0; {files[other]} 0")
        return both[len(around[one][0]) + 1 :].rpartition(b"0")[::2]

    pairs = codes * (size + 1) + np.where(second < 0, size, second >> PLACE_BITS)
    following = np.where(second < 0, NULL, column.like(second).numbers())
    return [
        *first,
        Words.of(pairs, size * (size + 1), lambda code: tail(code)[0]),
        Digits(lambda part: spelled.integers(following[part], b"")),
        Words.of(pairs, size * (size + 1), lambda code: tail(code)[1]),
    ]


def _each(column: Ids | Places, syntax: Syntax, head: bytes) -> list[Piece]:
    """Write row by row what is unlike in many ways."""

    def spell(part: slice) -> Array:
        words = column.take(part).list()
        return np.array([syntax.unknown if word is None else _encoded(b"", syntax.text, word) for word in words])

    return [one(head, len(column)), Digits(spell)]


_MAKERS: dict[str, Callable[[Any, Syntax, bytes], list[Piece]]] = {
    "text": _text,
    "words": _words,
    "flag": _flag,
    "int": _int,
    "seconds": _seconds,
    "time": _time,
    "id": _id,
    "place": _place,
}
