"""Tables as files."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import analyzer
from analyzer import limits
from analyzer.errors import AnalyzerError
from analyzer.report import rows as written
from analyzer.report.export import FORMATS, files, write
from analyzer.report.parquet import KINDS
from analyzer.schema import TABLES
from analyzer.tables import Table, concatenate
from analyzer.trace import Trace
from tests.records import START, attempt, rows


def read_back(path):
    """Read with pandas; words as `Trace` has them."""
    frame = pd.read_parquet(path)
    kinds = {column.name: column.kind for column in TABLES[path.stem]}
    return frame.assign(**{name: frame[name].map(" ".join).astype("str") for name in frame if kinds[name] == "words"})


@pytest.fixture
def trace(tables):
    return Trace(tables, ["mail.pcap"], [])


@pytest.mark.parametrize("slice_rows", [3, limits.TABLE_ROWS])
def test_parquet_is_what_the_trace_has(trace, tmp_path, monkeypatch, slice_rows):
    """Values, dtypes and missing values are those that `Trace` gives, however many parts were written."""
    monkeypatch.setattr(limits, "TABLE_ROWS", slice_rows)
    paths = trace.export(tmp_path)

    assert [os.path.basename(path) for path in paths] == [f"{name}.parquet" for name in TABLES]
    for name in TABLES:
        pd.testing.assert_frame_equal(read_back(tmp_path / f"{name}.parquet"), getattr(trace, name))


def test_parquet_of_odd_values(tmp_path):
    """Unknown values, the longest times, lists of words and any letters come back."""
    table = rows(
        "auth",
        attempt("a", "192.0.2.1", START, "rejected", caveats="gap clock", identity="\x00é\u202e", seconds=0.1 + 0.2),
        attempt("b", "192.0.2.1", START, "other", caveats="", identity=None, seconds=None, started=None),
        attempt(
            "c", "192.0.2.1", START, "other", caveats="clock", identity="", started=2**63 - 1, initial_response=None
        ),
    )
    trace = Trace({"auth": table}, [], [])
    trace.export(tmp_path, tables=["auth"])

    pd.testing.assert_frame_equal(read_back(tmp_path / "auth.parquet"), trace.auth)
    lists = pd.read_parquet(tmp_path / "auth.parquet")["caveats"]
    assert [list(words) for words in lists] == [["gap", "clock"], [], ["clock"]]


@pytest.mark.parametrize("name", TABLES)
def test_types(name, tables, tmp_path):
    """Columns have the types that docs/tables.md tells, in a table without rows, too, and texts are plain strings."""
    types = {**{column.name: KINDS[column.kind].arrow for column in TABLES[name]}}
    for table in (tables[name], Table.empty(name)):
        with open(tmp_path / "file", "wb") as file:
            FORMATS["parquet"](table, file)
        schema = parquet.read_schema(tmp_path / "file")
        assert {field.name: told(field.type) for field in schema} == types
        assert parquet.read_metadata(tmp_path / "file").num_rows == len(table)


def told(kind):
    if pa.types.is_list(kind):
        return f"list<{kind.value_type}>"
    return str(kind).replace("tz=", "")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_text_is_that_of_listings(trace, tables, tmp_path, form):
    """CSV and JSON Lines are those of the listings, with all columns."""
    for path in trace.export(tmp_path, format=form):
        name = os.path.basename(path).removesuffix(f".{form}")
        columns = [column.name for column in TABLES[name]]
        with open(path, "rb") as file:
            assert file.read() == b"".join(getattr(written, form)(tables[name], columns))


def test_a_table_is_never_in_memory_as_a_whole(tables, tmp_path, monkeypatch):
    """A table is asked for parts of it, each of which is a row group."""
    monkeypatch.setattr(limits, "TABLE_ROWS", 64)
    with open(tmp_path / "file", "wb") as file:
        FORMATS["parquet"](concatenate([tables["auth"]] * 20), file)
    meta = parquet.read_metadata(tmp_path / "file")

    assert [meta.row_group(group).num_rows for group in range(meta.num_row_groups)] == [64, 64, 64, 8]


@pytest.mark.parametrize(
    ("form", "names", "message"),
    [
        ("xlsx", None, "unknown format xlsx; known are parquet, csv, jsonl"),
        ("csv", ["auth", "no"], "unknown table no; known are sessions, auth"),
        ("csv", "", "unknown table ; known are"),
    ],
)
def test_what_there_is_not(tmp_path, form, names, message):
    """A format or a table that there is not is told with those that are; no folder is made for it."""
    with pytest.raises(AnalyzerError, match=message):
        files(tmp_path / "new", form, names)
    assert not (tmp_path / "new").exists()


def test_existing_files(trace, tmp_path):
    """Files are overwritten only when that is asked for; others in the folder are left alone."""
    (tmp_path / "notes").write_text("mine")
    trace.export(tmp_path, format="csv", tables=["auth"])
    before = (tmp_path / "auth.csv").read_bytes()

    with pytest.raises(AnalyzerError, match=r"auth\.csv is there already: give another folder, or --force"):
        trace.export(tmp_path, format="csv")
    trace.filter(outcome="succeeded").export(tmp_path, format="csv", tables=["auth"], force=True)
    assert len((tmp_path / "auth.csv").read_bytes()) < len(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["auth.csv", "notes"]


@pytest.mark.parametrize("form", FORMATS)
def test_no_room(tmp_path, form):
    """Where the disk is full, what was there is still there, and the error is one line."""
    code = (
        "import sys, analyzer; from tests import records; from analyzer.trace import Trace\n"
        "try: Trace(records.traffic(), [], []).export(sys.argv[1], format=sys.argv[2], force=True)\n"
        "except analyzer.errors.AnalyzerError as error: print(error)"
    )
    old = tmp_path / f"sessions.{form}"
    old.write_text("old")
    run = [sys.executable, "-bb", "-c", code, str(tmp_path), form]
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # noqa: E731
    result = subprocess.run(run, capture_output=True, text=True, check=True, preexec_fn=small)

    told = rf"{re.escape(str(tmp_path))}/\w+\.{form} cannot be written: File too large\n"
    assert (bool(re.fullmatch(told, result.stdout)), result.stderr) == (True, "")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_sample(tmp_path):
    """A whole sample goes out and comes back, ids and places as the listings have them."""
    sample = os.path.join(os.path.dirname(__file__), "../../samples/first-look/capture.pcap")
    trace = analyzer.read(sample)
    trace.export(tmp_path)

    for name in TABLES:
        pd.testing.assert_frame_equal(read_back(tmp_path / f"{name}.parquet"), getattr(trace, name))


def test_permissions_are_those_of_any_file(trace, tmp_path):
    """A file can be read by whom the umask lets."""
    (path,) = trace.export(tmp_path, format="csv", tables=["skipped"])
    (tmp_path / "other").write_text("")

    assert os.stat(path).st_mode == os.stat(tmp_path / "other").st_mode


@pytest.mark.parametrize(("form", "loaded"), [("parquet", {"pyarrow"}), ("csv", set()), ("jsonl", set())])
def test_pandas_stays_out(form, loaded, tmp_path):
    """Nothing that is not needed is loaded."""
    code = (
        "import sys; from analyzer.report.export import files, write; from analyzer.tables import Table;"
        f"write({{'auth': Table.empty('auth')}}, {form!r}, files(sys.argv[1], {form!r}, ['auth']));"
        "print(*{'pandas', 'pyarrow', 'rich', 'click'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True)
    assert set(run.stdout.split()) == loaded


def test_places_and_ids_of_many_rows(tmp_path):
    """Numbers of any length, one beside the other, are cut where they end."""
    numbers = np.array([1, 9, 10, 99_999, 100_000, 10**9])
    table = rows("auth", *(attempt(f"a{n}", "192.0.2.1", START, "other", where=f"x frame {n}") for n in numbers))
    paths = files(tmp_path, "parquet", ["auth"])
    write({"auth": table}, "parquet", paths)

    frame = pd.read_parquet(paths["auth"])
    assert list(frame["where"]) == [f"x frame {n}" for n in numbers]
    assert list(frame["event"]) == table.ids("event").list()
