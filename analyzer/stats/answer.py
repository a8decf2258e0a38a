"""Counts to answers: rates with intervals, distinct sessions and people, percentiles; one row a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.errors import AnalyzerError
from analyzer.schema import NULL
from analyzer.stats.columns import BY, ENDINGS, IN_ORDER, OF_CLOCK
from analyzer.stats.counts import merged, partial
from analyzer.stats.distinct import numbered, ordered
from analyzer.stats.facts import MEASURES
from analyzer.stats.networks import KINDS
from analyzer.stats.rates import change, rate
from analyzer.tables import Text, series, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from analyzer.schema import Kind
    from analyzer.stats.counts import Counts
    from analyzer.stats.distinct import Column
    from analyzer.stats.facts import Facts
    from analyzer.stats.networks import Places

    Array = np.ndarray[Any, Any]

#: Percentiles of durations.
PERCENTILES: Final = (50, 90, 99)

#: Columns of an answer besides those that make the groups, and what they mean.
COUNTED: Final = {
    "attempts": "AUTH exchanges of the group; what several sources tell of one counts once",
    "succeeded": "of these, how many succeeded (235)",
    "failed": "how many did not: all whose ending was seen and is no success",
    "unseen": "of how many nobody saw the ending",
    "of": "attempts that are alike but for their ending, and whose ending was seen: what the rate is of",
    "of_unseen": "how many more are alike, with an ending that nobody saw",
    "rate": "how many of those ended as the group says; where the groups say nothing of endings, how many failed",
    "rate_low": "lower end of the rate's 95 % interval (Wilson)",
    "rate_high": "upper end",
    "sessions": "distinct SMTP connections",
    "identities": "distinct names, where one is known",
    "clients": "distinct addresses, where one is known",
    "rounds_unknown": "attempts whose rounds are at least a number, or unknown",
}
#: Of `failures`: the failed attempts of a group stand first, and there is nothing on successes.
FAILED: Final = ("failed", "of", "of_unseen", "rate", "rate_low", "rate_high", "sessions", "identities", "clients")
#: With a duration.
MEASURED: Final = {
    "attempts": COUNTED["attempts"],
    "known": "of how many the duration is known",
    "least": "the shortest, exact",
    **{f"p{p}": f"the duration that {p} of 100 do not exceed (nearest rank), within 0.5 %" for p in PERCENTILES},
    "greatest": "the longest, exact",
}
#: Where groups are hours or days.
CLOCK: Final = {"timezone": "the timezone of hours and days"}
#: With a second period: its columns end in `_other`, and the rates are compared.
COMPARED: Final = {
    "attempts_other": "the same of the other period; so are failed_other, of_other and rate_other with its ends",
    "change": "rate - rate_other",
    "change_low": "lower end of its 95 % interval (Newcombe)",
    "change_high": "upper end; where both have one sign, chance alone seldom explains the difference",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns of one length: those that make the groups, then what was counted."""

    by: tuple[str, ...]
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column, as `analyzer.schema` has them; rates are floating point, as seconds are."""
        return {
            name: "text" if isinstance(column, Text) else "seconds" if column.dtype.kind == "f" else "int"
            for name, column in self.columns.items()
        }

    def take(self, rows: slice) -> Answer:
        """Give a part of the rows."""
        return Answer(self.by, {name: taken(column, rows) for name, column in self.columns.items()})

    def slices(self, rows: int) -> Iterator[Answer]:
        """Give the answer in parts of so many rows."""
        for start in range(0, len(self), rows):
            yield self.take(slice(start, start + rows))

    def rows(self) -> list[dict[str, Any]]:
        """Give the rows as dictionaries, unknown as None."""
        lists = {name: c.list() if isinstance(c, Text) else _known(c) for name, c in self.columns.items()}
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]

    def frame(self) -> pd.DataFrame:
        """Give a plain DataFrame."""
        import pandas as pd

        kinds = self.kinds
        return pd.DataFrame({name: series(kinds[name], column) for name, column in self.columns.items()})


def _known(column: Array) -> list[Any]:
    unknown = np.isnan(column) if column.dtype.kind == "f" else column == NULL
    return [None if none else value for value, none in zip(column.tolist(), unknown.tolist(), strict=True)]


def checked(
    by: str | Sequence[str], measure: str | None = None, places: Places | None = None, *, rates: bool = False
) -> tuple[str, ...]:
    """Read the columns to group by, as a list or separated by commas; what cannot be answered is told now.

    `rates`: whether failures alone, or two periods, are asked for.
    """
    names = [name.strip() for name in by.split(",")] if isinstance(by, str) else list(by)
    names = list(dict.fromkeys(filter(None, names)))
    for what, asked, known in (("column", names, BY), ("duration", [measure] if measure else [], MEASURES)):
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise AnalyzerError(f"statistics have no {what} {', '.join(unknown)}; known are {', '.join(known)}")
    untold = KINDS.keys() & set(names) - (places.kinds if places else set())
    if untold:
        raise AnalyzerError(f"{', '.join(sorted(untold))} needs a MaxMind database that tells it: give --geoip FILE")
    if measure and rates:
        raise AnalyzerError("durations are of all attempts in one period; for those of failures filter by outcome")
    return tuple(names)


def answer(
    facts: Facts,
    by: str | Sequence[str] = (),
    *,
    measure: str | None = None,
    other: Facts | None = None,
    failures: bool = False,
) -> Answer:
    """Count attempts by columns that `BY` names, in one step.

    `measure` names a duration and gives its percentiles instead of rates; `other` is a second period, set beside the
    first one; `failures` leaves out what succeeded and what nobody saw the ending of.
    """
    names = checked(by, measure, facts.places, rates=failures or other is not None)
    counts = partial(facts, names, measure, failures=failures)
    made = (
        finish(counts, failures=failures)
        if other is None
        else compare(counts, partial(other, names, failures=failures), failures=failures)
    )
    if not OF_CLOCK.isdisjoint(names):
        made.columns["timezone"] = Text.one(facts.timezone, len(made))
    return made


def finish(counts: Counts, *, failures: bool = False) -> Answer:
    """Give the answer of counts: most attempts first, or in their own order where the groups have one."""
    made = _measured(counts) if counts.spread else _rated(counts, failures=failures)
    return _arranged(counts, made, failures=failures)


def compare(counts: Counts, others: Counts, *, failures: bool = False) -> Answer:
    """Give two periods side by side; a group that only one of them has is there, with nothing in the other."""
    first = _rated(merged([counts, others.zeroed()]), failures=failures)
    union = merged([counts.zeroed(), others])  # its groups stand in the same order
    second = _rated(union, failures=failures)
    intervals = [tuple(np.asarray(part[name]) for name in _RATE) for part in (first, second)]
    first |= {f"{name}_other": second[name] for name in ("attempts", "failed", "of")}
    first |= {name.replace("rate", "rate_other", 1): second[name] for name in _RATE}
    first |= dict(zip(("change", "change_low", "change_high"), change(*intervals), strict=True))  # type: ignore[arg-type]
    return _arranged(union, first, failures=failures)


_RATE: Final = ("rate", "rate_low", "rate_high")


def _rated(counts: Counts, *, failures: bool) -> dict[str, Array]:
    """Give what was counted, and the rates."""
    attempts, succeeded, unseen = (counts.sums[name] for name in ("attempts", "succeeded", "unseen"))
    ended = attempts - unseen
    failed = ended - succeeded
    alike, _ = numbered([column for name, column in counts.by.items() if name not in ENDINGS], len(counts))
    of, of_unseen = (np.bincount(alike, values, len(counts)).astype(np.int64)[alike] for values in (ended, unseen))
    tells_endings = not failures and not ENDINGS.isdisjoint(counts.by)
    # An ending that nobody saw has no rate.
    interval = rate(ended if tells_endings else failed, np.where((ended == 0) & tells_endings, 0, of))
    return {
        "attempts": attempts, "succeeded": succeeded, "failed": failed, "unseen": unseen,
        "of": of, "of_unseen": of_unseen,
        **dict(zip(_RATE, interval, strict=True)),
        **{name: np.bincount(places, minlength=len(counts)) for name, (places, _) in counts.members.items()},
        "rounds_unknown": counts.sums["rounds_unknown"],
    }  # fmt: skip


def _measured(counts: Counts) -> dict[str, Array]:
    """Give what is known of a duration."""
    assert counts.spread is not None
    return {
        "attempts": counts.sums["attempts"],
        "known": counts.spread.known,
        "least": counts.spread.extreme("least"),
        **{f"p{percent}": counts.spread.percentile(percent) for percent in PERCENTILES},
        "greatest": counts.spread.extreme("greatest"),
    }


def _arranged(counts: Counts, made: Mapping[str, Array], *, failures: bool) -> Answer:
    """Put groups into the order that people want, which depends on nothing but what is in them."""
    keys = [ordered(column) for column in reversed(counts.by.values())]
    weight = "failed" if failures else "attempts"
    if not counts.by or not IN_ORDER.issuperset(counts.by):
        keys += [-made[name] for name in (f"{weight}_other", weight) if name in made]
    order = np.lexsort(keys) if keys else np.arange(len(counts))
    if failures:
        some = made["failed"] + made.get("failed_other", 0) > 0
        order = order[some[order]]
        made = {name: column for name, column in made.items() if name not in _OF_SUCCESS}
        first = [name for name in FAILED if name in made]
        made = {name: made[name] for name in [*first, *(name for name in made if name not in first)]}
    columns: dict[str, Column] = {**counts.by, **made}
    return Answer(tuple(counts.by), {name: taken(column, order) for name, column in columns.items()})


_OF_SUCCESS: Final = frozenset({"attempts", "succeeded", "unseen", "rounds_unknown", "attempts_other"})
