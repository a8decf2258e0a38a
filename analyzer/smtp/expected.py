"""How many rounds (replies 334) an exchange takes that goes its whole way: a check of labels, never a label."""

from __future__ import annotations

from typing import Final, NamedTuple

#: At least and at most so many rounds; None: the mechanism allows no such exchange, or nobody can tell.
Span = tuple[int, int] | None

_MANY: Final = 2**31


class Rounds(NamedTuple):
    """Rounds of a success and of a rejection, without an initial response and with one."""

    success: Span
    rejection: Span
    success_with: Span
    rejection_with: Span


def _same(without: Span, with_response: Span) -> Rounds:
    return Rounds(without, without, with_response, with_response)


_ONE_MESSAGE: Final = _same((1, 1), (0, 0))
_BEARER: Final = Rounds((1, 1), (2, 2), (0, 0), (1, 1))  # RFC 7628 section 3.2.3: a refusal is a challenge first

EXPECTED: Final[dict[str, Rounds]] = {
    "PLAIN": _ONE_MESSAGE,  # RFC 4616 section 2
    "EXTERNAL": _ONE_MESSAGE,  # RFC 4422 appendix A
    "ANONYMOUS": _ONE_MESSAGE,  # RFC 4505 section 2
    "LOGIN": _same((2, 2), (1, 2)),  # some servers ignore the initial response
    "CRAM-MD5": _same((1, 1), None),  # RFC 2195 section 2; RFC 4954 section 4: the server speaks first, so 501
    "DIGEST-MD5": Rounds((2, 2), (1, 1), None, None),  # RFC 2831 section 2.1.3: rspauth travels in a 334
    "NTLM": _same((2, 2), (1, 1)),
    "XOAUTH2": _BEARER,
    "OAUTHBEARER": _BEARER,
    "GSSAPI": _same((3, _MANY), (2, _MANY)),  # RFC 4752 section 3.1
}

#: RFC 5802 section 5: the server's last message travels in a 334 of its own, and gets an empty answer.
SCRAM: Final = Rounds((3, 3), (2, 2), (2, 2), (1, 1))
_SCRAM_NAMES: Final = "SCRAM-"

#: What a number of rounds is, against what the mechanism takes.
FEWER, EXPECTED_ROUNDS, MORE = "fewer", "expected", "more"


def against(mechanism: str, *, initial_response: bool, succeeded: bool, rounds: int) -> str | None:
    """Say whether rounds are fewer or more than the mechanism takes, or as expected; None: nobody can tell."""
    known = SCRAM if mechanism.startswith(_SCRAM_NAMES) else EXPECTED.get(mechanism)
    span = known[2 * initial_response + (not succeeded)] if known else None
    if span is None:
        return None
    least, most = span
    return FEWER if rounds < least else MORE if rounds > most else EXPECTED_ROUNDS
