"""Which findings are about what conditions keep: findings are those of the whole input."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp.findings import server_name
from analyzer.tables import among

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]


def about_kept(findings: Table, names: Array, parties: Mapping[str, set[str]], since: int, until: int) -> Array:
    """Say which findings are about what is kept: one of a single session follows it, others name whom they concern."""
    if not len(names) and not any(parties.values()):
        return np.zeros(len(findings), bool)
    alone = (findings.array("count") <= 1) & findings.ids("session").known()
    first, last = findings.array("at"), findings.array("last")
    asked = ((last >= since) | (last == NULL)) & ((first < until) | (first == NULL))
    for name, kept in parties.items():
        column = findings.text(name)
        inside = _holder(kept) if name == "client" else frozenset[str]().__contains__
        asked &= np.array([*(word in kept or inside(word) for word in column.words), True], bool)[column.codes]
    concerned: Array = np.where(alone, among(findings.ids("session").numbers, names), asked)
    return concerned


def parties_of(tables: Mapping[str, Table], attempts: Table, sessions: Table) -> dict[str, set[str]]:
    """Name who is among what is kept; what another source tells of the same events is known of them, too."""
    auth = tables["auth"].take(_same_events(tables["auth"], attempts))
    sessions = tables["sessions"].take(_same_events(tables["sessions"], sessions))
    return {
        "client": {*auth.text("client_ip").counts(), *sessions.text("client_ip").counts()},
        "server": _servers(auth) | _servers(sessions),
        "identity": {*auth.text("identity").counts()},
    }


def _same_events(table: Table, kept: Table) -> Array:
    return among(table.ids("event").keys(), kept.ids("event").keys())


def _servers(table: Table) -> set[str]:
    host, port = table.text("server_ip"), table.array("server_port")
    known = host.codes >= 0
    met = np.unique(np.stack((host.codes[known], port[known])), axis=1)
    return {server_name(host.words[code], number) or "" for code, number in met.T.tolist()}


def _holder(clients: set[str]) -> Callable[[str], bool]:
    """Give what says whether a word is a network that some client is in; a log may name hosts instead."""
    known: dict[int, list[int]] = {}

    def holds(word: str) -> bool:
        if "/" not in word:
            return False
        if not known:  # addresses are read where a finding names a network
            known.update({4: [], 6: []})
            for address in filter(None, map(address_of, clients)):
                known[address.version].append(int(address))
            for numbers in known.values():
                numbers.sort()
        try:
            network = ipaddress.ip_network(word)
        except ValueError:
            return False
        numbers = known[network.version]
        at = bisect_left(numbers, int(network.network_address))
        return at < len(numbers) and numbers[at] <= int(network.broadcast_address)

    return holds


def address_of(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; None for what is none: a log may name a host instead."""
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        return None
