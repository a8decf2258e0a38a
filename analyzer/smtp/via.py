"""What a proxy in front of a session says of where it comes from or goes to."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from analyzer.smtp.encoding import printable

if TYPE_CHECKING:
    from collections.abc import Callable


def via_text(name: str, data: bytes) -> str:
    """Give the name of the proxy's protocol and the address that its opening names, where it can be read."""
    place = _READERS[name](data)
    return f"{name} {place}" if place else name


def _place(host: str, port: int | str) -> str:
    """Join host and port, an IPv6 address in brackets (RFC 5952 section 6)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(data: bytes, port: bytes) -> str:
    return _place(str(ipaddress.ip_address(data)), int.from_bytes(port))


def _socks4(data: bytes) -> str:
    """Port, address, user, and with version 4a a name."""
    if len(data) < 6:
        return ""
    name = data[6:].partition(b"\0")[2]
    if data[2:5] == b"\0\0\0" and name:
        return _place(printable(name), int.from_bytes(data[:2]))
    return _address(data[2:6], data[:2])


def _socks5(data: bytes) -> str:
    """Kind of address, address, port (RFC 1928 section 4)."""
    if data[:1] == b"\x03":
        return _place(printable(data[2:-2]), int.from_bytes(data[-2:]))
    return _address(data[1:-2], data[-2:]) if len(data) in (7, 19) else ""


def _proxy_1(data: bytes) -> str:
    """Family, source address, destination address, source port, destination port (PROXY protocol, section 2.1)."""
    words = printable(data).split()
    return _place(words[1], words[3]) if len(words) == 5 else ""


def _proxy_2(data: bytes) -> str:
    """Version and command, family, length, addresses, ports (PROXY protocol, section 2.2)."""
    size = {0x10: 4, 0x20: 16}.get(data[1] & 0xF0, 0) if len(data) > 1 else 0
    return _address(data[4 : 4 + size], data[4 + 2 * size : 6 + 2 * size]) if size and len(data) >= 8 + 2 * size else ""


_READERS: Final[dict[str, Callable[[bytes], str]]] = {
    "socks4": _socks4, "socks5": _socks5, "connect": printable, "proxy-v1": _proxy_1, "proxy-v2": _proxy_2,
}  # fmt: skip
