"""How charts look, and how one becomes a piece of a page.

Text stays text in the SVG (``svg.fonttype: none``): it is a third of the size of outlines, can be searched and read
aloud, and the browser shapes Arabic and finds a font for any letter of a user name, which no font at hand could
promise. Labels are anchored at the side that matters, so a font of another width moves nothing.

The colours of a figure are the light ones of `PALETTE`; in a page each of them becomes a custom property of its name,
so that one drawing serves light, dark and print.
"""

from __future__ import annotations

import io
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from analyzer.report import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes

#: By name: the colour on a light page and on a dark one. Those of outcomes differ for the colour-blind, too.
PALETTE: Final = {
    "ink": ("#1b1f24", "#e6e9ee"),
    "muted": ("#57606a", "#a4adb8"),
    "rule": ("#d4d9df", "#39414c"),
    "accent": ("#0b5cad", "#6cb2f7"),
    "succeeded": ("#00735c", "#3ccfae"),
    "rejected": ("#c2410c", "#ff8a5c"),
    "fault": ("#8e4a9e", "#d6a2e8"),
    "server": ("#8a6100", "#e3b341"),
    "left": ("#2f6db3", "#79b8ff"),
    "unseen": ("#656d76", "#9aa4b0"),
}

#: The colours of the page itself.
PAPER: Final = {"paper": ("#ffffff", "#14171c"), "card": ("#f6f8fa", "#1d2229")}

SETTINGS: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "smtp-analyzer",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: measures are the same everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": PALETTE["rule"][0],
    "axes.labelcolor": PALETTE["muted"][0],
    "axes.titlecolor": PALETTE["ink"][0],
    "text.color": PALETTE["ink"][0],
    "xtick.color": PALETTE["rule"][0],
    "ytick.color": PALETTE["rule"][0],
    "xtick.labelcolor": PALETTE["muted"][0],
    "ytick.labelcolor": PALETTE["ink"][0],
    "grid.color": PALETTE["rule"][0],
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}

#: Width of a chart in inches, at 72 units an inch.
WIDTH: Final = 7.6

_LEFT_OUT: Final = re.compile(r"^.*?(?=<svg)|<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_ROOT: Final = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_TAG: Final = re.compile(r"<[^>]*>")
_COLOUR: Final = re.compile("|".join(re.escape(light) for light, _ in PALETTE.values()))
_PROPERTY: Final = {light: f"var(--{name})" for name, (light, _) in PALETTE.items()}
_FONT: Final = re.compile(r"font: ((?:\w+ )?)([\d.]+)px [^;\"]*")
_ID: Final = re.compile(r' id="([^"]*)"')
_USED: Final = re.compile(r'(url\(#|href="#)([^)"]*)')


def colour(name: str) -> str:
    """Give a colour as charts draw it."""
    return PALETTE[name][0]


@contextmanager
def painting() -> Iterator[None]:
    """Draw in the manner of the reports; what a font lacks is no fault of the data, and a browser has it."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(Glyph|Matplotlib currently does not support)", UserWarning)
        yield


def axes_of(ax: Axes | None, height: float) -> Axes:
    """Give axes to draw on: those given, or those of a new figure, which a notebook shows."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    made: Axes = plt.subplots(figsize=(WIDTH, height), layout="constrained", facecolor="white")[1]
    return made


def svg(draw: Callable[[Axes], object], height: float, name: str, alt: Sequence[str]) -> str:
    """Draw a chart as an element of a page; `alt` are its title and what a reader who cannot see it should know."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with painting():
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        written = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(written, metadata={"Date": None, "Creator": None})
    return _element(written.getvalue(), name, alt)


def _element(drawn: str, name: str, alt: Sequence[str]) -> str:
    """Make an element of a document: without its prologue, in the colours of the page, with ids of its own."""
    body = _LEFT_OUT.sub("", drawn)
    view = _ROOT.search(body)
    assert view
    used = {target for tag in _TAG.findall(body) for _, target in _USED.findall(tag)}

    def tag(found: re.Match[str]) -> str:  # what is between tags is text, and may look like anything
        text = _COLOUR.sub(lambda colour: _PROPERTY[colour[0]], found[0])
        text = _FONT.sub(r"font: \1\2px var(--font)", text)
        text = _ID.sub(lambda known: f' id="{name}-{known[1]}"' if known[1] in used else "", text)
        return _USED.sub(rf"\1{name}-\2", text)

    title, told = (safe.html(text) for text in alt)
    head = (
        f'<svg class="chart" viewBox="{view[1]}" role="img" direction="ltr" aria-labelledby="{name}-title {name}-told">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-told">{told}</desc>'
    )
    return head + re.sub(r"\s*\n\s*", "\n", _TAG.sub(tag, _ROOT.sub("", body, count=1)))


def empty(ax: Axes, text: str) -> Axes:
    """Say on axes that there is nothing to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, safe.chart(text), ha="center", va="center", color=colour("muted"), transform=ax.transAxes)
    return ax


def legend(ax: Axes, handles: Any, labels: Sequence[str]) -> None:
    """Put the names of colours above a chart, in one line."""
    ax.legend(
        handles, [safe.chart(label) for label in labels], loc="lower left", bbox_to_anchor=(0, 1.0), ncols=6,
        borderaxespad=0.1, handlelength=1, handleheight=1, columnspacing=1.2,
    )  # fmt: skip
