"""Compiled kernels as machine code: kept in a file each, and run without the compiler.

numba takes half a second to be imported and to load its own cache; a file of code needs llvmlite alone, which is
there in a tenth of that. What is kept is the function as numba has compiled it, with numba's way of calling: a place
for the result, one for the exception, then the arguments, of which an array is seven and more numbers.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.cache import write_whole

if TYPE_CHECKING:
    from pathlib import Path

#: First line of a file; behind it the digest of the rest, the name of the function, and its object code.
_MAGIC: Final = b"smtp-analyzer kernel 1\n"

_SIZE, _POINTER = ctypes.c_ssize_t, ctypes.c_void_p

#: How NumPy names the numbers in an array, by how signatures do.
_NUMBERS: Final = {"uint8": "|u1", "int32": "<i4", "int64": "<i8"}
_TYPE: Final = re.compile(r"(\w+)(?:\[([:, ]*)::1\])?(?:, |$)")


class Code(NamedTuple):
    """A compiled function: its name in the object code, and that."""

    symbol: str
    data: bytes


class Type(NamedTuple):
    """The type of an argument: the name of a number, and how many dimensions an array of it has (0: no array)."""

    number: str
    dimensions: int


def keep(code: Code, file: Path) -> None:
    """Write code to a file, all of it or nothing; where there is no room, nothing."""
    body = code.symbol.encode("ascii") + b"\n" + code.data
    write_whole(file, _MAGIC + hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body)


def kept(file: Path) -> Code | None:
    """Read code from a file; None: there is none, or it is damaged."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    digest, _, body = data.removeprefix(_MAGIC).partition(b"\n")
    if not data.startswith(_MAGIC) or hashlib.sha256(body).hexdigest().encode("ascii") != digest:
        return None
    symbol, _, code = body.partition(b"\n")
    return Code(symbol.decode("ascii"), code)


def loaded(code: Code, signature: str) -> FunctionType:
    """Give the function; `signature` is numba's. It raises TypeError for other arguments, IndexError as numba does."""
    result, _, rest = signature.partition("(")
    types = [
        Type(each[1], 0 if each[2] is None else 1 + each[2].count(":")) for each in _TYPE.finditer(rest.rstrip(")"))
    ]
    numbers = [part for each in types for part in _passed(each.dimensions)]
    function = ctypes.CFUNCTYPE(ctypes.c_int32, _POINTER, _POINTER, *numbers)(_address(code))
    gives = result != "void"

    def call(*arguments: Any) -> int | None:
        flat: list[Any] = []
        for value, (number, dimensions) in zip(arguments, types, strict=True):
            if dimensions:
                about = value.__array_interface__
                shape, (place, readonly) = about["shape"], about["data"]
                if readonly or len(shape) != dimensions or about["strides"] or about["typestr"] != _NUMBERS[number]:
                    message = f"no array of {number} in {dimensions} dimensions, writable and in one piece"
                    raise TypeError(message)
                width = value.itemsize
                if dimensions == 1:
                    flat += (None, None, shape[0], width, place, shape[0], width)
                else:
                    rows, columns = shape
                    flat += (None, None, rows * columns, width, place, rows, columns, columns * width, width)
            else:
                flat.append(int(value))
        made, error = ctypes.c_int64(), ctypes.c_void_p()
        if function(ctypes.byref(made), ctypes.byref(error), *flat):
            message = "a kernel would have gone beyond the end of an array"
            raise IndexError(message)
        return made.value if gives else None

    assert isinstance(call, FunctionType)
    return call


def processor() -> str:
    """Name the processor that code is compiled for: numba uses what it can do."""
    import llvmlite.binding as llvm

    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def _passed(dimensions: int) -> list[Any]:
    """Give the numbers that an argument is passed as."""
    if not dimensions:
        return [ctypes.c_int64]
    return [_POINTER, _POINTER, _SIZE, _SIZE, _POINTER, *[_SIZE] * (2 * dimensions)]


def _address(code: Code) -> int:
    """Load object code; gives where its function is."""
    import llvmlite.binding as llvm

    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.data))
    engine.finalize_object()
    return int(engine.get_function_address(code.symbol))


@functools.cache
def _engine() -> Any:
    """Make what holds loaded code, for as long as this process runs."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
