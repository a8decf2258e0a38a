"""Which SASL mechanisms a server offers: the keyword AUTH in its replies to EHLO (RFC 4954 section 3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.attempts import TLS_NAMES
from analyzer.smtp.law import Flag, Kind
from analyzer.tables import among

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]

#: A line of the reply that lists mechanisms. ``AUTH=`` is written for clients that are older than the RFC (Postfix:
#: broken_sasl_auth_clients).
_LINE: Final = re.compile(
    rb"[0-9]{3}[ -](?:%s)[ =](.*)" % b"|".join(v.encode() for v, kind in law.VERBS.items() if kind is Kind.AUTH),
    re.IGNORECASE,
)

_FIRST_LINE: Final = re.compile(rb"\A[^\r\n]*")

#: How a reply begins of which Exchange's log has all lines in one (2013 and later), and the line that comes second.
_JOINED, _SECOND = b"250  ", b" SIZE "
#: The words that begin its lines (those that are registered, and Exchange's own), those that begin lists of mechanisms,
#: and the mechanisms.
_LISTS: Final = frozenset(verb.encode() for verb, kind in law.VERBS.items() if kind is Kind.AUTH)
_KEYWORDS: Final = _LISTS | frozenset(
    b"8BITMIME BINARYMIME CHUNKING DSN ENHANCEDSTATUSCODES ETRN HELP PIPELINING SIZE SMTPUTF8 STARTTLS TURN VRFY "
    b"X-ANONYMOUSTLS X-LINK2STATE XEXCH50 XLONGADDR XOORG XORIGFROM XPROXY XPROXYFROM XPROXYTO XRDST XSHADOW "
    b"XSHADOWREQUEST".split()
)
_MECHANISMS: Final = frozenset(
    b"CRAM-MD5 DIGEST-MD5 EXCHANGEAUTH EXTERNAL GSSAPI LOGIN NTLM OAUTHBEARER PLAIN SCRAM-SHA-1 SCRAM-SHA-256 "
    b"XOAUTH2".split()
)

#: What a mechanism can be called (RFC 4422 section 3.1).
_NAME: Final = re.compile(rb"[A-Za-z0-9_-]{1,20}")

#: Later than every row.
_NEVER: Final = np.iinfo(np.int64).max

_IMPLICIT: Final = TLS_NAMES.index("implicit")


def listed(reply: bytes) -> bytes:
    """Give what stands behind the first line of a reply to EHLO, with the end of that, so that none is taken for it.

    The first line often holds the client's address: there are many of them, and few lists.
    """
    second = reply.find(_SECOND) if reply.startswith(_JOINED) else -1
    return _FIRST_LINE.sub(b"", reply) if second < 0 else _parted(reply[second:])


@lru_cache(maxsize=4096)
def _parted(joined: bytes) -> bytes:
    """Part lines that stand in one: they begin with words that are known, lists of mechanisms end at any other word."""
    lines: list[list[bytes]] = []
    for word in joined.split():
        ends = lines and lines[-1][0] in _LISTS and word not in _MECHANISMS
        if not lines or ends or word in _KEYWORDS:
            lines.append([])
        lines[-1].append(word)
    return b"".join(b"\n" + _JOINED[:4] + b" ".join(words) for words in lines)


@lru_cache(maxsize=4096)
def mechanisms(reply: bytes) -> str:
    """Name the mechanisms that a reply to EHLO lists, each once, in its order; empty: it lists none."""
    lists = [found[1].split() for line in reply.splitlines()[1:] if (found := _LINE.match(line))]
    names = [name.decode("ascii").upper() for each in lists for name in each if _NAME.fullmatch(name)]
    return " ".join(dict.fromkeys(names))


class Stages:
    """Which units of a batch were said before the first AUTH of their session, and which inside TLS."""

    def __init__(self, said: Said, states: Array) -> None:
        kinds, owners = said.column(s.U_KIND), said.column(s.U_SESSION)
        begun = (kinds == Kind.STARTTLS) & (said.column(s.U_CODE) // 100 == 2)
        self.first_auth = _first(owners, kinds == Kind.AUTH, len(states))
        self.first_tls = _first(owners, begun, len(states))
        self.first_tls[states[:, s.TLS] == _IMPLICIT] = -1
        # Units that are held come again with the next part, and what was said before them may come with them.
        done = said.column(s.U_FLAGS) & int(Flag.HELD) == 0
        self.tried, self.secured = (
            _first(owners, chosen & done, len(states)) < _NEVER for chosen in (kinds == Kind.AUTH, begun)
        )

    def told(self, numbers: Array, units: Array, flags: Mapping[str, Array]) -> dict[str, Array]:
        """Give, of greetings of clients (their rows among all units), those whose replies tell what is offered.

        By the column of `sessions` that they tell of. `flags`, by session: what earlier parts had.
        """
        owners = units[:, s.U_SESSION]
        good = (units[:, s.U_CODE] // 100 == 2) & among(units[:, s.U_VERB], list(law.LISTING))
        good &= ~flags["tried"][owners] & (numbers < self.first_auth[owners])
        secured = flags["secured"][owners] | (numbers > self.first_tls[owners])
        return {"offered": np.flatnonzero(good & ~secured), "offered_tls": np.flatnonzero(good & secured)}


def _first(owners: Array, chosen: Array, sessions: int) -> Array:
    """Give the first row of each session that is chosen; rows of a session stand in order."""
    rows = np.flatnonzero(chosen)[::-1]
    first: Array = np.full(sessions, _NEVER)
    first[owners[rows]] = rows
    return first
