"""Pages of prose as blocks, for a terminal and as HTML.

Arabic goes to a terminal in logical order, letter after letter as it is read: the terminal lays it out. No directional
isolates (U+2066 to U+2069) are put around codes: terminals that do not know them show them as boxes or move what
follows by a cell, and `safe.visible` would show them as escapes, as it does with those of strangers. Sentences keep
codes readable without: digits and the dots and slashes between them are one run in either direction (UAX #9, rule W4).
Pages isolate what is code with ``dir``.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.knowledge import words
from analyzer.report import safe
from analyzer.report.screen import LEAST_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from analyzer.report.screen import Screen

_CODE: Final = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A piece of a page: ``title``, ``remark``, ``heading``, ``text``, ``steps``, ``pairs``, ``sides`` or ``links``."""

    kind: str
    lang: str
    text: str = ""
    items: tuple[tuple[str, str], ...] = ()


# -- text --------------------------------------------------------------------------------------------------------------


def lines(blocks: Iterable[Block], screen: Screen) -> Iterator[str]:
    """Give the lines for a terminal; never wider than 80 columns, since wide text is hard to read."""
    width = min(screen.columns, LEAST_WIDTH)
    for number, block in enumerate(blocks):
        if block.kind in ("title", "heading") and number:
            yield ""
        yield from _TEXT[block.kind](block, width, screen)


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Wrap a text, made visible, behind an indent."""
    return textwrap.wrap(
        safe.visible(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _plain(style: str, indent: str) -> Callable[[Block, int, Screen], Iterator[str]]:
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
    "title": _plain("bold", ""),
    "remark": _plain("yellow", "  "),
    "heading": _plain("cyan", "  "),
    "text": _plain("", "    "),
    "pairs": _listed("    "),
    "sides": _listed("      "),
    "steps": _listed("    ", ""),
    "links": _links,
}


# -- HTML --------------------------------------------------------------------------------------------------------------


def html(blocks: Iterable[Block], lang: str) -> str:
    """Give a page as an element ``<article>`` that says its language and direction."""
    body = "".join(block_html(block, lang) for block in blocks)
    return f'<article class="explanation"{_language(lang)}>{body}</article>'


def block_html(block: Block, lang: str) -> str:
    """Give one block for a page in `lang`; it says its own language where that is another one."""
    return _HTML[block.kind](block, _language(block.lang) if block.lang != lang else "")


def _language(lang: str) -> str:
    return f' lang="{lang}" dir="{words("language", lang)["direction"]}"'


def _inline(text: str) -> str:
    """Make text safe, and what stands between backticks code, which is written from left to right."""
    return _CODE.sub(r'<code dir="ltr">\1</code>', safe.html(text))


def _element(tag: str) -> Callable[[Block, str], str]:
    def written(block: Block, attributes: str) -> str:
        return f"<{tag}{attributes}>{_inline(block.text)}</{tag}>"

    return written


def _pairs_html(block: Block, attributes: str) -> str:
    """Give a list of terms, which are in the language of the page, and what is said of them."""
    attributes = attributes or ' dir="auto"'
    rows = (f"<dt><bdi>{_inline(name)}</bdi></dt><dd{attributes}>{_inline(text)}</dd>" for name, text in block.items)
    return f"<dl>{''.join(rows)}</dl>"


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
