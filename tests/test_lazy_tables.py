"""Tables are made when somebody asks for them, once."""

from __future__ import annotations

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import analyzer
from analyzer.errors import AnalyzerError
from analyzer.tables import Table, Tables, replaced

SAMPLE = str(Path(__file__).parent.parent / "samples" / "first-look" / "capture.pcap")


@pytest.fixture
def counted():
    """Give tables of which one is there and two are made, and the names of those that were made."""
    made = []

    def make(name):
        made.append(name)
        time.sleep(0.02)
        return Table.empty(name)

    return Tables({"auth": Table.empty("auth"), **{n: lambda n=n: make(n) for n in ("sessions", "findings")}}), made


def test_made_once(counted):
    """A table is made for the first who asks, and for no one else."""
    tables, made = counted
    assert (list(tables), len(tables), "findings" in tables, "messages" in tables) == (
        ["auth", "sessions", "findings"], 3, True, False,
    )  # fmt: skip
    assert made == []

    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(tables.__getitem__, ["sessions"] * 8))
    assert made == ["sessions"]
    assert all(each is several[0] for each in several)
    assert [table.name for table in {**tables}.values()] == ["auth", "sessions", "findings"]
    assert made == ["sessions", "findings"]


def test_left_out(counted):
    """One that was left out is told, unless there is something else for it."""
    tables, _ = counted
    with pytest.raises(AnalyzerError, match="the table messages was left out"):
        tables["messages"]
    assert tables.get("messages") is None
    assert tables.get("sessions").name == "sessions"


def test_replaced(counted):
    """Others in the place of some make nothing; what both have is made once."""
    tables, made = counted
    both = replaced(tables, {"auth": lambda: Table.empty("messages"), "skipped": Table.empty("skipped")})

    assert made == []
    assert (both["auth"].name, tables["auth"].name, list(both)) == (
        "messages", "auth", ["auth", "sessions", "findings", "skipped"],
    )  # fmt: skip
    assert both["sessions"] is tables["sessions"]
    assert made == ["sessions"]


@pytest.mark.parametrize("name", ["auth", "exchanges", "findings"])
def test_interrupted(monkeypatch, name):
    """A table whose making was interrupted is made when somebody asks again."""
    from analyzer import sorting

    trace, whole = analyzer.read(SAMPLE), analyzer.read(SAMPLE)
    with monkeypatch.context() as patch:
        patch.setattr(sorting, "_in_order", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trace.tables[name]
    first, second = (each.tables[name].lists() for each in (trace, whole))
    assert first == second


def test_copies():
    """A trace can be copied and written with pickle, tables and all."""
    trace = analyzer.read(SAMPLE)
    for other in (copy.deepcopy(trace), pickle.loads(pickle.dumps(trace))):
        assert other.auth.equals(trace.auth)
        assert len(other.findings) == len(trace.findings)


def test_found_without_a_table():
    """A trace without sessions has counted them; one that is filtered has none to count."""
    lean = analyzer.read(SAMPLE, tables=("auth",), sessions=False)
    assert lean.found > 0
    assert lean.filter().found == 0


def test_export_tells_first(tmp_path):
    """A table that was left out is told before anything is written."""
    lean = analyzer.read(SAMPLE, tables=("auth",), sessions=False)
    with pytest.raises(AnalyzerError, match="the table sessions was left out"):
        lean.export(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_found_that_nobody_asks_for(monkeypatch):
    """Findings are found when they are looked at, also those of a filtered trace."""
    from analyzer import reading as room

    asked, find = [], room.findings_of
    monkeypatch.setattr(room, "findings_of", lambda *args: asked.append(1) or find(*args))
    trace = analyzer.read(SAMPLE)
    assert len(trace.auth)
    assert len(trace.filter(outcome="rejected").auth)
    assert trace.found == len(trace.sessions)
    assert not asked
    assert len(trace.findings) >= len(trace.filter(outcome="rejected").findings)
    assert asked == [1]
