"""Tests of `analyzer.smtp.recognise`: what is SMTP, who is the client, and what a proxy put in front."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.smtp import columns as s
from analyzer.smtp.law import Flag, Mode, matrices
from analyzer.smtp.recognise import (
    CONNECT,
    FOUND_WIDTH,
    IS_SMTP,
    PROXY_1,
    PROXY_2,
    PROXY_WORDS,
    SIGNS,
    SOCKS4,
    SOCKS5,
    VIA,
    VIA_AT,
    VIA_LENGTH,
    recognise,
)
from analyzer.tcp import columns as c

GREETING: Final = b"220 mx.example.test ESMTP\r\n"
HELLO: Final = b"EHLO client.example.test\r\n"
TLS: Final = bytes.fromhex("1603010005") + b"hello"
V2: Final = b"\r\n\r\n\0\r\nQUIT\n" + bytes.fromhex("21110 00c cb007107 c0000219 0c8d 0019".replace(" ", ""))


class Found:
    """What is said of one session."""

    def __init__(self, client: bytes, server: bytes, *, port: int = 25, syn: tuple[int, int] = (1, 2)) -> None:
        session = np.zeros((1, c.SESSION_WIDTH), np.int64)
        session[0, [c.STREAM_1, c.LENGTH_0, c.LENGTH_1]] = len(client), len(client), len(server)
        session[0, [c.PORT_0, c.PORT_1]] = 40001, port
        session[0, [c.SYN_0, c.SYN_1]] = syn
        session[0, [c.SEEN_0, c.SEEN_1]] = bool(client or syn[0]), bool(server or syn[1])
        states = np.zeros((1, s.STATE_WIDTH), np.int64)
        found = np.zeros((1, FOUND_WIDTH), np.int64)
        stream = np.frombuffer(client + server + b"\0", np.uint8).copy()
        words = np.frombuffer(bytearray(PROXY_WORDS), np.uint8)
        scratch = np.zeros((2, SIGNS), np.int64), np.zeros(2, np.int64)
        recognise(session, states, stream, matrices()[1], words, found, *scratch)
        self.smtp = bool(found[0, IS_SMTP])
        self.state: dict[str, Any] = {
            name: int(states[0, getattr(s, name)]) for name in ("MODE", "CLIENT", "FLAGS", "TLS", "CPOS", "SPOS")
        }
        at, length = found[0, [VIA_AT, VIA_LENGTH]].tolist()
        self.via, self.place = int(found[0, VIA]), bytes(client[at : at + length])


@pytest.mark.parametrize(
    ("client", "server", "port", "smtp"),
    [
        (HELLO, GREETING, 4711, True),
        (b"", GREETING, 4711, True),
        (b"", b"220 hello\r\n", 4711, False),
        (b"", b"220 hello\r\n", 587, True),
        (b"", b"554 5.7.1 go away\r\n", 25, True),
        (b"AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n", 4711, True),
        (b"AUTH PLAIN AGEAYg==\r\n", b"535 no\r\n", 4711, True),
        (b"AUTH PLAIN AGEAYg==\r\n", b"235 ok\r\n", 4711, True),
        (b"AUTH PLAIN AGEAYg==\r\n", b"504 no\r\n", 4711, False),
        (b"text\r\n.\r\nQUIT\r\n", b"354 go\r\n250 ok\r\n221 bye\r\n", 4711, True),
        (b"AUTH GSSAPI\r\nADAT YQ==\r\n", b"220 FTP\r\n334 go\r\n235 ok\r\n", 21, False),
        (b"USER alice\r\nPASS x\r\n", b"220 ready\r\n331 password\r\n230 ok\r\n", 21, False),
        (b"USER alice\r\nPASS x\r\n", b"+OK\r\n+OK\r\n+OK\r\n", 110, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", 80, False),
        (b"MODE READER\r\nGROUP a.b\r\n", b"200 news\r\n211 1 1 1\r\n", 119, False),
        (b"a1 LOGIN alice x\r\n", b"* OK IMAP\r\na1 OK\r\n", 143, False),
        (b"\0\1\2\3\n\4\5\6", b"\7\10\11\n", 25, False),
        (HELLO + b"MAIL FROM:<a@example.test>\r\n", b"", 4711, True),
        (HELLO, b"warning: hosts.deny\r\n220 ready\r\n250 ok\r\n", 4711, True),
        (HELLO, b"\r\n220 ready\r\n250 ok\r\n", 25, True),
        (HELLO, b"one\r\ntwo\r\nthree\r\n220 ready\r\n250 ok\r\n", 25, False),
        (b"QUIT\r\n", b"warning: hosts.deny\r\n220 ready\r\n221 bye\r\n", 4711, False),
        (b"RETR 1\r\nRSET\r\nQUIT\r\n", b"+OK\r\n220 mx\r\n250 ok\r\n.\r\n", 110, False),
        (b"", b"", 25, False),
    ],
)
def test_smtp_or_not(client: bytes, server: bytes, port: int, *, smtp: bool) -> None:
    """SMTP is told by its lines; a port decides only where a reply alone was seen."""
    assert Found(client, server, port=port).smtp == smtp


@pytest.mark.parametrize(
    ("first", "second", "syn", "client"),
    [
        (GREETING, HELLO, (2, 0), 1),
        (GREETING, HELLO, (0, 1), 1),
        (HELLO, GREETING, (1, 2), 0),
        (GREETING, HELLO, (0, 0), 1),
        (HELLO, GREETING, (0, 0), 0),
        (b"", GREETING, (0, 0), 0),
        (b"\0\n", b"\0\n", (0, 0), 0),
    ],
)
def test_who_is_the_client(first: bytes, second: bytes, syn: tuple[int, int], client: int) -> None:
    """The handshake tells who the client is, without one the lines do, without those the higher port."""
    assert Found(first, second, syn=syn).state["CLIENT"] == client


@pytest.mark.parametrize(
    ("client", "server", "via", "place", "stripped"),
    [
        (b"PROXY TCP4 a b 1 2\r\n", b"", PROXY_1, b"TCP4 a b 1 2", 0),
        (V2, b"", PROXY_2, V2[12:], 0),
        (
            b"CONNECT mx.example.test:25 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HTTP/1.1 200 ok\r\n\r\n",
            CONNECT,
            b"mx.example.test:25",
            19,
        ),
        (b"\x04\x01\x00\x19\xc0\0\2\x19me\0", b"\0\x5a\0\0\0\0\0\0", SOCKS4, b"\x00\x19\xc0\0\2\x19me", 8),
        (
            b"\x04\x01\x00\x19\0\0\0\1me\0mx.example.test\0",
            b"\0\x5a\0\0\0\0\0\0",
            SOCKS4,
            b"\x00\x19\0\0\0\1me\0mx.example.test",
            8,
        ),
        (
            b"\x05\x01\x00\x05\x01\x00\x01\xc0\0\2\x19\0\x19",
            b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
            SOCKS5,
            b"\x01\xc0\0\2\x19\0\x19",
            12,
        ),
        (
            b"\x05\x01\x02\x01\2me\4word\x05\x01\x00\x03\x02mx\0\x19",
            b"\x05\2\1\0\x05\0\0\x01\0\0\0\0\0\0",
            SOCKS5,
            b"\x03\x02mx\0\x19",
            14,
        ),
    ],
    ids=["proxy-v1", "proxy-v2", "connect", "socks4", "socks4a", "socks5", "socks5-password"],
)
def test_what_a_proxy_puts_in_front(client: bytes, server: bytes, via: int, place: bytes, stripped: int) -> None:
    """A proxy's opening is stripped from both sides, and the part of it that names a place is kept."""
    found = Found(client + HELLO, server + GREETING)

    assert (found.smtp, found.via, found.place) == (True, via, place)
    assert (found.state["CPOS"], found.state["SPOS"]) == (len(client), stripped)


@pytest.mark.parametrize(
    "client",
    [b"PROXY TCP4 a b 1 2", V2[:20], b"CONNECT mx:25 HTTP/1.1\r\n", b"\x04\x01\x00\x19", b"\x05\x01", b"\x05\xff\0\5"],
)
@pytest.mark.parametrize("server", [b"", b"\x05\0", b"\0\x5a", b"HTTP/1.1 200"])
def test_openings_that_are_cut_short(client: bytes, server: bytes) -> None:
    """Half an opening is not one, and is left where it is."""
    found = Found(client, server)

    assert (found.via, found.state["CPOS"], found.state["SPOS"]) == (0, 0, 0)


@pytest.mark.parametrize(("port", "smtp"), [(465, True), (587, True), (993, False), (443, False)])
def test_tls_from_the_first_byte(port: int, *, smtp: bool) -> None:
    """TLS from the first byte is SMTP on the ports where servers speak so (RFC 8314), and hides everything."""
    found = Found(TLS, TLS, port=port)

    assert found.smtp == smtp
    assert not smtp or (found.state["MODE"], found.state["TLS"]) == (Mode.TLS, 2)


def test_how_it_begins() -> None:
    """Without a handshake the client's bytes are looked through for a verb; what one side lacks is told."""
    assert Found(HELLO, GREETING).state["MODE"] == Mode.COMMAND
    assert Found(HELLO, GREETING, syn=(0, 0)).state["MODE"] == Mode.LOST
    assert Found(HELLO, GREETING, syn=(0, 0)).state["FLAGS"] == Flag.MIDSTREAM
    assert Found(b"", GREETING, syn=(0, 0)).state["FLAGS"] == Flag.MIDSTREAM | Flag.ONE_SIDED


_heads = st.sampled_from([b"", b"\x05", b"\x05\x01\x00\x05\x01\x00\x03", b"\x04\x01", V2[:12], b"PROXY ", b"CONNECT "])


@settings(max_examples=300, deadline=None)
@given(
    client=st.tuples(_heads, st.binary(max_size=60)).map(b"".join),
    server=st.tuples(_heads, st.binary(max_size=60)).map(b"".join),
    port=st.sampled_from([25, 465, 1080]),
)
def test_any_octets(client: bytes, server: bytes, port: int) -> None:
    """Whatever the first octets are, nothing is read beyond them, and nothing is stripped that is not there."""
    found = Found(client, server, port=port)

    assert 0 <= found.state["CPOS"] <= len(client)
    assert 0 <= found.state["SPOS"] <= len(server)
    assert len(found.place) <= len(client)
