"""Findings on how servers let clients log in, told by the attempts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.found import many, most_first
from analyzer.findings.keys import uniques
from analyzer.findings.logins import logins
from analyzer.findings.places import is_public, network
from analyzer.schema import NULL
from analyzer.smtp.findings import OPEN_MECHANISMS, server_name
from analyzer.tables import packed

if TYPE_CHECKING:
    from analyzer.findings.found import Found, Witness
    from analyzer.findings.logins import Logins

#: Mechanisms whose exchange lets who sees it try passwords offline.
_WEAK: Final = ("CRAM-MD5", "DIGEST-MD5", "NTLM")
#: Outcomes before which the server had heard the secret, where a log does not tell of it.
_HEARD: Final = ("succeeded", "rejected", "failed")


def protocol(witness: Witness) -> list[Found]:
    """Give a finding for each server with passwords in the clear, and for each outdated mechanism that is in use."""
    auth = witness.auth
    mechanism, outcome = auth.text("mechanism"), auth.text("outcome")
    server = packed(auth.text("server_ip").codes, auth.array("server_port"))
    clear, worked = auth.has("tls", "none"), auth.has("outcome", "succeeded")
    heard = (auth.array("secret_group") != NULL) | outcome.mask([word in _HEARD for word in outcome.words])
    sent = clear & heard & mechanism.mask([word in OPEN_MECHANISMS for word in mechanism.words])
    weak = clear & worked & mechanism.mask([word in _WEAK for word in mechanism.words])

    def describe(what: tuple[str, str], group: Logins) -> dict[str, Any]:
        row = int(group.row[0])
        names = mechanism.take(group.row).counts()
        counted = ", ".join(f"{count:,} {name}" for name, count in most_first(names))
        clients, identities = (uniques(codes[codes >= 0]) for codes in (group.client, group.identity))
        told = (("by", identities, "identity"), ("from", clients, "address"))  # a log may tell none of them
        whom = [f"{word} {many(len(codes), what)}" for word, codes, what in told if len(codes)]
        evidence = " ".join([f"{many(len(group), what[0])} {what[1]} ({counted})", *whom])
        # What a stranger guesses is no secret of anybody here.
        people = uniques(group.client[worked[group.row] & (group.client >= 0)])
        addresses = (str(witness.name("client_ip", code)) for code in people.tolist())
        public = any(map(is_public, {network(address): address for address in addresses}.values()))
        return {
            "evidence": evidence + (", and logins from public ones succeeded" if public else ""),
            "confidence": 1.0,
            "server": server_name(
                witness.name("server_ip", int(auth.text("server_ip").codes[row])), int(auth.array("server_port")[row])
            ),
            "severity": "medium" if public and names.keys() <= set(OPEN_MECHANISMS) else "info",
        }

    found = []
    for kind, what, mask, key in (
        ("auth_in_clear", ("attempt", "that sent a secret without TLS"), sent, server),
        ("weak_mechanism", ("login", "without TLS"), weak, packed(server, mechanism.codes)),
    ):
        found += witness.groups(kind, key[mask], logins(auth, np.flatnonzero(mask)), partial(describe, what))
    return found
