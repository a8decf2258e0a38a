"""What is made while what was made before is worked on."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


def meanwhile(read: Callable[[], Result | None], *, threaded: bool) -> Iterator[Result]:
    """Give what `read` gives, call after call, until that is None.

    `threaded`: the next call goes on in a thread of its own meanwhile; what it needs must not be changed here.
    """
    if not threaded:
        yield from iter(read, None)
        return
    from concurrent.futures import ThreadPoolExecutor  # with it comes logging

    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(read)
        while (result := upcoming.result()) is not None:
            upcoming = pool.submit(read)
            yield result


def ahead(parts: Iterable[Result]) -> Iterator[Result]:
    """Give parts, each made in a thread while the one before is written; for a few no thread is worth it."""
    rest = iter(parts)
    first = list(islice(rest, 8))
    yield from first
    if len(first) == 8:
        yield from meanwhile(partial(next, rest, None), threaded=True)


def side_by_side(make: Callable[[Item], object], items: Iterable[Item], stop: Callable[[], object]) -> None:
    """Call `make` with each item, two at a time: for what does not hold the lock of the interpreter.

    Where one of them fails, and on Ctrl-C, `stop` is called: it makes those fail that are still at work, which are
    waited for.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        try:
            list(pool.map(make, items))
        except BaseException:
            stop()
            raise
