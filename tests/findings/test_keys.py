"""Groups and windows against what a loop finds."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.findings.keys import busiest, count_of, distinct, firsts, packed, parts
from analyzer.schema import NULL
from analyzer.tables import among, in_order

SECOND = 10**9

few = st.lists(st.tuples(st.integers(-1, 3), st.sampled_from([NULL, 0, 1, 2, 2**62]), st.integers(0, 20)), max_size=30)


def columns(rows):
    return np.array(rows, np.int64).reshape(-1, 3).T


@given(few)
def test_packed(rows):
    """Packed keys are equal and ordered as the rows are, unknown values and huge ones among them."""
    key = packed(*columns(rows)).tolist()

    assert [(a < b, a == b) for a in key for b in key] == [(a < b, a == b) for a in rows for b in rows]


def test_many_rows_of_small_numbers():
    """Codes of texts are numbers of 32 bits: with many rows their order does not run over."""
    key = np.arange(50_000, dtype=np.int32)[::-1].repeat(2)

    assert (in_order(key) == np.arange(100_000).reshape(-1, 2)[::-1].ravel()).all()


@given(few)
def test_groups(rows):
    """First rows, counts of different rows, and groups by size are those of a loop."""
    a, b, c = columns(rows)
    seen, mates = set(), defaultdict(set)
    for row in rows:
        mates[row[0]].add(row[1:])
    first = [not (row[0] in seen or seen.add(row[0])) for row in rows]
    counts = {key: len(mates[key]) for key in sorted(mates)}

    assert firsts(a).tolist() == first
    assert dict(zip(*(each.tolist() for each in distinct(a, b, c)), strict=True)) == counts
    assert count_of(a, *distinct(a, b, c)).tolist() == [counts[row[0]] for row in rows]
    assert among(a, b).tolist() == [row[0] in {other[1] for other in rows} for row in rows]
    assert in_order(a).tolist() == sorted(range(len(rows)), key=lambda k: rows[k][0])
    large, small, others = parts(a, 2)
    sizes = Counter(row[0] for row in rows).most_common()
    assert [(rows[group[0]][0], len(group)) for group in large] == sizes[:2]
    assert len(small) == sum(size for _, size in sizes[2:])
    assert others == max(len(sizes) - 2, 0)


@given(few, st.integers(1, 10))
def test_busiest(rows, window):
    """The busiest window of a key is that of a loop, both of its ends included."""
    key, _, time = columns(rows)
    most = {
        a: max(sum(k == a and t - window <= u <= t for k, _, u in rows) for b, _, t in rows if b == a)
        for a in sorted({row[0] for row in rows})
    }

    assert dict(zip(*(each.tolist() for each in busiest(key, time * SECOND, window * SECOND)), strict=True)) == most


def test_keys_that_are_not_known():
    """What nothing is known of counts nothing, whether keys are near to each other or far."""
    for keys in (np.array([2, 5]), np.array([2, 1 << 60])):
        assert count_of(np.array([-7, 2, 3, 1 << 61, NULL]), keys, np.array([4, 6])).tolist() == [0, 4, 0, 0, 0]
