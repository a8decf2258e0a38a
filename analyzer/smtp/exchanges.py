"""Units to rows of the table `exchanges`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.challenge import kind as kind_of
from analyzer.smtp.law import Flag, Kind
from analyzer.smtp.rounds import CODE_BYTES
from analyzer.tables import Text, among, bounds, distinct
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzer.smtp.said import Said
    from analyzer.tables import Words

    Array = np.ndarray[Any, Any]


#: A response of which the log hides a secret.
_MASKED: Final = "<hidden by the log>"

#: The kinds of challenges that ask for a response of LOGIN, in the order of these.
_PROMPTS: Final = ("username", "password")

#: The words of the column `argument`.
_ARGUMENT: Final = "argument"


def columns(said: Said, shown: Array, began: Array) -> dict[str, Any]:
    """Give all columns but the session's id, for the units that `shown` numbers.

    `began`, by session, stands in for the time of a greeting that was never seen.
    """
    code, sent_at, reply_at = (said.of(column, shown) for column in (s.U_CODE, s.U_AT, s.U_REPLY_AT))
    frame, reply_frame = (said.of(column, shown) for column in (s.U_FRAME, s.U_REPLY_FRAME))
    replied = code > 0
    at = np.where(sent_at > 0, sent_at, np.where(replied, reply_at, began.take(said.of(s.U_SESSION, shown))))
    waited = (reply_at - sent_at) / 1e9
    _, enhanced, text = said.replies(shown)
    return {
        "n": said.of(s.U_NUMBER, shown),
        "at": at,
        "verb": Text(said.of(s.U_VERB, shown).astype(np.int32), list(law.VERB_NAMES)),
        "argument": arguments(said, shown),
        "code": np.where(replied, code, NULL),
        "enhanced": enhanced,
        "text": text,
        "seconds": np.where(replied & (frame > 0) & (waited >= 0), waited, np.nan),
        "pipelined": said.of(s.U_FLAGS, shown) & int(Flag.PIPELINED) != 0,
        "attempt": _known(said.of(s.U_ATTEMPT, shown)),
        "frame": _known(frame),
        "reply_frame": np.where(replied & (reply_frame > 0), reply_frame, NULL),
    }


def _known(numbers: Array) -> Array:
    return np.where(numbers > 0, numbers, NULL)


def arguments(said: Said, shown: Array) -> Text:
    """Say what the client's lines are, for the units that `shown` numbers; secrets as kind and length.

    An answer is told by the mechanism of the AUTH command before it, and by the responses between them.
    """
    kind, verb, flags, session = (said.of(column, shown) for column in (s.U_KIND, s.U_VERB, s.U_FLAGS, s.U_SESSION))
    masked, lost = flags & int(Flag.MASKED) != 0, flags & int(Flag.LOST_LINE) != 0
    answer, command = verb == law.ANSWER_UNIT, verb >= law.FIRST_VERB
    told = _Told(len(shown), said.texts.words(_ARGUMENT))

    rows = np.flatnonzero(among(verb, (law.UNKNOWN_VERB, law.INJECTED)) | (answer & ~masked & lost))
    told.put(rows, (said.of(s.U_LENGTH, shown[rows]),), redact.unknown_bytes)
    told.put(np.flatnonzero(answer & masked), (), lambda: _MASKED)

    rows = np.flatnonzero(command)
    lines = said.line_numbers(shown[rows])
    hides = (kind[rows] == Kind.AUTH) & masked[rows]
    ways = verb[rows] * 2 + hides
    for way in distinct_of(ways)[0]:
        those = np.flatnonzero(ways == way)
        told.take(rows[those], said.texts.names(_command(*divmod(way, 2)), lines[those], _ARGUMENT))
    # Of each row, the AUTH command that is the last before it; its mechanism, and whether it had a response.
    opens = kind[rows] == Kind.AUTH
    mechanisms, responses = said.texts.names(_mechanism, lines[opens]), said.texts.facts(_responses, lines[opens])
    auth = np.append(-1, rows[opens])  # the first stands for none
    place = np.zeros(len(shown), np.int64)
    place[rows[opens]] = 1
    place = np.cumsum(place)
    mine = (place > 0) & (session[auth[place]] == session)
    place = np.where(mine, place, 0)

    responds = answer & (masked | ((kind == Kind.RESPONSE) & ~lost))
    count = np.append(0, np.cumsum(responds))[:-1]  # of the rows before
    before = np.append(count, 0)[bounds(session, len(said.rows.sessions))[0]].take(session)  # of the session
    index = count - np.where(mine, count[auth[place]] - np.append(0, responses)[place], before)

    rows = np.flatnonzero(answer & ~masked & ~lost)
    # What was asked tells more than the number of the response; the challenge is the reply to the row before.
    asks = np.where((rows > 0) & (session[rows - 1] == session[rows]), shown[rows - 1], -1)
    asks = np.where(said.of(s.U_CODE, asks) == law.CHALLENGE, asks, -1)
    asked = said.texts.facts(_asked, said.reply_numbers(asks))
    forms = said.texts.facts(_form, said.line_numbers(shown[rows]))
    named = np.append(-1, mechanisms.codes)[place[rows]]
    names = [*mechanisms.words, None]
    told.put(
        rows,
        (named, np.where(asked < 0, np.minimum(index[rows], redact.PLACES), asked), forms),
        lambda name, place, form: redact.described(names[name], place, redact.form_at(form)),
    )
    return told.text()


class _Told:
    """A column of text that is made kind of row by kind of row, each distinct text once."""

    def __init__(self, rows: int, words: Words) -> None:
        self._codes, self._words = np.full(rows, -1, np.int32), words

    def take(self, rows: Array, texts: Text) -> None:
        """Set rows to texts of the same words."""
        self._codes[rows] = texts.codes

    def put(self, rows: Array, keys: Sequence[Array], made: Callable[..., str | None]) -> None:
        """Set rows to what `made` makes of their keys."""
        if not len(rows):
            return
        first, which = distinct(*keys) if keys else (rows[:1], np.zeros(len(rows), np.int64))
        combinations = zip(*(key[first].tolist() for key in keys), strict=True) if keys else [()]
        codes = [self._words.code(made(*each)) for each in combinations]
        self._codes[rows] = np.array(codes, np.int32)[which]

    def text(self) -> Text:
        """Give the column."""
        return Text(self._codes, self._words)


@cache
def _command(verb: int, hides: int) -> Callable[[bytes | None], str | None]:
    """Give what says what the argument of a command is; `hides`: the log hides a response in it."""

    def of(line: bytes | None) -> str | None:
        rest = _rest(line or b"")
        if hides:
            return f"{redact.argument(law.VERB_NAMES[verb], rest.split()[0])} {_MASKED}"
        return redact.argument(law.VERB_NAMES[verb], rest) if rest else None

    return of


def _mechanism(line: bytes | None) -> str | None:
    """Give the mechanism that an AUTH line names."""
    words = _rest(line or b"").split()
    return words[0].decode("ascii", "replace") if words else None


def _responses(line: bytes | None) -> int:
    """Say how many responses an AUTH line has."""
    words = _rest(line or b"").split()
    return int(len(words) > 1 and words[1] not in (b"=", b"*"))


def _asked(reply: bytes | None) -> int:
    """Say which response of LOGIN a challenge asks for; -1: it does not tell."""
    asked = kind_of(reply[CODE_BYTES:]) if reply else None
    return _PROMPTS.index(asked) if asked in _PROMPTS else -1


def _form(line: bytes | None) -> int:
    return redact.number_of(redact.form_of(line or b""))


def _rest(line: bytes) -> bytes:
    words = line.split(None, 1)
    return words[1] if len(words) > 1 else b""
