"""Patterns of log lines: written as templates, read as steps that a kernel takes one after the other.

A template is the line as the product writes it, with fields in braces::

    warning: {client_name}[{client_ip}]: SASL {mechanism} authentication failed: {reason}{?, sasl_username={identity}}

=================== ====================================================================================
``{name}``          a field of `analyzer.logs.columns.FIELDS`; what it may consist of is in `CLASSES`
``{name:class}``    the same, of another class; ``_`` is a field that nobody needs
``{?...}``          may be missing; not nested
``{{``  ``}}``      braces
=================== ====================================================================================

A class is a set of octets, of which a field takes as many as it can (at least one; four of `offset`), or one of

========= ==============================================================================
``first`` anything up to the first place where the literal behind the field stands
``last``  anything up to the last such place: what a user can write stands before it
``rest``  anything up to the end of the line
========= ==============================================================================

No step is ever taken back, but for an optional part as a whole; so the time is linear in the length of the line,
whatever it says. A template has to fit the whole line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from analyzer.errors import AnalyzerError
from analyzer.logs.columns import FIELDS, span_of

# --- steps: kind, and up to three numbers
LITERAL, RUN, FIRST, LAST, REST, OPTION = range(6)
#: RUN has a class, and how many octets it takes at least; FIRST and LAST the literal behind the field; OPTION the steps
#: to leave out where one does not fit.
STEP_WIDTH: Final = 4

#: Classes of octets that a field can consist of.
SETS: Final = {
    "digits": rb"[0-9]",
    "address": rb"[0-9A-Za-z.:*_%-]",  # masked and broken addresses too; what is no address becomes null later
    "name": rb"[0-9A-Za-z.:_\-*+@/#]",
    "token": rb"[0-9A-Za-z_.+-]",
    "hex": rb"[0-9A-Fa-f]",
    "offset": rb"[0-9a-f]",
    "word": rb"[^ \t]",
    "unquoted": rb'[^ \t"]',
    "quoted": rb'[^"\\]',  # what stands between quotation marks, where none is written with a backslash
}
#: How many octets a field takes at least, where it is more than one.
LEAST: Final = {"offset": 4}
_ANY: Final = {"first": FIRST, "last": LAST, "rest": REST}

#: The class of a field where a template names none.
CLASSES: Final = dict.fromkeys(FIELDS, "first") | {
    "client_name": "name", "client_ip": "address", "client_port": "digits",
    "server_name": "name", "server_ip": "address", "server_port": "digits",
    "session": "word", "pid": "digits", "queue_id": "token", "mechanism": "token", "authenticator": "token",
    "code": "digits", "number": "digits", "size": "digits", "command": "token", "tls": "token", "tls_version": "token",
    "_": "first",
}  # fmt: skip
SET_NAMES: Final = tuple(SETS)

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{\?|\{(\w+)(?::(\w+))?\}|\}|[^{}]+")
NOWHERE: Final = -1  # column of a field that nobody needs


class TemplateError(AnalyzerError):
    """A template that makes no sense; its text says why."""


class Step(NamedTuple):
    """One step; `text` is the literal of LITERAL, and the one behind FIRST and LAST; RUN takes so many at least."""

    kind: int
    column: int = NOWHERE
    of: int = 0
    text: bytes = b""
    least: int = 0


@lru_cache(maxsize=4096)
def steps(template: str) -> tuple[Step, ...]:
    """Read a template; raises TemplateError."""
    made: list[Step] = []
    option: int | None = None
    joins = False  # what follows belongs to the literal before it (braces are tokens of their own)
    at = 0
    while at < len(template):
        found = _TOKEN.match(template, at)
        if not found:
            message = f"template {template!r}: a brace at place {at + 1} does not belong to a field"
            raise TemplateError(message)
        part, at = found[0], found.end()
        if part == "{?":
            if option is not None:
                message = f"template {template!r}: an optional part within another"
                raise TemplateError(message)
            option = len(made)
            made.append(Step(OPTION))
        elif part == "}":
            if option is None:
                message = f"template {template!r}: a closing brace without an opening one"
                raise TemplateError(message)
            made[option] = Step(OPTION, of=len(made) - option - 1)
            option = None
        elif found[1]:
            made.append(_field(template, found[1], found[2]))
        else:
            text = part.replace("{{", "{").replace("}}", "}").encode()
            if joins:
                made[-1] = made[-1]._replace(text=made[-1].text + text)
            else:
                made.append(Step(LITERAL, text=text))
            joins = True
            continue
        joins = False
    if option is not None:
        message = f"template {template!r}: an optional part without its end"
        raise TemplateError(message)
    return tuple(_delimited(template, made, place) for place in range(len(made)))


def _field(template: str, name: str, of: str | None) -> Step:
    if name not in CLASSES:
        message = f"template {template!r}: no field {name!r}; there are {', '.join(FIELDS)}"
        raise TemplateError(message)
    of = of or CLASSES[name]
    column = NOWHERE if name == "_" else span_of(name)
    if of in SETS:
        return Step(RUN, column, SET_NAMES.index(of), least=LEAST.get(of, 1))
    if of not in _ANY:
        message = f"template {template!r}: no class {of!r}; there are {', '.join((*SETS, *_ANY))}"
        raise TemplateError(message)
    return Step(_ANY[of], column)


def _delimited(template: str, made: list[Step], place: int) -> Step:
    """Give a step of FIRST or LAST with the literal behind it; at the end of a template it is REST.

    Before an optional part, the literal that the part begins with ends the field as well: FIRST looks for that one,
    and takes the rest of the line where it is not found.
    """
    step = made[place]
    if step.kind not in (FIRST, LAST):
        return step
    if place + 1 == len(made):
        return step._replace(kind=REST)
    behind = made[place + 1]
    if behind.kind == OPTION:
        behind = made[place + 2]
    if behind.kind != LITERAL:
        message = f"template {template!r}: a field of the class first or last needs a literal behind it"
        raise TemplateError(message)
    return step._replace(text=behind.text, of=int(made[place + 1].kind == OPTION))
