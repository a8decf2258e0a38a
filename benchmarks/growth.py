"""Draw how time and peak memory grow with a capture: python benchmarks/growth.py.

The chart, docs/growth.png, is made of the figures of the brute-force captures in figures.json, which
`python benchmarks/run.py bruteforce.XS bruteforce.S bruteforce.M bruteforce.L --update` measures. Points are medians.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import OURS, load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHART = Path(__file__).resolve().parents[1] / "docs/growth.png"
WORKLOADS = ("bruteforce.XS", "bruteforce.S", "bruteforce.M", "bruteforce.L")
#: Programs with their look; colours of Okabe and Ito, which the colour-blind tell apart, and other shapes besides.
LOOKS = {OURS: ("#0072B2", "o"), "tshark": ("#D55E00", "s")}
PANELS = (("wall", "Time, s"), ("peak", "Peak memory, MB"))


def points(store: dict[str, Any], program: str, quantity: str) -> list[tuple[float, float]]:
    """Give sizes in MB with the medians of what was measured."""
    measured = [store[name] for name in WORKLOADS if name in store and program in store[name]["programs"]]
    return [(each["mb"], statistics.median(each["programs"][program][quantity])) for each in measured]


def draw(store: dict[str, Any]) -> Figure:
    """Draw both panels, each with the largest figures written out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, (quantity, label) in zip(figure.subplots(1, 2), PANELS, strict=True):
        for program, (colour, shape) in LOOKS.items():
            sizes, values = zip(*points(store, program, quantity), strict=True)
            axes.loglog(sizes, values, color=colour, marker=shape, label=program)
            axes.annotate(
                f"{values[-1]:,.0f}",
                (sizes[-1], values[-1]),
                (6, 0),
                textcoords="offset points",
                color=colour,
                va="center",
            )
        axes.set(xlabel="Capture, MB", ylabel=label, xlim=(1.5, 9000))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:,.10g}")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    return figure


def main() -> None:
    """Write the chart."""
    draw(load()["workloads"]).savefig(CHART, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
