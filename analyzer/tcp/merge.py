"""Put what two sides sent in one order, and write it as streams and steps.

A piece follows everything of the other side that its segment acknowledges; frame numbers break ties, time never does.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.tcp import columns as c
from analyzer.tcp import pieces as p
from analyzer.tcp.pieces import place
from analyzer.tcp.sequence import NEAR
from analyzer.wire.octets import copy

LF = 10

#: The kind of what a side has next, where it has nothing.
NOTHING = -1


@helper
def step(s: Any, side: int, kind: int, size: int, waiting: Any, row: int, steps: Any) -> Any:
    """Write a step that segment `row` (-1: none) tells of; gives its index."""
    n = s[c.STEP] + s[c.STEPS]
    steps[n, c.STEP_KIND] = kind
    steps[n, c.STEP_SIDE] = side
    steps[n, c.STEP_END] = s[p.WRITE_0 + side]
    steps[n, c.STEP_SIZE] = size
    steps[n, c.STEP_TIME] = 0
    steps[n, c.STEP_FRAME] = 0
    if row >= 0:
        steps[n, c.STEP_TIME] = waiting[row, c.TIME]
        steps[n, c.STEP_FRAME] = waiting[row, c.FRAME]
    steps[n, c.STEP_ACKED] = 0
    s[c.STEPS] += 1
    return n


@helper
def skip(s: Any, side: int, until: int, waiting: Any, row: int, steps: Any) -> None:
    """Write a gap up to a position that segment `row` tells of; when its bytes were sent is unknown."""
    n = step(s, side, c.GAP, until - s[c.AT_0 + side], waiting, row, steps)
    steps[n, c.STEP_TIME] = 0
    s[c.AT_0 + side] = until
    s[p.WHOLE_0 + side] = until


@helper
def deliver(s: Any, side: int, until: int, waiting: Any, row: int, buffer: Any, stream: Any, steps: Any) -> None:
    """Write the bytes of a segment from where the stream is read to position `until`, with their steps."""
    at = s[c.AT_0 + side]
    start = waiting[row, c.START]
    size = max(0, min(start + waiting[row, c.LEN], until) - at)
    early = c.EARLY if c.NOWHERE < waiting[row, c.NEED] < s[c.AT_1 - side] else 0
    s[c.AT_0 + side] = until
    if size > 0:
        copy(stream, s[p.WRITE_0 + side], buffer, waiting[row, c.OFF] + at - start, size)
        s[p.WRITE_0 + side] += size
        n = step(s, side, c.DATA, size, waiting, row, steps)
        steps[n, c.STEP_ACKED] = early
    if at + size < until:
        s[p.WHOLE_0 + side] = until
        write = s[p.WRITE_0 + side]
        if size > 0 and stream[write - 1] != LF:
            stream[write] = LF  # what was cut off ends a line in nearly all cases
            s[p.WRITE_0 + side] = write + 1
        n = step(s, side, c.CUT if size > 0 else c.GAP, until - at - size, waiting, row, steps)
        steps[n, c.STEP_ACKED] = early


@helper
def head(s: Any, side: int, pieces: Any, waiting: Any) -> tuple[int, Any, Any, Any]:
    """Give what a side has next: its kind, its segment, where it begins, and how much of the other comes before it."""
    if s[p.FIRST_0 + side] < s[p.COUNT_0 + side]:
        at = place(side, s[p.FIRST_0 + side])
        row = pieces[at, p.PIECE_ROW]
        return c.DATA, row, pieces[at, p.PIECE_START], waiting[row, c.NEED]
    row = s[p.FIN_ROW_0 + side]
    if row >= 0:
        return c.FIN, row, s[p.FIN_AT_0 + side], s[p.FIN_NEED_0 + side]
    row = s[p.RST_ROW_0 + side]
    if row >= 0:
        return c.RST, row, c.NOWHERE, waiting[row, c.NEED]
    return NOTHING, row, c.NOWHERE, c.NOWHERE


@helper
def waits(s: Any, side: int, need: int, kind: int, start: int) -> Any:
    """Say whether what a side has next acknowledges what the other has next: a `kind` that begins at `start`."""
    return need > s[c.AT_1 - side] and start < need and (kind == c.DATA or kind == c.FIN)


@helper
def shorten(s: Any, side: int, pieces: Any, until: int) -> None:
    """Take what comes before a position from the side's first piece."""
    at = place(side, s[p.FIRST_0 + side])
    s[p.PIECE_BYTES] -= until - pieces[at, p.PIECE_START]
    pieces[at, p.PIECE_START] = until
    if until == pieces[at, p.PIECE_STOP]:
        s[p.PIECES] -= 1
        s[p.FIRST_0 + side] += 1


@helper
def merge(s: Any, pieces: Any, waiting: Any, buffer: Any, stream: Any, steps: Any, most: int, most_bytes: int) -> None:
    """Write what the two sides have, in order.

    While at most so many pieces and bytes wait, it stops at a hole, which may still be filled, and at a FIN or RST, of
    whose stream more may come. What it writes therefore does not depend on where a part of the session ends.
    """
    while True:
        kind_0, row_0, start_0, need_0 = head(s, 0, pieces, waiting)
        kind_1, row_1, start_1, need_1 = head(s, 1, pieces, waiting)
        if kind_0 == NOTHING and kind_1 == NOTHING:
            return
        waits_0 = waits(s, 0, need_0, kind_1, start_1)
        waits_1 = waits(s, 1, need_1, kind_0, start_0)
        if kind_0 == NOTHING or kind_1 == NOTHING:
            side = 1 if kind_0 == NOTHING else 0
        elif waits_0 != waits_1:
            side = 1 if waits_0 else 0
        else:
            # Where each acknowledges the other, one is a copy whose first one was not captured. Most likely that is the
            # one captured later; its bytes come first.
            side = 1 if (waiting[row_0, c.FRAME] > waiting[row_1, c.FRAME]) != waits_0 else 0
        other = 1 - side
        if side == 0:
            kind, row, start, need, waits_here, begins, until = kind_0, row_0, start_0, need_0, waits_0, start_1, need_1
        else:
            kind, row, start, need, waits_here, begins, until = kind_1, row_1, start_1, need_1, waits_1, start_0, need_0
        missing = need > s[c.AT_0 + other] and not waits_here
        if s[p.PIECES] <= most and s[p.PIECE_BYTES] <= most_bytes:
            if missing or kind != c.DATA or start > s[c.AT_0 + side] or (waits_here and begins > s[c.AT_0 + other]):
                return
        if kind == c.DATA and s[c.HEARD_0 + side] > 0 and start > max(s[c.AT_0 + side], s[c.ACKED_0 + side]) + NEAR:
            shorten(s, side, pieces, pieces[place(side, s[p.FIRST_0 + side]), p.PIECE_STOP])
            waiting[row, c.START] = c.NOWHERE
            continue
        if missing:
            skip(s, other, need, waiting, row, steps)
        if start > s[c.AT_0 + side]:
            skip(s, side, start, waiting, row, steps)
        if kind == c.DATA:
            stop = pieces[place(side, s[p.FIRST_0 + side]), p.PIECE_STOP]
            if s[c.AT_0 + side] < until < stop:
                stop = until
            deliver(s, side, stop, waiting, row, buffer, stream, steps)
            shorten(s, side, pieces, stop)
        elif kind == c.FIN:
            step(s, side, c.FIN, 0, waiting, row, steps)
            s[c.AT_0 + side] = max(s[c.AT_0 + side], start + 1)
            s[p.FIN_ROW_0 + side] = -1
        else:
            step(s, side, c.RST, 0, waiting, row, steps)
            s[p.RST_ROW_0 + side] = -1
