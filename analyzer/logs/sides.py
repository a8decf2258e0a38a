"""Which side of a dialogue is the server's, and what its lines are then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.kernel import kernel
from analyzer.logs.columns import *
from analyzer.logs.formats import SIDES
from analyzer.logs.heard import CLIENT, SERVER
from analyzer.logs.quote import ANY, REPLY, A, B
from analyzer.smtp.machine.work import K
from analyzer.tables import begins_run

if TYPE_CHECKING:
    from analyzer.logs.said import Said
    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

# --- how many lines of a session each side has, and replies among them
C_REPLIES_A, C_LINES_A, C_REPLIES_B, C_LINES_B, COUNT_WIDTH = range(5)

#: What a session shows: no dialogue, one without AUTH, one with it.
NO_DIALOGUE, NO_AUTH, AUTH = range(3)


@kernel("void(int64[:, ::1], int64[:, ::1])")
def count_sides(said: Any, counts: Any) -> None:
    """Count the lines of both sides of each session; `counts` is all zero before."""
    for row in range(said.shape[0]):
        side = said[row, S_SIDE]
        if side == A or side == B:
            column = C_REPLIES_A if side == A else C_REPLIES_B
            session = said[row, S_SESSION]
            counts[session, column + 1] += 1
            if said[row, S_CODE] > 0:
                counts[session, column] += 1


@kernel("int64(int64[:, ::1], int64[::1], uint8[::1], uint8[::1], int64[::1], int64[::1])")
def settle(said: Any, servers: Any, telling: Any, heard: Any, shows: Any, doubtful: Any) -> Any:
    """Say of each line who said it, where `servers` has the side of each session's server.

    Marks lines that somebody said in `heard`, and gives what each session shows; `telling` marks codes that only AUTH
    has. Gives how many lines are in `doubtful`: what a client said that may stand for a secret that the log hides.
    """
    count = 0
    for row in range(said.shape[0]):
        side, session = said[row, S_SIDE], said[row, S_SESSION]
        if side != ANY:
            said[row, S_SERVER] = SERVER if side == REPLY or side == servers[session] else CLIENT
        full = said[row, S_START] < said[row, S_STOP]
        serves = said[row, S_SERVER] == SERVER
        if not (said[row, S_SERVER] == CLIENT or (serves and full)):
            continue
        heard[row] = 1
        shows[session] = max(shows[session], NO_AUTH)
        kind = said[row, S_KIND]
        if serves:
            if telling[said[row, S_CODE]] == 1:
                shows[session] = AUTH
            continue
        if kind == K.AUTH:
            shows[session] = AUTH
        if full and (kind == K.AUTH or kind == NOTHING):
            doubtful[count] = row
            count += 1
    return count


class Servers:
    """Which side is the server's in the sessions of one source."""

    def __init__(self) -> None:
        self._counts: dict[int, Array] = {}  # of each format: lines of its sides, and replies among them

    def of(self, group: Group, said: Said) -> Array:
        """Give the side of each session that is the server's: told by its lines, else by those before of its format."""
        lines, count = said.lines, len(group.starts) - 1
        mine = np.zeros((count, COUNT_WIDTH), np.int64)
        count_sides(lines, mine)
        server = np.full(count, A, np.int64)
        formats = np.full(count, NOTHING, np.int64)
        sessions = lines[:, S_SESSION]
        heads = np.flatnonzero(begins_run(sessions))
        spoken = sessions.take(heads)
        formats[spoken] = group.events[lines[heads, S_ROW], E_FORMAT]
        for number in np.unique(formats[spoken]).tolist():
            those = np.flatnonzero(formats == number)
            known = np.cumsum(mine[those], axis=0) + self._counts.get(number, 0)
            self._counts[number] = known[-1]
            side = np.array(SIDES.index(group.catalogue.formats[number].server))
            for counts in (known, mine[those]):
                side = _server_of(counts, side)
            server[those] = side
        return server


def _server_of(counts: Array, unknown: Array) -> Array:
    """Give the side that is the server, by the share of replies among its lines; where they do not tell it, `unknown`.

    `counts`: int64[n, COUNT_WIDTH].
    """
    one, two = (
        np.where(counts[:, k + 1], counts[:, k] / np.maximum(counts[:, k + 1], 1), 0.5)
        for k in (C_REPLIES_A, C_REPLIES_B)
    )
    side: Array = np.where(np.abs(one - two) < _SURE, unknown, np.where(one > two, A, B))
    return side


#: Shares of replies have to differ by this much.
_SURE: Final = 0.5
