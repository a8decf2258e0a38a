"""What the lines of a dialogue are, who said them, and where another dialogue begins.

Some logs do not say who speaks: that follows from the grammar of replies (RFC 5321 section 4.2). Kernels over the lines
of `analyzer.logs.columns`.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.logs.columns import *
from analyzer.logs.quote import ANY
from analyzer.smtp.law import CHALLENGE, GO_ON, READY
from analyzer.smtp.machine.grammar import DASH, POINT, is_command, reply_code, verb_of
from analyzer.smtp.machine.work import K

CLIENT, SERVER = 0, 1


@helper
def is_dot(text: Any, said: Any, row: int) -> Any:
    """Say whether a line ends a message."""
    return said[row, S_STOP] - said[row, S_START] == 1 and text[said[row, S_START]] == POINT


@helper
def goes_on(text: Any, said: Any, row: int) -> Any:
    """Say whether a line of a reply is none that ends it."""
    return said[row, S_STOP] - said[row, S_START] > 3 and text[said[row, S_START] + 3] == DASH


@helper
def names_protocol(text: Any, said: Any, row: int) -> Any:
    """Say whether a line names SMTP, ESMTP or LMTP."""
    for at in range(said[row, S_START], said[row, S_STOP] - 3):
        first = text[at] & 0xDF
        if first != 83 and first != 76:
            continue
        if text[at + 1] & 0xDF == 77 and text[at + 2] & 0xDF == 84 and text[at + 3] & 0xDF == 80:
            return True
    return False


@kernel("void(uint8[::1], int64[:, ::1], int64[:, ::1])")
def hear(text: Any, said: Any, verbs: Any) -> None:
    """Tell what lines are: replies by S_CODE, commands by S_KIND; and who said them, where the log does not say it."""
    for row in range(len(said)):
        start, stop = said[row, S_START], said[row, S_STOP]
        code = reply_code(text, start, stop)
        said[row, S_CODE] = code
        said[row, S_KIND] = NOTHING
        if code == 0:
            verb = verb_of(text, start, stop, verbs)
            if verb >= 0:
                said[row, S_KIND] = verbs[verb, 2]
    session = NOTHING
    asked = False  # for an answer
    body = False  # of a message
    for row in range(len(said)):
        if said[row, S_SIDE] != ANY:
            continue
        if said[row, S_SESSION] != session:
            session = said[row, S_SESSION]
            asked = False
            body = False
        next_row = row + 1
        while next_row < len(said) and said[next_row, S_SIDE] != ANY and said[next_row, S_SESSION] == session:
            next_row += 1
        follows = NOTHING  # code of the next one of these lines
        if next_row < len(said) and said[next_row, S_SIDE] == ANY and said[next_row, S_SESSION] == session:
            follows = said[next_row, S_CODE]
        said[row, S_SERVER] = CLIENT
        if body:
            body = not is_dot(text, said, row)
        elif said[row, S_CODE] > 0:
            said[row, S_SERVER] = SERVER
            if not goes_on(text, said, row):
                asked = said[row, S_CODE] == CHALLENGE
                # a reply next: the log leaves out the message; else all is message up to its end, whatever it quotes
                body = said[row, S_CODE] == GO_ON and follows == 0
        elif asked or is_command(text, said[row, S_START], said[row, S_STOP], verbs):
            asked = False
        elif follows // 100 != 5:  # a line that is refused was a command, too
            said[row, S_SERVER] = NOTHING


@helper
def is_greeted(text: Any, said: Any, row: int, last: int) -> Any:
    """Say whether a line is the greeting of another session; `last`: the client's last line in this one, or NOTHING."""
    if said[row, S_SERVER] != SERVER or said[row, S_CODE] != READY or last == NOTHING:
        return False
    leaving = said[last, S_KIND] == K.QUIT
    if said[row - 1, S_SERVER] != SERVER:  # a client's line still waits for its reply
        return leaving
    if said[row - 1, S_CODE] == READY and goes_on(text, said, row - 1):
        return False
    return leaving or names_protocol(text, said, row)


@kernel("void(uint8[::1], int64[:, ::1])")
def part(text: Any, said: Any) -> None:
    """Mark the lines at which a dialogue begins: the first ones of sessions, and where another session is greeted."""
    last = NOTHING
    for row in range(len(said)):
        said[row, S_BEGINS] = 0
        first = row == 0 or said[row, S_SESSION] != said[row - 1, S_SESSION]
        if first or is_greeted(text, said, row, last):
            said[row, S_BEGINS] = 1
            last = NOTHING
        if said[row, S_SERVER] != SERVER:
            last = row
