"""What was read: tables, sources, and one conversation at a time."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.errors import AnalyzerError
from analyzer.events import Size, size
from analyzer.findings.thresholds import Thresholds
from analyzer.tables import Table, number_of
from analyzer.zones import zone as zone_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from analyzer.given import Input
    from analyzer.report.charts import Charts

    Array = np.ndarray[Any, Any]


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
        #: What it was narrowed to by `filter`, as options of the command line.
        self.conditions: list[str] = []
        self._whole = tables

    @cached_property
    def found(self) -> int:
        """How many SMTP sessions there are, with a table of them or without."""
        return len(self.tables["sessions"]) if "sessions" in self.tables else 0

    @cached_property
    def unmet(self) -> Size | None:
        """How much the whole input has, where nothing of it meets the conditions; None: something does, or all."""
        if not self.conditions or any(len(self.tables[name]) for name in ("sessions", "auth")):
            return None
        whole = size(self._whole)
        return whole if any(whole) else None

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

        asked = Conditions(**conditions)
        kept = select(self.tables, asked)
        trace = Trace(kept, self.sources, self.warnings, self.inputs, self.cannot)
        trace.conditions, trace._whole = [*self.conditions, *asked.words()], self._whole
        return trace

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
        return findings_of(self.tables, Thresholds.of(thresholds)).frame()

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
        told: dict[str, Any] = {"cannot": self.cannot, "lang": lang, "conditions": self.conditions, "unmet": self.unmet}
        text = "".join(page(self.tables, self.sources, clock, **told))
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

        return trace_html(self.tables, self.sources, self.conditions, self.unmet)

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


def findings_of(tables: Mapping[str, Table], thresholds: Thresholds) -> Table:
    """Give the table `findings`; what finds is loaded where somebody asks."""
    from analyzer.findings.find import find as find_in

    return find_in(tables, thresholds)
