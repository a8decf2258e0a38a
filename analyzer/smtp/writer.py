"""Rows of integers to tables: texts cut out of the streams, SASL decoded, secrets reduced, outcomes named."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer.schema import TABLES
from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.law import Flag, Kind, Last, Mode
from analyzer.smtp.products import product
from analyzer.smtp.reasons import reason
from analyzer.smtp.recognise import VIA, VIA_AT, VIA_LENGTH, VIAS
from analyzer.smtp.sasl import Decoder, Turn
from analyzer.smtp.via import via_text
from analyzer.tables import Table
from analyzer.tcp import columns as c
from analyzer.tls.hello import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from analyzer.smtp.reader import Rows

    Array = np.ndarray[Any, Any]

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TLS: Final = ("none", "starttls", "implicit")
_LAST: Final = {
    Last.NONE: "none", Last.INITIAL: "initial", Last.ANSWER: "answer", Last.EMPTY: "empty", Last.CANCEL: "cancel",
    Last.OAUTH_CANCEL: "cancel",
}  # fmt: skip
_ENDED_BY: Final = {(law.How.CLIENT, 1): "client_fin", (law.How.CLIENT, 2): "client_rst",
                    (law.How.SERVER, 1): "server_fin", (law.How.SERVER, 2): "server_rst"}  # fmt: skip

#: Flags of a session that weaken every label in it.
_SHARED_FLAGS: Final = Flag.ONE_SIDED | Flag.OVERLAP_CONFLICT

#: Bytes of the first TLS records that are looked at.
_HELLO_BYTES: Final = 16384


@dataclass(slots=True)
class Message:
    """A mail transaction that is under way."""

    at: int
    mail_from: str | None
    accepted: int = 0
    refused: int = 0
    size: int | None = None
    chunks: int = 0


@dataclass(slots=True)
class Facts:
    """What is known of a session beyond the machine's state; it is kept while the session goes on."""

    id: str
    ends: tuple[str, int, str, int]
    via: str | None = None
    banner: str | None = None
    helo: str | None = None
    ehlo: str = ""
    authenticated_as: str | None = None
    tls_version: str | None = None
    sni: str | None = None
    mails: int = 0
    accepted_mails: int = 0
    message: Message | None = None
    said: list[bytes] = field(default_factory=list)  # client lines that hold or may hold a secret, the last few


class Reply(NamedTuple):
    """A reply in words: its enhanced code, and the text of its lines without codes."""

    enhanced: str | None
    text: bytes


_ENHANCED: Final = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?=[ \t]|$)[ \t]*")


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
    return Reply(enhanced, b" ".join(texts).strip())


@lru_cache(maxsize=65536)
def address(high: int, low: int) -> str:
    """Write an address of two signed halves; IPv4 in its own form."""
    mapped = ipaddress.IPv6Address((high & (2**64 - 1)) << 64 | low & (2**64 - 1))
    return str(mapped.ipv4_mapped or mapped)


def session_id(first: int, ends: tuple[str, int, str, int]) -> str:
    """Give the stable id of a captured session: 64 bits of a digest as 11 letters."""
    digest = hashlib.blake2b(f"capture {first} {ends}".encode(), digest_size=8).digest()
    number, letters = int.from_bytes(digest), ""
    for _ in range(11):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters


def caveats_of(flags: int) -> str:
    """Name the flags that are caveats, space-joined, each once."""
    return " ".join(dict.fromkeys(name for flag, name in law.CAVEATS.items() if flags & flag))


#: Findings by flag of a session: kind, severity, evidence, advice.
FINDINGS: Final[dict[Flag, tuple[str, str, str, str]]] = {
    Flag.INJECTION: (
        "injection_before_tls", "high", "client bytes arrived between STARTTLS and its reply",
        "check that the server discards what it read before the handshake (RFC 3207 section 4.2)",
    ),
    Flag.UNSOLICITED_AUTH: (
        "unsolicited_auth_reply", "medium", "a 235 or 535 came with no AUTH exchange open",
        "look at the server, or at who can write into this connection",
    ),
    Flag.ODD_END: (
        "odd_end_of_data", "high", "the server took a message to end at a dot between bare line feeds",
        "make the server insist on CRLF . CRLF: this is how messages are smuggled",
    ),
    Flag.EARLY_ANSWER: (
        "answer_before_challenge", "low", "the client sent an AUTH answer before the challenge",
        "the client does not wait for replies: a bot, or a broken library",
    ),
    Flag.OVERLAP_CONFLICT: (
        "overlap_conflict", "medium", "different bytes were sent for the same place in the stream",
        "somebody may be hiding what was sent; the first copy is shown",
    ),
}  # fmt: skip


class Writer:
    """Collects the rows of the tables for one source. `wanted` names the tables that are made."""

    def __init__(self, source: str, wanted: frozenset[str], decoder: Decoder) -> None:
        self.source, self.wanted, self.decoder = source, wanted, decoder
        self.facts: dict[int, Facts] = {}
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self.secrets: list[bytes | None] = []
        self.unreadable = 0

    def write(self, rows: Rows) -> None:
        """Write what a batch gave."""
        batch = _Batch(self, rows)
        for number, unit in enumerate(batch.units):
            if not unit[s.U_FLAGS] & (Flag.HELD | Flag.VOID):
                batch.unit(number, unit)
        for attempt in rows.attempts.tolist():
            if not attempt[s.A_FLAGS] & (Flag.HELD | Flag.VOID):
                batch.attempt(attempt)
        for k in range(len(rows.sessions)):
            batch.session(k)

    def tables(self) -> dict[str, Table]:
        """Give the tables, in the order of writing, `secret_group` still unknown."""
        made = {}
        for name, rows in self.rows.items():
            names = [column.name for column in TABLES[name]]
            made[name] = Table.of(
                name, dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
            )
        return made


class _Batch:
    """One batch on its way into the tables."""

    def __init__(self, writer: Writer, rows: Rows) -> None:
        self.writer = writer
        self.rows = rows
        self.stream = rows.stream.tobytes()
        self.units: list[list[int]] = rows.units.tolist()
        self.states: list[list[int]] = rows.states.tolist()
        self.facts = [self._facts(k) for k in range(len(rows.sessions))]
        self.mechanisms: dict[tuple[int, int], tuple[str | None, int]] = {}

    def cut(self, offset: int, length: int) -> bytes:
        """Give bytes of the stream."""
        return self.stream[offset : offset + length]

    def _facts(self, k: int) -> Facts:
        session = self.rows.sessions[k]
        owner = int(session[c.OWNER])
        facts = self.writer.facts.pop(owner, None) if owner else None
        if facts is None:
            client = self.states[k][s.CLIENT]
            server = 1 - client
            ends = (
                address(int(session[c.HI_0 + client]), int(session[c.LO_0 + client])), int(session[c.PORT_0 + client]),
                address(int(session[c.HI_0 + server]), int(session[c.LO_0 + server])), int(session[c.PORT_0 + server]),
            )  # fmt: skip
            facts = Facts(session_id(int(session[c.FIRST_TIME]), ends), ends)
            found = self.rows.found[k]
            if found[VIA]:
                facts.via = via_text(VIAS[found[VIA]], self.cut(int(found[VIA_AT]), int(found[VIA_LENGTH])))
        if owner:
            self.writer.facts[owner] = facts
        self._hellos(k, facts)
        return facts

    def _hellos(self, k: int, facts: Facts) -> None:
        """Read the TLS hellos where TLS began in this batch."""
        state, session = self.states[k], self.rows.sessions[k]
        if state[s.MODE] != Mode.TLS or facts.tls_version or state[s.TLS_CLIENT] < 0:
            return
        for side, at in ((state[s.CLIENT], state[s.TLS_CLIENT]), (1 - state[s.CLIENT], state[s.TLS_SERVER])):
            end = int(session[c.STREAM_0 + side] + session[c.LENGTH_0 + side])
            said = hello(self.stream[at : min(end, at + _HELLO_BYTES)])
            if said:
                facts.tls_version = said.version
                facts.sni = facts.sni or said.server_name
        self.rows.states[k, s.TLS_CLIENT] = -1

    # ------------------------------------------------------------------------------------------- units

    def unit(self, number: int, unit: list[int]) -> None:
        """Write a unit: what it tells of its session and message, and its row of `exchanges`."""
        facts = self.facts[unit[s.U_SESSION]]
        raw = self.cut(unit[s.U_REPLY_OFF], unit[s.U_REPLY_LENGTH]) if unit[s.U_CODE] else b""
        line = self.cut(unit[s.U_OFF], unit[s.U_LENGTH])
        kind, verb = unit[s.U_KIND], unit[s.U_VERB]
        if verb == law.GREETING:
            facts.banner = printable(reply_of(raw).text) if raw else None
        elif kind in (Kind.HELLO, Kind.LHLO):
            facts.helo = printable(line.split(None, 1)[1]) if len(line.split(None, 1)) > 1 else None
            facts.ehlo = printable(raw)
        elif kind == Kind.AUTH or verb in (law.ANSWER_UNIT, law.UNKNOWN_VERB):
            facts.said = [*facts.said[-3:], line]
        if kind in _IN_MESSAGE:
            self._mail(facts, unit, line, raw)
        if "exchanges" in self.writer.wanted:
            self._exchange(facts, unit, line, raw)

    def _exchange(self, facts: Facts, unit: list[int], line: bytes, raw: bytes) -> None:
        at, reply_at = unit[s.U_AT] or unit[s.U_REPLY_AT], unit[s.U_REPLY_AT]
        reply = reply_of(raw)
        verb = law.VERB_NAMES[unit[s.U_VERB]]
        waited = (reply_at - at) / 1e9 if raw and unit[s.U_AT] and reply_at >= at else None
        self.writer.rows["exchanges"].append(
            (
                facts.id, unit[s.U_NUMBER], at or None, verb, self._argument(unit, verb, line),
                unit[s.U_CODE] or None, reply.enhanced, self._said(facts, reply.text) if raw else None, waited,
                int(unit[s.U_FLAGS] & Flag.PIPELINED != 0), unit[s.U_ATTEMPT] or None, unit[s.U_FRAME] or None,
                unit[s.U_REPLY_FRAME] or None,
            )
        )  # fmt: skip

    def _said(self, facts: Facts, text: bytes) -> str:
        """Give a reply's text without what the client said in its last lines."""
        return printable(redact.scrub(text, facts.said))

    def _argument(self, unit: list[int], verb: str, line: bytes) -> str | None:
        key = unit[s.U_SESSION], unit[s.U_ATTEMPT]
        if unit[s.U_KIND] == Kind.AUTH:
            words = line.split(None, 2)
            mechanism = words[1].decode("ascii", "replace") if len(words) > 1 else None
            self.mechanisms[key] = mechanism, int(len(words) > 2 and words[2] not in (b"=", b"*"))
            return redact.argument(verb, b" ".join(words[1:])) if len(words) > 1 else None
        if unit[s.U_VERB] == law.ANSWER_UNIT:
            mechanism, before = self.mechanisms.get(key, (None, 0))
            if unit[s.U_KIND] == Kind.RESPONSE:
                self.mechanisms[key] = mechanism, before + 1
            return redact.describe(mechanism, before, line)
        if unit[s.U_VERB] == law.UNKNOWN_VERB:
            return redact.unknown_line(line)
        words = line.split(None, 1)
        return redact.argument(verb, words[1]) if len(words) > 1 else None

    def _mail(self, facts: Facts, unit: list[int], line: bytes, raw: bytes) -> None:
        """Follow a mail transaction (RFC 5321 section 3.3)."""
        kind, code = unit[s.U_KIND], unit[s.U_CODE]
        good = code // 100 == 2
        if kind == Kind.MAIL:
            self._end_mail(facts, None, b"")
            path = line.partition(b":")[2].strip()
            facts.message = Message(unit[s.U_AT], printable(path.split(None, 1)[0] if path else b""))
            if not good:
                self._end_mail(facts, code, raw)
        message = facts.message
        if message is None:
            return
        if kind == Kind.RCPT:
            message.accepted += good
            message.refused += not good
        elif kind == Kind.BDAT:
            message.chunks += 1
            message.size = (message.size or 0) + unit[s.U_SIZE]
            if not good or line.upper().split()[-1:] == [b"LAST"]:
                self._end_mail(facts, code, raw)
        elif kind == Kind.DOT:
            message.size = unit[s.U_SIZE]
            self._end_mail(facts, code, raw)
        elif kind in (Kind.RSET, Kind.HELLO, Kind.LHLO) or (kind == Kind.DATA and code and code != _GO_ON):
            self._end_mail(facts, code if kind == Kind.DATA else None, raw)

    def _end_mail(self, facts: Facts, code: int | None, raw: bytes) -> None:
        message, facts.message = facts.message, None
        if message is None:
            return
        facts.mails += 1
        facts.accepted_mails += bool(code) and code // 100 == 2 and message.size is not None  # type: ignore[operator]
        reply = reply_of(raw) if code else Reply(None, b"")
        self.writer.rows["messages"].append(
            (
                facts.id, facts.mails, message.at, message.mail_from, message.accepted, message.refused, message.size,
                message.chunks, code or None, reply.enhanced, self._said(facts, reply.text) if code else None,
            )
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------- attempts

    def _turns(self, attempt: list[int]) -> Iterator[Turn]:
        """Give the rounds of an attempt: challenge and answer, None for what was not captured."""
        challenge, asked = None, False
        number = attempt[s.A_FIRST]
        while number < len(self.units):
            unit = self.units[number]
            if unit[s.U_SESSION] != attempt[s.A_SESSION] or unit[s.U_ATTEMPT] != attempt[s.A_NUMBER]:
                if unit[s.U_SESSION] != attempt[s.A_SESSION] or unit[s.U_ATTEMPT] > attempt[s.A_NUMBER]:
                    break
                number += 1
                continue
            lost = bool(unit[s.U_FLAGS] & Flag.LOST_LINE)
            if number > attempt[s.A_FIRST] and unit[s.U_VERB] != law.UNSOLICITED_UNIT:
                answer = None if lost else self.cut(unit[s.U_OFF], unit[s.U_LENGTH])
                yield Turn(challenge, answer, bool(unit[s.U_FLAGS] & Flag.TRUNCATED))
                asked = False
            challenge = None
            if unit[s.U_CODE] == _CHALLENGE:
                challenge, asked = self.cut(unit[s.U_REPLY_OFF] + 4, unit[s.U_REPLY_LENGTH] - 4), True
            number += 1
        if asked:
            yield Turn(challenge, None)

    def attempt(self, attempt: list[int]) -> None:
        """Write a row of `auth`."""
        k = attempt[s.A_SESSION]
        facts, session = self.facts[k], self.rows.sessions[k]
        first = self.units[attempt[s.A_FIRST]]
        flags = attempt[s.A_FLAGS] | self.states[k][s.FLAGS] & _SHARED_FLAGS
        cut = bool(first[s.U_FLAGS] & Flag.TRUNCATED)
        words = self.cut(first[s.U_OFF], first[s.U_LENGTH]).split()
        seen = first[s.U_KIND] == Kind.AUTH
        mechanism = words[1].decode("ascii", "backslashreplace").upper() if seen and len(words) > 1 else None
        initial = words[2] if seen and len(words) > 2 else None
        turns = list(self._turns(attempt))
        decoded = self.writer.decoder.decode(mechanism, initial, turns, cut)
        code = attempt[s.A_CODE]
        raw = self.cut(attempt[s.A_REPLY_OFF], attempt[s.A_REPLY_LENGTH]) if code else b""
        reply = reply_of(raw)
        outcome = law.outcome(attempt[s.A_HOW], code, attempt[s.A_LAST])
        server_unseen = not session[c.SEEN_0 + 1 - self.states[k][s.CLIENT]]
        rounds: int | None = attempt[s.A_ROUNDS]
        known = "at_least" if flags & _ROUNDS_FLAGS or outcome == "unseen" else "exact"
        if server_unseen and not rounds:
            rounds, known = None, "unknown"
        ended = attempt[s.A_END_AT] if attempt[s.A_HOW] in (law.How.CODE, law.How.CLIENT, law.How.SERVER) else 0
        if ended and ended < attempt[s.A_AT]:
            flags |= Flag.CLOCK
        clock = bool(flags & Flag.CLOCK)
        if outcome == "succeeded" and facts.authenticated_as is None:
            facts.authenticated_as = decoded.identity
        self.writer.secrets.append(decoded.secret)
        lines = [*facts.said, *words[2:], *(turn.answer for turn in turns if turn.answer)]
        self.writer.rows["auth"].append(
            (
                facts.id, attempt[s.A_NUMBER], f"{facts.id}-{attempt[s.A_NUMBER]}", *facts.ends, "server",
                attempt[s.A_AT], ended or None,
                (ended - attempt[s.A_AT]) / 1e9 if ended and not clock else None,
                attempt[s.A_SERVER_NS] / 1e9 if not clock else None,
                attempt[s.A_CLIENT_NS] / 1e9 if not clock else None,
                mechanism, self._initial_response(first, words) if seen else None,
                rounds, known, outcome, self._reason(attempt, outcome, reply, decoded.oauth_error, initial, turns),
                code or None, reply.enhanced, printable(redact.scrub(reply.text, lines)) if code else None,
                decoded.identity, decoded.authzid, decoded.realm, decoded.host, decoded.challenge, None,
                _TLS[attempt[s.A_TLS]], "observed", None, caveats_of(flags), self.writer.source,
                f"{self.writer.source} frame {attempt[s.A_FRAME] or attempt[s.A_END_FRAME]}",
            )
        )  # fmt: skip
        if attempt[s.A_FLAGS] & Flag.EARLY_ANSWER:
            self._finding(facts, Flag.EARLY_ANSWER, attempt[s.A_AT])

    @staticmethod
    def _initial_response(unit: list[int], words: list[bytes]) -> int | None:
        """Say whether the AUTH command had an initial response; where the capture cut it off, by how much is missing."""
        if len(words) > 2 or not unit[s.U_FLAGS] & Flag.TRUNCATED or unit[s.U_SIZE] <= len(b"\r\n"):
            return int(len(words) > 2)
        return 1 if len(words) == 2 and words[1].upper() in _WHOLE_NAMES else None

    def _reason(
        self, attempt: list[int], outcome: str, reply: Reply, oauth_error: str | None, initial: bytes | None,
        turns: list[Turn],
    ) -> str | None:  # fmt: skip
        if attempt[s.A_FLAGS] & Flag.UNSOLICITED and outcome == "rejected":
            return "timeout"  # the server did not wait for an answer
        last = _LAST[Last(attempt[s.A_LAST])]
        line = next((turn.answer for turn in reversed(turns) if turn.answer is not None), initial)
        if turns and turns[-1].answer is None:
            last = "answer" if attempt[s.A_FLAGS] & Flag.GAP_CLIENT else "none"
        elif line == b"=":
            last = "empty"
        return reason(
            outcome, attempt[s.A_CODE] or None, reply.enhanced, reply.text.decode("utf-8", "replace"),
            oauth_error is not None, last, decodable=None if line is None else unbase64(line) is not None,
            rounds=attempt[s.A_ROUNDS],
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------- sessions

    def session(self, k: int) -> None:
        """Write the row of a session that is over."""
        session, state, facts = self.rows.sessions[k], self.states[k], self.facts[k]
        if not session[c.FINAL]:
            return
        self._end_mail(facts, None, b"")
        if session[c.OWNER]:
            del self.writer.facts[int(session[c.OWNER])]
        hidden = state[s.MODE] == Mode.TLS
        self.writer.unreadable += hidden
        first, last = int(session[c.FIRST_TIME]), max(state[s.ENDED_AT], int(session[c.FIRST_TIME]))
        flags = state[s.FLAGS] | (Flag.CLOCK if state[s.ENDED_AT] < first else 0)
        how = {1: state[s.CLIENT_END], 2: state[s.SERVER_END]}
        side = state[s.FIRST_END]
        ended_by = (
            _ENDED_BY[law.How(side), how[1 if side == law.How.CLIENT else 2]] if side else c.ENDINGS[session[c.ENDED]]
        )
        self.writer.rows["sessions"].append(
            (
                facts.id, self.writer.source, "server", first, last, *facts.ends, facts.via, facts.banner,
                product(facts.banner or "", facts.ehlo), facts.helo, _TLS[state[s.TLS]], facts.tls_version, facts.sni,
                int(not hidden), state[s.COMMANDS], state[s.REPLIES],
                None if hidden and state[s.TLS] == 2 else state[s.ATTEMPTS], facts.authenticated_as,
                None if hidden else facts.accepted_mails, int(session[c.PACKETS]), int(session[c.BYTES]), ended_by,
                caveats_of(flags),
            )
        )  # fmt: skip
        for flag in FINDINGS:
            if flags & flag and flag is not Flag.EARLY_ANSWER:
                self._finding(facts, flag, first)

    def _finding(self, facts: Facts, flag: Flag, at: int) -> None:
        kind, severity, evidence, advice = FINDINGS[flag]
        self.writer.rows["findings"].append((severity, kind, facts.id, at, evidence, 1.0, advice))


#: Mechanisms whose names do not go on: what follows them in a line that was cut off is an initial response.
_WHOLE_NAMES: Final = frozenset(
    b"PLAIN LOGIN CRAM-MD5 DIGEST-MD5 NTLM XOAUTH2 OAUTHBEARER EXTERNAL ANONYMOUS GSSAPI".split()
)
_IN_MESSAGE: Final = frozenset({Kind.MAIL, Kind.RCPT, Kind.DATA, Kind.BDAT, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO})
_ROUNDS_FLAGS: Final = Flag.AT_LEAST | Flag.GAP_SERVER
_GO_ON, _CHALLENGE = 354, 334
