"""Rows of integers to tables, one batch after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.limits import FINDING_PLACES
from analyzer.schema import NULL, TABLES
from analyzer.smtp import columns as s
from analyzer.smtp import exchanges, law, mail
from analyzer.smtp.addresses import Addresses
from analyzer.smtp.attempts import TLS_NAMES, Attempts, caveats
from analyzer.smtp.facts import Facts
from analyzer.smtp.findings import FLAGS, OFFERED, Notes, Sight
from analyzer.smtp.law import Flag, Mode
from analyzer.smtp.recognise import VIA, VIA_AT, VIA_LENGTH, VIAS
from analyzer.smtp.said import Said
from analyzer.smtp.texts import Texts
from analyzer.smtp.via import via_text
from analyzer.tables import Builder, Ids, Places, Table, Text, distinct, mixed, selected, taken
from analyzer.tcp import columns as c
from analyzer.tls.hello import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.schema import Kind as Held
    from analyzer.smtp.facts import Kept
    from analyzer.smtp.reader import Rows
    from analyzer.smtp.sasl import Decoder

    Array = np.ndarray[Any, Any]

#: Tables that a writer makes.
WRITTEN: Final = ("sessions", "auth", "exchanges", "messages", "findings")

#: What else a row has until all are sorted: when its session began, and at which line of a log.
KEYS: Final[dict[str, Held]] = {"begun": "time", "line": "int"}

#: Bytes of the first TLS records that are looked at.
_HELLO_BYTES: Final = 16384

_IMPLICIT: Final = TLS_NAMES.index("implicit")


def builders(wanted: frozenset[str]) -> dict[str, Builder]:
    """Give what collects the rows of each table; that of sessions where these are `wanted`, or findings about them."""
    left = {"findings"} if described(wanted) else {"findings", "sessions"}
    kinds = {name: {column.name: column.kind for column in TABLES[name]} for name in WRITTEN if name not in left}
    return {name: Builder(name, {**each, **KEYS}) for name, each in kinds.items()}


class Written(NamedTuple):
    """What a writer has written: tables, in the order of writing, and notes; `secret_group` has digests."""

    tables: dict[str, Table]
    notes: Notes
    seen: int  # sessions, whether they have a row or not


def described(wanted: frozenset[str]) -> bool:
    """Say whether anybody asks for more of sessions than how many there are."""
    return not {"sessions", "findings"}.isdisjoint(wanted)


class Writer:
    """Collects the rows of the tables of one source. `wanted` names the tables that are made."""

    def __init__(self, source: str, wanted: frozenset[str], decoder: Decoder) -> None:
        self.source, self.wanted, self.decoder = source, wanted, decoder
        self.builders = builders(wanted)
        self.notes = Notes()
        self.facts: dict[int, Kept] = {}
        self.seen = self.unreadable = 0
        self._described = described(wanted)
        self._texts = Texts()
        self._addresses = {"client": Addresses(), "server": Addresses()}

    def write(self, rows: Rows) -> None:
        """Write what a batch gave."""
        owned = np.flatnonzero(rows.sessions[:, c.OWNER])
        owners = zip(owned.tolist(), rows.sessions[owned, c.OWNER].tolist(), strict=True)
        before = {k: self.facts.pop(owner) for k, owner in owners if owner in self.facts}
        facts = Facts(len(rows.sessions), before)
        self._texts.begin_batch()
        said = Said(rows, facts.secrets, self._texts)
        ends = self._ends(rows)
        shown = said.told
        if self._described:
            self._hear(rows, said, facts, shown)
        self._attempts(rows, said, facts, ends)
        if "exchanges" in self.wanted:
            columns = exchanges.columns(said, shown, rows.sessions[:, c.FIRST_TIME])
            whose = said.of(s.U_SESSION, shown)
            self._put("exchanges", len(shown), columns | _named(ends, whose))
        self._mail(rows, said, facts, shown, ends)
        self._sessions(rows, facts, ends)
        self._remember(rows, said, facts)

    def written(self) -> Written:
        """Give what was written, and forget it."""
        return Written({name: builder.table() for name, builder in self.builders.items()}, self.notes, self.seen)

    def _put(self, name: str, rows: int, columns: dict[str, Any]) -> None:
        """Add rows to a table."""
        self.builders[name].add(rows, columns)

    def _ends(self, rows: Rows) -> dict[str, Any]:
        """Give ids, keys, roles, addresses and ports of the batch's sessions, as columns."""
        sessions, at = rows.sessions, np.arange(len(rows.sessions))
        client = rows.states[:, s.CLIENT]
        made: dict[str, Any] = {}
        keys = [sessions[:, c.FIRST_TIME]]
        for name, side in (("client", client), ("server", 1 - client)):
            high, low, port = (sessions[at, column + side] for column in (c.HI_0, c.LO_0, c.PORT_0))
            keys += [high, low, port]
            made[f"{name}_ip"] = self._addresses[name].of(high, low)
            made[f"{name}_port"] = port
        ids = mixed(keys).view(np.int64) if len(at) else np.zeros(0, np.int64)
        made |= {"session": Ids(ids), "begun": sessions[:, c.FIRST_TIME], "line": np.zeros(len(at), np.int64)}
        return {"role": Text.one("server", len(at)), **made}

    def _hear(self, rows: Rows, said: Said, facts: Facts, shown: Array) -> None:
        """Take banners, names, offers and TLS hellos."""
        facts.hear(rows, said, shown)
        for k in np.flatnonzero(rows.found[:, VIA]).tolist():
            kind, at, length = rows.found[k, (VIA, VIA_AT, VIA_LENGTH)].tolist()
            facts.put("via", [k], [via_text(VIAS[kind], said.cut(at, length))])
        begun = (rows.states[:, s.MODE] == Mode.TLS) & (rows.states[:, s.TLS_CLIENT] >= 0)
        for k in np.flatnonzero(begun & (facts.codes["tls_version"] < 0)).tolist():
            _greet_tls(rows, k, said, facts)

    def _attempts(self, rows: Rows, said: Said, facts: Facts, ends: dict[str, Any]) -> None:
        attempts = Attempts(rows, said, self.decoder)
        columns = attempts.columns()
        columns |= self._seen(attempts, columns)
        place = attempts.sessions
        entered = np.flatnonzero(columns["outcome"].codes == law.OUTCOMES.index("succeeded"))[::-1]
        entered = entered[facts.codes["authenticated_as"][place[entered]] < 0]  # of several, the first counts
        facts.put("authenticated_as", place[entered], columns["identity"].take(entered).list())
        columns |= {name: taken(values, attempts.sessions) for name, values in ends.items()}
        columns["event"] = Ids(columns["session"].numbers, columns["attempt"].astype(np.int32))
        self._put("auth", len(place), columns)
        noted: dict[tuple[str, str], list[int]] = {}
        for row, kind, detail in attempts.noted:
            noted.setdefault((kind, detail), []).append(row)
        for (kind, detail), listed in noted.items():
            where = np.array(listed, np.int64)
            self._note(kind, columns, where, columns["started"][where], detail)

    def _note(self, kind: str, ends: dict[str, Any], rows: Array, at: Array, detail: str = "") -> None:
        """Note what is a finding, of some rows of some columns; only the first of a server are described."""
        if not len(rows) or not self._described:
            return
        hosts, ports = ends["server_ip"].take(rows), ends["server_port"][rows]
        servers, which = distinct(hosts.codes, ports)
        for number, server in enumerate(servers.tolist()):
            host, port = int(hosts.codes[server]), int(ports[server])
            mine = np.flatnonzero(which == number)
            few = _earliest(at, mine)
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

    def _mail(self, rows: Rows, said: Said, facts: Facts, shown: Array, ends: dict[str, Any]) -> None:
        """Follow the mail transactions."""
        if not (self._described or "messages" in self.wanted):
            return
        ended, under_way = mail.follow(rows, said, shown, facts.mail)
        if "messages" in self.wanted:
            columns = mail.columns(ended, said, facts.text("mail_from"))
            self._put("messages", len(ended.n), columns | _named(ends, ended.session))
            begun = np.flatnonzero(under_way != mail.EARLIER)
            facts.put("mail_from", begun, mail.paths(said, under_way[begun]).list())

    def _sessions(self, rows: Rows, facts: Facts, ends: dict[str, Any]) -> None:
        """Write the sessions that are over; where nobody asks for them, count them."""
        over = np.flatnonzero(rows.sessions[:, c.FINAL] == 1)
        self.seen += len(over)
        session, state = selected(rows.sessions, over), selected(rows.states, over)
        hidden = state[:, s.MODE] == Mode.TLS
        self.unreadable += int(hidden.sum())
        if not self._described:
            return
        blind = hidden & (state[:, s.ATTEMPTS] == 0)  # there may be some inside
        first = session[:, c.FIRST_TIME]
        backwards = state[:, s.ENDED_AT] < first
        flags = state[:, s.FLAGS] | np.where(backwards & (state[:, s.ENDED_AT] > 0), int(Flag.CLOCK), 0)
        columns: dict[str, Any] = {name: taken(values, over) for name, values in ends.items()}
        columns |= {
            "event": columns["session"],
            "source": self.source,
            **self._course(session, state),
            "product": facts.products().take(over),
            "tls": Text(state[:, s.TLS].astype(np.int32), TLS_NAMES),
            "readable": ~hidden,
            "commands": state[:, s.COMMANDS],
            "replies": state[:, s.REPLIES],
            "attempts": np.where(blind, NULL, state[:, s.ATTEMPTS]),
            "messages": np.where(hidden, NULL, mail.taken(facts.mail[over])),
            "caveats": caveats(flags),
        }
        for name in ("via", "banner", "helo", "offered", "offered_tls", "authenticated_as", "tls_version", "sni"):
            columns[name] = facts.text(name).take(over)
        self._put("sessions", len(over), columns)
        for kind, where in _noted(flags, state, facts, over):
            self._note(kind, columns, where, first[where])

    def _course(self, session: Array, state: Array) -> dict[str, Any]:
        """Say from when to when sessions went, how much they were, and how they ended."""
        first = session[:, c.FIRST_TIME]
        return {
            "first": first,
            "last": np.maximum(np.maximum(state[:, s.ENDED_AT], session[:, c.LAST_TIME]), first),
            "packets": session[:, c.PACKETS],
            "bytes": session[:, c.BYTES],
            "ended_by": _ended_by(session, state),
        }

    def _remember(self, rows: Rows, said: Said, facts: Facts) -> None:
        """Keep the facts of sessions that go on, and their last client lines: a server may echo them later."""
        settled = np.flatnonzero(said.column(s.U_FLAGS) & int(Flag.HELD) == 0)
        last = np.full(len(rows.sessions), -1)
        last[said.of(s.U_SESSION, settled)] = settled  # of several, the last one stays
        for k in np.flatnonzero(rows.sessions[:, c.FINAL] == 0).tolist():
            kept = self.facts[int(rows.sessions[k, c.OWNER])] = facts.kept(k)
            kept.secrets = said.secrets(int(last[k])) if last[k] >= 0 else facts.secrets.get(k, [])


def _earliest(at: Array, rows: Array) -> Array:
    """Give the few of some rows that come first in time, in order."""
    if len(rows) > FINDING_PLACES:
        last = np.partition(at.take(rows), FINDING_PLACES - 1)[FINDING_PLACES - 1]
        rows = rows[at.take(rows) <= last]
    return rows[np.argsort(at.take(rows), kind="stable")[:FINDING_PLACES]]


def _named(ends: dict[str, Any], sessions: Array) -> dict[str, Any]:
    """Give the id and the keys of each row's session."""
    return {name: taken(ends[name], sessions) for name in ("session", *KEYS)}


def _noted(flags: Array, state: Array, facts: Facts, over: Array) -> Iterator[tuple[str, Array]]:
    """Give the sessions that are over and show something, by kind: flags of the machine, and how they came to TLS."""
    for flag, kind in FLAGS.items():
        yield kind, np.flatnonzero(flags & int(flag))
    clear, tried = state[:, s.TLS] == 0, state[:, s.ATTEMPTS] > 0
    begun_clear = (state[:, s.TLS] >= 0) & (state[:, s.TLS] != _IMPLICIT)  # a log may not tell it
    passwords, mangled, starttls = (
        facts.mask("offer", name)[over] & begun_clear for name in ("passwords", "mangled", "starttls")
    )
    refused = starttls & facts.flags["tls_refused"][over]
    yield "auth_offered_in_clear", np.flatnonzero(passwords)
    yield "starttls_mangled", np.flatnonzero(mangled)
    listed = (facts.codes["offer"][over] >= 0) & begun_clear
    yield OFFERED, np.flatnonzero(listed & starttls)
    yield "starttls_withheld", np.flatnonzero(listed & ~starttls & ~mangled & (flags & int(law.ALL_CAVEATS) == 0))
    yield "starttls_refused_then_auth", np.flatnonzero(refused & clear & tried)
    yield "starttls_refused", np.flatnonzero(refused & ~(clear & tried))


def _greet_tls(rows: Rows, k: int, said: Said, facts: Facts) -> None:
    """Read the TLS hellos of a session in which TLS began in this batch."""
    state, session = rows.states[k], rows.sessions[k]
    client = int(state[s.CLIENT])
    for side, at in ((client, int(state[s.TLS_CLIENT])), (1 - client, int(state[s.TLS_SERVER]))):
        end = int(session[c.STREAM_0 + side] + session[c.LENGTH_0 + side])
        greeting = hello(said.cut(at, min(end - at, _HELLO_BYTES)))
        if greeting:
            facts.put("tls_version", [k], [greeting.version])
            facts.put("sni", [k], [facts.get("sni", k) or greeting.server_name])
    rows.states[k, s.TLS_CLIENT] = -1


def _ended_by(session: Array, state: Array) -> Text:
    """Say how sessions ended: who sent a FIN or RST first, else why no more was read of them."""
    words = [*c.ENDINGS, "client_fin", "client_rst", "server_fin", "server_rst"]
    first = state[:, s.FIRST_END]
    how = np.where(first == law.How.CLIENT, state[:, s.CLIENT_END], state[:, s.SERVER_END])
    closed = len(c.ENDINGS) + 2 * (first - law.How.CLIENT) + how - 1
    return Text(np.where(first > 0, closed, session[:, c.ENDED]).astype(np.int32), words)
