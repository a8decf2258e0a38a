"""The rows behind the numbers of a page: the first of them, and the command that lists all.

Rows are found by masks over columns; only those that are shown, `ROWS` for a number and `ALL_ROWS` for a page, become
text. That, with texts cut to `IDENTITY` and `REPLY` characters, is what bounds the size of a page.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.report import safe
from analyzer.schema import NULL
from analyzer.stats.columns import rounds_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.report.model import Cell, Party, Why
    from analyzer.report.screen import Clock
    from analyzer.tables import Table

    Array = np.ndarray[Any, Any]

#: Rows that a number leads to, and rows of a page, at most: the more numbers, the fewer rows each.
ROWS: Final = 200
ALL_ROWS: Final = 6000
#: Characters of a name, and of a reply; of a value in a command, and of the inputs in one.
IDENTITY: Final = 64
REPLY: Final = 80
VALUE: Final = 128
PATHS: Final = 400

#: What options of the command line take as it is; for all else there is jq, whose texts are exact.
_PLAIN: Final = re.compile(r"[A-Za-z0-9][\w.@+-]{0,127}", re.ASCII)
_ADDRESS: Final = re.compile(r"\[?[0-9A-Fa-f:.]+\]?(?:/\d+|:\d+)?", re.ASCII)
_OPTIONS: Final = {"client_ip": ("client", _ADDRESS), "server": ("server", _ADDRESS)}


class Row(NamedTuple):
    """An attempt as a page shows it."""

    started: str
    client: str
    identity: str | None
    mechanism: str | None
    rounds: str
    outcome: str
    reason: str | None
    reply: str
    session: str
    where: str


class Group(NamedTuple):
    """A number with its rows."""

    anchor: str
    about: tuple[str, ...]
    total: int
    rows: list[Row]
    command: str


class _Wanted(NamedTuple):
    anchor: str
    about: tuple[str, ...]
    rows: Array
    command: str


class Evidence:
    """Collects the numbers of a page that lead to rows of attempts."""

    def __init__(self, auth: Table, command: Sequence[str], clock: Clock) -> None:
        self._auth, self._command, self._clock = auth, list(command), clock
        self._wanted: list[_Wanted] = []

    def outcome(self, name: str) -> str:
        """Want the attempts with an outcome; gives the anchor of their rows."""
        return self._want((name,), self._auth.has("outcome", name), {"outcome": name})

    def why(self, why: Why) -> str:
        """Want the attempts with a reason, or those with an outcome and without one."""
        mask = self._auth.has(why.kind, why.name)
        if why.kind == "reason":
            return self._want((why.name,), mask, {"reason": why.name})
        return self._want((why.name,), mask & ~self._auth.text("reason").known(), {"outcome": why.name}, "reason")

    def party(self, column: str, party: Party, unnamed: str) -> str:
        """Want the attempts of a client or an identity."""
        return self._want((party.name or unnamed,), self._auth.has(column, party.name), {column: party.name})

    def cell(self, cell: Cell, unnamed: str) -> str:
        """Want the attempts of a combination of mechanism, rounds and outcome."""
        auth = self._auth
        mechanism = auth.text("mechanism")
        mask = ~mechanism.known() if cell.mechanism is None else auth.has("mechanism", cell.mechanism)
        rounds, known = auth.array("rounds"), auth.text("rounds_known")
        mask &= auth.has("outcome", cell.outcome)
        if cell.rounds == "?":
            mask &= (rounds == NULL) | auth.has("rounds_known", "unknown")
            select = '(.rounds == null or .rounds_known == "unknown")'
        else:
            number, kind = int(cell.rounds.rstrip("+")), "at_least" if cell.rounds.endswith("+") else "exact"
            mask &= (rounds == number) & known.mask([word == kind for word in known.words])
            select = f'.rounds == {number} and .rounds_known == "{kind}"'
        named = {"outcome": cell.outcome} | ({"mechanism": cell.mechanism} if cell.mechanism else {})
        missing = () if cell.mechanism else ("mechanism",)
        return self._want((cell.mechanism or unnamed, cell.rounds, cell.outcome), mask, named, *missing, select=select)

    def _want(self, about: tuple[str, ...], mask: Array, named: dict[str, str], *missing: str, select: str = "") -> str:
        anchor = f"rows-{len(self._wanted) + 1}"
        self._wanted.append(_Wanted(anchor, about, np.flatnonzero(mask), self.listing(named, missing, select)))
        return anchor

    def listing(self, named: dict[str, str], missing: Sequence[str] = (), select: str = "") -> str:
        """Write the command that lists the attempts with some values, and without some others, in a shell's words."""
        words = ["smtp-analyzer", "auth", *self._command]
        selects = [select] if select else []
        for column, value in named.items():
            option, fits = _OPTIONS.get(column, (column, _PLAIN))
            if fits.fullmatch(value):
                words += [f"--{option}", value]
            else:
                text = safe.json_text(value[:VALUE])
                selects.append(
                    f"(.{column} // empty | startswith({text}))" if len(value) > VALUE else f".{column} == {text}"
                )
        selects += [f".{column} == null" for column in missing]
        if not selects:
            return shlex.join(words)
        chosen = shlex.quote(f"select({' and '.join(selects)})")
        return f"{shlex.join([*words, '--format', 'jsonl'])} | jq -c {chosen}"

    def groups(self) -> Iterator[Group]:
        """Give the rows of what was wanted; each row is read once."""
        most = min(ROWS, ALL_ROWS // max(len(self._wanted), 1))
        first = [wanted.rows[:most] for wanted in self._wanted]
        chosen = np.unique(np.concatenate([np.zeros(0, np.int64), *first]))
        made = list(self._rows(self._auth.take(chosen)))
        for wanted, rows in zip(self._wanted, first, strict=True):
            shown = [made[place] for place in np.searchsorted(chosen, rows).tolist()]
            yield Group(wanted.anchor, wanted.about, len(wanted.rows), shown, wanted.command)

    def _rows(self, table: Table) -> Iterator[Row]:
        lists = table.lists()
        names = ("started", "client_ip", "identity", "mechanism", "rounds", "rounds_known", "outcome", "reason")
        told = ("code", "enhanced", "text", "session", "where")
        for started, client, identity, mechanism, rounds, known, outcome, reason, *reply, session, where in zip(
            *(lists[name] for name in (*names, *told)), strict=True
        ):
            time = "" if started is None else f"{self._clock.day(started)} {self._clock.time(started)}"
            said = " ".join(str(part) for part in reply if part is not None)
            yield Row(
                time, cut(client or "", IDENTITY), None if identity is None else cut(identity, IDENTITY),
                None if mechanism is None else cut(mechanism, IDENTITY),
                rounds_text(NULL if rounds is None else rounds, known), outcome, reason, cut(said, REPLY),
                session, cut(where, IDENTITY),
            )  # fmt: skip


def cut(text: str, most: int = IDENTITY) -> str:
    """Make a text visible, and no longer than so many characters."""
    shown = safe.visible(text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def command(name: str, *words: str) -> str:
    """Write a command as a shell takes it."""
    return shlex.join(["smtp-analyzer", name, *words])


def inputs(paths: Sequence[str]) -> list[str]:
    """Give the inputs for a command; many of them are left to the reader."""
    return list(paths) if sum(map(len, paths)) <= PATHS else ["PATH..."]
