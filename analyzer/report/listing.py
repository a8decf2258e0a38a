"""The listings: one table, in the format that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.errors import AnalyzerError
from analyzer.meanwhile import ahead
from analyzer.report import grid, rows
from analyzer.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.report.screen import Screen
    from analyzer.tables import Table

#: The formats: for people, for spreadsheets, for programs.
FORMATS: Final = ("table", "csv", "jsonl")


def listing(
    table: Table, form: str, screen: Screen, columns: Sequence[str] | None, sessions: Table | None
) -> Iterator[str] | Iterator[bytes]:
    """Give a table block by block, for people as text, else in UTF-8; without `columns`, all, or those that fit.

    `sessions`: the table of all there are, in their order: the ordinal of a session is its place, from 1. Only people
    are told it.
    """
    if form == "table" and sessions is not None:
        return (line + "\n" for line in grid.grid(table, screen, columns, sessions.ids("session")))
    names = [name for name in columns or column_names(table.name) if name not in grid.MADE]
    return ahead(rows.jsonl(table, names) if form == "jsonl" else rows.csv(table, names))


def column_names(name: str) -> list[str]:
    """Name the columns of a table."""
    return [column.name for column in TABLES[name]]


def chosen(name: str, columns: str | None) -> list[str] | None:
    """Read ``--columns``: names separated by commas, or ``all``."""
    if columns is None:
        return None
    if columns == "all":
        return column_names(name)
    asked = [column.strip() for column in columns.split(",")]
    known = column_names(name)
    known += [made for made, source in grid.MADE.items() if source in known]
    unknown = [column for column in asked if column not in known]
    if unknown:
        raise AnalyzerError(f"{name} has no column {', '.join(unknown)}; it has {', '.join(known)}")
    return asked
