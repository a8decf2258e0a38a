"""A quiet week: people who mistype, mail programs that try several mechanisms, and nothing to worry about."""

from __future__ import annotations

import io
import random
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import analyzer
from analyzer.findings.find import find
from analyzer.findings.thresholds import Thresholds
from analyzer.schema import NULL
from analyzer.tables import Table, Text
from tests.dialogue import to_events
from tests.frames import to_packets, to_pcap
from tests.guesses import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.trace import Trace

OFFER = "S: 250-mx.example.test\nS+ 250-STARTTLS\nS+ 250 AUTH SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN\n"
REFUSAL = "S: 535 5.7.8 Error: authentication failed\n"
ACCEPTED = "S: 235 2.7.0 ok\n"


def plain(name: str, secret: str) -> str:
    return f"C: AUTH PLAIN {{plain:|{name}@example.test|{secret}}}\n"


def login(name: str, secret: str) -> str:
    asked = f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {{b64:{name}@example.test}}\nS: 334 UGFzc3dvcmQ6\n"
    return f"{asked}C: {{b64:{secret}}}\n"


def cram(name: str, _: str) -> str:
    return f"C: AUTH CRAM-MD5\nS: 334 {{b64:<1.2@mx.example.test>}}\nC: {{b64:{name}@example.test {'0' * 32}}}\n"


def sessions(chance: random.Random) -> Iterator[str]:
    """Give the logins of a week: an office of 40 people behind one address, and 15 at home."""
    for number in range(500):
        person = chance.randrange(55)
        address = "192.0.2.1" if person < 40 else f"10.51.{person}.{chance.randrange(1, 4)}"
        name, port = f"user{person}", 20000 + number
        ways = (plain, login, cram)
        talk = f"-- time +{chance.expovariate(500 / 604800):.1f}\n-- connect {address}:{port}\n"
        talk += f"S: 220 mx.example.test ESMTP\nC: EHLO pc.example.test\n{OFFER}"
        for typo in range(chance.choice((0, 0, 0, 0, 0, 1, 1, 2, 3))):
            tried = ways if chance.random() < 0.3 else [chance.choice(ways)]
            talk += "".join(way(name, f"Canary-typo-{number}-{typo}") + REFUSAL for way in tried)
        yield talk + chance.choice(ways)(name, f"Canary-{name}") + ACCEPTED + "C: QUIT\nS: 221 2.0.0 Bye\n"


@cache
def week() -> Trace:
    text = "# A quiet week\n# Typing errors, and nothing else.\n\n" + "".join(sessions(random.Random(7)))
    return analyzer.read(io.BytesIO(to_pcap(to_packets(to_events(text)), nanosecond=True)))


def test_a_quiet_week_has_nothing_above_info() -> None:
    """A week of normal mail with typing errors has facts to know, and no finding above info."""
    outcomes = week().auth.groupby("outcome").size()

    assert outcomes["succeeded"] == 500
    assert outcomes["rejected"] > 350
    assert {(row["severity"], row["kind"]) for row in rows_of(week().tables["findings"])} == {
        ("info", "auth_in_clear"), ("info", "auth_offered_in_clear"), ("info", "weak_mechanism"),
    }  # fmt: skip


def test_nor_where_secrets_and_names_are_not_seen() -> None:
    """The same week as a log tells it: without secrets, without TLS, and without the names of those refused."""
    auth = week().tables["auth"]
    outcome, identity = auth.text("outcome"), auth.text("identity")
    refused = outcome.mask([word != "succeeded" for word in outcome.words])
    blind = auth.columns | {
        "secret_group": np.full(len(auth), NULL),
        "tls": Text.of([None] * len(auth)),
        "client_port": np.full(len(auth), NULL),
    }
    nameless = blind | {"identity": Text(np.where(refused, -1, identity.codes), identity.words)}
    for columns in (blind, nameless):
        tables = {**week().tables, "auth": Table("auth", columns), "findings": Table.empty("findings")}
        assert rows_of(find(tables, Thresholds())) == []


def test_one_guesser_in_the_quiet_week() -> None:
    """A guesser behind the office's own address is found among its people, and none of them is taken for a victim."""
    guesses = [
        f"-- connect 192.0.2.1:{6000 + n}\n-- time +20.0\nS: 220 mx.example.test ESMTP\n"
        f"{plain('boss', f'Canary-{n}')}{REFUSAL}C: QUIT\nS: 221 Bye\n"
        for n in range(12)
    ]
    text = "# A guesser\n# Twelve guesses.\n\n" + "".join([*guesses, *sessions(random.Random(7))])
    trace = analyzer.read(io.BytesIO(to_pcap(to_packets(to_events(text)), nanosecond=True)))

    (row,) = (row for row in rows_of(trace.tables["findings"]) if row["severity"] != "info")
    assert (row["kind"], row["client"], row["count"]) == ("brute_force", "192.0.2.1", 12)
