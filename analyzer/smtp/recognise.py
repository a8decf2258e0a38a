"""Tell SMTP from everything else by content, find the client, and strip what a proxy puts in front.

A handshake tells who the client is; without one, replies come from the server and verbs from the client. TLS from the
first byte is taken for SMTP on the ports of RFC 8314 and the usual others; nothing else is decided by ports alone.
"""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper, kernel
from analyzer.smtp.columns import CLIENT, CPOS, FLAGS, MODE, SPOS, TLS
from analyzer.smtp.law import SHARED_KINDS, TELLING_CODES
from analyzer.smtp.machine.grammar import LF, SPACE, reply_code, text_end, verb_of
from analyzer.smtp.machine.work import F, M
from analyzer.tcp.columns import LENGTH_0, PORT_0, PORT_1, SEEN_0, STREAM_0, SYN_0
from analyzer.tcp.state import TLS_PORTS, is_tls
from analyzer.wire.octets import alike, be16, find_octet

#: Bytes of a side that are looked at, and lines of them.
LOOK_BYTES, LOOK_LINES = 8192, 64

#: Ports on which a greeting or reply without further signs is taken for SMTP (IANA: 25, 465, 587; LMTP 24; customs).
MAIL_PORTS = (25, 587, 465, 24, 26, 2525, 10024, 10025, 10026, 2526, 5870, 1025)

#: Those of TLS_PORTS on which STARTTLS is the custom: where the beginning is missing, nobody knows how TLS came about.
STARTTLS_PORTS = (25, 587, 2525)

# what is found of a session
IS_SMTP, VIA, VIA_AT, VIA_LENGTH, FOUND_WIDTH = range(5)
VIAS = ("", "socks4", "socks5", "connect", "proxy-v1", "proxy-v2")
SOCKS4, SOCKS5, CONNECT, PROXY_1, PROXY_2 = range(1, 6)

# what is counted in a side
REPLIES, OWN, SHARED, FOREIGN, OTHERS, BANNER, FIRST_CODE, AUTH_CODES, SIGNS = range(9)
SHARED_LIST = tuple(sorted(int(kind) for kind in SHARED_KINDS))


@helper
def names_smtp(stream: Any, at: int, end: int) -> Any:
    """Say whether a greeting names SMTP or LMTP (ESMTP, SMTPS and the like included)."""
    while at + 4 <= end:
        if (
            (stream[at] & 0xDF) in (83, 76)
            and (stream[at + 1] & 0xDF) == 77
            and (stream[at + 2] & 0xDF) == 84
            and (stream[at + 3] & 0xDF) == 80
        ):
            return True
        at += 1
    return False


@helper
def count_signs(stream: Any, at: int, end: int, verbs: Any, signs: Any, side: int) -> None:
    """Count the kinds of lines at the beginning of a side."""
    for sign in range(SIGNS):
        signs[side, sign] = 0
    end = min(end, at + LOOK_BYTES)
    for line in range(LOOK_LINES):
        lf = find_octet(stream, LF, at, end)
        if lf < 0:
            return
        stop = text_end(stream, at, lf)
        code = reply_code(stream, at, stop)
        row = verb_of(stream, at, stop, verbs) if code == 0 else -1
        if code > 0:
            signs[side, REPLIES] += 1
            if line == 0:
                signs[side, FIRST_CODE] = code
                signs[side, BANNER] = 1 if names_smtp(stream, at, stop) else 0
            if code in TELLING_CODES:
                signs[side, AUTH_CODES] += 1
        elif row < 0:
            signs[side, OTHERS] += 1
        elif verbs[row, 2] < 0:
            signs[side, FOREIGN] += 1
        elif verbs[row, 2] in SHARED_LIST:
            signs[side, SHARED] += 1
        else:
            signs[side, OWN] += 1
        at = lf + 1


@helper
def looks_like(stream: Any, at: int, end: int, text: Any) -> Any:
    """Say whether the bytes at `at` are those of `text`, an array."""
    return end - at >= len(text) and alike(stream[at : at + len(text)], text)


@helper
def after_blank_line(stream: Any, at: int, end: int) -> Any:
    """Give where the text behind the first empty line begins, -1 for none."""
    while at < end:
        lf = find_octet(stream, LF, at, end)
        if lf < 0:
            return -1
        if text_end(stream, at, lf) == at:
            return lf + 1
        at = lf + 1
    return -1


@helper
def socks5_address(stream: Any, at: int, end: int) -> Any:
    """Give where the address of a SOCKS5 message ends (RFC 1928 section 4); `at` is where the message begins."""
    if end - at < 5:
        return -1
    kind = int(stream[at + 3])
    size = 4 if kind == 1 else (16 if kind == 4 else (int(stream[at + 4]) + 1 if kind == 3 else -7))
    return at + 4 + size + 2 if size > 0 and at + 6 + size <= end else -1


@helper
def strip_socks5(stream: Any, c: Any, c_end: Any, s: Any, s_end: Any, found: Any, k: int, strip: Any) -> None:
    """Find the end of a SOCKS5 opening on both sides (RFC 1928, user and password: RFC 1929)."""
    if c_end - c < 3 or stream[c] != 5 or s_end - s < 2 or stream[s] != 5:
        return
    method = stream[s + 1]
    c += 2 + int(stream[c + 1])
    s += 2
    if method == 2 and c + 2 < c_end:
        c += 2 + int(stream[c + 1])
        if c >= c_end:
            return
        c += 1 + int(stream[c])
        s += 2
    c_after = socks5_address(stream, c, c_end)
    s_after = socks5_address(stream, s, s_end)
    if c_after > 0 and s_after > 0 and stream[s + 1] == 0:
        found[k, VIA] = SOCKS5
        found[k, VIA_AT] = c + 3
        found[k, VIA_LENGTH] = c_after - c - 3
        strip[0] = c_after
        strip[1] = s_after


@helper
def strip_socks4(stream: Any, c: Any, c_end: Any, s: Any, s_end: Any, found: Any, k: int, strip: Any) -> None:
    """Find the end of a SOCKS4 or 4a request and its reply."""
    if c_end - c < 9 or stream[c] != 4 or stream[c + 1] != 1 or s_end - s < 8 or stream[s] != 0 or stream[s + 1] != 90:
        return
    at = c + 8
    while at < c_end and stream[at] != 0:
        at += 1
    if stream[c + 4] == 0 and stream[c + 5] == 0 and stream[c + 6] == 0 and stream[c + 7] != 0:
        at += 1
        while at < c_end and stream[at] != 0:
            at += 1
    if at < c_end:
        found[k, VIA] = SOCKS4
        found[k, VIA_AT] = c + 2
        found[k, VIA_LENGTH] = at - c - 2
        strip[0] = at + 1
        strip[1] = s + 8


@helper
def strip_proxy(
    stream: Any, c: Any, c_end: Any, s: Any, s_end: Any, words: Any, found: Any, k: int, strip: Any
) -> None:
    """Strip SOCKS, HTTP CONNECT, and the PROXY protocol (versions 1 and 2); `strip` gets where the two sides begin."""
    strip[0] = c
    strip[1] = s
    if c >= c_end:
        return
    if stream[c] == 5:
        strip_socks5(stream, c, c_end, s, s_end, found, k, strip)
    elif stream[c] == 4:
        strip_socks4(stream, c, c_end, s, s_end, found, k, strip)
    elif looks_like(stream, c, c_end, words[0:6]):
        lf = find_octet(stream, LF, c, c_end)
        if lf > 0:
            found[k, VIA] = PROXY_1
            found[k, VIA_AT] = c + 6
            found[k, VIA_LENGTH] = text_end(stream, c, lf) - c - 6
            strip[0] = lf + 1
    elif c_end - c >= 16 and looks_like(stream, c, c_end, words[14:26]):
        size = be16(stream, c + 14)
        if c + 16 + size <= c_end:
            found[k, VIA] = PROXY_2
            found[k, VIA_AT] = c + 12
            found[k, VIA_LENGTH] = 4 + size
            strip[0] = c + 16 + size
    elif looks_like(stream, c, c_end, words[6:14]):
        c_after = after_blank_line(stream, c, c_end)
        s_after = after_blank_line(stream, s, s_end)
        if c_after > 0 and s_after > 0:
            found[k, VIA] = CONNECT
            found[k, VIA_AT] = c + 8
            at = c + 8
            while at < c_end and stream[at] != SPACE and stream[at] != LF:
                at += 1
            found[k, VIA_LENGTH] = at - c - 8
            strip[0] = c_after
            strip[1] = s_after


#: What a proxy's opening begins with: "PROXY ", "CONNECT ", the signature of version 2.
PROXY_WORDS = b"PROXY CONNECT \r\n\r\n\0\r\nQUIT\n"


@helper
def on_port(sessions: Any, k: int, ports: Any) -> Any:
    """Say whether a side of the session has one of these ports."""
    for port in ports:
        if sessions[k, PORT_0] == port or sessions[k, PORT_1] == port:
            return True
    return False


@helper
def find_client(sessions: Any, k: int, signs: Any) -> Any:
    """Give the side that is the client: by the handshake, else by what it says, else by the higher port."""
    for side in range(2):
        if sessions[k, SYN_0 + side] == 1:
            return side
        if sessions[k, SYN_0 + side] == 2:
            return 1 - side
    for side in range(2):
        if signs[side, REPLIES] > signs[side, OTHERS] and signs[1 - side, REPLIES] <= signs[1 - side, OTHERS]:
            return 1 - side
    for side in range(2):
        if signs[side, OWN] > signs[1 - side, OWN]:
            return side
    return 0 if sessions[k, PORT_0] >= sessions[k, PORT_1] else 1


@helper
def judge(sessions: Any, k: int, signs: Any, client: int) -> Any:
    """Say whether the lines are those of SMTP."""
    server = 1 - client
    own = signs[client, OWN]
    foreign = signs[client, FOREIGN]
    heard = sessions[k, SYN_0] > 0 or sessions[k, SYN_0 + 1] > 0
    if heard and signs[server, REPLIES] + signs[server, OTHERS] > 0 and signs[server, FIRST_CODE] == 0:
        # A server of SMTP begins with a reply, or all else is SMTP's: inetd or a loader has said something first.
        if own == 0 or foreign > 0 or signs[server, REPLIES] <= signs[server, OTHERS]:
            return False
    if foreign > 0 and own == 0:
        return False
    if signs[server, REPLIES] > 0:
        if signs[server, BANNER] == 1 or own > 0:
            return True
        return on_port(sessions, k, MAIL_PORTS) or (
            signs[server, AUTH_CODES] > 0 and signs[client, SHARED] + own > 0 and foreign == 0
        )
    return own > 1 or (own > 0 and sessions[k, LENGTH_0 + server] == 0)


@kernel(
    "int64(int64[:, ::1], int64[:, ::1], uint8[::1], int64[:, ::1], uint8[::1], int64[:, ::1], int64[:, ::1],"
    " int64[::1])"
)
def recognise(
    sessions: Any, states: Any, stream: Any, verbs: Any, words: Any, found: Any, signs: Any, strip: Any
) -> Any:
    """Fill MODE, CLIENT, FLAGS, TLS, CPOS, SPOS of `states`, and `found`, for new sessions; gives how many are SMTP."""
    many = 0
    for k in range(len(sessions)):
        for side in range(2):
            at = sessions[k, STREAM_0 + side]
            count_signs(stream, at, at + sessions[k, LENGTH_0 + side], verbs, signs, side)
        client = find_client(sessions, k, signs)
        c = sessions[k, STREAM_0 + client]
        s = sessions[k, STREAM_0 + 1 - client]
        c_end = c + sessions[k, LENGTH_0 + client]
        s_end = s + sessions[k, LENGTH_0 + 1 - client]
        strip_proxy(stream, c, c_end, s, s_end, words, found, k, strip)
        if found[k, VIA] > 0:
            count_signs(stream, strip[0], c_end, verbs, signs, client)
            count_signs(stream, strip[1], s_end, verbs, signs, 1 - client)
        midstream = sessions[k, SYN_0] == 0 and sessions[k, SYN_0 + 1] == 0
        states[k, CLIENT] = client
        states[k, CPOS] = strip[0] - c
        states[k, SPOS] = strip[1] - s
        states[k, MODE] = M.LOST if midstream else M.COMMAND
        flags = F.MIDSTREAM if midstream else 0
        if sessions[k, SEEN_0] == 0 or sessions[k, SEEN_0 + 1] == 0:
            flags |= F.ONE_SIDED
        states[k, FLAGS] = flags
        c_tls = is_tls(stream, strip[0], c_end)
        s_tls = is_tls(stream, strip[1], s_end)
        if (c_tls or strip[0] == c_end) and (s_tls or strip[1] == s_end) and (c_tls or s_tls):
            if on_port(sessions, k, TLS_PORTS):
                states[k, MODE] = M.TLS
                states[k, TLS] = -1 if midstream and on_port(sessions, k, STARTTLS_PORTS) else 2
                found[k, IS_SMTP] = 1
        elif judge(sessions, k, signs, client):
            found[k, IS_SMTP] = 1
        many += found[k, IS_SMTP]
    return many
