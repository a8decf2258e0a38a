"""The dialogue language and the captures that are made of it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from tests.dialogue import DialogueError, expand, rewrite, secrets_of, to_events
from tests.frames import to_packets, to_pcap

HEAD = "# A title\n# And prose.\n"
TALK = """# Talk
# A dialogue for the tests of the language.

S: 220 mx.example.test ESMTP
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: {b64:alice@example.test}
S: 334 UGFzc3dvcmQ6
C: {b64:S3cr3t-Canary-Horse}
S: 235 2.7.0 ok
"""


def streams(pcap: bytes) -> dict[int, bytes]:
    """Assemble both directions of a capture with scapy: payload by source port."""
    from scapy.layers.inet import TCP
    from scapy.utils import rdpcap

    parts: dict[int, dict[int, bytes]] = {}
    first: dict[int, int] = {}
    for packet in rdpcap(io.BytesIO(pcap)):
        tcp = packet[TCP]
        first.setdefault(tcp.sport, tcp.seq)
        if payload := bytes(tcp.payload):
            parts.setdefault(tcp.sport, {})[(tcp.seq - first[tcp.sport]) % 2**32] = payload
    return {port: b"".join(data for _, data in sorted(found.items())) for port, found in parts.items()}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", "line 3: neither data, mark nor comment"),
        ("-- explode", "line 3: no such mark: 'explode'"),
        ("-- gap many server", "line 3: 'gap' does not take"),
        ("C: {b65:x}", "line 3: no such helper: 'b65'"),
        ("C: {b64:x", "line 3: a helper is not closed"),
        ("C: {hex:zz}", "line 3: hex: "),
        ("C>", "line 3: a segment without data"),
    ],
)
def test_errors_name_the_line(line: str, message: str) -> None:
    """A line that cannot be read is named with its number."""
    with pytest.raises(DialogueError) as caught:
        to_events(HEAD + line)

    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["S: 220 hi\n", "# A title\n\nS: 220 hi\n"])
def test_title_and_prose_are_required(text: str) -> None:
    """A dialogue without a title, or without a sentence why, is refused."""
    with pytest.raises(DialogueError):
        to_events(text)


def test_expand() -> None:
    """Escapes and helpers are replaced, helpers inside helpers first."""
    assert expand(r"a\r\n\t\\\x00é") == b"a\r\n\t\\\0" + "é".encode()
    assert base64.b64decode(expand("{plain:|alice|pw}")) == b"\0alice\0pw"
    assert base64.b64decode(expand(r'{b64:{"status":"400"}\x01}')) == b'{"status":"400"}\x01'
    assert expand("<{repeat:3:{hex:4142}}>") == b"<ABABAB>"


def test_secrets_in_every_form() -> None:
    """A secret is found plain and in base64, whatever stands before it."""
    secrets = secrets_of(TALK)
    for lead in (b"", b"\0", b"\0a", b"user=a\x01auth=Bearer "):
        coded = base64.b64encode(lead + b"S3cr3t-Canary-Horse" + b"\x01")
        assert any(secret in coded for secret in secrets)

    assert b"S3cr3t-Canary-Horse" in secrets


def test_rewrite() -> None:
    """Names, banner and port change; the rest of the dialogue does not."""
    text = rewrite(TALK, user="bob", banner="other ESMTP", port=2525)

    assert "S: 220 other ESMTP" in text
    assert "{b64:bob@example.test}" in text
    assert "-- port 2525\nS: 220" in text


@pytest.mark.parametrize(
    "options",
    [{}, {"segmentation": (1,)}, {"segmentation": (7, 2)}, {"shuffle": 3, "duplicate": 4}, {"ipv6": True}],
    ids=str,
)
def test_scapy_reads_the_same_bytes(options: dict[str, object]) -> None:
    """Whatever the delivery, scapy assembles the bytes of the dialogue."""
    events = to_events(TALK)
    found = streams(to_pcap(to_packets(events, **options)))  # type: ignore[arg-type]

    for side, port in (("client", 40001), ("server", 587)):
        assert found[port] == b"".join(event.data for event in events if event.side == side)


@pytest.mark.parametrize("ipv6", [False, True])
def test_checksums(ipv6: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """Checksums of IP and TCP are those that scapy computes."""
    from scapy.layers.l2 import Ether

    for _, frame in to_packets(to_events(TALK), ipv6=ipv6):
        again = Ether(frame)
        for layer in ("IP", "TCP"):
            if layer in again:
                del again[layer].chksum
        assert bytes(again) == frame


def test_acknowledgements() -> None:
    """A segment acknowledges all that its sender has received, a crossing one only what came before."""
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether

    text = HEAD + "S: 220 hi\nC: EHLO x\nS: 250 hi\n-- crossing C: NOOP\n-- unacked S: 250 ok\nC: QUIT\n-- no-close\n"
    tcp = [Ether(frame)[TCP] for _, frame in to_packets(to_events(text))]
    greeting, hello, hi, crossing, unacked, leaving = tcp[3:]

    assert hello.ack == greeting.seq + len(greeting.payload) == crossing.ack == hi.seq
    assert leaving.ack == unacked.seq == hi.seq + len(hi.payload)


def test_marks() -> None:
    """Lost bytes take their place in the sequence, cut ones their length in the headers."""
    from scapy.layers.inet import IP, TCP
    from scapy.utils import rdpcap

    text = HEAD + "S: 220 hi\n-- gap 12 server\n-- cut 4\nS: 250 ok\n-- rst client\n"
    pcap = to_pcap(to_packets(to_events(text)))
    packets = [packet for packet in rdpcap(io.BytesIO(pcap)) if packet[TCP].sport == 587]
    greeting, cut = packets[1], packets[2]

    assert cut[TCP].seq == greeting[TCP].seq + len("220 hi\r\n") + 12
    assert cut[IP].len == 40 + len("250 ok\r\n")
    assert bytes(cut[TCP].payload) == b"250 "
    assert cut.wirelen == 14 + cut[IP].len


def test_every_case_can_be_read() -> None:
    """Every case has a title, prose, a dialogue and an expectation, and makes frames."""
    for path in sorted((Path(__file__).parent / "cases").glob("*.txt")):
        text = path.read_text(encoding="utf-8")

        assert to_packets(to_events(text)), path.name
        assert "\n== expected" in text, path.name
