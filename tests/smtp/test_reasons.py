"""Tests of `analyzer.smtp.reasons` and `replies`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.reasons import DEFAULTS, REASONS, matching, reason
from analyzer.smtp.replies import ROWS

DATA = Path(__file__).parents[2].parent / "shared" / "data"
OUTCOMES = {
    "success": "succeeded",
    "fail_535": "rejected",
    "client_fin": "client_closed",
    "client_rst": "client_closed",
    "syntax_or_unrecognized": "not_recognised",
    "unknown_mechanism": "mechanism_unavailable",
    "temp_failure": "temporary_failure",
    "tls_required": "encryption_required",
    "server_421": "server_closed",
    "server_disconnect": "server_closed",
}
LAST = {
    "badb64": "answer",
    "bad_password": "answer",
    "unknown_user": "answer",
    "success": "answer",
    "empty_response": "empty",
    "cancel": "cancel",
}
# What the driver of the lab did, and the reasons that may follow from it.
ALLOWED: dict[str, set[str | None]] = {
    "bad_password": {"bad_credentials", "oauth_token_invalid", "throttled", None},
    "unknown_user": {"bad_credentials", "oauth_token_invalid"},
    "badb64": {"bad_base64"},
    "empty_response": {"empty_response", "backend_down", None},
    "cancel": {"cancelled", "throttled", "bad_base64", "empty_response"},
    "already_authenticated": {"already_authenticated"},
    "backend_down": {"backend_down"},
    "client_disconnect": {None},
    "server_timeout": {"timeout", None},
    "unknown_mech": {"mechanism_unavailable", "throttled"},
    "tls_required": {"tls_required", "not_advertised"},
    "not_available": {"not_advertised", "tls_required", None},
    "out_of_order": {"in_transaction", "not_advertised", None},
    "success": {"bad_credentials", None},
    "syntax": {"bad_syntax", "mechanism_unavailable", "bad_credentials"},
    "toolong": {"line_too_long", "bad_base64", "bad_syntax", "not_advertised"},
    "authzid": {"bad_credentials", None},
    "malformed_content": {"bad_base64", "bad_syntax", "bad_credentials"},
}


def told(code: int, text: str, outcome: str = "rejected", last_line: str = "answer") -> str | None:
    """Give the reason of a reply; its enhanced code, if any, is split off."""
    found = re.match(r"([245]\.\d+\.\d+) ?(.*)", text)
    return reason(outcome, code, found and found[1], found[2] if found else text, False, last_line)


@pytest.mark.parametrize(
    ("code", "text", "wanted"),
    [
        (535, "5.7.8 Error: authentication failed: authentication failure", "bad_credentials"),
        (535, "5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "bad_credentials"),
        (535, "5.7.8 Error: authentication failed:", "bad_credentials"),
        (535, "5.7.8 Error: authentication failed: (reason unavailable)", "bad_credentials"),
        (535, "5.7.8 Error: authentication failed: Invalid base64 data in continued response", "bad_base64"),
        (535, "5.7.8 Error: authentication failed: no mechanism available", "mechanism_unavailable"),
        (535, "5.7.8 Error: authentication failed: Invalid authentication mechanism: 'X'", "mechanism_unavailable"),
        (535, "5.7.8 Error: authentication failed: encryption needed to use mechanism", "tls_required"),
        (535, "5.7.8 Error: authentication failed: bad protocol / cancel", "bad_base64"),
        (535, "5.7.8 Error: authentication failed: another step is needed in authentication", "bad_syntax"),
        (535, "5.7.8 Invalid base64 in response", "bad_base64"),
        (535, "Incorrect authentication data", "bad_credentials"),
        (535, "Authentication failed", "bad_credentials"),
        (
            535,
            "5.7.139 Authentication unsuccessful, basic authentication is disabled. [AB1.EXAMPLE]",
            "basic_auth_disabled",
        ),
        (
            535,
            "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            "basic_auth_disabled",
        ),
        (
            535,
            "5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
            "basic_auth_disabled",
        ),
        (
            535,
            "5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated",
            "policy",
        ),
        (535, "5.7.139 Authentication unsuccessful, account locked. Contact your administrator.", "account_locked"),
        (535, "5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "bad_credentials"),
        (535, "5.7.139 Authentication unsuccessful", "basic_auth_disabled"),
        (535, "5.7.139", "basic_auth_disabled"),
        (535, "5.7.3 Authentication unsuccessful [SN4PR0501CA0054.EXAMPLE.TEST]", "bad_credentials"),
        (535, "5.7.8 Username and Password not accepted. Learn more at", "bad_credentials"),
        (534, "5.7.9 Application-specific password required. Learn more at", "app_password_required"),
        (534, "5.7.14 Please log in via your web browser and then try again.", "policy"),
        (454, "4.7.0 Too many login attempts, please try again later. x-gsmtp", "throttled"),
        (454, "4.7.0 Cannot authenticate due to temporary system problem.", "backend_down"),
        (535, "5.7.0 (#AUTH005) Too many bad auth attempts.", "throttled"),
        (535, "5.7.0 NEOBHODIM parol prilozheniya / Application password is REQUIRED", "app_password_required"),
        (535, "5.7.8 Error: authentication failed: Invalid user or password!", "bad_credentials"),
        (535, "5.7.8 Error: authentication failed: This user does not have access rights to this service", "policy"),
        (550, "User has no permission", "policy"),
        (550, "User is locked", "account_locked"),
        (550, "User suspended", "account_disabled"),
        (
            535,
            "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited",
            "bad_credentials",
        ),
        (535, "Authentication failed: Bad username / password", "bad_credentials"),
        (451, "Authentication failed: Maximum credits exceeded", "policy"),
        (535, "Authentication failed: account disabled", "account_disabled"),
        (535, "Authentication Credentials Invalid", "bad_credentials"),
        (535, "Invalid Username or Password", "bad_credentials"),
        (535, "authorization failed (#5.7.0)", "bad_credentials"),
        (504, "auth type unimplemented (#5.5.1)", "mechanism_unavailable"),
        (503, "5.3.3 AUTH mechanism FOO not available", "mechanism_unavailable"),
        (503, "5.5.0 Already Authenticated", "already_authenticated"),
        (503, "5.5.0 AUTH not permitted during a mail transaction", "in_transaction"),
        (503, "5.5.1 Error: authentication not enabled", "not_advertised"),
        (503, "AUTH command used when not advertised", "not_advertised"),
        (502, "5.5.1 Command not implemented", "not_advertised"),
        (500, "Syntax error, command unrecognized", "not_advertised"),
        (500, "5.5.2 Syntax error - unrecognized command", "not_advertised"),
        (500, "5.5.2 Syntax error, parameters", "bad_syntax"),
        (503, "5.3.3 AUTH not available", "not_advertised"),
        (503, "auth not available (#5.3.3)", "not_advertised"),
        (503, "5.5.2 Send hello first", "not_advertised"),
        (500, "5.5.1 Invalid command: Pipelining not supported", "bad_syntax"),
        (500, "5.5.6 SASL response limit exceeded", "line_too_long"),
        (500, "Line to long.", "line_too_long"),
        (521, "Command line too long", "line_too_long"),
        (521, "bad protocol", "bad_syntax"),
        (504, "Invalid AUTH string", "bad_syntax"),
        (501, "5.5.4 cannot decode AUTH parameter x", "bad_base64"),
        (501, "Invalid base64 data", "bad_base64"),
        (553, "Initial data not expected", "bad_syntax"),
        (334, "5.7.8 Missing TOTP token, try with 'secret$totp_code'.", "second_factor_required"),
        (535, "5.7.8 OAuth token expired.", "oauth_token_invalid"),
        (421, "4.3.0 Too many authentication errors, disconnecting.", "throttled"),
        (421, "4.7.0 mx.example.test Error: too many errors", "throttled"),
        (421, "4.4.2 mx.example.test Error: timeout exceeded", "timeout"),
        (454, "4.7.0 Temporary authentication failure: Connection lost to authentication server", "backend_down"),
        (454, "4.7.0 Temporary authentication failure: generic failure", "backend_down"),
        (435, "Unable to authenticate at present", "backend_down"),
        (530, "5.7.0 Must issue a STARTTLS command first", "tls_required"),
        (538, "5.7.11 Encryption required for requested authentication mechanism", "tls_required"),
        (550, "5.1.1 Mailbox does not exist", "unknown_user"),
        (535, "5.7.0 authentication failed: user not found", "unknown_user"),
        (535, "Password mismatch", "bad_password"),
        (535, "Your password has expired", "password_expired"),
    ],
)
def test_real_replies(code: int, text: str, wanted: str) -> None:
    """Replies of real products have the reasons that their words tell."""
    assert told(code, text) == wanted


@pytest.mark.parametrize(("outcome", "wanted"), DEFAULTS.items())
def test_unknown_texts_follow_the_outcome(outcome: str, wanted: str) -> None:
    """A reply with no words, or unknown ones, has the reason of its outcome."""
    assert told(0, "xyzzy", outcome) == wanted
    assert told(0, "", outcome) == wanted


@pytest.mark.parametrize("outcome", ["bad_sequence", "other", "server_closed"])
def test_unknown_is_said_where_nothing_is_known(outcome: str) -> None:
    """A reply that tells nothing is unknown."""
    assert told(521, "xyzzy", outcome) == "unknown"


@pytest.mark.parametrize("outcome", ["client_closed", "server_closed", "unseen", "failed"])
def test_an_ending_without_a_reply_has_no_reason(outcome: str) -> None:
    """Where nothing was said, there is no reason."""
    assert reason(outcome, None, None, "", False, "answer") is None


def test_outcomes_that_are_their_own_reason() -> None:
    """A success has no reason; a cancelled exchange was cancelled, whatever the reply says."""
    assert told(235, "5.7.8 Authentication failed", "succeeded") is None
    assert told(535, "Incorrect authentication data", "cancelled", "cancel") == "cancelled"


def test_an_oauth_error_is_the_reason() -> None:
    """A refusal told in a challenge is the reason, even if the client left; a back end that failed later is not."""
    assert reason("rejected", 535, "5.7.8", "failed", True, "empty") == "oauth_token_invalid"
    assert reason("malformed", 501, "5.7.0", "Authentication aborted", True, "cancel") == "oauth_token_invalid"
    assert reason("client_closed", None, None, "", True, "answer") == "oauth_token_invalid"
    assert reason("temporary_failure", 454, None, "Temporary server error", True, "empty") == "backend_down"


@pytest.mark.parametrize(
    ("text", "last_line", "decodable", "rounds", "wanted"),
    [
        ("Incorrect authentication data", "empty", None, 1, "empty_response"),
        ("Incorrect authentication data", "answer", False, 1, "bad_base64"),
        ("Incorrect authentication data", "answer", True, 1, "bad_credentials"),
        ("Incorrect authentication data", "none", None, 1, "timeout"),
        ("Incorrect authentication data", "none", None, None, "timeout"),
        ("Incorrect authentication data", "none", None, 0, "unknown"),
        ("authentication failed: bad protocol / cancel", "empty", None, 1, "empty_response"),
        ("authentication failed: bad protocol / cancel", "answer", True, 1, "bad_syntax"),
        ("authentication failed: bad protocol / cancel", "initial", False, 0, "bad_base64"),
        ("authentication failed: another step is needed in authentication", "empty", None, 0, "empty_response"),
        ("authentication failed: another step is needed in authentication", "initial", True, 0, "bad_syntax"),
        ("authentication failed: no mechanism available", "none", None, 0, "mechanism_unavailable"),
    ],
)
def test_the_last_line_decides_between_causes(
    text: str, last_line: str, *, decodable: bool | None, rounds: int | None, wanted: str
) -> None:
    """Where words fit several causes, what the client said last decides."""
    assert reason("rejected", 535, None, text, False, last_line, decodable=decodable, rounds=rounds) == wanted


def test_every_row_can_win() -> None:
    """Every row has a known reason, a source and a pattern; none is hidden by an equal one before it."""
    assert {row.reason for row in ROWS} | {row.otherwise for row in ROWS} <= {*REASONS, None}
    assert len({(row.pattern, row.codes, row.enhanced) for row in ROWS}) == len(ROWS)
    assert all(row.source.product and row.source.reference for row in ROWS)


def test_what_the_lab_did_is_what_is_told() -> None:
    """Every reply of the lab has a reason that fits what its driver did."""
    if not DATA.is_dir():
        pytest.skip("the recorded traffic is not here")
    wrong, seen = set(), 0
    for path in sorted(DATA.glob("*/truth.jsonl")):
        for attempt in (a for line in path.read_text().splitlines() for a in json.loads(line)["attempts"]):
            enhanced, code = attempt["enhanced_code"], attempt["final_code"]
            text = (attempt["final_text"] or "")[4:].removeprefix(enhanced or "").strip()
            last = LAST.get(attempt["intent"], "none") if attempt["client_lines"] else "initial"
            last = "empty" if attempt["initial_response_empty"] else last
            refused = any(challenge.startswith("eyJ") for challenge in attempt["challenges"])
            outcome = OUTCOMES.get(attempt["outcome"], attempt["outcome"])
            decodable = attempt["intent"] not in ("badb64", "cancel")
            got = reason(outcome, code, enhanced, text, refused, last, decodable=decodable)
            seen += 1
            if got not in ALLOWED[attempt["intent"]]:
                wrong.add((attempt["intent"], outcome, text, last, got))

    assert seen > 1900
    assert wrong == set()


def test_texts_with_ids_are_one_text() -> None:
    """Ids do not make a text another, and hide no word that has a digit in its name."""
    row = matching(535, "5.7.8", "Username and Password not accepted d9443c01a7336-21ec2c3f0c2sm123.12 - gsmtp")

    assert row is not None
    assert row.source.product == "Gmail"
    assert matching(535, None, "Invalid base64 data 17") == matching(535, None, "Invalid base64 data")


def test_hostile_texts_take_linear_time() -> None:
    """No text makes a pattern slow."""
    begin = time.perf_counter()
    for word in ("too many ", "a1 ", "a", "password ", "requires ", "plaintext ", "proxy ", "account is ", "1 "):
        told(535, word * 50_000)

    assert time.perf_counter() - begin < 2


@given(
    st.text(max_size=60), st.sampled_from([*DEFAULTS, "other", "unseen"]), st.one_of(st.none(), st.integers(200, 599))
)
def test_any_text_has_a_reason_of_the_set(text: str, outcome: str, code: int | None) -> None:
    """Any reply has a reason of the closed set, or none."""
    assert reason(outcome, code, None, text, False, "answer") in {*REASONS, None}
