"""Which events are of one session: what has a key in common, as long as nothing says that another one begins."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from analyzer import limits
from analyzer.kernel import helper, kernel
from analyzer.logs import columns as c
from analyzer.logs.formats import ENDED_BY, EVENT_NAMES
from analyzer.logs.keys import address
from analyzer.schema import NULL
from analyzer.wire.octets import alike

if TYPE_CHECKING:
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.fields import Block
    from analyzer.wire.octets import Cells, Grid, Octets

    Array = np.ndarray[Any, Any]

#: After a session's end something may still be told of it for this long.
AFTERWARDS_NS: Final = 60 * 10**9

#: Behind the last line of a session there is nothing more, but where a log has lost the order of its lines.
DISORDER_NS: Final = 4 * 10**9

NONE: Final = -1

CONNECT, DISCONNECT = (EVENT_NAMES.index(name) for name in ("connect", "disconnect"))
_ENDING: Final = np.array([name in ENDED_BY for name in EVENT_NAMES])

# --- what the events of a pattern mean here
(
    P_KIND,                         # in EVENT_NAMES
    P_ENDS,                         # it is an end
    P_LAST,                         # no other line is expected behind it
    P_ONCE,                         # it tells a success again, and may do so afterwards
    P_PATIENCE,                     # nanoseconds in which something may follow it, where it is an end
    PATTERN_WIDTH,
) = range(6)  # fmt: skip

# --- what stands before an event
(
    L_BEFORE,                       # the event before it that has its key; NONE: there is none
    L_CLIENT,                       # the last one up to it that names a client
    L_OTHER,                        # the last one before it that names a client in other octets
    LINK_WIDTH,
) = range(4)  # fmt: skip


@kernel("void(uint8[::1], int64[:, ::1], int32[::1], int32[::1], int64[::1], int64[:, ::1])")
def link(buffer: Octets, events: Grid, starts: Cells, stops: Cells, slots: Cells, links: Grid) -> None:
    """Link events to those before them; clients stand from `starts` to `stops` of a line.

    `slots` (a power of two, NONE before) is a hash table of events.
    """
    last_slot = len(slots) - 1
    for row in range(events.shape[0]):
        key, line, before = events[row, c.E_KEY], events[row, c.E_LINE], NONE
        if events[row, c.E_ALONE] == 0:
            slot = key & last_slot
            while slots[slot] != NONE and events[slots[slot], c.E_KEY] != key:
                slot = (slot + 1) & last_slot
            before = slots[slot]
            slots[slot] = row
        client = links[before, L_CLIENT] if before != NONE else NONE
        links[row, L_BEFORE], links[row, L_CLIENT], links[row, L_OTHER] = before, client, NONE
        start, stop = starts[line], stops[line]
        if start < stop:
            links[row, L_CLIENT] = row
            if client != NONE:
                there = events[client, c.E_LINE]
                size = stops[there] - starts[there]
                if size != stop - start or not alike(buffer[start:stop], buffer[starts[there] : stops[there]]):
                    links[row, L_OTHER] = client


@helper
def parts(events: Grid, times: Cells, patterns: Grid, row: int, before: int) -> bool:
    """Say whether a session begins at an event, though there is one before it with its key and its client."""
    this, that = events[row, c.E_PATTERN], events[before, c.E_PATTERN]
    if patterns[this, P_KIND] == CONNECT:
        return True
    passed = 0
    if times[row] != NULL and times[before] != NULL:
        passed = times[row] - times[before]
    if patterns[that, P_ENDS] == 0:
        return passed > limits.LOG_IDLE_NS
    if not -patterns[that, P_PATIENCE] <= passed <= patterns[that, P_PATIENCE]:
        return True
    follows = patterns[this, P_ENDS] == 1 or (patterns[this, P_ONCE] == 1 and passed >= 0)
    return patterns[that, P_LAST] == 1 and not follows


@kernel(
    "int64(int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1])"
)
def divide(
    events: Grid, times: Cells, patterns: Grid, links: Grid, moved: Cells, sessions: Cells, order: Cells, starts: Cells,
    followed: Cells,
) -> int:  # fmt: skip
    """Divide events into sessions, in the order of their first events, and give how many there are.

    `moved` marks events of another client than the one before (1), and what is told twice (-1). Gives the session of
    each event, the `order` in which sessions stand together, where each begins in it, and of which of them another one
    has taken the key.
    """
    count = 0
    for row in range(events.shape[0]):
        before = links[row, L_BEFORE]
        goes_on = before != NONE and moved[row] <= 0
        if goes_on and (moved[row] < 0 or not parts(events, times, patterns, row, before)):
            sessions[row] = sessions[before]
        else:
            if before != NONE:
                followed[sessions[before]] = 1
            sessions[row] = count
            count += 1
        starts[sessions[row] + 1] += 1
    for session in range(count):
        starts[session + 1] += starts[session]
    for row in range(events.shape[0]):
        order[starts[sessions[row]]] = row
        starts[sessions[row]] += 1
    for session in range(count, 0, -1):
        starts[session] = starts[session - 1]
    starts[0] = 0
    return count


def cut(block: Block, catalogue: Catalogue, now: int) -> tuple[Array, Array, Array]:
    """Cut the events of a block into sessions, of which nothing more is told from `now` on (NULL: nobody knows).

    Gives the events, session after session, where these begin (and the last one ends), and which of them are over.
    """
    events, count = block.events, len(block.events)
    row = c.span_of("client_ip")
    links, slots = np.empty((count, LINK_WIDTH), np.int64), np.full(2 << max(count, 1).bit_length(), NONE, np.int64)
    link(block.buffer, events, block.spans[row], block.spans[row + 1], slots, links)
    patterns = traits(catalogue)
    times = block.cells(c.TIME, events[:, c.E_LINE])
    sessions, order = np.empty((2, count), np.int64)
    starts, followed = np.zeros((2, count + 1), np.int64)
    moved = _moved(block, links)
    moved[_again(block, links, catalogue)] = -1
    found = divide(events, times, patterns, links, moved, sessions, order, starts, followed)
    events, starts = events.take(order, axis=0), starts[: found + 1]
    heads, tails = starts[:-1], starts[1:] - 1
    last = times.take(order.take(tails))
    last = np.where(last == NULL, now, last)
    ends, patience = patterns.take(events[tails, c.E_PATTERN], axis=0)[:, (P_ENDS, P_PATIENCE)].T
    over = (followed[:found] == 1) | (events[heads, c.E_ALONE] == 1)
    over |= ((ends == 1) & (now - last > patience)) | (now - last > limits.LOG_IDLE_NS)
    return events, starts, over


@lru_cache(maxsize=4)
def traits(catalogue: Catalogue) -> Array:
    """Give what the events of each pattern mean here: int64[n, PATTERN_WIDTH]."""
    made = np.zeros((len(catalogue.kinds), PATTERN_WIDTH), np.int64)
    waits = np.array([catalogue.formats[owner].afterwards for owner, _ in catalogue.patterns] or [False])
    made[:, P_KIND], made[:, P_ENDS], made[:, P_ONCE] = (
        catalogue.kinds,
        _ENDING[catalogue.kinds],
        catalogue.once & waits,
    )
    made[:, P_LAST] = (catalogue.kinds == DISCONNECT) | np.array(
        [each.last for _, each in catalogue.patterns] or [False]
    )
    made[:, P_PATIENCE] = np.where((made[:, P_LAST] == 1) & ~waits, DISORDER_NS, AFTERWARDS_NS)
    return made


def _again(block: Block, links: Array, catalogue: Catalogue) -> Array:
    """Give the events that tell once more of the connection that the event before them tells of."""
    patterns = block.events[:, c.E_PATTERN]
    twice = catalogue.once & (catalogue.kinds == CONNECT)
    rows = np.flatnonzero(twice[patterns] & (links[:, L_BEFORE] != NONE))
    before = links[rows, L_BEFORE]
    servers = (block.hashes("server_ip", block.events[each, c.E_LINE]) for each in (rows, before))
    again: Array = rows[(patterns[rows] == patterns[before]) & np.equal(*servers)]
    return again


def _moved(block: Block, links: Array) -> Array:
    """Mark the events that name another client than those before: a process id was used again."""
    moved = np.zeros(len(links), np.int64)
    rows = np.flatnonzero(links[:, L_OTHER] != NONE)
    both = np.concatenate((rows, links[rows, L_OTHER]))
    codes = block.words("client_ip", address, block.events[both, c.E_LINE]).codes
    moved[rows] = codes[: len(rows)] != codes[len(rows) :]
    return moved
