"""What commands take: options that several of them share. Nothing but click is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]

#: How a listing can be written; the same as in analyzer.report.listing, which costs more to import.
FORMATS = ("table", "csv", "jsonl")

#: How tables can be exported; the same as in analyzer.report.export.
FILE_FORMATS = ("parquet", "csv", "jsonl")

#: What every listing, report and export can be narrowed to.
CONDITIONS = (
    ("--since", "TIME", "From this moment on: 2026-11-18, 2026-11-18T09:30, or 09:30 on the first day of the capture."),
    ("--until", "TIME", "Before this moment; a date alone includes that day."),
    ("--client", "ADDRESS", "Client: 192.0.2.7, 192.0.2.0/24, either with :port, [2001:db8::1]:587, or :587."),
    ("--server", "ADDRESS", "Server, written alike."),
    ("--identity", "PATTERN", "Who tried to log in, * for any letters: '*@example.org'. Case does not matter."),
    ("--mechanism", "NAMES", "SASL mechanisms, separated by commas: LOGIN,PLAIN."),
    ("--outcome", "NAMES", "Outcomes, separated by commas: rejected,cancelled."),
    ("--reason", "NAMES", "Reasons, separated by commas: bad_password,throttled."),
)


def reading(command: Command) -> Command:
    """Add what every command that reads takes."""
    for decorate in (
        click.option("--quiet", is_flag=True, help="No progress bar."),
        click.option("--workers", type=click.IntRange(min=1), help="Processors to use; the result is the same."),
        click.option(
            "--display-timezone", default="local", show_default=True, help="Timezone that times are shown in."
        ),
        click.option(
            "--as",
            "log_format",
            metavar="NAME",
            help="Format of all logs, instead of finding it by their content; see formats.",
        ),
        click.option("--formats", type=click.Path(), multiple=True, metavar="FOLDER", help="Log formats of your own."),
        click.option("--year", type=click.IntRange(1970, 2200), help="Year of the first line of logs that tell none."),
        click.option("--timezone", metavar="ZONE", help="Timezone of log lines that tell none.  [default: local]"),
        click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
    ):
        command = decorate(command)
    return command


def judging(command: Command) -> Command:
    """Add what decides on findings."""
    return click.option(
        "--threshold",
        "thresholds",
        multiple=True,
        metavar="NAME=VALUE",
        help="From when on something is a finding; docs/findings.md lists the names.",
    )(command)


def filtering(command: Command) -> Command:
    """Add the conditions."""
    for name, metavar, text in reversed(CONDITIONS):
        command = click.option(name, metavar=metavar, help=text)(command)
    return command


#: How what was found is written.
formatted = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="For people, spreadsheets or programs: --format csv.",
)


#: What decides how inputs are read: option, and what it is called in the program.
_HOW = {"--as": "log_format", "--formats": "formats", "--year": "year", "--timezone": "timezone"}


def how(options: dict[str, Any]) -> list[str]:
    """Write how inputs are read as words of a command."""
    values = {name: options.get(option) for name, option in _HOW.items()}
    several = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items() if value}
    return [word for name, each in several.items() for value in each for word in (name, str(value))]


def conditions_of(options: dict[str, Any]) -> dict[str, Any]:
    """Give the conditions that were asked for."""
    asked = {name[2:]: options.get(name[2:]) for name, _, _ in CONDITIONS}
    conditions = {name: value for name, value in asked.items() if value is not None}
    return {**conditions, "timezone": options["display_timezone"]} if conditions else {}
