"""Tables that are sorted, joined and numbered stretch after stretch are those that would be made at once."""

from __future__ import annotations

import itertools
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer import limits
from analyzer.logs.join import folded
from analyzer.schema import NULL
from analyzer.sorting import Groups
from analyzer.tables import Table, Timeline, packed
from tests.records import START, attempt, rows

SECOND = 10**9

times = st.integers(0, 300).map(lambda second: START + second * SECOND) | st.just(NULL)


@given(st.lists(times), st.integers(1, 5))
def test_stretches(moments, size):
    """Stretches have every row once, in the order of time; a stretch is not much longer than it should be."""
    table = Table("auth", {"started": np.array(moments, np.int64)})
    with patch.object(limits, "TABLE_ROWS", size):
        timeline = Timeline(table, "started")
        stretches = list(timeline.stretches())
        found = [timeline.rows(*stretch).tolist() for stretch in stretches]

    assert sorted(row for part in found for row in part) == list(range(len(moments)))
    assert all(part == sorted(part) for part in found)
    inside = [[moments[row] for row in part] for part in found if part]
    assert all(max(before) < min(after) for before, after in itertools.pairwise(inside))
    assert all(len(part) <= size or len(set(part)) <= size for part in inside)


@given(st.lists(st.lists(st.sampled_from([NULL, 5, -7, 2**62, 3]))))
def test_groups(parts):
    """Equal digests have equal numbers, which count from 1 in the order in which digests are met."""
    groups, numbers, met = Groups(), [], {}
    for part in parts:
        numbers += groups.of(np.array(part, np.int64)).tolist()

    assert numbers == [
        NULL if digest == NULL else met.setdefault(digest, len(met) + 1) for part in parts for digest in part
    ]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | times, st.integers(0, 9), times)))
def test_packed(records):
    """Columns in one keep their order, however far their values lie from each other."""
    columns = [np.array(column, np.int64) for column in zip(*records, strict=True)] or [np.zeros(0, np.int64)]

    ranks = {key: rank for rank, key in enumerate(sorted(set(records)))}
    made = np.unique(packed(*columns), return_inverse=True)[1].tolist()
    assert made == [ranks[key] for key in records]


logged = st.builds(
    attempt,
    st.text("abc", min_size=1, max_size=4),
    st.sampled_from(["192.0.2.1", "192.0.2.2"]),
    st.integers(0, 300).map(lambda second: START + second * SECOND),
    st.sampled_from(["succeeded", "rejected"]),
    identity=st.sampled_from([None, "alice", "bob"]),
    evidence=st.just("logged"),
    caveats=st.sampled_from(["", "auth_service_only"]),
    where=st.sampled_from(["a line 1", "b line 2"]),
)


@given(st.lists(logged, max_size=30), st.integers(1, 8))
def test_joined_in_stretches(records, size):
    """Where stretches end makes no difference to who finds whom, as long as others are not near all the time."""
    records = sorted(records, key=lambda record: record["started"])
    table = rows("auth", *records)
    whole, left = folded(table)
    with patch.object(limits, "TABLE_ROWS", size):
        parts, also = folded(table)

    assert also.tolist() == left.tolist()
    assert parts.lists() == whole.lists()
