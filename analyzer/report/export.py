"""Tables as files of a folder, one a table: for notebooks, databases and spreadsheets."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final

from analyzer.errors import AnalyzerError
from analyzer.meanwhile import side_by_side
from analyzer.report import rows
from analyzer.report.listing import column_names
from analyzer.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from analyzer.tables import Table


def _parquet(table: Table, file: BinaryIO) -> None:
    from analyzer.report import parquet

    parquet.write(table, file)


def _csv(table: Table, file: BinaryIO) -> None:
    file.writelines(rows.csv(table, column_names(table.name)))


def _jsonl(table: Table, file: BinaryIO) -> None:
    file.writelines(rows.jsonl(table, column_names(table.name)))


#: The order in which tables are written: what takes long first; findings are found while exchanges are written.
_ORDER: Final = ("findings", "exchanges", "auth", "sessions", "messages", "skipped")
assert set(_ORDER) == set(TABLES)

#: The formats, each the ending of its files.
FORMATS: Final[dict[str, Callable[[Table, BinaryIO], None]]] = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}


def files(
    folder: str | os.PathLike[str], form: str, names: str | Sequence[str] | None = None, *, force: bool = False
) -> dict[str, str]:
    """Make the folder, and name the file of each table; without `names` (a list, or separated by commas) of all.

    Raises AnalyzerError where there is no such format or table, where the folder cannot be made or written, and where
    a file is there already, unless `force` is given.
    """
    if form not in FORMATS:
        raise AnalyzerError(f"unknown format {form}; known are {', '.join(FORMATS)}")
    asked = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    asked = list(TABLES) if asked is None else list(dict.fromkeys(asked))
    unknown = [name for name in asked if name not in TABLES]
    if unknown or not asked:
        raise AnalyzerError(f"unknown table {', '.join(unknown)}; known are {', '.join(TABLES)}")
    folder = os.fspath(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        reason = "a file has that name" if isinstance(error, FileExistsError) else error.strerror
        raise AnalyzerError(f"{folder}: the folder cannot be made: {reason}; give another one") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AnalyzerError(f"{folder}: nothing can be written into this folder; give another one")
    paths = {name: os.path.join(folder, f"{name}.{form}") for name in asked}
    there = [path for path in paths.values() if os.path.lexists(path)]
    if there and not force:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise AnalyzerError(
            f"{there[0]}{more} is there already: give another folder, or --force (force=True) to overwrite"
        )
    return paths


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Tell of which file it was that the system refuses something."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise AnalyzerError(f"{path} cannot be written: {reason}") from None


def write(tables: Mapping[str, Table], form: str, paths: Mapping[str, str]) -> dict[str, int]:
    """Write tables to the files that `files` named; gives how many rows each has.

    All of them get their names at the end: a run that is interrupted, or that finds no room, leaves what was there
    before. Raises AnalyzerError for what the system refuses, and for tables that were left out.
    """
    for name in paths:
        if name not in tables:
            tables[name]  # tells so, before anything is written
    beside = {path: f"{path}.{os.getpid()}.part" for path in paths.values()}
    opened: list[BinaryIO] = []
    stopped = False

    def make(name: str) -> int:
        table = tables[name]
        with _told(paths[name]), open(beside[paths[name]], "xb") as file:
            opened.append(file)
            if not stopped:
                FORMATS[form](table, file)
        return len(table)

    def stop() -> None:
        nonlocal stopped
        stopped = True
        for file in opened:
            with suppress(OSError):
                file.close()  # nothing more can be written to it

    try:
        rows = side_by_side(make, sorted(paths, key=_ORDER.index), stop)
        for path in paths.values():
            with _told(path):
                os.replace(beside[path], path)
        return rows
    finally:
        for part in beside.values():
            with suppress(OSError):
                os.unlink(part)
