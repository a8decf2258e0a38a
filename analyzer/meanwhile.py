"""What is made while what was made before is worked on."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Final, TypeVar

from analyzer import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Parts that are made ahead: some take longer than others.
FEW: Final = 8

#: With fewer parts than this, what a process saves in writing them is what it takes to fork it.
MANY: Final = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def meanwhile(read: Callable[[], Result | None], *, threaded: bool, calls: int = 1) -> Iterator[Result]:
    """Give what `read` gives, call after call, until that is None.

    `threaded`: the next calls, so many, go on in a thread meanwhile; what they need must not be changed here.
    """
    if not threaded:
        yield from iter(read, None)
        return
    from concurrent.futures import ThreadPoolExecutor  # with it comes logging

    with ThreadPoolExecutor(1) as pool:
        upcoming = deque(pool.submit(read) for _ in range(calls))
        try:
            while (result := upcoming.popleft().result()) is not None:
                upcoming.append(pool.submit(read))
                yield result
        finally:
            for call in upcoming:
                call.cancel()


def ahead(parts: Iterable[Result]) -> Iterator[Result]:
    """Give parts, made in a thread while those before are written; for a few no thread is worth it."""
    rest = iter(parts)
    first = list(islice(rest, FEW))
    yield from first
    if len(first) == FEW:
        yield from meanwhile(partial(next, rest, None), threaded=True, calls=FEW)


def in_turn(make: Callable[[slice], Iterable[bytes]], sizes: Sequence[int]) -> Iterator[bytes]:
    """Give what chosen parts of something are written in, part after part: `sizes` says how many pieces each has.

    Every second part is made by a process of its own, if there are many, and if one can be forked; else a thread makes
    them ahead.
    """
    if len(sizes) >= MANY and forked.can_fork():
        return _by_two(make, sizes)
    return ahead(make(slice(None)))


def _by_two(make: Callable[[slice], Iterable[bytes]], sizes: Sequence[int]) -> Iterator[bytes]:
    with forked.apart(lambda: map(PickleBuffer, make(slice(1, None, 2)))) as theirs:
        mine = iter(make(slice(0, None, 2)))
        for number, size in enumerate(sizes):
            yield from islice(map(bytes, theirs) if number % 2 else mine, size)  # what comes next is put in its place


def side_by_side(make: Callable[[Item], object], items: Sequence[Item], stop: Callable[[], object]) -> None:
    """Call `make` with each item, two at a time: every second one in a process of its own, or else by two threads.

    Where one of them fails, and on Ctrl-C, no other is begun, and the process is ended; what fails there is told when
    those here are made. Threads that are at work are waited for, and `stop` is called: it lets them end soon.
    """
    if forked.can_fork():
        with forked.apart(partial(map, make, items[1::2])) as others:
            deque(map(make, items[::2]), maxlen=0)
            deque(others, maxlen=0)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(2) as pool:
        try:
            for call in as_completed([pool.submit(make, item) for item in items]):
                call.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
