"""From tables to what a report says: the five answers of its opening, and the tables behind them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analyzer import knowledge
from analyzer.findings.found import most_first
from analyzer.findings.kinds import ACCIDENTS, ATTACKS, KINDS, SEVERITIES, whom
from analyzer.logs.account import NEEDLESS
from analyzer.report.model import (
    SCHEMA,
    Cannot,
    Cell,
    Count,
    Finding,
    Parties,
    Party,
    Report,
    Skipped,
    Step,
    Time,
    Unseen,
    Why,
)
from analyzer.report.summary import NO_MECHANISM, Summary, is_lost, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from analyzer.events import Size
    from analyzer.tables import Table

Item = TypeVar("Item")

#: Rows of a table of parties and of one of combinations, at most.
PARTIES: Final = 100
CELLS: Final = 100
#: Steps of the opening at most.
STEPS: Final = 5
#: Inputs that a step names, and characters of a name.
NAMES: Final = 3
NAME: Final = 64

_SEVERITIES: Final = tuple(SEVERITIES)
#: Severities that somebody has to act on.
URGENT: Final = frozenset({"high", "medium"})
#: The severity of what is only a fact.
FACT: Final = "info"
#: Told where a report says who got in.
ENTRY: Final = "break_in"


def records(table: Table) -> list[dict[str, Any]]:
    """Give the rows of a small table."""
    columns = table.lists()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def headline(finding: Mapping[str, Any], *, most: int | None = None, count: bool = True) -> str:
    """Name a finding in a few words, with whom it is about (so many of them at most) and how often it was."""
    title = KINDS[finding["kind"]].title if finding["kind"] in KINDS else finding["kind"]
    about = whom(finding["client"], finding["identity"], finding["server"])
    return " ".join([title, *about[:most], *([f"({finding['count']:,})"] if count else [])])


def alarms(findings: Sequence[Item], severity: Callable[[Item], str]) -> list[Item]:
    """Give the findings that the opening of a report is about: the urgent ones; without any, all that are no facts."""
    urgent = [finding for finding in findings if severity(finding) in URGENT]
    return urgent or [finding for finding in findings if severity(finding) != FACT]


def few(findings: Sequence[Item], kind: Callable[[Item], str], most: int, alike: int) -> list[tuple[int, Item]]:
    """Give the first findings with their numbers, from 1: so many at most, and of a kind so many that others show."""
    met: Counter[str] = Counter()
    chosen = []
    for number, finding in enumerate(findings, 1):
        met[kind(finding)] += 1
        if met[kind(finding)] <= alike:
            chosen.append((number, finding))
    return chosen[:most]


def worst_first(table: Table) -> list[dict[str, Any]]:
    """Give the rows of `findings` by severity."""
    return sorted(
        records(table),
        key=lambda row: _SEVERITIES.index(row["severity"]) if row["severity"] in _SEVERITIES else len(_SEVERITIES),
    )


def gather(  # noqa: PLR0913 (what a report is of, and how it is told)
    tables: Mapping[str, Table],
    sources: Sequence[str],
    cannot: Iterable[Mapping[str, str]] = (),
    lang: str = knowledge.ENGLISH,
    conditions: Sequence[str] = (),
    *,
    unmet: Size | None = None,
) -> Report:
    """Say what some tables tell; `cannot`, `conditions` and `unmet` are those of the `Trace`."""
    summary = summarise(tables, conditions, unmet)
    findings = tuple(_findings(tables["findings"]))
    alarmed = alarms(findings, attrgetter("severity"))
    causes = tuple(_causes(summary, lang))
    steps = tuple(_steps(summary, alarmed, causes, lang))
    return Report(
        schema=SCHEMA,
        lang=lang,
        sources=tuple(sources),
        conditions=summary.conditions,
        successes_asked=summary.asks_who_got_in,
        input_sessions=unmet.sessions if unmet else None,
        input_attempts=unmet.attempts if unmet else None,
        first=None if summary.first is None else Time(summary.first),
        last=None if summary.last is None else Time(summary.last),
        sessions=summary.sessions,
        attempts=summary.attempts,
        succeeded=summary.outcomes["succeeded"],
        verdict=_verdict(summary, alarmed),
        outcomes=_counted(summary.outcomes),
        causes=causes,
        cells=tuple(
            Cell(None if cell[0] == NO_MECHANISM else cell[0], cell[1], cell[2], count)
            for cell, count in sorted(summary.cells.items(), key=lambda item: (-item[1], item[0]))[:CELLS]
        ),
        clients=_parties(summary.clients),
        identities=_parties(summary.identities),
        inside=_parties(
            sorted((each for each in summary.identities if each.succeeded), key=lambda each: -each.succeeded)
        ),
        unnamed=summary.unnamed,
        servers=_counted(summary.servers),
        endings=_counted(summary.endings),
        steps=steps[:STEPS],
        more_steps=len(steps[STEPS:]),
        findings=findings,
        unseen=_unseen(summary, tables["skipped"], cannot),
    )


def _counted(counts: Counter[str]) -> tuple[Count, ...]:
    return tuple(Count(name, count) for name, count in counts.most_common())


def _parties(parties: Sequence[Any]) -> Parties:
    return Parties(len(parties), tuple(Party(*party) for party in parties[:PARTIES]))


def _findings(table: Table) -> Iterator[Finding]:
    names = [field.name for field in fields(Finding)]
    for row in worst_first(table):
        times = {name: None if row[name] is None else Time(row[name]) for name in ("at", "last")}
        told = {**row, **times, "title": headline(row)}
        yield Finding(**{name: told[name] for name in names})


def advised(summary: Summary) -> list[tuple[str, str, int]]:
    """Give kind, name and count of the reasons, and of the outcomes of attempts without one; equal ones by name."""
    counted = (("reason", summary.reasons), ("outcome", summary.unexplained))
    told = [(kind, name, count) for kind, counts in counted for name, count in counts.items()]
    return sorted(told, key=lambda each: (-each[2], each[1], each[0]))


def _causes(summary: Summary, lang: str) -> Iterator[Why]:
    told = {"reason": knowledge.reason, "outcome": knowledge.outcome}
    for kind, name, count in advised(summary):
        known = name in knowledge.names(kind)
        cause = told[kind](name, lang) if known else None
        yield Why(kind, name, count, *((cause.title, cause.advice, cause.lang) if cause else ("", "", lang)))


def unread(skipped: Iterable[tuple[str, str, int]]) -> list[tuple[str, int]]:
    """Say what could not be read, and how often in all inputs, of stages, reasons and counts: the most first.

    What TLS hides is counted among the sessions already, and what is lost apart.
    """
    counts: Counter[str] = Counter()
    for stage, reason, count in skipped:
        if stage != "tls" and not is_lost(reason):
            counts[reason] += count
    return most_first(counts)


def nothing_read(summary: Summary, lang: str) -> str:
    """Say what to do where there is no session."""
    word = "check_conditions" if summary.unmet else "check_log" if summary.logs else "check_capture"
    return knowledge.words("report", lang)[word]


def read_again(summary: Summary, lang: str) -> str:
    """Say what to do where a part of the input is lost."""
    said = knowledge.words("report", lang)
    named = ", ".join(name[:NAME] for name in summary.lost_of[:NAMES])
    more = len(summary.lost_of) - NAMES
    return said["read_again"].format(sources=f"{named}, {said['more'].format(count=more)}" if more > 0 else named)


def _verdict(summary: Summary, findings: Sequence[Finding]) -> str:
    kinds = [finding.kind for finding in findings]
    verdicts = (
        ("unmet", summary.unmet is not None),
        ("break_in", ENTRY in kinds),
        ("attack", any(kind in ATTACKS for kind in kinds)),
        ("trouble", bool(kinds)),
        ("unseen", not summary.attempts and summary.blind),
        ("none", not summary.attempts),
    )
    return next((verdict for verdict, so in verdicts if so), "trouble" if summary.lost else "quiet")


def _steps(summary: Summary, findings: Sequence[Finding], causes: Sequence[Why], lang: str) -> Iterator[Step]:
    """Say what to do: about what was found; where that is no attack or accident, about the most frequent reasons."""
    if not summary.sessions:
        yield Step(nothing_read(summary, lang), lang, "input", "")
    told: set[str] = set()
    for number, finding in enumerate(findings, 1):
        if finding.advice not in told:
            told.add(finding.advice)
            yield Step(finding.advice, knowledge.ENGLISH, "finding", str(number))
    if summary.lost:
        yield Step(read_again(summary, lang), lang, "input", "")
    calm = not findings and summary.calm
    explained = any(finding.kind in ATTACKS | ACCIDENTS for finding in findings)
    for cause in () if calm or explained else causes:
        if cause.advice and cause.name != "unknown":
            yield Step(cause.advice, cause.lang, cause.kind, cause.name)


def _unseen(summary: Summary, skipped: Table, cannot: Iterable[Mapping[str, str]]) -> Unseen:
    rows = sorted(records(skipped), key=lambda row: -row["count"])
    return Unseen(
        sessions_unreadable=summary.unreadable,
        sessions_elsewhere=summary.elsewhere,
        sessions_unknown=summary.attempts_unknown,
        sessions_incomplete=summary.incomplete,
        logins=summary.blind,
        endings=summary.outcomes["unseen"],
        rounds=summary.rounds_unknown,
        missing=_counted(summary.missing),
        caveats=_counted(summary.caveats),
        lost=_counted(summary.lost),
        skipped=tuple(Skipped(**row) for row in rows if row["reason"] not in NEEDLESS),
        cannot=tuple(Cannot(**entry) for entry in cannot),
    )
