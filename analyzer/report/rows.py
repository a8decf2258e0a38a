"""Tables for other programs: JSON Lines and CSV, assembled column by column.

A row is never an object here. Each column gives pieces of its rows: one of a few words, each encoded once, or digits
that are spelled for a block of rows at a time. Neighbours that have few different values together become one piece, so
that of the forty columns of an AUTH exchange about six pieces are left, and a block of rows is one join over them: a
fifteenth of the time of `json.dumps`. Unknown is ``null`` in JSON and empty in CSV; times are UTC with as many digits
as they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.report import safe, spelled
from analyzer.schema import NULL
from analyzer.tables import PLACE_BITS, Places
from analyzer.tables import spelled as spelled_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.stats.answer import Answer
    from analyzer.tables import Ids, Table, Text

    Array = np.ndarray[Any, Any]

#: Rows that are joined at a time: enough to make the loops below cheap, few enough to stay in the cache.
BLOCK = 4096

#: Integers that lie within so many are taken for words.
_FEW: Final = 1024

#: Combinations of words that are looked for at most, a byte of memory each, and rows that one of them has to stand for.
_COMBINATIONS: Final = 1 << 20
_ROWS_EACH: Final = 8

#: Words up to this length are put beside digits, so that both are one piece; one word for all rows up to the other.
_NARROW: Final = 96
_NARROW_ALONE: Final = 256


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


class Words(NamedTuple):
    """Pieces of which many rows have the same: `codes` into `words`."""

    codes: Array
    words: list[bytes]

    @classmethod
    def of(cls, codes: Array, size: int, write: Callable[[int], bytes]) -> Words:
        """Make pieces of codes below `size` (negative ones count from there); what no row has is not written."""
        if not len(codes):
            return cls(codes, [])
        first = codes[0]
        if not any(codes.strides) or (codes == first).all():
            return _one(write(int(first) % size), len(codes))
        codes = codes.astype(np.intp)
        met = np.zeros(size, bool)
        met[codes] = True
        used = np.flatnonzero(met)
        return cls(_renumbered(used, size).take(codes), [write(code) for code in used.tolist()])


class Digits(NamedTuple):
    """Pieces that are spelled for some rows at a time (see `analyzer.report.spelled`)."""

    spell: Callable[[slice], Array]


Piece = Words | Digits


def jsonl(table: Table | Answer, columns: Sequence[str]) -> Iterator[bytes]:
    """Give blocks of lines in ASCII, one object a row with all the columns as keys."""
    heads = [f"{', ' if n else '{'}{safe.json_text(name)}: ".encode("ascii") for n, name in enumerate(columns)]
    return _blocks(table, columns, JSON, heads, b"}\n")


def csv(table: Table | Answer, columns: Sequence[str]) -> Iterator[bytes]:
    """Give the row of heads, then blocks of lines, in UTF-8."""
    yield ",".join(columns).encode("ascii") + b"\n"
    yield from _blocks(table, columns, CSV, [b"," if n else b"" for n in range(len(columns))], b"\n")


def plain(column: Ids | Places) -> Iterator[Array]:
    """Give ids or places as they are, in UTF-8, a block at a time (see `analyzer.report.spelled`); unknown is empty.

    What is shorter than others has NUL behind it, and where a file is named, between that and the number, too.
    """
    pieces = _place(column, _PLAIN, b"") if isinstance(column, Places) else _id(column, _PLAIN, b"")
    made = [_spelling(piece) for piece in _merged(pieces)]
    for start in range(0, len(column), BLOCK):
        part = slice(start, min(start + BLOCK, len(column)))
        yield spelled.side_by_side([spell(part) for spell in made])


def _blocks(
    table: Table | Answer, columns: Sequence[str], syntax: Syntax, heads: Sequence[bytes], end: bytes
) -> Iterator[bytes]:
    for rows in table.slices(limits.TABLE_ROWS):
        given = [_MAKERS[table.kinds[n]](rows[n], syntax, head) for n, head in zip(columns, heads, strict=True)]
        pieces = [_prepared(piece) for piece in _merged([*chain.from_iterable(given), _one(end, len(rows))])]
        for start in range(0, len(rows), BLOCK):
            yield b"".join(_interleaved(_lists(pieces, slice(start, min(start + BLOCK, len(rows))))))


# Pieces: put together where they have few values, then made for a block of rows.


def _one(word: bytes, rows: int) -> Words:
    """Give one word for all rows."""
    return Words(np.broadcast_to(np.intp(0), rows), [word])


def _renumbered(used: Array, size: int) -> Array:
    """Give the new numbers of old ones, of which those in use are left."""
    numbers = np.zeros(size, np.intp)
    numbers[used] = np.arange(len(used))
    return numbers


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Put words that follow each other together."""
    made: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Words) and piece.words == [b""]:
            continue
        both = _both(made[-1], piece) if made else None
        if both:
            made[-1] = both
        else:
            made.append(piece)
    return made


def _both(left: Piece, right: Piece) -> Words | None:
    """Give two pieces as one, where both are words and have few combinations."""
    if isinstance(left, Digits) or isinstance(right, Digits):
        return None
    lefts, rights = len(left.words), len(right.words)
    most = max(1, len(left.codes) // _ROWS_EACH)
    if max(lefts, rights) > most or lefts * rights > _COMBINATIONS:
        return None
    if lefts == 1 or rights == 1:
        codes = right.codes if lefts == 1 else left.codes
        return Words(codes, [first + second for first in left.words for second in right.words])
    key = left.codes * rights + right.codes
    met = np.zeros(lefts * rights, bool)
    met[key] = True
    used = np.flatnonzero(met)
    if len(used) > most:
        return None
    words = [left.words[first] + right.words[second] for first, second in (divmod(k, rights) for k in used.tolist())]
    return Words(_renumbered(used, len(met)).take(key), words)


class _Prepared(NamedTuple):
    """Makes a piece of some rows: as an array of bytes that can stand beside others, or as a list."""

    beside: Callable[[slice], Array] | None
    alone: Callable[[slice], list[bytes]]
    even: bool | None = None  # whether all are equally long; None: that depends on the rows


def _prepared(piece: Piece) -> _Prepared:
    """Make what writes a piece."""
    if isinstance(piece, Digits):
        return _Prepared(piece.spell, lambda part: piece.spell(part).tolist())
    codes, words, lengths = piece.codes, np.array(piece.words, object), {*map(len, piece.words)}
    if max(lengths) > (_NARROW if len(words) > 1 else _NARROW_ALONE):
        return _Prepared(None, lambda part: words.take(codes[part]).tolist())
    return _Prepared(_spelling(piece), lambda part: words.take(codes[part]).tolist(), len(lengths) == 1)


def _spelling(piece: Piece) -> Callable[[slice], Array]:
    """Give what makes an array of bytes of a piece."""
    if isinstance(piece, Digits):
        return piece.spell
    codes, words = piece.codes, np.array(piece.words)
    return lambda part: words.take(codes[part])


def _lists(pieces: Sequence[_Prepared], part: slice) -> list[list[bytes]]:
    """Make the pieces of some rows; those that are short stand together up to the first that is not always as long."""
    lists: list[list[bytes]] = []
    together: list[Array] = []

    def close() -> None:
        if together:
            lists.append((together[0] if len(together) == 1 else spelled.side_by_side(together)).tolist())
            together.clear()

    for piece in pieces:
        if piece.beside is None:
            close()
            lists.append(piece.alone(part))
            continue
        made = piece.beside(part)
        together.append(made)
        if not (spelled.even(made) if piece.even is None else piece.even):
            close()
    close()
    return lists


def _interleaved(lists: Sequence[list[bytes]]) -> list[bytes]:
    """Give the first of each list, then the second, and so on; a third of the time of `zip`."""
    pieces = lists[0] * len(lists)
    for at, each in enumerate(lists):
        pieces[at :: len(lists)] = each
    return pieces


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
        return [_one(head + unknown, rows)]
    low, size = int(known.min()), int(known.max()) - int(known.min()) + 2
    if size > _FEW:
        return [_one(head, rows), Digits(lambda part: spelled.integers(column[part], unknown))]
    codes = column - low if known is column else np.where(column == NULL, size - 1, column - low)
    return [Words.of(codes, size, lambda code: head + (b"%d" % (low + code) if code < size - 1 else unknown))]


def _seconds(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    if np.isnan(column).all():
        return [_one(head + syntax.unknown, len(column))]
    return [_one(head, len(column)), Digits(lambda part: spelled.durations(column[part], syntax.unknown))]


def _time(column: Array, syntax: Syntax, head: bytes) -> list[Piece]:
    if (column == NULL).all():
        return [_one(head + syntax.unknown, len(column))]
    return [_one(head, len(column)), Digits(lambda part: spelled.times(column[part], syntax.quote, syntax.unknown))]


def _id(column: Ids, syntax: Syntax, head: bytes) -> list[Piece]:
    if not column.known().all():
        return _each(column, syntax, head)
    numbers, rows = column.numbers, len(column)
    tail = [] if column.parts is None else _int(column.parts.astype(np.int64), syntax, b"-")
    return [
        _one(head + syntax.quote, rows),
        Digits(lambda part: spelled_ids(numbers[part])),
        *tail,
        _one(syntax.quote, rows),
    ]


def _place(column: Places, syntax: Syntax, head: bytes) -> list[Piece]:
    numbers, more = column.numbers(), column.more
    if (column.at < 0).any() or (more is not None and (more >= 0).any()):
        return _each(column, syntax, head)
    files, codes, size = column.files, column.at >> PLACE_BITS, len(column.files)
    if not numbers.any():
        return [Words.of(codes, size, lambda code: _encoded(head, syntax.text, files[code]))]
    if not numbers.all():
        return _each(column, syntax, head)
    around = [_encoded(head, syntax.text, f"{file} 0").rpartition(b"0") for file in files]
    return [
        Words.of(codes, size, lambda code: around[code][0]),
        *_int(numbers, syntax, b""),
        Words.of(codes, size, lambda code: around[code][2]),
    ]


def _each(column: Ids | Places, syntax: Syntax, head: bytes) -> list[Piece]:
    """Write row by row what is unlike in many ways."""

    def spell(part: slice) -> Array:
        words = column.take(part).list()
        return np.array([syntax.unknown if word is None else _encoded(b"", syntax.text, word) for word in words])

    return [_one(head, len(column)), Digits(spell)]


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
