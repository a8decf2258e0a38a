"""Those who got in: behind guesses, or from everywhere."""

from __future__ import annotations

import pytest

from tests.guesses import HOUR, found, kinds, refused, succeeded

EVIL = "203.0.113.66"


def entries(attempts):
    return [(row["client"], row["identity"], row["severity"]) for row in found(attempts) if row["kind"] == "break_in"]


def test_the_last_guess_works():
    """A success right behind six different secrets of the same client and identity is told."""
    guesses = [refused(EVIL, "alice", n, n * HOUR) for n in range(6)]

    assert entries([*guesses, succeeded(EVIL, "alice", 7 * HOUR)]) == [(EVIL, "alice", "high")]
    assert entries([*guesses[1:], succeeded(EVIL, "alice", 7 * HOUR)]) == []
    assert entries([succeeded(EVIL, "alice", -1), *guesses, succeeded(EVIL, "alice", 7 * HOUR)]) == [
        (EVIL, "alice", "medium")  # who was in before has perhaps forgotten the password
    ]


def test_one_secret_repeated_is_no_guess():
    """An old password that is repeated a hundred times, and then corrected, is no break-in."""
    stale = [refused("192.0.2.7", "alice", 1, 60 * n) for n in range(100)]

    assert kinds([*stale, succeeded("192.0.2.7", "alice", 7000)]) == ["stale_client"]


def test_an_attacker_gets_in():
    """Who guesses and gets in, with a name or a secret that failed before, has broken in; with another one perhaps."""
    guesses = [refused(EVIL, f"u{n}", n, n) for n in range(20)]

    assert entries([*guesses, succeeded(EVIL, "u3", 30)]) == [(EVIL, "u3", "high")]
    assert entries([*guesses, succeeded(EVIL, "bob", 30, secret_group=3)]) == [(EVIL, "bob", "high")]
    assert entries([*guesses, succeeded(EVIL, "bob", 30)]) == [(EVIL, "bob", "medium")]
    assert entries([*guesses, *(succeeded(EVIL, f"v{n}", 30 + n) for n in range(11))]) == []  # people live there
    assert entries([succeeded(EVIL, "u3", -30), *guesses, succeeded(EVIL, "u3", 30)]) == []
    assert entries([succeeded(EVIL, "bob", -30), *guesses, succeeded(EVIL, "bob", 30)]) == []
    assert entries([*guesses, succeeded("192.0.2.7", "bob", 30)]) == []


def test_one_of_many_addresses_gets_in():
    """Behind a distributed attack a success from one of its addresses is told, with less confidence."""
    guesses = [refused(f"10.{n}.0.1", "alice", n, n) for n in range(12)]
    (row,) = (row for row in found([*guesses, succeeded("10.3.0.1", "alice", 60)]) if row["kind"] == "break_in")

    assert (row["severity"], row["confidence"], row["client"]) == ("medium", 0.5, "10.3.0.1")
    assert entries([*guesses, succeeded("192.0.2.7", "alice", 60)]) == []


def test_counts_before_the_success_alone():
    """Only what came before the success is said to have come before it."""
    before = [refused(EVIL, "alice", n, n) for n in range(15)]
    after = [refused(EVIL, "alice", 50 + n, 100 + n) for n in range(15)]
    (row,) = (row for row in found([*before, *after, succeeded(EVIL, "alice", 50)]) if row["kind"] == "break_in")

    assert row["evidence"] == "got in after 15 guesses by this client, 15 at this identity"


def test_nobody_knows_as_whom():
    """Where the identity of a success is not known, nothing is said of the guesses at it."""
    guesses = [refused(EVIL, f"u{n}", n, n) for n in range(40)]
    (row,) = (row for row in found([*guesses, succeeded(EVIL, None, 50)]) if row["kind"] == "break_in")

    assert row["evidence"] == "got in after 40 guesses by this client"


@pytest.mark.parametrize(
    ("addresses", "minutes", "told"),
    [(5, 12, True), (4, 12, False), (5, 16, False), (12, 16, False)],
)
def test_many_networks(addresses, minutes, *, told):
    """Five networks within an hour are told; four, or five in more than an hour, are a person on the way."""
    logins = [succeeded(f"10.0.{n}.1", "alice", n * minutes * 60) for n in range(addresses)]

    assert kinds(logins) == (["many_networks"] if told else [])


def test_addresses_of_one_network():
    """Twenty addresses of one network are one place, also of IPv6."""
    assert kinds([succeeded(f"10.0.0.{n}", "alice", n) for n in range(20)]) == []
    assert kinds([succeeded(f"2001:db8::{n}", "alice", n) for n in range(20)]) == []
    assert kinds([succeeded(f"2001:db8:0:{n}::1", "alice", n) for n in range(20)]) == ["many_networks"]
