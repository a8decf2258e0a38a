"""Units to mail transactions (RFC 5321 section 3.3): rows of the table `messages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.encoding import printable
from analyzer.smtp.law import Flag, Kind
from analyzer.smtp.reply import reply_of

if TYPE_CHECKING:
    from analyzer.smtp.said import Said

#: Kinds of units that begin, change or end a transaction.
IN_MAIL: Final = (Kind.MAIL, Kind.RCPT, Kind.DATA, Kind.BDAT, Kind.DOT, Kind.RSET, Kind.HELLO, Kind.LHLO)

_RESETS: Final = (Kind.RSET, Kind.HELLO, Kind.LHLO)

#: A transaction that is over: its number, the columns of `messages` from `at` to `chunks`, and the unit whose reply
#: ends it (-1: none does).
Row = tuple[int, int, str | None, int, int, int | None, int, int]


@dataclass(slots=True)
class Transaction:
    """A mail transaction that is under way."""

    at: int
    mail_from: str | None
    accepted: int = 0
    refused: int = 0
    size: int | None = None
    chunks: int = 0
    whole: bool = False  # an end of the message was seen, or a chunk of it


@dataclass(slots=True)
class Mailbag:
    """The transactions of one session: how many there were, how many the server took, and the one under way."""

    count: int = 0
    taken: int = 0
    open: Transaction | None = None

    def feed(self, said: Said, number: int) -> list[Row]:
        """Take a unit; gives the transactions that end with it."""
        kind, code = said.units[number, s.U_KIND], said.units[number, s.U_CODE]
        ended: list[Row] = []
        if kind == Kind.MAIL:
            ended += self.end(said)
            path = said.line(number).partition(b":")[2].split(None, 1)
            self.open = Transaction(said.units[number, s.U_AT], printable(path[0] if path else b""))
            if not law.is_good(code):
                ended += self.end(said, number)
        if self.open is None:
            return ended
        if kind == Kind.RCPT:
            self.open.accepted += law.is_good(code)
            self.open.refused += not law.is_good(code)
        elif kind == Kind.BDAT:
            self.open.chunks += 1
            self.open.whole = True
            self.open.size = (self.open.size or 0) + said.units[number, s.U_SIZE]
            if not law.is_good(code) or said.line(number).upper().split()[-1:] == [b"LAST"]:
                ended += self.end(said, number)
        elif kind == Kind.DOT:
            self.open.whole = True
            if not said.units[number, s.U_FLAGS] & int(Flag.GAP_CLIENT):
                self.open.size = said.units[number, s.U_SIZE]
            ended += self.end(said, number)
        elif kind in _RESETS or (kind == Kind.DATA and code not in (0, law.GO_ON)):
            ended += self.end(said, number if kind == Kind.DATA else None)
        return ended

    def end(self, said: Said, number: int | None = None) -> list[Row]:
        """End the transaction under way, if there is one, with the reply to unit `number`."""
        mail, self.open = self.open, None
        if mail is None:
            return []
        self.count += 1
        unit = -1 if number is None or not said.reply(number) else number
        self.taken += unit >= 0 and law.is_good(said.units[unit, s.U_CODE]) and mail.whole
        return [(self.count, mail.at, mail.mail_from, mail.accepted, mail.refused, mail.size, mail.chunks, unit)]


def columns(rows: list[tuple[Any, ...]], said: Said) -> dict[str, Any]:
    """Give the columns of `messages`, but for the session's id, of rows that begin with its number in the batch."""
    names = ("batch", "n", "at", "mail_from", "accepted", "refused", "size", "chunks", "unit")
    made: dict[str, Any] = dict(zip(names, zip(*rows, strict=True), strict=True))
    replies = [(reply_of(said.reply(unit)), unit) if unit >= 0 else None for unit in made.pop("unit")]
    return made | {
        "code": [said.units[reply[1], s.U_CODE] if reply else None for reply in replies],
        "enhanced": [reply[0].enhanced if reply else None for reply in replies],
        "text": [said.shown(*reply) if reply else None for reply in replies],
    }
