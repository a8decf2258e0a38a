"""Rates and their intervals, against published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.stats.rates import change, rate


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(count, of, low, high):
    """The interval is that of Newcombe's table I (Statistics in Medicine 17, 857-872), method 3."""
    got = rate(np.array([count]), np.array([of]))

    assert [round(float(value[0]), 4) for value in got] == [round(count / of, 4), low, high]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_ends(count, of):
    """An interval holds its rate and lies between 0 and 1; none and all reach the end."""
    count = min(count, of)
    p, low, high = (float(value[0]) for value in rate(np.array([count]), np.array([of])))

    assert 0 <= low <= p <= high <= 1
    assert (low == 0) == (count == 0)
    assert (high == 1) == (count == of)


def test_of_nothing():
    """Of nothing there is no rate."""
    assert all(np.isnan(value[0]) for value in rate(np.array([0]), np.array([0])))


def test_newcombe():
    """The interval of a difference is that of Newcombe's table II, example (a), method 10."""
    first, second = (rate(np.array([count]), np.array([of])) for count, of in ((56, 70), (48, 80)))

    assert [round(float(value[0]), 4) for value in change(first, second)] == [0.2, 0.0524, 0.3339]
