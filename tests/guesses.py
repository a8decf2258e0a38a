"""Attempts to judge, in a line each, and what is found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyzer.findings.find import find
from analyzer.findings.thresholds import Thresholds
from analyzer.tables import Table
from tests.records import attempt, ms, rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    Row = dict[str, Any]

MINUTE, HOUR, DAY = 60, 3600, 86400


def refused(client: str | None, identity: str | None, secret: int | None, at: float, **more: Any) -> Row:
    """Make an attempt that was refused, so many seconds after the start."""
    return _made(client, at, "rejected", {"identity": identity, "secret_group": secret, **more})


def succeeded(client: str | None, identity: str | None, at: float, **more: Any) -> Row:
    """Make an attempt that succeeded; its secret is that of the identity."""
    secret = 9000 + sum(map(ord, identity or ""))
    return _made(client, at, "succeeded", {"identity": identity, "secret_group": secret, **more})


def ended(client: str | None, outcome: str, reason: str | None, at: float, **more: Any) -> Row:
    """Make an attempt with another ending, before any name or secret was given."""
    return _made(client, at, outcome, {"identity": None, "secret_group": None, "reason": reason, "code": None, **more})


def _made(client: str | None, at: float, outcome: str, more: dict[str, Any]) -> Row:
    names = {"client_port": 1024 + int(at) % 60000, "tls": "starttls", "where": f"mail.pcap frame {int(at)}"}
    made = attempt(f"S{client}-{at}-{more['identity']}", str(client), ms(1000 * at), outcome, **(names | more))
    return {**made, "client_ip": client}


def rows_of(table: Table) -> list[Row]:
    columns = table.lists()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def auth_of(attempts: Iterable[Row], order: np.random.Generator | None = None) -> dict[str, Table]:
    """Make the tables of some attempts, in the order of time or in another."""
    made = sorted(attempts, key=lambda each: each["started"] or 0)
    if order is not None:
        made = [made[k] for k in order.permutation(len(made)).tolist()]
    return {"sessions": Table.empty("sessions"), "auth": rows("auth", *made), "findings": Table.empty("findings")}


def found(attempts: Iterable[Row], order: np.random.Generator | None = None, **thresholds: float) -> list[Row]:
    """Find what there is in some attempts."""
    return rows_of(find(auth_of(attempts, order), Thresholds.of(thresholds)))


def kinds(attempts: Iterable[Row], **thresholds: float) -> list[str]:
    """Name what there is in some attempts."""
    return sorted(each["kind"] for each in found(attempts, **thresholds))
