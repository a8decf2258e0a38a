"""Write the pages that are made from the program itself: command line, tables, law, logs, replies and so on.

Run as ``python docs/generate.py``; ``tests/test_docs.py`` fails when a page is out of date.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    import click

    from analyzer.knowledge import Entry

HERE = Path(__file__).parent

KINDS = {
    "int": "integer",
    "time": "time, UTC, nanoseconds",
    "seconds": "number, seconds",
    "flag": "true or false",
    "text": "text",
    "id": "text",
    "place": "text",
    "words": "list of words (CSV: joined by spaces)",
}

#: Fields of the knowledge that need no comment where they stand.
FIELDS = {
    "codes": "reply codes",
    "differences": "how the codes among the topics differ, two by two",
    "enhanced": "its enhanced code, as an Entry",
    "first": "of the first code",
    "fix": "how to fix it, step by step",
    "kind": "what it is",
    "lang": "the language it is written in",
    "meaning": "the description",
    "name": "its name",
    "reason": "and why, as a Cause",
    "references": "where more is to be read: `text` and `url`",
    "second": "of the second code",
    "seen": "when you see it",
    "title": "what it says, in a few words",
    "code": "its code, as an Entry",
    "facts": "in what they differ, as Facts",
    "client": "its address",
    "clients": "as Parties",
    "format": "the log format",
    "identities": "as Parties",
    "identity": "who tries to log in",
    "server": "its address and port",
    "text": "the words",
    "unseen": "as Unseen",
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
        "",
        "`smtp-analyzer export FILE… --to DIR` and `trace.export(folder)` write each table into a file of its own:",
        "Parquet (zstd, row groups of 65,536), CSV or JSON Lines. pandas gives a table that it reads from Parquet the",
        "dtypes of `trace.auth`, but for lists, which are joined by spaces there; DuckDB (`from 'DIR/auth.parquet'`)",
        "and polars (`scan_parquet`) read plain strings, numbers, times and lists. Unknown is null.",
        "",
        "| kind | in Parquet | in pandas |",
        "|---|---|---|",
        *_types(),
    ]
    for name, columns in TABLES.items():
        page += ["", f"## {name}", "", "| column | kind | unknown | meaning |", "|---|---|---|---|"]
        for column in columns:
            kind = "number, 0 to 1" if column.name == "confidence" else KINDS[column.kind]
            page.append(
                f"| `{column.name}` | {kind} | {'possible' if column.nullable else 'never'} | {column.meaning} |"
            )
    return "\n".join(page) + "\n"


def _types() -> Iterator[str]:
    """Give the types of each kind of column: in Parquet, and as pandas reads them."""
    from analyzer.report.parquet import KINDS as KEPT

    told: dict[str, tuple[str, str]] = {}
    for kind, meaning in KINDS.items():
        dtype = KEPT[kind].numpy.replace("[ns]", "[ns, UTC]")
        told.setdefault(meaning, (KEPT[kind].arrow, dtype))
    yield from (f"| {meaning} | `{arrow}` | `{dtype}` |" for meaning, (arrow, dtype) in told.items())


def cli() -> str:
    """Give the page of the command line: the help of every command."""
    from analyzer.cli import main
    from analyzer.report.screen import LEAST_WIDTH

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
        f"`table` is for people: columns that fit a terminal of {LEAST_WIDTH} columns or more (a narrower one wraps",
        "them), times in `--display-timezone`, control characters shown as escapes, `#` the number of the session,",
        "`about` client, identity and server of a finding. The heading says where several sources tell of one attempt,",
        "and where there are more columns.",
        "`csv` is for spreadsheets: a cell that would be a formula begins with an apostrophe. `jsonl` is for programs:",
        "every column, exact, in ASCII. Colours are off in a pipe and with `NO_COLOR`.",
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
        "octets that the BDAT command announced; with LMTP, the last one when its reply is due: only then are the",
        "recipients known, each of whom has a reply of its own.",
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
        "A line behind missing bytes of the client stands as a command if its reply fits, else it was text. It is the",
        "last that the client has sent, or AUTH in a group (RFC 2920), or before AUTH in one: all lines behind it are",
        "commands, too, until the reply comes. In a message that quotes them, text follows, at least the dot. Where",
        "bytes are missing behind the line, too, refusals that any line gets do not fit.",
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
        "syslog (RFC 3164, 5424, ISO 8601, BusyBox, Solaris), journald's JSON, Docker, Kubernetes, compose,",
        "`message repeated N times`, forum markup, colours. Of two times before a line, the inner one counts, but",
        "for one without a zone behind that of a syslog with one. What was not understood is counted in `skipped`,",
        "with the shape of the first such line.",
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


def replies() -> str:
    """Give the page of the replies: what the knowledge says of every code, reason, outcome and mechanism."""
    from analyzer import knowledge
    from analyzer.knowledge import model

    page = [
        "# Replies",
        "",
        "Made from `analyzer/knowledge/` by `python docs/generate.py`; do not edit.",
        "",
        "`smtp-analyzer explain` shows each of these pages, compares codes, and reads a whole reply as the analyzer",
        "does; `--lang ar` shows them in Arabic. In Python: `analyzer.explain(235, 334)`, and",
        "`analyzer.knowledge.entry(535)`, `.reason(name)`, `.outcome(name)`, `.mechanism(name)`,",
        "`.differences(235, 334)`, `.reply(text)` for programs.",
        "",
        "## Reply codes",
        "",
        *_codes(knowledge.entry(code) for code in knowledge.codes()),
        "## Enhanced codes that occur with AUTH",
        "",
        *_codes(knowledge.entry(code) for code in knowledge.names("enhanced")),
        "## Two codes",
        "",
    ]
    for pair in knowledge.names("pair"):
        page += [f"- **{pair}**: {' '.join(knowledge.sentences(*pair.split('/')))}"]
    for kind, told in (("Reasons", knowledge.reason), ("Outcomes", knowledge.outcome)):
        page += ["", f"## {kind}", ""]
        for name in knowledge.names(kind.lower().rstrip("s")):
            cause = told(name)
            page += [f"### {name}", "", f"*{cause.title}: {cause.advice}.*", "", f"{cause.meaning} {cause.seen}", ""]
            page += [*(f"{n}. {step}" for n, step in enumerate(cause.fix, 1)), ""]
    page += ["## Mechanisms", "", "| mechanism | 334 without an initial response | with one | what it is |"]
    page += ["|---|---|---|---|"]
    for name in knowledge.names("mechanism"):
        it = knowledge.mechanism(name)
        page.append(f"| `{name}` | {it.without} | {it.with_initial} | {it.title}. {it.rounds} |")
    page += [
        "",
        "## The object of --json",
        "",
        "`lang`, `topics` (each with its `kind`) and `differences`. A field `null` is not there, a list may be empty.",
    ]
    for each in (model.Entry, model.Cause, model.Mechanism, model.Reply, model.Difference, model.Fact):
        page += ["", f"**{each.__name__}**: {each.__doc__}", "", "| field | meaning |", "|---|---|"]
        page += [f"| `{name}` | {meaning or FIELDS[name]} |" for name, meaning in _fields(each)]
    page += [
        "",
        "## Translate",
        "",
        "A translation is one file beside `analyzer/knowledge/ar.toml`. It has the tables of the files in",
        "`analyzer/knowledge/en/`, and in them the same texts, without what is the same in every language",
        "(`standing`, `references`, `codes`, `auth`). An entry is shown in the language when all its texts are there.",
        "`pytest tests/knowledge -rP -k translation` lists what a translation still lacks.",
    ]
    return "\n".join(page) + "\n"


def _codes(entries: Iterable[Entry]) -> Iterator[str]:
    """Give a part for each code."""
    for entry in entries:
        references = ", ".join(f"[{it.text}]({it.url})" if it.url else it.text for it in entry.references)
        yield from (f"### {entry.name}: {entry.title}", "", f"{entry.category.split(':')[0]}; {entry.standing}.", "")
        yield from (entry.meaning, "", f"When you see it: {entry.seen}", "", "How to fix it:", "")
        yield from (f"{number}. {step}" for number, step in enumerate(entry.fix, 1))
        if entry.notes:
            yield ""
            yield from (f"- {note.product}: {note.text}" for note in entry.notes)
        if entry.kind == "code":
            yield from ("", f"When to use which: {entry.use}")
        yield from ("", f"Learn more: {references}", "")


def _fields(cls: type) -> Iterator[tuple[str, str]]:
    """Give the fields of a dataclass and the comments behind them."""
    for line in inspect.getsource(cls).splitlines():
        name, colon, rest = line.strip().partition(": ")
        if colon and name.isidentifier():
            yield name, rest.partition("#: ")[2]


def statistics() -> str:
    """Give the page of the statistics."""
    from analyzer.smtp.expected import EXPECTED, SCRAM
    from analyzer.stats import counts, offers
    from analyzer.stats.answer import CLOCK, COMPARED, COUNTED, FAILED, MEASURED
    from analyzer.stats.columns import BY, ENDINGS
    from analyzer.stats.facts import MEASURES

    def meanings(head: str, told: dict[str, str]) -> list[str]:
        return ["", f"| {head} | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in told.items())]

    rounds = {**EXPECTED, "SCRAM-…": SCRAM}
    page = [
        "# Statistics",
        "",
        "Made from `analyzer/stats/` by `python docs/generate.py`; do not edit.",
        "",
        "```text",
        "smtp-analyzer stats mail.pcap                           a page of the main statistics",
        "smtp-analyzer stats mail.pcap --by mechanism,reason     attempts by any columns",
        "smtp-analyzer stats mail.pcap --by reason --failures    only what failed, as a rate of all alike",
        "smtp-analyzer stats mail.pcap --by outcome --measure seconds_server",
        "                                                        how long replies took: tarpits",
        "smtp-analyzer stats mail.pcap --until 2026-11-07 --compare 2026-11-08..",
        "                                                        two periods side by side",
        "```",
        "",
        "```python",
        'trace.stats(by=["mechanism", "reason"])',
        'trace.failures(by="network", timezone="Europe/Berlin")',
        'trace.stats(by="outcome", measure="seconds_server")',
        'trace.filter(until="2026-11-07").stats(by="hour", compare=trace.filter(since="2026-11-08"))',
        "trace.offered()",
        "```",
        "",
        "The library gives DataFrames; `attrs` of a frame has the numbers of sessions: all, those that TLS hides",
        "(`unreadable`), those of which nobody knows whether they had attempts, and those without any. On the command",
        "line the same is said above a table.",
        "",
        "## What is counted",
        "",
        "A row is a group of AUTH exchanges. **Attempts, sessions, names and clients are counted apart**: a client",
        "that has one wrong password and tries four mechanisms makes four attempts, in one session, with one name.",
        "What a capture and a log tell of one attempt counts once. An attempt whose ending nobody saw is neither a",
        "success nor a failure: it is `unseen`, and is in no rate. Sessions inside TLS have no attempts to count;",
        "their number stands with every statistic. A condition on attempts (`--outcome` …) keeps the sessions that",
        "have such an attempt, so none of those.",
        *meanings("column", COUNTED | CLOCK),
        "",
        f"With `--failures` (`Trace.failures`) the columns are {', '.join(f'`{name}`' for name in FAILED)}; sessions,",
        "identities and clients are those of failures then.",
        "",
        "## Rates",
        "",
        f"Columns that tell how an attempt ended are {', '.join(f'`{name}`' for name in BY if name in ENDINGS)}.",
        "Where one of them is among those to group by, the rate of a row is how many of the attempts that are alike",
        "in the *other* columns ended so: by `mechanism,reason`, of all attempts with that mechanism. Without such a",
        "column it is how many failed.",
        "",
        "The interval is Wilson's score interval at 95 %, with z = 1.96, for a rate p of n attempts:",
        "",
        "```text",
        "(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)",
        "```",
        "",
        "E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of the American",
        "Statistical Association 22 (1927), 209-212. It takes attempts to be independent of each other; those of one",
        "client are not quite, so look at `clients` too.",
        "",
        "## Two periods",
        "",
        "The interval of the change is made of both rates' intervals: R. G. Newcombe, *Interval estimation for the",
        "difference between independent proportions*, Statistics in Medicine 17 (1998), 873-890, method 10. In a table",
        "the heads of the second period end in 2.",
        *meanings("column", COMPARED),
        "",
        "## Durations",
        "",
        "Percentiles come from histograms whose bins are 1 % wide, so they are within 0.5 % of the value with that",
        "rank (nearest rank); the shortest, the longest and their number are exact. An unknown duration is in no",
        "percentile.",
        *meanings("`--measure`", MEASURES),
        *meanings("column", MEASURED),
        "",
        "## What to group by",
        *meanings("column", BY),
        "",
        "`country` and `asn` need a MaxMind database of your own (`--geoip FILE`, `geoip=[…]`) and the extra `geo`.",
        "Hours, days and weekdays are those of `--display-timezone` (`timezone=`), which the answer names.",
        "",
        "## Expected rounds",
        "",
        "`expected` holds the replies 334 of a success or a rejection against what the mechanism takes. It is a check,",
        "never the label: what was seen counts. Other endings are not checked, since they can come at any time.",
        "",
        "| mechanism | success | rejection | success with initial response | rejection with it |",
        "|---|---|---|---|---|",
        *(f"| {name} | {' | '.join(map(_span, spans))} |" for name, spans in rounds.items()),
        "",
        "## Offered and used",
        "",
        "`Trace.offered`, and the last section of the page, hold the mechanisms that EHLO replies list against those",
        "that clients tried.",
        *meanings("column", offers.COLUMNS),
        "",
        "## Parts",
        "",
        _prose(counts),
        "",
        "A million attempts by mechanism, outcome and reason take 0.2 s on one core (`benchmarks/stats.py`).",
    ]
    return "\n".join(page) + "\n"


def _span(span: tuple[int, int] | None) -> str:
    """Write how many rounds are expected."""
    if span is None:
        return "-"
    least, most = span
    return f"{least}" if least == most else f"{least} or more" if most > least + 1 else f"{least} or {most}"


def findings() -> str:
    """Give the page of the findings: kinds, severities and thresholds."""
    from dataclasses import fields

    from analyzer.findings import tries
    from analyzer.findings.kinds import ENTRIES, GROUPS, SEVERITIES, advice_of
    from analyzer.findings.thresholds import Thresholds
    from analyzer.limits import ENTRIES_PER_KIND, FINDING_PLACES, FINDINGS_PER_KIND

    page = [
        "# Findings",
        "",
        "Made from `analyzer/findings/` and `analyzer/smtp/findings.py` by `python docs/generate.py`; do not edit.",
        "",
        "`smtp-analyzer findings` and `trace.findings` list what a reviewer should look at; `report` names the severe",
        "ones in its opening. One row is one attack, one accident or one fault of a server, with whom it is about",
        "(`client`, an address or a network; `identity`; `server`), how often (`count`), from when to when (`at`,",
        f"`last`), a sentence with numbers (`evidence`), and the first {FINDING_PLACES} frames, lines or sessions",
        "(`places`).",
        f"Of a kind at most {FINDINGS_PER_KIND} have a row of their own, the largest, and of those who got in",
        f"({', '.join(f'`{name}`' for name in ENTRIES)}) {ENTRIES_PER_KIND:,}; one more row tells of the rest.",
        "What several sources tell of one exchange counts once. Conditions (`--client 192.0.2.7`) narrow what is found",
        "in the whole input to those whose client, identity, server and time are among what they leave; nothing is",
        "found anew in that, and the numbers of a finding are of the whole input.",
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
            advice = advice_of(name, "the client", "the account", "the server")
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


def report() -> str:
    """Give the page of the report: what the page in HTML has, and the object for programs."""
    from analyzer.knowledge import languages
    from analyzer.report import evidence, model
    from analyzer.report.page import ALIKE, FINDINGS, MOST_BYTES

    page = [
        "# Report",
        "",
        "Made from `analyzer/report/` by `python docs/generate.py`; do not edit.",
        "",
        "```text",
        "smtp-analyzer report mail.pcap                       in the terminal",
        "smtp-analyzer report mail.pcap --html report.html    as a page with charts; --lang ar in Arabic",
        "smtp-analyzer report mail.pcap --json                as an object for programs",
        "```",
        "",
        "```python",
        'trace.report("report.html", lang="ar", timezone="Europe/Berlin")',
        "trace.charts.timeline(ax)  # each chart takes axes and gives them back",
        'trace.charts.in_timezone("UTC").hours()',
        "trace.session(3).ladder()",
        "```",
        "",
        "All three begin with the same five answers: what happened, to whom, whether anyone got in, what to do, and",
        "what was not seen.",
        "",
        "With conditions (`--outcome rejected`) all three name them, and where a condition leaves successes out, who",
        "got in is not asked. Findings are those of the whole input, narrowed to those all of whose client, identity,",
        "server and time are among what is asked: whether somebody guesses is told by all attempts, not by some. What",
        "could not be read is that of the whole input. Whether a session inside TLS has an attempt with that identity,",
        "outcome or the like nobody knows: such sessions are counted under what was not seen. Where nothing meets the",
        "conditions all three say so, with how much the input has.",
        "",
        "## The page",
        "",
        "One file that fetches nothing and can be read without its script, which only sorts tables and opens rows. It",
        "follows the light or dark of the screen, prints without the rows, and its pictures have texts for those who",
        "do not see them. Its policy (CSP) forbids all scripts but its own.",
        "",
        f"A number that is a link leads to its first rows, at most {evidence.ROWS}, and to the command that lists all;",
        f"of all numbers together at most {evidence.ALL_ROWS:,} rows are shown, and at most {FINDINGS} findings,",
        f"{ALIKE} of a kind. Names and replies are cut to {evidence.IDENTITY} and {evidence.REPLY} characters, so no",
        f"page is larger than {MOST_BYTES // 10**6} MB, whatever strangers wrote; one of a million attempts",
        "has about 2 MB. Where a value cannot be given as an option, the command ends in `jq`, whose texts are exact.",
        "",
        f"Languages: {', '.join(languages())}. Words are in `analyzer/knowledge/en/report.toml` and in the table",
        "`[report]` of a translation. What has no translation is in English, and marked as such.",
        "",
        "## The object of --json",
        "",
        f"`schema` is {model.SCHEMA}. It grows when a field goes, or means something else; new fields may come at any",
        "time. Times are ISO 8601 in UTC, with nanoseconds. A field `null` is not known, a list may be empty.",
    ]
    for each in (
        *(model.Report, model.Count, model.Why, model.Cell, model.Parties, model.Party, model.Step, model.Finding),
        *(model.Unseen, model.Skipped, model.Cannot),
    ):
        page += ["", f"**{each.__name__}**: {each.__doc__}", "", "| field | type | meaning |", "|---|---|---|"]
        types = {field.name: _type(str(field.type)) for field in dataclasses.fields(each)}
        page += [f"| `{name}` | {types[name]} | {meaning or FIELDS[name]} |" for name, meaning in _fields(each)]
    return "\n".join(page) + "\n"


def _type(annotation: str) -> str:
    """Write a type as people say it."""
    kind, _, nullable = annotation.partition(" | ")
    listed = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", kind)
    words = {"str": "text", "int": "integer", "float": "number", "Time": "time"}
    name = listed[1] if listed else kind
    return f"{'list of ' if listed else ''}{words.get(name, name)}{', or null' if nullable else ''}"


def _prose(module: ModuleType) -> str:
    """Give a module's docstring as a page shows it."""
    return f"```text\n{inspect.cleandoc(module.__doc__ or '')}\n```"


PAGES = {
    "cli.md": cli,
    "findings.md": findings,
    "law.md": law,
    "logs.md": logs,
    "replies.md": replies,
    "report.md": report,
    "statistics.md": statistics,
    "tables.md": tables,
}


def main() -> None:
    """Write the pages."""
    os.environ.pop("COLUMNS", None)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
