"""Codes, reasons, outcomes and mechanisms as objects, and what lies between two codes."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import AnalyzerError
from analyzer.knowledge.book import ENGLISH, english, page, words
from analyzer.knowledge.model import Cause, Difference, Entry, Fact, Mechanism, Note, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A reply code (RFC 5321 section 4.2.1) and an enhanced one (RFC 3463 section 2).
CODE: Final = re.compile(r"([2-5])(\d)\d", re.ASCII)
ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.\d{1,3}", re.ASCII)

#: RFC, section or appendix, as references are written.
_RFC: Final = re.compile(r"RFC (\d+)(?: (section|appendix) ([A-Z0-9.]+))?")
_URL: Final = re.compile(r",? (https://\S+)")

#: What a code that is in no list is explained by.
_DIGITS: Final = {"code": "RFC 5321 section 4.2.1", "enhanced": "RFC 3463 section 3"}


def codes() -> list[int]:
    """Give the reply codes that are listed."""
    return [int(code) for code in english("code")]


def names(section: str) -> list[str]:
    """Give the names in a table: ``code``, ``enhanced``, ``reason``, ``outcome``, ``mechanism`` or ``pair``."""
    return list(english(section))


def entry(code: int | str, lang: str = ENGLISH) -> Entry:
    """Explain a reply code or an enhanced code; one that no list has by its digits."""
    name = str(code)
    for kind, pattern, second in (("code", CODE, "digit"), ("enhanced", ENHANCED, "subject")):
        found = pattern.fullmatch(name)
        if found:
            return _entry(kind, name, found[1], (second, found[2]), lang)
    raise AnalyzerError(f"{name!r} is no reply code (200 to 599) and no enhanced code (such as 5.7.8)")


def _entry(kind: str, name: str, first: str, second: tuple[str, str], lang: str) -> Entry:
    listed = name in english(kind)
    _, lang = page("class", first, lang)  # without the words of its class, no entry is whole in a language
    told, written = page(kind, name, lang) if listed else ({}, lang)
    category, _ = page("class", first, written)
    said, standings = words("word", written), words("standing", written)
    severity = category if kind == "code" else page("severity", first, written)[0]
    about = page(*second, written)[0] if second[1] in english(second[0]) else {}
    digits = " ".join(text for text in (category["meaning"], about.get("meaning", "")) if text)
    return Entry(
        kind=kind,
        name=name,
        lang=written,
        listed=listed,
        title=told.get("name") or (about or severity)["name"],
        standing=standings[told["standing"] if listed else "unlisted"],
        category=f"{severity['name']}: {category['meaning']}",
        subject=f"{about['name']}: {about['meaning']}" if about else "",
        meaning=told.get("meaning", digits),
        seen=told.get("seen", said["unlisted_seen"]),
        fix=tuple(told.get("fix", category["fix"])),
        use=told.get("use", said["enhanced_use" if listed else "unlisted_use"]),
        exchange=told.get("exchange", category["exchange"]),
        next=told.get("next", category["next"]),
        retry=told.get("retry", category["retry"]),
        auth=told.get("auth", kind == "enhanced" and listed),
        codes=tuple(told.get("codes", ())),
        notes=tuple(Note(product, text) for product, text in told.get("notes", {}).items()),
        references=_references(told.get("references", [_DIGITS[kind]])),
    )


def reason(name: str, lang: str = ENGLISH) -> Cause:
    """Explain a reason of the column `auth.reason`."""
    return _cause("reason", name, lang)


def outcome(name: str, lang: str = ENGLISH) -> Cause:
    """Explain an outcome of the column `auth.outcome`."""
    return _cause("outcome", name, lang)


def _cause(kind: str, name: str, lang: str) -> Cause:
    told, written = _page(kind, name, lang)
    return Cause(
        kind=kind,
        name=name,
        lang=written,
        title=told["name"],
        advice=told["advice"],
        meaning=told["meaning"],
        seen=told["seen"],
        fix=tuple(told["fix"]),
        codes=tuple(told["codes"]),
        references=_references(told["references"]),
    )


def _page(kind: str, name: str, lang: str) -> tuple[Mapping[str, Any], str]:
    if name not in english(kind):
        raise AnalyzerError(f"there is no {kind} {name!r}; there are {', '.join(english(kind))}")
    return page(kind, name, lang)


def advice(kind: str, lang: str = ENGLISH) -> dict[str, str]:
    """Give the one line of every ``reason`` or ``outcome``."""
    return {name: page(kind, name, lang)[0]["advice"] for name in english(kind)}


def mechanism(name: str, lang: str = ENGLISH) -> Mechanism:
    """Explain a SASL mechanism; of a family (SCRAM) any member."""
    key = next((key for key in english("mechanism") if fnmatch.fnmatchcase(name.upper(), key)), name)
    told, written = _page("mechanism", key, lang)
    return Mechanism(
        kind="mechanism",
        name=name.upper(),
        lang=written,
        title=told["name"],
        meaning=told["meaning"],
        without=told["without"],
        with_initial=told["with"],
        rounds=told["rounds"],
        identity=told["identity"],
        fix=tuple(told["fix"]),
        references=_references(told["references"]),
    )


def differences(first: int | str, second: int | str, lang: str = ENGLISH) -> Difference:
    """Compare two codes; in English where not all of it is translated."""
    one, other = entry(first, lang), entry(second, lang)
    text = sentences(one.name, other.name, lang)
    if lang != ENGLISH and (one.lang != lang or other.lang != lang or (not text and sentences(one.name, other.name))):
        return differences(first, second)
    said = words("word", lang)
    facts = tuple(
        Fact(said[name], of_one, of_other)
        for name, of_one, of_other in (
            ("class", one.category, other.category),
            ("second" if one.kind == "code" else "subject", one.subject, other.subject),
            ("exchange", one.exchange, other.exchange),
            ("next", one.next, other.next),
            ("retry", one.retry, other.retry),
            ("standing", one.standing, other.standing),
        )
        if of_one != of_other
    )
    same = one.name[0] == other.name[0]
    text = text or (said["same_class" if same else "other_class"],)
    return Difference(one.name, other.name, lang, facts, text, (_used(one), _used(other)))


def _used(entry: Entry) -> str:
    """Say when a code is used; of an enhanced code, which always refines another, what it means."""
    return entry.use if entry.kind == "code" else entry.meaning


def sentences(first: str, second: str, lang: str = ENGLISH) -> tuple[str, ...]:
    """Give what is written about two codes in a language; nothing for most pairs."""
    key = pair(first, second)
    told, written = page("pair", key, lang) if key in english("pair") else ({"text": ()}, lang)
    return tuple(told["text"]) if written == lang else ()


def pair(first: str, second: str) -> str:
    """Name two codes as the table of pairs does, the smaller first."""
    return "/".join(sorted((first, second)))


def neighbours(code: str) -> Iterator[str]:
    """Give the codes about which, together with this one, something is written."""
    for key in english("pair"):
        both = key.split("/")
        if code in both:
            yield both[1 - both.index(code)]


def _references(given: list[str]) -> tuple[Reference, ...]:
    return tuple(_reference(text) for text in given)


def _reference(text: str) -> Reference:
    """Make a link of what is written as ``RFC 4954 section 6``, or with an address at its end."""
    rfc, url = _RFC.fullmatch(text), _URL.search(text)
    if rfc:
        place = f"#{rfc[2]}-{rfc[3]}" if rfc[2] else ""
        return Reference(text, f"https://www.rfc-editor.org/rfc/rfc{rfc[1]}{place}")
    return Reference(text[: url.start()], url[1]) if url else Reference(text, "")
