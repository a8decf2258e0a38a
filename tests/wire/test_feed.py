"""Several readers of one capture."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from analyzer.wire.capture import Window
from analyzer.wire.feed import AHEAD, Feed


class Source:
    """Gives so many windows, numbered; says how far it was read."""

    def __init__(self, count: int) -> None:
        self.count, self.given, self.at_once = count, 0, threading.Lock()

    def read(self) -> Window | None:
        assert self.at_once.acquire(blocking=False), "one reads at a time"
        try:
            if self.given == self.count:
                return None
            self.given += 1
            return Window(np.full(1, self.given % 256, np.uint8), np.zeros((0, 16), np.int64))
        finally:
            self.at_once.release()


def numbers(feed: Feed, reader: int, pause: float = 0.0) -> list[int]:
    """Take all windows."""
    taken = []
    with feed.windows(reader) as windows:
        for window in windows:
            taken.append(int(window.buffer[0]))
            time.sleep(pause)
    return taken


@pytest.mark.parametrize("pauses", [(0.0,), (0.0, 0.0), (0.0, 0.002), (0.001, 0.0, 0.002)])
def test_all_get_all(pauses: tuple[float, ...]) -> None:
    """Every reader gets every window in order, whoever is faster."""
    feed = Feed(Source(50).read, len(pauses))
    with ThreadPoolExecutor(len(pauses)) as pool:
        taken = list(pool.map(lambda each: numbers(feed, *each), enumerate(pauses)))

    assert taken == [list(range(1, 51))] * len(pauses)


def test_the_first_is_not_far_ahead() -> None:
    """Who waits for nobody would have all windows in memory."""
    source = Source(100)
    feed = Feed(source.read, 2)
    with ThreadPoolExecutor(1) as pool:
        fast = pool.submit(numbers, feed, 0)
        time.sleep(0.05)
        assert source.given == AHEAD
        assert numbers(feed, 1) == fast.result(timeout=10) == list(range(1, 101))


def test_who_fails_is_not_waited_for() -> None:
    """A reader that fails does not hold up the others."""
    feed = Feed(Source(100).read, 2)

    def fail() -> None:
        with feed.windows(0) as windows:
            next(windows)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert numbers(feed, 1) == list(range(1, 101))


def test_a_capture_that_fails() -> None:
    """What goes wrong with reading is told to one reader; the others end."""

    def read() -> Window | None:
        raise OSError("gone")

    feed = Feed(read, 2)
    with pytest.raises(OSError, match="gone"):
        numbers(feed, 0)
    assert numbers(feed, 1) == []


def test_stopped() -> None:
    """Nobody gets more once it is stopped."""
    feed = Feed(Source(100).read, 2)
    with feed.windows(0) as windows:
        next(windows)
        feed.stop()
        assert list(windows) == []
    assert numbers(feed, 1) == []
