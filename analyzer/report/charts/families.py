"""Outcomes in families, which have a colour each: seventeen colours nobody can tell apart."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL

if TYPE_CHECKING:
    from analyzer.stats.facts import Facts
    from analyzer.tables import Text

    Array = np.ndarray[Any, Any]

#: By family, which is also the name of its colour: the outcomes.
FAMILIES: Final = {
    "succeeded": ("succeeded",),
    "rejected": ("rejected", "failed", "account_disabled"),
    "fault": (
        *("malformed", "not_recognised", "bad_sequence", "mechanism_unavailable", "encryption_required"),
        *("mechanism_too_weak", "transition_needed", "other"),
    ),
    "server": ("temporary_failure", "server_closed"),
    "left": ("client_closed", "cancelled"),
    "unseen": ("unseen",),
}
NAMES: Final = tuple(FAMILIES)
_NUMBERS: Final = {outcome: NAMES.index(family) for family, outcomes in FAMILIES.items() for outcome in outcomes}


def family_of(outcome: str) -> str:
    """Name the family of an outcome."""
    return NAMES[_NUMBERS[outcome]]


def families(facts: Facts) -> Array:
    """Give the number of the family of each attempt."""
    return facts.auth.text("outcome").numbers(_NUMBERS.__getitem__, NULL)


def crossed(places: Array, numbers: Array, rows: int, columns: int) -> Array:
    """Count pairs: int64[rows, columns]."""
    return np.bincount(places * columns + numbers, minlength=rows * columns).reshape(rows, columns)


def busiest(column: Text, facts: Facts, most: int) -> tuple[list[str], Array, int]:
    """Give the words that most attempts have, their attempts by family, and how many more words there are."""
    known = column.codes >= 0
    codes = column.codes[known]
    counts = np.bincount(codes, minlength=len(column.words)).tolist()
    met = [code for code, count in enumerate(counts) if count]
    chosen = nsmallest(most, met, key=lambda code: (-counts[code], column.words[code]))
    place = np.full(len(column.words) + 1, -1)
    place[chosen] = np.arange(len(chosen))
    at = place[codes]
    shown = at >= 0
    return (
        [column.words[code] for code in chosen],
        crossed(at[shown], families(facts)[known][shown], len(chosen), len(NAMES)),
        len(met) - len(chosen),
    )
