"""Tests of `analyzer.smtp.law`: what the tables say is what comes out, by tables written by hand.

The dialogues of `tests/cases` show the law at work; here stand the two tables that are too wide for dialogues.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.dialogue import to_events
from tests.streams import sessions_of, tables_of, to_batch

HEAD: Final = "# Title\n# Prose.\n"
#: The kinds of replies, by an example of each.
REPLIES: Final = {
    "220": "220 ready", "221": "221 2.0.0 Bye", "235": "235 2.7.0 ok", "250": "250 2.0.0 Ok",
    "334": "334 VXNlcm5hbWU6", "334/5": "334 5.7.0 second factor missing", "354": "354 go ahead", "350": "350 go on",
    "421": "421 4.3.2 later", "450": "450 4.2.0 busy", "535": "535 5.7.8 failed", "554": "554 5.0.0 no",
}  # fmt: skip
#: A line behind missing bytes, and the replies that let it stand as a command; after any other it was text.
STANDS: Final = {
    "EHLO x":            "                250                         421 450 535 554",
    "LHLO x":            "                250                         421 450 535 554",
    "AUTH LOGIN":        "            235     334 334/5               421 450 535 554",
    "MAIL FROM:<a@b>":   "                250                         421 450 535 554",
    "RCPT TO:<a@b>":     "                250                         421 450 535 554",
    "DATA":              "                              354           421 450 535 554",
    "BDAT 0 LAST":       "                250                         421 450 535 554",
    "STARTTLS":          "    220                                     421 450 535 554",
    "TURN":              "                250                         421 450 535 554",
    "RSET":              "                250                         421 450 535 554",
    "QUIT":              "        221     250                         421            ",
    "NOOP":              "    220         250             354         421 450 535 554",
}  # fmt: skip
#: What follows is no line of a command's own: the answer to a 334, a message, the other side's dialogue, TLS.
THEN: Final = {
    ("AUTH LOGIN", "334"): ["(answer) 500"],
    ("DATA", "354"): ["(unsolicited) 500"],
    ("TURN", "250"): [],
}  # fmt: skip
#: The reply to a line that was text, and what follows it, behind missing bytes.
TEXT: Final = {
    "220": ["(lost) 220", "(lost) 500"],
    "235": ["(lost) 235", "(unknown) 500"],
    "334": ["(lost) 334", "(answer) 500"],
    "354": ["(lost) 354", "(unsolicited) 500"],
}
#: Codes that end an attempt though bytes of the server are missing before them; after the others its end is unseen.
SHOWING_AUTH: Final = ("235", "334", "535")  # behind missing bytes
#: Lines behind which a client waits, and what it waits for; with more text behind them they were text.
WAITING: Final = {"AUTH LOGIN": "334", "DATA": "354", "STARTTLS": "220", "TURN": "250"}
SIMPLE: Final = [line for line in STANDS if line not in (*WAITING, "BDAT 0 LAST")]
FINAL: Final = [reply for reply in REPLIES if reply != "334"]
ENDS: Final = ["235", "334/5", "421", "450", "535", "554"]


def tables(text: str) -> dict[str, dict[str, list[Any]]]:
    """Give the tables of a dialogue, straight from its streams."""
    return {name: table.lists() for name, table in tables_of([to_batch(sessions_of(to_events(HEAD + text)))]).items()}


def pairs(exchanges: dict[str, list[Any]]) -> list[str]:
    """Give verbs and codes of exchanges."""
    return [f"{verb} {code or '-'}" for verb, code in zip(exchanges["verb"], exchanges["code"], strict=True)]


def behind_a_gap(line: str, reply: str) -> list[str]:
    """Say what a line behind missing bytes and its reply have to give, with an unknown verb behind them."""
    if reply in STANDS[line].split():
        return [f"{line.split(maxsplit=1)[0]} {reply[:3]}", *THEN.get((line, reply), ["(unknown) 500"])]
    return TEXT.get(reply, [f"(lost) {reply[:3]}", "(lost) 500"])


def wrong_behind_a_gap(line: str, reply: str) -> str:
    """Say what is wrong of a line behind missing bytes and its reply, nothing where all is right."""
    text = f"S: 220 mx ESMTP\n-- gap 9 client\nC: {line}\nS: {REPLIES[reply]}\nC: XYZZY\nS: 500 what\n"
    made = tables(text)
    wanted, found = ["(greeting) 220", *behind_a_gap(line, reply)], pairs(made["exchanges"])
    verb, code = wanted[1].split()
    attempts = int(verb == "AUTH" or (verb == "(lost)" and code in SHOWING_AUTH))
    right = wanted == found and attempts == len(made["auth"]["code"])
    return "" if right else f"expected {wanted} and {attempts} attempts, found {found} and {made['auth']['outcome']}"


def wrong_pair(line: str) -> str:
    """Say what is wrong of two lines behind missing bytes whose replies come later, nothing where all is right."""
    text = f"S: 220 mx ESMTP\n-- gap 9 client\nC: {line}\nC: MAIL FROM:<a@b>\nS: 250 2.0.0 Ok\nS: 250 2.1.0 Ok\n"
    wanted, found = ["(greeting) 220", f"{line.split(maxsplit=1)[0]} 250", "MAIL 250"], pairs(tables(text)["exchanges"])
    return "" if wanted == found else f"expected {wanted}, found {found}"


def wrong_text(line: str) -> str:
    """Say what is wrong of a line of text that looks like a command, nothing where all is right."""
    text = f"S: 220 mx ESMTP\n-- gap 9 client\nC: {line}\nC: hello world\nS: {REPLIES[WAITING[line]]}\n"
    wanted, found = ["(greeting) 220", f"(lost) {WAITING[line]}"], pairs(tables(text)["exchanges"])
    return "" if wanted == found else f"expected {wanted}, found {found}"


def wrong_ending(reply: str) -> str:
    """Say what is wrong of a reply to AUTH behind missing bytes, nothing where all is right."""
    text = f"S: 220 mx ESMTP\nC: AUTH PLAIN AGEAYg==\n-- gap 9 server\nS: {REPLIES[reply]}\n"
    auth = tables(text)["auth"]
    wanted = [int(reply[:3]) if reply in ENDS else None]
    right = auth["code"] == wanted and (auth["outcome"] == ["unseen"]) == (reply not in ENDS)
    return "" if right else f"expected {wanted}, found {auth['code']}, {auth['outcome']}"


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("line", STANDS)
def test_verb_behind_missing_bytes(line: str, reply: str) -> None:
    """A verb behind missing bytes is a command if its reply fits, else it was text."""
    assert wrong_behind_a_gap(line, reply) == ""


@pytest.mark.parametrize("line", SIMPLE)
def test_verbs_behind_missing_bytes(line: str) -> None:
    """Commands behind missing bytes may be pipelined: each has its own reply."""
    assert wrong_pair(line) == ""


@pytest.mark.parametrize("line", WAITING)
def test_text_behind_missing_bytes(line: str) -> None:
    """A verb for whose reply a client would have waited was text where the client did not."""
    assert wrong_text(line) == ""


@pytest.mark.parametrize("reply", FINAL)
def test_ending_behind_missing_bytes(reply: str) -> None:
    """After bytes of the server are missing, only 235, 4xx and 5xx end an attempt."""
    assert wrong_ending(reply) == ""
