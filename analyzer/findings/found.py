"""What was found, before it is a table: rows of evidence, and one sentence with numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.keys import parts
from analyzer.findings.kinds import ENTRIES, KINDS, SEVERITIES, advice_of
from analyzer.findings.places import as_clients, network
from analyzer.limits import ENTRIES_PER_KIND, FINDING_PLACES, FINDINGS_PER_KIND
from analyzer.schema import NULL
from analyzer.tables import Table, Text, in_order, packed
from analyzer.tables import taken as picked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from analyzer.findings.logins import Logins
    from analyzer.tables import Column

    Array = np.ndarray[Any, Any]

#: What the row says that stands for those that have none of their own.
_MORE: Final = "more findings of this kind"
_STANDS_FOR: Final = re.compile(rf"([\d,]+) {_MORE}, with ")
_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: who, how many, from when to when, where it was first seen, and a sentence with the numbers."""

    kind: str
    evidence: str
    count: int
    first: int | None
    last: int | None
    confidence: float
    client: str | None = None
    identity: str | None = None
    server: str | None = None
    session: str | None = None
    places: str | None = None
    severity: str | None = None
    #: The first rows of `auth` that are the evidence; the session and the places are theirs.
    rows: Array = field(default_factory=lambda: np.zeros(0, np.int64), compare=False)

    @property
    def worth(self) -> tuple[Any, ...]:
        """Give what findings are ordered by: the severe and the large first, what stands for others last of them."""
        words = (self.client or "", self.identity or "", self.server or "")
        rank = _RANK[self.severity or KINDS[self.kind].severity]
        return rank, _MORE in self.evidence, -self.count, self.first or 0, self.kind, *words, self.evidence


#: Columns of `auth` that findings are made of; the ids and places of the few rows that are named come from the whole.
_COLUMNS: Final = (
    "attempt", "client_ip", "client_port", "server_ip", "server_port", "role", "started", "mechanism", "outcome",
    "reason", "code", "identity", "secret_group", "tls",
)  # fmt: skip


#: What decides on the order of attempts of one time, column after column.
_TOLD: Final = (("client_ip",), ("identity", "client_port", "attempt", "secret_group"))


def _in_time(auth: Table) -> Array:
    """Give the order of time; of equal times, that of what is told, and only then that of the table."""
    started = auth.array("started")
    order = np.argsort(started, kind="stable")
    same = _repeats(started.take(order))
    # Logs have many lines a second, few of them of one client: most often the first turn leaves nothing to do.
    for names in _TOLD:
        places = np.flatnonzero(np.append(same, False) | np.append(False, same)[: len(order)])
        tied = order.take(places)
        if not len(tied):
            break
        moment = np.append(0, np.cumsum(~same)).take(places)
        key = packed(moment, *(_ranks(auth[name], tied) for name in names))
        turn = in_order(key)
        order[places] = tied.take(turn)
        same = np.zeros(len(same), bool)
        same[places[:-1][_repeats(key.take(turn))]] = True
    return order


def _repeats(column: Array) -> Array:
    """Say which rows but the last are followed by their like."""
    repeats: Array = column[1:] == column[:-1]
    return repeats


def _ranks(column: Column, rows: Array) -> Array:
    """Give numbers in the order of the values of some rows; words come by the alphabet."""
    values = picked(column, rows)
    ranks: Array = values.ranks() if isinstance(values, Text) else values
    return ranks


class Witness:
    """Makes findings of rows of `auth`; its own `auth` has the columns that matter, in the order of time."""

    def __init__(self, auth: Table) -> None:
        self.order = _in_time(auth)
        self.session, self.where = auth.ids("session"), auth.places("where")
        columns = {name: auth[name] for name in _COLUMNS} | {"client_ip": as_clients(auth.text("client_ip"))}
        self.auth = Table(auth.name, {name: picked(column, self.order) for name, column in columns.items()})

    def found(self, kind: str, rows: Array, *, evidence: str, confidence: float, **more: Any) -> Found:
        """Give the finding that some rows, in the order of time, are the evidence of."""
        times = self.auth.array("started")[rows]
        times = times[times != NULL]
        told = {
            "count": len(rows),
            "first": int(times[0]) if len(times) else None,
            "last": int(times[-1]) if len(times) else None,
            "rows": self.order[rows[:FINDING_PLACES]],
        }
        return Found(kind, evidence, confidence=round(confidence, 2), **told | more)

    def placed(self, found: Sequence[Found]) -> list[Found]:
        """Give findings with the session and the places of their first rows: looked up once for all of them."""
        rows = [np.zeros(0, np.int64), *(each.rows for each in found)]
        sessions, places = (column.take(np.concatenate(rows)).list() for column in (self.session, self.where))
        ends = np.cumsum([len(some) for some in rows]).tolist()
        return [
            replace(each, session=sessions[start], places="; ".join(filter(None, places[start:stop])) or None)
            for each, start, stop in zip(found, ends, ends[1:], strict=False)
        ]

    def groups(
        self, kind: str, key: Array, logins: Logins, describe: Callable[[Logins], dict[str, Any]]
    ) -> list[Found]:
        """Give a finding for each key of some logins: of the largest as described, one for all others."""
        large, small, others = parts(key, ENTRIES_PER_KIND if kind in ENTRIES else FINDINGS_PER_KIND)
        if others == 1:
            large, others = [*large, small], 0
        made = []
        for rows in large:
            group = logins.take(rows)
            made.append(self.found(kind, group.row, **describe(group)))
        if others:
            group = logins.take(small)
            told = describe(group)  # of all together: as severe as the most severe of them
            evidence = f"{others:,} {_MORE}, with {many(len(group), 'attempt')}"
            how = {name: told[name] for name in ("confidence", "severity") if name in told}
            made.append(self.found(kind, group.row, evidence=evidence, **how))
        return made

    def networks(self, clients: Array) -> Array:
        """Number the networks of some clients."""
        codes, which = np.unique(clients, return_inverse=True)
        numbers: dict[str, int] = {}
        places = [numbers.setdefault(network(str(self.name("client_ip", c))), len(numbers)) for c in codes.tolist()]
        return np.array(places, np.int64)[which]

    def name(self, column: str, code: int) -> str | None:
        """Give the word of a code."""
        return self.auth.text(column).words[code] if code >= 0 else None


def bounded(found: Iterable[Found]) -> list[Found]:
    """Put findings in order; of a kind the largest are kept, and one row tells of the others."""
    kept: list[Found] = []
    more: dict[str, list[Found]] = {}
    count: dict[str, int] = {}
    for each in sorted(found, key=lambda each: each.worth):
        count[each.kind] = count.get(each.kind, 0) + 1
        if count[each.kind] <= FINDINGS_PER_KIND or _MORE in each.evidence:
            kept.append(each)
        else:
            more.setdefault(each.kind, []).append(each)
    kept += [_rest(others) if len(others) > 1 else others[0] for others in more.values()]
    return sorted(kept, key=lambda each: each.worth)


def _rest(others: Sequence[Found]) -> Found:
    """Give the finding that stands for many."""
    total = sum(each.count for each in others)
    first = min((each.first for each in others if each.first is not None), default=None)
    last = max((each.last for each in others if each.last is not None), default=None)
    evidence = f"{len(others):,} {_MORE}, with {total:,} cases; the largest is: {others[0].evidence}"
    return Found(
        others[0].kind,
        evidence,
        total,
        first,
        last,
        min(each.confidence for each in others),
        session=others[0].session,
        places=others[0].places,
        severity=others[0].severity,
    )


def stands_for(evidence: str) -> int:
    """Say how many findings a row with that evidence is: one, or those that have no row of their own."""
    told = _STANDS_FOR.match(evidence)
    return int(told[1].replace(",", "")) if told else 1


def table(found: Sequence[Found]) -> Table:
    """Make the table `findings`."""
    columns: dict[str, list[Any]] = {
        name: [getattr(each, name) for each in found]
        for name in ("kind", "client", "identity", "server", "session", "last", "count", "evidence", "places")
    }
    columns["at"] = [each.first for each in found]
    columns["severity"] = [each.severity or KINDS[each.kind].severity for each in found]
    columns["confidence"] = [each.confidence for each in found]
    columns["advice"] = [advice_of(each.kind, each.client, each.identity, each.server) for each in found]
    return Table.of("findings", columns)


def most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Give names and counts, the greatest first, equal ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def many(count: int, what: str) -> str:
    """Write a count with its noun."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"
