"""Columns of the arrays that travel through this room, and of the steps that it hands to the SMTP machine.

A session is one row of integers from its first segment to its end; that row is all its state here, so it can be kept,
moved between windows, or written to disk. Columns that exist once per side are named with ``_0``; add the side (0 for
the sender of the first segment seen, 1 for the other).
"""

from __future__ import annotations

# --- a session
(
    HI_0, HI_1, LO_0, LO_1, PORT_0, PORT_1, HASH,  # its two ends
    HEAD, TAIL, PENDING, PENDING_BYTES,            # its segments that wait for assembly: a list in `links`
    PACKETS, BYTES,                                # all its packets, and their payload on the wire
    CLOCK,                                         # the capture's clock at its last data
    CLOSED,                                        # both FINs or a RST were seen
    LOOKS,                                         # what the first payload of its sides looks like, see `track`
    DULL,                                          # it cannot be SMTP: only counted from here on
    SYN_0, SYN_1, ISN_0, ISN_1,                    # SYN seen (2: with ACK), its sequence number
    SEEN_0, SEEN_1, LOW_0, LOW_1,                  # any segment seen, lowest sequence number of any
    FIN_0, FIN_1,
    FIRST_FRAME, FIRST_TIME, LAST_TIME, FIRST_FILE,
    # what assembly leaves behind when it works on a session in parts
    PARTS,                                         # how many parts were assembled so far
    REF_0, REF_1, ORIGIN_0, ORIGIN_1, AT_0, AT_1,  # a sequence number, its stream position, how far the stream is read
    ACKED_0, ACKED_1, HEARD_0, HEARD_1,            # highest position of a side that the other acknowledged; without RST
    CONFLICT,                                      # different bytes were sent for one position
    FINAL, ENDED,                                  # no more segments will come, and why
    # what assembly gives to the machine
    STREAM_0, STREAM_1, LENGTH_0, LENGTH_1,        # its bytes in `stream`, what was left over from the last part first
    TAIL_0, TAIL_1, TAIL_LENGTH_0, TAIL_LENGTH_1,  # those left-over bytes in `tails`
    STEP, STEPS,                                   # its steps
    ROW, OWNER,                                    # its row in the table; a number for what is kept between its parts, from 1
    SESSION_WIDTH,
) = range(58)  # fmt: skip

# --- a step: one thing that happened, in the order in which it must be read
STEP_KIND, STEP_SIDE, STEP_END, STEP_SIZE, STEP_TIME, STEP_FRAME, STEP_ACKED, STEP_WIDTH = range(8)

#: In `links`, where no other index stands: the last segment of a list; a segment that waits for nothing any more.
LAST, DONE_WITH = -1, -2

#: Kinds of steps. STEP_END is where the side's stream ends after it.
DATA, GAP, CUT, FIN, RST, END = range(6)
#: GAP: STEP_SIZE bytes were sent and not captured. CUT: the same, behind a packet that the snap length cut.
#: STEP_ACKED, a bit each. HEARD: the other side acknowledged the bytes of this step with a packet that was no RST.
#: EARLY: they were sent before their sender had received all that comes before them here.
HEARD, EARLY = 1, 2

#: Why a session ended (ENDED), as the schema's `ended_by` names it, where no FIN or RST says more.
ENDINGS = ("capture_end", "new_session", "idle", "idle")
CAPTURE_END, NEW_SESSION, IDLE, LINGERED = range(4)
