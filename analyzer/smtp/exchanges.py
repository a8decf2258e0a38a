"""Units to rows of the table `exchanges`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.law import Flag, Kind
from analyzer.tables import Text, among, distinct
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]


#: A response of which the log hides a secret.
_MASKED: Final = "<hidden by the log>"


def columns(units: Array, shown: Array, said: Said, began: Array) -> dict[str, Any]:
    """Give all columns but the session's id, for the rows of `units` that `shown` numbers.

    `began`, by session, stands in for the time of a greeting that was never seen.
    """
    u = units[shown]
    code = u[:, s.U_CODE]
    replied = code > 0
    sent = u[:, s.U_FRAME] > 0
    at = np.where(u[:, s.U_AT] > 0, u[:, s.U_AT], np.where(replied, u[:, s.U_REPLY_AT], began[u[:, s.U_SESSION]]))
    waited = (u[:, s.U_REPLY_AT] - u[:, s.U_AT]) / 1e9
    _, enhanced, text = said.replies(shown)
    return {
        "n": u[:, s.U_NUMBER],
        "at": at,
        "verb": Text(u[:, s.U_VERB].astype(np.int32), list(law.VERB_NAMES)),
        "argument": arguments(units, shown, said),
        "code": np.where(replied, code, NULL),
        "enhanced": enhanced,
        "text": text,
        "seconds": np.where(replied & sent & (waited >= 0), waited, np.nan),
        "pipelined": u[:, s.U_FLAGS] & int(Flag.PIPELINED) != 0,
        "attempt": _known(u[:, s.U_ATTEMPT]),
        "frame": _known(u[:, s.U_FRAME]),
        "reply_frame": np.where(replied, _known(u[:, s.U_REPLY_FRAME]), NULL),
    }


def _known(numbers: Array) -> Array:
    return np.where(numbers > 0, numbers, NULL)


def arguments(units: Array, shown: Array, said: Said) -> Text:
    """Say what the client's lines are, for the rows of `units` that `shown` numbers; secrets as kind and length.

    An answer is told by the mechanism of the AUTH command before it, and by the responses between them.
    """
    u = units.take(shown, axis=0)
    kind, verb, flags, session = (u[:, column] for column in (s.U_KIND, s.U_VERB, s.U_FLAGS, s.U_SESSION))
    masked, lost = flags & int(Flag.MASKED) != 0, flags & int(Flag.LOST_LINE) != 0
    answer, command = verb == law.ANSWER_UNIT, verb >= law.FIRST_VERB
    told = _Told(len(u))

    rows = np.flatnonzero(among(verb, (law.UNKNOWN_VERB, law.INJECTED)) | (answer & ~masked & lost))
    told.put(rows, (u[rows, s.U_LENGTH],), redact.unknown_bytes)
    told.put(np.flatnonzero(answer & masked), (), lambda: _MASKED)

    rows = np.flatnonzero(command)
    lines, which = said.lines(shown[rows])
    keys = which, verb[rows], kind[rows] == Kind.AUTH, masked[rows]
    told.put(rows, keys, lambda line, *about: _command(lines[line], *about))
    # Of each row, the AUTH command that is the last before it; its mechanism, and whether it had a response.
    opens = kind[rows] == Kind.AUTH
    numbers, line = distinct_of(which[opens])
    names, responses = zip(*((None, 0), *(_opened(lines[number]) for number in numbers)), strict=True)
    mechanisms, auth = Text.of(names[1:]), np.append(-1, rows[opens])  # the first stands for none
    place = np.searchsorted(auth, np.arange(len(u)), "right") - 1
    mine = (place > 0) & (session[auth[place]] == session)
    place = np.where(mine, place, 0)

    responds = answer & (masked | ((kind == Kind.RESPONSE) & ~lost))
    count = np.append(0, np.cumsum(responds))[:-1]  # of the rows before
    start = np.searchsorted(session, session, "left")  # rows of a session stand together
    line = np.append(0, line + 1)[place]
    initial = np.array(responses, np.int64)[line]
    index = count - np.where(mine, count[auth[place]] - initial, count[start])

    rows = np.flatnonzero(answer & ~masked & ~lost)
    texts, which = said.lines(shown[rows])
    forms = [redact.form_of(text) for text in texts]
    known: dict[redact.Form, int] = {}
    form = np.array([known.setdefault(each, len(known)) for each in forms], np.int64)[which]
    listed, named = list(known), [*mechanisms.words, None]
    told.put(
        rows,
        (np.append(-1, mechanisms.codes)[line[rows]], np.minimum(index[rows], redact.PLACES), form),
        lambda name, place, number: redact.described(named[name], place, listed[number]),
    )
    return told.text()


class _Told:
    """A column of text that is made kind of row by kind of row, each distinct text once."""

    def __init__(self, rows: int) -> None:
        self._codes, self._words = np.full(rows, -1, np.int32), dict[str | None, int]({None: -1})

    def put(self, rows: Array, keys: Sequence[Array], made: Callable[..., str | None]) -> None:
        """Set rows to what `made` makes of their keys."""
        if not len(rows):
            return
        first, which = distinct(*keys) if keys else (rows[:1], np.zeros(len(rows), np.int64))
        combinations = zip(*(key[first].tolist() for key in keys), strict=True) if keys else [()]
        codes = [self._words.setdefault(made(*each), len(self._words) - 1) for each in combinations]
        self._codes[rows] = np.array(codes, np.int32)[which]

    def text(self) -> Text:
        """Give the column."""
        return Text(self._codes, [word for word in self._words if word is not None])


def _command(line: bytes, verb: int, auth: bool, masked: bool) -> str | None:  # noqa: FBT001
    """Say what the argument of a command is."""
    rest = _rest(line)
    if auth and masked:
        return f"{redact.argument(law.VERB_NAMES[verb], rest.split()[0])} {_MASKED}"
    return redact.argument(law.VERB_NAMES[verb], rest) if rest else None


def _opened(line: bytes) -> tuple[str | None, int]:
    """Give the mechanism that an AUTH line names, and how many responses it has."""
    words = _rest(line).split()
    name = words[0].decode("ascii", "replace") if words else None
    return name, int(len(words) > 1 and words[1] not in (b"=", b"*"))


def _rest(line: bytes) -> bytes:
    words = line.split(None, 1)
    return words[1] if len(words) > 1 else b""
