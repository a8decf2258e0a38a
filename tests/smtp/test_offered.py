"""What a server offers: the lists of EHLO replies, before AUTH, and before and inside TLS."""

from __future__ import annotations

import io

import pytest

import analyzer
from analyzer import limits
from analyzer.smtp.offered import listed, mechanisms
from tests.dialogue import to_events
from tests.frames import to_packets, to_pcap
from tests.test_cases import CASES, read, table

HEAD = "# Title\n# Prose.\n\nS: 220 mx.example.test ESMTP\nC: EHLO client.example.test\n"
CLEAR = HEAD + "S: 250-mx.example.test\nS+ 250-STARTTLS\nS+ 250 AUTH LOGIN PLAIN\n"
AGAIN = "C: EHLO client.example.test\nS: 250-mx.example.test\nS+ 250 AUTH NTLM\n"
TLS = "C: STARTTLS\nS: 220 go\nC: EHLO client.example.test\nS: 250-mx.example.test\nS+ 250 AUTH PLAIN\n"


@pytest.mark.parametrize(
    ("reply", "offered"),
    [
        (b"250-mx\r\n250-AUTH PLAIN login\r\n250 8BITMIME", "PLAIN LOGIN"),
        (b"250-mx\r\n250-AUTH LOGIN PLAIN\r\n250 AUTH=LOGIN PLAIN", "LOGIN PLAIN"),
        (b"250-mx\r\n250-X-EXPS NTLM\r\n250 auth LOGIN", "NTLM LOGIN"),
        (b"250-mx\r\n250-AUTH\r\n250 XAUTH PLAIN", ""),
        (b"250 AUTH PLAIN", ""),  # the first line names the server
        (b"250-mx\r\n250 AUTH \x1b[31m PLAIN AAAAAAAAAAAAAAAAAAAAAAAAA", "PLAIN"),
    ],
)
def test_mechanisms(reply, offered):
    """The lines of AUTH are read in every spelling, each mechanism once; what is no name is left out."""
    assert mechanisms(reply) == offered


@pytest.mark.parametrize(
    ("text", "offered", "offered_tls"),
    [
        (CLEAR, "LOGIN PLAIN", None),
        (HEAD + "S: 250 mx.example.test\n", "", None),
        (HEAD + "S: 502 5.5.1 no\nC: HELO client.example.test\nS: 250 mx.example.test\n", None, None),
        (CLEAR + TLS, "LOGIN PLAIN", "PLAIN"),
        (CLEAR + TLS.replace("220 go", "454 no"), "PLAIN", None),
        (CLEAR + "C: AUTH LOGIN\nS: 535 5.7.8 no\nC: EHLO x\nS: 250 mx.example.test\n", "LOGIN PLAIN", None),
    ],
)
def test_offered(text, offered, offered_tls):
    """The last EHLO reply before the first AUTH counts, apart for what was said inside TLS; unknown without one."""
    (session,) = table(read(text), "sessions")

    assert (session["offered"], session["offered_tls"]) == (offered, offered_tls)


#: More than is worked on at a time.
MAIL = (
    "C: MAIL FROM:<a@example.test>\nS: 250 ok\nC: RCPT TO:<b@example.test>\nS: 250 ok\nC: DATA\nS: 354 go\n"
    + f"C: {'x' * 900}\n" * (3 * limits.PART_BYTES // 900)
    + "C: .\nS: 250 ok\n"
)


@pytest.mark.parametrize(
    ("text", "offered", "offered_tls"),
    [
        (CLEAR + "C: AUTH LOGIN\nS: 535 5.7.8 no\n" + MAIL + AGAIN, "LOGIN PLAIN", None),
        (CLEAR + MAIL + AGAIN, "NTLM", None),
        (CLEAR + TLS + MAIL + AGAIN, "LOGIN PLAIN", "NTLM"),
    ],
)
def test_long_sessions(text, offered, offered_tls):
    """In a session that is read in parts, what was begun in an earlier part is remembered."""
    capture = io.BytesIO(to_pcap(to_packets(to_events(text)), nanosecond=True))
    (session,) = table(analyzer.read(capture, window_bytes=100_000), "sessions")

    assert (session["offered"], session["offered_tls"]) == (offered, offered_tls)


def test_several_mechanisms():
    """The case of a client that works through the list shows that list."""
    (case,) = [case for case in CASES if case.name == "several-mechanisms"]

    assert table(read(case.text), "sessions")[0]["offered"] == "SCRAM-SHA-1 CRAM-MD5 LOGIN PLAIN"


@pytest.mark.parametrize(
    ("reply", "behind"),
    [
        (b"250-mx AUTH PLAIN\r\n250 AUTH LOGIN\r\n", b"\r\n250 AUTH LOGIN\r\n"),
        (b"250 mx SIZE 1 AUTH PLAIN", b""),
        (
            b"250  EX1.example.test Hello [192.0.2.7] SIZE 100 DSN X-EXPS GSSAPI NTLM AUTH NTLM LOGIN XNEW 8BITMIME",
            b"\n250 SIZE 100\n250 DSN\n250 X-EXPS GSSAPI NTLM\n250 AUTH NTLM LOGIN\n250 XNEW\n250 8BITMIME",
        ),
        (b"250  EX1.example.test Hello [192.0.2.7]", b""),
    ],
)
def test_lines_behind_the_first(reply: bytes, behind: bytes) -> None:
    """What a reply to EHLO lists stands behind its first line; Exchange's log has all of its lines in one."""
    assert listed(reply) == behind
