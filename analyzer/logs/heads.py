"""The head of a line: when, where and by whom it was written.

Known are the heads of syslog (RFC 3164, RFC 5424, rsyslog's ISO 8601), and the dates that products write themselves.
Who wrote a line is told only where a name with a colon follows the time: ``host program[pid]: text``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.limits import LOG_REPEATS
from analyzer.logs import columns as c
from analyzer.logs.columns import Mark
from analyzer.logs.match import same
from analyzer.logs.moments import (
    AT_SIGN,
    BACKSLASH,
    CLOSE,
    COLON,
    COMMA,
    DASH,
    DOT,
    LESS,
    MORE,
    OPEN,
    PERCENT,
    QUOTE,
    SLASH,
    SPACE,
    TAB,
    after_spaces,
    is_digit,
    moment,
)  # fmt: skip
from analyzer.wire.octets import alike

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

#: Octets behind a time that may decide where it ends: a space, and a zone.
AHEAD = 8

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


@helper
def own_time(buffer: Octets, at: int, stop: int, lines: Grid, row: int, months: Cells) -> None:
    """Read a time behind the program: Exim writes into a syslog what it writes into a file (syslog_timestamp).

    It has a year. Only where syslog has told the zone and it does not, it is not the better one. Of a long entry, which
    is cut into numbered parts, the first one has it: `[1/3] 2026-03-03 ...`.
    """
    if at + 2 < stop and buffer[at] == OPEN and buffer[at + 1] == 49:
        if buffer[at + 2] == SLASH or buffer[at + 2] == BACKSLASH:
            part = at + 3
            while part < stop and is_digit(buffer[part] * 1) == 1:
                part += 1
            if part < stop and buffer[part] == CLOSE:
                at = after_spaces(buffer, part + 1, stop)
    if at + 10 > stop or buffer[at + 4] != DASH or buffer[at + 7] != DASH:
        return
    time, mark = lines[row, c.TIME], lines[row, c.MARK]
    end = moment(buffer, at, stop, lines, row, months)
    whole = end >= 0 and end < stop and buffer[end] == SPACE
    if not whole or (mark == Mark.UTC and lines[row, c.MARK] != Mark.UTC):
        lines[row, c.TIME], lines[row, c.MARK] = time, mark
    if whole:
        lines[row, c.BODY] = after_spaces(buffer, end, stop)


@helper
def repeats(buffer: Octets, at: int, stop: int, lines: Grid, row: int, sentences: Octets) -> None:
    """Read `message repeated N times: [ text]`, which stands for N such texts."""
    if same(buffer, at, stop, sentences, REPEATED, REPEATED_LENGTH) == 0:
        return
    at += REPEATED_LENGTH
    count = 0
    while at < stop and is_digit(buffer[at] * 1) == 1 and count < 1 << 20:
        count = count * 10 + buffer[at] * 1 - 48
        at += 1
    whole = same(buffer, at, stop, sentences, TIMES, TIMES_LENGTH) == 1 and buffer[stop - 1] == CLOSE
    if whole and 0 < count <= LOG_REPEATS:
        lines[row, c.BODY], lines[row, c.BODY_END] = after_spaces(buffer, at + TIMES_LENGTH, stop), stop - 1
        lines[row, c.REPEAT] = count


@helper
def last_repeats(buffer: Octets, at: int, stop: int, lines: Grid, row: int, sentences: Octets) -> None:
    """Read `last message repeated N times`: the line before, as often again."""
    if same(buffer, at, stop, sentences, LAST_REPEATED, LAST_REPEATED_LENGTH) == 1:
        at += LAST_REPEATED_LENGTH
        count = 0
        while at < stop and is_digit(buffer[at] * 1) == 1 and count < 1 << 20:
            count = count * 10 + buffer[at] * 1 - 48
            at += 1
        if 0 < count <= LOG_REPEATS:
            lines[row, c.REPEAT] = -count


@helper
def own_repeats(buffer: Octets, at: int, stop: int, lines: Grid, row: int, told: int, sentences: Octets) -> None:
    """Read `last message repeated N times` of the program that wrote the line before, `told`, or of syslogd (FreeBSD).

    Others may have been told to write it.
    """
    begin, end = lines[row, c.PROGRAM], lines[row, c.PROGRAM_END]
    before, width = lines[told, c.PROGRAM], lines[told, c.PROGRAM_END] - lines[told, c.PROGRAM]
    mine = width == end - begin and lines[told, c.PID] == lines[row, c.PID]
    mine = mine and alike(buffer[before : before + width], buffer[begin:end])
    if not mine and (
        end - begin != SYSLOGD_LENGTH or same(buffer, begin, end, sentences, SYSLOGD, SYSLOGD_LENGTH) == 0
    ):
        return
    digits = at + LAST_REPEATED_LENGTH
    while digits < stop and is_digit(buffer[digits] * 1) == 1:
        digits += 1
    if same(buffer, digits, stop, sentences, TIMES, TIMES_WORD) == 1 and digits + TIMES_WORD == stop:
        last_repeats(buffer, at, stop, lines, row, sentences)
    if lines[row, c.REPEAT] < 0:  # the line is of that before
        lines[row, c.PROGRAM] = lines[row, c.PROGRAM_END] = lines[row, c.PID] = 0


@kernel("void(uint8[::1], int64[::1], int64, int64, int64, int64[:, ::1], int64[::1], uint8[::1], int64[::1])")
def cut_heads(
    buffer: Octets, stops: Cells, file: int, ordinal: int, serial: int, lines: Grid, months: Cells, sentences: Octets,
    names: Cells,
) -> None:  # fmt: skip
    """Cut the heads of lines that end at `stops`; ordinal and serial are those of the first. All is zero before."""
    before, width, time, mark = 0, 0, 0, 0  # where the last time was that was read, how wide it was, and what it told
    following, told = 0, -1  # where the next line begins, and the last one that does not stand for another
    for row in range(len(stops)):
        start, stop = following, stops[row]
        following = stop + 1
        lines[row, c.FILE], lines[row, c.NUMBER], lines[row, c.SERIAL] = file, ordinal + row, serial + row
        lines[row, c.START] = start
        while stop > start and (buffer[stop - 1] == 13 or buffer[stop - 1] == SPACE):  # CR, and what pastes add
            stop -= 1
        lines[row, c.STOP] = lines[row, c.BODY_END] = stop
        lines[row, c.REPEAT] = 1
        at, version = start, 0
        if at < stop and buffer[at] == LESS:
            end = at + 1
            while end < stop and end < at + 4 and is_digit(buffer[end] * 1) == 1:
                end += 1
            if end > at + 1 and end < stop and buffer[end] == MORE:
                at = end + 1
                if at + 1 < stop and buffer[at] == 49 and buffer[at + 1] == SPACE:
                    version = 1
                    at += 2
        bracket = 1 if at < stop and buffer[at] == OPEN else 0
        first = at + bracket
        if 0 < width <= stop - first - AHEAD and alike(
            buffer[before : before + width + AHEAD], buffer[first : first + width + AHEAD]
        ):
            lines[row, c.TIME], lines[row, c.MARK] = time, mark  # a busy log has many lines a second
            end = first + width
        else:
            end = moment(buffer, first, stop, lines, row, months)
            before, width, time, mark = first, end - first, lines[row, c.TIME], lines[row, c.MARK]
        if end < 0:
            lines[row, c.TIME] = lines[row, c.MARK] = Mark.NONE
            end = start
        else:
            for k in range(at, end if bracket == 1 else at):
                if buffer[k] == CLOSE:
                    bracket = 0
            while bracket == 1 and end < stop and buffer[end] != CLOSE:
                end += 1  # the name of a zone
            if end < stop and (buffer[end] == CLOSE or buffer[end] == COLON or buffer[end] == COMMA):
                end += 1
        at = after_spaces(buffer, end, stop)
        if lines[row, c.MARK] == Mark.YEARLESS and at < stop and buffer[at] == LESS:  # FreeBSD: <mail.info>
            while at < stop and buffer[at] != SPACE:
                at += 1
            at = after_spaces(buffer, at, stop)
        lines[row, c.AFTER_TIME] = lines[row, c.BODY] = at
        if version == 1:
            lines[row, c.BODY] = structured(buffer, at, stop, lines, row)
            lines[row, c.AFTER_TIME] = lines[row, c.BODY]
        elif lines[row, c.MARK] != Mark.DAYTIME and at < stop:
            if lines[row, c.MARK] == Mark.NONE:  # a program without a time has to have a number
                text = program(buffer, at, stop, lines, row)
                if lines[row, c.PID] == 0:
                    lines[row, c.PROGRAM] = lines[row, c.PROGRAM_END] = 0
                    text = -1
            else:
                text = writer(buffer, at, stop, lines, row, names)
            if text >= 0:
                lines[row, c.BODY] = text
            elif lines[row, c.MARK] != Mark.NONE:
                host_end = after_word(buffer, at, stop)
                second = after_spaces(buffer, host_end, stop)
                if second < stop and buffer[second] == 108:
                    lines[row, c.HOST], lines[row, c.HOST_END] = at, host_end
                    last_repeats(buffer, second, stop, lines, row, sentences)
                    if lines[row, c.REPEAT] > 0:
                        lines[row, c.HOST] = lines[row, c.HOST_END] = 0
        at = lines[row, c.BODY]
        if lines[row, c.PROGRAM_END] == 0 and lines[row, c.MARK] != Mark.NONE and at < stop and buffer[at] == OPEN:
            own_pid(buffer, at, stop, lines, row)
        if lines[row, c.PROGRAM_END] > 0 and at < stop and buffer[at] == OPEN:
            at = lines[row, c.BODY] = after_message_id(buffer, at, stop, names, sentences)
        if lines[row, c.PROGRAM_END] > 0 and at < stop and (is_digit(buffer[at] * 1) == 1 or buffer[at] == OPEN):
            own_time(buffer, at, stop, lines, row, months)
        if at < stop and buffer[at] == 109:
            repeats(buffer, at, stop, lines, row, sentences)
        if lines[row, c.PROGRAM_END] > 0 and told >= 0 and at < stop and buffer[at] == 108:
            own_repeats(buffer, at, stop, lines, row, told, sentences)
        if lines[row, c.REPEAT] > 0:
            told = row
