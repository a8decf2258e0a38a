"""Attacks: guesses that are too many for people, by client, by secret and by identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.findings.found import many, most_first
from analyzer.findings.keys import busiest, count_of, distinct, numbered, uniques
from analyzer.findings.places import network
from analyzer.tables import among, packed

if TYPE_CHECKING:
    from analyzer.findings.found import Found, Witness
    from analyzer.findings.logins import Logins
    from analyzer.findings.thresholds import Thresholds
    from analyzer.findings.tries import History

    Array = np.ndarray[Any, Any]

#: Where so many times as many identities get in as fail, a few failures each are those of people.
_PEOPLE: Final = 3

_MINUTE, _HOUR = 60 * 10**9, 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Accused:
    """Which tries belong to an attack of their client, of their secret, or on their identity."""

    client: Array
    secret: Array
    identity: Array

    @property
    def any(self) -> Array:
        """Tries of any attack."""
        return self.client | self.secret | self.identity


def accused(past: History, limits: Thresholds) -> Accused:
    """Say which tries are attacks. The later of the three looks only at what the earlier leave."""
    tries = past.tries
    suspect = ~past.typo & ~past.regular
    suspect &= ~_of_people(past, suspect, limits)
    guilty = _clients(past, suspect & (tries.client >= 0), limits)
    by_client = suspect & among(tries.client, guilty)
    # Many clients that each guess at one and the same identity alone are one attack.
    alone = by_client & (tries.identity >= 0)
    alone &= count_of(tries.client, *distinct(tries.client[by_client], tries.identity[by_client])) == 1
    addresses = count_of(tries.identity, *distinct(tries.identity[alone], tries.client[alone]))
    crowd = alone & (addresses >= limits.distributed_addresses)
    by_client &= ~crowd
    left = suspect & ~by_client & ~crowd & tries.seen & (tries.identity >= 0)
    secrets, names = distinct(tries.secret[left], tries.identity[left])
    by_secret = left & (count_of(tries.secret, secrets, names) >= limits.spray_identities)
    left = suspect & ~by_client & ~by_secret & (tries.identity >= 0) & (tries.client >= 0)
    guesses = np.zeros(len(tries), bool)
    guesses[left] = tries.take(left).fresh()
    addresses = count_of(tries.identity, *distinct(tries.identity[guesses], tries.client[guesses]))
    by_identity = crowd | (left & (addresses >= limits.distributed_addresses))
    return Accused(by_client, by_secret, by_identity)


def _of_people(past: History, suspect: Array, limits: Thresholds) -> Array:
    """Say which tries are those of people, at places where many get in: offices, web mail, relays.

    Some of them give up after a few typing errors, and some of their programs repeat an old password. One secret at
    several identities is neither.
    """
    tries = past.tries
    made = np.zeros(len(tries), bool)
    named = np.flatnonzero(suspect & (tries.client >= 0) & (tries.identity >= 0))
    client, identity = tries.client.take(named), tries.identity.take(named)
    people = count_of(client, *distinct(past.wins.client, past.wins.identity))
    crowded = people > count_of(client, *distinct(client, identity))
    left = named[crowded]
    if not len(left):
        return made
    here, people, fresh = tries.take(left), people[crowded], past.fresh.take(left)
    seen = here.seen
    offered = numbered(packed(here.client, here.secret))
    own = ~seen | (count_of(offered, *distinct(offered, here.identity)) < limits.spray_ratio)
    repeated = numbered(packed(here.pair, here.secret))
    old = own & seen & (np.bincount(repeated).take(repeated) >= limits.stale_repeats)
    names = count_of(here.client, *distinct(here.client[~old], here.identity[~old]))
    few = (people >= _PEOPLE * names) & (np.bincount(here.pair, weights=fresh).take(here.pair) <= limits.typos)
    # Nor do people all at once fail who at other times get in: then somebody goes through a list there.
    window = limits.guess_minutes * _MINUTE
    failed = few & fresh & ~old
    rush = count_of(here.client, *busiest(here.client[failed], here.time[failed], window))
    usual = count_of(here.client, *busiest(past.wins.client, past.wins.time, window))
    few &= (rush < limits.guesses) | (usual >= _PEOPLE * rush)
    made[left] = old | (own & few)
    return made


def _clients(past: History, suspect: Array, limits: Thresholds) -> Array:
    """Give the codes of the clients that guess too fast, too long, or few secrets at many identities."""
    tries = past.tries
    guesses = tries.take(suspect & past.fresh)
    fast, most = busiest(guesses.client, guesses.time, limits.guess_minutes * _MINUTE)
    slow, most_a_day = busiest(guesses.client, guesses.time, limits.slow_hours * _HOUR)
    found = [fast[most >= limits.guesses], slow[most_a_day >= limits.slow_guesses]]
    named = tries.take(suspect & (tries.identity >= 0))
    for known in (True, False):
        part = named.take(named.seen == known)
        clients, names = distinct(part.client, part.identity)
        if known:
            few = names >= limits.spray_ratio * count_of(clients, *distinct(part.client, part.secret))
        else:  # where secrets are not seen, a place where more people get in than fail is none to suspect
            few = names > count_of(clients, *distinct(past.wins.client, past.wins.identity))
        found.append(clients[few & (names >= limits.spray_identities)])
    return uniques(np.concatenate(found))


def attacks(past: History, who: Accused, witness: Witness, limits: Thresholds) -> list[Found]:
    """Give the findings of the attacks."""
    tries = past.tries
    by_client = tries.take(who.client)
    places = witness.networks(by_client.client)
    kinds = _kinds(by_client, limits)
    found = []
    for number, kind in enumerate(_KINDS):
        mine = kinds == number
        found += witness.groups(kind, places[mine], by_client.take(mine), lambda group: _one_place(group, witness))
    by_secret, by_identity = tries.take(who.secret), tries.take(who.identity)
    found += witness.groups("spraying", by_secret.secret, by_secret, _one_secret)
    target = by_identity.identity
    if len(uniques(target)) > _LIST:
        target = np.zeros(len(target), np.int64)
    return found + witness.groups(
        "distributed_guessing", target, by_identity, lambda group: _many_places(group, witness)
    )


#: With more identities that crowds guess at it is one crowd that goes through a list: one finding tells of it.
_LIST: Final = 10

#: What a client can do, by the numbers that `_kinds` gives.
_KINDS: Final = ("guessing", "brute_force", "spraying")


def _kinds(tries: Logins, limits: Thresholds) -> Array:
    """Say of each try of an attacking client what the client does: a number of `_KINDS`."""
    named = tries.identity >= 0
    seen = named & tries.seen
    names, names_seen, secrets = (
        count_of(tries.client, *distinct(tries.client[mask], column[mask]))
        for mask, column in ((named, tries.identity), (seen, tries.identity), (seen, tries.secret))
    )
    attempts = count_of(tries.client, *np.unique(tries.client, return_counts=True))
    # Where secrets are not seen, who hurries and comes back to a name has a list of secrets, as it seems.
    fast = count_of(tries.client, *busiest(tries.client, tries.time, limits.guess_minutes * _MINUTE)) >= limits.guesses
    each = np.where(fast, 1, 2)
    few = np.where(names_seen > 0, names_seen >= limits.spray_ratio * secrets, attempts <= each * names)
    sprays = few & (names >= limits.spray_identities)
    kinds: Array = np.where(sprays, 2, names == 1)
    return kinds


def _one_place(group: Logins, witness: Witness) -> dict[str, Any]:
    """Describe what the clients of one network do."""
    names = uniques(group.identity[group.identity >= 0])
    clients = uniques(group.client)
    client = witness.name("client_ip", int(clients[0]))
    evidence = _guesses(group)
    if len(names):
        evidence += f" at {many(len(names), 'identity')}"
    if len(clients) > 1:
        evidence += f" from {many(len(clients), 'address')}"
    return {
        "evidence": evidence + _unseen(group),
        "confidence": _sure(group),
        "client": client if len(clients) == 1 else network(str(client)),
        "identity": witness.name("identity", int(names[0])) if len(names) == 1 else None,
    }


def _one_secret(group: Logins) -> dict[str, Any]:
    """Describe what is done with one secret from many places."""
    clients, names = (len(uniques(codes)) for codes in (group.client, group.identity))
    evidence = f"one secret refused at {many(names, 'identity')} from {many(clients, 'address')}"
    return {"evidence": evidence, "confidence": 0.9}


def _many_places(group: Logins, witness: Witness) -> dict[str, Any]:
    """Describe what many addresses do to one identity, or to a list of them."""
    names, targets = (each.tolist() for each in np.unique(group.identity, return_counts=True))
    told = most_first({str(witness.name("identity", name)): count for name, count in zip(names, targets, strict=True)})
    most = ", ".join(f"{name} ({count:,})" for name, count in told[:3])
    at = f" at {many(len(names), 'identity')}, most at {most}," if len(names) > 1 else ""
    clients, counts = np.unique(group.client, return_counts=True)
    networks = {network(str(witness.name("client_ip", code))) for code in clients.tolist()}
    evidence = (
        f"{_guesses(group)}{at} from {many(len(clients), 'address')} in {many(len(networks), 'network')}, "
        f"at most {counts.max()} from one{_unseen(group)}"
    )
    return {
        "evidence": evidence,
        "confidence": _sure(group),
        "client": networks.pop() if len(networks) == 1 else None,
        "identity": witness.name("identity", names[0]) if len(names) == 1 else None,
    }


def _guesses(group: Logins) -> str:
    """Count the guesses of a group, and its secrets where they are seen."""
    fresh = int(group.fresh().sum())
    secrets = uniques(group.secret[group.seen])
    tries = f" in {many(len(group), 'try')}" if len(group) > fresh else ""
    return many(fresh, "guess") + tries + (f" with {many(len(secrets), 'secret')}" if len(secrets) else "")


def _unseen(group: Logins) -> str:
    """Say where it is not seen whether secrets differ."""
    count = int((~group.seen).sum())
    of = "" if count == len(group) else f" of {count:,}"
    return f"; the secrets{of} are not seen, so some may repeat one" if count else ""


def _sure(group: Logins) -> float:
    """Give the confidence: less where secrets are not seen, since a stored password that is repeated looks alike."""
    return 0.6 + 0.35 * float(group.seen.mean())
