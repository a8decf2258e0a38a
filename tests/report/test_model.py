"""The report as an object for programs."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from click.testing import CliRunner

from analyzer.cli import main
from analyzer.report import model
from analyzer.report.gather import CELLS, PARTIES, gather
from tests.report.crowd import crowd
from tests.report.test_page import hostile_tables

SAMPLE = str(Path(__file__).parents[2] / "samples/first-look/capture.pcap")


def fits(value, kind):
    """Say whether a JSON value is what a type of the model says."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return value.keys() == hints.keys() and all(fits(value[name], hints[name]) for name in hints)
    arguments = get_args(kind)
    if type(None) in arguments:
        return value is None or any(fits(value, each) for each in arguments if each is not type(None))
    if arguments:  # a tuple
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if kind is model.Time:
        return isinstance(value, str) and value.endswith("Z")
    return type(value) is kind


def printed(*arguments):
    done = CliRunner().invoke(main, ["report", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


@pytest.mark.parametrize("make", [hostile_tables, lambda: crowd(300, ["a", "b"])])
def test_json_is_what_the_page_says(make):
    """Every field that is documented is there, of its type, and no other."""
    value = json.loads(json.dumps(model.plain(gather(make(), ["mail.pcap"]))))

    assert fits(value, model.Report)


def test_fields_are_explained():
    """Every field has a comment, or a name that says it all."""
    plain = {"name", "client", "identity", "server", "text", "format", "clients", "identities", "unseen"}
    for each in vars(model).values():
        if is_dataclass(each):
            source = Path(model.__file__).read_text("utf-8").split(f"class {each.__name__}:")[1].split("@dataclass")[0]
            told = {line.split(":")[0].strip() for line in source.splitlines() if "#:" in line}
            assert {field.name for field in fields(each)} - told <= plain, each


def test_command():
    """`report --json` prints the object, with times in UTC."""
    got = printed(SAMPLE)

    assert got["schema"] == model.SCHEMA
    assert (got["attempts"], got["sessions"], got["succeeded"], got["verdict"]) == (10, 7, 2, "quiet")
    assert got["outcomes"][0] == {"name": "rejected", "count": 5}
    assert got["first"] == "2026-03-02T09:00:00.001000000Z"
    assert got["unseen"]["sessions_unreadable"] == 1
    assert [cause["name"] for cause in got["causes"]] == ["bad_credentials", "cancelled", "client_closed", "throttled"]
    assert fits(got, model.Report)


def test_language():
    """Advice is in the language that was asked for, and says in which it is."""
    got = printed(SAMPLE, "--lang", "ar")

    assert {cause["lang"] for cause in got["causes"]} == {"ar"}


def test_conditions():
    """The object is of what meets the conditions."""
    assert printed(SAMPLE, "--outcome", "succeeded")["attempts"] == 2


def test_lists_are_bounded():
    """Of very many clients and identities the first are there, and how many there are."""
    value = gather(crowd(20_000, [f"u{n}" for n in range(900)], clients=700), ["mail.pcap"])

    assert (value.clients.distinct, value.identities.distinct) == (700, 900)
    assert len(value.clients.shown) == len(value.identities.shown) == PARTIES
    assert len(value.cells) <= CELLS
    assert value.inside.distinct == sum(1 for _ in value.inside.shown) or len(value.inside.shown) == PARTIES
    assert [p.succeeded for p in value.inside.shown] == sorted((p.succeeded for p in value.inside.shown), reverse=True)


def test_page_and_object(tmp_path):
    """`--html` writes a page instead of the text, and `--json` may stand beside it."""
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["report", SAMPLE, "--html", str(page), "--client", "203.0.113.66"])
    text = page.read_text("utf-8")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "--client 203.0.113.66 --outcome rejected" in text
    assert "<b>6</b> AUTH attempts" in text
    both = CliRunner().invoke(main, ["report", SAMPLE, "--html", str(page), "--json"])
    assert json.loads(both.stdout)["attempts"] == 10


def test_language_that_is_not_there(tmp_path):
    """A language without a translation is told before anything is read or written."""
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["report", "nothing.pcap", "--html", str(page), "--lang", "xx"])

    assert done.exit_code == 2
    assert "there is no language 'xx'" in done.stderr
    assert not page.exists()
