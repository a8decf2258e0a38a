"""The log formats that are known, and what they take of a file, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analyzer.logs import columns as c
from analyzer.logs.account import Account, masked
from analyzer.logs.blocks import blocks
from analyzer.logs.lines import Lines
from analyzer.logs.read import HEAD_BYTES, forced_of
from analyzer.logs.unwrap import unwrapper
from analyzer.report import safe
from analyzer.report.screen import clipped
from analyzer.smtp import redact
from analyzer.smtp.encoding import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.fields import Block
    from analyzer.logs.formats import Format
    from analyzer.report.screen import Screen
    from analyzer.wire.sources import Source

#: Fields that are shown as their shape: they may hold a secret.
_HIDDEN: Final = ("line", "reply", "text", "reason")
#: Fields that are shown where they are a name; else a client may have put a secret in its place.
_NAMES: Final = ("mechanism", "command")


class _Times:
    """No clock is needed to see which lines are taken."""

    @staticmethod
    def utc(times: Any, _marks: Any) -> Any:
        """Leave times as they are."""
        return times


def listed(known: Catalogue, form: str | None, screen: Screen) -> Iterator[str]:
    """List the formats, with a line of each; or the one that was named."""
    asked = [known.formats[number] for number in forced_of(known, form)] or known.formats
    for number, each in enumerate(sorted(asked, key=lambda each: each.name)):
        if number:
            yield ""
        yield f"{screen.style(each.name, 'bold')}  {each.title}"
        yield from (f"  {label:8}{clipped(text, screen.columns - 10)}" for label, text in _about(each) if text)


def _about(each: Format) -> Iterator[tuple[str, str]]:
    sample = next((p.samples[0]["text"] for p in each.patterns if p.samples and p.event in _TELLING), "")
    yield "line", safe.visible(sample)
    yield "shows", "the dialogue" if any(p.event == "line" for p in each.patterns) else "outcomes"
    for entry in each.cannot:
        yield "not", entry["what"]
        yield "  would", entry["setting"]
    yield "see", each.reference


_TELLING: Final = ("line", "failed", "succeeded", "detail", "summary")


def tried(known: Catalogue, source: Source, form: str | None, screen: Screen) -> Iterator[str]:
    """Show which pattern of which format takes each line of a file."""
    account = Account(source.name)
    reader = Lines(known, _Times(), account, forced_of(known, form))  # type: ignore[arg-type]
    for raw in blocks(source, unwrapper(source.stream.peek(HEAD_BYTES))):
        yield from (clipped(line, screen.columns) for line in _taken(known, reader.block(raw)))
    source.close()
    yield ""
    yield f"{account.understood} of {account.lines} lines tell something of SMTP sessions"
    for skip in account.skips():
        first = f", first: {skip.first}" if skip.first else ""
        yield clipped(safe.visible(f"{skip.count} x {skip.reason}{first}"), screen.columns)


def _taken(known: Catalogue, block: Block) -> Iterator[str]:
    """Give a line for each event: number, format and pattern, fields."""
    data = block.buffer.tobytes()
    for event in block.events.tolist():
        owner, pattern = known.patterns[event[c.E_PATTERN]]
        fields = [
            _field(name, data[slice(*block.spans[c.span_of(name) : c.span_of(name) + 2, event[c.E_LINE]].tolist())])
            for name in c.FIELDS
        ]
        name = f"{known.formats[owner].name}/{pattern.name}"
        yield f"{block.lines[event[c.E_LINE], c.NUMBER]:>6} {name:28} {' '.join(filter(None, fields))}"


def _field(name: str, value: bytes) -> str:
    if not value:
        return ""
    hidden = name in _HIDDEN or (name in _NAMES and redact.mechanism(value) is None)
    return f"{name}={masked(value) if hidden else safe.visible(printable(value))}"
