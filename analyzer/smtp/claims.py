"""Who the clients of a batch say that they are: each distinct response is decoded once.

Nearly all mechanisms tell everything in the first response that is one. LOGIN has its secret in another, so a name is
decoded once however many passwords are tried with it. The few that spread over several tokens are read one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import sasl
from analyzer.smtp.challenge import kind
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.texts import LOST
from analyzer.tables import Text, begins_run, bounds, distinct

if TYPE_CHECKING:
    from analyzer.smtp.rounds import Rounds
    from analyzer.smtp.texts import Texts

    Array = np.ndarray[Any, Any]

#: What is told of a client, in the order of `sasl.Claim`.
NAMES: Final = ("identity", "authzid", "realm", "host")


class Responses(NamedTuple):
    """What clients said, one row a response, those of an attempt in order: initial responses, then answers."""

    attempt: Array
    text: Array  # its number, or LOST
    cut: Array
    asked: Array  # the number of the challenge that it answers, or LOST

    @classmethod
    def of(cls, rounds: Rounds, cut: Array) -> Responses:
        """Take them of rounds; `cut`: the capture cut the AUTH line off."""
        rows = np.flatnonzero(rounds.initial != LOST)
        before = np.searchsorted(rounds.attempt, rows)
        return cls(
            np.insert(rounds.attempt, before, rows),
            np.insert(rounds.answer, before, rounds.initial[rows]),
            np.insert(rounds.cut, before, cut[rows]),
            np.insert(rounds.challenge, before, LOST),
        )


def claims(
    mechanisms: Text, responses: Responses, texts: Texts, decoder: sasl.Decoder
) -> tuple[dict[str, Text], Array]:
    """Give the columns of NAMES, and the digests of the secrets (int64, NULL: none), one row an attempt."""
    count = len(mechanisms)
    if not len(responses.text):
        return {name: Text.one(None, count) for name in NAMES}, np.full(count, NULL)
    # Where nothing was captured nobody knows what it was: then what follows has another meaning.
    ways = np.array([*map(sasl.way_of, mechanisms.words), sasl.Way.NOBODY])[mechanisms.codes]
    speaks = np.flatnonzero(texts.facts(_speaks, responses.text))
    owner = responses.attempt[speaks]
    # LOGIN: who is asked for the password says no name, unless there is none before and this is an address.
    passwords = (ways[owner] == sasl.Way.NAME) & (texts.facts(_asks_password, responses.asked[speaks]) > 0)
    passwords |= _behind_no_name(ways == sasl.Way.NAME, responses, texts)[speaks]
    late = passwords & (np.bincount(owner[~passwords], minlength=count) == 0)[owner]
    passwords[late] = texts.facts(_is_address, responses.text[speaks[late]]) == 0
    starts, stops = bounds(owner[~passwords], count)
    first, second = (_at(speaks[~passwords], starts + k, stops) for k in (0, 1))
    password = _at(speaks[passwords], *bounds(owner[passwords], count))
    second = np.where(password < 0, second, password)
    empty = np.zeros(count, bool)
    begins = np.flatnonzero(begins_run(responses.attempt))
    empty[responses.attempt[begins]] = texts.facts(is_empty, responses.text[begins])

    text = np.where(first < 0, LOST, responses.text[first])
    cut = (first >= 0) & responses.cut[first]
    answered = (second >= 0) & (responses.text[second] != LOST)
    nameless = (ways == sasl.Way.NAME) & ~answered & empty  # a name or a password: nobody can tell
    whole = ways == sasl.Way.ALL
    read = np.flatnonzero((text != LOST) & ~nameless & ~whole & (ways != sasl.Way.NOBODY))
    first_rows, which = distinct(mechanisms.codes[read], text[read], cut[read]) if len(read) else (read, read)
    one = read[first_rows]
    told = [
        texts.once("claim", key, lambda m, k, torn: _told(decoder, sasl.first_claim(m, (texts[k], torn))))
        for key in zip(mechanisms.take(one).list(), text[one].tolist(), cut[one].tolist(), strict=True)
    ]
    nobody = len(told)
    of = np.full(count, nobody, np.int64)
    of[read] = which
    told.append(_told(decoder, sasl.NOBODY))
    alone = np.flatnonzero(whole)
    said = (responses.text.astype(np.int64) * 2 + responses.cut).tolist()
    known: dict[tuple[int, ...], int] = {}  # by mechanism and responses: what a log hides looks alike every time
    owners = alone, mechanisms.codes[alone], *(bound.take(alone) for bound in bounds(responses.attempt, count))
    for row, mechanism, start, stop in zip(*(column.tolist() for column in owners), strict=True):
        key = mechanism, *said[start:stop]
        if key not in known:
            known[key] = len(told)
            claim = sasl.whole_claim(mechanisms.words[mechanism], [(texts[k // 2], bool(k % 2)) for k in key[1:]])
            told.append(_told(decoder, claim))
        of[row] = known[key]
    *columns, secrets, follows = zip(*told, strict=True)
    secret = np.array(secrets, np.int64)[of]
    # LOGIN: the secret is what was said to the prompt for it, or else the second response; unless the first was a
    # message of PLAIN.
    waiting = np.array(follows)[of] | ((of == nobody) & (password >= 0))
    asked = np.flatnonzero(waiting & answered & ~responses.cut[second])
    secret[asked] = texts.facts(decoder.number_of_base64, responses.text[second[asked]])
    return {name: Text.of(column).take(of) for name, column in zip(NAMES, columns, strict=True)}, secret


def _behind_no_name(logins: Array, responses: Responses, texts: Texts) -> Array:
    """Say which responses are behind one that answers LOGIN's first prompt with nothing: then the name is empty.

    Unless a name is asked for again; an empty initial response may also stand for no response at all. `logins`: the
    attempts of mechanisms that ask so.
    """
    attempt, blank = responses.attempt, texts.facts(_is_blank, responses.text) > 0
    blank &= (responses.asked != LOST) & logins[attempt]
    if not blank.any():
        return blank
    rows = np.flatnonzero(blank)[::-1]
    first = np.full(len(logins), len(attempt))
    first[attempt[rows]] = rows  # of several, the first stays
    found: Array = (np.arange(len(attempt)) > first[attempt]) & (texts.facts(_asks_name, responses.asked) == 0)
    return found


def _is_blank(text: bytes | None) -> int:
    return int(text == b"")


def _asks_name(challenge: bytes | None) -> int:
    return int(kind(challenge) == "username")


def _asks_password(challenge: bytes | None) -> int:
    return int(kind(challenge) == "password")


def _is_address(text: bytes | None) -> int:
    return int(text is not None and sasl.ADDRESS.fullmatch(unbase64(text) or b"") is not None)


def _told(decoder: sasl.Decoder, claim: sasl.Claim) -> tuple[Any, ...]:
    """Give a claim with the digest of its secret, and whether that is the response that follows."""
    follows = claim[-1] is sasl.FOLLOWS
    return *claim[:-1], NULL if follows else decoder.number(claim[-1]), follows


def _speaks(text: bytes | None) -> int:
    return int(text is None or text not in sasl.NOT_SAID)


def is_empty(text: bytes | None) -> int:
    """Say whether a response is an empty one (RFC 4954 section 4)."""
    return int(text == b"=")


def _at(rows: Array, places: Array, stops: Array) -> Array:
    """Give the row at a place, as long as it is before where those of its attempt stop; -1: there is none."""
    found: Array = (
        np.where(places < stops, rows.take(places, mode="clip"), -1) if len(rows) else np.full(len(places), -1)
    )
    return found
