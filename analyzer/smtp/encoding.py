"""Base64 and text as they come: tolerant, bounded, never an exception."""

from __future__ import annotations

import re
from binascii import a2b_base64

_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def unbase64(line: bytes) -> bytes | None:
    """Decode base64 (RFC 4648 section 4); None where `line` is none.

    Padding may be missing and blanks may surround it; ``=`` stands for an empty string (RFC 4954 section 4).
    """
    try:
        return a2b_base64(line, strict_mode=True)
    except ValueError:
        bare = line.strip().rstrip(b"=")
    if len(bare) % 4 == 1 or not _ALPHABET.fullmatch(bare):
        return None
    return a2b_base64(bare + b"=" * (-len(bare) % 4))


def unbase64_head(line: bytes) -> bytes | None:
    """Decode what is certain of base64 whose tail was cut off."""
    head = line.lstrip()
    return unbase64(head[: len(head) // 4 * 4])


def readable(data: bytes) -> str:
    """Decode UTF-8; other bytes stay readable, as backslash, x and two digits."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace")


def printable(data: bytes, limit: int = 1000) -> str:
    """Decode for the eye: control characters escaped too, at most `limit` bytes."""
    shown = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], readable(data[:limit]))
    return shown if len(data) <= limit else f"{shown}… ({len(data)} bytes)"
