"""Rows of integers to tables, one batch after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.limits import FINDING_PLACES
from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import exchanges, law, mail
from analyzer.smtp.addresses import address
from analyzer.smtp.attempts import TLS_NAMES, Attempts, caveats
from analyzer.smtp.encoding import printable
from analyzer.smtp.findings import FLAGS, Notes, Offer, Sight, offer
from analyzer.smtp.law import Flag, Kind, Mode
from analyzer.smtp.offered import Stages
from analyzer.smtp.products import product
from analyzer.smtp.recognise import VIA, VIA_AT, VIA_LENGTH, VIAS
from analyzer.smtp.reply import reply_of
from analyzer.smtp.said import Said
from analyzer.smtp.via import via_text
from analyzer.tables import Builder, Ids, Places, Table, Text, mixed, taken
from analyzer.tcp import columns as c
from analyzer.tls.hello import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.smtp.reader import Rows
    from analyzer.smtp.sasl import Decoder

    Array = np.ndarray[Any, Any]

#: Tables that a writer makes.
WRITTEN: Final = ("sessions", "auth", "exchanges", "messages", "findings")

#: Bytes of the first TLS records that are looked at.
_HELLO_BYTES: Final = 16384

_HIDDEN: Final = int(Flag.HELD | Flag.VOID)
_IMPLICIT: Final = TLS_NAMES.index("implicit")
_IN_MAIL: Final = np.array(mail.IN_MAIL)


@dataclass(slots=True)
class Facts:
    """What is known of a session beyond the machine's state; kept while the session goes on."""

    number: int  # of the session in its source
    via: str | None = None
    banner: str | None = None
    helo: str | None = None
    ehlo: bytes = b""
    offered: str | None = None
    offered_tls: str | None = None
    tried: bool = False  # an AUTH command was seen in an earlier part
    secured: bool = False  # so was the begin of TLS
    authenticated_as: str | None = None
    tls_version: str | None = None
    sni: str | None = None
    mail: mail.Mailbag = field(default_factory=mail.Mailbag)
    secrets: list[bytes] = field(default_factory=list)  # the last client lines that hold, or may hold, a secret
    offer: Offer | None = None  # of the first EHLO reply
    tls_refused: bool = False


@lru_cache(maxsize=4096)
def product_of(banner: str | None, ehlo: bytes) -> str | None:
    """Give the server's product by what it says in its greeting and its answer to EHLO."""
    return product(banner or "", printable(ehlo))


class Writer:
    """Collects the rows of the tables of one source. `wanted` names the tables that are made."""

    def __init__(self, source: str, wanted: frozenset[str], decoder: Decoder) -> None:
        self.source, self.wanted, self.decoder = source, wanted, decoder
        self.builders = {name: Builder(name) for name in WRITTEN if name != "findings"}
        self.notes = Notes()
        self.facts: dict[int, Facts] = {}
        self.count = 0  # sessions
        self.unreadable = 0

    def write(self, rows: Rows) -> None:
        """Write what a batch gave."""
        owners = rows.sessions[:, c.OWNER].tolist()
        facts = [self.facts.pop(owner) if owner in self.facts else self._begun() for owner in owners]
        said = Said(rows, {k: known.secrets for k, known in enumerate(facts) if known.secrets})
        ends, numbers = self._ends(rows), np.array([known.number for known in facts], np.int64)
        shown = np.flatnonzero(rows.units[:, s.U_FLAGS] & _HIDDEN == 0)
        self._hear(rows, said, facts, shown)
        self._attempts(rows, said, facts, ends, numbers)
        if "exchanges" in self.wanted:
            whose = rows.units[shown, s.U_SESSION]
            columns = {
                "session": ends["session"].take(whose),
                **exchanges.columns(rows.units, shown, said, rows.sessions[:, c.FIRST_TIME]),
            }
            self.builders["exchanges"].add(len(shown), columns, numbers.take(whose))
        self._mail(rows, said, facts, shown, ends["session"], numbers)
        self._sessions(rows, facts, ends, numbers)
        for k, owner in enumerate(owners):
            if not rows.sessions[k, c.FINAL]:
                self.facts[owner] = facts[k]
        self._remember(rows, said)

    def _begun(self) -> Facts:
        """Number a new session."""
        self.count += 1
        return Facts(self.count - 1)

    def tables(self) -> dict[str, Table]:
        """Give the tables, in the order of writing; `secret_group` has digests."""
        made = {name: builder.table() for name, builder in self.builders.items()}
        return {**made, "findings": self.notes.table()}

    def _ends(self, rows: Rows) -> dict[str, Any]:
        """Give ids, roles, addresses and ports of the batch's sessions, as columns."""
        sessions, at = rows.sessions, np.arange(len(rows.sessions))
        client = rows.states[:, s.CLIENT]
        made: dict[str, Any] = {}
        keys = [sessions[:, c.FIRST_TIME]]
        for name, side in (("client", client), ("server", 1 - client)):
            high, low, port = (sessions[at, column + side] for column in (c.HI_0, c.LO_0, c.PORT_0))
            keys += [high, low, port]
            made[f"{name}_ip"] = Text.of(address(*pair) for pair in zip(high.tolist(), low.tolist(), strict=True))
            made[f"{name}_port"] = port
        ids = mixed(keys).view(np.int64) if len(at) else np.zeros(0, np.int64)
        return {"session": Ids(ids), "role": Text.one("server", len(at)), **made}

    def _hear(self, rows: Rows, said: Said, facts: list[Facts], shown: Array) -> None:
        """Take banners, names, offers and TLS hellos."""
        units = rows.units[shown]
        stages = Stages(rows.units, rows.states)
        named = (units[:, s.U_VERB] == law.GREETING) | np.isin(units[:, s.U_KIND], (Kind.HELLO, Kind.LHLO))
        for number in shown[named].tolist():
            known = facts[said.units[number, s.U_SESSION]]
            raw = said.reply(number)
            if said.units[number, s.U_VERB] == law.GREETING:
                known.banner = reply_of(raw).shown if raw else None
            else:
                words = said.line(number).split(None, 1)
                known.helo, known.ehlo = printable(words[1].rstrip()) if len(words) > 1 else None, raw
                stages.offer(known, said, number)
                known.offer = known.offer or offer(raw)
        stages.keep(facts, rows.sessions[:, c.FINAL] == 0)
        for number in shown[(units[:, s.U_KIND] == Kind.STARTTLS) & (units[:, s.U_CODE] > 0)].tolist():
            if said.units[number, s.U_CODE] != law.READY:
                facts[said.units[number, s.U_SESSION]].tls_refused = True
        for k in np.flatnonzero(rows.found[:, VIA]).tolist():
            kind, at, length = rows.found[k, (VIA, VIA_AT, VIA_LENGTH)].tolist()
            facts[k].via = via_text(VIAS[kind], said.cut(at, length))
        for k in np.flatnonzero((rows.states[:, s.MODE] == Mode.TLS) & (rows.states[:, s.TLS_CLIENT] >= 0)).tolist():
            if facts[k].tls_version is None:
                _greet_tls(rows, k, said, facts[k])

    def _attempts(self, rows: Rows, said: Said, facts: list[Facts], ends: dict[str, Any], numbers: Array) -> None:
        attempts = Attempts(rows, said, self.decoder)
        columns = attempts.columns()
        columns |= self._seen(attempts, columns)
        place = attempts.sessions
        entered = np.flatnonzero(columns["outcome"].codes == law.OUTCOMES.index("succeeded"))
        for k, identity in zip(place[entered].tolist(), columns["identity"].take(entered).list(), strict=True):
            if facts[k].authenticated_as is None:
                facts[k].authenticated_as = identity
        columns |= {name: taken(values, attempts.sessions) for name, values in ends.items()}
        columns["event"] = Ids(columns["session"].numbers, columns["attempt"].astype(np.int32))
        self.builders["auth"].add(len(place), columns, numbers.take(attempts.sessions))
        noted: dict[tuple[str, str], list[int]] = {}
        for row, kind, detail in attempts.noted:
            noted.setdefault((kind, detail), []).append(row)
        for (kind, detail), listed in noted.items():
            where = np.array(listed, np.int64)
            self._note(kind, columns, where, columns["started"][where], detail)

    def _note(self, kind: str, ends: dict[str, Any], rows: Array, at: Array, detail: str = "") -> None:
        """Note what is a finding, of some rows of some columns; only the first of a server are described."""
        hosts, ports = ends["server_ip"].take(rows), ends["server_port"][rows]
        servers, which = np.unique(np.stack((hosts.codes, ports)), axis=1, return_inverse=True)
        for number, (host, port) in enumerate(servers.T.tolist()):
            mine = np.flatnonzero(which.reshape(-1) == number)
            few = mine[np.argsort(at[mine], kind="stable")[:FINDING_PLACES]]
            sessions, clients = (ends[name].take(rows[few]).list() for name in ("session", "client_ip"))
            wheres = [f"{self.source} session {name}" for name in sessions]
            if "where" in ends:
                wheres = ends["where"].take(rows[few]).list()
            sights = [
                Sight(time, session or "", place or "", detail, client or "")
                for time, session, place, client in zip(at[few].tolist(), sessions, wheres, clients, strict=True)
            ]
            note = self.notes.of(kind, hosts.words[host] if host >= 0 else None, port)
            note.add(len(mine), int(at[mine].max()), sights)

    def _seen(self, attempts: Attempts, _: dict[str, Any]) -> dict[str, Any]:
        """Say how attempts are known, and from where."""
        where = Places(attempts.frames, [f"{self.source} frame"])
        return {"evidence": "observed", "source": self.source, "where": where}

    def _mail(self, rows: Rows, said: Said, facts: list[Facts], shown: Array, ids: Ids, numbers: Array) -> None:
        """Follow the mail transactions."""
        made: list[tuple[Any, ...]] = []
        kinds = rows.units[shown, s.U_KIND]
        began = np.isin(kinds, (Kind.MAIL,))
        under_way = [k for k, known in enumerate(facts) if known.mail.open]
        mailing = np.zeros(len(facts), bool)
        mailing[rows.units[shown[began], s.U_SESSION]] = True
        mailing[under_way] = True
        for number in shown[np.isin(kinds, _IN_MAIL) & mailing[rows.units[shown, s.U_SESSION]]].tolist():
            k = said.units[number, s.U_SESSION]
            made += [(k, *row) for row in facts[k].mail.feed(said, number)]
        for k in np.flatnonzero(mailing & (rows.sessions[:, c.FINAL] == 1)).tolist():
            made += [(k, *row) for row in facts[k].mail.end(said)]
        if made:
            owners = np.array([row[0] for row in made], np.int64)
            columns = {**mail.columns(made), "session": ids.take(owners)}
            self.builders["messages"].add(len(made), columns, numbers.take(owners))

    def _sessions(self, rows: Rows, facts: list[Facts], ends: dict[str, Any], numbers: Array) -> None:
        """Write the sessions that are over."""
        over = np.flatnonzero(rows.sessions[:, c.FINAL] == 1)
        session, state = rows.sessions[over], rows.states[over]
        known = [facts[k] for k in over.tolist()]
        hidden = state[:, s.MODE] == Mode.TLS
        self.unreadable += int(hidden.sum())
        blind = hidden & (state[:, s.TLS] == _IMPLICIT)
        first = session[:, c.FIRST_TIME]
        backwards = state[:, s.ENDED_AT] < first
        flags = state[:, s.FLAGS] | np.where(backwards & (state[:, s.ENDED_AT] > 0), int(Flag.CLOCK), 0)
        accepted = np.array([each.mail.taken for each in known], np.int64)
        columns: dict[str, Any] = {name: taken(values, over) for name, values in ends.items()}
        columns |= {
            "event": columns["session"],
            "source": self.source,
            **self._course(rows, over),
            "product": [product_of(each.banner, each.ehlo) for each in known],
            "tls": Text(state[:, s.TLS].astype(np.int32), TLS_NAMES),
            "readable": ~hidden,
            "commands": state[:, s.COMMANDS],
            "replies": state[:, s.REPLIES],
            "attempts": np.where(blind, NULL, state[:, s.ATTEMPTS]),
            "messages": np.where(hidden, NULL, accepted),
            "caveats": caveats(flags),
        }
        for name in ("via", "banner", "helo", "offered", "offered_tls", "authenticated_as", "tls_version", "sni"):
            columns[name] = [getattr(each, name) for each in known]
        self.builders["sessions"].add(len(over), columns, numbers.take(over))
        for kind, listed in _noted(flags, state, known):
            where = np.array(listed, np.int64)
            self._note(kind, columns, where, first[where])

    def _course(self, rows: Rows, over: Array) -> dict[str, Any]:
        """Say from when to when sessions went, how much they were, and how they ended."""
        session, state = rows.sessions[over], rows.states[over]
        first = session[:, c.FIRST_TIME]
        return {
            "first": first,
            "last": np.maximum(np.maximum(state[:, s.ENDED_AT], session[:, c.LAST_TIME]), first),
            "packets": session[:, c.PACKETS],
            "bytes": session[:, c.BYTES],
            "ended_by": _ended_by(session, state),
        }

    def _remember(self, rows: Rows, said: Said) -> None:
        """Keep the last client lines of sessions that go on: a server may echo them later."""
        places = np.where(rows.units[:, s.U_FLAGS] & int(Flag.HELD), -1, rows.units[:, s.U_SESSION])
        for k in np.flatnonzero(rows.sessions[:, c.FINAL] == 0).tolist():
            last = np.flatnonzero(places == k)
            if len(last):
                self.facts[int(rows.sessions[k, c.OWNER])].secrets = said.secrets(int(last[-1]))


def _noted(flags: Array, state: Array, known: list[Facts]) -> Iterator[tuple[str, list[int]]]:
    """Give what sessions that are over show, by kind: flags of the machine, and how they came to TLS or not."""
    for flag, kind in FLAGS.items():
        yield kind, np.flatnonzero(flags & int(flag)).tolist()
    tls, tried = state[:, s.TLS].tolist(), (state[:, s.ATTEMPTS] > 0).tolist()
    offered = [(row, each, each.offer) for row, each in enumerate(known) if each.offer and tls[row] != _IMPLICIT]
    yield "auth_offered_in_clear", [row for row, _, of in offered if of.passwords]
    yield "starttls_mangled", [row for row, _, of in offered if of.mangled]
    refused = [row for row, each, of in offered if of.starttls and each.tls_refused]
    yield "starttls_refused_then_auth", [row for row in refused if not tls[row] and tried[row]]
    yield "starttls_refused", [row for row in refused if tls[row] or not tried[row]]


def _greet_tls(rows: Rows, k: int, said: Said, facts: Facts) -> None:
    """Read the TLS hellos of a session in which TLS began in this batch."""
    state, session = rows.states[k], rows.sessions[k]
    client = int(state[s.CLIENT])
    for side, at in ((client, int(state[s.TLS_CLIENT])), (1 - client, int(state[s.TLS_SERVER]))):
        end = int(session[c.STREAM_0 + side] + session[c.LENGTH_0 + side])
        greeting = hello(said.stream[at : min(end, at + _HELLO_BYTES)])
        if greeting:
            facts.tls_version = greeting.version
            facts.sni = facts.sni or greeting.server_name
    rows.states[k, s.TLS_CLIENT] = -1


def _ended_by(session: Array, state: Array) -> Text:
    """Say how sessions ended: who sent a FIN or RST first, else why no more was read of them."""
    words = [*c.ENDINGS, "client_fin", "client_rst", "server_fin", "server_rst"]
    first = state[:, s.FIRST_END]
    how = np.where(first == law.How.CLIENT, state[:, s.CLIENT_END], state[:, s.SERVER_END])
    closed = len(c.ENDINGS) + 2 * (first - law.How.CLIENT) + how - 1
    return Text(np.where(first > 0, closed, session[:, c.ENDED]).astype(np.int32), words)
