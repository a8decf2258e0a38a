"""A progress bar for long work, and a word on what comes before it, on standard error and only in a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from analyzer import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Work that is done sooner shows no bar, and does not pay for importing rich.
SHOWN_AFTER_SECONDS = 0.7

COMPILING = "Compiling for this machine, once: about 15 seconds …"


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """Give a function that takes bytes done and bytes in all, or None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        kernel.tell(lambda: sys.stderr.write(f"{COMPILING}\n"))
        stack.callback(kernel.tell, None)
        show: list[Callable[[int, int | None], None]] = []

        def advance(done: int, total: int | None) -> None:
            if not show and time.monotonic() - started > SHOWN_AFTER_SECONDS:
                show.append(stack.enter_context(_bar()))
            for function in show:
                function(done, total)

        yield advance


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress("reading", *columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
