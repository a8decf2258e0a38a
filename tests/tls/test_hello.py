"""Tests of `analyzer.tls.hello`: server name and version from the first records of TLS."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tls.hello import CLIENT_HELLO, SERVER_HELLO, Hello, hello
from tests.dialogue import expand

CLIENT = expand("{hello:mx.example.test}")


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">HH", kind, len(data)) + data


def message(kind: int, body: bytes, *, record: int = 0x0301, sizes: tuple[int, ...] = ()) -> bytes:
    """Make a handshake message, cut into records of the sizes, the rest in one."""
    data, out = bytes([kind]) + len(body).to_bytes(3, "big") + body, b""
    for size in (*sizes, len(data)):
        piece, data = data[:size], data[size:]
        out += struct.pack(">BHH", 22, record, len(piece)) + piece
    return out


def server(version: int, *extensions: bytes, session: bytes = b"") -> bytes:
    tail = b"".join(extensions)
    body = struct.pack(">H", version) + bytes(32) + bytes([len(session)]) + session + b"\x13\x01\0"
    return message(SERVER_HELLO, body + (struct.pack(">H", len(tail)) + tail if tail else b""))


def client(version: int, *extensions: bytes) -> bytes:
    tail = b"".join(extensions)
    body = struct.pack(">H", version) + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    return message(CLIENT_HELLO, body + (struct.pack(">H", len(tail)) + tail if tail else b""))


@pytest.mark.parametrize(
    ("data", "version", "name"),
    [
        (client(0x0303), "TLS 1.2", None),
        (client(0x0301), "TLS 1.0", None),
        (client(0x0303, extension(43, b"\x04\x03\x04\x03\x03")), "TLS 1.3", None),
        (client(0x0303, extension(43, b"\x04\x0a\x0a\x03\x03")), "TLS 1.2", None),
        (client(0x0303, extension(0, b"\0\7\0\0\4a.bc")), "TLS 1.2", "a.bc"),
        (client(0x0303, extension(10, b"\0\2\0\x17"), extension(0, b"\0\7\0\0\4a.bc")), "TLS 1.2", "a.bc"),
        (client(0x0399), None, None),
    ],
)
def test_client_hello(data: bytes, version: str | None, name: str | None) -> None:
    """A client's hello gives the highest version that it offers, GREASE (RFC 8701) left out, and the server's name."""
    assert hello(data) == Hello(CLIENT_HELLO, version, name)


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (server(0x0303), "TLS 1.2"),
        (server(0x0302, session=bytes(32)), "TLS 1.1"),
        (server(0x0303, extension(43, b"\x03\x04"), session=bytes(32)), "TLS 1.3"),
        (server(0x0300), "SSL 3.0"),
    ],
)
def test_server_hello(data: bytes, version: str) -> None:
    """A server's hello gives the version that it chose."""
    assert hello(data) == Hello(SERVER_HELLO, version, None)


def test_hello_in_many_records() -> None:
    """A hello may be cut into records anywhere (RFC 8446 section 5.1)."""
    body = CLIENT[9:]
    for first in range(1, len(body)):
        assert hello(message(CLIENT_HELLO, body, sizes=(first, 3))) == hello(CLIENT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"EHLO x\r\n",
        CLIENT[:8],
        b"\x17" + CLIENT[1:],
        b"\x16\x02" + CLIENT[2:],
        message(11, b"certificate"),
        expand("{tls:23:60}"),
    ],
)
def test_no_hello(data: bytes) -> None:
    """What is no handshake, or another message of it, gives nothing."""
    assert hello(data) is None


def test_hello_cut_short() -> None:
    """Of a hello that was not captured to its end, no half of a name and no other version is told."""
    whole = Hello(CLIENT_HELLO, "TLS 1.3", "mx.example.test")
    told = {hello(CLIENT[:size]) for size in range(len(CLIENT) + 1)}

    assert told == {None, whole, whole._replace(version=None), whole._replace(version=None, server_name=None)}


@given(data=st.binary(max_size=80))
def test_any_octets(data: bytes) -> None:
    """Odd octets never raise, in or out of a record."""
    hello(data)
    hello(message(CLIENT_HELLO, data))
    hello(message(SERVER_HELLO, b"\3\3" + bytes(32) + data))
