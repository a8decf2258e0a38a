"""JSON Lines and CSV."""

from __future__ import annotations

import csv as csv_reader
import datetime as dt
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report import rows as written
from analyzer.schema import NULL, TABLES
from analyzer.tables import Table
from tests.records import START, attempt, rows

AUTH = [column.name for column in TABLES["auth"]]


def objects(table, columns=AUTH):
    return [json.loads(line) for line in "".join(written.jsonl(table, columns)).splitlines()]


def records(table, columns=AUTH):
    return list(csv_reader.DictReader(io.StringIO("".join(written.csv(table, columns)), newline="")))


def test_jsonl_has_every_key(tables):
    """Each row is an object with all the keys of the schema, in its order."""
    got = objects(tables["auth"])

    assert len(got) == 10
    assert all(list(row) == AUTH for row in got)


def test_jsonl_values():
    """Numbers are numbers, flags true or false, lists of words lists, times in UTC, unknown null."""
    (row,) = objects(
        rows("auth", attempt("a", "192.0.2.1", START, "succeeded", caveats="gap clock", secret_group=None))
    )

    assert row["client_port"] == 41559
    assert row["initial_response"] is False
    assert row["caveats"] == ["gap", "clock"]
    assert row["started"] == "2026-11-18T11:03:00.006000Z"
    assert row["ended"] == "2026-11-18T11:03:00.013992500Z"
    assert row["seconds"] == 0.0079925
    assert row["secret_group"] is None
    assert row["reason"] is None
    assert row["confidence"] is None


def test_csv_values():
    """Words are joined by spaces, unknown is empty, a formula is only text."""
    (row,) = records(
        rows("auth", attempt("a", "192.0.2.1", START, "succeeded", caveats="gap clock", identity="=cmd()", code=None))
    )

    assert list(row) == AUTH
    assert row["caveats"] == "gap clock"
    assert row["identity"] == "'=cmd()"
    assert row["code"] == ""
    assert row["initial_response"] == "false"
    assert row["started"] == "2026-11-18T11:03:00.006000Z"


def test_a_line_break_in_text_is_no_row():
    """What a stranger sends stays in its row and its cell."""
    table = rows("auth", attempt("a", "192.0.2.1", START, "rejected", identity='x",\n{"outcome":"succeeded"}\r\n'))

    assert len(objects(table)) == 1
    assert len("".join(written.csv(table, AUTH)).splitlines()) == 2


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**62), 2**62),
            st.none()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.integers(0, 10**11).map(lambda n: n / 1e9),
            st.none() | st.text(max_size=4),
            st.none() | st.booleans(),
        ),
        max_size=20,
    )
)
def test_any_values_read_back(values):
    """Whatever a table holds is read back exactly: times to the nanosecond, numbers to the last bit."""
    table = rows(
        "auth",
        *(
            attempt(
                "a",
                "192.0.2.1",
                START,
                "other",
                ended=t,
                seconds=s,
                identity=i,
                initial_response=None if f is None else int(f),
            )
            for t, s, i, f in values
        ),
    )

    for row, (t, s, i, f) in zip(objects(table), values, strict=True):
        assert (row["seconds"], row["identity"], row["initial_response"]) == (s, i, f)
        if t is None:
            assert row["ended"] is None
        else:
            whole, digits = row["ended"].removesuffix("Z").split(".")
            moment = np.datetime64(whole, "s").astype(int) * 10**9 + int(digits.ljust(9, "0"))
            assert moment == t


def test_times_agree_with_datetime():
    """A time is what datetime says it is."""
    (row,) = objects(rows("auth", attempt("a", "192.0.2.1", 951_782_399_000_000_000, "other")))  # 2000-02-28

    assert dt.datetime.fromisoformat(row["started"]).timestamp() == 951_782_399.006


def test_blocks(monkeypatch, tables):
    """The text is the same whatever number of rows is joined at a time."""
    whole = "".join(written.jsonl(tables["auth"], AUTH)), "".join(written.csv(tables["auth"], AUTH))

    monkeypatch.setattr(written, "BLOCK", 3)
    assert ("".join(written.jsonl(tables["auth"], AUTH)), "".join(written.csv(tables["auth"], AUTH))) == whole


def test_some_columns(tables):
    """Columns are those asked for, in that order."""
    assert objects(tables["auth"], ["outcome", "code"])[0] == {"outcome": "rejected", "code": 535}
    assert "".join(written.csv(tables["auth"], ["code", "outcome"])).splitlines()[:2] == [
        "code,outcome",
        "535,rejected",
    ]


@pytest.mark.parametrize("name", TABLES)
def test_empty(name):
    """A table without rows is no line of JSON and one line of CSV."""
    columns = [column.name for column in TABLES[name]]

    assert "".join(written.jsonl(Table.empty(name), columns)) == ""
    assert "".join(written.csv(Table.empty(name), columns)).count("\n") == 1


@pytest.mark.parametrize("name", TABLES)
def test_every_table(tables, name):
    """Every table can be written both ways with all its columns."""
    columns = [column.name for column in TABLES[name]]

    assert len(objects(tables[name], columns)) == len(records(tables[name], columns)) == len(tables[name])


def test_values_seen_once_are_not_kept_for_ever():
    """The memory of numbers is bounded."""
    known = written._Known(str)
    for value in range(1 << 17):
        known[value]

    assert known[NULL] == str(NULL)
    assert NULL not in known


def test_pandas_stays_out():
    """Listings for programs do not pay for pandas."""
    code = (
        "import sys; from analyzer.report import listing; from analyzer.tables import Table;"
        "[list(listing.listing(Table.empty('auth'), form, None, ['code'], {})) for form in ('csv', 'jsonl')];"
        "sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
