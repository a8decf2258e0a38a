"""Windows in, batches out: the same whatever the windows, shards and sizes are, in bounded memory."""

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
from analyzer.tcp.stage import Bounds, Tracker
from tests.tcp.room import Feed, Segment, connection, moved, one, run, window_of
from tests.tcp.test_assemble import conversation, impaired

WAYS = (
    {"windows": 1}, {"windows": 7, "flush": True}, {"shards": 3}, {"capacity": 1}, {"batch_bytes": 1},
    {"windows": 3, "shards": 3, "capacity": 1}, {"windows": 9, "capacity": 3},
)  # fmt: skip


def traffic(seed, sessions=12):
    """Make a capture of several conversations at once, some of them on ports used before."""
    rng = random.Random(seed)
    flows = []
    for number in range(sessions):
        segments, said = conversation(rng, rng.randint(1, 10), 0.2)
        segments = impaired(rng, segments, said, loss=rng.choice((0.0, 0.1)), again=0.1, newer=True)
        if rng.random() < 0.2:
            segments = [each for each in segments if "S" not in each.flags]
        isn = (rng.randrange(1 << 32), rng.randrange(1 << 32))
        flows.append(moved(segments, port=rng.randint(1, sessions), high=number % 2, isn=isn))
    mixed = []
    while flows:
        flow = rng.choice(flows[:4])
        mixed.append(flow.pop(0))
        if not flow:
            flows.remove(flow)
    return mixed


def summary(segments, **how):
    """Give all that is known of all sessions, in an order that does not depend on how they were read."""
    kept = [c.PACKETS, c.BYTES, c.FIRST_FRAME, c.FIRST_TIME, c.LAST_TIME, c.CONFLICT, c.ENDED, c.AT_0, c.AT_1]
    seen = run(segments, **how)
    return sorted((s.row[kept].tolist(), s.told, s.streams) for s in seen)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), parts=st.sampled_from([{}, {"part_bytes": 200, "part_segments": 7}]))
def test_the_same_however_read(seed, parts):
    """Windows, shards and sizes of batches change nothing, whether sessions are worked on in parts or not."""
    segments = traffic(seed)
    whole = summary(segments, **parts)

    for how in WAYS:
        assert summary(segments, **how, **parts) == whole, how


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_same_with_little_memory(seed):
    """So does what may wait."""
    segments = traffic(seed)

    assert summary(segments, waiting_bytes=5000, capacity=3) == summary(segments)


def batches(tracker, windows):
    """Give copies of all batches."""
    out = []
    for window in windows:
        out += list(tracker.eat(window))
    return out + list(tracker.end())


@pytest.mark.skipif(not kernel.available(), reason="numba is not installed")
def test_compiled(monkeypatch):
    """Compiled kernels give the same batches, bit for bit."""
    captures = [traffic(seed) for seed in range(40)]
    results = {}
    for way in ("interpreted", "compiled"):
        monkeypatch.setenv(kernel.FORCE, way)
        assert kernel.select(0) == (way == "compiled")
        for bounds in (Bounds(), Bounds(part_bytes=300, hole_segments=3, batch_bytes=100)):
            for segments in captures:
                given_ = batches(Tracker(bounds=bounds), [window_of(segments)])
                results.setdefault(way, []).extend(given_)
    monkeypatch.setenv(kernel.FORCE, "interpreted")
    kernel.select(0)

    for one_way, other in zip(results["interpreted"], results["compiled"], strict=True):
        for a, b in zip((one_way.sessions, one_way.steps), (other.sessions, other.steps), strict=True):
            np.testing.assert_array_equal(a, b)
        for row in one_way.sessions:
            for side in range(2):
                at = slice(row[c.STREAM_0 + side], row[c.STREAM_0 + side] + row[c.LENGTH_0 + side])
                np.testing.assert_array_equal(one_way.stream[at], other.stream[at])


def body(lines, size=1000):
    """Make a long message, and the acknowledgements of it."""
    out = connection()
    for n in range(lines):
        out += [Segment(0, n * size, b"x" * size), Segment(1, 0, b"", (n + 1) * size)]
    return out


def test_memory_of_a_long_session():
    """What waits of a long session is bounded by the size of a part."""
    feed = Feed(Tracker(bounds=Bounds(part_bytes=5000)))
    segments = body(200)
    for n in range(0, len(segments), 10):
        feed.eat(segments[n : n + 10])
        assert feed.waiting <= 6000

    feed.end()
    assert feed.over[0].streams[0] == b"x" * 200_000
    assert feed.over[0].parts > 20


def test_memory_of_many_sessions():
    """What waits of many sessions is bounded together: the largest of them are worked on."""
    feed = Feed(Tracker(bounds=Bounds(waiting_bytes=200_000)))
    sessions = [moved(body(20), port=port) for port in range(1, 31)]
    for turn in zip(*sessions, strict=True):
        feed.eat(turn)
        assert feed.waiting <= 200_000
    feed.end()

    assert [seen.streams[0] for seen in feed.over] == [b"x" * 20_000] * 30


@pytest.mark.parametrize("bounds", [{}, {"hole_bytes": 50_000}])
def test_work_behind_a_hole(bounds):
    """A hole that is never filled costs what its parts cost, and what waits behind it is bounded."""
    lost = Segment(1, 0, b"", 0)

    def spent(lines):
        segments = [each for n, each in enumerate(body(lines, 100)) if n != 7]
        began = time.process_time()
        seen = one([*segments, lost], part_bytes=3000, part_segments=40, hole_segments=100, **bounds)
        assert seen.streams[0] == b"x" * (lines - 1) * 100
        return time.process_time() - began, seen.parts

    (short, few), (long, many) = spent(500), spent(4000)
    assert many < 16 * few
    assert long < 30 * short


@pytest.mark.parametrize("again", [1, 300])
def test_copies_behind_a_hole(again):
    """Copies of what waits behind a hole take no room, nor do segments of another time."""
    feed = Feed(Tracker(bounds=Bounds(part_segments=20)))
    stray = Segment(0, (1 << 30) + 5, b"z" * 50)
    feed.eat([*connection(), Segment(0, 50, b"y" * 50)])
    for _ in range(again):
        feed.eat([Segment(0, 50, b"y" * 50), stray])

    assert feed.waiting <= 20 * 120
    feed.eat([Segment(0, 0, b"x" * 50)])
    feed.end()
    assert feed.over[0].streams[0] == b"x" * 50 + b"y" * 50


def test_windows_of_one_packet():
    """Many small windows take a time that grows with their number, not with its square."""
    segments = [each for port in range(1, 1001) for each in moved(connection(), port=port)]

    def spent(count):
        began = time.process_time()
        assert len(run(segments[:count], windows=1)) == count // 3
        return time.process_time() - began

    few = spent(300)
    assert spent(3000) < 40 * few


def test_forget():
    """A session that the next room does not want is not given again; it is counted when it is over."""
    tracker = Tracker(bounds=Bounds(part_bytes=100))
    segments = body(10, 60)
    for batch in tracker.eat(window_of(segments)):
        for row in batch.sessions:
            assert row[c.FINAL] == 0
            tracker.forget(int(row[c.ROW]))

    assert tracker.counters[c.WAITING_BYTES] == 0
    assert not list(tracker.end())
    assert tracker.dull_sessions == 1


def test_no_segments():
    """A window without segments, and no window at all, give nothing."""
    feed = Feed(Tracker())
    feed.eat([])
    feed.end()

    assert not feed.over


def test_rows_are_used_again():
    """The rows of what is over are free for what comes."""
    feed = Feed(Tracker())
    for hour in range(200):
        feed.eat([replace(each, second=1000.0 * (hour + 1), port=hour + 1) for each in body(2)])

    assert len(feed.over) >= 199
    assert len(feed.tracker.table) == 64
