"""The log formats that are known: one declarative file each, read into a catalogue of arrays for the kernels.

A file of formats (TOML) has::

    name = "postfix"                      # --as postfix
    title = "Postfix"
    product = "Postfix"                   # the server whose log it is, where that is known
    reference = "https://..."             # where the product, or a page with real lines, shows the format
    programs = ["*/smtpd"]                # syslog names; without any, lines that no syslog has written
    irrelevant_programs = ["postfix/qmgr"]  # of the same product: known, and of no interest
    key = [["host", "pid"]]               # what the lines of one session have in common: the first list of which a line
                                          # has all; has it none of them, it stands alone. [[]]: the file is one session
    family = "postfix"                    # formats of one family have sessions in common; none: the name
    role = "server"                       # who logs in to whom
    server = "a"                          # of a dialogue: the side of the server, where replies do not tell it
    shows_tls = true                      # a dialogue in TLS has a line that says so, whatever is logged besides
    cuts_replies = true                   # of a reply of several lines it shows one, so never what a server offers
    hides_answers = true                  # what clients answer to a 334 is left out: a reply behind one was asked for
    afterwards = true                     # of a session more is told for a minute after the line that says it is over

    [[cannot]]                            # what such a log does not show, and what would show it
    what = "rounds of 334"
    setting = "debug_peer_list = 192.0.2.7"

    [[meaning]]                           # what a text in the field `reason` means; the first that it contains decides
    text = "authentication failure"
    reason = "bad_credentials"
    outcome = "rejected"                  # and what else differs from what the pattern says: code, enhanced

    [[pattern]]
    name = "connect"
    event = "connect"                     # one of EVENTS
    text = "connect from {client_name}[{client_ip}]"   # or a list; see analyzer.logs.template
    reference = "https://..."
    samples = [{ text = "connect from unknown[192.0.2.7]", is = { client_ip = "192.0.2.7" } }]
    others = ["connect to mx.example.org"]             # lines that it must not take
    injections = [{ text = "...", is = { client_ip = "192.0.2.7" } }]   # hostile lines, and what has to come out

Tests hold every sample against the pattern that it stands in.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.cache import private_folder, write_whole
from analyzer.errors import InputError
from analyzer.logs.columns import FIELDS
from analyzer.logs.template import TemplateError, steps
from analyzer.smtp.law import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


#: What a line tells.
EVENTS: Final = {
    "connect": "a session begins",
    "disconnect": "a session is over",
    "lost": "the client has left",
    "timeout": "the server waited in vain and closes",
    "closed": "the server closes, because of too many errors for one",
    "failed": "an AUTH exchange ended without success",
    "succeeded": "an AUTH exchange succeeded",
    "detail": "more on an AUTH exchange that another line reports",
    "summary": "how many AUTH exchanges of a session failed",
    "tls": "TLS was established",
    "mail": "a message was accepted",
    "line": "a line of the dialogue itself",
    "other": "the session is of another service, and makes no row",
    "note": "nothing of interest",
}
EVENT_NAMES: Final = list(EVENTS)

#: How a session ended, as `sessions.ended_by` names it, the most telling event first; and where no event tells it.
ENDED_BY: Final = {
    "lost": "client_lost", "timeout": "server_timeout", "closed": "server_closed", "disconnect": "closed",
}  # fmt: skip
UNENDED: Final = "log_end"

#: Sides of a dialogue: two that the log tells apart, or none; or that of the line before, which goes on: at once, or
#: behind a space at which it was wrapped.
SIDES: Final = ("a", "b", "any", "more", "wrapped")

#: How a line of a dialogue is written into the log; see `analyzer.logs.dialogue`.
ESCAPES: Final = ("", "python", "html", "csv", "nl", "glued")

#: What a pattern can say without a field for it.
_STATED: Final = ("outcome", "code", "enhanced", "reason", "mechanism", "role", "tls", "after")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of line. `stated` is what it says without saying it: outcome, code, reason, mechanism, role."""

    name: str
    event: str
    templates: tuple[str, ...]
    reference: str
    #: What a client wrote follows the first place of this: no field of the class last ends behind that place.
    cut: str = ""
    side: str = ""  #: of a line: one of SIDES
    escape: str = ""
    #: A success that is told again with every message of its session, a failure that is told of every recipient at
    #: once, a connect that is told twice, or a detail that another pattern may tell, too.
    once: bool = False
    mail: bool = False  #: a success that tells of a message, too
    last: bool = False  #: of its session; so is every `disconnect`, but other ends may be followed by that
    abandons: bool = False  #: a refusal that is also written where the client was gone before
    alone: bool = False  #: a detail that is an attempt of its own where no other line reports that
    stated: dict[str, Any] = field(default_factory=dict)
    samples: tuple[dict[str, Any], ...] = ()
    others: tuple[str, ...] = ()
    injections: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One format; see the head of this module."""

    name: str
    title: str
    reference: str
    patterns: tuple[Pattern, ...]
    programs: tuple[str, ...] = ()
    irrelevant_programs: tuple[str, ...] = ()
    key: tuple[tuple[str, ...], ...] = ()
    family: str = ""
    product: str = ""  #: what the server is called in the tables; none: the log does not tell which it is
    role: str = "server"
    server: str = "a"
    bare: bool = False  #: its lines are also written without a syslog
    shows_tls: bool = False  #: what is in TLS is told to be so, in every log of this format
    cuts_replies: bool = False  #: of a reply of several lines, only one is shown
    hides_answers: bool = False  #: what clients answer to a challenge may be left out
    afterwards: bool = False  #: something may be told of a session after the line that says it is over
    generic: bool = False  #: takes what every other format leaves; only where no other format takes a line
    cannot: tuple[dict[str, str], ...] = ()
    meanings: tuple[dict[str, Any], ...] = ()


def formats(folders: Sequence[str | Path] = ()) -> tuple[Format, ...]:
    """Read the formats that are built in and those in `folders`, which come first and replace those of equal names."""
    known: dict[str, Format] = {}
    for folder in map(Path, folders):
        files = sorted(folder.glob("*.toml"))
        if not files:
            message = f"{folder} holds no format files (*.toml)"
            raise InputError(message)
        for file in files:
            made = parse(file)
            known.setdefault(made.name, made)
    for given in _built_in():
        made = _format(given)
        known.setdefault(made.name, made)
    return tuple(known.values())


def parse(file: Path) -> Format:
    """Read one file; raises InputError with a line that says what is wrong."""
    try:
        return _format(tomllib.loads(file.read_text("utf-8")))
    except (
        OSError,
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        KeyError,
        TypeError,
        ValueError,
        TemplateError,
    ) as error:
        message = f"{file.name} is no format file: {error}"
        raise InputError(message) from None


def _built_in() -> list[dict[str, Any]]:
    """Read the files that come with the program; what they hold is kept as JSON, a thirtieth of the time to read."""
    texts = [file.read_bytes() for file in sorted((Path(__file__).parent / "formats").glob("*.toml"))]
    folder = private_folder("formats", hashlib.sha256(b"\0".join(texts)).hexdigest()[:16])
    kept = folder and folder / "formats.json"
    with suppress(OSError, ValueError):
        if kept:
            known: list[dict[str, Any]] = json.loads(kept.read_bytes())
            return known
    made = [tomllib.loads(text.decode()) for text in texts]
    if kept:
        write_whole(kept, json.dumps(made).encode())
    return made


def _format(given: dict[str, Any]) -> Format:
    """Make a format of what a file holds; raises ValueError, KeyError, TypeError or TemplateError."""
    patterns = tuple(_pattern(each) for each in given.pop("pattern", ()))
    cannot, meanings = tuple(given.pop("cannot", ())), tuple(given.pop("meaning", ()))
    given["key"] = tuple(map(tuple, given.get("key", ())))
    for name in ("programs", "irrelevant_programs"):
        given[name] = tuple(given.get(name, ()))
    given.setdefault("family", given["name"])
    made = Format(patterns=patterns, cannot=cannot, meanings=meanings, **given)
    _check(made)
    return made


def _pattern(given: dict[str, Any]) -> Pattern:
    text = given.pop("text")
    given["templates"] = (text,) if isinstance(text, str) else tuple(text)
    for name in ("samples", "others", "injections"):
        given[name] = tuple(given.get(name, ()))
    stated: dict[str, Any] = {name: given.pop(name) for name in _STATED if name in given}
    return Pattern(stated=stated, **given)


def _check(made: Format) -> None:
    """Hold a format against what there is; raises ValueError."""
    for name in (name for choice in made.key for name in choice):
        _among(name, ("host", *FIELDS), "key")
    for meaning in made.meanings:
        _among(meaning.get("outcome", OUTCOMES[0]), OUTCOMES, "outcome")
    for pattern in made.patterns:
        _among(pattern.event, EVENT_NAMES, "event")
        _among(pattern.escape, ESCAPES, "escape")
        _among(pattern.side, SIDES if pattern.event == "line" else ("",), "side")
        _among(pattern.stated.get("outcome", OUTCOMES[0]), OUTCOMES, "outcome")
        for template in pattern.templates:
            steps(template)


def _among(value: str, known: Iterable[str], what: str) -> None:
    if value not in known:
        message = f"no {what} {value!r}; there are {', '.join(map(repr, known))}"
        raise ValueError(message)


def references(made: Format) -> Iterator[str]:
    """Give every address that a format names."""
    yield made.reference
    yield from (pattern.reference for pattern in made.patterns)
