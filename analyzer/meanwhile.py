"""What is made while what was made before is worked on."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    """Give parts, each made in a thread while the one before is worked on; one or two are not worth a thread."""
    rest = iter(parts)
    first = list(islice(rest, 2))
    yield from first
    if len(first) > 1:
        yield from meanwhile(partial(next, rest, None), threaded=True)
