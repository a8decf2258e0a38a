"""What a line of the client is: a command, an answer to a challenge, a line of a message."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.limits import AUTH_LINE_OCTETS
from analyzer.smtp.columns import *
from analyzer.smtp.law import ANSWER_UNIT, END_OF_DATA, UNKNOWN_VERB
from analyzer.smtp.machine.grammar import CR, POINT, STAR, is_last, number_at, skip_word, verb_of
from analyzer.smtp.machine.units import (
    begin_attempt,
    close_attempt,
    frame_of,
    is_cut,
    locate,
    open_unit,
    spend,
    time_of,
)
from analyzer.smtp.machine.work import KINDS, A, F, H, K, L, M
from analyzer.tcp.columns import EARLY as BEFORE
from analyzer.tcp.columns import STEP_ACKED, STEP_SIZE


@helper
def take_answer(w: Any, k: int, start: int, end: int, at: int, flags: int) -> None:
    """Read a client line as the answer to a 334, whatever it looks like."""
    kind = K.RESPONSE
    last = L.ANSWER
    attempt = w.st[k, ATTEMPT]
    if end == start:
        kind = K.EMPTY
        last = L.EMPTY
    elif end == start + 1 and w.stream[start] == STAR:
        kind = K.CANCEL
        last = L.OAUTH_CANCEL if w.au[attempt, A_OAUTH] == 1 else L.CANCEL
    if end - start > AUTH_LINE_OCTETS:
        flags |= F.LINE_TOO_LONG
    if w.st[k, R_STEP] > at or (w.steps[at, STEP_ACKED] if at >= 0 else w.st[k, C_ACKED]) & BEFORE != 0:
        flags |= F.EARLY_ANSWER
    elif w.st[k, R_TIME] > 0:
        spend(w, attempt, A_CLIENT_NS, time_of(w, k, at) - w.st[k, R_TIME])
    if w.law[M.ANSWER * KINDS + kind, 1] != A.UNIT:
        return
    w.st[k, MODE] = w.law[M.ANSWER * KINDS + kind, 0]
    row = open_unit(w, k, kind, ANSWER_UNIT, w.st[k, MODE], time_of(w, k, at), frame_of(w, k, at), start, end - start)
    w.st[k, COMMANDS] += 1
    w.un[row, U_FLAGS] |= flags
    w.au[attempt, A_FLAGS] |= flags
    w.au[attempt, A_LAST] = last


@helper
def take_command(w: Any, k: int, start: int, end: int, at: int, flags: int) -> None:
    """Read a client line as a command."""
    st = w.st
    kind = K.UNKNOWN
    verb = UNKNOWN_VERB
    known = verb_of(w.stream, start, end, w.verbs)
    if known >= 0 and w.verbs[known, 2] >= 0:
        kind = w.verbs[known, 2]
        verb = w.verbs[known, 3]
    mode = st[k, MODE]
    after = w.law[mode * KINDS + kind, 0]
    action = w.law[mode * KINDS + kind, 1]
    if action == A.NOTHING:
        return
    row = open_unit(w, k, kind, verb, after, time_of(w, k, at), frame_of(w, k, at), start, end - start)
    st[k, COMMANDS] += 1
    if st[k, R_STEP] > at:  # it was sent before the last reply: it waited until that was read
        flags |= F.PIPELINED
    if mode == M.LOST:
        flags |= F.TENTATIVE
    if mode != M.LOST or after != M.COMMAND:
        st[k, MODE] = after
    if end - start > AUTH_LINE_OCTETS:
        flags |= F.LINE_TOO_LONG
    w.un[row, U_FLAGS] |= flags
    if flags & F.TRUNCATED:
        w.un[row, U_SIZE] = w.steps[at, STEP_SIZE] if at >= 0 else w.st[k, C_CUT]
    if action == A.BEGIN_ATTEMPT:
        initial = skip_word(w.stream, skip_word(w.stream, start, end), end)
        begin_attempt(w, k, row, L.INITIAL if initial < end else L.NONE, flags & ~(F.TENTATIVE | F.PIPELINED))
    elif action == A.BEGIN_CHUNK:
        st[k, CHUNK_LEFT] = number_at(w.stream, skip_word(w.stream, start, end), end)
        w.un[row, U_SIZE] = st[k, CHUNK_LEFT]
        if st[k, LMTP] == 1 and is_last(w.stream, start, end):
            w.un[row, U_FLAGS] |= F.RECIPIENT
    if kind == K.HELLO or kind == K.LHLO:
        st[k, LMTP] = 1 if kind == K.LHLO else 0
    st[k, HOLE] = 0
    if st[k, EARLY] > 0:
        take_early(w, k, row)


@helper
def waits_for_recipients(w: Any, k: int) -> Any:
    """Say whether the stream waits in the last chunk, since some recipients are not known yet.

    With LMTP each that was accepted has a reply of its own to that chunk (RFC 2033 section 4.2, RFC 3030). When the
    first of them is due all are known, and units for the others are opened.
    """
    st = w.st
    un = w.un
    chunk = st[k, NEXT] - 1
    if st[k, OPEN] > chunk or un[chunk, U_FLAGS] & (F.RECIPIENT | F.FURTHER) != F.RECIPIENT:
        return False
    if st[k, OPEN] < chunk:
        return st[k, SERVER_GAP] == 0
    for _ in range(1, st[k, RECIPIENTS]):
        further = open_unit(
            w, k, un[chunk, U_KIND], un[chunk, U_VERB], un[chunk, U_MODE], un[chunk, U_AT], un[chunk, U_FRAME],
            un[chunk, U_OFF], 0,
        )  # fmt: skip
        un[further, U_FLAGS] |= F.RECIPIENT | F.FURTHER
    st[k, RECIPIENTS] = 0
    return False


@helper
def take_early(w: Any, k: int, row: int) -> None:
    """Give a command the 421 that came before it."""
    st = w.st
    w.un[row, U_CODE] = st[k, EARLY]
    w.un[row, U_REPLY_OFF] = st[k, EARLY_OFF]
    w.un[row, U_REPLY_LENGTH] = st[k, EARLY_LENGTH]
    w.un[row, U_REPLY_AT] = st[k, EARLY_TIME]
    w.un[row, U_REPLY_FRAME] = st[k, EARLY_FRAME]
    st[k, OPEN] = row + 1
    if st[k, ATTEMPT] >= 0:
        attempt = st[k, ATTEMPT]
        close_attempt(w, k, H.CODE)
        w.au[attempt, A_CODE] = st[k, EARLY]
        w.au[attempt, A_REPLY_OFF] = st[k, EARLY_OFF]
        w.au[attempt, A_REPLY_LENGTH] = st[k, EARLY_LENGTH]
        w.au[attempt, A_END_AT] = w.au[attempt, A_AT]
        w.au[attempt, A_END_FRAME] = st[k, EARLY_FRAME]
    st[k, MODE] = M.COMMAND
    st[k, EARLY] = 0


@helper
def begin_body(w: Any, k: int) -> None:
    """Begin a message."""
    w.st[k, BODY_SIZE] = 0
    w.st[k, ODD_AT] = -1
    w.st[k, HOLE] = 0
    w.st[k, CRLF] = 1


@helper
def take_body_line(w: Any, k: int, start: int, lf: int, first: int, last: int) -> None:
    """Count a message line, or take it for the end: CRLF . CRLF, nothing else (RFC 5321 section 4.1.1.4)."""
    st = w.st
    crlf = lf > start and w.stream[lf - 1] == CR
    if w.stream[start] == POINT and lf - start == (2 if crlf else 1):
        at = locate(w, k, first, last, lf + 1)
        if crlf and st[k, CRLF] == 1 and w.law[M.BODY * KINDS + K.DOT, 1] == A.END_DATA:
            end_data(w, k, time_of(w, k, at), frame_of(w, k, at), st[k, HOLE] * F.GAP_CLIENT)
            return
        if st[k, ODD_AT] < 0 and not is_cut(w, k, at, lf + 1):
            # Some servers take this for the end, or what is missing before it ended with CRLF: a reply would tell.
            st[k, ODD_AT] = lf + 1
            st[k, ODD_SIZE] = st[k, BODY_SIZE]
            st[k, ODD_TIME] = time_of(w, k, at)
            st[k, ODD_FRAME] = frame_of(w, k, at)
    st[k, BODY_SIZE] += lf + 1 - start - (1 if w.stream[start] == POINT else 0)
    st[k, CRLF] = 1 if crlf else 0


@helper
def end_data(w: Any, k: int, time: int, frame: int, flags: int) -> None:
    """Write the unit of a message's end: with LMTP, one for each recipient that was accepted (RFC 2033 section 4.2)."""
    st = w.st
    many = max(1, st[k, RECIPIENTS]) if st[k, LMTP] == 1 else 1
    flags |= st[k, LMTP] * F.RECIPIENT
    for n in range(many):
        row = open_unit(w, k, K.DOT, END_OF_DATA, M.COMMAND, time, frame, st[k, CPOS], 0)
        w.un[row, U_FLAGS] = flags | (F.FURTHER if n > 0 else 0)
        w.un[row, U_SIZE] = st[k, BODY_SIZE]
    st[k, COMMANDS] += 1
    st[k, RECIPIENTS] = 0
    st[k, ODD_AT] = -1
    st[k, HOLE] = 0
    st[k, MODE] = w.law[M.BODY * KINDS + K.DOT, 0]
