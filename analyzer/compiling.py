"""Machine code of kernels: the only module that knows numba.

Left alone, numba optimises every helper with all that it calls, and makes machine code of it that nobody runs, and then
does the same again with what calls it. Here LLVM gets all of a kernel at once.
"""

from __future__ import annotations

import functools
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from analyzer.native import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_helpers: dict[types.CodeType, Any] = {}
_types: dict[Any, Any] = {}


def compiled(
    function: Callable[..., Any],
    signature: str,
    helpers: Mapping[types.CodeType, Callable[..., Any]],
    instructions: Mapping[types.CodeType, tuple[str, tuple[int, ...]]],
) -> Code:
    """Compile a kernel with all `helpers` that it names; `signature` is numba's.

    `instructions` has those helpers that are made here: by which of `_INSTRUCTIONS`, and with what.
    """
    import numba

    # No kernel allocates, so nothing has to count references to arrays (_nrt): that took nine tenths of the time.
    options = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    options |= {"no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    whole, part = _compilers()

    def jit(helper: Callable[..., Any]) -> Any:
        made = numba.njit(**options, pipeline_class=part)(helper)
        template = made.get_call_template  # numba compiles a function anew for each literal that it is called with
        made.get_call_template = lambda args, kws: template(tuple(map(numba.types.unliteral, args)), kws)
        return made

    for code, (name, how) in instructions.items():
        if code not in _helpers:
            _helpers[code] = jit(_INSTRUCTIONS[name](*how))
    made = numba.njit(**options, pipeline_class=whole)(_linked(function, helpers, jit))
    with _remembered(made.typingctx), _counted_from_the_start():
        made.compile(signature)
    (result,) = made.overloads.values()
    return Code(result.fndesc.llvm_func_name, result.library._get_compiled_object())  # noqa: SLF001


def _linked(
    function: Callable[..., Any], helpers: Mapping[types.CodeType, Callable[..., Any]], jit: Callable[..., Any]
) -> Callable[..., Any]:
    """Copy `function` with the helpers that it names replaced by their compiled selves."""
    replaced = dict(function.__globals__)
    for name in function.__code__.co_names:
        code = getattr(replaced.get(name), "__code__", None)
        if code is not None and code in helpers:
            if code not in _helpers:
                _helpers[code] = jit(_linked(helpers[code], helpers, jit))
            replaced[name] = _helpers[code]
    copy = types.FunctionType(function.__code__, replaced, function.__name__, function.__defaults__)
    copy.__qualname__ = function.__qualname__
    return copy


def _load(octets: int, big: int) -> Callable[..., Any]:
    """Make a helper that reads an integer of a buffer, whose bounds it looks at once."""
    from llvmlite import ir
    from numba import types as kinds
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def read(_: Any, buffer: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _place(context, builder, signature.args[0], *args)
            value = builder.load(builder.bitcast(place, ir.IntType(8 * octets).as_pointer()), align=1)
            value = builder.bswap(value) if big else value
            return value if octets == 8 else builder.zext(value, ir.IntType(64))

        return kinds.int64(buffer, at), generate

    def checked(buffer: Any, at: Any) -> Any:
        if at < 0 or at + octets > len(buffer):
            raise IndexError
        return read(buffer, at)

    return checked


def _copy() -> Callable[..., Any]:
    """Make a helper that copies bytes of a buffer into another one."""
    from numba import types as kinds
    from numba.core.cgutils import raw_memmove
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def move(_: Any, target: Any, at: Any, source: Any, offset: Any, size: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            here = _place(context, builder, signature.args[0], *args[:2])
            there = _place(context, builder, signature.args[2], *args[2:4])
            raw_memmove(builder, here, there, args[4], 1)
            return context.get_dummy_value()

        return kinds.void(target, at, source, offset, size), generate

    def checked(target: Any, at: Any, source: Any, offset: Any, size: Any) -> None:
        if min(at, offset, size) < 0 or at + size > len(target) or offset + size > len(source):
            raise IndexError
        move(target, at, source, offset, size)

    return checked


def _fetch() -> Callable[..., Any]:
    """Make a helper that has the processor fetch what it will need: it cannot fail, and nothing waits for it."""
    from llvmlite import ir
    from numba import types as kinds
    from numba.core.cgutils import get_or_insert_function
    from numba.extending import intrinsic

    number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
    prefetch = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])

    @intrinsic  # type: ignore[untyped-decorator]
    def fetch(_: Any, array: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = builder.bitcast(_place(context, builder, signature.args[0], *args), pointer)
            function = get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0i8")
            builder.call(function, [place, number(0), number(3), number(1)])  # to be read, many times, data
            return context.get_dummy_value()

        return kinds.void(array, at), generate

    def fetched(array: Any, at: Any) -> None:
        fetch(array, at)

    return fetched


def _skip() -> Callable[..., Any]:
    """Make a helper that goes on as long as octets are members of a set, whose bounds it looks at once."""
    from llvmlite import ir
    from numba import types as kinds
    from numba.extending import intrinsic

    octet, number = ir.IntType(8), ir.IntType(64)

    @intrinsic  # type: ignore[untyped-decorator]
    def skip(_: Any, buffer: Any, at: Any, stop: Any, sets: Any, members: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            zero = ir.Constant(number, 0)
            texts = _place(context, builder, signature.args[0], args[0], zero)
            table = _place(context, builder, signature.args[3], args[3], args[4])
            before = builder.block
            going, looking, over = (builder.append_basic_block(name) for name in ("going", "looking", "over"))
            builder.branch(going)
            builder.position_at_end(going)
            place = builder.phi(number)
            builder.cbranch(builder.icmp_signed("<", place, args[2]), looking, over)
            builder.position_at_end(looking)
            value = builder.zext(builder.load(builder.gep(texts, [place])), number)
            member = builder.icmp_unsigned("!=", builder.load(builder.gep(table, [value])), ir.Constant(octet, 0))
            following = builder.add(place, ir.Constant(number, 1))
            place.add_incoming(args[1], before)
            place.add_incoming(following, looking)
            builder.cbranch(member, going, over)
            builder.position_at_end(over)
            return place

        return kinds.int64(buffer, at, stop, sets, members), generate

    def checked(buffer: Any, at: Any, stop: Any, sets: Any, members: Any) -> Any:
        if at < 0 or stop > len(buffer) or members < 0 or members + 256 > len(sets):
            raise IndexError
        return skip(buffer, at, stop, sets, members)

    return checked


def _place(context: Any, builder: Any, kind: Any, value: Any, at: Any) -> Any:
    """Give the address of a cell of an array, counted from its first one."""
    from numba.core.cgutils import create_struct_proxy

    return builder.gep(create_struct_proxy(kind)(context, builder, value=value).data, [at])


_INSTRUCTIONS: dict[str, Callable[..., Callable[..., Any]]] = {
    "load": _load,
    "copy": _copy,
    "fetch": _fetch,
    "skip": _skip,
}


@functools.cache
def _compilers() -> tuple[type, type]:
    """Make numba's compilers for kernels and for helpers."""
    from llvmlite.binding import Linkage
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

        def _optimize_final_module(self) -> None:
            """Optimise, where nobody else can call the helpers: no argument is passed that none of them reads."""
            for function in self._final_module.functions:
                if function.linkage is Linkage.linkonce_odr:
                    function.linkage = Linkage.internal
            super()._optimize_final_module()

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


@contextmanager
def _counted_from_the_start() -> Iterator[None]:
    """Let no index count from the end of an array: none does here, and a tenth of the time went into looking.

    Both bounds are looked at by one comparison: a negative number is larger than any array, as one without a sign.
    """
    from numba import types as kinds
    from numba.core import cgutils
    from numba.core.compiler_lock import global_compiler_lock
    from numba.np import arrayobj

    def index(context: Any, builder: Any, kind: Any, value: Any, _: Any) -> Any:
        return context.cast(builder, value, kind, kinds.intp)

    def check(context: Any, builder: Any, place: Any, size: Any, _: Any = None) -> None:
        with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", place, size)):
            context.call_conv.return_user_exc(builder, IndexError, ())

    theirs = arrayobj.fix_integer_index, cgutils.do_boundscheck
    with global_compiler_lock:  # nothing else is compiled meanwhile
        arrayobj.fix_integer_index, cgutils.do_boundscheck = index, check
        try:
            yield
        finally:
            arrayobj.fix_integer_index, cgutils.do_boundscheck = theirs
