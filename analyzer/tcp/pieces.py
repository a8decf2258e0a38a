"""What is known of the two streams of a session but cannot be read yet: pieces behind a hole, a FIN, a RST.

While a session is assembled, its row is held in a one-dimensional array, `s`, with some more columns at its end.
Positions count the bytes of a side's stream from 0; a piece is a range of them that one segment has.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.tcp import columns as c
from analyzer.tcp.sequence import ACK_FLAG, FAR, FIN_FLAG, NEAR, RST_FLAG, SYN_FLAG, distance
from analyzer.wire.octets import alike

(
    FIRST_0, FIRST_1, COUNT_0, COUNT_1,          # its pieces: rows of `pieces`, see `place`
    PIECES, PIECE_BYTES,                         # of both sides
    FIN_ROW_0, FIN_ROW_1, FIN_AT_0, FIN_AT_1,    # the FIN that was not read yet (-1: none) and where it is
    FIN_NEED_0, FIN_NEED_1,                      # how much of the other side comes before it
    RST_ROW_0, RST_ROW_1,                        # the RST that was not read yet (-1: none)
    ACK_ROW_0, ACK_ROW_1, LAST_ROW_0, LAST_ROW_1,  # the segments that acknowledge most of it, and begin last in it
    WRITE_0, WRITE_1,                            # where its stream is written
    WHOLE_0, WHOLE_1,                            # from here on `stream` holds all of its bytes
    BEGAN_0, BEGAN_1,                            # AT at the beginning of the part
    SCRATCH_WIDTH,
) = range(c.SESSION_WIDTH, c.SESSION_WIDTH + 25)  # fmt: skip

# a piece
PIECE_START, PIECE_STOP, PIECE_ROW, PIECE_WIDTH = range(4)


@helper
def place(side: int, number: int) -> int:
    """Give the row of a side's piece: those of the two sides alternate, each side's are in the order of positions."""
    return 2 * number + side


@helper
def position(s: Any, side: int, sequence: int) -> Any:
    """Give where a sequence number stands in its side's stream."""
    return distance(sequence, s[c.REF_0 + side]) + s[c.ORIGIN_0 + side]


@helper
def reach(s: Any, side: int, pieces: Any) -> Any:
    """Give where what was captured of a side ends."""
    if s[COUNT_0 + side] > s[FIRST_0 + side]:
        return pieces[place(side, s[COUNT_0 + side] - 1), PIECE_STOP]
    return s[c.AT_0 + side]


@helper
def differs(one: Any, a: int, other: Any, b: int, size: int) -> Any:
    """Say whether two stretches of bytes differ."""
    return not alike(one[a : a + size], other[b : b + size])


@helper
def put(s: Any, side: int, pieces: Any, number: int, start: int, stop: int, row: int) -> None:
    """Insert a piece as number `number`."""
    for k in range(s[COUNT_0 + side], number, -1):
        for column in range(PIECE_WIDTH):
            pieces[place(side, k), column] = pieces[place(side, k - 1), column]
    at = place(side, number)
    pieces[at, PIECE_START] = start
    pieces[at, PIECE_STOP] = stop
    pieces[at, PIECE_ROW] = row
    s[COUNT_0 + side] += 1
    s[PIECES] += 1
    s[PIECE_BYTES] += stop - start


@helper
def insert(s: Any, side: int, pieces: Any, waiting: Any, row: int, buffer: Any) -> None:
    """Make pieces of the bytes of a segment that no segment before it had."""
    start = waiting[row, c.START]
    stop = start + waiting[row, c.WIRE]
    middle = start + waiting[row, c.LEN]
    shift = waiting[row, c.OFF] - start
    at = max(start, s[c.AT_0 + side])
    number = s[COUNT_0 + side]
    while number > s[FIRST_0 + side] and pieces[place(side, number - 1), PIECE_STOP] > at:
        number -= 1
    new = False
    while at < stop:
        here = place(side, number)
        if number < s[COUNT_0 + side] and pieces[here, PIECE_START] <= at:
            first = pieces[here, PIECE_ROW]
            first_shift = waiting[first, c.OFF] - waiting[first, c.START]
            same = min(pieces[here, PIECE_STOP], waiting[first, c.START] + waiting[first, c.LEN], middle) - at
            if same > 0 and differs(buffer, shift + at, buffer, first_shift + at, same):
                s[c.CONFLICT] = 1
            at = pieces[here, PIECE_STOP]
        else:
            end = stop
            if number < s[COUNT_0 + side]:
                end = min(stop, pieces[here, PIECE_START])
            put(s, side, pieces, number, at, end, row)
            new = True
            at = end
        number += 1
    if not new:
        waiting[row, c.START] = c.NOWHERE


@helper
def compare(s: Any, side: int, pieces: Any, waiting: Any, row: int, buffer: Any, stream: Any) -> None:
    """Compare a segment with what was read of its bytes before; the one byte of a keep-alive is arbitrary."""
    start = waiting[row, c.START]
    at = s[c.AT_0 + side]
    low = max(start, s[WHOLE_0 + side])
    high = min(start + waiting[row, c.LEN], at)
    if low < high and not (waiting[row, c.WIRE] == 1 and start + 1 == reach(s, side, pieces)):
        if differs(buffer, waiting[row, c.OFF] + low - start, stream, s[WRITE_0 + side] - at + low, high - low):
            s[c.CONFLICT] = 1


@helper
def acknowledge(s: Any, side: int, waiting: Any, row: int) -> Any:
    """Take in what a segment of the other side acknowledges of `side`; gives that, or NOWHERE if it cannot be true."""
    acked = position(s, side, waiting[row, c.ACK])
    if acked - s[c.AT_0 + side] >= FAR:
        return c.NOWHERE
    if acked > s[c.ACKED_0 + side] or (acked == s[c.ACKED_0 + side] and s[ACK_ROW_0 + side] < 0):
        s[c.ACKED_0 + side] = acked
        s[ACK_ROW_0 + side] = row
    if waiting[row, c.FLAGS] & RST_FLAG == 0:
        s[c.HEARD_0 + side] = max(s[c.HEARD_0 + side], acked)
    return acked


@helper
def take(s: Any, side: int, pieces: Any, waiting: Any, row: int) -> Any:
    """Take in what the head of a segment says; gives whether its payload counts."""
    flags = waiting[row, c.FLAGS]
    start = position(s, side, waiting[row, c.SEQ])
    if flags & SYN_FLAG:
        start += 1
    size = waiting[row, c.WIRE]
    waiting[row, c.START] = c.NOWHERE
    waiting[row, c.NEED] = c.NOWHERE
    stands = max(reach(s, side, pieces), s[c.ACKED_0 + side])
    if flags & RST_FLAG and s[c.SEEN_0 + side] == 1 and abs(start - stands) > NEAR:
        return False
    if abs(start - s[c.AT_0 + side]) >= FAR:
        return False
    if flags & ACK_FLAG:
        waiting[row, c.NEED] = acknowledge(s, 1 - side, waiting, row)
    if flags & RST_FLAG:
        if s[RST_ROW_0 + side] < 0:
            s[RST_ROW_0 + side] = row
        return False
    waiting[row, c.START] = start
    last = s[LAST_ROW_0 + side]
    if last < 0 or start > position(s, side, waiting[last, c.SEQ]):
        s[LAST_ROW_0 + side] = row
    stop = start + size
    if flags & FIN_FLAG and s[FIN_ROW_0 + side] < 0 and stop >= s[c.AT_0 + side] and abs(start - stands) <= NEAR:
        s[FIN_ROW_0 + side] = row
        s[FIN_AT_0 + side] = stop
        s[FIN_NEED_0 + side] = waiting[row, c.NEED]
    return size > 0
