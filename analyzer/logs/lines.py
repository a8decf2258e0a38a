"""Blocks of whole lines to events: heads cut, times told, every line taken by a pattern or accounted for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.logs import columns as c
from analyzer.logs.account import BLANK, DULL, FOREIGN, UNKNOWN
from analyzer.logs.fields import Block
from analyzer.logs.heads import cut_heads
from analyzer.logs.match import NONE, match
from analyzer.logs.moments import MONTHS, own_times
from analyzer.logs.writers import PRIORITIES, SENTENCES
from analyzer.smtp.encoding import printable
from analyzer.words.vocabulary import Vocabularies, Vocabulary

if TYPE_CHECKING:
    from analyzer.logs.account import Account
    from analyzer.logs.blocks import Raw
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.clock import Clock

    Array = np.ndarray[Any, Any]

_WHEN: Final = c.span_of("when")


#: What shows that a text without any mark is SMTP (RFC 5321 sections 4.1 and 4.2).
_REPLY: Final = re.compile(rb"[2-5]\d\d[ -]")
_COMMAND: Final = re.compile(rb"(?i)(?:EHLO|HELO|LHLO|AUTH|MAIL FROM:|RCPT TO:)\b")

#: Lines that are looked at to find the formats of those that no syslog has written.
_SAMPLE: Final = 400


class _Draft(NamedTuple):
    """A block whose lines are being matched."""

    buffer: Array
    lines: Array
    spans: Array


class Lines:
    """Makes events of the blocks of one source. `forced`: the formats that it has to be; none: found by content."""

    def __init__(self, catalogue: Catalogue, clock: Clock, account: Account, forced: tuple[int, ...] = ()) -> None:
        self.catalogue, self.clock, self.account, self.forced = catalogue, clock, account, forced
        self.bare: tuple[int, ...] = ()
        self.vocabularies = Vocabularies()  # of the blocks
        self.programs = Vocabulary(printable)  # nobody else has to wait for these
        self.of_program = lru_cache(1 << 12)(catalogue.of_program)
        self.files: list[str] = []
        self.fills = np.zeros((len(catalogue.patterns), c.SPANS_WIDTH + 1), bool)  # what each pattern may take
        owners = np.repeat(catalogue.rules[:, 1], catalogue.rules[:, 3] - catalogue.rules[:, 2])
        self.fills[owners, catalogue.moves[:, 1]] = True

    def block(self, raw: Raw, room: tuple[int, int] = (0, 0)) -> Block:
        """Make the events of a block, with room for so many bytes and lines that are to be put in front of it.

        What events have in common (`put_keys`) is not told yet.
        """
        if raw.file not in self.files:
            self.files.append(raw.file)
        used = len(raw.data), len(raw.stops)
        raw.data.extend(bytes(room[0]))
        rows = len(raw.stops) + room[1]
        buffer, all_lines = np.frombuffer(raw.data, np.uint8), np.zeros((rows, c.LINE_WIDTH), np.int64)
        spans, lines = np.zeros((c.SPANS_WIDTH, rows), np.int32), all_lines[: len(raw.stops)]
        names = self.files.index(raw.file), raw.number, self.account.lines
        cut_heads(buffer, raw.stops, *names, lines, MONTHS, SENTENCES, PRIORITIES)
        self.account.lines += len(lines)
        found = [each for each in self._found(_Draft(buffer, lines, spans)) if len(each)]
        events = found[0] if len(found) == 1 else np.concatenate([np.zeros((0, c.EVENT_WIDTH), np.int64), *found])
        telling = np.flatnonzero(self.account.taken(self.catalogue, events))
        if len(found) > 1:
            telling = telling.take(np.argsort(events[:, c.E_LINE].take(telling), kind="stable"))
        events = events.take(telling, axis=0)
        met = np.bincount(events[:, c.E_PATTERN], minlength=len(self.fills)) > 0
        filled: Array = np.any(self.fills[met], axis=0)
        if filled[_WHEN]:
            timed = events[spans[_WHEN + 1, events[:, c.E_LINE]] > 0, c.E_LINE]
            places = np.ascontiguousarray(spans[_WHEN : _WHEN + 2, timed].T, np.int64)
            own_times(buffer, lines, timed, places, MONTHS)
        # The clock is asked once for lines that follow each other within one second, or what else was written.
        times, marks = lines[:, c.TIME].copy(), lines[:, c.MARK].copy()
        other = (times[1:] != times[:-1]) | (marks[1:] != marks[:-1])
        heads = np.flatnonzero(np.append(True, other)[: len(lines)])
        utc = self.clock.utc(times[heads], marks[heads])
        lines[:, c.TIME] = np.repeat(utc, np.diff(np.append(heads, len(lines))))
        events = _repeated(lines, events)
        return Block(buffer, all_lines, events, spans, filled, self.files, self.vocabularies, used)

    def _found(self, draft: _Draft) -> list[Array]:
        """Give the events of the lines that patterns took; account for the others."""
        buffer, lines = draft.buffer, draft.lines

        def left(reason: str, rows: Array) -> None:
            self.account.left(reason, buffer, lines, rows, self.files)

        filled = lines[:, c.START] < lines[:, c.STOP]
        left(BLANK, np.flatnonzero(~filled))
        again = lines[:, c.REPEAT] < 0
        self.account.understood += int(again.sum())
        filled &= ~again
        if self.forced:
            made, missed = self._taken(draft, np.flatnonzero(filled), c.BODY, self.forced)
            more, missed = self._taken(draft, missed, c.AFTER_TIME, self.forced)
            left(UNKNOWN, missed)
            return [made, more]
        made_of: list[Array] = []
        stops = np.ascontiguousarray(lines[:, c.PROGRAM_END], np.int32)
        if not stops.any():  # a file that no syslog has written
            made, missed = self._bare(draft, np.flatnonzero(filled))
            left(UNKNOWN, missed)
            return [made]
        programs = self.programs.text(buffer, lines[:, c.PROGRAM], stops)
        kinds = list(map(self.of_program, programs.words))
        for formats in dict.fromkeys(formats for formats, _ in kinds if formats):
            mine = programs.mask([formats == kind[0] for kind in kinds])
            made, missed = self._taken(draft, np.flatnonzero(mine), c.BODY, formats)
            left(UNKNOWN, missed)
            made_of.append(made)
        left(DULL, np.flatnonzero(programs.mask([irrelevant and not formats for formats, irrelevant in kinds])))
        known = programs.mask([bool(formats) or irrelevant for formats, irrelevant in kinds])
        made, missed = self._bare(draft, np.flatnonzero(filled & ~known))
        foreign = programs.codes[missed] >= 0
        left(FOREIGN, missed[foreign])
        left(UNKNOWN, missed[~foreign])
        return [*made_of, made]

    def _bare(self, draft: _Draft, rows: Array) -> tuple[Array, Array]:
        """Match lines of no known program: first against the formats that this source has shown, then against all."""
        made, missed = self._taken(draft, rows, c.AFTER_TIME, self.bare)
        if len(missed):
            self.bare += self._shown(draft, missed[:_SAMPLE])
            more, missed = self._taken(draft, missed, c.AFTER_TIME, self.bare)
            made = np.concatenate((made, more))
        return made, missed

    def _shown(self, draft: _Draft, rows: Array) -> tuple[int, ...]:
        """Give the formats that these lines show: first the one that takes most of those that tell something."""
        scores: dict[int, tuple[int, int]] = {}
        for number in self.catalogue.bare:
            generic = self.catalogue.formats[number].generic
            if number in self.bare or (generic and (scores or self.account.understood)):
                continue
            spans = np.zeros((c.SPANS_WIDTH, int(rows[-1]) + 1), np.int32)
            events, _ = self._taken(draft._replace(spans=spans), rows, c.AFTER_TIME, (number,))
            patterns = events[:, c.E_PATTERN]
            own = ~self.catalogue.greedy[patterns]
            if own.any() or (generic and len(events) and _is_dialogue(draft.buffer, draft.lines, rows)):
                telling = own & ~self.catalogue.dull[patterns]
                scores[number] = int(telling.sum()), int(own.sum())
        return tuple(sorted(scores, key=lambda number: scores[number], reverse=True))

    def _taken(self, draft: _Draft, rows: Array, body: int, formats: tuple[int, ...]) -> tuple[Array, Array]:
        """Match lines against formats; gives the events, and the lines that none takes."""
        if not formats or not len(rows):
            return np.zeros((0, c.EVENT_WIDTH), np.int64), rows
        events = np.zeros((len(rows), c.EVENT_WIDTH), np.int64)
        catalogue = self.catalogue
        match(
            draft.buffer, draft.lines, rows, body, *catalogue.rules_of(formats), catalogue.rules, catalogue.moves,
            catalogue.letters, catalogue.sets, catalogue.marks, events, draft.spans,
        )  # fmt: skip
        missed = events[:, c.E_PATTERN] == NONE
        return (events.take(np.flatnonzero(~missed), axis=0), rows[missed]) if missed.any() else (events, rows[:0])


def _is_dialogue(buffer: Array, lines: Array, rows: Array) -> bool:
    """Whether lines without any mark are an SMTP dialogue: a reply, and a command that only SMTP has."""
    texts = [bytes(buffer[start:stop]) for start, stop in lines[rows][:, [c.AFTER_TIME, c.STOP]].tolist()]
    return any(map(_REPLY.match, texts)) and any(map(_COMMAND.match, texts))


def _repeated(lines: Array, events: Array) -> Array:
    """Give the events as often as their lines were written."""
    if (lines[:, c.REPEAT] == 1).all():
        return events
    times = np.maximum(lines[events[:, c.E_LINE], c.REPEAT], 1)
    again = lines[:, c.REPEAT] < 0
    meant = np.maximum.accumulate(np.where(again, -1, np.arange(len(lines))))[again]  # by a chain of them, too
    more = np.zeros(len(lines), np.int64)
    np.add.at(more, meant[meant >= 0], -lines[again, c.REPEAT][meant >= 0])
    times += more[events[:, c.E_LINE]]
    return np.repeat(events, times, axis=0)
