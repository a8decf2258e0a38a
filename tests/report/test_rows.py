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
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import limits
from analyzer.report import pieces, safe
from analyzer.report import rows as written
from analyzer.schema import TABLES
from analyzer.tables import PLACE_BITS, Places, Table
from tests.records import START, attempt, rows

AUTH = [column.name for column in TABLES["auth"]]


def objects(table, columns=AUTH):
    return [json.loads(line) for line in b"".join(written.jsonl(table, columns)).splitlines()]


def records(table, columns=AUTH):
    return list(csv_reader.DictReader(io.StringIO(b"".join(written.csv(table, columns)).decode(), newline="")))


def plainly(table, columns, form):
    """Write a table the slow way, row by row."""
    kinds = table.kinds
    rows = zip(*(table.lists()[name] for name in columns), strict=True)
    if form == "jsonl":
        pairs = [
            ", ".join(
                f"{json.dumps(name)}: {in_json(kinds[name], value)}" for name, value in zip(columns, row, strict=True)
            )
            for row in rows
        ]
        return "".join(f"{{{row}}}\n" for row in pairs).encode()
    lines = [",".join(in_csv(kinds[name], value) for name, value in zip(columns, row, strict=True)) for row in rows]
    return "".join(f"{line}\n" for line in [",".join(columns), *lines]).encode()


def number(kind, value):
    if kind == "time":
        whole, digits = divmod(value, 10**9)
        digits = f"{digits // 1000:06d}" if digits % 1000 == 0 else f"{digits:09d}"
        return f"{np.datetime64(whole, 's')}.{digits}Z"
    if kind == "seconds" and 0 <= value < 9 and round(value * 1e9) / 1e9 == value:
        whole, digits = divmod(round(value * 1e9), 10**9)
        return f"{whole}." + (f"{digits // 1000:06d}" if digits % 1000 == 0 else f"{digits:09d}")
    return repr(value)


def in_json(kind, value):
    if kind == "time" and value is not None:
        return f'"{number(kind, value)}"'
    return number(kind, value) if isinstance(value, float) else json.dumps(value)


def in_csv(kind, value):
    if value is None or kind == "flag":
        return {None: "", False: "false", True: "true"}[value]
    if isinstance(value, int | float):
        return number(kind, value)
    return safe.csv(" ".join(value) if kind == "words" else value)


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
    assert len(b"".join(written.csv(table, AUTH)).splitlines()) == 2


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
    whole = [b"".join(form(tables["auth"], AUTH)) for form in (written.jsonl, written.csv)]

    monkeypatch.setattr(pieces, "BLOCK", 3)
    assert [b"".join(form(tables["auth"], AUTH)) for form in (written.jsonl, written.csv)] == whole
    monkeypatch.setattr(limits, "TABLE_ROWS", 2)
    assert [b"".join(form(tables["auth"], AUTH)) for form in (written.jsonl, written.csv)] == whole


FEW = st.sampled_from(["", "a", "b b", "=1", "\x00", "é,", 'say "x"\n'])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "attempt": st.integers(1, 3) | st.integers(-(2**60), 2**60),
                "code": st.none() | st.integers(200, 600),
                "secret_group": st.none() | st.integers(1, 10**6) | st.integers(0, 2**62),
                "identity": st.none() | st.text(max_size=120),
                "text": st.none() | FEW,
                "source": FEW,
                "caveats": st.sampled_from(["", "gap", "gap clock"]),
                "started": st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 10**9).map(lambda n: n * 10**6),
                "seconds": st.none() | st.floats(allow_nan=False) | st.integers(0, 10**10).map(lambda n: n / 1e9),
                "initial_response": st.none() | st.sampled_from([0, 1]),
            }
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([1, 40]),
    st.sampled_from(["jsonl", "csv"]),
)
def test_any_table_is_written_as_row_by_row(values, times, form):
    """However columns are put together, the text is that of its rows one by one."""
    table = rows("auth", *(attempt("a", "192.0.2.1", START, "other", **row) for row in values * times))

    assert b"".join(getattr(written, form)(table, AUTH)) == plainly(table, AUTH, form)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "places",
    [
        Places(np.array([7, 123456]), ["a.pcap frame"]),
        Places(np.array([7, 1 << PLACE_BITS | 12, 9]), ["a.pcap frame", "=mail, é.log line"]),
        Places(np.array([0, 1 << PLACE_BITS]), ["a.pcap", "x"]),
        Places(np.array([0, 1 << PLACE_BITS | 3]), ["a.pcap", "x frame"]),
        Places(np.array([1, 2, 3]), ["a 0 frame", "mail.log line"], np.array([-1, 1 << PLACE_BITS | 5, -1])),
    ],
)
def test_places(form, places):
    """Places are what they say they are: files, numbers, second ones, any mixture."""
    table = rows("auth", *(attempt("a", "192.0.2.1", START, "other") for _ in range(len(places))))
    table = table.replaced({"where": places})

    assert b"".join(getattr(written, form)(table, AUTH)) == plainly(table, AUTH, form)
    plain = [place.replace(b"\0", b"") for block in written.plain(places) for place in block.tolist()]
    assert plain == [place.encode() for place in places.list()]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_unknown_ids(form):
    """An id may be unknown, in some rows or in all."""
    for sessions in (["a", None], [None, None], ["a", "b"]):
        table = rows("findings", *({"session": session} for session in sessions))
        columns = [column.name for column in TABLES["findings"]]

        assert b"".join(getattr(written, form)(table, columns)) == plainly(table, columns, form)


def test_some_columns(tables):
    """Columns are those asked for, in that order."""
    assert objects(tables["auth"], ["outcome", "code"])[0] == {"outcome": "rejected", "code": 535}
    assert b"".join(written.csv(tables["auth"], ["code", "outcome"])).splitlines()[:2] == [
        b"code,outcome",
        b"535,rejected",
    ]


@pytest.mark.parametrize("name", TABLES)
def test_empty(name):
    """A table without rows is no line of JSON and one line of CSV."""
    columns = [column.name for column in TABLES[name]]

    assert b"".join(written.jsonl(Table.empty(name), columns)) == b""
    assert b"".join(written.csv(Table.empty(name), columns)).count(b"\n") == 1


@pytest.mark.parametrize("name", TABLES)
def test_every_table(tables, name):
    """Every table can be written both ways with all its columns."""
    columns = [column.name for column in TABLES[name]]

    assert len(objects(tables[name], columns)) == len(records(tables[name], columns)) == len(tables[name])


def test_pandas_stays_out():
    """Listings for programs do not pay for pandas."""
    code = (
        "import sys; from analyzer.report import listing; from analyzer.tables import Table;"
        "[list(listing.listing(Table.empty('auth'), form, None, ['code'], {})) for form in ('csv', 'jsonl')];"
        "sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules or 'rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
