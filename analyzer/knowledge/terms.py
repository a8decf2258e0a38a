"""What somebody asks about: a code, a whole reply, a reason, an outcome or a mechanism."""

from __future__ import annotations

import difflib
import fnmatch
import re
from typing import TYPE_CHECKING, Final

from analyzer.errors import AnalyzerError
from analyzer.knowledge import entries
from analyzer.knowledge.book import ENGLISH, english
from analyzer.knowledge.entries import CODE, ENHANCED
from analyzer.knowledge.model import Reference, Reply
from analyzer.smtp import echoes, law, replies
from analyzer.smtp.challenge import challenge_text
from analyzer.smtp.encoding import printable, unbase64
from analyzer.smtp.reasons import matching
from analyzer.smtp.reasons import reason as reason_of
from analyzer.smtp.reply import reply_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.knowledge.model import Topic
    from analyzer.smtp.replies import Source

#: What a transcript puts before a line of the server (``S: ``, ``<- ``, ``<~* ``), and a line of a reply.
_MARKS: Final = re.compile(r"\s*(?:(?:S:|[<>~*=-]+)\s*)?")
_LINE: Final = re.compile(r"[2-5]\d\d(?=[ -]|$)", re.ASCII)

#: What may be a secret in a reply: base64 with a digit, a sign, or a capital letter inside.
_CODED: Final = re.compile(r"(?=.*[0-9+/=]|.+[A-Z])[A-Za-z0-9+/]{8,}={0,2}")
_WORD: Final = re.compile(r"[^\s<>()\"',;:]+")

#: How many names are offered for one that is not known, and how much of that is repeated.
_OFFERED: Final = 3
_SHOWN_CHARACTERS: Final = 40


def find(terms: Sequence[str], lang: str = ENGLISH) -> list[Topic]:
    """Find what each term means; a code with an enhanced code behind it, and words behind that, is one reply."""
    topics: list[Topic] = []
    for term in _joined(terms):
        topics += _found(term, lang)
    return topics


def _joined(terms: Sequence[str]) -> Iterator[str]:
    waiting = list(terms)
    while waiting:
        term = waiting.pop(0)
        if CODE.fullmatch(term) and waiting and ENHANCED.fullmatch(waiting[0]):
            while waiting and not CODE.fullmatch(waiting[0]):
                term += " " + waiting.pop(0)
        yield term


def _found(term: str, lang: str) -> Iterator[Topic]:
    name = term.strip()
    key = re.sub(r"[\s-]+", "_", name.lower())
    if CODE.fullmatch(name) or ENHANCED.fullmatch(name):
        yield entries.entry(name, lang)
    elif _LINE.match(_lines(name)[0]):
        yield reply(name, lang)
    elif key in english("outcome") or key in english("reason"):
        if key in english("outcome"):
            yield entries.outcome(key, lang)
        if key in english("reason"):
            yield entries.reason(key, lang)
    elif any(fnmatch.fnmatchcase(name.upper(), known) for known in english("mechanism")):
        yield entries.mechanism(name, lang)
    else:
        raise AnalyzerError(_unknown(name))


def _unknown(name: str) -> str:
    known = [each for section in ("code", "enhanced", "outcome", "reason", "mechanism") for each in english(section)]
    spelt = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), spelt, _OFFERED, 0.5)
    offered = f"; near it: {', '.join(spelt[each] for each in near)}" if near else ""
    return (
        f"{name[:_SHOWN_CHARACTERS]!r} is no reply code (200 to 599), no enhanced code, reason, outcome or mechanism "
        f"that is known, and no whole reply, which goes into quotation marks{offered}"
    )


def reply(text: str, lang: str = ENGLISH) -> Reply:
    """Read a whole reply, of one or several lines, as the analyzer reads the end of an AUTH exchange."""
    lines = _lines(text)
    if not _LINE.match(lines[0]):
        raise AnalyzerError("this is no reply of a server: it begins with no code (200 to 599)")
    code = int(lines[0][:3])
    said = reply_of("\n".join(lines).encode("utf-8", "replace"))
    words = said.text.decode("utf-8", "replace")
    # RFC 4954 section 4, and Stalwart's final 334 (see the law).
    challenge = code == law.CHALLENGE and not (said.enhanced or "").startswith(("4", "5"))
    outcome = None if challenge else law.outcome(law.How.CODE, code, law.Last.NONE)
    if outcome == "other" and code != law.CHALLENGE and code // 100 in (2, 3):
        outcome = None  # no exchange ends with it
    reason = reason_of(outcome, code, said.enhanced, words, False, "") if outcome else None
    row = matching(code, said.enhanced, words) if reason else None
    return Reply(
        kind="reply",
        name=f"{code} {said.enhanced}" if said.enhanced else str(code),
        lang=lang,
        text=_shown(said.shown),
        code=entries.entry(code, lang),
        enhanced=entries.entry(said.enhanced, lang) if said.enhanced else None,
        challenge=challenge,
        asks=(challenge_text(None, said.text) or "") if challenge else "",
        outcome=entries.outcome(outcome, lang) if outcome else None,
        reason=entries.reason(reason, lang) if reason else None,
        source=_source(row.source) if row else None,
    )


def _source(source: Source) -> Reference | None:
    """Name the product whose words these are, with the address of its page; none for words that several share."""
    if source in (replies.OTHERS, replies.RFC):
        return None
    return Reference(source.product, source.reference if source.reference.startswith("https://") else "")


def _lines(text: str) -> list[str]:
    """Give the lines of a reply without the marks of a transcript."""
    return [_MARKS.sub("", line, count=1) for line in text.strip().splitlines()] or [""]


def _shown(text: str) -> str:
    """Hide what may be a secret that the server repeats (Sendmail), or the state in an address (Gmail)."""
    return _WORD.sub(lambda found: _hidden(found[0]), printable(text.encode("utf-8", "replace")))


def _hidden(word: str) -> str:
    coded = _CODED.fullmatch(word) and unbase64(word.encode()) is not None and echoes.is_strange(word.encode())
    return f"<{len(word)} characters>" if coded else word
