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
from analyzer.tcp.track import DONE, FLUSH, HASHES, NO_ROOM, sweep, track
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

#: What there is room for, a session of a batch: at first segments that wait, and bytes of them; when they are moved;
#: bytes of streams, and steps.
FIRST_SEGMENTS, FIRST_BYTES = 1 / 8, 8
SEGMENTS, BYTES = 4, 512
STREAM_BYTES, STEPS = 256, 4


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
    """Sessions with their streams: `sessions` int64[n, SESSION_WIDTH], `stream` uint8, `steps` int64[m, STEP_WIDTH].

    They are there until the tracker goes on: the arrays are used again, since memory that is new costs time.
    """

    sessions: Array
    stream: Array
    steps: Array


def _chained(first: int, rows: int, width: int, link: int) -> Array:
    """Make free rows whose column `link` has the number of the next one; the first of them is row `first`."""
    made = np.zeros((rows, width), np.int64)
    made[:, link] = np.arange(first + 1, first + rows + 1)
    made[-1, link] = c.LAST
    return made


class _Streams:
    """What a batch is made of, as long as it is not given: streams and steps of the first `sessions` of `ready`."""

    def __init__(self, capacity: int) -> None:
        self.stream = np.empty(STREAM_BYTES * capacity, np.uint8)
        self.steps = np.empty((STEPS * capacity, c.STEP_WIDTH), np.int64)
        self.begin()

    def begin(self) -> None:
        """Begin a batch: its sessions so far, the room that they had in all, and what is used of streams and steps."""
        self.sessions = self.rooms = self.bytes = self.written = 0

    def reserve(self, stream_bytes: int, steps: int) -> None:
        """Make room for more."""
        self.stream = longer(self.stream, self.bytes, self.bytes + stream_bytes)
        self.steps = longer(self.steps, self.written, self.written + steps)


def longer(array: Array, used: int, size: int) -> Array:
    """Give an array of at least `size` rows that begins with those in use."""
    if size <= len(array):
        return array
    made = np.empty((max(size, 2 * len(array)), *array.shape[1:]), array.dtype)
    made[:used] = array[:used]
    return made


class Tracker:
    """The open sessions of one shard of `shards`, with their segments that wait for assembly.

    Payload of waiting segments is kept in `arena`. Sessions that are over, or of which a part is ready, are assembled
    window by window, and given in batches of `capacity` sessions, so that a window can be as small as the processor's
    cache and a batch large enough for arrays to be worth it.
    """

    def __init__(self, shard: int = 0, shards: int = 1, capacity: int = 8192, bounds: Bounds | None = None) -> None:
        self.shard, self.shards, self.capacity = shard, shards, capacity
        self.bounds = bounds or Bounds(*(getattr(limits, name.upper()) for name in Bounds._fields))
        self.counters = np.zeros(c.COUNTERS, np.int64)
        self.counters[c.BATCH] = 1
        self.table = _chained(0, 64, c.SESSION_WIDTH, c.HEAD)
        self.waiting = np.empty((1 + int(FIRST_SEGMENTS * capacity), c.SEGMENT_WIDTH), np.int64)
        self.slots = np.full(2 * len(self.table), -1, np.int64)
        self.ready = np.empty((capacity, c.SESSION_WIDTH), np.int64)
        self.arena = np.empty(FIRST_BYTES * capacity, np.uint8)
        self.tails: dict[int, tuple[Array, Array]] = {}
        self.owners = 0
        self.clock = self.swept = 0
        self._hashes = np.zeros(HASHES, np.int64)
        self._made = _Streams(self.capacity)
        self._pieces = np.empty((64, PIECE_WIDTH), np.int64)
        self._scratch = np.zeros(SCRATCH_WIDTH, np.int64)
        self._limits = np.array(self.bounds, np.int64)

    @property
    def dull_sessions(self) -> int:
        """Connections that are over and were no SMTP, by their first bytes."""
        return int(self.counters[c.DULL_OVER])

    def eat(self, window: Window) -> Iterator[Batch]:
        """Take a window; give the batches that are full.

        Of a session that goes on (FINAL is 0), what the SMTP machine did not read has to be left in `tails`, by OWNER.
        """
        buffer, segments = window
        while len(self.table) < len(segments) // self.shards // PACKETS_A_SESSION:
            self._open()  # one sweep a window costs less than many
        at = 0
        while True:
            at = track(
                segments, at, buffer, self.arena, self.waiting, self.slots, self.table, self.ready, self._limits,
                self.counters, self._hashes, HASH_KEY, self.shard, self.shards,
            )  # fmt: skip
            yield from self._worked()
            if self.counters[c.STOPPED] == DONE:
                break
            if self.counters[c.STOPPED] == NO_ROOM:
                yield from self._swept(int(segments[at, wire.CLOCK]))
                self._grow(int(segments[at, wire.LEN]))
        if len(segments):
            yield from self._swept(int(segments[-1, wire.CLOCK]))
        yield from self._relieved()

    def end(self) -> Iterator[Batch]:
        """Give all sessions that are still open: the input is over."""
        yield from self._over(last=True)
        yield from self.flush()

    def flush(self) -> Iterator[Batch]:
        """Give what there is of a batch that is not full."""
        made = self._made
        if made.sessions:
            batch = Batch(self.ready[: made.sessions], made.stream[: made.bytes], made.steps[: made.written])
            made.begin()
            self.counters[c.BATCH] += 1
            self.counters[[c.READY, c.READY_BYTES]] = 0
            yield batch

    def forget(self, row: int) -> None:
        """Drop an open session that is not SMTP: from here on it is only counted."""
        forget(self.table, row, self.waiting, self.counters)

    def _worked(self) -> Iterator[Batch]:
        """Assemble what a kernel has made ready; give the batch where it is full, or has to be read before more."""
        if self.counters[c.READY] > self._made.sessions:
            self._assemble(self.ready[self._made.sessions : self.counters[c.READY]])
        full = self.counters[c.READY] == len(self.ready) or self.counters[c.READY_BYTES] > self.bounds.batch_bytes
        if full or self.counters[c.STOPPED] == FLUSH:
            yield from self.flush()

    def _swept(self, clock: int) -> Iterator[Batch]:
        """Take the sessions that the clock has ended, by the rules of `track.sweep`."""
        self.clock = clock
        if clock - self.swept >= limits.SWEEP_NS:
            self.swept = clock
            yield from self._over(last=False)

    def _over(self, *, last: bool) -> Iterator[Batch]:
        """Take the sessions that are over."""
        row = 0
        while row < len(self.table):
            row = sweep(self.table, row, self.slots, self.ready, self._limits, self.counters, self.clock, int(last))
            yield from self._worked()

    def _relieved(self) -> Iterator[Batch]:
        """Take parts of the largest sessions until less than half of what may wait is waiting."""
        waiting = int(self.counters[c.WAITING_BYTES])
        if waiting <= self.bounds.waiting_bytes:
            return
        yield from self.flush()
        loads = self.table[:, c.ROOM_0] + self.table[:, c.ROOM_1]
        given = (self.table[:, c.OPEN] == 0) | (self.table[:, c.DULL] > 0)
        rows = np.flatnonzero((loads >= min(SMALL_BYTES, self.bounds.waiting_bytes)) & ~given)
        rows = rows[np.argsort(-loads[rows], kind="stable")]
        enough = int(np.searchsorted(np.cumsum(loads[rows]), waiting - self.bounds.waiting_bytes // 2)) + 1
        rows = np.sort(rows[:enough])
        for several in np.split(rows, range(self.capacity, len(rows), self.capacity)):
            self.table[several, c.FINAL] = 0
            self.table[several, c.GIVEN] = self.counters[c.BATCH]
            self.ready[: len(several)] = self.table[several]
            self.counters[[c.READY, c.READY_OPEN, c.READY_OWNED]] = len(several)
            self.counters[c.READY_BYTES] = loads[several].sum()
            pending = self.table[several, c.PENDING]
            self.counters[[c.READY_PENDING, c.READY_MOST]] = pending.sum(), pending.max()
            self._assemble(self.ready[: len(several)])
            yield from self.flush()

    def _assemble(self, sessions: Array) -> None:
        """Run `assemble` over sessions; what a part leaves over goes back into the table."""
        made, counters = self._made, self.counters
        of_these = [c.READY_PENDING, c.READY_MOST, c.READY_OPEN, c.READY_OWNED]
        pending, most, going_on, owned = counters[of_these].tolist()
        counters[of_these] = 0
        kept = self._kept(sessions) if owned else []
        room = int(counters[c.READY_BYTES]) - made.rooms + sum(len(tail) for _, _, tail in kept)
        made.reserve(room, 10 * pending + 10 * len(sessions))
        self._pieces = longer(self._pieces, 0, 4 * most + 4)
        made.written = assemble(
            sessions, made.written, made.bytes, self._scratch, self._pieces, self.waiting, self.arena, made.stream,
            made.steps, self._limits, counters,
        )  # fmt: skip
        made.sessions += len(sessions)
        made.rooms = int(counters[c.READY_BYTES])
        made.bytes += room
        for k, side, tail in kept:
            at = int(sessions[k, c.STREAM_0 + side])
            made.stream[at : at + len(tail)] = tail
        if going_on:
            open_ = np.flatnonzero(sessions[:, c.FINAL] == 0)
            new = open_[sessions[open_, c.OWNER] == 0]
            sessions[new, c.OWNER] = self.owners + 1 + np.arange(len(new))
            self.owners += len(new)
            self.table[sessions[open_, c.ROW]] = sessions[open_]

    def _kept(self, sessions: Array) -> list[tuple[int, int, Array]]:
        """Give what was left over of streams from the parts before: session, side, bytes; LENGTH tells how many."""
        kept = []
        owned = np.flatnonzero(sessions[:, c.OWNER])
        sessions[owned, c.LENGTH_0 : c.LENGTH_0 + 2] = 0
        for k in owned.tolist():
            for side, tail in enumerate(self.tails.pop(int(sessions[k, c.OWNER]), ())):
                sessions[k, c.LENGTH_0 + side] = len(tail)
                kept.append((k, side, tail))
        return kept

    def _grow(self, size: int) -> None:
        """Make room for twice as many open sessions, or for a segment of `size` bytes: for what is short."""
        if self.counters[c.FREE_SESSION] < 0:
            self._open()
        if self.counters[c.SEGMENTS] == len(self.waiting) or self.counters[c.ARENA] + size > len(self.arena):
            self._move(size)

    def _open(self) -> None:
        """Make room for twice as many open sessions: a power of two, of which the hash table's size is made."""
        size = len(self.table)
        self.table = np.concatenate([self.table, _chained(size, size, c.SESSION_WIDTH, c.HEAD)])
        self.table[-1, c.HEAD] = self.counters[c.FREE_SESSION]
        self.counters[c.FREE_SESSION] = size
        self.slots = np.full(2 * len(self.table), -1, np.int64)
        fill(self.slots, self.table)

    def _move(self, size: int) -> None:
        """Move what waits to arrays of its own, with three times the room for what comes."""
        waiting, octets = self.counters[[c.WAITING, c.WAITING_BYTES]].tolist()
        rows = np.empty((max(SEGMENTS * self.capacity, 4 * (waiting + 1)), c.SEGMENT_WIDTH), np.int64)
        arena = np.empty(max(BYTES * self.capacity, 4 * (octets + size)), np.uint8)
        stow(self.table, self.waiting, self.arena, rows, arena, self.counters)
        self.waiting, self.arena = rows, arena
