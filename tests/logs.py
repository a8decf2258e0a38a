"""Logs of a dialogue in a format of a test's own, and what is read of them."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

from analyzer import kernel
from analyzer.logs.account import Account
from analyzer.logs.blocks import blocks
from analyzer.logs.catalogue import Catalogue
from analyzer.logs.clock import Clock
from analyzer.logs.dialogue import Dialogues
from analyzer.logs.formats import formats, parse
from analyzer.logs.lines import Lines
from analyzer.logs.sessions import Sessions
from analyzer.schema import TABLES
from analyzer.smtp.sasl import Decoder
from analyzer.sorting import sorted_tables
from analyzer.wire.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from analyzer.logs.formats import Format
    from analyzer.tables import Table

#: A log whose lines begin with C: and S:, and tell what else there is to tell in lines that begin with an asterisk.
PATTERNS = (
    ("connect", "* connect {client_ip} {client_port}", ""),
    ("connect", "* connect", ""),
    ("tls", "* tls {tls_version}", ""),
    ("lost", "* lost", ""),
    ("timeout", "* timeout", ""),
    ("closed", "* closed", ""),
    ("disconnect", "* disconnect", ""),
    ("failed", "* failed{? for {identity}}{?: {reason:rest}}", ""),
    ("succeeded", "* succeeded as {identity:rest}", ""),
    ("line", "C: {line:rest}", "a"),
    ("line", "C:", "a"),
    ("line", "S: {line:rest}", "b"),
    ("line", "S:", "b"),
)


def format_of(
    folder: Path,
    patterns: Iterable[tuple[str, str, str]] = PATTERNS,
    *,
    escape: str = "",
    key: str = "[[]]",
    more: str = "shows_tls = true",
) -> Format:
    """Make a format of patterns: event, template, and the side, or (of no line) what else there is to say."""
    text = f'name = "own"\ntitle = "own"\nreference = "https://example.org"\nkey = {key}\n{more}\n'
    for number, (event, template, side) in enumerate(patterns):
        text += f'[[pattern]]\nname = "p{number}"\nevent = "{event}"\ntext = {template!r}\nreference = "https://example.org"\n'
        text += f'side = "{side}"\nescape = "{escape}"\n' if event == "line" else f"{side}\n"
    file = folder / "own.toml"
    file.write_text(text, encoding="utf-8")
    return parse(file)


def tables_of(made: Format, text: str | bytes, size: int = 1 << 20) -> dict[str, Table]:
    """Give the tables of a log's text that is in a format, read in blocks of a size."""
    source = Source(io.BytesIO(text.encode() if isinstance(text, str) else text))
    source.name = "own.log"
    return read(source, Catalogue([made]), (0,), size)


def found_in(text: str) -> dict[str, Table]:
    """Give the tables of the dialogues of a log's text, whose format is found by its content."""
    source = Source(io.BytesIO(text.encode()))
    source.name = "found.log"
    return read(source, Catalogue(formats()))


def read(source: Source, catalogue: Catalogue, forced: tuple[int, ...] = (), size: int = 1 << 20) -> dict[str, Table]:
    """Give the tables of the dialogues of a source."""
    kernel.select(0)
    lines = Lines(catalogue, Clock(dt.UTC, 2026, None), Account(source.name), forced)
    sessions, dialogues = Sessions(catalogue, source.name), Dialogues(source.name, frozenset(TABLES), Decoder())
    for raw in blocks(source, size=size):
        for group in sessions.eat(lines.block(raw, sessions.room)):
            dialogues.write(group)
    for group in sessions.end():
        dialogues.write(group)
    return sorted_tables([dialogues.writer.written()])


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Give a table row by row."""
    columns = table.lists()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def auth_of(made: Format, text: str | bytes, *names: str) -> list[dict[str, Any]] | list[tuple[Any, ...]]:
    """Give the AUTH exchanges of a log's text, or some columns of them."""
    rows = rows_of(tables_of(made, text)["auth"])
    return [tuple(row[name] for name in names) for row in rows] if names else rows


def dialogue(*lines: str) -> str:
    """Give a log of its lines."""
    return "\n".join(lines) + "\n"
