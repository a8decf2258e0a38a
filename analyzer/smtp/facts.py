"""What is known of the sessions of a batch beyond the machine's state: columns, one row a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.smtp import columns as s
from analyzer.smtp import law
from analyzer.smtp.encoding import printable
from analyzer.smtp.findings import offer
from analyzer.smtp.law import Kind
from analyzer.smtp.offered import Stages, listed, mechanisms
from analyzer.smtp.products import is_told, product
from analyzer.smtp.said import shown_of
from analyzer.tables import Text, among, distinct
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.smtp.reader import Rows
    from analyzer.smtp.said import Said
    from analyzer.smtp.texts import Texts

    Array = np.ndarray[Any, Any]

#: Facts that are words, or other values that can be compared. `ehlo`: the last reply to a greeting of the client;
#: `offer`: what the first one offers; `mail_from`: the reverse-path of the mail transaction under way, where needed.
WORDS: Final = (
    "via", "banner", "helo", "ehlo", "offered", "offered_tls", "authenticated_as", "tls_version", "sni", "offer",
    "mail_from",
)  # fmt: skip

#: Kinds of units that tell one of them.
_TELLING: Final = among(np.arange(len(Kind)), (Kind.HELLO, Kind.LHLO, Kind.STARTTLS))

#: Facts that are true or not: an AUTH command was seen in an earlier part, so was the begin of TLS; TLS was refused.
FLAGS: Final = ("tried", "secured", "tls_refused")


@dataclass(slots=True)
class Kept:
    """The facts of one session that goes on, its mail transactions, and lines that may hold secrets."""

    words: dict[str, Any]
    flags: dict[str, bool]
    mail: Array  # int64[M_WIDTH]
    secrets: list[bytes] = field(default_factory=list)


@lru_cache(maxsize=4096)
def product_of(banner: str | None, ehlo: bytes) -> str | None:
    """Give the server's product by what it says in its greeting and its answer to EHLO."""
    return product(banner or "", printable(ehlo))


class Facts:
    """The facts of a batch of sessions, of which `before` tells what earlier batches had, by row."""

    def __init__(self, count: int, before: Mapping[int, Kept]) -> None:
        self.values: dict[str, list[Any]] = {name: [] for name in WORDS}
        self._known: dict[str, dict[Any, int]] = {name: {None: -1} for name in WORDS}
        self.codes = {name: np.full(count, -1, np.int32) for name in WORDS}
        self.flags = {name: np.zeros(count, bool) for name in FLAGS}
        self.mail = np.zeros((count, s.M_WIDTH), np.int64)
        self.secrets = {row: kept.secrets for row, kept in before.items() if kept.secrets}
        rows = list(before)
        for name in WORDS:
            self.put(name, rows, [kept.words[name] for kept in before.values()])
        for name in FLAGS:
            self.flags[name][rows] = [kept.flags[name] for kept in before.values()]
        for row, kept in before.items():
            self.mail[row] = kept.mail

    def put(self, name: str, rows: Array | list[int], values: Iterable[Any]) -> None:
        """Set a fact of some sessions; of several for one, the last counts."""
        self.codes[name][rows] = self._coded(name, values)

    def _coded(self, name: str, values: Iterable[Any]) -> Array:
        """Give the codes of values, known ones or new."""
        known, listed = self._known[name], self.values[name]
        codes = [known.setdefault(value, len(known) - 1) for value in values]
        listed += list(known)[len(listed) + 1 :]
        return np.array(codes, np.int32)

    def get(self, name: str, row: int) -> Any:
        """Give a fact of one session."""
        code = int(self.codes[name][row])
        return None if code < 0 else self.values[name][code]

    def text(self, name: str) -> Text:
        """Give a fact as a column of text."""
        return Text(self.codes[name], self.values[name])

    def mask(self, name: str, accepted: str) -> Array:
        """Say of which sessions a fact (a named tuple) has a member that is true."""
        return np.array([*(getattr(value, accepted) for value in self.values[name]), False], bool)[self.codes[name]]

    def products(self) -> Text:
        """Name the servers' products by what they say in their greetings and their answers to EHLO."""
        banner, ehlo = self.codes["banner"], self.codes["ehlo"]
        if not len(banner):
            return Text.of(())
        told = np.array([*map(is_told, self.values["banner"]), False])
        codes = banner, np.where(told[banner], -1, ehlo)  # answers to EHLO often hold the client's address
        first, which = distinct(*codes)
        banners, replies = [*self.values["banner"], None], [*self.values["ehlo"], b""]
        pairs = zip(*(each[first].tolist() for each in codes), strict=True)
        return Text.of(product_of(banners[banner], replies[reply]) for banner, reply in pairs).take(which)

    def kept(self, row: int) -> Kept:
        """Give what is to be kept of a session that goes on."""
        words = {name: self.get(name, row) for name in WORDS}
        flags = {name: bool(self.flags[name][row]) for name in FLAGS}
        return Kept(words, flags, self.mail[row].copy())

    def hear(self, rows: Rows, said: Said, shown: Array) -> None:
        """Take banners, names and offers from the units that `shown` numbers."""
        kinds, verbs = (said.of(column, shown) for column in (s.U_KIND, s.U_VERB))
        shown = shown[_TELLING.take(kinds) | (verbs == law.GREETING)]
        units, stages = rows.units.take(shown, axis=0), Stages(said, rows.states)
        owners, kinds, codes = units[:, s.U_SESSION], units[:, s.U_KIND], units[:, s.U_CODE]
        greeted = np.flatnonzero(units[:, s.U_VERB] == law.GREETING)
        hello = np.flatnonzero((kinds == Kind.HELLO) | (kinds == Kind.LHLO))

        names, answers, texts = said.line_numbers(shown[hello]), said.reply_numbers(shown[hello]), said.texts
        lists, behind = _listed(answers, texts)
        self._say("banner", owners[greeted], said.reply_numbers(shown[greeted]), texts, shown_of)
        self._say("helo", owners[hello], names, texts, _name)
        self._say("ehlo", owners[hello], answers, texts, bytes)
        listing = among(units[hello, s.U_VERB], list(law.LISTING)) & (codes[hello] // 100 == law.READY // 100)
        first = np.flatnonzero(listing & (self.codes["offer"][owners[hello]] < 0))[::-1]  # of several, the first counts
        self._say("offer", owners[hello][first], behind[first], lists, offer)
        told = stages.told(shown[hello], units[hello], self.flags)
        for name, chosen in told.items():
            self._say(name, owners[hello][chosen], behind[chosen], lists, mechanisms)
        for name, mask in (("tried", stages.tried), ("secured", stages.secured)):
            self.flags[name] |= mask
        refused = (kinds == Kind.STARTTLS) & (codes > 0) & (codes != law.READY)
        self.flags["tls_refused"][owners[refused]] = True

    def _say(self, name: str, owners: Array, numbers: Array, texts: Texts | Sequence[bytes], made: Any) -> None:
        """Set a fact of some sessions to what is made of texts, each distinct one once."""
        distinct, which = distinct_of(numbers)
        self.codes[name][owners] = self._coded(name, (made(texts[k]) for k in distinct))[which]


def _listed(answers: Array, texts: Texts) -> tuple[list[bytes], Array]:
    """Give what stands behind the first lines of replies to EHLO, each distinct text once, and which of these each has.

    First lines often hold the client's address. Their ends stay, so that no other line is taken for one.
    """
    told, which = distinct_of(answers)
    known: dict[bytes, int] = {}
    codes = [known.setdefault(listed(texts[number] or b""), len(known)) for number in told]
    return [*known], np.array(codes, np.int64)[which]


def _name(line: bytes) -> str | None:
    """Give the name in a greeting of the client."""
    words = line.split(None, 1)
    return printable(words[1].rstrip()) if len(words) > 1 else None
