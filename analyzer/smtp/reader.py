"""The SMTP stage: batches of streams in, rows of sessions, units and attempts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp.law import Flag, matrices
from analyzer.smtp.machine.steps import run
from analyzer.smtp.recognise import FOUND_WIDTH, IS_SMTP, PROXY_WORDS, SIGNS, recognise
from analyzer.tables import selected
from analyzer.tcp import columns as c
from analyzer.tcp.stage import longer

if TYPE_CHECKING:
    from typing import Any

    from analyzer.tcp.stage import Batch, Tracker

    Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """What a batch gave, until the next one is read: the arrays are used again.

    Rows of units and attempts that are HELD or VOID (U_FLAGS, A_FLAGS) are not to be shown.
    """

    sessions: Array  # int64[n, analyzer.tcp.columns.SESSION_WIDTH]
    states: Array  # int64[n, STATE_WIDTH]
    found: Array  # int64[n, FOUND_WIDTH]: the proxy of sessions that begin here
    units: Array  # int64[u, U_WIDTH]
    attempts: Array  # int64[a, A_WIDTH]
    stream: Array  # uint8


class _Part(NamedTuple):
    state: Array
    units: Array
    attempts: Array


class Reader:
    """Runs the machine over batches, and keeps what it has to know of sessions that go on."""

    def __init__(self) -> None:
        self.law, self.verbs, self.codes, self.traits = matrices()
        self.words = np.frombuffer(bytearray(PROXY_WORDS), np.uint8)
        self.parts: dict[int, _Part] = {}
        self._units, self._attempts = np.empty((0, s.U_WIDTH), np.int64), np.empty((0, s.A_WIDTH), np.int64)
        self.other_sessions = 0
        self.silent_sessions = 0

    def read(self, batch: Batch, tracker: Tracker) -> Rows:
        """Read a batch; of sessions that go on, leave in `tracker` the bytes that were not read."""
        sessions, states, found = self._known(batch, tracker)
        held = []
        for k in np.flatnonzero(sessions[:, c.OWNER]).tolist():
            part = self.parts.pop(int(sessions[k, c.OWNER]), None)
            if part:
                states[k] = part.state
                held.append(part)
        held_units = np.concatenate([part.units for part in held] or [np.zeros((0, s.U_WIDTH), np.int64)])
        held_attempts = np.concatenate([part.attempts for part in held] or [np.zeros((0, s.A_WIDTH), np.int64)])
        rows = self._run(batch, sessions, states, found, held_units, held_attempts)
        self._hold(rows, tracker)
        return rows

    def read_whole(self, batch: Batch, states: Array) -> Rows:
        """Read a batch of whole sessions, of which `states` tells how they begin; their client is side 0."""
        found = np.zeros((len(batch.sessions), FOUND_WIDTH), np.int64)
        none = np.zeros((0, s.U_WIDTH), np.int64), np.zeros((0, s.A_WIDTH), np.int64)
        return self._run(batch, batch.sessions, states, found, *none)

    def _run(
        self, batch: Batch, sessions: Array, states: Array, found: Array, held_units: Array, held_attempts: Array
    ) -> Rows:
        """Run the machine."""
        lines = int(np.count_nonzero(batch.stream == 10)) + len(batch.steps) + 2 * len(sessions)
        units = self._units = longer(self._units, 0, 2 * lines + len(held_units))
        attempts = self._attempts = longer(self._attempts, 0, lines + len(held_attempts))
        counters = np.zeros(2, np.int64)
        run(
            sessions, states, units, attempts, counters, batch.stream, batch.steps, self.law, self.verbs, self.codes,
            self.traits, held_units, held_attempts,
        )  # fmt: skip
        return Rows(sessions, states, found, units[: counters[0]], attempts[: counters[1]], batch.stream)

    def _known(self, batch: Batch, tracker: Tracker) -> tuple[Array, Array, Array]:
        """Give the sessions that are SMTP, with their states; the tracker forgets the others."""
        sessions = batch.sessions
        known = np.zeros(len(sessions), bool)
        owned = np.flatnonzero(sessions[:, c.OWNER])
        known[owned] = [owner in self.parts for owner in sessions[owned, c.OWNER].tolist()]
        new = np.flatnonzero(~known)
        states = np.zeros((len(sessions), s.STATE_WIDTH), np.int64)
        found = np.zeros((len(sessions), FOUND_WIDTH), np.int64)
        fresh, fresh_states, fresh_found = (selected(array, new) for array in (sessions, states, found))
        scratch = np.zeros((2, SIGNS), np.int64), np.zeros(2, np.int64)
        recognise(fresh, fresh_states, batch.stream, self.verbs, self.words, fresh_found, *scratch)
        if fresh_states is not states:
            states[new], found[new] = fresh_states, fresh_found
        smtp = known | (found[:, IS_SMTP] == 1)
        for session in sessions[~smtp & (sessions[:, c.FINAL] == 0)]:
            tracker.forget(int(session[c.ROW]))
        spoke = sessions[:, c.LENGTH_0] + sessions[:, c.LENGTH_1] > 0
        over = ~smtp & (sessions[:, c.FINAL] == 1)
        self.other_sessions += int((over & spoke).sum())
        self.silent_sessions += int((over & ~spoke).sum())
        rows = np.flatnonzero(smtp)
        return selected(sessions, rows), selected(states, rows), selected(found, rows)

    def _hold(self, rows: Rows, tracker: Tracker) -> None:
        """Keep the state, the rows and the bytes of sessions that go on."""
        sessions, states, _, units, attempts, stream = rows
        going_on = np.flatnonzero(sessions[:, c.FINAL] == 0)
        if not len(going_on):
            return
        kept_units = _held(units, s.U_SESSION, s.U_FLAGS)
        kept_attempts = _held(attempts, s.A_SESSION, s.A_FLAGS)
        for k in going_on.tolist():
            owner = int(sessions[k, c.OWNER])
            held = kept_units.get(k, units[:0]), kept_attempts.get(k, attempts[:0])
            self.parts[owner] = _Part(states[k].copy(), *held)
            tracker.tails[owner] = tuple(  # type: ignore[assignment]
                stream[states[k, s.KEEP_0 + i] : sessions[k, c.STREAM_0 + i] + sessions[k, c.LENGTH_0 + i]].copy()
                for i in range(2)
            )


def _held(rows: Array, session: int, flags: int) -> dict[int, Array]:
    """Give the rows that are HELD, by their session, the flag taken off."""
    held = rows[rows[:, flags] & int(Flag.HELD) != 0]
    held[:, flags] &= ~int(Flag.HELD)
    owners, starts = np.unique(held[:, session], return_index=True)  # rows of a session stand together
    return dict(zip(owners.tolist(), np.split(held, starts[1:]), strict=False))
