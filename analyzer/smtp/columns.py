"""Columns of the machine's arrays: its state, one row a session, and what it writes.

Positions are indices into the batch's `stream`. Between the parts of a long session the machine is suspended: then they
are counted from where the kept bytes of their side begin, and rows of units from the first unit that is kept.
"""

from __future__ import annotations

# --- the state of a session
(
    MODE, CLIENT,                                # mode of the client's stream; which side the client is
    CPOS, CSCAN, CLIM, CGAP,                     # client: read, searched for LF, available; gap (-1: none)
    SPOS, SSCAN, SLIM, SEND,                     # server; where its stream ends in this part
    CSTEP,                                       # step that covers the client's position
    C_NOW, C_HELD,                               # the client's last step in this part; end of what the part before left
    C_TIME, C_FRAME, C_ACKED, C_CUT,             # of those bytes: what their last step had
    OPEN, NEXT,                                  # oldest open unit, next unit to be written (rows of `units`)
    ATTEMPT, ATTEMPTS,                           # row of the open attempt (-1: none), attempts so far
    COUNT,                                       # units so far
    PARTIAL, PARTIAL_AT,                         # a reply that goes on: code of its last line (0: none), start
    R_CODE, R_KIND, R_OFF, R_LENGTH, R_STEP, R_TIME,  # the last complete reply
    SPLIT,                                       # code of a reply that was taken for complete where bytes are missing
    EARLY, EARLY_OFF, EARLY_LENGTH, EARLY_TIME, EARLY_FRAME,  # an unsolicited 421, kept for the next command
    CHUNK_LEFT, BODY_SIZE, CRLF,                 # octets of BDAT, of the message; CRLF before
    ODD_AT, ODD_SIZE, ODD_TIME, ODD_FRAME,       # the first dot alone that is no end by itself, after the last hole
    HOLE, SERVER_GAP,                            # bytes of the client, of the server are missing since the last unit
    CLIENT_END, SERVER_END,                      # 1 after FIN, 2 after RST
    FIRST_END,                                   # how.CLIENT or how.SERVER: who ended first
    END_TIME, END_FRAME,
    LMTP, RECIPIENTS,
    TLS, TLS_CLIENT, TLS_SERVER,                 # 1 STARTTLS, 2 from the first byte, -1 unknown; where it begins (-1)
    COMMANDS, REPLIES,
    FLAGS,
    BEGAN, ENDED_AT,                             # time of the first and of the last step
    KEEP_0, KEEP_1,                              # after a part: where the bytes begin that have to be kept
    STARTED,
    STATE_WIDTH,
) = range(64)  # fmt: skip

# --- a unit: what the client sent, and its reply
(
    U_SESSION, U_NUMBER, U_KIND, U_VERB, U_MODE,
    U_AT, U_FRAME, U_OFF, U_LENGTH,              # the line, without its end
    U_CODE, U_REPLY_OFF, U_REPLY_LENGTH, U_REPLY_AT, U_REPLY_FRAME,  # code 0: no reply
    U_FLAGS, U_ATTEMPT, U_SIZE,
    U_WIDTH,
) = range(18)  # fmt: skip

# --- an attempt
(
    A_SESSION, A_NUMBER, A_FIRST,                # number in its session; row of its first unit
    A_AT, A_FRAME, A_ROUNDS, A_LAST, A_OAUTH,    # 334s, kind of the last client line, last 334 is JSON
    A_HOW, A_CODE, A_REPLY_OFF, A_REPLY_LENGTH, A_END_AT, A_END_FRAME,
    A_SERVER_NS, A_CLIENT_NS, A_HEARD, A_TLS, A_FLAGS,  # times summed; time of the last reply
    A_WIDTH,
) = range(20)  # fmt: skip

# --- the mail transactions of a session
(
    M_COUNT, M_TAKEN, M_UNSURE,                  # that are over, that the server took; and: the reply is missing
    M_OPEN,                                      # 1 where one is under way (2: without MAIL), of which the rest tells
    M_AT, M_ACCEPTED, M_REFUSED, M_LOST,         # recipients; lost: the reply is missing
    M_CHUNKS, M_OCTETS,                          # BDAT chunks and their octets
    M_WIDTH,
) = range(11)  # fmt: skip
