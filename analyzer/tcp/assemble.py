"""Make two byte streams, and the order of what happened in them, of a session's segments.

Order comes from sequence and acknowledgement numbers: bytes follow everything of the other side that their segment
acknowledges; frame numbers break ties, time never does. The first copy of a byte wins. What was acknowledged or
skipped and is not in the capture is a gap.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.tcp.columns import (
    ACKED_0,
    AT_0,
    CONFLICT,
    CUT,
    DATA,
    DONE_WITH,
    EARLY,
    END,
    FIN,
    FINAL,
    GAP,
    HEAD,
    HEARD,
    HEARD_0,
    ISN_0,
    LAST,
    LENGTH_0,
    LOW_0,
    ORIGIN_0,
    PARTS,
    PENDING,
    PENDING_BYTES,
    REF_0,
    RST,
    SEEN_0,
    STEP,
    STEP_ACKED,
    STEP_END,
    STEP_FRAME,
    STEP_KIND,
    STEP_SIDE,
    STEP_SIZE,
    STEP_TIME,
    STEPS,
    STREAM_0,
    SYN_0,
    TAIL,
    TAIL_0,
    TAIL_LENGTH_0,
)
from analyzer.tcp.track import ACK_FLAG, FIN_FLAG, RST_FLAG, SYN_FLAG, distance, side_of
from analyzer.wire import segments as wire

# a piece: bytes of a side's stream that were captured (START to MIDDLE) or cut off by the snap length (to STOP)
START, MIDDLE, STOP, OFFSET, SEGMENT, PIECE_WIDTH = range(6)

# scratch values of one session, a column per side: number of pieces; next piece; position of the FIN and its frame, time
# and what it acknowledges; the same of a RST; segment with the highest acknowledgement; where its stream is written
(
    COUNT, NEXT, FIN_AT, FIN_FRAME, FIN_TIME, FIN_NEED, RST_FRAME, RST_TIME, RST_NEED, ACK_SEGMENT, LAST_SEGMENT, CAPTURED, WRITE,
    NOTES,
) = range(14)  # fmt: skip

#: A segment further than this from where its stream is belongs to another time (a stray or a forged one).
FAR = 1 << 30
NONE = -(1 << 62)
LF = 10


@helper
def position(ready: Any, k: int, side: int, sequence: int) -> Any:
    """Give where a sequence number stands in its side's stream."""
    return distance(sequence, ready[k, REF_0 + side]) + ready[k, ORIGIN_0 + side]


@helper
def anchor(ready: Any, k: int, segments: Any, links: Any) -> None:
    """Decide where the two streams begin: behind the SYN, else at the lowest byte captured or acknowledged."""
    for side in range(2):
        ready[k, AT_0 + side] = 0
        ready[k, ORIGIN_0 + side] = 0
        if ready[k, SYN_0 + side] > 0:
            ready[k, REF_0 + side] = (ready[k, ISN_0 + side] + 1) & 0xFFFFFFFF
            continue
        known = ready[k, SEEN_0 + side] == 1
        lowest = ready[k, LOW_0 + side]
        with_data = False
        i = ready[k, HEAD]
        while i >= 0:
            flags = segments[i, wire.FLAGS]
            if side_of(ready, k, segments, i) == side:
                sequence = segments[i, wire.SEQ]
                if segments[i, wire.WIRE] > 0 and flags & RST_FLAG == 0:
                    if not with_data or distance(sequence, lowest) < 0:
                        lowest = sequence
                    with_data = True
            elif not with_data and ready[k, SEEN_0 + side] == 0 and flags & ACK_FLAG:
                if not known or distance(segments[i, wire.ACK], lowest) < 0:
                    lowest = segments[i, wire.ACK]
                known = True
            i = links[i]
        ready[k, REF_0 + side] = lowest
    for side in range(2):
        ready[k, ACKED_0 + side] = 0
        ready[k, HEARD_0 + side] = 0


@helper
def differs(buffer: Any, a: int, b: int, size: int) -> Any:
    """Say whether two stretches of the buffer differ."""
    for i in range(size):
        if buffer[a + i] != buffer[b + i]:
            return True
    return False


@helper
def put(
    pieces: Any, side: int, count: Any, at: int, start: int, middle: int, stop: int, offset: int, segment: int
) -> None:
    """Insert a piece before piece `at`."""
    for j in range(count, at, -1):
        for column in range(PIECE_WIDTH):
            pieces[side, j, column] = pieces[side, j - 1, column]
    pieces[side, at, START] = start
    pieces[side, at, MIDDLE] = middle
    pieces[side, at, STOP] = stop
    pieces[side, at, OFFSET] = offset
    pieces[side, at, SEGMENT] = segment


@helper
def insert(
    ready: Any, k: int, pieces: Any, notes: Any, side: int, buffer: Any, segments: Any, i: int, start: int
) -> None:
    """Add the bytes of segment i that no segment before it had."""
    offset = segments[i, wire.OFF]
    middle = start + segments[i, wire.LEN]
    stop = start + segments[i, wire.WIRE]
    at = max(start, ready[k, AT_0 + side])
    count = notes[side, COUNT]
    j = count
    while j > 0 and pieces[side, j - 1, STOP] > at:
        j -= 1
    while at < stop:
        if j < count and pieces[side, j, START] <= at:
            same = min(min(pieces[side, j, MIDDLE], middle), stop) - at
            if same > 0 and differs(
                buffer, offset + at - start, pieces[side, j, OFFSET] + at - pieces[side, j, START], same
            ):
                ready[k, CONFLICT] = 1
            at = max(at, pieces[side, j, STOP])
            j += 1
        else:
            end = min(stop, pieces[side, j, START]) if j < count else stop
            put(pieces, side, count, j, at, max(at, min(middle, end)), end, offset + at - start, i)
            count += 1
            j += 1
            at = end
    notes[side, COUNT] = count


@helper
def read(ready: Any, k: int, pieces: Any, notes: Any, buffer: Any, segments: Any, links: Any) -> None:
    """Walk through the segments of a session in file order: pieces, FINs, RSTs, acknowledgements."""
    for side in range(2):
        for column in range(NOTES):
            notes[side, column] = 0
        notes[side, FIN_AT] = NONE
        notes[side, RST_FRAME] = -1
        notes[side, ACK_SEGMENT] = -1
        notes[side, LAST_SEGMENT] = -1
    i = ready[k, HEAD]
    while i >= 0:
        side = side_of(ready, k, segments, i)
        flags = segments[i, wire.FLAGS]
        notes[side, CAPTURED] += segments[i, wire.LEN] + 1  # one for the LF that stands for what was cut off
        start = position(ready, k, side, segments[i, wire.SEQ])
        if flags & SYN_FLAG:
            start += 1
        acked = NONE
        if flags & ACK_FLAG:
            acked = position(ready, k, 1 - side, segments[i, wire.ACK])
            if acked > ready[k, ACKED_0 + 1 - side] and acked - ready[k, AT_0 + 1 - side] < FAR:
                ready[k, ACKED_0 + 1 - side] = acked
                notes[1 - side, ACK_SEGMENT] = i
                if flags & RST_FLAG == 0:
                    ready[k, HEARD_0 + 1 - side] = acked
        if flags & RST_FLAG:
            if notes[side, RST_FRAME] < 0:
                notes[side, RST_FRAME] = segments[i, wire.FRAME]
                notes[side, RST_TIME] = segments[i, wire.TIME]
                notes[side, RST_NEED] = acked
        elif abs(start - ready[k, AT_0 + side]) < FAR:
            if segments[i, wire.WIRE] > 0:
                insert(ready, k, pieces, notes, side, buffer, segments, i, start)
            stop = start + segments[i, wire.WIRE]
            last = notes[side, LAST_SEGMENT]
            if last < 0 or start > position(ready, k, side, segments[last, wire.SEQ]):
                notes[side, LAST_SEGMENT] = i
            if flags & FIN_FLAG and notes[side, FIN_AT] == NONE and stop >= ready[k, AT_0 + side]:
                notes[side, FIN_AT] = stop
                notes[side, FIN_FRAME] = segments[i, wire.FRAME]
                notes[side, FIN_TIME] = segments[i, wire.TIME]
                notes[side, FIN_NEED] = acked
        i = links[i]


@helper
def captured_end(ready: Any, k: int, pieces: Any, notes: Any, side: int) -> Any:
    """Give where the captured bytes of a side end."""
    count = notes[side, COUNT]
    return pieces[side, count - 1, STOP] if count > 0 else ready[k, AT_0 + side]


@helper
def infer_fin(ready: Any, k: int, pieces: Any, notes: Any, segments: Any, side: int) -> None:
    """Infer a FIN that was not captured: its sender, or who acknowledged it, is exactly one byte past all data.

    Who sends the last acknowledgement of a connection closed first: its own FIN was sent before it got the other.
    """
    if notes[side, FIN_AT] != NONE or ready[k, SEEN_0 + side] == 0:
        return
    stop = captured_end(ready, k, pieces, notes, side)
    last = notes[side, LAST_SEGMENT]
    acked = notes[side, ACK_SEGMENT]
    need = NONE
    if acked >= 0 and ready[k, ACKED_0 + side] == stop + 1:
        other = captured_end(ready, k, pieces, notes, 1 - side)
        if position(ready, k, 1 - side, segments[acked, wire.SEQ]) == other + 1:
            need = other + 1
        i = acked
    elif last >= 0 and position(ready, k, side, segments[last, wire.SEQ]) == stop + 1:
        i = last
    else:
        return
    notes[side, FIN_AT] = stop
    notes[side, FIN_FRAME] = segments[i, wire.FRAME]
    notes[side, FIN_TIME] = segments[i, wire.TIME]
    notes[side, FIN_NEED] = need


@helper
def step(steps: Any, status: Any, kind: int, side: int, end: int, size: int, time: int, frame: int, acked: Any) -> None:
    """Write one step."""
    n = status[0]
    steps[n, STEP_KIND] = kind
    steps[n, STEP_SIDE] = side
    steps[n, STEP_END] = end
    steps[n, STEP_SIZE] = size
    steps[n, STEP_TIME] = time
    steps[n, STEP_FRAME] = frame
    steps[n, STEP_ACKED] = acked
    status[0] = n + 1


@helper
def item(ready: Any, k: int, pieces: Any, notes: Any, segments: Any, side: int, what: Any) -> None:
    """Give what a side has next in what[side]: kind (-1: nothing), position, frame, what of the other must come first."""
    at = notes[side, NEXT]
    what[side, 0] = -1
    if at < notes[side, COUNT]:
        i = pieces[side, at, SEGMENT]
        what[side, 0] = DATA
        what[side, 1] = pieces[side, at, START]
        what[side, 2] = segments[i, wire.FRAME]
        what[side, 3] = NONE
        if segments[i, wire.FLAGS] & ACK_FLAG:
            what[side, 3] = position(ready, k, 1 - side, segments[i, wire.ACK])
            if what[side, 3] > ready[k, ACKED_0 + 1 - side]:
                what[side, 3] = NONE
    elif notes[side, FIN_AT] != NONE:
        what[side, 0] = FIN
        what[side, 1] = notes[side, FIN_AT]
        what[side, 2] = notes[side, FIN_FRAME]
        what[side, 3] = notes[side, FIN_NEED]
    elif notes[side, RST_FRAME] >= 0:
        what[side, 0] = RST
        what[side, 1] = NONE
        what[side, 2] = notes[side, RST_FRAME]
        what[side, 3] = notes[side, RST_NEED]


@helper
def choose(what: Any, position_0: int, position_1: int) -> Any:
    """Give the side whose next item comes next, -1 where there is none."""
    if what[0, 0] < 0 or what[1, 0] < 0:
        return 0 if what[0, 0] >= 0 else (1 if what[1, 0] >= 0 else -1)
    waits_0 = what[0, 3] > position_1
    waits_1 = what[1, 3] > position_0
    if waits_0 != waits_1:
        return 1 if waits_0 else 0
    return 0 if what[0, 2] <= what[1, 2] else 1


@helper
def deliver(
    ready: Any,
    k: int,
    pieces: Any,
    notes: Any,
    segments: Any,
    buffer: Any,
    stream: Any,
    steps: Any,
    status: Any,
    side: int,
    until: int,
) -> None:
    """Write the side's next piece up to stream position `until`, with its steps."""
    at = notes[side, NEXT]
    i = pieces[side, at, SEGMENT]
    stop = min(pieces[side, at, STOP], until)
    middle = min(pieces[side, at, MIDDLE], stop)
    size = middle - pieces[side, at, START]
    write = notes[side, WRITE]
    heard = HEARD if stop <= ready[k, HEARD_0 + side] else 0
    if (
        segments[i, wire.FLAGS] & ACK_FLAG
        and position(ready, k, 1 - side, segments[i, wire.ACK]) < ready[k, AT_0 + 1 - side]
    ):
        heard |= EARLY
    if size > 0:
        offset = pieces[side, at, OFFSET]
        stream[write : write + size] = buffer[offset : offset + size]
        notes[side, WRITE] = write + size
        step(steps, status, DATA, side, write + size, size, segments[i, wire.TIME], segments[i, wire.FRAME], heard)
    if stop > middle:
        missing = stop - max(middle, pieces[side, at, START])
        if size > 0 and stream[notes[side, WRITE] - 1] != LF:
            stream[notes[side, WRITE]] = LF  # what was cut off ends a line in nearly all cases
            notes[side, WRITE] += 1
        kind = CUT if size > 0 else GAP
        step(
            steps,
            status,
            kind,
            side,
            notes[side, WRITE],
            missing,
            segments[i, wire.TIME],
            segments[i, wire.FRAME],
            heard,
        )
    ready[k, AT_0 + side] = stop
    if stop == pieces[side, at, STOP]:
        notes[side, NEXT] = at + 1
    else:
        pieces[side, at, OFFSET] += stop - pieces[side, at, START]
        pieces[side, at, START] = stop
        pieces[side, at, MIDDLE] = max(pieces[side, at, MIDDLE], stop)


@helper
def merge(
    ready: Any,
    k: int,
    pieces: Any,
    notes: Any,
    segments: Any,
    buffer: Any,
    stream: Any,
    steps: Any,
    status: Any,
    what: Any,
    patient: Any,
) -> Any:
    """Write the items of both sides in order; gives False where, `patient`, it stopped at bytes that may still come."""
    while True:
        item(ready, k, pieces, notes, segments, 0, what)
        item(ready, k, pieces, notes, segments, 1, what)
        side = choose(what, ready[k, AT_0], ready[k, AT_0 + 1])
        if side < 0:
            return True
        other = 1 - side
        frame = what[side, 2]
        need = what[side, 3]
        has = what[other, 0] == DATA and what[other, 1] < need
        if need > ready[k, AT_0 + other] and not has:
            # the other side's bytes up to `need` were acknowledged, and nothing that is left has them
            if patient:
                return False
            step(steps, status, GAP, other, notes[other, WRITE], need - ready[k, AT_0 + other], 0, frame, 1)
            ready[k, AT_0 + other] = need
        if what[side, 1] > ready[k, AT_0 + side]:
            if patient:
                return False
            step(steps, status, GAP, side, notes[side, WRITE], what[side, 1] - ready[k, AT_0 + side], 0, frame, 0)
            ready[k, AT_0 + side] = what[side, 1]
        if what[side, 0] == DATA:
            until = what[other, 3]
            waits = what[other, 0] >= 0 and ready[k, AT_0 + side] < until
            if not waits:
                until = pieces[side, notes[side, NEXT], STOP]
            deliver(ready, k, pieces, notes, segments, buffer, stream, steps, status, side, until)
        elif what[side, 0] == FIN:
            step(steps, status, FIN, side, notes[side, WRITE], 0, notes[side, FIN_TIME], frame, 0)
            ready[k, AT_0 + side] = max(ready[k, AT_0 + side], notes[side, FIN_AT] + 1)
            notes[side, FIN_AT] = NONE
        else:
            step(steps, status, RST, side, notes[side, WRITE], 0, notes[side, RST_TIME], frame, 0)
            notes[side, RST_FRAME] = -1


@helper
def leave(ready: Any, k: int, notes: Any, segments: Any, links: Any) -> None:
    """Keep those segments of a session in parts that have something left to give."""
    i = ready[k, HEAD]
    ready[k, HEAD] = -1
    ready[k, TAIL] = -1
    ready[k, PENDING] = 0
    ready[k, PENDING_BYTES] = 0
    while i >= 0:
        following = links[i]
        side = side_of(ready, k, segments, i)
        flags = segments[i, wire.FLAGS]
        stop = position(ready, k, side, segments[i, wire.SEQ]) + segments[i, wire.WIRE] + (flags & SYN_FLAG) // SYN_FLAG
        keep = segments[i, wire.WIRE] > 0 and stop > ready[k, AT_0 + side]
        keep = keep or (flags & FIN_FLAG and notes[side, FIN_AT] != NONE)
        keep = keep or (flags & RST_FLAG and notes[side, RST_FRAME] >= 0)
        if keep:
            links[i] = LAST
            if ready[k, TAIL] >= 0:
                links[ready[k, TAIL]] = i
            else:
                ready[k, HEAD] = i
            ready[k, TAIL] = i
            ready[k, PENDING] += 1
            ready[k, PENDING_BYTES] += segments[i, wire.LEN]
        else:
            links[i] = DONE_WITH
        i = following


@helper
def move(ready: Any, k: int, side: int) -> None:
    """Let the reference of a side follow its stream, so that streams of any length have positions."""
    ready[k, REF_0 + side] = (ready[k, REF_0 + side] + ready[k, AT_0 + side] - ready[k, ORIGIN_0 + side]) & 0xFFFFFFFF
    ready[k, ORIGIN_0 + side] = ready[k, AT_0 + side]


@helper
def finish(ready: Any, k: int, notes: Any, links: Any, steps: Any, status: Any) -> None:
    """Write the end of a session, and before it what was acknowledged and never seen."""
    i = ready[k, HEAD]
    while i >= 0:
        following = links[i]
        links[i] = DONE_WITH
        i = following
    for side in range(2):
        missing = ready[k, ACKED_0 + side] - ready[k, AT_0 + side]
        if missing > 0:
            step(steps, status, GAP, side, notes[side, WRITE], missing, 0, 0, 1)
    step(steps, status, END, 0, notes[0, WRITE], 0, 0, 0, 0)


@kernel(
    "int64(int64[:, ::1], int64, int64[:, ::1], int64[::1], uint8[::1], uint8[::1], uint8[::1], int64[:, ::1],"
    " int64[:, :, ::1], int64[:, ::1], int64[:, ::1], int64, int64[::1])"
)
def assemble(
    ready: Any,
    many: int,
    segments: Any,
    links: Any,
    buffer: Any,
    tails: Any,
    stream: Any,
    steps: Any,
    pieces: Any,
    notes: Any,
    what: Any,
    patience: int,
    status: Any,
) -> Any:
    """Make streams and steps of the first `many` sessions of `ready`; status[0] is the number of steps written.

    A part of a session stops at a hole that may still be filled, while at most `patience` pieces wait behind it.
    `stream` must hold all pending bytes, one byte a segment more, and the tails, `steps` three a segment and eight a session more, `pieces` two a
    segment of the largest session.
    """
    write = 0
    for k in range(many):
        if ready[k, PARTS] == 0:
            anchor(ready, k, segments, links)
        read(ready, k, pieces, notes, buffer, segments, links)
        for side in range(2):
            tail = ready[k, TAIL_0 + side]
            size = ready[k, TAIL_LENGTH_0 + side]
            ready[k, STREAM_0 + side] = write
            stream[write : write + size] = tails[tail : tail + size]
            notes[side, WRITE] = write + size
            write += size + notes[side, CAPTURED]
        ready[k, STEP] = status[0]
        if ready[k, FINAL] == 1:
            infer_fin(ready, k, pieces, notes, segments, 0)
            infer_fin(ready, k, pieces, notes, segments, 1)
            merge(ready, k, pieces, notes, segments, buffer, stream, steps, status, what, False)
            finish(ready, k, notes, links, steps, status)
        else:
            merge(ready, k, pieces, notes, segments, buffer, stream, steps, status, what, True)
            if notes[0, COUNT] - notes[0, NEXT] + notes[1, COUNT] - notes[1, NEXT] > patience:
                merge(ready, k, pieces, notes, segments, buffer, stream, steps, status, what, False)
            leave(ready, k, notes, segments, links)
            move(ready, k, 0)
            move(ready, k, 1)
        for side in range(2):
            ready[k, LENGTH_0 + side] = notes[side, WRITE] - ready[k, STREAM_0 + side]
        ready[k, STEPS] = status[0] - ready[k, STEP]
        ready[k, PARTS] += 1
    return write


@kernel("int64(int64[:, ::1], int64[::1], uint8[::1], uint8[::1], int64)")
def stow(segments: Any, rows: Any, buffer: Any, arena: Any, at: int) -> Any:
    """Copy the payload of some segments into `arena` from `at` on, and let them point there; gives its end."""
    for j in range(len(rows)):
        i = rows[j]
        offset = segments[i, wire.OFF]
        size = segments[i, wire.LEN]
        arena[at : at + size] = buffer[offset : offset + size]
        segments[i, wire.OFF] = at
        at += size
    return at
