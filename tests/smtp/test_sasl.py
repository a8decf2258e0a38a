"""Tests of `analyzer.smtp.sasl`, `encoding` and `challenge`."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.challenge import challenge_text, is_oauth_error, kind
from analyzer.smtp.encoding import printable, readable, unbase64, unbase64_head
from analyzer.smtp.sasl import Decoder
from tests.exchange import Decoded, Turn, read_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PASSWORDS = ("correct-horse", "wrong-password")
USER, WORD = b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"
MECHANISMS = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"),
    *("EXTERNAL", "ANONYMOUS", "GSSAPI", "GSS-SPNEGO", "FOOBAR", "", None),
)

Exchange = tuple[str | None, bytes | None, list[Turn]]


def b64(text: bytes) -> bytes:
    """Encode a response as it is sent."""
    return b64encode(text)


def decode(mechanism: str | None, initial: bytes | None = None, *answers: bytes | None, cut: bool = False) -> Decoded:
    """Decode an exchange whose last message may be cut off."""
    turns = [Turn(b"", answer, cut and place == len(answers)) for place, answer in enumerate(answers, 1)]
    return read_alone(Decoder(), mechanism, initial, turns, initial_cut=cut and not answers)


# --- the real exchanges of the lab ---


def exchanges(dialogue: list[tuple[str, float, str]]) -> Iterator[Exchange]:
    """Give the AUTH exchanges of one recorded session: replies answer the client's lines in order."""
    lines: deque[str] = deque()
    current: Exchange | None = None
    waiting, body, half = False, False, ""
    for side, _, text in dialogue:
        if side == "C":
            *whole, half = (half + text).split("\r\n")
            lines.extend(whole)
            continue
        if text[3:4] == "-":
            continue
        if body:
            while lines and lines.popleft() != ".":
                pass
            body = False
            continue
        line = lines.popleft() if lines else None
        body = text.startswith("354")
        if waiting and current:
            current[2][-1] = current[2][-1]._replace(answer=None if line is None else line.encode())
        elif line is not None and line[:5].upper().rstrip() == "AUTH":
            words = line.encode().split(b" ")
            current = (words[1].decode().upper() if words[1:] else None, words[2] if words[2:] else None, [])
            yield current
        waiting = text.startswith("334")
        if waiting and current:
            current[2].append(Turn(text[4:].rstrip("\r\n").encode(), None))
    if waiting and current and lines:
        current[2][-1] = current[2][-1]._replace(answer=lines.popleft().encode())


def recorded() -> list[tuple[Exchange, dict[str, Any]]]:
    """Pair every recorded exchange with its truth."""
    if not DATA.is_dir():
        return []
    found = []
    for path in sorted(DATA.glob("*/truth.jsonl")):
        with gzip.open(path.with_name("dialogue.jsonl.gz"), "rt") as file:
            dialogues = {row["session"]: row["dialogue"] for row in map(json.loads, file)}
        for line in path.read_text().splitlines():
            session = json.loads(line)
            if session["session"] in dialogues:
                seen = list(exchanges(dialogues[session["session"]]))
                if len(seen) == len(session["attempts"]):
                    found += list(zip(seen, session["attempts"], strict=True))
    return found


RECORDED = recorded()
needs_data = pytest.mark.skipif(not RECORDED, reason="the recorded traffic is not here")


@needs_data
def test_identities_of_the_lab() -> None:
    """Every identity that a client of the lab put on the wire is found, and no other."""
    decoder = Decoder()
    wrong = [
        (exchange[0], truth["intent"])
        for exchange, truth in RECORDED
        if read_alone(decoder, *exchange).identity != truth["identity_on_wire"]
    ]

    assert len(RECORDED) > 1700
    assert wrong == []


@needs_data
def test_nothing_decoded_holds_a_password() -> None:
    """No column of a decoded exchange holds a password of the lab."""
    decoder = Decoder()
    decoded = {repr(read_alone(decoder, *exchange)) for exchange, _ in RECORDED}

    assert not [word for word in PASSWORDS for text in decoded if word in text]


@needs_data
def test_cut_messages_give_the_whole_name_or_none() -> None:
    """A message whose tail the capture lost gives the same name as the whole one, or none, and never a secret."""
    decoder = Decoder()
    seen = set()
    for (mechanism, initial, turns), truth in RECORDED:
        if truth["identity_on_wire"] is None or (mechanism, initial is None) in seen:
            continue
        seen.add((mechanism, initial is None))
        for last in range(len(turns)) if turns else [-1]:
            line = turns[last].answer if turns else initial
            for end in range(len(line or b"")):
                part = (line or b"")[:end]
                told = (
                    read_alone(
                        decoder, mechanism, initial, [*turns[:last], turns[last]._replace(answer=part, cut=True)]
                    )
                    if turns
                    else read_alone(decoder, mechanism, part, [], initial_cut=True)
                )
                assert told.identity in (None, truth["identity_on_wire"])
                assert told.secret is None or (mechanism == "LOGIN" and last > 1) or mechanism == "XOAUTH2"
    assert len(seen) > 10


@needs_data
def test_a_lost_user_name_is_not_replaced_by_the_password() -> None:
    """Where the first answer of LOGIN was not captured nobody is named."""
    decoder = Decoder()
    logins = [exchange for exchange, _ in RECORDED if exchange[0] == "LOGIN" and exchange[1] is None and exchange[2]]

    assert logins
    assert not [
        turns
        for _, _, turns in logins
        if read_alone(decoder, "LOGIN", None, [turns[0]._replace(answer=None), *turns[1:]])[0]
    ]


# --- by hand: one mechanism after the other ---


@pytest.mark.parametrize(
    ("message", "identity", "authzid"),
    [
        (b"\0alice\0pw", "alice", None),
        (b"bob\0alice\0pw", "alice", "bob"),
        (b"\0\0pw", None, None),
        (b"\0alice\0p\0w", "alice", None),
        (b"\0alice\0", "alice", None),
        (b"\0alice", "alice", None),
        (b"alice\0pw", None, None),
        (b"alice", None, None),
        (b"\0\xff\xfe\0pw", "\\xff\\xfe", None),
        ("\0jürgen\0pw".encode(), "jürgen", None),
        (b"\0", None, None),
    ],
)
def test_plain_by_position(message: bytes, identity: str | None, authzid: str | None) -> None:
    """PLAIN is read by position; a lone word that could be the password names nobody."""
    assert decode("PLAIN", b64(message))[:2] == (identity, authzid)
    assert decode("PLAIN", None, b64(message))[:2] == (identity, authzid)


@pytest.mark.parametrize(
    ("initial", "answers", "identity"),
    [
        (None, (b64(b"alice"), b64(b"pw")), "alice"),
        (None, (b"", b64(b"alice")), None),
        (None, (b"", b64(b"alice@example.test")), "alice@example.test"),
        (None, (b"*",), None),
        (None, (b"*", b64(b"alice"), b64(b"pw")), "alice"),
        (None, (b64(b"alice"),), "alice"),
        (None, (b64(b"alice"), None), "alice"),
        (None, (None, b64(b"pw")), None),
        (None, (b"!!!not*base64", b64(b"pw")), None),
        (b64(b"alice"), (b64(b"pw"),), "alice"),
        (b64(b"alice"), (), "alice"),
        (b"=", (b64(b"alice"),), None),
        (b"=", (b64(b"alice"), b"*"), None),
        (b"=", (b64(b"alice"), b64(b"pw")), "alice"),
        (b"=", (b"", b64(b"alice")), None),
    ],
)
def test_login_first_real_response(initial: bytes | None, answers: tuple[bytes | None, ...], identity: str) -> None:
    """The name of LOGIN is the first real response, unless it could be the password as well."""
    assert decode("LOGIN", initial, *answers).identity == identity


@pytest.mark.parametrize(
    ("mechanism", "message", "named"),
    [
        ("CRAM-MD5", b"alice b913a602c7eda7a495b4e6e7334d3890", ("alice", None, None, None)),
        ("cram-md5", b"al ice b913a602c7eda7a495b4e6e7334d3890", ("al ice", None, None, None)),
        ("CRAM-MD5", b"alice", (None, None, None, None)),
        (
            "DIGEST-MD5",
            b'username="alice",realm="a.test",digest-uri="smtp/mx.a.test"',
            ("alice@a.test", None, "a.test", "mx.a.test"),
        ),
        (
            "DIGEST-MD5",
            b'username="alice@b.test",realm="a.test",authzid="bob"',
            ("alice@b.test", "bob", "a.test", None),
        ),
        ("DIGEST-MD5", b'charset=utf-8,username="al\\"ice",realm=""', ('al"ice', None, None, None)),
        ("DIGEST-MD5", b'username="unfinished', (None, None, None, None)),
        ("SCRAM-SHA-1", b"n,,n=a=2Cb=3Dc,r=abc", ("a,b=c", None, None, None)),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique,a=bob,n=alice,r=abc", ("alice", "bob", None, None)),
        ("SCRAM-SHA-256", b"alice", (None, None, None, None)),
        ("XOAUTH2", b"user=alice@a.test\x01auth=Bearer ya29.x\x01\x01", ("alice@a.test", None, None, None)),
        ("XOAUTH2", b"user=alice@a.test^Aauth=Bearer ya29.x^A^A", ("alice@a.test", None, None, None)),
        (
            "OAUTHBEARER",
            b"n,a=alice@a.test,\x01host=mx.a.test\x01port=587\x01auth=Bearer ya29.x\x01\x01",
            ("alice@a.test", None, None, "mx.a.test"),
        ),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer ya29.x\x01\x01", (None, None, None, None)),
        ("EXTERNAL", b"alice@a.test", ("alice@a.test", None, None, None)),
        ("ANONYMOUS", b"guest at a.test", ("guest at a.test", None, None, None)),
        ("FOOBAR", b"\0alice\0pw", (None, None, None, None)),
        (None, b"\0alice\0pw", (None, None, None, None)),
    ],
)
def test_each_mechanism(mechanism: str | None, message: bytes, named: tuple[str | None, ...]) -> None:
    """Identity, authorization identity, realm and host of every mechanism, with and without initial response."""
    assert decode(mechanism, b64(message))[:4] == named
    assert decode(mechanism, None, b64(message))[:4] == named


@pytest.mark.parametrize("mechanism", ["PLAIN", "EXTERNAL", "XOAUTH2", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "NTLM"])
@pytest.mark.parametrize("line", [b"=", b"*", b"", b"!!!not*base64", b"A", None])
def test_lines_that_say_nothing(mechanism: str, line: bytes | None) -> None:
    """Empty, cancelled, lost and undecodable responses name nobody."""
    assert decode(mechanism, None, line)[:4] == (None, None, None, None)


def test_digest_md5_cut_before_its_realm() -> None:
    """A user name whose realm may have been cut off is not known in full."""
    whole = b64(b'username="alice",realm="a.test",nonce="x"')

    assert decode("DIGEST-MD5", None, whole[:24], cut=True).identity is None
    assert decode("DIGEST-MD5", None, whole[:48], cut=True).identity == "alice@a.test"


# --- secrets ---


def test_equal_secrets_have_equal_digests() -> None:
    """The same password has one digest in one run, by any mechanism, and another digest in another run."""
    decoder, other = Decoder(), Decoder()
    plain = read_alone(decoder, "PLAIN", b64(b"\0alice\0tr0ub4dor"), [])
    login = read_alone(decoder, "LOGIN", None, [Turn(USER, b64(b"bob")), Turn(WORD, b64(b"tr0ub4dor"))])
    third = read_alone(decoder, "PLAIN", b64(b"\0alice\0other"), [])

    assert plain.secret is not None
    assert plain.secret == login.secret != third.secret
    assert read_alone(other, "PLAIN", b64(b"\0alice\0tr0ub4dor"), []).secret != plain.secret


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers"),
    [
        ("PLAIN", b64(b"\0alice\0"), ()),
        ("LOGIN", None, (b64(b"alice"), b"")),
        ("LOGIN", b"=", (b64(b"tr0ub4dor"),)),
        ("CRAM-MD5", None, (b64(b"alice b913a602c7eda7a495b4e6e7334d3890"),)),
        ("SCRAM-SHA-1", b64(b"n,,n=alice,r=abc"), (b64(b"c=biws,r=abc,p=xyz"),)),
    ],
)
def test_no_digest_without_a_secret(mechanism: str, initial: bytes | None, answers: tuple[bytes, ...]) -> None:
    """Empty passwords, ambiguous answers and challenge-response give no digest."""
    assert decode(mechanism, initial, *answers).secret is None


def test_reprs_hide_what_was_said() -> None:
    """A decoder shows nothing of a secret, nor of its key."""
    decoder = Decoder()
    shown = repr(decoder)
    decoder.number(b"tr0ub4dor")

    assert repr(decoder) == shown


# --- challenges ---

NTLM_CHALLENGE = (
    b"NTLMSSP\0\x02\0\0\0\x08\0\x08\0\x38\0\0\0\x01\x02\x81\0AAAAAAAA\0\0\0\0\0\0\0\0\x1e\0\x1e\0\x40\0\0\0\0\0\0\0\0\0\0\0"
    + "CORP".encode("utf-16-le")
    + b"\x01\0\x06\0"
    + "EX1".encode("utf-16-le")
    + b"\x03\0\x0c\0"
    + "ex1.te".encode("utf-16-le")
    + b"\0\0\0\0"
)
ERROR = b64(b'{"status":"401","schemes":"bearer","scope":"mail","hint":"never shown"}')


@pytest.mark.parametrize(
    ("challenge", "name", "text"),
    [
        (b"", "empty", None),
        (USER, "username", "Username:"),
        (b64(b"User Name\0"), "username", "User Name"),
        (b64(b"Password\0"), "password", "Password"),
        (b"Username:", "username", "Username:"),
        (b"NTLM supported", "text", "NTLM supported"),
        (b"Go ahead.", "text", "Go ahead."),
        (b64(b"<123.456@mx.test>"), "cram-md5", "<123.456@mx.test>"),
        (b"<authentication response>", "unknown", "<authentication response>"),
        (
            b64(b'realm="a.test",nonce="xyz",qop="auth,auth-int"'),
            "digest-md5",
            'realm="a.test" nonce="xyz" qop="auth auth-int"',
        ),
        (b64(b"rspauth=1234"), "rspauth", "rspauth=1234"),
        (b64(b"r=abc,s=c2FsdA==,i=4096"), "scram-first", "nonce=abc salt=c2FsdA== iterations=4096"),
        (b64(b"v=xyz"), "scram-final", "server signature=xyz"),
        (b64(b"e=invalid-proof"), "scram-final", "error=invalid-proof"),
        (b64(NTLM_CHALLENGE), "ntlm", "NTLM challenge from CORP\\EX1 (ex1.te)"),
        (b64(b"NTLMSSP\0"), "ntlm", "NTLM message, 8 bytes"),
        (ERROR, "oauth-error", "OAuth error: status=401 schemes=bearer scope=mail"),
        (b64(b"\x60\x28\x06\x09"), "gssapi", "GSSAPI token, 4 bytes"),
        (b64(b"\x01\xff\x02"), "binary", "GSSAPI token, 3 bytes"),
        (b64(b"{not json"), "text", "{not json"),
        (b64(b"esc \x1b[31m"), "text", "esc \\x1b[31m"),
    ],
)
def test_challenges(challenge: bytes, name: str, text: str | None) -> None:
    """Every kind of challenge is named, and told in words."""
    assert kind(challenge) == name
    assert challenge_text("GSSAPI", challenge) == text


def test_kinds_in_order() -> None:
    """An exchange lists the kinds of its challenges; a lost one is unknown, no round gives none."""
    turns = [Turn(USER, b64(b"alice")), Turn(None, b64(b"pw"))]

    assert read_alone(Decoder(), "LOGIN", None, turns).challenge == "username unknown"
    assert read_alone(Decoder(), "PLAIN", b64(b"\0alice\0pw"), []).challenge is None


def test_oauth_error_is_told_in_short() -> None:
    """Of an OAuth error only harmless members are told."""
    told = read_alone(Decoder(), "XOAUTH2", b64(b"user=alice\x01auth=Bearer x\x01\x01"), [Turn(ERROR, b"")])

    assert told.oauth_error == "status=401 schemes=bearer scope=mail"
    assert told.identity == "alice"
    assert told.challenge == "oauth-error"


@pytest.mark.parametrize(
    ("challenge", "is_error"),
    [
        (ERROR, True),
        (b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", True),
        (b'{"status":"400"}', True),
        (b64(b"[" * 9000), False),
        (b64(b"{" * 9000), False),
        (b64(b'"text"'), False),
        (b"eyJ", False),
        (USER, False),
        (b"", False),
    ],
)
def test_is_oauth_error(challenge: bytes, *, is_error: bool) -> None:
    """An OAuth error is a JSON object, however it is sent; anything else is none."""
    assert is_oauth_error(challenge) is is_error


def test_digest_md5_challenges_take_linear_time() -> None:
    """Directives that never end are read in linear time."""
    hostile = b'x="y",' * 20_000 + b',username="' + b'\\"' * 20_000

    assert decode("DIGEST-MD5", b64(hostile)).identity is None
    assert kind(b64(b"a=" * 50_000)) == "text"


# --- encoding ---


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (b"YWxpY2U=", b"alice"),
        (b"YWxpY2U", b"alice"),
        (b" YWxpY2U= ", b"alice"),
        (b"YWxpY2U==", b"alice"),
        (b"=", b""),
        (b"", b""),
        (b"A", None),
        (b"YWxp Y2U=", None),
        (b"=YWxpY2U", None),
        (b"!!!not*base64", None),
        (b"\xff\xfe", None),
    ],
)
def test_unbase64(line: bytes, data: bytes | None) -> None:
    """Base64 may lack padding and have blanks around it; anything else is none."""
    assert unbase64(line) == data


def test_text_stays_readable() -> None:
    """Bytes that are no UTF-8 and control characters are shown as escapes, long text is cut."""
    assert readable(b"a\xffb") == "a\\xffb"
    assert printable(b"a\x1b[0m\xc2\x85\r\n") == "a\\x1b[0m\\x85\\r\\n"
    assert printable(b"x" * 20, limit=4) == "xxxx… (20 bytes)"
    assert unbase64_head(b"YWxpY2Uu!") == b"alice."


# --- anything ---

ODD = st.one_of(
    st.none(), st.binary(max_size=60), st.binary(max_size=60).map(b64encode), st.sampled_from([b"=", b"*", b""])
)


@given(
    mechanism=st.sampled_from(MECHANISMS),
    initial=ODD,
    turns=st.lists(st.builds(Turn, ODD, ODD, st.booleans()), max_size=4),
    cut=st.booleans(),
)
def test_nothing_raises(mechanism: str | None, initial: bytes | None, turns: list[Turn], *, cut: bool) -> None:
    """Any bytes in any place are decoded to something, without an exception."""
    told = read_alone(Decoder(), mechanism, initial, turns, initial_cut=cut)

    assert told.secret is None or len(told.secret) == 8
    for turn in turns:
        if turn.challenge is not None:
            challenge_text(mechanism, turn.challenge)
            is_oauth_error(turn.challenge)
