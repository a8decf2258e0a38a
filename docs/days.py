"""The page of the days: what happened in each, and how the report tells it.

The days are made by the tests, which hand over what is true of them and what the report says: this module only lays
them out, so that the documentation does not depend on the tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HERE = Path(__file__).parent

#: What a reader of a report wants to know at three in the morning.
QUESTIONS = {
    "what": "What happened?",
    "whom": "To whom?",
    "in": "Did anyone get in?",
    "do": "What to do?",
    "unseen": "What was not seen?",
}


class Shown(NamedTuple):
    """A day: its name and title, what was made to happen, the answers, and how the report begins."""

    name: str
    title: str
    story: str
    answers: Mapping[str, str]
    opening: str


def page(days: Iterable[Shown]) -> str:
    """Give the page."""
    head = (
        "# Eight days",
        "",
        "Made from `tests/days/` by `pytest tests/days --update`; do not edit.",
        "",
        "What the first twelve lines of `smtp-analyzer report` say of eight made-up days at a mail server: four",
        "attacks, two accidents, an outage, and a week in which nothing is the matter. Every day has the logins of the",
        "same few people around it, a part of them inside TLS. The answers are what is true of the day; the tests hold",
        "the report against them.",
    )
    return "\n".join([*head, *(line for day in days for line in _day(day))]) + "\n"


def _day(day: Shown) -> Iterator[str]:
    """Give the part of a day; its picture stands there as soon as there is one."""
    yield from ("", f"## {day.title}", "", day.story, "", "| question | answer |", "|---|---|")
    yield from (f"| {question} | {day.answers[name]} |" for name, question in QUESTIONS.items())
    picture = f"days/{day.name}.png"
    if (HERE / picture).exists():
        yield from ("", f"![The report on this day]({picture})")
    yield from ("", "```text", day.opening, "```")
