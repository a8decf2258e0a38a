"""Formats are data: every sample of every pattern is taken by that pattern, with the fields that it names."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import analyzer
from analyzer import kernel
from analyzer.errors import AnalyzerError
from analyzer.logs import columns as c
from analyzer.logs.catalogue import Catalogue
from analyzer.logs.formats import Format, Pattern, formats, references
from analyzer.logs.match import NONE, match
from analyzer.logs.template import TemplateError, steps

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = formats()
BY_NAME = {each.name: each for each in KNOWN}


@cache
def catalogue() -> Catalogue:
    """Every format that is built in."""
    return Catalogue(KNOWN)


def taken(
    text: str, owner: Format, known: Catalogue | None = None, behind: str = ""
) -> tuple[str | None, dict[str, str]]:
    """Give the pattern of a format that takes a line, and its fields; `behind` it stands something else."""
    known = known or catalogue()
    kernel.select(0)
    data = bytearray(text.encode())
    lines, events = np.zeros((1, c.LINE_WIDTH), np.int64), np.zeros((1, c.EVENT_WIDTH), np.int64)
    found = np.zeros((c.SPANS_WIDTH, 1), np.int32)
    lines[0, (c.STOP, c.BODY_END)] = len(data)
    rules = known.rules_of((known.formats.index(owner),))
    buffer = np.frombuffer(data + (behind.encode() or bytes(not data)), np.uint8)
    match(
        buffer,
        lines,
        np.zeros(1, np.int64),
        c.BODY,
        *rules,
        known.rules,
        known.moves,
        known.letters,
        known.sets,
        known.marks,
        events,
        found,
    )
    if events[0, c.E_PATTERN] == NONE:
        return None, {}
    spans = {name: found[c.span_of(name) : c.span_of(name) + 2, 0].tolist() for name in c.FIELDS}
    fields = {name: data[start:stop].decode() for name, (start, stop) in spans.items() if stop > start}
    return known.patterns[events[0, c.E_PATTERN]][1].name, fields


PATTERNS = [
    pytest.param(owner, pattern, id=f"{owner.name}-{pattern.name}") for owner in KNOWN for pattern in owner.patterns
]


@pytest.mark.parametrize(("owner", "pattern"), PATTERNS)
def test_samples(owner: Format, pattern: Pattern) -> None:
    """Every sample hits the pattern that it stands in, and gives the fields that it names."""
    assert pattern.samples, "a pattern needs a real line"
    assert pattern.samples[0].get("is") or pattern.event in ("note", "closed", "timeout", "lost", "connect")
    for sample in (*pattern.samples, *pattern.injections):
        name, fields = taken(sample["text"], owner)
        assert name == pattern.name
        assert fields | sample.get("is", {}) == fields
        assert not set(sample.get("without", ())) & set(fields)


@pytest.mark.parametrize(("owner", "pattern"), PATTERNS)
def test_others(owner: Format, pattern: Pattern) -> None:
    """A pattern leaves the lines that are not its own."""
    for text in pattern.others:
        assert taken(text, owner)[0] != pattern.name


#: Pieces of templates that have much in common, with parts that may be missing.
_PIECES = (
    "a",
    "ab",
    " ",
    "b",
    "{code}",
    "{identity:token}",
    "{?a{number}}",
    "{? {queue_id}b}",
    "{?b}",
    "{helo:first}a",
)


@example(templates=["{identity:token}", "{identity:token} {identity:token}"], lines=["1 a"])
@example(templates=["{code}a", "{code}{?b}ab", "{code}{?b} "], lines=["1 ", "1b "])
@given(
    st.lists(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5).map("".join), min_size=1, max_size=7),
    st.lists(st.text("ab 1", min_size=1, max_size=9), min_size=1, max_size=9),
)
def test_first_that_fits(templates: list[str], lines: list[str]) -> None:
    """Of many patterns, what one has in common with another is tried once; the first that fits alone is found.

    Where eight octets can be looked at, some are left out for what follows; what is behind the line changes nothing.
    """
    whole = [Pattern(f"p{number}", "note", (text,), "") for number, text in enumerate(templates) if _is_sound(text)]
    together = Format("own", "own", "", tuple(whole))
    singly = [Format("own", "own", "", (pattern,)) for pattern in whole]
    known, alone = Catalogue((together,)), [(each, Catalogue((each,))) for each in singly]
    for text in lines:
        found = [name for name in (taken(text, *each) for each in alone) if name[0]]
        for behind in ("\nab ab 1ab", "ab 1ab ab", "\nab a", ""):
            assert taken(text, together, known, behind) == (found[0] if found else (None, {}))


def _is_sound(template: str) -> bool:
    try:
        return bool(steps(template))
    except TemplateError:
        return False


@pytest.mark.parametrize("owner", KNOWN, ids=lambda owner: owner.name)
def test_format(owner: Format) -> None:
    """A format has a reference for every pattern, names of patterns are unique, every one can be reached."""
    names = [pattern.name for pattern in owner.patterns]
    assert len(set(names)) == len(names)
    assert all(reference.startswith("https://") for reference in references(owner))


def test_built_in_formats_are_kept(tmp_path, monkeypatch):
    """What the built-in files hold is kept for the next run; what is damaged, or cannot be kept, is read again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = formats()
    (kept,) = tmp_path.glob("*/formats-*/formats.json")
    assert first == KNOWN
    monkeypatch.setattr(tomllib, "loads", lambda _: pytest.fail("the files were read again"))
    assert formats() == KNOWN
    monkeypatch.undo()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept.write_bytes(kept.read_bytes()[:1000])
    assert formats() == KNOWN
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "formats.toml" / "no"))
    (tmp_path / "formats.toml").write_text("")
    assert formats() == KNOWN


@pytest.mark.parametrize("named", [str, Path, lambda folder: [str(folder)], lambda folder: (folder,)])
def test_folders_of_formats(tmp_path: Path, named: Callable[[Path], Any]) -> None:
    """One folder, or several in any sequence: each is looked into."""
    (tmp_path / "own.toml").write_text("name = 1\n", encoding="utf-8")
    (tmp_path / "one.log").write_text("x\n", encoding="utf-8")
    with pytest.raises(AnalyzerError, match=r"own\.toml"):
        analyzer.read(tmp_path / "one.log", formats=named(tmp_path))
