"""Histograms of durations: the stated error holds, and parts add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.stats.spread import Spread

durations = st.one_of(st.floats(1e-9, 1e6), st.sampled_from([0.0, 1e-9, 5e-10, 1.0, 1.01, 3600.0]))


def nearest_rank(values, percent):
    """Give the value with that rank: the least one that so many of 100 do not exceed."""
    return sorted(values)[max(-(-len(values) * percent // 100), 1) - 1]


@settings(deadline=None)
@given(st.lists(durations, min_size=1, max_size=60), st.sampled_from([1, 50, 90, 99, 100]))
def test_error(values, percent):
    """A percentile is within 0.5 % of the value of that rank (or a nanosecond); the ends and the number are exact."""
    spread = Spread.of(np.zeros(len(values), np.int64), np.array(values), 1)

    assert spread.percentile(percent)[0] == pytest.approx(nearest_rank(values, percent), rel=0.005, abs=1e-9)
    assert (spread.extreme("least")[0], spread.extreme("greatest")[0]) == (min(values), max(values))
    assert spread.known[0] == len(values)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), durations), max_size=40), st.data())
def test_joined(rows, data):
    """Histograms of parts, whose groups are numbered in their own way, are the histogram of the whole."""
    of_part = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    orders = [data.draw(st.permutations(range(3))) for _ in range(3)]
    parts = []
    for part, order in enumerate(orders):
        mine = [row for row, of in zip(rows, of_part, strict=True) if of == part]
        places = np.array([order.index(group) for group, _ in mine], np.int64)
        parts.append(Spread.of(places, np.array([value for _, value in mine], np.float64), 3))
    whole = Spread.of(np.array([g for g, _ in rows], np.int64), np.array([v for _, v in rows], np.float64), 3)

    joined = Spread.joined(parts, [np.array(order) for order in orders], 3)
    for percent in (50, 99):
        np.testing.assert_array_equal(joined.percentile(percent), whole.percentile(percent))
    for end in ("least", "greatest"):
        np.testing.assert_array_equal(joined.extreme(end), whole.extreme(end))
    assert joined.known.tolist() == whole.known.tolist()


def test_unknown():
    """Unknown durations are not counted, and a group without any has no percentile."""
    spread = Spread.of(np.array([0, 0, 1]), np.array([2.0, np.nan, np.nan]), 2)

    assert spread.known.tolist() == [1, 0]
    np.testing.assert_array_equal(spread.percentile(50), [2.0, np.nan])
    np.testing.assert_array_equal(spread.extreme("greatest"), [2.0, np.nan])
