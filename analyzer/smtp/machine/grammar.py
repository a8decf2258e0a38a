"""What the octets of one line say: verbs, reply codes, numbers (RFC 5321 section 4)."""

from __future__ import annotations

from typing import Any

from analyzer.kernel import helper
from analyzer.smtp.machine.work import K

CR, LF, SPACE, TAB, DASH, POINT, STAR, COLON, QUOTE, BRACE = 13, 10, 32, 9, 45, 46, 42, 58, 34, 123


@helper
def text_end(stream: Any, start: int, lf: int) -> Any:
    """Give where a line's text ends: before CR LF or LF."""
    return lf - 1 if lf > start and stream[lf - 1] == CR else lf


@helper
def skip_space(stream: Any, at: int, end: int) -> Any:
    """Give where the next byte is that is no white space."""
    while at < end and (stream[at] == SPACE or stream[at] == TAB):
        at += 1
    return at


@helper
def skip_word(stream: Any, at: int, end: int) -> Any:
    """Give where the next word begins, behind the word at `at` and the white space around it."""
    at = skip_space(stream, at, end)
    while at < end and stream[at] != SPACE and stream[at] != TAB:
        at += 1
    return skip_space(stream, at, end)


@helper
def verb_of(stream: Any, start: int, end: int, verbs: Any) -> Any:
    """Give the row of `verbs` that a line begins with, -1 for none (RFC 5321 section 2.4: case does not matter)."""
    at = skip_space(stream, start, end)
    low = 0
    high = 0
    n = 0
    while at < end and stream[at] != SPACE and stream[at] != TAB:
        byte = int(stream[at])
        if 97 <= byte <= 122:
            byte -= 32
        if n == 16 or byte > 127:
            return -1
        if n < 8:
            low |= byte << (7 * n)
        else:
            high |= byte << (7 * (n - 8))
        n += 1
        at += 1
    for row in range(len(verbs)):
        if verbs[row, 0] == low and verbs[row, 1] == high:
            return row
    return -1


@helper
def is_command(stream: Any, start: int, end: int, verbs: Any) -> Any:
    """Say whether a line that may be an answer, or text, has the form of a command (base64 holds no blank or colon)."""
    row = verb_of(stream, start, end, verbs)
    if row < 0 or verbs[row, 2] < 0:
        return False
    kind = verbs[row, 2]
    rest = skip_word(stream, start, end)
    if kind == K.MAIL or kind == K.RCPT:
        while rest < end and stream[rest] != COLON:
            rest += 1
        return rest < end
    if kind == K.HELLO or kind == K.LHLO or kind == K.AUTH or kind == K.BDAT:
        return rest < end
    return kind == K.PLAIN or rest == end


@helper
def reply_code(stream: Any, start: int, end: int) -> Any:
    """Give the code of a reply line, 0 where it is none (RFC 5321 section 4.2)."""
    if end - start < 3:
        return 0
    code = 0
    for i in range(start, start + 3):
        byte = int(stream[i])
        if byte < 48 or byte > 57:
            return 0
        code = code * 10 + byte - 48
    if code < 200 or code > 599:
        return 0
    if end - start > 3 and stream[start + 3] != SPACE and stream[start + 3] != DASH and stream[start + 3] != TAB:
        return 0
    return code


@helper
def reply_kind(stream: Any, start: int, end: int, code: int, codes: Any) -> Any:
    """Give the kind of a reply; a 334 whose text is an enhanced code of class 4 or 5 is final."""
    kind = codes[code]
    if kind == K.R334 and end - start > 8 and (stream[start + 4] == 52 or stream[start + 4] == 53):
        if stream[start + 5] == POINT and 48 <= stream[start + 6] <= 57:
            return K.R334_FINAL
    return kind


@helper
def number_at(stream: Any, at: int, end: int) -> Any:
    """Give the decimal number at `at`, 0 for none, at most about 2**40."""
    value = 0
    while at < end and 48 <= stream[at] <= 57 and value < 1 << 40:
        value = value * 10 + int(stream[at]) - 48
        at += 1
    return value


@helper
def is_last(stream: Any, start: int, end: int) -> Any:
    """Say whether a BDAT line ends with LAST (RFC 3030 section 2)."""
    rest = skip_word(stream, skip_word(stream, start, end), end)
    return end - rest >= 4 and (stream[rest] & 0xDF) == 76 and (stream[rest + 1] & 0xDF) == 65


@helper
def is_json(stream: Any, start: int, end: int) -> Any:
    """Say whether a challenge begins as JSON does, bare or in base64 ("ey", "ew"): RFC 7628 section 3.2.2."""
    if end - start < 4:
        return 0
    if stream[start] == BRACE:
        return 1 if stream[skip_space(stream, start + 1, end - 1)] == QUOTE else 0
    if stream[start] != 101:
        return 0
    return 1 if stream[start + 1] == 121 or stream[start + 1] == 119 else 0
