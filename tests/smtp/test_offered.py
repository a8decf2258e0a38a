"""What a server offers: the lists of EHLO replies, before AUTH, and before and inside TLS."""

from __future__ import annotations

import pytest

from analyzer.smtp.offered import mechanisms
from tests.test_cases import CASES, read, table

HEAD = "# Title\n# Prose.\n\nS: 220 mx.example.test ESMTP\nC: EHLO client.example.test\n"
CLEAR = HEAD + "S: 250-mx.example.test\nS+ 250-STARTTLS\nS+ 250 AUTH LOGIN PLAIN\n"
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


def test_several_mechanisms():
    """The case of a client that works through the list shows that list."""
    (case,) = [case for case in CASES if case.name == "several-mechanisms"]

    assert table(read(case.text), "sessions")[0]["offered"] == "SCRAM-SHA-1 CRAM-MD5 LOGIN PLAIN"
