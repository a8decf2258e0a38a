"""A capture of everything that looks like SMTP holds exactly the sessions that are."""

from __future__ import annotations

import io
from typing import Final

import pytest

import analyzer
from tests.dialogue import to_events
from tests.frames import START, Endpoint, to_packets, to_pcap
from tests.matching import records

TITLE: Final = "# Traffic\n# Of one kind.\n"
#: A message that quotes every command and reply that could begin, end or change a session.
BODY: Final = """
C: Subject: how to log in
C:
C: 220 mx.example.test ESMTP
C: EHLO client.example.test
C: 250 AUTH LOGIN PLAIN
C: AUTH LOGIN
C: 334 VXNlcm5hbWU6
C: YWxpY2U=
C: 235 2.7.0 ok
C: 535 5.7.8 no
C: ..
C: ... AUTH PLAIN AGEAYg==
C: STARTTLS
C: 220 go ahead
C: QUIT
C: RSET
C: DATA
C: BDAT 1000000
C: 221 bye
"""
MAIL: Final = f"""
S: 220 mx.example.test ESMTP
C: EHLO client.example.test
S: 250-mx.example.test
S+ 250 CHUNKING
C: MAIL FROM:<a@example.test> AUTH=<a@example.test>
S: 250 ok
C: RCPT TO:<b@example.test>
S: 250 ok
C: DATA
S: 354 go
{BODY}
C: .
S: 250 queued
C: MAIL FROM:<a@example.test>
S: 250 ok
C: RCPT TO:<b@example.test>
S: 250 ok
C: BDAT 48 LAST
C> AUTH LOGIN\\r\\n235 ok\\r\\n.\\r\\nQUIT\\r\\nAUTH PLAIN AGEAYg=
S: 250 queued
C: QUIT
S: 221 bye
"""
LOGIN: Final = """
S: 220 mx.example.test ESMTP
C: EHLO client.example.test
S: 250 AUTH LOGIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: {b64:alice}
S: 334 UGFzc3dvcmQ6
C: {b64:S3cr3t-Canary-Horse}
S: 235 2.7.0 ok
C: QUIT
S: 221 bye
"""
#: Each kind of traffic: the server's port, the dialogue, attempts and messages; None where it is no SMTP.
TRAFFIC: Final[dict[str, tuple[int, str, tuple[int, int] | None]]] = {
    "mail that quotes SMTP": (25, MAIL, (0, 2)),
    "SMTP on a high port": (40000, LOGIN, (1, 0)),
    "SMTP on the port of HTTP": (80, LOGIN, (1, 0)),
    "SMTP on the port of POP3": (110, LOGIN, (1, 0)),
    "POP3 AUTH": (
        110,
        """
S: +OK POP3 ready
C: AUTH PLAIN
S: +\\x20
C: {plain:|alice|S3cr3t-Canary-Horse}
S: +OK logged in
C: STAT
S: +OK 1 200
C: RETR 1
S: +OK
S+ 220 mx.example.test ESMTP
S+ 250 AUTH LOGIN
S+ 334 VXNlcm5hbWU6
S+ 235 ok
S+ .
C: QUIT
S: +OK bye
""",
        None,
    ),
    "POP3 on the port of SMTP": (
        587,
        """
S: +OK POP3 ready
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: YWxpY2U=
S: -ERR no
C: QUIT
S: +OK bye
""",
        None,
    ),
    "FTP AUTH": (
        21,
        """
S: 220 ftp.example.test FTP server ready
C: AUTH GSSAPI
S: 334 ADAT must follow
C: ADAT YIIB
S: 235 ADAT=YIIC
C: USER alice
S: 331 Password required
C: PASS S3cr3t-Canary-Horse
S: 230 logged in
C: PASV
S: 227 Entering passive mode (192,0,2,25,156,64)
C: QUIT
S: 221 Goodbye
""",
        None,
    ),
    "FTP without AUTH": (
        21,
        """
S: 220-ftp.example.test
S+ 220 ready
C: USER alice
S: 331 Password required
C: PASS S3cr3t-Canary-Horse
S: 530 Login incorrect
C: QUIT
S: 221 Goodbye
""",
        None,
    ),
    "IMAP": (
        143,
        """
S: * OK IMAP4rev1 ready
C: a AUTHENTICATE PLAIN
S: +\\x20
C: {plain:|alice|S3cr3t-Canary-Horse}
S: a OK logged in
C: b FETCH 1 BODY[]
S: * 1 FETCH (BODY[] {{hex:34}}
S: 220 mx.example.test ESMTP
S: )
S: b OK done
C: c LOGOUT
S: * BYE
""".replace("{{hex:34}}", "29"),
        None,
    ),
    "HTTP": (
        80,
        """
C: POST /mail HTTP/1.1
C+ Host: www.example.test
C+ Content-Length: 60
C+
C> EHLO client.example.test\\r\\nAUTH LOGIN\\r\\n
S: HTTP/1.1 250 OK
S+
S+ 220 mx.example.test ESMTP
""",
        None,
    ),
    "NNTP": (
        119,
        """
S: 200 news.example.test ready
C: AUTHINFO USER alice
S: 381 more
C: AUTHINFO PASS S3cr3t-Canary-Horse
S: 281 ok
C: QUIT
S: 205 bye
""",
        None,
    ),
    "ManageSieve": (
        4190,
        """
S: "IMPLEMENTATION" "sieve"
S+ "SASL" "PLAIN LOGIN"
S+ OK "ready"
C: AUTHENTICATE "PLAIN" "{plain:|alice|S3cr3t-Canary-Horse}"
S: OK
C: LOGOUT
S: OK
""",
        None,
    ),
    "SSH": (22, "\nS: SSH-2.0-OpenSSH_9.9\nC: SSH-2.0-client\nS> {repeat:40:x}\nC> {repeat:40:y}\n", None),
    "TLS on a port of the web": (443, "\nC> {hello:www.example.test}\nS> {tls:22:90}\nC> {tls:23:40}\n", None),
}
OPEN: Final = {name: wanted for name, (_, _, wanted) in TRAFFIC.items() if wanted is not None}


def _ends(number: int, port: int) -> tuple[Endpoint, Endpoint]:
    return ("198.51.100.7", 50_000 + number), ("192.0.2.25", port)


def _capture(names: list[str]) -> bytes:
    packets = []
    for number, name in enumerate(names):
        port, text, _ = TRAFFIC[name]
        client, server = _ends(number, port)
        packets += to_packets(to_events(TITLE + text), client=client, server=server, start=START + number * 500)
    return to_pcap(sorted(packets), nanosecond=True)  # all at the same time


def _found(data: bytes) -> dict[int, tuple[int | None, int | None]]:
    rows = records(analyzer.read(io.BytesIO(data)).tables["sessions"].lists())
    return {row["client_port"] - 50_000: (row["attempts"], row["messages"]) for row in rows}


@pytest.mark.parametrize("name", TRAFFIC)
def test_alone(name: str) -> None:
    """Each kind of traffic is a session, or none, by what is said in it."""
    wanted = TRAFFIC[name][2]

    assert _found(_capture([name])) == ({} if wanted is None else {0: wanted})


def test_together() -> None:
    """All kinds of traffic at the same time give exactly the sessions that are SMTP."""
    names = list(TRAFFIC)

    assert _found(_capture(names)) == {names.index(name): wanted for name, wanted in OPEN.items()}


def test_what_is_no_smtp_is_counted() -> None:
    """Connections that are no SMTP have no row, and a number in `skipped`."""
    trace = analyzer.read(io.BytesIO(_capture(list(TRAFFIC))))
    counts = {row["reason"]: row["count"] for row in records(trace.tables["skipped"].lists())}

    assert counts == {"connection is not SMTP": len(TRAFFIC) - len(OPEN)}
