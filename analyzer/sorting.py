"""What several writers wrote, as one set of tables: sorted, joined, secrets numbered.

A table can be larger than the memory. So it is sorted and read stretch after stretch of its time: what is kept of each
row is its place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.schema import NULL, TABLES
from analyzer.smtp.findings import Notes
from analyzer.smtp.writer import KEYS, WRITTEN
from analyzer.tables import Table, Tables, Timeline, among, changed, concatenate, in_order, letters, packed, replaced
from analyzer.words.vocabulary import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzer.smtp.writer import Written

    Array = np.ndarray[Any, Any]

#: The number of a row in its session, by table.
_NUMBER: Final = {"auth": "attempt", "exchanges": "n", "messages": "n"}


def sorted_tables(written: Sequence[Written]) -> Tables:
    """Join what was written, and sort each table by (first, session) when it is asked for.

    `secret_group` is numbered in that order.
    """
    if not written:
        return Tables({name: Table.empty(name) for name in WRITTEN})
    notes = Notes()
    for each in written:
        notes.merge(each.notes)
    parts = {name: [each.tables[name] for each in written] for name in written[0].tables}
    tables: dict[str, Callable[[], Table]] = {name: partial(_sorted, several) for name, several in parts.items()}
    return Tables({**tables, "auth": partial(_grouped, parts["auth"]), "findings": notes.table()})


def _sorted(parts: list[Table]) -> Table:
    """Join parts of a table and sort it; they stay as they are, so that this can be done again after Ctrl-C."""
    return _in_order(concatenate(parts))


def _grouped(parts: list[Table]) -> Table:
    """Join and sort the parts of `auth`, and number its secrets."""
    table, groups, secret = _sorted(parts), Groups(), ("secret_group",)
    if any((part.array(*secret) != NULL).any() for part in table.slices(limits.TABLE_ROWS, secret)):
        table = changed(table, secret, lambda part, _: {secret[0]: groups.of(part.array(*secret))})
    return table


def joined(tables: Tables) -> Tables:
    """Put together what several logs, or logs and captures, tell of one AUTH exchange."""
    from analyzer.logs.captured import same_events
    from analyzer.logs.join import folded, once_written

    auth = tables["auth"]
    if "sessions" not in tables:  # of one log alone
        return replaced(tables, {"auth": folded(auth)[0]})
    sessions = tables["sessions"]
    several = len(auth.words("source")) > 1
    for fold in (partial(once_written, sessions=sessions), folded) if several else (folded,):
        before = auth
        auth, kept = fold(auth)
        if not kept.all():  # a session of which no row is left goes, too
            sessions = _without(sessions, before, kept)
    auth, sessions = same_events(auth, sessions)
    return replaced(tables, {"sessions": sessions, "auth": auth})


def _in_order(table: Table) -> Table:
    """Sort a table by time, then by line, session and number.

    Lines of a log often have the same second: there the order of the lines tells more than the ids.
    """
    timeline, number = Timeline(table, "begun"), _NUMBER.get(table.name)
    names = ("session", *KEYS, *([number] if number else []))
    stretches = (timeline.rows(*stretch) for stretch in timeline.stretches())
    order = (rows[_ordered(table.read(rows, names), number)] for rows in stretches)
    return table.sort(order).only([column.name for column in TABLES[table.name]])


def _ordered(rows: Table, number: str | None) -> Array:
    """Give the order of some rows; only those that are equal in time and line are compared by id.

    Rows of a session mostly stand together and in order: what is sorted is such runs of them.
    """
    moment = packed(*(rows.array(name) for name in KEYS))
    session, numbers = rows.ids("session").numbers, rows.array(number) if number else np.zeros(len(rows), np.int64)
    goes_on = (moment[1:] == moment[:-1]) & (session[1:] == session[:-1]) & (numbers[1:] > numbers[:-1])
    first = np.flatnonzero(np.append(True, ~goes_on)[: len(rows)])
    size = np.diff(np.append(first, len(rows)))
    runs = in_order(moment.take(first))
    first, size = first.take(runs), size.take(runs)
    order = np.repeat(first - (np.cumsum(size) - size), size) + np.arange(len(rows))
    last = first + size - 1
    same = moment.take(first[1:]) == moment.take(first[:-1])
    right = (session.take(first[1:]) == session.take(first[:-1])) & (numbers.take(first[1:]) >= numbers.take(last[:-1]))
    if (same & ~right).any():
        tied = np.flatnonzero(np.repeat(np.append(same, False) | np.append(False, same), size))
        mine = order[tied]
        names = np.array(letters(session[mine]))
        order[tied] = mine[np.lexsort((numbers[mine], names, moment[mine]))]
    return order


def _without(sessions: Table, auth: Table, kept: Array) -> Table:
    """Leave out the sessions that have lost all of their rows."""
    gone = auth.read(np.flatnonzero(~kept), ("session",)).ids("session").numbers
    for start in range(0, len(auth), limits.TABLE_ROWS):
        rows = np.flatnonzero(kept[start : start + limits.TABLE_ROWS]) + start
        gone = gone[~among(gone, auth.read(rows, ("session",)).ids("session").numbers)]
    left = [~among(part.ids("session").numbers, gone) for part in sessions.slices(limits.TABLE_ROWS, ("session",))]
    return sessions.take(np.concatenate([np.zeros(0, bool), *left]))


class Groups:
    """Numbers equal digests alike, from 1, in the order in which they come; NULL stays."""

    def __init__(self) -> None:
        self._store = Store()

    def of(self, digests: Array) -> Array:
        """Give the numbers (int64) of more digests (int64)."""
        known = np.flatnonzero(digests != NULL)
        octets = digests.take(known).view(np.uint8)
        ends = np.arange(len(known) + 1) * digests.itemsize
        numbers = digests.copy()
        numbers[known] = self._store.number(octets, ends[:-1], ends[1:]) + 1
        return numbers
