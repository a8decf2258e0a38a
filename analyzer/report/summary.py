"""The counts behind a report: what happened, to whom, who got in, and what could not be seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analyzer.events import once
from analyzer.schema import NULL
from analyzer.smtp.law import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.tables import Table, Text

    Array = np.ndarray[Any, Any]


class Party(NamedTuple):
    """A client or an identity and how it fared."""

    name: str
    attempts: int
    succeeded: int
    rejected: int
    #: Distinct identities of a client, distinct clients of an identity.
    others: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report states; every total includes what could not be read."""

    first: int | None
    last: int | None
    sessions: int
    attempts: int
    #: Sessions of which TLS hides a part, and sessions of which it is unknown whether they had attempts.
    unreadable: int
    attempts_unknown: int
    outcomes: Counter[str]
    reasons: Counter[str]
    #: Why attempts without a reason did not succeed: their outcome.
    unexplained: Counter[str]
    #: (mechanism, rounds as text, outcome) of attempts.
    cells: Counter[tuple[str, str, str]]
    clients: list[Party]
    identities: list[Party]
    servers: Counter[str]
    endings: Counter[str]
    caveats: Counter[str]
    rounds_unknown: int


def summarise(tables: Mapping[str, Table]) -> Summary:
    """Count; what several sources tell of one event counts once."""
    tables = once(tables)
    sessions, auth = tables["sessions"], tables["auth"]
    times = np.concatenate([sessions.array("first"), sessions.array("last"), auth.array("started")])
    times = times[times != NULL]
    explained = auth.text("reason").codes >= 0
    failed = ~auth.has("outcome", "succeeded")
    return Summary(
        first=int(times.min()) if len(times) else None,
        last=int(times.max()) if len(times) else None,
        sessions=len(sessions),
        attempts=len(auth),
        unreadable=int((sessions.array("readable") == 0).sum()),
        attempts_unknown=int((sessions.array("attempts") == NULL).sum()),
        outcomes=_count(auth.text("outcome")),
        reasons=_count(auth.text("reason")),
        unexplained=_count(auth.take(failed & ~explained).text("outcome")),
        cells=_cells(auth),
        clients=_parties(auth, "client_ip", "identity"),
        identities=_parties(auth, "identity", "client_ip"),
        servers=_servers(sessions),
        endings=_count(sessions.text("ended_by")),
        caveats=_caveats(auth),
        rounds_unknown=int((~auth.has("rounds_known", "exact")).sum()),
    )


def _refused(auth: Table) -> Array:
    """Say which attempts were refused; a log can tell the code and yet leave open whether the client read it."""
    refused: Array = auth.has("outcome", "rejected") | (auth.array("code") == REFUSED)
    return refused


def _count(column: Text) -> Counter[str]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.words)).tolist()
    return Counter({word: count for word, count in zip(column.words, counts, strict=True) if count})


def _groups(*columns: Array) -> list[tuple[list[int], int]]:
    """Give the distinct rows of some columns of integers, and how often each occurs."""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:  # renumbered after every column, so that no product grows too large
        distinct, codes = np.unique(column, return_inverse=True)
        key = np.unique(key * max(len(distinct), 1) + codes, return_inverse=True)[1]
    _, rows, counts = np.unique(key, return_index=True, return_counts=True)
    return [([int(column[row]) for column in columns], count) for row, count in zip(rows, counts.tolist(), strict=True)]


def _cells(auth: Table) -> Counter[tuple[str, str, str]]:
    mechanism, known, outcome = (auth.text(name) for name in ("mechanism", "rounds_known", "outcome"))
    cells: Counter[tuple[str, str, str]] = Counter()
    for (m, rounds, k, o), count in _groups(mechanism.codes, auth.array("rounds"), known.codes, outcome.codes):
        about = {"exact": f"{rounds}", "at_least": f"{rounds}+"}.get(known.words[k], "?")
        cells[mechanism.words[m] if m >= 0 else "(none)", about, outcome.words[o]] += count
    return cells


def _parties(auth: Table, name: str, other: str) -> list[Party]:
    """Give the parties of a column, most attempts first."""
    column, others = auth.text(name), auth.text(other)
    known = column.codes >= 0
    codes, size = column.codes[known], len(column.words)
    attempts = np.bincount(codes, minlength=size)
    succeeded = np.bincount(codes[auth.has("outcome", "succeeded")[known]], minlength=size)
    rejected = np.bincount(codes[_refused(auth)[known]], minlength=size)
    both = known & (others.codes >= 0)
    pairs = np.unique(column.codes[both].astype(np.int64) * max(len(others.words), 1) + others.codes[both])
    distinct = np.bincount(pairs // max(len(others.words), 1), minlength=size)
    order = np.argsort(-attempts, kind="stable")
    return [
        Party(column.words[code], *(int(counts[code]) for counts in (attempts, succeeded, rejected, distinct)))
        for code in order.tolist()
        if attempts[code]
    ]


def _servers(sessions: Table) -> Counter[str]:
    """Count sessions by server address and port, with the product where one is known."""
    address, product = sessions.text("server_ip"), sessions.text("product")
    counts: Counter[str] = Counter()
    products: dict[str, Counter[str]] = defaultdict(Counter)
    for (a, port, p), count in _groups(address.codes, sessions.array("server_port"), product.codes):
        host = address.words[a] if a >= 0 else "unknown"
        end = host if port == NULL else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        counts[end] += count
        if p >= 0:
            products[end][product.words[p]] += count
    return Counter({f"{e} ({products[e].most_common(1)[0][0]})" if e in products else e: n for e, n in counts.items()})


def _caveats(auth: Table) -> Counter[str]:
    caveats: Counter[str] = Counter()
    for words, count in _count(auth.text("caveats")).items():
        caveats.update(dict.fromkeys(words.split(), count))
    return caveats
