"""Who said a line of a dialogue, what is missing between lines, and the steps that the SMTP machine reads.

A log is told from a capture by what it lacks: there are no acknowledgements, whole lines are left out (secrets, message
text), and some logs do not even say who speaks. So who speaks follows from the grammar of replies (RFC 5321 section
4.2), and what is missing from who would have had to speak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.smtp.law import CHALLENGE, CLASS_KINDS, GO_ON, READY, REPLY_KINDS, VERBS, Flag, Kind, Mode
from analyzer.tcp import columns as c

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REPLY: Final = re.compile(rb"[2-5][0-9]{2}(?=[ \t-]|\Z)")
_GREETS: Final = re.compile(rb"(?i)[SL]MTP")

#: Commands that mean nothing without an argument, and those of which a path is the argument.
_ARGUED: Final = frozenset((Kind.HELLO, Kind.LHLO, Kind.AUTH, Kind.BDAT))
_PATHED: Final = frozenset((Kind.MAIL, Kind.RCPT))
_HELLOS: Final = frozenset((Kind.HELLO, Kind.LHLO))
#: Commands after which a client has to wait for the reply (RFC 2920 section 3.1).
_WAITS: Final = frozenset((Kind.AUTH, Kind.STARTTLS, Kind.TURN, Kind.DATA))

_MISSING: Final = 1  # octets of a line that was left out; how many there were does not matter

CLIENT, SERVER = 0, 1
_NONE: Final = Flag(0)


class Line(NamedTuple):
    """One line of a dialogue; `time` and `frame` as in steps."""

    server: bool
    text: bytes
    time: int
    frame: int
    masked: bool = False


def code_of(text: bytes) -> int:
    """Give the code of a reply line; 0 where it is none."""
    found = _REPLY.match(text)
    return int(found[0]) if found else 0


def verb_of(text: bytes) -> Kind | None:
    """Give the kind of command that a line begins with."""
    word = text.split(None, 1)[:1]
    return VERBS.get(word[0].decode("latin-1").upper()) if word and len(word[0]) <= 16 else None


def is_command(text: bytes) -> bool:
    """Say whether a line has the form of a command: prose may begin with a verb too."""
    kind = verb_of(text)
    rest = text.split(None, 1)[1:]
    if kind is None:
        return False
    if kind in _PATHED:
        return bool(rest) and b":" in rest[0]
    return bool(rest) if kind in _ARGUED else kind is Kind.PLAIN or not rest


def server_of(share_a: float, share_b: float) -> str | None:
    """Give the side that is the server, by the share of replies among its lines; None where they do not tell it."""
    if abs(share_a - share_b) < 0.5:
        return None
    return "a" if share_a > share_b else "b"


def share(replies: int, lines: int) -> float:
    """Give the share of replies; half where there are no lines."""
    return replies / lines if lines else 0.5


def speakers(texts: Sequence[bytes]) -> list[bool | None]:
    """Say which lines of a log without marks the server said; None: neither did."""
    ends = {at for at, text in enumerate(texts) if text == b"."}
    made: list[bool | None] = []
    asked = body = False
    for at, text in enumerate(texts):
        code = code_of(text)
        if body:
            made.append(False)
            body = at not in ends
        elif code:
            made.append(True)
            if text[3:4] != b"-":
                asked = code == CHALLENGE
                # a reply next: the log leaves out the message; else all is message up to its end, whatever it quotes
                body = code == GO_ON and at + 1 < len(texts) and code_of(texts[at + 1]) == 0
        elif asked or is_command(text):
            made.append(False)
            asked = False
        else:
            refused = at + 1 < len(texts) and texts[at + 1][:1] == b"5" and code_of(texts[at + 1]) > 0
            made.append(False if refused else None)
    return made


def begins_anew(line: Line, said: Line | None, before: Line) -> bool:
    """Say whether a line is the greeting of another session than the line `before`; `said`: the client's last line."""
    if not line.server or code_of(line.text) != READY:
        return False
    if said is None or not before.server:  # a client's line still waits for its reply
        return said is not None and verb_of(said.text) is Kind.QUIT
    if code_of(before.text) == READY and before.text[3:4] == b"-":
        return False
    return verb_of(said.text) is Kind.QUIT or _GREETS.search(line.text) is not None


def _finals(lines: Sequence[Line]) -> list[int]:
    """Give the code of each line that completes a reply, 0 for all others.

    A reply whose last line is missing is complete where something else follows.
    """
    codes = [code_of(line.text) if line.server else 0 for line in lines]
    made = []
    for at, line in enumerate(lines):
        goes_on = line.text[3:4] == b"-" and at + 1 < len(lines) and codes[at + 1] in (codes[at], 0)
        goes_on = goes_on and lines[at + 1].server
        made.append(0 if goes_on else codes[at])
    return made


@dataclass(slots=True)
class _Count:
    """Follows a dialogue as far as needed to know who has to speak."""

    open: int  # units that wait for a reply
    body: bool = False
    asked: bool = False

    def hear(self, line: Line, code: int) -> None:
        """Take a line; `code` is that of the reply which it completes."""
        if code:
            self.open -= self.open > 0
            self.asked, self.body = code == CHALLENGE, code == GO_ON
        elif not line.server and self.body:
            self.body = line.text != b"."
            self.open += not self.body
        elif not line.server:
            self.open += 1
            self.asked = False


def _levels(lines: Sequence[Line], finals: Sequence[int], greeted: int) -> list[int]:
    """Give, for each line, the lowest number of open units from there on, as if nothing were missing."""
    count, levels = _Count(greeted), []
    for line, code in zip(lines, finals, strict=True):
        count.hear(line, code)
        levels.append(count.open)
    return list(accumulate(reversed(levels), min))[::-1]


def beginning(lines: Sequence[Line], *, connected: bool) -> tuple[Mode, Flag]:
    """Say how the machine begins: with the greeting, with a first command whose greeting was left out, or anywhere."""
    first = lines[0]
    code = code_of(first.text) if first.server else 0
    kind = REPLY_KINDS.get(code, CLASS_KINDS.get(code // 100))
    if kind in (Kind.R220, Kind.R421) or (kind is Kind.REFUSAL and connected):
        return Mode.COMMAND, _NONE
    if not first.server and (connected or verb_of(first.text) in _HELLOS):
        return Mode.CHECK, _NONE
    return Mode.LOST, Flag.MIDSTREAM


@dataclass(slots=True)
class Turns:
    """A dialogue as the machine reads it: streams of both sides, and steps (see `analyzer.tcp.columns`)."""

    mode: Mode
    flags: Flag
    streams: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    steps: list[tuple[int, ...]] = field(default_factory=list)
    masked: list[int] = field(default_factory=list)  # places in the client's stream
    excused: Flag = _NONE  # flags of what every log leaves out: the text of messages
    gaps: Flag = _NONE
    gone: list[int] = field(default_factory=list)  # the sides that have left

    def add(self, kind: int, side: int, line: Line, text: bytes = b"", size: int = 0) -> None:
        """Add a step."""
        self.streams[side].extend(text)
        heard = 0 if CLIENT in self.gone and side == SERVER else c.HEARD
        self.steps.append((kind, side, len(self.streams[side]), size, line.time, line.frame, heard))

    def leave(self, side: int, line: Line) -> None:
        """Let a side leave."""
        self.add(c.FIN, side, line)
        self.gone.append(side)

    def answer(self, line: Line, *, final: bool, missing: bool, body: bool) -> None:
        """Add a server's line; `missing`: that of the client, or (`body`) the message, before it was left out."""
        if missing:
            self.add(c.GAP, CLIENT, line, size=_MISSING)
            self.excused |= Flag.GAP_CLIENT if body else _NONE
            self.gaps |= _NONE if body else Flag.GAP_CLIENT
        text = line.text[:3] + line.text[3:].replace(b"-", b" ", 1) if final and line.text[3:4] == b"-" else line.text
        if text:
            self.add(c.DATA, SERVER, line, text + b"\r\n")

    def say(self, line: Line, kind: Kind | None) -> None:
        """Add a client's line."""
        if line.masked:
            self.masked.append(len(self.streams[CLIENT]))
        self.add(c.DATA, CLIENT, line, line.text + b"\r\n")
        if kind is Kind.BDAT:  # the octets that it announces are in no log
            words = line.text.split()
            self.add(c.CUT, CLIENT, line, size=int(words[1][:12]) if len(words) > 1 and words[1].isdigit() else 0)
            self.excused |= Flag.TRUNCATED


def turns_of(lines: Sequence[Line], left: Mapping[int, int], *, connected: bool) -> Turns:
    """Lay out a dialogue. `left`: after how many lines a side leaves, and which; `connected`: it begins here."""
    made = Turns(*beginning(lines, connected=connected))
    finals = _finals(lines)
    greeted = int(made.mode is Mode.COMMAND)
    levels = _levels(lines, finals, greeted)
    last_reply = max((at for at, code in enumerate(finals) if code), default=-1)
    unasked = _shows_answers(lines, finals)
    first = -1 if made.mode is not Mode.LOST else next((at for at, code in enumerate(finals) if code), -1)
    count, ahead, waits = _Count(greeted), 0, False  # ahead: units in `levels` whose replies are missing
    for at, (line, code) in enumerate(zip(lines, finals, strict=True)):
        if at in left:
            made.leave(left[at], line)
        if line.server:
            missing = code > 0 and count.open == 0 and at > first and REPLY_KINDS.get(code) is not Kind.R421
            made.answer(line, final=code > 0, missing=missing and not (count.asked and unasked), body=count.body)
        else:
            missing = levels[at] > ahead and (waits or at < last_reply) and SERVER not in made.gone
            if count.open and not count.body and missing:
                made.add(c.GAP, SERVER, line, size=_MISSING)
                ahead += count.open
                count.open = 0
            kind = None if count.body or count.asked else verb_of(line.text)
            waits = not count.body and (count.asked or (waits and count.open > 0) or kind in _WAITS)
            made.say(line, kind)
        count.hear(line, code)
    if len(lines) in left:
        made.leave(left[len(lines)], lines[-1])
    made.add(c.END, CLIENT, lines[-1])
    made.excused &= ~made.gaps
    if not made.streams[SERVER] or (not made.streams[CLIENT] and made.gaps):
        made.flags |= Flag.ONE_SIDED
    return made


def _shows_answers(lines: Sequence[Line], finals: Sequence[int]) -> bool:
    """Say whether the log shows what clients answer to a challenge: then a reply without one came of its own."""
    return any(code == CHALLENGE and not after.server for code, after in zip(finals, lines[1:], strict=False))
