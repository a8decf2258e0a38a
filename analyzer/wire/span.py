"""When a capture begins and ends, by a look at its first and last records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.wire import blocks
from analyzer.wire import records as r
from analyzer.wire.capture import Capture
from analyzer.wire.sources import Source

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

#: How much of the end is looked at: some records of any usual length. A ring may have thousands of files.
TAIL = 1 << 17

#: Read at a time.
CHUNK = 1 << 16

#: Compressed files up to this size are unpacked to find their end.
UNPACKED = 1 << 26


def span(path: str) -> tuple[int | None, int | None]:
    """Give the first time and the latest of the last times of a capture file; None where a cheap look cannot tell."""
    capture = Capture([path], window_bytes=CHUNK, window_packets=1, keep_records=True)
    if capture.read() is None:
        return None, None
    first = int(capture.records[0, r.TIME])
    state, interfaces = capture.walked()
    capture.close()
    tail = _tail(path)
    if tail is None:
        return first, None
    buffer = np.frombuffer(tail, np.uint8).copy()
    state[r.END], state[r.LAST] = len(buffer), 1
    state[r.SEEN] = state[r.CLOCKS] = 0
    view: Any = memoryview(buffer)
    cells: Any = memoryview(state)
    look = blocks.find_block if len(interfaces) else r.find_record
    state[r.POSITION] = max(look(view, -1, cells), 0)
    records = np.empty((TAIL, r.WIDTH), np.int64)
    state[r.STATUS] = r.FULL
    while state[r.STATUS] != r.MORE:
        if len(interfaces):
            blocks.walk_blocks(buffer, state, records, interfaces)
        else:
            r.walk_records(buffer, state, records)
    return first, max(first, int(state[r.CLOCKS]))


def _tail(path: str) -> bytes | None:
    source = Source(path)
    try:
        if not source.packed:
            with open(path, "rb") as file:
                file.seek(max(0, (source.size or 0) - TAIL))
                return file.read(TAIL)
        if (source.size or 0) > UNPACKED:
            return None
        kept = b""
        while more := source.stream.read(CHUNK):
            kept = (kept + more)[-TAIL:]
        return kept
    finally:
        source.close()
