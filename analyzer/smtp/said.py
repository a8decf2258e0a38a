"""What was said, cut out of a batch's streams: replies in words, and client lines that may hold secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.law import Kind

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.reply import Reply

#: Units whose lines may hold a secret whatever they look like.
_SECRETIVE: Final = (law.ANSWER_UNIT, law.UNKNOWN_VERB, law.INJECTED)

#: Binding, authorization identity, name and nonce (RFC 5802 section 7).
_SCRAM_FIRST: Final = re.compile(rb"[nyp][^,]*,[^,]*,n=[^,]*,r=[^,]*\Z")

#: Client lines before a reply that are looked for in it.
_LINES: Final = 4


def is_open(line: bytes) -> bool:
    """Say whether an AUTH line holds no secret: SCRAM's first message, whose nonce the server has to repeat."""
    words = line.split()
    return bool(words) and _SCRAM_FIRST.match(unbase64(words[-1]) or b"") is not None


class Said:
    """The units of a batch with their lines and replies.

    `units` is a view of the unit rows, indexed by number and column (cheaper than making objects of all of them);
    `before` has, by session, lines of its earlier parts.
    """

    def __init__(self, rows: Rows, before: dict[int, list[bytes]]) -> None:
        self.stream = rows.stream.tobytes()
        self.units: Any = memoryview(rows.units)
        self.before = before
        kinds, verbs = rows.units[:, s.U_KIND], rows.units[:, s.U_VERB]
        secretive = (kinds == Kind.AUTH) | np.isin(verbs, _SECRETIVE)
        #: For each unit, the last one up to it that may hold a secret; -1: there is none.
        self._last: Any = memoryview(np.maximum.accumulate(np.where(secretive, np.arange(len(kinds)), -1)))

    def cut(self, offset: int, length: int) -> bytes:
        """Give bytes of the stream."""
        return self.stream[offset : offset + length]

    def line(self, number: int) -> bytes:
        """Give the client's line of a unit."""
        offset = self.units[number, s.U_OFF]
        return self.stream[offset : offset + self.units[number, s.U_LENGTH]]

    def reply(self, number: int) -> bytes:
        """Give the reply to a unit as sent; empty where there was none."""
        if not self.units[number, s.U_CODE]:
            return b""
        offset = self.units[number, s.U_REPLY_OFF]
        return self.stream[offset : offset + self.units[number, s.U_REPLY_LENGTH]]

    def secrets(self, number: int) -> list[bytes]:
        """Give the last client lines up to unit `number` that hold, or may hold, a secret."""
        lines: list[bytes] = []
        units, session = self.units, self.units[number, s.U_SESSION]
        number = self._last[number]
        while number >= 0 and len(lines) < _LINES and units[number, s.U_SESSION] == session:
            line = self.line(number)
            if not is_open(line):
                lines.append(line)
            number = self._last[number - 1] if number else -1
        return lines + self.before.get(session, [])[: _LINES - len(lines)]

    def shown(self, reply: Reply, number: int) -> str:
        """Give a reply's text without what the client said in its last lines up to unit `number`."""
        if not redact.is_strange(reply.text):
            return reply.shown
        lines = self.secrets(number)
        return printable(redact.scrub(reply.text, lines)) if redact.may_echo(reply.text, lines) else reply.shown
