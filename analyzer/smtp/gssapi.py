"""GSSAPI tokens (RFC 4121, RFC 4178, RFC 4752): the little that they show in the clear.

The client's name is encrypted inside the Kerberos ticket. Visible are the service that the ticket is for, an NTLM
message that was wrapped instead of a ticket, and the authorization identity of a last message sent unsealed.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final, NamedTuple

from analyzer.smtp import ntlm
from analyzer.smtp.encoding import readable

# An initial token of Kerberos ends its frame with the mechanism's OID (RFC 4121 section 4.1; Microsoft has its own)
# and the token id of an AP-REQ.
_AP_REQ: Final = (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00", b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02\x01\x00")
_WRAP: Final = b"\x05\x04"  # token id of a Wrap token, RFC 4121 section 4.2.6.2
_SENT_BY_ACCEPTOR, _SEALED = 0x01, 0x02

# From an AP-REQ to the strings of its ticket. RFC 4120 sections 5.5.1, 5.3 and 5.2.2.
_TICKET: Final = (0x6E, 0x30, 0xA3, 0x61, 0x30)
_REALM: Final = (0xA1, 0x1B)
_NAMES: Final = (0xA2, 0x30, 0xA1, 0x30)


class Shown(NamedTuple):
    """What GSSAPI tokens show; None for what they do not."""

    user: str | None = None
    authzid: str | None = None
    realm: str | None = None
    host: str | None = None


def show(token: bytes) -> Shown:
    """Read one token of the client."""
    message = ntlm.parse(token)
    if message is not None:
        return Shown(message.user, None, message.domain, message.host)
    if token.startswith(_WRAP):
        return Shown(authzid=_authzid(token))
    for frame in _AP_REQ:
        at = token.find(frame)
        if at >= 0:
            return _service(token, at + len(frame))
    return Shown()


def _service(token: bytes, at: int) -> Shown:
    """Give the realm of the ticket and the host of the service that it is for (names ``smtp``, then the host)."""
    ticket = _enter(token, at, len(token), _TICKET)
    if ticket is None:
        return Shown()
    realm, host = _enter(token, *ticket, _REALM), None
    names = _enter(token, *ticket, _NAMES)
    if names is not None:
        service = _element(token, *names)
        host = _element(token, service[2], names[1]) if service else None
    return Shown(realm=_string(token, realm), host=_string(token, host[1:] if host else None))


def _string(token: bytes, span: tuple[int, int] | None) -> str | None:
    """Give the text of a span that was captured whole."""
    if span is None or span[1] > len(token):
        return None
    return readable(token[span[0] : span[1]]) or None


def _enter(token: bytes, at: int, end: int, path: tuple[int, ...]) -> tuple[int, int] | None:
    """Follow tags into nested elements from `at`; gives begin and end of the last one's content."""
    for tag in path:
        element = _element(token, at, end)
        while element and element[0] != tag:
            element = _element(token, element[2], end)
        if element is None:
            return None
        _, at, end = element
    return at, end


def _element(token: bytes, at: int, end: int) -> tuple[int, int, int] | None:
    """Read the DER element at `at`: tag, begin and end of its content (which may be cut off). None: no head there."""
    if at + 2 > min(end, len(token)):
        return None
    tag, length = token[at], token[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(token[at : at + count], "big")
        at += count
    return tag, at, at + length


def _authzid(token: bytes) -> str | None:
    """Give the authorization identity of the client's last message (RFC 4752 section 3.1) if it is not sealed."""
    if len(token) < 20:  # 16 octets of head, 4 of security layer and buffer size
        return None
    flags, _, extra, rotated = unpack_from(">BBHH", token, 2)
    if flags & (_SEALED | _SENT_BY_ACCEPTOR):
        return None
    body = token[16:]
    turn = rotated % len(body)
    whole = body[turn:] + body[:turn]  # RFC 4121 section 4.2.5: rotate left by RRC
    return readable(whole[4 : len(whole) - extra]) or None
