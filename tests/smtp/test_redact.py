"""Tests of `analyzer.smtp.redact`."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.redact import argument, described, form_of, mechanism, unknown_bytes

SECRET = b"tr0ub4dor&3"
PLAIN = b64encode(b"\0alice@example.test\0" + SECRET)


@pytest.mark.parametrize(
    ("mechanism", "index", "line", "shown"),
    [
        ("LOGIN", 0, b64encode(b"alice@example.test"), "<user name, 18 bytes>"),
        ("login", 1, b64encode(SECRET), "<password, 11 bytes>"),
        ("LOGIN", 2, b64encode(SECRET), "<LOGIN response, 11 bytes>"),
        ("PLAIN", 0, PLAIN, "<PLAIN response, 31 bytes>"),
        ("CRAM-MD5", 0, b64encode(b"alice 0123"), "<CRAM-MD5 digest, 10 bytes>"),
        ("SCRAM-SHA-256", 0, b64encode(b"n,,n=a,r=b"), "<SCRAM-SHA-256 response, 10 bytes>"),
        ("XOAUTH2", 1, b"", "<empty response>"),
        ("PLAIN", 0, b"=", "<empty response>"),
        ("LOGIN", 0, b"*", "<cancel *>"),
        ("FOOBAR", 0, b64encode(SECRET), "<response, 11 bytes>"),
        (None, 0, b64encode(SECRET), "<response, 11 bytes>"),
        ("LOGIN", 1, SECRET, "<not base64, 11 bytes>"),
    ],
)
def test_describe(mechanism: str | None, index: int, line: bytes, shown: str) -> None:
    """An AUTH line is shown as its kind and length."""
    assert described(mechanism, index, form_of(line)) == shown


def test_a_line_with_an_unknown_verb_is_its_length() -> None:
    """A password that was sent as a command is not shown."""
    assert unknown_bytes(len(SECRET)) == "<line of 11 bytes>"


@pytest.mark.parametrize(
    ("verb", "rest", "shown"),
    [
        (
            "MAIL",
            b"FROM:<alice@example.test> AUTH=<bob@example.test>",
            "FROM:<alice@example.test> AUTH=<bob@example.test>",
        ),
        ("EHLO", b" client.example.test ", "client.example.test"),
        ("ehlo", b"esc\x1b[0m", "esc\\x1b[0m"),
        ("RSET", b"", None),
        ("AUTH", b"LOGIN", "LOGIN"),
        ("AUTH", b"PLAIN " + PLAIN, "PLAIN <PLAIN response, 31 bytes>"),
        ("X-EXPS", b"LOGIN " + b64encode(b"alice"), "LOGIN <user name, 5 bytes>"),
        ("AUTH", b"PLAIN = " + PLAIN, "PLAIN <empty response> <line of 44 bytes>"),
        ("AUTH", PLAIN, "<44 bytes>"),
        ("XCLIENT", b"LOGIN=alice ADDR=192.0.2.1 PASSWORD=tr0ub4dor", "LOGIN=alice ADDR=192.0.2.1 PASSWORD=<9 bytes>"),
        ("TR0UB4DOR", b"correct horse", "<13 bytes>"),
        ("NOOP", b"x" * 600, "x" * 512 + "… (600 bytes)"),
    ],
)
def test_arguments(verb: str, rest: bytes, shown: str | None) -> None:
    """Arguments of commands are shown as they are, those of AUTH as kind and length, those of unknown verbs not."""
    assert argument(verb, rest) == shown


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (b"PLAIN", "PLAIN"),
        (b"cram-md5", "CRAM-MD5"),
        (b"Scram-Sha-256-Plus", "SCRAM-SHA-256-PLUS"),
        (b"KERBEROS_V4", "KERBEROS_V4"),
        (b"FOO2", "FOO2"),
        (b"Winter2026", None),
        (b"hunter", None),
        (b64encode(b"\0bob\0hunter2!!!"), None),
        (b"FOO" * 7, None),
        (b"", None),
        (b"PLA\xc4N", None),
        (b"pa\xdfdss-3des-1", None),
    ],
)
def test_mechanisms(word: bytes, name: str | None) -> None:
    """A name that is known is shown in whatever case, another one in capitals; all else may be a secret."""
    assert mechanism(word) == name


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_nothing_raises(lines: list[bytes]) -> None:
    """Any bytes are described and shown without an exception."""
    for line in lines:
        described("PLAIN", 0, form_of(line))
        for verb in ("AUTH", "MAIL", "XCLIENT", "???"):
            argument(verb, line)
