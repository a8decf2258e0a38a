"""Mail transactions (RFC 5321 section 3.3) of a batch as columns: rows of the table `messages`.

A transaction goes from MAIL to the unit that ends it: a stretch of the units of its session. What happened in it is the
difference of running counts at its two ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.encoding import printable
from analyzer.smtp.law import Flag, Kind
from analyzer.tables import Text, among
from analyzer.tcp import columns as c

if TYPE_CHECKING:
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.said import Said

    Array = np.ndarray[Any, Any]


def _kinds(*kinds: Kind) -> Array:
    """Say of each kind of unit whether it is one of these."""
    return among(np.arange(len(Kind)), kinds)


#: Units that begin, change or end a transaction; those that end one whatever the reply is; and those whose reply tells
#: what became of the message.
_IN_MAIL: Final = _kinds(Kind.MAIL, Kind.RCPT, Kind.DATA, Kind.BDAT, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO)
_ENDS: Final = _kinds(Kind.MAIL, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO)
_TELLS: Final = _kinds(Kind.DATA, Kind.BDAT, Kind.DOT)

#: Reply codes that are positive completion, that refuse, and with which DATA ends nothing (0: none was seen).
_GOOD: Final = np.array([law.is_good(code) for code in range(600)])
_BAD: Final = np.array([law.is_bad(code) for code in range(600)])
_GOES_ON: Final = (0, law.GO_ON)

#: A reverse-path, in brackets or not: a quoted string in it may hold blanks and brackets (RFC 5321 section 4.1.2). One
#: that nobody closes goes to the end of the line, so that no octet is looked at twice.
_PATH: Final = re.compile(rb'\s*((?:"(?:\\.|[^"\\])*"?|[^\s"]+)*)', re.DOTALL)


class Ended(NamedTuple):
    """Transactions that are over, one a row, those of a session in order."""

    session: Array  # row of the session
    n: Array  # number in it, from 1
    first: Array  # its unit of MAIL; -1: an earlier part of the session had it
    at: Array
    accepted: Array  # recipients
    refused: Array
    size: Array  # octets, NULL where nobody knows
    chunks: Array
    unit: Array  # the one whose reply ended it; -1: none did


class _Stretches(NamedTuple):
    """Transactions, those under way too: where in `units` each begins (-1: in an earlier part) and where it ends."""

    session: Array
    first: Array
    start: Array  # the first unit behind MAIL
    last: Array  # the unit that ends it, else the first one that is not of its session
    over: Array  # whether a unit ends it
    refused: Array  # MAIL was, and it ends there


def follow(rows: Rows, said: Said, shown: Array, mail: Array) -> tuple[Ended, Array]:
    """Follow the transactions of a batch, of which `shown` numbers the units that count.

    `mail` (int64[sessions, M_WIDTH]) holds what earlier parts left, and gets what this one leaves. Gives what is over
    and, by session, the unit of MAIL of the transaction under way (-1: no unit of this batch).
    """
    kinds, owners = (said.of(column, shown) for column in (s.U_KIND, s.U_SESSION))
    mailing = mail[:, s.M_OPEN] > 0
    mailing[owners[kinds == Kind.MAIL]] = True
    numbers = np.append(shown[_IN_MAIL[kinds] & mailing[owners]], -1)
    units = np.zeros((len(numbers), s.U_WIDTH), np.int64)
    units[:-1] = rows.units.take(numbers[:-1], axis=0)
    units[-1, s.U_SESSION], units[-1, s.U_KIND] = len(mail), Kind.RSET  # what is under way ends here at the latest
    kind, chunk = units[:, s.U_KIND], units[:, s.U_KIND] == Kind.BDAT
    good, bad = _GOOD[units[:, s.U_CODE]], _BAD[units[:, s.U_CODE]]
    ends = _ENDS[kind] | (chunk & ~good) | ((kind == Kind.DATA) & ~among(units[:, s.U_CODE], _GOES_ON))
    lines, which = said.lines(numbers[chunk])
    ends[chunk] |= np.array([line.upper().split()[-1:] == [b"LAST"] for line in lines], bool)[which]
    of = _stretches(units, ends, good, np.flatnonzero(mail[:, s.M_OPEN]))

    left = np.where(of.first[:, None] < 0, mail[of.session], 0)
    at = np.where(of.first < 0, left[:, s.M_AT], units[of.first, s.U_AT])
    accepted = left[:, s.M_ACCEPTED] + _counted(of, (kind == Kind.RCPT) & good)
    refused = left[:, s.M_REFUSED] + _counted(of, (kind == Kind.RCPT) & bad)
    chunks = left[:, s.M_CHUNKS] + _counted(of, chunk)
    octets = left[:, s.M_OCTETS] + _counted(of, np.where(chunk, units[:, s.U_SIZE], 0))
    end = units[of.last]
    dot = of.over & ~of.refused & (end[:, s.U_KIND] == Kind.DOT)
    known = dot & (end[:, s.U_FLAGS] & int(Flag.GAP_CLIENT) == 0)
    size = np.where(known, end[:, s.U_SIZE], np.where(chunks > 0, octets, NULL))
    tells = of.refused | (of.over & _TELLS[end[:, s.U_KIND]])
    replied = tells & (end[:, s.U_CODE] > 0) & (end[:, s.U_REPLY_LENGTH] > 0)
    taken = replied & _GOOD[end[:, s.U_CODE]] & (dot | (chunks > 0))

    over = of.over | (rows.sessions[of.session, c.FINAL] == 1)
    n = mail[of.session, s.M_COUNT] + 1 + np.arange(len(over)) - np.searchsorted(of.session, of.session)
    first, unit = numbers[of.first], np.where(replied, numbers[of.last], -1)
    ended = Ended(*(column[over] for column in (of.session, n, first, at, accepted, refused, size, chunks, unit)))
    mail[:, s.M_COUNT] += np.bincount(ended.session, minlength=len(mail))
    mail[:, s.M_TAKEN] += np.bincount(of.session[taken], minlength=len(mail))
    mail[:, s.M_OPEN :] = 0
    mail[of.session[~over], s.M_OPEN :] = np.stack((~over, at, accepted, refused, chunks, octets), axis=1)[~over]
    under_way = np.full(len(mail), -1)
    under_way[of.session[~over]] = first[~over]
    return ended, under_way


def _stretches(units: Array, ends: Array, good: Array, held: Array) -> _Stretches:
    """Find the transactions among units, behind which stands one of no session; `held` have one under way."""
    owner = units[:, s.U_SESSION]
    begun = np.flatnonzero(units[:, s.U_KIND] == Kind.MAIL)
    session, first = np.concatenate((held, owner[begun])), np.concatenate((np.full(len(held), -1), begun))
    start = np.concatenate((np.searchsorted(owner, held), begun + 1))
    order = np.argsort(session, kind="stable")
    session, first, start = session[order], first[order], start[order]
    refused = (first >= 0) & ~good[first]
    stops = np.flatnonzero(ends)
    last = stops[np.searchsorted(stops, start)]
    over = owner[last] == session
    last = np.where(over, last, np.searchsorted(owner, session, "right"))
    return _Stretches(session, first, start, np.where(refused, first, last), over | refused, refused)


def _counted(of: _Stretches, values: Array) -> Array:
    """Sum what the units of each transaction have."""
    sums = np.append(0, np.cumsum(values))
    many: Array = np.where(of.refused, 0, sums[of.last + of.over] - sums[of.start])
    return many


def paths(said: Said, numbers: Array) -> Text:
    """Give the reverse-paths of units of MAIL; -1: unknown."""
    lines, which = said.lines(numbers)
    made = Text.of([*map(_path, lines)]).take(which)
    return Text(np.where(numbers < 0, -1, made.codes).astype(np.int32), made.words)


def _path(line: bytes) -> str:
    found = _PATH.match(line.partition(b":")[2])
    return printable(found[1] if found else b"")


def columns(ended: Ended, said: Said, left: Text) -> dict[str, Any]:
    """Give the columns of `messages`, but for the session's id; `left`, by session: paths that earlier parts had."""
    carried = np.flatnonzero(ended.first < 0)
    code, enhanced, text = said.replies(ended.unit)
    return {
        **{name: getattr(ended, name) for name in ("n", "at", "accepted", "refused", "size", "chunks")},
        "mail_from": paths(said, ended.first).put(carried, left.take(ended.session[carried])),
        "code": code,
        "enhanced": enhanced,
        "text": text,
    }
