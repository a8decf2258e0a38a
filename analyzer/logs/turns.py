"""What is missing between the lines of a dialogue, and the steps that the SMTP machine reads.

A log is told from a capture by what it lacks: there are no acknowledgements, and whole lines are left out (secrets,
message text). What is missing follows from who would have had to speak.

Kernels over the lines and dialogues of `analyzer.logs.columns`; `w` is the work (all arrays), `k` the dialogue's row.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.logs.columns import *
from analyzer.logs.escapes import HIDDEN
from analyzer.logs.heard import CLIENT, SERVER, goes_on, is_dot
from analyzer.smtp.columns import FLAGS, MODE
from analyzer.smtp.law import CHALLENGE, GO_ON
from analyzer.smtp.machine.grammar import STAR, number_at, skip_word
from analyzer.smtp.machine.work import F, K, M
from analyzer.tcp.columns import (
    CUT,
    DATA,
    END,
    FIN,
    FINAL,
    FIRST_TIME,
    GAP,
    HEARD,
    LENGTH_0,
    ROW,
    SEEN_0,
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
)
from analyzer.wire.octets import copy

#: Octets of a line that was left out; how many there were does not matter.
MISSING = 1

#: Steps of a line at most: a side leaves, a gap, its octets, and those that it announces; and those of a dialogue more.
STEPS_OF_LINE, STEPS_OF_END = 4, 2
#: Octets of a line's end in a stream.
END_OF_LINE = 2
#: Octets of an answer that the log leaves out: it is `HIDDEN`, stars.
STARS = len(HIDDEN)

#: All arrays of a run: text, lines, dialogues, kinds of codes; sessions, states, steps, stream (see `lay`).
Work: Any = namedtuple("Work", "text said talks codes sessions st steps stream")  # noqa: PYI024


@helper
def finish_replies(w: Any, k: int) -> None:
    """Tell which lines complete a reply; one whose last line is missing is complete where something else follows."""
    said, last = w.said, w.talks[k, D_LAST]
    for row in range(w.talks[k, D_FIRST], last):
        code = said[row, S_CODE] if said[row, S_SERVER] == SERVER else 0
        more = code > 0 and row + 1 < last and said[row + 1, S_SERVER] == SERVER and goes_on(w.text, said, row)
        if more and (said[row + 1, S_CODE] == code or said[row + 1, S_CODE] == 0):
            code = 0
        said[row, S_FINAL] = code


@helper
def count(w: Any, row: int, units: int, body: Any, asked: Any) -> Any:
    """Follow a dialogue over a line: units that wait for a reply, whether a message goes on, whether one is asked."""
    code = w.said[row, S_FINAL]
    if code > 0:
        return max(units - 1, 0), code == GO_ON, code == CHALLENGE
    if w.said[row, S_SERVER] == SERVER:
        return units, body, asked
    if body:
        ends = is_dot(w.text, w.said, row)
        return units + (1 if ends else 0), not ends, asked
    return units + 1, body, False


@helper
def level(w: Any, k: int, units: int) -> None:
    """Give, for each line, the lowest number of open units from there on, as if nothing were missing."""
    first, last = w.talks[k, D_FIRST], w.talks[k, D_LAST]
    body = False
    asked = False
    for row in range(first, last):
        units, body, asked = count(w, row, units, body, asked)
        w.said[row, S_LEVEL] = units
    for row in range(last - 2, first - 1, -1):
        w.said[row, S_LEVEL] = min(w.said[row, S_LEVEL], w.said[row + 1, S_LEVEL])


@helper
def begin(w: Any, k: int) -> None:
    """Say how the machine begins: with the greeting, with a first command whose greeting was left out, or anywhere."""
    row = w.talks[k, D_FIRST]
    connected = w.talks[k, D_CONNECTED] == 1
    kind = w.said[row, S_KIND]
    reply = NOTHING
    if w.said[row, S_SERVER] == SERVER and w.said[row, S_CODE] > 0:
        reply = w.codes[w.said[row, S_CODE]]
    w.st[k, MODE] = M.LOST
    if reply == K.R220 or reply == K.R421 or (reply == K.REFUSAL and connected):
        w.st[k, MODE] = M.COMMAND
    elif w.said[row, S_SERVER] != SERVER and (connected or kind == K.HELLO or kind == K.LHLO):
        w.st[k, MODE] = M.CHECK
    else:
        w.st[k, FLAGS] |= F.MIDSTREAM


@helper
def make_room(w: Any, k: int) -> None:
    """Give a dialogue its room in the stream, that of the client first, and in the steps; behind the one before it."""
    sessions = w.sessions
    size = 0
    for row in range(w.talks[k, D_FIRST], w.talks[k, D_LAST]):
        if w.said[row, S_SERVER] != SERVER:
            size += w.said[row, S_STOP] - w.said[row, S_START] + END_OF_LINE
        elif w.said[row, S_CODE] == CHALLENGE and w.talks[k, D_SILENT] == 1:
            size += STARS + END_OF_LINE
    if k > 0:
        sessions[k, STREAM_0] = sessions[k - 1, STREAM_0 + SERVER] + sessions[k - 1, LENGTH_0 + SERVER]
        sessions[k, STEP] = sessions[k - 1, STEP] + sessions[k - 1, STEPS]
    sessions[k, STREAM_0 + SERVER] = sessions[k, STREAM_0] + size
    sessions[k, FIRST_TIME] = w.said[w.talks[k, D_FIRST], S_TIME]
    sessions[k, FINAL], sessions[k, ROW] = 1, k


@helper
def add(w: Any, k: int, kind: int, side: int, row: int, size: int) -> None:
    """Add a step, at a line."""
    at = w.sessions[k, STEP] + w.sessions[k, STEPS]
    w.sessions[k, STEPS] += 1
    w.steps[at, STEP_KIND], w.steps[at, STEP_SIDE], w.steps[at, STEP_SIZE] = kind, side, size
    w.steps[at, STEP_END] = w.sessions[k, STREAM_0 + side] + w.sessions[k, LENGTH_0 + side]
    w.steps[at, STEP_TIME], w.steps[at, STEP_FRAME] = w.said[row, S_TIME], w.said[row, S_FRAME]
    w.steps[at, STEP_ACKED] = 0 if side == SERVER and w.talks[k, D_GONE_0] == 1 else HEARD


@helper
def end_line(w: Any, k: int, side: int, row: int, at: int, size: int) -> None:
    """End a line of so many octets that was put into the stream of its side."""
    w.stream[at + size], w.stream[at + size + 1] = 13, 10
    w.sessions[k, LENGTH_0 + side] += size + END_OF_LINE
    w.sessions[k, SEEN_0 + side] = 1
    add(w, k, DATA, side, row, 0)


@helper
def utter(w: Any, k: int, side: int, row: int) -> None:
    """Put a line into the stream of its side."""
    at = w.sessions[k, STREAM_0 + side] + w.sessions[k, LENGTH_0 + side]
    start, size = w.said[row, S_START], w.said[row, S_STOP] - w.said[row, S_START]
    w.said[row, S_PLACE] = at
    copy(w.stream, at, w.text, start, size)
    end_line(w, k, side, row, at, size)


@helper
def conceal(w: Any, k: int, row: int) -> None:
    """Put an answer into the client's stream that the log leaves out before a line."""
    at = w.sessions[k, STREAM_0 + CLIENT] + w.sessions[k, LENGTH_0 + CLIENT]
    w.said[row, S_ANSWER] = at
    for place in range(at, at + STARS):
        w.stream[place] = STAR
    end_line(w, k, CLIENT, row, at, STARS)


@helper
def is_asked(w: Any, k: int, row: int) -> Any:
    """Say whether a line of the server behind a challenge answers what the log leaves out: no timer, no leaving."""
    code = w.said[row, S_FINAL]
    apart = w.said[row, S_ROW] != w.said[row - 1, S_ROW]
    return code > 0 and w.codes[code] != K.R421 and apart and w.talks[k, D_GONE_0 + CLIENT] == 0


@helper
def leave(w: Any, k: int, side: int, row: int) -> None:
    """Let a side leave, if one does."""
    if side != NOTHING:
        add(w, k, FIN, side, row, 0)
        w.talks[k, D_GONE_0 + side] = 1


@helper
def answer(w: Any, k: int, row: int, missing: Any, body: Any) -> None:
    """Add a server's line; `missing`: that of the client, or (`body`) the message, before it was left out."""
    if missing:
        add(w, k, GAP, CLIENT, row, MISSING)
        w.talks[k, D_EXCUSED if body else D_GAPS] |= F.GAP_CLIENT
    utter(w, k, SERVER, row)
    if w.said[row, S_FINAL] > 0 and goes_on(w.text, w.said, row):
        w.stream[w.said[row, S_PLACE] + 3] = 32


@helper
def say(w: Any, k: int, row: int, kind: int) -> None:
    """Add a client's line."""
    utter(w, k, CLIENT, row)
    if kind == K.BDAT:  # the octets that it announces are in no log
        stop = w.said[row, S_STOP]
        add(w, k, CUT, CLIENT, row, number_at(w.text, skip_word(w.text, w.said[row, S_START], stop), stop))
        w.talks[k, D_EXCUSED] |= F.TRUNCATED


@helper
def take_turns(w: Any, k: int, units: int) -> None:
    """Go through a dialogue line by line, and note what is missing between them."""
    said, talks = w.said, w.talks
    first, last = talks[k, D_FIRST], talks[k, D_LAST]
    replies, last_reply = first, first - 1  # where a reply can answer what was seen; where none follows
    answers = False  # the log shows what clients answer to a challenge: then a reply without one came of its own
    for row in range(last - 1, first - 1, -1):
        code = said[row, S_FINAL]
        if code > 0:
            last_reply = max(last_reply, row)
            replies = row + 1
        if code == CHALLENGE and row + 1 < last and said[row + 1, S_SERVER] != SERVER:
            answers = True
    if w.st[k, MODE] != M.LOST:
        replies = first
    body = False
    asked = False
    waits = False
    ahead = 0  # units in the levels whose replies are missing
    for row in range(first, last):
        code, kind = said[row, S_FINAL], said[row, S_KIND]
        leave(w, k, said[row, S_LEFT], row)
        said[row, S_ANSWER] = NOTHING
        if said[row, S_SERVER] == SERVER:
            if asked and talks[k, D_SILENT] == 1 and is_asked(w, k, row):
                conceal(w, k, row)
                units += 1
            missing = code > 0 and units == 0 and row >= replies and w.codes[code] != K.R421
            answer(w, k, row, missing and not (asked and answers), body)
        else:
            missing = said[row, S_LEVEL] > ahead and (waits or row < last_reply) and talks[k, D_GONE_1] == 0
            if units > 0 and not body and missing:
                add(w, k, GAP, SERVER, row, MISSING)
                ahead += units
                units = 0
            if body or asked:
                kind = NOTHING
            # RFC 2920 section 3.1
            stops = kind == K.AUTH or kind == K.STARTTLS or kind == K.TURN or kind == K.DATA
            waits = not body and (asked or (waits and units > 0) or stops)
            say(w, k, row, kind)
        units, body, asked = count(w, row, units, body, asked)
    leave(w, k, talks[k, D_LEFT], last - 1)
    add(w, k, END, CLIENT, last - 1, 0)


@kernel(
    "void(uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1],"
    " uint8[::1])"
)
def lay(text: Any, said: Any, talks: Any, codes: Any, sessions: Any, states: Any, steps: Any, stream: Any) -> None:
    """Lay dialogues out for the machine: rows of `analyzer.tcp.columns`, states in which they begin, streams.

    `sessions` and `states` have a row a dialogue, all zero before; `steps` and `stream` have to be large enough.
    """
    w = Work(text, said, talks, codes, sessions, states, steps, stream)
    for k in range(len(talks)):
        make_room(w, k)
        begin(w, k)
        units = 1 if w.st[k, MODE] == M.COMMAND else 0  # the greeting
        finish_replies(w, k)
        level(w, k, units)
        take_turns(w, k, units)
        talks[k, D_EXCUSED] &= ~talks[k, D_GAPS]
        silent = sessions[k, LENGTH_0 + CLIENT] == 0 and talks[k, D_GAPS] != 0
        if sessions[k, LENGTH_0 + SERVER] == 0 or silent:
            states[k, FLAGS] |= F.ONE_SIDED
