"""Envelopes around log lines: what journald, containers and forums put about a line is taken off, line for line.

What comes out are lines as a file would hold them, ``TIME HOST PROGRAM[PID]: MESSAGE``, as far as the envelope tells
these; a message that has a time of its own keeps it and gets no second one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: Takes whole lines, gives as many.
Unwrap: TypeAlias = Callable[[bytes], bytes]

#: Envelopes can lie in each other: journald's JSON in that of a container.
NESTED: Final = 3

#: Lines that are looked at. More than half of them have to be in the same envelope: some logs begin with other lines.
LOOKED_AT: Final = 40

#: Parts of a line that wait for the rest of it; kubelet's own limit for a line that it joins is 16 KiB a part.
WAITING_BYTES: Final = 1 << 20

#: The time that a line begins with, in any of the ways in which logs write it, and what stands about it.
OWN_TIME: Final = re.compile(
    rb"""(?:<\d{1,3}>(?:1\ )?)?\[?                                              # RFC 5424, a bracket
    (?:\d{4}([-/.])\d\d\1\d\d[T\ ,]\s*                                          # 2026-11-23
      |(?:\d\d?([/.])\d\d?\2(?:\d{4}|\d\d)|\d\d[-/\ ][A-Z][a-z]{2}[-/\ ]\d{4})[\ ,]\s*  # 11/23/26, 23-Nov-2026
      |(?:[A-Z][a-z]{2},?\s+)?[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{4}\s+)?           # Mon Nov 23 2026
    )?(?:\d\d|(?<=\s)\d):\d\d:\d\d(?:[.,]\d+)?                          # 9:00:00
    (?:\ ?[AaPp][Mm](?![^\s:,\]]))?(?:\ ?(?:Z|[-+]\d\d:?\d\d|UTC|GMT)(?![\w:]))?
    |@[0-9a-f]{24}(?![0-9a-f])                                                  # TAI64N
    """,
    re.VERBOSE,
)
_ISO_TIME: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[-+]\d\d:?\d\d)")

#: A line whose time is followed by the program and not by a host.
_HOSTLESS: Final = re.compile(rb"[\]:,]?\s+(?=[\w./@-]+(?:\[\d+\])?:(?:\s|$))")

_COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
#: The time of a container's line, and what begins with a date: a time of day alone leaves the day to the former.
_STAMPED: Final = re.compile(rb"(%s) (?=\S)(?!\[?\d?\d:)(.*)" % _ISO_TIME.pattern, re.DOTALL)
_LINE_ENDS: Final = re.compile(rb"[\r\n\v\f]+")
_PID: Final = re.compile(rb"\d{1,10}")

#: `name-1  | rest`; names of levels (``INFO | rest``) have no small letters, those of containers nearly always.
_COMPOSE: Final = re.compile(rb"(?=[^|]*[a-z])([A-Za-z0-9][\w.@-]*)\s*\|(?: |$)(.*)", re.DOTALL)
_CRI: Final = re.compile(rb"(\S+) (stdout|stderr) ([FP])(?::\S*)?(?: |$)(.*)", re.DOTALL)

_TAG: Final = rb"\s{0,8}\[/?(?:CODE|COLOR|FONT|ICODE|PHP|PRE|QUOTE|SIZE)(?:=[^][]{0,80})?\]"
_TAGS: Final = re.compile(rb"\A(?:%s){1,8}|(?:%s){1,8}\s{0,8}\Z" % (_TAG, _TAG), re.IGNORECASE)


class Opened(NamedTuple):
    """What an envelope held: the text, and the time and the host that the envelope told (empty: none)."""

    text: bytes
    time: bytes = b""
    host: bytes = b""


#: Opens the envelope about one line; None: there is none that can be opened.
Opener: TypeAlias = Callable[[bytes], "Opened | None"]


def unwrapper(head: bytes) -> Unwrap | None:
    """Tell by the first lines of a text what takes off its envelopes; None: it has none."""
    lines = bytes(head).split(b"\n")
    whole = [line for line in lines[:-1] if line.strip()] or lines[-1:]
    makers: list[Callable[[], Opener]] = [_coloured] if _COLOUR.search(head) else []  # only warnings may have any
    sample = [_COLOUR.sub(b"", line) for line in whole[:LOOKED_AT]]
    most = len(makers) + NESTED
    while len(makers) < most:
        for maker, share in ENVELOPES.items():
            opener = maker()
            opened = [opener(line) for line in sample]
            if sum(one is not None for one in opened) > share * len(sample):
                makers.append(maker)
                sample = [one.text for one in opened if one is not None and one.text]
                break
        else:
            break
    return _Lines([maker() for maker in makers]) if makers else None


class _Lines:
    """Opens the envelopes about each line, from the outermost on."""

    def __init__(self, openers: list[Opener]) -> None:
        self._openers = openers

    def __call__(self, block: bytes) -> bytes:
        return b"\n".join(map(self._line, bytes(block).split(b"\n")))

    def _line(self, line: bytes) -> bytes:
        text, time, host = line, b"", b""
        for opener in self._openers:
            opened = opener(text)
            if opened is not None:
                text, time, host = opened.text, opened.time or time, opened.host or host
        return text if text is line else _headed(text, time, host)


def _headed(text: bytes, time: bytes, host: bytes) -> bytes:
    """Put time and host before a text that has none of its own."""
    if not text.strip():
        return b""
    own = OWN_TIME.match(text)
    if own is None and time:
        text = time + b" " + text
        own = OWN_TIME.match(text)
    hostless = _HOSTLESS.match(text, own.end()) if own and host else None
    return text[: hostless.end()] + host + b" " + text[hostless.end() :] if hostless else text


def _compose() -> Opener:
    """Compose of Docker: the container's name, perhaps in colours, and a bar."""

    def opened(line: bytes) -> Opened | None:
        match = _COMPOSE.match(_COLOUR.sub(b"", line))
        return match and Opened(match[2], host=match[1])

    return opened


def _cri() -> Opener:
    """Kubernetes (CRI): the time, the stream, and whether a line is full or a part; the last line of parts has all."""
    waiting: dict[bytes, tuple[bytes, bytearray]] = {}

    def opened(line: bytes) -> Opened | None:
        match = _CRI.match(line)
        if match is None or not _ISO_TIME.fullmatch(match[1]):
            return None
        time, stream, full, text = match.groups()
        began, parts = waiting.setdefault(stream, (time, bytearray()))
        parts += text
        if full == b"P" and len(parts) < WAITING_BYTES:
            return Opened(b"")
        del waiting[stream]
        return Opened(_COLOUR.sub(b"", bytes(parts)), began)

    return opened


def _docker() -> Opener:
    """Docker's json-file: one object a line, with `log` and `time`."""

    def opened(line: bytes) -> Opened | None:
        fields = _object(line)
        if not isinstance(fields.get("log"), str) or not isinstance(fields.get("time"), str):
            return None
        time = _field(fields, "time")
        return Opened(_field(fields, "log"), time if _ISO_TIME.fullmatch(time) else b"")

    return opened


def _stamped() -> Opener:
    """Give what `docker logs -t` and `kubectl logs --timestamps` put a time before, where it has one of its own."""

    def opened(line: bytes) -> Opened | None:
        match = _STAMPED.match(line)
        return Opened(match[2], match[1]) if match and OWN_TIME.match(match[2]) else None

    return opened


def _journal() -> Opener:
    """JSON of journald: one object a line; a message that is no UTF-8 is a list of bytes (journalctl(1))."""

    def opened(line: bytes) -> Opened | None:
        fields = _object(line)
        if "__REALTIME_TIMESTAMP" not in fields or not isinstance(fields.get("MESSAGE"), (str, list)):
            return None
        message, host = _field(fields, "MESSAGE"), _field(fields, "_HOSTNAME")
        if fields["MESSAGE"] and not message:  # nothing of it is text
            return None
        if OWN_TIME.match(message):
            return Opened(message, host=host)
        program = _field(fields, "SYSLOG_IDENTIFIER") or _field(fields, "_COMM")
        if program:
            pid = _field(fields, "SYSLOG_PID") or _field(fields, "_PID")
            message = b"%s%s%s: %s" % (
                host and host + b" ",
                program,
                b"[%s]" % pid if _PID.fullmatch(pid) else b"",
                message,
            )
        return Opened(message, _moment(fields))

    return opened


def _forum() -> Opener:
    """Markup of forums: tags in square brackets about each line, or about all of them."""

    def opened(line: bytes) -> Opened | None:
        text = _TAGS.sub(b"", line)
        return None if text == line else Opened(text)

    return opened


def _coloured() -> Opener:
    """Take off the colours in which journalctl and some servers write for a terminal."""

    def opened(line: bytes) -> Opened | None:
        text = _COLOUR.sub(b"", line)
        return None if text == line else Opened(text)

    return opened


#: The envelopes, and what share of the lines has to be exceeded: one tag is enough, for tags can stand about all lines.
ENVELOPES: Final[dict[Callable[[], Opener], float]] = {
    _compose: 0.5,
    _cri: 0.5,
    _journal: 0.5,
    _docker: 0.5,
    _stamped: 0.5,
    _forum: 0,
}


def _object(line: bytes) -> dict[str, Any]:
    """Read a line as a JSON object; an empty one where it is none."""
    line = line.strip(b" \t\r\x1e")  # RFC 7464 begins texts with a record separator
    if not line.startswith(b"{"):
        return {}
    try:
        made = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def _field(fields: dict[str, Any], name: str) -> bytes:
    """Give a field in one line; a list is one of bytes, or of the values of a field that was given more than once."""
    value = fields.get(name)
    if isinstance(value, list):
        try:
            value = bytes(value).decode("utf-8", "surrogateescape")
        except (TypeError, ValueError):
            value = value[0] if isinstance(value[0], str) else None
    if not isinstance(value, (str, int)):
        return b""
    try:
        text = str(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        text = str(value).encode("utf-8", "replace")
    return _LINE_ENDS.sub(b" ", _COLOUR.sub(b"", text)).rstrip()


def _moment(fields: dict[str, Any]) -> bytes:
    try:
        moment = EPOCH + timedelta(microseconds=int(fields["__REALTIME_TIMESTAMP"]))
    except (TypeError, ValueError, OverflowError):
        return b""
    return moment.isoformat(timespec="microseconds").encode()
