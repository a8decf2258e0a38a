"""Columns of the arrays that travel through this room, and of the steps that it hands to the SMTP machine.

A session is one row of integers from its first segment to its end; that row is all its state here, so it can be kept,
moved between windows, or written to disk. Columns that exist once per side are named with ``_0``; add the side (0 for
the sender of the first segment seen, 1 for the other).
"""

from __future__ import annotations

# --- a session
(
    HI_0, HI_1, LO_0, LO_1, PORT_0, PORT_1, HASH,  # its two ends
    OPEN,                                          # the row is in use; if not, HEAD is the next such row
    HEAD, TAIL, PENDING,                           # its segments that wait for assembly: a list, and their number
    ROOM_0, ROOM_1,                                # their bytes by side, and one more for each segment
    PACKETS, BYTES,                                # all its packets, and their payload on the wire
    CLOCK,                                         # the capture's clock at its last data
    EDGE_0, EDGE_1,                                # the sequence number at which a side stands, by the last segment
    TIDY_0, TIDY_1,                                # the next sequence number, if all bytes came in order; else -1
    ANSWERED,                                      # more than SYNs was seen
    CLOSED,                                        # both FINs or a RST were seen
    LOOKS,                                         # what the first payload of its sides looks like, see `track`
    DULL,                                          # it is not read any more: NO_SMTP, or COMPLETE and given
    SYN_0, SYN_1, ISN_0, ISN_1,                    # SYN seen (2: with ACK), its sequence number
    SEEN_0, SEEN_1, LOW_0, LOW_1,                  # any segment but a RST seen, lowest number at the beginning
    FIN_0, FIN_1,                                  # a FIN was seen (2: and acknowledged, of a tidy side)
    FIRST_FRAME, FIRST_TIME, LAST_TIME, FIRST_FILE,
    # what assembly leaves behind when it works on a session in parts
    PARTS,                                         # how many parts were assembled so far
    LEFT, LEFT_ROOM,                               # what the last one left waiting: segments, and their ROOM
    REF_0, REF_1, ORIGIN_0, ORIGIN_1, AT_0, AT_1,  # a sequence number, its stream position, how far the stream is read
    ACKED_0, ACKED_1, HEARD_0, HEARD_1,            # highest position of a side that the other acknowledged; without RST
    CONFLICT,                                      # different bytes were sent for one position
    FINAL, ENDED,                                  # no more segments will come, and why
    # what assembly gives to the machine
    STREAM_0, STREAM_1, LENGTH_0, LENGTH_1,        # its bytes in `stream`, what was left over from the last part first
    STEP, STEPS,                                   # its steps
    ROW, OWNER,                                    # its row in the table; a number for what is kept between parts
    GIVEN,                                         # the batch that its last part is in
    SESSION_WIDTH,
) = range(64)  # fmt: skip

# --- a segment that waits for assembly: what is needed of it in order, and what was made of it
(
    SIDE,           # who sent it
    NEXT,           # the next one of its session
    TIME, FRAME, SEQ, ACK, FLAGS,
    OFF, LEN, WIRE, # its payload as in `analyzer.wire.segments`, but OFF is its place in the arena of the tracker
    START, NEED,    # where it begins in its stream, how much of the other it acknowledges; NOWHERE: does not matter
    SEGMENT_WIDTH,
) = range(13)  # fmt: skip

#: In HEAD, TAIL and NEXT, and for the first free row: there is none.
LAST = -1

#: No position of a stream: before all others.
NOWHERE = -(1 << 62)

# --- counters of a tracker, shared with its kernels: why `track` or `sweep` stopped; the number of the batch, the
# sessions in it and their bytes; of those that were not assembled yet: their segments, the most of one, how many go on,
# and how many had a part before; the first free row of a session; segments that wait, and their payload; from where on
# their rows, and the arena, are free; sessions that were no SMTP and are over
(
    STOPPED, BATCH, READY, READY_BYTES, READY_PENDING, READY_MOST, READY_OPEN, READY_OWNED, FREE_SESSION, WAITING,
    WAITING_BYTES, SEGMENTS, ARENA, DULL_OVER, COUNTERS,
) = range(15)  # fmt: skip

# --- a step: one thing that happened, in the order in which it must be read
STEP_KIND, STEP_SIDE, STEP_END, STEP_SIZE, STEP_TIME, STEP_FRAME, STEP_ACKED, STEP_WIDTH = range(8)

#: Kinds of steps. STEP_END is where the side's stream ends after it.
DATA, GAP, CUT, FIN, RST, END = range(6)
#: GAP: STEP_SIZE bytes were sent and not captured. CUT: the same, behind a packet that the snap length cut.
#: STEP_ACKED, a bit each. HEARD: the other side acknowledged the bytes of this step with a packet that was no RST.
#: EARLY: they were sent before their sender had received all that comes before them here.
HEARD, EARLY = 1, 2

#: Why the segments of a session are not kept any more (DULL).
NO_SMTP, COMPLETE = 1, 2

#: Why a session ended (ENDED), as the schema's `ended_by` names it, where no FIN or RST says more.
ENDINGS = ("capture_end", "new_session", "idle", "idle")
CAPTURE_END, NEW_SESSION, IDLE, LINGERED = range(4)
