"""The clock of a log: what its times mean in UTC, although they tell no zone, no year, or no date."""

from __future__ import annotations

import calendar
import itertools
import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from analyzer.logs.columns import Mark
from analyzer.schema import NULL

if TYPE_CHECKING:
    from datetime import tzinfo

    Array: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

SECOND: Final = 10**9
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

#: Lines may be out of order by as much around New Year; a longer way back is a new year.
DISORDER_DAYS: Final = 30 * DAY

#: Lines may be out of order by as much at midnight, and where clocks go back: syslog daemons reorder within seconds.
DISORDER: Final = 60 * SECOND

#: A log may be ahead of the time at which its file was written by as much: zones and clocks that are off.
AHEAD: Final = DAY

#: The leap year in which yearless dates are counted, and what of it matters.
LEAP_YEAR: Final = 2000
NEW_YEAR: Final = 946_684_800 * SECOND
LEAP_DAY: Final = 59 * DAY

#: Years that nanoseconds since 1970 in 64 bits can hold.
YEARS: Final = (1970, 2261)

#: Every span of so many years holds a leap year (1896 to 1904).
LEAP_YEARS_APART: Final = 8

FUTURE: Final = "lines without a year seem to be later than the log itself; say the year of its first line with --year"
NO_LEAP_DAY: Final = "February 29 in a year that has none, taken as March 1; say the year of the first line with --year"


class Clock:
    """The clock of one source: all files of a rotated set, in order; every block of lines goes through it once.

    `zone` is that of lines that tell none, `year` that of the first line (None: found by what the file's own time
    allows), `modified` the time at which the file was written (nanoseconds since 1970; None: it is written now).
    """

    def __init__(self, zone: tzinfo, year: int | None = None, modified: int | None = None) -> None:
        self.warnings: list[str] = []
        self._zone = zone
        self._year = year  # of the last line without a year; None: still to be found
        self._place: int | None = None  # of the last line without a year, within it
        self._wall: int | None = None  # local time of the last line that had a date
        self._latest = NULL  # the latest time so far
        self._twice = 0, False  # the last local time that comes twice; whether that was the second time
        self._modified = 0
        self._offset = lru_cache(1 << 14)(self._offset_at)
        self.begin(modified)

    def begin(self, modified: int | None) -> None:
        """Begin with the next file of the source, written at `modified`."""
        self._modified = time.time_ns() if modified is None else modified

    def utc(self, times: Array, marks: Array) -> Array:
        """Give the times of a block of lines in UTC, NULL where there is none; see `Mark` for what they are."""
        result = np.where(marks == Mark.UTC, times, NULL)
        rows = np.flatnonzero(marks != Mark.NONE)
        if self._wall is None:  # a time of day needs a date before it
            dated = marks[rows] != Mark.DAYTIME
            rows = rows[int(np.argmax(dated)) :] if dated.any() else rows[:0]
        if len(rows):
            result[rows] = self._known(times[rows], marks[rows])
        return result

    def _known(self, times: Array, marks: Array) -> Array:
        walls = times.copy()
        yearless = marks == Mark.YEARLESS
        if yearless.any():
            walls[yearless] = self._dated(times[yearless])
        told = marks == Mark.UTC
        daytimes = marks == Mark.DAYTIME
        # Only what gives a date to a time of day is needed in local time.
        anchors = np.flatnonzero(told & np.append(daytimes[1:], True))
        walls[anchors] += self._offsets(walls[anchors], self._of_utc)
        if daytimes.any():
            walls = self._through_midnights(walls, daytimes)
        self._wall = int(walls[-1])
        local = ~told
        result = times.copy()
        if local.any():
            result = self._zoned(walls, result, local)
        if yearless.any() and (result[yearless] > self._modified + AHEAD).any():
            self._warn(FUTURE)
        self._latest = max(self._latest, int(result.max()))
        return result

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    # --- years

    def _dated(self, times: Array) -> Array:
        """Give the local times of lines without a year."""
        places = times - NEW_YEAR
        steps = np.diff(places, prepend=places[0] if self._place is None else self._place)
        # The other way round, around New Year: a line of December among those of January.
        forth = steps > 366 * DAY - DISORDER_DAYS
        years = np.cumsum((steps < -DISORDER_DAYS).astype(np.int64) - forth)
        leap_days = years[places // DAY == LEAP_DAY // DAY]
        if self._year is None:
            self._year = self._first_year(int(places[0]), np.unique(leap_days))
        years += self._year
        self._year, self._place = int(years[-1]), int(places[-1])
        walls, common = in_years(places, years)
        if (common & (places // DAY == LEAP_DAY // DAY)).any():
            self._warn(NO_LEAP_DAY)
        return walls

    def _first_year(self, place: int, leap_days: Array) -> int:
        """Give the latest year that the first line can have; each of `leap_days` so many years later must be one."""
        until = self._modified + AHEAD + self._of_utc(self._modified // SECOND)
        latest = (datetime(1970, 1, 1) + timedelta(microseconds=until // 1000)).year  # noqa: DTZ001  # local time
        starts, _ = in_years(np.array([place]), np.array([latest]))
        latest -= int(starts[0] > until)
        fit = (
            year
            for year in range(latest, latest - LEAP_YEARS_APART, -1)
            if all(calendar.isleap(year + later) for later in leap_days.tolist())
        )
        return next(fit, latest)

    # --- times of day

    def _through_midnights(self, walls: Array, daytimes: Array) -> Array:
        """Give times of day the date of the line before them, and the next one where they have passed midnight."""
        of_day = np.where(daytimes, walls, walls % DAY)
        before = of_day[0] if self._wall is None else self._wall % DAY
        steps = np.diff(of_day, prepend=before)
        passed = (steps < -DAY // 2).astype(np.int64) - (steps > DAY - DISORDER)
        passed[~daytimes] = 0
        nights = np.cumsum(passed)
        anchors = np.maximum.accumulate(np.where(daytimes, -1, np.arange(len(walls))))
        # Behind the last dated line of this block, or, before there is one, behind that of the blocks before.
        inside = anchors >= 0
        dates = np.where(inside, walls[anchors] // DAY, (self._wall or 0) // DAY)
        nights -= np.where(inside, nights[anchors], 0)
        return np.where(daytimes, (dates + nights) * DAY + of_day, walls)

    # --- zones

    def _zoned(self, walls: Array, times: Array, local: Array) -> Array:
        """Give UTC for the local times among the lines.

        A time that clocks jump over is read as if they had not, which shifts it forward. One that comes twice is the
        first, until the lines go back; see PEP 495.
        """
        first, second = times.copy(), times.copy()
        first[local] = walls[local] - self._offsets(walls[local], self._of_first)
        second[local] = walls[local] - self._offsets(walls[local], self._of_second)
        rows = np.flatnonzero(second > first)
        if not len(rows):
            return first
        latest = np.maximum.accumulate(np.append(self._latest, first))[rows]
        back = (first[rows] < latest - DISORDER) & (second[rows] >= latest - DISORDER)
        # One jump of the clocks after the other: each has its own hour that comes twice.
        jumps = np.flatnonzero(np.abs(np.diff(walls[rows], prepend=self._twice[0])) > DAY)
        again = self._twice[1] and 0 not in jumps
        for begin, end in itertools.pairwise(sorted({0, *jumps.tolist(), len(rows)})):
            since = begin if again else begin + _first_true(back[begin:end])
            first[rows[since:end]] = second[rows[since:end]]
            self._twice = int(walls[rows[end - 1]]), since < end
            again = False
        return first

    def _offsets(self, times: Array, of: Any) -> Array:
        """Give the zone's offset for each time: `of` tells it for a second, and is asked once for every hour."""
        hours = times // HOUR
        heads = np.flatnonzero(np.diff(hours, prepend=hours[:1] - 1))
        distinct, which = np.unique(hours[heads], return_inverse=True)
        begins = [of(hour * 3600) for hour in distinct.tolist()]
        ends = [of(hour * 3600 + 3599) for hour in distinct.tolist()]
        lengths = np.diff(np.append(heads, len(hours)))
        offsets = np.repeat(np.array(begins, np.int64)[which], lengths)
        mixed = np.repeat((np.array(begins, np.int64) != np.array(ends, np.int64))[which], lengths)
        if mixed.any():  # clocks change within this hour
            seconds, which = np.unique(times[mixed] // SECOND, return_inverse=True)
            offsets[mixed] = np.array([of(second) for second in seconds.tolist()], np.int64)[which]
        return offsets

    def _of_first(self, second: int) -> int:
        return self._offset(second, 0)

    def _of_second(self, second: int) -> int:
        return self._offset(second, 1)

    def _of_utc(self, second: int) -> int:
        return self._offset(second, 2)

    def _offset_at(self, second: int, how: int) -> int:
        """Give the offset at a second since 1970: of local time (0 or 1: the first or second such), or of UTC (2)."""
        moment = datetime(1970, 1, 1, tzinfo=self._zone) + timedelta(seconds=second)
        told = self._zone.fromutc(moment) if how == 2 else moment.replace(fold=how)
        return (told.utcoffset() or timedelta()) // timedelta(microseconds=1) * 1000


def in_years(places: Array, years: Array) -> tuple[Array, Array]:
    """Put places within the leap year into years; gives the times, and which years are no leap years."""
    since = np.clip(years, *YEARS) - 1970
    starts = since.astype("datetime64[Y]").astype("datetime64[ns]").astype(np.int64)
    lengths = (since + 1).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) - starts // DAY
    common = lengths == 365
    # Where there is no February 29, its place is that of March 1.
    return starts + places - np.where(common & (places >= LEAP_DAY + DAY), DAY, 0), common


def _first_true(flags: Any) -> int:
    """Give the first place that is true, or the number of places."""
    return int(np.argmax(flags)) if flags.any() else len(flags)
