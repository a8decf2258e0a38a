"""The rounds of a batch's AUTH exchanges as columns: who was asked what, and what was answered, as numbers of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.law import Flag
from analyzer.words.vocabulary import NONE, Store

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows

    Array = np.ndarray[Any, Any]

#: The number of a text that was not captured, or never said; that of an empty one is NONE.
LOST: Final = -2
assert NONE == -1  # `texts` has what it stands for in its last place

_CODE_BYTES: Final = 4  # of a reply before its text
_LOST_LINE, _TRUNCATED = int(Flag.LOST_LINE), int(Flag.TRUNCATED)


@dataclass(frozen=True, slots=True)
class Rounds:
    """One row a round, those of an attempt in order; `texts` are counted by NONE (the last: empty) and from 0 on."""

    attempt: Array  # row of the attempt
    challenge: Array  # numbers of texts, or LOST
    answer: Array
    cut: Array  # the capture cut the answer off
    line: Array  # of each attempt: the number of its AUTH line; NONE where it was not seen
    reply: Array  # of each attempt: the number of its final reply; NONE: there is none
    last: Array  # of each attempt: its last unit
    texts: list[bytes]


def rounds_of(rows: Rows, attempts: Array) -> Rounds:
    """Take the rounds of some attempts from the units of a batch."""
    units, store = rows.units, Store()

    def number(offset: Array, length: Array) -> Array:
        return store.number(rows.stream, offset, offset + np.maximum(length, 0))

    head = units.take(attempts[:, s.A_FIRST], axis=0)
    seen = head[:, s.U_KIND] == law.Kind.AUTH
    line = number(head[:, s.U_OFF], np.where(seen, head[:, s.U_LENGTH], 0))
    reply = number(attempts[:, s.A_REPLY_OFF], np.where(attempts[:, s.A_CODE] > 0, attempts[:, s.A_REPLY_LENGTH], 0))
    chosen, owner = _units_of(units, attempts)
    mine = units.take(chosen, axis=0)
    begins = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    ends = np.append(begins[1:], True)[: len(owner)]
    last = attempts[:, s.A_FIRST].copy()
    last[owner[ends]] = chosen[ends]
    asks = mine[:, s.U_CODE] == law.CHALLENGE
    asked = number(mine[:, s.U_REPLY_OFF] + _CODE_BYTES, np.where(asks, mine[:, s.U_REPLY_LENGTH] - _CODE_BYTES, 0))
    asked[~asks] = LOST
    answers = (chosen > attempts[owner, s.A_FIRST]) & (mine[:, s.U_VERB] != law.UNSOLICITED_UNIT)
    said = number(mine[:, s.U_OFF], np.where(answers, mine[:, s.U_LENGTH], 0))
    said[mine[:, s.U_FLAGS] & _LOST_LINE != 0] = LOST
    before = np.append(LOST, asked[:-1])[: len(owner)]  # what the unit before this one was answered with
    before[begins] = LOST
    # A challenge behind the last answer was not answered: a round without an answer.
    place = np.arange(len(owner))
    settled = np.full(len(attempts), NONE)
    rows_answered = np.flatnonzero(answers)
    settled[owner[rows_answered]] = rows_answered
    left = np.zeros(len(attempts), bool)
    left[owner[asks & (place >= settled[owner])]] = True
    open_rows = np.flatnonzero(ends & left[owner])
    order = np.argsort(np.concatenate((rows_answered, open_rows + 0.5)), kind="stable")

    def both(answered: Array, unanswered: Array) -> Array:
        joined: Array = np.concatenate((answered, unanswered))[order]
        return joined

    return Rounds(
        both(owner[rows_answered], owner[open_rows]),
        both(before[rows_answered], asked[open_rows]),
        both(said[rows_answered], np.full(len(open_rows), LOST, np.int32)),
        both(mine[rows_answered, s.U_FLAGS] & _TRUNCATED != 0, np.zeros(len(open_rows), bool)),
        line, reply, last, [*store.words(), b""],
    )  # fmt: skip


def _units_of(units: Array, attempts: Array) -> tuple[Array, Array]:
    """Give the units of attempts, in order, and the row of the attempt of each."""
    number = units[:, s.U_SESSION] << 32 | units[:, s.U_ATTEMPT]
    # A unit behind one of a later attempt of its session is none of its own any more.
    kept = np.flatnonzero((units[:, s.U_ATTEMPT] > 0) & (np.maximum.accumulate(number) == number))
    keys = attempts[:, s.A_SESSION] << 32 | attempts[:, s.A_NUMBER]
    rank = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[rank], number[kept])
    owner = rank.take(place, mode="clip") if len(rank) else np.zeros(len(kept), np.int64)
    known = np.zeros(len(kept), bool)
    if len(rank):
        known = (keys[owner] == number[kept]) & (kept >= attempts[owner, s.A_FIRST])
    return kept[known], owner[known]
