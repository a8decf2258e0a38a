"""AUTH exchanges that logs tell of, as columns: what each line says, put together with those around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.formats import ENDED_BY, EVENT_NAMES, UNENDED
from analyzer.logs.reconcile import BROKEN, COUNTED_FAILED, COUNTED_GOOD, ENDED, EVENT, SOON_NS, TOLD, Exchanges, any_of
from analyzer.logs.told import VAGUE, Counters, Told, better, tls_version_of, told_of
from analyzer.schema import NULL
from analyzer.smtp import law
from analyzer.smtp.attempts import ROUNDS_KNOWN, TLS_NAMES
from analyzer.smtp.encoding import printable
from analyzer.tables import Text, mixed

if TYPE_CHECKING:
    from analyzer.logs.reconcile import Rows
    from analyzer.logs.sessions import Group

    Array = np.ndarray[Any, Any]

#: Caveats: a counter knows of the exchange, and no line; only the authentication service tells of it, and no mail
#: server; the client may have been gone before the refusal that the log tells.
COUNTED, ALONE, ABANDONED = "counter_only", "auth_service_only", "maybe_abandoned"

#: RFC 8314 section 7.3: submissions over TLS from the first byte.
_SMTPS: Final = 465

#: In TLS, whichever way that began; and all that a log may say of it.
_SOME: Final = "some"
_WAYS: Final = [*TLS_NAMES, _SOME]


class Facts(Exchanges):
    """What the events of a group tell, by session."""

    def auth(self, rows: Rows) -> dict[str, Any]:
        """Give the columns of `auth` but those that are the session's."""
        told = rows.how == TOLD
        tells, which = self._better(*self._told(rows.event), rows.event)
        names = [told_as.outcome for told_as in tells]
        broken = [ENDED[name] if name in ENDED else ENDED["lost"] for name in EVENT_NAMES]
        how = self.kinds[rows.event]
        endings = [*names, "failed", "succeeded", *(each[0] for each in broken), "unseen"]
        place = np.select(
            [told, rows.how == COUNTED_FAILED, rows.how == COUNTED_GOOD],
            [which, len(tells), len(tells) + 1],
            len(tells) + 2 + how,
        )
        gone, doubtful, unheard = self._abandoned(
            rows, told, told & (_numbers([each.code for each in tells], which) == law.REFUSED)
        )
        place = np.where(gone, len(tells) + 2 + EVENT["lost"], place)
        place = np.where(unheard, len(endings) - 1, place)
        ending = np.where(doubtful, endings.index("failed", len(tells)), place)
        reasons = [*(each.reason for each in tells), None, None, *(each[1] for each in broken), None]
        codes = [*(each.code for each in tells), None, None, *(each[2] for each in broken), None]
        blank: list[Any] = [None] * (3 + len(broken))
        rounds = [*(each.rounds for each in tells), *blank]
        started = self.times[rows.event]
        counted = (rows.how == COUNTED_FAILED) | (rows.how == COUNTED_GOOD)
        lone = self.group.catalogue.alone.take(self.patterns)
        served = np.bincount(self.owners[~lone & (self.kinds != EVENT["detail"])], minlength=self.count) > 0
        alone = told & lone[rows.event] & ~served[rows.owner]
        caveat = np.select([counted, alone, doubtful | unheard], [1, 2, 3], 0)
        starts = np.searchsorted(rows.owner, rows.owner)
        identity = self._of_details(self.identity, rows, told)
        # Where it is refused that one user acts for another, the other is the one who is named.
        refused = np.array([each == "authzid_refused" for each in reasons])[place]
        return {
            "attempt": np.arange(len(rows.owner)) - starts + 1,
            "started": started,
            "ended": np.where(told | (rows.how == BROKEN), started, NULL),
            "seconds": np.nan,
            "seconds_server": np.nan,
            "seconds_client": np.nan,
            "mechanism": _first_of(self._of_details(self.mechanism, rows, told), self._stated(rows, told)),
            "initial_response": None,
            "rounds": _numbers(rounds, place),
            "rounds_known": Text(np.where(_numbers(rounds, place) == NULL, 2, 1).astype(np.int32), ROUNDS_KNOWN),
            "outcome": _gathered(endings, ending),
            "reason": _gathered(reasons, place),
            "code": _numbers(codes, place),
            "enhanced": _gathered([*(each.enhanced for each in tells), *blank], place),
            "text": _gathered([*(each.text for each in tells), *blank], place),
            "identity": _masked(identity, ~refused),
            "authzid": _masked(identity, refused),
            "realm": _masked(self.group.words("realm", rows=rows.event), told),
            "host": None,
            "challenge": _gathered([*(each.challenge for each in tells), *blank], place),
            "oauth_error": _gathered([*(each.oauth_error for each in tells), *blank], place),
            "secret_group": NULL,
            "tls": self._tls().take(rows.owner),
            "evidence": "logged",
            "confidence": None,
            "caveats": Text(caveat.astype(np.int32), ["", COUNTED, ALONE, ABANDONED]),
        }

    def _told(self, events: Array) -> tuple[list[Told], Array]:
        """Give what distinct lines tell, and which of these each event is."""
        columns = [self.group.words(name, rows=events) for name in ("reason", "reply", "code", "text", "enhanced")]
        keys = np.stack([self.patterns[events], *(text.codes for text in columns)])
        _, first, which = np.unique(mixed(keys.astype(np.int64)), return_index=True, return_inverse=True)
        catalogue = self.group.catalogue
        tells: list[Told] = []
        for number, *codes in keys[:, first].T.tolist():
            words = [text.words[code] if code >= 0 else "" for text, code in zip(columns, codes, strict=True)]
            owner, pattern = catalogue.patterns[number]
            tells.append(told_of(pattern, catalogue.formats[owner], *words))
        return tells, which.reshape(-1)

    def _abandoned(self, rows: Rows, told: Array, refused: Array) -> tuple[Array, Array, Array]:
        """Say which exchanges may have been given up although the log tells an answer.

        Exim writes its answer whether or not anybody is there to read it. Gives those whose client was found gone at
        once, before it had named anybody: they ended so; those of which nobody knows: the client had named somebody
        (half of these have read the refusal), or the log does not tell how the session ended; and successes of
        sessions that were lost with AUTH as their last command.
        """
        failed = refused & self.group.catalogue.abandons[self.patterns[rows.event]]
        lost = self.last(self.kinds == EVENT["lost"])[rows.owner]
        soon = (lost > rows.event) & (self.times[lost] - self.times[rows.event] <= SOON_NS)
        final = np.append(rows.owner[1:] != rows.owner[:-1], True)[: len(rows.owner)]
        ended = self.last(any_of(*ENDED_BY).take(self.kinds))[rows.owner] >= 0
        commands = self.counters[rows.owner, Counters._fields.index("auth_last")]
        named = self.identity.codes[rows.event] >= 0
        unheard = told & (self.kinds[rows.event] == EVENT["succeeded"]) & (lost >= 0) & (commands == 1) & final
        gone = failed & soon & final
        return gone & ~named, (gone & named) | (failed & ~ended), unheard

    def _better(self, tells: list[Told], which: Array, events: Array) -> tuple[list[Told], Array]:
        """Put together what failures tell with what the lines before them tell of them."""
        if not len(self.detail_rows):
            return tells, which
        more, more_which = self._told(self.detail_rows)
        vague = np.array([each.reason in VAGUE for each in more])[more_which]
        of = np.full(len(self.kinds), -1, np.int64)
        for rows in (np.flatnonzero(vague), np.flatnonzero(~vague)):  # the last that names a cause
            of[self.detail_of[rows]] = more_which[rows]
        pairs, which = np.unique(np.stack((which, of[events])), axis=1, return_inverse=True)
        made = [better(tells[k], more[d]) if d >= 0 else tells[k] for k, d in pairs.T.tolist()]
        return made, which.reshape(-1)

    def _stated(self, rows: Rows, told: Array) -> Text:
        """Give the mechanisms that the patterns state."""
        stated = Text.of([pattern.stated.get("mechanism") for _, pattern in self.group.catalogue.patterns])
        return _masked(stated.take(self.patterns[rows.event]), told)

    def _of_details(self, text: Text, rows: Rows, told: Array) -> Text:
        """Give a field of failures; where they do not have it, of the lines before them."""
        # A summary names whom and what the last exchange of its session was about, be it told by another line or not.
        later = np.append(rows.event[1:] == rows.event[:-1], False)[: len(rows.event)]
        others = (
            np.bincount(rows.owner[self.kinds[rows.event] != EVENT["summary"]], minlength=self.count)[rows.owner] > 0
        )
        told = told & ~((later | others) & (self.kinds[rows.event] == EVENT["summary"]))
        codes = np.full(len(self.kinds), -1, np.int32)
        known = text.codes[self.detail_rows] >= 0
        codes[self.detail_of[known]] = text.codes[self.detail_rows[known]]
        own = text.codes[rows.event]
        return Text(np.where(told, np.where(own < 0, codes[rows.event], own), -1).astype(np.int32), text.words)

    def _tls(self) -> Text:
        """Give how sessions were protected, where the log tells it."""
        stated = self.group.catalogue.tls.take(self.patterns)
        told = self.group.words("tls", _protection).numbers(_WAYS.index, -1)
        says = {name: self.last((told == k) | (stated == k)) >= 0 for k, name in enumerate(TLS_NAMES)}
        seen = (self.last(self.kinds == EVENT["tls"]) >= 0) | (self.group.first_with("tls_version") >= 0)
        seen |= self.last(told == _WAYS.index(_SOME)) >= 0
        counted = self.counters[:, Counters._fields.index("starttls")]
        port = self.group.first_with("server_port")
        smtps = np.where(port < 0, 0, self.group.numbers("server_port", np.maximum(port, 0))) == _SMTPS
        ways = (says["implicit"] | (seen & ((counted == 0) | smtps)), says["starttls"] | (counted > 0), says["none"])
        return Text(np.select(ways, [2, 1, 0], -1).astype(np.int32), TLS_NAMES)

    def sessions(self, rows: Rows, identity: Text, outcome: Text) -> dict[str, Any]:
        """Give the columns of `sessions` but ends and times."""
        group, counters = self.group, dict(zip(Counters._fields, self.counters.T, strict=True))
        good = np.flatnonzero(outcome.mask([word == "succeeded" for word in outcome.words]) & (identity.codes >= 0))[
            ::-1
        ]
        who = np.full(self.count, -1, np.int32)
        who[rows.owner[good]] = identity.codes[good]

        last = self.last(any_of(*ENDED_BY).take(self.kinds), first=True)
        closes = [ENDED_BY.get(name, UNENDED) for name in EVENT_NAMES]
        ended = np.where(last < 0, EVENT["note"], self.kinds[np.maximum(last, 0)])

        mails = np.bincount(self.owners[group.catalogue.mails.take(self.patterns)], minlength=self.count)
        told = group.catalogue.counts_mails.take(group.events[group.starts[:-1], c.E_FORMAT])
        mails = np.where(told, mails, NULL)
        products = Text.of(group.catalogue.products).take(group.patterns)
        server = self.last(products.codes >= 0, first=True)
        helo = group.first_with("helo")
        version = group.first_with("tls_version")
        return {
            "via": None,
            "banner": None,
            "product": _masked(products.take(np.maximum(server, 0)), server >= 0),
            "helo": _of_first(group, "helo", helo),
            "offered": None,
            "offered_tls": None,
            "tls": self._tls(),
            "tls_version": _of_first(group, "tls_version", version, tls_version_of),
            "sni": None,
            "readable": 1,
            "commands": counters["commands"],
            "replies": None,
            "attempts": np.bincount(rows.owner, minlength=self.count),
            "authenticated_as": Text(who, identity.words),
            "messages": np.where(counters["messages"] == NULL, mails, counters["messages"]),
            "packets": None,
            "bytes": None,
            "ended_by": _gathered(closes, ended),
            "caveats": "",
        }


def _of_first(group: Group, name: str, rows: Array, made: Any = printable) -> Text:
    """Give a field of one event a session; unknown where the row is -1."""
    text = group.words(name, made, np.maximum(rows, 0))
    return Text(np.where(rows < 0, -1, text.codes).astype(np.int32), text.words)


def _gathered(values: list[Any], place: Array) -> Text:
    """Give values by their numbers, as text."""
    return Text.of(values).take(place)


def _numbers(values: list[int | None], place: Array) -> Array:
    """Give values by their numbers, NULL for None."""
    made: Array = np.array([NULL if value is None else value for value in values], np.int64)[place]
    return made


def _masked(text: Text, kept: Array) -> Text:
    """Make unknown what is not kept."""
    return Text(np.where(kept, text.codes, -1).astype(np.int32), text.words)


def _first_of(first: Text, second: Text) -> Text:
    """Give the first column where it is known, else the second."""
    codes = np.where(second.codes < 0, -1, second.codes + len(first.words))
    joined = np.where(first.codes < 0, codes, first.codes)
    words = {word: number for number, word in enumerate(dict.fromkeys((*first.words, *second.words)))}
    renamed = np.array([*(words[word] for word in (*first.words, *second.words)), -1], np.int32)
    return Text(renamed[joined], list(words))


def _protection(data: bytes) -> str | None:
    """Give what a field says of TLS: one of TLS_NAMES, or that it was in use."""
    return {b"starttls": "starttls", b"N": "none", b"Y": _SOME}.get(data)
