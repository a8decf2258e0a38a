"""Real attacks with truth, the same findings whatever the way, and other thresholds."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

import analyzer
from analyzer.errors import AnalyzerError
from analyzer.findings.kinds import KINDS, SEVERITIES, advice_of
from analyzer.findings.thresholds import Thresholds
from tests.guesses import rows_of
from tests.truth import DATA, needs_data, truth

if TYPE_CHECKING:
    from analyzer.trace import Trace

CAMPAIGN = "postfix-bruteforce"


def severe(trace: Trace) -> dict[str, list[dict[str, Any]]]:
    """Give the findings above info, by kind."""
    made = defaultdict(list)
    for row in rows_of(trace.tables["findings"]):
        if row["severity"] != "info":
            made[row["kind"]].append(row)
    return made


def whom(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["client"], row["identity"], row["count"]) for row in rows]


def test_advice_for_one_and_for_many() -> None:
    """Advice reads well about one client and identity, and about several or unknown ones."""
    assert advice_of("break_in", "192.0.2.7", "bob", None).startswith("change the password of bob, unless 192.0.2.7 is")
    assert advice_of("break_in", None, None, None).startswith(
        "change the password of each account concerned, unless these clients are theirs"
    )
    assert advice_of("distributed_guessing", None, None, None).startswith("see that each account concerned has a")


@needs_data
def test_every_campaign_is_found() -> None:
    """Every campaign of the truth is found and named, with its attempts; the normal traffic is not accused."""
    by_campaign: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for session in truth(CAMPAIGN):
        by_campaign[session["campaign"]] += [
            {**attempt, "client": session["client_addr"]} for attempt in session["attempts"]
        ]
    failed = {name: [each for each in all_ if each["final_code"] == 535] for name, all_ in by_campaign.items()}
    (entry,) = (each for each in by_campaign["bruteforce"] if each["final_code"] == 235)
    (scorched,) = {each["username"] for each in failed["distributed"]}
    (stale,) = {each["username"] for each in failed["normal-stale-client"]}
    (sprayer,) = {each["client"] for each in failed["spray"]}

    found = severe(analyzer.read(DATA / CAMPAIGN / "capture.pcap"))
    assert {kind: whom(rows) for kind, rows in found.items()} == {
        "guessing": [("127.77.0.0/24", None, len(failed["bruteforce"]))],
        "break_in": [(entry["client"], entry["username"], 1)],
        "spraying": [(sprayer, None, len(failed["spray"]))],
        "distributed_guessing": [("127.79.0.0/24", scorched, len(failed["distributed"]))],
        "stale_client": [("127.80.0.0/24", stale, len(failed["normal-stale-client"]))],
    }


@needs_data
def test_the_log_of_the_campaign() -> None:
    """The server's log tells of the same attacks, with less confidence; a stored password cannot be told there."""
    seen = severe(analyzer.read(DATA / CAMPAIGN / "capture.pcap"))
    told = severe(analyzer.read(DATA / CAMPAIGN / "maillog", timezone="UTC"))
    seen.pop("stale_client")

    assert {kind: whom(rows) for kind, rows in told.items()} == {kind: whom(rows) for kind, rows in seen.items()}
    for kind, (row,) in told.items():
        assert row["confidence"] < seen[kind][0]["confidence"]
        assert "the secrets are not seen" in row["evidence"]


@needs_data
def test_windows_and_workers_change_nothing() -> None:
    """The findings are the same, row for row, however the capture is read, and when they are found again."""
    capture = DATA / CAMPAIGN / "capture.pcap"
    expected = rows_of(analyzer.read(capture).tables["findings"])
    trace = analyzer.read(capture, window_bytes=40_000, workers=3)

    assert rows_of(trace.tables["findings"]) == expected
    assert trace.find().to_dict("list") == trace.findings.to_dict("list")


@needs_data
@pytest.mark.parametrize(
    ("file", "servers"),
    [
        ("backend-down/capture.pcap", {"127.0.0.1:2527": 8, "127.0.0.1:2625": 7}),
        ("backend-down/exim-mainlog.log", {"127.0.0.1:2625": 7}),
    ],
)
def test_outages(file: str, servers: dict[str, int]) -> None:
    """A server whose user database is down has an outage, and nobody is accused of guessing."""
    found = severe(analyzer.read(DATA / file, timezone="UTC"))

    assert list(found) == ["backend_outage"]
    assert {row["server"]: row["count"] for row in found["backend_outage"]} == servers


@needs_data
def test_thresholds_change_what_is_found() -> None:
    """A threshold can be given when reading, or afterwards, and decides."""
    capture = DATA / CAMPAIGN / "capture.pcap"
    few = {"distributed_addresses": 31, "spray_identities": 41, "slow_guesses": 41, "guesses": 41}
    kinds = Counter(row["kind"] for row in rows_of(analyzer.read(capture, thresholds=few).tables["findings"]))
    trace = analyzer.read(capture, tables=())

    assert "distributed_guessing" not in kinds
    assert "spraying" not in kinds
    assert kinds["guessing"] == 1
    assert Counter(trace.find(**few)["kind"]) == kinds


def test_findings_are_made_where_they_are_asked_for() -> None:
    """Without the table nothing is looked for."""
    assert len(analyzer.read(io.BytesIO(b"\xd4\xc3\xb2\xa1" + bytes(20)), tables=("auth",)).tables["findings"]) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["guess=3"], "unknown threshold 'guess'; known are try_seconds, typos"),
        (["guesses=many"], "'guesses=many' is no threshold: give NAME=NUMBER"),
        (["guesses"], "is no threshold"),
        (["guesses=0"], "has to be a number above 0"),
        (["guesses=nan"], "has to be a number above 0"),
        (["guesses=inf"], "has to be a number above 0"),
    ],
)
def test_thresholds_that_make_no_sense(given: list[str], message: str) -> None:
    """What is no threshold is told in one line."""
    with pytest.raises(AnalyzerError) as raised:
        Thresholds.parse(given)

    assert message in str(raised.value)


def test_thresholds_are_read() -> None:
    """Several thresholds are read, and others keep their defaults."""
    assert Thresholds.parse([]) == Thresholds.of(None) == Thresholds.of({}) == Thresholds()
    assert Thresholds.parse(["guesses=20", "typos = 3"]) == Thresholds(guesses=20, typos=3)


def test_kinds_are_complete() -> None:
    """Every kind has a known severity, and names thresholds that exist."""
    names = Thresholds.__dataclass_fields__
    used = {each for kind in KINDS.values() for each in kind.thresholds.split()}

    assert {kind.severity for kind in KINDS.values()} == set(SEVERITIES)
    assert used <= set(names)
    assert set(names) - used == {"try_seconds", "typos"}  # these two say what a try is
