"""Dialogues as streams and steps: what `analyzer.tcp` would give of them, built by hand, and run through the law.

This road has no packets: a test says itself where a step ends. `to_batch` makes the arrays of a dialogue, `captured`
takes those that the real road makes of its capture, and `tables_of` runs either to tables.
"""

from __future__ import annotations

import io
import ipaddress
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.inputs import find
from analyzer.schema import TABLES
from analyzer.smtp.reader import Reader
from analyzer.smtp.sasl import Decoder
from analyzer.smtp.writer import Writer
from analyzer.sorting import sorted_tables
from analyzer.tcp import columns as c
from analyzer.tcp.stage import Batch, Tracker
from tests.dialogue import to_events
from tests.frames import CLIENT, SERVER, START, STEP_NS, to_packets, to_pcap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.tables import Table
    from tests.dialogue import Event

#: A step before its session is laid out: kind, side, bytes of the stream, bytes missing, acknowledgement bits.
Step = tuple[int, int, bytes, int, int]

SIDES: Final = {"client": 0, "server": 1}
PORTS: Final = CLIENT[1], SERVER[1]
ADDRESSES: Final = [int(ipaddress.ip_address(f"::ffff:{host}")) for host, _ in (CLIENT, SERVER)]
ROWS: Final = 64


@dataclass(slots=True)
class Session:
    """What happened on one connection; side 0 is the client."""

    steps: list[Step] = field(default_factory=list)
    ports: tuple[int, int] = PORTS
    midstream: bool = False
    only: int | None = None
    close: bool = True
    unheard: set[int] = field(default_factory=set)


def sessions_of(events: Iterable[Event]) -> list[Session]:
    """Take a dialogue apart into connections."""
    sessions = [Session()]
    for event in events:
        if event.kind == "connect":
            client, server = sessions[-1].ports
            sessions.append(Session(ports=(client + 1, server)))
        else:
            _play(sessions[-1], event)
    for session in sessions:
        ended = {step[1] for step in session.steps if step[0] == c.FIN}
        if session.close and not any(step[0] == c.RST for step in session.steps):
            session.steps += [(c.FIN, side, b"", 0, 0) for side in range(2) if side not in ended]
        if session.only is not None:
            session.steps = [step for raw in session.steps for step in _seen(raw, session.only)]
    return sessions


def _play(session: Session, event: Event) -> None:
    """Add an event; after `unacked` a side's bytes are unheard from there on, as in `tests.frames`."""
    side = SIDES.get(event.side, 0)
    if event.kind in ("data", "gap"):
        session.unheard |= {side} if "unacked" in event.flags else set()
        kind, data = (c.GAP, b"") if event.kind == "gap" else (c.DATA, event.data)
        session.steps.append((kind, side, data, len(event.data), 0 if side in session.unheard else c.HEARD))
    elif event.kind in ("fin", "rst"):
        session.steps.append((c.FIN if event.kind == "fin" else c.RST, side, b"", 0, 0))
    elif event.kind == "port":
        session.ports = session.ports[0], int(event.argument)
    elif event.kind == "only":
        session.only = side
    session.midstream |= event.kind == "midstream"
    session.close &= event.kind != "no-close"


def _seen(step: Step, only: int) -> list[Step]:
    """Give what the capture of one side shows of a step: of the other side's bytes, that they were acknowledged."""
    kind, side, _, size, heard = step
    if side == only:
        return [step]
    return [(c.GAP, side, b"", size, heard)] if kind in (c.DATA, c.GAP) else []


def whole(steps: list[Step]) -> list[Step]:
    """Join what a side sends in one go."""
    joined: list[Step] = []
    for step in steps:
        last = joined[-1] if joined else None
        if last and last[0] == step[0] == c.DATA and last[1] == step[1] and last[4] == step[4]:
            joined[-1] = (c.DATA, step[1], last[2] + step[2], last[3] + step[3], step[4])
        else:
            joined.append(step)
    return joined


def octets(steps: list[Step]) -> list[Step]:
    """Cut everything into single octets."""
    return [
        piece
        for kind, side, data, size, heard in steps
        for piece in (
            [(kind, side, data[i : i + 1], 1, heard) for i in range(size)]
            if data
            else [(kind, side, data, size, heard)]
        )
    ]


def trailing(steps: list[Step]) -> list[Step]:
    """Let half a line follow the last bytes of each side."""
    out = list(steps)
    for side, text in enumerate((b"NOO", b"250-mo")):
        spoke = [i for i, step in enumerate(out) if step[:2] == (c.DATA, side)]
        if spoke:
            out.insert(spoke[-1] + 1, (c.DATA, side, text, len(text), c.HEARD))
    return out


def to_batch(sessions: Sequence[Session]) -> Batch:
    """Lay sessions out in arrays."""
    table = np.zeros((len(sessions), c.SESSION_WIDTH), np.int64)
    stream, steps = bytearray(), list[tuple[int, ...]]()
    for k, session in enumerate(sessions):
        row = table[k]
        for side in range(2):
            data = b"".join(step[2] for step in session.steps if step[1] == side)
            row[c.STREAM_0 + side], row[c.LENGTH_0 + side] = len(stream), len(data)
            row[c.PORT_0 + side], row[c.LO_0 + side] = session.ports[side], ADDRESSES[side]
            row[c.SEEN_0 + side] = session.only in (None, side)
            row[c.SYN_0 + side] = 0 if session.midstream or not row[c.SEEN_0 + side] else 1 + side
            stream += data
        row[c.STEP] = len(steps)
        ends = [int(row[c.STREAM_0]), int(row[c.STREAM_0 + 1])]
        for kind, side, data, size, acked in session.steps:
            ends[side] += len(data)
            number = len(steps) + 1
            steps.append((kind, side, ends[side], size, START + number * STEP_NS, number, acked))
        steps.append((c.END, 0, ends[0], 0, 0, 0, 0))
        row[c.STEPS] = len(steps) - row[c.STEP]
        row[c.FIRST_TIME] = START + (row[c.STEP] + 1) * STEP_NS
        row[c.FINAL] = 1
        row[c.ROW] = k
    return Batch(
        table, np.frombuffer(stream + b"\0", np.uint8).copy(), np.array(steps, np.int64).reshape(-1, c.STEP_WIDTH)
    )


def tracker() -> Tracker:
    """Make a tracker that only takes back what the reader leaves."""
    made = Tracker(capacity=1)
    made.table = np.zeros((ROWS, c.SESSION_WIDTH), np.int64)
    made.table[:, (c.HEAD, c.TAIL)] = c.LAST
    return made


@cache
def captured(text: str) -> list[Batch]:
    """Give the streams that the real road makes of a dialogue's capture."""
    (source,) = find((io.BytesIO(to_pcap(to_packets(to_events(text)), nanosecond=True)),))
    capture = source.open(window_bytes=1 << 20, window_packets=None, capacity=None)
    made, batches = Tracker(), []
    while (window := capture.read()) is not None:
        batches += [_copied(batch) for batch in made.eat(window)]
    return batches + [_copied(batch) for batch in made.end()]


def _copied(batch: Batch) -> Batch:
    return Batch(*(array.copy() for array in batch))


def tables_of(batches: Iterable[Batch], place: Tracker | None = None) -> dict[str, Table]:
    """Run batches through the law, to tables."""
    reader, writer, place = Reader(), Writer("case", frozenset(TABLES), Decoder()), place or tracker()
    for batch in batches:
        writer.write(reader.read(_copied(batch), place))
    return sorted_tables([writer.written()])


def parts_of(batch: Batch, cuts: Sequence[int], place: Tracker) -> Iterator[Batch]:
    """Give the batch of one session in parts that end before the steps `cuts`, with what was not read before each."""
    session, steps = batch.sessions[0], batch.steps
    starts = [int(session[c.STREAM_0 + side]) for side in range(2)]
    at = list(starts)
    for first, last in pairwise([0, *cuts, len(steps)]):
        part, row = steps[first:last].copy(), session.copy()
        tails = place.tails.pop(1, None) if first else None
        stream = b""
        for side in range(2):
            mine = part[:, c.STEP_SIDE] == side
            end = int(part[mine, c.STEP_END].max(initial=at[side]))
            tail = tails[side].tobytes() if tails else b""
            moved = len(stream) + len(tail) - at[side]
            row[c.STREAM_0 + side] = len(stream)
            stream += tail + batch.stream[at[side] : end].tobytes()
            row[c.LENGTH_0 + side] = len(stream) - row[c.STREAM_0 + side]
            part[mine, c.STEP_END] += moved
            at[side] = end
        row[c.STEP], row[c.STEPS] = 0, last - first
        row[c.FINAL], row[c.OWNER] = last == len(steps), 1
        yield Batch(row[np.newaxis], np.frombuffer(stream + b"\0", np.uint8).copy(), part)
