"""The rounds of a batch's AUTH exchanges as columns: who was asked what, and what was answered, as numbers of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.smtp import columns as s
from analyzer.smtp.law import CHALLENGE, UNSOLICITED_UNIT
from analyzer.smtp.machine import F, K
from analyzer.words.vocabulary import NONE, Store

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows

    Array = np.ndarray[Any, Any]

#: The number of a text that was not captured, or never said; that of an empty one is NONE.
LOST: Final = -2
assert NONE == -1  # `texts` has what it stands for in its last place

CODE_BYTES: Final = 4  # of a reply before its text
ATTEMPTS: Final = 1 << 32  # more than a session can have


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


# columns of what `walk` gives: of a round, and of an attempt; texts are from one place in the stream to another
ATTEMPT, ASKED, ASKED_STOP, SAID, SAID_STOP, CUT, ROUND_WIDTH = range(7)
LINE, LINE_STOP, REPLY, REPLY_STOP, LAST, ATTEMPT_WIDTH = range(6)


def rounds_of(rows: Rows, attempts: Array) -> Rounds:
    """Take the rounds of some attempts, in their order, from the units of a batch."""
    rounds = np.empty((len(rows.units) + len(attempts), ROUND_WIDTH), np.int64)
    whole = np.zeros((len(attempts), ATTEMPT_WIDTH), np.int64)
    rounds, store = rounds[: walk(rows.units, attempts, rounds, whole)], Store()

    def numbers(table: Array, column: int) -> Array:
        starts = table[:, column]
        made = store.number(rows.stream, starts, table[:, column + 1])
        made[starts == LOST] = LOST
        return made

    line, reply, asked, said = (
        numbers(*each) for each in ((whole, LINE), (whole, REPLY), (rounds, ASKED), (rounds, SAID))
    )
    return Rounds(
        rounds[:, ATTEMPT], asked, said, rounds[:, CUT] > 0, line, reply, whole[:, LAST], [*store.words(), b""]
    )  # fmt: skip


@helper
def put_round(rounds: Any, n: int, attempt: int, start: int, stop: int) -> Any:
    """Write a round with a challenge, whose answer is not known; gives the number of the next one."""
    rounds[n, ATTEMPT] = attempt
    rounds[n, ASKED] = start
    rounds[n, ASKED_STOP] = stop
    rounds[n, SAID] = LOST
    rounds[n, SAID_STOP] = LOST
    rounds[n, CUT] = 0
    return n + 1


@kernel("int64(int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1])")
def walk(units: Any, attempts: Any, rounds: Any, whole: Any) -> Any:
    """Write the rounds, and what is one of each attempt; gives how many rounds there are.

    Attempts stand in the order of their sessions and numbers. Texts that are lost begin at LOST.
    """
    for j in range(len(attempts)):
        row = attempts[j, s.A_FIRST]
        whole[j, LAST] = row
        if units[row, s.U_KIND] == K.AUTH:
            whole[j, LINE] = units[row, s.U_OFF]
            whole[j, LINE_STOP] = units[row, s.U_OFF] + units[row, s.U_LENGTH]
        if attempts[j, s.A_CODE] > 0:
            whole[j, REPLY] = attempts[j, s.A_REPLY_OFF]
            whole[j, REPLY_STOP] = attempts[j, s.A_REPLY_OFF] + attempts[j, s.A_REPLY_LENGTH]
    n, j, newest = 0, 0, 0
    mine, start, stop, waits = -1, LOST, LOST, 0  # the attempt of the unit before, what that was asked, if anything
    for row in range(len(units)):
        key = units[row, s.U_SESSION] * ATTEMPTS + units[row, s.U_ATTEMPT]
        if units[row, s.U_ATTEMPT] == 0 or key < newest:
            continue  # behind one of a later attempt of its session a unit is none of its own any more
        newest = key
        while j < len(attempts) and attempts[j, s.A_SESSION] * ATTEMPTS + attempts[j, s.A_NUMBER] < key:
            j += 1
        if j == len(attempts):
            break
        if attempts[j, s.A_SESSION] * ATTEMPTS + attempts[j, s.A_NUMBER] > key or row < attempts[j, s.A_FIRST]:
            continue
        if j != mine:
            if waits == 1:
                n = put_round(rounds, n, mine, start, stop)
            mine, start, stop, waits = j, LOST, LOST, 0
        if row > attempts[j, s.A_FIRST] and units[row, s.U_VERB] != UNSOLICITED_UNIT:
            n = put_round(rounds, n, j, start, stop)
            if units[row, s.U_FLAGS] & F.LOST_LINE == 0:
                rounds[n - 1, SAID] = units[row, s.U_OFF]
                rounds[n - 1, SAID_STOP] = units[row, s.U_OFF] + units[row, s.U_LENGTH]
            if units[row, s.U_FLAGS] & F.TRUNCATED:
                rounds[n - 1, CUT] = 1
            waits = 0
        start, stop = LOST, LOST
        if units[row, s.U_CODE] == CHALLENGE:
            start = units[row, s.U_REPLY_OFF] + CODE_BYTES
            stop = start + max(0, units[row, s.U_REPLY_LENGTH] - CODE_BYTES)
            waits = 1  # behind the last answer this is a round without one
        whole[j, LAST] = row
    if waits == 1:
        n = put_round(rounds, n, mine, start, stop)
    return n
