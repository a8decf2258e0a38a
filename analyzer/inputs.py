"""What a person names on the command line, as inputs: paths, globs, folders, streams; kinds are told by content."""

from __future__ import annotations

import glob
import io
import itertools
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from analyzer.errors import EmptyInputError, InputError, Skip
from analyzer.given import Input
from analyzer.rotation import sets
from analyzer.wire import containers
from analyzer.wire.sources import Source, display_name, opened_source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from analyzer.wire.sources import Place

#: First bytes that are looked at; enough for a tar archive to show itself.
HEAD = 4096

#: Why a row of `skipped` tells of an input without an octet.
EMPTY = "input is empty"

#: Empty inputs that a person is told the names of.
NAMES = 3

#: What people give by mistake: where its mark is, the mark, what it is and what to do.
MISTAKEN = (
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"GMBU", "a Network Monitor capture; save it as pcapng with Wireshark first"),
    (0, b"%PDF", "a PDF document, no packet capture and no log"),
)

#: How a line of a log begins (or nearly): a time of day, whatever date stands before it.
LOG_LINE = re.compile(rb"(?:^|\n)[^\n]{0,40}\d\d:\d\d:\d\d")


def find(paths: Sequence[Any]) -> list[Input]:
    """Give the inputs that `paths` name, files of a rotated set as one; raises InputError for what cannot be read.

    Besides paths, globs and folders, these are ``-`` (standard input), binary streams, lists of scapy packets, and
    lists of all these. What is empty among others (a log that was just rotated) is told in `skipped` and `warnings` of
    the first of them.
    """
    paths = list(_one_by_one(paths))
    if not paths:
        message = "nothing to read: give the path of a capture, a log or a folder"
        raise InputError(message)
    found: list[Input] = []
    known: set[str] = set()
    empty: dict[str, str] = {}  # name, and what is said where there is nothing else
    for path in paths:
        for one in _named(path):
            try:
                found += _inputs(one, known)
            except EmptyInputError as error:
                name = one if isinstance(one, str) else display_name(one)
                folder = os.path.isdir(name)
                empty[name] = str(error) if folder else f"{name} is empty; capture or copy it again"
    if empty and not found:
        several = f"{_several(empty)} empty; capture or copy them again"
        raise EmptyInputError(several if len(empty) > 1 else empty.popitem()[1])
    told = _told_apart(sets(found))
    if empty:
        told[0].skipped.extend(Skip(name, "wire", EMPTY, 1, None) for name in empty)
        told[0].warnings.append(f"{_several(empty)} empty: nothing could be read there")
    return told


def _several(names: Collection[str]) -> str:
    """Name the first of some inputs, and say how many more there are."""
    more = [f"{len(names) - NAMES} more"] if len(names) > NAMES else []
    return f"{', '.join([*itertools.islice(names, NAMES), *more])} {'is' if len(names) == 1 else 'are'}"


def _one_by_one(given: Iterable[Any]) -> Iterator[Any]:
    """Give paths and streams that may stand in lists; packets of one list stay together."""
    for one in given:
        if _is_place(one) or hasattr(one, "listname") or not isinstance(one, Iterable) or isinstance(one, bytes):
            yield one
            continue
        members = list(one)
        if not members or any(_is_place(each) or isinstance(each, (list, tuple)) for each in members):
            yield from _one_by_one(members)
        else:
            yield members


def _is_place(one: Any) -> bool:
    return isinstance(one, (str, os.PathLike, Source)) or hasattr(one, "read") or hasattr(one, "readinto")


def _named(path: Any) -> Sequence[Any]:
    """Give the paths, or the stream, that a person means."""
    if not isinstance(path, (str, os.PathLike)):
        return (_stream(path),)
    return (_standard_input(),) if os.fspath(path) == "-" else _paths(os.fspath(path))


def _inputs(one: Any, known: set[str]) -> list[Input]:
    """Give the inputs of a path, unless they are known by another name, or of a stream."""
    if not isinstance(one, str):
        return [_input(one)]
    return _of_folder(one, known) if os.path.isdir(one) else _of_file(one, known)


def opened_text(path: str) -> Source:
    """Open a log or a transcript; raises InputError for a capture, whose octets are no lines."""
    source = opened_source(path)
    if kind_of(source) == "text":
        return source
    message = f"{source.name} is a packet capture: only lines of logs have a format"
    raise InputError(message)


def kind_of(source: Source) -> str:
    """Tell the kind of an input by its first bytes; raises InputError for one that nobody could read."""
    head = source.stream.peek(HEAD)
    for at, mark, what in MISTAKEN:
        if head[at : at + len(mark)] == mark:
            message = f"{source.name} is {what}"
            raise InputError(message)
    if head and not containers.is_capture(head):
        if _is_text(head):
            return "text"
        message = (
            f"{source.name} is no packet capture (known are pcap, pcapng and snoop) and no text, plain or compressed"
        )
        raise InputError(message)
    containers.opened(source.stream, source.name)
    return "capture"


def _is_text(head: bytes) -> bool:
    """Tell text by its octets; a crash can leave zeros in a log, but what else is there shows that it is one."""
    text = head.replace(b"\0", b"")
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in text)
    whole = len(text) == len(head) or (2 * len(text) > len(head) and LOG_LINE.search(text) is not None)
    return whole and control * 20 < len(text)


def _stream(given: Any) -> Any:
    """Give a binary stream as it is, and scapy packets as one."""
    if isinstance(given, Source) or hasattr(given, "readinto"):
        return given
    if hasattr(given, "read"):
        message = "a stream of text was given: open the file in binary mode"
        raise InputError(message)
    from analyzer.wire.packets import pcapng

    try:
        packets = pcapng(given)
    except (TypeError, AttributeError, ValueError):  # whatever is no packet lacks something else
        message = f"{type(given).__name__} is no input: give paths, binary streams or scapy packets, or lists of them"
        raise InputError(message) from None
    source = Source(io.BytesIO(packets))
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
    named = isinstance(place, (str, os.PathLike))
    try:
        kind = kind_of(source)
    finally:
        if named:
            source.close()
    return Input(kind, [place if named else source], source.name)


def _of_folder(folder: str, known: set[str]) -> list[Input]:
    """Give the captures and texts in a folder and those below it; what else is there is told with the first of them."""
    found: list[Input] = []
    passed: dict[str, list[str]] = {}
    readable = empty = 0
    for path in _files(folder, passed):
        try:
            found += _of_file(path, known)
            readable += 1
        except InputError as error:
            empty += isinstance(error, EmptyInputError)
            reason = str(error).removeprefix(display_name(path)).strip()
            passed.setdefault(f"file {reason}", []).append(os.path.relpath(path, folder))
    if not readable:
        message = f"{folder} holds no packet captures or logs; name a folder or files that do"
        raise EmptyInputError(message) if empty == sum(map(len, passed.values())) else InputError(message)
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


def _told_apart(found: list[Input]) -> list[Input]:
    """Name inputs of equal names with their folders, as many of them as tell them apart."""
    alike: dict[str, list[Input]] = {}
    for one in found:
        if isinstance(one.places[0], (str, os.PathLike)):
            alike.setdefault(one.name, []).append(one)
    folders = {id(one): folder for group in alike.values() for one, folder in _folders(group)}
    return [
        replace(one, name=f"{folders[id(one)]}/{one.name}", folder=folders[id(one)]) if folders.get(id(one)) else one
        for one in found
    ]


def _folders(group: list[Input]) -> Iterable[tuple[Input, str]]:
    """Give the folders that tell inputs of one name apart; none where there is only one."""
    if len(group) == 1:
        return ()
    ways = [os.path.dirname(os.path.abspath(cast("str", one.places[0]))).split(os.sep) for one in group]
    told = (["/".join(way[-depth:]) for way in ways] for depth in range(1, max(map(len, ways)) + 1))
    folders = next((each for each in told if len({*each}) == len(group)), ["/".join(way) for way in ways])
    return zip(group, folders, strict=True)
