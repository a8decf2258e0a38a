"""Small traffic for the statistics: attempts and sessions that differ in what is asked for."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from analyzer.stats.facts import Facts
from tests.records import attempt, ms, rows, session

if TYPE_CHECKING:
    from analyzer.tables import Table

    Row = dict[str, object]


def tables(*attempts: Row, sessions: tuple[Row, ...] = ()) -> dict[str, Table]:
    """Make tables of attempts, each a dict of what it differs in; sessions that are not given are made too."""
    made = []
    for number, more in enumerate(attempts):
        name = str(more.get("session", f"S{number}"))
        base = attempt(name, "192.0.2.1", ms(number), str(more.get("outcome", "rejected")))
        made.append({**base, "event": f"E{number}", **more, "session": name})
    known = {one["session"] for one in sessions}
    others = {str(row["session"]): row for row in made if row["session"] not in known}
    return {
        "auth": rows("auth", *made),
        "sessions": rows(
            "sessions",
            *sessions,
            *(session(name, str(row["client_ip"]), ms(0), attempts=None) for name, row in others.items()),
        ),
    }


def facts(*attempts: Row, zone: dt.tzinfo | None = dt.UTC, **more: tuple[Row, ...]) -> Facts:
    """Make facts of such traffic."""
    return Facts(tables(*attempts, **more), zone)
