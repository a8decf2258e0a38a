"""Statistics of samples and cases, counted by hand, and of real traffic against its truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import analyzer
from analyzer.errors import AnalyzerError
from analyzer.stats.answer import COMPARED, COUNTED, FAILED, MEASURED, answer
from tests.records import ms, session
from tests.stats.traffic import facts, tables
from tests.test_cases import CASES
from tests.test_cases import read as read_dialogue
from tests.truth import DATA, GROUPS, needs_data, truth

SAMPLES = Path(__file__).parents[2] / "samples"


def sample(name):
    return analyzer.read(SAMPLES / name / "capture.pcap")


def rows(frame, *columns):
    """Give some columns of a frame as rows, unknown as None."""
    import pandas as pd

    whole = frame[list(columns)].itertuples(index=False)
    return [tuple(None if pd.isna(value) else value for value in row) for row in whole]


PEOPLE = ("attempts", "succeeded", "failed", "sessions", "identities", "clients")


def test_first_look():
    """The morning of the first sample, counted in its dialogue: who tried how, and what came of it."""
    trace = sample("first-look")

    # LOGIN: alice gets in, dave cancels; the stranger tries admin, info, sales and alice, and twice nobody.
    assert rows(trace.stats("mechanism"), "mechanism", *PEOPLE) == [
        ("LOGIN", 8, 1, 7, 4, 5, 3),
        ("PLAIN", 2, 1, 1, 1, 1, 1),
    ]
    assert rows(trace.stats(), *PEOPLE, "of", "rate") == [(10, 2, 8, 5, 6, 4, 10, 0.8)]
    assert rows(trace.failures(["reason"]), "reason", "failed", "of", "rate", "sessions", "identities", "clients") == [
        ("bad_credentials", 5, 10, 0.5, 3, 5, 2),
        (None, 1, 10, 0.1, 1, 0, 1),
        ("cancelled", 1, 10, 0.1, 1, 1, 1),
        ("throttled", 1, 10, 0.1, 1, 0, 1),
    ]
    assert rows(trace.stats("attempt"), "attempt", "attempts", "succeeded") == [
        (1, 5, 1),
        (2, 3, 1),
        (3, 1, 0),
        (4, 1, 0),
    ]
    assert rows(trace.stats("session_attempts"), "session_attempts", "sessions") == [(1, 2), (2, 2), (4, 1)]
    assert rows(trace.stats("network"), "network", "attempts", "clients") == [
        ("203.0.113.0/24", 6, 1),
        ("198.51.100.0/24", 4, 3),
    ]
    # Seven EHLO replies in the clear, six with AUTH; the seventh session goes into TLS, the sixth does not log in.
    assert rows(trace.offered(), *trace.offered().columns) == [
        ("clear", None, 7, 5, 2, 0),
        ("clear", "LOGIN", 6, 4, 1, 0),
        ("clear", "PLAIN", 6, 1, 1, 0),
    ]
    assert trace.stats().attrs == {"sessions": 7, "unreadable": 1, "attempts_unknown": 1, "without_attempts": 1}


def test_durations():
    """Dave thinks for 20 seconds before he gives up."""
    stats = sample("first-look").filter(outcome="cancelled").stats(measure="seconds_client")
    (cancelled,) = rows(stats, "attempts", "known", "least", "p50")

    assert cancelled[:2] == (1, 1)
    assert cancelled[2] == cancelled[3] == pytest.approx(20, abs=0.1)


def test_left_too_early():
    """Two clients leave, after one and after two challenges; the one that half-closed has its success."""
    stats = sample("left-too-early").stats(["mechanism", "rounds", "left_after", "outcome"])

    assert sorted(rows(stats, "mechanism", "rounds", "left_after", "outcome", "attempts"), key=str) == [
        ("DIGEST-MD5", "2", "rspauth", "client_closed", 1),
        ("PLAIN", "0", None, "succeeded", 1),
        ("PLAIN", "1", "empty", "client_closed", 1),
    ]


def test_hidden():
    """Sessions inside TLS are told with every statistic, and never counted as sessions without AUTH."""
    attrs = sample("tls-without-keys").stats().attrs

    assert attrs == {"sessions": 2, "unreadable": 2, "attempts_unknown": 1, "without_attempts": 0}


def test_one_wrong_password():
    """A client that works through four mechanisms made four attempts in one session, with one name."""
    (case,) = [case for case in CASES if case.name == "several-mechanisms"]
    trace = read_dialogue(case.text)

    assert rows(trace.stats(), *PEOPLE) == [(4, 0, 4, 1, 1, 1)]
    assert rows(trace.stats("expected"), "expected", "attempts") == [("expected", 4)]
    assert rows(trace.stats(["mechanism", "offered"]), "mechanism", "offered") == [
        (name, "yes") for name in ("CRAM-MD5", "LOGIN", "PLAIN", "SCRAM-SHA-1")
    ]


def test_sources_count_once():
    """A capture and the server's log of the same attempts give the counts of the capture."""
    folder = SAMPLES / "lab-policy"
    both, alone = analyzer.read(folder / "capture.pcap", folder / "maillog"), sample("lab-policy")

    assert len(both.auth) > len(alone.auth)
    columns = ("mechanism", "code", *PEOPLE)
    assert rows(both.stats(["mechanism", "code"]), *columns) == rows(alone.stats(["mechanism", "code"]), *columns)


def test_unseen():
    """An ending that nobody saw is no failure, is not in the rate, and stands beside it."""
    made = facts({}, {"outcome": "succeeded"}, *2 * ({"outcome": "unseen", "reason": None},))

    (row,) = answer(made).rows()
    assert [row[name] for name in ("attempts", "succeeded", "failed", "unseen", "of", "of_unseen", "rate")] == [
        *(4, 1, 1, 2, 2, 2, 0.5)
    ]
    rates = {row["outcome"]: (row["rate"], row["of"]) for row in answer(made, "outcome").rows()}
    assert rates == {"unseen": (None, 2), "rejected": (0.5, 2), "succeeded": (0.5, 2)}
    failed = answer(made, "outcome", failures=True).rows()
    assert [(row["outcome"], row["of_unseen"]) for row in failed] == [("rejected", 2)]


def test_rate_of_what_is_alike():
    """A rate of an ending is of the attempts that are alike in all but their ending."""
    made = facts(
        *3 * ({"mechanism": "PLAIN", "reason": "throttled"},),
        {"mechanism": "PLAIN", "outcome": "succeeded"},
        {"mechanism": "LOGIN", "reason": "throttled"},
    )
    got = answer(made, "mechanism,reason").rows()
    rates = {(row["mechanism"], row["reason"]): (row["rate"], row["of"]) for row in got}

    assert rates == {("PLAIN", "throttled"): (0.75, 4), ("PLAIN", None): (0.25, 4), ("LOGIN", "throttled"): (1, 1)}


def test_failures_are_of_those_who_failed():
    """Sessions, names and clients of failures are not those of successes."""
    made = facts(
        {"session": "A", "identity": "a"},
        {"session": "B", "identity": "b", "outcome": "succeeded", "client_ip": "192.0.2.2"},
        {"session": "C", "identity": "c", "outcome": "unseen", "client_ip": "192.0.2.3"},
    )

    (row,) = answer(made, failures=True).rows()
    assert [row[name] for name in ("failed", "of", "sessions", "identities", "clients")] == [1, 2, 1, 1, 1]


def test_two_periods():
    """A group that one period lacks has no attempts there, and a rate of what was alike."""
    made = facts({"reason": "throttled"}, {"reason": "timeout"}, {"reason": "timeout"}, {"outcome": "succeeded"})
    first, second = made.take([0, 3]), made.take([1, 2])
    rows = {row["reason"]: row for row in answer(first, "reason", other=second, failures=True).rows()}

    told = ("failed", "of", "rate", "failed_other", "of_other", "rate_other", "change")
    assert {reason: [row[name] for name in told] for reason, row in rows.items()} == {
        "throttled": [1, 2, 0.5, 0, 2, 0.0, 0.5],
        "timeout": [0, 2, 0.0, 2, 2, 1.0, -1.0],
    }
    assert all(row["change_low"] <= row["change"] <= row["change_high"] for row in rows.values())


def test_order():
    """Groups stand by their attempts, then by those of the other period, then by name; hours in their own order."""
    made = facts(*({"mechanism": name, "started": ms(3_600_000 * n)} for n, name in enumerate("CCDBABDE")))
    first, second = made.take(range(5)), made.take(range(5, 8))

    assert [row["mechanism"] for row in answer(first, "mechanism").rows()] == list("CABD")
    assert [row["mechanism"] for row in answer(first, "mechanism", other=second).rows()] == list("CBDAE")
    assert [row["hour"] for row in answer(made, "hour").rows()] == list(range(11, 19))


def test_nothing():
    """Without attempts there is no group, and no error."""
    empty = facts(sessions=(session("A", "192.0.2.1", ms(0)),))

    for by in ((), "mechanism", "hour,network"):
        assert answer(empty, by).rows() == []
        assert answer(empty, by, other=empty).rows() == []
    assert answer(empty, measure="seconds").rows() == []


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"by": "mechanism,weather"}, "statistics have no column weather; known are mechanism, outcome"),
        ({"by": "", "measure": "minutes"}, "statistics have no duration minutes; known are seconds"),
        ({"measure": "seconds", "failures": True}, "durations are of all attempts in one period"),
    ],
)
def test_senseless(question, message):
    """What cannot be answered is one clear line."""
    with pytest.raises(AnalyzerError, match=message):
        answer(facts({}), **question)


def test_every_column_is_told():
    """Every column of an answer has a meaning for the documentation."""
    made = facts({}, {"outcome": "succeeded"})
    other = {"failed_other", "of_other", "rate_other", "rate_other_low", "rate_other_high"}  # told with attempts_other

    assert list(answer(made).columns) == list(COUNTED)
    assert list(answer(made, measure="seconds").columns) == list(MEASURED)
    assert list(answer(made, failures=True).columns) == list(FAILED)
    assert set(answer(made, other=made).columns) == {*COUNTED, *COMPARED, *other}


def test_frame():
    """The frame is plain, with the dtypes of the tables."""
    from analyzer.trace import Trace

    frame = Trace(tables({}, {"mechanism": None, "code": None}), [], []).stats("mechanism,code,hour", timezone="UTC")
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        **dict.fromkeys(("mechanism", "timezone"), "str"),
        **dict.fromkeys(("rate", "rate_low", "rate_high"), "float64"),
        **dict.fromkeys(("code", "hour", "attempts", "succeeded", "failed", "unseen", "of", "of_unseen"), "Int64"),
        **dict.fromkeys(("sessions", "identities", "clients", "rounds_unknown"), "Int64"),
    }


@needs_data
@pytest.mark.parametrize("group", GROUPS)
def test_truth(group):
    """Attempts of a lab group by mechanism, rounds and final code are those that its clients made in the clear."""
    made = Counter(
        (attempt["mechanism"] or None, str(attempt["rounds_334"]), attempt["final_code"])
        for one in truth(group)
        for attempt in one["attempts"]
        if not attempt["in_tls"]
    )
    stats = analyzer.read(DATA / group / "capture.pcap", tables=("auth",)).stats(["mechanism", "rounds", "code"])

    got = {row[:3]: row[3] for row in rows(stats, "mechanism", "rounds", "code", "attempts")}
    assert got == dict(made)


@needs_data
def test_truth_of_bruteforce():
    """Of the brute force, sessions, names and clients by outcome are those of the truth."""
    trace = analyzer.read(DATA / "postfix-bruteforce" / "capture.pcap", tables=("auth",))
    told = {"fail_535": "rejected", "success": "succeeded"}
    wanted: dict[str, list[set[str]]] = {name: [set(), set(), set()] for name in told.values()}
    for one in truth("postfix-bruteforce"):
        for attempt in one["attempts"]:
            members = (one["session"], attempt["username"], one["client_addr"])
            for known, member in zip(wanted[told[attempt["outcome"]]], members, strict=True):
                known.add(member)

    stats = trace.stats("outcome")
    assert {row[0]: list(row[1:]) for row in rows(stats, "outcome", "sessions", "identities", "clients")} == {
        outcome: list(map(len, sets)) for outcome, sets in wanted.items()
    }
    assert rows(trace.stats(), "sessions") == [(len([1 for one in truth("postfix-bruteforce") if one["attempts"]]),)]
