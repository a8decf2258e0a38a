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

from analyzer.errors import EmptyInputError, InputError, Skip
from analyzer.wire import containers
from analyzer.wire.capture import Capture, short_name
from analyzer.wire.sources import Source, display_name, is_plain, opened_source, total_size
from analyzer.wire.span import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.wire.sources import Place

#: First bytes that are looked at; enough for a tar archive to show itself.
HEAD = 4096

#: What people give by mistake: where its mark is, the mark, what it is and what to do.
MISTAKEN = (
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"GMBU", "a Network Monitor capture; save it as pcapng with Wireshark first"),
    (0, b"%PDF", "a PDF document, no packet capture and no log"),
)

#: How a line of a log begins (or nearly): a time of day, whatever date stands before it.
LOG_LINE = re.compile(rb"(?:^|\n)[^\n]{0,40}\d\d:\d\d:\d\d")

#: Names of rotated logs: ``mail.log.1``, ``maillog.0.bz2``, ``mainlog.01``, ``mail.log-20261122.gz``.
ROTATED = re.compile(
    r"""(?P<base>.+?)
    (?:[.-](?:(?P<date>\d{4}(?P<mark>[._-]?)\d\d(?P=mark)\d\d(?:[._T-]?\d{2,6})?)|(?P<number>\d{1,7})))?
    (?P<packed>\.(?:gz|bz2|xz|lzma|zst))?""",
    re.VERBOSE,
)

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

    @property
    def size(self) -> int | None:
        """Bytes on disk; None: nobody can tell."""
        return total_size(self.places)

    @property
    def is_plain(self) -> bool:
        """Whether it can be read several times, each time without unpacking it."""
        return all(map(is_plain, self.places))

    def sources(self) -> Iterator[Source]:
        """Open the files of a text, one after another; each is closed before the next."""
        for place in self.places:
            source = opened_source(place)
            try:
                yield source
            finally:
                source.close()


def find(paths: Sequence[Any]) -> list[Input]:
    """Give the inputs that `paths` name, files of a rotated set as one; raises InputError for what cannot be read.

    Besides paths, globs and folders, these are ``-`` (standard input), binary streams, and lists of scapy packets. An
    empty file among others is told in `skipped`: the current log was just rotated.
    """
    found: list[Input] = []
    known: set[str] = set()
    empty: list[tuple[str, EmptyInputError]] = []
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            found.append(_input(_stream(path)))
        elif os.fspath(path) == "-":
            found.append(_input(_standard_input()))
        else:
            for one in _paths(os.fspath(path)):
                try:
                    found += _of_folder(one, known) if os.path.isdir(one) else _of_file(one, known)
                except EmptyInputError as error:
                    empty.append((one, error))
    if empty and not found:
        raise empty[0][1]
    if empty:
        found[0].skipped.extend(Skip(display_name(one), "wire", "file is empty", 1, None) for one, _ in empty)
    return _told_apart(_sets(found))


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
    readable = 0
    for path in _files(folder, passed):
        try:
            found += _of_file(path, known)
            readable += 1
        except InputError as error:
            reason = str(error).removeprefix(display_name(path)).strip()
            passed.setdefault(f"file {reason}", []).append(os.path.relpath(path, folder))
    if not readable:
        message = f"{folder} holds no packet captures or logs; name a folder or files that do"
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
        if isinstance(place, (str, os.PathLike)):
            folder, name = os.path.split(os.path.abspath(place))
            key = (folder, one.kind, SET_NAMES[one.kind](name))
        alike.setdefault(key, []).append(one)
    joined: list[Input] = []
    for group in alike.values():
        joined += group if len(group) == 1 else SETS[group[0].kind](group)
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
