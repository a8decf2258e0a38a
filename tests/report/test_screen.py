"""Where text goes."""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report import screen
from tests.records import START


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {"COLUMNS": "100", "TERM": "xterm"}, (100, True)),
        (Terminal(), {"COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"}, (100, False)),
        (Terminal(), {"COLUMNS": "100", "TERM": "dumb"}, (100, False)),
        (Terminal(), {"COLUMNS": "20", "TERM": "xterm"}, (80, True)),
        (io.StringIO(), {}, (None, False)),
        (io.StringIO(), {"COLUMNS": "90"}, (90, False)),
    ],
)
def test_of(stream, environment, expected, monkeypatch):
    """Colours only in a terminal that wants them; a pipe has no width unless it is told one."""
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    got = screen.Screen.of(stream, screen.Clock())
    assert (got.width, got.colour) == expected


def test_clock():
    """A clock tells days, times and its own name as they are in its timezone at that moment."""
    clock = screen.Clock(ZoneInfo("America/New_York"))

    assert (clock.day(START), clock.time(START)) == ("2026-11-18", "06:03:00")
    assert clock.name(START) == "America/New_York (UTC-05:00)"
    assert clock.name(START - 180 * 86_400_000_000_000) == "America/New_York (UTC-04:00)"
    assert screen.Clock(dt.UTC).name(START) == "UTC"


def test_local_clock(monkeypatch):
    """The local timezone is named by its short name and its distance from UTC."""
    import time

    monkeypatch.setenv("TZ", "XYZ-5:30")
    time.tzset()
    assert screen.Clock(None).name(START) == "XYZ (UTC+05:30)"
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("width", [0, -1, -30])
def test_clipped_to_nothing(width):
    """Where there is no room at all, nothing is left of a text, not even the mark that it was cut."""
    assert screen.clipped("abc", width) == ""


@given(st.text(), st.integers(1, 20))
def test_padded_is_exactly_as_wide(text, width):
    """Padded text takes exactly its cells, also with wide and combining characters."""
    from analyzer.report.safe import visible

    assert screen.width_of(screen.padded(visible(text), width)) == width


@pytest.mark.parametrize(
    ("words", "width", "expected"),
    [
        (["a", "b"], 20, "a, b"),
        (["aaaaa", "bbbbb", "ccccc"], 14, "aaaaa, 2 more"),
        (["a" * 30], 10, "aaaaaaaaa…"),
        (["a" * 30, "b"], 14, "aaaaa…, 1 more"),
        ([], 10, ""),
    ],
)
def test_some(words, width, expected):
    """A list that does not fit says how much is missing."""
    assert screen.some(words, width) == expected
