"""Runs `analyzer.wire.decode` over the records of a window, and over what its exotic records hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.errors import Skip
from analyzer.wire import decode as d
from analyzer.wire import layers, segments
from analyzer.wire import records as r
from analyzer.wire.exotic import Exotic

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, Any]

#: What is in the capture, for a person: traffic that is no mail is not lost.
COUNTED = {
    layers.TCP: "tcp",
    layers.UDP: "udp",
    layers.OTHER_IP: "other_ip",
    layers.NOT_IP: "not_ip",
    layers.TUNNELLED: "tunnelled",
}

#: What cannot be read.
SKIPPED = {
    layers.CUT: "packet was cut inside its headers (snapshot length)",
    layers.BAD_IP: "IP header has impossible lengths",
    layers.BAD_TCP: "TCP header has impossible lengths",
}

#: Packets within packets are opened this often: a frame that holds a fragment of a tunnel that holds a fragment …
DEPTH = 8
TOO_DEEP = "too many packets within packets"

#: Fewest bytes that a segment takes in a capture: an estimate, so that rows seldom have to be moved.
SEGMENT_BYTES = 64


class Decoder:
    """Turns records into segments and keeps count, over all windows of a source."""

    def __init__(self, capacity: int | None = None, share: tuple[int, int] = (0, 1)) -> None:
        """Give the kernel room for `capacity` rows at first, or for as many as the window can have.

        Of the connections, `share` is which of how many shares is kept.
        """
        self.exotic = Exotic()
        self._share = share
        self._capacity = capacity
        self._links = layers.link_table()
        self._tally = np.zeros((layers.KINDS, 2), np.int64)
        self._deep: tuple[int, int] = (0, 0)
        self.begin(0)

    def begin(self, size: int) -> None:
        """Begin a window of `size` bytes."""
        self._step = np.zeros(d.STATE_WIDTH, np.int64)
        self._rows = np.empty((self._capacity or size // SEGMENT_BYTES + 1, segments.WIDTH), np.int64)
        self._aside = np.empty((self._capacity or 64, r.WIDTH), np.int64)

    def feed(self, buffer: Array, records: Array, count: int) -> None:
        """Decode `count` records."""
        step = self._step
        step[d.NEXT], step[d.COUNT] = 0, count
        while d.decode(buffer, self._links, records, step, self._rows, self._aside, self._tally, *self._share):
            if step[d.ROW] == len(self._rows):
                self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            if step[d.ASIDE] == len(self._aside):
                self._aside = np.concatenate([self._aside, np.empty_like(self._aside)])

    def end(self, buffer: Array) -> tuple[Array, Array]:
        """End the window: its buffer, longer by what was unwrapped, and its segments in the order of their frames."""
        step = self._step
        exotic = self._aside[: step[d.ASIDE]].copy()
        plain = int(step[d.ROW])
        for _ in range(DEPTH):
            if not len(exotic):
                break
            packets, records = self.exotic.unwrap(buffer, exotic)
            buffer = np.concatenate([buffer, np.frombuffer(packets, np.uint8)])
            step[d.ASIDE] = 0
            self.feed(buffer, records, len(records))
            exotic = self._aside[: step[d.ASIDE]].copy()
        if len(exotic):
            self._deep = (self._deep[0] + len(exotic), self._deep[1] or int(exotic[0, r.FRAME]))
        rows = self._rows[: step[d.ROW]]
        if len(rows) > plain:
            rows = rows[np.argsort(rows[:, segments.FRAME], kind="stable")]
        return buffer, rows

    @property
    def counts(self) -> dict[str, int]:
        """How many packets of which kind there were."""
        counted = {name: int(self._tally[kind, 0]) for kind, name in COUNTED.items()}
        return counted | self.exotic.counts

    def skipped(self, source: str) -> Iterator[Skip]:
        """Tell what could not be decoded."""
        for kind, reason in SKIPPED.items():
            count, frame = self._tally[kind].tolist()
            if count:
                yield Skip(source, "wire", reason, count, f"frame {frame}")
        if self._deep[0]:
            yield Skip(source, "wire", TOO_DEEP, self._deep[0], f"frame {self._deep[1]}")
        yield from self.exotic.skipped(source)
