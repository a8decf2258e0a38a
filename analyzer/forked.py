"""Work in a process of its own: threads wait for each other wherever the interpreter's lock is held, processes nowhere.

A process that is forked has all that was read before; nothing has to be imported or sent there. What it makes comes
back pickled, but for large arrays, which it puts into memory that both share, and open files, which it hands over.
"""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import signal
import struct
import sys
import threading
from contextlib import contextmanager, suppress
from mmap import mmap
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

Result = TypeVar("Result")

#: Results that are made ahead if nobody says how many, and room for the arrays of each, which takes memory where used.
AHEAD: Final = 8
ROOM_BYTES: Final = 1 << 26

#: Where an array begins.
_ALIGNED: Final = 64

#: What is said first of a result: how many bytes it has, and in how many arrays and files there is more of it.
_HEAD: Final = struct.Struct("=qqq")

#: What `prctl` of Linux is to do: the process gets a signal when the thread that forked it ends.
_PR_SET_PDEATHSIG: Final = 1

#: Files that one message can hold (SCM_MAX_FD of Linux).
_MOST_FILES: Final = 253

ENDED: Final = "a process that did a part of the work was ended, perhaps for want of memory: try again with --workers 1"


def can_fork() -> bool:
    """Whether a process can be forked safely, and gains something: there is one thread, and more than one processor."""
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


def begun(work: Callable[[], object]) -> int:
    """Fork a process that does some work and ends, however that goes, and with its parent; gives its id.

    It writes nothing to the terminal, and leaves Ctrl-C to its parent, which has to end it.
    """
    parent, child = os.getpid(), os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for place in (1, 2):  # nobody who reads what this program writes waits for the child
                os.dup2(nowhere, place)
            if os.getppid() == parent:
                work()
        finally:
            os._exit(0)
    return child


@contextmanager
def apart(make: Callable[[], Iterable[Result]], ahead: int = AHEAD) -> Iterator[Iterator[Result]]:
    """Let a process of its own make so many results ahead of who takes them; the arrays of one stay until the next.

    What is raised in making them is raised in taking them, and AnalyzerError where the process was ended, as Linux does
    where memory is short. Whoever leaves the block early ends the process. Where the system gives none, or no memory
    for it, the results are made here.
    """
    import socket

    slots = ahead + 1  # one of them has what was taken last
    ours, theirs = socket.socketpair()
    try:
        room = mmap(-1, slots * ROOM_BYTES)

        def send() -> None:
            ours.close()  # who waits for an answer must see that there is nobody any more
            _send(make, theirs, room, slots)

        child = begun(send)
    except OSError:
        ours.close()
        yield iter(make())
        return
    finally:
        theirs.close()
    try:
        yield _taken(ours, room)
    finally:
        ours.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _send(make: Callable[[], Iterable[object]], there: socket.socket, room: mmap, slots: int) -> None:
    """Send results, and last the exception that ended them, or StopIteration."""
    import socket

    results, number, failure = iter(make()), 0, None
    while failure is None:
        result = None
        try:
            result = next(results)
        except Exception as raised:  # noqa: BLE001  # who takes the results raises it
            failure = raised
        if number >= slots and not there.recv(1):
            return
        data, arrays, files = _packed((result, failure), room, number % slots)
        socket.send_fds(there, [_HEAD.pack(len(data), len(arrays), len(files))], files)
        there.sendall(np.array(arrays, np.int64).tobytes() + data)
        number += 1


def _taken(here: socket.socket, room: mmap) -> Iterator[Any]:
    """Give the results that are sent; raises what ended them, and AnalyzerError where nobody sends any more."""
    import socket

    while True:
        try:
            head, files, _, _ = socket.recv_fds(here, _HEAD.size, _MOST_FILES)
            size, arrays, _ = _HEAD.unpack(head)
            spans, data = np.frombuffer(_whole(here, 16 * arrays), np.int64), _whole(here, size)
        except (ConnectionResetError, EOFError, struct.error):
            raise AnalyzerError(ENDED) from None
        buffers = [memoryview(room)[start:stop] for start, stop in spans.reshape(-1, 2).tolist()]
        result, failure = _Unpickler(io.BytesIO(data), files, buffers).load()
        if isinstance(failure, StopIteration):
            return
        if failure is not None:
            raise failure
        yield result
        with suppress(BrokenPipeError):  # it has made all of them
            here.send(b"\0", socket.MSG_NOSIGNAL)


def _whole(here: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = here.recv_into(view[done:])
        if not count:
            raise EOFError
        done += count
    return data


def _packed(value: object, room: mmap, slot: int) -> tuple[bytes, list[tuple[int, int]], list[int]]:
    """Pickle a value; gives also where in the room its arrays are, and the numbers of its files."""
    arrays, files, at = list[tuple[int, int]](), list[int](), slot * ROOM_BYTES

    def put(buffer: pickle.PickleBuffer) -> bool:
        """Put an array into the room; gives whether it has to be sent instead."""
        nonlocal at
        data = buffer.raw()
        if at + len(data) > (slot + 1) * ROOM_BYTES:
            return True
        room[at : at + len(data)] = data
        arrays.append((at, at + len(data)))
        at += -(-len(data) // _ALIGNED) * _ALIGNED
        return False

    pickled = io.BytesIO()
    _Pickler(pickled, files, put).dump(value)
    return pickled.getvalue(), arrays, files


class _Pickler(pickle.Pickler):
    """Lists the files that an object holds, and keeps columns of one value small."""

    def __init__(self, file: io.BytesIO, files: list[int], put: Callable[[pickle.PickleBuffer], bool]) -> None:
        super().__init__(file, 5, buffer_callback=put)
        self._files = files

    def persistent_id(self, value: object) -> int | None:
        if not isinstance(value, io.BufferedRandom):
            return None
        self._files.append(value.fileno())
        return len(self._files) - 1

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, np.ndarray) and value.size > 1 and not any(value.strides):
            return np.broadcast_to, (value[(0,) * value.ndim], value.shape)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Opens the files again."""

    def __init__(self, file: io.BytesIO, files: list[int], buffers: list[memoryview]) -> None:
        super().__init__(file, buffers=buffers)
        self._files = files

    def persistent_load(self, number: int) -> Any:
        return open(self._files[number], "r+b")
