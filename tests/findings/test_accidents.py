"""Accidents that look like attacks, each with a neighbour that is none."""

from __future__ import annotations

import pytest

from tests.guesses import HOUR, ended, found, kinds, refused, succeeded

HOME = "192.0.2.7"


@pytest.mark.parametrize(
    ("attempts", "kind"),
    [
        ([refused(HOME, "alice", 1, n * HOUR) for n in range(6)], "stale_client"),
        ([refused(HOME, "alice", 1, n * HOUR) for n in range(5)], None),
        ([refused(f"10.{n}.0.1", "alice", 1, n * HOUR) for n in range(12)], "stale_client"),  # a phone on the way
        ([refused(HOME, "alice", None, n * HOUR) for n in range(40)], "stale_client"),  # by its timer
        ([refused(HOME, "alice", None, n**1.5 * 120) for n in range(40)], "brute_force"),  # ever slower: no timer
        ([ended(HOME, "temporary_failure", "backend_down", n * 60, code=454) for n in range(3)], "backend_outage"),
        ([ended(HOME, "temporary_failure", "backend_down", n * 60, code=454) for n in range(2)], None),
        ([ended(HOME, "temporary_failure", "backend_down", n * HOUR, code=454) for n in range(30)], None),
        ([ended(HOME, "mechanism_unavailable", "mechanism_unavailable", n) for n in range(5)], "mechanism_mismatch"),
        ([ended(HOME, "mechanism_unavailable", "mechanism_unavailable", n) for n in range(4)], None),
        ([ended(HOME, "encryption_required", "tls_required", n) for n in range(5)], "tls_required"),
        ([ended(HOME, "encryption_required", "tls_required", n) for n in range(4)], None),
        ([ended(HOME, "malformed", "bad_base64", n) for n in range(5)], "misconfigured_client"),
        ([ended(HOME, "malformed", "bad_base64", n) for n in range(4)], None),
        ([refused(HOME, "alice", n, n, reason="oauth_token_invalid") for n in range(20)], "misconfigured_client"),
        ([refused("192.0.2.25", "mx", 1, n * HOUR, role="client") for n in range(3)], "relay_refused"),
        ([refused("192.0.2.25", "mx", 1, n * HOUR, role="client") for n in range(2)], None),
    ],
)
def test_accident(attempts, kind):
    """What reaches a threshold is told, what stays just below it is not."""
    assert kinds(attempts) == ([kind] if kind else [])


@pytest.mark.parametrize("reason", ["mechanism_unavailable", "tls_required", "bad_base64"])
def test_who_gets_in_has_no_fault(reason):
    """A mail program that falls back to another mechanism, or switches on TLS, and gets in is in order."""
    faults = [ended(HOME, "malformed", reason, 10 * n) for n in range(8)]

    assert kinds(faults) != []
    assert kinds([*faults, *(succeeded(HOME, "alice", 10 * n + 1) for n in range(8))]) == []


def test_an_old_password():
    """A password that worked before and is repeated since is an old one; how sure that is depends on what is seen."""
    old = [refused(HOME, "alice", 1, n * HOUR) for n in range(1, 41)]
    (seen,) = found(old)
    (sure,) = found([succeeded(HOME, "alice", 0), *old])
    (blind,) = found([succeeded(HOME, "alice", 0), *({**row, "secret_group": None} for row in old)])

    assert seen["evidence"] == "one secret refused 40 times, about every 60 minutes"
    assert sure["evidence"] == "one secret refused 40 times, about every 60 minutes, after it had logged in before"
    assert blind["evidence"].endswith("; the secrets are not seen, a patient guesser looks alike")
    assert blind["confidence"] < seen["confidence"] < sure["confidence"]


def test_an_outage_tells_of_its_end():
    """An outage says how many got in meanwhile and afterwards, and is one of one server."""
    down = [ended(f"10.0.{n}.1", "temporary_failure", "backend_down", 10 * n, code=454) for n in range(12)]
    others = [
        succeeded(HOME, "alice", 15),
        succeeded(HOME, "alice", 500),
        succeeded(HOME, "bob", 501, server_port=587),
    ]
    (row,) = found([*down, *others])

    assert (row["server"], row["count"]) == ("127.0.0.1:2525", 12)
    assert row["evidence"] == "12 attempts, 12 addresses, 12 with 454; 1 got in meanwhile, 1 afterwards"


def test_faults_are_named():
    """What clients have in common is named: the mechanism, the reason, the codes, and the server where it is one."""
    wrong = [ended(HOME, "malformed", "bad_base64", n, code=501, server_port=25 + 562 * (n % 2)) for n in range(6)]
    other = [ended(f"10.0.{n}.1", "mechanism_unavailable", "mechanism_unavailable", n, code=504, mechanism="NTLM")
             for n in range(6)]  # fmt: skip
    told = {row["kind"]: row for row in found([*wrong, *other])}

    assert told["misconfigured_client"]["evidence"] == "6 attempts that end with bad_base64, 6 with 501"
    assert (told["misconfigured_client"]["client"], told["misconfigured_client"]["server"]) == (HOME, None)
    assert told["mechanism_mismatch"]["evidence"] == "6 attempts with NTLM, 6 addresses, 6 with 504"
    assert told["mechanism_mismatch"]["server"] == "127.0.0.1:2525"


def test_attackers_have_no_old_passwords():
    """A word list that five attackers go through alike is no stored password of anybody."""
    attack = [refused(f"203.0.113.{n}", "alice", k, 10 * k) for n in range(5) for k in range(20)]
    attack += [refused(f"203.0.{n}.1", "alice", k, 10 * k) for n in range(5) for k in range(20)]

    assert kinds(attack) == ["distributed_guessing"]
