"""Charts of a trace, for pages and for notebooks: each takes the axes to draw on and gives them back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.knowledge import ENGLISH, words
from analyzer.report.charts import attacks, counts, ladder
from analyzer.report.charts.paint import axes_of, painting
from analyzer.report.gather import records
from analyzer.report.ladder import rows_of
from analyzer.stats.facts import Facts
from analyzer.zones import zone

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from analyzer.tables import Table

#: Height of a chart in inches.
HEIGHT = 2.6


class Charts:
    """Charts of some tables; hours and days are those of a timezone (None: of this machine)."""

    def __init__(self, tables: Mapping[str, Table], timezone: dt.tzinfo | None) -> None:
        self._tables, self._zone = tables, timezone
        self._said = words("report", ENGLISH)

    def in_timezone(self, timezone: str) -> Charts:
        """Give the same charts with the hours and days of a timezone: ``trace.charts.in_timezone("UTC").hours()``."""
        return Charts(self._tables, zone(timezone))

    @cached_property
    def _facts(self) -> Facts:
        return Facts(self._tables, self._zone)

    def _drawn(self, ax: Axes | None, draw: Callable[..., Axes], title: str) -> Axes:
        with painting():
            made = draw(axes_of(ax, HEIGHT), self._facts, self._said)
            made.set_title(self._said[title], pad=22 if made.get_legend() else None)
        return made

    def timeline(self, ax: Axes | None = None) -> Axes:
        """Draw the attempts over time, by how they ended."""
        return self._drawn(ax, counts.timeline, "timeline")

    def rounds(self, ax: Axes | None = None) -> Axes:
        """Draw the number of 334 replies that attempts had, by mechanism."""
        return self._drawn(ax, counts.rounds, "rounds_by_mechanism")

    def reasons(self, ax: Axes | None = None) -> Axes:
        """Draw why attempts did not succeed."""
        return self._drawn(ax, counts.reasons, "reasons")

    def hours(self, ax: Axes | None = None) -> Axes:
        """Draw when attempts were made: hour of the day by day of the week."""
        return self._drawn(ax, counts.hours, "hours")

    def thinking(self, ax: Axes | None = None) -> Axes:
        """Draw how long the server took for its replies."""
        return self._drawn(ax, counts.thinking, "thinking")

    def clients(self, ax: Axes | None = None) -> Axes:
        """Draw the clients with the most attempts."""
        return self._drawn(ax, counts.clients, "clients")

    def identities(self, ax: Axes | None = None) -> Axes:
        """Draw the identities with the most attempts."""
        return self._drawn(ax, counts.identities, "identities")

    def attacks(self, ax: Axes | None = None) -> Axes:
        """Draw when attacks and accidents began and ended."""
        rows = records(self._tables["findings"])
        return self._drawn(ax, lambda on, _, said: attacks.attacks(on, rows, self._zone, said), "attacks")

    def ladder(self, session: str, ax: Axes | None = None) -> Axes:
        """Draw one conversation; `session` is its id."""
        told = ladder.steps_of(self._tables, session)
        (about,) = rows_of(self._tables["sessions"], session)
        with painting():
            return ladder.ladder(axes_of(ax, ladder.height_of(told)), told, about["first"], self._said)
