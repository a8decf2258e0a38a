"""Charts of attempts: over time, by hour, by mechanism and rounds, by reason, by client and identity, by duration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.report import safe
from analyzer.report.charts.families import NAMES, busiest, crossed, families
from analyzer.report.charts.paint import colour, empty, legend
from analyzer.schema import NULL
from analyzer.stats.answer import answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from analyzer.stats.facts import Facts

    Array = np.ndarray[Any, Any]
    Said = Mapping[str, str]

_DAY: Final = 86_400
#: Widths of the bars over time, in seconds, and how many bars there are at most.
_STEPS: Final = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY)
_BARS: Final = 72

#: Lines of a chart with names, rows and columns of one with numbers.
MOST: Final = 10
#: As many lines have room where there are fewer, so that one bar fills no chart.
_FEWEST: Final = 3
#: Characters of a name beside a bar.
_NAME: Final = 30
#: Bins of durations in each tenfold, and the shortest that is told apart.
_PER_TENFOLD: Final = 8
_SHORTEST: Final = 1e-4


def timeline(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw the attempts over time, by how they ended."""
    known = facts.local != NULL
    times = facts.local[known]
    if not len(times):
        return empty(ax, said["nothing_timed"])
    step = step_of(int(times.min()), int(times.max()))
    start = int(times.min()) // step * step
    bins = (times - start) // step
    counts = crossed(bins, families(facts)[known], int(bins.max()) + 1, len(NAMES))
    left = (start + np.arange(len(counts)) * step) / _DAY  # days since 1970 are the dates of matplotlib
    _stacked(ax, left, counts, said, step / _DAY)
    dated(ax, left[0], left[-1] + step / _DAY)
    ax.set_ylabel(safe.chart(said["attempts"]))
    _whole(ax.yaxis)
    return ax


def step_of(first: int, last: int) -> int:
    """Give the width of the bars between two times, all in seconds."""
    return next((step for step in _STEPS if (last - first) // step < _BARS), _STEPS[-1])


def dated(ax: Axes, first: float, last: float) -> None:
    """Mark a time axis from one day since 1970 to another."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    ax.set_xlim(first, last)
    locator: Any = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _stacked(ax: Axes, places: Array, counts: Array, said: Said, width: Any = None) -> None:
    """Draw bars in pieces, one a family, and name the families that there are; without a width they lie."""
    base = np.zeros(len(counts))
    handles, labels = [], []
    for number, family in enumerate(NAMES):
        values = counts[:, number]
        if not values.any():
            continue
        style: dict[str, Any] = {"color": colour(family), "linewidth": 0}
        handles.append(
            ax.barh(places, values, 0.7, base, **style)
            if width is None
            else ax.bar(places, values, width, base, align="edge", **style)
        )
        labels.append(said[f"family_{family}"])
        base += values
    legend(ax, handles, labels)


def _whole(axis: Any) -> None:
    """Mark an axis with whole numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _named(ax: Axes, names: Sequence[str], totals: Array, said: Said) -> None:
    """Put names beside bars, the first on top, and numbers at their ends."""
    ax.set_yticks(range(len(names)), [safe.chart(name or said["empty_name"], _NAME) for name in names])
    ax.set_ylim(max(len(names), _FEWEST) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])
    ax.set_xlim(0, float(max(totals, default=1)) * 1.12)
    for place, total in enumerate(totals.tolist()):
        ax.text(total, place, f" {total:,.0f}", va="center", color=colour("muted"))


def parties(ax: Axes, facts: Facts, said: Said, column: str) -> Axes:
    """Draw who made the most attempts, by how they ended: a column of text, ``client_ip`` or ``identity``."""
    names, counts, _ = busiest(facts.auth.text(column), facts, MOST)
    if not names:
        return empty(ax, said["nothing"])
    _stacked(ax, np.arange(len(names)), counts, said)
    _named(ax, names, counts.sum(axis=1), said)
    return ax


def clients(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw the clients with the most attempts."""
    return parties(ax, facts, said, "client_ip")


def identities(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw the identities with the most attempts."""
    return parties(ax, facts, said, "identity")


def reasons(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw why attempts did not succeed: their reason, or their outcome where no reason is told."""
    auth = facts.auth
    reason, outcome = auth.text("reason"), auth.text("outcome")
    failed = np.flatnonzero(~facts.succeeded)
    names = [*reason.words, *outcome.words]
    codes = np.where(reason.codes >= 0, reason.codes, outcome.codes + len(reason.words))[failed]
    counts = crossed(codes, families(facts)[failed], len(names), len(NAMES))
    totals = counts.sum(axis=1)
    met = sorted(np.flatnonzero(totals).tolist(), key=lambda code: (-totals[code], names[code]))[:MOST]
    if not met:
        return empty(ax, said["nothing_failed"])
    _stacked(ax, np.arange(len(met)), counts[met], said)
    _named(ax, [names[code] for code in met], totals[met], said)
    return ax


def rounds(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw the number of 334 replies that attempts had, by mechanism."""
    rows = answer(facts, ["mechanism", "rounds"]).rows()
    heads = sorted({row["rounds"] for row in rows}, key=lambda text: (len(text), text))
    names = list(dict.fromkeys(row["mechanism"] for row in rows))[:MOST]
    if not names:
        return empty(ax, said["nothing"])
    heads = heads[: 2 * MOST]
    counts = np.zeros((len(names), len(heads)), np.int64)
    for row in rows:
        if row["mechanism"] in names and row["rounds"] in heads:
            counts[names.index(row["mechanism"]), heads.index(row["rounds"])] += row["attempts"]
    _grid(ax, counts, [name or said["no_mechanism"] for name in names], heads)
    ax.set_xlabel(safe.chart(said["rounds"]))
    return ax


def hours(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw when attempts were made: hour of the day by day of the week."""
    known = facts.local != NULL
    if not known.any():
        return empty(ax, said["nothing_timed"])
    times = facts.local[known]
    day = (times // _DAY + 3) % 7  # 1970-01-01 was a Thursday
    counts = crossed(day, times % _DAY // 3600, 7, 24)
    _grid(ax, counts, said["weekdays"].split(), [str(hour) for hour in range(24)], numbers=False)
    ax.set_xlabel(safe.chart(said["hour"].format(zone=facts.timezone)))
    return ax


def _grid(ax: Axes, counts: Array, rows: Sequence[str], columns: Sequence[str], *, numbers: bool = True) -> None:
    """Draw a table of numbers whose cells are the darker the greater they are; 0 has none."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    cells = np.argwhere(counts)
    shares = np.log1p(counts[tuple(cells.T)]) / max(np.log1p(counts.max(initial=1)), 1)
    patches = [Rectangle((column - 0.47, row - 0.45), 0.94, 0.9) for row, column in cells.tolist()]
    ax.add_collection(
        PatchCollection(
            patches, facecolors=colour("accent"), alpha=np.round(0.12 + 0.48 * shares, 2), edgecolors="none"
        )
    )
    digits = len(f"{counts.max(initial=0):,}")
    for row, column in cells.tolist() if numbers or digits < 3 else ():
        ax.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), [safe.chart(text) for text in columns])
    ax.set_yticks(range(len(rows)), [safe.chart(text) for text in rows])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def thinking(ax: Axes, facts: Facts, said: Said) -> Axes:
    """Draw how long the server took for its replies: a tarpit makes rejections slow."""
    seconds = facts.auth.array("seconds_server")
    known = ~np.isnan(seconds)
    if not known.any():
        return empty(ax, said["nothing_timed"])
    family, spans = families(facts), np.maximum(seconds, _SHORTEST)
    ends = np.floor(np.log10(spans[known].min())), np.ceil(np.log10(spans[known].max() * 1.0001))
    edges = np.logspace(*ends, int((ends[1] - ends[0]) * _PER_TENFOLD) + 1)
    middles = np.digitize(spans[known], edges[1:-1])
    counts = crossed(middles, family[known], len(edges) - 1, len(NAMES))
    _stacked(ax, edges[:-1], counts, said, np.diff(edges))
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(safe.chart(said["seconds_server"]))
    ax.set_ylabel(safe.chart(said["attempts"]))
    _whole(ax.yaxis)
    return ax
