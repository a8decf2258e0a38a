"""Rows as few pieces each: neighbours that have few values together become one, what is short stands side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.report import spelled
from analyzer.tables import is_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Array = np.ndarray[Any, Any]

#: Rows that are joined at a time: enough to make the loops below cheap, few enough to stay in the cache.
BLOCK = 4096

#: Combinations of words that are looked for at most, a byte of memory each, and rows that one of them has to stand for.
_COMBINATIONS: Final = 1 << 20
_ROWS_EACH: Final = 8

#: Words up to this length are put beside digits, so that both are one piece; one word for all rows up to the other.
_NARROW: Final = 96
_NARROW_ALONE: Final = 256


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
        if is_one(codes) or (codes == first).all():
            return one(write(int(first) % size), len(codes))
        codes = codes.astype(np.intp)
        met = np.zeros(size, bool)
        met[codes] = True
        used = np.flatnonzero(met)
        return cls(_renumbered(used, size).take(codes), [write(code) for code in used.tolist()])


class Digits(NamedTuple):
    """Pieces that are spelled for some rows at a time (see `analyzer.report.spelled`)."""

    spell: Callable[[slice], Array]


Piece = Words | Digits


def one(word: bytes, rows: int) -> Words:
    """Give one word for all rows."""
    return Words(np.broadcast_to(np.intp(0), rows), [word])


def joined(pieces: Iterable[Piece], rows: int) -> Iterator[bytes]:
    """Put the pieces of each row together, and rows behind each other: gives some rows at a time."""
    prepared = [_prepared(piece) for piece in _merged(pieces)]
    for part in _parts(rows):
        yield b"".join(_interleaved(_lists(prepared, part)))


def beside(pieces: Iterable[Piece], rows: int) -> Iterator[Array]:
    """Give the pieces of each row as one array of bytes (see `analyzer.report.spelled`), some rows at a time.

    Behind a piece that is shorter than others of its column NUL fills up.
    """
    made = [_spelling(piece) for piece in _merged(pieces)]
    for part in _parts(rows):
        yield spelled.side_by_side([spell(part) for spell in made])


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))


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
