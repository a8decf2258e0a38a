"""A report as one HTML file: no network, readable without its script, of bounded size.

The template is the only place where HTML is put together. All that it writes is made visible (`safe.visible`) and
escaped; what is markup already (charts, explanations, the style and the script of the page) comes as `Markup`. A
content security policy lets nothing run but the one script, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer import knowledge
from analyzer.events import once
from analyzer.findings.found import stands_for
from analyzer.report import blocks, safe
from analyzer.report.charts import paint, sheet
from analyzer.report.charts.families import family_of
from analyzer.report.evidence import IDENTITY, ROWS, Evidence, command, cut, inputs
from analyzer.report.explanation import topic_blocks
from analyzer.report.gather import ENTRY, alarms, few, gather, unread
from analyzer.report.ladder import ladder
from analyzer.report.screen import LEAST_WIDTH, Screen
from analyzer.tables import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Environment
    from markupsafe import Markup

    from analyzer.events import Size
    from analyzer.report.charts.sheet import Drawn
    from analyzer.report.model import Report
    from analyzer.report.screen import Clock
    from analyzer.tables import Table

#: No page is larger, in bytes; one of a million attempts with ordinary names takes a tenth of it.
MOST_BYTES: Final = 16_000_000

#: Lines of the tables and lists of a page; each number of them can lead to rows.
FEW: Final = 3
PARTIES: Final = 10
CELLS: Final = 20
FINDINGS: Final = 50
ALIKE: Final = 20  # findings of one kind: others are to be seen, too
SKIPPED: Final = 20
SOURCES: Final = 5
#: Lines of the text of a conversation.
CONVERSATION: Final = 400

_TEMPLATES: Final = Path(__file__).parent / "templates"
_ROW_HEADS: Final = (
    *("started", "client", "identity", "mechanism", "rounds", "outcome", "reason", "reply", "session", "where"),
)


class Conversation(NamedTuple):
    """The conversation that a page shows."""

    svg: Markup
    lines: int  #: that are drawn, or 0: all of them
    text: str
    command: str


def page(  # noqa: PLR0913 (what a report is of, and how it is told)
    tables: Mapping[str, Table],
    sources: Sequence[str],
    clock: Clock,
    *,
    cannot: Sequence[Mapping[str, str]] = (),
    lang: str = knowledge.ENGLISH,
    paths: Sequence[str] = (),
    conditions: Sequence[str] = (),
    unmet: Size | None = None,
) -> Iterator[str]:
    """Give the parts of a page; `paths` and `conditions` are those of the command line, for the commands in it."""
    said = knowledge.words("report", lang)
    joined = replaced(tables, once(tables))
    report = gather(joined, sources, cannot, lang, conditions, unmet=unmet)
    named = inputs(paths or sources)
    evidence = Evidence(joined["auth"], [*named, *conditions], clock)
    session = telling(joined, report)
    numbered = list(enumerate(report.findings, 1))
    urgent = alarms(numbered, lambda each: each[1].severity)
    shown = few(report.findings, attrgetter("kind"), FINDINGS, ALIKE)
    drawn = sheet.charts(joined, report, clock.zone, said) if report.attempts else []
    values = {
        "report": report,
        "said": said,
        "direction": knowledge.words("language", lang)["direction"],
        "sources": report.sources[:SOURCES],
        "hidden_sources": max(len(report.sources) - SOURCES, 0),
        "narrowed": shlex.join(conditions),
        "span": _span(report, clock),
        "clock": partial(_from_to, clock),
        "anchors": _anchors(report, evidence, said),
        "unseen": list(unseen(report, said)),
        "alarmed": [each for each in urgent if each[1].kind != ENTRY],
        "entries": [each for each in numbered if each[1].kind == ENTRY],
        "all_of": lambda told: sum(stands_for(finding.evidence) for _, finding in told),
        "linked": {f"{number}" for number, _ in shown},
        "shown": [(number, finding, _finding_command(finding, evidence)) for number, finding in shown],
        "family_of": family_of,
        "charts": [_marked(each) for each in drawn],
        "topics": _topics(report, lang),
        "conversation": _conversation(joined, session, clock, said, named) if session else None,
        "lists_all": said["lists_each" if len(tables["auth"]) > len(joined["auth"]) else "lists_all"],
        "groups": list(evidence.groups()),
        "statistics": command("stats", *named, *conditions, "--by"),
        "lists": {"findings": command("findings", *named, *conditions), "skipped": command("skipped", *named)},
        "few": FEW,
        "most": PARTIES,
        "most_cells": CELLS,
        "most_rows": ROWS,
        "most_skipped": SKIPPED,
        "row_heads": _ROW_HEADS,
    }
    values["contents"] = list(_contents(values, said))
    yield from environment().get_template("report.html.j2").generate(values)


@cache
def environment() -> Environment:
    """Make the one environment of templates: everything is escaped, and what is not there is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return safe.visible(value) if type(value) is str else value

    made = Environment(
        autoescape=True, finalize=finalize, loader=FileSystemLoader(_TEMPLATES), lstrip_blocks=True, trim_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    script, style = ((_TEMPLATES / name).read_text("utf-8") for name in ("sort.js", "style.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made.globals |= {
        "script": Markup(script),  # noqa: S704 (a file of this package, and so is the style)
        "script_hash": f"sha256-{digest}",
        "style": Markup(colours() + style),  # noqa: S704
    }
    made.filters |= {"many": "{:,}".format, "cut": cut}
    return made


def colours() -> str:
    """Give the custom properties that charts and page are drawn in: light, and dark on a dark screen."""
    light, dark = (
        "".join(f"--{name}:{both[side]};" for name, both in (paint.PALETTE | paint.PAPER).items()) for side in (0, 1)
    )
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _marked(drawn: Drawn) -> dict[str, Any]:
    from markupsafe import Markup

    return {"title": drawn.title, "svg": Markup(drawn.svg)}  # noqa: S704 (made and escaped by `paint`)


def _span(report: Report, clock: Clock) -> tuple[str, str, str] | None:
    if report.first is None or report.last is None:
        return None
    start, end = (f"{clock.day(time)} {clock.time(time)}" for time in (report.first, report.last))
    return start, end.removeprefix(start[:11]), clock.name(report.first)


def _from_to(clock: Clock, first: int, last: int | None) -> str:
    start, end = (f"{clock.day(time)} {clock.time(time)}" for time in (first, first if last is None else last))
    return start if start == end else f"{start} / {end.removeprefix(start[:11])}"  # as ISO 8601 writes intervals


def _anchors(report: Report, evidence: Evidence, said: Mapping[str, str]) -> dict[str, list[str]]:
    """Say where the rows of each number are."""
    return {
        "outcomes": [evidence.outcome(row.name) for row in report.outcomes],
        "causes": [evidence.why(why) for why in report.causes],
        "cells": [evidence.cell(cell, said["no_mechanism"]) for cell in report.cells[:CELLS]],
        "clients": [evidence.party("client_ip", each, said["empty_name"]) for each in report.clients.shown[:PARTIES]],
        "identities": [
            evidence.party("identity", each, said["empty_name"]) for each in report.identities.shown[:PARTIES]
        ],
    }


def unseen(report: Report, said: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Give label, number and the place of more on it, of what was not seen."""
    told = report.unseen
    counts = (
        ("unreadable", told.sessions_unreadable, ""),
        ("elsewhere", told.sessions_elsewhere, ""),
        ("attempts_unknown", told.sessions_unknown, ""),
        ("incomplete", told.sessions_incomplete, "missing"),
        ("unseen_endings", told.endings, ""),
        ("rounds_vague", told.rounds, ""),
    )
    yield from ((f"{said['lost']}: {cut(each.name, IDENTITY)}", each.count, "skipped") for each in told.lost[:FEW])
    yield from ((said[word], count, target) for word, count, target in counts if count)
    yield from ((f"{said['caveat']}: {caveat.name}", caveat.count, "caveats") for caveat in told.caveats[:FEW])
    for reason, count in unread((each.stage, each.reason, each.count) for each in told.skipped)[:FEW]:
        yield f"{said['skipped_count']}: {cut(reason, IDENTITY)}", count, "skipped"


def _topics(report: Report, lang: str) -> dict[tuple[str, str], Markup]:
    """Give the advice on what occurs in the page, by kind and name; headings go one level down."""
    from markupsafe import Markup

    known = {"reason": knowledge.reason, "outcome": knowledge.outcome}
    wanted = dict.fromkeys((why.kind, why.name) for why in report.causes)
    topics = {}
    for kind, name in wanted:
        if name in knowledge.names(kind):
            body = blocks.html(topic_blocks(known[kind](name, lang), lang), lang)
            for level in (3, 2):
                body = body.replace(f"<h{level}", f"<h{level + 1}").replace(f"</h{level}>", f"</h{level + 1}>")
            topics[kind, name] = Markup(body)  # noqa: S704 (made and escaped by `blocks`)
    return topics


def _finding_command(finding: Any, evidence: Evidence) -> str:
    told = {"client_ip": finding.client, "identity": finding.identity, "server": finding.server}
    return evidence.listing({name: value for name, value in told.items() if value})


def telling(tables: Mapping[str, Table], report: Report) -> str | None:
    """Choose the conversation that a page shows: of the worst finding that has one, else one that failed, else one."""
    auth = tables["auth"]
    for finding in report.findings[:FINDINGS]:
        if finding.severity != "info" and finding.session and len(auth.of_session(finding.session)):
            return finding.session
    for mask in (~auth.has("outcome", "succeeded"), auth.has("outcome", "succeeded")):
        if mask.any():
            return auth.ids("session").take(mask.nonzero()[0][:1]).list()[0]
    return None


def _conversation(
    tables: Mapping[str, Table], session: str, clock: Clock, said: Mapping[str, str], paths: Sequence[str]
) -> Conversation:
    from markupsafe import Markup

    lines = ladder(tables, session, Screen(LEAST_WIDTH + 20, False, clock))
    drawn, most = sheet.conversation(tables, session, said)
    return Conversation(
        Markup(drawn),  # noqa: S704 (made and escaped by `paint`)
        most,
        Markup("\n").join(islice(lines, CONVERSATION)),
        sheet.shown_by(session, paths),
    )


def _contents(values: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    report = values["report"]
    told = report.unseen
    for anchor, title, there in (
        ("charts", "charts", report.attempts),
        ("findings", "findings", report.findings),
        ("tables", "tables", report.attempts),
        ("conversation", "conversation", values["conversation"]),
        ("unseen", "not_seen", told.missing or told.caveats or told.skipped or told.cannot),
        ("advice", "advice", values["topics"]),
        ("rows", "rows", values["groups"]),
    ):
        if there:
            yield anchor, said[title]
