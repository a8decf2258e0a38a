"""The command line. Only click is imported here; each command imports what it uses when it runs."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import click

from analyzer import __version__
from analyzer.console import Commands, left_out, read, write
from analyzer.errors import AnalyzerError
from analyzer.options import FILE_FORMATS, conditions_of, filtering, formatted, how, judging, reading

# No matrix is ever multiplied: NumPy's threads for that would only be started, and wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: Tables that a report is made of; a page shows a conversation besides.
REPORTED = ("sessions", "auth", "findings", "skipped")

#: What each listing is.
LISTINGS = {
    "auth": ("Every AUTH exchange: mechanism, rounds, outcome, reason.", "auth mail.pcap --outcome rejected"),
    "sessions": ("Every SMTP connection.", "sessions mail.pcap --client 192.0.2.0/24"),
    "exchanges": (
        "Every client line and its reply, secrets reduced to their length.",
        "exchanges mail.pcap --format csv",
    ),
    "messages": ("Every mail transaction.", "messages mail.pcap --since 09:00 --until 10:00"),
    "findings": ("What a reviewer should look at.", "findings mail.pcap --format jsonl"),
    "skipped": ("What could not be read, and why.", "skipped mail.pcap"),
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Read SMTP captures, server logs and transcripts: every login attempt, its 334 rounds, how it ended and why.

    PATH is a capture, a log, a folder or a pattern, plain or compressed; several are read as one. - is standard input.

    Example: smtp-analyzer report mail.pcap /var/log/mail.log*
    """
    gc.disable()  # a command is over before looking for garbage in cycles is worth it
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@main.command()
@click.option(
    "--html",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a page with charts instead; - is standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="One object for programs; docs/report.md describes it.")
@click.option(
    "--lang", default="en", show_default=True, metavar="LANG", help="Language of --html and --json: en or ar."
)
@judging
@filtering
@reading
def report(html: str | None, lang: str, *, as_json: bool, **options: Any) -> None:
    """Sum up: what happened, to whom, who got in, what to do, what nobody saw.

    Example: smtp-analyzer report mail.pcap --html report.html
    """
    from analyzer.knowledge import words

    words("report", lang)  # a language that is not there is told before anything is read
    if html == "-" and as_json:
        raise AnalyzerError("--html - and --json both write on standard output: give the page a file")
    if lang != "en" and not (html or as_json):
        click.echo("Note: --lang is for --html and --json; in a terminal the report is in English.", err=True)
    _, trace, screen = read(options, *REPORTED, *(("exchanges",) if html else ()))
    narrowed: dict[str, Any] = {"conditions": trace.conditions, "unmet": trace.unmet}
    given = {"paths": [*options["paths"], *how(options)], **narrowed}
    if html:
        from analyzer.report.page import page

        text = "".join(page(trace.tables, trace.sources, screen.clock, cannot=trace.cannot, lang=lang, **given))
        if html == "-":
            sys.stdout.buffer.write(text.encode("utf-8"))  # as the page says of itself, whatever the terminal has
        else:
            with open(html, "w", encoding="utf-8") as file:  # a page that cannot be made leaves no file behind
                file.write(text)
    if as_json:
        import json

        from analyzer.report.gather import gather
        from analyzer.report.model import plain

        whole = gather(trace.tables, trace.sources, trace.cannot, lang, **narrowed)
        write((json.dumps(plain(whole), indent=2), "\n"))
    if not html and not as_json:
        from analyzer.report.terminal import report as lines

        write(f"{line}\n" for line in lines(trace.tables, trace.sources, screen, trace.cannot, **given))


@main.command()
@click.option("--test", type=click.Path(dir_okay=False), metavar="FILE", help="Show which lines are taken.")
@click.option("--formats", type=click.Path(), multiple=True, metavar="FOLDER", help="Log formats of your own.")
@click.option("--as", "form", metavar="NAME", help="List or try this format alone.")
def formats(test: str | None, formats: tuple[str, ...], form: str | None) -> None:
    """List the log formats that are known, with a line of each; or show which of them takes the lines of a file.

    Example: smtp-analyzer formats --test /var/log/mail.log
    """
    from analyzer.inputs import opened_text
    from analyzer.report.formats import listed, tried
    from analyzer.report.screen import Clock, Screen
    from analyzer.stages import catalogue

    screen = Screen.of(sys.stdout, Clock(None))
    known = catalogue(formats)
    write(
        f"{line}\n" for line in (tried(known, opened_text(test), form, screen) if test else listed(known, form, screen))
    )


@main.command()
@click.option("--lang", default="en", show_default=True, metavar="LANG", help="Language of the page: en or ar.")
@click.option("--json", "as_json", is_flag=True, help="One object for programs; docs/replies.md describes it.")
@click.argument("terms", nargs=-1, required=True, metavar="TERM...")
def explain(terms: tuple[str, ...], lang: str, *, as_json: bool) -> None:
    """Say what a reply means, when it is seen, how to fix it, and how two differ.

    TERM is a reply code, an enhanced code, a whole reply in quotation marks, a reason, an outcome or a mechanism.

    Example: smtp-analyzer explain 235 334
    """
    import analyzer
    from analyzer.report.screen import Clock, Screen

    explanation = analyzer.explain(*terms, lang=lang)
    if as_json:
        import json

        write((json.dumps(explanation.as_dict(), indent=2), "\n"))
        return
    write(f"{line}\n" for line in explanation.lines(Screen.of(sys.stdout, Clock(None))))


def _listing(name: str, text: str, example: str) -> click.Command:
    @formatted
    @click.option("--columns", metavar="NAMES", help="Columns, separated by commas, or all.  [default: what fits]")
    @filtering
    @reading
    def command(form: str, columns: str | None, **options: Any) -> None:
        from analyzer.report.listing import chosen, listing

        names = chosen(name, columns)
        whole, trace, screen = read(options, name, sessions=form == "table" or name == "sessions")
        if not trace.unmet:
            left_out(whole, trace, name)
        write(listing(trace.tables[name], form, screen, names, whole.tables.get("sessions")))

    help_text = f"{text}\n\nExample: smtp-analyzer {example}"
    return click.command(name, help=help_text)(judging(command) if name == "findings" else command)


for _name, (_text, _example) in LISTINGS.items():
    main.add_command(_listing(_name, _text, _example))


@main.command()
@click.option("--to", "folder", required=True, type=click.Path(), metavar="DIR", help="Folder; made if there is none.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FILE_FORMATS),
    default=FILE_FORMATS[0],
    show_default=True,
    help="For notebooks and databases, spreadsheets, or programs: --format csv.",
)
@click.option("--tables", metavar="NAMES", help="Tables, separated by commas: --tables auth,sessions.  [default: all]")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@judging
@filtering
@reading
def export(folder: str, form: str, tables: str | None, *, force: bool, **options: Any) -> None:
    """Write tables into files, one each: auth.parquet, sessions.parquet and so on, with all their columns.

    Example: smtp-analyzer export mail.pcap --to tables
    """
    from analyzer.report import export as exported
    from analyzer.report.safe import visible

    paths = exported.files(folder, form, tables, force=force)  # what cannot be written is told before anything is read
    _, trace, _ = read(options, *paths)
    rows = exported.write(trace.tables, form, paths)
    counts = {path: rows[name] for name, path in paths.items()}
    write(f"{visible(path)}: {count} row{'' if count == 1 else 's'}\n" for path, count in counts.items())


@main.command()
@click.option(
    "--by",
    metavar="COLUMNS",
    help="Columns to group by, separated by commas: --by reason,mechanism. docs/statistics.md lists them.  "
    "[default: a page of the main statistics]",
)
@click.option("--failures", is_flag=True, help="Only what failed, as a rate of all alike: --failures --by reason.")
@click.option(
    "--measure",
    metavar="NAME",
    help="Percentiles of seconds, seconds_server, seconds_client or seconds_to_auth: --measure seconds --by outcome.",
)
@click.option(
    "--compare",
    metavar="SINCE..UNTIL",
    help="Set a second period beside the one of --since and --until: --compare 2026-11-01..2026-11-07; one end may "
    "be left out.",
)
@click.option(
    "--geoip",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    help="MaxMind database, for --by country,asn; needs the extra `geo`: --geoip GeoLite2-ASN.mmdb.",
)
@formatted
@filtering
@reading
def stats(**options: Any) -> None:
    """Count attempts by any columns: rates with intervals, sessions, names, clients, durations.

    Example: smtp-analyzer stats mail.pcap --by mechanism,reason
    """
    from contextlib import ExitStack

    from analyzer.report import rows, statistics
    from analyzer.report.overview import page
    from analyzer.stats.answer import answer, checked
    from analyzer.stats.facts import Facts
    from analyzer.stats.networks import opened
    from analyzer.zones import zone

    form, measure, where = options["form"], options["measure"], options["display_timezone"]
    rates = options["failures"] or options["compare"] is not None
    second = _period(options["compare"], options) if options["compare"] is not None else None
    with ExitStack() as resources:
        places = opened(options["geoip"], resources)
        by = checked(options["by"] or (), measure, places, rates=rates)
        whole, trace, screen = read(options, "auth")
        facts = Facts(trace.tables, zone(where), places)
        other = Facts(whole.filter(**second).tables, zone(where), places) if second else None
        if form == "table" and not (by or measure or rates):
            write(f"{line}\n" for line in page(facts, trace.sources, screen))
            return
        made = answer(facts, by, measure=measure, other=other, failures=options["failures"])
    if form == "table":
        write(f"{line}\n" for line in statistics.answered(made, facts, other, screen))
        return
    for line in statistics.basis(facts)[1:2] if facts.totals.unreadable else ():
        click.echo(f"Note: {line}.", err=True)
    write((rows.jsonl if form == "jsonl" else rows.csv)(made, list(made.columns)))


def _period(text: str, options: dict[str, Any]) -> dict[str, Any]:
    """Read SINCE..UNTIL; gives the conditions with that period."""
    from analyzer.filters import Conditions

    since, dots, until = text.partition("..")
    if not dots or not (since or until):
        raise AnalyzerError(f"{text!r} is no period: give SINCE..UNTIL, as in 2026-11-01..2026-11-07")
    conditions = conditions_of({**options, "since": since or None, "until": until or None})
    Conditions(**conditions)
    return conditions


@main.command()
@click.option(
    "--session", required=True, metavar="ID", help="Id of the session, or its number in the listing `sessions`."
)
@reading
def show(session: str, **options: Any) -> None:
    """Show one conversation as a ladder, challenges decoded and secrets hidden.

    Example: smtp-analyzer show mail.pcap --session 3
    """
    from analyzer.report.ladder import ladder

    _, trace, screen = read(options)
    about = trace.session(session)
    write(f"{line}\n" for line in ladder(trace.tables, about.id, screen, about.ordinal))
