"""Segments by hand, the tracker run over them, and a plain reassembler to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.tcp import columns as c
from analyzer.tcp.stage import Bounds, Tracker
from analyzer.wire import segments as wire
from analyzer.wire.capture import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.tcp.stage import Batch

FIN, SYN, RST, ACK = 1, 2, 4, 16
LETTERS: Final = {"F": FIN, "S": SYN, "R": RST, "A": ACK}
KINDS: Final = ("data", "gap", "cut", "FIN", "RST", "END")
SECOND: Final = 10**9
#: Where the two streams of a test begin, so that the numbers wrap soon.
ISN: Final = (0xFFFF_FFF0, 0x7FFF_FFF0)
NOTHING: Final = -(1 << 62)


@dataclass(frozen=True)
class Segment:
    """A segment; `at` and `ack` are positions in the streams of its session, 0 is the first byte behind the SYN."""

    side: int
    at: int = 0
    data: bytes = b""
    ack: int | None = 0
    flags: str = ""
    cut: int = 0
    """Octets of the payload that the snap length cut off."""
    second: float = 0.0
    """On the capture's clock; 0 for as long after the start as there are segments before."""
    port: int = 40000
    server: int = 587
    high: int = 0
    isn: tuple[int, int] = ISN

    @property
    def bits(self) -> int:
        return sum(LETTERS[letter] for letter in self.flags) | (ACK if self.ack is not None else 0)


def window_of(segments: Sequence[Segment], first: int = 0, head: bytes = b"", clock: int = 0) -> Window:
    """Make a window of segments; `first` is how many there were before it."""
    rows = np.zeros((len(segments), wire.WIDTH), np.int64)
    payload = bytearray(head)
    for n, each in enumerate(segments):
        time = int((each.second or (first + n) / 1000) * SECOND) + 1
        clock = max(clock, time)
        shown = each.data[: len(each.data) - each.cut]
        ends = ((each.high, 7, each.port), (each.high, 25, each.server))
        (high, low, port), (other_high, other_low, other_port) = ends if each.side == 0 else ends[::-1]
        syn = 1 if "S" in each.flags else 0
        rows[n] = (
            time, first + n + 1, 0, clock, high, low, other_high, other_low, port, other_port,
            (each.isn[each.side] + 1 + each.at - syn) & 0xFFFFFFFF,
            0 if each.ack is None else (each.isn[1 - each.side] + 1 + each.ack) & 0xFFFFFFFF,
            each.bits, len(payload), len(shown), len(each.data),
        )  # fmt: skip
        payload += shown
    return Window(np.frombuffer(payload or bytearray(1), np.uint8), rows)


@dataclass
class Seen:
    """What the room gave of a session, its parts put together."""

    steps: list[tuple[str, int, bytes | int]] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Frame and STEP_ACKED of each step."""
    streams: list[bytes] = field(default_factory=lambda: [b"", b""])
    """By side as the room counts them: 0 is who was heard first."""
    row: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    parts: int = 0

    @property
    def told(self) -> list[tuple[str, int, bytes | int]]:
        """The steps, with neighbours of one kind and side put together, and those of the end left out."""
        out: list[tuple[str, int, bytes | int]] = []
        for (kind, side), group in groupby((s for s in self.steps if s[0] != "END"), key=lambda s: s[:2]):
            values = [value for _, _, value in group]
            out.append((kind, side, b"".join(values) if kind == "data" else sum(values)))  # type: ignore[arg-type]
        return out

    @property
    def ended(self) -> int:
        return int(self.row[c.ENDED])


class Feed:
    """A tracker with a reader that leaves the last `unread` bytes of a side for the next part."""

    def __init__(self, tracker: Tracker, unread: int = 3) -> None:
        self.tracker, self.unread = tracker, unread
        self.frames, self.clock = 0, 0
        self.over: list[Seen] = []
        self.open: dict[int, Seen] = {}

    def eat(self, segments: Sequence[Segment], *, flush: bool = True) -> None:
        window = window_of(segments, self.frames, b"before", self.clock)
        self.frames += len(segments)
        self.clock = int(window.segments[-1, wire.CLOCK]) if segments else self.clock
        self.take(self.tracker.eat(window))
        if flush:
            self.take(self.tracker.flush())

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return int(self.tracker.counters[c.WAITING_BYTES])

    def end(self) -> None:
        self.take(self.tracker.end())

    def take(self, batches: Iterable[Batch]) -> None:
        for sessions, stream, steps in batches:
            for row in sessions:
                owner = int(row[c.OWNER])
                seen = self.open.pop(owner, None) or Seen()
                self._add(seen, row, stream.tobytes(), steps)
                if row[c.FINAL]:
                    self.over.append(seen)
                else:
                    self.open[owner] = seen

    def _add(self, seen: Seen, row: np.ndarray, stream: bytes, steps: np.ndarray) -> None:
        at, end = row[c.STREAM_0 : c.STREAM_0 + 2].tolist(), []
        for side in range(2):
            end.append(at[side] + int(row[c.LENGTH_0 + side]))
            left = min(self.unread, len(seen.streams[side])) if seen.parts else 0
            assert seen.streams[side][len(seen.streams[side]) - left :] == stream[at[side] : at[side] + left]
            at[side] += left
            seen.streams[side] += stream[at[side] : end[side]]
        for step in steps[row[c.STEP] : row[c.STEP] + row[c.STEPS]].tolist():
            side, kind = step[c.STEP_SIDE], KINDS[step[c.STEP_KIND]]
            new = stream[at[side] : step[c.STEP_END]]
            at[side] = step[c.STEP_END]
            assert kind != "data" or len(new) == step[c.STEP_SIZE]
            seen.steps.append((kind, side, new if kind == "data" else step[c.STEP_SIZE]))
            seen.marks.append((step[c.STEP_FRAME], step[c.STEP_ACKED]))
        assert at == end
        if row[c.PORT_0] == 587:  # the server was heard first; here the client is side 0 always
            new = len(seen.steps) - int(row[c.STEPS])
            seen.steps[new:] = [(kind, 1 - side, value) for kind, side, value in seen.steps[new:]]
        seen.row, seen.parts = row.copy(), seen.parts + 1
        if not row[c.FINAL]:
            self.tracker.tails[int(row[c.OWNER])] = tuple(  # type: ignore[assignment]
                np.frombuffer(stream[max(end[i] - self.unread, int(row[c.STREAM_0 + i])) : end[i]], np.uint8)
                for i in range(2)
            )


def run(
    segments: Sequence[Segment],
    *,
    windows: int = 0,
    shards: int = 1,
    capacity: int = 4096,
    flush: bool = False,
    **bounds: int,
) -> list[Seen]:
    """Give all sessions, in windows of so many segments (0: one window), with a batch for each or not."""
    over: list[Seen] = []
    for shard in range(shards):
        feed = Feed(Tracker(shard, shards, capacity, Bounds(**bounds)))
        for at in range(0, len(segments), windows or len(segments) or 1):
            feed.eat(segments[at : at + (windows or len(segments))], flush=flush)
        feed.end()
        assert not feed.open
        assert feed.waiting == 0
        assert feed.tracker.counters[c.WAITING] == 0
        over += feed.over
    return sorted(over, key=lambda seen: (int(seen.row[c.PORT_0] + seen.row[c.PORT_1]), int(seen.row[c.FIRST_FRAME])))


def one(segments: Sequence[Segment], **how: int) -> Seen:
    """Give the only session."""
    (seen,) = run(segments, **how)
    return seen


def connection(isn: tuple[int, int] = ISN, port: int = 40000) -> list[Segment]:
    """Make a handshake."""
    return [
        Segment(0, flags="S", ack=None, isn=isn, port=port),
        Segment(1, flags="S", isn=isn, port=port),
        Segment(0, isn=isn, port=port),
    ]


def moved(segments: Iterable[Segment], **changes: object) -> list[Segment]:
    """Give segments with other fields."""
    return [replace(each, **changes) for each in segments]  # type: ignore[arg-type]


class Plain:
    """The law of order, byte by byte: who is first in the file keeps a byte, and all that was captured is known."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self.told: list[tuple[str, int, bytes | int]] = []
        self.conflict = False
        self.at = [0, 0]
        self.acked = [0, 0]
        self.have: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.fin: list[int | None] = [None, None]
        self.fin_by = [0, 0]
        for n, each in enumerate(segments):
            self._know(n, each)
        while self._next():
            pass
        for side in range(2):
            self._gap(side, self.acked[side])

    def _know(self, n: int, each: Segment) -> None:
        if each.ack is not None:
            self.acked[1 - each.side] = max(self.acked[1 - each.side], each.ack)
        have = self.have[each.side]
        for k in range(len(each.data)):
            first = have.setdefault(each.at + k, n)
            self.conflict |= self._byte(each.side, each.at + k, first) != each.data[k]
        if "F" in each.flags and self.fin[each.side] is None:
            self.fin[each.side] = each.at + len(each.data)
            self.fin_by[each.side] = n

    def _byte(self, side: int, position: int, n: int) -> int:
        return self.segments[n].data[position - self.segments[n].at]

    def _head(self, side: int) -> tuple[str, int, int, int] | None:
        """Give what a side has next: kind, segment, position, and what of the other side that acknowledges."""
        left = [position for position in self.have[side] if position >= self.at[side]]
        if left:
            n = self.have[side][min(left)]
            kind, position = "data", min(left)
        elif self.fin[side] is not None:
            n, kind, position = self.fin_by[side], "FIN", self.fin[side] or 0
        else:
            return None
        ack = self.segments[n].ack
        return kind, n, position, NOTHING if ack is None else ack

    def _next(self) -> bool:
        heads = [self._head(0), self._head(1)]
        waits = [False, False]
        for side in range(2):
            mine, other = heads[side], heads[1 - side]
            waits[side] = bool(mine and other and mine[3] > self.at[1 - side] and other[2] < mine[3])
        side = self._first(heads, waits)
        head = heads[side]
        if head is None:
            return False
        kind, n, position, need = head
        if not waits[side]:
            self._gap(1 - side, need)
        self._gap(side, position)
        if kind == "data":
            self._tell(kind, side, bytes([self._byte(side, position, n)]))
        else:
            self._tell(kind, side, 0)
            self.fin[side] = None
        self.at[side] += 1
        return True

    @staticmethod
    def _first(heads: list[tuple[str, int, int, int] | None], waits: list[bool]) -> int:
        zero, one = heads
        if zero is None or one is None:
            return 0 if one is None else 1
        if waits[0] != waits[1]:
            return 1 if waits[0] else 0
        return 1 if (zero[1] > one[1]) != waits[0] else 0

    def _gap(self, side: int, until: int) -> None:
        if until > self.at[side]:
            self._tell("gap", side, until - self.at[side])
            self.at[side] = until

    def _tell(self, kind: str, side: int, value: bytes | int) -> None:
        if self.told and self.told[-1][:2] == (kind, side):
            value = self.told.pop()[2] + value  # type: ignore[operator]
        self.told.append((kind, side, value))
