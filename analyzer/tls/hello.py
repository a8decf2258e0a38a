"""Read the hellos of a TLS handshake (RFC 8446 section 4.1, RFC 5246 section 7.4.1): server name and version."""

from __future__ import annotations

from typing import NamedTuple

VERSIONS = {
    0x0002: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}

HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2
SERVER_NAME, SUPPORTED_VERSIONS = 0, 43  # extensions: RFC 6066 section 3, RFC 8446 section 4.2.1


class Hello(NamedTuple):
    """What a hello says; `version` is what a server chose or, in a client's, the highest that it offers.

    Of a hello that is cut short, what may be in the missing part is None.
    """

    kind: int
    version: str | None
    server_name: str | None


def hello(data: bytes) -> Hello | None:
    """Read the hello at the beginning of a TLS stream; None where there is none, or not enough of it."""
    message = _handshake(data)
    if len(message) < 4 or message[0] not in (CLIENT_HELLO, SERVER_HELLO):
        return None
    kind = message[0]
    size = int.from_bytes(message[1:4])
    body = message[4 : 4 + size]
    version = int.from_bytes(body[:2]) if len(body) == size else 0
    at = 35 + (body[34] if len(body) > 34 else 0)
    if kind == CLIENT_HELLO:
        at += 2 + int.from_bytes(body[at : at + 2])
        at += 1 + (body[at] if at < len(body) else 0)
    else:
        at += 3
    extensions = _extensions(body[at + 2 :])
    offered = extensions.get(SUPPORTED_VERSIONS, b"")
    if kind == SERVER_HELLO and len(offered) == 2:
        version = int.from_bytes(offered)
    elif kind == CLIENT_HELLO and offered:
        pairs = [int.from_bytes(offered[i : i + 2]) for i in range(1, len(offered) - 1, 2)]
        version = max((pair for pair in pairs if pair in VERSIONS), default=version)
    name = extensions.get(SERVER_NAME, b"")[5:]
    return Hello(kind, VERSIONS.get(version), name.decode("ascii", "backslashreplace") or None)


def _handshake(data: bytes) -> bytes:
    """Join the handshake messages of the records at the beginning."""
    message, at = b"", 0
    while at + 5 <= len(data) and data[at] == HANDSHAKE and data[at + 1] == 3:
        size = int.from_bytes(data[at + 3 : at + 5])
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
    return message


def _extensions(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 2 : at + 4])
        at += 4 + size
        if at <= len(data):
            found[int.from_bytes(data[at - 4 - size : at - 2 - size])] = data[at - size : at]
    return found
