"""The TCP stage: windows of segments in, batches of sessions with their streams out, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.tcp import columns as c
from analyzer.tcp.assemble import NOTES, PIECE_WIDTH, assemble, stow
from analyzer.tcp.track import DONE, fill, track
from analyzer.wire import segments as wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from analyzer.wire import Window

    Array = np.ndarray[Any, Any]

_NO_BYTES = np.zeros(0, np.uint8)
_NO_SEGMENTS = np.zeros((0, wire.WIDTH), np.int64)


class Batch(NamedTuple):
    """Sessions with their streams: `sessions` int64[n, SESSION_WIDTH], `stream` uint8, `steps` int64[m, STEP_WIDTH]."""

    sessions: Array
    stream: Array
    steps: Array


def hashes_of(segments: Array) -> Array:
    """Give a hash of each segment's addresses and ports that is the same for both directions, int64, not negative."""
    unsigned = segments.view(np.uint64)
    mixed = np.zeros(len(segments), np.uint64)
    for high, low, port in ((wire.SRC_HI, wire.SRC_LO, wire.SPORT), (wire.DST_HI, wire.DST_LO, wire.DPORT)):
        side = unsigned[:, high] * np.uint64(0x9E3779B97F4A7C15) ^ unsigned[:, low]
        side = (side ^ (side >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + unsigned[:, port]
        side = (side ^ (side >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
        mixed += side ^ (side >> np.uint64(31))
    return (mixed >> np.uint64(2)).astype(np.int64)


class Tracker:
    """The open sessions of one shard of `shards`, with their segments that wait for assembly.

    Payload of waiting segments is kept in `arena` between windows; `links` says which segments wait (see `columns`).
    """

    def __init__(self, shard: int = 0, shards: int = 1, capacity: int = 4096) -> None:
        self.shard, self.shards = shard, shards
        self.table = np.zeros((64, c.SESSION_WIDTH), np.int64)
        self.used = np.zeros(len(self.table), bool)
        self.slots = np.full(256, -1, np.int64)
        self.taken = 0  # slots in use, those of ended sessions included
        self.ready = np.zeros((capacity, c.SESSION_WIDTH), np.int64)
        self.limits = np.array(
            (
                limits.IDLE_NS,
                limits.LINGER_NS,
                limits.PART_BYTES,
                limits.PART_SEGMENTS,
                limits.UNKNOWN_BYTES,
                limits.BATCH_BYTES,
            ),
            np.int64,
        )
        self.segments, self.links, self.arena = _NO_SEGMENTS, np.zeros(0, np.int64), _NO_BYTES
        self.tails: dict[int, tuple[Array, Array]] = {}
        self.owners = 0
        self.clock = 0
        self.dull_sessions = 0
        self.dull_packets = 0

    def eat(self, window: Window, kept: int) -> Iterator[Batch]:
        """Take a window in whose buffer this tracker's `arena` begins at `kept`; give what is over or has a part ready.

        Of a session that goes on (FINAL is 0), what the SMTP machine did not read has to be left in `tails`, by OWNER.
        """
        known = len(self.segments)
        self.segments[:, wire.OFF] += kept
        self.segments = np.concatenate([self.segments, window.segments])
        self.links = np.concatenate([self.links, np.full(len(window.segments), c.DONE_WITH, np.int64)])
        hashes = np.concatenate([np.zeros(known, np.int64), hashes_of(window.segments)])
        status = np.zeros(5, np.int64)
        at = known
        while True:
            if self.taken * 2 > len(self.slots) or self.used.all():
                self._grow()
            free = np.flatnonzero(~self.used)[::-1]
            stack = np.concatenate([[len(free)], free])
            status[:] = (0, 0, 0, self.taken, 0)
            at = track(
                self.segments, at, hashes, window.buffer, self.links, self.slots, self.table, stack, self.ready,
                self.limits, status, self.shard, self.shards,
            )  # fmt: skip
            self.used[free] = True
            self.used[stack[1 : 1 + int(stack[0])]] = False
            self.taken = int(status[3])
            if status[1]:
                ready = self.ready[: int(status[1])]
                yield self._assembled(ready[ready[:, c.DULL] == 0], window.buffer)
            if status[0] == DONE:
                break
        if len(window.segments):
            self.clock = int(window.segments[-1, wire.CLOCK])
        yield from self._swept(window.buffer)
        self._stow(known, kept, window.buffer)

    def end(self) -> Iterator[Batch]:
        """Give all sessions that are still open: the input is over."""
        yield from self._given(np.flatnonzero(self.used), c.CAPTURE_END, self.arena)

    def forget(self, row: int) -> None:
        """Drop an open session that is not SMTP: from here on it is only counted."""
        at = int(self.table[row, c.HEAD])
        while at >= 0:
            at, self.links[at] = int(self.links[at]), c.DONE_WITH
        self.table[row, (c.HEAD, c.TAIL)] = c.LAST
        self.table[row, (c.PENDING, c.PENDING_BYTES)] = 0
        self.table[row, c.DULL] = 1

    def _swept(self, buffer: Array) -> Iterator[Batch]:
        """Give the sessions that the clock has ended, by the rule of `track.over`."""
        rows = np.flatnonzero(self.used)
        quiet = self.clock - self.table[rows, c.CLOCK]
        lingered = (self.table[rows, c.CLOSED] == 1) & (quiet > limits.LINGER_NS)
        yield from self._given(rows[lingered], c.LINGERED, buffer)
        yield from self._given(rows[(quiet > limits.IDLE_NS) & ~lingered], c.IDLE, buffer)

    def _given(self, rows: Array, why: int, buffer: Array) -> Iterator[Batch]:
        """Give the sessions of some rows of the table, in batches, and free the rows."""
        if len(rows) == 0:
            return
        dull = self.table[rows, c.DULL] == 1
        self.dull_sessions += int(dull.sum())
        self.dull_packets += int(self.table[rows[dull], c.PACKETS].sum())
        heard = rows[~dull]
        loads = np.cumsum(self.table[heard, c.PENDING_BYTES]) // limits.BATCH_BYTES
        starts = np.flatnonzero(np.diff(loads, prepend=-1))
        for some in np.split(heard, starts[1:]):
            for part in np.split(some, range(len(self.ready), len(some), len(self.ready))):
                if len(part):
                    sessions = self.table[part]
                    sessions[:, c.FINAL], sessions[:, c.ENDED] = 1, why
                    yield self._assembled(sessions, buffer)
        self.used[rows] = False
        self._rehash()

    def _assembled(self, sessions: Array, buffer: Array) -> Batch:
        """Run `assemble` over sessions; what a part leaves over goes back into the table."""
        tails = [self.tails.pop(owner, (_NO_BYTES, _NO_BYTES)) for owner in sessions[:, c.OWNER].tolist()]
        flat = [tail for pair in tails for tail in pair]
        sizes = np.array([len(tail) for tail in flat], np.int64).reshape(-1, 2)
        sessions[:, c.TAIL_LENGTH_0 : c.TAIL_LENGTH_0 + 2] = sizes
        sessions[:, c.TAIL_0 : c.TAIL_0 + 2] = (np.cumsum(sizes) - sizes.ravel()).reshape(-1, 2)
        pending = sessions[:, c.PENDING]
        stream = np.empty(int(sizes.sum() + sessions[:, c.PENDING_BYTES].sum() + pending.sum()), np.uint8)
        steps = np.empty((int(3 * pending.sum() + 8 * len(sessions)), c.STEP_WIDTH), np.int64)
        pieces = np.empty((2, 2 * int(pending.max()) + 2, PIECE_WIDTH), np.int64)
        status = np.zeros(1, np.int64)
        assemble(
            sessions, len(sessions), self.segments, self.links, buffer, np.concatenate([*flat, _NO_BYTES]), stream, steps,
            pieces, np.zeros((2, NOTES), np.int64), np.zeros((2, 4), np.int64), limits.PART_SEGMENTS // 2, status,
        )  # fmt: skip
        for session in sessions[sessions[:, c.FINAL] == 0]:
            if session[c.OWNER] == 0:
                self.owners += 1
                session[c.OWNER] = self.owners
            self.table[session[c.ROW]] = session
        parts = np.flatnonzero((sessions[:, c.FINAL] == 0) & (sessions[:, c.OWNER] == 0))
        sessions[parts, c.OWNER] = self.table[sessions[parts, c.ROW], c.OWNER]
        return Batch(sessions, stream, steps[: int(status[0])])

    def _grow(self) -> None:
        """Make room for twice as many open sessions."""
        self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self.used = np.concatenate([self.used, np.zeros_like(self.used)])
        self._rehash()

    def _rehash(self) -> None:
        """Make the hash table anew, without the slots of ended sessions."""
        size = max(256, 1 << (4 * int(self.used.sum()) + 64).bit_length())
        self.slots = np.full(size, -1, np.int64)
        rows = np.flatnonzero(self.used)
        fill(self.slots, rows, np.ascontiguousarray(self.table[rows, c.HASH]))
        self.taken = len(rows)

    def _stow(self, known: int, kept: int, buffer: Array) -> None:
        """Keep the payload of waiting segments, and drop the rows of the others when they are most of the rows."""
        waiting = self.links != c.DONE_WITH
        rows = np.flatnonzero(waiting)
        if len(waiting) > 2 * len(rows) + 1024:
            self.segments, links = self.segments[rows], self.links[rows]
            number = np.concatenate([np.cumsum(waiting) - 1, [c.LAST]])  # the last place is that of index -1
            self.links = number[links]
            used = np.flatnonzero(self.used)
            for column in (c.HEAD, c.TAIL):
                self.table[used, column] = number[self.table[used, column]]
            self.arena, at, rows = _NO_BYTES, 0, np.arange(len(rows))
        else:
            self.segments[:known, wire.OFF] -= kept
            at, rows = len(self.arena), rows[rows >= known]
        added = np.empty(int(self.segments[rows, wire.LEN].sum()), np.uint8)
        self.arena = np.concatenate([self.arena, added])
        stow(self.segments, rows, buffer, self.arena, at)
