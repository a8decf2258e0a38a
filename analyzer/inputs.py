"""What a person names on the command line, as inputs: paths, globs, folders, streams; kinds are told by content."""

from __future__ import annotations

import glob
import io
import itertools
import os
import re
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from analyzer.errors import InputError, Skip
from analyzer.wire import containers
from analyzer.wire.capture import Capture, short_name
from analyzer.wire.sources import Source, display_name, opened_source
from analyzer.wire.span import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.wire.sources import Place

#: First bytes that are looked at; enough for a tar archive to show itself.
HEAD = 4096

#: What people give by mistake: where its mark is, the mark, what it is and what to do.
MISTAKEN = (
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"GMBU", "a Network Monitor capture; save it as pcapng with Wireshark first"),
    (0, b"%PDF", "a PDF document, not a packet capture"),
)

#: Inputs of a kind that is told apart but not read.
UNREAD = {"text": "is text, not a packet capture; server logs cannot be read yet"}

#: Files of a rotated set follow each other; records of several interfaces may be out of order by as much as this.
OVERLAP_NS = 10**9


@dataclass(frozen=True, slots=True)
class Input:
    """One source: its kind, and the files that make it up, in order."""

    kind: str  #: ``capture``, or ``text``
    places: list[Place]
    name: str
    skipped: list[Skip] = field(default_factory=list)  #: what the folder held besides

    def open(self, **options: Any) -> Capture:
        """Open a capture; the options are those of `Capture`."""
        return Capture(self.places, name=self.name, skipped=self.skipped, **options)


def find(paths: Sequence[Any]) -> list[Input]:
    """Give the inputs that `paths` name, files of a rotated set as one; raises InputError for what cannot be read.

    Besides paths, globs and folders, these are ``-`` (standard input), binary streams, and lists of scapy packets.
    """
    found: list[Input] = []
    known: set[str] = set()
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            found.append(_input(_stream(path)))
        elif os.fspath(path) == "-":
            found.append(_input(_standard_input()))
        else:
            for one in _paths(os.fspath(path)):
                found += _of_folder(one, known) if os.path.isdir(one) else _of_file(one, known)
    return _told_apart(_sets(found))


def kind_of(source: Source) -> str:
    """Tell the kind of an input by its first bytes; raises InputError for one that nobody could read."""
    head = source.stream.peek(HEAD)
    for at, mark, what in MISTAKEN:
        if head[at : at + len(mark)] == mark:
            message = f"{source.name} is {what}"
            raise InputError(message)
    if head and not containers.is_capture(head) and _is_text(head):
        return "text"
    containers.opened(source.stream, source.name)
    return "capture"


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return b"\0" not in head and control * 20 < len(head)


def _stream(given: Any) -> Any:
    """Give a binary stream as it is, and scapy packets as one."""
    if isinstance(given, Source) or hasattr(given, "readinto"):
        return given
    if hasattr(given, "read"):
        message = "a stream of text was given: open the file in binary mode"
        raise InputError(message)
    from analyzer.wire.packets import pcapng

    source = Source(io.BytesIO(pcapng(given)))
    source.name = getattr(given, "listname", "packets")
    return source


def _standard_input() -> Any:
    """Give standard input without a buffer, so that it can be waited for; in a test it may be no file."""
    if sys.stdin.isatty():
        message = "nothing comes in on standard input: pipe a capture into it (tcpdump -U -w - | …)"
        raise InputError(message)
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError):
        return sys.stdin.buffer


def _paths(path: str) -> list[str]:
    if os.path.lexists(path):
        return [path]
    matches = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else []
    if not matches:
        message = f"{path} does not exist; check the path"
        raise InputError(message)
    return matches


def _of_file(path: str, known: set[str]) -> list[Input]:
    """Give the input that a path names, unless it is known by another name."""
    real = os.path.realpath(path)
    if real in known:
        return []
    known.add(real)
    return [_input(path)]


def _input(place: Place) -> Input:
    source = opened_source(place)
    kind = kind_of(source)
    if kind in UNREAD:
        message = f"{source.name} {UNREAD[kind]}"
        raise InputError(message)
    if not isinstance(place, (str, os.PathLike)):
        return Input(kind, [source], source.name)
    source.close()
    return Input(kind, [place], source.name)


def _of_folder(folder: str, known: set[str]) -> list[Input]:
    """Give the captures in a folder and those below it; what else is there is told with the first of them."""
    found: list[Input] = []
    passed: dict[str, list[str]] = {}
    captures = 0
    for path in _files(folder, passed):
        try:
            found += _of_file(path, known)
            captures += 1
        except InputError as error:
            reason = str(error).removeprefix(display_name(path)).strip()
            passed.setdefault(f"file {reason}", []).append(os.path.relpath(path, folder))
    if not captures:
        message = f"{folder} holds no packet captures; name a folder or files that do"
        raise InputError(message)
    skips = [Skip(folder, "wire", reason, len(names), names[0]) for reason, names in passed.items()]
    if found:
        found[0].skipped.extend(skips)
    return found


def _files(folder: str, passed: dict[str, list[str]]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        passed.setdefault("folder cannot be read", []).append(str(error.filename))

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not name.startswith("."):
                yield path


def _sets(found: list[Input]) -> list[Input]:
    """Join the files of rotated sets; a set stands where its first file stood."""
    alike: dict[object, list[Input]] = {}
    for one in found:
        place = one.places[0]
        key: object = id(one)
        if one.kind == "capture" and isinstance(place, (str, os.PathLike)):
            folder, name = os.path.split(os.path.abspath(place))
            key = (folder, re.sub(r"\d+", "", name))
        alike.setdefault(key, []).append(one)
    joined: list[Input] = []
    for group in alike.values():
        if len(group) == 1:
            joined += group
        else:
            times = {one.name: span(os.fspath(cast("str", one.places[0]))) for one in group}
            joined += _chained(group, times)
    return joined


def _told_apart(found: list[Input]) -> list[Input]:
    """Name inputs of equal names with their folders."""
    names = [one.name for one in found]
    told: list[Input] = []
    for one in found:
        place = one.places[0]
        if names.count(one.name) > 1 and isinstance(place, (str, os.PathLike)):
            folder = os.path.basename(os.path.dirname(os.path.abspath(place)))
            told.append(replace(one, name=f"{folder}/{one.name}"))
        else:
            told.append(one)
    return told


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
