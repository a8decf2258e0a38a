"""Tables are made when somebody asks for them, once."""

from __future__ import annotations

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


def test_nothing_is_found_that_nobody_asks_for(monkeypatch):
    """Findings are found when they are looked at, also those of a filtered trace."""
    from analyzer import trace as room

    asked, find = [], room._findings
    monkeypatch.setattr(room, "_findings", lambda *args: asked.append(1) or find(*args))
    trace = analyzer.read(SAMPLE)
    assert len(trace.auth)
    assert len(trace.filter(outcome="rejected").auth)
    assert trace.found == len(trace.sessions)
    assert not asked
    assert len(trace.findings) >= len(trace.filter(outcome="rejected").findings)
    assert asked == [1]
