"""Reading that goes on while what was read is worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
