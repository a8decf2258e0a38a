"""NTLM messages (MS-NLMP section 2.2.1): the names in them, never the responses."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.smtp.encoding import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE: Final = b"NTLMSSP\0"
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3

_UNICODE = 0x1  # NTLMSSP_NEGOTIATE_UNICODE, MS-NLMP section 2.2.2.5

# Where a message names things: offset of the (length, allocated, offset) triple. MS-NLMP sections 2.2.1.1 to 2.2.1.3.
_FIELDS: Final[dict[int, dict[str, int]]] = {
    NEGOTIATE: {"domain": 16, "host": 24},
    CHALLENGE: {"domain": 12},
    AUTHENTICATE: {"domain": 28, "user": 36, "host": 44},
}
_FLAGS: Final = {NEGOTIATE: 12, CHALLENGE: 20, AUTHENTICATE: 60}
_TARGET_INFO: Final = 40

# AV_PAIR identifiers of the server's target information. MS-NLMP section 2.2.2.1.
_PAIRS: Final = {1: "host", 2: "domain", 3: "dns_host"}


class Message(NamedTuple):
    """What one NTLM message names; None for what it leaves out."""

    kind: int
    user: str | None = None
    domain: str | None = None
    host: str | None = None
    dns_host: str | None = None


def parse(token: bytes) -> Message | None:
    """Read the NTLM message that begins anywhere in `token` (GSSAPI and SPNEGO wrap it); None where there is none."""
    at = token.find(SIGNATURE)
    if at < 0 or len(token) < at + 12:
        return None
    message = token[at:]
    (kind,) = unpack_from("<I", message, 8)
    if kind not in _FIELDS:
        return None
    wide = kind != NEGOTIATE and _is_wide(kind, message)  # a NEGOTIATE message is always in the OEM character set
    names = {name: _text(_payload(message, where), wide=wide) for name, where in _FIELDS[kind].items()}
    if kind == CHALLENGE:
        names.update(_target_info(_payload(message, _TARGET_INFO)))
    return Message(kind, **names)


def _span(message: bytes, where: int) -> tuple[int, int]:
    """Give begin and end of what the triple at `where` points to; (0, 0) if any of it is outside of the message."""
    if len(message) < where + 8:
        return 0, 0
    length, _, begin = unpack_from("<HHI", message, where)
    return (begin, begin + length) if length and begin + length <= len(message) else (0, 0)


def _payload(message: bytes, where: int) -> bytes:
    begin, end = _span(message, where)
    return message[begin:end]


def _is_wide(kind: int, message: bytes) -> bool:
    """Whether names are UTF-16. Old clients end the head before the flags: then the user name itself has to tell."""
    head = _FLAGS[kind] + 4
    begins = [begin for begin, end in (_span(message, where) for where in _FIELDS[kind].values()) if end]
    if min([*begins, len(message)]) < head:
        return b"\0" in _payload(message, _FIELDS[kind].get("user", 0))
    (flags,) = unpack_from("<I", message, head - 4)
    return bool(flags & _UNICODE)


def _text(data: bytes, *, wide: bool) -> str | None:
    if not wide:
        return readable(data) or None
    return data.decode("utf-16-le", "backslashreplace") or None


def _target_info(data: bytes) -> dict[str, str | None]:
    return {_PAIRS[kind]: _text(value, wide=True) for kind, value in _pairs(data) if kind in _PAIRS}


def _pairs(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, length = unpack_from("<HH", data, at)
        value = data[at + 4 : at + 4 + length]
        if kind == 0 or len(value) < length:
            return
        yield kind, value
        at += 4 + length
