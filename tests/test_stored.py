"""Tables that lie on disk are those that would be in memory, and of them only what is looked at is read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer import limits
from analyzer.filters import Conditions, select
from analyzer.report.rows import jsonl
from analyzer.schema import TABLES
from analyzer.tables import Builder, Ids, Places, Table, Text, concatenate, letters, number_of
from analyzer.tables.shelf import Shelf
from analyzer.tables.stored import Stored
from tests.records import START, attempt, rows

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = [column.name for column in TABLES["auth"]]

records = st.builds(
    attempt,
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    st.integers(START, START + 10**12),
    st.sampled_from(["succeeded", "rejected", "unseen"]),
    identity=st.none() | st.text(max_size=3),
    rounds=st.none() | st.integers(0, 3),
    where=st.sampled_from(["a frame 1", "b line 2"]),
)


@pytest.fixture
def tiny(monkeypatch):
    """Let every row that is added go to disk at once, and be worked on in small parts."""
    monkeypatch.setattr(limits, "TABLE_BYTES", 1)
    monkeypatch.setattr(limits, "TABLE_ROWS", 3)


def built(parts: list[list[dict[str, object]]], size: int) -> Table:
    """Add parts to builders, so many to one, and join what they give."""
    made = []
    for start in range(0, len(parts), size):
        builder = Builder("auth")
        for part in parts[start : start + size]:
            table = rows("auth", *part)
            builder.add(len(table), table.columns)
        made.append(builder.table())
    return concatenate(made)


@settings(deadline=None)  # slices of three rows are what writing is not made for
@given(st.lists(st.lists(records, min_size=1, max_size=4), min_size=1, max_size=6), st.integers(1, 6), st.randoms())
def test_on_disk_as_in_memory(parts, size, draw):
    """Whatever is written, taken, put into another order and cut, the rows are those of a table in memory."""
    whole = [record for part in parts for record in part]
    memory = rows("auth", *whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "TABLE_BYTES", 1)
        patch.setattr(limits, "TABLE_ROWS", 3)
        disk = built(parts, size)
        assert isinstance(disk.columns, Stored)
        assert disk.lists() == memory.lists()

        order = np.array(draw.sample(range(len(whole)), len(whole)))
        kept = np.array([draw.random() < 0.7 for _ in whole], bool)
        for left, right in (
            (disk.sort([order[:2], order[2:]]), memory.take(order)),
            (disk.take(order).take(kept), memory.take(order).take(kept)),
            (
                disk.replaced({"code": memory["rounds"]}).take(kept),
                memory.replaced({"code": memory["rounds"]}).take(kept),
            ),
        ):
            assert len(left) == len(right)
            assert left.lists() == right.lists()
            assert b"".join(jsonl(left, NAMES)) == b"".join(jsonl(right, NAMES))
        assert concatenate([disk.take(kept), disk]).lists() == concatenate([memory.take(kept), memory]).lists()


@pytest.mark.parametrize("sample", sorted(path.parent.name for path in SAMPLES.glob("*/expected.json")))
def test_samples(sample, tiny):
    """A reading whose tables lie on disk gives the tables, filters and listings of one whose tables do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        patch.setattr(limits, "TABLE_BYTES", 1 << 30)
        memory = analyzer.read(SAMPLES / sample).tables
    disk = analyzer.read(SAMPLES / sample, workers=2).tables

    assert isinstance(disk["sessions"].columns, Stored)
    for name, table in memory.items():
        assert disk[name].lists() == table.lists()
        names = [column.name for column in TABLES[name]]
        assert b"".join(jsonl(disk[name], names)) == b"".join(jsonl(table, names))
    conditions = Conditions(outcome="rejected")
    kept = select(disk, conditions)
    assert {name: table.lists() for name, table in kept.items()} == {
        name: table.lists() for name, table in select(memory, conditions).items()
    }


def test_full_disk(monkeypatch, tiny):
    """Where the disk has no room, rows stay in memory, and none is lost."""
    written, really = [], os.pwrite

    def write(file, data, at):
        written.append(len(data))
        if len(written) > 50:
            raise OSError(28, "No space left on device")
        return really(file, data, at)

    monkeypatch.setattr("analyzer.tables.shelf.os.pwrite", write)
    parts = [[attempt(f"s{n}{k}", "192.0.2.1", START + n, "rejected", rounds=n) for k in "ab"] for n in range(99)]

    assert built(parts, 99).lists() == rows("auth", *(record for part in parts for record in part)).lists()
    assert len(written) > 50


def test_one_value_takes_no_room():
    """A column that is the same all along is only noted; a NaN is as good as any value."""
    shelf = Shelf()
    for array in (np.full(1000, np.nan), np.full(1000, 7, np.int64), np.zeros(1000, np.int8)):
        place = shelf.put([array, array[:3], np.broadcast_to(array[0], 9)])
        assert shelf.size == 0
        read = np.empty(10, array.dtype)
        shelf.get(place, 10, read)
        np.testing.assert_array_equal(read, array[10:20])


def test_parts_of_an_array():
    """Parts are written one behind the other, whatever each of them is."""
    shelf = Shelf()
    for parts in (
        [np.full(70, 7), np.full(70, 8)],
        [np.arange(9)[::2], np.broadcast_to(3, 5)],
        [np.r_[np.ones(999), 2]],
    ):
        place, whole = shelf.put(parts), np.concatenate(parts)
        read = np.empty_like(whole)
        shelf.get(place, 0, read)
        assert read.tolist() == whole.tolist()
        assert place.first.tolist() == whole[:1].tolist()


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1)))
def test_ids(numbers):
    """Ids are written and read back."""
    ids = Ids(np.array(numbers, np.int64), np.arange(len(numbers), dtype=np.int32))

    assert Ids.of(ids.list()).numbers.tolist() == numbers
    assert [number_of(name) for name in letters(ids.numbers)] == numbers
    assert [name.partition("-")[2] for name in ids.list()] == [str(n) for n in range(len(numbers))]


@pytest.mark.parametrize("name", ["", "short", "x" * 12, "zzzzzzzzzzz", "ÄÄÄÄÄÄÄÄÄÄÄ", "0000000000\ud800"])
def test_no_id(name):
    """What no id looks like is unknown."""
    assert Ids.of([name]).list() == [None]


def test_places():
    """Places name their file and number; two are joined by a semicolon, and files are known by their names."""
    first = Places(np.array([3, (1 << 40) + 4]), ["a line", "b line"])
    second = Places(np.array([9, -1]), ["b line"], np.array([-1, -1]))

    assert Places.joined([first, second.take(slice(0, 1))]).list() == ["a line 3", "b line 4", "b line 9"]
    assert first.put(np.array([0]), Places(first.at[1:], first.files, first.at[:1])).list() == [
        "b line 4; a line 3", "b line 4",
    ]  # fmt: skip


def test_put():
    """Values are put into rows, known words or new ones; the column before stays as it was."""
    text = Text.of(["a", None, "b"])

    assert text.put(np.array([1, 2]), Text.of(["c", None])).list() == ["a", "c", None]
    assert text.list() == ["a", None, "b"]
