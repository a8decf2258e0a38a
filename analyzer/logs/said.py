"""What was said in the sessions of a log that shows the dialogue: one row a line, in columns.

Nearly all lines are taken as they stand in the log. Only texts with something in them that an escape may have written
are looked at one by one, each distinct one once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs import quote as q
from analyzer.logs.escapes import lines_of
from analyzer.logs.formats import ESCAPES
from analyzer.schema import NULL
from analyzer.tables import distinct
from analyzer.words.vocabulary import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

_MARKS: Final = q.marks_of_escapes()


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


def said_in(group: Group) -> Said:
    """Give what was said in those sessions of a group that show a dialogue."""
    block, patterns = group.block, q.quotes(group.catalogue)
    speaking = int(np.count_nonzero(group.kinds == q.LINE))
    twice = bool(block.filled[q.SPANS][q.THE_REPLY]) or bool(patterns[:, q.Q_CODE].take(group.patterns).any())
    lines, odd, told = (
        np.empty(shape, np.int64)
        for shape in (
            (speaking * (1 + twice), c.SAID_WIDTH), (speaking * (1 + twice), q.ODD_WIDTH),
            (len(group.events) + speaking, q.TOLD_WIDTH),
        )
    )  # fmt: skip
    counts = np.zeros(2, np.int64)
    spans = np.ascontiguousarray(block.spans[q.SPANS])
    q.quote(block.buffer, group.events, group.starts, patterns, block.lines, spans, _MARKS, lines, odd, told, counts)
    lines, odd, told = lines[: counts[0]], odd[: counts[0]], told[: counts[1]]
    text, found = _unescaped(block.buffer, lines, odd)
    text, found = _continued(text, found)
    if found is not lines:
        side = np.where(told[:, q.T_KIND] == q.DETAIL, 1, 0)  # a name stands behind the line that tells it
        told[:, q.T_AT] = np.searchsorted(found[:, c.S_ROW], told[:, q.T_ROW] + side)
    if (found[:, c.S_TIME] == NULL).any():
        found[:, c.S_TIME] = _filled(group).take(found[:, c.S_ROW])
    return Said(text, found, Events(*np.ascontiguousarray(told.T)))


def _unescaped(buffer: Array, lines: Array, odd: Array) -> tuple[Array, Array]:
    """Undo what escapes have written; gives the text in which the lines are, and these."""
    rows = np.flatnonzero(odd[:, q.O_ESCAPE] != c.NOTHING)
    if not len(rows):
        return buffer, lines
    numbers = Store().number(buffer, lines[rows, c.S_START], lines[rows, c.S_STOP])
    first, which = distinct(odd[rows, q.O_ESCAPE], odd[rows, q.O_CODE], numbers)
    made = [_lines(buffer, lines[row], odd[row]) for row in rows[first].tolist()]
    # What an odd text stands for is behind the buffer: from one of its lines on, so many.
    begins, counts = np.cumsum([0, *map(len, made)], dtype=np.int64), np.array([*map(len, made)], np.int64)
    pieces = [line for lines in made for line in lines]
    bounds = np.cumsum([len(buffer), *map(len, pieces)], dtype=np.int64)
    times, piece = np.ones(len(lines), np.int64), np.zeros(len(lines), np.int64)
    times[rows], piece[rows] = counts[which], begins[which]
    spread = np.repeat(np.arange(len(lines)), times)
    nth = np.arange(len(spread)) - np.repeat(np.cumsum(times) - times, times)
    again = np.flatnonzero(odd[:, q.O_ESCAPE].take(spread) != c.NOTHING)
    pick = (piece.take(spread) + nth).take(again)
    lines = lines.take(spread, axis=0)
    lines[again, c.S_START], lines[again, c.S_STOP] = bounds[pick], bounds[pick + 1]
    return _joined(buffer, pieces), lines


def _lines(buffer: Array, line: Array, odd: Array) -> list[bytes]:
    """Give the lines that one text stands for."""
    raw, code = buffer[line[c.S_START] : line[c.S_STOP]].tobytes(), int(odd[q.O_CODE])
    return lines_of(ESCAPES[odd[q.O_ESCAPE]], b"%d %b" % (code, raw) if code else raw)


def _continued(text: Array, lines: Array) -> tuple[Array, Array]:
    """Put what goes on in other lines behind that with which it began."""
    more = (lines[:, c.S_SIDE] == q.MORE) | (lines[:, c.S_SIDE] == q.WRAPPED)
    if not more.any():
        return text, lines
    sessions = lines[:, c.S_SESSION]
    begins = np.searchsorted(sessions, sessions)  # the first text of each one's session
    more &= lines[:, c.S_ROW] != lines[begins, c.S_ROW]
    heads = np.flatnonzero(~more)
    stops = np.append(heads[1:], len(more))
    long = np.flatnonzero(stops - heads > 1)
    places = lines[:, (c.S_START, c.S_STOP, c.S_SIDE)].tolist()
    pieces = [
        b"".join(b" " * (side == q.WRAPPED) + text[start:stop].tobytes() for start, stop, side in places[first:last])
        for first, last in zip(heads[long].tolist(), stops[long].tolist(), strict=True)
    ]
    bounds = np.cumsum([len(text), *map(len, pieces)], dtype=np.int64)
    whole = lines.take(heads, axis=0)
    whole[long, c.S_START], whole[long, c.S_STOP] = bounds[:-1], bounds[1:]
    return _joined(text, pieces), whole


def _filled(group: Group) -> Array:
    """Give every event a time: that of the line before where its own has none (or after, at the beginning); 0: none."""
    times = group.times
    places = np.flatnonzero(times != NULL)
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
