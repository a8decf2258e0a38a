"""What each reason means for the one who has to act: one line each."""

from __future__ import annotations

from typing import Final

ADVICE: Final = {
    "bad_credentials": "wrong name or password, nobody says which: many names mean guessing, one a stale client",
    "bad_password": "the name exists, the password is wrong: reset it, or update the stored one in the client",
    "unknown_user": "no such name: correct it in the client; many such names mean guessing",
    "authzid_refused": "the login may not act for the other name: leave the authorization identity empty",
    "account_disabled": "the account is switched off: enable it, or remove it from the client",
    "account_locked": "locked after failures: find what keeps failing before you unlock it",
    "password_expired": "the password is too old: change it, then update every client",
    "app_password_required": "the provider wants an app password: create one in the account's security settings",
    "second_factor_required": "a second factor is asked for: use an app password or OAuth",
    "basic_auth_disabled": "passwords are switched off for SMTP: allow SMTP AUTH for the mailbox, or move to OAuth",
    "oauth_token_invalid": "the token is expired or for another scope: fetch a new one and check scope and user",
    "mechanism_unavailable": "the server does not have this mechanism: choose one that its EHLO reply lists",
    "not_advertised": "AUTH came where it is not offered: use STARTTLS or the submission port 587",
    "already_authenticated": "a second AUTH after a success: a fault in the client; no harm",
    "in_transaction": "AUTH inside a mail transaction: a fault in the client, which has to log in before MAIL",
    "tls_required": "the server wants TLS before AUTH: switch on STARTTLS, or use port 465",
    "backend_down": "the server could not ask its user database: look at its authentication service",
    "throttled": "too many attempts: slow the client down; if it is a stranger, keep it out",
    "bad_base64": "an answer was no base64: a fault in the client or in what lies between",
    "bad_syntax": "the server did not understand the command: a fault in the client",
    "line_too_long": "a line was longer than the server takes: raise its limit (big tokens), or shorten the token",
    "empty_response": "the client sent an empty answer: its stored name or password is empty",
    "cancelled": "the client gave up with *: it has no answer for this challenge",
    "timeout": "the server stopped waiting: look for a slow client or a lossy network",
    "policy": "a rule of the server refused it: its log tells which",
    "unknown": "the reply does not say: the server's own log tells more",
}

#: What an outcome means where no reply gives a reason.
ENDINGS: Final = {
    "client_closed": "the client left before the final reply: a time-out, a scanner, or a crash",
    "server_closed": "the server closed before its final reply: a limit, a restart, or a block",
    "unseen": "the capture does not show the ending: capture both directions, and longer",
    "failed": "a log says only that it failed: raise the log level, or capture the traffic",
}
