"""What a session's row knows of its connection: how it begins, and what each segment adds."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.tcp import columns as c
from analyzer.tcp.sequence import ACK_FLAG, FAR, FIN_FLAG, NEAR, RST_FLAG, SYN_FLAG, distance
from analyzer.wire import segments as wire
from analyzer.wire.octets import EACH_1, EACH_128, le64

# LOOKS, a bit each
SIDE_0_SEEN, SIDE_1_SEEN, PLAUSIBLE, OPAQUE, TLS_SEEN = 1, 2, 4, 8, 16

#: A SYN may come this much later in the file than the data behind it (in bytes of the stream): files in odd order.
LATE_SYN = 1 << 20

# Ports on which TLS from the first byte is taken for SMTP (RFC 8314 section 7.3, and what providers use)
TLS_PORTS = (465, 25, 587, 2525, 2465, 1465, 4465, 5465, 8465, 10465)

#: As many bytes of a side's first payload tell text from other things: of random ones 3 in 10,000 have no control.
LOOK_BYTES = 64


@helper
def begin(table: Any, row: int, segments: Any, i: int, hashed: int) -> None:
    """Make the row of a new session whose first segment is i."""
    for column in range(c.SESSION_WIDTH):
        table[row, column] = 0
    table[row, c.HI_0] = segments[i, wire.SRC_HI]
    table[row, c.LO_0] = segments[i, wire.SRC_LO]
    table[row, c.PORT_0] = segments[i, wire.SPORT]
    table[row, c.HI_1] = segments[i, wire.DST_HI]
    table[row, c.LO_1] = segments[i, wire.DST_LO]
    table[row, c.PORT_1] = segments[i, wire.DPORT]
    table[row, c.HASH] = hashed
    table[row, c.OPEN] = 1
    table[row, c.HEAD] = c.LAST
    table[row, c.TAIL] = c.LAST
    table[row, c.EDGE_0] = -1
    table[row, c.EDGE_1] = -1
    table[row, c.TIDY_0] = -1
    table[row, c.TIDY_1] = -1
    table[row, c.ROW] = row
    table[row, c.CLOCK] = segments[i, wire.CLOCK]
    table[row, c.FIRST_FRAME] = segments[i, wire.FRAME]
    table[row, c.FIRST_TIME] = segments[i, wire.TIME]
    table[row, c.FIRST_FILE] = segments[i, wire.FILE]


@helper
def small_in(octets: int) -> int:
    """Mark octets of an integer that are below 32; above the lowest one others may be marked."""
    return (octets - 32 * EACH_1) & ~octets & EACH_128


@helper
def is_tls(buffer: Any, at: int, end: int) -> Any:
    """Say whether a TLS record begins here (RFC 8446 section 5.1), of any kind, or a hello in the format of SSL 2.0."""
    if end - at >= 3 and 0x14 <= buffer[at] <= 0x17:
        return buffer[at + 1] == 3 and buffer[at + 2] <= 4
    return end - at >= 4 and is_old_hello(buffer, at, end)


@helper
def is_old_hello(buffer: Any, at: int, end: int) -> Any:
    """Say whether what is there begins a ClientHello of TLS in the format of SSL 2.0 (RFC 5246 appendix E.2)."""
    if buffer[at] != 0x80:  # a header of two octets; all hellos are shorter than 256
        return False
    return (at + 2 >= end or buffer[at + 2] == 1) and (at + 3 >= end or buffer[at + 3] == 3)


@helper
def look(table: Any, row: int, buffer: Any, at: int, size: int, side: int) -> None:
    """Judge the first payload of a side: text and what opens a proxy are plausible; TLS off the mail ports is dull."""
    table[row, c.LOOKS] |= SIDE_0_SEEN << side
    if is_tls(buffer, at, at + size):
        for port in TLS_PORTS:
            if table[row, c.PORT_0] == port or table[row, c.PORT_1] == port:
                table[row, c.LOOKS] |= OPAQUE
                return
        if table[row, c.LOOKS] & (TLS_SEEN | PLAUSIBLE) == TLS_SEEN:
            table[row, c.DULL] = c.NO_SMTP  # both sides begin with TLS
        table[row, c.LOOKS] |= TLS_SEEN
        return
    if buffer[at] != 4 and buffer[at] != 5 and (size < 5 or buffer[at] != 13 or buffer[at + 4] != 0):
        # neither SOCKS 4 (RFC 1928 for 5) nor the PROXY protocol version 2, which begins with CR LF CR LF NUL
        k = at
        stop = at + min(size, LOOK_BYTES)
        while k + 8 <= stop and not small_in(le64(buffer, k)):
            k += 8
        while k < stop:
            if buffer[k] < 32 and not 9 <= buffer[k] <= 13:
                return
            k += 1
    table[row, c.LOOKS] |= PLAUSIBLE


@helper
def is_near(table: Any, row: int, side: int, sequence: int) -> Any:
    """Say whether a sequence number is near where its side stands, as far as that is known."""
    return table[row, c.EDGE_0 + side] < 0 or abs(distance(sequence, table[row, c.EDGE_0 + side])) <= NEAR


@helper
def note(table: Any, row: int, segments: Any, i: int, side: int) -> None:
    """Count segment i into its session's state."""
    flags = segments[i, wire.FLAGS]
    size = segments[i, wire.WIRE]
    sequence = segments[i, wire.SEQ]
    table[row, c.PACKETS] += 1
    table[row, c.BYTES] += size
    table[row, c.LAST_TIME] = segments[i, wire.TIME]
    # one byte before where the side stands keeps the connection alive (RFC 9293 section 3.8.4) and is no data
    if (
        size > 1
        or (size == 1 and sequence + 1 != table[row, c.EDGE_0 + side])
        or flags & (SYN_FLAG | FIN_FLAG | RST_FLAG)
    ):
        table[row, c.CLOCK] = max(table[row, c.CLOCK], segments[i, wire.CLOCK])
    if flags & RST_FLAG:
        if is_near(table, row, side, sequence):
            table[row, c.CLOSED] = 1
        return
    if flags & SYN_FLAG:
        if flags & ACK_FLAG == 0:
            table[row, c.FIRST_TIME] = segments[i, wire.TIME]
        if table[row, c.SEEN_0 + side] == 0:
            table[row, c.TIDY_0 + side] = sequence
        table[row, c.SYN_0 + side] = 2 if flags & ACK_FLAG else 1
        table[row, c.ISN_0 + side] = sequence
        size += 1
    else:
        table[row, c.ANSWERED] = 1
    if table[row, c.SEEN_0 + side] == 0 or (
        table[row, c.BYTES] < LATE_SYN and -FAR < distance(sequence, table[row, c.LOW_0 + side]) < 0
    ):
        table[row, c.SEEN_0 + side] = 1
        table[row, c.LOW_0 + side] = sequence
    if flags & FIN_FLAG:
        size += 1
        if is_near(table, row, side, sequence):
            table[row, c.FIN_0 + side] = 1
            if table[row, c.FIN_1 - side] > 0:
                table[row, c.CLOSED] = 1
    table[row, c.EDGE_0 + side] = (sequence + size) & 0xFFFFFFFF
    if size > 0:
        in_order = table[row, c.TIDY_0 + side] == sequence
        table[row, c.TIDY_0 + side] = table[row, c.EDGE_0 + side] if in_order else -1
    if flags & ACK_FLAG:
        table[row, c.EDGE_1 - side] = segments[i, wire.ACK]
        if table[row, c.FIN_1 - side] == 1 and table[row, c.TIDY_1 - side] == segments[i, wire.ACK]:
            table[row, c.FIN_1 - side] = 2
