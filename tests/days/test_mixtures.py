"""Near misses and mixtures: what looks alike and is not, and what happens at the same time."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.guesses import DAY, HOUR, MINUTE, ended, found, refused, succeeded

OFFICE = "192.0.2.1"
EVIL, OTHER = "203.0.113.66", "198.18.4.5"


def blind(attempts):
    """Give what a log tells of attempts: no secrets."""
    return [{**each, "secret_group": None} for each in attempts]


def office(people=30, days=1):
    """Give the logins of people behind one address, every one three times a day."""
    return [
        succeeded(OFFICE, f"u{n}", day * DAY + turn * 4 * HOUR + 60 * n)
        for day in range(days)
        for turn in range(3)
        for n in range(people)
    ]


def brute(count=40, step=10.0, client=EVIL, name="alice", at=HOUR):
    return [refused(client, name, 5000 + n, at + n * step) for n in range(count)]


def sprayed(names=24, client=OTHER, at=0.0, secret=77):
    return [refused(client, f"s{n}", secret, at + n * HOUR) for n in range(names)]


def probe(make, *secret):
    """A monitoring system that logs in every minute of a day."""
    return [make("10.9.9.9", "probe", *secret, n * MINUTE) for n in range(1440)]


def stale(name, client, secret, *, step=600.0, count=40, at=0.0):
    return [refused(client, name, secret, at + n * step) for n in range(count)]


def reset_day(people=30):
    """After a reset of all passwords every program of the office repeats the old one, and some have the new one."""
    old = chain.from_iterable(stale(f"u{n}", OFFICE, 3000 + n, step=580 + 7 * n, at=11 * n) for n in range(people))
    return [*old, *(succeeded(OFFICE, f"v{n}", 900 * n) for n in range(35))]


def webmail(users=400, lost=40):
    """A web mail server logs in for its users; some of them give up after a few typing errors."""
    logins = [succeeded(OFFICE, f"u{n}", 200 * n + 1) for n in range(users)]
    return logins + [refused(OFFICE, f"x{n}", 100 * n + k, 2000 * n + 20 * k) for n in range(lost) for k in range(3)]


def asleep():
    """A laptop with an old password tries every ten minutes by day and sleeps by night."""
    return [each for day in range(4) for each in stale("alice", "10.1.1.1", 3000, at=day * DAY)]


def other_program():
    """A phone with an old password, and a laptop with the new one, behind the same address."""
    laptop = [succeeded("10.1.1.1", "alice", 1800 * n + 100) for n in range(13)]
    return stale("alice", "10.1.1.1", 3000) + laptop


def two_networks_of_one_house():
    """A dual-stack host that guesses over both of its families."""
    return brute(20, 10, "2001:db8:7:7::a") + brute(20, 10, EVIL)


CASES = {
    "an attack among people": ([*office(30, 7), *brute()], [("brute_force", EVIL)]),
    "two attacks at once": ([*office(), *brute(), *sprayed()], [("brute_force", EVIL), ("spraying", OTHER)]),
    "two attacks on one account": (
        [*brute(), *(refused(f"198.18.{n}.9", "alice", 7000 + n, 900 * n) for n in range(20))],
        [("brute_force", EVIL), ("distributed_guessing", None)],
    ),
    "an attack during an outage": (
        [
            *brute(),
            *(ended(OFFICE, "temporary_failure", "backend_down", HOUR + 30 * n, identity=f"u{n}") for n in range(30)),
        ],
        [("backend_outage", None), ("brute_force", EVIL)],
    ),
    "over IPv4 and IPv6": (two_networks_of_one_house(), [("brute_force", "2001:db8:7:7::a"), ("brute_force", EVIL)]),
    "a probe every minute": (probe(succeeded), []),
    "a probe with an old password": (probe(refused, 4000), [("stale_client", "10.9.9.9")]),
    "a relay, a thousand times a day": ([succeeded("10.8.8.8", "relay", 86 * n) for n in range(1000)], []),
    "a relay, once with an old password": (
        [succeeded("10.8.8.8", "relay", 86 * n) for n in range(500)]
        + [refused("10.8.8.8", "relay", 1, 43000 + 86 * n) for n in range(500)],
        [("stale_client", "10.8.8.8")],
    ),
    "a scanner among people": (
        [*office(), *(ended(OTHER, "client_closed", None, 3600 * n) for n in range(12))],
        [("auth_scanner", OTHER)],
    ),
    "old passwords after a reset": (reset_day(), [("stale_client", OFFICE)] * 20),
    "a web mail server": (webmail(), []),
    "a laptop that sleeps": (asleep(), [("stale_client", "10.1.1.1")]),
    "an old phone and a new laptop": (other_program(), [("stale_client", "10.1.1.1")]),
    "a list tried through a web mail server": (
        [*webmail(), *(refused(OFFICE, f"list{n}", 8000 + n, HOUR + 5 * n) for n in range(60))],
        [("guessing", OFFICE)],
    ),
    "a large web mail server in the morning": (
        [
            *(succeeded(OFFICE, f"u{n}", 3 * n) for n in range(2000)),
            *(refused(OFFICE, f"x{n}", 100 + n, 10 * n) for n in range(500)),
        ],
        [],
    ),
    "a guesser behind a web mail server": ([*webmail(), *brute(12, 20, OFFICE, "boss")], [("brute_force", OFFICE)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seen", [True, False], ids=["capture", "log"])
def test_mixture(name, seen):
    """What happens is found, and nobody else is accused, whether secrets are seen or not."""
    attempts, truth = CASES[name]
    rows = found(attempts if seen else blind(attempts))

    told = [
        (row["kind"], row["client"])
        for row in rows
        if row["severity"] != "info" and "more findings" not in row["evidence"]
    ]
    assert sorted(map(str, told)) == sorted(map(str, truth))
