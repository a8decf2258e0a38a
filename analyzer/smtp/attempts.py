"""Attempts to rows of the table `auth`: SASL decoded, secrets reduced to digests, outcomes and reasons named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import echoes, law, redact
from analyzer.smtp.challenge import kind, ntlm_names, oauth_error
from analyzer.smtp.claims import Responses, claims, is_empty
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.law import Flag, How, Last
from analyzer.smtp.reasons import reason
from analyzer.smtp.reply import reply_of
from analyzer.smtp.rounds import Rounds, rounds_of
from analyzer.smtp.said import enhanced_of
from analyzer.smtp.texts import LOST
from analyzer.tables import Text, among, bounds, distinct
from analyzer.tcp import columns as c
from analyzer.words.vocabulary import NONE, distinct_of

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.reply import Reply
    from analyzer.smtp.said import Said
    from analyzer.smtp.sasl import Decoder
    from analyzer.smtp.texts import Texts

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
_ROUNDS_FLAGS: Final = int(Flag.AT_LEAST | Flag.GAP_SERVER | Flag.NOT_A_REPLY)
_ONE_SIDED, _GAPS = int(Flag.ONE_SIDED), int(Flag.GAP_SERVER | Flag.GAP_CLIENT)
_TRUNCATED, _GAP_CLIENT = int(Flag.TRUNCATED), int(Flag.GAP_CLIENT)
_EARLY_ANSWER: Final = int(Flag.EARLY_ANSWER)
_MASKED: Final = int(Flag.MASKED)

ROUNDS_KNOWN: Final = ["exact", "at_least", "unknown"]
TLS_NAMES: Final = ["none", "starttls", "implicit"]

#: Challenges that are the server's last word before its reply: an empty answer acknowledges them (RFC 4954 section 4).
_LAST_WORDS: Final = ("scram-final", "rspauth")

#: Mechanisms without a password: what is wrong is the token.
_BY_TOKEN: Final = ("XOAUTH2", "OAUTHBEARER")

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
        self.rows, self.said, self.texts, self.decoder = rows, said, said.texts, decoder
        flags = rows.attempts[:, s.A_FLAGS]
        self.attempts = rows.attempts[flags & int(Flag.HELD | Flag.VOID) == 0]
        self.sessions = self.attempts[:, s.A_SESSION]
        #: What is a finding: number of the attempt, kind, and what more there is to say.
        self.noted: list[tuple[int, str, str]] = []

    @property
    def frames(self) -> Array:
        """Give the frame of each AUTH command; where that was not seen, of its end, or of its first challenge."""
        ends = self.attempts[:, s.A_END_FRAME]
        ends = np.where(ends > 0, ends, self.said.of(s.U_REPLY_FRAME, self.attempts[:, s.A_FIRST]))
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
        untold = flags & int(Flag.CLOCK | Flag.ONE_SIDED) != 0  # who waited for whom
        seconds = np.where(clock | (ended == NULL), np.nan, (ended - a[:, s.A_AT]) / 1e9)
        server = 1 - self.rows.states[self.sessions, s.CLIENT]
        unheard = (self.rows.sessions[self.sessions, c.SEEN_0 + server] == 0) & (a[:, s.A_ROUNDS] == 0)
        vague = (flags & _ROUNDS_FLAGS != 0) | (outcome == law.OUTCOMES.index("unseen"))
        return told | {
            "attempt": a[:, s.A_NUMBER],
            "started": a[:, s.A_AT],
            "ended": ended,
            "seconds": seconds,
            "seconds_server": np.where(untold, np.nan, a[:, s.A_SERVER_NS] / 1e9),
            "seconds_client": np.where(untold, np.nan, a[:, s.A_CLIENT_NS] / 1e9),
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
        a, texts = self.attempts, self.texts
        rounds = rounds_of(self.rows, a, texts)
        flags = self.said.of(s.U_FLAGS, a[:, s.A_FIRST])
        mechanism = texts.names(mechanism_of, rounds.name)
        responses = Responses.of(rounds, flags & _TRUNCATED != 0)
        masked = a[:, s.A_FLAGS] & _MASKED != 0
        told, secret = claims(mechanism, responses, texts, self.decoder)
        asked = _Challenges(rounds, texts, len(a))
        numbers, reply = distinct_of(rounds.reply)
        replies = [reply_of(texts[number] or b"") for number in numbers]
        text, echoed = self.said.shown(np.where(a[:, s.A_CODE] > 0, rounds.reply, NONE), rounds.last)
        last, decodable = self._last_lines(rounds, responses)
        heard = asked.kinds.mask([word.endswith(_LAST_WORDS) for word in asked.kinds.words])
        last = np.where(heard & (last == _EMPTY), _ANSWERED, last)
        by_token = mechanism.mask([word in _BY_TOKEN for word in mechanism.words])
        self._note(rounds, asked, echoed)
        alone = self.said.of(s.U_VERB, rounds.last) == law.UNSOLICITED_UNIT
        keys = (
            reply, a[:, s.A_CODE], outcomes, asked.refused.codes >= 0, last, np.where(masked, -1, decodable),
            a[:, s.A_ROUNDS], alone, by_token,
        )  # fmt: skip
        first, which = distinct(*keys) if len(a) else (reply, reply)
        reasons = [
            _reason(
                replies[place], code, law.OUTCOMES[outcome], bool(refused), _LINES[line],
                None if whole < 0 else bool(whole), number, bool(unasked), bool(token),
            )
            for place, code, outcome, refused, line, whole, number, unasked, token in zip(
                *(key[first].tolist() for key in keys), strict=True
            )
        ]  # fmt: skip
        return {
            **told,
            "mechanism": mechanism,
            "initial_response": self._initial_responses(rounds, flags),
            "reason": Text.of(reasons).take(which),
            "enhanced": texts.names(enhanced_of, rounds.reply),
            "text": text,
            "challenge": asked.kinds,
            "oauth_error": asked.refused,
            "secret_group": np.where(masked, NULL, secret),
        }

    def _last_lines(self, rounds: Rounds, responses: Responses) -> tuple[Array, Array]:
        """Say what the client's last line was (a place in _LINES), and whether it was base64 (-1: there was none)."""
        count = len(self.attempts)
        heard = np.flatnonzero(responses.text != LOST)
        text = np.full(count, LOST)
        text[responses.attempt[heard]] = responses.text[heard]  # the last one stays
        line = _LAST_LINES[self.attempts[:, s.A_LAST]]
        line[self.texts.facts(is_empty, text) > 0] = _EMPTY
        silent = np.zeros(count, bool)
        silent[rounds.attempt] = rounds.answer == LOST  # of the last round
        line[silent] = np.where(self.attempts[silent, s.A_FLAGS] & _GAP_CLIENT, _ANSWERED, _UNANSWERED)
        return line, self.texts.facts(_is_base64, text)

    def _initial_responses(self, rounds: Rounds, flags: Array) -> Array:
        """Say which AUTH commands had an initial response; -1 where nobody knows."""
        has = rounds.initial != LOST
        made = np.where(rounds.seen, has, -1).astype(np.int8)
        missing = self.said.of(s.U_SIZE, self.attempts[:, s.A_FIRST])
        # Where the line was cut off, it may have been among what is missing, unless that is the end of the line alone.
        torn = rounds.seen & ~has & (flags & _TRUNCATED != 0) & (missing > len(b"\r\n"))
        made[torn] = self.texts.facts(_ends, rounds.name[torn])
        return made

    def _note(self, rounds: Rounds, asked: _Challenges, echoed: Array) -> None:
        """Note what of the attempts is a finding."""
        early = np.flatnonzero(self.attempts[:, s.A_FLAGS] & _EARLY_ANSWER)
        self.noted += [(row, "answer_before_challenge", "") for row in early.tolist()]
        self.noted += [(row, "secret_echoed", "") for row in echoed.tolist()]
        ntlm = asked.kinds.mask(["ntlm" in word for word in asked.kinds.words])
        named: set[int] = set()
        mine = np.flatnonzero(ntlm[rounds.attempt] & (rounds.challenge != LOST))
        for row, number in zip(rounds.attempt[mine].tolist(), rounds.challenge[mine].tolist(), strict=True):
            told = ntlm_names(self.texts[number] or b"") if row not in named else None
            if told:
                named.add(row)
                self.noted.append((row, "ntlm_names", told))


def mechanism_of(word: bytes | None) -> str | None:
    """Give the name of a mechanism; None for what cannot be one, or may be a secret."""
    return None if word is None else redact.mechanism(word)


def _is_base64(text: bytes | None) -> int:
    return -1 if text is None else int(unbase64(text) is not None)


def _ends(word: bytes | None) -> int:
    """Say whether an initial response is what was cut off behind a word: 1 behind a whole name, else nobody knows."""
    return 1 if word is not None and word.upper() in _WHOLE_NAMES else -1


class _Challenges:
    """The challenges of some attempts: their kinds in order, and the refusal that an OAuth mechanism put into one."""

    def __init__(self, rounds: Rounds, texts: Texts, count: int) -> None:
        kinds = texts.names(kind, rounds.challenge)
        names, code = kinds.words, kinds.codes.astype(np.int64)
        # A sequence of kinds is a number, too: that of the sequence before, and the next kind.
        starts, stops = bounds(rounds.attempt, count)
        sizes = stops - starts
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
            error, attempt = oauth_error(texts[rounds.challenge[row]] or b""), int(rounds.attempt[row])
            if error and attempt not in refused:
                said = [rounds.initial[attempt], *rounds.answer[starts[attempt] : stops[attempt]]]
                found = [echoes.echoed(error.encode(), texts[number] or b"") for number in said]
                refused[attempt] = echoes.without(error.encode(), frozenset().union(*found)).decode()
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
    by_token: bool,  # noqa: FBT001
) -> str | None:
    """Say why; `alone`: the reply came while an answer was awaited; `by_token`: the mechanism knows no password."""
    if alone:
        line = "none"  # the server did not wait for the answer: what it says is not about that, unless it names a cause
    text = reply.text.decode("utf-8", "replace")
    told = reason(outcome, code or None, reply.enhanced, text, oauth_error, line, decodable=decodable, rounds=rounds)
    return "oauth_token_invalid" if by_token and told == "bad_credentials" else told
