"""Logs that show the dialogue are read as captures are, whoever wrote them and whatever they leave out."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.logs.escapes import MARKS, hides, lines_of
from analyzer.schema import NULL
from tests.logs import PATTERNS, auth_of, dialogue, format_of, found_in, rows_of, tables_of
from tests.truth import DATA, judge, needs_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from analyzer.logs.formats import Format

ALICE, SECRET = "YWxpY2VAZXhhbXBsZS5vcmc=", "Y2FuYXJ5LXB3LTE3"  # alice@example.org, canary-pw-17
PLAIN = "AGFsaWNlQGV4YW1wbGUub3JnAGNhbmFyeS1wdy0xNw=="
CANARIES = ("canary-pw-17", SECRET, PLAIN)

GREETING = (
    "S: 220 mx.example.org ESMTP",
    "C: EHLO client.example.org",
    "S: 250-mx.example.org",
    "S: 250 AUTH PLAIN LOGIN",
)
LOGIN = ("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", f"C: {ALICE}", "S: 334 UGFzc3dvcmQ6", f"C: {SECRET}")
REFUSED = "S: 535 5.7.8 Error: authentication failed"
GOOD = "S: 235 2.7.0 Authentication successful"
BYE = ("C: QUIT", "S: 221 2.0.0 Bye")

ANY = (*[pattern for pattern in PATTERNS if not pattern[2]], ("line", "{line:rest}", "any"))


@pytest.fixture
def own(tmp_path: Path) -> Format:
    """The format of these tests: C: and S: lines."""
    return format_of(tmp_path)


def bare(lines: tuple[str, ...]) -> str:
    """Take the marks off."""
    return dialogue(*(line[3:] for line in lines))


# ------------------------------------------------------------------------------------------------ who speaks


def test_one_exchange(own: Format) -> None:
    """An exchange of a log has the columns of one of a capture; its place is a line, and it is told, not observed."""
    (row,) = auth_of(own, dialogue(*GREETING, *LOGIN, REFUSED, *BYE))
    assert (row["mechanism"], row["initial_response"], row["rounds"], row["rounds_known"]) == (
        "LOGIN",
        False,
        2,
        "exact",
    )
    assert (row["outcome"], row["code"], row["enhanced"], row["identity"]) == (
        "rejected",
        535,
        "5.7.8",
        "alice@example.org",
    )
    assert (row["evidence"], row["where"], row["caveats"], row["role"]) == ("logged", "own.log line 5", [], "server")
    assert (row["secret_group"], row["started"], row["seconds"], row["tls"]) == (1, None, None, "none")


def test_session(own: Format) -> None:
    """A session of a log without times has none, and no packets; a log does not say how the connection ended."""
    tables = tables_of(own, dialogue("* connect 192.0.2.7 4711", *GREETING, *LOGIN, GOOD, *BYE))
    (row,) = rows_of(tables["sessions"])
    assert (row["client_ip"], row["client_port"], row["server_ip"], row["server_port"]) == (
        "192.0.2.7",
        4711,
        None,
        None,
    )
    assert (row["first"], row["last"], row["packets"], row["bytes"], row["ended_by"]) == (
        None,
        None,
        None,
        None,
        "log_end",
    )
    assert (row["banner"], row["helo"], row["authenticated_as"]) == (
        "mx.example.org ESMTP",
        "client.example.org",
        "alice@example.org",
    )
    assert (row["commands"], row["replies"], row["attempts"], row["readable"], row["caveats"]) == (5, 6, 1, True, [])
    units = rows_of(tables["exchanges"])
    assert [unit["verb"] for unit in units] == ["(greeting)", "EHLO", "AUTH", "(answer)", "(answer)", "QUIT"]
    assert [(unit["frame"], unit["reply_frame"]) for unit in units][1:3] == [(3, 5), (6, 7)]
    assert {unit["at"] for unit in units} == {None}


def test_times(own: Format) -> None:
    """Whole seconds are times; a line without one was written with the line before it."""
    log = [
        f"2026-11-23T10:00:0{k // 3}Z {line}" if k % 2 == 0 else line
        for k, line in enumerate((*GREETING, *LOGIN, REFUSED))
    ]
    tables = tables_of(own, dialogue(*log))
    (session,), (row,) = rows_of(tables["sessions"]), rows_of(tables["auth"])
    assert session["first"] == 1_795_428_000 * 10**9
    assert (session["last"] - session["first"], row["started"] - session["first"]) == (2 * 10**9, 10**9)
    assert (row["seconds"], row["seconds_server"] + row["seconds_client"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("01/20/2026 10:42:45 PM", "2026-01-20 22:42:45"),
        ("1/20/2026 10:42:45 AM", "2026-01-20 10:42:45"),
        ("1/2/2026 9:02:05 PM", "2026-01-02 21:02:05"),
        ("01/20/26 12:00:01 am", "2026-01-20 00:00:01"),
        ("2026-01-20 12:00:01.5PM", "2026-01-20 12:00:01.500000"),
        ("[1/20/2026 10:42:45 PM]", "2026-01-20 22:42:45"),
        ("01/20/2026 22:42:45 PM", "2026-01-20 22:42:45"),
        ("2.1.2026 9:02:05", "2026-01-02 09:02:05"),
        ("22-06-2026 09:56:12", "2026-06-22 09:56:12"),
        ("Jan 20 2026 10:42:45 PM", "2026-01-20 22:42:45"),
        ("2026-01-20 10:42:45 PM +0100", "2026-01-20 21:42:45"),
    ],
)
def test_times_of_halves_of_a_day(own: Format, written: str, meant: str) -> None:
    """Some logs count the hours to twelve, and write days, months and hours in one digit."""
    log = dialogue(*(f"{written} {line}" for line in (*GREETING, *LOGIN, GOOD)))
    (row,) = auth_of(own, log)
    assert row["started"] == int(dt.datetime.fromisoformat(meant + "+00:00").timestamp() * 10) * 10**8


@pytest.mark.parametrize("server", ["a", "b"])
@pytest.mark.parametrize("marks", ["CS", "SC"])
def test_grammar_decides(tmp_path: Path, server: str, marks: str) -> None:
    """Arrows contradict each other between products: the side that replies is the server, whatever the format says."""
    made = format_of(tmp_path, more=f'server = "{server}"')
    lines = [
        line.translate(str.maketrans("CS", marks)) if line[1] == ":" else line for line in (*GREETING, *LOGIN, REFUSED)
    ]
    log = dialogue(*(marks["CS".index(line[0])] + line[1:] for line in (*GREETING, *LOGIN, REFUSED)))
    assert lines
    assert auth_of(made, log, "mechanism", "rounds", "outcome") == [("LOGIN", 2, "rejected")]


def test_hostile_client(own: Format) -> None:
    """A client that talks like a server changes no side."""
    log = dialogue(
        *GREETING, "C: 250-hello", "S: 500 5.5.1 what", "C: 235 2.7.0 ok", "S: 500 5.5.1 what", *LOGIN, REFUSED
    )
    assert auth_of(own, log, "mechanism", "rounds", "code") == [("LOGIN", 2, 535)]


def test_no_marks(tmp_path: Path) -> None:
    """Without marks, replies are the server's, and after a 334 the next line is an answer, whatever it looks like."""
    made = format_of(tmp_path, ANY)
    log = bare(
        (
            *GREETING,
            "x: Escape character is '^]'.",
            *LOGIN,
            REFUSED,
            "C: AUTH LOGIN",
            "S: 334 VXNlcm5hbWU6",
            "C: *",
            "S: 501 5.7.0 cancelled",
            "C: FOO bar",
            "S: 500 5.5.2 what",
            *BYE,
            "x: Connection closed by foreign host.",
        )
    )
    assert auth_of(made, log, "mechanism", "rounds", "outcome") == [("LOGIN", 2, "rejected"), ("LOGIN", 1, "cancelled")]
    (session,) = rows_of(tables_of(made, log)["sessions"])
    assert (session["commands"], session["replies"], session["caveats"]) == (8, 9, [])


def test_no_marks_is_found() -> None:
    """A dialogue without any mark, and without its greeting, is found to be one by what it says."""
    (row,) = rows_of(found_in(bare((*GREETING[1:], *LOGIN, REFUSED)))["auth"])
    assert (row["mechanism"], row["rounds"], row["outcome"]) == ("LOGIN", 2, "rejected")


@pytest.mark.parametrize("end", [(".", "250 2.0.0 Ok: queued"), ()])
def test_message_without_marks(tmp_path: Path, end: tuple[str, ...]) -> None:
    """A message that quotes a dialogue is no dialogue, also where the log breaks off in it."""
    made = format_of(tmp_path, ANY)
    mail = ("MAIL FROM:<a@example.org>", "250 2.1.0 Ok", "RCPT TO:<b@example.org>", "250 2.1.5 Ok", "DATA", "354 go on")
    log = bare(GREETING) + dialogue(*mail, "Subject: x", "AUTH LOGIN", "334 VXNlcm5hbWU6", "535 5.7.8 no", *end)
    assert auth_of(made, log) == []


def test_command_and_reply_in_one_line(tmp_path: Path) -> None:
    """A line of the log may hold a command and its reply."""
    made = format_of(tmp_path, [("line", "{line} => {reply:rest}", "a")])
    log = dialogue(
        "EHLO c.example.org => 250 hi",
        "AUTH LOGIN => 334 VXNlcm5hbWU6",
        f"{ALICE} => 334 UGFzc3dvcmQ6",
        "{blank} => 535 no",
    )
    (row,) = auth_of(made, log)
    assert (row["rounds"], row["code"], row["identity"], row["secret_group"]) == (2, 535, "alice@example.org", None)


@pytest.mark.parametrize(("side", "text"), [("more", "no suchuser"), ("wrapped", "no such user")])
def test_line_goes_on(tmp_path: Path, side: str, text: str) -> None:
    """A long line goes on in the next one of the log: it was cut anywhere, or at a space that is left out."""
    made = format_of(tmp_path, [*PATTERNS, ("line", "... {line:rest}", side)])
    (row,) = auth_of(made, dialogue(*GREETING, *LOGIN, "S: 535 no such", "... user"))
    assert row["text"] == text


def test_name_beside_a_line(tmp_path: Path) -> None:
    """A line of the dialogue may name who it is that speaks."""
    made = format_of(tmp_path, [("line", "{line} => {reply:last} ({?{identity}})", "a")])
    log = dialogue(
        "EHLO c.example.org => 250 hi ()",
        "AUTH LOGIN => 334 VXNlcm5hbWU6 ()",
        "{blank} => 334 UGFzc3dvcmQ6 (alice)",
        "{blank} => 535 no (alice)",
        "AUTH LOGIN => 334 VXNlcm5hbWU6 ()",
        "{blank} => 334 UGFzc3dvcmQ6 (bob)",
        "{blank} => 235 ok (bob)",
    )
    assert auth_of(made, log, "outcome", "identity", "reason") == [
        ("rejected", "alice", "bad_credentials"),
        ("succeeded", "bob", None),
    ]


# ------------------------------------------------------------------------------------------------ what is left out


@pytest.mark.parametrize(
    ("line", "outcome", "reason"),
    [
        ("* failed for bob: 535 user unknown", "failed", "unknown"),
        ("* succeeded as bob", "succeeded", None),
    ],
)
def test_reply_told_by_another_line(own: Format, line: str, outcome: str, reason: str | None) -> None:
    """Where the reply is left out, another line may tell how the exchange ended."""
    found = auth_of(own, dialogue(*GREETING, *LOGIN, line), "outcome", "reason", "code", "rounds", "rounds_known")
    assert found == [(outcome, reason, None, 2, "at_least")]


@pytest.mark.parametrize(
    "mask",
    [
        "********",
        "***",
        "[credentials hidden]",
        "{blank}",
        "<authentication response>",
        "(password)",
        "[BASE64_ENCODED_PASSWORD]",
        "(...)",
        "XXXXXXXX",
        "Lyogc2VjcmV0ICov",
    ],
)
def test_masked_answers(own: Format, mask: str) -> None:
    """A secret that the log hides was an answer nobody can read: no bad base64, no group, nobody's name."""
    log = dialogue(
        *GREETING, "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", f"C: {ALICE}", "S: 334 UGFzc3dvcmQ6", f"C: {mask}", REFUSED
    )
    tables = tables_of(own, log)
    (row,) = rows_of(tables["auth"])
    assert (row["rounds"], row["rounds_known"], row["outcome"], row["identity"]) == (
        2,
        "exact",
        "rejected",
        "alice@example.org",
    )
    assert (row["reason"], row["secret_group"], row["caveats"]) == ("bad_credentials", None, [])
    assert rows_of(tables["exchanges"])[-1]["argument"] == "<hidden by the log>"


@pytest.mark.parametrize("mask", ["********", "(...)", "[credentials hidden]"])
def test_masked_initial_response(own: Format, mask: str) -> None:
    """A hidden initial response is one; the answer behind it is not taken for a name."""
    log = dialogue(*GREETING, f"C: AUTH LOGIN {mask}", "S: 334 UGFzc3dvcmQ6", f"C: {SECRET}", REFUSED)
    tables = tables_of(own, log)
    (row,) = rows_of(tables["auth"])
    assert (row["initial_response"], row["rounds"], row["identity"], row["secret_group"]) == (True, 1, None, None)
    assert rows_of(tables["exchanges"])[2]["argument"] == "LOGIN <hidden by the log>"


@pytest.mark.parametrize(
    ("mechanism", "response", "reason"),
    [
        ("PLAIN", b"\0bob\0/* secret */", "bad_credentials"),
        ("XOAUTH2", b"user=bob\1auth=Bearer /* secret */\1\1", "oauth_token_invalid"),
        ("CRAM-MD5", b"bob /* secret */", "bad_credentials"),
    ],
)
def test_masked_inside(own: Format, mechanism: str, response: bytes, reason: str) -> None:
    """Nodemailer hides the password inside the response: the name is there, a secret is not."""
    (row,) = auth_of(own, dialogue(*GREETING, f"C: AUTH {mechanism} {base64.b64encode(response).decode()}", REFUSED))
    assert (row["identity"], row["initial_response"], row["secret_group"], row["reason"]) == (
        "bob",
        True,
        None,
        reason,
    )


def test_names_from_other_lines(own: Format) -> None:
    """Who it was may stand in another line of the session; each name belongs to the exchange it follows."""
    once = ("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: ***", "S: 334 UGFzc3dvcmQ6", "C: ***")
    log = dialogue(
        *GREETING,
        *once,
        "* failed for bob: 535 user unknown",
        REFUSED,
        *once,
        GOOD,
        "* succeeded as alice@example.org",
        *BYE,
    )
    assert auth_of(own, log, "identity", "outcome", "rounds") == [
        ("bob", "rejected", 2),
        ("alice@example.org", "succeeded", 2),
    ]
    (session,) = rows_of(tables_of(own, log)["sessions"])
    assert (session["attempts"], session["authenticated_as"]) == (2, "alice@example.org")


def test_answers_left_out(own: Format) -> None:
    """Where the log leaves answers out, rounds and outcome stand, and a caveat says that something is missing."""
    (row,) = auth_of(
        own, dialogue(*GREETING, "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "S: 334 UGFzc3dvcmQ6", REFUSED, *BYE)
    )
    assert (row["rounds"], row["rounds_known"], row["outcome"], row["reason"]) == (
        2,
        "exact",
        "rejected",
        "bad_credentials",
    )
    assert (row["identity"], row["caveats"]) == (None, ["gap"])


def test_answers_hidden(tmp_path: Path) -> None:
    """A log that never shows what clients answer hides it: nothing is missing, and everything is counted."""
    made = format_of(tmp_path, more="hides_answers = true")
    asked = (
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "* failed for bob: 535 user unknown",
        "S: 334 UGFzc3dvcmQ6",
        REFUSED,
    )
    log = (f"2026-11-23T10:00:0{k}Z {line}" for k, line in enumerate((*asked, "C: AUTH PLAIN", "S: 334", GOOD)))
    tables = tables_of(made, dialogue("* connect", *GREETING, *log, *BYE))
    rows = rows_of(tables["auth"])
    assert [(row["rounds"], row["rounds_known"], row["outcome"], row["identity"], row["caveats"]) for row in rows] == [
        (2, "exact", "rejected", "bob", []),
        (1, "exact", "succeeded", None, []),
    ]
    assert [(row["seconds"], row["seconds_server"], row["seconds_client"]) for row in rows] == [
        (4.0, None, None),
        (2.0, None, None),
    ]
    units = [unit for unit in rows_of(tables["exchanges"]) if unit["verb"] == "(answer)"]
    assert [(unit["argument"], unit["frame"], unit["seconds"]) for unit in units] == [
        ("<hidden by the log>", None, None)
    ] * 3
    assert rows_of(tables["sessions"])[0]["caveats"] == []


@pytest.mark.parametrize(("end", "outcome"), [("* lost", "client_closed"), ("S: 421 4.4.2 timeout", "server_closed")])
def test_no_answer_hidden(tmp_path: Path, end: str, outcome: str) -> None:
    """A client that has left, or did not answer in time, has not said anything."""
    made = format_of(tmp_path, more="hides_answers = true")
    log = dialogue("* connect", *GREETING, "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", end)
    tables = tables_of(made, log)
    assert [(row["rounds"], row["outcome"]) for row in rows_of(tables["auth"])] == [(1, outcome)]
    assert "(answer)" not in [unit["verb"] for unit in rows_of(tables["exchanges"])]


def test_server_does_not_wait(own: Format) -> None:
    """A log that shows answers and none before a 535 shows a server whose own timer ran out."""
    log = dialogue(*GREETING, *LOGIN[:4], "S: 535 5.7.8 no")
    assert auth_of(own, log, "rounds", "outcome", "reason") == [(2, "rejected", "timeout")]


def test_challenges_left_out(own: Format) -> None:
    """Where the log leaves challenges out, there were at least as many as answers."""
    log = dialogue(*GREETING, "C: AUTH LOGIN", f"C: {ALICE}", f"C: {SECRET}", REFUSED, *BYE)
    assert auth_of(own, log, "rounds", "rounds_known", "outcome", "caveats") == [(2, "at_least", "rejected", ["gap"])]


@pytest.mark.parametrize(("shown", "group"), [((0, 3, 4), 1), ((0, 4), None)])
def test_password_is_no_name(own: Format, shown: tuple[int, ...], group: int | None) -> None:
    """Where the log leaves the name out, the password is not taken for one; its prompt tells what it is."""
    (row,) = auth_of(own, dialogue(*GREETING, *(LOGIN[k] for k in shown), REFUSED))
    assert (row["identity"], row["secret_group"], row["outcome"]) == (None, group, "rejected")


def test_reply_left_out(own: Format) -> None:
    """A command whose reply is missing takes no other command's reply."""
    log = dialogue(*GREETING[:2], *LOGIN, GOOD, *BYE)
    assert auth_of(own, log, "rounds", "code", "outcome") == [(2, 235, "succeeded")]


@pytest.mark.parametrize("greeting", [0, 1, 2])
def test_beginning_left_out(own: Format, greeting: int) -> None:
    """A log may begin behind the greeting, or in the middle of a reply."""
    log = dialogue(*GREETING[greeting:], *LOGIN, REFUSED, *BYE)
    assert auth_of(own, log, "mechanism", "rounds", "outcome", "caveats") == [("LOGIN", 2, "rejected", [])]
    (session,) = rows_of(tables_of(own, log)["sessions"])
    assert session["caveats"] == (["midstream"] if greeting == 2 else [])


def test_only_replies(own: Format) -> None:
    """A log of replies alone shows an exchange, but not whose and how."""
    log = dialogue(*(line for line in (*GREETING, *LOGIN, REFUSED, *BYE) if line.startswith("S")))
    (row,) = auth_of(own, log)
    assert (row["mechanism"], row["rounds"], row["outcome"], row["caveats"]) == (None, 2, "rejected", ["one_sided"])


def test_pipelining(own: Format) -> None:
    """Commands in one go are no missing replies."""
    log = dialogue(
        *GREETING,
        f"C: AUTH PLAIN {PLAIN}",
        "C: MAIL FROM:<a@example.org>",
        "C: RCPT TO:<b@example.org>",
        "C: DATA",
        GOOD,
        "S: 250 2.1.0 Ok",
        "S: 250 2.1.5 Ok",
        "S: 354 go on",
        "C: x",
        "C: .",
        "S: 250 2.0.0 Ok",
        *BYE,
    )
    assert auth_of(own, log, "initial_response", "outcome", "caveats") == [(True, "succeeded", [])]
    (mail,) = rows_of(tables_of(own, log)["messages"])
    assert (mail["accepted"], mail["size"], mail["code"]) == (1, 3, 250)


@pytest.mark.parametrize(("body", "size"), [(("C: x", "C: ."), 3), ((), None)])
def test_message_left_out(own: Format, body: tuple[str, ...], size: int | None) -> None:
    """Most logs leave the text of messages out: their size is unknown then, and nothing is weaker for it."""
    mail = (
        "C: MAIL FROM:<a@example.org>",
        "S: 250 Ok",
        "C: RCPT TO:<b@example.org>",
        "S: 250 Ok",
        "C: DATA",
        "S: 354 go on",
    )
    tables = tables_of(own, dialogue(*GREETING, *mail, *body, "S: 250 2.0.0 Ok: queued", *LOGIN, REFUSED))
    (session,), (message,), (row,) = (rows_of(tables[name]) for name in ("sessions", "messages", "auth"))
    assert (message["size"], message["accepted"], message["code"], session["messages"]) == (size, 1, 250, 1)
    assert (session["caveats"], row["caveats"], row["rounds"]) == ([], [], 2)
    (end,) = [unit for unit in rows_of(tables["exchanges"]) if unit["verb"] == "(end of data)"]
    assert (end["frame"], end["reply_frame"]) == ((12, 13) if body else (None, 11))


def test_time_of_an_end_left_out(own: Format) -> None:
    """How long the reply to a message took is not known where the log does not show its end."""
    mail = ("C: MAIL FROM:<a@example.org>", "S: 250 Ok", "C: DATA", "S: 354 go on", "S: 250 2.0.0 Ok: queued")
    tables = tables_of(own, dialogue(*(f"2026-11-23T10:00:00Z {line}" for line in (*GREETING, *mail))))
    (end,) = [unit for unit in rows_of(tables["exchanges"]) if unit["verb"] == "(end of data)"]
    assert (end["seconds"], end["frame"], end["at"]) == (None, None, 1_795_428_000 * 10**9)


def test_chunks_left_out(own: Format) -> None:
    """The octets of a chunk are in no log; the command that follows is none of them."""
    log = dialogue(
        *GREETING, "C: MAIL FROM:<a@example.org>", "S: 250 Ok", "C: BDAT 99999999999 LAST", "S: 250 Ok", *LOGIN, REFUSED
    )
    assert auth_of(own, log, "rounds", "caveats") == [(2, [])]
    (session,) = rows_of(tables_of(own, log)["sessions"])
    assert (session["caveats"], session["messages"]) == ([], 1)


# ---------------------------------------------------------------------------------------- TLS, endings, sessions


def test_starttls(own: Format) -> None:
    """A log goes on in clear text behind STARTTLS: what follows was protected, and is readable."""
    log = dialogue(
        *GREETING,
        f"C: AUTH PLAIN {PLAIN}",
        "S: 530 5.7.0 Must issue STARTTLS first",
        "C: STARTTLS",
        "S: 220 2.0.0 Ready",
        "* tls TLSv1.3",
        *GREETING[1:],
        *LOGIN,
        GOOD,
    )
    assert auth_of(own, log, "outcome", "tls") == [("encryption_required", "none"), ("succeeded", "starttls")]
    (session,) = rows_of(tables_of(own, log)["sessions"])
    assert (session["tls"], session["tls_version"], session["readable"], session["caveats"]) == (
        "starttls",
        "TLS 1.3",
        True,
        [],
    )


def test_implicit_tls(own: Format) -> None:
    """TLS before the greeting is implicit TLS."""
    log = dialogue("* connect", "* tls TLSv1.2", *GREETING, *LOGIN, GOOD)
    assert auth_of(own, log, "tls") == [("implicit",)]


def test_tls_of_the_connection(tmp_path: Path) -> None:
    """A client that says it connects inside TLS (smtps://) names no handshake."""
    made = format_of(tmp_path, [*PATTERNS, ("connect", "* connect smtps", 'tls = "implicit"')])
    tables = tables_of(made, dialogue("* connect smtps", *GREETING, *LOGIN, GOOD))
    ((session,), (row,)) = (rows_of(tables[name]) for name in ("sessions", "auth"))
    assert (session["tls"], row["tls"], session["offered"], session["offered_tls"]) == (
        "implicit",
        "implicit",
        None,
        "PLAIN LOGIN",
    )


def test_tls_not_told(tmp_path: Path) -> None:
    """A log that does not show TLS does not show that there is none; a client may say so, or a server: by STARTTLS."""
    made = format_of(tmp_path, [*PATTERNS, ("connect", "* connect smtp", 'tls = "none"')], more="")
    offers = (*GREETING[:3], "S: 250-starttls", GREETING[3])

    assert auth_of(made, dialogue(*GREETING, *LOGIN, GOOD), "tls") == [(None,)]
    assert auth_of(made, dialogue(*offers, *LOGIN, GOOD), "tls") == [("none",)]
    assert auth_of(made, dialogue("* connect smtp", *GREETING, *LOGIN, GOOD), "tls") == [("none",)]
    assert auth_of(made, dialogue("* connect", "* tls TLSv1.3", *GREETING, *LOGIN, GOOD), "tls") == [("implicit",)]

    tables = tables_of(made, dialogue(*GREETING, *LOGIN, GOOD, *BYE, *offers, *LOGIN, GOOD))
    assert [(row["tls"], row["offered"]) for row in rows_of(tables["sessions"])] == [
        (None, "PLAIN LOGIN"),
        ("none", "PLAIN LOGIN"),
    ]


@pytest.mark.parametrize(("said", "tls"), [("N", "none"), ("Y", None)])
def test_tls_told_at_the_end(tmp_path: Path, said: str, tls: str | None) -> None:
    """A session that was in TLS, as its last line says, and nobody saw since when, was not in the clear."""
    made = format_of(tmp_path, [("disconnect", "* disconnect tls={tls}", ""), *PATTERNS])
    assert auth_of(made, dialogue(*GREETING, *LOGIN, GOOD, *BYE, f"* disconnect tls={said}"), "tls") == [(tls,)]


def test_tls_before_the_log(own: Format) -> None:
    """A log that begins in the middle of a dialogue does not show whether TLS had begun."""
    assert auth_of(own, dialogue(*GREETING[2:], *LOGIN, GOOD), "tls") == [(None,)]


def test_tls_between(own: Format) -> None:
    """Where the command is left out, the line that says TLS protects what follows."""
    log = dialogue(*GREETING, f"C: AUTH PLAIN {PLAIN}", REFUSED, "* tls TLSv1.3", *GREETING[1:], *LOGIN, GOOD)
    assert auth_of(own, log, "tls") == [("none",), ("starttls",)]


@pytest.mark.parametrize(
    ("end", "outcome", "ended_by"),
    [
        (("* lost", "* disconnect"), "client_closed", "client_lost"),
        (("* closed",), "server_closed", "server_closed"),
        (("* timeout", "* disconnect"), "server_closed", "server_timeout"),
        (("* timeout", "S: 421 4.4.2 timeout"), "server_closed", "server_timeout"),
        (("* lost", REFUSED), "client_closed", "client_lost"),  # nobody heard this
        (("* disconnect",), "client_closed", "closed"),  # it was the client's turn
        ((), "unseen", "log_end"),
    ],
)
def test_endings(own: Format, end: tuple[str, ...], outcome: str, ended_by: str) -> None:
    """What ends an exchange that has no final reply is what the log says of its connection."""
    tables = tables_of(own, dialogue("* connect", *GREETING, *LOGIN[:4], *end))
    (row,), (session,) = rows_of(tables["auth"]), rows_of(tables["sessions"])
    assert (row["rounds"], row["outcome"], session["ended_by"]) == (2, outcome, ended_by)


def test_client_goes_on_after_the_drop(own: Format) -> None:
    """A client that says good-bye to a server that has gone does not hide how the exchange ended."""
    log = dialogue(*GREETING, *LOGIN, "* closed", "C: QUIT")
    assert auth_of(own, log, "rounds", "rounds_known", "outcome", "caveats") == [(2, "exact", "server_closed", [])]


def test_sessions_in_one_file(own: Format) -> None:
    """In a transcript, a greeting behind a finished dialogue begins another session, with an id of its own."""
    one = (*GREETING, *LOGIN, REFUSED, *BYE)
    tables = tables_of(own, dialogue(*one, *one, *GREETING, *LOGIN, GOOD))
    sessions, rows = rows_of(tables["sessions"]), rows_of(tables["auth"])
    assert len({row["session"] for row in sessions}) == len(sessions) == 3
    assert [row["where"] for row in rows] == ["own.log line 5", "own.log line 17", "own.log line 29"]
    assert [row["event"] for row in rows] == [f"{row['session']}-1" for row in sessions]


@pytest.mark.parametrize(("more", "offered"), [("", "PLAIN LOGIN"), ("cuts_replies = true", None)])
def test_replies_cut(tmp_path: Path, more: str, offered: str | None) -> None:
    """A log that shows one line of a reply does not show what a server offers."""
    made = format_of(tmp_path, more=more)
    (session,) = rows_of(tables_of(made, dialogue(*GREETING, *LOGIN, GOOD))["sessions"])
    assert session["offered"] == offered


def test_exchange_offers() -> None:
    """Exchange 2013 and later write a reply to EHLO in one row."""
    head = r"2026-11-23T10:00:00.000Z,EX1\Default EX1,08DABC0000000001,{},192.0.2.10:587,192.0.2.7:60042,"
    rows = (
        "+,,",
        '>,"220 EX1.example.test Microsoft ESMTP MAIL Service ready",',
        "<,EHLO pc,",
        ">,250  EX1.example.test Hello [192.0.2.7] SIZE 37748736 PIPELINING AUTH GSSAPI NTLM LOGIN 8BITMIME CHUNKING,",
        "<,QUIT,",
        ">,221 2.0.0 bye,",
    )
    (session,) = rows_of(found_in(dialogue(*(head.format(n) + row for n, row in enumerate(rows))))["sessions"])
    assert (session["offered"], session["helo"], session["caveats"]) == ("GSSAPI NTLM LOGIN", "pc", [])


HMAILSERVER = '"SMTPD"\t3120\t811\t"2026-11-23 08:15:30.{}"\t"192.0.2.7"\t"{}: {}"'
HANDSHAKE = (
    "TCPConnection - TLS/SSL handshake completed. Session Id: {}, Remote IP: 192.0.2.7, Version: TLSv1.2, Cipher: X"
)
MDAEMON = "Mon 2026-11-23 11:03:10: "
HARAKA = "2026-11-23T10:00:07.000Z [{}] [0C7E4B12-93AD-4F60-8E1B-6A5D2F90B3C4] "


def _hmailserver() -> list[str]:
    words = {"C": "RECEIVED", "S": "SENT"}
    said = [
        HMAILSERVER.format(200 + n, words[line[0]], line[3:]) for n, line in enumerate((*GREETING, *LOGIN, GOOD, *BYE))
    ]
    told = ['"TCPIP"\t3122\t"2026-11-23 08:15:30.150"\t"' + HANDSHAKE.format(each) + '"' for each in (811, 812)]
    other = '"IMAPD"\t3120\t812\t"2026-11-23 08:15:31.200"\t"192.0.2.8"\t"RECEIVED: A1 LOGOUT"'
    return [*told, *said, other]


def _mdaemon() -> list[str]:
    begin = (
        "Accepting SMTP connection from [192.0.2.7:2818] to [192.0.2.1:465]",
        "SSL negotiation successful (TLS 1.2, x)",
    )
    said = ({"C": "<-- ", "S": "--> "}[line[0]] + line[3:] for line in (*GREETING, *LOGIN, GOOD, *BYE))
    return [MDAEMON + line for line in (*begin, *said, "SMTP session terminated (Bytes in/out: 1/1)")]


def _haraka() -> list[str]:
    begin = ("connect ip=192.0.2.7 port=4444 local_ip=192.0.2.1 local_port=465", "secured: cipher=X version=TLSv1.2")
    told = [
        HARAKA.format(level) + f"[{origin}] {line}"
        for level, origin, line in zip(("NOTICE", "INFO"), ("core", "tls"), begin, strict=True)
    ]
    return [*told, *(HARAKA.format("PROTOCOL") + f"[core] {line}" for line in (*GREETING, *LOGIN, GOOD, *BYE))]


def _mdaemon_numbered() -> list[str]:
    """Give what newer versions write: a number tells the kind of line."""
    return [MDAEMON + f"{number % 6:02}: " + line.removeprefix(MDAEMON) for number, line in enumerate(_mdaemon(), 5)]


@pytest.mark.parametrize("made", [_hmailserver, _mdaemon, _mdaemon_numbered, _haraka])
def test_tls_of_products(made: Callable[[], list[str]]) -> None:
    """A handshake before the greeting is TLS from the first byte; that of another service makes no row."""
    (session,) = rows_of(found_in(dialogue(*made()))["sessions"])
    assert (session["tls"], session["tls_version"], session["offered_tls"]) == ("implicit", "TLS 1.2", "PLAIN LOGIN")


def test_numbers_of_mdaemon(tmp_path: Path) -> None:
    """The numbers of MDaemon's lines are not those of curl's: lines that nobody knows are said to be so."""
    lines = *_mdaemon_numbered(), f"{MDAEMON}09: a line of a newer version"
    (tmp_path / "mdaemon.log").write_text(dialogue(*lines))
    trace = analyzer.read(tmp_path / "mdaemon.log", timezone="UTC")
    assert trace.tables["auth"].lists()["outcome"] == ["succeeded"]
    assert trace.tables["sessions"].lists()["client_ip"] == ["192.0.2.7"]
    (skipped,) = rows_of(trace.tables["skipped"])
    assert (skipped["count"], skipped["reason"]) == (1, "line not understood")


def test_mailenable_begins_with_a_greeting() -> None:
    """A row without a command holds the greeting: nothing is missing before it."""
    head = "11/23/26 08:15:30\tSMTP-IN\t5D0F2A77C31E4B6890AB1C2D3E4F5061.MAI\t1412\t192.0.2.7\t"
    rows = (
        "\t\t220 mx.example.test ESMTP MailEnable Service, Version: 10.45-- ready\t0\t0\t\t",
        "EHLO\tEHLO pc\t250-mx.example.test [192.0.2.7], this server offers 4 extensions\t120\t11\t\t",
        "AUTH\tAUTH LOGIN\t334 VXNlcm5hbWU6\t18\t12\t\t",
    )
    (session,) = rows_of(found_in(dialogue(*(head + row for row in rows)))["sessions"])
    assert (session["offered"], session["caveats"], session["banner"][:15]) == (None, [], "mx.example.test")


def test_connection_told_twice(tmp_path: Path) -> None:
    """A connect that some versions write twice begins one session; one to another server begins another."""
    made = format_of(tmp_path, [("connect", "* connect to {server_ip}", "once = true"), *PATTERNS])
    talk = (*GREETING, *LOGIN, GOOD, *BYE)
    log = dialogue(*2 * ("* connect to 192.0.2.1",), *talk, "* connect to 192.0.2.1", "* connect to 192.0.2.2", *talk)
    tables = tables_of(made, log)
    assert [row["server_ip"] for row in rows_of(tables["sessions"])] == ["192.0.2.1", "192.0.2.2"]


def test_no_session_out_of_nothing(own: Format) -> None:
    """What a client would say, before it connects, is no session."""
    rehearsal = [line for line in (*GREETING, *LOGIN) if line.startswith("C")]
    tables = tables_of(own, dialogue(*rehearsal, "* connect", *GREETING, *LOGIN, GOOD))
    assert [row["outcome"] for row in rows_of(tables["auth"])] == ["succeeded"]


def test_outcomes_make_no_rows(own: Format) -> None:
    """What the log says of an exchange beside its dialogue is not another exchange."""
    log = dialogue(
        *GREETING,
        *LOGIN,
        REFUSED,
        "* failed for alice@example.org: 535",
        *LOGIN,
        GOOD,
        "* succeeded as alice@example.org",
    )
    assert len(auth_of(own, log)) == 2


@pytest.mark.parametrize("size", [40, 64, 333])
def test_blocks(own: Format, size: int) -> None:
    """Where blocks are cut makes no difference."""
    log = dialogue(
        *(
            line
            for k in range(5)
            for line in (f"* connect 192.0.2.{k} 25", *GREETING, *LOGIN, (REFUSED, GOOD)[k % 2], *BYE)
        )
    )
    whole, cut = (tables_of(own, log, each) for each in (1 << 20, size))
    assert all(rows_of(whole[name]) == rows_of(cut[name]) for name in whole)


# ------------------------------------------------------------------------------------------------ how lines are written


@pytest.mark.parametrize(
    ("escape", "text", "lines"),
    [
        ("", rb"AUTH \x41", [rb"AUTH \x41"]),
        ("python", rb"AUTH PLAIN \x41\'\\\r\n", [rb"AUTH PLAIN A'\ ".strip()]),
        ("python", rb"a\r\n.\r\n", [b"a", b"."]),
        ("python", rb"\r\n", [b""]),
        ("python", rb"gr\u00fc\xdf\\", "grü".encode() + b"\xdf\\"),
        ("html", b"250 &lt;a&gt; &amp;amp; ok<br>", [b"250 <a> &amp; ok"]),
        ("html", b"250-a<br />\n250 b<br/>", [b"250-a", b"250 b"]),
        ("csv", b'334 ""x""', [b'334 "x"']),
        ("nl", b"250-a[nl]250-b[nl]250 c", [b"250-a", b"250-b", b"250 c"]),
        (
            "glued",
            b"250-a.example250-SIZE 10240000250-AUTH PLAIN250 8BITMIME<br>",
            [b"250-a.example", b"250-SIZE 10240000", b"250-AUTH PLAIN", b"250 8BITMIME"],
        ),
        (
            "glued",
            b"534-5.7.9 Learn at534 5.7.9  http://x/534 x",
            [b"534-5.7.9 Learn at", b"534 5.7.9  http://x/534 x"],
        ),
        ("glued", b"220 mx 220-x", [b"220 mx 220-x"]),
    ],
)
def test_escapes(escape: str, text: bytes, lines: list[bytes] | bytes) -> None:
    """Every way in which logs write lines is undone."""
    assert lines_of(escape, text) == ([lines] if isinstance(lines, bytes) else lines)


@given(st.binary(max_size=80), st.sampled_from(sorted(MARKS)))
def test_escapes_never_fail(text: bytes, escape: str) -> None:
    """Whatever a line holds, it is one line or more, none of which holds an end of line."""
    made = lines_of(escape, text)
    assert made
    assert not any(b"\n" in line for line in made)
    assert hides(text) is None or b"/* secret */" not in (hides(text) or b"")


@given(st.text('250- \\<&"[nl]xb;/>', max_size=20), st.sampled_from(sorted(MARKS)))
def test_escapes_need_their_marks(text: str, escape: str) -> None:
    """A text without any mark of its escape is one line, as it stands: such texts are never looked at."""
    raw = text.encode()
    assume(not any(mark in raw for mark in MARKS[escape]))

    assert lines_of(escape, raw) == [raw]


@given(
    st.lists(st.sampled_from([b"*", b"QUIT", b"", b"=", b"AUTH LOGIN", b"Ym9i", b"x", b"MAIL FROM:<xxxx@example.org>"]))
)
def test_what_is_no_mask(lines: list[bytes]) -> None:
    """Real lines are not taken for masks."""
    assert not any(map(hides, lines))


# ------------------------------------------------------------------------------------------------ everything at once


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_holes(own: Format, data: st.DataObject) -> None:
    """Whatever lines are missing, doubled or out of order: nothing fails, and no secret comes out."""
    lines = [
        "* connect",
        *GREETING,
        *LOGIN,
        REFUSED,
        f"C: AUTH PLAIN {PLAIN}",
        GOOD,
        "C: MAIL FROM:<a@example.org>",
        "S: 250 Ok",
        *BYE,
        "* lost",
    ]
    kept = [line for line in lines if data.draw(st.integers(0, 5)) > 0]
    if kept and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(kept) - 1))
        kept.insert(data.draw(st.integers(0, len(kept))), kept[at])
    assume((LOGIN[1], LOGIN[4]) not in set(pairwise(kept)))  # a password in the place of a name: nobody can tell
    tables = tables_of(own, dialogue(*kept))
    said = json.dumps([rows_of(table) for table in tables.values()], default=str)
    assert not any(canary in said for canary in CANARIES)
    for row in rows_of(tables["auth"]):
        assert row["seconds"] is None
        assert row["rounds"] is None or row["rounds"] <= 3
    assert all(value != NULL for value in tables["auth"].array("attempt").tolist())


@pytest.mark.parametrize("echo", ["canary-pw-17", SECRET])
def test_canaries(own: Format, echo: str) -> None:
    """A password is in no table, however it got into the log."""
    log = dialogue(
        *GREETING,
        *LOGIN,
        f"S: 535 5.7.8 {echo} is wrong",
        f"C: {SECRET}",
        f"S: 500 what is {echo}",
        f"C: AUTH PLAIN {PLAIN}",
        f"S: 501 cannot decode {PLAIN}",
        *LOGIN[:-1],
        "C: canary-pw-17",
        REFUSED,
    )
    said = json.dumps([rows_of(table) for table in tables_of(own, log).values()], default=str)
    assert not any(canary in said for canary in CANARIES)
    assert "alice@example.org" in said


#: What a log cannot show, or not without marks: half a line is a line; an answer sent before it was asked for.
NOT_SHOWN = ("halfline", "fin-after-command", "blind-pipelined")

ENDS = {"client_fin": "* lost", "client_rst": "* lost", "server_fin": "* closed", "server_rst": "* closed"}


@needs_data
@pytest.mark.parametrize("style", ["marks", "swapped", "any"])
@pytest.mark.parametrize("group", ["postfix-plain", "exim-plain", "postfix-policy", "aiosmtpd-policy", "backend-down"])
def test_truth(tmp_path: Path, group: str, style: str) -> None:
    """Dialogues of real servers, written down as logs do, are labelled as in the capture."""
    truth = {session["session"]: session for session in _lines(DATA / group / "truth.jsonl")}
    made = format_of(
        tmp_path, ANY if style == "any" else PATTERNS, more=f'server = "{"b" if style == "swapped" else "a"}"'
    )
    log, names = list[str](), list[str]()
    for session in _lines(DATA / group / "dialogue.jsonl.gz"):
        items = session["dialogue"]
        if not items or any(side == "C" and "BDAT" in text.upper() for side, _, text in items):
            continue  # the octets of chunks are in no log
        names.append(session["session"])
        log += ["* connect", *(line for side, _, text in items for line in _written(side, text, style))]
        log += [ENDS[truth[names[-1]]["close"]]] if truth[names[-1]]["close"] in ENDS else []
    tables = tables_of(made, dialogue(*log).encode("utf-8", "replace"))
    ids = tables["sessions"].ids("session").list()
    assert len(ids) == len(names)
    rows = rows_of(tables["auth"])
    wrong: Counter[str] = Counter()
    for owner, name in zip(ids, names, strict=True):
        scenario, attempts = truth[name]["scenario"], truth[name]["attempts"]
        if any(part in scenario for part in NOT_SHOWN) or (style == "any" and "LOGIN-empty" in scenario):
            continue
        mine = [row for row in rows if row["session"] == owner]
        wrong[f"{scenario} {len(mine)} of {len(attempts)}"] += len(mine) != len(attempts)
        for row, attempt in zip(mine, attempts, strict=False):
            wrong.update(
                f"{scenario} {field} {row[field]}"
                for field in judge().FIELDS
                if not judge().right(field, row[field], attempt)
            )
    assert not +wrong


def _lines(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def _written(side: str, text: str, style: str) -> list[str]:
    """Write what a side sent as lines of a log."""
    lines = re.sub(r"\r?\n\Z", "", text).split("\n")
    mark = {"any": "", "marks": f"{side}: ", "swapped": f"{'CS'['SC'.index(side)]}: "}[style]
    return [mark + line.rstrip("\r") for line in lines]
