"""What a reply means, for a terminal, for a page and for programs: ``smtp-analyzer explain``, ``analyzer.explain``.

Arabic goes to a terminal in logical order, letter after letter as it is read: the terminal lays it out. No directional
isolates (U+2066 to U+2069) are put around codes: terminals that do not know them show them as boxes or move what
follows by a cell, and `safe.visible` would show them as escapes, as it does with those of strangers. Sentences keep
codes readable without: digits and the dots and slashes between them are one run in either direction (UAX #9, rule W4).
Pages isolate what is code with ``dir``.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import textwrap
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analyzer import knowledge
from analyzer.errors import AnalyzerError
from analyzer.knowledge import Cause, Difference, Entry, Mechanism, Reference, Reply
from analyzer.report import safe
from analyzer.report.screen import LEAST_WIDTH, Clock, Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from analyzer.knowledge import Topic

#: Of how many other codes a page about one code tells what makes them different.
_NEIGHBOURS: Final = 4

_CODE: Final = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A piece of a page: ``title``, ``remark``, ``heading``, ``text``, ``steps``, ``pairs``, ``sides`` or ``links``."""

    kind: str
    lang: str
    text: str = ""
    items: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """What some terms mean, and how the codes among them differ. `str()` is the text for a terminal."""

    lang: str
    topics: tuple[Topic, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return "\n".join(lines(self, Screen(LEAST_WIDTH, False, Clock())))

    def _repr_html_(self) -> str:
        return html(self)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, as ``--json`` prints it; docs/replies.md describes it."""
        return {
            "lang": self.lang,
            "topics": [dataclasses.asdict(topic) for topic in self.topics],
            "differences": [dataclasses.asdict(each) for each in self.differences],
        }


def explain(*terms: int | str, lang: str = knowledge.ENGLISH) -> Explanation:
    """Explain reply codes, enhanced codes, whole replies, reasons, outcomes and mechanisms.

    >>> analyzer.explain(235, 334)  # doctest: +SKIP
    >>> analyzer.explain("535 5.7.8 Username and Password not accepted", lang="ar")  # doctest: +SKIP
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


# -- pages as blocks ---------------------------------------------------------------------------------------------------


def blocks(explanation: Explanation) -> Iterator[Block]:
    """Give the page of an explanation: a part for each topic and each difference, then where to read more."""
    alone = not explanation.differences
    for topic in explanation.topics:
        yield from topic_blocks(topic, explanation.lang, alone=alone)
    for difference in explanation.differences:
        yield from _difference(difference, explanation.lang)
    said = knowledge.words("word", explanation.lang)
    yield Block("heading", explanation.lang, said["learn"])
    links = dict.fromkeys(link for topic in explanation.topics for link in _references(topic))
    yield Block("links", knowledge.ENGLISH, items=tuple((link.text, link.url) for link in links))


def topic_blocks(topic: Topic, lang: str, *, alone: bool = True) -> Iterator[Block]:
    """Give the part of one topic; `alone`: with what sets it apart from others, since no comparison follows."""
    said = knowledge.words("word", lang)
    tellers: Mapping[type, Callable[..., Iterator[Block]]] = {
        Entry: functools.partial(_entry, alone=alone),
        Reply: functools.partial(_reply, alone=alone),
        Cause: _cause,
        Mechanism: _mechanism,
    }
    heading, text = (functools.partial(Block, kind, topic.lang) for kind in ("heading", "text"))
    if not isinstance(topic, Reply):
        kind = "" if topic.kind == "code" else f"{said[topic.kind]} "
        yield Block("title", topic.lang, f"{kind}{topic.name}: {topic.title}")
        if topic.lang != lang:
            yield Block("remark", lang, said["english_only"])
    yield from tellers[type(topic)](topic, knowledge.words("word", lang), heading, text)


def _entry(
    entry: Entry,
    said: Mapping[str, str],
    heading: Callable[..., Block],
    text: Callable[..., Block],
    *,
    alone: bool,
) -> Iterator[Block]:
    if not entry.listed:
        yield Block("remark", entry.lang, said["unlisted"])
    facts = [(said["class"], entry.category)]
    if entry.subject:
        facts.append((said["second" if entry.kind == "code" else "subject"], entry.subject))
    if entry.listed:
        facts.append((said["standing"], entry.standing))
    if entry.codes:
        facts.append((said["codes"], ", ".join(map(str, entry.codes))))
    yield Block("pairs", entry.lang, items=tuple(facts))
    yield heading(said["description"])
    yield text(entry.meaning)
    yield heading(said["seen"])
    yield text(entry.seen)
    yield heading(said["fix"])
    yield _steps(entry.fix, entry.lang)
    if entry.notes:
        yield heading(said["products"])
        yield Block("pairs", entry.lang, items=tuple((note.product, note.text) for note in entry.notes))
    if alone:
        yield heading(said["differences"])
        yield Block("pairs", entry.lang, items=tuple(_apart(entry, said)))
        yield heading(said["use"])
        yield text(entry.use)


def _apart(entry: Entry, said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Tell what sets a code apart: what it does to the dialogue, and a sentence on each of its neighbours."""
    yield said["exchange"], entry.exchange
    yield said["next"], entry.next
    yield said["retry"], entry.retry
    for other in list(knowledge.neighbours(entry.name))[:_NEIGHBOURS]:
        yield knowledge.pair(entry.name, other), knowledge.sentences(entry.name, other, entry.lang)[0]


def _cause(
    cause: Cause, said: Mapping[str, str], heading: Callable[..., Block], text: Callable[..., Block]
) -> Iterator[Block]:
    yield heading(said["advice"])
    yield text(cause.advice)
    yield heading(said["description"])
    yield text(cause.meaning)
    yield heading(said["seen"])
    yield text(cause.seen)
    yield heading(said["fix"])
    yield _steps(cause.fix, cause.lang)
    if cause.codes:
        yield Block("pairs", cause.lang, items=((said["codes"], ", ".join(map(str, cause.codes))),))


def _mechanism(
    mechanism: Mechanism, said: Mapping[str, str], heading: Callable[..., Block], text: Callable[..., Block]
) -> Iterator[Block]:
    yield heading(said["description"])
    yield text(mechanism.meaning)
    yield heading(said["rounds"])
    rounds = ((said["without"], mechanism.without), (said["with"], mechanism.with_initial))
    yield Block("pairs", mechanism.lang, items=(*rounds, (said["identity"], mechanism.identity)))
    yield text(mechanism.rounds)
    yield heading(said["fix"])
    yield _steps(mechanism.fix, mechanism.lang)


def _reply(
    reply: Reply,
    said: Mapping[str, str],
    heading: Callable[..., Block],
    text: Callable[..., Block],
    *,
    alone: bool,
) -> Iterator[Block]:
    """Tell of a whole reply: how it is read, what the analyzer makes of it, then its codes."""
    yield Block("title", reply.lang, f"{said['reply']}: {reply.name}")
    facts = [(said["text"], reply.text)] if reply.text else []
    facts += [(said["asks"], reply.asks)] if reply.asks else []
    if facts:
        yield Block("pairs", reply.lang, items=tuple(facts))
    yield heading(said["as_ending"])
    if reply.outcome is None and reply.asks:
        yield text(said["goes_on"])
    causes = [cause for cause in (reply.outcome, reply.reason) if cause]
    pairs = [(said[cause.kind], f"{cause.name}: {cause.advice}") for cause in causes]
    pairs += [(said["said_by"], reply.source.text)] if reply.source else []
    yield Block("pairs", reply.lang, items=tuple(pairs) or ((said["reason"], said["none"]),))
    if reply.reason:
        yield heading(f"{said['fix']}: {reply.reason.name}")
        yield _steps(reply.reason.fix, reply.reason.lang)
    for entry in (reply.code, reply.enhanced):
        if entry:
            yield from topic_blocks(entry, reply.lang, alone=alone and entry.kind == "code")


def _steps(steps: Sequence[str], lang: str) -> Block:
    return Block("steps", lang, items=tuple((f"{number}.", step) for number, step in enumerate(steps, 1)))


def _difference(difference: Difference, lang: str) -> Iterator[Block]:
    """Show two codes side by side; the headings are in the language that was asked for."""
    said, own = knowledge.words("word", lang), difference.lang
    names = difference.first, difference.second
    yield Block("title", lang, f" {said['and']} ".join(names))
    if own != lang:
        yield Block("remark", lang, said["english_only"])
    yield Block("heading", lang, said["differences"])
    for fact in difference.facts:
        yield Block("text", own, f"{fact.name}:")
        yield Block("sides", own, items=tuple(zip(names, (fact.first, fact.second), strict=True)))
    for sentence in difference.text:
        yield Block("text", own, sentence)
    yield Block("heading", lang, said["use"])
    yield Block("pairs", own, items=tuple(zip(names, difference.use, strict=True)))


def _references(topic: Topic) -> Iterator[Reference]:
    if not isinstance(topic, Reply):
        yield from topic.references
        return
    yield from (topic.source,) if topic.source else ()
    for part in (topic.code, topic.enhanced, topic.outcome, topic.reason):
        yield from part.references if part else ()


# -- text --------------------------------------------------------------------------------------------------------------


def lines(explanation: Explanation, screen: Screen) -> Iterator[str]:
    """Give the lines for a terminal; never wider than 80 columns, since wide text is hard to read."""
    width = min(screen.columns, LEAST_WIDTH)
    for number, block in enumerate(blocks(explanation)):
        if block.kind in ("title", "heading") and number:
            yield ""
        yield from (f"{line}".rstrip() for line in _TEXT[block.kind](block, width, screen))


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Wrap a text, made visible, behind an indent."""
    return textwrap.wrap(
        safe.visible(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _styled(style: str, indent: str) -> Callable[[Block, int, Screen], Iterator[str]]:
    def written(block: Block, width: int, screen: Screen) -> Iterator[str]:
        yield from (screen.style(line, style) for line in _wrapped(block.text, width, indent, indent))

    return written


def _listed(indent: str, colon: str = ":") -> Callable[[Block, int, Screen], Iterator[str]]:
    def written(block: Block, width: int, screen: Screen) -> Iterator[str]:
        for name, text in block.items:
            head = f"{indent}{safe.visible(name)}{colon}"
            first, *rest = _wrapped(text, width, f"{head} ", f"{indent}   ") or [head]
            yield indent + screen.style(head[len(indent) :], "bold") + first[len(head) :]
            yield from rest

    return written


def _links(block: Block, width: int, _screen: Screen) -> Iterator[str]:
    for text, url in block.items:
        yield from _wrapped(f"{text}  {url}".strip(), width, "    ", "       ")


_TEXT: Final[Mapping[str, Callable[[Block, int, Screen], Iterator[str]]]] = {
    "title": _styled("bold", ""),
    "remark": _styled("yellow", "  "),
    "heading": _styled("cyan", "  "),
    "text": _styled("", "    "),
    "pairs": _listed("    "),
    "sides": _listed("      "),
    "steps": _listed("    ", ""),
    "links": _links,
}


# -- HTML --------------------------------------------------------------------------------------------------------------


def html(explanation: Explanation) -> str:
    """Give the page as an element ``<article>`` that says its language and direction."""
    body = "".join(block_html(block, explanation.lang) for block in blocks(explanation))
    return f'<article class="explanation"{_language(explanation.lang)}>{body}</article>'


def block_html(block: Block, lang: str) -> str:
    """Give one block for a page in `lang`; it says its own language where that is another one."""
    return _HTML[block.kind](block, _language(block.lang) if block.lang != lang else "")


def _language(lang: str) -> str:
    return f' lang="{lang}" dir="{knowledge.words("language", lang)["direction"]}"'


def _inline(text: str) -> str:
    """Make text safe, and what stands between backticks code, which is written from left to right."""
    return _CODE.sub(r'<code dir="ltr">\1</code>', safe.html(text))


def _element(tag: str) -> Callable[[Block, str], str]:
    def written(block: Block, attributes: str) -> str:
        return f"<{tag}{attributes}>{_inline(block.text)}</{tag}>"

    return written


def _pairs_html(block: Block, attributes: str) -> str:
    rows = (f'<dt><bdi>{_inline(name)}</bdi></dt><dd dir="auto">{_inline(text)}</dd>' for name, text in block.items)
    return f"<dl{attributes}>{''.join(rows)}</dl>"


def _steps_html(block: Block, attributes: str) -> str:
    return f"<ol{attributes}>{''.join(f'<li>{_inline(step)}</li>' for _, step in block.items)}</ol>"


def _links_html(block: Block, attributes: str) -> str:
    links = (
        f'<a href="{safe.html(url)}">{safe.html(text)}</a>' if url else safe.html(text) for text, url in block.items
    )
    return f"<ul{attributes}>{''.join(f'<li>{link}</li>' for link in links)}</ul>"


_HTML: Final[Mapping[str, Callable[[Block, str], str]]] = {
    "title": _element("h2"),
    "remark": _element("em"),
    "heading": _element("h3"),
    "text": _element("p"),
    "pairs": _pairs_html,
    "sides": _pairs_html,
    "steps": _steps_html,
    "links": _links_html,
}
