"""The page of the main statistics: two screens of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.report.screen import clipped, many, some
from analyzer.report.statistics import COUNTS, DAYS, PEOPLE, TIMES, basis, interval, percent, table, wrapped
from analyzer.stats import offers
from analyzer.stats.answer import answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.report.screen import Screen
    from analyzer.stats.facts import Facts

    Row = dict[str, Any]

#: Rows of a section, and cells of the labels of the head.
_ROWS: Final = 6
_LABEL: Final = 12
_MARGIN: Final = 2

#: What is said where `basis` has nothing to say.
_ALL_SEEN: Final = "no session inside TLS, no ending that nobody saw, no rounds that are not exact"

#: What durations are called.
_DURATIONS: Final = {
    "seconds_to_auth": "connect to AUTH", "seconds": "exchange", "seconds_server": "server", "seconds_client": "client",
}  # fmt: skip
#: Outcomes whose durations are told apart: a tarpit shows itself by slow rejections.
_TIMED: Final = ("succeeded", "rejected")


def page(facts: Facts, sources: Sequence[str], screen: Screen) -> Iterator[str]:
    """Give the lines of the page."""
    yield from _head(facts, sources, screen)
    for title, section in (
        ("Mechanisms, and how often they failed", _mechanisms(facts, screen)),
        ("Why attempts failed", _failures(facts, screen)),
        ("Rounds (334 replies) against what the mechanism takes", _rounds(facts, screen)),
        ("Where clients left: after which challenge", _left(facts, screen)),
        ("Seconds", _times(facts, screen)),
        ("Mechanisms offered and used, in sessions whose EHLO reply is known", _offers(facts, screen)),
    ):
        rows = list(section)
        if rows:
            yield from ("", screen.style(title, "bold"), *(f"{'':{_MARGIN}}{row}" for row in rows))


def _head(facts: Facts, sources: Sequence[str], screen: Screen) -> Iterator[str]:
    width = screen.columns - _LABEL
    (total,) = answer(facts).rows() or [dict.fromkeys(("failed", "of", "rate", "identities", "clients"), 0)]
    told = [
        ("Input", some(sources, width)),
        ("Seen", f"{basis(facts)[0]}, {many(total['identities'], 'name')}, {many(total['clients'], 'client')}"),
        ("Failed", _failed(total)),
        ("First try", _first_try(facts)),
        ("Per session", _in_session(facts, width)),
        ("When", _when(facts, width)),
    ]
    for label, text in told:
        if text:
            yield screen.style(f"{label:{_LABEL}}", "dim") + clipped(text, width)
    unseen = "; ".join(basis(facts)[1:]) or (_ALL_SEEN if facts.totals.sessions else "")
    hidden = wrapped(f"{'Not seen':{_LABEL}}{unseen}", screen, _LABEL) if unseen else ()
    yield from (screen.style(line[:_LABEL], "dim") + line[_LABEL:] for line in hidden)


def _failed(total: Row) -> str:
    if not total["of"]:
        return ""
    spread = interval(total["rate_low"], total["rate_high"])
    return (
        f"{total['failed']:,} of {total['of']:,} attempts whose ending was seen: {percent(total['rate'])} ({spread} %)"
    )


def _first_try(facts: Facts) -> str:
    """Say how many sessions succeeded with their first attempt."""
    for row in answer(facts, ["attempt"]).rows():
        if row["attempt"] == 1 and row["of"]:
            spread = interval(1 - row["rate_high"], 1 - row["rate_low"])
            return f"{row['succeeded']:,} of {row['of']:,} sessions succeeded: {percent(1 - row['rate'])} ({spread} %)"
    return ""


def _in_session(facts: Facts, width: int) -> str:
    """Say how many sessions had how many attempts."""
    rows = answer(facts, ["session_attempts"]).rows()
    told = [f"{row['session_attempts']} in {row['sessions']:,}" for row in rows if row["session_attempts"] is not None]
    if facts.totals.without_attempts:
        told.insert(0, f"0 in {facts.totals.without_attempts:,}")
    return f"attempts: {some(told, width - 10)}" if told else ""


def _when(facts: Facts, width: int) -> str:
    """Name the hours and days with the most attempts."""
    hours = sorted(answer(facts, ["hour"]).rows(), key=lambda row: -row["attempts"])
    days = answer(facts, ["weekday"]).rows()
    told = [f"{row['hour']:02} h ({row['attempts']:,})" for row in hours[:3] if row["hour"] is not None]
    told += [f"{DAYS[row['weekday'] - 1]} ({row['attempts']:,})" for row in days if row["weekday"] is not None]
    zone = f", {facts.timezone}"
    return some(told, width - len(zone)) + zone if told else ""


# -- the sections -----------------------------------------------------------------------------------------------------


def _cut(
    rows: list[Row], shown: Sequence[str], by: Sequence[str], screen: Screen, whole: str | None = None
) -> Iterator[str]:
    """Give the first rows as a table, how many more there are, and what gives the whole."""
    if rows:
        yield from table(rows[:_ROWS], shown, by, screen, _MARGIN)
    if len(rows) > _ROWS:
        gives = whole or f"`smtp-analyzer stats --by {','.join(by)}`"
        yield f"and {len(rows) - _ROWS:,} more: {gives} gives all"


def _mechanisms(facts: Facts, screen: Screen) -> Iterator[str]:
    return _cut(answer(facts, ["mechanism"]).rows(), COUNTS, ["mechanism"], screen)


def _failures(facts: Facts, screen: Screen) -> Iterator[str]:
    by = ["outcome", "reason"]
    return _cut(answer(facts, by, failures=True).rows(), ["failed", "rate", *PEOPLE], by, screen)


def _rounds(facts: Facts, screen: Screen) -> Iterator[str]:
    by = ["mechanism", "rounds", "expected"]
    rows = [row for row in answer(facts, by).rows() if row["expected"]]
    return _cut(rows, ["attempts", "succeeded"], by, screen)


def _left(facts: Facts, screen: Screen) -> Iterator[str]:
    by = ["left_after", "mechanism", "outcome"]
    rows = [row for row in answer(facts, by).rows() if row["left_after"]]
    return _cut(rows, ["attempts", "sessions", "clients"], by, screen)


def _times(facts: Facts, screen: Screen) -> Iterator[str]:
    rows = [
        {**row, "duration": shown}
        for name, shown in _DURATIONS.items()
        for row in answer(facts, ["outcome"], measure=name).rows()
        if row["outcome"] in _TIMED and row["known"]
    ]
    if rows:
        yield from table(rows, TIMES[1:], ["duration", "outcome"], screen, _MARGIN)


def _offers(facts: Facts, screen: Screen) -> Iterator[str]:
    by = ["stage", "mechanism"]
    rows = [{**row, "mechanism": row["mechanism"] or "(all)"} for row in offers.finish(offers.partial(facts)).rows()]
    return _cut(rows, ["offered", "tried", "succeeded", "not_offered"], by, screen, "`Trace.offered`")
