"""What several sources tell of one event, as one row: the fullest evidence, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.tables import Table, begins_run, taken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.tables import Column

    Array = np.ndarray[Any, Any]

#: Which evidence wins.
_RANKS: Final = {"observed": 0, "decrypted": 0, "logged": 1, "inferred": 2}


class Size(NamedTuple):
    """How much there is; what several sources tell counts once."""

    sessions: int
    attempts: int


def size(tables: Mapping[str, Table]) -> Size:
    """Count sessions and attempts."""
    counted = once(tables)
    return Size(len(counted["sessions"]), len(counted["auth"]))


def once(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Give `sessions` and `auth` with one row an event: what counts and totals are made of."""
    sessions = tables["sessions"]
    told = sessions.array("packets") == NULL  # a log has no packets
    return {"auth": attempts_once(tables["auth"]), "sessions": _merged(sessions, told.astype(np.int64))}


def attempts_once(auth: Table) -> Table:
    """Give `auth` with one row an event.

    Of rows that share `event`, the one with the best evidence stays (observed or decrypted before logged before
    inferred, exact rounds first); what it does not know is taken from the others.
    """
    evidence = auth.text("evidence")
    ranks = np.array([*(_RANKS[word] for word in evidence.words), 0])[evidence.codes]
    known = auth.text("rounds_known")
    vague = ~known.mask([word == "exact" for word in known.words])
    return _merged(auth, 2 * ranks + vague)


def _merged(table: Table, rank: Array) -> Table:
    """Join the rows of an event, those of low rank first."""
    event = table.ids("event").keys()
    ordered = np.sort(event)
    if (ordered[1:] != ordered[:-1]).all():  # the usual case, found in a tenth of the time of the order
        return table
    order = np.lexsort((rank, event))
    first = begins_run(ordered)
    heads = order[first]
    sizes = np.diff([*np.flatnonzero(first).tolist(), len(order)])
    columns = {name: taken(column, heads) for name, column in table.columns.items()}
    for turn in range(1, int(sizes.max())):
        more = np.flatnonzero(sizes > turn)
        rows = order[np.flatnonzero(first)[more] + turn]
        for name, column in table.columns.items():
            columns[name] = _filled(columns[name], more, column, rows)
    kept = np.argsort(heads)
    return Table(table.name, columns).take(kept)


def _filled(column: Any, places: Array, source: Any, rows: Array) -> Column:
    """Fill what is unknown at the places of a column from rows of another of its kind."""
    if not isinstance(column, np.ndarray):
        empty = ~column.known()[places]
        filled: Column = column.put(places[empty], source.take(rows[empty]))
        return filled
    made = column.copy()
    values = made[places]
    unknown = np.isnan(values) if made.dtype.kind == "f" else values == (-1 if made.dtype == np.int8 else NULL)
    made[places[unknown]] = source[rows[unknown]]
    return made
