"""What a notebook shows of a trace and of a conversation when a cell ends with one."""

from __future__ import annotations

import shlex
from itertools import islice
from typing import TYPE_CHECKING

from analyzer.knowledge import ENGLISH, words
from analyzer.report.charts import sheet
from analyzer.report.charts.paint import PALETTE, PAPER
from analyzer.report.gather import gather
from analyzer.report.ladder import ladder
from analyzer.report.page import CONVERSATION, SOURCES, environment, unseen
from analyzer.report.screen import LEAST_WIDTH, Clock, Screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.events import Size
    from analyzer.tables import Table


def trace_html(
    tables: Mapping[str, Table], sources: Sequence[str], conditions: Sequence[str] = (), unmet: Size | None = None
) -> str:
    """Sum a trace up: what happened, and what to do."""
    report, said = gather(tables, sources, conditions=conditions, unmet=unmet), words("report", ENGLISH)
    return (
        environment()
        .get_template("trace.html.j2")
        .render(
            report=report,
            said=said,
            narrowed=shlex.join(conditions),
            unseen=list(unseen(report, said)),
            sources=report.sources[:SOURCES],
            hidden_sources=max(len(report.sources) - SOURCES, 0),
        )
    )


def session_html(tables: Mapping[str, Table], session: str) -> str:
    """Draw a conversation, with its text below; in the light colours, since a notebook tells nobody its own."""
    from markupsafe import Markup

    said = words("report", ENGLISH)
    colours = "".join(f"--{name}: {light}; " for name, (light, _) in PALETTE.items()) + "--font: sans-serif"
    lines = islice(ladder(tables, session, Screen(LEAST_WIDTH + 20, False, Clock())), CONVERSATION)
    return (
        environment()
        .get_template("session.html.j2")
        .render(
            said=said,
            ink=PALETTE["ink"][0],
            paper=PAPER["paper"][0],
            colours=colours,
            drawn=Markup(sheet.conversation(tables, session, said)[0]),  # noqa: S704 (made and escaped by `paint`)
            text=Markup("\n").join(lines),
        )
    )
