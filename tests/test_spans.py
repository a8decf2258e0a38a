"""Spans of a buffer as numbers, interpreted and compiled."""

from __future__ import annotations

import random

import numpy as np
import pytest

from analyzer import kernel
from analyzer.schema import NULL
from analyzer.words.spans import hashes_of, numbers_of


@pytest.fixture(params=["interpreted", "compiled"])
def way(request, monkeypatch):
    """Run kernels this way."""
    if request.param == "compiled" and not kernel.available():
        pytest.skip("numba is not installed")
    monkeypatch.setenv(kernel.FORCE, request.param)
    kernel.select(0)
    yield request.param
    monkeypatch.undo()
    kernel.select(0)


def _laid(words: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum([len(word) for word in words])
    return np.frombuffer(bytearray(b"".join(words) + b"."), np.uint8), ends - [len(word) for word in words], ends


def test_digits_are_read(way):
    """Digits and nothing else are a number; seventeen of them are the most."""
    words = [b"0", b"25", b"007", b"", b"-1", b"1 ", b"1a", b"9" * 17, b"9" * 18, "٣".encode(), b"/", b":"]

    assert numbers_of(*_laid(words)).tolist() == [0, 25, 7, NULL, NULL, NULL, NULL, int("9" * 17), *[NULL] * 4]


def test_hashes_tell_words_apart(way):
    """Equal words have equal hashes wherever they stand; others have others, whatever their length and last octets."""
    chance = random.Random(5)
    words = [b"", *(bytes([0] * size) for size in range(1, 20)), *(b"08DABC%010X" % number for number in range(3000))]
    words += [chance.randbytes(chance.randrange(1, 40)) for _ in range(3000)]
    again = chance.sample(words, len(words))
    known = dict(zip(words, hashes_of(*_laid(words)).tolist(), strict=True))

    assert len(set(known.values())) == len(set(words))
    assert known[b""] == 0
    assert hashes_of(*_laid(again)).tolist() == [known[word] for word in again]


def test_hashes_are_the_same_in_every_run(way):
    """Ids of sessions are made of them."""
    assert hashes_of(*_laid([b"mx", b"08DABC0000000001"])).tolist() == [7554858931251950659, 6427441833374907265]
