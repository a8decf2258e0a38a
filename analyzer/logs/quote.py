"""The kernel that goes through the sessions of a group: what was said in them, and what is told besides."""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.logs.columns import *
from analyzer.logs.escapes import MARKS
from analyzer.logs.formats import ESCAPES, EVENT_NAMES, SIDES
from analyzer.tables import PLACE_BITS
from analyzer.wire.octets import find_octet

if TYPE_CHECKING:
    from analyzer.logs.catalogue import Catalogue

    Array = np.ndarray[Any, Any]

LINE, TLS, DETAIL = (EVENT_NAMES.index(name) for name in ("line", "tls", "detail"))

#: The sides of lines; what stands in the line of a command and answers it has a side of its own.
A, B, ANY, MORE, WRAPPED, REPLY = range(len(SIDES) + 1)

RETURN: Final = 13

#: The fields that are looked at: where they begin among SPANS, the rows of a block's spans.
THE_LINE, THE_REPLY, THE_TEXT, THE_IDENTITY = range(0, 8, 2)
SPANS: Final = slice(span_of("line"), span_of("identity") + 2)

# --- what a pattern says of its lines
(
    Q_KIND,                         # in EVENT_NAMES
    Q_SIDE, Q_ESCAPE,               # in SIDES, in ESCAPES
    Q_CODE,                         # of the reply, of which the field `text` has the rest; 0: none
    Q_TLS,                          # whether it tells that TLS is in use
    QUOTE_WIDTH,
) = range(6)  # fmt: skip

# --- a text that stands for other lines, or for several
(
    O_ESCAPE,                       # in ESCAPES; NOTHING: it is a line as it stands
    O_CODE,                         # stands before it; 0: none does
    ODD_WIDTH,
) = range(3)  # fmt: skip

# --- what is told besides the lines of a dialogue
(
    T_ROW, T_KIND,                  # of the group; in EVENT_NAMES
    T_AT,                           # the line before which it stands
    T_FRAME, T_SESSION,
    TOLD_WIDTH,
) = range(6)  # fmt: skip

#: All arrays of a run; `counts`: lines that were said, and what was told besides.
Work: Any = namedtuple("Work", "buffer events patterns lines spans marks said odd told counts")  # noqa: PYI024


@helper
def is_odd(w: Any, start: int, stop: int, escape: int) -> Any:
    """Say whether an escape may have written a text."""
    if start < stop and w.buffer[stop - 1] == RETURN:
        return True
    for k in range(w.marks.shape[1]):
        if w.marks[escape, k] != NOTHING and find_octet(w.buffer, w.marks[escape, k], start, stop) >= 0:
            return True
    return False


@helper
def frame_of(w: Any, row: int) -> Any:
    """Give the place of an event's line, as steps have it for frames."""
    line = w.events[row, E_LINE]
    return w.lines[line, FILE] << PLACE_BITS | w.lines[line, NUMBER]


@helper
def say(w: Any, session: int, row: int, side: int, field: int, code: int) -> None:
    """Add a line that was said: a field of an event's line."""
    at, line = w.counts[0], w.events[row, E_LINE]
    start, stop = w.spans[field, line] * 1, w.spans[field + 1, line] * 1
    w.said[at, S_SESSION], w.said[at, S_SIDE], w.said[at, S_ROW] = session, side, row
    w.said[at, S_START], w.said[at, S_STOP] = start, stop
    w.said[at, S_TIME], w.said[at, S_FRAME] = w.lines[line, TIME], frame_of(w, row)
    w.said[at, S_HIDDEN], w.said[at, S_LEFT] = 0, NOTHING
    escape = w.patterns[w.events[row, E_PATTERN], Q_ESCAPE]
    w.odd[at, O_ESCAPE], w.odd[at, O_CODE] = NOTHING, code
    if code > 0 or is_odd(w, start, stop, escape):
        w.odd[at, O_ESCAPE] = escape
    w.counts[0] += 1


@helper
def tell(w: Any, session: int, row: int, kind: int) -> None:
    """Add what an event tells besides."""
    at = w.counts[1]
    w.told[at, T_ROW], w.told[at, T_KIND], w.told[at, T_AT] = row, kind, w.counts[0]
    w.told[at, T_FRAME], w.told[at, T_SESSION] = frame_of(w, row), session
    w.counts[1] += 1


@helper
def has(w: Any, row: int, field: int) -> Any:
    """Say whether the line of an event has a field."""
    line = w.events[row, E_LINE]
    return w.spans[field + 1, line] > w.spans[field, line]


@kernel(
    "void(uint8[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1], int32[:, ::1], int64[:, ::1],"
    " int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[::1])"
)
def quote(
    buffer: Any, events: Any, starts: Any, patterns: Any, lines: Any, spans: Any, marks: Any, said: Any, odd: Any,
    told: Any, counts: Any,
) -> None:  # fmt: skip
    """Go through the sessions that show a dialogue; they begin at `starts`.

    `spans` has the rows SPANS of those of the block; `counts` is zero before.
    """
    w = Work(buffer, events, patterns, lines, spans, marks, said, odd, told, counts)
    for session in range(len(starts) - 1):
        talks = False
        for row in range(starts[session], starts[session + 1]):
            if patterns[events[row, E_PATTERN], Q_KIND] == LINE:
                talks = True
        for row in range(starts[session], starts[session + 1] if talks else starts[session]):
            pattern = events[row, E_PATTERN]
            if patterns[pattern, Q_KIND] != LINE:
                tell(w, session, row, patterns[pattern, Q_KIND])
                continue
            if patterns[pattern, Q_TLS] == 1:
                tell(w, session, row, TLS)
            say(w, session, row, patterns[pattern, Q_SIDE], THE_LINE, 0)
            if patterns[pattern, Q_CODE] > 0:  # where a command ends, and its answer begins, only a code tells
                say(w, session, row, REPLY, THE_TEXT, patterns[pattern, Q_CODE])
            elif has(w, row, THE_REPLY):
                say(w, session, row, REPLY, THE_REPLY, 0)
            if has(w, row, THE_IDENTITY):  # a name stands behind the line that tells it
                tell(w, session, row, DETAIL)


@lru_cache(maxsize=4)
def quotes(catalogue: Catalogue) -> Array:
    """Give what each pattern says of its lines: int64[n, QUOTE_WIDTH]."""
    made = [
        (EVENT_NAMES.index(each.event), SIDES.index(each.side) if each.side else A, ESCAPES.index(each.escape),
         each.stated.get("code", 0), "tls" in each.stated)
        for _, each in catalogue.patterns
    ]  # fmt: skip
    return np.array(made, np.int64).reshape(-1, QUOTE_WIDTH)


def marks_of_escapes() -> Array:
    """Give what an escape may have written holds: int64[len(ESCAPES), most], NOTHING for no more."""
    made = np.full((len(ESCAPES), max(map(len, MARKS.values()))), NOTHING, np.int64)
    for number, name in enumerate(ESCAPES):
        made[number, : len(MARKS[name])] = list(MARKS[name])
    return made
