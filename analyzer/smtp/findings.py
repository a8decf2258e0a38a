"""What the machine and the texts show that a reviewer should look at: one row for each kind and server.

A capture of an attack has the same thing in a million sessions. It is counted where it is seen; the first places are
kept, so that neither memory nor the table grows with the sessions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.limits import FINDING_PLACES
from analyzer.schema import NULL, TABLES
from analyzer.smtp import law
from analyzer.smtp.law import Flag
from analyzer.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(NamedTuple):
    """What is known of a kind of finding; `advice` may name {client}, {identity} and {server}."""

    severity: str
    title: str
    meaning: str
    advice: str
    #: The thresholds that decide on it.
    thresholds: str = ""


KINDS: Final[dict[str, Kind]] = {
    "injection_before_tls": Kind(
        "high",
        "commands before the TLS handshake",
        "client bytes arrived between STARTTLS and its reply; a server that keeps them runs them inside TLS",
        "check that {server} discards what it read before the handshake (RFC 3207 section 4.2)",
    ),
    "odd_end_of_data": Kind(
        "high",
        "smuggled messages",
        "the server took a message to end at a dot between bare line feeds (RFC 5321 section 2.3.8)",
        "make {server} insist on CRLF . CRLF: this is how messages are smuggled",
    ),
    "starttls_mangled": Kind(
        "high",
        "STARTTLS overwritten",
        "the EHLO reply has a keyword of X in place of STARTTLS, as firewalls write that inspect SMTP: no client can "
        "switch on TLS",
        "switch off the inspection of SMTP (fixup, ESMTP inspection) between the clients and {server}",
    ),
    "starttls_refused_then_auth": Kind(
        "high",
        "AUTH in the clear after STARTTLS was refused",
        "a client sent AUTH without TLS after STARTTLS had been offered and refused: this is how passwords are taken "
        "on the way (RFC 3207 section 6)",
        "let clients insist on TLS, and find out who refused it at {server}",
    ),
    "starttls_refused": Kind(
        "medium",
        "STARTTLS offered and refused",
        "the server, or somebody on the way, refused STARTTLS after the EHLO reply had offered it (RFC 3207 section 4)",
        "look at certificate and key of {server}; if it says that all is well, at what lies between",
    ),
    "starttls_withheld": Kind(
        "medium",
        "STARTTLS shown to some clients only",
        "the EHLO reply of a server that offers STARTTLS to others did not: somebody on the way may strip it "
        "(RFC 3207 section 6)",
        "compare what {server} says to these clients with what it says near by; let clients insist on TLS",
    ),
    "unsolicited_auth_reply": Kind(
        "medium",
        "a login reply that nobody asked for",
        "a 235 or 535 came with no AUTH exchange open",
        "look at {server}, or at who can write into its connections",
    ),
    "overlap_conflict": Kind(
        "medium",
        "two versions of the same bytes",
        "different bytes were sent for the same place in the stream",
        "somebody may be hiding what was sent; the first copy is shown",
    ),
    "secret_echoed": Kind(
        "medium",
        "the server repeats what it was sent",
        "a reply to AUTH holds what the client had just sent, and clients write replies to their logs; it is removed "
        "here",
        "update {server}, or correct the client whose line the server cannot read",
    ),
    "ntlm_names": Kind(
        "low",
        "NTLM tells internal names",
        "the NTLM challenge (MS-NLMP section 2.2.1.2) tells the names of the host and its domain to everyone who asks",
        "switch NTLM off at {server}, or offer it only inside the own network",
    ),
    "answer_before_challenge": Kind(
        "low",
        "answers before challenges",
        "a client sent an AUTH answer before it had the challenge",
        "a client that does not wait for replies is a bot, or has a broken library",
    ),
    "auth_offered_in_clear": Kind(
        "info",
        "AUTH offered before TLS",
        "the EHLO reply without TLS offers mechanisms that send the password itself (RFC 4954 section 4)",
        "offer AUTH only after STARTTLS, or on port 465",
    ),
}

#: Flags of the machine that are findings.
FLAGS: Final[dict[Flag, str]] = {
    Flag.INJECTION: "injection_before_tls",
    Flag.UNSOLICITED_AUTH: "unsolicited_auth_reply",
    Flag.ODD_END: "odd_end_of_data",
    Flag.OVERLAP_CONFLICT: "overlap_conflict",
}

#: Mechanisms that send the password or the token itself.
OPEN_MECHANISMS: Final = ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
_OPEN: Final = frozenset(name.encode() for name in OPEN_MECHANISMS)
_AUTH, _STARTTLS = law.AUTH_COMMAND.encode(), law.TLS_COMMAND.encode()
#: Firewalls overwrite a keyword that they do not know, in its length: STARTTLS becomes XXXXXXXA.
_MANGLED: Final = re.compile(rb"X{7}[A-Z]")


class Offer(NamedTuple):
    """What a reply to EHLO offers."""

    passwords: bool = False
    starttls: bool = False
    mangled: bool = False


@lru_cache(maxsize=4096)
def offer(reply: bytes) -> Offer:
    """Read a reply to EHLO (RFC 5321 section 4.1.1.1); old servers write ``AUTH=``."""
    lines = [line[4:].upper().replace(b"=", b" ").split() for line in reply.splitlines()[1:]]
    words = {each[0]: frozenset(each[1:]) for each in lines if each}
    mangled = any(_MANGLED.fullmatch(word) for word in words)
    return Offer(bool(words.get(_AUTH, frozenset()) & _OPEN), _STARTTLS in words, mangled)


class Sight(NamedTuple):
    """Where and when something was seen; sights are ordered by time."""

    at: int
    session: str
    place: str
    detail: str
    client: str


@dataclass(slots=True)
class Note:
    """What was seen of one kind at one server: how often, the first sights, and the last time."""

    count: int = 0
    last: int = NULL
    sights: list[Sight] = field(default_factory=list)

    def add(self, count: int, last: int, sights: Iterable[Sight]) -> None:
        """Add what was seen so often, with its first sights and its last time."""
        self.count += count
        self.last = max(self.last, last)
        self.sights = sorted([*self.sights, *sights])[:FINDING_PLACES]


#: What is a finding only where the same server is seen to do something else, too: that is noted, and never shown.
OFFERED: Final = "starttls_offered"
_BESIDE: Final = {"starttls_withheld": OFFERED}


class Notes:
    """Notes by kind and server; what comes out does not depend on the order in which they were taken."""

    def __init__(self) -> None:
        self.notes: dict[tuple[str, str | None, int], Note] = {}

    def of(self, kind: str, host: str | None, port: int) -> Note:
        """Give the note of a kind and a server."""
        key = kind, host, port
        note = self.notes.get(key)
        if note is None:
            note = self.notes[key] = Note()
        return note

    def merge(self, others: Notes) -> None:
        """Add what others have noted."""
        for key, note in others.notes.items():
            self.of(*key).add(note.count, note.last, note.sights)

    def table(self) -> Table:
        """Give a row for each kind and server."""
        rows = [
            _row(kind, host, port, note)
            for (kind, host, port), note in sorted(self.notes.items(), key=lambda item: str(item[0]))
            if kind in KINDS and (kind not in _BESIDE or (_BESIDE[kind], host, port) in self.notes)
        ]
        names = [column.name for column in TABLES["findings"]]
        return Table.of("findings", {name: [row[name] for row in rows] for name in names})


def _row(kind: str, host: str | None, port: int, note: Note) -> dict[str, Any]:
    known = KINDS[kind]
    first = note.sights[0]
    where = server_name(host, port)
    clients = {sight.client for sight in note.sights}
    details = dict.fromkeys(sight.detail for sight in note.sights if sight.detail)
    often = f": {note.count:,} times" if note.count > 1 else ""
    only = clients.pop() or None if len(clients) == 1 and note.count <= FINDING_PLACES else None
    return {
        "severity": known.severity,
        "kind": kind,
        "client": only,
        "identity": None,
        "server": where,
        "session": first.session,
        "at": first.at if first.at > 0 else None,
        "last": note.last if note.last > 0 else None,
        "count": note.count,
        "evidence": known.meaning + often + "".join(f"; {detail}" for detail in details),
        "places": "; ".join(dict.fromkeys(sight.place for sight in note.sights)),
        "confidence": 1.0,
        "advice": known.advice.format(server=where or "the server"),
    }


def server_name(host: str | None, port: int) -> str | None:
    """Write an address and a port."""
    if host is None or port == NULL:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
