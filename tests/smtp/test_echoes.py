"""Tests of `analyzer.smtp.echoes`."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.echoes import echoed, without

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SECRET = b"tr0ub4dor&3"
PLAIN = b64encode(b"\0alice@example.test\0" + SECRET)


def scrub(reply: bytes, lines: list[bytes]) -> bytes:
    """Remove from a reply what lines hold."""
    return without(reply, frozenset().union(*(echoed(reply, line) for line in lines)))


@pytest.mark.parametrize(
    "said",
    [
        b"cannot decode AUTH parameter %s",
        b"5.5.4 cannot BASE64 decode '%s'",
        b"Syntax error: <%s>.",
        b'unknown: "%s"; bye',
        b"parameter=%s,",
    ],
)
@pytest.mark.parametrize(
    ("line", "echo"),
    [
        (PLAIN, PLAIN),
        (PLAIN, PLAIN.lower()),
        (PLAIN, PLAIN[:20]),
        (PLAIN, PLAIN[9:30]),
        (PLAIN, SECRET),
        (PLAIN, SECRET.upper()),
        (b"AUTH PLAIN " + PLAIN, PLAIN),
        (SECRET, SECRET),
        (PLAIN, b"https://x.example/alice/" + SECRET),
        (PLAIN, b"user=alice&pass=" + SECRET + b"&x=1"),
        (PLAIN, b64encode(SECRET)),
        (PLAIN, b64encode(b"alice " + SECRET + b" ")),
        (PLAIN, b"tr0ub4dor%263"),
        (b64encode(b"\0a\0hunter2"), b"xhunter2x"),
        (b64encode(b'\0a\0say"x"!'), b'say\\"x\\"!'),
        (b64encode(b"p=1,2;3"), b"p=1,2;3"),
        (b64encode(b"user=a\x01auth=Bearer ya29.a0AfH6\x01\x01"), b"ya29.a0AfH6"),
        (b64encode(b"two words-of-it"), b"words-of-it"),
        (b64encode(b"\xff\xfe\xfd\xfc"), b"\xff\xfe\xfd\xfc"),
    ],
)
def test_echoes_are_removed(said: bytes, line: bytes, echo: bytes) -> None:
    """What the client said is removed from a reply: raw, cut short, in other case, or decoded."""
    reply = said % echo
    cleaned = scrub(reply, [b"", line])

    assert echo.lower() not in cleaned.lower()
    assert b"<removed>" in cleaned


@pytest.mark.parametrize(
    "reply",
    [
        b"5.7.8 Error: authentication failed: authentication failure",
        b"Incorrect authentication data",
        b"5.7.8 Authentication credentials invalid",
        b"4.7.0 Temporary authentication failure: Connection lost to authentication server",
        b"2.7.0 Authentication successful",
        b"535-5.7.8 Username and Password not accepted. For more information, go to",
    ],
)
def test_stock_replies_stay(reply: bytes) -> None:
    """A reply that servers give anyway stays whole, even if a password is one of its words: removing would tell it."""
    lines = [b64encode(b"authentication"), b64encode(b"failed"), b64encode(b"\0Error\0password")]

    assert scrub(reply, lines) == reply


def test_other_words_stay() -> None:
    """Names of hosts, ids and what the client did not say stay."""
    reply = b"4.4.2 mx.example.test Error: timeout exceeded (id 1hh7w7XwCX)"

    assert scrub(reply, [PLAIN, b64encode(b"alice@example.test")]) == reply


@pytest.mark.parametrize("line", [PLAIN, b64encode(b"user=alice@example.test\1auth=Bearer x1y2z3\1\1")])
def test_names_stay(line: bytes) -> None:
    """Who it is, is shown anyway: a server that repeats that is no one who tells secrets."""
    reply = b"5.7.8 user alice@example.test not found"

    assert scrub(reply, [line]) == reply


def test_replies_of_the_lab_stay() -> None:
    """No reply to AUTH of the lab changes, since no server there echoes."""
    if not DATA.is_dir():
        pytest.skip("the recorded traffic is not here")
    for path in sorted(DATA.glob("*/dialogue.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            for dialogue in (json.loads(line)["dialogue"] for line in file):
                lines = [text.strip().encode() for side, _, text in dialogue if side == "C"]
                lines = [line for line in lines if b" " not in line and b":" not in line]
                for side, _, text in dialogue:
                    if side == "S" and text.startswith(("235", "435", "454", "5")):
                        assert scrub(text.encode(), lines) == text.encode()


def test_scrubbing_takes_linear_time() -> None:
    """A long reply and a long line take no more than their lengths."""
    line = b64encode(bytes(range(256)) * 200)
    reply = b" ".join(b"word%d" % number for number in range(20_000)) + b" " + line[100:50_000]
    begin = time.perf_counter()

    assert scrub(reply, [line]).endswith(b" <removed>")
    assert time.perf_counter() - begin < 5


@given(st.binary(max_size=80), st.lists(st.binary(max_size=40), max_size=3))
def test_nothing_raises(text: bytes, lines: list[bytes]) -> None:
    """Any bytes are cleaned without an exception; a second cleaning changes nothing."""
    cleaned = scrub(text, lines)

    assert scrub(cleaned, lines) == cleaned


@given(st.binary(min_size=3, max_size=30), st.sampled_from([b"", b"AUTH PLAIN ", b'"', b"X="]))
def test_no_echo_survives(secret: bytes, lead: bytes) -> None:
    """Whatever a client sends in base64 is gone from a reply that repeats it."""
    line = b64encode(secret)

    assert line not in scrub(b"501 cannot decode AUTH parameter " + line, [lead + line])
