"""Dialogues written as the logs of each format would have them, made of the format's own samples."""

from __future__ import annotations

import html
import re
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.logs.formats import EVENTS, Format, Pattern
from tests.test_formats import BY_NAME, KNOWN, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Names of the programs that write a format's lines, where its own names are patterns.
PROGRAM: Final = {"*/smtpd": "postfix/smtpd", "*/smtp": "postfix/smtp", "*/postscreen": "postfix/postscreen"}
#: What has to come out as it went in, so that a sample can carry any line.
PROBES: Final = {
    False: ("AUTH PLAIN AGFsaWNlAHg=", "EHLO x y", "dGVzdA=="),
    True: ("334 VXNlcm5hbWU6", "250-AUTH PLAIN LOGIN", "535 5.7.8 no such user"),
}
#: How a line of the server begins (RFC 5321 section 4.2).
REPLY: Final = re.compile(r"[2-5]\d\d(?=[ \t-]|\Z)")
#: Something that no sample holds.
LINE: Final = "\N{OBJECT REPLACEMENT CHARACTER}"

ESCAPES: Final = {
    "": str,
    "python": lambda text: repr(text)[1:-1].replace("\\'", "'").replace("'", "\\'").replace('"', '\\"'),
    "html": html.escape,
    "glued": lambda text: text,
    "csv": lambda text: text.replace('"', '""'),
    "nl": str,
}


class Frame(NamedTuple):
    """A log line with a place for what was said; `escape`: how it is written there."""

    text: str
    escape: str

    def of(self, line: str) -> str:
        """Give the log line that tells of a line."""
        return self.text.replace(LINE, ESCAPES[self.escape](line))


class Pen(NamedTuple):
    """Writes a format: a log line of the client's, one of the server's, and what stands before them."""

    owner: Format
    client: Frame
    server: Frame
    head: str

    def write(self, said: Iterable[tuple[str, str]]) -> str:
        """Write a dialogue: ``client`` or ``server``, and a line."""
        frames = {"client": self.client, "server": self.server}
        return "".join(f"{self.head}{frames[side].of(line)}\n" for side, line in said)


def head_of(owner: Format, second: int = 0, pid: int = 77) -> str:
    """Give what a syslog puts before the lines of a format; nothing where none does."""
    if not owner.programs:
        return ""
    program = PROGRAM.get(owner.programs[0], owner.programs[0]).replace("*", "x")
    return f"Nov 23 10:{second // 60 % 60:02}:{second % 60:02} mx {program}[{pid}]: "


def _frames(owner: Format) -> Iterator[tuple[bool, str, Pattern, Frame]]:
    """Give every sample that can carry any line: whether the server says it, its role, its pattern, the frame."""
    for pattern in (each for each in owner.patterns if each.event == "line"):
        for sample in pattern.samples:
            name, fields = taken(sample["text"], owner)
            said = fields.get("line", "")
            if name != pattern.name or not said or sample["text"].count(said) != 1 or "reply" in fields:
                continue
            frame = Frame(sample["text"].replace(said, LINE), pattern.escape)
            role = pattern.stated.get("role", owner.role)
            for server in (True, False) if pattern.side == "any" else (REPLY.match(said) is not None,):
                probes = [(frame.of(probe), ESCAPES[pattern.escape](probe)) for probe in PROBES[server]]
                if all(_carries(owner, pattern, text, line) for text, line in probes):
                    yield server, role, pattern, frame


def _carries(owner: Format, pattern: Pattern, text: str, line: str) -> bool:
    """Whether a log line tells this line, of this side; another pattern of the format may take it."""
    name, fields = taken(text, owner)
    sides = {each.name: each.side for each in owner.patterns}
    return fields.get("line") == line and sides[name or ""] == pattern.side


def _joined(owner: Format, client: Frame, server: Frame) -> Frame | None:
    """Give the server's frame with the key of the client's."""
    text = server.text
    theirs, mine = (taken(frame.of("250 ok"), owner)[1] for frame in (client, server))
    for name in {name for choice in owner.key for name in choice}:
        if name in mine and name in theirs:
            text = text.replace(mine[name], theirs[name])
    fields = taken(text.replace(LINE, "250 ok"), owner)[1]
    same = all(fields.get(name) == theirs.get(name) for choice in owner.key[:1] for name in choice)
    return server._replace(text=text) if same and fields.get("line") == "250 ok" else None


@cache
def pen_of(name: str) -> Pen | None:
    """Give the pen of a format; None: its samples cannot carry a dialogue."""
    owner = BY_NAME[name]
    # What stands around a line may mean something; a line alone may be what no other pattern takes.
    frames = sorted(_frames(owner), key=lambda each: (each[-1].text == LINE, len(each[-1].text)))
    clients = [(role, frame) for server, role, _, frame in frames if not server]
    servers = [(role, frame) for server, role, _, frame in frames if server]
    for (role, client), (other, server) in product(clients, servers):
        joined = _joined(owner, client, server) if role == other else None
        if joined:
            return Pen(owner, client, joined, head_of(owner))
    return None


#: Formats that show a dialogue, and those of them whose samples can carry any.
DIALOGUES: Final = [each.name for each in KNOWN if any(pattern.event == "line" for pattern in each.patterns)]
TOLD: Final = [name for name in EVENTS if name not in ("note", "line")]
