"""The client's stream: read as far as the mode allows, across what is missing of it."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.smtp.columns import *
from analyzer.smtp.machine.commands import (
    begin_body,
    take_answer,
    take_body_line,
    take_command,
    waits_for_recipients,
)
from analyzer.smtp.machine.grammar import CR, LF, SPACE, is_command, skip_word, text_end, verb_of
from analyzer.smtp.machine.units import close_attempt, is_cut, locate
from analyzer.smtp.machine.work import KINDS, F, H, K, L, M
from analyzer.tcp.columns import STEP_SIZE
from analyzer.tcp.state import is_old_hello
from analyzer.wire.octets import find_octet

#: Lines of a group of commands behind AUTH that are looked at, lines before it, and octets of each.
GROUP_LINES, GROUP_BEFORE, GROUP_OCTETS = 32, 4, 1 << 14


@helper
def went_on(w: Any, k: int, start: int, end: int) -> None:
    """Decide what the reply was that we wait for and that is missing, from the line that the client sent next."""
    st = w.st
    mode = st[k, MODE]
    command = is_command(w.stream, start, end, w.verbs)
    st[k, OPEN] = st[k, NEXT]
    st[k, SERVER_GAP] = 0
    if mode == M.AUTH and not command:
        w.au[st[k, ATTEMPT], A_ROUNDS] += 1
        w.au[st[k, ATTEMPT], A_FLAGS] |= F.AT_LEAST
        st[k, R_STEP] = -1
        st[k, R_TIME] = 0
        st[k, MODE] = M.ANSWER
    elif mode == M.DATA and not command:
        st[k, MODE] = M.BODY
        begin_body(w, k)
    else:
        if st[k, ATTEMPT] >= 0:
            close_attempt(w, k, H.UNSEEN)
        st[k, MODE] = M.CHECK if mode == M.STARTTLS else M.COMMAND


@helper
def cross_gap(w: Any, k: int) -> None:
    """Go on behind missing bytes of the client."""
    st = w.st
    after = w.law[st[k, MODE] * KINDS + K.GAP, 0]
    if after >= 0:
        st[k, MODE] = after
    st[k, HOLE] = 1
    st[k, ODD_AT] = -1
    st[k, CRLF] = 0
    st[k, CPOS] = st[k, CGAP]
    st[k, CSCAN] = st[k, CGAP]
    st[k, CGAP] = -1


@helper
def tentative(w: Any, k: int) -> Any:
    """Say whether the newest unit is a verb behind missing bytes that has had no reply."""
    newest = w.st[k, NEXT] - 1
    return w.st[k, OPEN] <= newest and w.un[newest, U_FLAGS] & F.TENTATIVE != 0


@helper
def take_back(w: Any, k: int) -> None:
    """Take back a verb behind missing bytes, and those sent before it: what followed does not fit, so it was text."""
    st = w.st
    row = st[k, NEXT] - 1
    if w.un[row, U_KIND] == K.AUTH and st[k, ATTEMPT] >= 0:
        w.au[st[k, ATTEMPT], A_FLAGS] |= F.VOID
        st[k, ATTEMPT] = -1
        st[k, ATTEMPTS] -= 1
    going = True
    while going:
        w.un[row, U_FLAGS] |= F.VOID
        st[k, COUNT] -= 1
        st[k, COMMANDS] -= 1
        row -= 1
        going = row >= st[k, OPEN] and w.un[row, U_FLAGS] & F.TENTATIVE != 0
    st[k, OPEN] = st[k, NEXT]
    st[k, MODE] = M.LOST


@helper
def may_precede(w: Any, k: int) -> Any:
    """Say whether commands may be sent behind the newest unit before its reply: behind AUTH with a response alone."""
    attempt = w.st[k, ATTEMPT]
    return attempt >= 0 and w.au[attempt, A_LAST] == L.INITIAL


@helper
def behind_command(w: Any, at: int, limit: int) -> Any:
    """Give where the line behind a command begins; 0 where the line at `at` is none, -1 where it is not whole yet."""
    lf = find_octet(w.stream, LF, at, min(limit, at + GROUP_OCTETS))
    if lf < 0:
        return -1 if limit - at < GROUP_OCTETS else 0
    return lf + 1 if is_command(w.stream, at, text_end(w.stream, at, lf), w.verbs) else 0


@helper
def only_commands(w: Any, k: int, at: int) -> Any:
    """Say whether the client's lines from `at` on are commands, as far as the first ones tell; the last may go on."""
    limit = w.st[k, CLIM] if w.st[k, CGAP] < 0 else w.st[k, CGAP]
    for _ in range(GROUP_LINES):
        if at >= limit:
            return True
        after = behind_command(w, at, limit)
        if after <= 0:
            return after < 0 and w.st[k, CGAP] < 0
        at = after
    return True


@helper
def in_group(w: Any, k: int, start: int) -> Any:
    """Say whether a line with others behind it is an AUTH, or sent before one, in a group of commands (RFC 2920).

    A message may quote such a group, but behind that its own lines follow, at least the dot, before the server replies.
    """
    limit = w.st[k, CLIM]
    at = start
    # Only verbs of four letters: nearly all text is passed over here.
    if limit - at < 5 or (w.stream[at + 4] != SPACE and w.stream[at + 4] > CR):
        return False
    for _ in range(GROUP_BEFORE):
        after = behind_command(w, at, limit)
        if after <= 0:
            return False
        end = text_end(w.stream, at, after - 1)
        kind = w.verbs[verb_of(w.stream, at, end, w.verbs), 2]
        if kind == K.AUTH:
            # Without an initial response it is the last of its group (RFC 4954 section 4).
            responds = skip_word(w.stream, skip_word(w.stream, at, end), end) < end
            return only_commands(w, k, after) if responds else after == limit
        if w.law[M.LOST * KINDS + kind, 0] != M.COMMAND:
            return False
        at = after
    return False


@helper
def first_byte(w: Any, k: int, mode: int, limit: int) -> Any:
    """Let the client's next byte decide, in the modes where it does; gives whether the mode changed."""
    st = w.st
    at = st[k, CPOS]
    byte = int(w.stream[at])
    record = 20 <= byte <= 23 and (w.stream[at + 1] == 3 if at + 1 < limit else mode == M.CHECK)
    if mode == M.CHECK and is_old_hello(w.stream, at, limit):
        record = True
    if record and (mode == M.LOST or mode == M.ANSWER) and st[k, SPOS] < st[k, SEND]:
        record = 20 <= w.stream[st[k, SPOS]] <= 23  # what the server says next is no TLS: this was not understood
    kind = K.TLS_BYTE if record else (K.ZERO_BYTE if byte == 0 else K.OTHER_BYTE)
    after = w.law[mode * KINDS + kind, 0]
    if after < 0 or after == mode:
        return False
    st[k, MODE] = after
    if after == M.TLS:
        note_tls(w, k)
    return True


@helper
def note_tls(w: Any, k: int) -> None:
    """TLS begins where the two sides stand."""
    st = w.st
    st[k, TLS] = max(1, st[k, TLS])
    st[k, TLS_CLIENT] = st[k, CPOS]
    st[k, TLS_SERVER] = st[k, SPOS]
    if st[k, ATTEMPT] >= 0:
        close_attempt(w, k, H.UNSEEN)


@helper
def take_line(w: Any, k: int, mode: int, start: int, lf: int, first: int, last: int) -> None:
    """Read one client line in the modes that read lines."""
    st = w.st
    end = text_end(w.stream, start, lf)
    st[k, CPOS] = lf + 1
    st[k, CSCAN] = lf + 1
    if mode == M.BODY:
        take_body_line(w, k, start, lf, first, last)
        return
    if mode == M.LOST:  # text behind a gap, or a verb whose reply nobody waits for?
        if lf + 1 < st[k, CLIM]:
            if st[k, CGAP] >= 0 or not in_group(w, k, start):
                return
        elif not is_command(w.stream, start, end, w.verbs):
            return
    at = locate(w, k, first, last, lf + 1)
    flags = 0
    if is_cut(w, k, at, lf + 1):
        flags = F.TRUNCATED
    elif end == lf:
        st[k, FLAGS] |= F.BARE_LF
    if mode == M.ANSWER:
        if st[k, HOLE] == 1:
            flags |= F.GAP_CLIENT | F.LOST_LINE  # the end of an answer whose beginning is missing
            st[k, HOLE] = 0
        take_answer(w, k, start, end, at, flags)
    else:
        take_command(w, k, start, end, at, flags | (F.GAP_CLIENT if mode == M.LOST and st[k, HOLE] == 1 else 0))


@helper
def pump(w: Any, k: int, first: int, last: int) -> None:
    """Read as much of the client's stream as the mode allows."""
    st = w.st
    while True:
        mode = st[k, MODE]
        if mode == M.TLS or mode == M.LAYER or mode == M.OVER:
            st[k, CPOS] = st[k, CLIM]
            return
        limit = st[k, CLIM] if st[k, CGAP] < 0 else st[k, CGAP]
        waits = mode == M.AUTH or mode == M.DATA or mode == M.STARTTLS or mode == M.TURN
        if waits and st[k, CPOS] < limit and tentative(w, k):
            if st[k, SERVER_GAP] == 1 or not may_precede(w, k) or not only_commands(w, k, st[k, CPOS]):
                take_back(w, k)
                continue
        if waits and st[k, SERVER_GAP] == 0:
            return
        if mode == M.CHUNK:
            size = min(st[k, CHUNK_LEFT], limit - st[k, CPOS])
            st[k, CPOS] += size
            st[k, CSCAN] = st[k, CPOS]
            st[k, CHUNK_LEFT] -= size
            waiting = waits_for_recipients(w, k)
            if st[k, CHUNK_LEFT] == 0:
                if waiting:
                    return
                st[k, MODE] = M.COMMAND
                continue
        if st[k, CPOS] < limit and mode != M.COMMAND and mode != M.BODY and not waits and first_byte(w, k, mode, limit):
            continue
        lf = find_octet(w.stream, LF, max(st[k, CSCAN], st[k, CPOS]), limit)
        if lf < 0:
            st[k, CSCAN] = limit
            if st[k, CGAP] < 0:
                return
            cross_gap(w, k)
        elif waits:
            went_on(w, k, st[k, CPOS], text_end(w.stream, st[k, CPOS], lf))
        else:
            take_line(w, k, mode, st[k, CPOS], lf, first, last)


@helper
def take_client_gap(w: Any, k: int, at: int, first: int, last: int) -> None:
    """Bytes of the client are missing here."""
    st = w.st
    if st[k, MODE] == M.TLS:
        return
    st[k, FLAGS] |= F.GAP_CLIENT
    if st[k, ATTEMPT] >= 0:
        w.au[st[k, ATTEMPT], A_FLAGS] |= F.GAP_CLIENT
    if st[k, MODE] == M.CHUNK and st[k, CHUNK_LEFT] > w.steps[at, STEP_SIZE]:
        st[k, CHUNK_LEFT] -= w.steps[at, STEP_SIZE]
        return
    st[k, CGAP] = st[k, CLIM]
    pump(w, k, first, last)


@helper
def lost_octets(w: Any, k: int, at: int) -> None:
    """Count the octets of a chunk that were not captured; the stream holds at most one byte, a LF, in their place."""
    st = w.st
    pump_size = st[k, CLIM] - st[k, CPOS]
    st[k, CHUNK_LEFT] = max(0, st[k, CHUNK_LEFT] - w.steps[at, STEP_SIZE] - pump_size)
    st[k, CPOS] = st[k, CLIM]
    st[k, CSCAN] = st[k, CLIM]
