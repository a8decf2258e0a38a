"""What was said, cut out of a batch's streams: replies in words, and client lines that may hold secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.encoding import printable
from analyzer.smtp.law import Kind

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows

_ENHANCED: Final = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?=[ \t]|$)[ \t]*")

#: Client lines before a reply that are looked for in it.
_LINES: Final = 4


class Reply(NamedTuple):
    """A reply in words: its enhanced code, and the text of its lines without codes."""

    enhanced: str | None
    text: bytes
    shown: str


@lru_cache(maxsize=4096)
def reply_of(raw: bytes) -> Reply:
    """Take a reply's lines apart (RFC 5321 section 4.2, RFC 3463 section 2)."""
    enhanced, texts = None, []
    for line in raw.splitlines() or [b""]:
        text = line[4:] if line[:3].isdigit() else line
        found = _ENHANCED.match(text)
        if found:
            enhanced = enhanced or found[1].decode()
            text = text[found.end() :]
        texts.append(text)
    joined = b" ".join(texts).strip()
    return Reply(enhanced, joined, printable(joined))


class Said:
    """The units of a batch with their lines and replies.

    `units` holds the unit rows as lists of integers; `before`, by session, lines of its earlier parts.
    """

    def __init__(self, rows: Rows, before: dict[int, list[bytes]]) -> None:
        self.stream = rows.stream.tobytes()
        self.units: list[list[int]] = rows.units.tolist()
        self.before = before

    def cut(self, offset: int, length: int) -> bytes:
        """Give bytes of the stream."""
        return self.stream[offset : offset + length]

    def line(self, unit: list[int]) -> bytes:
        """Give the client's line of a unit."""
        return self.stream[unit[s.U_OFF] : unit[s.U_OFF] + unit[s.U_LENGTH]]

    def reply(self, unit: list[int]) -> bytes:
        """Give the reply to a unit as sent; empty where there was none."""
        if not unit[s.U_CODE]:
            return b""
        return self.stream[unit[s.U_REPLY_OFF] : unit[s.U_REPLY_OFF] + unit[s.U_REPLY_LENGTH]]

    def secrets(self, number: int) -> list[bytes]:
        """Give the last client lines up to unit `number` that hold, or may hold, a secret."""
        lines: list[bytes] = []
        session = self.units[number][s.U_SESSION]
        while number >= 0 and len(lines) < _LINES and self.units[number][s.U_SESSION] == session:
            unit = self.units[number]
            if unit[s.U_KIND] == Kind.AUTH or unit[s.U_VERB] in (law.ANSWER_UNIT, law.UNKNOWN_VERB):
                lines.append(self.line(unit))
            number -= 1
        return lines + self.before.get(session, [])[: _LINES - len(lines)]

    def shown(self, reply: Reply, number: int) -> str:
        """Give a reply's text without what the client said in its last lines up to unit `number`."""
        if not redact.is_strange(reply.text):
            return reply.shown
        lines = self.secrets(number)
        return printable(redact.scrub(reply.text, lines)) if redact.may_echo(reply.text, lines) else reply.shown
