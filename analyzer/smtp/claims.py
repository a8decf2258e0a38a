"""Who the clients of a batch say that they are: each distinct response is decoded once.

Nearly all mechanisms tell everything in the first response that is one. LOGIN has its secret in the second, so a name
is decoded once however many passwords are tried with it. The few that spread over several tokens are read one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analyzer.schema import NULL
from analyzer.smtp import sasl
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.rounds import LOST
from analyzer.tables import Text, distinct
from analyzer.words.vocabulary import distinct_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

#: What is told of a client, in the order of `sasl.Claim`.
NAMES: Final = ("identity", "authzid", "realm", "host")


class Responses(NamedTuple):
    """What clients said, one row a response, those of an attempt in order: initial responses, then answers."""

    attempt: Array
    text: Array  # its number, or LOST
    cut: Array

    def lines(self, rows: Array, texts: Sequence[bytes]) -> list[sasl.Response]:
        """Give some of them as `sasl` reads them."""
        pairs = zip(self.text[rows].tolist(), self.cut[rows].tolist(), strict=True)
        return [(None if text == LOST else texts[text], cut) for text, cut in pairs]


def claims(
    mechanisms: Text, responses: Responses, texts: Sequence[bytes], decoder: sasl.Decoder
) -> tuple[dict[str, Text], Array]:
    """Give the columns of NAMES, and the digests of the secrets (int64, NULL: none), one row an attempt."""
    count = len(mechanisms)
    silent = np.array([text in sasl.NOT_SAID for text in texts] or [True], bool)
    # Where nothing was captured nobody knows what it was: then what follows has another meaning.
    speaks = np.flatnonzero((responses.text == LOST) | ~silent[responses.text])
    owner = responses.attempt[speaks]
    starts = np.searchsorted(owner, np.arange(count))
    stops = np.searchsorted(owner, np.arange(count), "right")
    first, second = (_at(speaks, starts + k, stops) for k in (0, 1))
    empty = np.zeros(count, bool)
    begins = np.flatnonzero(np.append(True, responses.attempt[1:] != responses.attempt[:-1])[: len(responses.attempt)])
    says_empty = np.array([text == b"=" for text in texts] or [False], bool)
    empty[responses.attempt[begins]] = says_empty[responses.text[begins]] & (responses.text[begins] != LOST)
    ways = np.array([*map(sasl.way_of, mechanisms.words), sasl.Way.NOBODY])[mechanisms.codes]

    text = np.where(first < 0, LOST, responses.text[first]) if len(responses.text) else np.full(count, LOST)
    cut = (first >= 0) & responses.cut[first] if len(responses.text) else np.zeros(count, bool)
    known = text != LOST
    answered = (second >= 0) & (responses.text[second] != LOST) if len(responses.text) else np.zeros(count, bool)
    nameless = (ways == sasl.Way.NAME) & ~answered & empty  # a name or a password: nobody can tell
    whole = ways == sasl.Way.ALL
    read = np.flatnonzero(known & ~nameless & ~whole & (ways != sasl.Way.NOBODY))
    first_rows, which = distinct(mechanisms.codes[read], text[read], cut[read]) if len(read) else (read, read)
    one = read[first_rows]
    told = [
        sasl.first_claim(mechanisms.words[mechanism], (texts[number], torn))
        for mechanism, number, torn in zip(
            mechanisms.codes[one].tolist(), text[one].tolist(), cut[one].tolist(), strict=True
        )
    ]
    of = np.full(count, len(told), np.int64)
    of[read] = which
    told.append(sasl.NOBODY)
    alone = np.flatnonzero(whole)
    bounds = [np.searchsorted(responses.attempt, alone, side).tolist() for side in ("left", "right")]
    for row, start, stop in zip(alone.tolist(), *bounds, strict=True):
        of[row] = len(told)
        lines = responses.lines(np.arange(start, stop), texts)
        told.append(sasl.whole_claim(mechanisms.words[mechanisms.codes[row]], lines))
    secret = decoder.numbers([claim[-1] for claim in told])[of]
    # LOGIN: the secret is the second response, unless the first was a message of PLAIN.
    waiting = np.array([claim[-1] is sasl.FOLLOWS for claim in told])[of]
    secret[waiting] = NULL
    asked = np.flatnonzero(waiting & answered)
    if len(asked):
        row = second[asked]
        asked, row = asked[~responses.cut[row]], row[~responses.cut[row]]
        numbers, which = distinct_of(responses.text[row])
        secret[asked] = decoder.numbers([unbase64(texts[k]) for k in numbers])[which]
    columns = zip(*(claim[:-1] for claim in told), strict=True)
    return {name: Text.of(column).take(of) for name, column in zip(NAMES, columns, strict=True)}, secret


def _at(rows: Array, places: Array, stops: Array) -> Array:
    """Give the row at a place, as long as it is before where those of its attempt stop; -1: there is none."""
    if not len(rows):
        return np.full(len(places), -1, np.int64)
    found: Array = np.where(places < stops, rows.take(places, mode="clip"), -1)
    return found
