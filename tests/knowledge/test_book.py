"""The knowledge is complete, right about where it comes from, and translated as far as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzer import knowledge
from analyzer.errors import AnalyzerError
from analyzer.filters import REASONS
from analyzer.knowledge import book
from analyzer.smtp import law, replies
from tests.test_rooms import CODES

LANGUAGES = [lang for lang in knowledge.languages() if lang != knowledge.ENGLISH]

#: Codes and reasons that are translated whatever else is (a translation that loses one of them is broken).
OF_AUTH = (235, 334, 432, 454, 500, 501, 502, 503, 504, 530, 534, 535, 538)

#: What the pages of codes and reasons say in Arabic, as the page says it that this began with.
ARABIC = {
    "description": "الوصف",
    "seen": "متى تراه",
    "fix": "كيفية الإصلاح",
    "differences": "الفروق الرئيسية",
    "use": "متى تستخدم أيًا منهما",
    "learn": "اعرف المزيد",
}

PRODUCTS = (
    "Exim|Exchange|Postfix|Dovecot|Sendmail|Gmail|Microsoft|NetEase|Stalwart|Mail filters|Servers|draft|smtp-analyzer"
)


def entries():
    return [knowledge.entry(name) for section in ("code", "enhanced") for name in knowledge.names(section)]


def test_every_code_that_can_be_met():
    """Each code that the law, the table of replies or a rule names has a page of its own."""
    met = set(CODES) | {code for row in replies.ROWS for code in row.codes or ()} | set(law.TELLING_CODES)
    met |= {law.CHALLENGE, law.GO_ON, law.READY, law.REFUSED, law.CLOSING}

    assert met <= set(knowledge.codes())
    assert {row.enhanced for row in replies.ROWS if row.enhanced} <= set(knowledge.names("enhanced"))


def test_codes_named_anywhere_have_a_page():
    """What a reason, an outcome, a pair or an enhanced code refers to is there."""
    named = {
        code for kind in ("reason", "outcome") for name in knowledge.names(kind) for code in _cause(kind, name).codes
    }
    named |= {code for entry in entries() for code in entry.codes}
    named |= {int(code) for pair in knowledge.names("pair") for code in pair.split("/")}

    assert named <= set(knowledge.codes())


def _cause(kind, name):
    return knowledge.reason(name) if kind == "reason" else knowledge.outcome(name)


def test_pairs_are_named_in_one_way():
    """A pair names the smaller code first, so that it is found, and no pair is a code with itself."""
    for pair in knowledge.names("pair"):
        first, second = pair.split("/")
        assert first < second
        assert knowledge.differences(second, first).text == knowledge.sentences(first, second)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_entry_is_whole(entry):
    """Every field says something, in sentences, and a reference names an RFC or a product."""
    assert entry.listed
    for text in (entry.meaning, entry.seen, entry.use, *entry.fix, *(note.text for note in entry.notes)):
        assert re.fullmatch(r"([A-Z`\d]|postscreen).*[.?]", text, re.DOTALL), text
    for text in (entry.title, entry.standing, entry.category, entry.subject, entry.exchange, entry.next, entry.retry):
        assert text
    assert entry.fix
    assert entry.references
    for reference in entry.references:
        assert re.match(rf"RFC \d+( (section|appendix) [\dA-Z.]+)?$|{PRODUCTS}", reference.text), reference.text
        assert reference.url.startswith("https://") or not reference.text.startswith("RFC")


def test_standing():
    """A code that is called standard is referred to RFC 5321, one of an extension to an RFC, others to a product."""
    for name in knowledge.names("code"):
        standing = book.english("code")[name]["standing"]
        references = " ".join(book.english("code")[name]["references"])
        assert ("RFC 5321" in references) >= (standing == "standard"), name
        assert bool(re.search(r"RFC \d", references)) == (standing != "product"), name
        assert ("RFC 5248" in references) >= (standing == "registered"), name


def test_standard_codes():
    """The codes that are called standard are those that RFC 5321 section 4.2.3 lists, and no others."""
    listed = """211 214 220 221 250 251 252 354 421 450 451 452 455 500 501 502 503 504 550 551 552 553 554 555"""
    standard = [name for name in knowledge.names("code") if book.english("code")[name]["standing"] == "standard"]

    assert standard == listed.split()


def test_class_decides():
    """Of each class, it is told alike whether the command goes on, but for what the page itself says."""
    assert knowledge.entry(334).exchange.startswith("goes on")
    assert {knowledge.entry(code).exchange for code in knowledge.codes() if code >= 400} == {"over, without success"}
    assert {knowledge.entry(code).exchange for code in knowledge.codes() if code < 300} == {"over, with success"}


@pytest.mark.parametrize(("kind", "names"), [("reason", REASONS), ("outcome", law.OUTCOMES)])
def test_every_reason_and_outcome(kind, names):
    """Every reason and outcome has its advice in one line, steps, and a reference."""
    assert set(knowledge.names(kind)) == set(names)
    for name in names:
        cause = _cause(kind, name)
        assert cause.advice == knowledge.advice(kind)[name]
        assert 10 < len(cause.advice) < 100
        assert not cause.advice.endswith(".")
        assert cause.fix
        assert cause.references
        assert cause.meaning.endswith(".")
        assert cause.seen.endswith(".")


def test_outcomes_name_their_codes():
    """The codes of an outcome are those that the law gives it."""
    for name in law.OUTCOMES:
        codes = knowledge.outcome(name).codes
        assert {law.outcome(law.How.CODE, code, law.Last.ANSWER) for code in codes} <= {name} or name == "cancelled"
        assert {code for code, outcome in law.ENDINGS.items() if outcome == name} <= set(codes)


def test_mechanisms_are_those_of_the_labels():
    """Each mechanism says how many rounds it has; a family stands for its members."""
    rounds = {
        name: (it.without, it.with_initial)
        for name in knowledge.names("mechanism")
        if (it := knowledge.mechanism(name))
    }

    assert rounds["PLAIN"] == ("1", "0")
    assert rounds["LOGIN"] == ("2", "1")
    assert rounds["CRAM-MD5"][0] == "1"
    assert knowledge.mechanism("scram-sha-256").name == "SCRAM-SHA-256"
    assert knowledge.mechanism("scram-sha-256").without == rounds["SCRAM-*"][0] == "3"


def test_unlisted_codes_are_explained_by_their_digits():
    """A code that no list has tells its class, and says that it is not listed."""
    entry = knowledge.entry(556 + 3)

    assert not entry.listed
    assert entry.category.startswith("5xx")
    assert entry.subject.startswith("x5z")
    assert entry.references[0].text == "RFC 5321 section 4.2.1"
    assert knowledge.entry("4.7.77").subject.startswith("x.7.x")
    assert not knowledge.entry("5.9.1").subject
    assert knowledge.differences(559, 535).text


@pytest.mark.parametrize("name", ["135", "600", "5.7", "3.1.1", "x", ""])
def test_no_code(name):
    """What is no code is told in one line."""
    with pytest.raises(AnalyzerError, match="no reply code"):
        knowledge.entry(name)


def test_names_that_are_not_there():
    """A name that is not there, and a language that is not there, are told together with those that are."""
    for ask, there in ((lambda: knowledge.reason("bored"), "throttled"), (lambda: knowledge.mechanism("X"), "PLAIN")):
        with pytest.raises(AnalyzerError, match=there):
            ask()
    with pytest.raises(AnalyzerError, match=r"'xx'.* en, ar"):
        knowledge.entry(535, "xx")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_translation_has_nothing_that_english_has_not(lang):
    """A key of a translation is one of the English files: else it is a slip."""
    assert list(book.surplus(lang)) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_translation_lacks(lang):
    """What a translation lacks is listed, and is shown in English until somebody writes it."""
    missing = list(book.missing(lang))

    print(f"{lang} lacks {len(missing)} texts: {', '.join(missing)}")  # noqa: T201 (for translators, with -rP)
    for name in missing:
        section, _, rest = name.partition(".")
        if section == "code":
            assert knowledge.entry(rest[:3], lang).lang == knowledge.ENGLISH


def test_slips_and_gaps_are_noticed(monkeypatch):
    """A key too many is found in every kind of table, and a text too few sends the page back to English."""
    slips = {
        "word": {"descripton": "x"},
        "nothing": {"a": {}},
        "code": {"235": {"nmae": "x", "standing": "x", "notes": {"Nobody": "x"}}, "999": {}},
    }
    monkeypatch.setattr(book, "translation", lambda _lang: slips)

    assert list(book.surplus("ar")) == [
        "word.descripton", "nothing.a", "code.235.nmae", "code.235.standing", "code.235.notes.Nobody", "code.999",
    ]  # fmt: skip
    assert {"code.211", "code.235.name", "code.235.notes.Gmail"} <= set(book.missing("ar"))
    assert knowledge.entry(235, "ar").lang == knowledge.ENGLISH


def test_arabic():
    """The headings, the codes of AUTH, reasons and outcomes are in Arabic; letters of it are in every text."""
    said = knowledge.words("word", "ar")

    assert {name: said[name] for name in ARABIC} == ARABIC
    assert knowledge.words("language", "ar")["direction"] == "rtl"
    told = [knowledge.entry(code, "ar") for code in OF_AUTH]
    told += [knowledge.reason(name, "ar") for name in REASONS]
    told += [knowledge.outcome(name, "ar") for name in law.OUTCOMES]
    for topic in told:
        assert topic.lang == "ar", topic.name
        for text in (topic.title, topic.meaning, topic.seen, *topic.fix):
            assert re.search("[\u0621-\u064a]{2}", text), text
    assert set(said) == set(knowledge.words("word", "en"))


def test_comparisons_are_in_one_language(monkeypatch):
    """Two codes are compared in Arabic where codes and sentences are translated, else wholly in English."""
    assert knowledge.differences(235, 334, "ar").lang == "ar"
    assert knowledge.differences(530, 538, "ar").text[0].startswith("كلاهما")
    for other in (211, 421):
        assert knowledge.differences(454, other, "ar") == knowledge.differences(454, other)
    assert knowledge.differences(211, 214, "ar").lang == "en"
    translated = {**book.translation("ar"), "pair": {}}
    monkeypatch.setattr(book, "translation", lambda lang: translated if lang == "ar" else {})
    assert knowledge.differences(235, 334, "ar") == knowledge.differences(235, 334)
    assert knowledge.differences(504, 432, "ar").lang == "ar"


def test_no_hidden_character_in_any_file():
    """No text of the knowledge holds a character that steers a terminal or a direction."""
    from analyzer.report.safe import visible

    files = [*book._FOLDER.glob("*.toml"), *book._FOLDER.glob("en/*.toml")]
    assert len(files) > 8
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            assert visible(line) == line


def test_words_are_used():
    """Every word of the pages has a place in them."""
    from analyzer.report import explanation

    kinds = {"enhanced", "reason", "outcome", "mechanism"}  # a title begins with what its topic is
    files = (Path(explanation.__file__), book._FOLDER / "entries.py")
    source = "".join(file.read_text("utf-8") for file in files)

    used = set(re.findall(r"[\"'](\w+)[\"']", source)) | kinds
    assert [word for word in knowledge.words("word", "en") if word not in used] == []
