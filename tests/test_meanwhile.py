"""What threads make beside each other ends when somebody stops."""

from __future__ import annotations

import threading
import time

import pytest

from analyzer import forked
from analyzer.meanwhile import FEW, ahead, side_by_side


def test_the_first_failure_counts(monkeypatch):
    """Where the second of several fails, the first is told to end at once, and no other is begun."""
    monkeypatch.setattr(forked, "can_fork", lambda: False)
    stopped, begun = threading.Event(), []

    def make(item):
        begun.append(item)
        if item == "bad":
            raise ValueError(item)
        assert stopped.wait(20), "nobody stopped it"

    with pytest.raises(ValueError, match="bad"):
        side_by_side(make, ["long", "bad", "never", "never"], stopped.set)
    assert begun[:2] == ["long", "bad"]
    assert begun.count("never") <= 1  # a thread that is free may have begun it before the failure was seen


def test_parts_that_nobody_takes():
    """Who takes no more parts waits for the one that is being made, not for all that were to be made ahead."""
    made = []

    def parts():
        for number in range(10 * FEW):
            if number > FEW:
                time.sleep(0.2)
            made.append(number)
            yield number

    taken = ahead(parts())
    assert [next(taken) for _ in range(FEW + 1)] == list(range(FEW + 1))
    taken.close()
    assert len(made) < 2 * FEW
