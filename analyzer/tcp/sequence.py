"""Sequence numbers and flags of TCP (RFC 9293), and how far numbers are believed."""

from __future__ import annotations

from analyzer.kernel import helper

# Flags (RFC 9293 section 3.1)
FIN_FLAG, SYN_FLAG, RST_FLAG, ACK_FLAG = 1, 2, 4, 16

#: A segment further than this from where its stream stands belongs to another time. RFC 7323 section 2.3: no window is
#: larger.
FAR = 1 << 30

#: A RST or FIN further than this from where its stream stands is forged or stray, and so is data that nobody
#: acknowledges while other data is. No usual system has a larger window (Linux' tcp_rmem: 6 MiB).
NEAR = 1 << 24


@helper
def distance(a: int, b: int) -> int:
    """Give a - b of two sequence numbers, which wrap at 2**32 (RFC 9293 section 3.4)."""
    return ((a - b + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
