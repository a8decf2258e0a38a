"""Attempts to rows of the table `auth`: SASL decoded, secrets reduced to digests, outcomes and reasons named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.challenge import kind, ntlm_names, oauth_error
from analyzer.smtp.claims import Responses, claims
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.law import Flag, How, Last
from analyzer.smtp.reasons import reason
from analyzer.smtp.reply import reply_of
from analyzer.smtp.rounds import LOST, Rounds, rounds_of
from analyzer.tables import Text, among, distinct
from analyzer.tcp import columns as c
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.smtp.reader import Rows
    from analyzer.smtp.reply import Reply
    from analyzer.smtp.said import Said
    from analyzer.smtp.sasl import Decoder

    Array = np.ndarray[Any, Any]

_LAST: Final = {
    Last.NONE: "none", Last.INITIAL: "initial", Last.ANSWER: "answer", Last.EMPTY: "empty", Last.CANCEL: "cancel",
    Last.OAUTH_CANCEL: "cancel",
}  # fmt: skip
#: What a client's last line was, and the place of that by the machine's word for it.
_LINES: Final = list(dict.fromkeys(_LAST.values()))
_LAST_LINES: Final = np.array([_LINES.index(_LAST[last]) for last in sorted(_LAST)])
_UNANSWERED, _ANSWERED, _EMPTY = (_LINES.index(name) for name in ("none", "answer", "empty"))

#: Flags of a session that weaken every label in it.
_SHARED_FLAGS: Final = int(Flag.ONE_SIDED | Flag.OVERLAP_CONFLICT)
_ROUNDS_FLAGS: Final = int(Flag.AT_LEAST | Flag.GAP_SERVER)
_ONE_SIDED, _GAPS = int(Flag.ONE_SIDED), int(Flag.GAP_SERVER | Flag.GAP_CLIENT)
_TRUNCATED, _GAP_CLIENT = int(Flag.TRUNCATED), int(Flag.GAP_CLIENT)
_EARLY_ANSWER: Final = int(Flag.EARLY_ANSWER)
_UNSOLICITED, _MASKED = int(Flag.UNSOLICITED), int(Flag.MASKED)

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
    numbers, places = np.unique(flags & int(law.ALL_CAVEATS), return_inverse=True)
    return Text(
        places.astype(np.int32),
        [
            " ".join(dict.fromkeys(law.CAVEATS[flag] for flag in law.CAVEATS if flag & value))
            for value in numbers.tolist()
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
        """Give the columns that the texts tell: of each distinct text once."""
        a, rounds = self.attempts, rounds_of(self.rows, self.attempts)
        texts = list(rounds.texts)
        flags = self.rows.units[a[:, s.A_FIRST], s.U_FLAGS]
        commands = _Commands(rounds.line, texts)
        responses = commands.responses(rounds, flags & _TRUNCATED != 0, texts)
        masked = a[:, s.A_FLAGS] & _MASKED != 0
        told, secret = claims(commands.mechanism, responses, texts, self.decoder)
        asked = _Challenges(rounds, texts, len(a))
        numbers, reply = distinct_of(rounds.reply)
        replies = [reply_of(texts[number]) for number in numbers]
        text, echoed = self.said.shown(replies, np.where(a[:, s.A_CODE] > 0, reply, -1), rounds.last)
        last, decodable = self._last_lines(rounds, responses, texts)
        self._note(rounds, asked, texts, echoed)
        alone = a[:, s.A_FLAGS] & _UNSOLICITED != 0
        keys = (
            reply, a[:, s.A_CODE], outcomes, asked.refused.codes >= 0, last, np.where(masked, -1, decodable),
            a[:, s.A_ROUNDS], alone,
        )  # fmt: skip
        first, which = distinct(*keys) if len(a) else (reply, reply)
        reasons = [
            _reason(
                replies[place], code, law.OUTCOMES[outcome], bool(refused), _LINES[line],
                None if whole < 0 else bool(whole), number, bool(unasked),
            )
            for place, code, outcome, refused, line, whole, number, unasked in zip(
                *(key[first].tolist() for key in keys), strict=True
            )
        ]  # fmt: skip
        return {
            **told,
            "mechanism": commands.mechanism,
            "initial_response": self._initial_responses(commands, flags),
            "reason": Text.of(reasons).take(which),
            "enhanced": Text.of(each.enhanced for each in replies).take(reply),
            "text": text,
            "challenge": asked.kinds,
            "oauth_error": asked.refused,
            "secret_group": np.where(masked, NULL, secret),
        }

    def _last_lines(self, rounds: Rounds, responses: Responses, texts: Sequence[bytes]) -> tuple[Array, Array]:
        """Say what the client's last line was (a place in _LINES), and whether it was base64 (-1: there was none)."""
        count = len(self.attempts)
        heard = np.flatnonzero(responses.text != LOST)
        text = np.full(count, LOST)
        text[responses.attempt[heard]] = responses.text[heard]  # the last one stays
        numbers, which = distinct_of(text)
        whole = [-1 if k == LOST else int(unbase64(texts[k]) is not None) for k in numbers]
        decodable = np.array(whole, np.int64)[which]
        line = _LAST_LINES[self.attempts[:, s.A_LAST]]
        line[np.array([k != LOST and texts[k] == b"=" for k in numbers], bool)[which]] = _EMPTY
        silent = np.zeros(count, bool)
        silent[rounds.attempt] = rounds.answer == LOST  # of the last round
        line[silent] = np.where(self.attempts[silent, s.A_FLAGS] & _GAP_CLIENT, _ANSWERED, _UNANSWERED)
        return line, decodable

    def _initial_responses(self, commands: _Commands, flags: Array) -> Array:
        """Say which AUTH commands had an initial response; -1 where nobody knows."""
        made = np.where(commands.seen, commands.initial != LOST, -1).astype(np.int8)
        missing = self.rows.units[self.attempts[:, s.A_FIRST], s.U_SIZE]
        for row in np.flatnonzero(commands.seen & (flags & _TRUNCATED != 0)).tolist():
            told = initial_response(int(flags[row]), int(missing[row]), commands.words[commands.which[row]])
            made[row] = -1 if told is None else told
        return made

    def _note(self, rounds: Rounds, asked: _Challenges, texts: Sequence[bytes], echoed: Array) -> None:
        """Note what of the attempts is a finding."""
        early = np.flatnonzero(self.attempts[:, s.A_FLAGS] & _EARLY_ANSWER)
        self.noted += [(row, "answer_before_challenge", "") for row in early.tolist()]
        self.noted += [(row, "secret_echoed", "") for row in echoed.tolist()]
        ntlm = asked.kinds.mask(["ntlm" in word for word in asked.kinds.words])
        named: set[int] = set()
        mine = np.flatnonzero(ntlm[rounds.attempt] & (rounds.challenge != LOST))
        for row, number in zip(rounds.attempt[mine].tolist(), rounds.challenge[mine].tolist(), strict=True):
            told = ntlm_names(texts[number]) if row not in named else None
            if told:
                named.add(row)
                self.noted.append((row, "ntlm_names", told))


class _Commands:
    """The AUTH commands of some attempts, by distinct line."""

    def __init__(self, line: Array, texts: list[bytes]) -> None:
        numbers, self.which = distinct_of(line)
        self.words = [texts[number].split() for number in numbers]
        self.seen = np.array([bool(words) for words in self.words], bool)[self.which]
        names = [
            words[1].decode("latin-1").upper() if len(words) > 1 and NAME.fullmatch(words[1]) else None
            for words in self.words
        ]
        self.mechanism = Text.of(names).take(self.which)
        initial: list[int] = []
        for words in self.words:  # their texts stand behind the others
            initial.append(len(texts) if len(words) > 2 else LOST)
            texts += words[2:3]
        self.initial = np.array(initial, np.int64)[self.which]

    def responses(self, rounds: Rounds, cut: Array, texts: list[bytes]) -> Responses:
        """Give what the clients said: their initial responses, and the answers of the rounds."""
        texts.append(b"")  # again the last, which NONE counts
        with_initial = np.flatnonzero(self.initial != LOST)
        attempt = np.concatenate((with_initial, rounds.attempt))
        order = np.argsort(attempt, kind="stable")
        text = np.concatenate((self.initial[with_initial], rounds.answer))
        return Responses(attempt[order], text[order], np.concatenate((cut[with_initial], rounds.cut))[order])


class _Challenges:
    """The challenges of some attempts: their kinds in order, and the refusal that an OAuth mechanism put into one."""

    def __init__(self, rounds: Rounds, texts: list[bytes], count: int) -> None:
        numbers, which = distinct_of(rounds.challenge)
        kinds = [kind(None if number == LOST else texts[number]) for number in numbers]
        names = list(dict.fromkeys(kinds))
        code = np.array([names.index(name) for name in kinds], np.int64)[which]
        # A sequence of kinds is a number, too: that of the sequence before, and the next kind.
        starts = np.searchsorted(rounds.attempt, np.arange(count))
        sizes = np.searchsorted(rounds.attempt, np.arange(count), "right") - starts
        told, sequences = np.full(count, -1, np.int64), list[str]()
        for place in range(int(sizes.max(initial=0))):
            rows = np.flatnonzero(sizes > place)
            pairs = (told[rows] + 1) * len(names) + code[starts[rows] + place]
            numbers, which_pair = distinct_of(pairs)
            before = len(sequences)
            for pair in numbers:
                head, name = divmod(pair, len(names))
                sequences.append(f"{sequences[head - 1]} {names[name]}" if head else names[name])
            told[rows] = before + which_pair
        self.kinds = Text(told.astype(np.int32), sequences)
        refused = dict[int, str]()
        errors = np.flatnonzero(among(code, [k for k, name in enumerate(names) if name == "oauth-error"]))
        for row in errors.tolist():
            error = oauth_error(texts[rounds.challenge[row]])
            if error:
                refused.setdefault(int(rounds.attempt[row]), error)
        self.refused = Text.of(map(refused.get, range(count))) if refused else Text.one(None, count)


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
