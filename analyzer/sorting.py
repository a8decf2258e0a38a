"""What several writers wrote, as one set of tables: sorted, joined, secrets numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp.findings import Notes
from analyzer.smtp.writer import WRITTEN
from analyzer.tables import Table, among, concatenate, letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.smtp.writer import Writer

    Array = np.ndarray[Any, Any]


def sorted_tables(writers: Sequence[Writer]) -> dict[str, Table]:
    """Join what was written and sort it by (first, session), with `secret_group` numbered in that order."""
    made = [writer.tables() for writer in writers]
    tables = {name: concatenate([part[name] for part in made]) if made else Table.empty(name) for name in WRITTEN}
    # Lines of a log often have the same second: there the order of the lines tells more than the ids.
    counted = [(writer, len(part["sessions"])) for writer, part in zip(writers, made, strict=True)]
    lines = [np.asarray(getattr(writer, "order", np.zeros(n, np.int64))) for writer, n in counted]
    order = _ordered(tables["sessions"], np.concatenate(lines)) if writers else np.zeros(0, np.int64)
    tables["sessions"] = tables["sessions"].sort(order)
    ranks = np.empty(sum(writer.count for writer in writers), np.int32)
    ranks[_owners(writers, "sessions")[order]] = np.arange(len(order), dtype=np.int32)
    notes = Notes()
    for writer in writers:
        notes.merge(writer.notes)
    tables["findings"] = notes.table()
    for name, number in (("auth", "attempt"), ("exchanges", "n"), ("messages", "n")):
        rank = ranks.take(_owners(writers, name))
        tables[name] = tables[name].sort(np.lexsort((tables[name].array(number), rank)))
    tables["auth"].columns["secret_group"] = grouped(tables["auth"].array("secret_group"))
    return tables


def _owners(writers: Sequence[Writer], name: str) -> Array:
    """Give the number of each row's session, over all writers."""
    before = np.cumsum([0, *(writer.count for writer in writers)]).tolist()
    parts = [writer.builders[name].owners + np.int32(start) for writer, start in zip(writers, before, strict=False)]
    return np.concatenate([np.zeros(0, np.int32), *parts])


def joined(tables: dict[str, Table]) -> dict[str, Table]:
    """Put together what several logs, or logs and captures, tell of one AUTH exchange."""
    from analyzer.logs.join import folded, once_written, same_events

    sessions, auth = tables["sessions"], tables["auth"]
    several = len(auth.text("source").words) > 1
    for fold in (once_written, folded) if several else (folded,):
        before = auth.ids("session")
        auth, kept = fold(auth, sessions)
        if not kept.all():  # a session of which no row is left goes, too
            gone = before.numbers[~kept]
            left = before.numbers[kept]
            gone = gone[~among(gone, left[among(left, gone)])]
            sessions = sessions.take(~among(sessions.ids("session").numbers, gone))
    auth, sessions = same_events(auth, sessions)
    return {**tables, "sessions": sessions, "auth": auth}


def _ordered(sessions: Table, lines: Array) -> Array:
    """Give the order by time, then by line; only rows that are equal in both are compared by id."""
    first = sessions.array("first")
    order: Array = np.lexsort((lines, first))
    same = (np.diff(first[order]) == 0) & (np.diff(lines[order]) == 0)
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same)[: len(order)])
    if len(tied):
        rows = order[tied]
        names = np.array(letters(sessions.ids("session").numbers[rows]))
        order[tied] = rows[np.lexsort((names, lines[rows], first[rows]))]
    return order


def grouped(digests: Array) -> Array:
    """Number equal digests alike, from 1, in the order in which they come; NULL stays."""
    known = np.flatnonzero(digests != NULL)
    if not len(known):
        return digests
    _, first, which = np.unique(digests[known], return_index=True, return_inverse=True)
    numbers = digests.copy()
    numbers[known] = (np.argsort(np.argsort(first)) + 1)[which]
    return numbers
