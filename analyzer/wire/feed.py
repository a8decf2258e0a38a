"""One capture, read by several at once."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from analyzer.wire.capture import Window

#: Windows that the first reader may be ahead of the last one.
AHEAD = 8

#: Of several readers, one with no more than so many windows left to it reads the next one, so that nobody waits later.
SPARE = 1


class Feed:
    """Gives every reader all windows, each at its own pace: who has few left reads the next one from the disk."""

    def __init__(self, read: Callable[[], Window | None], readers: int) -> None:
        """`read` gives the next window, or None at the end; it is called by one thread at a time."""
        self._read = read
        self._windows: deque[Window] = deque()
        self._first = 0
        self._at: dict[int, int] = dict.fromkeys(range(readers), 0)
        self._spare = SPARE if readers > 1 else 0
        self._reading = self._over = False
        self._changed = threading.Condition()

    @contextmanager
    def windows(self, reader: int) -> Iterator[Iterator[Window]]:
        """Give the windows for one reader; nobody waits for it afterwards, nor where it fails."""
        try:
            yield iter(lambda: self._next(reader), None)
        finally:
            with self._changed:
                del self._at[reader]
                self._drop()

    def stop(self) -> None:
        """Give no more windows."""
        with self._changed:
            self._over = True
            self._windows.clear()
            self._changed.notify_all()

    def _next(self, reader: int) -> Window | None:
        while True:
            with self._changed:
                left = self._first + len(self._windows) - self._at[reader]
                reads = left <= self._spare and not (self._reading or self._over or len(self._windows) >= AHEAD)
                if left > 0 and not reads:
                    window = self._windows[-left]
                    self._at[reader] += 1
                    self._drop()
                    return window
                if self._over:
                    return None
                if not reads:
                    self._changed.wait()
                    continue
                self._reading = True
            self._take()

    def _take(self) -> None:
        """Read a window; where that fails, there are no more."""
        window = None
        try:
            window = self._read()
        finally:
            with self._changed:
                self._reading = False
                if window is None:
                    self._over = True
                elif not self._over:
                    self._windows.append(window)
                self._changed.notify_all()

    def _drop(self) -> None:
        """Drop the windows that all readers have."""
        while self._windows and self._first < min(self._at.values(), default=self._first + 1):
            self._windows.popleft()
            self._first += 1
            self._changed.notify_all()
