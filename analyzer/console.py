"""How commands begin and end: what they read, where they write, and what a person is told of errors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from analyzer.errors import AnalyzerError
from analyzer.options import conditions_of, how

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.report.screen import Screen
    from analyzer.trace import Trace

#: Exit status: what shells give for a process that SIGINT or SIGPIPE ended.
INTERRUPTED, PIPE_CLOSED, UNUSABLE = 130, 141, 2


class Commands(click.Group):
    """Commands whose errors are one line, and which end as shells expect."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except AnalyzerError as error:
            from analyzer.report.safe import visible

            click.echo(f"Error: {visible(str(error))}", err=True)
            ctx.exit(UNUSABLE)
        except BrokenPipeError:  # the reader has left (| head)
            _discard_output()
            ctx.exit(PIPE_CLOSED)
        except OSError as error:  # the disk is full, for one
            _discard_output()
            click.echo(f"Error: {error.filename or 'output'}: {error.strerror}", err=True)
            ctx.exit(UNUSABLE)
        except MemoryError:
            click.echo("Error: there is not enough memory; close other programs, or give fewer files", err=True)
            ctx.exit(UNUSABLE)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        return result


def _discard_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read(options: dict[str, Any], *tables: str, sessions: bool = True) -> tuple[Trace, Trace, Screen]:
    """Read the inputs; gives all of it, what meets the conditions, and the screen.

    `tables`: what is needed of it, besides `sessions`, which conditions need always.
    """
    import analyzer
    from analyzer.filters import Conditions
    from analyzer.findings.thresholds import Thresholds
    from analyzer.report.progress import progress
    from analyzer.report.screen import Clock, Screen
    from analyzer.zones import zone

    clock = Clock(zone(options["display_timezone"]))
    conditions = conditions_of(options)
    if conditions:
        Conditions(**conditions)  # a condition that makes no sense is told before anything is read
    settings = {
        name: options[name] for name in ("workers", "year", "timezone", "formats", "log_format") if options[name]
    }
    if tables:
        settings["tables"] = tables
    if not (sessions or conditions):
        settings["sessions"] = False
    if options.get("thresholds"):
        settings["thresholds"] = Thresholds.parse(options["thresholds"])
    with progress(quiet=options["quiet"]) as advance:
        trace = analyzer.read(*options["paths"], progress=advance, **settings)
    for warning in _warnings(trace, options):
        click.echo(warning, err=True)
    kept = trace.filter(**conditions) if conditions else trace
    if kept.unmet:
        from analyzer.report.opening import unmet

        told = unmet(kept.conditions, kept.unmet)
        click.echo(f"{told[0].upper()}{told[1:]}.", err=True)
    return trace, kept, Screen.of(sys.stdout, clock)


def left_out(whole: Trace, kept: Trace, name: str) -> None:
    """Say that a table has no row because of the conditions."""
    rows = len(whole.tables[name])
    if kept.conditions and rows and not len(kept.tables[name]):
        import shlex

        from analyzer.report.safe import visible
        from analyzer.report.screen import many

        given = visible(shlex.join(kept.conditions))
        click.echo(f"No row of {name} meets {given}; the input has {many(rows, 'row')}.", err=True)


def _warnings(trace: Trace, options: dict[str, Any]) -> Iterator[str]:
    if trace.found and not trace.warnings:
        return
    from analyzer.report.evidence import command, inputs
    from analyzer.report.safe import visible

    yield from (f"Warning: {visible(warning)}" for warning in trace.warnings)
    if not trace.found:
        yield f"No SMTP session was found in {visible(', '.join(trace.sources))}."
        if len(trace.tables["skipped"]):
            given = command("skipped", *inputs(options["paths"]), *how(options))
            yield f"`{visible(given)}` lists what could not be read."


def write(parts: Iterable[str] | Iterable[bytes]) -> None:
    """Write text as it comes; bytes are text in UTF-8, which need not be decoded where the output is that, too."""
    raw = sys.stdout.buffer if sys.stdout.encoding.lower() in {"utf-8", "utf8"} else None
    for part in parts:
        if isinstance(part, str):
            sys.stdout.write(part)
        elif raw is not None:
            raw.write(part)
        else:
            sys.stdout.write(part.decode())
