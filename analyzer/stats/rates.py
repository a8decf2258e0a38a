"""Rates, with what chance leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
    Interval = tuple[Array, Array, Array]

#: An interval covers the true rate in 95 of 100 cases: the quantile of the normal distribution for 2.5 % on each side.
Z: Final = 1.959963984540054


def rate(count: Array, of: Array) -> Interval:
    """Give count / of, and Wilson's score interval at 95 %; NaN where `of` is 0.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of the American
    Statistical Association 22 (1927), 209-212. Unlike the textbook's interval it fits small numbers, and rates near 0
    and 1.
    """
    count, of = np.asarray(count, np.float64), np.where(np.asarray(of) > 0, of, np.nan)
    p = count / of
    middle = (p + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * np.sqrt(p * (1 - p) / of + Z * Z / (4 * of * of))
    # At the ends the formula gives 0 and 1, but for rounding.
    return p, np.where(count == 0, 0.0 * p, middle - half), np.where(count == of, p, middle + half)


def change(first: Interval, second: Interval) -> Interval:
    """Give first - second, and its interval at 95 %.

    R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17
    (1998), 873-890, method 10: made of the two score intervals.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    difference = p1 - p2
    return (
        difference,
        difference - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2),
        difference + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2),
    )
