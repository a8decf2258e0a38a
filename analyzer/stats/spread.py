"""How durations are spread: histograms that can be added, and the percentiles that come of them.

A bin is 1 % wide, so a percentile is within 0.5 % of the value that has that rank; least and greatest value and their
number are exact. The bins are the same for all groups and all parts, and counts are integers: histograms of parts,
added in any order, are the histogram of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.stats.distinct import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

#: Ratio of the upper to the lower end of a bin.
WIDTH: Final = 1.01

#: Times are whole nanoseconds: what is less than the first one is none, and has the bin 0.
_FIRST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """Histograms of groups: which group and which bin, how many; and of each group the least and the greatest value."""

    places: Array
    bins: Array
    counts: Array
    least: Array
    greatest: Array

    @classmethod
    def of(cls, places: Array, values: Array, groups: int) -> Spread:
        """Count values, each of a group; what is unknown (NaN) is left out."""
        known = ~np.isnan(values)
        places, values = places[known], values[known]
        bins = np.zeros(len(values), np.int64)
        some = values > _FIRST
        bins[some] = np.ceil(np.log(values[some] / _FIRST) / np.log(WIDTH))
        least, greatest = np.full(groups, np.inf), np.full(groups, -np.inf)
        np.minimum.at(least, places, values)
        np.maximum.at(greatest, places, values)
        return cls(*_added(places, bins, np.ones(len(values), np.int64)), least, greatest)

    @classmethod
    def joined(cls, parts: Sequence[Spread], places: Sequence[Array], groups: int) -> Spread:
        """Add histograms; `places` says which group of the whole each group of a part is."""
        least, greatest = np.full(groups, np.inf), np.full(groups, -np.inf)
        for part, place in zip(parts, places, strict=True):
            np.minimum.at(least, place, part.least)
            np.maximum.at(greatest, place, part.greatest)
        renamed = np.concatenate([place[part.places] for part, place in zip(parts, places, strict=True)])
        bins, counts = (np.concatenate([getattr(part, name) for part in parts]) for name in ("bins", "counts"))
        return cls(*_added(renamed, bins, counts), least, greatest)

    def zeroed(self) -> Spread:
        """Give the histograms of the same groups without values."""
        none = np.zeros(0, np.int64)
        return Spread(none, none, none, np.full_like(self.least, np.inf), np.full_like(self.greatest, -np.inf))

    @property
    def known(self) -> Array:
        """How many values each group has."""
        counts = np.zeros(len(self.least), np.int64)
        np.add.at(counts, self.places, self.counts)
        return counts

    def percentile(self, percent: int) -> Array:
        """Give for each group the value that `percent` of its values do not exceed (nearest rank); NaN: it has none."""
        known = self.known
        before = np.cumsum(known) - known
        rank = -(-known * percent // 100)
        found = np.searchsorted(np.cumsum(self.counts), before + np.maximum(rank, 1))
        bins = np.append(self.bins, 0)[np.minimum(found, len(self.bins))]
        middle = np.where(bins > 0, _FIRST * WIDTH ** (bins - 0.5), 0.0)
        return np.where(known > 0, np.clip(middle, self.least, self.greatest), np.nan)

    def extreme(self, name: str) -> Array:
        """Give `least` or `greatest` of each group; NaN where it has no value."""
        values: Array = getattr(self, name)
        return np.where(np.isinf(values), np.nan, values)


def _added(places: Array, bins: Array, counts: Array) -> tuple[Array, Array, Array]:
    """Sum the counts of equal bins of a group."""
    which, first = numbered((places, bins), len(bins))
    sums = np.zeros(len(first), np.int64)
    np.add.at(sums, which, counts)
    return places[first], bins[first], sums
