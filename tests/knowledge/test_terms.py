"""What somebody asks about is found, and a whole reply is read as the analyzer reads it."""

from __future__ import annotations

import pytest

from analyzer import knowledge
from analyzer.errors import AnalyzerError
from analyzer.smtp import reasons, replies

REPLIES = [
    ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", "rejected", "basic_auth_disabled"),
    ("535-5.7.8 Username and Password not accepted. Learn more at\n535 5.7.8 x", "rejected", "bad_credentials"),
    ("454 4.7.0 Temporary authentication failure: generic failure", "temporary_failure", "backend_down"),
    ("535 5.7.8 Error: authentication failed: no mechanism available", "rejected", "mechanism_unavailable"),
    ("503 AUTH command used when not advertised", "bad_sequence", "not_advertised"),
    (
        "534-5.7.9 Application-specific password required.\r\n534 5.7.9 more",
        "mechanism_too_weak",
        "app_password_required",
    ),
    ("334 5.7.8 This account requires multi-factor authentication", "other", "second_factor_required"),
    ("421 4.7.0 mx.example.test Error: too many errors", "server_closed", "throttled"),
    ("235 2.7.0 Accepted", "succeeded", None),
    ("250 ok", None, None),
    ("334 VXNlcm5hbWU6", None, None),
    ("S: 535 Incorrect authentication data", "rejected", "bad_credentials"),
    ("<~* 535 Incorrect authentication data", "rejected", "bad_credentials"),
    ("501", "malformed", "bad_syntax"),
]


@pytest.mark.parametrize(("text", "outcome", "reason"), REPLIES)
def test_reply(text, outcome, reason):
    """A reply has the outcome and the reason that the analyzer gives it, and the advice of that reason."""
    reply = knowledge.reply(text)

    assert (reply.outcome and reply.outcome.name) == outcome
    assert (reply.reason and reply.reason.name) == reason
    assert reply.challenge == (text == "334 VXNlcm5hbWU6")


@pytest.mark.parametrize("row", replies.ROWS, ids=lambda row: row.pattern[:30])
def test_every_row_of_the_table_gives_its_reason_a_page(row):
    """Each reason that a text of the table tells has its page."""
    assert knowledge.reason(row.reason).fix
    assert row.otherwise is None or knowledge.reason(row.otherwise).fix


def test_reply_with_codes_of_its_own():
    """The codes are told apart from the words, whatever marks a transcript put before them."""
    reply = knowledge.reply("<-  535-5.7.8 Username and Password not accepted.\n<-  535 5.7.8 Learn more")

    assert (reply.name, reply.code.name, reply.enhanced.name) == ("535 5.7.8", "535", "5.7.8")
    assert reply.text == "Username and Password not accepted. Learn more"
    assert reply.source.text == "Gmail"
    assert reply.source.url.startswith("https://")
    assert knowledge.reply("535 Incorrect authentication data").source == knowledge.Reference("Exim", "")
    assert knowledge.reply("535 wrong password").source is None


def test_challenge_is_decoded():
    """A challenge says what it asks for."""
    assert knowledge.reply("334 UGFzc3dvcmQ6").asks == "Password:"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("501 5.5.4 cannot decode AUTH parameter AGFsaWNlAFMzY3IzdC1DYW5hcnktSG9yc2U=", "<36 characters>"),
        (
            "535 <https://accounts.example/continue?plt=AKgnsbuX2mY8Zz> SmtpClientAuthentication",
            "SmtpClientAuthentication",
        ),
        ("535 no QzNjcjN0ISE=", "no <12 characters>"),
    ],
)
def test_secrets_do_not_come_back(text, shown):
    """What a server repeats of the client's base64 is not shown again; words of servers are."""
    reply = knowledge.reply(text)

    assert reply.text.endswith(shown)
    assert "AFMzY3" not in reply.text
    assert "QzNjcj" not in reply.text


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (["235", "334"], ["code 235", "code 334"]),
        (["5.7.8"], ["enhanced 5.7.8"]),
        (["bad_credentials"], ["reason bad_credentials"]),
        (["Bad-Credentials"], ["reason bad_credentials"]),
        (["cancelled"], ["outcome cancelled", "reason cancelled"]),
        (["login"], ["mechanism LOGIN"]),
        (["scram-sha-1-plus"], ["mechanism SCRAM-SHA-1-PLUS"]),
        (["535", "5.7.139", "Authentication", "unsuccessful"], ["reply 535 5.7.139"]),
        (["535", "5.7.8", "334"], ["reply 535 5.7.8", "code 334"]),
        ([" 535 "], ["code 535"]),
    ],
)
def test_find(terms, found):
    """A term is a code, a whole reply, a name in any case; words behind two codes belong to the reply."""
    assert [f"{topic.kind} {topic.name}" for topic in knowledge.find(terms)] == found


@pytest.mark.parametrize(
    ("term", "near"),
    [("bad_credential", "bad_credentials"), ("logn", "LOGIN"), ("throtled", "throttled"), ("53", "535")],
)
def test_unknown_terms_offer_what_is_near(term, near):
    """What is not known is told in one line, with names that look like it."""
    with pytest.raises(AnalyzerError, match=f"near it: .*{near}") as caught:
        knowledge.find([term])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "term", ["", "zzzzzzzzz", "199", "666 number", "\x1b[2J", "5355", "535x", "5\u0663\u0665", "x" * 9000]
)
def test_unknown_terms(term):
    """Nonsense is told to be nothing that is known."""
    with pytest.raises(AnalyzerError, match="no reply code") as caught:
        knowledge.find([term])
    assert len(str(caught.value)) < 250


def test_reply_has_the_reason_of_the_machine():
    """The reason is that of `analyzer.smtp.reasons`, asked without what the client said."""
    text = "authentication failed: another step is needed in authentication"

    assert knowledge.reply(f"535 5.7.8 Error: {text}").reason.name == reasons.matching(535, "5.7.8", text).reason


def test_no_reply():
    """What begins with no code is no reply."""
    with pytest.raises(AnalyzerError, match="begins with no code"):
        knowledge.reply("hello")
