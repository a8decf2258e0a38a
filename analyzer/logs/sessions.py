"""Events to sessions: what belongs together, from connect to disconnect, in windows.

Of sessions that go on, the events and the text of their lines are put in front of the next block: that is all the state
there is. So results do not depend on where blocks are cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.kernel import kernel
from analyzer.logs import columns as c
from analyzer.logs.chains import cut
from analyzer.logs.fields import Block
from analyzer.logs.keys import address, put_keys, stable
from analyzer.schema import NULL
from analyzer.smtp.encoding import printable
from analyzer.tables import Ids, Text, in_order, mixed
from analyzer.wire.octets import copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.logs.catalogue import Catalogue

    Array = np.ndarray[Any, Any]

#: Columns of a line that are places in the buffer.
_PLACES: Final = [
    c.START, c.STOP, c.HOST, c.HOST_END, c.PROGRAM, c.PROGRAM_END, c.AFTER_TIME, c.BODY, c.BODY_END,
]  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Complete sessions: `events` int64[m, EVENT_WIDTH], session after session; they begin at `starts` int64[s + 1]."""

    block: Block
    events: Array
    starts: Array
    catalogue: Catalogue
    source: str

    @cached_property
    def owners(self) -> Array:
        """The session of each event, counted from 0."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def at(self) -> Array:
        """The row of each event's line."""
        return np.ascontiguousarray(self.events[:, c.E_LINE])

    @cached_property
    def patterns(self) -> Array:
        """The number of each event's pattern in the catalogue."""
        return np.ascontiguousarray(self.events[:, c.E_PATTERN])

    @cached_property
    def kinds(self) -> Array:
        """The number of each event in EVENT_NAMES."""
        kinds: Array = self.catalogue.kinds.take(self.patterns)
        return kinds

    @cached_property
    def times(self) -> Array:
        """When each event was written: UTC, or NULL."""
        return self.block.cells(c.TIME, self.at)

    @property
    def order(self) -> Array:
        """The line at which each session begins, counted over all files."""
        return self.block.cells(c.SERIAL, self.at.take(self.starts[:-1]))

    def words(self, field: str, made: Any = printable, rows: Array | None = None) -> Text:
        """Give a field of the events, or of `rows` of them, as text."""
        return self.block.words(field, made, self.at if rows is None else self.at.take(rows))

    def numbers(self, field: str, rows: Array | None = None) -> Array:
        """Give a field of digits as numbers; NULL where it is not there."""
        return self.block.numbers(field, self.at if rows is None else self.at.take(rows))

    def first_with(self, field: str) -> Array:
        """Give the row of the first event of each session that has a field; -1: none has."""
        heads = self.starts[:-1]
        if self.block.has(field, self.at.take(heads)).all():  # in many formats every line has it
            return heads
        rows = np.flatnonzero(self.block.has(field, self.at))[::-1]
        first = np.full(len(self.starts) - 1, -1, np.int64)
        first[self.owners.take(rows)] = rows
        return first

    def take(self, sessions: Array) -> Group:
        """Give some of the sessions, by a mask."""
        if sessions.all():
            return self
        kept = np.flatnonzero(sessions.take(self.owners))
        sizes = np.diff(self.starts)[sessions]
        return replace(
            self, events=self.events.take(kept, axis=0), starts=np.cumsum([0, *sizes.tolist()], dtype=np.int64)
        )

    def ends(self) -> dict[str, Any]:
        """Give ids, addresses, ports, times and roles of the sessions.

        `session`: Ids; `client_ip`, `server_ip`, `role`: Text; `client_port`, `server_port`, `first`, `last`: int64,
        NULL for unknown.
        """
        made: dict[str, Any] = {}
        for name in ("client_ip", "server_ip"):
            first = self.first_with(name)
            text = self.words(name, address, np.maximum(first, 0)) if len(self.events) else Text.of(())
            made[name] = Text(np.where(first < 0, -1, text.codes).astype(np.int32), text.words)
        for name in ("client_port", "server_port"):
            first = self.first_with(name)
            made[name] = np.where(first < 0, NULL, self.numbers(name, np.maximum(first, 0)))
        times = self.times
        known = np.where(times == NULL, np.iinfo(np.int64).max, times)
        some = len(self.starts) > 1
        first = np.minimum.reduceat(known, self.starts[:-1]) if some else known
        made["first"] = np.where(first == np.iinfo(np.int64).max, NULL, first)
        made["last"] = np.maximum.reduceat(times, self.starts[:-1]) if some else times
        heads = self.starts[:-1]
        made["role"] = Text.of(self.catalogue.roles).take(self.patterns.take(heads))
        made["session"] = self._ids(made)
        return made

    def _ids(self, made: dict[str, Any]) -> Ids:
        """Number sessions by what does not change when a log is read again: time, host, pid, key, client, line."""
        heads = self.starts[:-1]
        lines = self.at.take(heads)
        keys = [made["first"], self.block.cells(c.PID, lines), self.order]
        keys += [self.block.hashes("host", lines), self.block.hashes("session", lines)]
        keys += [made["client_ip"].numbers(stable, 0)]
        # A transcript without times has nothing else that is its own.
        keys += [made["client_port"], np.where(made["first"] == NULL, stable(self.source), 0)]
        keys += [np.arange(len(heads)) - np.searchsorted(self.order, self.order)]  # of a line that was written often
        return Ids(mixed(keys).view(np.int64)) if len(heads) else Ids(np.zeros(0, np.int64))


class Sessions:
    """Cuts the events of one source into sessions."""

    def __init__(self, catalogue: Catalogue, source: str) -> None:
        self.catalogue, self.source = catalogue, source
        self.open: Block | None = None
        self.torn = 0  # sessions that were taken for over because too many events were open

    @property
    def room(self) -> tuple[int, int]:
        """How many bytes and lines the next block should have room for: about those of the sessions that are open."""
        return (0, 0) if self.open is None else (2 * len(self.open.buffer), 2 * len(self.open.lines))

    def eat(self, block: Block, *, keyed: bool = False) -> Iterator[Group]:
        """Take a block, whose events have their keys already or not; give the sessions that are over."""
        if not keyed:
            put_keys(block, self.catalogue)
        times = block.lines[: block.used[1], c.TIME]
        known = np.flatnonzero(times != NULL)
        now = int(times[known[-1]]) if len(known) else NULL
        group, over = self._cut(block if self.open is None else _before(self.open, block), now)
        still = group.take(~over)
        if len(still.events) > limits.LOG_OPEN_EVENTS:
            self.torn += len(still.starts) - 1
            over[:] = True
            still = group.take(~over)
        self.open = _compact(still)
        if over.any():
            yield group.take(over)

    def end(self) -> Iterator[Group]:
        """Give the sessions that are left: the source is over."""
        if self.open is not None and len(self.open.events):
            yield self._cut(self.open, NULL)[0]
        self.open = None

    def _cut(self, block: Block, now: int) -> tuple[Group, Array]:
        """Cut the events of a block into sessions; says which of them are over at the time `now`."""
        events, starts, over = cut(block, self.catalogue, now)
        return Group(block, events, starts, self.catalogue, self.source), over


def _compact(group: Group) -> Block:
    """Keep the events of a group, and of the block only the lines that they are in."""
    block = group.block
    met = np.zeros(len(block.lines), bool)
    met[group.at] = True
    rows = np.flatnonzero(met)
    rows = rows.take(in_order(block.cells(c.SERIAL, rows)))
    lines = block.lines.take(rows, axis=0)
    sizes = lines[:, c.STOP] - lines[:, c.START]
    buffer = np.empty(int(sizes.sum()), np.uint8)
    gather(block.buffer, lines, buffer)
    shift = np.cumsum(sizes) - sizes - lines[:, c.START]
    lines[:, _PLACES] += shift[:, None]
    spans = np.zeros((c.SPANS_WIDTH, len(rows)), np.int32)
    for row in np.flatnonzero(block.filled[: c.SPANS_WIDTH : 2]).tolist():
        _move(block.spans, row, rows, shift, spans)
    places = np.empty(len(met), np.int64)
    places[rows] = np.arange(len(rows))
    at = places.take(group.at)
    order = in_order(at)
    events = group.events.take(order, axis=0)
    events[:, c.E_LINE] = at.take(order)
    return Block(buffer, lines, events, spans, block.filled, block.files, block.vocabularies, (len(buffer), len(lines)))


@kernel("void(uint8[::1], int64[:, ::1], uint8[::1])")
def gather(buffer: Any, lines: Any, kept: Any) -> None:
    """Copy the text of lines, one behind the other."""
    at = 0
    for row in range(len(lines)):
        size = lines[row, c.STOP] - lines[row, c.START]
        copy(kept, at, buffer, lines[row, c.START], size)
        at += size


def _before(first: Block, second: Block) -> Block:
    """Join two blocks: the events of the first come first, their lines stand in the room behind those of the second."""
    at, row = second.used
    second = _sized(second, at + len(first.buffer), row + len(first.lines))
    second.buffer[at:] = first.buffer
    second.lines[row:] = first.lines
    second.lines[row:, _PLACES] += at
    behind = second.spans[:, row:]
    for field in np.flatnonzero(first.filled[: c.SPANS_WIDTH : 2]).tolist():
        _move(first.spans, field, slice(None), at, behind)
    events = first.events.copy()
    events[:, c.E_LINE] += row
    used = len(second.buffer), len(second.lines)
    events = np.concatenate((events, second.events))
    return replace(second, events=events, filled=first.filled | second.filled, used=used)


def _sized(block: Block, size: int, rows: int) -> Block:
    """Give a block with room for just so many bytes and lines."""
    if size > len(block.buffer) or rows > len(block.lines):
        more, others = max(0, size - len(block.buffer)), max(0, rows - len(block.lines))
        return replace(
            block,
            buffer=np.append(block.buffer, np.empty(more, np.uint8))[:size],
            lines=np.concatenate((block.lines, np.zeros((others, c.LINE_WIDTH), np.int64)))[:rows],
            spans=np.hstack((block.spans, np.zeros((c.SPANS_WIDTH, others), np.int32)))[:, :rows],
        )
    return replace(block, buffer=block.buffer[:size], lines=block.lines[:rows], spans=block.spans[:, :rows])


def _move(spans: Array, field: int, lines: Array | slice, by: Array | int, moved: Array) -> None:
    """Move a field of some lines, each line's by its own number; what is not there stays so."""
    starts, stops = spans[2 * field : 2 * field + 2, lines]
    there = stops > starts
    for k, places in enumerate((starts, stops)):
        moved[2 * field + k] = np.where(there, places + by, 0)
