"""What is told of a dialogue instead of captured: rows of logs."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.formats import ENDED_BY, EVENT_NAMES, UNENDED
from analyzer.logs.sessions import stable
from analyzer.logs.told import VAGUE, told_of
from analyzer.schema import NULL
from analyzer.smtp.attempts import NAME
from analyzer.smtp.law import OUTCOMES
from analyzer.smtp.writer import Writer
from analyzer.tables import PLACE_BITS, Ids, Places, Text, mixed
from analyzer.tcp import columns as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.logs.sessions import Group
    from analyzer.logs.turns import Line
    from analyzer.smtp.attempts import Attempts
    from analyzer.smtp.facts import Facts
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]

#: Events that say more on the AUTH exchange under way.
_TELLING: Final = frozenset(EVENT_NAMES.index(name) for name in ("failed", "succeeded", "detail"))
_ENDING: Final = frozenset(EVENT_NAMES.index(name) for name in ("failed", "succeeded"))

_NUMBER: Final = (1 << PLACE_BITS) - 1

#: What other lines tell of an AUTH exchange: who, how, and (the arguments of `told_of`) why.
_MORE: Final = ("identity", "mechanism", "reason", "reply", "code", "text", "enhanced")


class Event(NamedTuple):
    """An event of a session that is no line of its dialogue; `at`: how many lines stand before it."""

    row: int
    kind: int
    at: int
    frame: int


_frame: Final = attrgetter("frame")


class Talk(NamedTuple):
    """One dialogue: session `owner` of the group, or the part of it that begins at another greeting."""

    owner: int
    part: int
    lines: list[Line]
    events: list[Event]


def frames_of(lines: Array) -> Array:
    """Give the places of lines, as steps have them for frames; lines stand in the order of the source."""
    frames: Array = lines[:, c.FILE] << PLACE_BITS | lines[:, c.NUMBER]
    return frames


class LogWriter(Writer):
    """Writes the rows of logs: what is told instead of captured."""

    def write_told(self, rows: Rows, group: Group, talks: Sequence[Talk]) -> None:
        """Write sessions; `talks` are theirs, in order."""
        self.group, self.talks = group, talks
        lines = group.block.lines
        first = np.array([talk.lines[0].frame for talk in talks], np.int64)
        events = np.array([event.row for talk in talks for event in talk.events], np.int64)
        self.words: dict[str, dict[int, str | None]] = {
            name: dict(zip(events.tolist(), group.words(name, rows=events).list(), strict=True))
            for name in (*_MORE, "tls_version")
        }
        frames = frames_of(lines)
        rank = np.argsort(frames)  # lines that were kept for a session stand behind newer ones
        self._begins = lines[rank[np.searchsorted(frames, first, sorter=rank)], c.SERIAL]
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
        ends = self.group.ends()
        owners = np.array([talk.owner for talk in self.talks], np.int64)
        made = {name: ends[name].take(owners) for name in ("client_ip", "server_ip", "role")}
        made |= {name: ends[name][owners] for name in ("client_port", "server_port")}
        parts = np.array([talk.part for talk in self.talks], np.int64)
        names = ends["session"].take(owners)
        others = mixed([np.array([stable(name) for name in names.list()], np.int64), parts]).view(np.int64)
        ids = Ids(np.where(parts > 0, others, names.numbers))
        alone = np.bincount(owners, minlength=len(ends["session"]))[owners] == 1
        self.times = {
            name: np.where(alone, ends[name][owners], [_time(talk, end) for talk in self.talks])
            for name, end in (("first", 0), ("last", -1))
        }
        return made | {"session": ids, "begun": self.times["first"], "line": self._begins}

    def _hear(self, rows: Rows, said: Said, facts: Facts, shown: Array) -> None:
        super()._hear(rows, said, facts, shown)
        told = self.words["tls_version"]
        versions = [next(filter(None, (told[event.row] for event in talk.events)), None) for talk in self.talks]
        facts.put("tls_version", list(range(len(versions))), versions)

    def _seen(self, attempts: Attempts, columns: dict[str, Any]) -> dict[str, Any]:
        where = Places(attempts.frames, [f"{file} line" for file in self.group.block.files])
        return {"evidence": "logged", "source": self.source, "where": where, **self._more(attempts, columns)}

    def _more(self, attempts: Attempts, columns: dict[str, Any]) -> dict[str, Any]:
        """Take from other lines of the session what the dialogue does not show: name, mechanism, outcome, reason."""
        made = {name: columns[name].list() for name in ("identity", "mechanism", "reason")}
        made["outcome"] = [OUTCOMES[number] for number in columns["outcome"].codes.tolist()]
        initial, asked = columns["initial_response"].tolist(), columns["challenge"].list()
        for k, told in enumerate(zip(made["mechanism"], initial, asked, strict=True)):
            if _is_nameless(*told):
                made["identity"][k] = None
        owners = attempts.sessions.tolist()
        frames = attempts.frames.tolist()
        telling: dict[int, list[Event]] = {}
        for k, (owner, number) in enumerate(zip(owners, columns["attempt"].tolist(), strict=True)):
            if owner not in telling:
                events = [event for event in self.talks[owner].events if event.kind in _TELLING]
                telling[owner] = sorted(events, key=_frame)
            last = k + 1 == len(owners) or owners[k + 1] != owner
            since = bisect_left(telling[owner], frames[k], key=_frame) if number > 1 else 0
            until = None if last else bisect_left(telling[owner], frames[k + 1], key=_frame)
            for event in telling[owner][since:until]:
                self._add(made, k, event)
        numbers = [OUTCOMES.index(name) for name in made.pop("outcome")]
        outcome = Text(np.array(numbers, np.int32), list(OUTCOMES))
        return {**{name: Text.of(values) for name, values in made.items()}, "outcome": outcome}

    def _add(self, made: dict[str, list[Any]], k: int, event: Event) -> None:
        """Add to an attempt what an event tells."""
        identity, mechanism, *why = (self.words[name][event.row] for name in _MORE)
        owner, pattern = self.group.catalogue.patterns[self.group.events[event.row, c.E_PATTERN]]
        made["identity"][k] = made["identity"][k] or identity
        if mechanism and NAME.fullmatch(mechanism.encode()):
            made["mechanism"][k] = made["mechanism"][k] or mechanism.upper()
        if made["outcome"][k] == "succeeded" or made["reason"][k] not in VAGUE:
            return
        told = told_of(pattern, self.group.catalogue.formats[owner], *(word or "" for word in why))
        ends = event.kind in _ENDING or "outcome" in pattern.stated
        if made["outcome"][k] == "unseen" and ends:
            made["outcome"][k], made["reason"][k] = told.outcome, told.reason
        elif told.reason not in VAGUE:
            made["reason"][k] = told.reason

    def _course(self, rows: Rows, over: Array) -> dict[str, Any]:
        places = rows.sessions[over, t.ROW]
        ends = [_ended_by(self.talks[k]) for k in places.tolist()]
        times = {name: times[places] for name, times in self.times.items()}
        return {**times, "packets": NULL, "bytes": NULL, "ended_by": Text.of(ends)}


def _is_nameless(mechanism: str | None, initial: int | None, challenge: str | None) -> bool:
    """Say whether what stands in the place of a name may be a password: the log leaves lines out."""
    asked = (challenge or "").split()
    return (
        mechanism == _LOGIN and initial != 1 and asked[:1] in (["password"], ["unknown"]) and len(asked) < len(_PROMPTS)
    )


#: The mechanism that asks for the name first, and for the password then.
_LOGIN: Final = "LOGIN"
_PROMPTS: Final = ("username", "password")

#: Durations, and the time that has to be known for them.
_MEASURED: Final = {
    "auth": dict.fromkeys(("seconds", "seconds_server", "seconds_client"), "started"),
    "exchanges": {"seconds": "at"},
}


#: Columns that hold lines as steps have them for frames.
_FRAMES: Final = {"exchanges": ("frame", "reply_frame")}


def _time(talk: Talk, end: int) -> int:
    """Give the time of the first or last line; NULL: it has none."""
    return talk.lines[end].time or NULL


def _ended_by(talk: Talk) -> str:
    said = {EVENT_NAMES[event.kind] for event in talk.events}
    return next((word for name, word in ENDED_BY.items() if name in said), UNENDED)
