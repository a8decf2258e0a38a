"""Sessions of logs that tell outcomes, not the dialogue: finished AUTH exchanges as rows of the tables.

Rounds of 334 are unknown there, but for a challenge that an old Postfix left where a reason should stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.facts import Facts
from analyzer.logs.reconcile import worth_a_row
from analyzer.smtp.findings import Notes
from analyzer.smtp.writer import KEYS, Written, builders
from analyzer.tables import PLACE_BITS, Ids, Places, taken

if TYPE_CHECKING:
    from analyzer.logs.sessions import Group


class Outcomes:
    """Collects the rows of outcome logs of one source."""

    def __init__(self, source: str, wanted: frozenset[str]) -> None:
        self.source, self.seen = source, 0
        self.builders = builders(wanted)

    def written(self) -> Written:
        """Give what was written, and forget it; these logs show nothing that the machine would note."""
        return Written({name: builder.table() for name, builder in self.builders.items()}, Notes(), self.seen)

    def write(self, group: Group) -> None:
        """Write complete sessions."""
        group = worth_a_row(group)
        if len(group.starts) < 2:
            return
        facts = Facts(group)
        rows = facts.rows()
        ends = group.ends()
        ends |= {"begun": ends["first"], "line": group.order}
        columns = facts.auth(rows)
        names = ("session", "client_ip", "server_ip", "client_port", "server_port", "role", *KEYS)
        columns |= {name: taken(ends[name], rows.owner) for name in names}
        lines = group.at.take(rows.event)
        files, numbers = (group.block.cells(number, lines) for number in (c.FILE, c.NUMBER))
        places = Places(files << PLACE_BITS | numbers, [f"{f} line" for f in group.block.files])
        event = Ids(columns["session"].numbers, columns["attempt"].astype(np.int32))
        columns |= {"event": event, "where": places, "source": self.source}
        self.builders["auth"].add(len(rows.owner), columns)
        self.seen += len(group.starts) - 1
        if "sessions" not in self.builders:
            return
        sessions = facts.sessions(rows, columns["identity"], columns["outcome"])
        sessions |= {name: ends[name] for name in (*names, "first", "last")}
        sessions |= {"event": ends["session"], "source": self.source}
        self.builders["sessions"].add(len(group.starts) - 1, sessions)
