"""Logs that show the dialogue itself: their lines become the streams that the SMTP machine reads of captures too."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.escapes import hides, lines_of
from analyzer.logs.formats import EVENT_NAMES
from analyzer.logs.turns import (
    CLIENT,
    SERVER,
    Line,
    begins_anew,
    code_of,
    server_of,
    share,
    speakers,
    turns_of,
    verb_of,
)
from analyzer.logs.writer import Event, LogWriter, Talk, frames_of
from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp.attempts import TLS_NAMES
from analyzer.smtp.law import ANSWER_UNIT, CHALLENGE, REPLY_KINDS, Flag, Kind
from analyzer.smtp.reader import Reader
from analyzer.tcp import columns as t
from analyzer.tcp.stage import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.sessions import Group
    from analyzer.logs.turns import Turns
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.sasl import Decoder

    Array = np.ndarray[Any, Any]

_EVENT: Final = {name: number for number, name in enumerate(EVENT_NAMES)}
_LINE, _CONNECT, _TLS, _DETAIL = (_EVENT[name] for name in ("line", "connect", "tls", "detail"))
_OUTCOMES: Final = frozenset(_EVENT[name] for name in ("failed", "succeeded", "summary"))
#: Who has left, by the event that says so; where it does not, the one who had to speak.
_LEFT: Final = {_EVENT["lost"]: CLIENT, _EVENT["timeout"]: SERVER, _EVENT["closed"]: SERVER}
_DISCONNECT: Final = _EVENT["disconnect"]
_AUTH_KINDS: Final = frozenset((Kind.R235, Kind.R535))
_STARTTLS, _IMPLICIT = TLS_NAMES.index("starttls"), TLS_NAMES.index("implicit")


class Dialogues:
    """Reads the sessions of one source that show their dialogue."""

    def __init__(self, source: str, wanted: frozenset[str], decoder: Decoder) -> None:
        self.writer = LogWriter(source, wanted, decoder)
        self.reader = Reader()
        self._shares: dict[int, Counter[str]] = {}  # of each format: lines and replies of both its sides

    def write(self, group: Group) -> Array:
        """Write the sessions that show their AUTH exchanges, or tell of none; says which these were."""
        taken = np.zeros(len(group.starts) - 1, bool)
        talks: list[Talk] = []
        for talk in self._talks(group):
            if _is_told(talk):
                taken[talk.owner] = True
                talks += [] if _is_rehearsed(group, talk) else _parted(talk)
        if talks:
            self._run(group, talks)
        return taken

    def _talks(self, group: Group) -> Iterator[Talk]:
        """Give the dialogues of the sessions that have one."""
        kinds, events, lines, moments = group.kinds, group.events, group.block.lines, group.times
        owners = np.flatnonzero(np.bincount(group.owners[kinds == _LINE], minlength=len(group.starts) - 1))
        if not len(owners):
            return
        whole = memoryview(np.ascontiguousarray(group.block.buffer))
        columns = [c.span_of(name) + end for name in ("line", "reply", "text") for end in (0, 1)]
        named = group.block.has("identity", group.at).tolist()
        frames = frames_of(lines)
        for owner in owners.tolist():
            first, last = group.starts[owner : owner + 2].tolist()
            mine = events[first:last]
            times = _filled(moments[first:last]).tolist()
            stamps = list(zip(times, frames[mine[:, c.E_LINE]].tolist(), strict=True))
            patterns = mine[:, c.E_PATTERN].tolist()
            spans = group.block.spans[columns][:, mine[:, c.E_LINE]].T.tolist()
            said: list[tuple[str, bytes | bytearray, int, int]] = []  # what goes on in other lines is a bytearray
            others: list[Event] = []
            for row, kind in enumerate(kinds[first:last].tolist()):
                time, frame = stamps[row]
                if kind != _LINE:
                    others.append(Event(first + row, kind, len(said), frame))
                    continue
                pattern = group.catalogue.patterns[patterns[row]][1]
                start, stop, reply_start, reply_stop, text_start, text_stop = spans[row]
                if "tls" in pattern.stated:
                    others.append(Event(first + row, _TLS, len(said), frame))
                texts = lines_of(pattern.escape, bytes(whole[start:stop]))
                if pattern.side == "more" and said:
                    side, before, at, place = said[-1]
                    whole_line = before if isinstance(before, bytearray) else bytearray(before)
                    whole_line += b"".join(texts)
                    said[-1] = side, whole_line, at, place
                else:
                    said += [(pattern.side, text, time, frame) for text in texts]
                answer = bytes(whole[reply_start:reply_stop])
                if "code" in pattern.stated:  # where a command ends, and what answers it begins, only a code tells
                    answer = b"%d %b" % (pattern.stated["code"], bytes(whole[text_start:text_stop]))
                if answer:
                    said += [("reply", text, time, frame) for text in lines_of(pattern.escape, answer)]
                if named[first + row]:
                    others.append(Event(first + row, _DETAIL, len(said), frame))
            speaking = mine[kinds[first:last] == _LINE, c.E_FORMAT]
            lines_said = [(side, bytes(text), time, frame) for side, text, time, frame in said]
            yield self._told(group.catalogue, owner, int(speaking[0]), lines_said, others)

    def _told(
        self,
        catalogue: Catalogue,
        owner: int,
        number: int,
        said: list[tuple[str, bytes, int, int]],
        others: list[Event],
    ) -> Talk:
        """Say who said what."""
        server = self._server(catalogue, number, said)
        unmarked = iter(speakers([text for side, text, _, _ in said if side == "any"]))
        lines: list[Line] = []
        places: list[int] = []
        for side, text, time, frame in said:
            places.append(len(lines))
            serves = next(unmarked) if side == "any" else side in (server, "reply")
            if serves is not None and (text or not serves):
                hidden = None if serves else hides(text)
                lines.append(Line(serves, hidden or text, time, frame, masked=hidden is not None))
        places.append(len(lines))
        return Talk(owner, 0, lines, [event._replace(at=places[event.at]) for event in others])

    def _server(self, catalogue: Catalogue, number: int, said: Sequence[tuple[str, bytes, int, int]]) -> str:
        """Say which of the sides that a log tells apart is the server: in this session, else in those before."""
        mine: Counter[str] = Counter()
        for side, text, _, _ in said:
            mine[side] += 1
            mine[f"{side} replies"] += code_of(text) > 0
        known = self._shares.setdefault(number, Counter())
        known.update(mine)
        for counts in (mine, known):
            found = server_of(*(share(counts[f"{side} replies"], counts[side]) for side in "ab"))
            if found:
                return found
        return catalogue.formats[number].server

    def _run(self, group: Group, talks: Sequence[Talk]) -> None:
        """Run the machine over dialogues."""
        laid = [_laid(talk) for talk in talks]
        batch, states, masked = _batch(laid)
        marks = [_tls(group, talk) for talk in talks]
        for k, mark in enumerate(marks):
            states[k, s.TLS] = _IMPLICIT if mark and mark[0] == _IMPLICIT else 0
        rows = self.reader.read_whole(batch, states)
        _mask(rows, masked)
        states[:, s.FLAGS] &= ~np.array([int(each.excused) for each in laid], np.int64)
        _protect(rows, marks)
        self.writer.write_told(rows, group, talks)


def _filled(times: Array) -> Array:
    """Give every event a time: that of the line before where its own has none (or after, at the beginning); 0: none."""
    known = np.flatnonzero(times != NULL)
    if not len(known):
        return np.zeros(len(times), np.int64)
    last = np.searchsorted(known, np.arange(len(times)), "right") - 1
    filled: Array = times[known[np.maximum(last, 0)]]
    return filled


def _is_told(talk: Talk) -> bool:
    """Say whether a dialogue shows AUTH exchanges, where its session tells of any at all."""
    if not talk.lines:
        return False
    if not any(event.kind in _OUTCOMES for event in talk.events):
        return True
    for line in talk.lines:
        code = code_of(line.text) if line.server else 0
        if code == CHALLENGE or REPLY_KINDS.get(code) in _AUTH_KINDS:
            return True
        if not line.server and verb_of(line.text) is Kind.AUTH:
            return True
    return False


def _is_rehearsed(group: Group, talk: Talk) -> bool:
    """Say whether a transcript shows what a client would say, and no server (s-nail does so before it connects)."""
    number = group.events[group.starts[talk.owner], c.E_FORMAT]
    connected = any(event.kind == _CONNECT for event in talk.events)
    alone = not connected and not any(line.server for line in talk.lines)
    return alone and not any(group.catalogue.formats[number].key)


def _parted(talk: Talk) -> Iterator[Talk]:
    """Cut a dialogue where another session is greeted."""
    starts = [0]
    said = None if talk.lines[0].server else talk.lines[0]  # the client's last line
    for at in range(1, len(talk.lines)):
        line = talk.lines[at]
        if begins_anew(line, said, talk.lines[at - 1]):
            starts.append(at)
            said = None
        said = said if line.server else line
    if len(starts) == 1:
        yield talk
        return
    places = [event.at for event in talk.events]
    for part, (first, last) in enumerate(zip(starts, [*starts[1:], len(talk.lines)], strict=True)):
        until = len(places) if last == len(talk.lines) else bisect_left(places, last)
        events = [event._replace(at=event.at - first) for event in talk.events[bisect_left(places, first) : until]]
        yield Talk(talk.owner, part, talk.lines[first:last], events)


def _laid(talk: Talk) -> Turns:
    """Lay out a dialogue for the machine."""
    left = {event.at: _LEFT[event.kind] for event in talk.events if event.kind in _LEFT}
    if not left and any(event.kind == _DISCONNECT for event in talk.events) and talk.lines[-1].server:
        left[len(talk.lines)] = (
            CLIENT  # who would have had to speak; a server that closes says so (RFC 5321, section 3.8)
        )
    connected = any(event.kind == _CONNECT for event in talk.events) or talk.part > 0
    return turns_of(talk.lines, left, connected=connected)


def _batch(laid: Sequence[Turns]) -> tuple[Batch, Array, Array]:
    """Lay dialogues out in arrays; with the states in which they begin, and the places of hidden lines."""
    sessions = np.zeros((len(laid), t.SESSION_WIDTH), np.int64)
    states = np.zeros((len(laid), s.STATE_WIDTH), np.int64)
    stream, steps, masked = bytearray(), list[tuple[int, ...]](), list[int]()
    for k, turns in enumerate(laid):
        row = sessions[k]
        at = [0, 0]
        for side, data in enumerate(turns.streams):
            at[side] = len(stream)
            row[t.STREAM_0 + side], row[t.LENGTH_0 + side], row[t.SEEN_0 + side] = len(stream), len(data), len(data) > 0
            stream += data
        row[t.STEP], row[t.STEPS] = len(steps), len(turns.steps)
        steps += [(kind, side, end + at[side], *rest) for kind, side, end, *rest in turns.steps]
        masked += [at[CLIENT] + place for place in turns.masked]
        row[t.FIRST_TIME], row[t.FINAL], row[t.ROW] = turns.steps[0][t.STEP_TIME], 1, k
        states[k, s.MODE], states[k, s.FLAGS] = int(turns.mode), int(turns.flags)
    buffer = np.frombuffer(stream + b"\0", np.uint8).copy()
    batch = Batch(sessions, buffer, np.array(steps, np.int64).reshape(-1, t.STEP_WIDTH))
    return batch, states, np.array(masked, np.int64)


def _mask(rows: Rows, masked: Array) -> None:
    """Mark the units that hide a secret, and their attempts."""
    units, attempts = rows.units, rows.attempts
    secretive = (units[:, s.U_KIND] == Kind.AUTH) | (units[:, s.U_VERB] == ANSWER_UNIT)
    found = units[secretive & np.isin(units[:, s.U_OFF], masked)]
    units[secretive & np.isin(units[:, s.U_OFF], masked), s.U_FLAGS] |= int(Flag.MASKED)
    hiding = set(zip(found[:, s.U_SESSION].tolist(), found[:, s.U_ATTEMPT].tolist(), strict=True))
    pairs = zip(attempts[:, s.A_SESSION].tolist(), attempts[:, s.A_NUMBER].tolist(), strict=True)
    attempts[[pair in hiding for pair in pairs], s.A_FLAGS] |= int(Flag.MASKED)


def _tls(group: Group, talk: Talk) -> tuple[int, int] | None:
    """Say how and from which frame on the session is in TLS, as far as events tell."""
    for event in talk.events:
        if event.kind == _TLS:
            pattern = group.catalogue.patterns[group.events[event.row, c.E_PATTERN]][1]
            stated = pattern.stated.get("tls")
            early = event.at == 0 and talk.lines[0].server and event.frame <= talk.lines[0].frame
            if stated in TLS_NAMES and (pattern.event == "tls" or not early):
                return TLS_NAMES.index(stated), event.frame
            return (_IMPLICIT if early else _STARTTLS), event.frame
    return None


def _protect(rows: Rows, marks: Sequence[tuple[int, int] | None]) -> None:
    """Mark the attempts behind an event that says TLS, where the dialogue did not show how it began."""
    for k, mark in enumerate(marks):
        if mark and rows.states[k, s.TLS] == 0:
            rows.states[k, s.TLS] = mark[0]
            frames = np.maximum(rows.attempts[:, s.A_FRAME], rows.attempts[:, s.A_END_FRAME])
            rows.attempts[(rows.attempts[:, s.A_SESSION] == k) & (frames >= mark[1]), s.A_TLS] = mark[0]
