"""Bytes of an input: from a path or a stream, plain or compressed, with a look ahead that loses nothing."""

from __future__ import annotations

import codecs
import importlib
import io
import os
import select
import stat
import sys
import time
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from analyzer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Place: TypeAlias = "str | os.PathLike[str] | BinaryIO | Source"

#: First bytes of what can be unpacked, and the module that does it. zstd is in the standard library from 3.14 on.
MAGICS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "lzma",
    b"\x28\xb5\x2f\xfd": "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd",
}

#: First bytes that all of these are told by.
MAGIC_BYTES = max(map(len, MAGICS))

#: Marks before text (Unicode standard, section 23.8), and how it is coded.
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Stream(io.RawIOBase):
    """A binary stream that can be looked into and counts what was taken; a failure ends it and stays in `damage`."""

    def __init__(
        self, raw: Any, failures: tuple[type[Exception], ...] = (OSError,), *, most: int | None = None
    ) -> None:
        """Read from `raw`, so many bytes at most; of its exceptions, `failures` mean that its bytes are damaged."""
        self.taken = 0
        self._most = most
        self.damage: str | None = None
        self.ended = False
        self._raw = raw
        self._failures = failures
        self._ahead = b""
        # One look at the source at a time: a failure then loses nothing that came before it, and a pipe does not wait.
        self._into: Callable[[Any], int | None] = getattr(raw, "readinto1", None) or raw.readinto

    def readable(self) -> bool:
        """Say yes, as `io` asks."""
        return True

    def readinto(self, view: Any, /) -> int:
        """Fill the front of `view`; 0 at the end."""
        if self._ahead:
            count = min(len(view), len(self._ahead))
            view[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
            return count
        if self.damage is not None:
            return 0
        if self._most is not None:
            view = memoryview(view)[: self._most - self.taken]
        try:
            count = self._into(view) or 0
        except self._failures as failure:
            self.damage = str(failure) or type(failure).__name__
            return 0
        self.taken += count
        return count

    def fill(self, view: memoryview, patience: float | None = None) -> int:
        """Fill all of `view`, or what there is until the end (`ended`), or what comes within `patience` seconds."""
        done = 0
        until = None if patience is None else time.monotonic() + patience
        while done < len(view):
            if until is not None and self._waits(until):
                break
            count = self.readinto(view[done:])
            if not count:
                self.ended = True
                break
            done += count
        return done

    def _waits(self, until: float) -> bool:
        """Wait for more bytes, at most `until`; gives whether there are none. Only pipes and sockets make one wait."""
        if self._ahead:
            return False
        try:
            ready, _, _ = select.select([self._raw], [], [], max(0.0, until - time.monotonic()))
        except (OSError, ValueError, TypeError):
            return False
        return not ready

    def peek(self, count: int) -> bytes:
        """Give up to `count` bytes that will be read again."""
        while len(self._ahead) < count:
            ahead, self._ahead = self._ahead, b""
            more = self.read(count - len(ahead)) or b""
            self._ahead = ahead + more
            if not more:
                break
        return self._ahead[:count]

    def take(self, count: int) -> bytes:
        """Read `count` bytes, fewer only at the end."""
        head = self.peek(count)
        self._ahead = self._ahead[len(head) :]
        return head

    def close(self) -> None:
        """Close the source as well, unless it is somebody else's."""
        if isinstance(self._raw, (Stream, io.FileIO)):
            self._raw.close()
        super().close()


class _Recoded(io.RawIOBase):
    """UTF-16 text as UTF-8."""

    def __init__(self, raw: Stream, coding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(coding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any, /) -> int:
        while not self._ready:
            taken = self._raw.read(len(view)) or b""
            self._ready = self._decoder.decode(taken, final=not taken).encode()
            if not taken:
                if self._raw.damage and not self._ready:
                    raise OSError(self._raw.damage)
                break
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


class Source:
    """One input, read forward: `stream` gives its bytes, unpacked; text comes as UTF-8 without a byte order mark."""

    def __init__(self, place: str | os.PathLike[str] | BinaryIO, most: int | None = None) -> None:
        """Open a path, or take over a binary stream, of which so many bytes are read at most.

        Raises InputError for what cannot be opened.
        """
        self.name = display_name(place)
        self._disk = Stream(_opened(place, self.name), most=most)
        self.size = size_of(place)
        self.modified = modified_ns(place)
        self.packed = _packing(self._disk.peek(MAGIC_BYTES))
        unpacked = _unpacked(self._disk, self.packed, self.name) if self.packed else self._disk
        self.stream = _recoded(unpacked)

    @property
    def consumed(self) -> int:
        """Bytes taken from the disk so far."""
        return self._disk.taken

    def close(self) -> None:
        """Close the file; a stream that was given stays open."""
        self.stream.close()
        self._disk.close()


def opened_source(place: Place, most: int | None = None) -> Source:
    """Open a place, unless it is open; of what is opened, so many bytes are read at most."""
    return place if isinstance(place, Source) else Source(place, most)


def display_name(place: Place) -> str:
    """Give the name under which people know an input: the last part of a path, or ``-`` for a stream."""
    if isinstance(place, Source):
        return place.name
    if isinstance(place, (str, os.PathLike)):
        return os.path.basename(os.fspath(place)) or str(place)
    return "-"


def _opened(place: str | os.PathLike[str] | BinaryIO, name: str) -> Any:
    if not isinstance(place, (str, os.PathLike)):
        return place
    try:
        return open(place, "rb", buffering=0)
    except OSError as failure:
        message = f"{name} cannot be read: {failure.strerror}; check the path and its permissions"
        raise InputError(message) from None


def size_of(place: Place) -> int | None:
    """Give the bytes that an input has on disk; None for a pipe, or where nobody can tell."""
    if isinstance(place, Source):
        return place.size
    try:
        if isinstance(place, (str, os.PathLike)):
            return os.stat(place).st_size
        here = place.tell()
        end = place.seek(0, os.SEEK_END)
        place.seek(here)
    except (OSError, AttributeError):
        return None
    return end - here


def total_size(places: Iterable[Place]) -> int | None:
    """Give the bytes that inputs have on disk together; None where nobody can tell of one."""
    total = 0
    for place in places:
        size = size_of(place)
        if size is None:
            return None
        total += size
    return total


def _packing(head: bytes) -> str | None:
    """Name the module that unpacks what begins so; None: it is not packed."""
    return next((module for magic, module in MAGICS.items() if head.startswith(magic)), None)


def is_plain(place: Place) -> bool:
    """Whether a place is a file by its name that has not to be unpacked."""
    if not isinstance(place, (str, os.PathLike)) or not os.path.isfile(place):
        return False
    with open(place, "rb") as file:
        return _packing(file.read(MAGIC_BYTES)) is None


def modified_ns(place: Place) -> int | None:
    """Give when a file was written, in nanoseconds since 1970; None for a pipe, or where nobody can tell."""
    if isinstance(place, Source):
        return place.modified
    try:
        about = os.stat(place if isinstance(place, (str, os.PathLike)) else place.fileno())
    except (OSError, AttributeError):  # what is only in memory says that it has no number (io.UnsupportedOperation)
        return None
    return about.st_mtime_ns if stat.S_ISREG(about.st_mode) else None


def _recoded(stream: Stream) -> Stream:
    head = stream.peek(3)
    mark, coding = next((each for each in BYTE_ORDER_MARKS.items() if head.startswith(each[0])), (b"", "utf-8"))
    stream.take(len(mark))
    return stream if coding == "utf-8" else Stream(_Recoded(stream, coding))


def _unpacked(disk: Stream, module: str, name: str) -> Stream:
    try:
        unpacker = importlib.import_module(module)
    except ImportError:
        wanted = module.replace(".", "-")
        message = f"{name} is compressed and this Python cannot unpack it: install the package {wanted}, or unpack it"
        raise InputError(message) from None
    failures = [getattr(unpacker, error) for error in ("LZMAError", "ZstdError") if hasattr(unpacker, error)]
    return Stream(unpacker.open(cast("BinaryIO", disk)), (EOFError, OSError, ValueError, zlib.error, *failures))
