"""The rounds of a batch's AUTH exchanges as columns: who was asked what, and what was answered, as numbers of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import helper, kernel
from analyzer.smtp import columns as s
from analyzer.smtp.law import CHALLENGE, UNSOLICITED_UNIT
from analyzer.smtp.machine.grammar import SPACE
from analyzer.smtp.machine.work import F, K
from analyzer.smtp.texts import LOST

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.texts import Texts

    Array = np.ndarray[Any, Any]

CODE_BYTES: Final = 4  # of a reply before its text
ATTEMPTS: Final = 1 << 32  # more than a session can have


# columns of what `walk_rounds` gives: of a round, and of an attempt; texts are from one place of the stream to another
ATTEMPT, ASKED, ASKED_STOP, SAID, SAID_STOP, CUT, ROUND_WIDTH = range(7)
SEEN, NAME, NAME_STOP, INITIAL, INITIAL_STOP, REPLY, REPLY_STOP, LAST, ATTEMPT_WIDTH = range(9)


@dataclass(frozen=True, slots=True)
class Rounds:
    """One row a round, those of an attempt in order, and what is one of each attempt."""

    attempt: Array  # row of the attempt
    challenge: Array  # numbers of texts, or LOST
    answer: Array
    cut: Array  # the capture cut the answer off
    seen: Array  # of each attempt: its AUTH line was seen
    name: Array  # of each attempt: numbers of what names the mechanism, of the initial response, of the final reply
    initial: Array
    reply: Array
    last: Array  # of each attempt: its last unit


def rounds_of(rows: Rows, attempts: Array, texts: Texts) -> Rounds:
    """Take the rounds of some attempts, in their order, from the units of a batch."""
    rounds = np.empty((len(rows.units) + len(attempts), ROUND_WIDTH), np.int64)
    whole = np.zeros((len(attempts), ATTEMPT_WIDTH), np.int64)
    rounds = rounds[: walk_rounds(rows.units, attempts, rows.stream, rounds, whole)]

    def numbers(table: Array, column: int) -> Array:
        return texts.number(rows.stream, table[:, column], table[:, column + 1])

    return Rounds(
        rounds[:, ATTEMPT], numbers(rounds, ASKED), numbers(rounds, SAID), rounds[:, CUT] > 0, whole[:, SEEN] > 0,
        numbers(whole, NAME), numbers(whole, INITIAL), numbers(whole, REPLY), whole[:, LAST],
    )  # fmt: skip


@helper
def word_at(stream: Any, at: int, stop: int) -> tuple[int, int]:
    """Give where the next word begins (`stop`: there is none) and ends, words as `bytes.split` has them."""
    while at < stop and (stream[at] == SPACE or 9 <= stream[at] <= 13):
        at += 1
    end = at
    while end < stop and stream[end] != SPACE and not 9 <= stream[end] <= 13:
        end += 1
    return at, end


@helper
def put_words(stream: Any, at: int, stop: int, whole: Any, j: int) -> None:
    """Write the words of an AUTH line: the name of a mechanism, and an initial response."""
    start, end = word_at(stream, at, stop)
    whole[j, SEEN] = 1 if start < end else 0
    for column in (NAME, INITIAL):
        start, end = word_at(stream, end, stop)
        if start < end:
            whole[j, column] = start
            whole[j, column + 1] = end


@helper
def put_round(rounds: Any, n: int, attempt: int, start: int, stop: int) -> Any:
    """Write a round with a challenge, whose answer is not known; gives the number of the next one."""
    rounds[n, ATTEMPT] = attempt
    rounds[n, ASKED] = start
    rounds[n, ASKED_STOP] = stop
    rounds[n, SAID] = LOST
    rounds[n, SAID_STOP] = 0
    rounds[n, CUT] = 0
    return n + 1


@kernel("int64(int64[:, ::1], int64[:, ::1], uint8[::1], int64[:, ::1], int64[:, ::1])")
def walk_rounds(units: Any, attempts: Any, stream: Any, rounds: Any, whole: Any) -> Any:
    """Write the rounds, and what is one of each attempt; gives how many rounds there are.

    Attempts stand in the order of their sessions and numbers. Texts that are lost begin at LOST.
    """
    for j in range(len(attempts)):
        row = attempts[j, s.A_FIRST]
        whole[j, LAST] = row
        whole[j, NAME] = LOST
        whole[j, INITIAL] = LOST
        if units[row, s.U_KIND] == K.AUTH:
            put_words(stream, units[row, s.U_OFF], units[row, s.U_OFF] + units[row, s.U_LENGTH], whole, j)
        if attempts[j, s.A_CODE] > 0:
            whole[j, REPLY] = attempts[j, s.A_REPLY_OFF]
            whole[j, REPLY_STOP] = attempts[j, s.A_REPLY_OFF] + attempts[j, s.A_REPLY_LENGTH]
    n, j, newest = 0, 0, 0
    mine, start, stop, waits = -1, LOST, 0, 0  # the attempt of the unit before, what that was asked, if anything
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
            mine, start, stop, waits = j, LOST, 0, 0
        whole[j, LAST] = row
        final = attempts[j, s.A_CODE] > 0 and units[row, s.U_REPLY_OFF] == attempts[j, s.A_REPLY_OFF]
        challenge = units[row, s.U_CODE] == CHALLENGE and not final
        if units[row, s.U_VERB] == UNSOLICITED_UNIT:  # what was asked before is not answered by it
            if not challenge:
                continue
            if waits == 1:
                n = put_round(rounds, n, j, start, stop)
                rounds[n - 1, SAID] = 0  # an empty text: nothing was said, and nothing is lost
        elif row > attempts[j, s.A_FIRST]:
            n = put_round(rounds, n, j, start, stop)
            if units[row, s.U_FLAGS] & F.LOST_LINE == 0:
                rounds[n - 1, SAID] = units[row, s.U_OFF]
                rounds[n - 1, SAID_STOP] = units[row, s.U_OFF] + units[row, s.U_LENGTH]
            if units[row, s.U_FLAGS] & F.TRUNCATED:
                rounds[n - 1, CUT] = 1
            waits = 0
        start, stop = LOST, 0
        if challenge:
            start = units[row, s.U_REPLY_OFF] + CODE_BYTES
            stop = start + max(0, units[row, s.U_REPLY_LENGTH] - CODE_BYTES)
            waits = 1  # behind the last answer this is a round without one
    if waits == 1:
        n = put_round(rounds, n, mine, start, stop)
    return n
