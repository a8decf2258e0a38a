"""One input through all stages: from packets, or lines, to the tables of a writer."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from analyzer import limits
from analyzer.errors import Skip
from analyzer.findings.thresholds import Thresholds
from analyzer.schema import TABLES
from analyzer.smtp.reader import Reader
from analyzer.smtp.writer import Writer
from analyzer.tcp.stage import Tracker
from analyzer.wire.feed import Feed
from analyzer.zones import LocalZone
from analyzer.zones import zone as zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.inputs import Input
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.read import Log, Progress
    from analyzer.smtp.sasl import Decoder
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


class Shard:
    """All stages behind `wire`, for the connections whose hash falls to one of the workers."""

    def __init__(self, source: str, number: int, settings: Settings, decoder: Decoder) -> None:
        self.tracker = Tracker(number, settings.workers, settings.capacity or 8192)
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

    def skipped(self) -> Iterator[tuple[str, str, int]]:
        """Give stage, reason and count of what this shard could not use."""
        yield "tcp", "connection without payload", self.reader.silent_sessions
        yield "smtp", "connection is not SMTP", self.reader.other_sessions + self.tracker.dull_sessions
        yield "tls", "dialogue inside TLS, no keys", self.writer.unreadable


def read_capture(capture: Capture, settings: Settings, decoder: Decoder, progress: Progress | None) -> list[Shard]:
    """Run one capture through all stages, one shard a worker."""
    shards = [Shard(capture.name, number, settings, decoder) for number in range(settings.workers)]

    def read() -> Window | None:
        window = capture.read()
        if progress and window:
            progress(capture.consumed, capture.total_bytes)
        return window

    if len(shards) == 1:
        shards[0].eat(iter(read, None))
    else:
        _eat_at_once(shards, Feed(read, len(shards)))
    return shards


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


def skips(capture: Capture, shards: Sequence[Shard]) -> Iterator[Skip]:
    """Give what could not be read of a capture."""
    yield from capture.skipped
    counts: Counter[tuple[str, str]] = Counter()
    for shard in shards:
        for stage, reason, count in shard.skipped():
            counts[stage, reason] += count
    yield from (Skip(capture.name, stage, reason, count, None) for (stage, reason), count in counts.items() if count)
