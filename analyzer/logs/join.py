"""What several logs tell of one AUTH exchange.

Nothing names an exchange in all of them: they are put together by address, port, user and time, and in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.logs.facts import ALONE
from analyzer.logs.pairs import LATE_NS, Side, about, codes_of, local_part, numbered_alike, pairs
from analyzer.logs.told import VAGUE
from analyzer.schema import NULL
from analyzer.tables import Places, Timeline, changed, mixed, nth, rows_of, taken

if TYPE_CHECKING:
    from analyzer.logs.pairs import Fits
    from analyzer.tables import Column, Table, Text

    Array = np.ndarray[Any, Any]

_SECOND: Final = 10**9

#: The line of a mail server may be so much earlier than that of the authentication service: both clocks may show whole
#: seconds. It may be later by `LATE_NS`.
_BEFORE_NS: Final = 2 * _SECOND

#: A stretch of time is joined with so much of the next: a row at its end may have a surer partner there.
_MORE_NS: Final = 60 * _SECOND

#: How a detail finds its row, the surest way first: whether the addresses are equal, how the users are, and what that
#: is worth. What is not compared is unknown on one side.
_WAYS: Final = (
    (True, "whole", 1.0),
    (True, "local", 0.9),
    (True, "unknown", 0.9),
    (False, "whole", 0.8),
    (False, "local", 0.7),
    (False, "unknown", 0.6),  # saslauthd knows no client, and an older Postfix tells no user
)

#: The less where several rows could have been it.
_RIVALS: Final = 0.1


def folded(auth: Table) -> tuple[Table, Array]:
    """Give the rows that only an authentication service tells of to those of the mail servers that asked it.

    A success that is in no log of a mail server is left out where there is such a log: that tells of it in its own way,
    and much later. Gives the new table, and which rows of the old one are still in it.
    """
    told = [_alone(part) for part in auth.slices(limits.TABLE_ROWS, ("caveats",))]
    alone = np.concatenate([np.zeros(0, bool), *told])
    if not alone.any():
        return auth, np.ones(len(auth), bool)
    made, kept = _told_by_one(auth, np.flatnonzero(alone))
    made, still = _given(made, alone[kept])
    kept[kept] = still
    return made, kept


def _told_by_one(auth: Table, service: Array) -> tuple[Table, Array]:
    """Put together what two logs of one authentication service tell of an exchange: they know the client's port.

    Gives the new table, and which rows of the old one are still in it.
    """
    names = ("source", "client_ip", "client_port", "identity", "outcome", "started")
    service = service[auth.read(service, names[2:3]).array("client_port") != NULL]
    kept, details = np.ones(len(auth), bool), auth.read(service, names)
    source = details.text("source")
    logs = sorted(np.unique(source.codes).tolist(), key=lambda code: source.words[code])
    if len(logs) < 2:
        return auth, kept
    facts = [codes_of(details[name]).astype(np.int64) for name in names[1:5]]
    known = (facts[0] >= 0) & (facts[2] >= 0)
    keys = np.unique(mixed(facts), return_inverse=True)[1].reshape(-1)
    side = Side(np.where(known, keys, -1), details.array("started"))
    first, partner = source.codes == logs[0], np.full(len(service), -1, np.int64)
    for log in logs[1:]:
        mine = source.codes == log
        left, right, _ = pairs(side.only(mine), side.only(first), (_SECOND, _SECOND))
        partner[left] = right
        first |= mine & (partner < 0)
    again = np.flatnonzero(partner >= 0)
    kept[service[again]] = False
    more = auth.read(service, ("identity", "mechanism", "client_ip", "reason", "where"))
    made = _explained(auth, dict(more.columns), again, service[partner[again]], np.ones(len(again)))
    return made.take(kept), kept


def _given(auth: Table, alone: Array) -> tuple[Table, Array]:
    """Give the rows that only an authentication service tells of to those of the mail servers that asked it."""
    service, kept = np.flatnonzero(alone), np.ones(len(auth), bool)
    names = ("session", "where", "client_ip", "identity", "mechanism", "reason", "outcome", "started")
    details = auth.read(service, names)
    made, lone = joined(auth, dict(details.columns), service)
    kept[service[~lone]] = False
    doubled = service[lone & details.has("outcome", "succeeded")]
    if len(doubled) and (auth.has("evidence", "logged") & auth.has("role", "server") & ~alone).any():
        left = kept.copy()
        left[doubled] = False
        made, kept = made.take(left[kept]), left
    return made, kept


def once_written(auth: Table, sessions: Table) -> tuple[Table, Array]:
    """Leave out logs all of whose rows another log has: Exim's reject log repeats its main log; a copy of a log.

    Gives the new table, and which rows of the old one are still in it.
    """
    timed = np.flatnonzero(auth.has("evidence", "logged") & (auth.array("started") != NULL))
    source = auth.text("source").codes[timed].astype(np.int64)
    owner = rows_of(auth.ids("session"), sessions.ids("session"))[timed]
    names = ("started", "client_ip", "client_port", "identity")  # a log may tell more of an ending than the other
    facts = [codes_of(auth[name])[timed].astype(np.int64) for name in names]
    keys = mixed([*facts, np.where(owner < 0, -1, sessions.text("product").codes[owner].astype(np.int64))])
    keys = mixed([keys, nth(keys, source)])  # the n-th such row of one log is the n-th of the other
    kept = np.ones(len(auth), bool)
    sizes = np.bincount(source, minlength=1)
    inside = sorted(np.flatnonzero(sizes).tolist(), key=lambda number: sizes[number])
    for place, number in enumerate(inside):
        mine = source == number
        if any(np.isin(keys[mine], keys[source == other]).all() for other in inside[place + 1 :]):
            kept[timed[mine]] = False
    return (auth, kept) if kept.all() else (auth.take(kept), kept)


def joined(auth: Table, details: dict[str, Any], own: Array | None = None) -> tuple[Table, Array]:
    """Give each detail to the one row of a mail server's log that it explains: a failure, or a success, as it is.

    `details` has columns of one length: started (int64), session (Ids), where (Places), and Text. What
    its own session tells besides, of other exchanges, is not what it explains. `own` are the rows of this table that
    the details are, in order: those that explain another row leave it.
    Gives the new table, and which of the details belong to no row.
    """
    order = np.argsort(details["started"], kind="stable")
    times = details["started"][order]
    partner = np.full(len(times), -1, np.int64)
    worth = np.full(len(partner), np.nan)
    explained = np.zeros(len(auth), bool)
    timeline, at = Timeline(auth, "started"), int(np.searchsorted(times, NULL, "right"))
    ends = [end for _, end in timeline.stretches()]
    for end in ends:
        # The last stretch has whatever is left.
        size, more = (
            len(times) - at if end == ends[-1] else int(np.searchsorted(times, end + extra)) - at
            for extra in (0, _MORE_NS)
        )
        if size:
            mine = order[at : at + more]
            told = {name: taken(column, mine) for name, column in details.items()}
            rows = timeline.rows(int(times[at]) - _BEFORE_NS, int(times[at + more - 1]) + LATE_NS + 1)
            rows, known = _open(auth, rows[~explained[rows]], times[at : at + more])
            left, right, value = _partners(told, known)
            sure = left < size
            partner[mine[left[sure]]], worth[mine[left[sure]]] = rows[right[sure]], value[sure]
            explained[rows[right[sure]]] = True
            at += size
    left = np.flatnonzero(partner >= 0)
    right = partner[left]
    if own is not None and len(left):
        gone, kept = own[left], np.ones(len(auth), bool)
        kept[gone] = False
        auth, right = auth.take(kept), right - np.searchsorted(gone, right)
    return _explained(auth, details, left, right, worth[left]), partner < 0


def _alone(auth: Table) -> Array:
    """Say which rows only an authentication service tells of."""
    caveats = auth.text("caveats")
    return caveats.mask([ALONE in word.split() for word in caveats.words])


def _succeeded(outcome: Text) -> Array:
    """Say which outcomes are successes."""
    return outcome.mask([word == "succeeded" for word in outcome.words])


def _open(auth: Table, rows: Array, times: Array) -> tuple[Array, dict[str, Any]]:
    """Give the rows of mail servers' logs that are near a detail, and what is compared of them."""
    part = auth.read(rows, ("started", "session", "client_ip", "identity", "evidence", "role", "outcome", "caveats"))
    fit = about(times, part.array("started"), (_BEFORE_NS, LATE_NS)) & ~_alone(part)
    fit &= part.has("evidence", "logged") & part.has("role", "server")
    return rows[fit], dict(part.read(np.flatnonzero(fit)).columns)


def _partners(details: dict[str, Any], rows: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Pair details with rows, the surest way first; gives the details, their rows, and what each pair is worth."""
    times, open_rows = rows["started"], np.ones(len(rows["started"]), bool)
    partner = np.full(len(details["started"]), -1, np.int64)
    worth = np.full(len(partner), np.nan)
    address = numbered_alike(details["client_ip"], rows["client_ip"], str)
    users = {
        "whole": numbered_alike(details["identity"], rows["identity"], str.casefold),
        "local": numbered_alike(details["identity"], rows["identity"], local_part),
    }
    session = details["session"].numbers, rows["session"].numbers
    good = _succeeded(details["outcome"]), _succeeded(rows["outcome"])
    for way in _WAYS:
        by_address, by_user, value = way
        keys = _keys(address, users, by_address=by_address, by_user=by_user)
        key, row_key = (np.where(of < 0, -1, 2 * of + well) for of, well in zip(keys, good, strict=True))
        blind = [side for side, known in ((address, by_address), (users["whole"], by_user != "unknown")) if not known]
        mine = Side(key, details["started"]).only((partner < 0) & _hopeful(blind, 0))
        theirs = Side(row_key, times).only(open_rows & _hopeful(blind, 1))
        fits = _possible(address, users["whole"], session, blind)
        left, right, rivals = pairs(mine, theirs, (_BEFORE_NS, LATE_NS), fits)
        partner[left] = right
        worth[left] = value - np.where(rivals & (value < 1), _RIVALS, 0)
        open_rows[right] = False
    left = np.flatnonzero(partner >= 0)
    return left, partner[left], worth[left]


def _keys(
    address: tuple[Array, Array], users: dict[str, tuple[Array, Array]], *, by_address: bool, by_user: str
) -> tuple[Array, Array]:
    """Give what has to be equal as numbers, for details and rows; -1: never."""
    made = []
    for side in range(2):
        key = address[side] if by_address else np.zeros_like(address[side])
        if by_user in users:
            who = users[by_user][side]
            key = np.where(
                (key < 0) | (who < 0),
                -1,
                key * (int(who.max(initial=0)) + int(users[by_user][1 - side].max(initial=0)) + 2) + who,
            )
        made.append(key)
    return made[0], made[1]


def _hopeful(blind: list[tuple[Array, Array]], side: int) -> Array | bool:
    """Say which rows of a side can have what is not compared unknown, here or on the other side."""
    hopeful: Array | bool = True
    for both in blind:
        hopeful = hopeful & ((both[side] < 0) | bool((both[1 - side] < 0).any()))
    return hopeful


def _possible(
    address: tuple[Array, Array],
    user: tuple[Array, Array],
    session: tuple[Array, Array],
    blind: list[tuple[Array, Array]],
) -> Fits:
    """Give the test that what is not compared is unknown on one side, and that a row is not the detail's neighbour."""

    def fits(left: int, right: int) -> bool:
        blank = all(side[0][left] < 0 or side[1][right] < 0 for side in blind)
        some = len(blind) < 2 or (user[0][left] >= 0 and address[1][right] >= 0)
        return bool(blank and some and session[0][left] != session[1][right])

    return fits


def _explained(auth: Table, details: dict[str, Any], left: Array, right: Array, worth: Array) -> Table:
    """Give the table with what details add to its rows."""
    if not len(left):
        return auth
    order = np.argsort(right)
    left, right, worth = left[order], right[order], worth[order]

    def change(part: Table, start: int) -> dict[str, Column]:
        mine = slice(*np.searchsorted(right, (start, start + len(part))))
        return _more(
            part,
            {name: taken(column, left[mine]) for name, column in details.items()},
            right[mine] - start,
            worth[mine],
        )

    return changed(auth, ("identity", "mechanism", "client_ip", "reason", "where", "confidence"), change)


def _more(auth: Table, details: dict[str, Any], rows: Array, worth: Array) -> dict[str, Column]:
    """Give the columns of some rows with what details, one for each of `rows`, add to them."""
    made: dict[str, Column] = {}
    for name in ("identity", "mechanism", "client_ip"):
        blank = auth.text(name).codes[rows] < 0
        made[name] = auth.text(name).put(rows[blank], details[name].take(blank))
    reason, other = auth.text("reason"), details["reason"]
    vague = reason.mask([word in VAGUE for word in reason.words]) | (reason.codes < 0)
    better = vague[rows] & other.mask([word not in VAGUE for word in other.words])
    made["reason"] = reason.put(rows[better], other.take(better))
    where, also = auth.places("where"), details["where"]
    also = also.renamed({file: number for number, file in enumerate(where.files)})
    made["where"] = where.doubled().put(rows, Places(where.at[rows], also.files, also.at))
    confidence = auth.array("confidence").copy()
    confidence[rows] = worth
    return made | {"confidence": confidence}
