"""Where clients are: which addresses are one client, and which networks they are in."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.tables import Text

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: Octets of an IPv6 address that name the network (RFC 4291 section 2.5.4): whoever has one has all its addresses.
_PREFIX = 8


def network(address: str) -> str:
    """Give the network that an address is in: /24 of IPv4, /64 of IPv6; of a name, the name."""
    head, _, tail = address.rpartition(".")
    if ":" not in address and head.count(".") == 2 and tail.isdecimal():
        return f"{head}.0/24"
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:  # a log may name a host; a network is given as it is
        return address


def is_public(address: str) -> bool:
    """Say whether an address is one of the Internet: what it sends crosses networks of others."""
    try:
        return ipaddress.ip_address(address.partition("/")[0]).is_global
    except ValueError:
        return False


def as_clients(addresses: Text) -> Text:
    """Make one client of the IPv6 addresses of a /64, which is as many as its owner likes to use (RFC 8981)."""
    members: dict[bytes, list[int]] = {}
    for code, word in enumerate(addresses.words):
        if ":" in word:
            members.setdefault(_prefix(word), []).append(code)
    words, codes = list(addresses.words), np.arange(len(addresses.words) + 1, dtype=np.int32)
    codes[-1] = -1
    for prefix, same in members.items():
        if prefix and len(same) > 1:
            words[same[0]] = network(words[same[0]])
            codes[same] = same[0]
    return Text(codes[addresses.codes], words)


def _prefix(word: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6, word)[:_PREFIX]
    except OSError:  # with a zone, for one
        return b""
