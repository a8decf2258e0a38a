"""The opening of the report for a terminal: all that must be known, in twelve lines, and one that names conditions."""

from __future__ import annotations

import shlex
import textwrap
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from analyzer import knowledge
from analyzer.findings.found import most_first, stands_for
from analyzer.findings.kinds import ACCIDENTS, ATTACKS, GUESSES
from analyzer.findings.places import network
from analyzer.report import safe
from analyzer.report.gather import ENTRY, advised, alarms, headline, nothing_read, read_again, unread
from analyzer.report.screen import clipped, many, some, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.events import Size
    from analyzer.report.screen import Screen
    from analyzer.report.summary import Summary

#: Longer lines are hard to read, however wide the terminal.
WIDEST: Final = 120

#: Colours of findings that somebody has to act on.
BAD: Final = {"high": "red", "medium": "yellow"}

#: Cells of the labels, and lines on what was found and what to do.
_LABEL: Final = 10
_STEPS: Final = 3
#: What is said where most attempts succeed and there is no finding but facts.
_CALM: Final = "no attack, no outage, no client that is stuck"


def opening(
    summary: Summary,
    findings: list[dict[str, Any]],
    skipped: list[dict[str, Any]],
    sources: Sequence[str],
    screen: Screen,
) -> Iterator[str]:
    """Give the lines that say what happened, to whom, who got in, what to do, and what nobody saw."""
    width = min(screen.columns, WIDEST) - _LABEL
    alarming = alarms(findings, itemgetter("severity"))
    steps = _next(summary, alarming, width)
    facts = [
        ("Input", some(sources, width), ""),
        ("Only", safe.visible(shlex.join(summary.conditions)), ""),
        *_lines("Seen", textwrap.wrap(_seen(summary), width), "bold"),
        ("When", _when(summary, screen), ""),
        ("Servers", some([name for name, _ in summary.servers.most_common()], width), ""),
        ("Outcomes", some([f"{count} {name}" for name, count in summary.outcomes.most_common()], width), ""),
        ("Clients", _who(summary.clients, width), ""),
        ("Tried", _who(summary.identities, width), ""),
        ("Got in", *_got_in(summary, findings, width)),
        *_lines("Found", *_found(summary, alarming, width, _STEPS - len(steps))),
        *_lines("Do next", steps, "cyan"),
        ("Not seen", _unseen(summary, findings, skipped, width), ""),
    ]
    for label, text, style in facts:
        if text:
            yield screen.style(f"{label:{_LABEL}}", "dim") + screen.style(clipped(text, width), style)


def _seen(summary: Summary) -> str:
    if summary.unmet:
        return unmet(summary.conditions, summary.unmet)
    if not summary.sessions and not summary.attempts:
        return "no SMTP session was found in this input"
    return seen(summary)


def seen(counted: Size | Summary) -> str:
    """Say how much there is."""
    return f"{many(counted.attempts, 'AUTH attempt')} in {many(counted.sessions, 'SMTP session')}"


def unmet(conditions: Sequence[str], whole: Size) -> str:
    """Say that nothing meets the conditions, and how much there is."""
    return safe.visible(f"nothing meets {shlex.join(conditions)}; the input has {seen(whole)}")


def _when(summary: Summary, screen: Screen) -> str:
    if summary.first is None or summary.last is None:
        return ""
    clock = screen.clock
    start, end = (f"{clock.day(time)} {clock.time(time)}" for time in (summary.first, summary.last))
    return f"{start} to {end.removeprefix(start[:11])}, {clock.name(summary.first)}"


def _who(parties: Sequence[Any], width: int) -> str:
    head = f"{len(parties)}: "
    return head + some([f"{party.name} ({party.attempts})" for party in parties], width - len(head)) if parties else ""


def _got_in(summary: Summary, findings: list[dict[str, Any]], width: int) -> tuple[str, str]:
    inside = [party.name for party in summary.identities if party.succeeded]
    count = summary.outcomes["succeeded"]
    if not summary.asks_who_got_in:
        return "not asked", ""
    if not count:
        told = ("nobody that could be seen", "") if summary.blind else ("nobody", "green")
        return told if summary.attempts or (summary.blind and not summary.unmet) else ("", "")
    guessed = [row for row in findings if row["kind"] == ENTRY]
    if guessed:
        perhaps = "" if any(row["severity"] == "high" for row in guessed) else "perhaps "
        head = f"{many(count, 'time')}; {perhaps}by guessing: "
        alone, beyond = _alone(guessed)
        entries = [f"{row['client'] or 'several'} as {row['identity'] or 'unknown identity'}" for row in alone]
        return head + some(entries, width - len(head), "; ", beyond), "red"
    if any(row["kind"] in GUESSES for row in findings):
        return f"{many(count, 'time')}; no guess is seen to have worked", "green"
    head = f"{many(count, 'time')}, "
    if not inside:
        return f"{head}nobody knows as whom", ""
    tail = f" and {summary.unnamed:,} unknown" if summary.unnamed else ""
    return head + some(inside, width - len(head) - len(tail)) + tail, ""


def _alone(findings: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Give the findings that have a row of their own, and how many there are beyond these."""
    alone = [row for row in findings if stands_for(row["evidence"]) == 1]
    return alone, sum(stands_for(row["evidence"]) for row in findings) - len(alone)


def _lines(label: str, lines: Sequence[str], style: str) -> Iterator[tuple[str, str, str]]:
    """Put a label before the first of some lines."""
    return ((label if not number else "", line, style) for number, line in enumerate(lines))


def _calm(summary: Summary, alarms: list[dict[str, Any]]) -> bool:
    """Say whether people log in and nothing is the matter."""
    return not alarms and summary.calm


def _found(summary: Summary, alarms: list[dict[str, Any]], width: int, room: int) -> tuple[list[str], str]:
    """Name what was found; one finding alone with its numbers, if they fit."""
    told = [row for row in alarms if row["kind"] != ENTRY]  # that one is told before
    if not told:
        return [_CALM] if _calm(summary, alarms) else [], "green"
    colour = BAD.get(told[0]["severity"], "yellow")
    evidence = told[0]["evidence"]
    for numbers in (evidence, evidence.partition("; ")[0]) if len(told) == 1 else ():
        text = safe.visible(f"{headline(told[0], count=False)}: {numbers}")
        wrapped = textwrap.wrap(text, width, subsequent_indent="  ")
        if len(wrapped) <= room:
            return wrapped, colour
    alone, beyond = _alone(told)
    full = ", ".join(safe.visible(headline(row)) for row in alone)
    if beyond or width_of(full) > width:
        full = some([headline(row, most=1) for row in alone], width, beyond=beyond)
    return [full], colour


def _next(summary: Summary, alarms: list[dict[str, Any]], width: int) -> list[str]:
    """Give lines on what to do: about what was found; else for those who never got in, or by the frequent reasons."""
    room = _STEPS - (any(row["kind"] != ENTRY for row in alarms) or _calm(summary, alarms))
    steps = [row["advice"] for row in alarms]
    if summary.lost:
        steps.append(_small(read_again(summary, knowledge.ENGLISH)))
    if _calm(summary, alarms):
        steps.append(_nobody_in(summary, width))
    elif not any(row["kind"] in ATTACKS | ACCIDENTS for row in alarms):
        steps += [f"{name}: {advice}" for name, _, advice in advice_told(summary) if advice and name != "unknown"]
    if not summary.sessions:
        steps.append(_small(nothing_read(summary, knowledge.ENGLISH)))
    steps = [safe.visible(step) for step in dict.fromkeys(steps)]
    lines: list[str] = []
    told = 0
    for number, step in enumerate(steps):
        wrapped = textwrap.wrap(step, width, subsequent_indent="  ")
        if number == 0 and number + 1 < len(alarms) and len(wrapped) >= room:
            wrapped = [
                clipped(step.partition("; ")[0], width)
            ]  # the next step matters, too; the section on findings has all words
        if not lines or len(lines) + len(wrapped) <= room:
            lines += wrapped
            told += 1
    lines, left = lines[:room], len(steps) - told
    if left and len(lines) < room:
        lines.append(f"and {left:,} more")
    elif left:
        tail = f"; and {left:,} more"
        lines[-1] = _cut(lines[-1], width - len(tail)) + tail
    return lines


def _small(text: str) -> str:
    """Begin a text with a small letter, as those in lines do."""
    return text[0].lower() + text[1:]


def _cut(line: str, width: int) -> str:
    """Give a line that is no wider, if it can be cut between words."""
    whole = line if width_of(line) <= width else textwrap.shorten(line, width, placeholder=" …")
    return clipped(whole if len(whole) > width // 2 else line, width)


def _nobody_in(summary: Summary, width: int) -> str:
    """Say that nothing is urgent, and who was refused and never got in."""
    refused = [each for each in summary.identities if each.rejected]
    never = [f"{each.name} ({each.rejected})" for each in refused if not each.succeeded]
    head = "nothing is urgent; "
    if never:
        head += "never got in: "
        return head + some(never, width - len(head))
    return head + ("all who were refused got in, too" if refused else "nobody was refused")


def _unseen(summary: Summary, findings: list[dict[str, Any]], skipped: list[dict[str, Any]], width: int) -> str:
    counts = (
        (summary.unreadable, "session", "inside TLS" + _of_guessers(summary, findings)),
        (summary.elsewhere, "session", "inside TLS in the whole input"),
        (summary.incomplete, "session", f"with missing bytes ({', '.join(summary.missing)})"),
        (summary.outcomes["unseen"], "ending", ""),
        (summary.rounds_unknown, "attempt", "with rounds not exact"),
    )
    facts = [f"{many(count, what)} {how}".strip() for count, what, how in counts if count]
    if summary.lost:
        facts.insert(0, f"input lost ({', '.join(reason for reason, _ in most_first(summary.lost))})")
    reasons = unread((row["stage"], row["reason"], row["count"]) for row in skipped)
    facts += [f"{count:,} skipped ({reason})" for reason, count in reasons]
    if summary.caveats:
        facts.append(f"caveats {' '.join(summary.caveats)}")
    if summary.unmet and not facts:
        return ""
    return some(facts, width) if facts else "nothing was hidden, lost or skipped"


def _of_guessers(summary: Summary, findings: list[dict[str, Any]]) -> str:
    """Say how many of the sessions that TLS hides are of those who guess: there they may have got in unseen."""
    who = {row["client"] for row in findings if row["kind"] in (*GUESSES, ENTRY)} - {None}
    count = sum(
        count for client, count in summary.hidden.items() if who and not who.isdisjoint((client, network(client)))
    )
    return f" ({count:,} of those who guess)" if count else ""


def advice_told(summary: Summary) -> list[tuple[str, int, str]]:
    """Give name, count and advice of why attempts did not succeed."""
    advice = {kind: knowledge.advice(kind) for kind in ("reason", "outcome")}
    return [(name, count, advice[kind].get(name, "")) for kind, name, count in advised(summary)]
