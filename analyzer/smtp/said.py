"""What was said, cut out of a batch's streams: replies in words, and client lines that may hold secrets."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law, redact
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.law import Kind
from analyzer.smtp.reply import reply_of
from analyzer.tables import Text, among, distinct
from analyzer.words.vocabulary import MOST_OCTETS, MOST_WORDS, Store, distinct_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.smtp.reader import Rows
    from analyzer.smtp.reply import Reply

    Array = np.ndarray[Any, Any]

#: Units whose lines may hold a secret whatever they look like.
_SECRETIVE: Final = (law.ANSWER_UNIT, law.UNKNOWN_VERB, law.INJECTED)

#: Binding, authorization identity, name and nonce (RFC 5802 section 7).
_SCRAM_FIRST: Final = re.compile(rb"[nyp][^,]*,[^,]*,n=[^,]*,r=[^,]*\Z")

#: Client lines before a reply that are looked for in it.
_LINES: Final = 4


def is_open(line: bytes) -> bool:
    """Say whether an AUTH line holds no secret: SCRAM's first message, whose nonce the server has to repeat."""
    words = line.split()
    return bool(words) and _SCRAM_FIRST.match(unbase64(words[-1]) or b"") is not None


class Echoes:
    """What replies hold of clients' lines, found out once: guessers say the same again and again.

    As many pairs of them are known as a vocabulary knows words.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, bytes], frozenset[bytes]] = {}
        self._octets = 0

    def of(self, text: bytes, line: bytes) -> frozenset[bytes]:
        """Give the words of a reply that a line holds."""
        found = self._found.get((text, line))
        if found is None:
            if self._octets > MOST_OCTETS or len(self._found) >= MOST_WORDS:
                self._found, self._octets = {}, 0
            found = self._found[text, line] = redact.echoed(text, line)
            self._octets += len(text) + len(line)
        return found


class Said:
    """The units of a batch with their lines and replies.

    `units` is a view of the unit rows, indexed by number and column (cheaper than making objects of all of them);
    `before` has, by session, lines of its earlier parts.
    """

    def __init__(self, rows: Rows, before: dict[int, list[bytes]], echoes: Echoes) -> None:
        self.rows, self.before, self.echoes = rows, before, echoes
        self.units: Any = memoryview(rows.units)
        self._stream = memoryview(rows.stream)
        self._columns: dict[int, Array] = {}
        kinds, verbs = self.column(s.U_KIND), self.column(s.U_VERB)
        secretive = (kinds == Kind.AUTH) | among(verbs, _SECRETIVE)
        #: The units that may hold a secret; and for each unit, the last one up to it; -1: there is none.
        self._secrets = np.flatnonzero(secretive)
        self._last: Any = memoryview(np.maximum.accumulate(np.where(secretive, np.arange(len(kinds)), -1)))

    def column(self, number: int) -> Array:
        """Give a column of the units; many ask for the same few, and in one piece they are much faster."""
        return self._padded(number)[:-1]

    def of(self, number: int, units: Array) -> Array:
        """Give a column of some units, 0 for none (-1)."""
        return self._padded(number).take(units)

    def _padded(self, number: int) -> Array:
        if number not in self._columns:
            self._columns[number] = np.append(self.rows.units[:, number], 0)
        return self._columns[number]

    def cut(self, offset: int, length: int) -> bytes:
        """Give bytes of the stream."""
        return self._stream[offset : offset + length].tobytes()

    def line(self, number: int) -> bytes:
        """Give the client's line of a unit."""
        return self.cut(self.units[number, s.U_OFF], self.units[number, s.U_LENGTH])

    def lines(self, numbers: Array) -> tuple[list[bytes], Array]:
        """Give the distinct lines of some units (-1: none), behind them an empty one, and which of these each has."""
        return self._distinct(self.of(s.U_OFF, numbers), self.of(s.U_LENGTH, numbers))

    def replies(self, numbers: Array) -> tuple[Array, Text, Text]:
        """Give the replies to some units (-1: none) as columns: codes (NULL: there was none), enhanced codes, texts."""
        code = self.of(s.U_CODE, numbers)
        lengths = np.where(code > 0, self.of(s.U_REPLY_LENGTH, numbers), 0)
        raw, which = self._distinct(self.of(s.U_REPLY_OFF, numbers), lengths)
        replies = [reply_of(each) for each in raw]
        replied = which < len(raw) - 1
        enhanced = Text.of(each.enhanced for each in replies).take(which)
        return np.where(replied, code, NULL), enhanced, self.shown(replies, np.where(replied, which, -1), numbers)[0]

    def shown(self, replies: Sequence[Reply], which: Array, numbers: Array) -> tuple[Text, Array]:
        """Give texts of replies without what the client said in its last lines up to units `numbers`.

        `which` of the replies each row has (-1: none). Gives also the rows whose texts had to be cleaned.
        """
        whole = Text.of(each.shown for each in replies).take(which)
        whole = Text(np.where(which < 0, -1, whole.codes).astype(np.int32), whole.words)
        rows = np.flatnonzero((which >= 0) & self._secretive(numbers))
        strange = np.zeros(len(replies), bool)
        for place in distinct_of(which[rows])[0]:
            strange[place] = redact.is_strange(replies[place].text)
        rows = rows[strange[which[rows]]]
        if not len(rows):
            return whole, rows
        rows, cleaned = self._cleaned(replies, which, numbers, rows)
        return whole.put(rows, Text.of(cleaned)), rows

    def secrets(self, number: int) -> list[bytes]:
        """Give the last client lines up to unit `number` that hold, or may hold, a secret."""
        lines: list[bytes] = []
        units, session = self.units, self.units[number, s.U_SESSION]
        number = self._last[number]
        while number >= 0 and len(lines) < _LINES and units[number, s.U_SESSION] == session:
            line = self.line(number)
            if not is_open(line):
                lines.append(line)
            number = self._last[number - 1] if number else -1
        return lines + self.before.get(session, [])[: _LINES - len(lines)]

    def _distinct(self, offsets: Array, lengths: Array) -> tuple[list[bytes], Array]:
        """Give the distinct spans of the stream, behind them an empty one, and which of these each is."""
        store = Store()
        which = store.number(self.rows.stream, offsets, offsets + lengths)
        return [*store.words(), b""], np.where(which < 0, store.known, which)

    def _secretive(self, numbers: Array) -> Array:
        """Say which units have lines before them, or are such, that may hold a secret."""
        last, owner = np.append(self._last, -1).take(numbers), self.of(s.U_SESSION, numbers)
        before = np.zeros(len(self.rows.sessions) + 1, bool)
        before[list(self.before)] = True
        secretive: Array = (last >= 0) & (self.of(s.U_SESSION, last) == owner) | before[owner]
        return secretive

    def _cleaned(self, replies: Sequence[Reply], which: Array, numbers: Array, rows: Array) -> tuple[Array, list[str]]:
        """Give those of some rows whose replies hold echoes, and their texts without.

        Echoes are found once of each reply and line that meet.
        """
        texts, before = self._guarded(numbers.take(rows))
        at, nth = np.nonzero(before >= 0)
        reply, line = which.take(rows.take(at)), before[at, nth]
        first, met = distinct(reply, line)
        pairs = zip(reply.take(first).tolist(), line.take(first).tolist(), strict=True)
        echoed = [self.echoes.of(replies[a].text, texts[b]) for a, b in pairs]
        found: dict[int, frozenset[bytes]] = {}
        for k in np.flatnonzero(np.array([*map(bool, echoed)], bool).take(met)).tolist():
            row = int(rows[at[k]])
            found[row] = found.get(row, frozenset()) | echoed[met[k]]
        cleaned = {row: printable(redact.without(replies[which[row]].text, words)) for row, words in found.items()}
        changed = [row for row, text in cleaned.items() if text != replies[which[row]].shown]
        return np.array(changed, np.int64), [cleaned[row] for row in changed]

    @cached_property
    def _hidden(self) -> tuple[list[bytes], Array, Array]:
        """The distinct lines that may hold secrets, the units that have one, and which of the lines each has."""
        known, which = self.lines(self._secrets)
        hidden = np.array([not is_open(line) for line in known], bool)[which]
        return known, self._secrets[hidden], which[hidden]

    def _guarded(self, numbers: Array) -> tuple[list[bytes], Array]:
        """Give lines that may hold secrets, and which of them are the last before some units, -1 for none: int64[n, 4].

        Those of earlier parts stand behind the others.
        """
        known, units, which = self._hidden
        known = [*known]
        last = np.searchsorted(units, numbers, "right")
        owner, whose = self.of(s.U_SESSION, numbers), self.of(s.U_SESSION, units)
        place = last[:, np.newaxis] - 1 - np.arange(_LINES)
        mine = np.zeros(place.shape, bool)
        if len(units):
            mine = (place >= 0) & (whose.take(np.maximum(place, 0)) == owner[:, np.newaxis])
        lines = np.where(mine, which.take(np.maximum(place, 0)), -1) if len(units) else np.full(place.shape, -1)
        for row in np.flatnonzero(np.isin(owner, [*self.before])).tolist():
            earlier, free = self.before[int(owner[row])], np.flatnonzero(lines[row] < 0)
            lines[row, free[: len(earlier)]] = np.arange(len(known), len(known) + len(earlier[: len(free)]))
            known += earlier[: len(free)]
        return known, lines
