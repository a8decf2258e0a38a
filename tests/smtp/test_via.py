"""Tests of `analyzer.smtp.via`: the place that a proxy's opening names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.recognise import VIAS
from analyzer.smtp.via import via_text

V4 = bytes.fromhex("c0000219")
V6 = bytes.fromhex("20010db8000000000000000000000019")


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("socks4", b"\0\x19" + V4 + b"me", "socks4 192.0.2.25:25"),
        ("socks4", b"\0\x19\0\0\0\x01me\0mx.example.test", "socks4 mx.example.test:25"),
        ("socks4", b"\0\x19\0\0\0\x01me", "socks4 0.0.0.1:25"),
        ("socks4", b"\0", "socks4"),
        ("socks5", b"\1" + V4 + b"\2\x4b", "socks5 192.0.2.25:587"),
        ("socks5", b"\4" + V6 + b"\0\x19", "socks5 [2001:db8::19]:25"),
        ("socks5", b"\3\x0fmx.example.test\0\x19", "socks5 mx.example.test:25"),
        ("socks5", b"\1\1", "socks5"),
        ("connect", b"mx.example.test:25", "connect mx.example.test:25"),
        ("connect", b"", "connect"),
        ("proxy-v1", b"TCP4 203.0.113.7 192.0.2.25 50000 25", "proxy-v1 203.0.113.7:50000"),
        ("proxy-v1", b"TCP6 2001:db8::7 2001:db8::19 50000 25", "proxy-v1 [2001:db8::7]:50000"),
        ("proxy-v1", b"UNKNOWN", "proxy-v1"),
        ("proxy-v2", b"\x21\x11\0\x0c" + V4 + V4 + b"\xc3\x50\0\x19", "proxy-v2 192.0.2.25:50000"),
        ("proxy-v2", b"\x21\x21\0\x24" + V6 + V6 + b"\xc3\x50\0\x19", "proxy-v2 [2001:db8::19]:50000"),
        ("proxy-v2", b"\x20\0\0\0", "proxy-v2"),
        ("proxy-v2", b"\x21\x11\0\4" + V4, "proxy-v2"),
    ],
)
def test_place(name: str, data: bytes, text: str) -> None:
    """The address or name, and the port, that an opening names; the protocol alone where it names none."""
    assert via_text(name, data) == text


@given(name=st.sampled_from(VIAS[1:]), data=st.binary(max_size=40))
def test_any_octets(name: str, data: bytes) -> None:
    """Odd octets never raise, and no control character comes out."""
    text = via_text(name, data)

    assert text.startswith(name)
    assert not {unicodedata.category(letter) for letter in text} & {"Cc", "Cs", "Zl", "Zp"}
