"""Tables for people: columns that fit the terminal.

rich lays out a cell in some 50 microseconds; a listing of a million rows would take minutes. Here a column is formatted
once for each distinct value, and a row is one join.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.kinds import whom
from analyzer.report import safe
from analyzer.report.screen import many, padded, width_of
from analyzer.schema import NULL, TABLES
from analyzer.tables import Text, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.report.screen import Clock, Screen
    from analyzer.tables import Column as TableColumn
    from analyzer.tables import Ids, Table

    Array = np.ndarray[Any, Any]

#: The ordinal of a session in the listing of all sessions: what ``show --session`` takes.
ORDINAL: Final = "#"
#: Whom a finding is about: client, identity and server in one column.
ABOUT: Final = "about"

#: Columns that people are shown and programs are not, by table, and what they are made of.
MADE: Final = {ORDINAL: "session", ABOUT: "severity"}

#: Columns in the order of how much they are wanted; as many are shown as fit.
WANTED: Final = {
    "sessions": "# first client_ip tls attempts authenticated_as ended_by server_ip server_port messages product helo "
    "session readable client_port commands replies sni tls_version caveats role via bytes source",
    "auth": "# started client_ip identity mechanism rounds outcome reason code text seconds session authzid server_ip "
    "server_port tls evidence caveats client_port initial_response role where source",
    "exchanges": "# at verb argument code text seconds attempt frame session",
    "messages": "# at mail_from accepted refused size code text chunks session",
    "findings": "severity kind # about count at evidence advice last confidence session places",
    "skipped": "count stage reason first source",
}

#: What a row tells of where several sources tell of the same, and behind which column it then says its source.
TOLD: Final = {"sessions": ("session", "ended_by"), "auth": ("attempt", "outcome")}

#: Columns that may be cut, and to what width, so that one more column fits.
LEAST: Final = {
    "about": 26, "advice": 20, "argument": 16, "authenticated_as": 16, "authzid": 12, "banner": 20, "caveats": 12,
    "client": 15, "client_ip": 15, "evidence": 20, "first": 12, "helo": 12, "identity": 10, "kind": 16, "mail_from": 16,
    "mechanism": 8, "outcome": 13, "places": 20, "product": 12, "reason": 12, "server": 15, "server_ip": 15, "sni": 16,
    "source": 7, "text": 20, "verb": 10, "where": 16,
}  # fmt: skip
#: Columns in a pipe are those of a terminal as wide as this, and nothing is cut.
PIPED: Final = 120
#: No cell of a terminal is wider, however wide it is.
WIDEST: Final = 60

GAP: Final = "  "

_STYLE_OF: Final = {
    ("outcome", "succeeded"): "green",
    ("outcome", "rejected"): "red",
    ("severity", "high"): "red",
    ("severity", "medium"): "yellow",
}


@dataclass(slots=True)
class Column:
    """A column to print: a head, the distinct cells, and which cell each row has."""

    head: str
    cells: list[str]
    rows: Array
    right: bool = False
    least: int | None = None
    width: int = 0

    def __post_init__(self) -> None:
        self.width = max(map(width_of, [self.head, *self.cells]), default=0)


def grid(table: Table, screen: Screen, columns: Sequence[str] | None, sessions: Ids) -> Iterator[str]:
    """Give the lines of a table: what it is about, the heads, and a line a row."""
    view = _View(table, screen.clock, sessions)
    names = columns or [n for n in view.wanted() if n in MADE or _any_known(table[n])]
    made = [view.column(name) for name in names]
    shown = squeezed(made if columns else _fitting(made, screen.width or PIPED), screen.width)
    more = len(table) and len(shown) < len(made)
    head = [view.caption(), *(["more: --columns all"] if more else [])]
    yield from ["; ".join(head)] if width_of("; ".join(head)) <= screen.columns else head
    if len(table):
        yield from lines(shown, screen)


def lines(columns: Sequence[Column], screen: Screen) -> Iterator[str]:
    """Give the line of heads and a line a row."""
    heads = GAP.join(padded(c.head, c.width, right=c.right) for c in columns)
    yield screen.style(heads.rstrip(), "bold")
    cells = [
        np.array([_styled(padded(cell, c.width, right=c.right), c.head, cell, screen) for cell in c.cells], object)
        for c in columns
    ]
    rows = zip(*(known[c.rows].tolist() for known, c in zip(cells, columns, strict=True)), strict=True)
    yield from (GAP.join(row).rstrip() for row in rows)


def _styled(text: str, head: str, cell: str, screen: Screen) -> str:
    style = _STYLE_OF.get((head, cell))
    return screen.style(text.rstrip(), style) + text[len(text.rstrip()) :] if style else text


def _any_known(column: TableColumn) -> bool:
    if isinstance(column, Text):
        return any(column.words[code] for code in np.unique(column.codes).tolist() if code >= 0)
    if not isinstance(column, np.ndarray):
        return bool(column.known().any())
    return bool((column >= 0).any())  # not so for NaN, NULL and an unknown flag


class _View:
    """A table as people read it: times in one timezone, without the date where all are of one day."""

    def __init__(self, table: Table, clock: Clock, sessions: Ids) -> None:
        self.table, self.clock, self.sessions = table, clock, sessions
        self.kinds = {column.name: column.kind for column in TABLES[table.name]}
        times = [np.asarray(table[name]) for name, kind in self.kinds.items() if kind == "time"]
        known = np.concatenate([np.empty(0, np.int64), *times])
        known = known[known != NULL]
        self.first = int(known.min()) if len(known) else None
        days = {clock.day(int(time)) for time in (known.min(), known.max())} if len(known) else set()
        self.day = days.pop() if len(days) == 1 else None
        self.events = len(np.unique(table.ids("event").keys())) if table.name in TOLD else len(table)

    def caption(self) -> str:
        """Say how many rows there are, and of what times they tell."""
        facts = [many(len(self.table), "row")]
        if self.events < len(self.table):
            facts[0] += f" of {many(self.events, TOLD[self.table.name][0])}"
            sources = len(self.table.text("source").counts())
            facts += [f"told by {sources} sources"] if sources > 1 else []
        if self.day:
            facts.append(f"on {self.day}")
        if self.first is not None:
            facts.append(f"times in {self.clock.name(self.first)}")
        return f"{self.table.name}: {', '.join(facts)}"

    def wanted(self) -> list[str]:
        """Name the columns in the order of how much they are wanted."""
        names = WANTED[self.table.name].split()
        if self.events < len(self.table):
            names.remove("source")
            names.insert(names.index(TOLD[self.table.name][1]) + 1, "source")
        return names

    def column(self, name: str) -> Column:
        """Format a column: once for each distinct value."""
        if name == ORDINAL:
            distinct, rows = np.unique(rows_of(self.table.ids("session"), self.sessions), return_inverse=True)
            return Column(name, [str(row + 1) if row >= 0 else "" for row in distinct.tolist()], rows, right=True)
        data = self._about() if name == ABOUT else self.table[name]
        if not isinstance(data, np.ndarray):
            text = data if isinstance(data, Text) else Text.of(data.list())
            distinct, rows = np.unique(text.codes, return_inverse=True)
            words = [text.words[code] if code >= 0 else None for code in distinct.tolist()]
            cells = ["-" if word is None else safe.visible(word)[: 2 * WIDEST] for word in words]
            return Column(name, cells, rows, least=LEAST.get(name))
        kind = self.kinds[name]
        if kind == "time":
            data = np.where(data == NULL, NULL, data // 10**9)
        distinct, rows = np.unique(data, return_inverse=True, equal_nan=True)
        return Column(name, [self._cell(value, kind) for value in distinct.tolist()], rows, right=kind != "time")

    def _about(self) -> Text:
        """Say whom each finding is about."""
        names = (self.table.text(name).list() for name in ("client", "identity", "server"))
        return Text.of([" ".join(whom(*each)) or None for each in zip(*names, strict=True)])

    def _cell(self, value: float, kind: str) -> str:
        if value in (NULL, -1) or value != value:  # noqa: PLR0124 (NaN is unequal to itself)
            return "-"
        if kind == "time":
            time = int(value) * 10**9
            return self.clock.time(time) if self.day else f"{self.clock.day(time)} {self.clock.time(time)}"
        if kind == "seconds":
            return f"{value:.3f}"
        if kind == "flag":
            return "yes" if value else "no"
        return str(value)


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Keep the first columns that fit, text counted as narrow as it may become."""
    kept: list[Column] = []
    used = -len(GAP)
    for column in columns:
        more = len(GAP) + (column.width if column.least is None else min(column.width, column.least))
        used += more
        if used > width:
            break  # what is wanted less is not shown in its place
        kept.append(column)
    return kept


def squeezed(columns: Sequence[Column], width: int | None, widest: int = WIDEST) -> Sequence[Column]:
    """Share the space that is left among the columns that may be cut, the narrow ones first."""
    if width is None:
        return columns
    cut = sorted((c for c in columns if c.least is not None), key=lambda c: c.width)
    left = width - sum(c.width for c in columns if c.least is None) - len(GAP) * (len(columns) - 1)
    for number, column in enumerate(cut):
        later = sum(min(c.width, c.least or 0) for c in cut[number + 1 :])
        even = min(left // (len(cut) - number), left - later)  # what is left of it is enough for those behind
        share = max(even, min(left - later, column.least or 0), len(column.head))
        column.width = min(column.width, share, widest)
        left -= column.width
    return columns
