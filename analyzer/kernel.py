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
import signal
import sys
import threading
import time
import types
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from analyzer import limits
from analyzer.cache import private_folder
from analyzer.limits import COMPILE_ABOVE_BYTES, COMPILE_ANEW_ABOVE_BYTES, COMPILE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

Function = TypeVar("Function", bound="Callable[..., Any]")

#: Environment variable that forces a way of running: ``compiled`` or ``interpreted``.
FORCE = "SMTP_ANALYZER_KERNELS"

_helpers: dict[types.CodeType, Callable[..., Any]] = {}
_compiled_helpers: dict[types.CodeType, Any] = {}
_sources: set[str] = set()
_mode = {"compiled": False}
_told: dict[str, Callable[[], object] | None] = {"telling": None}
_types: dict[Any, Any] = {}
_ahead: dict[Kernel, int] = {}
_compiling = threading.Lock()


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
    """Whether numba is installed (extra ``fast``), and not switched off by its own variable."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") == "0" and importlib.util.find_spec("numba") is not None


def needs_compiling(*entries: Kernel) -> bool:
    """Whether one of these kernels is not kept compiled for these sources yet."""
    folder = cache_folder()
    return folder is None or not all(_files(entry, folder) for entry in entries)


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
    """Where compiled kernels are kept: a private folder of this user, or None where there is no place for one."""
    return private_folder("kernels", _digest())


def tell(telling: Callable[[], object] | None) -> None:
    """Let `telling` be called before the first kernel is compiled, at most once; None: nobody is told any more."""
    _told["telling"] = telling


def _files(entry: Kernel, folder: Path | None) -> list[Path]:
    """Give the files that keep a kernel: an index, and the code for each kind of processor."""
    return list(folder.rglob(f"*.{entry.function.__name__}-*.nb?")) if folder else []


@contextmanager
def ahead(*entries: Kernel) -> Iterator[None]:
    """Meanwhile, compile kernels that are not kept yet in a process each; who calls one here waits for its process.

    Nothing happens where that would gain nothing, on a single processor, or is not safe: threads cannot be forked.
    """
    folder = cache_folder() if _mode["compiled"] else None
    for entry in entries:
        if folder and not _files(entry, folder) and _can_fork():
            _tell()
            _ahead[entry] = _forked(entry)
    try:
        yield
    finally:
        for entry in entries:
            _await(entry, 0)


def _can_fork() -> bool:
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


def _forked(entry: Kernel) -> int:
    """Start a process that compiles a kernel into the cache; gives its id."""
    child = os.fork()
    if child == 0:
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for place in range(3):  # nobody who reads what this program writes waits for the child
                os.dup2(nowhere, place)
            _compile(entry)
        finally:
            os._exit(0)  # whether that went well shows in the cache
    return child


def _await(entry: Kernel, seconds: float) -> None:
    """Wait for the process that compiles a kernel, if there is one, and end it if it takes longer."""
    child = _ahead.pop(entry, None)
    patience = time.monotonic() + seconds
    while child and os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() >= patience:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.02)


def _tell() -> None:
    if telling := _told.pop("telling", None):
        telling()


def _compile(entry: Kernel) -> Callable[..., Any]:
    """Load a kernel from the cache, or compile it."""
    import numba

    _await(entry, COMPILE_SECONDS)
    folder = cache_folder()
    numba.config.CACHE_DIR = str(folder or "")
    kept = _files(entry, folder)
    if not kept:
        _tell()
    try:
        return _dispatcher(entry, cached=folder is not None)
    except Exception:  # whatever reading a damaged file raises
        if not kept:
            raise
    for file in kept:
        with suppress(OSError):
            file.unlink()
    return _dispatcher(entry, cached=True)


def _dispatcher(entry: Kernel, *, cached: bool) -> Callable[..., Any]:
    import numba

    # No kernel allocates, so nothing has to count references to arrays (_nrt): that took nine tenths of the time.
    options = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
    whole, part = _compilers()

    def jit(function: Callable[..., Any]) -> Any:
        made = numba.njit(**options, no_cpython_wrapper=True, pipeline_class=part)(function)
        template = made.get_call_template  # numba compiles a function anew for each literal that it is called with
        made.get_call_template = lambda args, kws: template(tuple(map(numba.types.unliteral, args)), kws)
        return made

    made = numba.njit(**options, pipeline_class=whole)(_linked(entry.function, jit))
    if cached:
        with suppress(RuntimeError):  # somebody removed the folder since, and it cannot be made
            made.enable_caching()
    with _remembered(made.typingctx):
        try:
            made.compile(entry.signature)
        except OSError:  # compiled, but it cannot be kept: the disk is full, or somebody removed the folder
            if not made.overloads:
                raise
    made.disable_compile()
    compiled: Callable[..., Any] = made
    return compiled


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


@functools.cache
def _compilers() -> tuple[type, type]:
    """Make numba's compilers for kernels and for helpers.

    Left alone, numba optimises every helper with all that it calls, and makes machine code of it that nobody runs, and
    then does the same again with what calls it. Here LLVM gets all of a kernel at once.
    """
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler

    class Part(JITCodeLibrary):  # type: ignore[misc]
        """The code of a helper, neither optimised nor linked."""

        def finalize(self) -> None:
            self._finalized = True

        @property
        def codegen(self) -> Any:
            """What is told the Python objects of a function (its environment); ours use none."""
            return types.SimpleNamespace(set_env=lambda *_: None)

    class Whole(JITCodeLibrary):  # type: ignore[misc]
        """The code of a kernel, with that of all helpers below it."""

        _linking_libraries: list[Any]

        def finalize(self) -> None:
            parts = list(self._linking_libraries)
            for part in parts:  # grows
                parts += [each for each in part._linking_libraries if each not in parts]  # noqa: SLF001
            self._linking_libraries = parts
            super().finalize()

    class KernelCompiler(Compiler):  # type: ignore[misc]
        def __init__(self, typing: Any, target: Any, _: None, *rest: Any) -> None:
            library = Whole(target.codegen(), "kernel")
            library.enable_object_caching()
            super().__init__(typing, target, library, *rest)

    class HelperCompiler(Compiler):  # type: ignore[misc]
        def __init__(self, typing: Any, target: Any, _: None, *rest: Any) -> None:
            super().__init__(typing, target, Part(target.codegen(), "helper"), *rest)

    return KernelCompiler, HelperCompiler


@contextmanager
def _remembered(typing: Any) -> Iterator[None]:
    """Find the type of an operation once: numba asks every overload of an operator at every place where it is used."""
    resolve = typing.resolve_function_type

    def remembered(function: Any, args: Any, kws: Any) -> Any:
        if kws or not isinstance(function, types.BuiltinFunctionType):
            return resolve(function, args, kws)
        key = function, tuple(args)
        if key not in _types:
            _types[key] = resolve(function, args, kws)
        return _types[key]

    typing.resolve_function_type = remembered
    try:
        yield
    finally:
        del typing.resolve_function_type
