"""Sessions of logs that tell outcomes, not the dialogue: finished AUTH exchanges as rows of the tables.

Rounds of 334 are unknown there, but for a challenge that an old Postfix left where a reason should stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.reconcile import Facts, worth_a_row
from analyzer.smtp.findings import Notes
from analyzer.smtp.ids import letters
from analyzer.tables import Builder, Table, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

#: Two numbers in one: a file and a line, a session and an attempt.
_BITS: Final = 36
_LOW: Final = (1 << _BITS) - 1


class Outcomes:
    """Collects the rows of outcome logs of one source.

    Text that hardly any two rows share (ids, events, places) is kept as numbers, and written at the end.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.builders = {name: Builder(name) for name in ("sessions", "auth", "exchanges", "messages")}
        self.notes = Notes()  # these logs show nothing that the machine would note
        self.files: dict[str, int] = {}
        self._count = 0
        self._numbers: list[Array] = [np.zeros(0, np.uint64)]
        self._order: list[Array] = [np.zeros(0, np.int64)]
        self._owners: list[Array] = [np.zeros(0, np.int64)]
        self._places: list[Array] = [np.zeros(0, np.int64)]

    @property
    def secrets(self) -> list[bytes | None]:
        """Give the secrets of the AUTH exchanges: these logs tell none."""
        return [None] * sum(map(len, self._owners))

    @property
    def order(self) -> Array:
        """Give the order of the sessions in the source: they are written when they end."""
        return np.concatenate(self._order)

    def tables(self) -> dict[str, Table]:
        """Give the tables that were made."""
        made = {name: builder.table() for name, builder in self.builders.items()} | {"findings": self.notes.table()}
        numbers, which = _distinct(np.concatenate(self._numbers))
        ids = Text(which, letters(numbers) if len(numbers) else [])
        made["sessions"].columns.update(session=ids, event=ids)
        auth, names, files = made["auth"], ids.take(np.concatenate(self._owners)), list(self.files)
        events, which = _distinct(names.codes.astype(np.int64) << _BITS | auth.array("attempt"))
        told = Text(which, [f"{ids.words[session]}-{number}" for session, number in _halves(events)])
        places, which = _distinct(np.concatenate(self._places))
        where = Text(which, [f"{files[file]} line {number}" for file, number in _halves(places)])
        auth.columns.update(session=names, event=told, where=where)
        return made

    def write(self, group: Group) -> None:
        """Write complete sessions."""
        group = worth_a_row(group)
        if len(group.starts) < 2:
            return
        facts = Facts(group)
        rows = facts.rows()
        ends = group.facts()
        columns = facts.auth(rows)
        columns |= {name: ends[name].take(rows.owner) for name in ("client_ip", "server_ip", "role")}
        columns |= {name: ends[name][rows.owner] for name in ("client_port", "server_port")}
        columns |= {"session": None, "event": None, "where": None, "source": self.source}
        self.builders["auth"].add(len(rows.owner), columns)
        sessions = facts.sessions(rows, columns["identity"], columns["outcome"])
        sessions |= {name: ends[name] for name in ("client_ip", "server_ip", "client_port", "server_port")}
        sessions |= {name: ends[name] for name in ("role", "first", "last")}
        sessions |= {"session": None, "event": None, "source": self.source}
        self.builders["sessions"].add(len(group.starts) - 1, sessions)
        files = np.array([self.files.setdefault(file, len(self.files)) for file in group.block.files], np.int64)
        lines = group.block.lines[group.events[rows.event, c.E_LINE]]
        self._places.append(files[lines[:, c.FILE]] << _BITS | lines[:, c.NUMBER])
        self._owners.append(rows.owner + self._count)
        self._numbers.append(ends["number"])
        self._order.append(group.order)
        self._count += len(group.starts) - 1


def _distinct(keys: Array) -> tuple[Array, Array]:
    """Give the distinct ones of some numbers, and which of them each is; nearly always all are."""
    ordered = np.sort(keys)
    if (ordered[1:] != ordered[:-1]).all():
        return keys, np.arange(len(keys), dtype=np.int32)
    distinct, which = np.unique(keys, return_inverse=True)
    return distinct, which.astype(np.int32)


def _halves(keys: Array) -> Iterator[tuple[int, int]]:
    """Take two numbers in one apart."""
    return zip((keys >> _BITS).tolist(), (keys & _LOW).tolist(), strict=True)
