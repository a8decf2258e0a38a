"""Attacks, each with a neighbour that is none: just below the threshold, or the innocent look-alike."""

from __future__ import annotations

import numpy as np
import pytest

from tests.guesses import DAY, HOUR, MINUTE, ended, found, kinds, refused, succeeded

EVIL = "203.0.113.66"


def brute(count, step, client=EVIL, *, secret=1):
    """One client, one identity, a new secret each time."""
    return [refused(client, "alice", secret + n, n * step) for n in range(count)]


@pytest.mark.parametrize(
    ("attempts", "kind"),
    [
        (brute(10, 60), "brute_force"),
        (brute(9, 60), None),
        (brute(10, 70), None),  # nine in any ten minutes
        (brute(30, 40 * MINUTE), "brute_force"),  # slow: 30 in a day
        (brute(29, 40 * MINUTE), None),
        (brute(30, HOUR), None),  # 25 in any day
        ([refused(EVIL, "alice", 1, n) for n in range(5)], None),  # the same secret again and again is one guess
        ([refused(EVIL, f"u{n % 3}", n, n) for n in range(10)], "guessing"),
        ([refused(EVIL, f"u{n % 3}", n, n) for n in range(9)], None),
        ([refused(EVIL, None, None, n) for n in range(10)], "guessing"),  # a log without names
        ([refused(EVIL, f"u{n}", 7, n * DAY) for n in range(10)], "spraying"),  # a name a day
        ([refused(EVIL, f"u{n}", 7, n * DAY) for n in range(9)], None),
        ([refused(EVIL, f"u{n}", n // 3, n * DAY) for n in range(12)], "spraying"),
        ([refused(EVIL, f"u{n}", n // 2, n * DAY) for n in range(12)], None),  # two names a secret: an office
        ([refused(f"10.{n}.0.1", f"u{n}", 7, n * DAY) for n in range(10)], "spraying"),  # one secret, many clients
        ([refused(f"10.{n}.0.1", f"u{n}", 7, n * DAY) for n in range(9)], None),
        ([refused(EVIL, f"u{n}", None, n * DAY) for n in range(10)], "spraying"),  # secrets not seen
        ([refused(f"10.{n}.0.1", "alice", n, n * DAY) for n in range(10)], "distributed_guessing"),
        ([refused(f"10.{n}.0.1", "alice", n, n * DAY) for n in range(9)], None),
        ([refused(f"10.{n}.0.1", "alice", None, n * DAY) for n in range(10)], "distributed_guessing"),
        ([ended(EVIL, "client_closed", None, n) for n in range(10)], "auth_scanner"),
        ([ended(EVIL, "client_closed", None, n) for n in range(9)], None),
        ([ended(EVIL, "client_closed", None, n, identity="alice") for n in range(10)], None),
    ],
)
def test_attack(attempts, kind):
    """What reaches a threshold is told, what stays just below it is not."""
    assert kinds(attempts) == ([kind] if kind else [])


def test_who_when_how_many():
    """A finding says who, how many, from when to when, and where to look first."""
    (row,) = found(brute(20, 30))

    assert (row["client"], row["identity"], row["count"]) == (EVIL, "alice", 20)
    assert row["last"] - row["at"] == 19 * 30 * 10**9
    assert row["places"].split("; ") == [f"mail.pcap frame {30 * n}" for n in range(5)]
    assert row["evidence"] == "20 guesses with 20 secrets at 1 identity"
    assert (row["severity"], row["confidence"], row["advice"]) == ("medium", 0.95, f"keep {EVIL} out")


def test_unknown_secrets_are_less_sure():
    """Where secrets are not seen the finding says so, and is less sure."""
    (row,) = found([refused(EVIL, f"u{n % 3}", None, n) for n in range(20)])

    assert row["confidence"] == 0.6
    assert row["evidence"].endswith("; the secrets are not seen, so some may repeat one")


def test_one_network_is_one_finding():
    """Several attackers of a network that do the same are one finding; networks are /24 and /64."""
    of_4 = [row for host in (1, 2, 9) for row in brute(12, 5, f"203.0.113.{host}", secret=100 * host)]
    of_6 = [row for host in (1, 2) for row in brute(12, 5, f"2001:db8::{host}:1", secret=100 * host)]
    other = brute(12, 5, "198.51.100.1")

    by_client = {row["client"]: row["evidence"] for row in found([*of_4, *of_6, *other])}
    assert by_client == {
        "203.0.113.0/24": "36 guesses with 36 secrets at 1 identity from 3 addresses",
        "2001:db8::/64": "24 guesses with 24 secrets at 1 identity",  # one client, however many addresses it uses
        "198.51.100.1": "12 guesses with 12 secrets at 1 identity",
    }


def test_the_addresses_of_a_subscriber():
    """Who takes another IPv6 address of a /64 for each guess is one client; an only address is shown as it is."""
    (row,) = found(refused(f"2001:db8:0:7::{n:x}", f"u{n % 5}", n, n) for n in range(12))
    assert (row["kind"], row["client"]) == ("guessing", "2001:db8:0:7::/64")

    (row,) = found([*brute(12, 5, "2001:db8:0:7::1"), refused("2001:db8:0:8::1", "bob", 1, 1)])
    assert (row["kind"], row["client"]) == ("brute_force", "2001:db8:0:7::1")
    assert kinds(refused(f"2001:db8:{n:x}::1", f"u{n % 5}", n, n) for n in range(12)) == []


def test_many_brute_forcers_of_one_account():
    """Ten networks that each guess fast at one identity are one distributed attack, nine are nine of their own."""
    many = [row for n in range(10) for row in brute(12, 5, f"10.0.{n}.1", secret=100 * n)]
    (row,) = found(many)

    assert (row["kind"], row["identity"], row["count"]) == ("distributed_guessing", "alice", 120)
    assert row["evidence"] == "120 guesses with 120 secrets from 10 addresses in 10 networks, at most 12 from one"
    assert kinds(many[:-12]) == ["brute_force"] * 9


def test_equal_counts_come_by_name():
    """Of identities that are guessed at equally often the first by name are told, in whatever order they came."""
    names = ["root", "mary", "alice", "bob", "carol", "dave", "eve", "frank", "grace", "heidi", "ivan"]
    crowd = [refused(f"10.{n}.{k}.1", name, 100 * k + n, n + k) for k, name in enumerate(names) for n in range(10)]
    for seed in range(3):
        (row,) = found(crowd, np.random.default_rng(seed))
        assert "most at alice (10), bob (10), carol (10), from" in row["evidence"]


def test_a_crowd_with_a_list():
    """Crowds that guess at ten identities are ten findings; at more it is one crowd with a list, and one finding."""

    def crowd(names):
        return [
            refused(f"10.{n}.{k}.1", f"u{k:02}", 100 * k + n, n + k) for k in range(names) for n in range(10 + k % 2)
        ]

    assert [row["identity"] for row in found(crowd(10))][:6] == ["u01", "u03", "u05", "u07", "u09", "u00"]
    (row,) = found(crowd(11))
    assert (row["count"], row["identity"]) == (115, None)
    assert row["evidence"] == (
        "115 guesses with 115 secrets at 11 identities, most at u01 (11), u03 (11), u05 (11), from 115 addresses in "
        "115 networks, at most 1 from one"
    )


def test_many_attackers_are_few_rows():
    """Of a kind the largest twenty have rows, and one row tells of all the others."""
    many = [
        {**row, "identity": f"u{n % 8}"}
        for n in range(40)
        for row in brute(10 + (n < 20), 5, f"10.0.{n}.1", secret=100 * n)
    ]

    rows = found(many)
    assert len(rows) == 21
    assert sum(row["count"] for row in rows) == len(many)
    assert [row["evidence"] for row in rows if row["client"] is None] == [
        "20 more findings of this kind, with 200 attempts"
    ]


def test_all_who_got_in_have_a_row():
    """Who got in has a row, however many did: only the attackers are summed up."""
    guesses = [row for n in range(60) for row in brute(10, 5, f"10.0.{n}.1", secret=100 * n)]
    many = [{**row, "identity": f"u{n // 10 % 8}"} for n, row in enumerate(guesses)]
    rows = found([*many, *(succeeded(f"10.0.{n}.1", f"u{n % 8}", 600) for n in range(60))])
    entries = [row for row in rows if row["kind"] == "break_in"]

    assert len(entries) == len({(row["client"], row["identity"]) for row in entries}) == 60
    assert [row["kind"] for row in rows if "more findings" in row["evidence"]] == ["brute_force"]


def test_an_office_with_typing_errors():
    """Many people behind one address who mistype, and then get in, are no attack, secrets seen or not."""
    office = [
        row
        for n in range(60)
        for row in (
            refused("192.0.2.1", f"u{n}", 2 * n, 10 * n),
            refused("192.0.2.1", f"u{n}", 2 * n + 1, 10 * n + 3),
            succeeded("192.0.2.1", f"u{n}", 10 * n + 6),
        )
    ]
    blind = [{**row, "secret_group": None} for row in office]
    nameless = [{**row, "identity": None} if row["outcome"] == "rejected" else row for row in blind]

    assert kinds(office) == kinds(blind) == kinds(nameless) == []


def test_several_mechanisms_are_one_try():
    """A mail program that offers a wrong password to four mechanisms has tried once; a new secret is a new try."""
    names = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")

    def tries(count, secrets):
        return [
            refused(EVIL, "alice", secrets(n) if name in ("PLAIN", "LOGIN") else None, 100 * n + k / 10,
                    mechanism=name, attempt=k + 1, client_port=5000 + n)
            for n in range(count) for k, name in enumerate(names)
        ]  # fmt: skip

    assert kinds(tries(9, lambda n: n), guess_minutes=60) == []
    assert kinds(tries(10, lambda n: n), guess_minutes=60) == ["brute_force"]
    assert kinds(tries(5, lambda _: 1)) == []


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_what_is_unknown_joins_no_two(names):
    """Two names, or two secrets, are two tries, also where a mechanism between them shows neither."""
    known = dict(zip("ab", (("alice", 1), ("bob", 2)), strict=True))
    (name, secret), (other, its) = (known[each] for each in names)
    tries = [
        refused(EVIL, *what, 100 * n + k, mechanism=mechanism, attempt=k + 1, client_port=5000 + n)
        for n in range(5)
        for k, (what, mechanism) in enumerate(
            [((name, secret + 10 * n), "LOGIN"), ((None, None), "NTLM"), ((other, its + 10 * n), "PLAIN")]
        )
    ]
    (row,) = found(tries)
    assert (row["kind"], row["count"]) == ("guessing", 10)
    assert row["evidence"] == "10 guesses with 10 secrets at 2 identities"


def test_one_connection_many_guesses():
    """Guesses over one connection count each, though none is the first attempt of its connection."""
    hydra = [refused(EVIL, "alice", n, n / 10, attempt=n + 1, client_port=5000) for n in range(12)]

    assert kinds(hydra) == ["brute_force"]


def test_what_several_sources_tell_counts_once():
    """A log and a capture that tell of the same attempts do not make an attack of half of one."""
    logged = {"evidence": "logged", "rounds_known": "unknown", "rounds": None, "source": "mail.log"}
    told = brute(6, 5)

    assert kinds([*told, *({**row, **logged} for row in told)]) == []


def test_order_does_not_matter():
    """The findings are the same in whatever order rows come, also where times are equal."""
    attempts = [
        *brute(40, 5),
        *(refused(f"10.{n % 25}.0.1", "bob", n, n // 4) for n in range(60)),
        *(refused(f"198.51.100.{n % 3}", f"u{n}", 7, n // 2) for n in range(40)),
        succeeded(EVIL, "alice", 300),
    ]

    expected = found(attempts)
    assert {row["kind"] for row in expected} >= {"brute_force", "distributed_guessing", "spraying", "break_in"}
    for seed in range(5):
        assert found(attempts, np.random.default_rng(seed)) == expected


def test_without_time_or_client():
    """Attempts of which nobody knows when or from where do no harm, and are no attack of a client."""
    timeless = [{**refused(EVIL, "alice", n, 0), "started": None} for n in range(40)]
    nowhere = [refused(None, "alice", n, n) for n in range(40)]

    assert kinds([*timeless, *nowhere]) == []
