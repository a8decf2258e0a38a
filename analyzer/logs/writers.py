"""Who wrote a line: host, program and number behind the time of a syslog, and what some put before the text.

Kernels' helpers over the lines of `analyzer.logs.columns`. Who wrote a line is told only where a name with a colon
follows: ``host program[pid]: text``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.kernel import helper
from analyzer.logs import columns as c
from analyzer.logs.columns import Mark
from analyzer.logs.match import same
from analyzer.logs.moments import (
    AT_SIGN,
    BACKSLASH,
    CLOSE,
    COLON,
    DASH,
    DOT,
    OPEN,
    PERCENT,
    QUOTE,
    SLASH,
    SPACE,
    TAB,
    after_spaces,
    is_digit,
)

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

# What syslog daemons write themselves, one behind the other.
_SENTENCES: Final = (b"message repeated ", b" times: [", b"last message repeated ", b"[ID ", b"syslogd")
SENTENCES: Final = np.frombuffer(bytearray(b"".join(_SENTENCES)), np.uint8)
REPEATED, REPEATED_LENGTH = 0, len(_SENTENCES[0])
TIMES, TIMES_LENGTH, TIMES_WORD = REPEATED_LENGTH, len(_SENTENCES[1]), len(b" times")
LAST_REPEATED, LAST_REPEATED_LENGTH = TIMES + TIMES_LENGTH, len(_SENTENCES[2])
MESSAGE_ID, MESSAGE_ID_LENGTH = LAST_REPEATED + LAST_REPEATED_LENGTH, len(_SENTENCES[3])
SYSLOGD, SYSLOGD_LENGTH = MESSAGE_ID + MESSAGE_ID_LENGTH, len(_SENTENCES[4])

# The facilities of syslog as numbers, then its levels (syslog.h), up to eight letters each.
_FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "audit", "alert", "clock", *(f"local{number}" for number in range(8)),
)  # fmt: skip
_LEVELS: Final = ("emerg", "panic", "alert", "crit", "err", "error", "warning", "warn", "notice", "info", "debug")
PRIORITIES: Final = np.array([int.from_bytes(name.encode()) for name in (*_FACILITIES, *_LEVELS)], np.int64)
FACILITIES, NAMES = len(_FACILITIES), len(_FACILITIES) + len(_LEVELS)


@helper
def is_name(octet: int) -> int:
    """Whether an octet can be part of a program's name."""
    if 48 <= octet <= 57 or 97 <= octet <= 122 or 65 <= octet <= 90 or octet in (DASH, DOT, SLASH, 95, AT_SIGN):
        return 1
    return 0


@helper
def after_word(buffer: Octets, at: int, stop: int) -> int:
    """Give the first place that is a space or a tab."""
    while at < stop and buffer[at] != SPACE and buffer[at] != TAB:
        at += 1
    return at


@helper
def is_one_of(buffer: Octets, at: int, stop: int, names: Cells, first: int, last: int) -> int:
    """Whether a word is one of these names, which stand from `first` to `last`."""
    if stop - at > 8:
        return 0
    word = 0
    for k in range(at, stop):
        if buffer[k] > 127:
            return 0
        word = word * 256 + buffer[k]
    for k in range(first, last):
        if names[k] == word:
            return 1
    return 0


@helper
def after_small(buffer: Octets, at: int, stop: int) -> int:
    """Give the first place that is neither a small letter nor a digit."""
    while at < stop and (97 <= buffer[at] <= 122 or 48 <= buffer[at] <= 57):
        at += 1
    return at


@helper
def after_priority(buffer: Octets, at: int, stop: int, names: Cells) -> int:
    """Give the place behind a word `facility.level` of syslog; -1: there is another one."""
    dot = after_small(buffer, at, stop)
    if dot >= stop or buffer[dot] != DOT or is_one_of(buffer, at, dot, names, 0, FACILITIES) == 0:
        return -1
    end = after_small(buffer, dot + 1, stop)
    return end if is_one_of(buffer, dot + 1, end, names, FACILITIES, NAMES) == 1 else -1


@helper
def is_zone(buffer: Octets, at: int, end: int, start: int) -> int:
    """Whether a word can be the abbreviation of a zone behind `Tue 2026-03-03 10:00:00`, which begins at `start`.

    Others than UTC and GMT are not unique: such a time is a local one.
    """
    if end - at < 2 or end - at > 6 or buffer[start + 3] != SPACE or is_digit(buffer[start + 4] * 1) == 0:
        return 0
    for k in range(at, end):
        if not 65 <= buffer[k] <= 90:
            return 0
    return 1


@helper
def is_other(buffer: Octets, at: int, end: int, stop: int) -> int:
    """Whether what stands before a colon is a number, as MDaemon tells kinds of lines, or begins an address (IPv6)."""
    number = 1
    for k in range(at, end):
        number *= is_digit(buffer[k] * 1)
    if number == 1 or end + 1 >= stop or buffer[end + 1] == SPACE:
        return number
    colons = 0
    # Digits and the colon, the letters up to f, and dots.
    while end < stop and (48 <= buffer[end] <= 58 or 97 <= buffer[end] | 32 <= 102 or buffer[end] == DOT):
        colons += 1 if buffer[end] == COLON else 0
        end += 1
    return 1 if colons > 1 and (end == stop or buffer[end] == SPACE or buffer[end] == PERCENT) else 0


@helper
def program(buffer: Octets, at: int, stop: int, lines: Grid, row: int) -> int:
    """Read `name[pid]:` or `name:`; gives where the text begins, or -1."""
    end = at
    while end < stop and is_name(buffer[end] * 1) == 1:
        end += 1
    if end == at or end == stop:
        return -1
    after, pid = end, 0
    if buffer[after] == OPEN:
        after += 1
        while after < stop and is_digit(buffer[after] * 1) == 1 and pid < 1 << 40:
            pid = pid * 10 + buffer[after] * 1 - 48
            after += 1
        if after >= stop or buffer[after] != CLOSE:
            return -1
        after = after_spaces(buffer, after + 1, stop)
    if after >= stop or buffer[after] != COLON or (after == end and is_other(buffer, at, end, stop) == 1):
        return -1
    lines[row, c.PROGRAM], lines[row, c.PROGRAM_END], lines[row, c.PID] = at, end, pid
    return after_spaces(buffer, after + 1, stop)


@helper
def writer(buffer: Octets, at: int, stop: int, lines: Grid, row: int, names: Cells) -> int:
    """Read host and program behind a time; gives where the text begins, or -1: then nothing tells who wrote it."""
    text = program(buffer, at, stop, lines, row)
    if text >= 0:
        return text
    end = after_word(buffer, at, stop)
    second = after_spaces(buffer, end, stop)
    text = program(buffer, second, stop, lines, row)
    if text < 0:  # BusyBox: host mail.info program[pid]:
        after = after_priority(buffer, second, stop, names)
        if 0 <= after < stop and buffer[after] == SPACE:
            text = program(buffer, after_spaces(buffer, after, stop), stop, lines, row)
    if text < 0 and lines[row, c.MARK] == Mark.LOCAL and is_zone(buffer, at, end, lines[row, c.START]) == 1:
        at, end = second, after_word(buffer, second, stop)
        text = program(buffer, after_spaces(buffer, end, stop), stop, lines, row)
    if text >= 0:
        lines[row, c.HOST], lines[row, c.HOST_END] = at, end
    return text


@helper
def structured(buffer: Octets, at: int, stop: int, lines: Grid, row: int) -> int:
    """Read host, program, pid, message id and structured data of RFC 5424; gives where the text begins."""
    for part in range(4):
        if at >= stop:
            return stop
        end = after_word(buffer, at, stop)
        if part == 0 and buffer[at] != DASH:
            lines[row, c.HOST], lines[row, c.HOST_END] = at, end
        if part == 1:
            lines[row, c.PROGRAM], lines[row, c.PROGRAM_END] = at, end
        if part == 2:
            pid = 0
            for k in range(at, min(end, at + 12)):
                if is_digit(buffer[k] * 1) == 1:
                    pid = pid * 10 + buffer[k] * 1 - 48
            lines[row, c.PID] = pid
        at = after_spaces(buffer, end, stop)
    if at >= stop:
        return stop
    quoted = 0
    if buffer[at] == OPEN:
        while at < stop:
            octet = buffer[at] * 1
            if octet == BACKSLASH and quoted == 1:
                at += 1
            elif octet == QUOTE:
                quoted = 1 - quoted
            elif octet == CLOSE and quoted == 0 and not (at + 1 < stop and buffer[at + 1] == OPEN):
                break
            at += 1
        at += 1
    else:
        at = after_word(buffer, at, stop)
    at = after_spaces(buffer, min(at, stop), stop)
    if at + 2 < stop and buffer[at] == 0xEF and buffer[at + 1] == 0xBB and buffer[at + 2] == 0xBF:
        at += 3
    return at


@helper
def own_pid(buffer: Octets, at: int, stop: int, lines: Grid, row: int) -> None:
    """Read `[pid] ` in front of the text: Exim with log_selector = +pid, in a file of its own."""
    end, pid = at + 1, 0
    while end < stop and is_digit(buffer[end] * 1) == 1 and pid < 1 << 40:
        pid = pid * 10 + buffer[end] * 1 - 48
        end += 1
    if pid > 0 and end + 1 < stop and buffer[end] == CLOSE and buffer[end + 1] == SPACE:
        lines[row, c.PID] = pid
        lines[row, c.AFTER_TIME] = lines[row, c.BODY] = after_spaces(buffer, end + 1, stop)


@helper
def after_message_id(buffer: Octets, at: int, stop: int, names: Cells, sentences: Octets) -> int:
    """Give the place behind `[ID 197553 mail.info]`, which Solaris puts before a text; `at`: there is none."""
    if same(buffer, at, stop, sentences, MESSAGE_ID, MESSAGE_ID_LENGTH) == 0:
        return at
    end = at + MESSAGE_ID_LENGTH
    while end < stop and is_digit(buffer[end] * 1) == 1:
        end += 1
    if end >= stop or buffer[end] != SPACE:
        return at
    end = after_priority(buffer, end + 1, stop, names)
    if end < 0 or end + 1 >= stop or buffer[end] != CLOSE or buffer[end + 1] != SPACE:
        return at
    return after_spaces(buffer, end + 1, stop)
