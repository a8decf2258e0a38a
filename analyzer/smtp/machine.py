"""Run the law over byte streams: steps of a session in, units and attempts out.

The machine never raises on odd input: it sets a flag and goes on. All functions here make up one kernel; see
`analyzer.kernel` for what they may do, `analyzer.smtp.law` for what modes, kinds and actions mean, and
`analyzer.smtp.columns` for the arrays. `w` is the work (all arrays), `k` the session's row in it.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

from analyzer.kernel import helper, kernel
from analyzer.limits import AUTH_LINE_OCTETS, ODD_END_BYTES
from analyzer.smtp.columns import *
from analyzer.smtp.law import (
    ANSWER_UNIT,
    END_OF_DATA,
    GREETING,
    INJECTED,
    LOST_UNIT,
    UNKNOWN_VERB,
    UNSOLICITED_UNIT,
    Action,
    Flag,
    How,
    Kind,
    Last,
    Mode,
)  # fmt: skip
from analyzer.tcp.columns import (
    CONFLICT,
    CUT,
    DATA,
    END,
    FIN,
    FINAL,
    GAP,
    HEARD,
    LENGTH_0,
    STEP,
    STEP_ACKED,
    STEP_END,
    STEP_FRAME,
    STEP_KIND,
    STEP_SIDE,
    STEP_SIZE,
    STEP_TIME,
    STEPS,
    STREAM_0,
)  # fmt: skip
from analyzer.tcp.columns import EARLY as BEFORE
from analyzer.wire.octets import find_octet

if TYPE_CHECKING:
    from enum import IntEnum, IntFlag

KINDS = len(Kind)
CR, LF, SPACE, TAB, DASH, POINT, STAR, COLON = 13, 10, 32, 9, 45, 46, 42, 58


# numba takes plain integers of a module for constants, members of an IntEnum not everywhere
def plain(names: type[IntEnum | IntFlag]) -> Any:
    """Give the members of an enumeration as plain integers."""
    tuple_of: Any = namedtuple  # noqa: PYI024
    return tuple_of(names.__name__, names.__members__)(*(int(member) for member in names.__members__.values()))


M: Any = plain(Mode)
K: Any = plain(Kind)
A: Any = plain(Action)
F: Any = plain(Flag)
L: Any = plain(Last)
H: Any = plain(How)

#: All arrays of a run: states, units, attempts, counters (units, attempts), stream, steps, law, verbs, kinds of codes,
#: traits of kinds (see `law.matrices`).
Work: Any = namedtuple("Work", "st un au ct stream steps law verbs codes traits")  # noqa: PYI024


# ------------------------------------------------------------------------------------------------ reading bytes


@helper
def text_end(stream: Any, start: int, lf: int) -> Any:
    """Give where a line's text ends: before CR LF or LF."""
    return lf - 1 if lf > start and stream[lf - 1] == CR else lf


@helper
def skip_space(stream: Any, at: int, end: int) -> Any:
    """Give where the next byte is that is no white space."""
    while at < end and (stream[at] == SPACE or stream[at] == TAB):
        at += 1
    return at


@helper
def skip_word(stream: Any, at: int, end: int) -> Any:
    """Give where the next word begins, behind the word at `at` and the white space around it."""
    at = skip_space(stream, at, end)
    while at < end and stream[at] != SPACE and stream[at] != TAB:
        at += 1
    return skip_space(stream, at, end)


@helper
def verb_of(stream: Any, start: int, end: int, verbs: Any) -> Any:
    """Give the row of `verbs` that a line begins with, -1 for none (RFC 5321 section 2.4: case does not matter)."""
    at = skip_space(stream, start, end)
    low = 0
    high = 0
    n = 0
    while at < end and stream[at] != SPACE and stream[at] != TAB:
        byte = int(stream[at])
        if 97 <= byte <= 122:
            byte -= 32
        if n == 16 or byte > 127:
            return -1
        if n < 8:
            low |= byte << (7 * n)
        else:
            high |= byte << (7 * (n - 8))
        n += 1
        at += 1
    for row in range(len(verbs)):
        if verbs[row, 0] == low and verbs[row, 1] == high:
            return row
    return -1


@helper
def is_command(stream: Any, start: int, end: int, verbs: Any) -> Any:
    """Say whether a line that may be an answer, or text, has the form of a command (base64 holds no blank or colon)."""
    row = verb_of(stream, start, end, verbs)
    if row < 0 or verbs[row, 2] < 0:
        return False
    kind = verbs[row, 2]
    rest = skip_word(stream, start, end)
    if kind == K.MAIL or kind == K.RCPT:
        while rest < end and stream[rest] != COLON:
            rest += 1
        return rest < end
    if kind == K.HELLO or kind == K.LHLO or kind == K.AUTH or kind == K.BDAT:
        return rest < end
    return kind == K.PLAIN or rest == end


@helper
def reply_code(stream: Any, start: int, end: int) -> Any:
    """Give the code of a reply line, 0 where it is none (RFC 5321 section 4.2)."""
    if end - start < 3:
        return 0
    code = 0
    for i in range(start, start + 3):
        byte = int(stream[i])
        if byte < 48 or byte > 57:
            return 0
        code = code * 10 + byte - 48
    if code < 200 or code > 599:
        return 0
    if end - start > 3 and stream[start + 3] != SPACE and stream[start + 3] != DASH and stream[start + 3] != TAB:
        return 0
    return code


@helper
def reply_kind(stream: Any, start: int, end: int, code: int, codes: Any) -> Any:
    """Give the kind of a reply; a 334 whose text is an enhanced code of class 4 or 5 is final."""
    kind = codes[code]
    if kind == K.R334 and end - start > 8 and (stream[start + 4] == 52 or stream[start + 4] == 53):
        if stream[start + 5] == POINT and 48 <= stream[start + 6] <= 57:
            return K.R334_FINAL
    return kind


@helper
def number_at(stream: Any, at: int, end: int) -> Any:
    """Give the decimal number at `at`, 0 for none, at most about 2**40."""
    value = 0
    while at < end and 48 <= stream[at] <= 57 and value < 1 << 40:
        value = value * 10 + int(stream[at]) - 48
        at += 1
    return value


@helper
def is_last(stream: Any, start: int, end: int) -> Any:
    """Say whether a BDAT line ends with LAST (RFC 3030 section 2)."""
    rest = skip_word(stream, skip_word(stream, start, end), end)
    return end - rest >= 4 and (stream[rest] & 0xDF) == 76 and (stream[rest + 1] & 0xDF) == 65


# ------------------------------------------------------------------------------------------------ units


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


# ------------------------------------------------------------------------------------------------ attempts


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


# ------------------------------------------------------------------------------------------------ client lines


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
        begin_attempt(w, k, row, L.INITIAL if initial < end else L.NONE, flags & ~F.TENTATIVE)
    elif action == A.BEGIN_CHUNK:
        st[k, CHUNK_LEFT] = number_at(w.stream, skip_word(w.stream, start, end), end)
        w.un[row, U_SIZE] = st[k, CHUNK_LEFT]
        if st[k, LMTP] == 1 and is_last(w.stream, start, end):
            for _ in range(1, st[k, RECIPIENTS]):  # one reply for each recipient (RFC 2033 section 4.3)
                open_unit(w, k, kind, verb, after, time_of(w, k, at), frame_of(w, k, at), start, 0)
            st[k, RECIPIENTS] = 0
    if kind == K.HELLO or kind == K.LHLO:
        st[k, LMTP] = 1 if kind == K.LHLO else 0
    st[k, HOLE] = 0
    if st[k, EARLY] > 0:
        take_early(w, k, row)


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
def end_data(w: Any, k: int, at: int, flags: int) -> None:
    """Write the unit of a message's end: with LMTP, one for each recipient that was accepted (RFC 2033 section 4.2)."""
    st = w.st
    many = max(1, st[k, RECIPIENTS]) if st[k, LMTP] == 1 else 1
    for _ in range(many):
        row = open_unit(w, k, K.DOT, END_OF_DATA, M.COMMAND, time_of(w, k, at), frame_of(w, k, at), st[k, CPOS], 0)
        w.un[row, U_FLAGS] = flags
        w.un[row, U_SIZE] = st[k, BODY_SIZE]
    st[k, COMMANDS] += 1
    st[k, RECIPIENTS] = 0
    st[k, ODD_AT] = -1
    st[k, HOLE] = 0
    st[k, MODE] = w.law[M.BODY * KINDS + K.DOT, 0]


@helper
def body_line(w: Any, k: int, start: int, lf: int) -> Any:
    """Count a message line; gives whether it ends the message (RFC 5321 section 4.1.1.4: CRLF . CRLF, nothing else)."""
    st = w.st
    crlf = lf > start and w.stream[lf - 1] == CR
    dot = w.stream[start] == POINT and lf - start == (2 if crlf else 1)
    if dot and crlf and st[k, CRLF] == 1:
        return True
    if dot and st[k, ODD_AT] < 0:
        st[k, ODD_AT] = lf + 1  # some servers take this for the end: a reply would tell
        st[k, ODD_SIZE] = st[k, BODY_SIZE]
    st[k, BODY_SIZE] += lf + 1 - start - (1 if w.stream[start] == POINT else 0)
    st[k, CRLF] = 1 if crlf else 0
    return False


@helper
def begin_body(w: Any, k: int) -> None:
    """Begin a message."""
    w.st[k, BODY_SIZE] = 0
    w.st[k, ODD_AT] = -1
    w.st[k, HOLE] = 0
    w.st[k, CRLF] = 1


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
    """Take back a verb behind missing bytes: what followed does not fit, so it was text."""
    st = w.st
    row = st[k, NEXT] - 1
    w.un[row, U_FLAGS] |= F.VOID
    if w.un[row, U_KIND] == K.AUTH and st[k, ATTEMPT] >= 0:
        w.au[st[k, ATTEMPT], A_FLAGS] |= F.VOID
        st[k, ATTEMPT] = -1
        st[k, ATTEMPTS] -= 1
    st[k, COUNT] -= 1
    st[k, COMMANDS] -= 1
    st[k, OPEN] = st[k, NEXT]
    st[k, MODE] = M.LOST


@helper
def first_byte(w: Any, k: int, mode: int, limit: int) -> Any:
    """Let the client's next byte decide, in the modes where it does; gives whether the mode changed."""
    st = w.st
    at = st[k, CPOS]
    byte = int(w.stream[at])
    record = 20 <= byte <= 23 and (w.stream[at + 1] == 3 if at + 1 < limit else mode == M.CHECK)
    if record and (mode == M.LOST or mode == M.ANSWER) and st[k, SPOS] < st[k, SEND]:
        record = 20 <= w.stream[st[k, SPOS]] <= 23  # what the server says next is no TLS: this was not understood
    kind = K.TLS_BYTE if record else (K.ZERO_BYTE if byte == 0 else K.OTHER_BYTE)
    after = w.law[mode * KINDS + kind, 0]
    if after < 0 or after == mode:
        return False
    st[k, MODE] = after
    if after == M.TLS:
        st[k, TLS] = max(1, st[k, TLS])
        st[k, TLS_CLIENT] = at
        st[k, TLS_SERVER] = st[k, SPOS]
        if st[k, ATTEMPT] >= 0:
            close_attempt(w, k, H.UNSEEN)
    return True


@helper
def take_line(w: Any, k: int, mode: int, start: int, lf: int, first: int, last: int) -> None:
    """Read one client line in the modes that read lines."""
    st = w.st
    end = text_end(w.stream, start, lf)
    st[k, CPOS] = lf + 1
    st[k, CSCAN] = lf + 1
    if mode == M.BODY:
        if body_line(w, k, start, lf) and w.law[M.BODY * KINDS + K.DOT, 1] == A.END_DATA:
            end_data(w, k, locate(w, k, first, last, lf + 1), 0)
        return
    if mode == M.LOST and (lf + 1 < st[k, CLIM] or not is_command(w.stream, start, end, w.verbs)):
        return  # text behind a gap, or a verb whose reply nobody waits for
    at = locate(w, k, first, last, lf + 1)
    flags = 0
    cut = at < 0 and st[k, C_CUT] > 0 and st[k, C_HELD] == lf + 1
    if cut or (at >= 0 and w.steps[at, STEP_KIND] == CUT and w.steps[at, STEP_END] == lf + 1):
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
            take_back(w, k)
            continue
        if waits and st[k, SERVER_GAP] == 0:
            return
        if mode == M.CHUNK:
            size = min(st[k, CHUNK_LEFT], limit - st[k, CPOS])
            st[k, CPOS] += size
            st[k, CSCAN] = st[k, CPOS]
            st[k, CHUNK_LEFT] -= size
            if st[k, CHUNK_LEFT] == 0:
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


# ------------------------------------------------------------------------------------------------ replies


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
def is_json(stream: Any, start: int, end: int) -> Any:
    """Say whether a challenge begins as JSON does in base64 ("ey", "ew"): the error of RFC 7628 section 3.2.2."""
    if end - start < 4 or stream[start] != 101:
        return 0
    return 1 if stream[start + 1] == 121 or stream[start + 1] == 119 else 0


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
    if st[k, SERVER_GAP] == 1 and (mode == M.AUTH or mode == M.DATA):
        if w.law[mode * KINDS + kind, 1] == A.ROUND or kind == K.R235 or kind == K.R535 or kind == K.R354:
            return newest
    return st[k, OPEN]


@helper
def end_unseen_data(w: Any, k: int) -> None:
    """A reply comes in the middle of a message: its end was an odd one, or is among missing bytes."""
    st = w.st
    if st[k, HOLE] == 0:
        st[k, FLAGS] |= F.ODD_END
        st[k, CPOS] = st[k, ODD_AT]
        st[k, BODY_SIZE] = st[k, ODD_SIZE]
    else:
        st[k, CPOS] = st[k, CLIM]
    st[k, CSCAN] = st[k, CPOS]
    end_data(w, k, st[k, R_STEP], F.GAP_CLIENT if st[k, HOLE] == 1 else F.ODD_END)


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
        if w.un[row, U_FLAGS] & F.TENTATIVE and w.traits[w.un[row, U_KIND], 2 + st[k, R_KIND]] == 0:
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
def serve(w: Any, k: int, at: int, first: int, last: int) -> None:
    """Read the server's complete lines."""
    st = w.st
    heard = w.steps[at, STEP_ACKED] & HEARD
    while True:
        if st[k, MODE] == M.TLS or st[k, MODE] == M.LAYER or st[k, MODE] == M.OVER:
            st[k, SPOS] = st[k, SLIM]
            return
        lf = find_octet(w.stream, LF, max(st[k, SSCAN], st[k, SPOS]), st[k, SLIM])
        if lf < 0:
            st[k, SSCAN] = st[k, SLIM]
            return
        line = st[k, SPOS]
        end = text_end(w.stream, line, lf)
        st[k, SPOS] = lf + 1
        code = reply_code(w.stream, line, end)
        if code == 0:
            if st[k, PARTIAL] == 0:
                st[k, FLAGS] |= F.NOT_A_REPLY
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


# ------------------------------------------------------------------------------------------------ steps


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
            if kind == CUT and st[k, MODE] == M.CHUNK:
                lost_octets(w, k, at)
            if kind == CUT and st[k, MODE] == M.BODY:
                st[k, HOLE] = 1
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


@helper
def lost_octets(w: Any, k: int, at: int) -> None:
    """Count the octets of a chunk that were not captured; the stream holds at most one byte, a LF, in their place."""
    st = w.st
    pump_size = st[k, CLIM] - st[k, CPOS]
    st[k, CHUNK_LEFT] = max(0, st[k, CHUNK_LEFT] - w.steps[at, STEP_SIZE] - pump_size)
    st[k, CPOS] = st[k, CLIM]
    st[k, CSCAN] = st[k, CLIM]


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


# ------------------------------------------------------------------------------------------------ parts of a session


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
    st[k, TLS_CLIENT] = st[k, CPOS] if st[k, TLS] == 2 else -1
    st[k, TLS_SERVER] = st[k, SPOS]
    st[k, STARTED] = 1
    if greeting:
        open_unit(w, k, K.PLAIN, GREETING, M.COMMAND, 0, 0, st[k, CPOS], 0)


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
