r"""The dialogue language: SMTP conversations as text, from which captures are made (`tests.frames`).

A dialogue begins with a title and prose, as comments, then one line an event::

    # LOGIN, user name lost
    # The password must not become the identity.

    S: 220 mx.example.test ESMTP
    C: AUTH LOGIN
    S: 334 VXNlcm5hbWU6
    -- lost C: {b64:alice@example.test}
    S: 334 UGFzc3dvcmQ6
    C: {b64:S3cr3t-Canary-Horse}
    S: 235 2.7.0 ok

Lines of data, ``C`` for the client and ``S`` for the server:

======== =======================================================================
``C: x`` x and CRLF, a segment of its own
``C> x`` x alone, without CRLF
``C+ x`` x and CRLF, in the segment of the line before it (of the same side)
======== =======================================================================

``\r \n \t \\ \xNN`` are escapes; other text is UTF-8. Helpers nest: ``{b64:x}`` base64, ``{plain:a|b|c}`` SASL
PLAIN, ``{repeat:1000:x}``, ``{hex:1603}``, ``{ntlm1}``, ``{ntlm2}``, ``{ntlm3:user|domain|host}``, ``{hello:name}``
a TLS ClientHello, ``{tls:23:40}`` a TLS record of that type with 40 octets.

Words between ``--`` and a line of data say what happened to its segment: ``lost`` (sent, not captured), ``late``
(captured after the segment that follows), ``unacked`` (the other side never acknowledges it), ``crossing`` (sent
before its sender had received what stands above it), ``again`` (sent at the place of the side's last segment).

Marks of their own, after ``--``:

==================== ===========================================================
``gap 12 server``    12 octets of the server, sent and not captured
``fin client``       a FIN; the other side's follows at the end of the dialogue
``rst server``       a RST; nothing follows by itself
``ack client``       a segment without data
``time +5.0``        seconds pass
``cut 20``           of the next segment, 20 octets of payload are captured
``port 2525``        the server's port; stands before the first segment
``midstream``        no handshake was captured
``no-close``         no FINs at the end
``only client``      the capture shows this side alone
``connect``          another connection, from the next port; ``connect same``
                     from the same, ``connect 203.0.113.9:41000`` from there
``secret text``      a word that no output may hold
==================== ===========================================================
"""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Words that may stand between ``--`` and a line of data.
FLAGS: Final = frozenset({"lost", "late", "unacked", "crossing", "again"})
#: Marks, each with the pattern of its argument.
MARKS: Final = {
    "gap": r"\d+ (client|server)",
    "fin": r"client|server",
    "rst": r"client|server",
    "ack": r"client|server",
    "time": r"\+\d+(\.\d+)?",
    "cut": r"\d+",
    "port": r"\d+",
    "midstream": r"",
    "no-close": r"",
    "only": r"client|server",
    "connect": r"|same|[0-9.]+:\d+",
    "secret": r".+",
}
SIDES: Final = {"C": "client", "S": "server"}

_DATA = re.compile(r"([CS])([:>+])(?: (.*))?$", re.DOTALL)
_HELPER = re.compile(r"\{([a-z]+[0-9]*)(?=[:}])")
_ESCAPE = re.compile(rb"\\(?:([rnt\\])|x([0-9A-Fa-f]{2}))")
_ESCAPES: Final = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
_SECRET = re.compile(rb"[\w.~+-]*Canary[\w.~+-]*")
_MARKED_SECRET = re.compile(r"^-- secret (.+)$", re.MULTILINE)


class DialogueError(ValueError):
    """A dialogue that cannot be read; the message names the line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens on a connection, in the order of the wire."""

    kind: str
    """``data``, ``gap`` (sent, not captured), or the name of a mark."""
    side: str = ""
    """``client`` or ``server``; empty for marks of no side."""
    data: bytes = b""
    """What was sent."""
    flags: frozenset[str] = frozenset()
    """Words that stood before the line; ``joined`` for ``C+``."""
    argument: str = ""
    """The rest of a mark."""
    line: int = 0
    """Line of the dialogue, from 1."""


def to_events(text: str) -> list[Event]:
    """Read a dialogue; everything from a line ``== …`` on belongs to the case and is left out."""
    title_of(text)
    events: list[Event] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("== "):
            break
        if line.strip() and not line.startswith("#"):
            events.append(_event(number, line))
    return events


def title_of(text: str) -> str:
    """Give the title, the first comment of a dialogue; prose has to follow."""
    lines = text.split("\n")
    if not lines[0].startswith("# "):
        raise DialogueError(1, "a dialogue begins with its title, '# …'")
    if len(lines) < 2 or not lines[1].startswith("# "):
        raise DialogueError(2, "a title is followed by prose, '# …', that says why the dialogue is kept")
    return lines[0][2:].strip()


def _event(number: int, line: str) -> Event:
    flags: set[str] = set()
    rest = line
    if line.startswith("-- "):
        rest = line[3:]
        while (word := rest.partition(" ")[0]) in FLAGS:
            flags.add(word)
            rest = rest[len(word) + 1 :]
        if not flags:
            return _mark(number, rest)
    match = _DATA.match(rest)
    if match is None:
        raise DialogueError(number, f"neither data, mark nor comment: {line!r}")
    side, how, content = match.groups()
    data = expand(content or "", number) + (b"" if how == ">" else b"\r\n")
    if not data:
        raise DialogueError(number, "a segment without data; write '-- ack client'")
    flags |= {"joined"} if how == "+" else set()
    kind = "gap" if "lost" in flags else "data"
    return Event(kind, SIDES[side], data, frozenset(flags), line=number)


def _mark(number: int, text: str) -> Event:
    name, _, argument = text.partition(" ")
    if name not in MARKS:
        raise DialogueError(number, f"no such mark: {name!r}")
    if not re.fullmatch(MARKS[name], argument):
        raise DialogueError(number, f"{name!r} does not take {argument!r}")
    if name == "gap":
        length, side = argument.split()
        return Event("gap", side, b"?" * int(length), frozenset({"lost"}), line=number)
    side = argument if argument in ("client", "server") else ""
    return Event(name, side, argument=argument, line=number)


def expand(text: str, line: int = 0) -> bytes:
    """Replace escapes and helpers in one line."""
    out, position = b"", 0
    while match := _HELPER.search(text, position):
        end = _closing(text, match.end(), line)
        helper = HELPERS.get(match[1])
        if helper is None:
            raise DialogueError(line, f"no such helper: {match[1]!r}")
        try:
            made = helper(expand(text[match.end() + 1 : end], line))
        except ValueError as error:
            raise DialogueError(line, f"{match[1]}: {error}") from error
        out += _unescape(text[position : match.start()]) + made
        position = end + 1
    return out + _unescape(text[position:])


def _closing(text: str, start: int, line: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return position
    raise DialogueError(line, "a helper is not closed")


def _unescape(text: str) -> bytes:
    def escaped(match: re.Match[bytes]) -> bytes:
        return _ESCAPES[match[1]] if match[1] else bytes([int(match[2], 16)])

    return _ESCAPE.sub(escaped, text.encode())


def _repeat(argument: bytes) -> bytes:
    times, _, what = argument.partition(b":")
    return what * int(times)


def _tls_record(argument: bytes) -> bytes:
    """Make a record (RFC 8446 section 5.1) of a type with so many octets of what looks like ciphertext."""
    kind, _, length = argument.partition(b":")
    return struct.pack(">BHH", int(kind), 0x0303, int(length)) + bytes((i * 151 + 7) % 256 for i in range(int(length)))


def _client_hello(name: bytes) -> bytes:
    """Make a ClientHello (RFC 8446 section 4.1.2) with a server name (RFC 6066 section 3)."""
    server_name = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    versions = bytes.fromhex("002b0003020304")
    extensions = server_name + versions
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + bytes.fromhex("000413011302") + b"\x01\0"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, 0x0301, len(message)) + message


_NTLM_FLAGS: Final = 0xA2088207  # Unicode, OEM, request target, NTLM, extended security, 56, 128 bit
_CHALLENGE: Final = bytes.fromhex("0123456789abcdef")


def _ntlm_negotiate(_: bytes) -> bytes:
    """Make a type 1 message ([MS-NLMP] section 2.2.1.1), base64."""
    return base64.b64encode(b"NTLMSSP\0" + struct.pack("<II", 1, _NTLM_FLAGS) + bytes(16))


def _ntlm_challenge(_: bytes) -> bytes:
    """Make a type 2 message ([MS-NLMP] section 2.2.1.2), base64."""
    head = b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 48, _NTLM_FLAGS) + _CHALLENGE
    return base64.b64encode(head + bytes(8) + struct.pack("<HHI", 0, 0, 48))


def _ntlm_authenticate(argument: bytes) -> bytes:
    """Make a type 3 message ([MS-NLMP] section 2.2.1.3) of ``user|domain|host``, base64."""
    user, domain, host = (part.decode().encode("utf-16-le") for part in argument.split(b"|"))
    fields, payload, offset = b"", b"", 64
    for value in (bytes(24), b"\xa5" * 24, domain, user, host, b""):
        fields += struct.pack("<HHI", len(value), len(value), offset + len(payload))
        payload += value
    return base64.b64encode(b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", _NTLM_FLAGS) + payload)


HELPERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "b64": base64.b64encode,
    "plain": lambda argument: base64.b64encode(argument.replace(b"|", b"\0")),
    "repeat": _repeat,
    "hex": lambda argument: bytes.fromhex(argument.decode()),
    "tls": _tls_record,
    "hello": _client_hello,
    "ntlm1": _ntlm_negotiate,
    "ntlm2": _ntlm_challenge,
    "ntlm3": _ntlm_authenticate,
}


def secrets_of(text: str) -> set[bytes]:
    """Give every form in which a secret of the dialogue would show: plain, and in base64 at each alignment.

    Secrets are words that hold ``Canary`` and those named by ``-- secret``.
    """
    dialogue = text.partition("\n== ")[0]
    words = {match[0] for match in _SECRET.finditer(dialogue.encode())}
    words |= {word.encode() for word in _MARKED_SECRET.findall(dialogue)}
    return words | {form for word in words for form in _base64_cores(word)}


def _base64_cores(word: bytes) -> set[bytes]:
    """Give the letters of base64 that do not depend on what stands before and after the word."""
    cores = set()
    for shift in range(3):
        whole = (shift + len(word)) // 3 * 4
        cores.add(base64.b64encode(bytes(shift) + word)[(shift * 8 + 5) // 6 : whole])
    return cores


def rewrite(
    text: str,
    *,
    host: str | None = None,
    user: str | None = None,
    banner: str | None = None,
    port: int | None = None,
) -> str:
    """Give the dialogue with other names: host names, the user alice, the server's greetings, the server's port.

    Lengths may change, so dialogues with gaps or cut segments are not for this.
    """
    if host is not None:
        text = text.replace("mx.example.test", f"mx.{host}").replace("client.example.test", f"client.{host}")
    if user is not None:
        text = re.sub(r"\balice\b", user, text)
    if banner is not None:
        text = re.sub(r"^(S: 220) .*ESMTP.*$", rf"\g<1> {banner}", text, flags=re.MULTILINE)
    if port is not None:
        lines = [line for line in text.split("\n") if not line.startswith("-- port ")]
        first = next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))
        text = "\n".join([*lines[:first], f"-- port {port}", *lines[first:]])
    return text
