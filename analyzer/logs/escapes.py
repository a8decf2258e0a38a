"""How logs write the lines of a dialogue: escapes undone, and what they put in place of secrets recognised."""

from __future__ import annotations

import html
import re
from binascii import b2a_base64
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final

from analyzer.smtp.challenge import COMMON
from analyzer.smtp.encoding import unbase64, unbase64_head
from analyzer.smtp.law import VERBS, Kind
from analyzer.smtp.redact import MASK, REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable

#: Written instead of every secret that a log does not show: no base64, and no line that means anything.
HIDDEN: Final = b"***"

#: What nodemailer puts in the place of a password or token, before it encodes the response.
_INSIDE: Final = b"/* secret */"

_LINE_END: Final = re.compile(rb"\r*\n")
_BREAK: Final = re.compile(rb"(?i)<br[ ]*/?>\r?\n?")
_NL: Final = re.compile(rb"\[nl\]")
_BACKSLASH: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)

#: What may be base64 of a text, cut short or not; letters of one case, but for the first, are a word.
_CODED: Final = re.compile(
    r"(?<![\w+/@-])(?![A-Za-z][a-z]*(?![A-Za-z0-9+/=])|[A-Z]+(?![A-Za-z0-9+/=]))[A-Za-z0-9+/]{8,}={0,2}(?![\w+/@-])"
)
#: What Exim could not look up or expand: the password may be within, and quotation marks, too.
_LOOKED_UP: Final = re.compile(r'(?i)(\b(?:lookup|expan\w+|condition|query)(?: of| string)? )".*"', re.DOTALL)
_UNREADABLE: Final = re.compile(r"[\x02-\x1f\x7f-\x9f]")
_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0"}


def hushed(text: str) -> str:
    """Give what a server said without words that are base64 of a text: some repeat what their clients said to them.

    What a server asked of others is left out as well: that may hold them, too. In a dialogue what the client said is
    known, and looked for (`analyzer.smtp.redact`); here it is not.
    """
    return _CODED.sub(_hushed, _LOOKED_UP.sub(rf"\1{REMOVED.decode()}", text))


def _hushed(found: re.Match[str]) -> str:
    raw = found[0].encode()
    if raw in COMMON:
        return found[0]
    try:  # at the end may be half a letter
        data = getincrementaldecoder("utf-8")().decode(unbase64_head(raw) or b"")
    except UnicodeDecodeError:
        return found[0]
    return found[0] if _UNREADABLE.search(data) else REMOVED.decode()


def lines_of(escape: str, text: bytes) -> list[bytes]:
    """Give the lines that a log's text stands for: at least one, without their ends."""
    lines = [line.rstrip(b"\r") for line in _LINE_END.split(_ESCAPES[escape](text))]
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _python(text: bytes) -> bytes:
    """Undo the escapes of a literal of Python, of text or of bytes."""
    return _BACKSLASH.sub(_backslash, text) if b"\\" in text else text


def _backslash(found: re.Match[bytes]) -> bytes:
    octet, short, long, letter = found.groups()
    if octet:
        return bytes([int(octet, 16)])
    if letter is None:
        number = int(short or long, 16)
        return chr(min(number, 0x10FFFF)).encode("utf-8", "replace")
    return _LETTERS.get(letter, letter)


def _html(text: bytes) -> bytes:
    """Undo entities; a break is the end of a line."""
    text = _BREAK.sub(b"\n", text)
    if b"&" not in text:
        return text
    return html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "replace")


def _glued(text: bytes) -> bytes:
    """Cut a reply of several lines, that stand behind each other with nothing between, where its code stands again."""
    text = _html(text)
    code = text[:3]
    if not code.isdigit() or text[3:4] != b"-":
        return text
    whole, at = bytearray(), 0
    for found in re.compile(code + rb"[- ]").finditer(text, 4):
        whole += text[at : found.start()].rstrip(b"\r\n") + b"\n"
        at = found.start()
        if text[at + 3 : at + 4] == b" ":
            break
    return bytes(whole) + text[at:]


_ESCAPES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "python": _python,
    "html": _html,
    "csv": lambda text: text.replace(b'""', b'"'),
    "nl": lambda text: _NL.sub(b"\n", text),
    "glued": _glued,
}

#: The octets without which an escape has written nothing.
MARKS: Final[dict[str, bytes]] = {"": b"", "python": b"\\", "html": b"<&", "csv": b'"', "nl": b"[", "glued": b"<&-"}


def hides(line: bytes) -> bytes | None:
    """Give a client's line as it is read where the log hides a secret of it, the secret replaced; None: it hides none.

    A secret that is hidden inside a response leaves the name beside it.
    """
    words = line.split(None, 2)
    is_auth = len(words) == 3 and VERBS.get(words[0].decode("latin-1").upper()) is Kind.AUTH
    response = words[2] if is_auth else line
    shown = _without_secret(response.strip())
    if shown is None:
        return None
    return b" ".join((*words[:2], shown)) if is_auth else shown


def _without_secret(response: bytes) -> bytes | None:
    if MASK.fullmatch(response):
        return HIDDEN
    data = unbase64(response) or b""
    return b2a_base64(data.replace(_INSIDE, HIDDEN), newline=False) if _INSIDE in data else None
