"""Streams and their order: tables of packets, and random conversations against a plain reassembler."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.tcp import columns as c
from tests.tcp.room import Plain, Segment, connection, moved, one, run

HELLO = connection()


def _c(at, data=b"", ack=0, flags="", **more):
    return Segment(0, at, data, ack, flags, **more)


def _s(at, data=b"", ack=0, flags="", **more):
    return Segment(1, at, data, ack, flags, **more)


TALK = [_s(0, b"220 mx\r\n"), _c(0, b"EHLO x\r\n", 8), _s(8, b"250 ok\r\n", 8), _c(8, b"QUIT\r\n", 16)]
TOLD = [("data", 1, b"220 mx\r\n"), ("data", 0, b"EHLO x\r\n"), ("data", 1, b"250 ok\r\n"), ("data", 0, b"QUIT\r\n")]

TABLE = {
    "in order": (TALK, TOLD),
    "no handshake": (TALK, TOLD),
    "reversed": (TALK[::-1], TOLD),
    "duplicates": ([each for each in TALK for _ in range(3)], TOLD),
    "all again at the end": (TALK + TALK, TOLD),
    "coalesced retransmission": (
        [_c(0, b"ab"), _c(4, b"ef"), _c(0, b"abcdefgh")],
        [("data", 0, b"abcdefgh")],
    ),
    "partial retransmission": ([_c(0, b"abcd"), _c(2, b"cdef"), _c(5, b"f")], [("data", 0, b"abcdef")]),
    "keep-alives of no byte and of one": (
        [*TALK[:2], _c(7, b"", 8), _c(7, b"\0", 8), _s(7, b"x", 8), *TALK[2:]],
        TOLD,
    ),
    "probe of a closed window, and the same byte again": (
        [_c(0, b"a"), _s(0, b"", 0), _c(0, b"a"), _s(0, b"", 1), _c(1, b"b")],
        [("data", 0, b"ab")],
    ),
    "data on SYN": (
        [_c(0, b"EHLO", None, "S"), _s(0, b"220", 4, "S"), _c(4, b"\r\n", 3)],
        [("data", 0, b"EHLO"), ("data", 1, b"220"), ("data", 0, b"\r\n")],
    ),
    "simultaneous open": (
        [_c(0, b"", None, "S"), _s(0, b"", None, "S"), _c(0), _s(0), _s(0, b"220")],
        [("data", 1, b"220")],
    ),
    "close, half open for a while": (
        [*TALK, _c(14, b"", 16, "F"), _s(16, b"221\r\n", 15), _s(21, b"", 15, "F"), _c(15, b"", 22)],
        [*TOLD, ("FIN", 0, 0), ("data", 1, b"221\r\n"), ("FIN", 1, 0)],
    ),
    "simultaneous close": (
        [*TALK, _c(14, b"", 16, "F"), _s(16, b"", 14, "F"), _c(15, b"", 17), _s(17, b"", 15)],
        [*TOLD, ("FIN", 0, 0), ("FIN", 1, 0)],
    ),
    "a FIN with data, out of order": (
        [TALK[0], _c(8, b"QUIT\r\n", 8, "F"), TALK[1]],
        [TOLD[0], ("data", 0, b"EHLO x\r\nQUIT\r\n"), ("FIN", 0, 0)],
    ),
    "the other side's FIN was not captured": (
        [*TALK, _c(14, b"", 16, "F"), _c(15, b"", 17)],
        [*TOLD, ("FIN", 0, 0), ("FIN", 1, 0)],
    ),
    "a FIN shows in its sender's next number": ([*TALK, _c(15, b"", 16)], [*TOLD, ("FIN", 0, 0)]),
    "RST with ACK": ([*TALK, _s(16, b"", 14, "R")], [*TOLD, ("RST", 1, 0)]),
    "RST without ACK": ([*TALK, _s(16, b"", None, "R")], [*TOLD, ("RST", 1, 0)]),
    "what a RST carries is no data": ([*TALK, _s(16, b"go away", 14, "R")], [*TOLD, ("RST", 1, 0)]),
    "forged RST, far from the stream": ([*TALK[:2], _s(1 << 28, b"", 8, "R"), *TALK[2:]], TOLD),
    "forged FIN, far from the stream": ([*TALK[:2], _s(1 << 28, b"", 8, "F"), *TALK[2:]], TOLD),
    "data that nobody acknowledged, far ahead": ([*TALK[:2], _s(1 << 28, b"535 no\r\n", 8), *TALK[2:]], TOLD),
    "data of another time": ([*TALK[:2], _s(-(1 << 30), b"535 no\r\n", 8), _s(1 << 30, b"2"), *TALK[2:]], TOLD),
    "an acknowledgement of another time": ([*TALK[:2], _s(8, b"", 9 + (1 << 30)), *TALK[2:]], TOLD),
    "lost in the middle": (
        [_c(0, b"abc"), _c(7, b"xyz")],
        [("data", 0, b"abc"), ("gap", 0, 4), ("data", 0, b"xyz")],
    ),
    "lost before an answer": (
        [TALK[0], TALK[2], TALK[3]],
        [TOLD[0], ("gap", 0, 8), *TOLD[2:]],
    ),
    "lost at the end": ([*TALK, _s(16, b"", 24)], [*TOLD, ("gap", 0, 10)]),
    "far more lost than a window holds, and acknowledged": (
        [_c(0, b"abc"), _c(1 << 27, b"xyz"), _s(0, b"", (1 << 27) + 3)],
        [("data", 0, b"abc"), ("gap", 0, (1 << 27) - 3), ("data", 0, b"xyz")],
    ),
    "one direction": (
        [each for each in TALK if each.side == 1],
        [TOLD[0], ("gap", 0, 8), TOLD[2]],
    ),
    "sent before the answer had come": (
        [_c(0, b"AUTH\r\n"), _c(6, b"QUIT\r\n"), _s(0, b"235\r\n", 6)],
        [("data", 0, b"AUTH\r\nQUIT\r\n"), ("data", 1, b"235\r\n")],
    ),
    "an answer in the midst of a retransmission": (
        [_s(0, b"334\r\n", 6), _c(0, b"AUTH\r\nQUIT\r\n")],
        [("data", 0, b"AUTH\r\n"), ("data", 1, b"334\r\n"), ("data", 0, b"QUIT\r\n")],
    ),
    "only the retransmission, which acknowledges its own answer, was captured": (
        [_s(0, b"235\r\n", 6), _c(0, b"AUTH\r\n", 5)],
        [("data", 0, b"AUTH\r\n"), ("data", 1, b"235\r\n")],
    ),
    "late SYN": ([TALK[0], TALK[1], *HELLO, *TALK[2:]], TOLD),
    "cut by the snap length": (
        [_c(0, b"MAIL FROM:<a@b>\r\n", cut=7), _c(17, b"QUIT\r\n")],
        [("data", 0, b"MAIL FROM:"), ("cut", 0, 7), ("data", 0, b"QUIT\r\n")],
    ),
    "nothing captured but the header": (
        [_c(0, b"MAIL\r\n", cut=6), _c(6, b"QUIT\r\n")],
        [("gap", 0, 6), ("data", 0, b"QUIT\r\n")],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    """Packets in, steps out; the same in windows of one segment."""
    segments, told = TABLE[name]
    bare = name == "no handshake" or any("S" in each.flags for each in segments)
    segments = segments if bare else HELLO + segments

    assert one(segments).told == told
    assert one(segments, windows=1).told == told


@pytest.mark.parametrize(
    ("segments", "conflict"),
    [
        (TALK + TALK, 0),
        ([_c(0, b"abcd"), _c(2, b"cX")], 1),
        ([_c(4, b"efgh"), _c(2, b"cdef"), _c(0, b"ab")], 0),
        ([_c(4, b"efgh"), _c(2, b"cdXf"), _c(0, b"ab")], 1),
        ([_c(0, b"abcd"), _c(3, b"X")], 0),
        ([_c(0, b"abcd"), _c(2, b"X")], 1),
        ([_c(0, b"abcd", cut=2), _c(0, b"abXX")], 0),
    ],
)
def test_conflict(segments, conflict):
    """Different bytes for one position are told, but for the byte of a keep-alive; the first copy wins."""
    seen = one(HELLO + segments)

    assert seen.row[c.CONFLICT] == conflict
    assert b"X" not in seen.streams[0]


def test_lf_for_what_was_cut():
    """What the snap length cut off ends a line."""
    assert one([*HELLO, _c(0, b"MAIL FROM\r\n", cut=4), _c(11, b"QUIT")]).streams[0] == b"MAIL FR\nQUIT"


def test_heard_and_early():
    """A step says whether the other side received it, and whether its sender had received what comes before it."""
    segments = [_s(0, b"220"), _c(0, b"EHLO", 3), _s(3, b"250", 4), _c(4, b"QUIT", 3), _c(8, b"", 6, "R")]
    seen = one(HELLO + segments)

    heard = [(mark, kind) for (kind, _, _), (_, mark) in zip(seen.steps, seen.marks, strict=True)]
    assert heard == [(c.HEARD, "data"), (c.HEARD, "data"), (0, "data"), (c.EARLY, "data"), (0, "RST"), (0, "END")]


@pytest.mark.parametrize("byte", [b"\0", b"a"])
def test_midstream_keep_alive(byte):
    """A capture that begins with a keep-alive of one byte does not begin with that byte."""
    assert one([_c(0, byte), _c(1, b"EHLO x\r\n")]).streams[0] == b"EHLO x\r\n"


def test_long_stream():
    """A stream longer than the sequence numbers has positions that grow; a loss in it has its size."""
    step = 1 << 28
    segments = []
    for n in range(40):
        segments += [_c(n * step, b"x" * 10), _s(0, b"", n * step + 10)]
    segments += [_c(40 * step, b"y" * 10, flags="F"), _s(0, b"", 40 * step + 11)]
    seen = one(HELLO + segments, part_bytes=30, hole_segments=1)

    assert seen.parts > 10
    assert seen.streams[0] == b"x" * 400 + b"y" * 10
    assert sum(size for kind, _, size in seen.steps if kind == "gap") == 40 * (step - 10)
    assert seen.row[c.AT_0] == 40 * step + 11


# ------------------------------------------------------------------------------------------------ random conversations


def conversation(rng, turns, crossing=0.0, size=12):
    """Make the segments of a conversation, and what each side says."""
    said, received, segments = [b"", b""], [0, 0], list(HELLO)
    for turn in range(turns):
        side = rng.randrange(2)
        if rng.random() >= crossing:
            received[side] = len(said[1 - side])
        for _ in range(rng.randint(1, 3)):
            data = bytes(rng.choice(b"abcdefgh") for _ in range(rng.randint(2, size)))
            segments.append(Segment(side, len(said[side]), data, received[side]))
            said[side] += data
        if turn % 3 == 0:
            segments.append(Segment(1 - side, len(said[1 - side]), b"", len(said[side])))
            received[1 - side] = len(said[side])
    for side in rng.sample((0, 1), 2):
        ack = len(said[1 - side]) + ("F" in segments[-1].flags)
        segments.append(Segment(side, len(said[side]), b"", ack, "F"))
    last = segments[-1]
    segments.append(Segment(1 - last.side, len(said[1 - last.side]) + 1, b"", last.at + 1))
    return segments, said


def impaired(rng, segments, said, *, loss=0.0, again=0.2, whole=False, newer=False, reach=4.0):
    """Lose, repeat (whole, in part, coalesced) and shuffle the data of a conversation."""
    out = []
    for n, each in enumerate(segments):
        if not each.data:
            out.append((n, each))
            continue
        if rng.random() >= loss:
            out.append((n + rng.random() * reach, each))
        while rng.random() < again:
            place = n + rng.random() * 3 * reach
            if whole:
                out.append((place, each))
                continue
            low = max(0, each.at - rng.randint(0, 8))
            high = min(len(said[each.side]), each.at + rng.randint(1, 16))
            # a copy is sent later than the bytes in it; without `newer` it claims no more than the first of them did
            oldest = next(s.ack for s in segments if s.side == each.side and s.at + len(s.data) > low and s.data)
            ack = (
                max(s.ack for s in segments[: n + 1] if s.side == each.side and s.ack is not None) if newer else oldest
            )
            out.append((place, replace(each, at=low, data=said[each.side][low:high], ack=ack)))
    return [each for _, each in sorted(out, key=lambda pair: pair[0])]


def _checked(seen, said):
    """Check that the streams are what was said, but for the gaps."""
    at = [0, 0]
    for kind, side, value in seen.told:
        if kind == "data":
            assert said[side][at[side] : at[side] + len(value)] == value
            at[side] += len(value)
        elif kind == "gap":
            at[side] += value
    assert at == [len(said[0]), len(said[1])]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9), turns=st.integers(1, 14), crossing=st.sampled_from((0.0, 0.3)))
def test_no_loss(seed, turns, crossing):
    """Whatever is repeated and shuffled, the streams are what was said; without crossing, in the order of saying."""
    rng = random.Random(seed)
    segments, said = conversation(rng, turns, crossing)
    plain = one(segments).told
    seen = one(impaired(rng, segments, said, whole=not crossing))

    assert seen.streams == said
    assert seen.row[c.CONFLICT] == 0
    if not crossing:
        assert seen.told == plain


@settings(max_examples=250, deadline=None)
@example(seed=134217728, turns=9, loss=0.0, newer=True, crossing=0.0)  # a copy claims more, before a hole is filled
@given(
    seed=st.integers(0, 10**9), turns=st.integers(1, 12), loss=st.sampled_from((0.0, 0.1, 0.5)),
    newer=st.booleans(), crossing=st.sampled_from((0.0, 0.3)),
)  # fmt: skip
def test_like_plain(seed, turns, loss, newer, crossing):
    """Streams, gaps and their order are those of the plain reassembler, and of what was said."""
    rng = random.Random(seed)
    segments, said = conversation(rng, turns, crossing)
    segments = impaired(rng, segments, said, loss=loss, again=0.3, newer=newer)
    seen = one(segments)

    assert seen.told == Plain(segments).told
    _checked(seen, said)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**9), loss=st.sampled_from((0.0, 0.2)), part=st.integers(12, 60), windows=st.integers(1, 9)
)
def test_parts(seed, loss, part, windows):
    """A session worked on in parts, at any places, gives the same as in one."""
    rng = random.Random(seed)
    segments, said = conversation(rng, 12, 0.2)
    segments = impaired(rng, segments, said, loss=loss, again=0.2, newer=True)
    whole = one(segments)

    for bounds in ({"part_bytes": part}, {"part_segments": part // 4}, {"waiting_bytes": part}):
        seen = one(segments, windows=windows, **bounds)
        assert seen.told == whole.told
        assert seen.streams == whole.streams


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), hole=st.integers(0, 6), part=st.integers(10, 60))
def test_patience(seed, hole, part):
    """What is given up too early is a gap of the right size, the same whatever the parts are; nothing is read twice."""
    rng = random.Random(seed)
    segments, said = conversation(rng, 12, 0.2)
    segments = impaired(rng, segments, said, loss=0.2, again=0.2, reach=12.0)
    seen = one(segments, hole_segments=hole)

    _checked(seen, said)
    assert one(segments, hole_segments=hole, part_bytes=part, windows=3).told == seen.told


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), forged=st.integers(1, 6))
def test_forged(seed, forged):
    """Bytes that others sent into the stream never end in an exception, and are read the same in any windows."""
    rng = random.Random(seed)
    segments, _ = conversation(rng, 8, 0.2)
    for _ in range(forged):
        far = rng.choice((0, 5, 40, 1 << 16, 1 << 25, 1 << 30, -40))
        shape = rng.choice(("", "F", "R", "RF"))
        each = Segment(
            rng.randrange(2), rng.randint(0, 60) + far, b"Z" * rng.randint(0, 30), rng.choice((None, far)), shape
        )
        segments.insert(rng.randrange(3, len(segments) + 1), replace(each, cut=rng.randint(0, len(each.data))))
    run(segments, part_bytes=20)
    whole = run(segments, hole_segments=2)
    assert [seen.told for seen in run(segments, hole_segments=2, windows=1)] == [seen.told for seen in whole]


def test_moved_numbers():
    """Results do not depend on where the sequence numbers begin."""
    rng = random.Random(7)
    segments, said = conversation(rng, 20)
    segments = impaired(rng, segments, said, loss=0.1)
    told = one(segments).told

    for isn in ((0, 0), (1, 0xFFFFFFFF), (0x80000000, 0x7FFFFFFF)):
        assert one(moved(segments, isn=isn)).told == told
