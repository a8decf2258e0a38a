"""A capture, read window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.errors import Skip
from analyzer.wire import blocks, containers
from analyzer.wire import records as r
from analyzer.wire.decoder import Decoder
from analyzer.wire.sources import display_name, opened_source, total_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.wire.sources import Place, Source

    Array = np.ndarray[Any, Any]

#: Records that are walked and decoded at a time: few enough that their rows stay in the processor's cache.
BATCH = 4096

#: What can be wrong with a file: cells of the walk's state with how often and where first, reason in `skipped`.
FAULTS = (
    (r.DAMAGED, r.DAMAGED_AT, "damaged record header; read on at the next sound one"),
    (r.GIVEN_UP, r.GIVEN_UP_AT, "no sound record behind a damaged one; the rest of the file is not read"),
    (r.ORPHANS, None, "packet block of no known interface, or longer than its block"),
)

TOO_MANY_SECRETS = "key log in the capture is not used: there are too many"


class Window(NamedTuple):
    """A part of a capture: bytes, and the TCP segments whose payloads they hold (`analyzer.wire.segments`)."""

    buffer: Array
    segments: Array


class Capture:
    """One source: a capture file, or the files of a rotated set read as one."""

    def __init__(
        self,
        places: Sequence[Place],
        *,
        name: str | None = None,
        skipped: Sequence[Skip] = (),
        window_bytes: int = limits.WINDOW_BYTES,
        window_packets: int | None = None,
        capacity: int | None = None,
        patience: float | None = None,
        keep_records: bool = False,
        share: tuple[int, int] = (0, 1),
        sizes: Sequence[int | None] = (),
    ) -> None:
        """Read `places` in the order given.

        A window holds `window_bytes` of a file, or `window_packets` if those are fewer, or what a live source gives
        within `patience` seconds. `capacity` is how many rows a kernel gets room for at first. With `keep_records`
        the record rows of the last window are in `records`. `share` is which of how many shares of the connections
        the windows have the segments of; all that is counted, is counted of all packets. Of files that are written
        meanwhile, `sizes` tells how many bytes of each are read.
        """
        self.files = [display_name(place) for place in places]
        self.name = name or short_name(self.files)
        self.secrets: list[bytes] = []
        self.warnings: list[str] = []
        self.records = np.empty((0, r.WIDTH), np.int64)
        self.total_bytes = total_size(places)
        self._places = list(places)
        self._sizes = list(sizes) or [None] * len(places)
        self._window_bytes = window_bytes
        self._window_packets = window_packets
        self._capacity = capacity or BATCH
        self._patience = patience
        self.keep_records = keep_records
        self._skipped = list(skipped)
        self._secret_bytes = 0
        self._unkept: list[str] = []
        self._decoder = Decoder(capacity, share)
        self._source: Source | None = None
        self._number = -1
        self._done = 0
        self._state = containers.new_state()

    @property
    def consumed(self) -> int:
        """Bytes taken from the disk so far."""
        return self._done + (self._source.consumed if self._source else 0)

    @property
    def counts(self) -> dict[str, int]:
        """Packets so far, by kind: what is no TCP is not lost, but no mail either."""
        return {"packets": int(self._state[r.FRAMES])} | self._decoder.counts

    @property
    def skipped(self) -> list[Skip]:
        """What could not be read so far, and why."""
        told = self._skipped + list(self._decoder.skipped(self.name))
        if self._unkept:
            told.append(Skip(self.name, "wire", TOO_MANY_SECRETS, len(self._unkept), self._unkept[0]))
        return told

    def read(self) -> Window | None:
        """Give the next window; None at the end."""
        while True:
            if self._source is None and not self._next_file():
                self._decoder.exotic.fragments.finish()
                return None
            window = self._window()
            if window is not None:
                return window

    def walked(self) -> tuple[Array, Array]:
        """Give a copy of the state of the walk through the file that is being read, and of its interfaces."""
        return self._state.copy(), self._interfaces.copy()

    def close(self) -> None:
        """Close the file that is being read."""
        if self._source is not None:
            self._done += self._source.consumed
            self._source.close()
            self._source = None

    def _next_file(self) -> bool:
        if self._number + 1 >= len(self._places):
            return False
        self._number += 1
        source = opened_source(self._places[self._number], self._sizes[self._number])
        container = containers.opened(source.stream, source.name)
        source.stream.take(container.header)
        state = containers.new_state()
        for cell in (r.FRAMES, r.CLOCKS):
            state[cell] = self._state[cell]
        for cell, value in container.cells.items():
            state[cell] = value
        state[r.FILES] = self._number
        self._state = state
        self._source = source
        self._interfaces = np.zeros((limits.INTERFACES if container.blocks else 0, blocks.WIDTH), np.int64)
        self._offset = container.header
        self._carry = np.empty(0, np.uint8)
        return True

    def _window(self) -> Window | None:
        assert self._source is not None
        state = self._state
        stream = self._source.stream
        size = max(self._window_bytes, int(state[r.NEED]), len(self._carry))
        buffer = np.empty(size, np.uint8)
        end = len(self._carry)
        buffer[:end] = self._carry
        end += stream.fill(memoryview(buffer)[end:], self._patience)
        buffer = buffer[:end]
        state[r.POSITION], state[r.END], state[r.LAST] = 0, end, stream.ended
        state[r.ORIGIN] = self._offset
        frames = int(state[r.FRAMES])
        self._walk(buffer)
        position = int(state[r.POSITION])
        self._offset += position
        self._carry = buffer[position:].copy()
        if state[r.GIVEN_UP] or (stream.ended and state[r.STATUS] == r.MORE):
            self._end_file()
        elif position == 0 and self._patience is None:
            return None  # a record that is larger than a window
        buffer, rows = self._decoder.end(buffer)
        return Window(buffer, rows) if frames < state[r.FRAMES] or self._patience is not None else None

    def _walk(self, buffer: Array) -> None:
        """Take records from the buffer until it has no more of them, or the window has enough."""
        state = self._state
        state[r.NEED] = 0
        left = self._window_packets or len(buffer) + 1
        records = np.empty((min(self._capacity, left), r.WIDTH), np.int64)
        kept = []
        self._decoder.begin(len(buffer))
        while left > 0:
            room = records[:left]
            if len(self._interfaces):
                count = blocks.walk_blocks(buffer, state, room, self._interfaces)
            else:
                count = r.walk_records(buffer, state, room)
            left -= count
            self._decoder.feed(buffer, room, count)
            if self.keep_records:
                kept.append(records[:count].copy())
            if state[r.STATUS] == r.SECRETS:
                self._keep_secret(buffer)
            elif state[r.STATUS] == r.MORE:
                break
        if kept:
            self.records = np.concatenate(kept)

    def _keep_secret(self, buffer: Array) -> None:
        begin, length = int(self._state[r.SECRETS_AT]), int(self._state[r.SECRETS_LENGTH])
        self._secret_bytes += length
        if self._secret_bytes > limits.SECRETS_BYTES:
            self._unkept.append(self._place(begin))
            return
        self.secrets.append(buffer[begin : begin + length].tobytes())

    def _end_file(self) -> None:
        """Say what was wrong with the file, and close it."""
        assert self._source is not None
        state = self._state
        source = self._source
        for cell, place, reason in FAULTS:
            if state[cell]:
                self._skip(reason, int(state[cell]), None if place is None else f"{source.name}, byte {state[place]}")
        if state[r.GIVEN_UP]:
            place = state[r.GIVEN_UP_AT]
            self.warnings.append(f"{source.name} is damaged: no sound packet was found behind byte {place}")
        if state[r.LOST]:
            places = state[r.DAMAGED] - state[r.GIVEN_UP]
            self.warnings.append(
                f"{source.name} is damaged: {state[r.LOST]} bytes in {places} place(s) could not be read"
            )
        if state[r.TRUNCATED]:
            self._skip("incomplete record at the end of the file", 1, f"{source.name}, after frame {state[r.FRAMES]}")
            self.warnings.append(f"{source.name} ends inside a packet; everything before it was read")
        if source.stream.damage is not None:
            self._skip("file cannot be read on", 1, f"{source.name}, after frame {state[r.FRAMES]}")
            self.warnings.append(f"{source.name} cannot be read to its end: {source.stream.damage}")
        if state[r.UNTIMED]:
            self.warnings.append(
                f"{state[r.UNTIMED]} packets of {source.name} carry no time; they get that of the packet before them"
            )
        self.close()

    def _place(self, position: int) -> str:
        return f"{self.files[self._number]}, byte {position + int(self._state[r.ORIGIN])}"

    def _skip(self, reason: str, count: int, first: str | None) -> None:
        self._skipped.append(Skip(self.name, "wire", reason, count, first))


def short_name(files: Sequence[str]) -> str:
    """Name a source by its files: one as it is, several by the first and the last."""
    return files[0] if len(files) == 1 else f"{files[0]} … {files[-1]}"
