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
from contextlib import contextmanager
from functools import partial
from mmap import mmap
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from analyzer.errors import AnalyzerError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

#: Arrays from so many bytes on are not sent, but put into memory that both share.
_LARGE: Final = 1 << 12

#: Where an array begins.
_ALIGNED: Final = 64

#: What is said first: how many bytes follow, and how many arrays there are.
_HEAD: Final = struct.Struct("=qq")

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


def end(child: int) -> None:
    """End a process that was begun here, and wait until it is gone."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@contextmanager
def apart(work: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Let a process of its own do some work meanwhile; calling what is given waits for the result.

    What the work raises is raised there, and AnalyzerError where the process was ended, as Linux does where memory is
    short. Whoever leaves the block early ends the process. Where the system gives none, the work is done when its
    result is asked for.
    """
    import socket

    ours, theirs = socket.socketpair()

    def send() -> None:
        ours.close()  # who waits for an answer must see that there is nobody any more
        _send(work, theirs)

    try:
        child = begun(send)
    except OSError:
        ours.close()
        yield work
        return
    finally:
        theirs.close()
    try:
        yield partial(_taken, ours)
    finally:
        ours.close()
        end(child)


def _send(work: Callable[[], object], there: socket.socket) -> None:
    """Do some work; send the result, or what was raised."""
    import socket

    try:
        made: tuple[object, Exception | None] = work(), None
    except Exception as failure:  # noqa: BLE001  # who takes the result raises it
        made = None, failure
    memory = os.memfd_create("smtp-analyzer")
    files, spans, pickled = [memory], list[tuple[int, int]](), io.BytesIO()

    def put(buffer: pickle.PickleBuffer) -> bool:
        """Put an array into the memory; gives whether it has to be sent instead."""
        data = buffer.raw()
        if len(data) < _LARGE:
            return True
        at, done = -(-os.fstat(memory).st_size // _ALIGNED) * _ALIGNED, 0
        while done < len(data):
            done += os.pwrite(memory, data[done:], at + done)
        spans.append((at, at + done))
        return False

    _Pickler(pickled, files, put).dump(made)
    socket.send_fds(there, [_HEAD.pack(pickled.tell(), len(spans))], files)
    there.sendall(np.array(spans, np.int64).tobytes() + pickled.getvalue())


def _taken(here: socket.socket) -> Any:
    """Give the result that is sent; raises what was raised, and AnalyzerError where nobody sends any more."""
    import socket

    try:
        head, files, _, _ = socket.recv_fds(here, _HEAD.size, _MOST_FILES)
        size, count = _HEAD.unpack(head)
        spans, data = np.frombuffer(_whole(here, 16 * count), np.int64).reshape(-1, 2), _whole(here, size)
    except (ConnectionResetError, EOFError, struct.error):
        raise AnalyzerError(ENDED) from None
    memory = memoryview(mmap(files[0], 0) if count else b"")
    os.close(files[0])
    buffers = [memory[start:stop] for start, stop in spans.tolist()]
    result, failure = _Unpickler(io.BytesIO(data), files, buffers).load()
    if failure is not None:
        raise failure
    return result


def _whole(here: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = here.recv_into(view[done:])
        if not count:
            raise EOFError
        done += count
    return data


class _Pickler(pickle.Pickler):
    """Lists the files that an object holds, behind those before, and keeps columns of one value small."""

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
