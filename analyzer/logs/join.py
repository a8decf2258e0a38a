"""What several logs, or a log and a capture, tell of one AUTH exchange.

Nothing names an exchange in all of them: they are put together by address, port, user and time, and in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.logs.reconcile import ALONE
from analyzer.logs.told import VAGUE
from analyzer.schema import NULL
from analyzer.tables import Places, Text, Timeline, changed, mixed, rows_of, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.tables import Column, Table

    Array = np.ndarray[Any, Any]
    Fits = Callable[[int, int], bool]

_SECOND: Final = 10**9

#: A line of the authentication service and that of the mail server lie so far apart: both clocks may show whole seconds
#: (RFC 3164), and Dovecot holds its answer to a failure back (auth_failure_delay: two seconds).
_BEFORE_NS, _AFTER_NS = 2 * _SECOND, 4 * _SECOND

#: A log and a capture: whole seconds, and the way of a line into the log.
_APART_NS: Final = 2 * _SECOND

#: A stretch of time is joined with so much of the next: a row at its end may have a surer partner there.
_MORE_NS: Final = 60 * _SECOND

#: Partners that are looked at for one row, where none fits: a flood must not make the time quadratic.
_TRIED: Final = 256

#: Longer than any session.
_EVER: Final = 2**61

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


class Side(NamedTuple):
    """One of two sets of rows: what has to be equal (int64, -1: never), and when (int64)."""

    key: Array
    time: Array

    def only(self, rows: Array) -> Side:
        """Leave out rows, and those without a time."""
        return Side(np.where(rows & (self.time != NULL), self.key, -1), self.time)

    def take(self, rows: Array) -> Side:
        """Give some of the rows."""
        return Side(self.key[rows], self.time[rows])


def folded(auth: Table) -> tuple[Table, Array]:
    """Give the rows that only an authentication service tells of to those of the mail servers that asked it.

    Gives the new table, and which rows of the old one are still in it.
    """
    told = [_alone(part) for part in auth.slices(limits.TABLE_ROWS, ("caveats",))]
    service = np.flatnonzero(np.concatenate([np.zeros(0, bool), *told]))
    if not len(service):
        return auth, np.ones(len(auth), bool)
    names = ("session", "where", "client_ip", "identity", "mechanism", "reason", "started")
    made, lone = joined(auth, dict(auth.read(service, names).columns), service)
    kept = np.ones(len(auth), bool)
    kept[service[~lone]] = False
    return made, kept


def once_written(auth: Table, sessions: Table) -> tuple[Table, Array]:
    """Leave out logs all of whose rows another log has: Exim's reject log repeats its main log; a copy of a log.

    Gives the new table, and which rows of the old one are still in it.
    """
    timed = np.flatnonzero(auth.has("evidence", "logged") & (auth.array("started") != NULL))
    source = auth.text("source").codes[timed].astype(np.int64)
    owner = rows_of(auth.ids("session"), sessions.ids("session"))[timed]
    names = ("started", "client_ip", "client_port", "identity")  # a log may tell more of an ending than the other
    facts = [_codes(auth[name])[timed].astype(np.int64) for name in names]
    keys = mixed([*facts, np.where(owner < 0, -1, sessions.text("product").codes[owner].astype(np.int64))])
    order = np.lexsort((keys, source))
    begins = np.ones(len(order), bool)
    begins[1:] = (source[order][1:] != source[order][:-1]) | (keys[order][1:] != keys[order][:-1])
    runs = np.flatnonzero(begins)
    again = np.arange(len(order)) - np.repeat(runs, np.diff([*runs.tolist(), len(order)]))
    keys[order] = mixed([keys[order].view(np.int64), again])  # the n-th such row of one log is the n-th of the other
    kept = np.ones(len(auth), bool)
    sizes = np.bincount(source, minlength=1)
    inside = sorted(np.flatnonzero(sizes).tolist(), key=lambda number: sizes[number])
    for place, number in enumerate(inside):
        mine = source == number
        if any(np.isin(keys[mine], keys[source == other]).all() for other in inside[place + 1 :]):
            kept[timed[mine]] = False
    return (auth, kept) if kept.all() else (auth.take(kept), kept)


def joined(auth: Table, details: dict[str, Any], own: Array | None = None) -> tuple[Table, Array]:
    """Give each detail to the one failed row of a mail server's log that it explains.

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
            rows = timeline.rows(int(times[at]) - _BEFORE_NS, int(times[at + more - 1]) + _AFTER_NS + 1)
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


def _open(auth: Table, rows: Array, times: Array) -> tuple[Array, dict[str, Any]]:
    """Give the failed rows of mail servers' logs that are near a detail, and what is compared of them."""
    part = auth.read(rows, ("started", "session", "client_ip", "identity", "evidence", "role", "outcome", "caveats"))
    fit = _about(times, part.array("started"), (_BEFORE_NS, _AFTER_NS)) & ~_alone(part)
    fit &= part.has("evidence", "logged") & part.has("role", "server") & ~part.has("outcome", "succeeded")
    return rows[fit], dict(part.read(np.flatnonzero(fit)).columns)


def _partners(details: dict[str, Any], rows: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Pair details with rows, the surest way first; gives the details, their rows, and what each pair is worth."""
    times, open_rows = rows["started"], np.ones(len(rows["started"]), bool)
    partner = np.full(len(details["started"]), -1, np.int64)
    worth = np.full(len(partner), np.nan)
    address = _shared(details["client_ip"], rows["client_ip"], str)
    users = {
        "whole": _shared(details["identity"], rows["identity"], str.casefold),
        "local": _shared(details["identity"], rows["identity"], _local),
    }
    session = details["session"].numbers, rows["session"].numbers
    for way in _WAYS:
        by_address, by_user, value = way
        key, row_key = _keys(address, users, by_address=by_address, by_user=by_user)
        blind = [side for side, known in ((address, by_address), (users["whole"], by_user != "unknown")) if not known]
        mine = Side(key, details["started"]).only((partner < 0) & _hopeful(blind, 0))
        theirs = Side(row_key, times).only(open_rows & _hopeful(blind, 1))
        fits = _possible(address, users["whole"], session, blind)
        left, right, rivals = _pairs(mine, theirs, (_BEFORE_NS, _AFTER_NS), fits)
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
    by_order, by_time = (_EVER, _EVER), (_APART_NS, _AFTER_NS)
    for left_key, right_key, times, apart, strict in (
        (whose, shown, order, by_order, True),
        (whose, shown, order, by_order, False),
        (address, address, moment, by_time, True),
    ):
        lone = Side(left_key, times).only(mine & (partner < 0))
        left, right, _ = _pairs(lone, Side(right_key, times).only(free), apart, _alike(auth, strict=strict))
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
        return any(fits(order[first], row) for row in order[start : min(stop, start + _TRIED)])

    return test


def _sessions_of_captures(sessions: Table, of_log: Array, of_capture: Array, told_alike: Fits) -> Array:
    """Give for each session of a log the row of the capture's session that it is; -1: none, or not known."""
    first, last = sessions.array("first"), sessions.array("last")
    address, port = sessions.text("client_ip").codes.astype(np.int64), sessions.array("client_port")
    ends = [_codes(sessions[name]) for name in ("server_ip", "server_port", "client_port")]
    made = np.full(len(sessions), -1, np.int64)

    def inside(left: int, right: int) -> bool:
        """Whether the log's session lies in the capture's."""
        return bool(
            first[left] >= first[right] - _APART_NS
            and last[left] <= last[right] + _AFTER_NS
            and all(_agree(codes, left, right) for codes in ends)
        )

    def alike(left: int, right: int) -> bool:
        """Whether both end at the same time, too, and tell the same."""
        ended = abs(int(last[left]) - int(last[right])) <= _AFTER_NS
        return ended and inside(left, right) and told_alike(left, right)

    with_port = np.where((address >= 0) & (port != NULL), address * 65536 + port, -1)
    for key, apart, fits, shared in (
        (with_port, (_EVER, _APART_NS), inside, True),
        (address, (_APART_NS, _APART_NS), alike, False),
    ):
        side = Side(key, first)
        left, right, _ = _pairs(side.only(of_log & (made < 0)), side.only(of_capture), apart, fits, shared=shared)
        made[left] = right
    return made


def _alike(auth: Table, *, strict: bool) -> Fits:
    """Give the test whether two rows can be one AUTH exchange.

    Not strict: a server that says it failed, or succeeded, without having seen that the client was gone.
    """
    mechanism, outcome = auth.text("mechanism").codes, auth.text("outcome")
    whole, local = _folded(auth.text("identity"), str.casefold), _folded(auth.text("identity"), _local)
    good = outcome.mask([word == "succeeded" for word in outcome.words])
    vague = outcome.mask([word in ("failed", "unseen") for word in outcome.words])
    gone = outcome.mask([word in ("client_closed", "unseen") for word in outcome.words])
    role = auth.text("role").codes
    server = [_codes(auth[name]) for name in ("server_ip", "server_port", "client_port")]

    def fits(left: int, right: int) -> bool:
        same = outcome.codes[left] == outcome.codes[right] or (
            (vague[left] or vague[right]) and not (good[left] or good[right])
        )
        if not strict:
            same = same or bool(gone[right]) or not (good[left] or good[right])
        return bool(
            same
            and role[left] == role[right]
            and _agree(mechanism, left, right)
            and (_agree(whole, left, right) or _agree(local, left, right))
            and all(_agree(codes, left, right) for codes in server)
        )

    return fits


def _pairs(
    left: Side, right: Side, apart: tuple[int, int], fits: Fits | None = None, *, shared: bool = False
) -> tuple[Array, Array, Array]:
    """Pair rows of equal keys, each left one in order of time with the first right one that fits.

    The right one's time is not more than `apart` before and behind it. Gives the rows of both sides, and whether
    another right one fitted as well. `shared`: a right row can have many, and the last that fits is taken.
    """
    common = np.intersect1d(left.key[left.key >= 0], right.key[right.key >= 0])
    lefts, rights = _sorted(left, common), _sorted(right, common)
    lefts = lefts[_near(left.take(lefts), right.take(rights), apart)]
    rights = rights[_near(right.take(rights), left.take(lefts), apart[::-1])] if len(lefts) else rights[:0]
    keys, times = right.key[rights].tolist(), right.time[rights].tolist()
    names, size, start = rights.tolist(), len(rights), 0
    taken = bytearray(size)
    found: list[tuple[int, int, bool]] = []
    for name, key, time in zip(lefts.tolist(), left.key[lefts].tolist(), left.time[lefts].tolist(), strict=True):
        while start < size and (
            keys[start] < key or (keys[start] == key and (times[start] < time - apart[0] or taken[start]))
        ):
            start += 1
        mine, rivals = -1, False
        for place in range(start, min(size, start + _TRIED)):
            if keys[place] != key or times[place] > time + apart[1]:
                break
            if taken[place] or not (fits is None or fits(name, names[place])):
                continue
            rivals = mine >= 0
            if shared or not rivals:
                mine = place
            if rivals and not shared:
                break
        if mine >= 0:
            taken[mine] = not shared
            found.append((name, names[mine], rivals))
    made = np.array(found, np.int64).reshape(-1, 3)
    return made[:, 0], made[:, 1], made[:, 2].astype(bool)


def _about(lefts: Array, rights: Array, apart: tuple[int, int]) -> Array:
    """Say which right times are not more than `apart` before and behind some left one; NULL never is."""
    marks = np.sort(lefts[lefts != NULL])
    known = np.where(rights == NULL, -_EVER, rights)
    about: Array = np.searchsorted(marks, known - apart[1]) < np.searchsorted(marks, known + apart[0], "right")
    about &= rights != NULL
    return about


def _sorted(side: Side, common: Array) -> Array:
    """Give the rows whose key is one of those that both sides have, by key and time."""
    rows = np.flatnonzero((side.key >= 0) & np.isin(side.key, common))
    order: Array = rows[np.lexsort((rows, side.time[rows], side.key[rows]))]
    return order


def _near(left: Side, right: Side, apart: tuple[int, int]) -> Array:
    """Say which left rows have a right one of their key near in time; both have only keys of the other, in order."""
    keys, marks = np.unique(right.key), np.unique(right.time)
    width = len(marks) + 1
    places = np.searchsorted(keys, right.key) * width + np.searchsorted(marks, right.time)
    base = np.searchsorted(keys, left.key) * width
    low = np.searchsorted(places, base + np.searchsorted(marks, left.time - apart[0]))
    high = np.searchsorted(places, base + np.searchsorted(marks, left.time + apart[1], "right"))
    near: Array = high > low
    return near


def _agree(codes: Array, left: int, right: int) -> bool:
    """Whether two values are equal as far as both are known."""
    return bool(codes[left] < 0 or codes[right] < 0 or codes[left] == codes[right])


def _codes(column: Column) -> Array:
    """Give a column as numbers from 0 on; -1 for unknown."""
    if isinstance(column, Text):
        return column.codes
    assert isinstance(column, np.ndarray)
    codes: Array = np.where(column == NULL, -1, column)
    return codes


def _local(user: str) -> str:
    """Give a user name without its domain."""
    return user.casefold().partition("@")[0]


def _folded(text: Text, fold: Callable[[str], str]) -> Array:
    """Number the values of a column; equal are those that `fold` makes equal."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(fold(word), len(numbers)) for word in text.words]
    folded: Array = np.array([*codes, -1], np.int64)[text.codes]
    return folded


def _shared(first: Text, second: Text, fold: Callable[[str], str]) -> tuple[Array, Array]:
    """Number the values of two columns alike."""
    if fold is str and first.words is second.words:
        return first.codes.astype(np.int64), second.codes.astype(np.int64)
    both = Text(
        np.concatenate((first.codes, np.where(second.codes < 0, -1, second.codes + len(first.words)))),
        [*first.words, *second.words],
    )
    codes = _folded(both, fold)
    return codes[: len(first)], codes[len(first) :]
