"""Which pattern takes a line, and where its fields are: the kernel that reads `analyzer.logs.template`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.logs import columns as c
from analyzer.logs.template import LAST, LITERAL, NOWHERE, OPTION, REST, RUN

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

FITS = -2
NONE = -1  # no pattern takes the line; such a step: no optional part is under way


@helper
def same(buffer: Octets, at: int, stop: int, letters: Octets, text: int, length: int) -> int:
    """Whether the octets at `at` are those of a literal."""
    if at + length > stop:
        return 0
    for k in range(length):
        if buffer[at + k] != letters[text + k]:
            return 0
    return 1


@helper
def find(buffer: Octets, at: int, stop: int, letters: Octets, text: int, length: int) -> int:
    """Give the first place of a literal from `at` on; NONE: there is no such place."""
    first = letters[text]
    for place in range(at, stop - length + 1):
        if buffer[place] == first and same(buffer, place, stop, letters, text, length) == 1:
            return place
    return NONE


@helper
def find_last(buffer: Octets, at: int, stop: int, letters: Octets, text: int, length: int) -> int:
    """Give the last place of a literal from `at` on; NONE: there is no such place."""
    first = letters[text]
    place = stop - length
    while place >= at:
        if buffer[place] == first and same(buffer, place, stop, letters, text, length) == 1:
            return place
        place -= 1
    return NONE


@helper
def fits(
    buffer: Octets, at: int, stop: int, rule: int, rules: Grid, moves: Grid, letters: Octets, sets: Octets,
    spans: Grid, row: int,
) -> int:  # fmt: skip
    """Take the steps of a rule over a line; gives FITS, with the fields in `spans`, or the step that did not fit."""
    limit = stop  # no field of the class last ends behind it
    if rules[rule, 5] > 0:
        cut = find(buffer, at, stop, letters, rules[rule, 4], rules[rule, 5])
        if cut != NONE:
            limit = cut
    step, last = rules[rule, 2], rules[rule, 3]
    option_from = option_to = option_at = NONE
    while True:
        if option_to == step:
            option_to = NONE
        if step == last:
            if at == stop:
                return FITS
            end = NONE
            column = NOWHERE
        else:
            kind, column = moves[step, 0], moves[step, 1]
            text, length = moves[step, 3], moves[step, 4]
            end = at
            if kind == OPTION:
                option_from, option_to, option_at = step, step + 1 + moves[step, 2], at
            elif kind == LITERAL:
                end = at + length if same(buffer, at, stop, letters, text, length) == 1 else NONE
            elif kind == RUN:
                base = moves[step, 2] * 256
                while end < stop and sets[base + buffer[end]] == 1:
                    end += 1
                if end == at:
                    end = NONE
            elif kind == REST:
                end = stop
            else:
                end = (
                    find_last(buffer, at, limit, letters, text, length)
                    if kind == LAST
                    else find(buffer, at, stop, letters, text, length)
                )
                if end == NONE and moves[step, 2] == 1:
                    end = stop
        if end == NONE:
            if option_to == NONE:
                for left in range(rules[rule, 2], step):
                    if moves[left, 1] != NOWHERE:
                        spans[moves[left, 1], row] = spans[moves[left, 1] + 1, row] = 0
                return step - rules[rule, 2]
            for left in range(option_from + 1, min(step + 1, option_to)):  # what the optional part has taken so far
                if moves[left, 0] != LITERAL and moves[left, 1] != NOWHERE:
                    spans[moves[left, 1], row] = spans[moves[left, 1] + 1, row] = 0
            step, at, option_to = option_to, option_at, NONE
            continue
        if column != NOWHERE and end > at:
            spans[column, row], spans[column + 1, row] = at, end
        at = end
        step += 1


@kernel(
    "void(uint8[::1], int64[:, ::1], int64[::1], int64, int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], "
    "uint8[::1], uint8[::1], int64[:, ::1], int32[:, ::1])"
)
def match(
    buffer: Octets, lines: Grid, chosen: Cells, body: int, starts: Cells, lists: Grid, rules: Grid, moves: Grid,
    letters: Octets, sets: Octets, events: Grid, spans: Grid,
) -> None:  # fmt: skip
    """Match the `chosen` lines, whose text begins at the column `body`, against the rules of `lists`.

    Gives one row of `events` a line, and the fields in `spans`, a column a line of the block, all zero before; where no
    rule fits, E_PATTERN is NONE. A rule that
    begins with the same steps as the one before it, of which one did not fit, is left out.
    """
    for row in range(len(chosen)):
        line = chosen[row]
        at, stop = lines[line, body], lines[line, c.BODY_END]
        events[row, c.E_LINE] = line
        events[row, c.E_PATTERN] = NONE
        if at < stop:
            octet = buffer[at] * 1
            failed = NONE
            for k in range(starts[octet], starts[octet + 1]):
                rule = lists[k, 0]
                if failed != NONE and lists[k, 1] > failed:
                    continue
                failed = fits(buffer, at, stop, rule, rules, moves, letters, sets, spans, line)
                if failed == FITS:
                    events[row, c.E_FORMAT], events[row, c.E_PATTERN] = rules[rule, 0], rules[rule, 1]
                    break
