"""What replies, reasons, outcomes and mechanisms mean, as data that people can read and translate.

>>> from analyzer import knowledge
>>> knowledge.entry(535).title
'Authentication credentials invalid'
>>> knowledge.reason("throttled").fix[0]
'Stop what fails: a forgotten device with an old password uses up the limit of the good ones.'
"""

from __future__ import annotations

from analyzer.knowledge.book import ENGLISH, languages, words
from analyzer.knowledge.entries import (
    advice,
    codes,
    differences,
    entry,
    mechanism,
    names,
    neighbours,
    outcome,
    pair,
    reason,
    sentences,
)
from analyzer.knowledge.model import Cause, Difference, Entry, Fact, Mechanism, Note, Reference, Reply, Topic
from analyzer.knowledge.terms import find, reply

__all__ = [
    "ENGLISH",
    "Cause",
    "Difference",
    "Entry",
    "Fact",
    "Mechanism",
    "Note",
    "Reference",
    "Reply",
    "Topic",
    "advice",
    "codes",
    "differences",
    "entry",
    "find",
    "languages",
    "mechanism",
    "names",
    "neighbours",
    "outcome",
    "pair",
    "reason",
    "reply",
    "sentences",
    "words",
]
