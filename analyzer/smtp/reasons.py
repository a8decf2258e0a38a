"""Why an AUTH exchange ended as it did, as far as its last reply tells.

The outcome is known already, from the code and the client's last line alone; this module only refines it. What
servers say is a table, `analyzer.smtp.replies`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from analyzer.smtp.replies import ROWS, Row

#: Every reason there is.
REASONS: Final = tuple(
    """bad_credentials bad_password unknown_user authzid_refused account_disabled account_locked password_expired
    app_password_required second_factor_required basic_auth_disabled oauth_token_invalid mechanism_unavailable
    not_advertised already_authenticated in_transaction tls_required backend_down throttled bad_base64 bad_syntax
    line_too_long empty_response cancelled timeout policy unknown""".split()  # noqa: SIM905 (a page of quotation marks instead would not be read)
)

#: What an outcome means where the reply's text is not in the table.
DEFAULTS: Final[dict[str, str]] = {
    "rejected": "bad_credentials",
    "malformed": "bad_syntax",
    "not_recognised": "not_advertised",
    "mechanism_unavailable": "mechanism_unavailable",
    "encryption_required": "tls_required",
    "mechanism_too_weak": "policy",
    "account_disabled": "account_disabled",
    "transition_needed": "mechanism_unavailable",  # RFC 4954 section 6: to be opened by logging in once with PLAIN
    "temporary_failure": "backend_down",
}

# Outcomes without a reply of their own.
_ENDED: Final = frozenset(("client_closed", "server_closed", "unseen", "failed"))

# Characters of a reply that are looked at; longer than any real one.
_TEXT_CHARS: Final = 1000

# A word that holds a digit, but for those whose name has one.
_NUMBERED: Final = re.compile(r"(?<!\S)(?!\S*(?:base64|auth2|md5))\S*\d\S*")


def reason(
    outcome: str,
    code: int | None,
    enhanced: str | None,
    text: str,
    oauth_error: bool,  # noqa: FBT001 (a fact like the others)
    last_line: str,
    *,
    decodable: bool | None = None,
    rounds: int | None = None,
) -> str | None:
    """Give the reason of an ending; None for a success, and where nothing was said that tells one.

    `text` is the final reply without its codes, before anything is removed from it. `last_line` is what the client
    said last: ``answer``, ``empty`` (also ``=``), ``cancel``, ``initial`` (the AUTH line with a response) or ``none``
    (nothing since the AUTH line without one, or since the last 334). `decodable`: whether that was base64. `rounds`:
    how many 334 there were. Both sharpen the reason where they are known.
    """
    if outcome == "succeeded":
        return None
    if outcome == "cancelled":
        return "cancelled"
    if oauth_error and outcome != "temporary_failure":
        return "oauth_token_invalid"
    row = matching(code, enhanced, text)
    if row is None and not text and outcome in _ENDED:
        return None
    told = row.reason if row else DEFAULTS.get(outcome, "unknown")
    vague = told == "bad_credentials" or (row is not None and row.otherwise is not None)
    if outcome != "rejected" or not vague:
        return told
    return _by_last_line(told, row.otherwise if row else None, last_line, decodable, rounds)


def matching(code: int | None, enhanced: str | None, text: str) -> Row | None:
    """Give the row of the table that a reply is in; None where the table does not know it."""
    return _matching(code, enhanced, " ".join(_NUMBERED.sub("#", text[:_TEXT_CHARS].lower()).split()))


@lru_cache(maxsize=4096)
def _matching(code: int | None, enhanced: str | None, text: str) -> Row | None:
    for row in ROWS:
        if (
            (row.codes is None or code is None or code in row.codes)
            and (row.enhanced is None or row.enhanced == enhanced)
            and re.search(row.pattern, text)  # compiled when it is first needed: most never are
        ):
            return row
    return None


def _by_last_line(told: str, otherwise: str | None, last_line: str, decodable: object, rounds: int | None) -> str:
    """Choose by the client's last line where the server's words fit several causes."""
    if last_line == "empty":
        return "empty_response"
    if last_line in ("answer", "initial"):
        if decodable is False:
            return "bad_base64"
        if otherwise and (decodable or told == "empty_response"):
            return otherwise
    elif last_line == "none" and otherwise is None:
        # Nothing was said that could be wrong: the server's own timer ran out (Exim), or it refused at once.
        return "unknown" if rounds == 0 else "timeout"
    return told
