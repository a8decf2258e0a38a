"""Which segments are one session, when it is over, and which sessions are not worth reading."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import kernel
from analyzer.tcp import columns as c
from analyzer.tcp import track
from analyzer.tcp.stage import Bounds, Tracker
from analyzer.tcp.table import home, remove
from analyzer.tcp.track import IDLE_NS, WAITING
from analyzer.wire import segments as wire
from analyzer.wire.capture import Window
from tests.tcp.room import Feed, Segment, connection, moved, run, window_of

OTHER_ISN = (5_000_000, 6_000_000)
HELLO = [Segment(1, 0, b"220 mx\r\n"), Segment(0, 0, b"EHLO x\r\n", 8)]
CLOSE = [Segment(0, 8, b"", 8, "F"), Segment(1, 8, b"", 9, "F"), Segment(0, 9, b"", 9)]
TALK = [*connection(), *HELLO]
MIDNIGHT = 86_400.0
MORE = Segment(0, 8, b"QUIT\r\n", 8)


def at(second, segments):
    """Put segments at a time."""
    return moved(segments, second=second)


def payloads(segments, **how):
    """Give what the sessions hold in bytes, and why they ended."""
    return [(sum(map(len, seen.streams)), c.ENDINGS[seen.ended]) for seen in run(segments, **how)]


ENDS = "capture_end"
TABLE = {
    "one": (TALK, [(16, ENDS)]),
    "a SYN once more": ([*TALK, TALK[0], TALK[1]], [(16, ENDS)]),
    "a new connection on the same ports": ([*TALK, *moved(TALK, isn=OTHER_ISN)], [(16, "new_session"), (16, ENDS)]),
    "another port": ([*TALK, *moved(TALK, port=40001)], [(16, ENDS), (16, ENDS)]),
    "another address": ([*TALK, *moved(TALK, high=-5)], [(16, ENDS), (16, ENDS)]),
    "a SYN that comes late": ([*HELLO, *connection(), MORE], [(22, ENDS)]),
    "a SYN in the midst, of no session known": (
        [*moved(HELLO, isn=OTHER_ISN), *TALK],
        [(16, "new_session"), (16, ENDS)],
    ),
    "closed, then the ports again without a SYN": (
        [*TALK, *CLOSE, *moved(HELLO, isn=(1 << 31, 1 << 30))],
        [(16, "new_session"), (16, ENDS)],
    ),
    "copies after the close": ([*TALK, *CLOSE, *TALK, *at(2.0, [*TALK, *CLOSE])], [(16, "idle")]),
    "a reset, then stragglers": ([*TALK, Segment(1, 8, b"", 8, "R"), MORE], [(22, ENDS)]),
    "a reset, then a SYN of a side never heard": (
        [Segment(1, 0, b"", 0, "R"), *connection()],
        [(0, "new_session"), (0, ENDS)],
    ),
    "idle": ([*TALK, *at(601, [MORE])], [(16, "idle"), (6, ENDS)]),
    "idle to the end": ([*TALK, *at(601, moved(TALK, port=1))], [(16, ENDS), (16, "idle")]),
    "quiet, but not idle": ([*TALK, *at(599, [MORE])], [(22, ENDS)]),
    "keep-alives are no data": (
        [*TALK, *at(400, [Segment(0, 7, b"\0", 8), Segment(0, 7, b"", 8)]), *at(700, [MORE])],
        [(16, "idle"), (6, ENDS)],
    ),
    "a repetition is data": ([*TALK, *at(400, [HELLO[1]]), *at(700, [MORE])], [(22, ENDS)]),
    "the clock goes back": ([*at(MIDNIGHT, TALK), *at(1.0, [MORE])], [(22, ENDS)]),
    "the clock jumps ahead, and back": (
        [*TALK, *at(MIDNIGHT, moved(TALK, port=1)), *at(1.0, [MORE])],
        [(16, ENDS), (16, "idle"), (6, ENDS)],
    ),
    "reset and gone": ([*TALK, Segment(1, 8, b"", 8, "R"), *at(61, [MORE])], [(16, "idle"), (6, ENDS)]),
    "a forged reset ends nothing": ([*TALK, Segment(1, 1 << 28, b"", 8, "R"), *at(61, [MORE])], [(22, ENDS)]),
    "refused": ([TALK[0], Segment(1, 0, b"", 0, "R"), *at(61, moved(TALK, isn=OTHER_ISN))], [(0, "idle"), (16, ENDS)]),
    "a lone SYN is soon forgotten": ([TALK[0], *at(61, [MORE])], [(0, "idle"), (6, ENDS)]),
    "a silent connection is not": ([*TALK[:3], *at(300, HELLO)], [(16, ENDS)]),
    "simultaneous open": ([TALK[0], Segment(1, flags="S", ack=None), *TALK[1:]], [(16, ENDS)]),
}


@pytest.mark.parametrize("windows", [0, 1])
@pytest.mark.parametrize("name", TABLE)
def test_table(name, windows):
    """Packets in, sessions out, wherever a window ends."""
    segments, expected = TABLE[name]

    assert payloads(segments, windows=windows) == expected


def test_counts():
    """A session knows its packets, its bytes on the wire, and its times."""
    (seen,) = run([*TALK[:3], Segment(0, 0, b"EHLO x\r\n", cut=3, second=5.0)])
    row = seen.row

    assert (row[c.PACKETS], row[c.BYTES], row[c.FIRST_FRAME]) == (4, 8, 1)
    assert (row[c.FIRST_TIME], row[c.LAST_TIME]) == (1, 5 * 10**9 + 1)


@pytest.mark.parametrize("windows", [1, 100])
def test_settled(windows):
    """A session whose bytes all came in order is given soon after its close; copies that come later are only copies."""
    feed = Feed(Tracker())
    segments = [*TALK, *CLOSE, *at(2.0, TALK[3:]), *at(3.0, [*TALK, *CLOSE])]
    for n in range(0, len(segments), windows):
        feed.eat(segments[n : n + windows])

    assert len(feed.over) == 1
    assert feed.over[0].row[c.PACKETS] == len(TALK) + len(CLOSE)
    assert feed.waiting == 0
    feed.end()
    assert len(feed.over) == 1


def test_other_copies_after_the_close():
    """Soon after the close, a copy with other bytes is still a conflict."""
    (seen,) = run([*TALK, *CLOSE, replace(HELLO[0], data=b"535 mx\r\n")])

    assert seen.row[c.CONFLICT] == 1
    assert seen.streams[1] == b"220 mx\r\n"


def test_incomplete_lingers():
    """A closed session with a hole waits for stragglers."""
    feed = Feed(Tracker())
    feed.eat([*connection(), HELLO[1], *CLOSE, Segment(0, port=1, second=50.0)])
    assert not feed.over
    feed.eat(at(51.0, [HELLO[0]]))
    feed.end()

    assert feed.over[0].streams == [b"EHLO x\r\n", b"220 mx\r\n"]


HELLO_TLS = bytes.fromhex("160301002001")
NOISE = random.Random(1).randbytes(600)
STREAMS = {
    "TLS elsewhere": (HELLO_TLS, 443, True),
    "TLS on a mail port": (HELLO_TLS, 465, False),
    "noise": (NOISE, 9000, True),
    "HTTP": (b"GET / HTTP/1.1\r\n", 80, False),
    "SOCKS": (b"\x05\x01\x00", 1080, False),
    "PROXY": (b"\r\n\r\n\0\r\nQUIT\n", 25, False),
    "the body of a mail": (b"4pyTIGRvbmU=\r\n", 25, False),
    "8-bit text": ("Grüße, δοκιμή\r\n".encode(), 25, False),
}


@pytest.mark.parametrize("name", STREAMS)
def test_dull(name):
    """What cannot be SMTP is forgotten by its first bytes and only counted; the rest is left to the next room."""
    first, port, dull = STREAMS[name]
    feed = Feed(Tracker(bounds=Bounds(unknown_bytes=8000)))
    segments = [*connection(), Segment(0, 0, first), *(Segment(0, len(first) + n * 600, NOISE) for n in range(30))]
    feed.eat(moved(segments, server=port))

    assert (feed.waiting == 0) == dull
    feed.end()
    assert feed.tracker.dull_sessions == dull
    assert len(feed.over) == (not dull)


def test_dull_and_followed():
    """Sessions that are no SMTP are counted too where a new one on the same ports ends them."""
    tls = moved([*connection(), Segment(0, 0, HELLO_TLS), Segment(1, 0, HELLO_TLS)], server=443)
    feed = Feed(Tracker())
    feed.eat([*tls, *moved(tls, isn=OTHER_ISN), *moved(tls, isn=(1, 2))])
    feed.end()

    assert feed.tracker.dull_sessions == 3
    assert not feed.over


def test_collisions(monkeypatch):
    """Sessions of one hash are told apart."""
    monkeypatch.setattr(track, "hash_of", lambda *_: 7)
    segments = [each for port in range(200) for each in moved(TALK, port=port)]
    random.Random(3).shuffle(segments)

    assert payloads(segments) == [(16, ENDS)] * 200


def test_many_open_sessions(monkeypatch):
    """A hundred thousand open connections are kept, in a time that does not grow with their square."""
    monkeypatch.setenv(kernel.FORCE, "compiled")  # interpreted where that is not possible, and just as linear
    kernel.select(0)
    tracker = Tracker()
    rows = window_of([Segment(0, flags="S", ack=None, port=port, second=1.0) for port in range(1, 2001)]).segments
    seconds = []
    for high in range(50):
        rows[:, wire.SRC_HI] = high
        began = time.process_time()
        assert not list(tracker.eat(Window(np.zeros(1, np.uint8), rows)))
        seconds.append(time.process_time() - began)

    assert tracker.table[:, c.OPEN].sum() == 100_000
    assert sum(seconds[30:]) < 10 * sum(seconds[5:25]) + 1.0
    late = window_of([Segment(0, second=70.0)])  # all were lone SYNs
    assert sum(len(batch.sessions) for batch in [*tracker.eat(late), *tracker.flush()]) == 100_000
    assert tracker.table[:, c.OPEN].sum() == 1
    monkeypatch.undo()
    kernel.select(0)


def test_bounds_have_their_places():
    """The places in the array of bounds are those of the named fields."""
    assert [name.upper().removesuffix("_NS").removesuffix("_BYTES") for name in Bounds._fields][IDLE_NS] == "IDLE"
    assert len(Bounds._fields) == WAITING + 1
    for place, name in enumerate(Bounds._fields[:WAITING]):
        assert getattr(track, name.upper()) == place


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_hash_table(data):
    """What is taken out of the hash table is gone, and all else is still found."""
    table = np.zeros((16, c.SESSION_WIDTH), np.int64)
    table[:, c.HASH] = [data.draw(st.integers(0, 5)) << 16 for _ in range(16)]
    slots = np.full(32, -1, np.int64)
    inside = set()
    for row in data.draw(st.lists(st.integers(0, 15), max_size=60)):
        if row in inside:
            remove(slots, table, row)
            inside.remove(row)
        else:
            slot = home(table[row, c.HASH], 31)
            while slots[slot] >= 0:
                slot = (slot + 1) & 31
            slots[slot] = row
            inside.add(row)

        assert sorted(slots[slots >= 0].tolist()) == sorted(inside)
        for each in inside:
            slot = home(table[each, c.HASH], 31)
            while slots[slot] != each:
                assert slots[slot] >= 0
                slot = (slot + 1) & 31
