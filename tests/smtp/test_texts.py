"""Texts of AUTH exchanges: numbered alike, looked at once, forgotten when they are many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import analyzer
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


def test_what_is_made_once_is_bounded(monkeypatch):
    """What is made of texts that meet is made once, and forgotten at a batch where it is much."""
    texts, asked = Texts(), []

    def make(one: int, other: int) -> str:
        asked.append((one, other))
        return f"{one} {other}"

    assert [texts.once("pair", (1, 2), make) for _ in range(3)] == ["1 2"] * 3
    assert texts.once("other", (1, 2), make) == "1 2"
    assert asked == [(1, 2), (1, 2)]
    monkeypatch.setattr("analyzer.smtp.texts.MOST_WORDS", 20)
    for number in range(100):
        texts.begin_batch()
        texts.once("pair", (number, 3), make)
    assert len(texts._kept) <= 21


def test_names_of_a_group():
    """Columns of one group have the same words, whatever makes them."""
    texts = Texts()
    numbers = texts.number(*spans(b"a", b"b"))
    upper, lower = (
        texts.names(of, numbers, "letters") for of in (lambda text: text.decode().upper(), lambda text: text.decode())
    )

    assert upper.words is lower.words
    assert (upper.list(), lower.list(), upper.words) == (["A", "B"], ["a", "b"], ["A", "B", "a", "b"])
    assert texts.words("letters").code("b") == lower.codes[1]
    assert texts.words("letters").code(None) == NONE
    assert texts.numbers([b"b", b"", b"c"]).tolist() == [1, NONE, 2]
    assert texts.numbers([]).tolist() == []
