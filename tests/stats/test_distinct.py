"""Distinct rows of columns, against what Python's sets and dictionaries say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.schema import NULL
from analyzer.stats import distinct
from analyzer.stats.distinct import chained, numbered, ordered, pairs, renamed
from analyzer.tables import Text, taken

texts = st.lists(st.sampled_from([None, "a", "b", "zz", ""]), max_size=30)
#: Near each other, far from each other, and unknown.
integers = st.sampled_from([0, 1, 7, -3, 5_000_000_000, -(2**62), 2**62, NULL])


@st.composite
def columns(draw):
    """Draw a column of text and one of integers, of one length."""
    words = draw(texts)
    return Text.of(words), np.array(draw(st.lists(integers, min_size=len(words), max_size=len(words))), np.int64)


@pytest.fixture(params=["small", "large"])
def places(request, monkeypatch):
    """Work with tables of all numbers, and with sorted numbers."""
    monkeypatch.setattr(distinct, "_PLACES", 1 << 20 if request.param == "small" else 0)
    monkeypatch.setattr(distinct, "_PLACES_PER_ROW", 4 if request.param == "small" else 0)


@pytest.mark.usefixtures("places")
def test_numbered():
    """Equal rows have one number and others another, in the order of the values; each number has a row."""

    @settings(deadline=None)
    @given(columns())
    def check(two):
        text, whole = two
        codes = [-1 if word is None else text.words.index(word) for word in text.list()]
        rows = list(zip(codes, whole.tolist(), strict=True))
        numbers, first = numbered(two, len(text))

        assert numbers.tolist() == [sorted(set(rows)).index(row) for row in rows]
        assert [rows[at] for at in first.tolist()] == sorted(set(rows))

    check()


def test_no_columns():
    """Without columns all rows are alike, and without rows there are none."""
    assert [array.tolist() for array in numbered([], 3)] == [[0, 0, 0], [0]]
    assert [array.tolist() for array in numbered([], 0)] == [[], []]


@pytest.mark.usefixtures("places")
def test_pairs():
    """Pairs are distinct, and what is unknown is in none, for text and for integers."""

    @settings(deadline=None)
    @given(columns(), st.data())
    def check(two, data):
        text, whole = two
        at = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(text), max_size=len(text))), np.int64)
        for column, values in ((text, text.list()), (whole, [None if v == NULL else v for v in whole.tolist()])):
            found, members = pairs(at, column)
            known = members.list() if isinstance(members, Text) else members.tolist()
            got = list(zip(found.tolist(), known, strict=True))

            assert len(got) == len(set(got))
            assert set(got) == {pair for pair in zip(at.tolist(), values, strict=True) if pair[1] is not None}

    check()


@settings(deadline=None)
@given(columns(), columns())
def test_chained(one, other):
    """Columns of parts that do not share their words are put one behind the other."""
    for first, second in zip(one, other, strict=True):
        whole = chained([first, second])
        values = [c.list() if isinstance(c, Text) else c.tolist() for c in (first, second, whole)]

        assert values[2] == values[0] + values[1]


def test_renamed():
    """Each word has its new name, two words may have one, and None is unknown."""
    column = Text.of(["A", "a", "b", None])

    got = renamed(column, lambda word: None if word == "b" else word.lower())
    assert (got.list(), got.words) == (["a", "a", None, None], ["a"])


def test_ordered():
    """Text sorts by its words, however they are numbered, integers by themselves; unknown comes first."""
    column = Text.of(["z", None, "a", "m", "a"])

    assert taken(column, np.argsort(ordered(column), kind="stable")).list() == [None, "a", "a", "m", "z"]
    assert ordered(np.array([3, NULL])).tolist() == [3, NULL]
