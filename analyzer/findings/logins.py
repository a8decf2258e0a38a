"""Logins as columns: who offered which secret to which identity, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.keys import firsts, numbered
from analyzer.schema import NULL
from analyzer.tables import packed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: The number of a secret that is not seen, below all others; NULL is so far below that keys would need more bits.
UNSEEN: Final = -1


class Logins:
    """Columns of logins, in the order of time: client and identity as codes of the table `auth`, -1 for unknown.

    Of some rows of others, a column is taken when it is looked at: few need all of them.
    """

    #: Row of `auth`.
    row: Array
    client: Array
    identity: Array
    #: By number; UNSEEN for unknown.
    secret: Array
    time: Array
    #: Client and identity as one key; of a `History`, numbered from 0 on.
    pair: Array

    def __init__(self, columns: Mapping[str, Array], rows: Array | None = None) -> None:
        """Give logins of whole columns, or of some rows of them."""
        self._columns, self._rows = columns, rows

    def __getattr__(self, name: str) -> Array:
        """Take a column."""
        if name not in Logins.__annotations__:
            raise AttributeError(name)
        column = self._columns[name]
        taken: Array = column if self._rows is None else column.take(self._rows)
        setattr(self, name, taken)
        return taken

    def __len__(self) -> int:
        return len(self._columns["row"] if self._rows is None else self._rows)

    def replaced(self, **columns: Array) -> Logins:
        """Give the same logins with other columns."""
        return Logins({name: getattr(self, name) for name in Logins.__annotations__ if name not in columns} | columns)

    def take(self, rows: Array) -> Logins:
        """Give the logins that an index or a mask names."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Logins(self._columns, rows if self._rows is None else self._rows.take(rows))

    @property
    def seen(self) -> Array:
        """Which secrets are seen."""
        seen: Array = self.secret != UNSEEN
        return seen

    def fresh(self, *key: Array) -> Array:
        """Say which are guesses: those that do not repeat a known secret for an identity, within a key.

        A secret that is not seen counts as a new one, unless more are seen of the same key and identity: programs that
        try several mechanisms over several connections show their one secret in some of them.
        """
        unseen = ~self.seen
        whose = numbered(packed(*key, self.identity))
        balance = np.bincount(whose, weights=np.where(unseen, 1, -1))
        return np.where(unseen, (balance > 0).take(whose), firsts(packed(whose, self.secret)))


def logins(auth: Table, rows: Array) -> Logins:
    """Take the columns of some rows."""
    client, identity = auth.text("client_ip").codes[rows], auth.text("identity").codes[rows]
    pair = pairs(auth, client, identity)
    secret = auth.array("secret_group")[rows]
    secret = np.where(secret == NULL, UNSEEN, secret)
    time = auth.array("started")[rows]
    return Logins({"row": rows, "client": client, "identity": identity, "secret": secret, "time": time, "pair": pair})


def pairs(auth: Table, client: Array, identity: Array) -> Array:
    """Put the codes of clients and identities of a table into one key."""
    key: Array = client.astype(np.int64) * (len(auth.text("identity").words) + 1) + (identity + 1)
    return key
