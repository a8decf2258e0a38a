"""Which AUTH exchanges the events of a session tell of: lines, counters and endings reconciled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.logs.formats import EVENT_NAMES
from analyzer.logs.told import Counters, counters_of
from analyzer.schema import NULL
from analyzer.smtp import law, redact
from analyzer.smtp.encoding import printable
from analyzer.tables import mixed, nth

if TYPE_CHECKING:
    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

EVENT: Final = {name: number for number, name in enumerate(EVENT_NAMES)}

#: What ended a session whose last command was AUTH, without the exchange having ended: outcome, reason, code.
ENDED: Final = {
    "lost": ("client_closed", None, None),
    "timeout": ("server_closed", "timeout", law.CLOSING),
    "closed": ("server_closed", "throttled", law.CLOSING),
}

#: A server that finds its client gone says so within this time, and a client what became of each recipient (whole
#: seconds are told).
SOON_NS: Final = 10**9

#: Counted exchanges of one session that become rows; a counter is text, and can say anything.
_MOST: Final = 1000


class Rows(NamedTuple):
    """AUTH exchanges before they are written: arrays of one length, sorted by session and order."""

    owner: Array  # the session
    event: Array  # the row of the event that tells of it
    how: Array  # one of TOLD, COUNTED_FAILED, COUNTED_GOOD, BROKEN


TOLD, COUNTED_FAILED, COUNTED_GOOD, BROKEN = range(4)


def worth_a_row(group: Group) -> Group:
    """Leave out sessions of other services, and those of which only details of somebody else's exchanges are told."""
    count = len(group.starts) - 1
    telling = (group.kinds != EVENT["detail"]) | group.catalogue.alone.take(group.patterns)
    others = group.kinds == EVENT["other"]
    told, foreign = (np.bincount(group.owners[mask], minlength=count) > 0 for mask in (telling, others))
    return group.take(told & ~foreign)


class Exchanges:
    """Finds the AUTH exchanges of a group."""

    def __init__(self, group: Group) -> None:
        self.group, self.count = group, len(group.starts) - 1
        self.owners, self.kinds, self.times = group.owners, group.kinds, group.times
        self.patterns = group.patterns
        self.identity = group.words("identity")
        self.mechanism = group.words("mechanism", redact.mechanism)
        told = np.flatnonzero(group.block.has("counters", group.at))
        row = group.words("counters", rows=told).numbers(counters_of, Counters())
        counted = np.flatnonzero((row != NULL).any(axis=1))
        self.counters = np.full((self.count, len(Counters._fields)), NULL, np.int64)
        self.counters[self.owners[told[counted]]] = row[counted]

    def rows(self) -> Rows:
        """Give the AUTH exchanges: those that lines tell, and those that only counters know of."""
        failed, good = self._failed(), self._good()
        told = np.sort(np.concatenate((failed, good)))
        tells_failure = np.isin(told, failed)
        per = np.bincount(self.owners[told[tells_failure]], minlength=self.count)
        goods = np.bincount(self.owners[told[~tells_failure]], minlength=self.count)
        known = self.counters[:, 1] != NULL
        tried = np.where(known, self.counters[:, 1], 0)
        succeeded = np.where(self.counters[:, 0] != NULL, self.counters[:, 0], goods)
        missing = np.maximum(tried - succeeded - per, 0)
        missing_good = np.maximum(succeeded - goods, 0)
        end = self.last(any_of(*ENDED, "disconnect").take(self.kinds), first=True)
        broken = self.last(any_of(*ENDED).take(self.kinds) & self._after_auth())
        breaks = (broken >= 0) & np.where(known, missing > 0, (per == 0) & (goods == 0))
        missing -= breaks & known
        parts = [
            (self.owners[told], told, 4 * told, TOLD),
            _repeated(missing, end, -2, COUNTED_FAILED),
            _repeated(missing_good, end, -1, COUNTED_GOOD),
            _repeated(breaks.astype(np.int64), broken, 1, BROKEN),
        ]
        owner, event, place = (np.concatenate([part[k] for part in parts]) for k in range(3))
        how = np.concatenate([np.full(len(part[0]), part[3]) for part in parts])
        order = np.lexsort((place, owner))
        return Rows(owner[order], event[order], how[order])

    def _failed(self) -> Array:
        """Give the events that tell a failure: lines of their own, details that stand alone, and summaries."""
        failed = self._once_told(self.kinds == EVENT["failed"])
        details = np.flatnonzero(self.kinds == EVENT["detail"])
        heads = np.flatnonzero(failed)
        ends = np.flatnonzero(failed | (self.kinds == EVENT["succeeded"]))
        place = np.searchsorted(ends, details)
        reported = np.zeros(len(details), bool)
        inside = np.flatnonzero(place < len(ends))
        end = ends[place[inside]]
        reported[inside] = self.owners[end] == self.owners[details[inside]]
        # Where a success follows, the failure was an exchange of its own.
        reported[inside] &= failed[end] | ~self._fails(details[inside])
        self.detail_rows, self.detail_of = details[reported], ends[place[reported]]
        lone = details[~reported]
        lone = self._first_told(lone[self.group.catalogue.alone[self.patterns[lone]]])
        summaries = np.flatnonzero(self.kinds == EVENT["summary"])
        numbers = np.maximum(self.group.numbers("number", summaries), 1)
        told = np.concatenate((heads, lone))
        per = np.bincount(self.owners[told], minlength=self.count)
        more = np.maximum(numbers - per[self.owners[summaries]], 0)
        self._sum_up(summaries[more == 0], lone)
        return np.concatenate((told, np.repeat(summaries, np.minimum(more, _MOST))))

    def _first_told(self, lone: Array) -> Array:
        """Give details without those that another pattern has told: of one user, the n-th is the n-th of the other."""
        again = self.group.catalogue.once.take(self.patterns.take(lone))
        if not again.any():
            return lone
        facts = self.owners, self.identity.codes.astype(np.int64), self.patterns
        user, told = (mixed([fact.take(lone) for fact in facts[:count]]) for count in (2, 3))
        others = np.where(again, -1, np.arange(len(lone)))
        _, first = np.unique(mixed([user, nth(told), others]), return_index=True)
        return lone[np.sort(first)]

    def _sum_up(self, summaries: Array, lone: Array) -> None:
        """Let summaries of sessions, all of whose failures are told, tell more of the last one, which they name."""
        told = self.kinds == EVENT["succeeded"]
        told |= self.kinds == EVENT["failed"]
        told[lone] = True
        ends = np.flatnonzero(told)
        place = np.searchsorted(ends, summaries) - 1
        summaries, last = summaries[place >= 0], ends[place[place >= 0]]
        mine = (self.owners[last] == self.owners[summaries]) & (self.kinds[last] == EVENT["detail"])
        self.detail_rows = np.concatenate((self.detail_rows, summaries[mine]))
        self.detail_of = np.concatenate((self.detail_of, last[mine]))

    def _fails(self, details: Array) -> Array:
        """Say which details are failures where no other line reports them."""
        catalogue = self.group.catalogue
        well = [pattern.stated.get("outcome") == "succeeded" for _, pattern in catalogue.patterns]
        fails: Array = (catalogue.alone & ~np.array(well, bool)).take(self.patterns.take(details))
        return fails

    def _once_told(self, failed: Array) -> Array:
        """Give failures without those that repeat the one before: a client tells of each recipient that it failed."""
        rows = np.flatnonzero(failed)
        last, rows = rows[:-1], rows[1:]
        again = self.group.catalogue.once.take(self.patterns.take(rows))
        again &= self.patterns.take(rows) == self.patterns.take(last)
        for fact in (self.owners, *(self.group.words(name).codes for name in ("server_ip", "reply") if again.any())):
            again &= fact.take(rows) == fact.take(last)
        passed = self.times.take(rows) - self.times.take(last)
        failed[rows[again & (passed >= 0) & (passed <= SOON_NS)]] = False
        return failed

    def _good(self) -> Array:
        """Give the events that tell a success; of those that tell it again with every message, the first."""
        good = np.flatnonzero(self.kinds == EVENT["succeeded"])
        again = self.group.catalogue.once[self.patterns[good]]
        keys = self.owners[good], self.identity.codes[good].astype(np.int64), np.where(again, -1, good)
        _, first = np.unique(mixed(keys), return_index=True)
        return good[np.sort(first)]

    def _after_auth(self) -> Array:
        """Say which events name AUTH as the last command."""
        commands = self.group.words("command", _upper)
        stated = [pattern.stated.get("after") == law.AUTH_COMMAND for _, pattern in self.group.catalogue.patterns]
        named = commands.mask([word == law.AUTH_COMMAND for word in commands.words])
        after: Array = named | np.array(stated, bool).take(self.patterns)
        return after

    def last(self, mask: Array, *, first: bool = False) -> Array:
        """Give the last (or first) event of each session that a mask names; -1: there is none."""
        rows = np.flatnonzero(mask)
        rows = rows[::-1] if first else rows
        last = np.full(self.count, -1, np.int64)
        last[self.owners.take(rows)] = rows
        return last


def any_of(*names: str) -> Array:
    """Say of each event, by its number, whether it is one of these."""
    return np.array([name in names for name in EVENT_NAMES])


def _repeated(times: Array, event: Array, place: int, how: int) -> tuple[Array, Array, Array, int]:
    """Give rows that no line tells: so many a session, all of one event."""
    owners = np.repeat(np.arange(len(times)), np.minimum(times, _MOST))
    return owners, event[owners], 4 * event[owners] + place, how


def _upper(data: bytes) -> str:
    return printable(data).upper()
