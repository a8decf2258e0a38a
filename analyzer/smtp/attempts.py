"""Attempts to rows of the table `auth`: SASL decoded, secrets reduced to digests, outcomes and reasons named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.challenge import ntlm_names
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.law import Flag, How, Kind, Last
from analyzer.smtp.reasons import reason
from analyzer.smtp.reply import reply_of
from analyzer.smtp.sasl import Decoder, Turn
from analyzer.tables import Text
from analyzer.tcp import columns as c

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.reply import Reply
    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]

_LAST: Final = {
    Last.NONE: "none", Last.INITIAL: "initial", Last.ANSWER: "answer", Last.EMPTY: "empty", Last.CANCEL: "cancel",
    Last.OAUTH_CANCEL: "cancel",
}  # fmt: skip

#: Flags of a session that weaken every label in it.
_SHARED_FLAGS: Final = int(Flag.ONE_SIDED | Flag.OVERLAP_CONFLICT)
_ROUNDS_FLAGS: Final = int(Flag.AT_LEAST | Flag.GAP_SERVER)
_ONE_SIDED, _GAPS = int(Flag.ONE_SIDED), int(Flag.GAP_SERVER | Flag.GAP_CLIENT)
_TRUNCATED, _LOST_LINE, _GAP_CLIENT = int(Flag.TRUNCATED), int(Flag.LOST_LINE), int(Flag.GAP_CLIENT)
_EARLY_ANSWER: Final = int(Flag.EARLY_ANSWER)
_UNSOLICITED, _AUTH, _MASKED = int(Flag.UNSOLICITED), int(Kind.AUTH), int(Flag.MASKED)

ROUNDS_KNOWN: Final = ["exact", "at_least", "unknown"]
TLS_NAMES: Final = ["none", "starttls", "implicit"]

#: What a mechanism can be called (RFC 4422 section 3.1); anything else may be a secret in the wrong place.
NAME: Final = re.compile(rb"[A-Za-z0-9_-]{1,20}")

#: Mechanisms whose names do not go on: what follows them in a line that was cut off is an initial response.
_WHOLE_NAMES: Final = frozenset(
    (b"PLAIN", b"LOGIN", b"CRAM-MD5", b"DIGEST-MD5", b"NTLM", b"XOAUTH2", b"OAUTHBEARER", b"EXTERNAL", b"ANONYMOUS")
)


def caveats(flags: Array) -> Text:
    """Name the flags that are caveats, space-joined, each once; one word list a row."""
    flags = np.where(flags & _ONE_SIDED, flags & ~_GAPS, flags)  # where one side is missing, gaps say nothing more
    distinct, places = np.unique(flags & int(law.ALL_CAVEATS), return_inverse=True)
    return Text(
        places.astype(np.int32),
        [
            " ".join(dict.fromkeys(law.CAVEATS[flag] for flag in law.CAVEATS if flag & value))
            for value in distinct.tolist()
        ],
    )


class Attempts:
    """Makes the columns of `auth` of a batch."""

    def __init__(self, rows: Rows, said: Said, decoder: Decoder) -> None:
        self.rows, self.said, self.decoder = rows, said, decoder
        flags = rows.attempts[:, s.A_FLAGS]
        self.attempts = rows.attempts[flags & int(Flag.HELD | Flag.VOID) == 0]
        self.sessions = self.attempts[:, s.A_SESSION]
        #: What is a finding: number of the attempt, kind, and what more there is to say.
        self.noted: list[tuple[int, str, str]] = []

    @property
    def frames(self) -> Array:
        """Give the frame of each AUTH command; where that was not seen, of its end, or of its first challenge."""
        ends = self.attempts[:, s.A_END_FRAME]
        ends = np.where(ends > 0, ends, self.rows.units[self.attempts[:, s.A_FIRST], s.U_REPLY_FRAME])
        frames: Array = np.where(self.attempts[:, s.A_FRAME] > 0, self.attempts[:, s.A_FRAME], ends)
        return frames

    def columns(self) -> dict[str, Any]:
        """Give all columns but those that are the session's, and where it was seen.

        `secret_group` has digests; groups are numbered when all is read.
        """
        a = self.attempts
        how, code = a[:, s.A_HOW], a[:, s.A_CODE]
        outcome = law.outcomes()[how, code, a[:, s.A_LAST]]
        told = self._told(outcome)
        flags = a[:, s.A_FLAGS] | self.rows.states[self.sessions, s.FLAGS] & _SHARED_FLAGS
        ended = np.where((how == How.OPEN) | (how == How.UNSEEN), NULL, a[:, s.A_END_AT])
        backwards = (ended != NULL) & (ended < a[:, s.A_AT])
        flags = np.where(backwards, flags | int(Flag.CLOCK), flags)
        clock = flags & int(Flag.CLOCK) != 0
        seconds = np.where(clock | (ended == NULL), np.nan, (ended - a[:, s.A_AT]) / 1e9)
        server = 1 - self.rows.states[self.sessions, s.CLIENT]
        unheard = (self.rows.sessions[self.sessions, c.SEEN_0 + server] == 0) & (a[:, s.A_ROUNDS] == 0)
        vague = (flags & _ROUNDS_FLAGS != 0) | (outcome == law.OUTCOMES.index("unseen"))
        return told | {
            "attempt": a[:, s.A_NUMBER],
            "started": a[:, s.A_AT],
            "ended": ended,
            "seconds": seconds,
            "seconds_server": np.where(clock, np.nan, a[:, s.A_SERVER_NS] / 1e9),
            "seconds_client": np.where(clock, np.nan, a[:, s.A_CLIENT_NS] / 1e9),
            "rounds": np.where(unheard, NULL, a[:, s.A_ROUNDS]),
            "rounds_known": Text(np.where(unheard, 2, vague).astype(np.int32), ROUNDS_KNOWN),
            "outcome": Text(outcome, list(law.OUTCOMES)),
            "code": np.where(code == 0, NULL, code),
            "tls": Text(a[:, s.A_TLS].astype(np.int32), TLS_NAMES),
            "confidence": None,
            "caveats": caveats(flags),
        }

    def _told(self, outcomes: Array) -> dict[str, Any]:
        """Give the columns that the texts tell, attempt by attempt."""
        told: list[tuple[Any, ...]] = []
        names = [law.OUTCOMES[outcome] for outcome in outcomes.tolist()]
        known: dict[tuple[Any, ...], str | None] = {}
        units = self.said.units
        for row, (attempt, outcome) in enumerate(zip(self.attempts.tolist(), names, strict=True)):
            first = attempt[s.A_FIRST]
            flags, seen = units[first, s.U_FLAGS], units[first, s.U_KIND] == _AUTH
            words = self.said.line(first).split() if seen else []
            mechanism = words[1].decode("latin-1").upper() if len(words) > 1 and NAME.fullmatch(words[1]) else None
            initial = words[2] if len(words) > 2 else None
            turns, last = self._turns(attempt)
            decoded = self.decoder.decode(mechanism, initial, turns, bool(flags & _TRUNCATED))
            masked = attempt[s.A_FLAGS] & _MASKED != 0
            secret = None if masked or not decoded.secret else int.from_bytes(decoded.secret, "little", signed=True)
            raw = self.said.cut(attempt[s.A_REPLY_OFF], attempt[s.A_REPLY_LENGTH]) if attempt[s.A_CODE] else b""
            reply = reply_of(raw)
            line, decodable = self._last_line(attempt, turns, initial)
            decodable = None if masked else decodable
            alone = bool(attempt[s.A_FLAGS] & _UNSOLICITED)
            key = (
                raw,
                attempt[s.A_CODE],
                outcome,
                decoded.oauth_error is not None,
                line,
                decodable,
                attempt[s.A_ROUNDS],
                alone,
            )
            if key not in known:
                known[key] = _reason(reply, *key[1:])
            text = self.said.shown(reply, last) if raw else None
            self._note(row, attempt[s.A_FLAGS], turns, decoded.challenge, echoed=bool(raw) and text != reply.shown)
            told.append(
                (
                    mechanism,
                    initial_response(flags, units[first, s.U_SIZE], words) if seen else None,
                    known[key], reply.enhanced, text,
                    decoded.identity, decoded.authzid, decoded.realm, decoded.host, decoded.challenge,
                    decoded.oauth_error, secret,
                )
            )  # fmt: skip
        names_of_columns = (
            "mechanism", "initial_response", "reason", "enhanced", "text",
            "identity", "authzid", "realm", "host", "challenge", "oauth_error", "secret_group",
        )  # fmt: skip
        columns = zip(*told, strict=True) if told else ((),) * len(names_of_columns)
        return dict(zip(names_of_columns, columns, strict=True))

    def _note(self, row: int, flags: int, turns: list[Turn], challenges: str | None, *, echoed: bool) -> None:
        """Note what of an attempt is a finding."""
        if flags & _EARLY_ANSWER:
            self.noted.append((row, "answer_before_challenge", ""))
        if echoed:
            self.noted.append((row, "secret_echoed", ""))
        if challenges and "ntlm" in challenges:
            told = next(filter(None, (ntlm_names(turn.challenge) for turn in turns)), "")
            self.noted += [(row, "ntlm_names", told)] if told else []

    def _turns(self, attempt: list[int]) -> tuple[list[Turn], int]:
        """Give the rounds of an attempt (challenge and answer, None for what was not captured), and its last unit."""
        said, units, session, number = self.said, self.said.units, attempt[s.A_SESSION], attempt[s.A_NUMBER]
        turns: list[Turn] = []
        challenge, asked = None, False
        first = last = attempt[s.A_FIRST]
        for at in range(first, len(units)):
            of = units[at, s.U_ATTEMPT]
            if of > number or units[at, s.U_SESSION] != session:
                break
            if of != number:
                continue
            last = at
            if at > first and units[at, s.U_VERB] != law.UNSOLICITED_UNIT:
                flags = units[at, s.U_FLAGS]
                turns.append(Turn(challenge, None if flags & _LOST_LINE else said.line(at), bool(flags & _TRUNCATED)))
                asked = False
            challenge = None
            if units[at, s.U_CODE] == law.CHALLENGE:
                challenge, asked = said.reply(at)[4:], True
        if asked:
            turns.append(Turn(challenge, None))
        return turns, last

    @staticmethod
    def _last_line(attempt: list[int], turns: list[Turn], initial: bytes | None) -> tuple[str, bool | None]:
        """Say what the client's last line was, and whether it was base64."""
        line = next((turn.answer for turn in reversed(turns) if turn.answer is not None), initial)
        decodable = None if line is None else unbase64(line) is not None
        if turns and turns[-1].answer is None:
            return "answer" if attempt[s.A_FLAGS] & _GAP_CLIENT else "none", decodable
        return "empty" if line == b"=" else _LAST[Last(attempt[s.A_LAST])], decodable


def _reason(
    reply: Reply,
    code: int,
    outcome: str,
    oauth_error: bool,  # noqa: FBT001
    line: str,
    decodable: bool | None,  # noqa: FBT001
    rounds: int,
    alone: bool,  # noqa: FBT001
) -> str | None:
    """Say why; `alone`: the reply came while an answer was awaited."""
    if alone and outcome == "rejected":
        return "timeout"  # the server did not wait for the answer
    text = reply.text.decode("utf-8", "replace")
    return reason(outcome, code or None, reply.enhanced, text, oauth_error, line, decodable=decodable, rounds=rounds)


def initial_response(flags: int, missing: int, words: list[bytes]) -> int | None:
    """Say whether an AUTH command had an initial response; where the capture cut it off, by how much is missing."""
    if len(words) > 2 or not flags & _TRUNCATED or missing <= len(b"\r\n"):
        return int(len(words) > 2)
    return 1 if len(words) == 2 and words[1].upper() in _WHOLE_NAMES else None
