"""Exchanges and connections of logs that a capture shows as well: they share an `event`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.logs.pairs import EVER, LATE_NS, TRIED, Side, agree, codes_of, local_part, numbered, pairs
from analyzer.schema import NULL
from analyzer.tables import rows_of

if TYPE_CHECKING:
    from analyzer.logs.pairs import Fits
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: A log and a capture: whole seconds, and the way of a line into the log.
_APART_NS: Final = 2 * 10**9


def same_events(auth: Table, sessions: Table) -> tuple[Table, Table]:
    """Let the rows of logs share `event` with the rows of captures that show the same exchanges and connections."""
    parts = sessions.slices(limits.TABLE_ROWS, ("packets",))
    some = {bool(known) for part in parts for known in np.unique(part.array("packets") == NULL)}
    if len(some) < 2:
        return auth, sessions
    logged, of_log = auth.has("evidence", "logged"), sessions.array("packets") == NULL  # a log has no packets
    owner = rows_of(auth.ids("session"), sessions.ids("session"))
    joined_sessions = np.full(len(sessions), -1, np.int64)
    partner = np.full(len(auth), -1, np.int64)
    source = sessions.text("source").codes
    for number in np.unique(source[of_log]).tolist():  # each log may tell of every exchange once
        mine_sessions = of_log & (source == number)
        same = _sessions_of_captures(sessions, mine_sessions, ~of_log, _told_alike(auth, owner))
        joined_sessions = np.where(same >= 0, same, joined_sessions)
        mine = logged & (owner >= 0) & mine_sessions[owner]
        _match(auth, mine, np.where(mine, same[owner], -1), np.where(logged, -1, owner), partner)
    # A server can be late with its first line: then the exchanges tell which connection it was.
    late = np.flatnonzero((partner >= 0) & (owner >= 0))
    late = late[joined_sessions[owner[late]] < 0]
    joined_sessions[owner[late]] = owner[partner[late]]
    return _shares(auth, partner), _shares(sessions, joined_sessions)


def _shares(table: Table, partner: Array) -> Table:
    """Let rows share the event of their partners."""
    found = np.flatnonzero(partner >= 0)
    event = table.ids("event")
    return table.replaced({"event": event.put(found, event.take(partner[found]))})


def _match(auth: Table, mine: Array, whose: Array, shown: Array, partner: Array) -> None:
    """Find the `partner` of the rows of one log; `whose`: the capture's session, `shown`: that of the capture's rows.

    Within a session only the order counts; what is left finds its partner by the address and the time of the exchange.
    """
    address = auth.text("client_ip").codes.astype(np.int64)
    ended = auth.array("ended")
    moment, order = np.where(ended == NULL, auth.array("started"), ended), auth.array("attempt")
    free = shown >= 0
    by_order, by_time = (EVER, EVER), (_APART_NS, LATE_NS)
    for left_key, right_key, times, apart, strict in (
        (whose, shown, order, by_order, True),
        (whose, shown, order, by_order, False),
        (address, address, moment, by_time, True),
    ):
        lone = Side(left_key, times).only(mine & (partner < 0))
        left, right, _ = pairs(lone, Side(right_key, times).only(free), apart, _alike(auth, strict=strict))
        partner[left] = right
        free[right] = False


def _told_alike(auth: Table, owner: Array) -> Fits:
    """Give the test whether the first exchange of one session, by its row, can be one of another session."""
    order = np.lexsort((auth.array("attempt"), owner))
    owners = owner[order]
    fits = _alike(auth, strict=False)

    def test(left: int, right: int) -> bool:
        first, end, start, stop = np.searchsorted(owners, (left, left + 1, right, right + 1))
        if first == end:  # nothing was tried
            return bool(start == stop)
        return any(fits(order[first], row) for row in order[start : min(stop, start + TRIED)])

    return test


def _sessions_of_captures(sessions: Table, of_log: Array, of_capture: Array, told_alike: Fits) -> Array:
    """Give for each session of a log the row of the capture's session that it is; -1: none, or not known."""
    first, last = sessions.array("first"), sessions.array("last")
    address, port = sessions.text("client_ip").codes.astype(np.int64), sessions.array("client_port")
    ends = [codes_of(sessions[name]) for name in ("server_ip", "server_port", "client_port")]
    made = np.full(len(sessions), -1, np.int64)

    def inside(left: int, right: int) -> bool:
        """Whether the log's session lies in the capture's."""
        return bool(
            first[left] >= first[right] - _APART_NS
            and last[left] <= last[right] + LATE_NS
            and all(agree(codes, left, right) for codes in ends)
        )

    def alike(left: int, right: int) -> bool:
        """Whether both end at the same time, too, and tell the same."""
        ended = abs(int(last[left]) - int(last[right])) <= LATE_NS
        return ended and inside(left, right) and told_alike(left, right)

    with_port = np.where((address >= 0) & (port != NULL), address * 65536 + port, -1)
    for key, apart, fits, shared in (
        (with_port, (EVER, _APART_NS), inside, True),
        (address, (_APART_NS, _APART_NS), alike, False),
    ):
        side = Side(key, first)
        left, right, _ = pairs(side.only(of_log & (made < 0)), side.only(of_capture), apart, fits, shared=shared)
        made[left] = right
    return made


def _alike(auth: Table, *, strict: bool) -> Fits:
    """Give the test whether two rows can be one AUTH exchange.

    Not strict: a server that says it failed, or succeeded, without having seen that the client was gone.
    """
    mechanism, outcome = auth.text("mechanism").codes, auth.text("outcome")
    whole, local = numbered(auth.text("identity"), str.casefold), numbered(auth.text("identity"), local_part)
    good = outcome.mask([word == "succeeded" for word in outcome.words])
    vague = outcome.mask([word in ("failed", "unseen") for word in outcome.words])
    gone = outcome.mask([word in ("client_closed", "unseen") for word in outcome.words])
    role = auth.text("role").codes
    server = [codes_of(auth[name]) for name in ("server_ip", "server_port", "client_port")]

    def fits(left: int, right: int) -> bool:
        same = outcome.codes[left] == outcome.codes[right] or (
            (vague[left] or vague[right]) and not (good[left] or good[right])
        )
        if not strict:
            same = same or bool(gone[right]) or not (good[left] or good[right])
        return bool(
            same
            and role[left] == role[right]
            and agree(mechanism, left, right)
            and (agree(whole, left, right) or agree(local, left, right))
            and all(agree(codes, left, right) for codes in server)
        )

    return fits
