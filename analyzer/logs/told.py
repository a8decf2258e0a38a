"""What the words of a line tell of an AUTH exchange: outcome, reason, code; and what its counters count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.logs.escapes import hushed
from analyzer.schema import NULL
from analyzer.smtp import law
from analyzer.smtp.challenge import kind, oauth_error
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.law import How, Last
from analyzer.smtp.reasons import reason
from analyzer.smtp.reply import reply_of

if TYPE_CHECKING:
    from analyzer.logs.formats import Format, Pattern


_TLS_VERSION: Final = re.compile(rb"(TLS|SSL)[ v]*([0-9])(?:[._]([0-9]))?(?![0-9])")

_MESSAGES: Final = re.compile(r"msgs=([0-9]{1,9})/")

#: Reasons that a more exact one replaces.
VAGUE: Final = frozenset((None, "bad_credentials", "unknown"))


class Told(NamedTuple):
    """What a text says of an AUTH exchange, where the pattern and the format's [[meaning]] are applied."""

    outcome: str
    reason: str | None
    code: int | None
    enhanced: str | None
    text: str | None
    rounds: int | None  # at least; None: unknown
    challenge: str | None
    oauth_error: str | None = None


def tls_version_of(raw: bytes) -> str:
    """Give a version of TLS as captures have it; logs write TLSv1.3, TLS1.3, TLSv1_3, SP_PROT_TLS1_2_SERVER."""
    found = _TLS_VERSION.search(raw)
    return f"{found[1].decode()} {found[2].decode()}.{(found[3] or b'0').decode()}" if found else printable(raw)


def challenge_of(text: str) -> str | None:
    """Give the kind of a stale challenge that stands where a reason should (Postfix before 2023-11-02)."""
    raw = text.encode("utf-8", "replace")
    if text in ("Password:", "Username:"):
        return text[:-1].lower()
    data = unbase64(raw) if len(raw) % 4 == 0 and len(raw) >= 4 else None
    if data is None or not data.isascii() or not any(mark in data for mark in (b":", b"<", b"\0", b"=")):
        return None
    found = kind(raw)
    return None if found in ("text", "binary", "empty", "unknown") else found


def told_of(pattern: Pattern, owner: Format, why: str, reply: str, code: str, text: str, enhanced: str) -> Told:
    """Say what a line tells; `why` (field reason) and the others are its fields, empty where it has none."""
    stated: dict[str, Any] = dict(pattern.stated)
    given = str(stated.get("code") or code)
    said = reply_of((reply or f"{given} {why}").encode("utf-8", "replace")) if reply or (given and why) else None
    if said and not reply and said.enhanced:  # the words behind the codes of a reply
        why = said.shown
    stale = challenge_of(why) if why else None
    text = why or text or (said.shown if said else "")
    for meaning in owner.meanings:
        if text and meaning["text"].lower() in text.lower() and not stale:
            stated |= {name: value for name, value in meaning.items() if name != "text"}
            break
    if pattern.event == "detail" and stated.get("outcome") == "rejected":
        stated["outcome"] = (
            "failed"  # an authentication service does not know what its client is told, nor whether it waits
        )
    number = stated.get("code") or _number(code) or _number(reply[:3])
    ending = "succeeded" if pattern.event == "succeeded" else stated.get("outcome") or _outcome(number)
    told = stated.get("enhanced") or enhanced or (said.enhanced if said else None)
    refused = oauth_error(why.encode("utf-8", "replace")) if stale else None
    because = stated.get("reason") or reason(ending, number, told, "" if stale else text, bool(refused), "answer")
    return Told(
        ending,
        because if ending != "succeeded" else None,
        number,
        told,
        (text if stale else hushed(text)) or None,
        1 if stale else None,
        stale,
        refused,
    )


def better(told: Told, more: Told) -> Told:
    """Put together what a failure tells, and what another line, nearer to its cause, tells of it."""
    if more.outcome not in ("failed", told.outcome) and told.outcome in ("failed", "rejected"):
        return told._replace(outcome=more.outcome, code=more.code, reason=more.reason)
    return told if more.reason in VAGUE or told.outcome == "succeeded" else told._replace(reason=more.reason)


def _number(word: str) -> int | None:
    return int(word) if len(word) == 3 and word.isdecimal() else None


def _outcome(code: int | None) -> str:
    return "failed" if code is None else law.OUTCOMES[law.outcomes()[How.CODE, min(code, 599), Last.ANSWER]]


class Counters(NamedTuple):
    """What the line at the end of a session counts; NULL where it does not tell."""

    succeeded: int = NULL
    tried: int = NULL
    commands: int = NULL
    messages: int = NULL
    starttls: int = NULL
    auth_last: int = NULL  # whether AUTH was the last command


def counters_of(text: str) -> Counters:
    """Read what a session's last line counts.

    Postfix 3.0 and later: ``ehlo=1 auth=0/2 quit=1 commands=2/4``, a command, how often it succeeded, and how often it
    was tried. Exim: ``EHLO,AUTH,QUIT``, the commands in their order, of many only the last (``...AUTH,QUIT``). Haraka:
    ``msgs=1/0/0``, messages that were accepted, deferred and refused.
    """
    if accepted := _MESSAGES.match(text):
        return Counters(messages=int(accepted[1]))
    return _counted(text) if "=" in text else _listed(text)


def _counted(text: str) -> Counters:
    counts: dict[str, tuple[int, int]] = {}
    for word in text.split():
        name, _, numbers = word.partition("=")
        right, _, every = numbers.partition("/")
        if right.isdecimal() and (every or right).isdecimal() and len(numbers) < 18:
            counts[name] = int(right), int(every or right)
    if not counts:
        return Counters()
    good, tried = counts.get("auth", (0, 0))
    chunks = 1 if counts.get("bdat", (0, 0))[0] else 0
    messages = max(counts.get("data", (0, 0))[0], chunks)
    commands = counts.get("commands", (NULL, NULL))[1]
    return Counters(good, tried, commands, messages, counts.get("starttls", (0, 0))[0])


def _listed(text: str) -> Counters:
    if not text:
        return Counters()
    words = text.upper().lstrip(".").split(",")
    last = int(words[-1] == law.AUTH_COMMAND)
    if text.startswith("..."):
        return Counters(auth_last=last)
    return Counters(NULL, words.count(law.AUTH_COMMAND), len(words), 0, words.count(law.TLS_COMMAND), last)
