"""When each attack and each accident began and ended, as bars over time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.kinds import ACCIDENTS, ATTACKS, SEVERITIES
from analyzer.report import safe
from analyzer.report.charts.counts import dated
from analyzer.report.charts.paint import colour, empty, legend
from analyzer.report.gather import headline
from analyzer.report.screen import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

_COLOURS: Final = {"high": "rejected", "medium": "server", "low": "left", "info": "unseen"}
#: Bars at most, and the share of the whole time that the shortest takes, so that it is seen.
MOST: Final = 12
_LEAST: Final = 0.01
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def attacks(ax: Axes, findings: Sequence[Mapping[str, Any]], zone: Any, said: Mapping[str, str]) -> Axes:
    """Draw when attacks and accidents began and ended; `findings` are rows of that table."""
    shown = timed(findings)
    if not shown:
        return empty(ax, said["nothing_found"])
    spans = np.array([[_days(row[end], zone) for end in ("at", "last")] for row in shown])
    first, last = float(spans.min()), float(spans.max())
    whole = max(last - first, 1 / 1440)  # a minute
    widths = np.maximum(spans[:, 1] - spans[:, 0], whole * _LEAST)
    severities = list(dict.fromkeys(row["severity"] for row in sorted(shown, key=_worst)))
    bars = []
    for severity in severities:
        mine = [place for place, row in enumerate(shown) if row["severity"] == severity]
        bars.append(ax.barh(mine, widths[mine], 0.42, spans[mine, 0], color=colour(_COLOURS[severity]), linewidth=0))
    for place, row in enumerate(shown):
        early = spans[place, 0] - first < whole / 2
        ax.text(
            spans[place, 0] if early else spans[place, 0] + widths[place], place - 0.26, safe.chart(headline(row)),
            ha="left" if early else "right", va="bottom", fontsize=8,
        )  # fmt: skip
    ax.set_ylim(len(shown) - 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    dated(ax, first - whole * 0.02, last + whole * 0.03)
    legend(ax, bars, [said[f"severity_{severity}"] for severity in severities])
    return ax


def _days(time: int, zone: Any) -> float:
    """Give a time as matplotlib has dates: days since 1970, on the clocks of the timezone."""
    moment = Clock(zone).at(time)
    return (moment.replace(tzinfo=dt.UTC) - _EPOCH) / dt.timedelta(days=1)


def timed(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose what a chart shows: attacks and accidents whose times are known, the worst and largest, by time."""
    known = [
        row
        for row in findings
        if row["kind"] in (ATTACKS | ACCIDENTS) and row["at"] is not None and row["last"] is not None
    ]
    chosen = sorted(known, key=lambda row: (_worst(row), -row["count"]))[:MOST]
    return sorted(chosen, key=lambda row: (row["at"], -row["count"]))


def _worst(row: Mapping[str, Any]) -> int:
    return tuple(SEVERITIES).index(row["severity"])
