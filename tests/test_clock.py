from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.logs.clock import DAY, FUTURE, HOUR, NO_LEAP_DAY, SECOND, YEARS, Clock
from analyzer.logs.columns import Mark
from analyzer.schema import NULL

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Kiritimati"), timezone(timedelta(hours=-12)),
]  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns(text: str) -> int:
    """Give an ISO time as nanoseconds since 1970; UTC where it tells no zone."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def shown(time: int) -> str | None:
    return None if time == NULL else (EPOCH + timedelta(microseconds=time // 1000)).isoformat(" ")[:19]


def line(text: str) -> tuple[int, int]:
    """Give time and mark of a line as a log shows it, told by its form."""
    if text == "-":
        return 0, Mark.NONE
    if text[2] == ":":
        return ns(f"1970-01-01 {text}"), Mark.DAYTIME
    if text[:3].isalpha():
        return ns(datetime.strptime(f"2000 {text}Z", "%Y %b %d %H:%M:%S%z").isoformat()), Mark.YEARLESS
    return ns(text), Mark.UTC if text.endswith("Z") else Mark.LOCAL


def read(clock: Clock, *lines: str) -> list[str | None]:
    times, marks = np.array([line(text) for text in lines], np.int64).T
    return [shown(time) for time in clock.utc(times, marks).tolist()]


def clock(zone=UTC, modified: str = "2026-11-23 12:00", year: int | None = None) -> Clock:
    return Clock(zone, year, ns(modified))


def yearless(instants: list[int], zone) -> np.ndarray:
    """Give instants (seconds) as RFC 3164 has them: nanoseconds of local time in the year 2000."""
    walls = [datetime.fromtimestamp(instant, zone).replace(tzinfo=UTC, year=2000) for instant in instants]
    return np.array([int(wall.timestamp()) * SECOND for wall in walls], np.int64)


def as_it_is(clock: Clock, instants: list[int], zone, cuts: list[int]) -> list[int]:
    """Read instants that RFC 3164 shows in a zone, block after block."""
    times = yearless(instants, zone)
    parts = np.split(times, sorted(cut % (len(times) + 1) for cut in cuts))
    made = [clock.utc(part, np.full(len(part), Mark.YEARLESS, np.int64)) for part in parts]
    return (np.concatenate(made) // SECOND).tolist()


# --- each mark


def test_each_mark() -> None:
    """Times that tell their zone stay; the others are of the clock's zone; nothing is known without a time."""
    assert read(clock(BERLIN), "-", "2026-07-01 10:00Z", "2026-07-01 10:00", "Jul  1 10:00:00", "10:00:01", "-") == [
        None, "2026-07-01 10:00:00", "2026-07-01 08:00:00", "2026-07-01 08:00:00", "2026-07-01 08:00:01", None,
    ]  # fmt: skip


def test_nothing() -> None:
    """A block without lines, and one without times, are no trouble."""
    empty = np.zeros(0, np.int64)
    assert clock().utc(empty, empty).tolist() == []
    assert read(clock(), "-", "-") == [None, None]


def test_columns_of_a_table() -> None:
    """Times and marks may lie apart in memory, and are not changed."""
    lines = np.array([[ns("2026-01-01"), Mark.LOCAL, 7], [5, Mark.DAYTIME, 7]], np.int64)
    before = lines.copy()
    assert clock().utc(lines[:, 0], lines[:, 1]).tolist() == [ns("2026-01-01"), ns("2026-01-01") + 5]
    assert (lines == before).all()


# --- years


def test_year_wrap() -> None:
    """The year is the latest that the file allows, grows at New Year, and has the leap day that the log shows."""
    known = clock(modified="2026-11-23 09:00")
    assert read(known, "Dec 31 23:59:58", "Jan  1 00:00:03", "Feb 29 12:00:00") == [
        "2023-12-31 23:59:58", "2024-01-01 00:00:03", "2024-02-29 12:00:00",
    ]  # fmt: skip
    assert not known.warnings


@pytest.mark.parametrize(
    ("first", "modified", "year"),
    [
        ("Nov 22 10:00:00", "2026-11-23 12:00", 2026),
        ("Nov 24 11:59:59", "2026-11-23 12:00", 2026),  # less than a day ahead
        ("Nov 24 12:00:01", "2026-11-23 12:00", 2025),
        ("Dec 31 23:59:59", "2026-01-01 00:00", 2025),
        ("Jan  1 00:00:00", "2025-12-31 23:00", 2026),
        ("Feb 29 00:00:00", "2026-11-23 12:00", 2024),
        ("Feb 29 00:00:00", "2024-02-29 12:00", 2024),
        ("Feb 29 00:00:00", "2024-02-27 12:00", 2020),
        ("Feb 29 00:00:00", "2103-11-23 12:00", 2096),
    ],
)
def test_first_year(first: str, modified: str, year: int) -> None:
    """The first line has the latest year in which it is not more than a day later than the file."""
    assert str(read(clock(modified=modified), first)[0])[:4] == str(year)


def test_first_year_in_the_zone() -> None:
    """Whether the first line is later than the file is told in its own zone."""
    zone = timezone(timedelta(hours=14))
    assert read(clock(zone, "2026-11-23 12:00"), "Nov 25 01:59:00") == ["2026-11-24 11:59:00"]
    assert read(clock(zone, "2026-11-23 12:00"), "Nov 25 02:01:00") == ["2025-11-24 12:01:00"]


def test_year_that_is_told() -> None:
    """The year that a person says is that of the first line, whatever the file's own time."""
    known = clock(year=2021)
    assert read(known, "Dec 31 23:00:00") == ["2021-12-31 23:00:00"]
    assert read(known, "-", "Jan  1 01:00:00", "Feb 28 01:00:00") == [
        None,
        "2022-01-01 01:00:00",
        "2022-02-28 01:00:00",
    ]
    assert not known.warnings


@pytest.mark.parametrize("blocks", [1, 2, 9])
def test_disorder_at_new_year(blocks: int) -> None:
    """Lines of December among those of January are of the old year, and the next ones still of the new one."""
    lines = [
        "Dec 30 10:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02",
        "Dec 20 10:00:00", "Jan  5 10:00:00", "Jan  3 10:00:00", "Nov 20 10:00:00",
    ]  # fmt: skip
    known, made = clock(), []
    for part in np.array_split(lines, blocks):
        made += read(known, *part.tolist())
    assert [str(when)[:10] for when in made] == [
        "2025-12-30", "2025-12-31", "2026-01-01", "2025-12-31", "2026-01-01",
        "2025-12-20", "2026-01-05", "2026-01-03", "2026-11-20",
    ]  # fmt: skip
    assert not known.warnings


def test_log_that_begins_with_disorder() -> None:
    """A log that was rotated at New Year may begin with a late line of the old one."""
    assert read(clock(modified="2026-01-02 00:00"), "Jan  1 00:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01") == [
        "2026-01-01 00:00:00", "2025-12-31 23:59:59", "2026-01-01 00:00:01",
    ]  # fmt: skip


def test_newest_first() -> None:
    """A log that was turned round has its years too."""
    assert read(clock(modified="2026-02-01"), "Jan 20 00:00:00", "Jan  5 00:00:00", "Dec 28 00:00:00") == [
        "2026-01-20 00:00:00", "2026-01-05 00:00:00", "2025-12-28 00:00:00",
    ]  # fmt: skip


def test_leap_day_that_is_none() -> None:
    """A February 29 of a year that has none is March 1, and this is told once."""
    known = clock()
    assert read(known, "Feb 28 10:00:00", "Mar  1 10:00:00") == ["2026-02-28 10:00:00", "2026-03-01 10:00:00"]
    assert read(known, "Feb 29 10:00:00", "Feb 29 11:00:00", "Mar  1 10:00:00") == [
        "2026-03-01 10:00:00", "2026-03-01 11:00:00", "2026-03-01 10:00:00",
    ]  # fmt: skip
    assert known.warnings == [NO_LEAP_DAY]


def test_leap_days_of_two_years() -> None:
    """Where no year fits all leap days, the latest is taken, and told."""
    known = clock()
    made = read(known, "Feb 29 10:00:00", "Dec  1 00:00:00", "Feb 29 10:00:00")
    assert made == ["2026-03-01 10:00:00", "2026-12-01 00:00:00", "2027-03-01 10:00:00"]
    assert known.warnings == [NO_LEAP_DAY, FUTURE]


def test_later_than_the_file() -> None:
    """Lines that would be later than their file are told, with what helps: --year."""
    known = clock()
    assert read(known, "Nov 20 10:00:00", "Nov 24 11:00:00") == ["2026-11-20 10:00:00", "2026-11-24 11:00:00"]
    assert not known.warnings
    assert read(known, "Nov 24 13:00:00", "Jan  1 10:00:00") == ["2026-11-24 13:00:00", "2027-01-01 10:00:00"]
    assert known.warnings == [FUTURE]
    assert "--year" in FUTURE
    assert "--year" in NO_LEAP_DAY


def test_next_file() -> None:
    """The files of a rotated set share their years; each is held to its own time."""
    known = clock(modified="2025-11-30 00:00")
    assert read(known, "Nov  1 00:00:00") == ["2025-11-01 00:00:00"]
    known.begin(ns("2026-01-02 00:00"))
    assert read(known, "Dec 31 00:00:00", "Jan  1 00:00:00") == ["2025-12-31 00:00:00", "2026-01-01 00:00:00"]
    assert not known.warnings


def test_pipe() -> None:
    """What comes through a pipe is written now."""
    now = int(time.time())
    assert as_it_is(Clock(UTC, None, None), [now], UTC, []) == [now]


def test_years_without_end() -> None:
    """Lines that jump to and fro without end stay within the years that there are."""
    times = np.array([line("Jun  1 00:00:00"), line("Jan  1 00:00:00")] * 1000, np.int64)
    made = clock().utc(times[:, 0], times[:, 1])
    assert str(shown(int(made[-1])))[:4] == str(YEARS[1])


# --- zones


def test_hour_that_comes_twice() -> None:
    """Clocks that go back: local times are of the first hour, until they go back themselves."""
    known = clock(BERLIN, "2026-10-25 23:00")
    assert read(known, "Oct 25 01:59:00", "Oct 25 02:10:00", "Oct 25 02:50:00", "Oct 25 02:49:59") == [
        "2026-10-24 23:59:00", "2026-10-25 00:10:00", "2026-10-25 00:50:00", "2026-10-25 00:49:59",
    ]  # fmt: skip
    assert read(known, "Oct 25 02:05:00", "2026-10-25 02:55:00") == ["2026-10-25 01:05:00", "2026-10-25 01:55:00"]
    assert read(known, "Oct 25 02:59:59", "Oct 25 03:00:00") == ["2026-10-25 01:59:59", "2026-10-25 02:00:00"]


def test_hour_that_comes_twice_every_year() -> None:
    """Each time that clocks go back stands for itself, also for lines in one block."""
    lines = ["2024-10-27 02:30", "2024-10-27 02:20", "2025-10-26 02:10", "2025-10-26 02:30", "2025-10-26 02:05"]
    assert read(clock(BERLIN), *lines) == [
        "2024-10-27 00:30:00", "2024-10-27 01:20:00", "2025-10-26 00:10:00", "2025-10-26 00:30:00",
        "2025-10-26 01:05:00",
    ]  # fmt: skip


def test_order_tells_the_second_hour() -> None:
    """A line of known zone before a time that comes twice tells which one it is; a line in disorder does not."""
    assert read(clock(BERLIN), "2026-10-25 00:40Z", "2026-10-25 02:30") == [
        "2026-10-25 00:40:00",
        "2026-10-25 01:30:00",
    ]
    assert read(clock(BERLIN), "2026-10-26 00:40Z", "2026-10-25 02:30") == [
        "2026-10-26 00:40:00",
        "2026-10-25 00:30:00",
    ]


def test_hour_that_does_not_exist() -> None:
    """Clocks that go forward: a time that they jump over is shifted forward."""
    assert read(clock(BERLIN), "2026-03-29 01:59:59", "2026-03-29 02:30", "2026-03-29 03:30") == [
        "2026-03-29 00:59:59", "2026-03-29 01:30:00", "2026-03-29 01:30:00",
    ]  # fmt: skip


# --- times of day


def test_times_of_day() -> None:
    """A time of day has the date of the line before it, and passes midnight where it jumps back."""
    known = clock(BERLIN)
    assert read(known, "10:00:00", "-", "2026-07-01 21:30Z", "23:59:00", "00:00:01", "23:59:59", "00:00:02") == [
        None, None, "2026-07-01 21:30:00", "2026-07-01 21:59:00", "2026-07-01 22:00:01", "2026-07-01 21:59:59",
        "2026-07-01 22:00:02",
    ]  # fmt: skip
    assert read(known, "-", "08:00:00", "07:00:00", "22:00:00", "2026-07-04 10:00", "09:59:59", "23:00:00") == [
        None, "2026-07-02 06:00:00", "2026-07-02 05:00:00", "2026-07-02 20:00:00", "2026-07-04 08:00:00",
        "2026-07-04 07:59:59", "2026-07-04 21:00:00",
    ]  # fmt: skip
    assert read(known, "01:00:00", "-") == ["2026-07-04 23:00:00", None]


def test_date_is_that_of_the_zone() -> None:
    """The date of a line that tells UTC is the one in the zone of the lines that tell none."""
    assert read(clock(BERLIN), "2026-07-01 22:30Z", "00:31:00") == ["2026-07-01 22:30:00", "2026-07-01 22:31:00"]


# --- properties

MONTHS_11 = 333 * 86400


@st.composite
def instants(draw: st.DrawFn) -> list[int]:
    """Give sorted seconds over less than 11 months."""
    start = draw(st.integers(2 * 86400, 5_000_000_000))
    return sorted(draw(st.lists(st.integers(start, start + MONTHS_11), min_size=1, max_size=30)))


@given(instants(), st.sampled_from(ZONES), st.lists(st.integers(0, 30), max_size=4))
def test_exact(seconds: list[int], zone, cuts: list[int]) -> None:
    """Whatever falls into 11 months comes back from RFC 3164 as it was, but for the hour that comes twice."""
    known = Clock(zone, None, seconds[-1] * SECOND)
    made = as_it_is(known, seconds, zone, cuts)
    walls = [datetime.fromtimestamp(second, zone) for second in seconds]
    for wall, second, read_as in zip(walls, seconds, made, strict=True):
        alike = {int(wall.replace(fold=fold).timestamp()) for fold in (0, 1)}
        assert read_as == second or read_as in alike
    assert not known.warnings


@given(
    st.integers(1_000_000_000, 2_000_000_000),
    st.lists(st.integers(0, 28 * 60), min_size=1, max_size=200),
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 200), max_size=4),
)
@settings(max_examples=200)
def test_exact_in_a_busy_log(start: int, gaps: list[int], zone, cuts: list[int]) -> None:
    """A log that is never silent for half an hour comes back as it was, the hour that comes twice included."""
    if zone == ZoneInfo("Australia/Lord_Howe"):
        gaps = [gap // 3 for gap in gaps]  # only half an hour comes twice there
    second = start
    seconds = [second := second + gap for gap in gaps]
    first = datetime.fromtimestamp(seconds[0], zone)
    if first.fold:  # nothing before it tells
        return
    assert as_it_is(Clock(zone, None, seconds[-1] * SECOND), seconds, zone, cuts) == seconds


@given(
    st.lists(st.tuples(st.integers(-(2**62), 2**62), st.sampled_from([0, 1, 2])), max_size=20),
    st.lists(st.tuples(st.integers(0, DAY - 1), st.just(Mark.DAYTIME)), max_size=5),
    st.lists(st.tuples(st.integers(946_684_800, 978_307_199), st.just(Mark.YEARLESS)), max_size=20),
    st.randoms(use_true_random=False),
    st.integers(0, 45),
)
def test_anything(dated, daytimes, of_2000, shuffler, cut: int) -> None:
    """Any lines in any order are read without an exception, and each with a time has one if a date came before it."""
    lines = dated + daytimes + [(second * SECOND, mark) for second, mark in of_2000]
    shuffler.shuffle(lines)
    table = np.array(lines, np.int64).reshape(-1, 2)
    known = clock(BERLIN)
    made = np.concatenate([known.utc(part[:, 0], part[:, 1]) for part in np.split(table, [min(cut, len(table))])])
    marks = table[:, 1]
    datable = np.isin(marks, [Mark.UTC, Mark.LOCAL, Mark.YEARLESS])
    expected = (marks != Mark.NONE) & np.maximum.accumulate(datable)
    assert ((made != NULL) == expected).all()
    assert (made[marks == Mark.UTC] == table[marks == Mark.UTC, 0]).all()


def test_speed() -> None:
    """A million lines take no loop in Python."""
    count = 1_000_000
    times = np.linspace(ns("2000-01-01"), ns("2000-12-31"), count).astype(np.int64)
    known = clock(BERLIN)
    start = time.process_time()
    made = known.utc(times, np.full(count, Mark.YEARLESS, np.int64))
    assert time.process_time() - start < 3
    assert (np.diff(made) >= -HOUR).all()
