"""Columns of the arrays of this room: a line with its head cut, and an event, which is a line that a pattern took."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

# --- a line
(
    START, STOP,                    # in the buffer, without its end
    FILE, NUMBER, SERIAL,           # of the files of its block; from 1 in its file; from 0 in its source
    TIME, MARK,                     # see `Mark`
    HOST, HOST_END,                 # spans in the block; equal ends: there is none
    PROGRAM, PROGRAM_END,
    PID,                            # 0: none
    AFTER_TIME, BODY,               # where the text begins: behind the time, behind the program
    BODY_END,                       # before the bracket of a repeated message
    REPEAT,                         # how many lines this one stands for; -N: the line before, N more times
    LINE_WIDTH,
) = range(17)  # fmt: skip


class Mark(IntEnum):
    """What the TIME of a line is (nanoseconds)."""

    NONE = 0  #: there is none
    UTC = 1  #: since 1970
    LOCAL = 2  #: since 1970, of a clock whose zone is not told
    YEARLESS = 3  #: the same in the leap year 2000: neither year nor zone is told (RFC 3164)
    DAYTIME = 4  #: since midnight


#: What patterns can take from a line; `analyzer.logs.template` has what each may consist of.
FIELDS: Final = (
    "client_name", "client_ip", "client_port", "server_name", "server_ip", "server_port",
    "session", "pid", "queue_id", "when",
    "mechanism", "authenticator", "realm", "service", "code", "enhanced", "reason", "number",
    "counters", "command", "helo", "mail_from", "size", "tls", "tls_version",
    "line", "reply", "text", "identity",  # what a dialogue is made of: `quote` reads them together
)  # fmt: skip

# --- an event
(
    E_LINE,                         # row of its line
    E_FORMAT, E_PATTERN,            # numbers in the catalogue
    E_KEY,                          # equal for the events of one session, in all blocks of a source
    E_ALONE,                        # it stands alone: nothing says which session it is of
    EVENT_WIDTH,
) = range(6)  # fmt: skip
SPANS_WIDTH: Final = 2 * len(FIELDS)

# --- a line that was said: one row of a dialogue. `quote` makes them, `heard`, `sides` and `turns` add the rest
(
    S_SESSION,                      # of its group
    S_SIDE,                         # see SIDES of `analyzer.logs.formats`
    S_START, S_STOP,                # in the text
    S_ROW, S_TIME, S_FRAME,         # of its event; 0: no time
    S_CODE, S_KIND,                 # of a reply, of a command; 0 and NOTHING where it is none
    S_SERVER,                       # the server said it (1), the client did (0); NOTHING: neither
    S_HIDDEN,                       # it stands for a secret that the log hides (1)
    S_BEGINS,                       # a dialogue begins here
    S_LEFT,                         # the side that leaves before it; NOTHING: none
    S_FINAL, S_LEVEL,               # code of the reply that it completes; fewest units that are open from here on
    S_PLACE,                        # where it begins in the stream
    S_ANSWER,                       # where an answer begins there that the log leaves out before it; NOTHING: none
    SAID_WIDTH,
) = range(18)  # fmt: skip

# --- a dialogue: a session, or the part of it that begins at another greeting
(
    D_SESSION, D_PART,              # of the group; from 0 in its session
    D_FIRST, D_LAST,                # its lines: from, to
    D_CONNECTED,                    # it begins here
    D_LEFT,                         # the side that leaves behind its last line; NOTHING: none
    D_GONE_0, D_GONE_1,             # the client, the server has left
    D_GAPS, D_EXCUSED,              # flags: what is missing, and what is missing of it in every log
    D_SILENT,                       # its log leaves out what clients answer to a challenge
    DIALOGUE_WIDTH,
) = range(12)  # fmt: skip

#: No side, no kind of command.
NOTHING: Final = -1


def span_of(name: str) -> int:
    """Give the row of the spans where a field begins; the next one has its end."""
    return 2 * FIELDS.index(name)
