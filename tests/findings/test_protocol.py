"""Faults of protocol: dialogues that show one, and their neighbours that do not."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import pytest

import analyzer
from analyzer.schema import TABLES
from tests.dialogue import to_events
from tests.frames import to_packets, to_pcap
from tests.guesses import found, refused, rows_of, succeeded

HELLO = "S: 220 mx.example.test ESMTP\nC: EHLO pc.example.test\n"
PLAIN = "C: AUTH PLAIN {plain:|alice@example.test|S3cr3t-Canary-Horse}\nS: 235 2.7.0 ok\n"
BYE = "C: QUIT\nS: 221 2.0.0 Bye\n"


def offering(*words: str) -> str:
    lines = ["mx.example.test", *words]
    return HELLO + "".join(
        f"{'S+' if n else 'S:'} 250{' ' if n == len(lines) - 1 else '-'}{word}\n" for n, word in enumerate(lines)
    )


def read(*talks: str) -> list[dict[str, Any]]:
    text = "# Faults of protocol\n# Written in the test.\n\n" + "-- connect\n".join(talks)
    return rows_of(analyzer.read(io.BytesIO(to_pcap(to_packets(to_events(text))))).tables["findings"])


NOT = offering("AUTH CRAM-MD5") + BYE


@pytest.mark.parametrize(
    ("talks", "count"),
    [
        ([offering("STARTTLS") + BYE, NOT, NOT], 2),
        ([NOT, offering("STARTTLS") + BYE], 1),
        ([NOT, NOT], None),  # a server without TLS
        ([offering("STARTTLS") + BYE] * 2, None),
        ([offering("STARTTLS") + BYE, HELLO.replace("EHLO", "HELO") + "S: 250 mx\n" + BYE], None),  # HELO lists nothing
        ([offering("STARTTLS") + BYE, HELLO + "S: 502 5.5.1 what?\n" + BYE], None),
        ([offering("STARTTLS") + BYE, HELLO + "-- gap 40 server\n" + BYE], None),  # nobody knows what was listed
    ],
)
def test_starttls_is_shown_to_some_only(talks: list[str], count: int | None) -> None:
    """A server that offers STARTTLS in one session and not in another is told, with how often it did not."""
    told = [each for each in read(*talks) if each["kind"] == "starttls_withheld"]

    assert [each["count"] for each in told] == ([] if count is None else [count])
    assert all(each["severity"] == "medium" for each in told)


def ntlm_challenge(domain: str = "EXAMPLE", host: str = "MAIL7", dns: str = "mail7.corp.example") -> str:
    """Make a type 2 message with target information (MS-NLMP sections 2.2.1.2 and 2.2.2.1)."""
    pairs = b"".join(
        struct.pack("<HH", kind, 2 * len(value)) + value.encode("utf-16-le")
        for kind, value in ((2, domain), (1, host), (3, dns))
        if value
    )
    info = pairs + struct.pack("<HH", 0, 0) if pairs else b""
    head = b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 48, 0xA2898205) + bytes(16)
    return base64.b64encode(head + struct.pack("<HHI", len(info), len(info), 48) + info).decode()


def ntlm(challenge: str) -> str:
    return f"C: AUTH NTLM {{ntlm1}}\nS: 334 {challenge}\nC: {{ntlm3:alice|EXAMPLE|DESK7}}\nS: 535 5.7.3 unsuccessful\n"


@pytest.mark.parametrize(
    ("talk", "kinds"),
    [
        (offering("STARTTLS"), []),
        (offering("AUTH CRAM-MD5 SCRAM-SHA-256", "STARTTLS"), []),
        (offering("AUTH PLAIN", "STARTTLS"), ["auth_offered_in_clear"]),
        (offering("AUTH=LOGIN", "STARTTLS"), ["auth_offered_in_clear"]),
        (offering("XXXXXXXA", "SIZE 1000"), ["starttls_mangled"]),
        (offering("XEXCH50", "XXXX", "XCLIENT"), []),
        (offering("STARTTLS") + "C: STARTTLS\nS: 454 4.7.0 not now\n", ["starttls_refused"]),
        (offering("SIZE 1000") + "C: STARTTLS\nS: 502 5.5.1 unknown\n", []),  # it was not offered
        (offering("STARTTLS") + f"C: STARTTLS\nS: 500 5.5.1 what?\n{PLAIN}", ["starttls_refused_then_auth", "clear"]),
        (offering("STARTTLS") + "C: STARTTLS\nS: 220 go\nC> {hello:mx.example.test}\n", []),
        (offering("STARTTLS") + PLAIN, ["clear"]),
        (offering("STARTTLS") + "C: AUTH PLAIN\nS: 530 5.7.0 Must issue STARTTLS first\n", []),  # nothing was sent
        (offering("STARTTLS") + ntlm(ntlm_challenge()), ["ntlm_names"]),
        (offering("STARTTLS") + ntlm(ntlm_challenge("", "", "")), []),
        (
            offering("STARTTLS") + "C: AUTH PLAIN S3cr3t-Canary-Horse!\nS: 501 5.5.4 cannot S3cr3t-Canary-Horse!\n",
            ["secret_echoed", "clear"],
        ),
        (offering("STARTTLS") + "C: AUTH PLAIN S3cr3t-Canary-Horse!\nS: 501 5.5.4 cannot decode\n", ["clear"]),
        (offering("STARTTLS") + "S: 235 2.7.0 welcome\n", ["unsolicited_auth_reply"]),
    ],
)  # fmt: skip
def test_kinds(talk: str, kinds: list[str]) -> None:
    """Each dialogue has its findings and no other."""
    wanted = {"auth_in_clear" if kind == "clear" else kind for kind in kinds}
    if "AUTH PLAIN S3cr3t" in talk:  # what is no base64 has no secret that could be told apart
        wanted.discard("auth_in_clear")

    assert {row["kind"] for row in read(talk + BYE)} == wanted


def test_ntlm_names() -> None:
    """The names that an NTLM challenge tells stand in the evidence."""
    (row,) = read(offering("STARTTLS") + ntlm(ntlm_challenge()) + BYE)

    assert row["evidence"].endswith("; domain EXAMPLE, host MAIL7, DNS name mail7.corp.example")
    assert (row["server"], row["session"] is not None, row["count"]) == ("192.0.2.25:587", True, 1)


def test_equal_findings_are_one_row() -> None:
    """Sixty sessions that show the same at one server are one row, which keeps the first places."""
    talk = offering("AUTH PLAIN") + "C: STARTTLS\nS: 235 2.7.0 welcome\n" + PLAIN + BYE
    rows = {row["kind"]: row for row in read(*[talk] * 60)}

    assert set(rows) == {"auth_offered_in_clear", "auth_in_clear"}
    assert [row["count"] for row in rows.values()] == [60, 60]
    assert [len(row["places"].split("; ")) for row in rows.values()] == [5, 5]
    (meaning,) = (column.meaning for column in TABLES["findings"] if column.name == "places")
    for row in rows.values():
        # frame, line or session, as the page of the tables says
        assert all(f"file and {place.split()[1]}" in meaning for place in row["places"].split("; "))
    assert rows["auth_offered_in_clear"]["at"] < rows["auth_offered_in_clear"]["last"]
    assert rows["auth_offered_in_clear"]["evidence"].endswith(": 60 times")
    assert rows["auth_in_clear"]["evidence"].startswith(
        "60 attempts that sent a secret without TLS (60 PLAIN) by 1 identity from 1 "
    )


@pytest.mark.parametrize(
    ("client", "tls", "severity"),
    [
        ("8.8.8.8", "none", "medium"),
        ("10.0.0.1", "none", "info"),
        ("::1", "none", "info"),
        ("8.8.8.8", "starttls", None),
    ],
)
def test_passwords_over_the_internet(client: str, tls: str, severity: str | None) -> None:
    """Passwords in the clear are severe where they crossed the Internet, and a fact behind a TLS proxy."""
    rows = found([succeeded(client, "alice", 0, tls=tls)])

    assert [row["severity"] for row in rows if row["kind"] == "auth_in_clear"] == ([severity] if severity else [])


def test_guesses_over_the_internet() -> None:
    """What strangers guess in the clear is no password that anybody would have to change."""
    rows = found([refused("8.8.8.8", "alice", n, n, tls="none") for n in range(3)])

    assert [(row["kind"], row["severity"]) for row in rows] == [("auth_in_clear", "info")]


@pytest.mark.parametrize("name", ["CRAM-MD5", "DIGEST-MD5", "NTLM", "SCRAM-SHA-256"])
def test_outdated_mechanisms(name: str) -> None:
    """Logins with outdated mechanisms that can be seen are told, by mechanism."""
    rows = found([succeeded("10.0.0.1", "alice", n, tls="none", mechanism=name) for n in range(3)])
    hidden = found([succeeded("10.0.0.1", "alice", n, tls="starttls", mechanism=name) for n in range(3)])

    assert [row["kind"] for row in rows] == ([] if name.startswith("SCRAM") else ["weak_mechanism"])
    assert hidden == []


def test_many_servers_are_few_rows() -> None:
    """Of many servers with the same, the largest have rows, one row stands for the others; finding again agrees."""
    talks = [offering("AUTH PLAIN", "STARTTLS") + BYE] * 3
    text = "# Many servers\n# Each offers AUTH in the clear.\n\n"
    packets = [
        packet
        for host in range(25)
        for packet in to_packets(
            to_events(text + "-- connect\n".join(talks[: 1 + (host < 20)])), server=(f"192.0.2.{host + 1}", 587)
        )
    ]
    trace = analyzer.read(io.BytesIO(to_pcap(packets)))
    rows = rows_of(trace.tables["findings"])

    assert [row["count"] for row in rows] == [2] * 20 + [5]
    assert (rows[-1]["server"], rows[-1]["severity"]) == (None, "info")
    assert rows[-1]["evidence"].startswith("5 more findings of this kind, with 5 cases; the largest is: the EHLO reply")
    assert trace.find().to_dict("list") == trace.findings.to_dict("list")


def test_what_stands_for_others_is_as_severe_as_they() -> None:
    """The row that tells of many servers has the severity of the most severe of them, and stands among those."""
    logins = [
        succeeded(("8.8.8.8" if n % 2 else "10.0.0.7"), "alice", n * 10**4, tls="none", mechanism="PLAIN",
                  server_ip=f"192.0.2.{n}")
        for n in range(50)
    ]  # fmt: skip
    clear = [row for row in found(logins) if row["kind"] == "auth_in_clear"]
    (rest,) = (row for row in clear if "more findings" in row["evidence"])

    assert rest["severity"] == "medium"
    assert {row["severity"] for row in clear} == {"medium", "info"}
