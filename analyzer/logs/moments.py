"""Times as logs write them: dates of syslog (RFC 3164, RFC 5424), of the products themselves, and TAI64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.logs import columns as c
from analyzer.logs.columns import Mark

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

SECOND, MINUTE, HOUR, DAY = 10**9, 60 * 10**9, 3600 * 10**9, 86400 * 10**9

SPACE, TAB, COLON, DASH, DOT, COMMA, SLASH, PLUS = 32, 9, 58, 45, 46, 44, 47, 43
OPEN, CLOSE, LESS, MORE, QUOTE, BACKSLASH, AT_SIGN, PERCENT = 91, 93, 60, 62, 34, 92, 64, 37
LETTER_T, LETTER_Z, LETTER_U, LETTER_G = 84, 90, 85, 71
LETTER_A, LETTER_P, LETTER_M = 97, 112, 109  # in small letters

#: The leap year in which yearless dates are counted.
LEAP_YEAR = 2000

#: TAI is ahead of UTC by this since 2017 (IERS bulletin C 52).
TAI_AHEAD = 37 * SECOND

# The kernels' table of words: the months as numbers, three letters each, in lower case.
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
MONTHS: Final = np.array([int.from_bytes(name.encode()) for name in _MONTHS.split()], np.int64)


@helper
def is_digit(octet: int) -> int:
    """Whether an octet is a decimal digit."""
    if 48 <= octet <= 57:
        return 1
    return 0


@helper
def after_spaces(buffer: Octets, at: int, stop: int) -> int:
    """Give the first place that is no space or tab."""
    while at < stop and (buffer[at] == SPACE or buffer[at] == TAB):
        at += 1
    return at


@helper
def number(buffer: Octets, at: int, stop: int, digits: int) -> int:
    """Read a number of so many digits, the first of two may be a space; -1: there is something else."""
    if at + digits > stop:
        return -1
    value = 0
    for k in range(digits):
        octet = buffer[at + k] * 1
        if octet == SPACE and k == 0 and digits == 2:
            octet = 48
        if octet < 48 or octet > 57:
            return -1
        value = value * 10 + octet - 48
    return value


@helper
def days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the Gregorian calendar, months counted from March."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@helper
def month_of(buffer: Octets, at: int, stop: int, months: Cells) -> int:
    """Read the English name of a month, three letters; 0: there is none."""
    if at + 3 > stop:
        return 0
    name = ((buffer[at] | 32) * 256 + (buffer[at + 1] | 32)) * 256 + (buffer[at + 2] | 32)
    for k in range(12):
        if months[k] == name:
            return k + 1
    return 0


@helper
def width(buffer: Octets, at: int, stop: int) -> int:
    """Say how many octets a number has that is written in one digit or two."""
    if at + 1 < stop and is_digit(buffer[at] * 1) == 1 and is_digit(buffer[at + 1] * 1) == 0:
        return 1
    return 2


@helper
def half_of_day(buffer: Octets, at: int, stop: int) -> int:
    """Give the place of the letter of `AM` or `PM` that stands behind a time of day; -1: neither does."""
    if at < stop and buffer[at] == SPACE:
        at += 1
    if (
        at + 1 >= stop
        or buffer[at + 1] | 32 != LETTER_M
        or (buffer[at] | 32 != LETTER_A and buffer[at] | 32 != LETTER_P)
    ):
        return -1
    behind = buffer[at + 2] * 1 if at + 2 < stop else SPACE
    return at if behind in (SPACE, TAB, COLON, COMMA, CLOSE) else -1


@helper
def daytime(buffer: Octets, at: int, stop: int, lines: Grid, row: int) -> int:
    """Read `hh:mm:ss`, a fraction, AM or PM, and a zone, add them to TIME; gives the end, or -1.

    MARK is set where a zone is told.
    """
    digits = width(buffer, at, stop)
    hour = number(buffer, at, stop, digits)
    at += digits - 2
    minute, second = number(buffer, at + 3, stop, 2), number(buffer, at + 6, stop, 2)
    if hour < 0 or minute < 0 or second < 0 or buffer[at + 2] != COLON or buffer[at + 5] != COLON:
        return -1
    if hour > 23 or minute > 59 or second > 60:
        return -1
    time = hour * HOUR + minute * MINUTE + second * SECOND
    at += 8
    if at + 1 < stop and (buffer[at] == DOT or buffer[at] == COMMA) and is_digit(buffer[at + 1] * 1) == 1:
        at += 1
        unit = SECOND // 10
        while at < stop and is_digit(buffer[at] * 1) == 1:
            time += (buffer[at] * 1 - 48) * unit
            unit //= 10
            at += 1
    half = half_of_day(buffer, at, stop)
    if half >= 0:
        at = half + 2
        if hour <= 12:  # some write it behind hours of the whole day
            time += (hour % 12 + (12 if buffer[half] | 32 == LETTER_P else 0) - hour) * HOUR
    zone = at
    if zone < stop and buffer[zone] == SPACE:
        zone += 1
    if at < stop and buffer[at] == LETTER_Z:
        at += 1
        lines[row, c.MARK] = Mark.UTC
    elif zone + 2 < stop and (buffer[zone] == PLUS or buffer[zone] == DASH):
        hours = number(buffer, zone + 1, stop, 2)
        colon = 1 if zone + 3 < stop and buffer[zone + 3] == COLON else 0
        digits = 0 if zone + 3 == stop or buffer[zone + 3] == SPACE else 2  # journalctl -o short-full has hours alone
        minutes = number(buffer, zone + 3 + colon, stop, digits)
        if 0 <= hours <= 15 and 0 <= minutes <= 59:
            offset = hours * HOUR + minutes * MINUTE
            time += -offset if buffer[zone] == PLUS else offset
            lines[row, c.MARK] = Mark.UTC
            at = zone + 3 + colon + digits
    elif (
        zone + 2 < stop
        and (buffer[zone] == LETTER_U or buffer[zone] == LETTER_G)
        and (buffer[zone + 2] == 67 or buffer[zone + 2] == LETTER_T)  # UTC, GMT
        and (zone + 3 == stop or buffer[zone + 3] == CLOSE or buffer[zone + 3] == SPACE)
    ):
        lines[row, c.MARK] = Mark.UTC
        at = zone + 3
    lines[row, c.TIME] += time
    return at


@helper
def dated(buffer: Octets, at: int, stop: int, lines: Grid, row: int, year: int, month: int, day: int) -> int:
    """Read the time of day behind a date, with what may stand between; gives the end, or -1."""
    if month < 1 or month > 12 or day < 1 or day > 31:
        return -1
    if 0 <= year < 100:
        year += 2000
    if not 1970 <= year <= 2200:  # nanoseconds of other years may leave int64
        return -1
    lines[row, c.MARK] = Mark.LOCAL
    lines[row, c.TIME] = days(year, month, day) * DAY
    if at < stop and buffer[at] == CLOSE:
        at += 1
    if at < stop and (buffer[at] == LETTER_T or buffer[at] == 116):
        at += 1
    return daytime(buffer, after_spaces(buffer, at, stop), stop, lines, row)


@helper
def tai(buffer: Octets, at: int, stop: int, lines: Grid, row: int) -> int:
    """Read a TAI64N label: 16 digits of seconds, 8 of nanoseconds, hexadecimal; gives the end, or -1."""
    if at + 24 > stop:
        return -1
    value, seconds = 0, 0
    for k in range(24):
        octet = buffer[at + k] | 32
        if 48 <= octet <= 57:
            digit = octet - 48
        elif 97 <= octet <= 102:
            digit = octet - 87
        else:
            return -1
        if k == 0:
            digit -= 4  # labels count from 2**62
        if k == 16:
            seconds, value = value, 0
        if value > 1 << 40:
            return -1
        value = value * 16 + digit
    if seconds < 0 or seconds > 1 << 33:
        return -1
    lines[row, c.MARK] = Mark.UTC
    lines[row, c.TIME] = seconds * SECOND + value - TAI_AHEAD
    return at + 24


@helper
def moment(buffer: Octets, at: int, stop: int, lines: Grid, row: int, months: Cells) -> int:
    """Read a time in any of the ways in which logs write it; gives the end, or -1."""
    if at + 8 > stop:
        return -1
    octet = buffer[at] * 1
    if octet == AT_SIGN:
        return tai(buffer, at + 1, stop, lines, row)
    if is_digit(octet) == 0 and octet != SPACE:
        month = month_of(buffer, at, stop, months)
        if month == 0:  # the name of a weekday may stand before the date
            if buffer[at + 3] != SPACE and buffer[at + 3] != COMMA:
                return -1
            at = after_spaces(buffer, at + 4, stop)
            if at + 8 > stop:
                return -1
            month = month_of(buffer, at, stop, months)
        if month > 0:
            day = number(buffer, at + 4, stop, 2)
            after = at + 6
            if day < 0:
                day = number(buffer, at + 4, stop, 1)
                after = at + 5
            if buffer[at + 3] != SPACE or day < 1 or day > 31:
                return -1
            after = after_spaces(buffer, after, stop)
            year = number(buffer, after, stop, 4)
            if year > 0:
                return dated(buffer, after + 4, stop, lines, row, year, month, day)
            lines[row, c.TIME] = days(LEAP_YEAR, month, day) * DAY
            lines[row, c.MARK] = Mark.YEARLESS
            return daytime(buffer, after, stop, lines, row)
        if is_digit(buffer[at] * 1) == 0:
            return -1
    first, separator = number(buffer, at, stop, 2), buffer[at + 2] * 1
    if separator == COLON:
        lines[row, c.TIME] = 0
        lines[row, c.MARK] = Mark.DAYTIME
        return daytime(buffer, at, stop, lines, row)
    month = month_of(buffer, at + 3, stop, months)
    if separator in (DASH, SPACE, SLASH) and month > 0:  # 23-Nov-2026
        return dated(buffer, at + 11, stop, lines, row, number(buffer, at + 7, stop, 4), month, first)
    digits = width(buffer, at, stop)
    separator = buffer[at + digits] * 1
    if separator == SLASH or separator == DOT or separator == DASH:  # 11/23/26, 1/2/2026, 23.11.26, 23-11-2026
        first = number(buffer, at, stop, digits)
        at += digits + 1
        digits = width(buffer, at, stop)
        second = number(buffer, at, stop, digits)
        at += digits + 1
        third, after = number(buffer, at, stop, 4), at + 4
        if third < 0:
            third, after = number(buffer, at, stop, 2), at + 2
        if first < 0 or second < 0 or buffer[at - 1] != separator:
            return -1
        if separator == SLASH and first <= 12:
            return dated(buffer, after, stop, lines, row, third, first, second)
        return dated(buffer, after, stop, lines, row, third, second, first)
    separator = buffer[at + 4] * 1
    if separator not in (DASH, SLASH, DOT) or at + 10 > stop or buffer[at + 7] != separator:
        return -1
    year, month, day = number(buffer, at, stop, 4), number(buffer, at + 5, stop, 2), number(buffer, at + 8, stop, 2)
    return dated(buffer, at + 10, stop, lines, row, year, month, day)


@kernel("void(uint8[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[::1])")
def own_times(buffer: Octets, lines: Grid, chosen: Cells, places: Grid, months: Cells) -> None:
    """Read the times that patterns have taken as a field: `places` begin and end them, of the `chosen` lines."""
    for row in range(len(chosen)):
        line = chosen[row]
        lines[line, c.TIME] = lines[line, c.MARK] = Mark.NONE
        if moment(buffer, places[row, 0], places[row, 1], lines, line, months) < 0:
            lines[line, c.TIME] = lines[line, c.MARK] = Mark.NONE
