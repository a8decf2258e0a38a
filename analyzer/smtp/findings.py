"""What the machine saw that a reviewer should look at: flags to rows of the table `findings`."""

from __future__ import annotations

from typing import Any, Final

from analyzer.smtp.law import Flag

#: By flag: kind, severity, evidence, advice.
FINDINGS: Final[dict[Flag, tuple[str, str, str, str]]] = {
    Flag.INJECTION: (
        "injection_before_tls",
        "high",
        "client bytes arrived between STARTTLS and its reply",
        "check that the server discards what it read before the handshake (RFC 3207 section 4.2)",
    ),
    Flag.UNSOLICITED_AUTH: (
        "unsolicited_auth_reply",
        "medium",
        "a 235 or 535 came with no AUTH exchange open",
        "look at the server, or at who can write into this connection",
    ),
    Flag.ODD_END: (
        "odd_end_of_data",
        "high",
        "the server took a message to end at a dot between bare line feeds",
        "make the server insist on CRLF . CRLF: this is how messages are smuggled",
    ),
    Flag.EARLY_ANSWER: (
        "answer_before_challenge",
        "low",
        "the client sent an AUTH answer before it had the challenge",
        "the client does not wait for replies: a bot, or a broken library",
    ),
    Flag.OVERLAP_CONFLICT: (
        "overlap_conflict",
        "medium",
        "different bytes were sent for the same place in the stream",
        "somebody may be hiding what was sent; the first copy is shown",
    ),
}


def finding(flag: Flag) -> dict[str, Any]:
    """Give what all findings of a flag have in common."""
    kind, severity, evidence, advice = FINDINGS[flag]
    return {
        "severity": severity,
        "kind": kind,
        "evidence": evidence,
        "confidence": 1.0,
        "advice": advice,
    }
