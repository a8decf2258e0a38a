"""Accidents that look like attacks: stored passwords that became wrong, wrong settings, outages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.found import many
from analyzer.findings.keys import busiest, count_of, uniques
from analyzer.findings.logins import logins, pairs
from analyzer.findings.places import network
from analyzer.findings.tries import refused
from analyzer.schema import NULL
from analyzer.smtp.findings import server_name
from analyzer.tables import among, packed

if TYPE_CHECKING:
    from analyzer.findings.attacks import Accused
    from analyzer.findings.found import Found, Witness
    from analyzer.findings.logins import Logins
    from analyzer.findings.thresholds import Thresholds
    from analyzer.findings.tries import History
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: Faults that no password mends, by reason.
FAULTS: Final = (
    "bad_base64", "bad_syntax", "line_too_long", "empty_response", "in_transaction", "already_authenticated",
    "authzid_refused", "not_advertised", "password_expired", "app_password_required", "second_factor_required",
    "basic_auth_disabled", "oauth_token_invalid", "cancelled",
)  # fmt: skip
_UNAVAILABLE: Final = ("mechanism_unavailable", "mechanism_too_weak", "transition_needed")
#: What a client that leaves without a word is told by.
_LEFT: Final = ("client_closed", "cancelled", "unseen")
#: About a server alone, whoever met with it.
_OUTAGE: Final = "backend_outage"
#: What the attempts of a kind have in common besides: how that is said, and the column.
_SAYS: Final = {"mechanism_mismatch": ("with", "mechanism"), "misconfigured_client": ("that end with", "reason")}


def stale_clients(past: History, who: Accused, witness: Witness, limits: Thresholds) -> list[Found]:
    """Give a finding for each identity and secret that a program repeats; where secrets are not seen, by the timing."""
    left = past.tries.take(~who.any & (past.tries.identity >= 0))
    seen = left.take(left.seen)
    key = packed(seen.identity, seen.secret)
    often = count_of(key, *np.unique(key, return_counts=True)) >= limits.stale_repeats
    unseen = past.tries.take(past.regular & ~who.any)
    often_unseen = count_of(unseen.pair, *np.unique(unseen.pair, return_counts=True)) >= limits.stale_repeats

    def describe(group: Logins) -> dict[str, Any]:
        return _stale(group, past.wins, witness)

    return witness.groups("stale_client", key[often], seen.take(often), describe) + witness.groups(
        "stale_client", unseen.pair[often_unseen], unseen.take(often_unseen), describe
    )


def _stale(group: Logins, wins: Logins, witness: Witness) -> dict[str, Any]:
    """Describe the repetitions of one identity."""
    identity = int(group.identity[0])
    addresses = [str(witness.name("client_ip", code)) for code in uniques(group.client).tolist() if code >= 0]
    networks = {network(address) for address in addresses}
    earlier = bool(((wins.identity == identity) & (wins.time < group.time[0])).any())
    known = bool(group.seen[0])
    evidence = f"one secret refused {many(len(group), 'time')}" if known else f"refused {many(len(group), 'time')}"
    if len(addresses) > 1:
        evidence += f" from {many(len(addresses), 'address')}"
    evidence += f", about every {_span(float(np.median(np.diff(group.time))) / 1e9)}" if len(group) > 1 else ""
    evidence += ", after it had logged in before" if earlier else ""
    evidence += "" if known else "; the secrets are not seen, a patient guesser looks alike"
    place = addresses[0] if len(addresses) == 1 else networks.pop() if len(networks) == 1 else None
    return {
        "evidence": evidence,
        "confidence": 0.8 + 0.1 * earlier if known else 0.4 + 0.2 * earlier,
        "identity": witness.name("identity", identity),
        "client": place,
    }


def _span(seconds: float) -> str:
    """Write a length of time in the unit that fits."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}s"
    return f"{seconds:.0f} s" if seconds >= 1 else "second"


def accidents(past: History, witness: Witness, limits: Thresholds) -> list[Found]:
    """Give the findings on servers and clients that cannot log in, whatever the password."""
    auth = witness.auth
    server, mine = _servers(auth), auth.has("role", "server")
    reason, outcome = auth.text("reason"), auth.text("outcome")
    everyone = Everyone(auth, server)
    down = (auth.has("reason", "backend_down") | auth.has("outcome", "temporary_failure")) & (
        auth.array("started") != NULL
    )
    relay = auth.has("role", "client") & refused(auth)
    client, identity = auth.text("client_ip").codes, auth.text("identity").codes
    unavailable = outcome.mask([word in _UNAVAILABLE for word in outcome.words]) | auth.has(
        "reason", "mechanism_unavailable"
    )
    tls = auth.has("outcome", "encryption_required") | auth.has("reason", "tls_required")
    fault = reason.mask([word in FAULTS for word in reason.words])
    named = (identity >= 0) | (auth.array("secret_group") != NULL)
    silent = outcome.mask([word in _LEFT for word in outcome.words]) & ~named
    mechanism = auth.text("mechanism").codes
    known = client >= 0
    never = mine & (unavailable | tls | fault | silent)
    rows, pair = np.flatnonzero(never), pairs(auth, past.wins.client, past.wins.identity)
    client_of, identity_of = client.take(rows), identity.take(rows)
    same = among(pairs(auth, client_of, identity_of), pair)
    never[rows] = ~np.where(identity_of >= 0, same, among(client_of, past.wins.client))

    keys, most = busiest(server[down], auth.array("started")[down], limits.outage_minutes * 60 * 10**9)
    down &= count_of(server, keys, most) >= limits.outage_failures
    found = everyone.found(_OUTAGE, down, server, witness, 0.9)
    for kind, mask, key, least, sure in (
        ("relay_refused", relay, server, limits.relay_refusals, 0.9),
        ("mechanism_mismatch", never & unavailable, packed(server, mechanism), limits.mistakes, 0.8),
        ("tls_required", never & tls & ~unavailable, server, limits.mistakes, 0.8),
        ("auth_scanner", never & silent & known, client, limits.scans, 0.8),
        ("misconfigured_client", never & fault & ~silent & known, packed(client, reason.codes), limits.mistakes, 0.7),
    ):
        often = count_of(key, *np.unique(key[mask], return_counts=True)) >= least
        found += everyone.found(kind, mask & often, key, witness, sure)
    return found


def _servers(auth: Table) -> Array:
    """Give a number for each server's address and port."""
    return packed(auth.text("server_ip").codes, auth.array("server_port"))


class Everyone:
    """Describes attempts of any kind by who made them, where, and how they ended."""

    def __init__(self, auth: Table, server: Array) -> None:
        self.auth, self.server = auth, server
        self.succeeded = auth.has("outcome", "succeeded")

    def found(self, kind: str, mask: Array, key: Array, witness: Witness, sure: float) -> list[Found]:
        """Give a finding for each key of some attempts."""
        auth, rows = self.auth, np.flatnonzero(mask)

        def describe(group: Logins) -> dict[str, Any]:
            return self._told(kind, group, witness) | {"confidence": sure}

        return witness.groups(kind, key[rows], logins(auth, rows), describe)

    def _told(self, kind: str, group: Logins, witness: Witness) -> dict[str, Any]:
        """Say who, where, and with what ending."""
        auth, row = self.auth, int(group.row[0])
        clients, names = (uniques(codes[codes >= 0]) for codes in (group.client, group.identity))
        whose = kind != _OUTAGE
        says, column = _SAYS.get(kind, ("", ""))
        word = witness.name(column, int(auth.text(column).codes[row])) if column else None
        codes = auth.array("code")[group.row]
        endings, counts = np.unique(codes[codes != NULL], return_counts=True)
        facts = [
            many(len(group), "attempt") + (f" {says} {word or 'none'}" if says else ""),
            *([many(len(names), "identity")] if len(names) else []),
            *([many(len(clients), "address")] if len(clients) > 1 else []),
            *(f"{count:,} with {code}" for code, count in zip(endings.tolist(), counts.tolist(), strict=True)),
        ]
        server = (
            witness.name("server_ip", int(auth.text("server_ip").codes[row])),
            int(auth.array("server_port")[row]),
        )
        return {
            "evidence": ", ".join(facts) + ("" if whose else self._recovery(group)),
            "client": witness.name("client_ip", int(clients[0])) if whose and len(clients) == 1 else None,
            "identity": witness.name("identity", int(names[0])) if whose and len(names) == 1 else None,
            "server": server_name(*server) if len(uniques(self.server[group.row])) == 1 else None,
        }

    def _recovery(self, group: Logins) -> str:
        """Say whether anyone got in at this server during the outage, and afterwards."""
        started = self.auth.array("started")
        here = self.succeeded & (self.server == self.server[group.row[0]]) & (started >= group.time[0])
        later = int((here & (started > group.time[-1])).sum())
        during = int(here.sum()) - later
        return f"; {during:,} got in meanwhile, {later:,} afterwards"
