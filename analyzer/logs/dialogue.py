"""Logs that show the dialogue itself: their lines become the streams that the SMTP machine reads of captures too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs import turns
from analyzer.logs.escapes import hides
from analyzer.logs.formats import EVENT_NAMES
from analyzer.logs.heard import CLIENT, SERVER, hear, part
from analyzer.logs.said import said_in
from analyzer.logs.sides import AUTH, NO_AUTH, Servers, settle
from analyzer.logs.writer import LogWriter, Talks
from analyzer.smtp import columns as s
from analyzer.smtp.attempts import TLS_NAMES
from analyzer.smtp.law import ANSWER_UNIT, CHALLENGE, END_OF_DATA, TLS_COMMAND, Flag, Kind
from analyzer.smtp.reader import Reader
from analyzer.tables import among
from analyzer.tcp import columns as t
from analyzer.tcp.stage import Batch
from analyzer.words.vocabulary import Store

if TYPE_CHECKING:
    from analyzer.logs.said import Said
    from analyzer.logs.sessions import Group
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.sasl import Decoder

    Array = np.ndarray[Any, Any]

_EVENT: Final = {name: number for number, name in enumerate(EVENT_NAMES)}
_LINE, _CONNECT, _TLS, _DISCONNECT = (_EVENT[name] for name in ("line", "connect", "tls", "disconnect"))
_OUTCOMES: Final = np.array([name in ("failed", "succeeded", "summary") for name in EVENT_NAMES])

#: Who has left, by the event that says so; where it does not, the one who had to speak.
_LEFT: Final = np.full(len(EVENT_NAMES), c.NOTHING, np.int64)
_LEFT[[_EVENT["lost"], _EVENT["timeout"], _EVENT["closed"]]] = CLIENT, SERVER, SERVER

_AUTH_KINDS: Final = (Kind.R235, Kind.R535)
_CLEAR, _STARTTLS, _IMPLICIT = map(TLS_NAMES.index, ("none", "starttls", "implicit"))

#: What Haraka's last line of a session in TLS says of that.
_INSIDE: Final = "Y"

#: A line of a reply to EHLO with which a server offers TLS (RFC 3207 section 4), but for its code.
_OFFER: Final = np.frombuffer(TLS_COMMAND.encode(), np.uint8)
_CODE_OCTETS: Final = len("250-")
_UPPER: Final = 0xDF  # letters of both cases


class Dialogues:
    """Reads the sessions of one source that show their dialogue."""

    def __init__(self, source: str, wanted: frozenset[str], decoder: Decoder) -> None:
        self.writer = LogWriter(source, wanted, decoder)
        self.reader = Reader()
        self.servers = Servers()
        self._telling = np.isin(self.reader.codes, _AUTH_KINDS).astype(np.uint8)  # codes that only AUTH has
        self._telling[0], self._telling[CHALLENGE] = 0, 1  # 0: no reply

    def write(self, group: Group) -> tuple[Array, Array]:
        """Write the sessions that show their AUTH exchanges, or tell of none; says which these were.

        Says also which of these were not written, for no server speaks in them.
        """
        if not (group.kinds == _LINE).any():
            none = np.zeros(len(group.starts) - 1, bool)
            return none, none
        said, shows = self._heard(group, said_in(group))
        told = self._told(said, shows)
        rehearsed = _rehearsed(group, said)
        wanted = told & ~rehearsed
        said = said.kept(wanted[said.lines[:, c.S_SESSION]], wanted[said.events.session])
        if len(said.lines):
            self._run(group, said)
        return told, told & rehearsed

    def _heard(self, group: Group, said: Said) -> tuple[Said, Array]:
        """Say who said what, and put a mark in the place of what the log hides; lines that nobody said are left out.

        Says also what each session shows.
        """
        lines = said.lines
        hear(said.text, lines, self.reader.verbs)
        heard = np.zeros(len(lines), np.uint8)
        shows, doubtful = np.zeros(len(group.starts) - 1, np.int64), np.empty(len(lines), np.int64)
        count = settle(lines, self.servers.of(group, said), self._telling, heard, shows, doubtful)
        said = _hidden(said, doubtful[:count])
        return said.kept(heard.view(bool), np.ones(len(said.events.row), bool)), shows

    def _told(self, said: Said, shows: Array) -> Array:
        """Say which sessions show AUTH exchanges in their dialogue, or have one and tell of none at all."""
        tells = np.zeros(len(shows), bool)
        tells[said.events.session[_OUTCOMES[said.events.kind]]] = True
        told: Array = (shows == AUTH) | ((shows == NO_AUTH) & ~tells)
        return told

    def _run(self, group: Group, said: Said) -> None:
        """Run the machine over dialogues."""
        lines, events = said.lines, said.events
        part(said.text, lines)
        first = np.flatnonzero(lines[:, c.S_BEGINS])
        talks = np.zeros((len(first), c.DIALOGUE_WIDTH), np.int64)
        talks[:, c.D_FIRST], talks[:, c.D_LAST] = first, np.append(first[1:], len(lines))
        talks[:, c.D_SESSION] = session = lines[first, c.S_SESSION]
        talks[:, c.D_SILENT] = group.catalogue.silent[group.events[lines[first, c.S_ROW], c.E_FORMAT]]
        talks[:, c.D_PART] = np.arange(len(first)) - np.searchsorted(session, session)
        # What stands behind the last line of a session belongs to that.
        ends = np.searchsorted(lines[:, c.S_SESSION], events.session, "right")
        owners = np.searchsorted(first, np.minimum(events.at, ends - 1), "right") - 1
        _leave(said, talks, owners)
        batch, states = self._laid(said, talks)
        marks = np.full((len(talks), 2), c.NOTHING, np.int64)  # how a session is in TLS, and from which frame on
        secured, how = _tls(group, said, talks[owners])
        marks[owners[secured]] = how
        states[:, s.TLS] = np.where(marks[:, 0] == _IMPLICIT, _IMPLICIT, 0)
        rows = self.reader.read_whole(batch, states)
        _mask(rows, lines)
        # Where a message ends that is left out, and when, is not told.
        units = rows.units
        ends = (units[:, s.U_VERB] == END_OF_DATA) & (units[:, s.U_FLAGS] & int(Flag.GAP_CLIENT) != 0)
        units[ends, s.U_AT] = units[ends, s.U_FRAME] = 0
        states[:, s.FLAGS] &= ~talks[:, c.D_EXCUSED]
        _protect(rows, marks, _told_clear(group, said, talks, owners, states))
        self.writer.write_told(rows, group, Talks(talks, lines, events, owners))

    def _laid(self, said: Said, talks: Array) -> tuple[Batch, Array]:
        """Lay dialogues out in arrays; with the states in which they begin."""
        lines, count = said.lines, len(talks)
        sessions, states = (np.zeros((count, width), np.int64) for width in (t.SESSION_WIDTH, s.STATE_WIDTH))
        octets = int((lines[:, c.S_STOP] - lines[:, c.S_START]).sum()) + turns.END_OF_LINE * len(lines)
        if talks[:, c.D_SILENT].any():
            octets += (turns.STARS + turns.END_OF_LINE) * int((lines[:, c.S_CODE] == CHALLENGE).sum())
        stream = np.zeros(octets + 1, np.uint8)
        steps = np.empty((turns.STEPS_OF_LINE * len(lines) + turns.STEPS_OF_END * count, t.STEP_WIDTH), np.int64)
        turns.lay(said.text, lines, talks, self.reader.codes, sessions, states, steps, stream)
        return Batch(sessions, stream, steps[: sessions[-1, t.STEP] + sessions[-1, t.STEPS]]), states


def _hidden(said: Said, rows: Array) -> Said:
    """Put a mark in the place of secrets that the log hides: in lines of clients that may stand for one."""
    store = Store()
    which = store.number(said.text, *(said.lines[rows, column] for column in (c.S_START, c.S_STOP)))
    shown = [hides(text) for text in store.words()]
    hidden = np.flatnonzero(np.array([text is not None for text in shown], bool)[which])
    if len(hidden):
        said = said.written(rows[hidden], [shown[k] or b"" for k in which[hidden].tolist()])
        said.lines[rows[hidden], c.S_HIDDEN] = 1
    return said


def _rehearsed(group: Group, said: Said) -> Array:
    """Say which sessions show what a client would say, and no server (s-nail does so before it connects)."""
    keyless = np.array([not any(each.key) for each in group.catalogue.formats], bool)
    rehearsed: Array = keyless[group.events[group.starts[:-1], c.E_FORMAT]]
    if not rehearsed.any():
        return rehearsed
    alone = np.ones(len(rehearsed), bool)
    alone[said.lines[said.lines[:, c.S_SERVER] == SERVER, c.S_SESSION]] = False
    alone[said.events.session[said.events.kind == _CONNECT]] = False
    rehearsed &= alone
    return rehearsed


def _leave(said: Said, talks: Array, owners: Array) -> None:
    """Say where a dialogue begins, and before which line a side leaves; `owners`: the dialogue of each event."""
    lines, events = said.lines, said.events
    talks[:, c.D_CONNECTED] = talks[:, c.D_PART] > 0
    talks[owners[events.kind == _CONNECT], c.D_CONNECTED] = 1
    talks[:, c.D_LEFT] = c.NOTHING
    leaving = np.flatnonzero(_LEFT[events.kind] != c.NOTHING)
    who, at = _LEFT[events.kind[leaving]], events.at[leaving]
    within = at < talks[owners[leaving], c.D_LAST]
    lines[at[within], c.S_LEFT] = who[within]
    talks[owners[leaving[~within]], c.D_LEFT] = who[~within]
    # Else it was the one who would have had to speak; a server that closes says so (RFC 5321 section 3.8).
    closed = np.zeros(len(talks), bool)
    closed[owners[events.kind == _DISCONNECT]] = True
    closed[owners[leaving]] = False
    closed &= lines[talks[:, c.D_LAST] - 1, c.S_SERVER] == SERVER
    talks[closed, c.D_LEFT] = CLIENT


def _mask(rows: Rows, lines: Array) -> None:
    """Mask the units that hide a secret, by the places of their lines, and their attempts.

    When a line was said that the log leaves out, and how long it took, nobody knows.
    """
    units, attempts = rows.units, rows.attempts
    secretive = np.flatnonzero((units[:, s.U_KIND] == Kind.AUTH) | (units[:, s.U_VERB] == ANSWER_UNIT))
    most = int(attempts[:, s.A_NUMBER].max(initial=0)) + 1
    owners = attempts[:, s.A_SESSION] * most + attempts[:, s.A_NUMBER]
    covered, answers = lines[lines[:, c.S_HIDDEN] == 1, c.S_PLACE], lines[:, c.S_ANSWER]
    for hidden, left_out in ((covered, False), (answers[answers != c.NOTHING], True)):
        if not len(hidden):
            continue
        places = np.zeros(len(rows.stream) + 1, bool)
        places[hidden] = True
        found = secretive[places.take(units[secretive, s.U_OFF])]
        hiding = among(owners, units[found, s.U_SESSION] * most + units[found, s.U_ATTEMPT])
        units[found, s.U_FLAGS] |= int(Flag.MASKED)
        attempts[hiding, s.A_FLAGS] |= int(Flag.MASKED)
        if left_out:
            units[found, s.U_AT] = units[found, s.U_FRAME] = 0
            attempts[hiding, s.A_SERVER_NS] = attempts[hiding, s.A_CLIENT_NS] = c.NOTHING


def _tls(group: Group, said: Said, talks: Array) -> tuple[Array, Array]:
    """Give the events that say TLS, the last first: of several, the first counts; and of each how, from which frame on.

    `talks`: the dialogue of each event.
    """
    events = said.events
    stated = group.catalogue.tls[group.patterns[events.row]]
    rows = np.flatnonzero((events.kind == _TLS) | ((events.kind == _CONNECT) & (stated > _CLEAR)))[::-1]
    stated, frames = stated[rows], events.frame[rows]
    opening = said.lines[talks[rows, c.D_FIRST]]
    early = events.at[rows] == talks[rows, c.D_FIRST]
    early &= (opening[:, c.S_SERVER] == SERVER) & (frames <= opening[:, c.S_FRAME])
    # A line of the dialogue that is inside TLS does not say how that began.
    counts = (stated > _CLEAR) & ((group.kinds[events.row[rows]] != _LINE) | ~early)
    return rows, np.stack((np.where(counts, stated, np.where(early, _IMPLICIT, _STARTTLS)), frames), 1)


def _told_clear(group: Group, said: Said, talks: Array, owners: Array, states: Array) -> Array:
    """Say which dialogues are in the clear where nothing says TLS; of the others nobody knows.

    Either the format would show it, or the client says how it connects, or the server offers STARTTLS, as none does
    inside TLS (RFC 3207 section 4.2). `owners`: the dialogue of each event.
    """
    lines, events, catalogue = said.lines, said.events, group.catalogue
    formats = group.events[lines[talks[:, c.D_FIRST], c.S_ROW], c.E_FORMAT]
    told: Array = catalogue.shows_tls[formats] & (states[:, s.FLAGS] & int(Flag.MIDSTREAM) == 0)
    said_so = group.words("tls", rows=events.row)  # of some that are over: that they were in TLS
    told[owners[said_so.mask([word == _INSIDE for word in said_so.words])]] = False
    told[owners[catalogue.tls[group.patterns[events.row]] == _CLEAR]] = True
    sizes = lines[:, c.S_STOP] - lines[:, c.S_START]
    rows = np.flatnonzero((lines[:, c.S_SERVER] == SERVER) & (sizes == _CODE_OCTETS + len(_OFFER)))
    words = said.text[lines[rows, c.S_START, None] + _CODE_OCTETS + np.arange(len(_OFFER))]
    offers = rows[(words & _UPPER == _OFFER).all(axis=1)]
    told[np.searchsorted(talks[:, c.D_FIRST], offers, "right") - 1] = True
    return told


def _protect(rows: Rows, marks: Array, clear: Array) -> None:
    """Mark the attempts behind an event that says TLS, where the dialogue did not show how it began.

    Sessions of which nothing says TLS are in the clear where that is told (`clear`), else nobody knows.
    """
    tls = rows.states[:, s.TLS]
    told = (marks[:, 0] != c.NOTHING) & (tls == _CLEAR)
    unknown = (marks[:, 0] == c.NOTHING) & (tls == _CLEAR) & ~clear
    attempts = rows.attempts
    owners = attempts[:, s.A_SESSION]
    frames = np.maximum(attempts[:, s.A_FRAME], attempts[:, s.A_END_FRAME])
    behind = np.flatnonzero(told[owners] & (frames >= marks[owners, 1]))
    attempts[behind, s.A_TLS] = marks[owners[behind], 0]
    attempts[unknown[owners], s.A_TLS] = c.NOTHING
    tls[told] = marks[told, 0]
    tls[unknown] = c.NOTHING
