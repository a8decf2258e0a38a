"""What is known of attempts: their own table, that of their sessions, a clock, and databases of addresses."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.events import once
from analyzer.schema import NULL
from analyzer.stats.distinct import numbered
from analyzer.tables import Text, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.stats.networks import Places
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND: Final = 10**9
#: In most quarters of an hour no timezone changes; some change within one (Newfoundland did at one minute past).
_QUARTER: Final = 900

#: Durations, and what they mean.
MEASURES: Final = {
    "seconds": "from the AUTH command to its end",
    "seconds_server": "until the server's replies, summed: what a tarpit makes long",
    "seconds_client": "until the client's answers, summed",
    "seconds_to_auth": "from connect to the first AUTH command of the session",
}
_TO_AUTH: Final = "seconds_to_auth"


class Totals(NamedTuple):
    """Sessions, and those of which a statistic cannot know; of parts they are summed."""

    sessions: int
    #: TLS hides some of these.
    unreadable: int
    #: Nobody knows whether these had attempts.
    attempts_unknown: int
    without_attempts: int


class Facts:
    """The attempts of some tables, what several sources tell of one counted once, with what is known of each.

    `zone` is that of hours and days, None for this machine's; `places` knows the country and the network of addresses.
    """

    def __init__(self, tables: Mapping[str, Table], zone: dt.tzinfo | None, places: Places | None = None) -> None:
        tables = once(tables)
        self.auth, self.sessions, self.zone, self.places = tables["auth"], tables["sessions"], zone, places

    def __len__(self) -> int:
        return len(self.auth)

    def take(self, rows: Array) -> Facts:
        """Give a part of the attempts."""
        return Facts({"auth": self.auth.take(rows), "sessions": self.sessions}, self.zone, self.places)

    def duration(self, name: str) -> Array:
        """Give a column of seconds that `MEASURES` names."""
        return self.seconds_to_auth if name == _TO_AUTH else self.auth.array(name)

    @cached_property
    def succeeded(self) -> Array:
        """Which attempts succeeded."""
        return self.auth.has("outcome", "succeeded")

    @cached_property
    def unseen(self) -> Array:
        """Of which attempts nobody saw the ending."""
        return self.auth.has("outcome", "unseen")

    @cached_property
    def rounds_unknown(self) -> Array:
        """Of which attempts the rounds are not exact."""
        return ~self.auth.has("rounds_known", "exact")

    @cached_property
    def seconds_to_auth(self) -> Array:
        """Seconds from the first packet or line of a session to its first AUTH; unknown for later attempts."""
        began = np.append(self.sessions.array("first"), NULL)[self.owner]
        started = self.auth.array("started")
        known = (began != NULL) & (started >= began) & (self.auth.array("attempt") == 1)
        return np.where(known, (started - np.where(known, began, started)) / _SECOND, np.nan)

    @property
    def totals(self) -> Totals:
        """How many sessions there are, and of how many nobody knows what happened in them."""
        attempts = self.sessions.array("attempts")
        return Totals(
            sessions=len(attempts),
            unreadable=int((self.sessions.array("readable") == 0).sum()),
            attempts_unknown=int((attempts == NULL).sum()),
            without_attempts=int((attempts == 0).sum()),
        )

    @property
    def timezone(self) -> str:
        """The name of the timezone of hours and days."""
        times = self.auth.array("started")
        known = times[times != NULL]
        moment = self._moment(int(known.min()) // _SECOND if len(known) else 0)
        return getattr(self.zone, "key", None) or moment.tzname() or f"{moment:%z}"

    @cached_property
    def session(self) -> Array:
        """The session of each attempt, as a number."""
        return self.auth.ids("session").numbers

    @cached_property
    def owner(self) -> Array:
        """The row in `sessions` of each attempt's session; -1: it is not there."""
        return rows_of(self.auth.ids("session"), self.sessions.ids("session"))

    def of_session(self, name: str) -> Text:
        """Give what the session of each attempt has in a column of text."""
        column = self.sessions.text(name)
        return Text(np.append(column.codes, np.int32(-1))[self.owner], column.words)

    @cached_property
    def local(self) -> Array:
        """Seconds since 1970 on the clocks of the timezone; NULL where the time is unknown."""
        started = self.auth.array("started")
        known = np.flatnonzero(started != NULL)
        seconds = started[known] // _SECOND
        quarters = seconds // _QUARTER * _QUARTER
        begin, end = (self._offsets(quarters + at) for at in (0, _QUARTER - 1))
        changing = begin != end
        begin[changing] = self._offsets(seconds[changing])
        local = np.full(len(started), NULL)
        local[known] = seconds + begin
        return local

    def _moment(self, seconds: int) -> dt.datetime:
        return (_EPOCH + dt.timedelta(seconds=seconds)).astimezone(self.zone)

    def _offsets(self, seconds: Array) -> Array:
        """Give the distance to UTC at some times, asked once for each."""
        which, first = numbered([seconds], len(seconds))
        distances = [self._moment(time).utcoffset() or dt.timedelta() for time in seconds[first].tolist()]
        return np.array([distance // dt.timedelta(seconds=1) for distance in distances], np.int64)[which]
