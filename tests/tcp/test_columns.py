"""The columns of the room's arrays."""

from __future__ import annotations

from analyzer.tcp import columns as c
from analyzer.tcp import pieces
from analyzer.tcp.stage import Bounds, Tracker
from analyzer.wire import segments as wire


def test_columns_are_told_apart():
    """Within one array, no two names stand for one column."""
    names = [name for name in vars(c) if name.isupper()]
    session = names[: names.index("SESSION_WIDTH") + 1]

    assert [getattr(c, name) for name in session] == list(range(len(session)))
    assert len({c.SIDE, c.NEXT, c.TIME, c.FRAME, c.SEQ, c.ACK, c.FLAGS, c.OFF, c.LEN, c.WIRE}) + 2 == c.SEGMENT_WIDTH
    assert pieces.FIRST_0 == c.SESSION_WIDTH


def test_sides_are_neighbours():
    """A column of side 1 is the one behind that of side 0."""
    for module in (c, pieces):
        ones = [name for name in vars(module) if name.endswith("_1")]
        assert ones
        for name in ones:
            assert getattr(module, name) == getattr(module, name[:-1] + "0") + 1


def test_widths():
    """A tracker's arrays have the widths that the columns say."""
    tracker = Tracker(bounds=Bounds())

    assert tracker.table.shape[1] == c.SESSION_WIDTH
    assert tracker.waiting.shape[1] == c.SEGMENT_WIDTH < wire.WIDTH
    assert len(tracker.counters) == c.COUNTERS
