"""The charts of a page, each with its title and what a reader who cannot see it should know."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.report import safe
from analyzer.report.charts import attacks, counts, ladder
from analyzer.report.charts.families import family_of
from analyzer.report.charts.paint import svg
from analyzer.report.evidence import command, cut
from analyzer.report.ladder import rows_of
from analyzer.stats.answer import answer
from analyzer.stats.facts import Facts

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from analyzer.report.model import Report
    from analyzer.tables import Table

    Said = Mapping[str, str]

#: Height of a chart in inches, of one with lines: of a line and of what is around them.
_HEIGHT: Final = 2.4
_LINE: Final = 0.26
_AROUND: Final = 0.75
#: Numbers that are read aloud.
_READ: Final = 5


class Drawn(NamedTuple):
    """A chart as an element of a page."""

    title: str
    svg: str


def charts(tables: Mapping[str, Table], report: Report, zone: dt.tzinfo | None, said: Said) -> list[Drawn]:
    """Draw the charts that have something to show."""
    facts = Facts(tables, zone)
    findings = [asdict(finding) for finding in report.findings]
    timed = attacks.timed(findings)
    lines = {name: min(many, counts.MOST) for name, many in _lines(report).items()}
    drawn = []
    for name, draw, height, told in (
        ("timeline", counts.timeline, _HEIGHT, _read((said[f"family_{family}"], n) for family, n in _families(report))),
        ("attacks", partial(_attacks, timed, zone), _tall(len(timed) * 1.6), _headlines(timed)),
        ("reasons", counts.reasons, _tall(lines["reasons"]), _read((why.name, why.count) for why in report.causes)),
        ("rounds_by_mechanism", counts.rounds, _tall(lines["rounds"]), _read(_cells(report, said))),
        ("clients", counts.clients, _tall(lines["clients"]), _read(_parties(report.clients))),
        ("identities", counts.identities, _tall(lines["identities"]), _read(_parties(report.identities))),
        ("hours", counts.hours, _tall(7), _hours(facts, said)),
        ("thinking", counts.thinking, _HEIGHT, _seconds(facts)),
    ):  # fmt: skip
        if told:
            made = partial(_drawn, draw, facts, said)
            drawn.append(Drawn(said[name], svg(made, height, name, (said[name], told))))
    return drawn


def _attacks(findings: Sequence[Mapping[str, Any]], zone: dt.tzinfo | None, ax: Axes, _: Facts, said: Said) -> Axes:
    return attacks.attacks(ax, findings, zone, said)


def _drawn(draw: Callable[..., Axes], facts: Facts, said: Said, ax: Axes) -> Axes:
    return draw(ax, facts, said)


def _tall(lines: float) -> float:
    return _AROUND + _LINE * max(lines, 2)


def _lines(report: Report) -> dict[str, int]:
    return {
        "reasons": len(report.causes),
        "rounds": len({cell.mechanism for cell in report.cells}),
        "clients": len(report.clients.shown),
        "identities": len(report.identities.shown),
    }


def _read(pairs: Iterable[tuple[str, int]]) -> str:
    """Say the greatest of some numbers."""
    most = sorted(pairs, key=lambda pair: -pair[1])[:_READ]
    return ", ".join(f"{cut(name, safe.CHART_CHARACTERS)}: {count:,}" for name, count in most)


def _families(report: Report) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for row in report.outcomes:
        family = family_of(row.name)
        sums[family] = sums.get(family, 0) + row.count
    return list(sums.items())


def _cells(report: Report, said: Said) -> Iterable[tuple[str, int]]:
    return (
        (f"{cell.mechanism or said['no_mechanism']} {cell.rounds} {cell.outcome}", cell.count) for cell in report.cells
    )


def _parties(parties: Any) -> Iterable[tuple[str, int]]:
    return ((party.name, party.attempts) for party in parties.shown)


def _headlines(findings: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(cut(finding["title"], safe.CHART_CHARACTERS) for finding in findings[:_READ])


def _hours(facts: Facts, said: Said) -> str:
    days = said["weekdays"].split()
    rows = [row for row in answer(facts, ["weekday", "hour"]).rows() if row["hour"] is not None]
    return _read((f"{days[row['weekday'] - 1]} {row['hour']:02}", row["attempts"]) for row in rows)


def _seconds(facts: Facts) -> str:
    rows = [row for row in answer(facts, ["outcome"], measure="seconds_server").rows() if row["known"]]
    return ", ".join(f"{row['outcome']}: {row['p50']:.3g} s (99 %: {row['p99']:.3g} s)" for row in rows[:_READ])


def conversation(tables: Mapping[str, Table], session: str, said: Said) -> tuple[str, int]:
    """Draw one conversation as an element of a page; gives how many lines are drawn, too, or 0: all of them."""
    told = ladder.steps_of(tables, session)
    (about,) = rows_of(tables["sessions"], session)
    title = f"{said['conversation']}: {about['client_ip'] or ''} {session}"
    drawn = svg(
        lambda ax: ladder.ladder(ax, told, about["first"], said),
        ladder.height_of(told),
        f"conversation-{session}",
        (title, said["conversation_text"]),
    )
    return drawn, ladder.MOST if len(told) > ladder.MOST else 0


def shown_by(session: str, paths: Sequence[str]) -> str:
    """Write the command that shows a conversation."""
    return command("show", *paths, "--session", session)
