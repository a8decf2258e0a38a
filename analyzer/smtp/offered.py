"""Which SASL mechanisms a server offers: the keyword AUTH in its replies to EHLO (RFC 4954 section 3)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.attempts import NAME, TLS_NAMES
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

#: Later than every row.
_NEVER: Final = np.iinfo(np.int64).max

_IMPLICIT: Final = TLS_NAMES.index("implicit")


@lru_cache(maxsize=4096)
def mechanisms(reply: bytes) -> str:
    """Name the mechanisms that a reply to EHLO lists, each once, in its order; empty: it lists none."""
    lists = [found[1].split() for line in reply.splitlines()[1:] if (found := _LINE.match(line))]
    names = [name.decode("ascii").upper() for each in lists for name in each if NAME.fullmatch(name)]
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
