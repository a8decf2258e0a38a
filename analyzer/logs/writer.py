"""What is told of a dialogue instead of captured: rows of logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.formats import ENDED_BY, EVENT_NAMES, UNENDED
from analyzer.logs.keys import stable
from analyzer.logs.told import VAGUE, tls_version_of, told_of
from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import redact
from analyzer.smtp.law import OUTCOMES
from analyzer.smtp.writer import Writer
from analyzer.tables import PLACE_BITS, Places, Text, begins_run, distinct, mixed
from analyzer.tcp import columns as t

if TYPE_CHECKING:
    from analyzer.logs.said import Events
    from analyzer.logs.sessions import Group
    from analyzer.smtp.attempts import Attempts
    from analyzer.smtp.facts import Facts
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]

#: Events that say more on the AUTH exchange under way, and those that end it.
_TELLING: Final = np.array([name in ("failed", "succeeded", "detail") for name in EVENT_NAMES])
_ENDING: Final = np.array([name in ("failed", "succeeded") for name in EVENT_NAMES])

#: How a session ended by each event, as a number in these words; the smallest counts.
_ENDS: Final = [*ENDED_BY.values(), UNENDED]
_ENDED: Final = np.array([_ENDS.index(ENDED_BY.get(name, UNENDED)) for name in EVENT_NAMES], np.int32)

_NUMBER: Final = (1 << PLACE_BITS) - 1

#: What other lines tell of why an AUTH exchange ended so: the arguments of `told_of`.
_WHY: Final = ("reason", "reply", "code", "text", "enhanced")

#: What a whole reply to EHLO tells.
_LISTED: Final = ("offered", "offered_tls", "offer")

_UNSEEN, _SUCCEEDED = OUTCOMES.index("unseen"), OUTCOMES.index("succeeded")


class Talks(NamedTuple):
    """The dialogues of a group (int64[n, DIALOGUE_WIDTH]), their lines, and their events, of which `owners` has one."""

    rows: Array
    lines: Array
    events: Events
    owners: Array

    def of(self, column: int, end: int = c.D_FIRST) -> Array:
        """Give a column of the first line (D_FIRST) or of the last (D_LAST) of each dialogue."""
        values: Array = self.lines[self.rows[:, end] - (end == c.D_LAST), column]
        return values


class LogWriter(Writer):
    """Writes the rows of logs: what is told instead of captured."""

    def write_told(self, rows: Rows, group: Group, talks: Talks) -> None:
        """Write sessions; `talks` are theirs, in order."""
        self.group, self.talks = group, talks
        self.write(rows)

    def _put(self, name: str, rows: int, columns: dict[str, Any]) -> None:
        """Add rows; unknown times were 0, and frames are numbers of lines."""
        columns = dict(columns)
        for column, kind in self.builders[name].kinds.items():
            if kind == "time":
                columns[column] = np.where(columns[column] == 0, NULL, columns[column])
        for measured, time in _MEASURED.get(name, {}).items():
            columns[measured] = np.where(columns[time] == NULL, np.nan, columns[measured])
        for frame in _FRAMES.get(name, ()):
            columns[frame] = np.where(columns[frame] == NULL, NULL, columns[frame] & _NUMBER)
        super()._put(name, rows, columns)

    def _ends(self, _: Rows) -> dict[str, Any]:
        ends, talks = self.group.ends(), self.talks
        owners, parts = talks.rows[:, c.D_SESSION], talks.rows[:, c.D_PART]
        made = {name: ends[name].take(owners) for name in ("client_ip", "server_ip", "role")}
        made |= {name: ends[name][owners] for name in ("client_port", "server_port")}
        ids = ends["session"].take(owners)
        others = np.flatnonzero(parts)
        if len(others):
            names = np.array([stable(name or "") for name in ids.take(others).list()], np.int64)
            ids.numbers[others] = mixed([names, parts[others]]).view(np.int64)
        alone = np.bincount(owners, minlength=len(ends["session"]))[owners] == 1
        self.times = {}
        for name, end in (("first", c.D_FIRST), ("last", c.D_LAST)):
            times = talks.of(c.S_TIME, end)
            self.times[name] = np.where(alone, ends[name][owners], np.where(times == 0, NULL, times))
        begins = self.group.block.cells(c.SERIAL, self.group.at.take(talks.of(c.S_ROW)))
        return made | {"session": ids, "begun": self.times["first"], "line": begins}

    def _hear(self, rows: Rows, said: Said, facts: Facts, shown: Array) -> None:
        super()._hear(rows, said, facts, shown)
        formats = self.group.events[self.talks.of(c.S_ROW), c.E_FORMAT]
        cut = np.array([each.cuts_replies for each in self.group.catalogue.formats])[formats]
        for name in _LISTED:
            facts.codes[name][cut] = c.NOTHING
        versions = self.group.words("tls_version", tls_version_of, self.talks.events.row)
        told = np.flatnonzero(versions.known())[::-1]  # of several, the first counts
        facts.put("tls_version", self.talks.owners[told], versions.take(told).list())

    def _seen(self, attempts: Attempts, columns: dict[str, Any]) -> dict[str, Any]:
        where = Places(attempts.frames, [f"{file} line" for file in self.group.block.files])
        told = {"evidence": "logged", "source": self.source, "where": where, **self._more(attempts, columns)}
        for name, summed in _SUMS.items():  # where answers are left out, nobody knows who took how long
            told[name] = np.where(attempts.attempts[:, summed] == c.NOTHING, np.nan, columns[name])
        return told

    def _more(self, attempts: Attempts, columns: dict[str, Any]) -> dict[str, Any]:
        """Take from other lines of the session what the dialogue does not show: name, mechanism, outcome, reason."""
        nameless = _nameless(columns)
        identity = columns["identity"]
        identity = Text(np.where(nameless, -1, identity.codes).astype(np.int32), identity.words)
        events = np.flatnonzero(_TELLING[self.talks.events.kind])
        owner = _attempts_of(attempts, self.talks, events)
        rows = self.talks.events.row[events[owner >= 0]]
        order = np.argsort(owner[owner >= 0], kind="stable")
        rows, owner = rows[order], owner[owner >= 0][order]
        if not len(rows):
            return {"identity": identity}
        mechanism = self.group.words("mechanism", redact.mechanism, rows)
        return {
            "identity": _completed(identity, owner, self.group.words("identity", rows=rows)),
            "mechanism": _completed(columns["mechanism"], owner, mechanism),
            **self._why(columns, rows, owner),
        }

    def _why(self, columns: dict[str, Any], rows: Array, owner: Array) -> dict[str, Any]:
        """Add the outcomes and reasons that events tell; `rows` of the group, and the attempt of each, in order."""
        group = self.group
        patterns, words = group.patterns[rows], [group.words(name, rows=rows) for name in _WHY]
        first, which = distinct(patterns, *(word.codes for word in words))
        fields = [word.take(first).list() for word in words]
        told, ending = [], []
        for row, pattern_number, *why in zip(rows[first].tolist(), patterns[first].tolist(), *fields, strict=True):
            number, pattern = group.catalogue.patterns[pattern_number]
            told.append(told_of(pattern, group.catalogue.formats[number], *(word or "" for word in why)))
            ending.append(bool(_ENDING[group.kinds[row]]) or "outcome" in pattern.stated)
        reasons = Text.joined([columns["reason"], Text.of(each.reason for each in told)])
        count = len(columns["reason"])
        outcome, reason = columns["outcome"].codes.copy(), reasons.codes[:count].copy()
        outcomes = np.array([OUTCOMES.index(each.outcome) for each in told], np.int32)
        because = reasons.codes[count:]
        vague = np.array([*(word in VAGUE for word in reasons.words), None in VAGUE], bool)
        exact = ~vague[because][which]
        ends = np.array(ending, bool)[which]
        left = np.arange(len(rows))
        while len(left):
            mine = owner[left]
            open_, unseen = (outcome[mine] != _SUCCEEDED) & vague[reason[mine]], outcome[mine] == _UNSEEN
            left = left[open_ & (exact[left] | (unseen & ends[left]))]
            mine = owner[left]
            now = np.flatnonzero(begins_run(mine))  # the first of each attempt
            event, mine = which[left[now]], mine[now]
            ended = (outcome[mine] == _UNSEEN) & ends[left[now]]
            outcome[mine] = np.where(ended, outcomes[event], outcome[mine])
            reason[mine] = because[event]
            left = np.delete(left, now)
        return {"outcome": Text(outcome, columns["outcome"].words), "reason": Text(reason, reasons.words)}

    def _course(self, session: Array, _: Array) -> dict[str, Any]:
        places = session[:, t.ROW]
        ended = np.full(len(self.talks.rows), _ENDS.index(UNENDED), np.int32)
        np.minimum.at(ended, self.talks.owners, _ENDED[self.talks.events.kind])
        times = {name: times[places] for name, times in self.times.items()}
        return {**times, "packets": NULL, "bytes": NULL, "ended_by": Text(ended, _ENDS).take(places)}


def _nameless(columns: dict[str, Any]) -> Array:
    """Say where what stands in the place of a name may be a password: the log leaves lines out."""
    asked = [word.split() for word in columns["challenge"].words]
    half = columns["challenge"].mask([w[:1] in (["password"], ["unknown"]) and len(w) < len(_PROMPTS) for w in asked])
    named = columns["mechanism"].mask([word == _LOGIN for word in columns["mechanism"].words])
    nameless: Array = half & named & (np.asarray(columns["initial_response"]) != 1)
    return nameless


def _attempts_of(attempts: Attempts, talks: Talks, events: Array) -> Array:
    """Give the attempt under way at each of some events: the last that began before; NOTHING: there is none."""
    sessions, frames = attempts.sessions, attempts.frames
    first = attempts.attempts[:, s.A_NUMBER] <= 1  # also what was told before it
    count = len(sessions)
    told = talks.events.frame[events]
    keys = np.concatenate((np.where(first, -1, frames), told))
    rank = np.unique(keys, return_inverse=True)[1]
    keys = np.concatenate((sessions, talks.owners[events])) * (len(keys) + 1) + rank
    owner = np.searchsorted(np.maximum.accumulate(keys[:count]), keys[count:], "right") - 1
    mine = (owner >= 0) & (sessions.take(owner, mode="clip") == talks.owners[events]) if count else owner >= 0
    owners: Array = np.where(mine, owner, c.NOTHING)
    return owners


def _completed(known: Text, owner: Array, told: Text) -> Text:
    """Give a column with what events tell where it has nothing; `owner`: the row of each event, in order."""
    there = known.mask([bool(word) for word in known.words])
    missing = np.flatnonzero(told.known() & ~there[owner])
    mine = owner[missing]
    first = missing[begins_run(mine)]  # of several, the first counts
    return known.put(owner[first], told.take(first)) if len(first) else known


#: The mechanism that asks for the name first, and for the password then.
_LOGIN: Final = "LOGIN"
_PROMPTS: Final = ("username", "password")

#: Durations, and the time that has to be known for them.
_MEASURED: Final = {
    "auth": dict.fromkeys(("seconds", "seconds_server", "seconds_client"), "started"),
    "exchanges": {"seconds": "at"},
}

#: Times that are summed up, and where.
_SUMS: Final = {"seconds_server": s.A_SERVER_NS, "seconds_client": s.A_CLIENT_NS}

#: Columns that hold lines as steps have them for frames.
_FRAMES: Final = {"exchanges": ("frame", "reply_frame")}
