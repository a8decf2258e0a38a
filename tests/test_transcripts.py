"""What real clients print of their dialogues: every AUTH exchange as the server that they talked to saw it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import pytest

from analyzer.logs.catalogue import Catalogue
from analyzer.logs.formats import formats
from analyzer.wire.sources import Source
from tests.logs import read, rows_of
from tests.truth import DATA, needs_data

#: Outcomes by the names that the truth of transcripts has.
OUTCOMES: Final = {
    "success": "succeeded", "failure": "rejected", "tempfail": "temporary_failure",
    "mechanism_too_weak_or_app_password": "mechanism_too_weak", "other_5xx": "other", "server_closing": "server_closed",
    "connection_closed_by_server": "server_closed", "password_transition": "transition_needed",
}  # fmt: skip

#: By folder, what a transcript does not show: PHPMailer hides credentials at its usual level, aiosmtpd always, and
#: OpenSSL shows nothing that its user types: of what it was typed to, only the replies are left.
HIDDEN: Final = {
    "phpmailer": {"identity"},
    "aiosmtpd_aiosmtplib": {"identity"},
    "openssl_s_client": {"mechanism", "initial_response", "identity"},
}
#: Transcripts of replies alone that do not show the exchange, or how it ended: a `*`, and a 504 to who knows what.
UNSEEN: Final = {
    "transcripts/openssl_s_client/login_cancel_501.log",
    "transcripts/openssl_s_client/unknown_mech_504.log",
}


def truth() -> list[Any]:
    """Give the transcripts that show rounds, with their exchanges."""
    path = DATA / "truth-logs.json"
    files = json.loads(path.read_text())["files"] if path.exists() else []
    shown = [
        each for each in files
        if each["file"].startswith("transcripts/") and each["auth"] and each["file"] not in UNSEEN
        and all(attempt.get("rounds_visible", True) for attempt in each["auth"])
    ]  # fmt: skip
    return [pytest.param(each["file"], each["auth"], id=each["file"].removeprefix("transcripts/")) for each in shown]


@cache
def catalogue() -> Catalogue:
    """Every format that is built in."""
    return Catalogue(formats())


@needs_data
@pytest.mark.parametrize(("file", "attempts"), truth())
def test_transcript(file: str, attempts: list[dict[str, Any]]) -> None:
    """Mechanism, initial response, rounds, code, outcome and name of every exchange are right, or hidden."""
    rows = rows_of(read(Source(DATA / file), catalogue())["auth"])
    fields = ("mechanism", "initial_response", "rounds", "code", "outcome", "identity")
    hidden = HIDDEN.get(file.split("/")[1], set())
    told = [{name: row[name] for name in fields if row[name] is not None or name not in hidden} for row in rows]
    meant = [
        {
            "mechanism": each["mechanism"], "initial_response": each["initial_response"], "rounds": each["rounds_334"],
            "code": each["code"], "identity": each["username"],
            "outcome": OUTCOMES.get(each["outcome"], each["outcome"]),
        }
        for each in attempts
    ]  # fmt: skip
    assert [{name: row[name] for name in seen} for seen, row in zip(told, meant, strict=False)] == told
    assert len(told) == len(meant)


@needs_data
@pytest.mark.parametrize("file", sorted(str(path.relative_to(DATA)) for path in DATA.glob("transcripts/*/*.log")))
def test_no_secret(file: str) -> None:
    """The password of these runs is in no table, though many clients print it."""
    said = json.dumps([rows_of(table) for table in read(Source(DATA / file), catalogue()).values()], default=str)
    assert not any(secret in said for secret in ("Secret1", "U2VjcmV0MQ", "NlY3JldD", "Secret2", "U2VjcmV0Mg"))


@needs_data
def test_a_message_without_a_time() -> None:
    """A transcript that shows no times tells none of its mail transactions: unknown, and not 1970."""
    (message,) = rows_of(read(Source(DATA / "transcripts/curl/plain_235.log"), catalogue())["messages"])
    assert (message["at"], message["mail_from"], message["code"]) == (None, "<b@example.com>", 250)
