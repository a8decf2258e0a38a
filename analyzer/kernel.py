"""Kernels: how loops over packets, lines and bytes are written, and how they run.

A kernel is a plain Python function over arrays. It runs interpreted until a run is large enough to pay for more
(`select`): then `analyzer.compiling` makes machine code of it, which `analyzer.native` keeps and runs. Rules for their
authors:

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
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from analyzer import forked, native
from analyzer.cache import private_folder
from analyzer.limits import COMPILE_ABOVE_BYTES, COMPILE_ANEW_ABOVE_BYTES, COMPILE_SECONDS

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator

    import numpy as np

Function = TypeVar("Function", bound="Callable[..., Any]")

#: Environment variable that forces a way of running: ``compiled`` or ``interpreted``.
FORCE = "SMTP_ANALYZER_KERNELS"

_helpers: dict[types.CodeType, Callable[..., Any]] = {}
_instructions: dict[types.CodeType, tuple[str, tuple[int, ...]]] = {}
_sources: set[str] = set()
_mode = {"compiled": False}
_told: dict[str, Callable[[], object] | None] = {"telling": None}
_ahead: dict[Kernel, int] = {}
_compiling = threading.Lock()


class Kernel:
    """A function over arrays that runs interpreted or compiled, with equal results."""

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.function = function
        self.signature = signature
        self.compiled: Callable[..., Any] | None = None
        self.was_kept = False  # what is compiled now comes from the cache
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: int | np.ndarray[Any, Any]) -> Any:
        """Run with `arguments` in the way that `select` chose."""
        if _mode["compiled"]:
            return (self.compiled or self._ready())(*arguments)
        return self.function(*(a if isinstance(a, int) else memoryview(a) for a in arguments))

    def _ready(self) -> Callable[..., Any]:
        with _compiling:
            if self.compiled is None:  # no other thread has compiled it meanwhile
                self.compiled = _compile(self)
            return self.compiled


def kernel(signature: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Register an entry point; `signature` is numba's, for example ``"int64(uint8[::1], int64[:, ::1])"``."""

    def register(function: Callable[..., Any]) -> Kernel:
        _sources.add(function.__code__.co_filename)
        return Kernel(function, signature)

    return register


def instruction(name: str, *how: int) -> Callable[[Function], Function]:
    """Register a helper in the place of which a compiled kernel has an instruction; `analyzer.compiling` makes it."""

    def register(function: Function) -> Function:
        _instructions[function.__code__] = name, how
        return helper(function)

    return register


def helper(function: Function) -> Function:
    """Register a function that kernels call; it stays a plain function, compiled into its callers."""
    _helpers[function.__code__] = function
    _sources.add(function.__code__.co_filename)
    return function


def select(input_bytes: int, *entries: Kernel) -> bool:
    """Choose how kernels run from now on for an input of this size, which needs `entries` among others.

    Gives whether they are compiled.
    """
    wanted = os.environ.get(FORCE)
    worth = input_bytes >= COMPILE_ABOVE_BYTES and available()
    if worth and wanted is None and input_bytes < COMPILE_ANEW_ABOVE_BYTES:
        worth = not needs_compiling(*entries)
    _mode["compiled"] = available() if wanted == "compiled" else worth and wanted != "interpreted"
    return _mode["compiled"]


def available() -> bool:
    """Whether numba is installed (extra ``fast``), not switched off by its own variable, and this is little endian."""
    return (
        sys.byteorder == "little"
        and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
        and importlib.util.find_spec("numba") is not None
    )


def needs_compiling(*entries: Kernel) -> bool:
    """Whether one of these kernels is not kept compiled for these sources yet."""
    files = [_file(entry) for entry in entries]
    return not all(file and file.exists() for file in files)


@functools.cache
def _digest() -> str:
    """Name what code is made of: the sources, the compiler, and the processor.

    All files beside a kernel count, and the limits: constants may come from any of them.
    """
    state = hashlib.sha256(f"{sys.version}{native.processor()}".encode())
    for name in ("numba", "llvmlite"):
        state.update(_release(name))
    own = {Path(__file__).with_name(f"{name}.py") for name in ("kernel", "compiling", "native", "limits")}
    beside = {file for name in _sources for file in Path(name).parent.glob("*.py")}
    for file in sorted(own | beside):
        state.update(file.read_bytes())
    return state.hexdigest()[:16]


def _release(name: str) -> bytes:
    """Name the release of a package, by its own file or by what was installed, which takes ten times as long."""
    found = importlib.util.find_spec(name)
    file = Path(found.origin).with_name("_version.py") if found and found.origin else None
    if file and file.exists():
        return file.read_bytes()
    from importlib.metadata import version

    return version(name).encode()


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept: a private folder of this user, or None where there is no place for one."""
    return private_folder("kernels", _digest())


def tell(telling: Callable[[], object] | None) -> None:
    """Let `telling` be called before the first kernel is compiled, at most once; None: nobody is told any more."""
    _told["telling"] = telling


def _file(entry: Kernel) -> Path | None:
    """Give the file that keeps a kernel, which there may not be yet; None: there is no place for one."""
    folder = cache_folder()
    return folder and folder / f"{entry.function.__module__}.{entry.function.__name__}"


@contextmanager
def ahead(*entries: Kernel) -> Iterator[None]:
    """Meanwhile, compile kernels that are not kept yet in a process each; who calls one here waits for its process."""
    for entry in entries:
        file = _file(entry) if _mode["compiled"] else None
        if file and not file.exists() and forked.can_fork():
            _tell()
            _ahead[entry] = forked.begun(partial(_compile, entry))  # how that went shows in the cache
    try:
        yield
    finally:
        for entry in entries:
            _await(entry, 0)


def _await(entry: Kernel, seconds: float) -> None:
    """Wait for the process that compiles a kernel, if there is one, and end it if it takes longer."""
    child = _ahead.pop(entry, None)
    patience = time.monotonic() + seconds
    while child and os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() >= patience:
            forked.end(child)
            return
        time.sleep(0.02)


def _tell() -> None:
    if telling := _told.pop("telling", None):
        telling()


def _compile(entry: Kernel) -> Callable[..., Any]:
    """Load a kernel from its file, or compile it."""
    _await(entry, COMPILE_SECONDS)
    file = _file(entry)
    code = native.kept(file) if file else None
    entry.was_kept = code is not None
    if code is None:
        from analyzer import compiling

        _tell()
        code = compiling.compiled(entry.function, entry.signature, _helpers, _instructions)
        if file:
            native.keep(code, file)
    run, own = native.loaded(code, entry.signature), entry.function.__code__
    names = {name: getattr(own, name) for name in ("co_filename", "co_name", "co_firstlineno")}
    run.__code__ = run.__code__.replace(**names)  # a profiler, or a trace back, names the kernel
    return run
