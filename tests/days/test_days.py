"""Eight days: each report names what happened and nothing else, and its first lines answer what people ask."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

from analyzer.findings.kinds import GUESSES
from tests.days.days import BY_NAME, DAYS, captured, logged, sessions_of, unseen
from tests.days.traffic import opening, trace_of
from tests.guesses import rows_of

ROOT = Path(__file__).parents[2]
NAMES = [day.name for day in DAYS]

specification = importlib.util.spec_from_file_location("days", ROOT / "docs/days.py")
docs = importlib.util.module_from_spec(specification)
specification.loader.exec_module(docs)


def first_lines(trace, source="capture.pcap"):
    """Give the opening of a report: its lines, and the words by label."""
    lines = opening(trace, source).split("\n\n")[0].splitlines()
    answers, label = {}, ""
    for line in lines:
        label = line[:10].strip() or label
        answers[label] = f"{answers.get(label, '')} {line[10:].strip()}".strip()
    return lines, answers


def told(trace):
    """Give the findings above info."""
    return [row for row in rows_of(trace.tables["findings"]) if row["severity"] != "info"]


@pytest.mark.parametrize("name", NAMES)
def test_the_capture_tells_what_happened_and_nothing_else(name):
    """The findings above info are those that are true: their kind, whom they name, and how many attempts they count."""
    found = {(row["kind"], row["client"], row["identity"], row["server"], row["count"]) for row in told(captured(name))}

    truth = BY_NAME[name].truth
    assert found == {(each.kind, each.client, each.identity, each.server, each.counts) for each in truth}


@pytest.mark.parametrize("name", NAMES)
def test_the_log_tells_the_same(name):
    """Postfix's log of the day tells the same of the same; it names no address of the server, and sees into TLS."""
    found = {(row["kind"], row["client"], row["identity"], row["count"]) for row in told(logged(name))}

    truth = BY_NAME[name].truth
    assert found == {(each.kind, each.client, each.identity, each.logged or each.counts) for each in truth}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["capture.pcap", "mail.log"])
def test_the_first_lines_answer(name, source):
    """At 80 columns twelve lines say what happened, to whom, whether anyone got in, what to do, what was not seen."""
    day, captures = BY_NAME[name], source == "capture.pcap"
    trace = captured(name) if captures else logged(name)
    lines, answers = first_lines(trace, source)
    sessions = [session for session in sessions_of(day) if not (captures and session.hidden)]
    succeeded = sum(login.ending == "in" for session in sessions for login in session.logins)
    entered = [f"{each.client} as {each.identity}" for each in day.truth if each.kind == "break_in"]

    assert len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert all(words in answers["Found"] for words in day.words["what"])
    whom = [words for words in day.words["whom"] if captures or ":587" not in words]
    assert all(words in f"{answers['Found']} {answers['Do next']}" for words in whom)
    assert answers["Got in"].startswith(f"{succeeded} times")
    assert ("by guessing: " in answers["Got in"]) == bool(entered)
    assert all(each in answers["Got in"] for each in entered)
    guessed = any(each.kind in GUESSES for each in day.truth)
    assert ("no guess is seen to have worked" in answers["Got in"]) == (guessed and not entered)
    advice = [words if captures else words.replace("192.0.2.25:587", "the server") for words in day.words["do"]]
    assert all(words in answers["Do next"] for words in advice)
    hidden = unseen(day) if captures else f"{sum(len(s.logins) for s in sessions)} attempts with rounds not exact"
    assert answers["Not seen"] == hidden


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_people_change_nothing(seed):
    """With other logins around it, at other times, a day has the same findings about the same."""
    for day in DAYS:
        found = sorted(
            (row["kind"], row["client"] or "", row["identity"] or "") for row in told(trace_of(sessions_of(day, seed)))
        )
        assert found == sorted((each.kind, each.client or "", each.identity or "") for each in day.truth), day.name


def test_the_page_of_the_days(update):
    """The page shows each day with its answers and what the report says (write it with --update)."""
    made = docs.page(
        docs.Shown(
            day.name,
            day.title,
            inspect.getdoc(day.sessions),
            {**day.answers, "unseen": f"{unseen(day)}."},
            "\n".join(first_lines(captured(day.name))[0]),
        )
        for day in DAYS
    )
    file = ROOT / "docs/days.md"
    if update:
        file.write_text(made, encoding="utf-8")

    assert file.read_text(encoding="utf-8") == made
