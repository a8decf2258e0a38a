"""Tables of very many attempts, made column by column, with names as strangers write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyzer.findings.find import find
from analyzer.findings.thresholds import Thresholds
from analyzer.schema import TABLES
from analyzer.tables import Ids, Places, Table, Text
from tests.records import START

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDINGS = (
    ("rejected", "bad_credentials", 535), ("rejected", "throttled", 535), ("succeeded", None, 235),
    ("client_closed", None, None), ("cancelled", "cancelled", 501), ("temporary_failure", "backend_down", 454),
    ("not_recognised", "bad_syntax", 500), ("mechanism_unavailable", "mechanism_unavailable", 504),
)  # fmt: skip


def crowd(attempts: int, names: Sequence[str], clients: int = 5000, seed: int = 1) -> dict[str, Table]:
    """Make the tables of so many sessions with one attempt each, over some days."""
    draw = np.random.default_rng(seed)
    which = draw.choice(len(ENDINGS), attempts, p=[0.7, 0.1, 0.05, 0.05, 0.03, 0.03, 0.02, 0.02])
    started = START + np.sort(draw.integers(0, 5 * 86400 * 10**9, attempts))
    numbers = draw.permutation(attempts).astype(np.int64) + 1
    client = draw.integers(0, clients, attempts).astype(np.int32)
    addresses = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(clients)]
    told = {
        "session": Ids(numbers),
        "event": Ids(numbers),
        "started": started,
        "first": started - 10**6,
        "last": started + 10**8,
        "ended": started + 10**8,
        "client_ip": Text(client, addresses),
        "client_port": draw.integers(1024, 65536, attempts),
        "server_ip": Text.one("192.0.2.25", attempts),
        "server_port": np.full(attempts, 587),
        "identity": Text(draw.integers(0, len(names), attempts).astype(np.int32), list(names)),
        "mechanism": Text(draw.integers(0, 3, attempts).astype(np.int32), ["LOGIN", "PLAIN", "CRAM-MD5"]),
        "rounds": draw.integers(0, 3, attempts),
        "rounds_known": Text.one("exact", attempts),
        "outcome": Text.of([ending[0] for ending in ENDINGS]).take(which),
        "reason": Text.of([ending[1] for ending in ENDINGS]).take(which),
        "code": np.array([ending[2] or -(2**63) for ending in ENDINGS])[which],
        "text": Text.one("Error: authentication failed: " + names[0], attempts),
        "seconds_server": draw.exponential(0.2, attempts),
        "secret_group": draw.integers(1, 1000, attempts),
        "evidence": Text.one("observed", attempts),
        "role": Text.one("server", attempts),
        "tls": Text.one("none", attempts),
        "source": Text.one("mail.pcap", attempts),
        "where": Places.of([f"{names[0]} frame 12"]).take(np.zeros(attempts, np.int64)),
        "ended_by": Text.one("client_fin", attempts),
        "readable": np.ones(attempts, np.int8),
        "attempts": np.ones(attempts, np.int64),
        "attempt": np.ones(attempts, np.int64),
    }
    tables = {name: Table.empty(name) for name in TABLES}
    empty = {"text": Text.one(None, attempts), "words": Text.one("", attempts)}
    plain = {
        "int": (np.int64, -(2**63)),
        "time": (np.int64, -(2**63)),
        "seconds": (float, np.nan),
        "flag": (np.int8, -1),
    }
    for name in ("sessions", "auth"):
        columns = {
            column.name: told.get(column.name, empty.get(column.kind))
            if column.kind not in plain or column.name in told
            else np.full(attempts, plain[column.kind][1], plain[column.kind][0])
            for column in TABLES[name]
        }
        tables[name] = Table(name, columns)
    tables["findings"] = find(tables, Thresholds())
    return tables
