"""Tries: what a person or a program tries once, however many mechanisms its mail program goes through for it.

Mail programs offer one wrong password to three to five mechanisms, one after the other. These are one try. A try with
a secret that this client has tried for this identity before is a repetition, and no new guess. `secret_group` is
unknown for challenge-response mechanisms and in logs: then every try counts as a guess, unless more secrets of the same
client and identity are seen than not, and what is found says so. The IPv6 addresses of one /64 are one client.

A place from which many people get in (an office, web mail, a relay) has their accidents, too. Where at least three
times as many identities get in as fail, no more failures of one identity than `typos` are typing errors, though it
never gets in, unless `guesses` of them come at once, and more than a third of those who get in at such a time. Where
more get in than fail, secrets that are repeated are old ones, not guesses. One secret at several identities is neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.findings.keys import count_of, distinct, numbered
from analyzer.findings.logins import UNSEEN, logins, pairs
from analyzer.schema import NULL
from analyzer.tables import begins_run, in_order, packed

if TYPE_CHECKING:
    from analyzer.findings.logins import Logins
    from analyzer.findings.thresholds import Thresholds
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: Reasons of a refusal that say: this name with this secret, no. None where the reply gives no reason.
REFUSED: Final = ("bad_credentials", "bad_password", "unknown_user", "account_disabled", "account_locked")
#: Reasons that say so if a name or a secret came at all.
_VAGUE: Final = ("throttled", "unknown", "policy")

#: Tries of one identity from one client are regular if they are so many at least, this far apart, and if this part of
#: their distances differs by no more than that part from the middle one: mail programs retry by a timer, people and
#: most bots do not.
_REGULAR_TRIES: Final = 6
_REGULAR_SECONDS: Final = 30
_REGULAR_PART: Final = 0.75
_REGULAR_VARIATION: Final = 0.25
#: A bot that goes through a list with fixed pauses is regular too: at more identities than this, or than get in there.
_REGULAR_IDENTITIES: Final = 3

#: Places in a table of connections, a prime number.
_SLOTS: Final = (1 << 22) - 3


@dataclass(frozen=True, slots=True)
class History:
    """Refused tries and successes, and how they belong together."""

    tries: Logins
    wins: Logins
    #: Of each try: its secret is new for its client and identity.
    fresh: Array
    #: Of each try: its client and identity get in too, after few guesses: a typing error.
    typo: Array
    #: Of each try: one identity, secrets unknown, at regular times or after a success: a program, as it seems.
    regular: Array
    #: Of each success: how many guesses of the same client at the same identity came just before it.
    before: Array


def history(auth: Table, thresholds: Thresholds) -> History:
    """Make tries of the attempts that clients made at a server; the table is in the order of time."""
    mine = auth.has("role", "server") & (auth.array("started") != NULL)
    tries = _collapsed(auth, np.flatnonzero(mine & refused(auth)), thresholds)
    wins = logins(auth, np.flatnonzero(mine & auth.has("outcome", "succeeded")))
    pair = numbered(np.concatenate((tries.pair, wins.pair)))
    tries, wins = tries.replaced(pair=pair[: len(tries)]), wins.replaced(pair=pair[len(tries) :])
    fresh = tries.fresh(tries.client)
    regular = _regular(tries, wins)
    typo, before = _runs(tries, wins, fresh & ~regular, thresholds.typos)
    return History(tries, wins, fresh, typo, regular, before)


def refused(auth: Table) -> Array:
    """Say which attempts offered a name and a secret that the server refused."""
    reason = auth.text("reason")
    outcome = auth.has("outcome", "rejected") | auth.has("outcome", "failed") | auth.has("outcome", "account_disabled")
    told = (auth.text("identity").codes >= 0) | (auth.array("secret_group") != NULL)
    closed = auth.has("outcome", "server_closed") & auth.has("reason", "throttled")
    vague = (reason.codes < 0) | reason.mask([word in _VAGUE for word in reason.words])
    clear = outcome & reason.mask([word in REFUSED for word in reason.words])
    untold = auth.has("outcome", "failed") & (reason.codes < 0)
    refusals: Array = clear | untold | ((outcome | closed) & vague & told)
    return refusals


def _collapsed(auth: Table, rows: Array, thresholds: Thresholds) -> Logins:
    """Make one try of the attempts of a connection that only change the mechanism."""
    made = logins(auth, rows)
    later = auth.array("attempt")[rows] > 1  # an attempt that is the first of its connection begins a try
    if not later.any():
        return made
    port, mechanism = auth.array("client_port")[rows], auth.text("mechanism").codes[rows]
    connection = packed(made.client, port)
    # Most connections have one attempt. Others may share a slot with them, which does no harm.
    slot, several = connection % _SLOTS, np.zeros(_SLOTS, bool)
    several[slot[later]] = True
    order = np.flatnonzero(several.take(slot))
    order = order.take(in_order(connection.take(order)))
    mine, port, mechanism, later = made.take(order), port.take(order), mechanism.take(order), later.take(order)
    may = (
        later[1:]
        & _same(mine.client)
        & _same(port)
        & ~_same(mechanism)
        & (np.diff(mine.time) <= thresholds.try_seconds * 10**9)
    )
    begun = np.append(True, ~may)
    goes_on = may & _agree(mine.identity, -1, begun) & _agree(mine.secret, UNSEEN, begun)
    starts = np.flatnonzero(np.append(True, ~goes_on))
    identity, secret, begins = made.identity.copy(), made.secret.copy(), np.ones(len(made), bool)
    identity[order[starts]], secret[order[starts]] = (
        np.maximum.reduceat(column, starts) for column in (mine.identity, mine.secret)
    )
    begins[order[1:][goes_on]] = False
    return made.replaced(identity=identity, secret=secret, pair=pairs(auth, made.client, identity)).take(begins)


def _same(column: Array) -> Array:
    """Say which rows but the first have what the row before has."""
    same: Array = column[1:] == column[:-1]
    return same


def _agree(column: Array, unknown: int, begun: Array) -> Array:
    """Say which rows but the first do not contradict what is known of those before, from where their run has begun."""
    rows, known = np.arange(len(column)), column != unknown
    start = np.maximum.accumulate(np.where(begun, rows, 0))[1:]
    last = np.maximum.accumulate(np.where(known, rows, -1))[:-1]  # the last row before that is known
    agree: Array = ~known[1:] | (last < start) | (column[1:] == column.take(last))
    return agree


def _runs(tries: Logins, wins: Logins, counted: Array, typos: float) -> tuple[Array, Array]:
    """Say which tries are typing errors, and how many guesses came before each success."""
    typo = np.zeros(len(tries), bool)
    named, before = tries.identity >= 0, np.zeros(len(wins), np.int64)
    if len(wins):
        typo[named], before = _between(tries.take(named), wins, counted[named], typos)
        # Where a log names only those who got in, the tries of nobody belong to the client.
        nobody = tries.take(~named)
        nobody, anyone = (each.replaced(pair=each.client.astype(np.int64)) for each in (nobody, wins))
        typo[~named], _ = _between(nobody, anyone, counted[~named], typos)
    return typo, before


def _between(tries: Logins, wins: Logins, counted: Array, typos: float) -> tuple[Array, Array]:
    """Count guesses between the successes of a client and identity; few of them are typing errors."""
    runs = _numbered(tries, wins)
    size = np.bincount(runs.of_try, weights=counted, minlength=runs.total)
    return runs.got_in & (size[runs.of_try] <= typos), size[runs.of_win].astype(np.int64)


class Runs(NamedTuple):
    """Runs of tries: those of one client and identity up to each of its successes, and those behind the last."""

    total: int
    of_try: Array
    #: The run that a success ends.
    of_win: Array
    #: Of each try: its client and identity get in at some time.
    got_in: Array
    #: Of each try: its client and identity had got in before.
    earlier: Array


def _numbered(tries: Logins, wins: Logins) -> Runs:
    """Number the runs."""
    is_win = np.repeat([False, True], [len(tries), len(wins)])
    keys = np.concatenate([tries.pair, wins.pair])
    order = in_order(packed(keys, np.concatenate([tries.row, wins.row])))  # rows are in the order of time
    keys, ends = keys.take(order), is_win.take(order)
    change = begins_run(keys)
    starts = change | np.append(False, ends[:-1])[: len(keys)]
    pair = np.cumsum(change) - 1
    number, got_in, earlier = (np.zeros(len(keys), dtype) for dtype in (np.int64, bool, bool))
    number[order] = np.cumsum(starts) - 1
    got_in[order] = (np.bincount(pair, weights=ends) > 0)[pair]
    earlier[order] = number[order] > (np.cumsum(starts) - 1)[change][pair]
    return Runs(int(starts.sum()), number[~is_win], number[is_win], got_in[~is_win], earlier[~is_win])


def _regular(tries: Logins, wins: Logins) -> Array:
    """Say which tries look like a program with a stored password, where the password is not seen."""
    number = np.flatnonzero(~tries.seen & (tries.identity >= 0) & (tries.client >= 0))
    made = np.zeros(len(tries), bool)
    if not len(number):
        return made
    hidden = tries.take(number)
    runs = _numbered(hidden, wins)
    # Another program of the same person may get in meanwhile, so the timer shows in all tries of the pair.
    in_run, in_pair = _Pace.of(runs.of_try, hidden.time), _Pace.of(hidden.pair, hidden.time)
    taken = (in_run.slow & (in_run.steady | runs.earlier)) | (in_pair.slow & in_pair.steady)
    names = count_of(hidden.client, *distinct(hidden.client[taken], hidden.identity[taken]))
    people = count_of(hidden.client, *distinct(wins.client, wins.identity))
    made[number] = taken & (names <= np.maximum(_REGULAR_IDENTITIES, people))
    return made


class _Pace(NamedTuple):
    """How the tries of a group follow each other, said of each try."""

    #: They are many, and half of them at least so far apart that no person types and no bot hurries.
    slow: Array
    #: Most of their distances are about the middle one; nights and typing errors between them change nothing.
    steady: Array

    @classmethod
    def of(cls, group: Array, time: Array) -> _Pace:
        """Look at the distances in each group; times are in order."""
        order = in_order(group)
        change = begins_run(group.take(order))
        start = np.flatnonzero(change)
        tried = np.diff(np.append(start, len(group)))
        owner = np.repeat(np.arange(len(start)), tried)
        gap = np.diff(time[order], prepend=0)[~change]
        owner = owner[~change]
        sizes = np.maximum(tried - 1, 1)
        middles = np.zeros(len(start), np.int64)
        several = tried > 1
        middles[several] = gap[np.lexsort((gap, owner))][(start - np.arange(len(start)) + (tried - 1) // 2)[several]]
        near = np.abs(gap - middles[owner]) <= _REGULAR_VARIATION * middles[owner]
        slow = (tried >= _REGULAR_TRIES) & (middles >= _REGULAR_SECONDS * 10**9)
        steady = np.bincount(owner, weights=near, minlength=len(start)) >= _REGULAR_PART * sizes
        made = np.empty((2, len(group)), bool)
        made[:, order] = np.repeat([slow, steady], tried, axis=1)
        return cls(*made)
