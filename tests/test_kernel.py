"""Kernels run interpreted and compiled with equal results."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer import kernel

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


def test_select_by_size(monkeypatch):
    """Small inputs are interpreted, large ones compiled; those between only if nothing has to be compiled first."""
    monkeypatch.delenv(kernel.FORCE, raising=False)
    chosen = {}
    for cold in (False, True):
        monkeypatch.setattr(kernel, "needs_compiling", lambda cold=cold: cold)
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
    assert kernel.needs_compiling()
    kernel.cache_folder.cache_clear()
