"""What was read: tables, sources, and one conversation at a time."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analyzer import kernel, limits
from analyzer.errors import AnalyzerError, Skip
from analyzer.filters import LocalZone
from analyzer.filters import zone as zone_of
from analyzer.findings.thresholds import Thresholds
from analyzer.inputs import find
from analyzer.logs.heads import cut_heads
from analyzer.schema import TABLES
from analyzer.smtp.machine.steps import run as machine
from analyzer.smtp.reader import Reader
from analyzer.smtp.sasl import Decoder
from analyzer.smtp.writer import Writer
from analyzer.sorting import joined, sorted_tables
from analyzer.tables import Table, number_of, replaced
from analyzer.tcp.stage import Tracker
from analyzer.wire.feed import Feed
from analyzer.wire.sources import size_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from analyzer.inputs import Input
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.read import Log
    from analyzer.report.charts import Charts
    from analyzer.tcp.stage import Batch
    from analyzer.wire import Capture, Window

    Array = np.ndarray[Any, Any]
    Progress = Callable[[int, int | None], None]

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


def _weight(given: Input) -> int:
    """Say how much work an input is, in bytes of a capture; one whose size nobody can tell is worth compiling."""
    sizes = [size_of(place) for place in given.places]
    each = limits.LOG_WEIGHT if given.kind == "text" else 1
    return limits.COMPILE_ABOVE_BYTES if None in sizes else each * sum(size or 0 for size in sizes)


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


class Trace:
    """The tables of what was read."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        sources: list[str],
        warnings: list[str],
        inputs: Sequence[Input] = (),
        cannot: Sequence[dict[str, str]] = (),
    ) -> None:
        self.tables, self.sources, self.warnings = tables, sources, warnings
        self.inputs = list(inputs)
        #: What the logs among the sources do not show (``format``, ``what``), and the ``setting`` that would show it.
        self.cannot = list(cannot)

    @cached_property
    def found(self) -> int:
        """How many SMTP sessions there are, with a table of them or without."""
        return len(self.tables["sessions"]) if "sessions" in self.tables else 0

    @property
    def sessions(self) -> pd.DataFrame:
        """SMTP connections, one a row."""
        return self.tables["sessions"].frame()

    @property
    def auth(self) -> pd.DataFrame:
        """AUTH exchanges, one a row."""
        return self.tables["auth"].frame()

    @property
    def exchanges(self) -> pd.DataFrame:
        """Client units and their replies, one a row."""
        return self.tables["exchanges"].frame()

    @property
    def messages(self) -> pd.DataFrame:
        """Mail transactions, one a row."""
        return self.tables["messages"].frame()

    @property
    def findings(self) -> pd.DataFrame:
        """What a reviewer should look at, one a row."""
        return self.tables["findings"].frame()

    @property
    def skipped(self) -> pd.DataFrame:
        """What could not be read, one reason a row."""
        return self.tables["skipped"].frame()

    def filter(self, **conditions: Any) -> Trace:
        """Give the trace of what meets the conditions; see `analyzer.filters.Conditions` for their names."""
        from analyzer.filters import Conditions, select

        kept = select(self.tables, Conditions(**conditions))
        return Trace(kept, self.sources, self.warnings, self.inputs, self.cannot)

    def stats(
        self,
        by: str | Sequence[str] = (),
        *,
        measure: str | None = None,
        compare: Trace | None = None,
        timezone: str = "local",
        geoip: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Count attempts by columns (docs/statistics.md has them): rates with intervals, sessions, people.

        `measure` names a duration, and gives its percentiles instead; `compare` is the trace of another period, which
        is set beside this one. `timezone` is that of hours and days; `geoip` are MaxMind databases. The sessions that
        nobody could read are in the frame's `attrs`.
        """
        return self._answer(by, compare, timezone, geoip, measure=measure)

    def failures(
        self,
        by: str | Sequence[str] = (),
        *,
        compare: Trace | None = None,
        timezone: str = "local",
        geoip: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Count the attempts that did not succeed, by columns; rates are of all that are alike but for the ending."""
        return self._answer(by, compare, timezone, geoip, failures=True)

    def offered(self) -> pd.DataFrame:
        """Count the sessions in which each mechanism was offered, tried, and succeeded with."""
        from analyzer.stats import offers
        from analyzer.stats.facts import Facts

        return offers.finish(offers.partial(Facts(self.tables, None))).frame()

    def _answer(
        self, by: str | Sequence[str], other: Trace | None, timezone: str, geoip: Sequence[str], **how: Any
    ) -> pd.DataFrame:
        from analyzer.stats.answer import answer
        from analyzer.stats.facts import Facts
        from analyzer.stats.networks import opened

        with ExitStack() as resources:
            places = opened(geoip, resources)
            facts = Facts(self.tables, zone_of(timezone), places)
            others = Facts(other.tables, zone_of(timezone), places) if other else None
            made = answer(facts, by, other=others, **how)
        frame = made.frame()
        frame.attrs.update(facts.totals._asdict())
        return frame

    def find(self, **thresholds: float) -> pd.DataFrame:
        """Give the findings of these sessions with other thresholds; see `analyzer.findings.thresholds`."""
        return _findings(self.tables, Thresholds.of(thresholds)).frame()

    @property
    def charts(self) -> Charts:
        """Charts of these sessions, in the timezone of this machine; see `Charts.in_timezone`."""
        from analyzer.report.charts import Charts

        return Charts(self.tables, zone_of("local"))

    def report(self, path: str | os.PathLike[str], *, lang: str = "en", timezone: str = "local") -> None:
        """Write the report as one HTML file, in English (``en``) or Arabic (``ar``)."""
        from analyzer.report.page import page
        from analyzer.report.screen import Clock

        clock = Clock(zone_of(timezone))
        text = "".join(page(self.tables, self.sources, clock, cannot=self.cannot, lang=lang))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        format: str = "parquet",  # noqa: A002 (as on the command line)
        tables: Sequence[str] | None = None,
        force: bool = False,
    ) -> list[str]:
        """Write tables into files of a folder, one each, as ``parquet``, ``csv`` or ``jsonl``; gives their paths.

        `tables` are their names, without it all; files that are there are overwritten only with `force`. Raises
        AnalyzerError for what cannot be written.
        """
        from analyzer.report.export import files, write

        paths = files(folder, format, tables, force=force)
        write(self.tables, format, paths)
        return list(paths.values())

    def _repr_html_(self) -> str:
        from analyzer.report.notebook import trace_html

        return trace_html(self.tables, self.sources)

    def session(self, key: str | int) -> Session:
        """Give one conversation, by its id or its place in `sessions`, from 1; raises AnalyzerError for no such one."""
        known = self.tables["sessions"].ids("session")
        if str(key).isdecimal() and 1 <= int(key) <= len(known):
            return Session(self, int(key))
        rows = np.flatnonzero(known.numbers == number_of(str(key)))
        if len(rows):
            return Session(self, int(rows[0]) + 1)
        raise AnalyzerError(f"no session {key!r} in {', '.join(self.sources)}; the listing `sessions` has their ids")

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table)} {name}" for name, table in self.tables.items())
        return f"<Trace of {', '.join(self.sources)}: {counts}>"


class Session:
    """One conversation of a trace."""

    def __init__(self, trace: Trace, ordinal: int) -> None:
        self.trace, self.ordinal = trace, ordinal
        row = trace.tables["sessions"].take(np.array([ordinal - 1]))
        self.about = {name: values[0] for name, values in row.lists().items()}
        self.id: str = self.about["session"]

    def _of(self, name: str) -> pd.DataFrame:
        return self.trace.tables[name].of_session(self.id).frame()

    @property
    def exchanges(self) -> pd.DataFrame:
        """The units of this session and their replies."""
        return self._of("exchanges")

    @property
    def auth(self) -> pd.DataFrame:
        """The AUTH exchanges of this session."""
        return self._of("auth")

    @property
    def messages(self) -> pd.DataFrame:
        """The mail transactions of this session."""
        return self._of("messages")

    def packets(self) -> Any:
        """Give the packets of this session as a scapy PacketList, read again; AnalyzerError where a log tells of it."""
        from analyzer.wire.packets import packets

        about = self.about
        client, server = (about["client_ip"], about["client_port"]), (about["server_ip"], about["server_port"])
        mine = [each for each in self.trace.inputs if each.name == about["source"]]
        if any(each.kind == "text" for each in mine):
            raise AnalyzerError(f"session {self.id} is told by a log, {about['source']}: there are no packets of it")
        captures = [each.open() for each in mine]
        return packets(captures, client, server, about["first"], about["last"])

    def ladder(self, ax: Axes | None = None) -> Axes:
        """Draw the conversation."""
        return self.trace.charts.ladder(self.id, ax)

    def _repr_html_(self) -> str:
        from analyzer.report.notebook import session_html

        return session_html(self.trace.tables, self.id)

    def __repr__(self) -> str:
        a = self.about
        return f"<Session {self.id}: {a['client_ip']}:{a['client_port']} to {a['server_ip']}:{a['server_port']}>"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no garbage in cycles: reading makes none, and looking takes a twentieth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read(*sources: Any, workers: int | None = None, progress: Progress | None = None, **settings: Any) -> Trace:
    """Read captures, logs and transcripts: paths, globs, folders, binary streams, or scapy PacketLists.

    `tables` names the tables that are made (``sessions``, ``auth`` and ``skipped`` always are; with ``sessions=False``
    that one is left out where nothing needs it, which saves time where only attempts count); `thresholds` are those of
    `analyzer.findings.thresholds`, as a dictionary of what differs; the other settings are those of `Settings`.
    Raises InputError for what cannot be read at all; what is damaged in part is told in
    `Trace.skipped` and `Trace.warnings`.
    """
    inputs = find(sources)
    # the kernels of a kind that take longest to compile: the machine as long as all that captures need before it
    slow = {cut_heads if each.kind == "text" else machine for each in inputs}
    compiled = kernel.select(sum(map(_weight, inputs)), *slow)
    how = Settings(**settings, workers=workers or (2 if compiled else 1))
    several = len(inputs) > 1 and any(each.kind == "text" for each in inputs)  # they are put together by sessions
    needed = how.sessions or "findings" in how.tables or several
    wanted = frozenset(how.tables) - {"sessions"} | ({"sessions"} if needed else set())
    how = how._replace(tables=wanted, thresholds=Thresholds.of(how.thresholds))
    decoder = Decoder()
    writers: list[Any] = []
    skipped: list[Skip] = []
    warnings: list[str] = []
    cannot: list[dict[str, str]] = []
    with _undisturbed(), kernel.ahead(*slow - {cut_heads}):
        for each in inputs:
            if each.kind == "text":
                log = read_log(each, how, decoder, progress)
                writers += log.writers
                skipped += [*each.skipped, *log.skips()]
                warnings += log.clock.warnings
                cannot += [entry for entry in log.cannot() if entry not in cannot]
                continue
            options = {"window_bytes": how.window_bytes, "window_packets": how.window_packets, "capacity": how.capacity}
            capture = each.open(**options)
            shards = read_capture(capture, how, decoder, progress)
            writers += [shard.writer for shard in shards]
            skipped += skips(capture, shards)
            warnings += capture.warnings
        made, found = sorted_tables(writers), sum(writer.seen for writer in writers)
        if any(each.kind == "text" for each in inputs):
            made = joined(made)
            found = len(made["sessions"]) if "sessions" in made else found
    names = [column.name for column in TABLES["skipped"]]
    last: dict[str, Any] = {
        "skipped": Table.of("skipped", {name: [getattr(skip, name) for skip in skipped] for name in names})
    }
    if "findings" in how.tables:
        last["findings"] = partial(_findings, made, how.thresholds)
    trace = Trace(replaced(made, last), [each.name for each in inputs], warnings, inputs, cannot)
    trace.found = found
    return trace


def _findings(tables: Mapping[str, Table], thresholds: Thresholds) -> Table:
    from analyzer.findings.find import find as find_in

    return find_in(tables, thresholds)
