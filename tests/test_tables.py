"""Tables as columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.errors import AnalyzerError
from analyzer.schema import NULL, TABLES
from analyzer.tables import Table, Text, concatenate
from tests.records import START, attempt, id_of, rows, session

words = st.lists(st.one_of(st.none(), st.text(max_size=3)))


@given(words)
def test_text_keeps_values(values):
    """A column of text gives back what it was made of, each distinct word held once."""
    text = Text.of(values)

    assert text.list() == values
    assert len(text) == len(values)
    assert len(set(text.words)) == len(text.words)


def test_text_take():
    """Rows are taken by index and by mask."""
    text = Text.of(["a", None, "b", "a"])

    assert text.take(np.array([2, 1])).list() == ["b", None]
    assert text.take(np.array([True, False, False, True])).list() == ["a", "a"]


def test_text_mask():
    """A mask is asked of words, told for rows, and never true for unknown."""
    text = Text.of(["a", None, "b", "a"])

    assert text.mask([True, False]).tolist() == [True, False, False, True]
    assert text.mask([True, True]).tolist() == [True, False, True, True]


def test_of_knows_unknown():
    """Every kind holds unknown in its own way, and lists give it back as None."""
    table = rows(
        "auth", attempt("a", "192.0.2.1", START, "unseen", code=None, seconds=None, initial_response=None, ended=None)
    )

    assert table["code"].tolist() == [NULL]
    assert np.isnan(table["seconds"]).all()
    assert table["initial_response"].tolist() == [-1]
    assert table["text"].codes.tolist() == [-1]
    lists = table.lists()
    assert [lists[n] for n in ("code", "seconds", "initial_response", "ended", "text")] == [[None]] * 5
    assert lists["caveats"] == [[]]


def test_of_takes_arrays_as_they_are():
    """Finished columns are not copied."""
    columns = {column.name: Text.of(()) for column in TABLES["skipped"]} | {"count": np.empty(0, np.int64)}

    assert Table.of("skipped", columns)["count"] is columns["count"]


def test_of_needs_every_column():
    """A forgotten column is an error at once."""
    with pytest.raises(KeyError, match="stage"):
        Table.of("skipped", {"source": []})


def test_take():
    """A table takes the same rows of all its columns."""
    table = rows("sessions", session("a", "192.0.2.1", 1), session("b", "192.0.2.2", 2))

    kept = table.take(np.array([False, True]))
    assert len(kept) == 1
    assert kept.lists()["session"] == [id_of("b")]
    assert kept.lists()["first"] == [2]


@given(st.lists(words, min_size=1, max_size=4))
def test_concatenate(parts):
    """Joined tables give the rows of the parts in order, whatever words each of them knows."""
    tables = [rows("findings", *({"kind": "", "advice": word or ""} for word in part)) for part in parts]

    assert concatenate(tables).lists()["advice"] == [word or "" for part in parts for word in part]


def test_frame_has_the_dtypes_of_the_schema():
    """A frame is a plain DataFrame with the promised dtypes, unknown as missing."""
    import pandas as pd

    table = rows(
        "auth",
        attempt("a", "192.0.2.1", START, "succeeded"),
        attempt("b", "192.0.2.1", START, "unseen", code=None, initial_response=None, ended=None, identity=None),
    )
    frame = table.frame()

    assert type(frame) is pd.DataFrame
    dtypes = {
        "int": "Int64",
        "time": "datetime64[ns, UTC]",
        "seconds": "float64",
        "flag": "boolean",
        "text": "str",
        "words": "str",
        "id": "str",
        "place": "str",
    }
    assert {c.name: str(frame[c.name].dtype) for c in TABLES["auth"]} == {
        c.name: dtypes[c.kind] for c in TABLES["auth"]
    }
    assert frame["code"].isna().tolist() == [False, True]
    assert frame["initial_response"].isna().tolist() == [False, True]
    assert frame["ended"].isna().tolist() == [False, True]
    assert frame["identity"].isna().tolist() == [False, True]
    assert frame["started"].iloc[0].value == START + 6_000_000


@pytest.mark.parametrize("name", TABLES)
def test_empty_frame(name):
    """A table without rows is a frame without rows."""
    assert len(Table.empty(name).frame()) == 0


def test_sessions_left_out(tmp_path):
    """Without its table, sessions are only counted, attempts are the same, and who asks for it is told."""
    capture = Path(__file__).parent.parent / "samples" / "first-look" / "capture.pcap"
    whole, lean = analyzer.read(capture, tables=("auth",)), analyzer.read(capture, tables=("auth",), sessions=False)

    assert lean.auth.equals(whole.auth)
    assert (lean.found, "sessions" in lean.tables) == (len(whole.sessions), False)
    assert lean.skipped.equals(whole.skipped)
    for ask in (lambda: lean.sessions, lambda: lean.filter(client="192.0.2.1"), lean.stats):
        with pytest.raises(AnalyzerError, match="sessions was left out"):
            ask()
    assert len(analyzer.read(capture, tables=("findings",), sessions=False).sessions) == len(whole.sessions)
    log = Path(__file__).parent.parent / "samples" / "mail-logs"
    whole = analyzer.read(log, tables=("auth",), timezone="UTC")
    assert analyzer.read(log, tables=("auth",), sessions=False, timezone="UTC").auth.equals(whole.auth)
    for file in sorted(log.rglob("*")) if log.is_dir() else [log]:
        if file.is_file():
            whole, lean = (analyzer.read(file, tables=("auth",), sessions=s, timezone="UTC") for s in (True, False))
            assert lean.auth.equals(whole.auth)
            assert (lean.found > 0) == (whole.found > 0)
