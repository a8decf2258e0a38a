"""`smtp-analyzer stats`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import analyzer
from analyzer.cli import main
from analyzer.stats.columns import BY
from analyzer.stats.facts import MEASURES
from tests.conftest import leaks

SAMPLE = str(Path(__file__).parents[2] / "samples/first-look/capture.pcap")


def run(*arguments):
    result = CliRunner().invoke(main, ["stats", SAMPLE, "--display-timezone", "UTC", *arguments])
    assert not leaks(result.output)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_page():
    """Without columns it is the page of the main statistics."""
    result = run()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Input       capture.pcap\nSeen        10 attempts in 7 sessions")


def test_same_as_the_library():
    """The command and the library give the same rows, and so do the two formats for programs."""
    frame = analyzer.read(SAMPLE).stats(["mechanism", "reason"])
    objects = [json.loads(line) for line in run("--by", "mechanism, reason", "--format", "jsonl").stdout.splitlines()]
    table = list(csv.DictReader(run("--by", "mechanism,reason", "--format", "csv").stdout.splitlines()))

    assert [list(row) for row in objects] == len(frame) * [list(frame.columns)]
    for name in ("mechanism", "attempts", "rate_low"):
        assert [row[name] for row in objects] == frame[name].tolist()
        written = [value if isinstance(value, str) else repr(value) for value in frame[name].tolist()]
        assert [row[name] for row in table] == written
    assert [row["reason"] for row in table].count("") == [row["reason"] for row in objects].count(None) == 2


def test_total():
    """For programs no columns mean one row of all; what could not be read is told beside it."""
    result = run("--format", "jsonl")

    assert json.loads(result.stdout)["attempts"] == 10
    assert result.stderr == "Note: of 7 sessions 1 could not be read.\n"


def test_filters():
    """The conditions of listings hold."""
    row = json.loads(run("--client", "203.0.113.0/24", "--outcome", "rejected", "--format", "jsonl").stdout)

    assert (row["attempts"], row["sessions"], row["identities"], row["clients"]) == (4, 2, 4, 1)


def test_failures():
    """Failures alone are a rate of all that are alike."""
    lines = run("--failures", "--by", "mechanism", "--format", "jsonl").stdout.splitlines()
    rows = [json.loads(line) for line in lines]

    assert [(row["mechanism"], row["failed"], row["of"]) for row in rows] == [("LOGIN", 7, 8), ("PLAIN", 1, 2)]


@pytest.mark.parametrize(
    ("period", "attempts"), [("09:03..", 6), ("..09:03", 4), ("09:01..09:03", 1), ("2026-03-02..2026-03-02", 10)]
)
def test_compare(period, attempts):
    """The second period replaces --since and --until, and keeps the other conditions."""
    row = json.loads(run("--since", "09:00", "--until", "09:03", "--compare", period, "--format", "jsonl").stdout)

    assert (row["attempts"], row["attempts_other"]) == (4, attempts)
    narrow = run("--mechanism", "PLAIN", "--compare", period, "--format", "jsonl").stdout
    assert json.loads(narrow)["attempts_other"] == (2 if period.startswith(("..", "2026")) else 0)


def test_measure():
    """A duration gives its percentiles."""
    (row,) = (
        json.loads(line)
        for line in run("--measure", "seconds", "--outcome", "cancelled", "--format", "jsonl").stdout.splitlines()
    )

    assert (row["known"], round(row["p50"])) == (1, 20)


def test_hours():
    """Hours are those of the display timezone, which every row names."""
    arguments = ["stats", SAMPLE, "--by", "hour", "--format", "jsonl", "--display-timezone", "Asia/Tokyo"]
    row = json.loads(CliRunner().invoke(main, arguments).stdout)

    assert (row["hour"], row["timezone"]) == (18, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "weather"), "Error: statistics have no column weather; known are mechanism"),
        (("--measure", "minutes"), "Error: statistics have no duration minutes; known are seconds"),
        (("--compare", "yesterday"), "Error: 'yesterday' is no period: give SINCE..UNTIL"),
        (("--compare", ".."), "Error: '..' is no period: give SINCE..UNTIL"),
        (("--compare", ""), "Error: '' is no period: give SINCE..UNTIL"),
        (("--compare", "2026-11-18..2026-11-01"), "Error: nothing lies between"),
        (("--measure", "seconds", "--compare", "09:00.."), "Error: durations are of all attempts in one period"),
        (("--by", "country"), "Error: country needs a MaxMind database that tells it: give --geoip FILE"),
    ],
)
def test_errors(monkeypatch, arguments, message):
    """What cannot be answered is one line, before anything is read."""
    monkeypatch.setattr(analyzer, "read", lambda *_, **__: pytest.fail("it was read"))
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_help_names_the_durations():
    """The help names every duration; columns are on the page of statistics, to which it leads."""
    text = " ".join(CliRunner().invoke(main, ["stats", "--help"]).stdout.split())

    assert all(name in text for name in MEASURES)
    assert "docs/statistics.md" in text
    page = (Path(__file__).parents[2] / "docs/statistics.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in BY)
