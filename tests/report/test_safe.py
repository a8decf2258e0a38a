"""Text from the wire is hostile."""

from __future__ import annotations

import csv as csv_reader
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.report import safe

any_text = st.text(st.characters(exclude_categories=())) | st.text("=+-@[]$\\\"',;\n\r\t\x1b\u202e\ud800/a ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alice@example.test", "alice@example.test"),
        ("DOMAIN\\alice", "DOMAIN\\alice"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\tb\r\nc", "a\\tb\\r\\nc"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("مستخدم ü 日本", "مستخدم ü 日本"),
    ],
)
def test_visible(text, shown):
    """What hides or steers is shown as an escape; letters of all scripts stay."""
    assert safe.visible(text) == shown


@given(any_text)
def test_visible_can_be_written_and_steers_nothing(text):
    """Visible text can be encoded, has no control character and is one line."""
    shown = safe.visible(text)

    shown.encode("utf-8")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert len(shown.splitlines()) <= 1
    assert safe.visible(shown) == shown


@pytest.mark.parametrize("text", ["[/]", "[bold]x[/bold]", "[link=file:///x]y", "\\[/]", ":smile:", "\x1b[31m"])
def test_rich_prints_visible_text(text):
    """A rich console prints the visible text itself: no markup, no emoji, no escape sequence."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    console.print(Text(safe.visible(text)))
    assert console.file.getvalue() == safe.visible(text) + "\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\uff1d1"])
def test_csv_runs_nothing(text):
    """No cell begins as a formula."""
    (cell,) = next(csv_reader.reader(io.StringIO(safe.csv(text))))

    assert cell[0] not in "=+-@\t\r\uff1d "


@given(st.lists(any_text, min_size=1, max_size=3))
def test_csv_reads_back(texts):
    """A row of fields is read back as the same visible texts, but for the apostrophe before a formula."""
    line = ",".join(safe.csv(text) for text in texts) + "\n"

    (row,) = list(csv_reader.reader(io.StringIO(line, newline=""))) or [[""]]
    assert [cell.removeprefix("'") for cell in row or [""]] == [safe.visible(text).removeprefix("'") for text in texts]


@given(any_text)
def test_html_is_text(text):
    """A page has no tag and no end of an attribute from the text."""
    assert not set(safe.html(text)) & set("<>\"'")


@pytest.mark.parametrize("text", [r"$\frac$", "$", "$$", r"\$x$", "\ud800", "_hidden", "a" * 500, "x\ny", ""])
def test_chart_draws(text):
    """A chart takes any text: no formula, no lone surrogate, no label that it would hide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot(title=safe.chart(text))
    axes.plot([1, 2], label=safe.chart(text))
    axes.plot([2, 1], label="other")
    shown = [entry.get_text() for entry in axes.legend().get_texts()]
    FigureCanvasAgg(figure).draw()

    assert len(shown) == (2 if text else 1)
    assert len(safe.chart(text)) <= 2 * safe.CHART_CHARACTERS


@given(any_text)
def test_json_text_is_ascii_and_exact(text):
    """JSON loses nothing and is safe in any terminal."""
    coded = safe.json_text(text)

    assert coded.isascii()
    assert coded.isprintable()
    assert json.loads(coded) == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
