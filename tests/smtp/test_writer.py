"""Tests of `analyzer.smtp.writer`: what is common to all tables; each case of `tests/cases` tests their columns."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from analyzer.schema import TABLES
from analyzer.smtp import law
from analyzer.smtp.law import How, Last
from analyzer.smtp.reader import Reader
from analyzer.smtp.said import is_open
from analyzer.smtp.sasl import Decoder
from analyzer.smtp.writer import Writer
from tests.dialogue import to_events
from tests.streams import sessions_of, to_batch, tracker

HEAD = "# Title\n# Prose.\n"
TEXT = (
    "S: 220 mx ESMTP\nC: EHLO x\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGFsaWNlAHB3\nS: 535 5.7.8 no\nC: QUIT\nS: 221 bye\n"
)


def tables(text: str, wanted: frozenset[str] = frozenset(TABLES)):
    made = with_digests(text, wanted)
    del made["auth"]["secret_group"]  # digests, of another key each time
    return made


def with_digests(text: str, wanted: frozenset[str] = frozenset(TABLES)):
    writer = Writer("case", wanted, Decoder())
    writer.write(Reader().read(to_batch(sessions_of(to_events(HEAD + text))), tracker()))
    written = writer.written()
    return {name: table.lists() for name, table in {**written.tables, "findings": written.notes.table()}.items()}


def test_only_what_is_wanted():
    """The table of exchanges is made only where it is wanted; the others are the same without it."""
    whole, part = tables(TEXT), tables(TEXT, frozenset({"sessions", "auth"}))

    assert len(whole["exchanges"]["verb"]) == 4
    assert not part["exchanges"]["verb"]
    for name in ("sessions", "auth"):
        assert part[name] == whole[name]


def test_nothing_to_write():
    """A batch without sessions gives tables without rows, with all columns."""
    made = tables("-- fin client\n")

    assert all(not any(columns.values()) for columns in made.values())
    assert list(made["auth"]) == [column.name for column in TABLES["auth"] if column.name != "secret_group"]


def test_sessions_of_a_batch_are_kept_apart():
    """Rows of many sessions in one batch name their own session, and are what each alone gives."""
    many = tables("-- connect\n".join([TEXT] * 3))

    assert len(set(many["sessions"]["session"])) == 3
    assert many["auth"]["session"] == many["sessions"]["session"]
    assert many["auth"]["text"] == tables(TEXT)["auth"]["text"] * 3
    assert sorted(set(many["exchanges"]["session"])) == sorted(many["sessions"]["session"])


@pytest.mark.parametrize("how", How)
def test_outcomes_are_those_of_the_law(how):
    """The table of outcomes that the writer looks up is the law's function, whole."""
    made = law.outcomes()[how]

    assert made.dtype == np.int32
    for code in range(600):
        for last in Last:
            assert law.OUTCOMES[made[code, last]] == law.outcome(how, code, last)


def test_nonce_is_no_secret() -> None:
    """A SCRAM challenge, which repeats the client's nonce, is shown; a line with a password is not open."""
    first = base64.b64encode(b"n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL")

    assert is_open(b"AUTH SCRAM-SHA-1 " + first)
    assert is_open(first)
    assert not is_open(base64.b64encode(b"\0alice\0n,,n=x,r=y"))
    assert not is_open(b"")


def test_prompts_tell_what_answers_are() -> None:
    """Of a server that ignores LOGIN's initial response the secret is what was said to the prompt for the password."""
    again = "C: AUTH LOGIN {b64:alice}\nS: 334 VXNlcm5hbWU6\nC: {b64:alice}\nS: 334 UGFzc3dvcmQ6\n"
    made = with_digests(
        "S: 220 mx ESMTP\nC: EHLO x\nS: 250 AUTH LOGIN\n"
        + "".join(f"{again}C: {{b64:wrong-{number}}}\nS: 535 5.7.8 no\n" for number in (1, 2, 1))
    )

    first, second, third = made["auth"]["secret_group"]
    assert first == third
    assert first != second
    assert made["auth"]["identity"] == ["alice"] * 3
    assert made["exchanges"]["argument"][2:5] == [
        "LOGIN <user name, 5 bytes>",
        "<user name, 5 bytes>",
        "<password, 7 bytes>",
    ]


def test_commands_behind_auth_in_its_segment_are_pipelined() -> None:
    """They wait until the reply to AUTH is read, but they were sent before it."""
    made = tables(
        "S: 220 mx ESMTP\nC: EHLO x\nS: 250 AUTH PLAIN\n"
        "C: AUTH PLAIN AGFsaWNlAHB3\nC+ RSET\nC+ NOOP\nS: 535 5.7.8 no\nS: 250 ok\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
    )

    told = dict(zip(made["exchanges"]["verb"], made["exchanges"]["pipelined"], strict=True))
    assert told == {"(greeting)": False, "EHLO": False, "AUTH": False, "RSET": True, "NOOP": True, "QUIT": False}
