"""Mechanisms that servers offer, against those that clients use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer.stats.answer import Answer
from analyzer.stats.columns import column_of, inside_tls
from analyzer.stats.counts import Counts, merged
from analyzer.stats.distinct import chained, numbered, ordered, pairs
from analyzer.tables import Text, taken

if TYPE_CHECKING:
    from analyzer.stats.facts import Facts

    Array = np.ndarray[Any, Any]

#: Where mechanisms are offered and used: the column of `sessions` that holds the list.
STAGES: Final = {"clear": "offered", "tls": "offered_tls"}

#: Columns of the answer, and what they mean.
COLUMNS: Final = {
    "stage": "clear: lists and attempts in the clear; tls: those inside TLS",
    "mechanism": "SASL mechanism; unknown in the row of all together, whose sessions are those with a known list",
    "offered": "sessions whose list has the mechanism",
    "tried": "sessions with a known list that tried it",
    "succeeded": "of these, those that succeeded with it",
    "not_offered": "of these, those whose list does not have it",
}


def partial(facts: Facts) -> Counts:
    """Count sessions whose list is known by stage and mechanism."""
    return merged([_of_stage(facts, stage) for stage in STAGES])


def finish(counts: Counts) -> Answer:
    """Give what is offered and what is used, by stage: all together, then what is offered most."""
    made = {name: np.bincount(places, minlength=len(counts)) for name, (places, _) in counts.members.items()}
    stage, mechanism = (ordered(column) for column in counts.by.values())
    order = np.lexsort((mechanism, -made["tried"], -made["offered"], mechanism > 0, stage))
    return Answer(tuple(counts.by), {name: taken(column, order) for name, column in {**counts.by, **made}.items()})


def _of_stage(facts: Facts, stage: str) -> Counts:
    """Count the sessions of a stage: of every mechanism of a list a row, of every attempt two, one for all together."""
    lists, names = facts.sessions.text(STAGES[stage]), facts.sessions.ids("session").numbers
    known = np.flatnonzero(lists.codes >= 0)
    rows, listed = _listed(lists.take(known))
    offered = column_of(facts, "offered")
    assert isinstance(offered, Text)
    unlisted = offered.mask([word == "no" for word in offered.words])
    here = inside_tls(facts) == (stage == "tls")
    tried = np.flatnonzero(here & (facts.of_session(STAGES[stage]).codes >= 0))
    mechanisms = facts.auth.text("mechanism").take(tried)
    together = Text.one(None, len(tried))
    mechanism = chained([listed, mechanisms, together])
    session = np.concatenate([names[known[rows]], *2 * [facts.session[tried]]])
    flags = {
        "offered": (True, np.zeros(len(tried), bool)),
        "tried": (False, np.ones(len(tried), bool)),
        "succeeded": (False, facts.succeeded[tried]),
        "not_offered": (False, unlisted[tried]),
    }
    places, first = numbered([mechanism], len(mechanism))
    members = {}
    for name, (of_list, of_attempt) in flags.items():
        chosen = np.concatenate([np.full(len(rows), of_list), of_attempt, of_attempt])
        members[name] = pairs(places[chosen], session[chosen])
    by = {"stage": Text.one(stage, len(first)), "mechanism": taken(mechanism, first)}
    return Counts(by, {"rows": np.bincount(places, minlength=len(first))}, members, None)


def _listed(lists: Text) -> tuple[Array, Text]:
    """Take lists apart: gives the row of each mechanism, and the mechanism; unknown stands for the list as such."""
    every = [[None, *words.split()] for words in lists.words]
    flat = Text.of(name for names in every for name in names)
    sizes = np.array([len(names) for names in every], np.int64)
    starts = np.cumsum(sizes) - sizes
    mine = sizes[lists.codes]
    rows = np.repeat(np.arange(len(lists)), mine)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(mine) - mine, mine)
    return rows, flat.take(np.repeat(starts[lists.codes], mine) + within)
