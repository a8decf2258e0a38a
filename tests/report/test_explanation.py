"""Explanations as text, as HTML and as plain values."""

from __future__ import annotations

import html as html_reader
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer import knowledge
from analyzer.cli import main
from analyzer.errors import AnalyzerError
from analyzer.report.explanation import explain
from analyzer.report.screen import Clock, Screen

HEADINGS = ("description", "seen", "fix", "differences", "use", "learn")
ELEMENTS = {"article", "h2", "h3", "p", "ol", "ul", "li", "dl", "dt", "dd", "bdi", "code", "a", "em"}
EVERYTHING = [
    *(str(code) for code in knowledge.codes()),
    *(name for section in ("enhanced", "reason", "outcome", "mechanism") for name in knowledge.names(section)),
]


@pytest.mark.parametrize("lang", knowledge.languages())
@pytest.mark.parametrize("terms", [(235, 334), (535,), (559,), (421, 454, 535)])
def test_answers_every_heading(lang, terms):
    """The page of one code and of several has each heading, with something below it."""
    said = knowledge.words("word", lang)
    page = str(explain(*terms, lang=lang))

    for name in HEADINGS:
        found = re.search(rf"^  {re.escape(said[name])}\n    +\S", page, re.MULTILINE)
        assert found, (name, page)
    assert all(f"{code}: " in page for code in terms)


@pytest.mark.parametrize("terms", [(235, 334), (235,), (535,), ("535 5.7.8 Authentication failed.",), (559,)])
def test_arabic_page_is_arabic(terms):
    """The pages of translated codes have no sentence in English."""
    page = str(explain(*terms, lang="ar"))
    own, _, _ = page.partition(knowledge.words("word", "ar")["learn"])

    assert not re.search(r"\b(the|is|with|after|of) ", own)
    assert "\u2066" not in page


def test_what_is_not_translated_says_so():
    """A page that has no translation is in English, under headings in the language, and marked."""
    said = knowledge.words("word", "ar")
    page = str(explain(211, lang="ar"))

    assert said["english_only"] in page
    assert said["seen"] in page
    assert knowledge.entry(211).meaning.split(".")[0] in " ".join(page.split())


@pytest.mark.parametrize("lang", knowledge.languages())
def test_never_wider_than_the_terminal(lang):
    """No line of any page takes more than 80 columns, in a wide terminal either."""
    for term in EVERYTHING:
        for line in explain(term, lang=lang).lines(Screen(200, False, Clock())):
            assert len(line) <= 80, line
            assert line == line.rstrip()


def test_differences():
    """Two codes are put side by side in what differs, in words, and in when each is used."""
    page = " ".join(str(explain(334, 535)).split())

    for text in (*knowledge.sentences("334", "535"), knowledge.entry(334).use, knowledge.entry(535).use):
        assert text in page
    assert "334: 3xx" in page
    assert "535: 5xx" in page


def test_comparisons_are_of_codes():
    """Every two codes are compared once, replies by their code; a reason among them changes nothing."""
    told = explain(235, 334, 235, "535 5.7.8 no", "throttled")

    assert [(each.first, each.second) for each in told.differences] == [("235", "334"), ("235", "535"), ("334", "535")]
    assert [(each.first, each.second) for each in explain("5.7.8", "5.7.9").differences] == [("5.7.8", "5.7.9")]
    assert explain("5.7.8", 535).differences == ()


def test_enhanced_codes_refine():
    """The page of an enhanced code says what it is for; two of them are told apart by what they mean."""
    assert knowledge.words("word", "en")["enhanced_use"] in " ".join(str(explain("5.7.8")).split())
    assert explain("5.7.8", "5.7.9").differences[0].use[1] == knowledge.entry("5.7.9").meaning


def test_alike_and_unlike():
    """Two codes about which nothing is written are compared by their classes."""
    said = knowledge.words("word", "en")

    assert explain(551, 553).differences[0].text == (said["same_class"],)
    assert explain(211, 553).differences[0].text == (said["other_class"],)


class Checker(HTMLParser):
    """Notes the elements of a page and whether they are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def elements(page):
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker.seen


def test_html():
    """The page is one closed element that says its language, with links and code from left to right."""
    seen = elements(explain(235, 334)._repr_html_())

    assert seen[0] == ("article", {"class": "explanation", "lang": "en", "dir": "ltr"})
    assert ("code", {"dir": "ltr"}) in seen
    assert ("a", {"href": "https://www.rfc-editor.org/rfc/rfc4954#section-6"}) in seen


def test_html_is_right_to_left():
    """An Arabic page runs from right to left; English inside it says that it runs the other way."""
    seen = elements(explain(235, 211, lang="ar")._repr_html_())

    assert seen[0][1] == {"class": "explanation", "lang": "ar", "dir": "rtl"}
    assert ("p", {"lang": "en", "dir": "ltr"}) in seen
    assert ("h3", {}) in seen
    assert not [attributes for tag, attributes in seen if tag == "h3" and attributes]


HOSTILE = "535 5.7.8 \x1b]0;owned\x07\x9b2J<script>alert(1)</script>\u202e[bold]`</code>\"'onload=x` \ud800"


@pytest.mark.parametrize("lang", knowledge.languages())
def test_hostile_reply(lang):
    """A reply that would steer a terminal or a page is shown as what it is."""
    told = explain(HOSTILE, lang=lang)

    for page in (str(told), told._repr_html_()):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    assert "<script" not in told._repr_html_()
    assert not [attributes for _, attributes in elements(told._repr_html_()) if "onload" in attributes]
    json.dumps(told.as_dict()).encode("ascii")


@given(st.text(st.characters(exclude_categories=())))
def test_any_reply(text):
    """Whatever follows a code is read, and neither the text nor the page lets it out."""
    told = explain(f"535 {text}")

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", str(told))
    assert {tag for tag, _ in elements(told._repr_html_())} <= ELEMENTS


def test_as_dict():
    """The plain values are those of the page, and JSON takes them."""
    told = explain("535 5.7.139 basic authentication is disabled", 334)
    read = json.loads(json.dumps(told.as_dict()))

    assert list(read) == ["lang", "topics", "differences"]
    assert read["topics"][0]["reason"]["name"] == "basic_auth_disabled"
    assert read["topics"][0]["code"]["name"] == "535"
    assert read["differences"][0]["facts"][0]["first"].startswith("5xx")


def test_nothing_to_explain():
    """Without a term there is nothing to explain; a language that is not there is told before all else."""
    with pytest.raises(AnalyzerError, match="nothing to explain"):
        explain()
    with pytest.raises(AnalyzerError, match="no language"):
        explain("nonsense", lang="xx")


def test_library_and_command_line_agree():
    """`analyzer.explain` and the command print the same, and --json the same values."""
    run = CliRunner().invoke(main, ["explain", "235", "334"])

    assert run.output == f"{analyzer.explain(235, 334)}\n"
    run = CliRunner().invoke(main, ["explain", "--json", "--lang", "ar", "535"])
    assert json.loads(run.output) == json.loads(json.dumps(analyzer.explain(535, lang="ar").as_dict()))


def test_command_line_says_what_is_wrong():
    """An unknown term is one line, and exit status 2."""
    run = CliRunner().invoke(main, ["explain", "bad_credential\x1b[2J"])

    assert run.exit_code == 2
    assert run.stderr.startswith("Error: ")
    assert run.stderr.count("\n") == 1
    assert "\x1b" not in run.stderr


def test_colours_only_where_they_are_wanted():
    """A terminal gets bold titles; a pipe gets plain text."""
    told = explain(235)

    assert "\x1b[1m235" in "\n".join(told.lines(Screen(80, True, Clock())))
    plain = re.sub("\x1b\\[[0-9]*m", "", "\n".join(told.lines(Screen(80, True, Clock()))))
    assert plain == str(told)


def test_starts_fast():
    """To explain loads neither NumPy nor pandas, nor anything else that is heavy."""
    code = (
        "import sys; from analyzer.cli import main\n"
        "try: main(['explain', '535 5.7.8 no', '334', 'cancelled', 'LOGIN', '--lang', 'ar'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'numpy', 'pandas', 'rich', 'numba', 'pyarrow', 'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-bb", "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.endswith("\n[]\n")


def test_every_text_is_in_the_html():
    """What the text says, the HTML says too."""
    told = explain("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", 334)
    words = html_reader.unescape(re.sub("<[^>]+>", " ", told._repr_html_())).split()

    missing = set(str(told).replace("`", " ").split()) - set(words)
    assert {word for word in missing if word.isalpha()} == set()
