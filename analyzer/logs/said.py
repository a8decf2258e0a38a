"""What was said in the sessions of a log that shows the dialogue: one row a line, in columns.

Nearly all lines are taken as they stand in the log. Only texts with something in them that an escape may have written
are looked at one by one, each distinct one once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.kernel import kernel
from analyzer.logs import columns as c
from analyzer.logs.escapes import MARKS, lines_of
from analyzer.logs.formats import ESCAPES, EVENT_NAMES, SIDES
from analyzer.schema import NULL
from analyzer.tables import PLACE_BITS, distinct, in_order
from analyzer.wire.octets import find_octet
from analyzer.words.vocabulary import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.sessions import Group
    from analyzer.wire.octets import Cells, Octets

    Array = np.ndarray[Any, Any]

_LINE, _TLS, _DETAIL = (EVENT_NAMES.index(name) for name in ("line", "tls", "detail"))

#: The sides of lines; what stands in the line of a command and answers it has a side of its own.
A, B, ANY, MORE, REPLY = range(len(SIDES) + 1)

_RETURN: Final = 13


class Events(NamedTuple):
    """What is told besides the lines of a dialogue; columns, one row an event, in order."""

    row: Array  # of the group
    kind: Array  # in EVENT_NAMES
    at: Array  # the line before which it stands
    frame: Array
    session: Array

    def take(self, rows: Array) -> Events:
        """Give the events that an index or a mask names."""
        return Events(*(column[rows] for column in self))


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in some sessions of a group: `lines` int64[n, SAID_WIDTH], session after session."""

    text: Array  # uint8, in which lines have their places
    lines: Array
    events: Events

    def kept(self, lines: Array, events: Array) -> Said:
        """Give the lines and the events that masks name."""
        if lines.all() and events.all():
            return self
        places = np.append(0, np.cumsum(lines))
        told = self.events.take(events)
        return Said(self.text, self.lines[lines], told._replace(at=places[told.at]))

    def written(self, rows: Array, texts: Sequence[bytes]) -> Said:
        """Put other texts in the place of those of some lines."""
        ends = np.cumsum([len(self.text), *map(len, texts)], dtype=np.int64)
        lines = self.lines.copy()
        lines[rows, c.S_START], lines[rows, c.S_STOP] = ends[:-1], ends[1:]
        return replace(self, text=_joined(self.text, texts), lines=lines)


class _Marks(NamedTuple):
    """What patterns say of their lines: columns, one row a pattern of the catalogue."""

    side: Array
    escape: Array
    code: Array  # 0: none
    tls: Array  # whether it tells that TLS is in use


@lru_cache(maxsize=4)
def _marks(catalogue: Catalogue) -> _Marks:
    patterns = [pattern for _, pattern in catalogue.patterns]
    return _Marks(
        np.array([SIDES.index(pattern.side) if pattern.side else 0 for pattern in patterns], np.int64),
        np.array([ESCAPES.index(pattern.escape) for pattern in patterns], np.int64),
        np.array([pattern.stated.get("code", 0) for pattern in patterns], np.int64),
        np.array(["tls" in pattern.stated for pattern in patterns], bool),
    )


class _Texts(NamedTuple):
    """Texts of a log that stand for one line or more; columns, in the order in which they were said."""

    row: Array  # of the event
    side: Array
    start: Array
    stop: Array
    escape: Array
    code: Array  # stands before the text; 0: none does

    def take(self, rows: Array) -> _Texts:
        return _Texts(*(column[rows] for column in self))


def said_in(group: Group) -> Said:
    """Give what was said in those sessions of a group that show a dialogue."""
    speaks = group.kinds == _LINE
    talking = np.zeros(len(group.starts), bool)
    talking[group.owners[speaks]] = True
    texts = _texts(group, np.flatnonzero(speaks))
    text, texts = _unescaped(group.block.buffer, texts)
    text, texts = _continued(text, texts, group.owners)
    lines = np.zeros((len(texts.row), c.SAID_WIDTH), np.int64)
    frames, times = _frames(group), _filled(group)
    for column, values in (
        (c.S_SESSION, group.owners.take(texts.row)), (c.S_SIDE, texts.side), (c.S_ROW, texts.row),
        (c.S_START, texts.start), (c.S_STOP, texts.stop), (c.S_LEFT, c.NOTHING),
        (c.S_TIME, times.take(texts.row)), (c.S_FRAME, frames.take(texts.row)),
    ):  # fmt: skip
        lines[:, column] = values
    return Said(text, lines, _events(group, talking.take(group.owners), texts.row, frames))


def _texts(group: Group, rows: Array) -> _Texts:
    """Give the texts of lines: what the pattern says is the line, and the answer to it, if it has one."""
    marks, patterns, at = _marks(group.catalogue), group.patterns.take(rows), group.at.take(rows)

    def span(name: str, chosen: Array) -> tuple[Array, Array]:
        column = c.span_of(name)
        start, stop = (group.block.spans[column + k].take(at[chosen]).astype(np.int64) for k in (0, 1))
        return start, stop

    every, code = np.arange(len(rows)), marks.code.take(patterns)
    replying = np.flatnonzero((code == 0) & group.block.has("reply", at))
    coded = np.flatnonzero(code)  # where a command ends, and what answers it begins, only a code tells
    parts = (("line", every, None), ("reply", replying, REPLY), ("text", coded, REPLY))
    made = [
        _Texts(
            rows[chosen], marks.side[patterns[chosen]] if side is None else np.full(len(chosen), side),
            *span(name, chosen), marks.escape[patterns[chosen]], code[chosen] * (name == "text"),
        )
        for name, chosen, side in parts
    ]  # fmt: skip
    texts = _Texts(*map(np.concatenate, zip(*made, strict=True)))
    return texts.take(in_order(texts.row)) if len(texts.row) > len(rows) else texts


def _unescaped(buffer: Array, texts: _Texts) -> tuple[Array, _Texts]:
    """Undo what escapes have written; gives the text in which the lines are."""
    full = texts.stop > texts.start
    ends = buffer.take(np.maximum(texts.stop, 1) - 1)
    odd = (texts.code > 0) | (full & (ends == _RETURN))
    for number in np.flatnonzero(np.bincount(texts.escape)).tolist():
        mine = np.flatnonzero(texts.escape == number)
        start, stop, holds = texts.start[mine], texts.stop[mine], np.zeros(len(mine), np.int64)
        for mark in MARKS[ESCAPES[number]]:
            holding(buffer, start, stop, mark, holds)
        odd[mine] |= holds > 0
    rows = np.flatnonzero(odd)
    if not len(rows):
        return buffer, texts
    numbers = Store().number(buffer, texts.start[rows], texts.stop[rows])
    first, which = distinct(texts.escape[rows], texts.code[rows], numbers)
    made = [_lines(buffer, texts, row) for row in rows[first].tolist()]
    # What an odd text stands for is behind the buffer: from one of its lines on, so many.
    begins, counts = np.cumsum([0, *map(len, made)], dtype=np.int64), np.array([*map(len, made)], np.int64)
    pieces = [line for lines in made for line in lines]
    bounds = np.cumsum([len(buffer), *map(len, pieces)], dtype=np.int64)
    times = np.ones(len(odd), np.int64)
    times[rows] = counts[which]
    spread = np.repeat(np.arange(len(odd)), times)
    nth = np.arange(len(spread)) - np.repeat(np.cumsum(times) - times, times)
    piece = np.zeros(len(odd), np.int64)
    piece[rows] = begins[which]
    pick, again, result = piece[spread] + nth, odd[spread], texts.take(spread)
    start, stop = (np.where(again, bounds[pick + k], old) for k, old in ((0, result.start), (1, result.stop)))
    return _joined(buffer, pieces), result._replace(start=start, stop=stop)


@kernel("void(uint8[::1], int64[::1], int64[::1], int64, int64[::1])")
def holding(buffer: Octets, starts: Cells, stops: Cells, octet: int, holds: Cells) -> None:
    """Mark the spans that hold an octet."""
    for row in range(len(starts)):
        if find_octet(buffer, octet, starts[row], stops[row]) >= 0:
            holds[row] = 1


def _lines(buffer: Array, texts: _Texts, row: int) -> list[bytes]:
    """Give the lines that one text stands for."""
    raw, code = buffer[texts.start[row] : texts.stop[row]].tobytes(), int(texts.code[row])
    return lines_of(ESCAPES[texts.escape[row]], b"%d %b" % (code, raw) if code else raw)


def _continued(text: Array, texts: _Texts, owners: Array) -> tuple[Array, _Texts]:
    """Put what goes on in other lines behind that with which it began."""
    more = texts.side == MORE
    if not more.any():
        return text, texts
    sessions = owners[texts.row]
    begins = np.searchsorted(sessions, sessions)  # the first text of each one's session
    more &= texts.row != texts.row[begins]
    heads = np.flatnonzero(~more)
    stops = np.append(heads[1:], len(more))
    long = np.flatnonzero(stops - heads > 1)
    pieces = [
        b"".join(text[start:stop].tobytes() for start, stop in zip(texts.start[a:b], texts.stop[a:b], strict=True))
        for a, b in zip(heads[long].tolist(), stops[long].tolist(), strict=True)
    ]
    bounds = np.cumsum([len(text), *map(len, pieces)], dtype=np.int64)
    whole = texts.take(heads)
    whole.start[long], whole.stop[long] = bounds[:-1], bounds[1:]
    return _joined(text, pieces), whole


def _events(group: Group, chosen: Array, said: Array, frames: Array) -> Events:
    """Give the events of sessions with a dialogue; `said`: rows of the events whose lines were said."""
    marks, lines = _marks(group.catalogue), group.kinds == _LINE
    others = np.flatnonzero(chosen & ~lines)
    secured = np.flatnonzero(lines & marks.tls.take(group.patterns))
    named = np.flatnonzero(lines & group.block.has("identity", group.at))
    row = np.concatenate((others, secured, named))
    kind = np.concatenate((group.kinds[others], np.full(len(secured), _TLS), np.full(len(named), _DETAIL)))
    # A name stands behind the line that tells it.
    at = np.concatenate((np.searchsorted(said, row[: len(row) - len(named)]), np.searchsorted(said, named, "right")))
    order = in_order(row)
    return Events(row, kind, at, frames[row], group.owners[row]).take(order)


def _frames(group: Group) -> Array:
    """Give the places of lines, as steps have them for frames; lines stand in the order of the source."""
    files, numbers = (group.block.column(column).take(group.at) for column in (c.FILE, c.NUMBER))
    frames: Array = files << PLACE_BITS | numbers
    return frames


def _filled(group: Group) -> Array:
    """Give every event a time: that of the line before where its own has none (or after, at the beginning); 0: none."""
    times = group.times
    known = times != NULL
    if known.all():
        return times
    places = np.flatnonzero(known)
    if not len(places):
        return np.zeros(len(times), np.int64)
    before = np.searchsorted(places, np.arange(len(times)), "right") - 1
    heads, tails = (np.searchsorted(places, bound) for bound in (group.starts[:-1], group.starts[1:]))
    nearest = np.maximum(before, heads.take(group.owners))
    filled = times[places.take(nearest, mode="clip")]
    return np.where((heads == tails).take(group.owners), 0, filled)


def _joined(text: Array, pieces: Sequence[bytes]) -> Array:
    """Put texts behind others."""
    return np.concatenate((text, np.frombuffer(b"".join(pieces), np.uint8))) if pieces else text
