"""Units to rows of the table `exchanges`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.law import Flag, Kind
from analyzer.tables import Text

if TYPE_CHECKING:
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
    speaker = _Speaker(said)
    return {
        "n": u[:, s.U_NUMBER],
        "at": at,
        "verb": Text(u[:, s.U_VERB].astype(np.int32), list(law.VERB_NAMES)),
        "argument": [speaker.argument(number) for number in shown.tolist()],
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


class _Speaker:
    """Says what a client's line is; of answers, by the mechanism and the responses before."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.session = -1
        self.mechanism: str | None = None
        self.responses = 0

    def argument(self, number: int) -> str | None:
        """Give what is shown of a unit's argument; secrets as kind and length."""
        units = self.said.units
        kind, verb = units[number, s.U_KIND], units[number, s.U_VERB]
        if units[number, s.U_SESSION] != self.session:
            self.session, self.mechanism, self.responses = units[number, s.U_SESSION], None, 0
        line = self.said.line(number)
        masked = units[number, s.U_FLAGS] & int(Flag.MASKED) != 0
        if verb == law.ANSWER_UNIT and masked:
            self.responses += 1
            return _MASKED
        if verb == law.ANSWER_UNIT:
            if units[number, s.U_FLAGS] & int(Flag.LOST_LINE):
                return redact.unknown_line(line)
            before = self.responses
            self.responses += kind == Kind.RESPONSE
            return redact.describe(self.mechanism, before, line)
        if verb in (law.UNKNOWN_VERB, law.INJECTED):
            return redact.unknown_line(line)
        if verb < law.FIRST_VERB:
            return None
        words = line.split(None, 1)
        rest = words[1] if len(words) > 1 else b""
        if kind == Kind.AUTH:
            words = rest.split()
            self.mechanism = words[0].decode("ascii", "replace") if words else None
            self.responses = int(len(words) > 1 and words[1] not in (b"=", b"*"))
            if masked:
                return f"{redact.argument(law.VERB_NAMES[verb], words[0])} {_MASKED}"
        return redact.argument(law.VERB_NAMES[verb], rest) if rest else None
