"""Which pattern takes a line, and where its fields are: the kernel that reads `analyzer.logs.template`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.kernel import helper, kernel
from analyzer.logs import columns as c
from analyzer.logs.template import LAST, LITERAL, NOWHERE, OPTION, REST, RUN
from analyzer.wire.octets import after_members, find_octet, le64

if TYPE_CHECKING:
    from analyzer.wire.octets import Cells, Grid, Octets

FITS = -2
NONE = -1  # no pattern takes the line; such a step: no optional part is under way

# --- a row of a list of rules
(
    R_RULE,
    R_PARENT, R_SHARED,             # place in the list of the rule that has most steps in common; how many these are
    R_FAILS,                        # the step that does not fit where neither of these eight octets follows them:
    R_MASK, R_OCTETS,               # which bits are looked at, and what they are
    R_MASK_ELSE, R_OCTETS_ELSE,
    ROW_WIDTH,
) = range(9)  # fmt: skip


@helper
def same(buffer: Octets, at: int, stop: int, letters: Octets, text: int, length: int) -> int:
    """Whether the octets at `at` are those of a literal, which has one at least; most differ in the first one."""
    if at + length > stop:
        return 0
    for k in range(length):
        if buffer[at + k] != letters[text + k]:
            return 0
    return 1


@helper
def find(buffer: Octets, at: int, stop: int, letters: Octets, text: int, length: int) -> int:
    """Give the first place of a literal from `at` on; NONE: there is no such place."""
    last = stop - length + 1
    while True:
        at = find_octet(buffer, letters[text] * 1, at, last)
        if at < 0 or same(buffer, at, stop, letters, text, length) == 1:
            return at
        at += 1


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
    buffer: Octets, at: int, stop: int, rule: int, begin: int, rules: Grid, moves: Grid, letters: Octets, sets: Octets,
    marks: Grid, slot: int,
) -> int:  # fmt: skip
    """Take the steps of a rule over a line from one of them on; gives FITS, or the step that did not fit.

    Where each step begins is in a row of `marks`; steps of an optional part that was left out begin where it does.
    """
    limit = stop  # no field of the class last, with the literal behind it, ends behind it
    if rules[rule, 5] > 0:
        cut = find(buffer, at, stop, letters, rules[rule, 4], rules[rule, 5])
        if cut != NONE:
            limit = cut + rules[rule, 5]
    first, last = rules[rule, 2], rules[rule, 3]
    step = first + begin
    if begin > 0:
        at = marks[slot, 1 + begin]
    option_from = option_to = option_at = NONE
    while True:
        if option_to == step:
            option_to = NONE
        marks[slot, 1 + step - first] = at
        if step == last:
            if at == stop:
                return FITS
            end = NONE
        else:
            kind = moves[step, 0]
            text, length = moves[step, 3], moves[step, 4]
            end = at
            if kind == OPTION:
                option_from, option_to, option_at = step, step + 1 + moves[step, 2], at
            elif kind == LITERAL:
                end = at + length if same(buffer, at, stop, letters, text, length) == 1 else NONE
            elif kind == RUN:
                end = after_members(buffer, at, stop, sets, moves[step, 2] * 256)
                if end - at < length:  # of a run: how many octets it has at least
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
                return step - first
            for left in range(option_from + 1, option_to):
                marks[slot, 1 + left - first] = option_at
            step, at, option_to = option_to, option_at, NONE
            continue
        at = end
        step += 1


@helper
def take(k: int, base: int, lists: Grid, rules: Grid, moves: Grid, marks: Grid, spans: Grid, line: int) -> None:
    """Write the fields of the rule that fits, from its end; of a field that it names twice, the last one counts.

    What it has in common with another rule was marked by that.
    """
    first = rules[lists[k, R_RULE], 2]
    stop = rules[lists[k, R_RULE], 3] - first
    while stop > 0:
        slot = k - base
        for step in range(stop - 1, lists[k, R_SHARED] - 1, -1):
            column = moves[first + step, 1]
            if column != NOWHERE and spans[column + 1, line] == 0 and marks[slot, 2 + step] > marks[slot, 1 + step]:
                spans[column, line], spans[column + 1, line] = marks[slot, 1 + step], marks[slot, 2 + step]
        stop = lists[k, R_SHARED]
        k = base + lists[k, R_PARENT]


@kernel(
    "void(uint8[::1], int64[:, ::1], int64[::1], int64, int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], "
    "uint8[::1], uint8[::1], int64[:, ::1], int64[:, ::1], int32[:, ::1])"
)
def match(
    buffer: Octets, lines: Grid, chosen: Cells, body: int, places: Cells, lists: Grid, rules: Grid, moves: Grid,
    letters: Octets, sets: Octets, marks: Grid, events: Grid, spans: Grid,
) -> None:  # fmt: skip
    """Match the `chosen` lines, whose text begins at the column `body`, against the rules of `lists`.

    Gives one row of `events` a line, and the fields in `spans`, a column a line of the block, all zero before; where no
    rule fits, E_PATTERN is NONE. A rule goes on where it parts from the one before it with which it has most steps in
    common, and is left out where one of these did not fit, or what follows cannot; `marks` is room for that, a row a
    rule.
    """
    for row in range(len(chosen)):
        line = chosen[row]
        at, stop = lines[line, body], lines[line, c.BODY_END]
        events[row, c.E_LINE] = line
        events[row, c.E_PATTERN] = NONE
        if at < stop:
            octet = buffer[at] * 1
            base = places[octet]
            for k in range(base, places[256 + octet]):
                rule, slot, shared = lists[k, R_RULE], k - base, lists[k, R_SHARED]
                goes = at
                if shared > 0:
                    parent = lists[k, R_PARENT]
                    if marks[parent, 0] < shared:
                        marks[slot, 0] = marks[parent, 0]
                        continue
                    goes = marks[parent, 1 + shared]
                marks[slot, 1 + shared] = goes
                if goes + 8 <= len(buffer):
                    octets = le64(buffer, goes)
                    if octets & lists[k, R_MASK] != lists[k, R_OCTETS]:
                        if octets & lists[k, R_MASK_ELSE] != lists[k, R_OCTETS_ELSE]:
                            marks[slot, 0] = lists[k, R_FAILS]
                            for step in range(shared + 1, lists[k, R_FAILS] + 1):
                                marks[slot, 1 + step] = goes
                            continue
                failed = fits(buffer, at, stop, rule, shared, rules, moves, letters, sets, marks, slot)
                if failed == FITS:
                    take(k, base, lists, rules, moves, marks, spans, line)
                    events[row, c.E_FORMAT], events[row, c.E_PATTERN] = rules[rule, 0], rules[rule, 1]
                    break
                marks[slot, 0] = failed
