"""What syslog daemons write in the place of lines that repeat each other.

Kernels' helpers over the lines of `analyzer.logs.columns`: REPEAT of a line tells for how many it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper
from analyzer.limits import LOG_REPEATS
from analyzer.logs import columns as c
from analyzer.logs.match import same
from analyzer.logs.moments import CLOSE, after_spaces, is_digit
from analyzer.logs.writers import (
    LAST_REPEATED,
    LAST_REPEATED_LENGTH,
    REPEATED,
    REPEATED_LENGTH,
    SYSLOGD,
    SYSLOGD_LENGTH,
    TIMES,
    TIMES_LENGTH,
    TIMES_WORD,
)
from analyzer.wire.octets import alike

if TYPE_CHECKING:
    from analyzer.wire.octets import Grid, Octets


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
