"""Arithmetic on arrays that tables have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.schema import NULL
from analyzer.tables import Builder, begins_run, bounds, columns_of, distinct, nth

#: What columns hold: small numbers, of which there is a table, and such that are too far apart for one.
VALUES = {
    "near": st.integers(-2, 6),
    "far": st.sampled_from([NULL, -1, 0, 7, 1 << 40, (1 << 62) + 5]),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@given(data=st.data())
def test_distinct(values: st.SearchStrategy[int], data: st.DataObject) -> None:
    """Every row has one of the combinations, and each of these stands at the first row that has it."""
    rows = data.draw(st.lists(st.tuples(values, values), max_size=80))
    columns = np.array(rows, np.int64).reshape(-1, 2).T
    first, which = distinct(*columns)
    assert sorted(first.tolist()) == sorted(rows.index(row) for row in set(rows))
    assert [rows[first[k]] for k in which.tolist()] == rows


def test_parts_of_arrays_are_copied() -> None:
    """What a builder is given may change afterwards: a writer's arrays are used again, also when they have one row."""
    for rows in (1, 3):
        builder = Builder("exchanges", {"n": "int", "frame": "int"})
        matrix = np.arange(rows * 4).reshape(rows, 4)
        builder.add(rows, {"n": matrix[:, 1], "frame": matrix[:, 2]})
        matrix[:] = -1
        table = builder.table()
        assert table.array("n").tolist() == [4 * row + 1 for row in range(rows)]
        assert table.array("frame").tolist() == [4 * row + 2 for row in range(rows)]


def test_nth():
    """Equal rows are counted in their order, by one column or by several."""
    assert nth(np.array([3, 1, 3, 3, 1])).tolist() == [0, 0, 1, 2, 1]
    assert nth(np.array([3, 1, 3, 3, 1]), np.array([0, 0, 1, 0, 0])).tolist() == [0, 0, 0, 1, 1]
    assert nth(np.zeros(0, np.int64)).tolist() == []


def test_begins_run():
    """The first row begins a run, and each that differs from the one before."""
    assert begins_run(np.array([3, 3, 1, 3])).tolist() == [True, False, True, True]
    assert begins_run(np.zeros(0, np.int64)).tolist() == []


def test_bounds():
    """Rows of owners stand together; an owner without any begins where it ends."""
    starts, stops = bounds(np.array([0, 0, 2, 2, 2]), 4)

    assert (starts.tolist(), stops.tolist()) == ([0, 2, 2, 5], [2, 2, 5, 5])
    assert [each.tolist() for each in bounds(np.zeros(0, np.int64), 2)] == [[0, 0], [0, 0]]


@pytest.mark.parametrize("rows", [0, 1, 511, 512, 1500])
def test_columns_of(rows: int) -> None:
    """Columns are those of the rows, however many there are, with a zero behind each."""
    matrix = np.arange(1, rows * 3 + 1).reshape(rows, 3)
    columns = columns_of(matrix)
    assert columns[:, :-1].tolist() == matrix.T.tolist()
    assert columns[:, -1].tolist() == [0, 0, 0]
