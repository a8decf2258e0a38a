"""One conversation as a ladder: the client's lines on the left, the server's on the right, what they mean between."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.report import safe
from analyzer.report.screen import padded
from analyzer.smtp.challenge import challenge_text
from analyzer.smtp.law import REPLY_KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analyzer.report.screen import Screen
    from analyzer.tables import Table

    Row = Mapping[str, Any]

#: Cells for the time since the first packet, and for an arrow with its spaces.
_TIME: Final = 10
_ARROW: Final = 5

#: Units that are no command; shown as what the client sent, or not at all.
_UNITS: Final = {"(greeting)": "", "(unsolicited)": "", "(answer)": "", "(end of data)": ".", "(lost)": "(missing)"}


_TLS: Final = {"none": "no TLS", "starttls": "STARTTLS", "implicit": "TLS from the first byte"}


class Step(NamedTuple):
    """A line of one side, or a remark between the sides."""

    side: str
    at: int | None
    text: str
    begins: bool = True  #: it is no further line of what came before


def ladder(tables: Mapping[str, Table], session: str, screen: Screen, number: int | None = None) -> Iterator[str]:
    """Give the lines of a conversation."""
    (about,) = rows_of(tables["sessions"], session)
    attempts = rows_of(tables["auth"], session)
    yield from _head(about, screen, number)
    yield ""
    for step in steps(rows_of(tables["exchanges"], session), attempts):
        yield from _lines(step, about["first"], screen)
    yield ""
    yield from _wrapped(_ending(about), screen)


def rows_of(table: Table, session: str) -> list[dict[str, Any]]:
    """Give the rows of one session as dictionaries, in order."""
    columns = table.of_session(session).lists()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _head(about: Row, screen: Screen, number: int | None) -> Iterator[str]:
    clock, first = screen.clock, about["first"]
    title = f"Session {number or ''}  {about['session']}".replace("   ", " ")
    began = (
        "its source tells no times" if first is None else f"{clock.day(first)} {clock.time(first)} {clock.name(first)}"
    )
    yield f"{screen.style(title, 'bold')}  {began}"
    yield from _wrapped(", ".join(f"{side} {_end(about, side)}" for side in ("client", "server")), screen)
    tls = _TLS.get(about["tls"], "TLS not told")
    yield from _wrapped(", ".join(part for part in (about["product"], tls, about["tls_version"]) if part), screen)


def _end(about: Row, side: str) -> str:
    """Give an end of a connection, as far as it is known."""
    address, port = about[f"{side}_ip"], about[f"{side}_port"]
    return f"{address or 'not told'}{f' port {port}' if port else ''}"


def _ending(about: Row) -> str:
    timed = about["first"] is not None and about["last"] is not None
    after = f" after {(about['last'] - about['first']) / 1e9:.3f} s" if timed else ""
    facts = [f"ended by {about['ended_by']}{after}"]
    facts += [f"{about[name]} {name}" for name in ("packets", "bytes") if about[name] is not None]
    if not about["readable"]:
        facts.append("TLS hides the rest of the dialogue")
    if about["caveats"]:
        facts.append(f"caveats: {', '.join(about['caveats'])}")
    return "; ".join(facts)


def steps(exchanges: list[dict[str, Any]], attempts: list[dict[str, Any]]) -> Iterator[Step]:
    """Give what each side said, and what it came to."""
    last_of = {row["attempt"]: index for index, row in enumerate(exchanges) if row["attempt"] is not None}
    of = {row["attempt"]: row for row in attempts}
    for index, row in enumerate(exchanges):
        attempt = of.get(row["attempt"])
        unit = _unit(row)
        if unit:
            yield Step("client", row["at"], unit)
        mechanism = attempt["mechanism"] if attempt else None
        waited = None if row["seconds"] is None else round(row["seconds"] * 1e9)
        at = row["at"] if not unit else None if waited is None else row["at"] + waited
        yield from (
            Step("server", at if not n else None, line, begins=not n) for n, line in enumerate(_reply(row, mechanism))
        )
        if attempt and last_of[row["attempt"]] == index:
            yield Step("", None, _outcome(attempt))
    for row in attempts:
        if row["attempt"] not in last_of:  # a log that tells outcomes, not the dialogue
            said = " ".join(str(part) for part in (row["code"], row["enhanced"], row["text"]) if part is not None)
            yield Step("", row["started"], _outcome(row) + (f': "{said}"' if said else "") + f", {row['where']}")


def _unit(row: Row) -> str:
    """Give what the client sent: a command, or for an answer its kind and length."""
    verb = _UNITS.get(row["verb"], row["verb"])
    if row["verb"] == "(answer)" and not row["argument"]:
        return "(empty line)"
    return " ".join(part for part in (verb, row["argument"]) if part)


def _reply(row: Row, mechanism: str | None) -> Iterator[str]:
    """Give the lines of a reply; a challenge is decoded in brackets."""
    if row["code"] is None:
        yield "(no reply)"
        return
    texts = (row["text"] or "").split("\n")
    front = " ".join(str(part) for part in (row["code"], row["enhanced"]) if part is not None)
    if row["enhanced"]:
        texts = [text.removeprefix(row["enhanced"]).lstrip() for text in texts]
    yield f"{front} {texts[0]}".rstrip()
    yield from (f"    {text}" for text in texts[1:])
    if REPLY_KINDS.get(row["code"]) is Kind.R334:
        decoded = challenge_text(mechanism, texts[0].encode(errors="surrogateescape"))
        if decoded and decoded != texts[0]:
            yield f"    [{decoded}]"


def _outcome(row: Row) -> str:
    rounds = {"exact": "{} round{}", "at_least": "at least {} round{}"}.get(row["rounds_known"], "rounds unknown")
    rounds = rounds.format(row["rounds"], "" if row["rounds"] == 1 else "s")
    facts = [row["mechanism"] or "no mechanism", rounds, row["outcome"]]
    if row["reason"] not in (None, row["outcome"]):
        facts.append(row["reason"])
    if row["identity"] is not None:
        facts.append(f"as {row['identity'] or '(empty name)'}")
    caveats = f" ({', '.join(row['caveats'])})" if row["caveats"] else ""
    return f"attempt {row['attempt']}: {', '.join(facts)}{caveats}"


def _since(step: Step, first: int | None) -> str:
    return "" if step.at is None or first is None else f"{(step.at - first) / 1e9:+.3f}"


def _lines(step: Step, first: int | None, screen: Screen) -> Iterator[str]:
    width = screen.columns
    text = safe.visible(step.text)
    if not step.side:
        style = "green" if ", succeeded" in text else "yellow"
        time = padded(_since(step, first), _TIME - 2, right=True) + "  "
        for number, line in enumerate(textwrap.wrap(text, width - _TIME - 3)):
            yield (time if not number else " " * _TIME) + screen.style(f"== {line}", style)
        return
    left = (width - _TIME - _ARROW) // 2
    right = width - _TIME - _ARROW - left
    time = _since(step, first)
    indent = " " * (len(text) - len(text.lstrip()))
    mine = left if step.side == "client" else right
    for number, line in enumerate(
        textwrap.wrap(text, mine, subsequent_indent=indent or "  ", break_on_hyphens=False) or [""]
    ):
        front = screen.style(padded(time if not number else "", _TIME - 2, right=True), "dim") + "  "
        if step.side == "client":
            yield (front + padded(line, left) + (" -->" if not number else "")).rstrip()
        else:
            arrow = " <-- " if step.begins and not number else " " * _ARROW
            yield (front + " " * left + arrow + line).rstrip()


def _wrapped(text: str, screen: Screen) -> list[str]:
    return textwrap.wrap(safe.visible(text), screen.columns, subsequent_indent="  ")
