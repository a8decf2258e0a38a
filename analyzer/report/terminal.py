"""The report for a terminal: its opening, and the tables behind it."""

from __future__ import annotations

import textwrap
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.found import many
from analyzer.logs.account import NEEDLESS
from analyzer.report import safe
from analyzer.report.evidence import command, inputs
from analyzer.report.gather import few, records, worst_first
from analyzer.report.grid import GAP, LEAST, Column, lines, squeezed
from analyzer.report.opening import BAD, WIDEST, advice_told, opening
from analyzer.report.screen import clipped, padded
from analyzer.report.summary import Summary, summarise

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.events import Size
    from analyzer.report.screen import Screen
    from analyzer.tables import Table

#: Rows of a section.
_ROWS: Final = 10


def report(  # noqa: PLR0913 (what a report is of, and how it is told)
    tables: Mapping[str, Table],
    sources: Sequence[str],
    screen: Screen,
    cannot: Sequence[Mapping[str, str]] = (),
    *,
    paths: Sequence[str] = (),
    conditions: Sequence[str] = (),
    unmet: Size | None = None,
) -> Iterator[str]:
    """Give the lines of the report; `cannot`, `conditions` and `unmet` are those of the `Trace`, `paths` its inputs."""
    given = inputs(paths or sources)
    summary = summarise(tables, conditions, unmet)
    findings = worst_first(tables["findings"])
    skipped = [row for row in records(tables["skipped"]) if row["reason"] not in NEEDLESS]
    whole = " (of the whole input)" if conditions else ""
    yield from opening(summary, findings, skipped, sources, screen)
    for title, section in (
        ("Attempts by mechanism, rounds (334 replies) and outcome", _cells(summary, screen)),
        ("Why attempts did not succeed, and what to do", _reasons(summary, screen)),
        ("Clients with the most attempts", _parties(summary.clients, "client", "identities", screen)),
        ("Identities with the most attempts", _parties(summary.identities, "identity", "clients", screen)),
        ("How sessions ended", _endings(summary, screen)),
        ("What is missing from sessions", _counted(summary.missing, "sessions", "caveat", screen)),
        ("What weakens labels", _counted(summary.caveats, "attempts", "caveat", screen)),
        (f"Findings{whole}", _findings(findings, command("findings", *given, *conditions), screen)),
        (f"What could not be read{whole}", _skipped(skipped, command("skipped", *given), screen)),
        ("What these logs do not show, and what would", _cannot(cannot, screen)),
    ):
        rows = list(section)
        if rows:
            yield from ("", screen.style(title, "bold"), *(f"  {row}" for row in rows))


def _column(head: str, cells: Sequence[object], *, right: bool = False) -> Column:
    least = LEAST.get(head)
    return Column(head, [safe.visible(str(cell)) for cell in cells], np.arange(len(cells)), right=right, least=least)


def _table(columns: Sequence[Column], screen: Screen) -> Iterator[str]:
    """Give the lines of a small table; columns of text give way where it is too wide."""
    if len(columns[0].rows):
        yield from lines(squeezed(columns, min(screen.columns, WIDEST) - 2, WIDEST), screen)


def _cells(summary: Summary, screen: Screen) -> Iterator[str]:
    rows = sorted(summary.cells.items(), key=lambda item: (-item[1], item[0]))
    shown, hidden = rows[: 2 * _ROWS], rows[2 * _ROWS :]
    yield from _table(
        [
            _column("attempts", [count for _, count in shown], right=True),
            _column("mechanism", [cell[0] for cell, _ in shown]),
            _column("rounds", [cell[1] for cell, _ in shown], right=True),
            _column("outcome", [cell[2] for cell, _ in shown]),
        ],
        screen,
    )
    yield from _more(len(hidden), sum(count for _, count in hidden), "combination", "attempt")


def _more(rows: int, total: int, what: str, of: str) -> Iterator[str]:
    if rows:
        yield f"and {many(rows, f'more {what}')} with {many(total, of)}"


def _reasons(summary: Summary, screen: Screen) -> Iterator[str]:
    rows = advice_told(summary)
    if not rows:
        return
    count_width = max(len("attempts"), *(len(f"{count}") for _, count, _ in rows))
    name_width = min(max(len(name) for name, _, _ in rows), 24)
    indent = count_width + name_width + 2 * len(GAP)
    yield screen.style(f"{'attempts':>{count_width}}  {'reason':{name_width}}  advice", "bold")
    for name, count, advice in rows:
        advised = textwrap.wrap(advice, min(screen.columns, WIDEST) - 2 - indent) or [""]
        yield f"{count:>{count_width}}  {padded(safe.visible(name), name_width)}  {advised[0]}".rstrip()
        yield from (" " * indent + line for line in advised[1:])


def _parties(parties: Sequence[Any], name: str, others: str, screen: Screen) -> Iterator[str]:
    shown = parties[:_ROWS]
    yield from _table(
        [
            _column("attempts", [p.attempts for p in shown], right=True),
            _column("succeeded", [p.succeeded for p in shown], right=True),
            _column("rejected", [p.rejected for p in shown], right=True),
            _column(others, [p.others for p in shown], right=True),
            _column(name, [p.name or "(empty)" for p in shown]),
        ],
        screen,
    )
    rest = parties[_ROWS:]
    yield from _more(len(rest), sum(p.attempts for p in rest), name, "attempt")


def _endings(summary: Summary, screen: Screen) -> Iterator[str]:
    yield from _counted(summary.endings, "sessions", "ended by", screen)


def _counted(counts: Counter[str], what: str, name: str, screen: Screen) -> Iterator[str]:
    rows = counts.most_common()
    columns = [_column(what, [c for _, c in rows], right=True), _column(name, [n for n, _ in rows])]
    yield from _table(columns, screen)


def _findings(findings: Sequence[dict[str, Any]], lists: str, screen: Screen) -> Iterator[str]:
    width = min(screen.columns, WIDEST) - 4
    shown = few(findings, itemgetter("kind"), 2 * _ROWS, _ROWS)
    for _, row in shown:
        whom = (row[name] for name in ("kind", "client", "identity", "server") if row[name])
        yield screen.style(
            clipped(safe.visible("  ".join([row["severity"], *whom])), width), BAD.get(row["severity"], "")
        )
        for text in (_span(row, screen) + row["evidence"], row["advice"]):
            yield from (f"  {line}" for line in textwrap.wrap(safe.visible(text), width))
    if len(findings) > len(shown):
        yield f"and {len(findings) - len(shown)} more: `{safe.visible(lists)}` lists them"


def _span(finding: dict[str, Any], screen: Screen) -> str:
    """Say when something was first and last seen."""
    clock, first, last = screen.clock, finding["at"], finding["last"]
    if first is None:
        return ""
    start = f"{clock.day(first)} {clock.time(first)}"
    end = f"{clock.day(last)} {clock.time(last)}" if last is not None else start
    return f"{start}: " if end == start else f"{start} to {end.removeprefix(start[:11])}: "


def _cannot(cannot: Sequence[Mapping[str, str]], screen: Screen) -> Iterator[str]:
    width = min(screen.columns, WIDEST) - 2
    for entry in cannot:
        yield from textwrap.wrap(safe.visible(f"{entry['format']}: {entry['what']}"), width, subsequent_indent="  ")
        yield from textwrap.wrap(entry["setting"], width, initial_indent="  would: ", subsequent_indent="         ")


def _skipped(skipped: Sequence[dict[str, Any]], lists: str, screen: Screen) -> Iterator[str]:
    shown = sorted(skipped, key=lambda row: -row["count"])[: 2 * _ROWS]
    columns = [
        _column("count", [row["count"] for row in shown], right=True),
        _column("stage", [row["stage"] for row in shown]),
        _column("reason", [row["reason"] for row in shown]),
    ]
    if any(row["first"] for row in shown):
        columns.append(_column("first", [row["first"] or "" for row in shown]))
    yield from _table(columns, screen)
    if len(skipped) > len(shown):
        yield f"and {many(len(skipped) - len(shown), 'more kind')}: `{safe.visible(lists)}` lists them"
