"""The schema: what every column is."""

from __future__ import annotations

import pytest

from analyzer.report.advice import ADVICE, ENDINGS
from analyzer.schema import TABLES
from analyzer.smtp.law import OUTCOMES
from analyzer.tables import Table
from analyzer.tables.table import DTYPES, MAKERS

KINDS = {"int", "time", "seconds", "flag", "text", "words", "id", "place"}


def test_tables():
    """The six tables are there, in the order in which they are shown."""
    assert list(TABLES) == ["sessions", "auth", "exchanges", "messages", "findings", "skipped"]


@pytest.mark.parametrize("name", TABLES)
def test_columns(name):
    """Every column has a name of its own, a known kind and a meaning; lists of words are never unknown."""
    columns = TABLES[name]

    assert len({column.name for column in columns}) == len(columns)
    for column in columns:
        assert column.name.isidentifier()
        assert column.kind in KINDS
        assert len(column.meaning) > 3
        assert not (column.kind == "words" and column.nullable)


def test_every_kind_can_be_held():
    """Every kind has a dtype, or a column of its own."""
    kinds = {column.kind for columns in TABLES.values() for column in columns}

    assert kinds == set(DTYPES) | set(MAKERS)
    assert not set(DTYPES) & set(MAKERS)


def test_outcomes_are_those_of_the_law():
    """The meaning of the outcome column lists exactly the outcomes that the law gives."""
    (outcome,) = (column for column in TABLES["auth"] if column.name == "outcome")

    assert tuple(outcome.meaning.replace(" or ", ", ").split(", ")) == OUTCOMES


def test_advice_for_every_reason():
    """Every reason has advice, and every outcome that can have no reason has one too."""
    from analyzer.filters import REASONS

    assert set(ADVICE) == set(REASONS)
    assert set(ENDINGS) < set(OUTCOMES)


def test_empty():
    """A table without rows has all its columns."""
    for name, columns in TABLES.items():
        assert list(Table.empty(name).columns) == [column.name for column in columns]
        assert len(Table.empty(name)) == 0
