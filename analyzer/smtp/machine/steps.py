"""The steps of a session in their order: the kernel of the machine."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.smtp.columns import *
from analyzer.smtp.law import UNSOLICITED_UNIT
from analyzer.smtp.machine.client import lost_octets, pump, take_client_gap
from analyzer.smtp.machine.commands import take_early
from analyzer.smtp.machine.parts import begin, resume, suspend
from analyzer.smtp.machine.server import break_reply, serve
from analyzer.smtp.machine.units import close_attempt, open_unit
from analyzer.smtp.machine.work import F, H, K, M, Work
from analyzer.tcp.columns import (
    CONFLICT,
    CUT,
    DATA,
    END,
    FIN,
    FINAL,
    GAP,
    LENGTH_0,
    STEP,
    STEP_END,
    STEP_FRAME,
    STEP_KIND,
    STEP_SIDE,
    STEP_TIME,
    STEPS,
    STREAM_0,
)  # fmt: skip


@helper
def close(w: Any, k: int, at: int, client: int, how: int) -> None:
    """A side sent a FIN (1) or a RST (2)."""
    st = w.st
    if st[k, FIRST_END] == 0:
        st[k, FIRST_END] = H.CLIENT if client else H.SERVER
        st[k, END_TIME] = w.steps[at, STEP_TIME]
        st[k, END_FRAME] = w.steps[at, STEP_FRAME]
    if client:
        st[k, CLIENT_END] = max(how, st[k, CLIENT_END])
    else:
        st[k, SERVER_END] = max(how, st[k, SERVER_END])


@helper
def finish(w: Any, k: int) -> None:
    """The session is over."""
    st = w.st
    if st[k, ATTEMPT] >= 0:
        hidden = st[k, SERVER_GAP] == 1 or st[k, FLAGS] & F.ONE_SIDED != 0 or st[k, HOLE] == 1
        close_attempt(w, k, H.UNSEEN if hidden else st[k, FIRST_END])
    if st[k, EARLY] > 0:
        row = open_unit(w, k, K.UNKNOWN, UNSOLICITED_UNIT, M.COMMAND, st[k, EARLY_TIME], 0, 0, 0)
        take_early(w, k, row)
        st[k, FLAGS] |= F.UNSOLICITED


@helper
def take_step(w: Any, k: int, at: int, first: int, last: int) -> None:
    """Read one step."""
    st = w.st
    kind = w.steps[at, STEP_KIND]
    client = w.steps[at, STEP_SIDE] == st[k, CLIENT]
    if kind != END and w.steps[at, STEP_TIME] > 0:
        if st[k, BEGAN] == 0:
            st[k, BEGAN] = w.steps[at, STEP_TIME]
        st[k, ENDED_AT] = w.steps[at, STEP_TIME]
    if kind == DATA or kind == CUT:
        if kind == CUT:
            st[k, FLAGS] |= F.TRUNCATED
        if client:
            st[k, CLIM] = w.steps[at, STEP_END]
            st[k, C_NOW] = at
            if kind == CUT and st[k, MODE] == M.CHUNK and st[k, CHUNK_LEFT] > 0:
                lost_octets(w, k, at)
            if kind == CUT and st[k, MODE] == M.BODY:
                st[k, HOLE] = 1
                st[k, ODD_AT] = -1
            pump(w, k, first, last)
        else:
            st[k, SLIM] = w.steps[at, STEP_END]
            serve(w, k, at, first, last)
            if kind == CUT and st[k, PARTIAL] > 0:
                break_reply(w, k, at, first, last)
    elif kind == GAP and client:
        take_client_gap(w, k, at, first, last)
    elif kind == GAP:
        if st[k, MODE] != M.TLS:
            break_reply(w, k, at, first, last)
            st[k, FLAGS] |= F.GAP_SERVER
            st[k, SERVER_GAP] = 1
            if st[k, ATTEMPT] >= 0:
                w.au[st[k, ATTEMPT], A_FLAGS] |= F.GAP_SERVER
    elif kind != END:
        close(w, k, at, client, 1 if kind == FIN else 2)


@kernel(
    "int64(int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[::1], uint8[::1], int64[:, ::1],"
    " int64[:, ::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1])"
)
def run(
    sessions: Any,
    states: Any,
    units: Any,
    attempts: Any,
    counters: Any,
    stream: Any,
    steps: Any,
    law: Any,
    verbs: Any,
    codes: Any,
    traits: Any,
    held_units: Any,
    held_attempts: Any,
) -> Any:
    """Read all steps of a batch of sessions.

    sessions and steps are those of `analyzer.tcp`. states int64[n, STATE_WIDTH]: of new sessions only what `begin`
    names is set. units and attempts must be large enough for every line of the streams; counters: how many there are.
    held_*: rows that were marked HELD by the part before, in the order of their sessions.
    """
    w = Work(states, units, attempts, counters, stream, steps, law, verbs, codes, traits)
    next_unit = 0
    next_attempt = 0
    for k in range(len(sessions)):
        client_at = sessions[k, STREAM_0 + states[k, CLIENT]]
        server_at = sessions[k, STREAM_0 + 1 - states[k, CLIENT]]
        if states[k, STARTED] == 0:
            begin(w, k, client_at, server_at, states[k, MODE] == M.COMMAND)
        else:
            for row in range(states[k, NEXT]):
                for column in range(U_WIDTH):
                    units[counters[0] + row, column] = held_units[next_unit, column]
                next_unit += 1
            if states[k, ATTEMPT] >= 0:
                for column in range(A_WIDTH):
                    attempts[counters[1], column] = held_attempts[next_attempt, column]
                next_attempt += 1
            resume(w, k, client_at, server_at)
        if sessions[k, CONFLICT] == 1:
            states[k, FLAGS] |= F.OVERLAP_CONFLICT
        states[k, SEND] = server_at + sessions[k, LENGTH_0 + 1 - states[k, CLIENT]]
        first = sessions[k, STEP]
        last = first + sessions[k, STEPS]
        states[k, CSTEP] = first
        for at in range(first, last):
            take_step(w, k, at, first, last)
        if sessions[k, FINAL] == 1:
            finish(w, k)
        counters[0] = states[k, NEXT]
        if sessions[k, FINAL] == 0:
            suspend(w, k)
    return counters[0]
