"""Those who got in: a success that guesses came before, and one account from many networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.found import many
from analyzer.findings.keys import count_of, distinct, looked_up
from analyzer.findings.logins import UNSEEN
from analyzer.tables import among, begins_run, in_order, packed

if TYPE_CHECKING:
    from analyzer.findings.attacks import Accused
    from analyzer.findings.found import Found, Witness
    from analyzer.findings.logins import Logins
    from analyzer.findings.thresholds import Thresholds
    from analyzer.findings.tries import History

    Array = np.ndarray[Any, Any]

_LATEST: Final = np.iinfo(np.int64).max

#: Identities that get in from an attacking address and are believed to be the attacker's, however few it tried.
_FEW: Final = 3


def break_ins(past: History, who: Accused, witness: Witness, limits: Thresholds) -> list[Found]:
    """Give a finding for each client and identity that got in behind guesses."""
    certain, possible = _guessed(past, who, limits)
    found = []
    for mask, sure, severity in ((certain, 0.9, "high"), (possible, 0.5, "medium")):
        inside = past.wins.take(mask)
        guesses = past.tries.take(past.fresh & ~past.regular & among(past.tries.client, inside.client))
        guesses = guesses.take(in_order(guesses.client))  # of each client in the order of time
        before = dict(zip(inside.row.tolist(), past.before[mask].tolist(), strict=True))

        def describe(
            group: Logins,
            guesses: Logins = guesses,
            before: dict[int, int] = before,
            sure: float = sure,
            severity: str = severity,
        ) -> dict[str, Any]:
            return _entry(group, guesses, before, sure, witness) | {"severity": severity}

        found += witness.groups("break_in", inside.pair, inside, describe)
    return found


def _guessed(past: History, who: Accused, limits: Thresholds) -> tuple[Array, Array]:
    """Say which successes were guessed, and which may have been."""
    tries, wins = past.tries, past.wins
    known = wins.client >= 0
    came, tried = _earliest(wins.pair, wins.pair, wins.time), _earliest(wins.pair, tries.pair, tries.time)
    own = past.before >= limits.break_in_guesses

    # Who had got in before the guesses began is at home there, and shares the address with an attacker at most.
    attacks = tries.take(who.client)
    began = _earliest(wins.client, attacks.client, attacks.time)
    behind = known & (began < wins.time) & (came >= began)
    offered = packed(np.append(attacks.client, wins.client), np.append(attacks.secret, wins.secret))
    same_secret = wins.seen & among(offered[len(attacks) :], offered[: len(attacks)])
    # Where more people get in than names are tried there is an attacker among people, who mistype now and then.
    names = count_of(wins.client, *distinct(tries.client, tries.identity))
    inside = count_of(wins.client, *distinct(wins.client[behind], wins.identity[behind]))
    alone = behind & (inside <= np.maximum(_FEW, names // 2))
    aimed_at = (behind & same_secret) | (alone & (tried < wins.time))

    victims = tries.take(who.identity)
    targets = count_of(wins.identity, *distinct(victims.identity, victims.client)) > 0
    # An address from which others get in is a place of people, where the one who is aimed at may mistype.
    lonely = count_of(wins.client, *distinct(wins.client, wins.identity)) == 1
    among_many = targets & (tried < wins.time) & (came >= tried) & lonely

    certain = known & ((own & (came == wins.time)) | aimed_at)
    return certain, known & ~certain & (own | alone | among_many)


def _earliest(wanted: Array, keys: Array, times: Array) -> Array:
    """Give for each key the first time of some rows with it; the latest time there is for none."""
    order = in_order(keys)  # of rows in the order of time
    known = keys.take(order)
    first = begins_run(known)
    return looked_up(wanted, known[first], times.take(order[first]), _LATEST)


def _entry(group: Logins, guesses: Logins, before: dict[int, int], sure: float, witness: Witness) -> dict[str, Any]:
    """Describe the first success of one client and identity; `guesses` stand in the order of clients and times."""
    client, identity = int(group.client[0]), int(group.identity[0])
    start, stop = np.searchsorted(guesses.client, np.array((client, client + 1), guesses.client.dtype)).tolist()
    earlier = slice(start, start + int(np.searchsorted(guesses.time[start:stop], group.time[0])))
    count = earlier.stop - earlier.start
    own = max(int((guesses.identity[earlier] == identity).sum()), before[int(group.row[0])])
    unseen = bool((guesses.secret[earlier] == UNSEEN).any())
    evidence = f"got in after {many(max(count, own), 'guess')} by this client"
    if identity >= 0:
        evidence += f", {own:,} at this identity"
    if len(group) > 1:
        evidence += f"; {len(group):,} times"
    if unseen:
        evidence += "; the secrets are not seen, so some guesses may repeat one"
    return {
        "evidence": evidence,
        "confidence": sure - 0.3 * unseen,
        "client": witness.name("client_ip", client),
        "identity": witness.name("identity", identity),
    }


def many_networks(past: History, witness: Witness, limits: Thresholds) -> list[Found]:
    """Give a finding for each identity that got in from many networks within a short time."""
    wins = past.wins.take((past.wins.client >= 0) & (past.wins.identity >= 0))
    window = int(limits.network_minutes * 60 * 10**9)
    # Any window lies within one of these spans of twice its length: who has too few addresses in them has too few.
    candidates = np.zeros(len(wins), bool)
    for shift in (0, window):
        span = (wins.time + shift) // (2 * window)
        key = wins.identity.astype(np.int64) << 32 | (span - span.min() if len(span) else span)
        candidates |= count_of(key, *distinct(key, wins.client)) >= limits.networks
    wins = wins.take(candidates)
    place = witness.networks(wins.client)
    order = np.lexsort((wins.time, wins.identity))
    most = np.zeros(len(wins), np.int64)
    most[order] = _places(wins.identity[order], wins.time[order], place[order], window)
    many_places = among(wins.identity, wins.identity[most >= limits.networks])
    inside, places, most = wins.take(many_places), place[many_places], most[many_places]
    by_row = dict(zip(inside.row.tolist(), zip(places.tolist(), most.tolist(), strict=True), strict=True))

    def describe(group: Logins) -> dict[str, Any]:
        told = [by_row[row] for row in group.row.tolist()]
        evidence = (
            f"{many(len(group), 'login')} from {many(len({place for place, _ in told}), 'network')}, "
            f"{max(count for _, count in told)} of them within {limits.network_minutes:g} minutes"
        )
        return {
            "evidence": evidence,
            "confidence": 0.7,
            "identity": witness.name("identity", int(group.identity[0])),
        }

    return witness.groups("many_networks", inside.identity, inside, describe)


def _places(owner: Array, time: Array, place: Array, window: int) -> Array:
    """Count for each login of a few identities, in order, the places in the window that ends with it."""
    counts: dict[int, int] = {}
    made, start = np.zeros(len(owner), np.int64), 0
    owners, times, places = owner.tolist(), time.tolist(), place.tolist()
    for row in range(len(owners)):
        if row and owners[row] != owners[row - 1]:
            counts, start = {}, row
        counts[places[row]] = counts.get(places[row], 0) + 1
        while times[row] - times[start] > window:
            left = places[start]
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            start += 1
        made[row] = len(counts)
    return made
