"""Files that belong together: rotated logs, and captures that follow each other, joined as they were written."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, cast

from analyzer.given import Input
from analyzer.wire.capture import short_name
from analyzer.wire.span import span

if TYPE_CHECKING:
    from collections.abc import Callable

#: Names of rotated logs: ``mail.log.1``, ``maillog.0.bz2``, ``mainlog.01``, ``mail.log-20261122.gz``.
ROTATED = re.compile(
    r"""(?P<base>.+?)
    (?:[.-](?:(?P<date>\d{4}(?P<mark>[._-]?)\d\d(?P=mark)\d\d(?:[._T-]?\d{2,6})?)|(?P<number>\d{1,7})))?
    (?P<packed>\.(?:gz|bz2|xz|lzma|zst))?""",
    re.VERBOSE,
)

#: Files of a rotated set follow each other; records of several interfaces may be out of order by as much as this.
OVERLAP_NS = 10**9


def sets(found: list[Input]) -> list[Input]:
    """Join the files of rotated sets; a set stands where its first file stood."""
    alike: dict[object, list[Input]] = {}
    for one in found:
        place = one.places[0]
        key: object = id(one)
        if isinstance(place, (str, os.PathLike)):
            folder, name = os.path.split(os.path.abspath(place))
            key = (folder, one.kind, SET_NAMES[one.kind](name))
        alike.setdefault(key, []).append(one)
    joined: list[Input] = []
    for group in alike.values():
        joined += group if len(group) == 1 else SETS[group[0].kind](group)
    return joined


def _captures(group: list[Input]) -> list[Input]:
    """Join captures whose names differ in digits alone, where their times tell that they follow each other."""
    return _chained(group, {one.name: span(os.fspath(cast("str", one.places[0]))) for one in group})


def _logs(group: list[Input]) -> list[Input]:
    """Join the files of a rotated log, the oldest first, under the name of the one that is written now."""
    ordered = sorted(group, key=lambda one: _age(one.name))
    places = [place for one in ordered for place in one.places]
    return [Input("text", places, _log_name(group[0].name), [skip for one in group for skip in one.skipped])]


def _rotated(name: str) -> re.Match[str]:
    return cast("re.Match[str]", ROTATED.fullmatch(name))


def _log_name(name: str) -> str:
    return _rotated(name)["base"]


def _age(name: str) -> tuple[int, int, str]:
    """Give a key that sorts the names of a rotated log from old to new."""
    parts = _rotated(name)
    if parts["date"]:
        return 0, int(re.sub(r"\D", "", parts["date"]).ljust(14, "0")), name
    if parts["number"]:
        return 1, -int(parts["number"]), name
    return (2, 0, name) if parts["packed"] else (3, 0, name)


#: What the names of the files of a set have in common, and how they become inputs, by kind.
SET_NAMES: dict[str, Callable[[str], str]] = {"capture": lambda name: re.sub(r"\d+", "", name), "text": _log_name}
SETS: dict[str, Callable[[list[Input]], list[Input]]] = {"capture": _captures, "text": _logs}


def _chained(group: list[Input], times: dict[str, tuple[int | None, int | None]]) -> list[Input]:
    """Give one input for files whose times follow each other; else try again with those alike in their first number."""
    ordered = sorted(group, key=lambda one: (times[one.name][0] is None, times[one.name][0] or 0, one.name))
    spans = [times[one.name] for one in ordered if times[one.name][0] is not None]
    follows = all(
        first is not None and (last or before or 0) <= first + OVERLAP_NS and before != first
        for (before, last), (first, _) in itertools.pairwise(spans)
    )
    if follows:
        places = [place for one in ordered for place in one.places]
        skips = [skip for one in ordered for skip in one.skipped]
        return [Input("capture", places, short_name([one.name for one in ordered]), skips)]
    numbers = [re.findall(r"\d+", one.name) for one in group]
    for column in range(min(map(len, numbers))):
        parts: dict[str, list[Input]] = {}
        for one, number in zip(group, numbers, strict=True):
            parts.setdefault(number[column], []).append(one)
        if 1 < len(parts) < len(group):
            return [one for part in parts.values() for one in _chained(part, times)]
    return group
