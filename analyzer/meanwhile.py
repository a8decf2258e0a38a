"""What is made while what was made before is worked on."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from analyzer import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Parts that are made ahead: some take longer than others.
FEW: Final = 8

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


def side_by_side(
    make: Callable[[Item], Result], items: Sequence[Item], stop: Callable[[], object]
) -> dict[Item, Result]:
    """Give what `make` makes of each item, two at a time: every second one in a process of its own, or by two threads.

    Where one of them fails, and on Ctrl-C, no other is begun, and the process is ended; what fails there is told when
    those here are made. Threads that are at work are waited for, and `stop` is called: it lets them end soon.
    """

    def several(some: Sequence[Item]) -> dict[Item, Result]:
        return {item: make(item) for item in some}

    if forked.can_fork():
        with forked.apart(lambda: several(items[1::2])) as others:
            return several(items[::2]) | others()
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(2) as pool:
        try:
            calls = {pool.submit(make, item): item for item in items}
            return {calls[call]: call.result() for call in as_completed(calls)}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
