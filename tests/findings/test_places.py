"""Addresses, the networks that they are in, and clients."""

from __future__ import annotations

import pytest

from analyzer.findings.places import as_clients, is_public, network
from analyzer.tables import Text


@pytest.mark.parametrize(
    ("address", "place", "public"),
    [
        ("192.0.2.7", "192.0.2.0/24", False),
        ("8.8.8.8", "8.8.8.0/24", True),
        ("10.1.2.3", "10.1.2.0/24", False),
        ("2606:4700::1111", "2606:4700::/64", True),
        ("2606:4700::/64", "2606:4700::/64", True),
        ("fe80::1%eth0", "fe80::/64", False),
        ("mail.example.test", "mail.example.test", False),
        ("1.2.3", "1.2.3", False),
        ("", "", False),
    ],
)
def test_network(address: str, place: str, *, public: bool) -> None:
    """IPv4 addresses are in a /24, those of IPv6 in a /64, and names of hosts stay what they are."""
    assert network(address) == place
    assert is_public(address) is public


def test_clients() -> None:
    """IPv6 addresses of one /64 are one client; all others, and what is unknown, stay."""
    addresses = [
        "2001:db8::1",
        "192.0.2.1",
        None,
        "2001:db8::2",
        "192.0.2.2",
        "2001:db8:1::1",
        "fe80::1%a",
        "fe80::2%a",
    ]

    assert as_clients(Text.of(addresses)).list() == [
        *("2001:db8::/64", "192.0.2.1", None, "2001:db8::/64"),
        *("192.0.2.2", "2001:db8:1::1", "fe80::1%a", "fe80::2%a"),
    ]
    assert as_clients(Text.of([])).list() == []
