"""Kernels run interpreted and compiled with equal results."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
from scapy.utils import PcapNgWriter, rdpcap

from analyzer import forked, kernel, read
from analyzer.report import progress
from analyzer.smtp import law, machine
from analyzer.wire.octets import after_members, be16, be32, be64, copy, fetch, find_octet, le16, le32, le64

pytest.importorskip("numba")


@kernel.helper
def doubled(value):
    return value * 2


@kernel.helper
def scaled(value, factor):
    return doubled(value) * factor


@kernel.kernel("int64(uint8[::1], int64[:, ::1], int64)")
def sums(buffer, table, factor):
    """Add up bytes, widened, and the first column of a table."""
    total = 0
    for index in range(len(buffer)):
        total += int(buffer[index]) << 8
    for row in range(table.shape[0]):
        total += scaled(table[row, 0], factor)
    return total


@pytest.fixture(params=["interpreted", "compiled"])
def way(request, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(kernel.FORCE, request.param)
    kernel.cache_folder.cache_clear()
    sums.compiled = None
    assert kernel.select(0) == (request.param == "compiled")
    yield request.param
    kernel.cache_folder.cache_clear()
    monkeypatch.undo()
    kernel.select(0)


def test_both_ways_agree(way):
    """A kernel with helpers of helpers gives the same number both ways, and no byte overflows."""
    table = np.array([[1, 9], [2, 9]], np.int64)

    assert sums(np.full(300, 255, np.uint8), table, 3) == 300 * (255 << 8) + 18
    assert (sums.compiled is not None) == (way == "compiled")


def test_bounds_are_checked(way):
    """A kernel that reads beyond an array raises and does not read."""

    @kernel.kernel("int64(int64[::1])")
    def beyond(values):
        return values[len(values)]

    with pytest.raises(IndexError):
        beyond(np.zeros(3, np.int64))


@pytest.mark.parametrize("way", ["compiled"], indirect=True)
def test_nothing_counts_from_the_end(way):
    """Compiled, a negative index is out of bounds, too, in arrays of one and of two dimensions."""

    @kernel.kernel("void(int64[::1], int64[:, ::1], int64)")
    def before(values, table, at):
        if at < -5:
            table[0, at + 8] = 1
        else:
            values[at] = 1

    values, table = np.zeros(3, np.int64), np.zeros((2, 3), np.int64)
    for at in (-1, -3, 3, -9, -5):
        with pytest.raises(IndexError):
            before(values, table, at)
    before(values, table, 2)
    before(values, table, -6)
    assert (values.tolist(), table.tolist()) == ([0, 0, 1], [[0, 0, 1], [0, 0, 0]])


@kernel.kernel("void(int64, uint8[::1], int32[::1], int64[:, ::1])")
def scattered(value, octets, places, grid):
    """Write a number to the end of arrays of each kind."""
    octets[len(octets) - 1] = value
    places[len(places) - 1] = -value
    grid[grid.shape[0] - 1, grid.shape[1] - 1] = value


def test_arrays_of_each_kind(way):
    """Arrays arrive with their lengths, and what is written is there."""
    octets, places, grid = np.zeros(3, np.uint8), np.zeros(5, np.int32), np.zeros((2, 7), np.int64)

    assert scattered(9, octets, places, grid) is None
    assert [array.ravel().tolist() for array in (octets, places, grid)] == [
        [0, 0, 9], [0, 0, 0, 0, -9], [0] * 13 + [9],
    ]  # fmt: skip


@kernel.kernel("void(uint8[::1], int64, int64[::1])")
def integers(buffer, at, made):
    """Read an integer of each kind."""
    made[0] = be16(buffer, at)
    made[1] = be32(buffer, at)
    made[2] = be64(buffer, at)
    made[3] = le16(buffer, at)
    made[4] = le32(buffer, at)
    made[5] = le64(buffer, at)


@kernel.kernel("int64(uint8[::1], int64, int64, int64)")
def found(buffer, octet, at, stop):
    """Look for an octet."""
    return find_octet(buffer, octet, at, stop)


def test_integers_of_a_buffer(way):
    """Integers are those of the octets, of either order and sign, wherever they stand; none goes beyond the ends."""
    data = bytes(random.Random(1).randrange(256) for _ in range(64)) + bytes([255] * 8)
    buffer, made = np.frombuffer(bytearray(data), np.uint8), np.zeros(6, np.int64)
    kinds = [("big", 2, False), ("big", 4, False), ("big", 8, True)]
    kinds += [("little", 2, False), ("little", 4, False), ("little", 8, True)]
    for at in range(len(data) - 7):
        integers(buffer, at, made)
        assert made.tolist() == [
            int.from_bytes(data[at : at + size], order, signed=sign) for order, size, sign in kinds
        ]
    for at in (-1, -8, len(data) - 1, len(data) - 7, len(data), 1 << 40):
        with pytest.raises(IndexError):
            integers(buffer, at, made)


@kernel.kernel("void(uint8[::1], int64, uint8[::1], int64, int64)")
def copied(target, at, source, offset, size):
    """Copy octets, of which some that nobody has are fetched before."""
    fetch(source, offset + (1 << 40))
    copy(target, at, source, offset, size)


def test_octets_are_copied(way):
    """Octets come where they belong and nowhere else, within one buffer too; none goes beyond the ends."""
    source = np.arange(1, 101, dtype=np.uint8)
    for at, offset, size in [(0, 0, 0), (0, 0, 50), (50, 100, 0), (3, 7, 1), (3, 7, 8), (3, 40, 37), (10, 60, 40)]:
        target = np.zeros(50, np.uint8)
        copied(target, at, source, offset, size)
        assert target.tolist() == [0] * at + list(range(offset + 1, offset + size + 1)) + [0] * (50 - at - size)
    both = source.copy()
    copied(both, 2, both, 0, 98)
    assert both.tolist() == [1, 2, *range(1, 99)]
    for at, offset, size in [(-1, 0, 1), (0, -1, 1), (0, 0, -1), (0, 0, 51), (50, 0, 1), (0, 100, 1), (0, 1 << 62, 8)]:
        target = np.zeros(50, np.uint8)
        with pytest.raises(IndexError):
            copied(target, at, source, offset, size)
        assert not target.any()


def test_octets_are_found(way):
    """The first octet of a value is found, whatever stands around it, and none outside of what is asked about."""
    chance = random.Random(2)
    for value in (0, 1, 10, 127, 128, 129, 255):
        for _ in range(300):
            near = [value, (value - 1) % 256, (value + 1) % 256, value ^ 128, 0, 255]
            data = bytes(chance.choice(near[chance.randrange(2) :]) for _ in range(chance.randrange(1, 40)))
            at = chance.randrange(len(data) + 1)
            stop = chance.randrange(len(data) + 1)
            told = found(np.frombuffer(bytearray(data), np.uint8), value, at, stop)
            assert told == data.find(value, at, max(at, stop))


@kernel.kernel("int64(uint8[::1], int64, int64, uint8[::1], int64)")
def passed(buffer, at, stop, sets, members):
    """Look for an octet that is no member of a set."""
    return after_members(buffer, at, stop, sets, members)


def test_members_are_passed(way):
    """The first octet that is no member is found, of all values; none outside of the buffer or the sets is read."""
    sets = np.zeros(512, np.uint8)
    members = [0, 48, 57, 127, 128, 255]
    sets[[256 + member for member in members]] = 1
    buffer = np.array([*members, 1, *members], np.uint8)
    for at, stop, end in [(0, 13, 6), (3, 13, 6), (6, 13, 6), (7, 13, 13), (7, 9, 9), (13, 13, 13), (9, 4, 9)]:
        assert passed(buffer, at, stop, sets, 256) == end
    assert passed(buffer, 0, 13, sets, 0) == 0
    for at, stop, first in [(7, 14, 256), (-1, 3, 256), (7, 13, 257), (7, 13, -1)]:
        with pytest.raises(IndexError):
            passed(buffer, at, stop, sets, first)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(3, np.int64),
        np.zeros((3, 1), np.uint8),
        np.zeros(6, np.uint8)[::2],
        np.frombuffer(b"abc", np.uint8),
    ],
)
def test_wrong_arrays(monkeypatch, tmp_path, wrong):
    """What the code would read in another way than it is never reaches it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(kernel.FORCE, "compiled")
    kernel.cache_folder.cache_clear()
    kernel.select(0)
    try:
        with pytest.raises(TypeError, match="no array of uint8"):
            sums(wrong, np.zeros((1, 2), np.int64), 3)
    finally:
        kernel.cache_folder.cache_clear()
        monkeypatch.undo()
        kernel.select(0)


def test_select_by_size(monkeypatch):
    """Small inputs are interpreted, large ones compiled; those between only if nothing has to be compiled first."""
    monkeypatch.delenv(kernel.FORCE, raising=False)
    chosen = {}
    for cold in (False, True):
        monkeypatch.setattr(kernel, "needs_compiling", lambda *_, cold=cold: cold)
        sizes = (kernel.COMPILE_ABOVE_BYTES, kernel.COMPILE_ANEW_ABOVE_BYTES)
        chosen[cold] = [kernel.select(size - less) for size in sizes for less in (1, 0)]

    assert chosen == {False: [False, True, True, True], True: [False, False, False, True]}


def test_without_numba(monkeypatch):
    """Where numba is missing, everything is interpreted."""
    monkeypatch.setattr(kernel.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv(kernel.FORCE, "compiled")

    assert not kernel.select(10**9)


def test_unwritable_cache(monkeypatch, tmp_path):
    """Without a folder that can be written, compiled code is kept in memory only."""
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocker))
    kernel.cache_folder.cache_clear()

    assert kernel.cache_folder() is None
    assert kernel.needs_compiling(sums)
    kernel.cache_folder.cache_clear()


# ------------------------------------------------------------------------------------------------ the cache

#: A kernel with a helper in a module of its own, as small as can be, and what runs it in a process.
TINY = """
from analyzer import kernel

@kernel.helper
def more(value, step):
    return value + step

@kernel.kernel("int64(int64[::1])")
def tiny(values):
    return more(values[0], 1) + more(values[0], 2)
"""
RUN = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy
from analyzer import kernel
from tiny import tiny
kernel.select(0)
print(tiny(numpy.array([5])), int(tiny.was_kept))
"""


@pytest.fixture
def place(tmp_path):
    """Give a folder with the module `tiny`."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "tiny.py").write_text(TINY)
    return folder


def started(place, **environment):
    """Start a process that runs the kernel `tiny`."""
    names = {"XDG_CACHE_HOME": str(place.parent / "cache"), kernel.FORCE: "compiled", **environment}
    kept = {name: value for name, value in {**os.environ, **names}.items() if value is not None}
    command = [sys.executable, "-c", RUN, str(place)]
    return subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    """Give what the process of `started` says: the number, whether it came from the cache."""
    out, err = process.communicate(timeout=300)
    assert err == ""
    return [int(word) for word in out.split()]


def test_several_processes_at_once(place):
    """Processes that start with a cold cache give the right result, and the next one finds it compiled."""
    together = [started(place) for _ in range(3)]

    assert [result(each)[0] for each in together] == [13, 13, 13]
    assert result(started(place)) == [13, 1]


def test_read_only_package(place):
    """Nothing is written beside the sources."""
    before = sorted(place.iterdir())
    place.chmod(0o500)
    try:
        assert result(started(place, PYTHONDONTWRITEBYTECODE="1")) == [13, 0]
        assert result(started(place, PYTHONDONTWRITEBYTECODE="1")) == [13, 1]
    finally:
        place.chmod(0o700)
    assert sorted(place.iterdir()) == before


def test_no_home(place):
    """Without a home that can be written, kernels are compiled and kept nowhere."""
    (place / "file").write_text("")
    homeless = {"HOME": str(place / "file"), "XDG_CACHE_HOME": None}

    assert [result(started(place, **homeless)) for _ in range(2)] == [[13, 0], [13, 0]]


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: data[:-9] + bytes(9)])
def test_damaged_cache(place, damage):
    """A file of the cache that is empty, was cut off, or says something else, is made anew."""
    assert result(started(place)) == [13, 0]
    (file,) = (place.parent / "cache").rglob("tiny.tiny")
    file.write_bytes(damage(file.read_bytes()))

    assert result(started(place)) == [13, 0]
    assert result(started(place)) == [13, 1]


def test_an_edited_helper_is_seen(place):
    """What was compiled of other sources is not used."""
    assert result(started(place)) == [13, 0]
    # of another size: a source of the same second and size would be the same to Python's own cache of its code
    (place / "tiny.py").write_text(TINY.replace("value + step", "value * step * 1"))

    assert result(started(place)) == [15, 0]


def test_an_edit_beside_a_kernel_is_seen(tmp_path):
    """A copy of the package whose law is edited has another cache: numba itself sees only the kernel's own file."""
    package = tmp_path / "analyzer"
    shutil.copytree(Path(kernel.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    ask = "import analyzer.reading; from analyzer import kernel; print(kernel._digest(), kernel.__file__)"
    states = []
    for edit in ("", "", "#"):
        with (package / "smtp" / "law.py").open("a") as file:
            file.write(edit)
        told = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert told.stdout.split()[1] == str(package / "kernel.py")
        states.append(told.stdout.split()[0])

    assert states[0] == states[1] != states[2]


def test_the_law_is_an_argument():
    """The compiled machine cannot have frozen the law: no table is a global of the machine."""
    assert isinstance(law.matrices()[0], np.ndarray)
    modules = [import_module(each.name) for each in iter_modules(machine.__path__, f"{machine.__name__}.")]
    assert len(modules) > 1
    frozen = {
        (module.__name__, name)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, dict | list | set | np.ndarray) and not name.startswith("__")
    }

    assert frozen == set()


# ------------------------------------------------------------------------------------------------ what is compiled


@kernel.kernel("int64(int64)")
def one(value):
    return value + 1


@pytest.fixture
def cold(monkeypatch, tmp_path):
    """Give a function that makes the kernel `one` as it is in a new process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(kernel.FORCE, "compiled")
    kernel.cache_folder.cache_clear()
    kernel.select(0)

    def forget():
        one.compiled = None

    forget()
    yield forget
    forget()
    kernel.tell(None)
    kernel.cache_folder.cache_clear()
    monkeypatch.undo()
    kernel.select(0)


def test_is_told_once_and_only_before_compiling(cold):
    """Who waits is told, before the first kernel; who finds it in the cache is not."""
    told = []
    kernel.tell(lambda: told.append(one.compiled))
    assert one(1) == 2
    cold()
    kernel.tell(lambda: told.append("again"))
    assert one(1) == 2

    assert told == [None]


def test_needs_compiling_what_is_not_kept(cold):
    """A kernel that is kept needs no compiling; another one of the same sources does."""
    assert kernel.needs_compiling(one)
    assert one(1) == 2

    assert not kernel.needs_compiling(one)
    assert kernel.needs_compiling(one, sums)


def test_threads_compile_once(cold, monkeypatch):
    """Of two threads that call a kernel at once, the second waits for the first."""
    compile_it, done = kernel._compile, []
    monkeypatch.setattr(kernel, "_compile", lambda entry: done.append(entry) or compile_it(entry))
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, [1, 2])) == [2, 3]

    assert done == [one]


@pytest.mark.parametrize("terminal", [True, False])
def test_is_told_on_a_terminal(cold, monkeypatch, terminal):
    """A person reads one line; a file that takes standard error holds nothing."""
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.progress(quiet=False):
        assert one(1) == 2

    assert screen.getvalue() == (progress.COMPILING + "\n" if terminal else "")


def test_compiles_ahead(cold, monkeypatch):
    """A process of its own fills the cache, and who calls the kernel waits for it."""
    monkeypatch.setattr(forked, "can_fork", lambda: True)
    with kernel.ahead(one):
        assert list(kernel._ahead) == [one]
        assert one(1) == 2

    assert one.was_kept
    assert not kernel._ahead


def test_what_was_not_needed_is_ended(cold, monkeypatch):
    """A process whose kernel nobody called is not left behind, nor one that does not end."""
    monkeypatch.setattr(forked, "can_fork", lambda: True)
    monkeypatch.setattr(kernel, "_compile", lambda entry: kernel.time.sleep(60))
    with kernel.ahead(one):
        child = kernel._ahead[one]

    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


@pytest.mark.parametrize(("name", "cold", "early"), [
    ("lab-policy/maillog", True, True), ("lab-policy/maillog", False, False), ("first-look/capture.pcap", False, True),
])  # fmt: skip
def test_the_machine_is_compiled_early(name, cold, early, monkeypatch):
    """A log starts to compile the machine where its own kernels have to be compiled, too; a capture always does."""
    asked = []
    monkeypatch.setenv(kernel.FORCE, "compiled")
    monkeypatch.setattr(kernel, "needs_compiling", lambda *_: cold)
    ahead = kernel.ahead
    monkeypatch.setattr(kernel, "ahead", lambda *entries: asked.extend(entries) or ahead())
    assert len(read(str(Path(__file__).parent.parent / "samples" / name)).sessions)
    monkeypatch.undo()
    kernel.select(0)

    assert [entry.__name__ for entry in asked] == ["run"] * early


SOURCES = sorted(path for path in Path(kernel.__file__).parent.rglob("*.py") if "\n@kernel(" in path.read_text())
NAMES = [
    ".".join(("analyzer", *path.relative_to(Path(kernel.__file__).parent).with_suffix("").parts)) for path in SOURCES
]
EVERY = {each for name in NAMES for each in vars(import_module(name)).values() if isinstance(each, kernel.Kernel)}

ALL = {"track", "sweep", "assemble", "recognise", "run", "walk_rounds", "number_words"}
NEEDED = {"pcap": {"walk_records", "decode", *ALL}, "pcapng": {"walk_blocks", "decode", *ALL}}
NEEDED["log"] = {"line_ends", "cut_heads", "match", "link", "divide", "gather"}
NEEDED["log"] |= {"number_words", "hash_spans", "read_numbers"}


@pytest.mark.parametrize("form", NEEDED)
def test_only_what_is_needed_is_compiled(form, monkeypatch, tmp_path):
    """An input compiles the kernels of its kind; they are asked for here, and run interpreted."""
    asked = {}

    def interpreted(entry):
        asked[entry.function.__name__] = entry
        return lambda *arguments: entry.function(*(a if isinstance(a, int) else memoryview(a) for a in arguments))

    monkeypatch.setattr(kernel, "_compile", interpreted)
    monkeypatch.setattr(forked, "can_fork", lambda: False)
    monkeypatch.setenv(kernel.FORCE, "compiled")
    samples = Path(__file__).parent.parent / "samples"
    path = samples / "first-look" / "capture.pcap"
    if form == "pcapng":
        with PcapNgWriter(str(tmp_path / "it.pcapng")) as writer:
            for packet in rdpcap(str(path)):
                writer.write(packet)
        path = tmp_path / "it.pcapng"
    if form == "log":
        path = samples / "lab-policy" / "maillog"
    before = {entry: entry.compiled for entry in EVERY}
    try:
        for entry in EVERY:
            entry.compiled = None
        assert len(read(str(path)).sessions)
    finally:
        for entry, compiled in before.items():
            entry.compiled = compiled
        monkeypatch.undo()
        kernel.select(0)

    assert set(asked) == NEEDED[form]
