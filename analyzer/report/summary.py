"""The counts behind a report: what happened, to whom, who got in, and what could not be seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.events import once
from analyzer.schema import NULL
from analyzer.smtp.law import REFUSED
from analyzer.stats.columns import end, rounds_text
from analyzer.stats.distinct import numbered, pairs
from analyzer.tables import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.events import Size
    from analyzer.stats.distinct import Column
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]


#: Caveats of sessions that are not there as a whole: an attempt, or how it ended, may be in what is missing.
MISSING: Final = frozenset({"gap", "midstream", "one_sided", "truncated"})

#: Conditions that a session inside TLS meets for nobody to see.
ABOUT_ATTEMPTS: Final = frozenset({"--identity", "--mechanism", "--outcome", "--reason"})

#: Why something was skipped, where that is a part of the input that nobody saw: all else is met, and no mail.
LOST: Final = (
    "damaged record header", "no sound record behind", "incomplete record", "file cannot be read", "file is damaged",
    "folder cannot be read",
)  # fmt: skip

#: What stands for a mechanism where the client named none.
NO_MECHANISM: Final = "(none)"


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
    #: Sessions of which bytes are missing, and what they lack: `MISSING`.
    incomplete: int
    missing: Counter[str]
    #: Sessions of which TLS hides a part, by client.
    hidden: Counter[str]
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
    #: Whether lines of logs are among what could not be read.
    logs: bool
    #: Why parts of the input are lost, how often, and of which sources.
    lost: Counter[str]
    lost_of: tuple[str, ...]
    #: What the tables were narrowed to: options of the command line and their values.
    conditions: tuple[str, ...]
    #: How much the whole input has, where nothing of it meets the conditions.
    unmet: Size | None
    #: Sessions inside TLS, in the whole input, that conditions leave out: nobody knows whether they would meet them.
    elsewhere: int

    @property
    def asks_who_got_in(self) -> bool:
        """Whether the conditions leave room for a success; that has no reason."""
        asked = list(zip(self.conditions[::2], self.conditions[1::2], strict=True))
        outcomes = [value.casefold().replace(" ", "").split(",") for name, value in asked if name == "--outcome"]
        return all("succeeded" in words for words in outcomes) and "--reason" not in dict(asked)

    @property
    def calm(self) -> bool:
        """Whether people log in; the few attempts of a test do not tell that, nor does a part that was asked for."""
        return not self.conditions and not self.lost and 2 * self.outcomes["succeeded"] > self.attempts

    @property
    def unnamed(self) -> int:
        """How many got in, and nobody knows as whom."""
        return self.outcomes["succeeded"] - sum(party.succeeded for party in self.identities)

    @property
    def blind(self) -> bool:
        """Whether somebody may have got in unseen."""
        hidden = self.unreadable or self.elsewhere or self.attempts_unknown
        return bool(hidden or self.incomplete or self.lost or self.outcomes["unseen"])


def summarise(tables: Mapping[str, Table], conditions: Sequence[str] = (), unmet: Size | None = None) -> Summary:
    """Count; what several sources tell of one event counts once. `conditions` and `unmet` are those of the `Trace`."""
    skipped, tables = tables["skipped"], once(tables)
    sessions, auth = tables["sessions"], tables["auth"]
    times = np.concatenate([sessions.array("first"), sessions.array("last"), auth.array("started")])
    times = times[times != NULL]
    explained = auth.text("reason").codes >= 0
    failed = ~auth.has("outcome", "succeeded")
    unreadable = sessions.array("readable") == 0
    reasons = skipped.text("reason")
    return Summary(
        first=int(times.min()) if len(times) else None,
        last=int(times.max()) if len(times) else None,
        sessions=len(sessions),
        attempts=len(auth),
        unreadable=int(unreadable.sum()),
        attempts_unknown=int((sessions.array("attempts") == NULL).sum()),
        incomplete=_incomplete(sessions.text("caveats")),
        missing=Counter({name: count for name, count in _caveats(sessions).items() if name in MISSING}),
        hidden=_count(sessions.text("client_ip").take(unreadable)),
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
        logs=bool(skipped.has("stage", "logs").any()),
        lost=Counter({reason: count for reason, count in _weighed(skipped, "reason").items() if is_lost(reason)}),
        lost_of=tuple(_weighed(skipped.take(reasons.mask([is_lost(word) for word in reasons.words])), "source")),
        conditions=tuple(conditions),
        unmet=unmet,
        elsewhere=max(_hidden(skipped) - int(unreadable.sum()), 0) if ABOUT_ATTEMPTS & {*conditions[::2]} else 0,
    )


def is_lost(reason: str) -> bool:
    """Say whether what was skipped for a reason is a part of the input that nobody saw."""
    return reason.startswith(LOST)


def _weighed(skipped: Table, name: str) -> dict[str, int]:
    """Sum what was skipped up by the words of a column, in their order."""
    column = skipped.text(name)
    sums = np.bincount(column.codes, weights=skipped.array("count"), minlength=len(column.words))
    return {column.words[code]: int(sums[code]) for code in np.unique(column.codes).tolist()}


def _hidden(skipped: Table) -> int:
    """Count the sessions of the whole input that TLS hides."""
    return int(skipped.array("count")[skipped.has("stage", "tls")].sum())


def _refused(auth: Table) -> Array:
    """Say which attempts were refused; a log can tell the code and yet leave open whether the client read it."""
    refused: Array = auth.has("outcome", "rejected") | (auth.array("code") == REFUSED)
    return refused


def _count(column: Text) -> Counter[str]:
    """Count words; those that are met equally often stay in alphabetic order."""
    return Counter(dict(sorted(column.counts().items())))


def _groups(*columns: Column) -> list[tuple[list[int], int]]:
    """Give the distinct rows of some columns, text as codes, and how often each occurs."""
    numbers, rows = numbered(columns, len(columns[0]))
    values = [(column.codes if isinstance(column, Text) else column)[rows].tolist() for column in columns]
    counts = np.bincount(numbers, minlength=len(rows)).tolist()
    return [(list(group), count) for *group, count in zip(*values, counts, strict=True)]


def _cells(auth: Table) -> Counter[tuple[str, str, str]]:
    mechanism, known, outcome = (auth.text(name) for name in ("mechanism", "rounds_known", "outcome"))
    cells: Counter[tuple[str, str, str]] = Counter()
    for (m, rounds, k, o), count in _groups(mechanism, auth.array("rounds"), known, outcome):
        name = mechanism.words[m] if m >= 0 else NO_MECHANISM
        cells[name, rounds_text(rounds, known.words[k]), outcome.words[o]] += count
    return cells


def _parties(auth: Table, name: str, other: str) -> list[Party]:
    """Give the parties of a column, most attempts first, then by name."""
    column, others = auth.text(name), auth.text(other)
    known = column.codes >= 0
    codes, size = column.codes[known], len(column.words)
    attempts = np.bincount(codes, minlength=size)
    succeeded = np.bincount(codes[auth.has("outcome", "succeeded")[known]], minlength=size)
    rejected = np.bincount(codes[_refused(auth)[known]], minlength=size)
    distinct = np.bincount(pairs(codes, others.take(known))[0], minlength=size)
    met = np.flatnonzero(attempts)
    parties = zip(*(counts[met].tolist() for counts in (attempts, succeeded, rejected, distinct)), strict=True)
    made = [Party(column.words[code], *party) for code, party in zip(met.tolist(), parties, strict=True)]
    return sorted(made, key=lambda party: (-party.attempts, party.name))


def _servers(sessions: Table) -> Counter[str]:
    """Count sessions by server address and port, with the product where one is known."""
    address, product = sessions.text("server_ip"), sessions.text("product")
    counts: Counter[str] = Counter()
    products: dict[str, Counter[str]] = defaultdict(Counter)
    for (a, port, p), count in _groups(address, sessions.array("server_port"), product):
        name = end(address.words[a] if a >= 0 else "unknown", port) or ""
        counts[name] += count
        if p >= 0:
            products[name][product.words[p]] += count
    named = {
        f"{name} ({min(products[name].items(), key=lambda item: (-item[1], item[0]))[0]})"
        if name in products
        else name: count
        for name, count in counts.items()
    }
    return Counter(dict(sorted(named.items())))


def _caveats(table: Table) -> Counter[str]:
    caveats: Counter[str] = Counter()
    for words, count in _count(table.text("caveats")).items():
        caveats.update(dict.fromkeys(words.split(), count))
    return Counter(dict(sorted(caveats.items())))


def _incomplete(caveats: Text) -> int:
    """Count the sessions of which something is missing."""
    return int(caveats.mask([not MISSING.isdisjoint(words.split()) for words in caveats.words]).sum())
