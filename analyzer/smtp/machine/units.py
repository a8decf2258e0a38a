"""Units and AUTH attempts, as they are opened, answered and closed."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.smtp.columns import *
from analyzer.smtp.machine.work import F, H, K, M
from analyzer.tcp.columns import CUT, STEP_END, STEP_FRAME, STEP_KIND, STEP_SIDE, STEP_TIME


@helper
def locate(w: Any, k: int, first: int, last: int, position: int) -> Any:
    """Give the step that brought the client's byte before `position`, -1 for a part before; positions only grow."""
    if position <= w.st[k, C_HELD]:
        return -1
    at = max(w.st[k, CSTEP], first)
    while at < last - 1 and (
        w.steps[at, STEP_SIDE] != w.st[k, CLIENT] or w.steps[at, STEP_KIND] > CUT or w.steps[at, STEP_END] < position
    ):
        at += 1
    w.st[k, CSTEP] = at
    return at


@helper
def time_of(w: Any, k: int, at: int) -> Any:
    """Give the time of a step that `locate` gave."""
    return w.steps[at, STEP_TIME] if at >= 0 else w.st[k, C_TIME]


@helper
def frame_of(w: Any, k: int, at: int) -> Any:
    """Give the frame of a step that `locate` gave."""
    return w.steps[at, STEP_FRAME] if at >= 0 else w.st[k, C_FRAME]


@helper
def is_cut(w: Any, k: int, at: int, position: int) -> Any:
    """Say whether the snap length cut off what stood before `position`, for which `locate` gave this step."""
    if at < 0:
        return w.st[k, C_CUT] > 0 and w.st[k, C_HELD] == position
    return w.steps[at, STEP_KIND] == CUT and w.steps[at, STEP_END] == position


@helper
def open_unit(w: Any, k: int, kind: int, verb: int, mode: int, time: int, frame: int, offset: int, length: int) -> Any:
    """Write a unit that waits for its reply; gives its row."""
    st = w.st
    un = w.un
    row = st[k, NEXT]
    if st[k, SERVER_GAP] == 1:
        st[k, OPEN] = row  # the client went on: the replies to the units before are among the missing bytes
        st[k, SERVER_GAP] = 0
    for column in range(U_WIDTH):
        un[row, column] = 0
    un[row, U_SESSION] = k
    un[row, U_NUMBER] = st[k, COUNT]
    un[row, U_KIND] = kind
    un[row, U_VERB] = verb
    un[row, U_MODE] = mode
    un[row, U_AT] = time
    un[row, U_FRAME] = frame
    un[row, U_OFF] = offset
    un[row, U_LENGTH] = length
    if st[k, OPEN] < row:
        un[row, U_FLAGS] = F.PIPELINED
    if st[k, ATTEMPT] >= 0:
        un[row, U_ATTEMPT] = st[k, ATTEMPTS]
    st[k, NEXT] = row + 1
    st[k, COUNT] += 1
    return row


@helper
def give_reply(w: Any, k: int, row: int) -> None:
    """Write the reply that was just read into its unit."""
    at = w.st[k, R_STEP]
    w.un[row, U_CODE] = w.st[k, R_CODE]
    w.un[row, U_REPLY_OFF] = w.st[k, R_OFF]
    w.un[row, U_REPLY_LENGTH] = w.st[k, R_LENGTH]
    w.un[row, U_REPLY_AT] = w.steps[at, STEP_TIME]
    w.un[row, U_REPLY_FRAME] = w.steps[at, STEP_FRAME]


@helper
def reply_alone(w: Any, k: int, verb: int) -> Any:
    """Write a reply that answers no unit that was seen; gives its row."""
    at = w.st[k, R_STEP]
    frame = 0
    row = open_unit(w, k, K.UNKNOWN, verb, M.COMMAND, w.steps[at, STEP_TIME], frame, 0, 0)
    w.un[row, U_FLAGS] = 0
    w.st[k, OPEN] = row + 1
    give_reply(w, k, row)
    return row


@helper
def begin_attempt(w: Any, k: int, row: int, last: int, flags: int) -> None:
    """Write an open attempt that begins with unit `row`."""
    attempt = w.ct[1]
    w.ct[1] = attempt + 1
    for column in range(A_WIDTH):
        w.au[attempt, column] = 0
    w.st[k, ATTEMPT] = attempt
    w.st[k, ATTEMPTS] += 1
    w.un[row, U_ATTEMPT] = w.st[k, ATTEMPTS]
    w.au[attempt, A_SESSION] = k
    w.au[attempt, A_NUMBER] = w.st[k, ATTEMPTS]
    w.au[attempt, A_FIRST] = row
    w.au[attempt, A_AT] = w.un[row, U_AT]
    w.au[attempt, A_FRAME] = w.un[row, U_FRAME]
    w.au[attempt, A_LAST] = last
    w.au[attempt, A_TLS] = w.st[k, TLS]
    w.au[attempt, A_FLAGS] = flags


@helper
def close_attempt(w: Any, k: int, how: int) -> None:
    """End the open attempt, with the reply that was just read where `how` says so."""
    attempt = w.st[k, ATTEMPT]
    w.au[attempt, A_HOW] = how
    if how == H.CODE:
        at = w.st[k, R_STEP]
        w.au[attempt, A_CODE] = w.st[k, R_CODE]
        w.au[attempt, A_REPLY_OFF] = w.st[k, R_OFF]
        w.au[attempt, A_REPLY_LENGTH] = w.st[k, R_LENGTH]
        w.au[attempt, A_END_AT] = w.steps[at, STEP_TIME]
        w.au[attempt, A_END_FRAME] = w.steps[at, STEP_FRAME]
    elif how == H.CLIENT or how == H.SERVER:
        w.au[attempt, A_END_AT] = w.st[k, END_TIME]
        w.au[attempt, A_END_FRAME] = w.st[k, END_FRAME]
    w.st[k, FLAGS] |= w.au[attempt, A_FLAGS]
    w.st[k, ATTEMPT] = -1


@helper
def spend(w: Any, attempt: Any, column: int, time: int) -> None:
    """Add a stretch of time to the server's or the client's thinking time."""
    if time < 0:
        w.au[attempt, A_FLAGS] |= F.CLOCK
    else:
        w.au[attempt, column] += time
