"""A reply taken apart: its enhanced code, and the text of its lines."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from analyzer.smtp.encoding import printable

_ENHANCED: Final = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?=[ \t]|$)[ \t]*")


class Reply(NamedTuple):
    """A reply in words: its enhanced code, and the text of its lines without codes."""

    enhanced: str | None
    text: bytes
    shown: str


@lru_cache(maxsize=4096)
def reply_of(raw: bytes) -> Reply:
    """Take a reply's lines apart (RFC 5321 section 4.2, RFC 3463 section 2)."""
    enhanced, texts = None, []
    for line in raw.splitlines() or [b""]:
        text = line[4:] if line[:3].isdigit() else line
        found = _ENHANCED.match(text)
        if found:
            enhanced = enhanced or found[1].decode()
            text = text[found.end() :]
        texts.append(text)
    joined = b" ".join(texts).strip()
    return Reply(enhanced, joined, printable(joined))
