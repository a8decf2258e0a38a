"""The server's challenges: of what kind they are, and what they say to a person."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from analyzer.smtp import ntlm
from analyzer.smtp.encoding import printable, readable, unbase64
from analyzer.smtp.redact import MASK

# Challenges that make up nearly all of a brute-force capture, so that they are not decoded again and again.
COMMON: Final[dict[bytes | None, str]] = {
    None: "unknown",
    b"": "empty",
    b"VXNlcm5hbWU6": "username",
    b"UGFzc3dvcmQ6": "password",
    b"VXNlciBOYW1lAA==": "username",
    b"UGFzc3dvcmQA": "password",
}

# Prompts that some servers forget to encode: of four or eight letters, they are base64 of nothing.
_PROMPT: Final = re.compile(rb"(?i)\s*(?:user|login|pass|username|password|passcode)\s*")

# What a decoded challenge begins with, or holds, tells its kind whatever the mechanism. First match wins.
_KINDS: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("username", re.compile(rb"(?i)user|login")),
    ("password", re.compile(rb"(?i)pass")),
    ("ntlm", re.compile(re.escape(ntlm.SIGNATURE))),
    ("cram-md5", re.compile(rb"<[^<>]*>\s*\Z")),  # RFC 2195 section 2: a message id
    ("rspauth", re.compile(rb"rspauth=")),  # RFC 2831 section 2.1.3
    ("digest-md5", re.compile(rb"(?s).*?\bnonce=")),  # RFC 2831 section 2.1.1
    ("scram-first", re.compile(rb"r=[^,]*,s=")),  # RFC 5802 section 7
    ("scram-final", re.compile(rb"[ve]=")),
    ("oauth-error", re.compile(rb"\s*\{")),  # RFC 7628 section 3.2.2
    ("gssapi", re.compile(rb"[\x60\xa1]|\x05\x04")),  # RFC 2743 section 3.1, RFC 4178 section 4.2, RFC 4121
)

# Members of an OAuth error that are shown; others could hold anything. RFC 7628 section 3.2.2, and Google's.
_ERROR_MEMBERS: Final = ("status", "error", "schemes", "scope")
_ERROR_MEMBER_CHARS: Final = 80


def kind(challenge: bytes | None) -> str:
    """Name the kind of a challenge, the text after ``334 ``; ``unknown`` where it was not captured or is hidden."""
    known = COMMON.get(challenge)
    if known is not None or challenge is None:
        return known or "unknown"
    if MASK.fullmatch(challenge):
        return "unknown"
    data = _decoded(challenge)
    for name, pattern in _KINDS:
        if pattern.match(data if data is not None else challenge):
            return name if name != "oauth-error" or is_oauth_error(challenge) else "text"
    return "text" if data is None or data.isascii() else "binary"


def is_oauth_error(challenge: bytes) -> bool:
    """Whether a challenge is the JSON object in which OAuth mechanisms tell their refusal (RFC 7628 section 3.2.2)."""
    return challenge[:1] in (b"e", b"{") and _error(challenge) is not None


def oauth_error(challenge: bytes) -> str | None:
    """Give the error in short, ``status=401 schemes=bearer``; None where the challenge is no error."""
    error = _error(challenge)
    if error is None:
        return None
    told = {name: error.get(name) for name in _ERROR_MEMBERS}
    short = (
        f"{name}={printable(str(value)[:_ERROR_MEMBER_CHARS].encode(errors='replace'))}"
        for name, value in told.items()
        if isinstance(value, (str, int)) and value != ""
    )
    return " ".join(short) or "without details"


def challenge_text(mechanism: str | None, challenge: bytes) -> str | None:
    """Say what a challenge asks, for people; None for an empty one."""
    data = _decoded(challenge)
    if data is None:
        return printable(challenge)
    name = kind(challenge)
    teller = _TELLERS.get(name)
    if teller is not None:
        return teller(data)
    if name == "oauth-error":
        return f"OAuth error: {oauth_error(challenge)}"
    if name in ("gssapi", "binary"):
        return f"{mechanism or 'binary'} token, {len(data)} bytes"
    return printable(data.rstrip(b"\0")) or None


def _decoded(challenge: bytes) -> bytes | None:
    """Decode a challenge; None for bare text. Unlike clients, servers pad: ``Go`` is text; so are prompts."""
    return unbase64(challenge) if len(challenge.strip()) % 4 == 0 and not _PROMPT.fullmatch(challenge) else None


def _error(challenge: bytes) -> dict[str, Any] | None:
    data = challenge if challenge[:1] == b"{" else _decoded(challenge)
    if data is None or not data.startswith(b"{"):
        return None
    try:
        error = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def ntlm_names(challenge: bytes | None) -> str | None:
    """Give the names that an NTLM challenge tells of the server; None where it tells none, or is none."""
    data = _decoded(challenge) if challenge else None
    message = ntlm.parse(data) if data else None
    if message is None or message.kind != ntlm.CHALLENGE:
        return None
    names = (("domain", message.domain), ("host", message.host), ("DNS name", message.dns_host))
    told = ", ".join(f"{what} {name}" for what, name in names if name)
    return printable(told.encode(errors="replace")) or None


def _directives(data: bytes) -> str:
    """Show the directives of DIGEST-MD5 and the attributes of SCRAM as they are: none is secret."""
    return printable(data.replace(b",", b" "))


def _scram(data: bytes) -> str:
    names = {"r": "nonce", "s": "salt", "i": "iterations", "v": "server signature", "e": "error"}
    parts = (part.partition("=") for part in readable(data).split(","))
    return printable(" ".join(f"{names.get(name, name)}={value}" for name, _, value in parts).encode())


def _ntlm(data: bytes) -> str:
    message = ntlm.parse(data)
    if message is None or message.kind != ntlm.CHALLENGE:
        return f"NTLM message, {len(data)} bytes"
    where = "\\".join(name for name in (message.domain, message.host) if name)
    dns = f" ({message.dns_host})" if message.dns_host else ""
    return printable(f"NTLM challenge from {where or 'an unnamed host'}{dns}".encode(errors="replace"))


_TELLERS: Final = {
    "ntlm": _ntlm,
    "digest-md5": _directives,
    "rspauth": _directives,
    "scram-first": _scram,
    "scram-final": _scram,
}
