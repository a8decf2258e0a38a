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
    "mechanism", "authenticator", "identity", "realm", "service", "code", "enhanced", "text", "reason", "number",
    "counters", "command", "helo", "mail_from", "size", "tls_version", "line", "reply",
)  # fmt: skip

# --- an event
(
    E_LINE,                         # row of its line
    E_FORMAT, E_PATTERN,            # numbers in the catalogue
    EVENT_WIDTH,
) = range(4)  # fmt: skip
SPANS_WIDTH: Final = 2 * len(FIELDS)


def span_of(name: str) -> int:
    """Give the row of the spans where a field begins; the next one has its end."""
    return 2 * FIELDS.index(name)
