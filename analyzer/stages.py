"""One input through all stages: from packets, or lines, to the tables of a writer."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from analyzer import forked, limits
from analyzer.errors import AnalyzerError, Skip
from analyzer.findings.thresholds import Thresholds
from analyzer.schema import TABLES
from analyzer.smtp.reader import Reader
from analyzer.smtp.writer import Writer
from analyzer.tcp.stage import Tracker
from analyzer.wire.feed import Feed
from analyzer.wire.sources import size_of
from analyzer.zones import LocalZone
from analyzer.zones import zone as zone_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.given import Input
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.read import Log, Progress
    from analyzer.smtp.sasl import Decoder
    from analyzer.smtp.writer import Written
    from analyzer.tcp.stage import Batch
    from analyzer.wire import Capture, Window

ALL_TABLES = frozenset(TABLES)


class Settings(NamedTuple):
    """How to read: which tables to make, and how much at a time; only the tables make a difference to the result."""

    tables: frozenset[str] = ALL_TABLES
    sessions: bool = True  # False: that table is not asked for, and left out where nothing needs it
    window_bytes: int = limits.WINDOW_BYTES
    window_packets: int | None = None
    capacity: int | None = None  # rows that kernels get room for at first; tests make it small
    workers: int = 1
    timezone: str = "local"  # of log lines that tell none
    year: int | None = None  # of the first line of logs whose lines tell none
    formats: tuple[str, ...] = ()  # folders with log formats of your own
    log_format: str | None = None  # the format that every log is in; None: found by content
    thresholds: Thresholds = Thresholds()  # from when on something is a finding


def check(settings: Settings) -> None:
    """Complain about settings that make no sense, whether or not an input needs them."""
    unknown = sorted(set(settings.tables) - ALL_TABLES)
    if unknown:
        raise AnalyzerError(f"unknown table {', '.join(unknown)}; known are {', '.join(TABLES)}")
    zone_of(settings.timezone)
    if settings.formats or settings.log_format:
        from analyzer.logs.read import forced_of

        forced_of(catalogue(settings.formats), settings.log_format)


class Shard:
    """All stages behind `wire`; of the windows that it gets, for one of so many shares of the connections."""

    def __init__(self, source: str, settings: Settings, decoder: Decoder, share: int = 0, shares: int = 1) -> None:
        self.tracker = Tracker(share, shares, settings.capacity or 8192)
        self.reader = Reader()
        self.writer = Writer(source, settings.tables, decoder)

    def eat(self, windows: Iterable[Window]) -> None:
        """Take all windows of the capture."""
        for window in windows:
            self._take(self.tracker.eat(window))
        self._take(self.tracker.end())

    def _take(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self.writer.write(self.reader.read(batch, self.tracker))

    def told(self) -> Told:
        """Give what was made of the windows, and forget it."""
        skipped = {
            ("tcp", "connection without payload"): self.reader.silent_sessions,
            ("smtp", "connection is not SMTP"): self.reader.other_sessions + self.tracker.dull_sessions,
            ("tls", "dialogue inside TLS, no keys"): self.writer.unreadable,
        }
        return Told(self.writer.written(), skipped)


class Told(NamedTuple):
    """What a shard made: what it has written, and what it could not use, counted by stage and reason."""

    written: Written
    skipped: dict[tuple[str, str], int]


def read_capture(
    given: Input, settings: Settings, decoder: Decoder, progress: Progress | None, *, fresh: bool = False
) -> tuple[Capture, list[Told]]:
    """Run one capture through all stages, one shard a worker; `fresh`: kernels have to be compiled for it.

    Shards are processes that read the whole capture each, where that is possible and worth it, or else threads.
    """
    workers = settings.workers
    apart = workers > 1 and not fresh and _can_part(given)
    sizes = [size_of(place) for place in given.places] if apart else ()  # what is written meanwhile nobody reads

    def opened(share: int, shares: int) -> Capture:
        return given.open(
            window_bytes=settings.window_bytes,
            window_packets=settings.window_packets,
            capacity=settings.capacity,
            share=(share, shares),
            sizes=sizes,
        )

    def read() -> Window | None:
        window = capture.read()
        if progress and window:
            progress(capture.consumed, capture.total_bytes)
        return window

    def made(read: Callable[[], Window | None]) -> Told:
        shard = Shard(given.name, settings, decoder)
        shard.eat(iter(read, None))
        return shard.told()

    def other(share: int) -> Told:
        return made(opened(share, workers).read)

    if workers > 1 and not apart:
        capture = opened(0, 1)
        shards = [Shard(given.name, settings, decoder, number, workers) for number in range(workers)]
        _eat_at_once(shards, Feed(read, workers))
        return capture, [shard.told() for shard in shards]
    capture = opened(0, workers)
    with ExitStack() as stack:
        others = [stack.enter_context(forked.apart(partial(other, share))) for share in range(1, workers)]
        return capture, [made(read), *(told() for told in others)]


def _can_part(given: Input) -> bool:
    """Say whether each shard can have a process of its own, and is worth it."""
    return (given.size or 0) >= limits.FORK_ABOVE_BYTES and forked.can_fork() and given.is_plain


def _eat_at_once(shards: Sequence[Shard], feed: Feed) -> None:
    """Let shards take the windows of a capture in a thread each."""
    from concurrent.futures import ThreadPoolExecutor  # with it comes logging

    def eat(number: int) -> None:
        with feed.windows(number) as windows:
            shards[number].eat(windows)

    with ThreadPoolExecutor(len(shards)) as pool:
        try:
            list(pool.map(eat, range(len(shards))))
        finally:
            feed.stop()  # where one fails, the others end, too


def read_log(given: Input, settings: Settings, decoder: Decoder, progress: Progress | None) -> Log:
    """Read one log, or one transcript."""
    from analyzer.logs.read import Log

    zone = zone_of(settings.timezone) or LocalZone()
    log = Log(
        given.name, catalogue(settings.formats), zone, settings.year, settings.log_format, settings.tables, decoder
    )
    log.read(given.sources(), given.places, progress, threaded=settings.workers > 1)
    return log


@cache
def catalogue(folders: tuple[str, ...]) -> Catalogue:
    """Give the log formats that are known."""
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.formats import formats

    return Catalogue(formats(folders))


def skips(capture: Capture, told: Sequence[Told]) -> Iterator[Skip]:
    """Give what could not be read of a capture."""
    yield from capture.skipped
    counts: Counter[tuple[str, str]] = Counter()
    for each in told:
        counts.update(each.skipped)
    yield from (Skip(capture.name, stage, reason, count, None) for (stage, reason), count in counts.items() if count)
