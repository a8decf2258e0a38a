"""Texts of AUTH exchanges: numbered alike, looked at once, forgotten when they are many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import analyzer
from analyzer.smtp import said
from analyzer.smtp.texts import LOST, Texts
from analyzer.words import vocabulary
from analyzer.words.vocabulary import NONE

SAMPLES = Path(__file__).parents[2] / "samples"


def spans(*words: bytes | None):
    """Give a stream with words behind each other, and where they begin and end; None is lost."""
    stops = np.cumsum([len(word or b"") for word in words], dtype=np.int64)
    starts = np.array([LOST if word is None else stop - len(word) for word, stop in zip(words, stops, strict=True)])
    return np.frombuffer(bytearray(b"".join(word or b"" for word in words)), np.uint8), starts, stops


def test_numbers():
    """Equal texts have one number, in all batches."""
    texts = Texts()

    assert texts.number(*spans(b"one", None, b"two", b"", b"one")).tolist() == [0, LOST, 1, NONE, 0]
    assert texts.number(*spans(b"three", b"two")).tolist() == [2, 1]
    assert [texts[number] for number in (LOST, NONE, 0, 1, 2)] == [None, b"", b"one", b"two", b"three"]


def test_facts():
    """What is made of a text is made once, and only of those that are asked for; of lost and empty ones, too."""
    texts, asked = Texts(), []

    def size(text: bytes | None) -> int:
        asked.append(text)
        return -1 if text is None else len(text)

    texts.number(*spans(b"one", b"three", b"fifth"))
    assert texts.facts(size, np.array([1, LOST, 1])).tolist() == [5, -1, 5]
    assert texts.facts(size, np.array([NONE, 1, LOST, 0])).tolist() == [0, 5, -1, 3]
    assert sorted(asked, key=str) == sorted([b"three", None, b"", b"one"], key=str)
    assert texts.facts(size, np.zeros(0, np.int64)).tolist() == []


def test_names():
    """Names of texts are a column; one that several texts have is one word."""
    texts = Texts()
    numbers = texts.number(*spans(b"Plain", b"LOGIN", b"plain", b"1", None))

    def name(text: bytes | None) -> str | None:
        return text.decode().upper() if text and text.isalpha() else None

    made = texts.names(name, numbers)
    assert made.list() == ["PLAIN", "LOGIN", "PLAIN", None, None]
    assert made.words == ["PLAIN", "LOGIN"]
    assert texts.names(name, texts.number(*spans(b"login", b"cram"))).list() == ["LOGIN", "CRAM"]


@pytest.mark.parametrize("name", ["first-look", "lab-policy"])
def test_too_many(monkeypatch, name):
    """Rows are the same where texts are forgotten after each batch."""
    path = str(SAMPLES / name / "capture.pcap")
    whole = analyzer.read(path, capacity=1)
    begun = []
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 0)
    monkeypatch.setattr(Texts, "_begin", lambda self, begin=Texts._begin: begun.append(1) or begin(self))
    forgetful = analyzer.read(path, capacity=1)

    assert len(begun) > 2
    for table in ("auth", "sessions", "exchanges"):
        rows, others = (trace.tables[table].lists() for trace in (whole, forgetful))
        assert rows == others


def test_echoes_are_bounded(monkeypatch):
    """What replies hold of lines is found out once, and forgotten where it is much; its words are not shown."""
    asked = []
    monkeypatch.setattr(said.redact, "echoed", lambda text, line: asked.append(1) or frozenset((line,)))
    monkeypatch.setattr(said, "MOST_OCTETS", 1000)
    echoes = said.Echoes()

    assert [echoes.of(b"no", b"secret") for _ in range(3)] == [frozenset((b"secret",))] * 3
    assert len(asked) == 1
    assert "secret" not in repr(echoes)
    for number in range(100):
        echoes.of(b"no", b"%0100d" % number)
    assert len(echoes._found) < 20
