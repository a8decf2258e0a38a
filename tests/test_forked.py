"""What a process of its own makes is what would have been made here, and it never outlives who asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import analyzer
from analyzer import forked, limits
from analyzer.errors import AnalyzerError
from analyzer.given import Input
from analyzer.report import export
from analyzer.schema import TABLES
from analyzer.tables.shelf import Shelf
from tests.test_invariance import CAPTURES, SMALL_BYTES, columns

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

SMALL = [path for path in CAPTURES if path.suffix == ".pcap" and path.stat().st_size <= SMALL_BYTES]


@pytest.fixture
def forks(monkeypatch):
    """Fork for the smallest input, whatever threads a test runner has; gives the processes that were begun."""
    children, begun = [], forked.begun

    def noted(work):
        children.append(begun(work))
        return children[-1]

    monkeypatch.setattr(forked, "can_fork", lambda: True)
    monkeypatch.setattr(forked, "begun", noted)
    monkeypatch.setattr(limits, "FORK_ABOVE_BYTES", 0)
    yield children
    for child in children:  # none is left, not even one that nobody has waited for
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)


def test_arrays(forks):
    """Arrays of any size come as they are, and can be read and written by kernels."""
    sizes = [0, 1, 511, 512, 513, 10**6]
    with forked.apart(lambda: [np.arange(size) for size in sizes]) as result:
        arrays = result()
    for size, array in zip(sizes, arrays, strict=True):
        assert array.tolist() == list(range(size))
        assert array.flags.aligned
        assert array.flags.writeable  # kernels want that


def test_files_are_handed_over(forks):
    """What was put on a shelf there is read here."""

    def made():
        shelf = Shelf()
        return shelf, shelf.put([np.arange(5), np.arange(3)])

    with forked.apart(made) as result:
        shelf, place = result()
    read = np.zeros(4, np.int64)
    shelf.get(place, 3, read)
    assert read.tolist() == [3, 4, 0, 1]


def test_one_value_takes_no_room(forks):
    """A column of one value for all rows comes as that."""
    with forked.apart(lambda: np.broadcast_to(np.int32(7), 10**9)) as result:
        column = result()
    assert (len(column), column.strides, int(column[-1])) == (10**9, (0,), 7)


@pytest.mark.parametrize("failure", [AnalyzerError("no room"), ValueError("odd")])
def test_failures_are_raised_here(forks, failure):
    """What was raised there is raised where the result is asked for."""

    def made():
        raise failure

    with forked.apart(made) as result, pytest.raises(type(failure), match=str(failure)):
        result()


def test_a_process_that_was_ended(forks):
    """Where the system ends it, one line says so."""
    with (
        forked.apart(lambda: os.kill(os.getpid(), signal.SIGKILL)) as result,
        pytest.raises(AnalyzerError, match="was ended, perhaps for want of memory"),
    ):
        result()


def test_who_leaves_early_ends_it(forks):
    """A process that works on is ended."""
    with pytest.raises(KeyError), forked.apart(lambda: time.sleep(60)):
        raise KeyError


def test_where_the_system_gives_no_process(monkeypatch):
    """Then the work is done here."""

    def no(_):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(forked, "begun", no)
    with forked.apart(os.getpid) as result:
        assert result() == os.getpid()


def test_it_ends_with_its_parent():
    """A process whose parent was killed is gone as well."""
    code = "import time; from analyzer import forked; print(forked.begun(lambda: time.sleep(600)), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        child = Path("/proc", parent.stdout.readline().strip(), "stat")
        assert child.exists()
        parent.kill()
        parent.wait()
        until = time.monotonic() + 20
        while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z":  # who adopts it may be slow
            assert time.monotonic() < until, "it works on"
            time.sleep(0.02)


def test_with_threads_nothing_is_forked():
    """A process with several threads cannot be forked safely."""
    code = (
        "import threading; from analyzer import forked; one = forked.can_fork()\n"
        "threading.Thread(target=input, daemon=True).start(); print(one, forked.can_fork(), flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout.read().split() == [str(len(os.sched_getaffinity(0)) > 1).encode(), b"False"]
        run.stdin.close()


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("table_bytes", [limits.TABLE_BYTES, 1])
def test_captures(path, table_bytes, forks, monkeypatch):
    """Processes read a capture as one does alone, whether their tables lie in memory or on disk."""
    alone = columns(analyzer.read(path, workers=1))
    assert not forks
    monkeypatch.setattr(limits, "TABLE_BYTES", table_bytes)
    assert columns(analyzer.read(path, workers=3)) == alone
    assert len(forks) == 2


def test_what_cannot_be_read_twice(forks, tmp_path):
    """Streams, and files that would have to be unpacked twice, are read by threads."""
    import gzip

    path = SMALL[0]
    packed = tmp_path / "capture.pcap.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with path.open("rb") as stream:
        for source in (stream, packed):
            assert len(analyzer.read(source, workers=2).auth) == len(analyzer.read(path, workers=1).auth)
    assert not forks


def test_exports(tables, forks, monkeypatch, tmp_path):
    """Files that a process has written are those of threads."""
    made = []
    for can in (True, False):
        monkeypatch.setattr(forked, "can_fork", lambda can=can: can)
        paths = export.files(tmp_path / str(can), "csv")
        export.write(tables, "csv", paths)
        made.append({name: Path(path).read_bytes() for name, path in paths.items()})
    assert made[0] == made[1]
    assert made[0].keys() == set(TABLES)
    assert len(forks) == 1


@pytest.mark.parametrize("bad", TABLES)
def test_an_export_that_fails(bad, tables, forks, monkeypatch, tmp_path):
    """Whichever process finds no room, the export fails and leaves nothing."""

    def write(table, file):
        if table.name == bad:
            raise OSError(28, "No space left on device")

    monkeypatch.setitem(export.FORMATS, "csv", write)
    with pytest.raises(AnalyzerError, match=rf"{bad}\.csv cannot be written: No space left"):
        export.write(tables, "csv", export.files(tmp_path, "csv"))
    assert not list(tmp_path.iterdir())
    assert len(forks) == 1


def test_a_capture_that_grows(forks, monkeypatch, tmp_path):
    """What is written while processes read is seen by none of them."""
    path = tmp_path / "capture.pcap"
    data = SMALL[0].read_bytes()
    path.write_bytes(data)
    opened, seen = Input.open, []

    def grown(given, **options):
        with path.open("ab") as file:
            file.write(data[24:])
        seen.append(path.stat().st_size)
        return opened(given, **options)

    whole = columns(analyzer.read(path, workers=1))
    monkeypatch.setattr(Input, "open", grown)
    assert columns(analyzer.read(path, workers=2)) == whole
    assert len(forks) == 1
    assert seen[0] > len(data)
