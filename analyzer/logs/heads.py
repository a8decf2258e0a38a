"""The head of a line: when, where and by whom it was written.

Known are the heads of syslog (RFC 3164, RFC 5424, rsyslog's ISO 8601), and the dates that products write themselves.
Who wrote a line is told only where a name with a colon follows the time: ``host program[pid]: text``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.logs import columns as c
from analyzer.logs.columns import Mark
from analyzer.logs.moments import (
    BACKSLASH,
    CLOSE,
    COLON,
    COMMA,
    DASH,
    LESS,
    MORE,
    OPEN,
    SLASH,
    SPACE,
    after_spaces,
    is_digit,
    moment,
)  # fmt: skip
from analyzer.logs.repeats import last_repeats, own_repeats, repeats
from analyzer.logs.writers import after_message_id, after_word, own_pid, program, structured, writer
from analyzer.wire.octets import alike

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

#: Octets behind a time that may decide where it ends: a space, and a zone.
AHEAD = 8


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
