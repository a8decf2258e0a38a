"""What a reply means, as a page for a terminal, for HTML and for programs.

``smtp-analyzer explain`` and ``analyzer.explain`` are made of this.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any, Final

from analyzer import knowledge
from analyzer.errors import AnalyzerError
from analyzer.knowledge import Cause, Difference, Entry, Mechanism, Reply
from analyzer.report.blocks import Block, html, lines
from analyzer.report.screen import Clock, Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analyzer.knowledge import Reference, Topic

#: Of how many other codes a page about one code tells what makes them different.
_NEIGHBOURS: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """What some terms mean, and how the codes among them differ. `str()` is the text for a terminal."""

    lang: str
    topics: tuple[Topic, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines(Screen(None, False, Clock())))

    def _repr_html_(self) -> str:
        return html(blocks(self), self.lang)

    def lines(self, screen: Screen) -> Iterator[str]:
        """Give the lines for a terminal."""
        return lines(blocks(self), screen)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, as ``--json`` prints it; docs/replies.md describes it."""
        return {
            "lang": self.lang,
            "topics": [dataclasses.asdict(topic) for topic in self.topics],
            "differences": [dataclasses.asdict(each) for each in self.differences],
        }


def explain(*terms: int | str, lang: str = knowledge.ENGLISH) -> Explanation:
    """Explain reply codes, enhanced codes, whole replies, reasons, outcomes and mechanisms.

    >>> import analyzer
    >>> print(analyzer.explain(235, 334))  # doctest: +SKIP
    >>> print(analyzer.explain("535 5.7.8 Username and Password not accepted", lang="ar"))  # doctest: +SKIP
    """
    if not terms:
        raise AnalyzerError("nothing to explain: name a code, a reply, a reason, an outcome or a mechanism")
    knowledge.words("word", lang)  # a language that is not there is told first
    topics = tuple(knowledge.find([str(term) for term in terms], lang))
    pairs = combinations(_codes(topics), 2)
    return Explanation(lang, topics, tuple(knowledge.differences(one, other, lang) for one, other in pairs))


def _codes(topics: Sequence[Topic]) -> list[str]:
    """Give the distinct codes of some topics; enhanced codes only where all are."""
    entries = [topic.code if isinstance(topic, Reply) else topic for topic in topics]
    codes = [entry for entry in entries if isinstance(entry, Entry)]
    kinds = {entry.kind for entry in codes}
    return list(dict.fromkeys(entry.name for entry in codes if len(kinds) == 1 or entry.kind == "code"))


def blocks(explanation: Explanation) -> Iterator[Block]:
    """Give the page of an explanation: a part for each topic and each difference, then where to read more."""
    page = _Page(explanation.lang)
    for topic in explanation.topics:
        yield from topic_blocks(topic, page.lang, alone=not explanation.differences)
    for difference in explanation.differences:
        yield from _difference(difference, _Page(page.lang, difference.lang))
    yield page.heading("learn")
    links = dict.fromkeys(link for topic in explanation.topics for link in _references(topic))
    yield Block("links", knowledge.ENGLISH, items=tuple((link.text, link.url) for link in links))


def topic_blocks(topic: Topic, lang: str, *, alone: bool = True) -> Iterator[Block]:
    """Give the part of one topic; `alone`: with what sets it apart from others, since no comparison follows."""
    page = _Page(lang, topic.lang)
    match topic:
        case Reply():
            yield from _reply(topic, page, alone=alone)
        case Entry():
            yield from (*page.opening(topic), *_entry(topic, page, alone=alone))
        case Cause():
            yield from (*page.opening(topic), *_cause(topic, page))
        case Mechanism():
            yield from (*page.opening(topic), *_mechanism(topic, page))


class _Page:
    """Makes blocks: headings and labels in the language of the page, texts in that of their topic."""

    def __init__(self, lang: str, own: str | None = None) -> None:
        self.lang = lang
        self.own = own or lang

    @cached_property
    def said(self) -> Mapping[str, str]:
        return knowledge.words("word", self.lang)

    def opening(self, topic: Entry | Cause | Mechanism) -> Iterator[Block]:
        kind = "" if topic.kind == "code" else f"{self.said[topic.kind]} "
        yield Block("title", self.own, f"{kind}{topic.name}: {topic.title}")
        yield from self.remark()

    def remark(self) -> Iterator[Block]:
        if self.own != self.lang:
            yield Block("remark", self.lang, self.said["english_only"])

    def heading(self, word: str, behind: str = "") -> Block:
        return Block("heading", self.lang, self.said[word] + behind)

    def text(self, text: str) -> Block:
        return Block("text", self.own, text)

    def steps(self, steps: Sequence[str]) -> Block:
        return Block("steps", self.own, items=tuple((f"{number}.", step) for number, step in enumerate(steps, 1)))

    def pairs(self, *pairs: tuple[str, str], kind: str = "pairs") -> Iterator[Block]:
        """Give the pairs that say something."""
        told = tuple(pair for pair in pairs if pair[1])
        if told:
            yield Block(kind, self.own, items=told)

    def description(self, topic: Entry | Cause) -> Iterator[Block]:
        """Give the parts that all of them have."""
        yield from (self.heading("description"), self.text(topic.meaning))
        yield from (self.heading("seen"), self.text(topic.seen))
        yield from (self.heading("fix"), self.steps(topic.fix))


def _entry(entry: Entry, page: _Page, *, alone: bool) -> Iterator[Block]:
    said = page.said
    if not entry.listed:
        yield Block("remark", page.lang, said["unlisted"])
    yield from page.pairs(
        (said["class"], entry.category),
        (said["second" if entry.kind == "code" else "subject"], entry.subject),
        (said["standing"], entry.standing if entry.listed else ""),
        (said["codes"], _listed(entry.codes)),
    )
    yield from page.description(entry)
    if entry.notes:
        yield page.heading("products")
        yield from page.pairs(*((note.product, note.text) for note in entry.notes))
    if alone:
        yield page.heading("differences")
        yield from page.pairs(
            (said["exchange"], entry.exchange), (said["next"], entry.next), (said["retry"], entry.retry)
        )
        yield from page.pairs(*_neighbours(entry))
        yield from (page.heading("use"), page.text(entry.use))


def _neighbours(entry: Entry) -> Iterator[tuple[str, str]]:
    """Tell what sets a code apart from the codes it is confused with."""
    told = ((other, knowledge.sentences(entry.name, other, entry.lang)) for other in knowledge.neighbours(entry.name))
    for other, sentences in islice(((other, sentences) for other, sentences in told if sentences), _NEIGHBOURS):
        yield knowledge.pair(entry.name, other), sentences[0]


def _cause(cause: Cause, page: _Page) -> Iterator[Block]:
    yield from (page.heading("advice"), page.text(cause.advice))
    yield from page.description(cause)
    yield from page.pairs((page.said["codes"], _listed(cause.codes)))


def _mechanism(mechanism: Mechanism, page: _Page) -> Iterator[Block]:
    said = page.said
    yield from (page.heading("description"), page.text(mechanism.meaning), page.heading("rounds"))
    yield from page.pairs(
        (said["without"], mechanism.without),
        (said["with"], mechanism.with_initial),
        (said["identity"], mechanism.identity),
    )
    yield from (page.text(mechanism.rounds), page.heading("fix"), page.steps(mechanism.fix))


def _reply(reply: Reply, page: _Page, *, alone: bool) -> Iterator[Block]:
    """Tell of a whole reply: how it is read, what the analyzer makes of it, then its codes."""
    said = page.said
    yield Block("title", page.lang, f"{said['reply']}: {reply.name}")
    yield from page.pairs((said["text"], reply.text), (said["asks"], reply.asks))
    yield page.heading("as_ending")
    if reply.outcome is None:
        yield page.text(said["goes_on" if reply.challenge else "no_ending"])
    for cause in (reply.outcome, reply.reason):
        if cause:
            yield from _Page(page.lang, cause.lang).pairs((said[cause.kind], f"{cause.name}: {cause.advice}"))
    yield from page.pairs((said["said_by"], reply.source.text if reply.source else ""))
    if reply.reason:
        yield page.heading("fix", f": {reply.reason.name}")
        yield _Page(page.lang, reply.reason.lang).steps(reply.reason.fix)
    for entry in (reply.code, reply.enhanced):
        if entry:
            yield from topic_blocks(entry, page.lang, alone=alone and entry.kind == "code")


def _difference(difference: Difference, page: _Page) -> Iterator[Block]:
    names = difference.first, difference.second
    yield Block("title", page.lang, f" {page.said['and']} ".join(names))
    yield from page.remark()
    yield page.heading("differences")
    for fact in difference.facts:
        yield page.text(f"{fact.name}:")
        yield from page.pairs(*zip(names, (fact.first, fact.second), strict=True), kind="sides")
    yield from map(page.text, difference.text)
    yield page.heading("use")
    yield from page.pairs(*zip(names, difference.use, strict=True))


def _references(topic: Topic) -> Iterator[Reference]:
    if not isinstance(topic, Reply):
        yield from topic.references
        return
    yield from (topic.source,) if topic.source else ()
    for part in (topic.code, topic.enhanced, topic.outcome, topic.reason):
        yield from part.references if part else ()


def _listed(codes: Iterable[int]) -> str:
    return ", ".join(map(str, codes))
