"""Sessions that are read in parts: where one begins, stops and goes on."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.limits import ODD_END_BYTES
from analyzer.smtp.columns import *
from analyzer.smtp.law import GREETING
from analyzer.smtp.machine.units import open_unit
from analyzer.smtp.machine.work import F, K, M
from analyzer.tcp.columns import CUT, STEP_ACKED, STEP_FRAME, STEP_KIND, STEP_SIZE, STEP_TIME


@helper
def begin(w: Any, k: int, client_at: int, server_at: int, greeting: Any) -> None:
    """Set up the state of a new session, whose MODE, CLIENT, FLAGS, TLS, CPOS and SPOS are given."""
    st = w.st
    st[k, CPOS] += client_at
    st[k, CSCAN] = st[k, CPOS]
    st[k, CLIM] = st[k, CPOS]
    st[k, SPOS] += server_at
    st[k, SSCAN] = st[k, SPOS]
    st[k, SLIM] = st[k, SPOS]
    st[k, CGAP] = -1
    st[k, ODD_AT] = -1
    st[k, ATTEMPT] = -1
    st[k, R_STEP] = -1
    st[k, C_NOW] = -1
    st[k, C_HELD] = -1
    st[k, OPEN] = w.ct[0]
    st[k, NEXT] = w.ct[0]
    st[k, TLS_CLIENT] = st[k, CPOS] if st[k, MODE] == M.TLS else -1
    st[k, TLS_SERVER] = st[k, SPOS]
    st[k, STARTED] = 1
    if greeting:
        open_unit(w, k, K.PLAIN, GREETING, M.COMMAND, 0, 0, st[k, CPOS], 0)


@helper
def resume(w: Any, k: int, client_at: int, server_at: int) -> None:
    """Set the positions of a session that goes on to where its kept bytes stand in this batch's stream."""
    st = w.st
    for column in (CPOS, CSCAN, CLIM, CGAP, ODD_AT, C_HELD):
        if st[k, column] >= 0:
            st[k, column] += client_at
    for column in (SPOS, SSCAN, SLIM, PARTIAL_AT, EARLY_OFF, R_OFF):
        st[k, column] += server_at
    held = st[k, NEXT]
    st[k, OPEN] += w.ct[0]
    st[k, NEXT] += w.ct[0]
    for row in range(w.ct[0], w.ct[0] + held):
        w.un[row, U_SESSION] = k
        w.un[row, U_OFF] += client_at
        w.un[row, U_REPLY_OFF] += server_at
    if st[k, ATTEMPT] >= 0:
        st[k, ATTEMPT] = w.ct[1]
        w.au[w.ct[1], A_SESSION] = k
        w.au[w.ct[1], A_FIRST] += w.ct[0]
        w.ct[1] += 1


@helper
def suspend(w: Any, k: int) -> None:
    """Make the positions of a session that goes on relative to the bytes and units that have to be kept."""
    st = w.st
    first = st[k, OPEN]
    if st[k, ATTEMPT] >= 0:
        first = min(first, w.au[st[k, ATTEMPT], A_FIRST])
    while first < st[k, NEXT] and w.un[first, U_FLAGS] & F.FURTHER != 0:
        first -= 1  # the replies to one message stay together
    client = st[k, CPOS]
    server = st[k, SPOS]
    if st[k, ODD_AT] < client - ODD_END_BYTES:
        st[k, ODD_AT] = -1
    if st[k, ODD_AT] >= 0:
        client = st[k, ODD_AT]
    if st[k, PARTIAL] > 0:
        server = min(server, st[k, PARTIAL_AT])
    if st[k, EARLY] > 0:
        server = min(server, st[k, EARLY_OFF])
    for row in range(first, st[k, NEXT]):
        client = min(client, w.un[row, U_OFF])
        if w.un[row, U_CODE] > 0:
            server = min(server, w.un[row, U_REPLY_OFF])
    st[k, KEEP_0 + st[k, CLIENT]] = client
    st[k, KEEP_0 + 1 - st[k, CLIENT]] = server
    for row in range(first, st[k, NEXT]):
        w.un[row, U_FLAGS] |= F.HELD
        w.un[row, U_OFF] -= client
        w.un[row, U_REPLY_OFF] -= server
    if st[k, ATTEMPT] >= 0:
        w.au[st[k, ATTEMPT], A_FLAGS] |= F.HELD
        w.au[st[k, ATTEMPT], A_FIRST] -= first
    st[k, OPEN] -= first
    st[k, NEXT] -= first
    now = st[k, C_NOW]
    if now >= 0:
        st[k, C_TIME] = w.steps[now, STEP_TIME]
        st[k, C_FRAME] = w.steps[now, STEP_FRAME]
        st[k, C_ACKED] = w.steps[now, STEP_ACKED]
        st[k, C_CUT] = w.steps[now, STEP_SIZE] if w.steps[now, STEP_KIND] == CUT else 0
    st[k, C_NOW] = -1
    st[k, C_HELD] = st[k, CLIM]
    for column in (CPOS, CSCAN, CLIM, CGAP, ODD_AT, C_HELD):
        if st[k, column] >= 0:
            st[k, column] -= client
    for column in (SPOS, SSCAN, SLIM, PARTIAL_AT, EARLY_OFF, R_OFF):
        st[k, column] -= server
    st[k, R_STEP] = -1
