"""The report for a terminal: what happened, to whom, who got in, what to do, what nobody saw; then the tables."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import knowledge
from analyzer.findings.kinds import ACCIDENTS, ATTACKS, GUESSES, KINDS, SEVERITIES
from analyzer.findings.places import network
from analyzer.logs.account import NEEDLESS
from analyzer.report import safe
from analyzer.report.grid import GAP, Column, lines
from analyzer.report.screen import clipped, padded, some, width_of
from analyzer.report.summary import Summary, summarise

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.report.screen import Screen
    from analyzer.tables import Table

#: Cells of the labels of the opening, its lines on what was found and what to do, and how many rows a section has.
_LABEL: Final = 10
_STEPS: Final = 3
_ROWS: Final = 10
#: Longer lines are hard to read, however wide the terminal.
_WIDEST: Final = 120

_SEVERITIES: Final = tuple(SEVERITIES)
#: How a headline names those whom a finding is about.
_WHOM: Final = (("from", "client"), ("at", "identity"), ("on", "server"))
#: Told where the report says who got in.
_ENTRY: Final = "break_in"
_BAD: Final = {"high": "red", "medium": "yellow"}
_FACT: Final = "info"
#: What is said where most attempts succeed and there is no finding but facts.
_CALM: Final = "no attack, no outage, no client that is stuck"


def report(
    tables: Mapping[str, Table], sources: Sequence[str], screen: Screen, cannot: Sequence[Mapping[str, str]] = ()
) -> Iterator[str]:
    """Give the lines of the report; `cannot`: what the formats of the logs do not show (`Trace.cannot`)."""
    summary = summarise(tables)
    findings = _records(tables["findings"])
    findings.sort(key=lambda row: _SEVERITIES.index(row["severity"]) if row["severity"] in _SEVERITIES else 9)
    skipped = [row for row in _records(tables["skipped"]) if row["reason"] not in NEEDLESS]
    yield from _opening(summary, findings, skipped, sources, screen)
    for title, section in (
        ("Attempts by mechanism, rounds (334 replies) and outcome", _cells(summary, screen)),
        ("Why attempts did not succeed, and what to do", _reasons(summary, screen)),
        ("Clients with the most attempts", _parties(summary.clients, "client", "identities", screen)),
        ("Identities with the most attempts", _parties(summary.identities, "identity", "clients", screen)),
        ("How sessions ended", _endings(summary, screen)),
        ("What weakens labels", _counted(summary.caveats, "attempts", "caveat", screen)),
        ("Findings", _findings(findings, screen)),
        ("What could not be read", _skipped(skipped, screen)),
        ("What these logs do not show, and what would", _cannot(cannot, screen)),
    ):
        rows = list(section)
        if rows:
            yield from ("", screen.style(title, "bold"), *(f"  {row}" for row in rows))


def _records(table: Table) -> list[dict[str, Any]]:
    columns = table.lists()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


# -- the opening: never more than twelve lines ------------------------------------------------------------------------


def _opening(
    summary: Summary,
    findings: list[dict[str, Any]],
    skipped: list[dict[str, Any]],
    sources: Sequence[str],
    screen: Screen,
) -> Iterator[str]:
    width = min(screen.columns, _WIDEST) - _LABEL
    alarms = [row for row in findings if row["severity"] in _BAD] or [r for r in findings if r["severity"] != _FACT]
    steps = _next(summary, alarms, width)
    facts = [
        ("Input", some(sources, width), ""),
        ("Seen", _seen(summary), "bold"),
        ("When", _when(summary, screen), ""),
        ("Servers", some([name for name, _ in summary.servers.most_common()], width), ""),
        ("Outcomes", some([f"{count} {name}" for name, count in summary.outcomes.most_common()], width), ""),
        ("Clients", _who(summary.clients, width), ""),
        ("Tried", _who(summary.identities, width), ""),
        ("Got in", *_got_in(summary, findings, width)),
        *_lines("Found", *_found(summary, alarms, width, _STEPS - len(steps))),
        *_lines("Do next", steps, "cyan"),
        ("Not seen", _unseen(summary, findings, skipped, width), ""),
    ]
    for label, text, style in facts:
        if text:
            yield screen.style(f"{label:{_LABEL}}", "dim") + screen.style(clipped(text, width), style)


def _seen(summary: Summary) -> str:
    if not summary.sessions and not summary.attempts:
        return "no SMTP session was found in this input"
    return f"{_many(summary.attempts, 'AUTH attempt')} in {_many(summary.sessions, 'SMTP session')}"


def _when(summary: Summary, screen: Screen) -> str:
    if summary.first is None or summary.last is None:
        return ""
    clock = screen.clock
    start, end = (f"{clock.day(time)} {clock.time(time)}" for time in (summary.first, summary.last))
    return f"{start} to {end.removeprefix(start[:11])}, {clock.name(summary.first)}"


def _who(parties: Sequence[Any], width: int) -> str:
    head = f"{len(parties)}: "
    return head + some([f"{party.name} ({party.attempts})" for party in parties], width - len(head)) if parties else ""


def _got_in(summary: Summary, findings: list[dict[str, Any]], width: int) -> tuple[str, str]:
    inside = [party.name for party in summary.identities if party.succeeded]
    count = summary.outcomes["succeeded"]
    if not summary.attempts:
        return "", ""
    if not count:
        unknown = " that could be seen" if summary.attempts_unknown or summary.outcomes["unseen"] else ""
        return f"nobody{unknown}", "green"
    guessed = [row for row in findings if row["kind"] == _ENTRY]
    if guessed:
        perhaps = "" if any(row["severity"] == "high" for row in guessed) else "perhaps "
        head = f"{_many(count, 'time')}; {perhaps}by guessing: "
        entries = [f"{row['client'] or 'several'} as {row['identity'] or 'unknown identity'}" for row in guessed]
        return head + some(entries, width - len(head), "; "), "red"
    if any(row["kind"] in GUESSES for row in findings):
        return f"{_many(count, 'time')}; no guess is seen to have worked", "green"
    head = f"{_many(count, 'time')}, " if inside else _many(count, "time")
    return head + some(inside, width - len(head)), ""


def _lines(label: str, lines: Sequence[str], style: str) -> Iterator[tuple[str, str, str]]:
    """Put a label before the first of some lines."""
    return ((label if not number else "", line, style) for number, line in enumerate(lines))


def _calm(summary: Summary, alarms: list[dict[str, Any]]) -> bool:
    """Say whether people log in and nothing is the matter; the few attempts of a test do not tell that."""
    return not alarms and 2 * summary.outcomes["succeeded"] > summary.attempts


def _found(summary: Summary, alarms: list[dict[str, Any]], width: int, room: int) -> tuple[list[str], str]:
    """Name what was found; one finding alone with its numbers, if they fit."""
    told = [row for row in alarms if row["kind"] != _ENTRY]  # that one is told before
    if not told:
        return [_CALM] if _calm(summary, alarms) else [], "green"
    colour = _BAD.get(told[0]["severity"], "yellow")
    evidence = told[0]["evidence"]
    for numbers in (evidence, evidence.partition("; ")[0]) if len(told) == 1 else ():
        text = f"{_headline(told[0], count=False)}: {safe.visible(numbers)}"
        wrapped = textwrap.wrap(text, width, subsequent_indent="  ")
        if len(wrapped) <= room:
            return wrapped, colour
    full = ", ".join(map(_headline, told))
    return [full if width_of(full) <= width else some([_headline(row, most=1) for row in told], width)], colour


def _next(summary: Summary, alarms: list[dict[str, Any]], width: int) -> list[str]:
    """Give lines on what to do: about what was found; else for those who never got in, or by the frequent reasons."""
    room = _STEPS - (any(row["kind"] != _ENTRY for row in alarms) or _calm(summary, alarms))
    steps = [row["advice"] for row in alarms]
    if _calm(summary, alarms):
        steps.append(_nobody_in(summary, width))
    elif not any(row["kind"] in ATTACKS | ACCIDENTS for row in alarms):
        steps += [f"{name}: {advice}" for name, _, advice in _advised(summary) if advice and name != "unknown"]
    if not summary.sessions:
        steps.append("check the interface and the capture filter: is this the traffic of a mail server?")
    steps = [safe.visible(step) for step in dict.fromkeys(steps)]
    lines: list[str] = []
    for number, step in enumerate(steps):
        wrapped = textwrap.wrap(step, width, subsequent_indent="  ")
        if number == 0 and number + 1 < len(alarms) and len(wrapped) >= room:
            wrapped = [
                clipped(step.partition("; ")[0], width)
            ]  # the next step matters, too; the section on findings has all words
        if not lines or len(lines) + len(wrapped) <= room:
            lines += wrapped
    return lines[:room]


def _nobody_in(summary: Summary, width: int) -> str:
    """Say that nothing is urgent, and who was refused and never got in."""
    refused = [each for each in summary.identities if each.rejected]
    never = [f"{each.name} ({each.rejected})" for each in refused if not each.succeeded]
    head = "nothing is urgent; "
    if never:
        head += "never got in: "
        return head + some(never, width - len(head))
    return head + ("all who were refused got in, too" if refused else "nobody was refused")


def _headline(finding: dict[str, Any], *, most: int | None = None, count: bool = True) -> str:
    """Name a finding in a few words, with whom it is about (so many of them at most) and how often it was."""
    title = KINDS[finding["kind"]].title if finding["kind"] in KINDS else finding["kind"]
    whom = [f"{word} {finding[name]}" for word, name in _WHOM if finding[name]]
    return safe.visible(" ".join([title, *whom[:most], *([f"({finding['count']:,})"] if count else [])]))


def _unseen(summary: Summary, findings: list[dict[str, Any]], skipped: list[dict[str, Any]], width: int) -> str:
    counts = (
        (summary.unreadable, "session", "inside TLS" + _of_guessers(summary, findings)),
        (summary.outcomes["unseen"], "ending", ""),
        (summary.rounds_unknown, "attempt", "with rounds not exact"),
    )
    facts = [f"{_many(count, what)} {how}".strip() for count, what, how in counts if count]
    # What TLS hides is counted above already.
    facts += [f"{row['count']:,} skipped ({row['reason']})" for row in skipped if row["stage"] != "tls"]
    if summary.caveats:
        facts.append(f"caveats {' '.join(summary.caveats)}")
    return some(facts, width) if facts else "nothing was hidden, lost or skipped"


def _of_guessers(summary: Summary, findings: list[dict[str, Any]]) -> str:
    """Say how many of the sessions that TLS hides are of those who guess: there they may have got in unseen."""
    who = {row["client"] for row in findings if row["kind"] in (*GUESSES, _ENTRY)} - {None}
    count = sum(
        count for client, count in summary.hidden.items() if who and not who.isdisjoint((client, network(client)))
    )
    return f" ({count:,} of those who guess)" if count else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"


# -- the sections -----------------------------------------------------------------------------------------------------


def _column(head: str, cells: Sequence[object], *, right: bool = False) -> Column:
    return Column(head, [safe.visible(str(cell)) for cell in cells], np.arange(len(cells)), right=right)


def _table(columns: Sequence[Column], screen: Screen, *, squeeze: int = 0) -> Iterator[str]:
    """Give the lines of a small table; the column number `squeeze` takes what is too wide."""
    if not len(columns[0].rows):
        return
    room = min(screen.columns, _WIDEST) - 2 - sum(c.width + len(GAP) for c in columns) + len(GAP)
    columns[squeeze].width += min(room, 0)
    yield from lines(columns, screen)


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
        squeeze=1,
    )
    yield from _more(len(hidden), sum(count for _, count in hidden), "combinations", "attempts")


def _more(rows: int, total: int, what: str, of: str) -> Iterator[str]:
    if rows:
        yield f"and {rows} more {what} with {total:,} {of}"


def _advised(summary: Summary) -> list[tuple[str, int, str]]:
    """Give name, count and advice of the reasons, and of the outcomes of attempts without one."""
    return [
        (name, count, advice.get(name, ""))
        for advice, counts in (
            (knowledge.advice("reason"), summary.reasons),
            (knowledge.advice("outcome"), summary.unexplained),
        )
        for name, count in counts.most_common()
    ]


def _reasons(summary: Summary, screen: Screen) -> Iterator[str]:
    rows = sorted(_advised(summary), key=lambda row: -row[1])
    if not rows:
        return
    count_width = max(len("attempts"), *(len(f"{count}") for _, count, _ in rows))
    name_width = min(max(len(name) for name, _, _ in rows), 24)
    indent = count_width + name_width + 2 * len(GAP)
    yield screen.style(f"{'attempts':>{count_width}}  {'reason':{name_width}}  advice", "bold")
    for name, count, advice in rows:
        advised = textwrap.wrap(advice, min(screen.columns, _WIDEST) - 2 - indent) or [""]
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
        squeeze=4,
    )
    rest = parties[_ROWS:]
    yield from _more(
        len(rest), sum(p.attempts for p in rest), {"client": "clients"}.get(name, "identities"), "attempts"
    )


def _endings(summary: Summary, screen: Screen) -> Iterator[str]:
    yield from _counted(summary.endings, "sessions", "ended by", screen)


def _counted(counts: Counter[str], what: str, name: str, screen: Screen) -> Iterator[str]:
    rows = counts.most_common()
    columns = [_column(what, [c for _, c in rows], right=True), _column(name, [n for n, _ in rows])]
    yield from _table(columns, screen, squeeze=1)


def _findings(findings: Sequence[dict[str, Any]], screen: Screen) -> Iterator[str]:
    width = min(screen.columns, _WIDEST) - 4
    for row in findings[: 2 * _ROWS]:
        whom = (row[name] for name in ("kind", "client", "identity", "server") if row[name])
        yield screen.style(
            clipped(safe.visible("  ".join([row["severity"], *whom])), width), _BAD.get(row["severity"], "")
        )
        for text in (_span(row, screen) + row["evidence"], row["advice"]):
            yield from (f"  {line}" for line in textwrap.wrap(safe.visible(text), width))
    if len(findings) > 2 * _ROWS:
        yield f"and {len(findings) - 2 * _ROWS} more: `smtp-analyzer findings` lists them"


def _span(finding: dict[str, Any], screen: Screen) -> str:
    """Say when something was first and last seen."""
    clock, first, last = screen.clock, finding["at"], finding["last"]
    if first is None:
        return ""
    start = f"{clock.day(first)} {clock.time(first)}"
    end = f"{clock.day(last)} {clock.time(last)}" if last is not None else start
    return f"{start}: " if end == start else f"{start} to {end.removeprefix(start[:11])}: "


def _cannot(cannot: Sequence[Mapping[str, str]], screen: Screen) -> Iterator[str]:
    width = min(screen.columns, _WIDEST) - 2
    for entry in cannot:
        yield from textwrap.wrap(safe.visible(f"{entry['format']}: {entry['what']}"), width, subsequent_indent="  ")
        yield from textwrap.wrap(entry["setting"], width, initial_indent="  set ", subsequent_indent="      ")


def _skipped(skipped: Sequence[dict[str, Any]], screen: Screen) -> Iterator[str]:
    shown = sorted(skipped, key=lambda row: -row["count"])[: 2 * _ROWS]
    columns = [
        _column("count", [row["count"] for row in shown], right=True),
        _column("stage", [row["stage"] for row in shown]),
        _column("reason", [row["reason"] for row in shown]),
    ]
    if any(row["first"] for row in shown):
        columns.append(_column("first", [row["first"] or "" for row in shown]))
    yield from _table(columns, screen, squeeze=2)
    if len(skipped) > len(shown):
        yield f"and {len(skipped) - len(shown)} more kinds: `smtp-analyzer skipped` lists them"
