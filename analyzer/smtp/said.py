"""What was said, cut out of a batch's streams: replies in words, and client lines that may hold secrets."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import echoes, law
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.law import Flag, Kind
from analyzer.smtp.reply import reply_of
from analyzer.tables import Text, among, columns_of, distinct
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.texts import Texts

    Array = np.ndarray[Any, Any]

_HIDDEN: Final = int(Flag.HELD | Flag.VOID)

#: Units whose lines may hold a secret whatever they look like.
_SECRETIVE: Final = (law.ANSWER_UNIT, law.UNKNOWN_VERB, law.INJECTED)

#: Binding, authorization identity, name and nonce (RFC 5802 section 7).
_SCRAM_FIRST: Final = re.compile(rb"[nyp][^,]*,[^,]*,n=[^,]*,r=[^,]*\Z")

#: Client lines before a reply that are looked for in it.
_LINES: Final = 4

#: In the place of the number of a text that nobody has asked for yet.
_UNASKED: Final = -3


def is_open(line: bytes) -> bool:
    """Say whether an AUTH line holds no secret: SCRAM's first message, whose nonce the server has to repeat."""
    words = line.split()
    return bool(words) and _SCRAM_FIRST.match(unbase64(words[-1]) or b"") is not None


class Said:
    """The units of a batch with their lines and replies.

    `units` is a view of the unit rows, indexed by number and column (cheaper than making objects of all of them);
    `before` has, by session, lines of its earlier parts. Lines and replies are numbers of `texts`.
    """

    def __init__(self, rows: Rows, before: dict[int, list[bytes]], texts: Texts) -> None:
        self.rows, self.before, self.texts = rows, before, texts
        self.units: Any = memoryview(rows.units)
        self._stream = memoryview(rows.stream)
        self._columns = columns_of(rows.units)
        self._columns.flags.writeable = False
        #: The units that are to be shown; nearly always all of them.
        self.told = np.flatnonzero(self.column(s.U_FLAGS) & _HIDDEN == 0)
        kinds, verbs = self.column(s.U_KIND), self.column(s.U_VERB)
        secretive = (kinds == Kind.AUTH) | among(verbs, _SECRETIVE)
        #: The units that may hold a secret; and for each unit, the last one up to it; -1: there is none.
        self._secrets = np.flatnonzero(secretive)
        self._numbers = {column: np.full(len(kinds) + 1, _UNASKED, np.int32) for column in (s.U_OFF, s.U_REPLY_OFF)}
        self._last: Any = memoryview(np.maximum.accumulate(np.where(secretive, np.arange(len(kinds)), -1)))

    def column(self, number: int) -> Array:
        """Give a column of the units."""
        column: Array = self._columns[number, :-1]
        return column

    def of(self, number: int, units: Array) -> Array:
        """Give a column of some units, 0 for none (-1); it is not copied where that is all of them."""
        if units is self.told and len(units) == len(self.rows.units):
            return self.column(number)
        column: Array = self._columns[number].take(units)
        return column

    def cut(self, offset: int, length: int) -> bytes:
        """Give bytes of the stream."""
        return self._stream[offset : offset + length].tobytes()

    def line(self, number: int) -> bytes:
        """Give the client's line of a unit."""
        return self.cut(self.units[number, s.U_OFF], self.units[number, s.U_LENGTH])

    def line_numbers(self, units: Array) -> Array:
        """Give the numbers of the lines of some units (-1: none) in `texts`."""
        return self._numbered(units, s.U_OFF, self._columns[s.U_LENGTH])

    def reply_numbers(self, units: Array) -> Array:
        """Give the numbers of the replies to some units (-1: none) in `texts`; NONE where there is none."""
        return self._numbered(units, s.U_REPLY_OFF, self._reply_lengths)

    @cached_property
    def _reply_lengths(self) -> Array:
        return np.where(self._columns[s.U_CODE] > 0, self._columns[s.U_REPLY_LENGTH], 0)

    def _numbered(self, units: Array, column: int, lengths: Array) -> Array:
        """Give the numbers of spans of units; each is looked up once."""
        known = self._numbers[column]
        numbers = known.take(units)
        new = np.flatnonzero(numbers == _UNASKED)
        if len(new):
            asked = units.take(new)
            starts = self.of(column, asked)
            numbers[new] = known[asked] = self.texts.number(self.rows.stream, starts, starts + lengths.take(asked))
        return numbers

    def lines(self, units: Array) -> tuple[list[bytes], Array]:
        """Give the distinct lines of some units (-1: none), and which of these each has."""
        numbers, which = distinct_of(self.line_numbers(units))
        return [self.texts[number] or b"" for number in numbers], which

    def replies(self, units: Array) -> tuple[Array, Text, Text]:
        """Give the replies to some units (-1: none) as columns: codes (NULL: there was none), enhanced codes, texts."""
        numbers = self.reply_numbers(units)
        codes = np.where(numbers < 0, NULL, self.of(s.U_CODE, units))
        return codes, self.texts.names(enhanced_of, numbers), self.shown(numbers, units)[0]

    def shown(self, replies: Array, units: Array) -> tuple[Text, Array]:
        """Give texts of replies, by their numbers, without what the client said in its last lines up to some units.

        Gives also the rows whose texts had to be cleaned.
        """
        whole = self.texts.names(shown_of, replies)
        rows = np.flatnonzero((replies >= 0) & self._secretive(units))
        rows = rows[self.texts.facts(_is_strange, replies.take(rows)) > 0]
        if not len(rows):
            return whole, rows
        rows, cleaned = self._cleaned(replies, units, rows)
        words, codes = self.texts.words(shown_of), whole.codes.copy()
        codes[rows] = [words.code(text) for text in cleaned]
        return Text(codes, words), rows

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

    def _secretive(self, numbers: Array) -> Array:
        """Say which units have lines before them, or are such, that may hold a secret."""
        last, owner = np.append(self._last, -1).take(numbers), self.of(s.U_SESSION, numbers)
        before = np.zeros(len(self.rows.sessions) + 1, bool)
        before[list(self.before)] = True
        secretive: Array = (last >= 0) & (self.of(s.U_SESSION, last) == owner) | before[owner]
        return secretive

    def _cleaned(self, replies: Array, units: Array, rows: Array) -> tuple[Array, list[str]]:
        """Give those of some rows whose replies hold echoes, and their texts without.

        Echoes are found once of each reply and line that meet.
        """
        texts, before = self.texts, self._guarded(units.take(rows))
        at, nth = np.nonzero(before >= 0)
        reply, line = replies.take(rows.take(at)), before[at, nth]
        first, met = distinct(reply, line)
        echoed = [
            texts.once("echo", pair, lambda reply, line: echoes.echoed(_text_of(texts[reply]), texts[line] or b""))
            for pair in zip(reply.take(first).tolist(), line.take(first).tolist(), strict=True)
        ]
        found: dict[int, frozenset[bytes]] = {}
        for k in np.flatnonzero(np.array([*map(bool, echoed)], bool).take(met)).tolist():
            row = int(rows[at[k]])
            found[row] = found.get(row, frozenset()) | echoed[met[k]]
        whole = {row: _text_of(texts[replies[row]]) for row in found}
        cleaned = {row: printable(echoes.without(whole[row], words)) for row, words in found.items()}
        changed = [row for row, text in cleaned.items() if text != printable(whole[row])]
        return np.array(changed, np.int64), [cleaned[row] for row in changed]

    @cached_property
    def _hidden(self) -> tuple[Array, Array]:
        """The units whose lines may hold secrets, and the numbers of these lines."""
        lines = self.line_numbers(self._secrets)
        hidden = self.texts.facts(_is_open, lines) == 0
        return self._secrets[hidden], lines[hidden]

    def _guarded(self, numbers: Array) -> Array:
        """Give the lines that may hold secrets and are the last before some units, -1 for none: int64[n, 4]."""
        units, which = self._hidden
        last = np.searchsorted(units, numbers, "right")
        owner, whose = self.of(s.U_SESSION, numbers), self.of(s.U_SESSION, units)
        place = last[:, np.newaxis] - 1 - np.arange(_LINES)
        mine = np.zeros(place.shape, bool)
        if len(units):
            mine = (place >= 0) & (whose.take(np.maximum(place, 0)) == owner[:, np.newaxis])
        lines = np.where(mine, which.take(np.maximum(place, 0)), -1) if len(units) else np.full(place.shape, -1)
        for row in np.flatnonzero(among(owner, [*self.before])).tolist():  # lines of earlier parts stand behind
            earlier, free = self.texts.numbers(self.before[int(owner[row])]), np.flatnonzero(lines[row] < 0)
            lines[row, free[: len(earlier)]] = earlier[: len(free)]
        return lines


def enhanced_of(raw: bytes | None) -> str | None:
    """Give the enhanced code of a reply."""
    return reply_of(raw).enhanced if raw else None


def shown_of(raw: bytes | None) -> str | None:
    """Give the text of a reply."""
    return reply_of(raw).shown if raw else None


def _text_of(raw: bytes | None) -> bytes:
    return reply_of(raw or b"").text


def _is_strange(raw: bytes | None) -> int:
    return int(echoes.is_strange(_text_of(raw)))


def _is_open(line: bytes | None) -> int:
    return int(is_open(line or b""))
