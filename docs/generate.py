"""Write the pages that are made from the program itself: the command line and the tables.

Run as ``python docs/generate.py``; ``tests/test_docs.py`` fails when a page is out of date.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

HERE = Path(__file__).parent

KINDS = {
    "int": "integer",
    "time": "time, UTC, nanoseconds",
    "seconds": "number, seconds",
    "flag": "true or false",
    "text": "text",
    "words": "list of words (CSV: joined by spaces)",
}


def tables() -> str:
    """Give the page of the tables."""
    from analyzer.schema import TABLES

    page = [
        "# Tables",
        "",
        "Made from `analyzer/schema.py` by `python docs/generate.py`; do not edit.",
        "",
        "Every table is a listing of the command line (`smtp-analyzer auth …`) and a DataFrame of the library",
        "(`trace.auth`), with the same columns. Unknown is `null` in JSON, empty in CSV and missing in pandas.",
        "Numbers that are times in seconds, and `confidence`, are floating point.",
    ]
    for name, columns in TABLES.items():
        page += ["", f"## {name}", "", "| column | kind | unknown | meaning |", "|---|---|---|---|"]
        for column in columns:
            kind = "number, 0 to 1" if column.name == "confidence" else KINDS[column.kind]
            page.append(
                f"| `{column.name}` | {kind} | {'possible' if column.nullable else 'never'} | {column.meaning} |"
            )
    return "\n".join(page) + "\n"


def cli() -> str:
    """Give the page of the command line: the help of every command."""
    from analyzer.cli import main

    def context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
        return command.make_context(name, [], parent, resilient_parsing=True, terminal_width=100)

    top = context(main, "smtp-analyzer")
    page = [
        "# Command line",
        "",
        "Made from the program's own help by `python docs/generate.py`; do not edit.",
        "",
        "Exit status: 0 when the input was read, also when some of it was damaged (a warning says so) or held no SMTP;",
        "2 when it could not be used; 130 after Ctrl-C; 141 when the reader of a pipe has left.",
        "",
        "`table` is for people: columns that fit the terminal, times in `--display-timezone`, control characters",
        "shown as escapes, `#` the number of the session. `csv` is for spreadsheets: a cell that would be a formula",
        "begins with an apostrophe. `jsonl` is for programs: every column, exact, in ASCII. Colours are off in a",
        "pipe and with `NO_COLOR`.",
        "",
        "```text",
        main.get_help(top),
        "```",
    ]
    for name in main.list_commands(top):
        page += [
            "",
            f"## {name}",
            "",
            "```text",
            main.commands[name].get_help(context(main.commands[name], name, top)),
            "```",
        ]
    return "\n".join(line.rstrip() for line in "\n".join(page).splitlines()) + "\n"


PAGES = {"cli.md": cli, "tables.md": tables}


def main() -> None:
    """Write the pages."""
    os.environ.pop("COLUMNS", None)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
