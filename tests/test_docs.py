"""The pages that are made from the program are up to date, and complete."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from analyzer.cli import main
from analyzer.report.screen import LEAST_WIDTH
from analyzer.schema import TABLES

ROOT = Path(__file__).parents[1]

specification = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
generate = importlib.util.module_from_spec(specification)
specification.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_up_to_date(name, update, monkeypatch):
    """A generated page is what the generator makes now (write it with --update)."""
    monkeypatch.delenv("COLUMNS", raising=False)
    page = ROOT / "docs" / name
    if update:
        page.write_text(generate.PAGES[name](), encoding="utf-8")

    assert page.read_text(encoding="utf-8") == generate.PAGES[name]()


def test_every_command_is_documented():
    """Every command and every option is on the page of the command line, and the README shows most of them."""
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    for name, command in main.commands.items():
        assert f"\n## {name}\n" in page
        for parameter in command.params:
            assert parameter.opts[0] in page or isinstance(parameter, click.Argument)


def test_least_width_is_documented():
    """The page of the command line says from which width on columns fit."""
    assert f"terminal of {LEAST_WIDTH} columns or more" in (ROOT / "docs/cli.md").read_text(encoding="utf-8")


def test_every_column_is_documented():
    """Every column of every table is on the page of the tables."""
    page = (ROOT / "docs/tables.md").read_text(encoding="utf-8")

    for name, columns in TABLES.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert all(f"| `{column.name}` |" in section for column in columns)


@pytest.mark.parametrize("page", sorted(ROOT.glob("samples/*/README.md")), ids=lambda page: page.parent.name)
def test_samples_name_what_exists(page):
    """The page of a sample names commands and options that there are."""
    for line in re.findall(r"^ +smtp-analyzer (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        name, *words = line.split()
        known = {option for parameter in main.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_index_names_every_page():
    """The index leads to every page."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")

    assert all(f"({page.name})" in index for page in (ROOT / "docs").glob("*.md") if page.name != "index.md")


def test_readme_shows_real_output(update, monkeypatch):
    """The screen at the top of the README is what the first command prints (write it with --update)."""
    monkeypatch.setenv("COLUMNS", "80")
    sample = str(ROOT / "samples/first-look/capture.pcap")
    printed = CliRunner().invoke(main, ["report", sample, "--display-timezone", "UTC"]).stdout
    shown = printed.split("\nClients with the most attempts")[0].rstrip()
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    block = re.search(r"```text\n(Input .*?)\n…\n```", text, re.DOTALL)
    if update:
        page.write_text(text.replace(block[1], shown), encoding="utf-8")

    assert update or block[1] == shown
