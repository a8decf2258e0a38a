"""Write the pages that are made from the program itself: command line, tables, findings, logs, the law of labelling.

Run as ``python docs/generate.py``; ``tests/test_docs.py`` fails when a page is out of date.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

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


def _arrows() -> list[str]:
    """Give the arrows of the diagram: what leads from one mode to another, the replies that are not named together."""
    from analyzer.smtp.law import LAW, REPLIES, Mode

    lines = []
    for mode in Mode:
        ways: dict[Mode, list[str]] = {}
        replies = [LAW[mode, kind] for kind in REPLIES if (mode, kind) in LAW]
        usual = max(replies, key=replies.count) if replies else None
        for (here, kind), (after, action) in LAW.items():
            if here == mode and not (kind in REPLIES and (after, action) == usual):
                ways.setdefault(after, []).append(kind.name)
        if usual:
            ways.setdefault(usual[0], []).append("any other reply")
        lines += [f"    {mode.name} --> {after.name} : {', '.join(kinds)}" for after, kinds in ways.items()]
    return lines


def law() -> str:
    """Give the page of the law: the diagram and the tables that `analyzer/smtp/law.py` holds as data."""
    from analyzer.smtp import law as rules

    page = [
        "# The law of labelling",
        "",
        "Made from `analyzer/smtp/law.py` by `python docs/generate.py`; do not edit.",
        "",
        "The client's bytes are read as the server read them, line after line, in the mode that the server's replies",
        "have led to. A client line that wants a reply is a unit, and a reply answers the oldest unit that waits. In",
        "`AUTH`, `DATA`, `STARTTLS` and `TURN` the client's stream waits for the reply to the line of that name (in",
        "`AUTH` also to an answer), since it alone tells how the next bytes are meant; the arrows there are replies.",
        "",
        "A session begins in `COMMAND`, or in `LOST` where its beginning was not captured. `CHUNK` ends with the",
        "octets that the BDAT command announced.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> COMMAND",
        "    [*] --> LOST",
        *_arrows(),
        "    CHUNK --> COMMAND",
        "```",
        "",
        "## Modes",
        "",
        "| mode | how the next client bytes are read |",
        "|---|---|",
        *(f"| `{mode.name}` | {_comment(rules, f'{mode.name} = {mode.value}')} |" for mode in rules.Mode),
        "",
        "## Verbs",
        "",
        "| kind of line | verbs |",
        "|---|---|",
        *(
            f"| `{kind.name}` | {', '.join(f'`{verb}`' for verb, its in rules.VERBS.items() if its is kind)} |"
            for kind in dict.fromkeys(rules.VERBS.values())
        ),
        "",
        "## Kinds of replies",
        "",
        "| code | kind |",
        "|---|---|",
        *(f"| {code} | `{kind.name}` |" for code, kind in rules.REPLY_KINDS.items()),
        "| 334 whose text begins with 4.x or 5.x | `R334_FINAL` |",
        *(f"| any other {digit}xx | `{kind.name}` |" for digit, kind in rules.CLASS_KINDS.items()),
        "",
        "## Behind missing bytes",
        "",
        "A line behind missing bytes of the client stands as a command if its reply fits, else it was text:",
        "",
        "| line | replies that fit |",
        "|---|---|",
        *(
            f"| `{kind.name}` | {', '.join(f'`{reply.name}`' for reply in rules.REPLIES if reply in replies)} |"
            for kind, replies in rules.FITS.items()
        ),
        "",
        "An attempt that has lost bytes of the server ends on these replies alone: "
        + ", ".join(f"`{reply.name}`" for reply in rules.REPLIES if reply in rules.ENDS_AFTER_GAP)
        + ".",
        "",
        "## Outcomes",
        "",
        "The first that applies: 235 is a success; a last client line `*` is `cancelled` (not after an OAuth error,",
        "nor where bytes are missing before the end); the final code; how the session ended.",
        "",
        "| final code | outcome |",
        "|---|---|",
        *(f"| {code} | `{outcome}` |" for code, outcome in rules.ENDINGS.items()),
        *(
            f"| any other {digit}xx | `{rules.outcome(rules.How.CODE, digit * 100 + 99, 0)}` |"
            for digit in (2, 3, 4, 5)
        ),
        "",
        "| without a final code | outcome |",
        "|---|---|",
        *(
            f"| {_comment(rules, f'{how.name} = {how.value}')} | `{outcome}` |"
            for how, outcome in rules.CLOSINGS.items()
        ),
    ]
    return "\n".join(page) + "\n"


def _comment(module: ModuleType, member: str) -> str:
    """Give the comment behind a member of an enumeration."""
    source = inspect.getsource(module)
    line = next(line for line in source.splitlines() if line.strip().split("  #")[0] == member)
    return line.partition("  # ")[2]


def logs() -> str:
    """Give the page of the log formats."""
    from analyzer.logs import formats as module
    from analyzer.logs import template
    from analyzer.logs.formats import EVENTS, formats

    known = sorted(formats(), key=lambda each: each.name)
    page = [
        "# Logs and transcripts",
        "",
        "Made from `analyzer/logs/` by `python docs/generate.py`; do not edit.",
        "",
        "Server logs and what clients print give the same tables as captures do. Logs that show the dialogue",
        "(Postfix with `-v`, Exchange, Haraka, swaks, `curl -v` …) are read by the same law, with their rounds of",
        "334. Logs that only tell outcomes (Postfix, Exim, Dovecot …) give finished exchanges: `rounds` is unknown",
        "there, and what no line explains but a counter knows of is `failed` or `succeeded` with the caveat",
        "`counter_only`.",
        "",
        "In a log, `started` is the time of the line that tells of the exchange; `where` names that line. A line of",
        "the authentication service (Dovecot, saslauthd) and the mail server's line of the same exchange are one",
        "row, whose `confidence` says how sure that is; alone, such a row has the caveat `auth_service_only`. Rows",
        "of a log and of a capture that show the same exchange share `event`, and reports count them once.",
        "",
        "Formats are found by content; `--as NAME` forces one. Lines without a year or a zone get them from the",
        "file's own time and `--timezone`; `--year` says the year of the first line. Envelopes are taken off:",
        "syslog (RFC 3164, 5424, ISO 8601), journald's JSON, Docker, Kubernetes, compose, `message repeated N",
        "times`, forum markup. What was not understood is counted in `skipped`, with the shape of the first such",
        "line.",
        "",
        "## What each log does not show",
        "",
        "| format | not shown | what would show it |",
        "|---|---|---|",
    ]
    for each in known:
        page += [f"| {each.title} | {entry['what']} | {entry['setting']} |" for entry in each.cannot]
    page += ["", "## Formats", "", "| `--as` | product | shows | pattern of lines |", "|---|---|---|---|"]
    for each in known:
        shows = "dialogue" if any(pattern.event == "line" for pattern in each.patterns) else "outcomes"
        page.append(f"| `{each.name}` | [{each.title}]({each.reference}) | {shows} | {len(each.patterns)} |")
    page += [
        "",
        "## Write your own",
        "",
        _prose(module),
        "",
        _prose(template),
        "",
        "What a line can tell (`event`):",
        "",
    ]
    page += ["| event | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in EVENTS.items())]
    return "\n".join(page).replace("\n\n\n", "\n\n") + "\n"


def findings() -> str:
    """Give the page of the findings: kinds, severities and thresholds."""
    from dataclasses import fields

    from analyzer.findings import tries
    from analyzer.findings.kinds import GROUPS, SEVERITIES, advice_of
    from analyzer.findings.thresholds import Thresholds
    from analyzer.limits import FINDING_PLACES, FINDINGS_PER_KIND

    page = [
        "# Findings",
        "",
        "Made from `analyzer/findings/` and `analyzer/smtp/findings.py` by `python docs/generate.py`; do not edit.",
        "",
        "`smtp-analyzer findings` and `trace.findings` list what a reviewer should look at; `report` names the severe",
        "ones in its opening. One row is one attack, one accident or one fault of a server, with whom it is about",
        "(`client`, an address or a network; `identity`; `server`), how often (`count`), from when to when (`at`,",
        f"`last`), a sentence with numbers (`evidence`), and the first {FINDING_PLACES} frames or lines (`places`).",
        f"Of a kind at most {FINDINGS_PER_KIND} have a row of their own, the largest; one more row tells of the rest.",
        "What several sources tell of one exchange counts once.",
        "",
        "| severity | means |",
        "|---|---|",
        *(f"| {severity} | {meaning} |" for severity, meaning in SEVERITIES.items()),
        "",
        "`confidence` is 0 to 1: how sure it is that the row is what it is called. It is lower where secrets are not",
        "seen, and then `evidence` says so.",
        "",
        "## How tries are counted",
        "",
        *(inspect.cleandoc(tries.__doc__ or "").partition("\n\n")[2].splitlines()),
    ]
    for title, kinds in GROUPS.items():
        page += [
            "",
            f"## {title}",
            "",
            "| kind | severity | what it means | what to do | decided by |",
            "|---|---|---|---|---|",
        ]
        for name, kind in kinds.items():
            decided = ", ".join(f"`{each}`" for each in kind.thresholds.split()) or "seen once"
            advice = advice_of(name, "the client", None, None)
            page.append(f"| `{name}` | {kind.severity} | {kind.title}: {kind.meaning} | {advice} | {decided} |")
    page += [
        "",
        "## Thresholds",
        "",
        "On the command line `--threshold guesses=20`, as often as wanted; in Python",
        '`analyzer.read(…, thresholds={"guesses": 20})`, or `trace.find(guesses=20)` for what is read already.',
        "",
        "| threshold | default | what it counts | why |",
        "|---|---|---|---|",
        *(
            f"| `{each.name}` | {each.default:g} | {each.metadata['meaning']} | {each.metadata['why']} |"
            for each in fields(Thresholds)
        ),
    ]
    return "\n".join(page) + "\n"


def _prose(module: ModuleType) -> str:
    """Give a module's docstring as a page shows it."""
    return f"```text\n{inspect.cleandoc(module.__doc__ or '')}\n```"


PAGES = {"cli.md": cli, "findings.md": findings, "law.md": law, "logs.md": logs, "tables.md": tables}


def main() -> None:
    """Write the pages."""
    os.environ.pop("COLUMNS", None)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
