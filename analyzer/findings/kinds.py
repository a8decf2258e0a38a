"""Every kind of finding: how severe it is, what it means, and what to do."""

from __future__ import annotations

from typing import Final

from analyzer.smtp import findings as smtp
from analyzer.smtp.findings import Kind

#: What the severities mean, the worst first.
SEVERITIES: Final = {
    "high": "somebody may have got in, or can; act today",
    "medium": "somebody is trying, or people cannot log in; act this week",
    "low": "a fault or a nuisance; act when there is time",
    "info": "a fact to know; normal traffic has such, too",
}

#: Somebody tries to get in.
ATTACKS: Final[dict[str, Kind]] = {
    "break_in": Kind(
        "high",
        "a guess that worked",
        "an identity got in from a client that had guessed just before: many different secrets for this identity, or "
        "as one of those that attack",
        "change the password of {identity}, unless {client} {are} theirs; look at what was sent since",
        "break_in_guesses",
    ),
    "many_networks": Kind(
        "medium",
        "one account from many networks",
        "an identity logged in from many networks (/24, /64) within a short time: its password is shared or stolen",
        "ask the owner of {identity}; if nobody knows these places, change the password",
        "networks network_minutes",
    ),
    "brute_force": Kind(
        "medium",
        "brute force",
        "one client guesses the password of one identity",
        "keep {client} out",
        "guesses guess_minutes slow_guesses slow_hours",
    ),
    "guessing": Kind(
        "medium",
        "password guessing",
        "one client, or several of one network, guess passwords of several identities, mostly over many connections",
        "keep {client} out",
        "guesses guess_minutes slow_guesses slow_hours",
    ),
    "spraying": Kind(
        "medium",
        "password spraying",
        "few secrets are tried at many identities, which stays below every limit of a single account; it may take days",
        "keep {client} out, and forbid common passwords",
        "spray_identities spray_ratio",
    ),
    "distributed_guessing": Kind(
        "medium",
        "distributed guessing",
        "many addresses guess the password of one identity, each with few guesses; it may take days, and blocking them "
        "helps little",
        "see that {identity} has a strong password and a second factor",
        "distributed_addresses",
    ),
    "auth_scanner": Kind(
        "low",
        "a scanner",
        "a client begins AUTH and leaves before any name or password: it looks for what the server offers",
        "no harm was done; keep {client} out if it bothers you",
        "scans",
    ),
}

#: Nobody tries to get in, though it looks like it.
ACCIDENTS: Final[dict[str, Kind]] = {
    "stale_client": Kind(
        "low",
        "an old stored password",
        "a program repeats one wrong secret for one identity, mostly after the password was changed",
        "tell the owner of {identity} to update the stored password; no attack, do not block",
        "stale_repeats",
    ),
    "misconfigured_client": Kind(
        "low",
        "a client with wrong settings",
        "the attempts of a client fail again and again for a reason that no password can mend",
        "correct the settings of the program at {client}",
        "mistakes",
    ),
    "backend_outage": Kind(
        "medium",
        "login outage",
        "a server could not ask its user database (454, 435 and other 4xx replies): nobody could log in, whatever the "
        "password",
        "look at the authentication service behind {server}",
        "outage_failures outage_minutes",
    ),
    "mechanism_mismatch": Kind(
        "low",
        "no common mechanism",
        "clients that never got in ask for a mechanism that the server does not have, or not for them",
        "set the clients to a mechanism {server} lists, or add it there",
        "mistakes",
    ),
    "tls_required": Kind(
        "low",
        "TLS is missing",
        "clients that never got in try to log in at a server that wants TLS first (530, 538)",
        "switch on STARTTLS in the clients, or let them use port 465",
        "mistakes",
    ),
    "relay_refused": Kind(
        "medium",
        "a relay refuses the login",
        "the login of this server, or of the program whose transcript this is, is refused by its relay: mail waits or "
        "comes back",
        "check the name and password that are used at {server}",
        "relay_refusals",
    ),
}

#: How servers let clients log in, by their attempts.
PROTOCOL: Final[dict[str, Kind]] = {
    "auth_in_clear": Kind(
        "info",
        "passwords in the clear",
        "secrets that can be read in the capture: mechanisms that send the password or token itself, without TLS "
        "(RFC 8314 section 4.1, RFC 4954 section 9). Medium where a login from a public address succeeded, so that a "
        "password that is right crossed the Internet; a capture between a TLS proxy and the server shows the same and "
        "is no fault",
        "offer AUTH only after STARTTLS, or on port 465; change passwords that crossed networks of others",
    ),
    "weak_mechanism": Kind(
        "info",
        "an outdated mechanism",
        "logins with CRAM-MD5, DIGEST-MD5 or NTLM: who sees one exchange can try passwords offline; RFC 6331 moved "
        "DIGEST-MD5 to Historic",
        "prefer SCRAM-SHA-256, or PLAIN inside TLS",
    ),
}

#: How those whom a finding is about are named.
_WHOM: Final = ("from", "at", "on")

#: Those that are guesses: whether one of them worked is what everybody asks first.
GUESSES: Final = ("brute_force", "guessing", "spraying", "distributed_guessing")

#: Those that say who got in and should not have.
ENTRIES: Final = ("break_in", "many_networks")

#: The kinds as the documentation shows them.
GROUPS: Final = {
    "Attacks": ATTACKS,
    "Accidents that look like attacks": ACCIDENTS,
    "Protocol": smtp.KINDS | PROTOCOL,
}
KINDS: Final = {name: kind for kinds in GROUPS.values() for name, kind in kinds.items()}


def whom(client: str | None, identity: str | None, server: str | None) -> list[str]:
    """Name those whom a finding is about."""
    return [f"{word} {name}" for word, name in zip(_WHOM, (client, identity, server), strict=True) if name]


def advice_of(kind: str, client: str | None, identity: str | None, server: str | None) -> str:
    """Give the advice of a kind with the names of a finding; without one it is about several, or nobody knows it."""
    return KINDS[kind].advice.format(
        client=client or "these clients",
        are="is" if client else "are",
        identity=identity or "each account concerned",
        server=server or "the server",
    )
