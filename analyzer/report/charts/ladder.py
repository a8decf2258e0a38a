"""One conversation as a picture: two sides, an arrow for each line, and what an exchange came to between them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from analyzer.report import safe
from analyzer.report.charts.paint import colour, empty
from analyzer.report.ladder import rows_of, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from analyzer.report.ladder import Step
    from analyzer.tables import Table

#: Lines of a conversation that are drawn, and the height of one in inches.
MOST: Final = 36
LINE: Final = 0.27
_ENDS: Final = {"client": (0.14, 0.86), "server": (0.86, 0.14)}


def steps_of(tables: Mapping[str, Table], session: str) -> list[Step]:
    """Give the first lines of a conversation, and one more where there are more than are drawn."""
    told = steps(rows_of(tables["exchanges"], session), rows_of(tables["auth"], session))
    return list(islice((step for step in told if step.begins or not step.side), MOST + 1))


def height_of(told: Sequence[Step]) -> float:
    """Give the height of the picture of some lines, in inches."""
    return LINE * (min(len(told), MOST) + 2)


def ladder(ax: Axes, told: Sequence[Step], first: int | None, said: Mapping[str, str]) -> Axes:
    """Draw lines of a conversation; times count from `first`."""
    if not told:
        return empty(ax, said["nothing_said"])
    told = told[:MOST]
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(told) + 0.4, -1.2)
    for side, (place, _) in _ENDS.items():
        ax.plot([place, place], [-0.6, len(told)], color=colour("rule"), linewidth=1.5)
        ax.text(place, -0.8, safe.chart(said[side]), ha="center", va="bottom", fontweight="bold")
    for line, step in enumerate(told):
        text = safe.chart(step.text)
        if not step.side:
            good = ", succeeded" in step.text
            ax.text(
                0.5, line, text, ha="center", va="center", fontsize=8, fontweight="bold",
                color=colour("succeeded" if good else "rejected"),
            )  # fmt: skip
            continue
        start, end = _ENDS[step.side]
        ax.annotate(
            "", (end, line + 0.3), (start, line + 0.3),
            arrowprops={"arrowstyle": "->", "color": colour("accent" if step.side == "client" else "muted")},
        )  # fmt: skip
        ax.text(0.5, line + 0.22, text, ha="center", va="bottom", fontsize=8)
        if step.at is not None and first is not None:
            ax.text(
                start + (0.02 if step.side == "server" else -0.02), line + 0.3, f"{(step.at - first) / 1e9:+.3f} s",
                ha="left" if step.side == "server" else "right", va="center", fontsize=7, color=colour("muted"),
            )  # fmt: skip
    return ax
