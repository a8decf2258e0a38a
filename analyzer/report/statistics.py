"""One answer of the statistics as a table for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.report import safe
from analyzer.report.grid import GAP, Column, lines
from analyzer.report.screen import many
from analyzer.stats.columns import ENDINGS, OF_CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.report.screen import Screen
    from analyzer.stats.answer import Answer
    from analyzer.stats.facts import Facts

    Row = dict[str, Any]

#: Columns of groups are made no narrower than this, or than what is usual for them, unless there are too many; no
#: prose is wider.
_LEAST: Final = 8
_BARE: Final = 4
_LEAST_OF: Final = {"client": 15, "network": 15, "server": 15, "outcome": 13, "reason": 12}
_WIDEST: Final = 120

#: Days of the week (ISO 8601).
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

PEOPLE: Final = ("sessions", "identities", "clients")
#: Columns of a table, besides those of the groups, by what was asked.
COUNTS: Final = ("attempts", "failed", "rate", "interval", *PEOPLE)
SHARES: Final = ("attempts", "of", "rate", "interval", *PEOPLE)
FAILURES: Final = ("failed", "of", "rate", "interval", *PEOPLE)
TIMES: Final = ("attempts", "known", "least", "p50", "p90", "p99", "greatest")
PERIODS: Final = ("attempts", "rate", "attempts_other", "rate_other", "change", "change_interval")
FAILURE_PERIODS: Final = ("failed", "of", "rate", "failed_other", "of_other", "rate_other", "change")

_HEADS: Final = {
    "identities": "names", "interval": "95 %", "change_interval": "95 %", "initial_response": "initial",
    "session_attempts": "in session",
}  # fmt: skip
#: Intervals, and the columns of their ends.
_INTERVALS: Final = {"interval": ("rate_low", "rate_high"), "change_interval": ("change_low", "change_high")}


def answered(made: Answer, facts: Facts, other: Facts | None, screen: Screen) -> Iterator[str]:
    """Give the lines of an answer: what it is of, what nobody can know, and a row a group."""
    for label, each in (("stats", facts), ("period 2", other)):
        if each:
            yield from wrapped(f"{label}: {'; '.join(basis(each))}", screen)
    if not OF_CLOCK.isdisjoint(made.by):
        yield f"hours and days in {safe.visible(facts.timezone)}"
    if len(made):
        yield from table(made.rows(), _asked(made), made.by, screen)


def _asked(made: Answer) -> tuple[str, ...]:
    """Name the columns to show besides those of the groups."""
    if "change" in made.columns:
        return PERIODS if "attempts" in made.columns else FAILURE_PERIODS
    if "known" in made.columns:
        return TIMES
    if "attempts" not in made.columns:
        return FAILURES
    return COUNTS if ENDINGS.isdisjoint(made.by) else SHARES


def basis(facts: Facts) -> list[str]:
    """Say what a statistic is of, and how much of that nobody can know, where it is any."""
    totals, attempts = facts.totals, len(facts)
    told = [f"{many(attempts, 'attempt')} in {many(totals.sessions, 'session')}"]
    if totals.unreadable:
        told.append(f"of {many(totals.sessions, 'session')} {totals.unreadable:,} could not be read")
    if totals.attempts_unknown:
        told.append(f"of {totals.attempts_unknown:,} nobody knows whether they had attempts")
    vague = (
        (int(facts.unseen.sum()), "with an ending that nobody saw"),
        (int(facts.rounds_unknown.sum()), "with rounds that are not exact"),
    )
    counted = [f"{count:,} {how}" for count, how in vague if count]
    if counted:
        told += [f"of {many(attempts, 'attempt')} {counted[0]}", *counted[1:]]
    return told


def wrapped(text: str, screen: Screen, indent: int = 7) -> list[str]:
    """Break a text into lines that fit."""
    return textwrap.wrap(text, min(screen.columns, _WIDEST), subsequent_indent=" " * indent)


def table(
    rows: Sequence[Row], shown: Sequence[str], by: Sequence[str], screen: Screen, margin: int = 0
) -> Iterator[str]:
    """Give a table; the columns of the groups stand last.

    Where it is wider than the screen, the widest of those gives way, and numbers that stand last are left out.
    """
    numbers = [_column(name, rows, right=True) for name in shown]
    groups = [_column(name, rows, right=False) for name in by]
    if screen.width is not None:
        room = screen.width - margin
        narrow = sum(min(column.width, column.least or 0) - column.width for column in groups)
        while len(numbers) > 1 and _width([*numbers, *groups]) + narrow > room:
            numbers.pop()
        for floors in ([column.least or 0 for column in groups], [_BARE] * len(groups)):
            _squeeze(groups, floors, _width([*numbers, *groups]) - room)
    yield from lines([*numbers, *groups], screen)


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _squeeze(columns: Sequence[Column], floors: Sequence[int], over: int) -> None:
    """Make columns narrower by so many cells, a cell at a time, the widest first, none below its floor."""
    for _ in range(over):
        yielding = [column for column, floor in zip(columns, floors, strict=True) if column.width > floor]
        if not yielding:
            return
        max(yielding, key=lambda column: column.width).width -= 1


def _column(name: str, rows: Sequence[Row], *, right: bool) -> Column:
    cells = [_cell(name, row) for row in rows]
    head = _HEADS.get(name, name.replace("_other", " 2"))
    return Column(head, cells, np.arange(len(cells)), right=right, least=max(_LEAST_OF.get(name, _LEAST), len(head)))


def _cell(name: str, row: Row) -> str:
    """Write a value as people read it."""
    if name in _INTERVALS:
        return interval(*(row[end] for end in _INTERVALS[name]))
    value = row[name]
    if value is None:
        return "-"
    if name == "weekday":
        return DAYS[value - 1]
    if isinstance(value, float):
        return percent(value) if name.startswith(("rate", "change")) else f"{value:.3f}"
    return safe.visible(value) or "(empty)" if isinstance(value, str) else f"{value:,}"


def percent(rate: float) -> str:
    """Write a rate."""
    return f"{100 * rate:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """Write the ends of an interval of rates, in percent."""
    return "-" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}"
