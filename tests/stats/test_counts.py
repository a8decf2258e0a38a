"""Counts of parts of a table, merged in any order and grouping, finish to the same as counts of the whole."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.stats import offers
from analyzer.stats.answer import compare, finish
from analyzer.stats.columns import BY
from analyzer.stats.counts import merged, partial
from analyzer.stats.facts import MEASURES
from tests.records import ms, session
from tests.stats.traffic import facts

#: What needs a database of addresses.
FOREIGN = {"asn", "country"}
COLUMNS = sorted(set(BY) - FOREIGN)

unknown_or = functools.partial(st.one_of, st.none())
attempts = st.fixed_dictionaries(
    {
        "session": st.sampled_from(["S1", "S2", "S3", "S4"]),
        "attempt": st.integers(1, 3),
        "mechanism": unknown_or(st.sampled_from(["LOGIN", "PLAIN", "XOAUTH2"])),
        "outcome": st.sampled_from(["succeeded", "rejected", "cancelled", "client_closed", "unseen", "failed"]),
        "reason": unknown_or(st.sampled_from(["bad_credentials", "throttled"])),
        "code": unknown_or(st.sampled_from([535, 235, 501])),
        "identity": unknown_or(st.sampled_from(["a@x.test", "B@y.test", "c", ""])),
        "client_ip": unknown_or(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "host.example"])),
        "started": unknown_or(st.integers(ms(0), ms(10**9))),
        "rounds": unknown_or(st.integers(0, 3)),
        "rounds_known": st.sampled_from(["exact", "at_least", "unknown"]),
        "initial_response": unknown_or(st.integers(0, 1)),
        "challenge": unknown_or(st.sampled_from(["username", "username password"])),
        "tls": unknown_or(st.sampled_from(["none", "starttls"])),
        "seconds": unknown_or(st.floats(0, 1e4)),
        "seconds_server": unknown_or(st.sampled_from([0.0, 3.5, 4.0])),
    }
)
SESSIONS = (
    session("S1", "192.0.2.1", ms(0), offered="LOGIN PLAIN"),
    session("S2", "192.0.2.1", ms(5), offered=""),
    session("S3", "192.0.2.2", ms(9), offered="PLAIN", offered_tls="LOGIN XOAUTH2", attempts=None, readable=0),
    session("S4", "192.0.2.2", ms(9), offered=None, product=None),
)
#: Which of three parts each attempt is in, the order of the parts, and which two are merged first.
splits = st.tuples(st.lists(st.integers(0, 2), min_size=25, max_size=25), st.permutations(range(3)), st.booleans())


def in_parts(count, whole, split):
    """Count parts and merge them."""
    which, order, first = split
    parts = [count(whole.take(np.flatnonzero(np.array(which[: len(whole)]) == part))) for part in order]
    return merged([merged(parts[:2]), parts[2]]) if first else merged([parts[0], merged(parts[1:])])


@settings(deadline=None)
@given(
    st.lists(attempts, max_size=25),
    st.lists(st.sampled_from(COLUMNS), max_size=3, unique=True),
    unknown_or(st.sampled_from(sorted(MEASURES))),
    st.booleans(),
    splits,
)
def test_merged(made, by, measure, failures, split):
    """Whatever is grouped by and measured, parts give the answer of the whole."""
    whole = facts(*made, sessions=SESSIONS)
    failures = failures and measure is None
    count = functools.partial(partial, by=by, measure=measure, failures=failures)

    got, expected = (finish(counts, failures=failures) for counts in (in_parts(count, whole, split), count(whole)))
    assert got.rows() == expected.rows()


@settings(deadline=None)
@given(st.lists(attempts, max_size=25), splits)
def test_merged_periods(made, split):
    """Two periods that were counted in parts compare as the whole ones."""
    whole, by = facts(*made, sessions=SESSIONS), ["mechanism", "reason"]
    early = np.arange(len(whole)) < len(whole) // 2
    first, second = whole.take(np.flatnonzero(early)), whole.take(np.flatnonzero(~early))
    count = functools.partial(partial, by=by)

    assert compare(in_parts(count, first, split), count(second)).rows() == compare(count(first), count(second)).rows()


@settings(deadline=None)
@given(st.lists(attempts, max_size=25))
def test_sums(made):
    """Groups hold all attempts, each once; endings add up, and so do rates of endings that were seen."""
    whole = facts(*made, sessions=SESSIONS)
    rows = finish(partial(whole, ["mechanism", "outcome", "reason"])).rows()

    assert sum(row["attempts"] for row in rows) == len(made)
    assert all(row["attempts"] == row["succeeded"] + row["failed"] + row["unseen"] for row in rows)
    for mechanism in {row["mechanism"] for row in rows}:
        rates = [row["rate"] for row in rows if row["mechanism"] == mechanism and row["rate"] is not None]
        assert not rates or sum(rates) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(attempts, max_size=25), st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_merged_offers(made, parts):
    """What is offered and used adds up where whole sessions are in one part."""
    whole = facts(*made, sessions=SESSIONS)
    counts = []
    for part in (0, 1):
        names = [s["session"] for s, of in zip(SESSIONS, parts, strict=True) if of == part]
        counts.append(
            offers.partial(
                facts(
                    *({"event": f"E{n}", **row} for n, row in enumerate(made) if row["session"] in names),
                    sessions=tuple(s for s in SESSIONS if s["session"] in names),
                )
            )
        )

    expected = offers.finish(offers.partial(whole)).rows()
    assert offers.finish(merged(counts)).rows() == expected
    assert offers.finish(merged(counts[::-1])).rows() == expected
