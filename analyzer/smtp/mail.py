"""Mail transactions (RFC 5321 section 3.3) of a batch as columns: rows of the table `messages`.

A transaction goes from MAIL to the unit that ends it: a stretch of the units of its session. What happened in it is the
difference of running counts at its two ends. Where MAIL was not captured, it begins with the first unit whose reply
shows that one is under way.
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


#: Units that begin, change or end a transaction; those that are a part of one; those that end one whatever the reply
#: is; and those whose reply tells what became of the message.
_IN_MAIL: Final = _kinds(Kind.MAIL, Kind.RCPT, Kind.DATA, Kind.BDAT, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO)
_PARTS: Final = _kinds(Kind.MAIL, Kind.RCPT, Kind.DATA, Kind.BDAT, Kind.DOT)
_ENDS: Final = _kinds(Kind.MAIL, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO)
_TELLS: Final = _kinds(Kind.DATA, Kind.BDAT, Kind.DOT)

#: Reply codes that are positive completion, that refuse, and with which DATA ends nothing (0: none was seen).
_GOOD: Final = np.array([law.is_good(code) for code in range(600)])
_BAD: Final = np.array([law.is_bad(code) for code in range(600)])
_GOES_ON: Final = (0, law.GO_ON)

#: Columns of what replies are.
_ACCEPTED, _REFUSED, _LOST = range(3)

#: In the place of a unit of MAIL: an earlier part of the session had it, and: it was not captured.
EARLIER, UNSEEN = -1, -2

#: M_OPEN of a transaction whose MAIL was not captured.
_OPEN_UNSEEN: Final = 2

#: A reverse-path, in brackets or not: a quoted string in it may hold blanks and brackets (RFC 5321 section 4.1.2). One
#: that nobody closes goes to the end of the line, so that no octet is looked at twice.
_PATH: Final = re.compile(rb'\s*((?:"(?:\\.|[^"\\])*"?|[^\s"]+)*)', re.DOTALL)


class Ended(NamedTuple):
    """Transactions that are over, one a row, those of a session in order."""

    session: Array  # row of the session
    n: Array  # number in it, from 1
    first: Array  # its unit of MAIL, else EARLIER or UNSEEN
    at: Array
    accepted: Array  # recipients, NULL where nobody knows
    refused: Array
    size: Array  # octets, NULL where nobody knows
    chunks: Array
    unit: Array  # the one whose reply ended it; -1: none did


class _Units(NamedTuple):
    """The units of a batch that are about mail, and one behind them that is of no session."""

    numbers: Array
    rows: Array  # int64[n, U_WIDTH]
    kind: Array
    owner: Array
    replies: Array  # bool[n, 3]: the reply is positive; it refuses; it is among bytes that were not captured
    each: Array  # it is about one recipient of the message (LMTP)
    head: Array  # where the first reply to the same message is; else itself
    ends: Array  # a transaction ends here

    @property
    def good(self) -> Array:
        """Whether the reply is positive."""
        return self.replies[:, _ACCEPTED]


class _Stretches(NamedTuple):
    """Transactions, those under way too: where in the units each begins (EARLIER: before them) and where it ends."""

    session: Array
    first: Array
    start: Array  # the first unit behind MAIL
    last: Array  # the unit that ends it, else the first one that is not of its session
    over: Array  # whether a unit ends it
    refused: Array  # MAIL was, and it ends there


def follow(rows: Rows, said: Said, shown: Array, mail: Array) -> tuple[Ended, Array]:
    """Follow the transactions of a batch, of which `shown` numbers the units that count.

    `mail` (int64[sessions, M_WIDTH]) holds what earlier parts left, and gets what this one leaves. Gives what is over
    and, by session, the unit of MAIL of the transaction that began here and is under way, else UNSEEN or EARLIER.
    """
    units = _units(rows, said, _that_count(rows, said, shown, mail), mail)
    of = _stretches(units, mail)
    chunk = (units.kind == Kind.BDAT) & (units.head == np.arange(len(units.head)))
    left = np.where(of.first[:, None] < 0, mail[of.session], 0)
    first = np.where(units.kind[of.first] == Kind.MAIL, units.numbers[of.first], UNSEEN)
    first[of.first < 0] = EARLIER
    at = np.where(of.first < 0, left[:, s.M_AT], units.rows[of.first, s.U_AT])
    unseen = (first == UNSEEN) | (left[:, s.M_OPEN] == _OPEN_UNSEEN)
    answers = left[:, s.M_ACCEPTED : s.M_LOST + 1] + _counted(of, units.replies & (units.kind == Kind.RCPT)[:, None])
    chunks = left[:, s.M_CHUNKS] + _counted(of, chunk)
    octets = left[:, s.M_OCTETS] + _counted(of, np.where(chunk, units.rows[:, s.U_SIZE], 0))
    state = np.column_stack((1 + unseen, at, answers, chunks, octets))

    last = _decisive(units, of)
    end, tells = units.rows[last], of.over & ~of.refused & _TELLS[units.kind[last]]
    dot = tells & (end[:, s.U_KIND] == Kind.DOT)
    known = dot & (end[:, s.U_FLAGS] & int(Flag.GAP_CLIENT) == 0)
    size = np.where(known, end[:, s.U_SIZE], np.where(chunks > 0, octets, NULL))
    replied = (tells | of.refused) & (end[:, s.U_CODE] > 0) & (end[:, s.U_REPLY_LENGTH] > 0)
    taken = replied & units.good[last] & (dot | (chunks > 0))

    over = of.over | (rows.sessions[of.session, c.FINAL] == 1)
    n = mail[of.session, s.M_COUNT] + 1 + np.arange(len(over)) - np.searchsorted(of.session, of.session)
    unit = np.where(replied, units.numbers[last], -1)
    each = replied & units.each[last]  # what RCPT accepted it did for the time being
    answers[each] = answers[each] * (0, 1, 0) + _counted(of, units.replies & units.each[:, None])[each]
    recipients = _recipients(answers, taken, unseen)
    ended = Ended(*(column[over] for column in (of.session, n, first, at, *recipients, size, chunks, unit)))
    for column, which in ((s.M_COUNT, over), (s.M_TAKEN, taken), (s.M_UNSURE, tells & units.replies[last, _LOST])):
        mail[:, column] += np.bincount(of.session[which], minlength=len(mail))
    mail[:, s.M_OPEN :] = 0
    mail[of.session[~over], s.M_OPEN :] = state[~over]
    under_way = np.full(len(mail), EARLIER)
    under_way[of.session[~over]] = first[~over]
    return ended, under_way


def taken(mail: Array) -> Array:
    """Say how many messages the server took; NULL where no reply was seen that says so, and one is missing."""
    many: Array = np.where((mail[:, s.M_TAKEN] == 0) & (mail[:, s.M_UNSURE] > 0), NULL, mail[:, s.M_TAKEN])
    return many


def _units(rows: Rows, said: Said, shown: Array, mail: Array) -> _Units:
    """Take the units of sessions that have a transaction."""
    kinds, owners = (said.of(column, shown) for column in (s.U_KIND, s.U_SESSION))
    mailing = mail[:, s.M_OPEN] > 0
    mailing[owners[_PARTS[kinds]]] = True
    numbers = np.append(shown[_IN_MAIL[kinds] & mailing[owners]], -1)
    units = np.zeros((len(numbers), s.U_WIDTH), np.int64)
    units[:-1] = rows.units.take(numbers[:-1], axis=0)
    units[-1, s.U_SESSION], units[-1, s.U_KIND] = len(mail), Kind.RSET  # what is under way ends here at the latest
    kind, code, owner = (np.ascontiguousarray(units[:, column]) for column in (s.U_KIND, s.U_CODE, s.U_SESSION))
    good, bad, chunk = _GOOD[code], _BAD[code], kind == Kind.BDAT
    lost = (code == 0) & (numbers < np.append(_heard(rows), -1)[owner])
    ends = _ENDS[kind] | (chunk & bad) | ((kind == Kind.DATA) & ~among(code, _GOES_ON))
    lines, which = said.lines(numbers[chunk])
    ends[chunk] |= np.array([line.upper().split()[-1:] == [b"LAST"] for line in lines], bool)[which]
    each, further = (units[:, s.U_FLAGS] & int(flag) != 0 for flag in (Flag.RECIPIENT, Flag.FURTHER))
    ends = (ends | further) & ~np.append(further[1:], False)  # of several replies to a message, the last one ends it
    head = np.maximum.accumulate(np.where(further, 0, np.arange(len(units))))
    return _Units(numbers, units, kind, owner, np.column_stack((good, bad, lost)), each, head, ends)


def _that_count(rows: Rows, said: Said, shown: Array, mail: Array) -> Array:
    """Leave out units of MAIL that was refused since a transaction is under way: that one goes on (RFC 5321 3.3)."""
    nested: Array = (said.of(s.U_KIND, shown) == Kind.MAIL) & (said.of(s.U_CODE, shown) == law.BAD_SEQUENCE)
    if not nested.any():
        return shown
    units, behind = _units(rows, said, shown[~nested], mail), len(rows.units)
    of = _stretches(units, mail)
    width = behind + 1 - EARLIER  # of the numbers of units, EARLIER among them, that each session has a range of
    begins = of.session * width + np.where(of.first < 0, EARLIER, units.numbers[of.first])
    ends = of.session * width + np.where(of.over, units.numbers[of.last], behind)
    number = said.of(s.U_SESSION, shown[nested]) * width + shown[nested]
    around = np.searchsorted(begins, number) - 1  # the last one that began before
    nested[nested] = (around >= 0) & (number < np.append(ends, 0)[around])
    return shown[~nested]


def _heard(rows: Rows) -> Array:
    """Give, by session, the first unit that really has no reply: that to one before it is among missing bytes."""
    final = rows.sessions[:, c.FINAL] == 1
    whole = (rows.states[:, s.SERVER_GAP] == 0) & (rows.states[:, s.FLAGS] & int(Flag.ONE_SIDED) == 0)
    first: Array = np.where(final & whole, rows.states[:, s.OPEN], len(rows.units))
    return first


def _stretches(units: _Units, mail: Array) -> _Stretches:
    """Find the transactions among units, those that are under way at their beginning too."""
    owner, held = units.owner, np.flatnonzero(mail[:, s.M_OPEN])
    begun = np.sort(np.append(np.flatnonzero(units.kind == Kind.MAIL), _unannounced(units, mail)))
    session, first = np.concatenate((held, owner[begun])), np.concatenate((np.full(len(held), EARLIER), begun))
    start = np.concatenate((np.searchsorted(owner, held), begun + (units.kind[begun] == Kind.MAIL)))
    order = np.argsort(session, kind="stable")
    session, first, start = session[order], first[order], start[order]
    refused = (first >= 0) & (units.kind[first] == Kind.MAIL) & units.replies[first, _REFUSED]
    stops = np.flatnonzero(units.ends)
    last = stops[np.searchsorted(stops, start)]
    over = owner[last] == session
    last = np.where(over, last, np.searchsorted(owner, session, "right"))
    return _Stretches(session, first, start, np.where(refused, first, last), over | refused, refused)


def _decisive(units: _Units, of: _Stretches) -> Array:
    """Find the units whose reply tells what became of each transaction: the one that ends it.

    Where each recipient has a reply (RFC 2033 section 4.2), the first that is positive, else the first.
    """
    head, good = units.head[of.last], np.append(np.flatnonzero(units.good), len(units.head))
    first = good[np.searchsorted(good, head)]
    decisive: Array = np.where(first <= of.last, first, head)
    return decisive


def _unannounced(units: _Units, mail: Array) -> Array:
    """Find the units that show a transaction under way where no MAIL was seen: of each one, the first."""
    kind, owner = units.kind, units.owner
    taken = units.good & ((kind == Kind.RCPT) | (kind == Kind.BDAT))
    shows = np.flatnonzero(taken | (kind == Kind.DOT) | ((kind == Kind.DATA) & (units.rows[:, s.U_CODE] == law.GO_ON)))
    stops = np.flatnonzero(units.ends)
    before = stops[np.searchsorted(stops, shows) - 1]  # for none the last, which is of no session
    opened = (kind[before] == Kind.MAIL) & ~units.replies[before, _REFUSED]
    under_way = np.where(owner[before] == owner[shows], opened, mail[owner[shows], s.M_OPEN] > 0)
    shows, before = shows[~under_way], before[~under_way]
    new: Array = np.diff(before, prepend=-1) | np.diff(owner[shows], prepend=-1) != 0
    first: Array = units.head[shows[new]]
    return first


def _counted(of: _Stretches, values: Array) -> Array:
    """Sum what the units of each transaction have."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]), np.int64)
    np.cumsum(values, axis=0, out=sums[1:])
    many: Array = sums[of.last + of.over] - sums[of.start]
    many[of.refused] = 0
    return many


def _recipients(answers: Array, taken: Array, unseen: Array) -> tuple[Array, Array]:
    """Say how many recipients were accepted and refused, as far as replies about them were captured.

    A message that was taken had a recipient: the only one, if a single reply is missing.
    """
    accepted, refused, lost = answers.T
    accepted = accepted + (taken & (accepted == 0) & (lost == 1) & ~unseen)
    unknown = (accepted + refused == 0) & (taken | unseen | (lost > 0))
    return np.where(unknown | (taken & (accepted == 0)), NULL, accepted), np.where(unknown, NULL, refused)


def paths(said: Said, numbers: Array) -> Text:
    """Give the reverse-paths of units of MAIL; negative ones: unknown."""
    lines, which = said.lines(np.maximum(numbers, -1))
    made = Text.of([*map(_path, lines)]).take(which)
    return Text(np.where(numbers < 0, -1, made.codes).astype(np.int32), made.words)


def _path(line: bytes) -> str:
    found = _PATH.match(line.partition(b":")[2])
    return printable(found[1] if found else b"")


def columns(ended: Ended, said: Said, left: Text) -> dict[str, Any]:
    """Give the columns of `messages`, but for the session's id; `left`, by session: paths that earlier parts had."""
    carried = np.flatnonzero(ended.first == EARLIER)
    code, enhanced, text = said.replies(ended.unit)
    return {
        **{name: getattr(ended, name) for name in ("n", "at", "accepted", "refused", "size", "chunks")},
        "mail_from": paths(said, ended.first).put(carried, left.take(ended.session[carried])),
        "code": code,
        "enhanced": enhanced,
        "text": text,
    }
