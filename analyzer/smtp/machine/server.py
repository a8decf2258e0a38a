"""The server's stream: replies, the units that they answer, and what the law says of them."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.smtp.columns import *
from analyzer.smtp.law import GREETING, INJECTED, LOST_UNIT, UNSOLICITED_UNIT
from analyzer.smtp.machine.client import note_tls, pump, take_back
from analyzer.smtp.machine.commands import begin_body, end_data
from analyzer.smtp.machine.grammar import DASH, LF, is_json, reply_code, reply_kind, text_end
from analyzer.smtp.machine.units import begin_attempt, close_attempt, give_reply, open_unit, reply_alone, spend
from analyzer.smtp.machine.work import KINDS, A, F, H, K, L, M
from analyzer.tcp.columns import CUT, HEARD, STEP_ACKED, STEP_FRAME, STEP_KIND, STEP_TIME
from analyzer.tcp.state import is_tls
from analyzer.wire.octets import find_octet


@helper
def obey(w: Any, k: int, mode: int, row: int) -> None:
    """Do what the law says of the reply just read, to unit `row` that waits in `mode`, or (row -1) to none."""
    st = w.st
    kind = st[k, R_KIND]
    after = w.law[mode * KINDS + kind, 0]
    action = w.law[mode * KINDS + kind, 1]
    attempt = st[k, ATTEMPT]
    if after < 0:
        return
    st[k, MODE] = after
    if action == A.ROUND or action == A.END_ATTEMPT:
        if row >= 0:
            now = w.steps[st[k, R_STEP], STEP_TIME]
            since = w.un[row, U_AT]
            if since < w.au[attempt, A_HEARD] <= now:
                since = w.au[attempt, A_HEARD]  # an answer sent early waits only from the reply before its own
            spend(w, attempt, A_SERVER_NS, now - since)
            w.au[attempt, A_HEARD] = now
        if action == A.END_ATTEMPT:
            hidden = w.au[attempt, A_FLAGS] & F.GAP_SERVER != 0 and w.traits[kind, 1] == 0
            close_attempt(w, k, H.UNSEEN if hidden else H.CODE)
        else:
            w.au[attempt, A_ROUNDS] += 1
            w.au[attempt, A_OAUTH] = is_json(w.stream, st[k, R_OFF] + 4, st[k, R_OFF] + st[k, R_LENGTH])
    elif action == A.BEGIN_TLS:
        st[k, TLS] = 1
        if st[k, CPOS] < st[k, CLIM]:
            st[k, FLAGS] |= F.INJECTION
            at = st[k, R_STEP]
            open_unit(
                w, k, K.UNKNOWN, INJECTED, M.COMMAND, w.steps[at, STEP_TIME], 0, st[k, CPOS], st[k, CLIM] - st[k, CPOS]
            )
            st[k, OPEN] = st[k, NEXT]
            st[k, CPOS] = st[k, CLIM]
            st[k, CSCAN] = st[k, CLIM]
    elif action == A.BEGIN_BODY:
        begin_body(w, k)
    if after == M.OVER:
        st[k, FLAGS] |= F.ROLES_CHANGED


@helper
def unseen_start(st: Any, k: int) -> Any:
    """Give the flags of an attempt whose beginning was not captured."""
    return st[k, HOLE] * F.GAP_CLIENT | st[k, FLAGS] & F.MIDSTREAM


@helper
def unexpected(w: Any, k: int) -> None:
    """Take a reply that no open unit waits for."""
    st = w.st
    mode = st[k, MODE]
    kind = st[k, R_KIND]
    if mode == M.ANSWER:
        attempt = st[k, ATTEMPT]
        row = reply_alone(w, k, LOST_UNIT if st[k, HOLE] == 1 else UNSOLICITED_UNIT)
        w.au[attempt, A_FLAGS] |= F.GAP_CLIENT if st[k, HOLE] == 1 else F.UNSOLICITED
        w.un[row, U_FLAGS] |= F.LOST_LINE
        st[k, HOLE] = 0
        obey(w, k, mode, -1)
    elif mode == M.LOST:
        action = w.law[mode * KINDS + kind, 1]
        greeting = action == A.GREET and st[k, COUNT] == 0
        row = reply_alone(w, k, GREETING if greeting else LOST_UNIT)
        if action == A.ROUND or action == A.END_ATTEMPT:
            w.un[row, U_FLAGS] |= F.LOST_LINE
            begin_attempt(w, k, row, L.NONE, F.AT_LEAST | F.LOST_LINE | unseen_start(st, k))
        obey(w, k, mode, -1)
        if greeting:
            st[k, MODE] = M.COMMAND
    elif kind == K.R421 and st[k, EARLY] == 0:
        st[k, EARLY] = st[k, R_CODE]
        st[k, EARLY_OFF] = st[k, R_OFF]
        st[k, EARLY_LENGTH] = st[k, R_LENGTH]
        st[k, EARLY_TIME] = w.steps[st[k, R_STEP], STEP_TIME]
        st[k, EARLY_FRAME] = w.steps[st[k, R_STEP], STEP_FRAME]
    elif st[k, SPLIT] != st[k, R_CODE]:
        st[k, FLAGS] |= F.UNSOLICITED
        if kind == K.R235 or kind == K.R535:
            st[k, FLAGS] |= F.UNSOLICITED_AUTH
        reply_alone(w, k, UNSOLICITED_UNIT)


@helper
def unit_for(w: Any, k: int) -> Any:
    """Give the open unit that a reply answers: the oldest; after missing replies, one that only such a reply fits."""
    st = w.st
    newest = st[k, NEXT] - 1
    mode = w.un[newest, U_MODE]
    kind = st[k, R_KIND]
    if st[k, FLAGS] & F.GAP_SERVER and (mode == M.AUTH or mode == M.DATA):
        only = w.law[mode * KINDS + kind, 1] == A.ROUND or kind == K.R354  # nothing else has such a reply
        if only or (st[k, SERVER_GAP] == 1 and (kind == K.R235 or kind == K.R535)):
            return newest
    return st[k, OPEN]


@helper
def end_unseen_data(w: Any, k: int) -> None:
    """A reply comes in the middle of a message: its end was an odd one, or is behind or among missing bytes."""
    st = w.st
    flag = F.GAP_CLIENT
    if st[k, HOLE] == 0:
        flag = F.ODD_END
        st[k, FLAGS] |= flag
    time = st[k, R_TIME]
    frame = 0
    if st[k, ODD_AT] >= 0:
        st[k, CPOS] = st[k, ODD_AT]
        st[k, BODY_SIZE] = st[k, ODD_SIZE]
        time = st[k, ODD_TIME]
        frame = st[k, ODD_FRAME]
    else:
        st[k, CPOS] = st[k, CLIM]
    st[k, CSCAN] = st[k, CPOS]
    end_data(w, k, time, frame, flag)


@helper
def transact(w: Any, k: int, row: int) -> None:
    """Follow the mail transaction, for the number of replies that LMTP gives to a message."""
    action = w.traits[w.un[row, U_KIND], 0]
    if w.st[k, R_KIND] == K.R2XX:
        if action == A.RECIPIENT:
            w.st[k, RECIPIENTS] += 1
        elif action == A.FORGET:
            w.st[k, RECIPIENTS] = 0


@helper
def fits(w: Any, k: int, row: int) -> Any:
    """Say whether the reply that was just read fits a verb behind missing bytes.

    Where bytes are missing behind it, too, the end of a message may be among them: any refusal proves nothing.
    """
    kind = w.st[k, R_KIND]
    if w.st[k, CGAP] >= 0 and (kind == K.REFUSAL or kind == K.R421):
        return False
    return w.traits[w.un[row, U_KIND], 2 + kind] == 1


@helper
def take_reply(w: Any, k: int, heard: int) -> None:
    """Pair the reply that was just read with the unit that it answers."""
    st = w.st
    attempt = st[k, ATTEMPT]
    if st[k, CLIENT_END] > 0:
        flag = F.HALF_CLOSED if heard == 1 else F.REPLY_AFTER_CLOSE
        st[k, FLAGS] |= flag
        if attempt >= 0:
            w.au[attempt, A_FLAGS] |= flag
        if heard == 0:
            return
    st[k, REPLIES] += 1
    if st[k, OPEN] == st[k, NEXT] and st[k, MODE] == M.BODY and st[k, R_KIND] != K.R421:
        if st[k, HOLE] == 1 or st[k, ODD_AT] >= 0:
            end_unseen_data(w, k)
    if st[k, OPEN] < st[k, NEXT]:
        row = unit_for(w, k)
        if w.un[row, U_FLAGS] & F.TENTATIVE and not fits(w, k, row):
            take_back(w, k)
    if st[k, OPEN] == st[k, NEXT]:
        unexpected(w, k)
    else:
        row = unit_for(w, k)
        if w.un[row, U_FLAGS] & F.TENTATIVE:
            w.un[row, U_FLAGS] &= ~F.TENTATIVE
            if st[k, MODE] == M.LOST:
                st[k, MODE] = M.COMMAND
        st[k, OPEN] = row + 1
        give_reply(w, k, row)
        waited = w.un[row, U_MODE]
        if waited == M.COMMAND or waited == M.CHUNK:
            transact(w, k, row)
        else:
            obey(w, k, waited, row)
        if w.un[row, U_VERB] == GREETING and st[k, R_KIND] == K.R220:
            st[k, HOLE] = 0
    st[k, SERVER_GAP] = 0


@helper
def complete(w: Any, k: int, code: int, line: int, end: int, at: int, heard: int) -> None:
    """A reply is complete with the line at `line`."""
    st = w.st
    st[k, R_OFF] = st[k, PARTIAL_AT] if st[k, PARTIAL] > 0 else line
    st[k, R_LENGTH] = end - st[k, R_OFF]
    st[k, R_CODE] = code
    st[k, R_KIND] = reply_kind(w.stream, st[k, R_OFF], end, code, w.codes)
    st[k, R_STEP] = at
    st[k, R_TIME] = w.steps[at, STEP_TIME]
    st[k, PARTIAL] = 0
    take_reply(w, k, heard)


@helper
def shows_tls(w: Any, k: int, at: int) -> Any:
    """Say whether TLS begins at `at`, where what the client said is missing, STARTTLS or its hello among it."""
    st = w.st
    if st[k, MODE] != M.LOST or not is_tls(w.stream, at, st[k, SLIM]):
        return False
    st[k, MODE] = w.law[M.LOST * KINDS + K.TLS_BYTE, 0]
    st[k, SPOS] = at
    note_tls(w, k)
    st[k, SPOS] = st[k, SLIM]
    return True


@helper
def serve(w: Any, k: int, at: int, first: int, last: int) -> None:
    """Read the server's complete lines."""
    st = w.st
    heard = w.steps[at, STEP_ACKED] & HEARD
    while True:
        if st[k, MODE] == M.TLS or st[k, MODE] == M.LAYER or st[k, MODE] == M.OVER:
            st[k, SPOS] = st[k, SLIM]
            return
        lf = find_octet(w.stream, LF, max(st[k, SSCAN], st[k, SPOS]), st[k, SLIM])
        line = st[k, SPOS]
        if lf < 0:
            st[k, SSCAN] = st[k, SLIM]
            shows_tls(w, k, line)
            return
        end = text_end(w.stream, line, lf)
        st[k, SPOS] = lf + 1
        code = reply_code(w.stream, line, end)
        if code == 0:
            if shows_tls(w, k, line):
                return
            if st[k, PARTIAL] == 0:
                st[k, FLAGS] |= F.NOT_A_REPLY
                if st[k, ATTEMPT] >= 0:
                    w.au[st[k, ATTEMPT], A_FLAGS] |= F.NOT_A_REPLY
        elif end - line > 3 and w.stream[line + 3] == DASH:
            if st[k, PARTIAL] == 0:
                st[k, PARTIAL_AT] = line
            st[k, PARTIAL] = code
        else:
            if w.steps[at, STEP_KIND] == CUT and lf + 1 == st[k, SLIM] and st[k, ATTEMPT] >= 0:
                w.au[st[k, ATTEMPT], A_FLAGS] |= F.TRUNCATED
            complete(w, k, code, line, end, at, heard)
            st[k, SPLIT] = 0
            pump(w, k, first, last)


@helper
def break_reply(w: Any, k: int, at: int, first: int, last: int) -> None:
    """Bytes of the server are missing here: a reply whose code was captured counts as complete."""
    st = w.st
    line = st[k, SPOS]
    end = st[k, SLIM]
    code = reply_code(w.stream, line, end)
    st[k, SPOS] = end
    st[k, SSCAN] = end
    if code == 0:
        code = st[k, PARTIAL]
        end = line
    if code > 0 and st[k, MODE] != M.TLS:
        complete(w, k, code, line, text_end(w.stream, line, end), at, w.steps[at, STEP_ACKED] & HEARD)
        st[k, SPLIT] = code
        pump(w, k, first, last)
