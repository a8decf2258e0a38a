"""The TCP stage: windows of segments in, batches of sessions with their streams out, in bounded memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.tcp import columns as c
from analyzer.tcp.assemble import assemble
from analyzer.tcp.pieces import PIECE_WIDTH, SCRATCH_WIDTH
from analyzer.tcp.table import fill, forget, stow
from analyzer.tcp.track import DONE, NO_ROOM, track
from analyzer.wire import segments as wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from analyzer.wire import Window

    Array = np.ndarray[Any, Any]

#: Another one in each process: nobody can make a capture whose connections all fall into one slot.
HASH_KEY = int.from_bytes(os.urandom(4), "big")

#: Sessions with less than this waiting are left in peace when memory is short.
SMALL_BYTES = 4096

#: Packets of the shortest sessions that are worth their room: a handshake, a refusal and an end.
PACKETS_A_SESSION = 10

#: Rows for waiting segments are doubled up to this number rather than freed by smaller batches.
FEW_SEGMENTS = 1 << 15

_NO_BYTES = np.zeros(0, np.uint8)


class Bounds(NamedTuple):
    """How much may wait, and how long; see `analyzer.limits`. `analyzer.tcp.track` has the places of the fields."""

    idle_ns: int = limits.IDLE_NS
    linger_ns: int = limits.LINGER_NS
    settle_ns: int = limits.SETTLE_NS
    part_bytes: int = limits.PART_BYTES
    part_segments: int = limits.PART_SEGMENTS
    unknown_bytes: int = limits.UNKNOWN_BYTES
    batch_bytes: int = limits.BATCH_BYTES
    hole_segments: int = limits.HOLE_SEGMENTS
    hole_bytes: int = limits.HOLE_BYTES
    waiting_bytes: int = limits.WAITING_BYTES


class Batch(NamedTuple):
    """Sessions with their streams: `sessions` int64[n, SESSION_WIDTH], `stream` uint8, `steps` int64[m, STEP_WIDTH]."""

    sessions: Array
    stream: Array
    steps: Array


def _chained(first: int, rows: int, width: int, link: int) -> Array:
    """Make free rows whose column `link` has the number of the next one; the first of them is row `first`."""
    made = np.zeros((rows, width), np.int64)
    made[:, link] = np.arange(first + 1, first + rows + 1)
    made[-1, link] = c.LAST
    return made


class Tracker:
    """The open sessions of one shard of `shards`, with their segments that wait for assembly.

    Payload of waiting segments is kept in `arena` between windows.
    """

    def __init__(self, shard: int = 0, shards: int = 1, capacity: int = 4096, bounds: Bounds | None = None) -> None:
        self.shard, self.shards = shard, shards
        self.bounds = bounds or Bounds(*(getattr(limits, name.upper()) for name in Bounds._fields))
        self.counters = np.zeros(c.COUNTERS, np.int64)
        self.table = _chained(0, 64, c.SESSION_WIDTH, c.HEAD)
        self.waiting = _chained(0, 1024, c.SEGMENT_WIDTH, c.NEXT)
        self.waiting[:, c.SIDE] = -1
        self.slots = np.full(2 * len(self.table), -1, np.int64)
        self.ready = np.zeros((capacity, c.SESSION_WIDTH), np.int64)
        self.arena = _NO_BYTES
        self.tails: dict[int, tuple[Array, Array]] = {}
        self.owners = 0
        self.clock = self.swept = 0
        self._limits = np.array(self.bounds, np.int64)

    @property
    def dull_sessions(self) -> int:
        """Connections that are over and were no SMTP, by their first bytes."""
        return int(self.counters[c.DULL_OVER])

    def eat(self, window: Window, kept: int) -> Iterator[Batch]:
        """Take a window in whose buffer this tracker's `arena` begins at `kept`; give what is over or has a part ready.

        Of a session that goes on (FINAL is 0), what the SMTP machine did not read has to be left in `tails`, by OWNER.
        """
        buffer, segments, _ = window
        if kept:
            self.waiting[:, c.OFF] += kept
        mine = len(segments) // self.shards  # one sweep a window costs less than many
        if len(self.waiting) < mine:
            self._wait(mine)
        while len(self.table) < mine // PACKETS_A_SESSION:
            self._open()
        at = 0
        while True:
            at = track(
                segments, at, buffer, self.waiting, self.slots, self.table, self.ready, self._limits, self.counters,
                HASH_KEY, self.shard, self.shards,
            )  # fmt: skip
            if self.counters[c.READY]:
                ready = self.ready[: self.counters[c.READY]].copy()
                self.counters[[c.READY, c.READY_BYTES]] = 0
                yield self._assembled(ready, buffer)
            if self.counters[c.STOPPED] == DONE:
                break
            if self.counters[c.STOPPED] == NO_ROOM:
                yield from self._swept(buffer, int(segments[at, wire.CLOCK]))
                self._grow()
        if len(segments):
            yield from self._swept(buffer, int(segments[-1, wire.CLOCK]))
        yield from self._relieved(buffer)
        self.arena = np.empty(int(self.counters[c.WAITING_BYTES]), np.uint8)
        stow(
            self.waiting,
            np.flatnonzero((self.waiting[:, c.SIDE] >= 0) & (self.waiting[:, c.LEN] > 0)),
            buffer,
            self.arena,
        )

    def end(self) -> Iterator[Batch]:
        """Give all sessions that are still open: the input is over."""
        self.swept = -limits.SWEEP_NS
        yield from self._swept(self.arena, self.clock)
        yield from self._ended(np.flatnonzero(self.table[:, c.OPEN]), c.CAPTURE_END, self.arena)

    def forget(self, row: int) -> None:
        """Drop an open session that is not SMTP: from here on it is only counted."""
        forget(self.table, row, self.waiting, self.counters)

    def _swept(self, buffer: Array, clock: int) -> Iterator[Batch]:
        """Give the sessions that the clock has ended, by the rules of `track.over` and `track.settled`."""
        self.clock = clock
        if clock - self.swept < limits.SWEEP_NS:
            return
        self.swept = clock
        rows = np.flatnonzero(self.table[:, c.OPEN])
        quiet = clock - self.table[rows, c.CLOCK]
        brief = (self.table[rows, c.CLOSED] == 1) | (self.table[rows, c.ANSWERED] == 0)
        lingered = brief & (quiet > self.bounds.linger_ns)
        settled = (self.table[rows, c.FIN_0] == 2) & (self.table[rows, c.FIN_1] == 2) & (self.table[rows, c.DULL] == 0)
        settled &= ~lingered & (quiet > self.bounds.settle_ns)
        yield from self._batches(rows[settled], 1, c.LINGERED, buffer)
        self.table[rows[settled], c.DULL] = c.COMPLETE
        yield from self._ended(rows[lingered], c.LINGERED, buffer)
        yield from self._ended(rows[(quiet > self.bounds.idle_ns) & ~lingered], c.IDLE, buffer)

    def _ended(self, rows: Array, why: int, buffer: Array) -> Iterator[Batch]:
        """Give the sessions of some rows of the table, and free the rows."""
        if len(rows) == 0:
            return
        dull = self.table[rows, c.DULL]
        self.counters[c.DULL_OVER] += np.count_nonzero(dull == c.NO_SMTP)
        yield from self._batches(rows[dull == 0], 1, why, buffer)
        self.table[rows, c.OPEN] = 0
        self.table[rows, c.HEAD] = np.append(rows[1:], self.counters[c.FREE_SESSION])
        self.counters[c.FREE_SESSION] = rows[0]
        self._rehash()

    def _relieved(self, buffer: Array) -> Iterator[Batch]:
        """Give parts of the largest sessions until less than half of what may wait is waiting."""
        waiting = int(self.counters[c.WAITING_BYTES])
        if waiting <= self.bounds.waiting_bytes:
            return
        loads = self.table[:, c.ROOM_0] + self.table[:, c.ROOM_1]
        given = (self.table[:, c.OPEN] == 0) | (self.table[:, c.DULL] > 0)
        rows = np.flatnonzero((loads >= min(SMALL_BYTES, self.bounds.waiting_bytes)) & ~given)
        rows = rows[np.argsort(-loads[rows], kind="stable")]
        enough = int(np.searchsorted(np.cumsum(loads[rows]), waiting - self.bounds.waiting_bytes // 2)) + 1
        yield from self._batches(np.sort(rows[:enough]), 0, 0, buffer)

    def _batches(self, rows: Array, final: int, why: int, buffer: Array) -> Iterator[Batch]:
        """Give sessions of the table in batches of bounded size."""
        loads = np.cumsum(self.table[rows, c.ROOM_0] + self.table[rows, c.ROOM_1])
        at = 0
        while at < len(rows):
            before = loads[at - 1] if at else 0
            end = int(np.searchsorted(loads, before + self.bounds.batch_bytes, "right"))
            end = min(max(end, at + 1), at + len(self.ready))
            sessions = self.table[rows[at:end]]
            sessions[:, c.FINAL], sessions[:, c.ENDED] = final, why
            yield self._assembled(sessions, buffer)
            at = end

    def _assembled(self, sessions: Array, buffer: Array) -> Batch:
        """Run `assemble` over sessions; what a part leaves over goes back into the table."""
        stream = self._stream(sessions)
        pending = sessions[:, c.PENDING]
        steps = np.empty((int(10 * pending.sum()) + 10 * len(sessions), c.STEP_WIDTH), np.int64)
        pieces = np.empty((4 * int(pending.max()) + 4, PIECE_WIDTH), np.int64)
        scratch = np.zeros(SCRATCH_WIDTH, np.int64)
        written = assemble(sessions, scratch, pieces, self.waiting, buffer, stream, steps, self._limits, self.counters)
        open_ = np.flatnonzero(sessions[:, c.FINAL] == 0)
        new = open_[sessions[open_, c.OWNER] == 0]
        sessions[new, c.OWNER] = self.owners + 1 + np.arange(len(new))
        self.owners += len(new)
        self.table[sessions[open_, c.ROW]] = sessions[open_]
        return Batch(sessions, stream, steps[:written])

    def _stream(self, sessions: Array) -> Array:
        """Make room for the streams of sessions, with what was left over from their last parts at the beginning."""
        sessions[:, c.LENGTH_0 : c.LENGTH_0 + 2] = 0
        kept = []
        for k in np.flatnonzero(sessions[:, c.OWNER]).tolist():
            tails = self.tails.pop(int(sessions[k, c.OWNER]), None)
            for side, tail in enumerate(tails or ()):
                sessions[k, c.LENGTH_0 + side] = len(tail)
                kept.append((k, side, tail))
        rooms = sessions[:, c.ROOM_0 : c.ROOM_0 + 2] + sessions[:, c.LENGTH_0 : c.LENGTH_0 + 2]
        ends = np.cumsum(rooms)
        sessions[:, c.STREAM_0 : c.STREAM_0 + 2] = ends.reshape(-1, 2) - rooms
        stream = np.empty(int(ends[-1]), np.uint8)
        for k, side, tail in kept:
            at = int(sessions[k, c.STREAM_0 + side])
            stream[at : at + len(tail)] = tail
        return stream

    def _grow(self) -> None:
        """Make room for twice as many open sessions or waiting segments, where one of them is short of it."""
        if self.counters[c.FREE_SESSION] < 0:
            self._open()
        if self.counters[c.FREE_SEGMENT] < 0 or len(self.waiting) < FEW_SEGMENTS:
            self._wait(len(self.waiting))

    def _open(self) -> None:
        """Make room for twice as many open sessions: a power of two, of which the hash table's size is made."""
        size = len(self.table)
        self.table = np.concatenate([self.table, _chained(size, size, c.SESSION_WIDTH, c.HEAD)])
        self.table[-1, c.HEAD] = self.counters[c.FREE_SESSION]
        self.counters[c.FREE_SESSION] = size
        self._rehash()

    def _wait(self, more: int) -> None:
        """Make room for more waiting segments."""
        size = len(self.waiting)
        self.waiting = np.concatenate([self.waiting, _chained(size, more, c.SEGMENT_WIDTH, c.NEXT)])
        self.waiting[size:, c.SIDE] = -1
        self.waiting[-1, c.NEXT] = self.counters[c.FREE_SEGMENT]
        self.counters[c.FREE_SEGMENT] = size

    def _rehash(self) -> None:
        """Make the hash table anew, without the slots of ended sessions."""
        self.slots = np.full(2 * len(self.table), -1, np.int64)
        fill(self.slots, self.table)
