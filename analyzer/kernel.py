"""The only module that knows about compilation.

A kernel is a plain Python function over arrays. It runs interpreted until a run is large enough to pay for numba
(`select`); nothing else in the project may import numba. Rules for authors of kernels:

1. Arguments are integers, one-dimensional ``uint8`` buffers and one- or two-dimensional ``int64`` arrays (``int32`` for
   places in a buffer), all writable and C-contiguous. Interpreted kernels get memory views of them: no slices of
   two-dimensional arrays, no NumPy methods, only ``len``, ``.shape`` and full indexing.
2. Everything is int64. A byte is an int in a memory view and uint8 in a compiled array: comparing, adding and
   multiplying widen it, shifting does not (write ``buffer[i] * 256``). No value may leave the range of int64.
3. Tables are arguments, never globals: numba freezes globals, and the compiled cache would not see an edit.
4. A kernel gives offsets, holds no text, and stops when an output is full; its caller enlarges it and calls again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from analyzer import limits
from analyzer.limits import COMPILE_ABOVE_BYTES, COMPILE_ANEW_ABOVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

Function = TypeVar("Function", bound="Callable[..., Any]")

#: Environment variable that forces a way of running: ``compiled`` or ``interpreted``.
FORCE = "SMTP_ANALYZER_KERNELS"

_helpers: dict[types.CodeType, Callable[..., Any]] = {}
_compiled_helpers: dict[types.CodeType, Any] = {}
_sources: set[str] = set()
_mode = {"compiled": False}


class Kernel:
    """A function over arrays that runs interpreted or compiled, with equal results."""

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.function = function
        self.signature = signature
        self.compiled: Callable[..., Any] | None = None
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: int | np.ndarray[Any, Any]) -> Any:
        """Run with `arguments` in the way that `select` chose."""
        if _mode["compiled"]:
            if self.compiled is None:
                self.compiled = _compile(self)
            return self.compiled(*arguments)
        return self.function(*(a if isinstance(a, int) else memoryview(a) for a in arguments))


def kernel(signature: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Register an entry point; `signature` is numba's, for example ``"int64(uint8[::1], int64[:, ::1])"``."""

    def register(function: Callable[..., Any]) -> Kernel:
        _sources.add(function.__code__.co_filename)
        return Kernel(function, signature)

    return register


def helper(function: Function) -> Function:
    """Register a function that kernels call; it stays a plain function, compiled into its callers."""
    _helpers[function.__code__] = function
    _sources.add(function.__code__.co_filename)
    return function


def select(input_bytes: int) -> bool:
    """Choose how kernels run from now on for an input of this size; gives whether they are compiled."""
    wanted = os.environ.get(FORCE)
    worth = input_bytes >= COMPILE_ABOVE_BYTES and available()
    if worth and wanted is None and input_bytes < COMPILE_ANEW_ABOVE_BYTES:
        worth = not needs_compiling()
    _mode["compiled"] = available() if wanted == "compiled" else worth and wanted != "interpreted"
    return _mode["compiled"]


def available() -> bool:
    """Whether numba is installed (extra ``fast``)."""
    return importlib.util.find_spec("numba") is not None


def needs_compiling() -> bool:
    """Whether the next compiled run has to compile first (no cache for these sources yet)."""
    folder = cache_folder()
    return folder is None or not any(folder.rglob("*.nbi"))


@functools.cache
def _digest() -> str:
    """Name a state of the sources: numba sees neither an edited table nor an edited helper of another file.

    All files beside a kernel count, and the limits: constants may come from any of them.
    """
    from importlib.metadata import version

    state = hashlib.sha256(f"{sys.version}{version('numba')}{version('numpy')}".encode())
    beside = {file for name in _sources for file in Path(name).parent.glob("*.py")}
    for file in sorted({Path(limits.__file__), Path(__file__), *beside}):
        state.update(file.read_bytes())
    return state.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept: a private folder of this user, or None where nothing can be written."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "smtp-trace-analyzer" / f"kernels-{_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    return folder


def _linked(function: Callable[..., Any], jit: Callable[..., Any]) -> Callable[..., Any]:
    """Copy `function` with the helpers that it names replaced by their compiled selves."""
    replaced = dict(function.__globals__)
    for name in function.__code__.co_names:
        code = getattr(replaced.get(name), "__code__", None)
        if code in _helpers:
            if code not in _compiled_helpers:
                _compiled_helpers[code] = jit(_linked(_helpers[code], jit))
            replaced[name] = _compiled_helpers[code]
    copy = types.FunctionType(function.__code__, replaced, function.__name__, function.__defaults__)
    copy.__qualname__ = function.__qualname__
    return copy


def _compile(entry: Kernel) -> Callable[..., Any]:
    import numba

    # No kernel allocates, so nothing has to count references to arrays (_nrt): that took nine tenths of the time.
    options = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    folder = cache_folder()
    numba.config.CACHE_DIR = str(folder or "")
    jit = numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # a third less to compile
    linked = _linked(entry.function, jit)
    compiled: Callable[..., Any] = numba.njit(entry.signature, cache=folder is not None, **options)(linked)
    return compiled
