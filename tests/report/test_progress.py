"""The progress bar."""

from __future__ import annotations

import io
import sys

from analyzer.report import progress as bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nobody_looks(monkeypatch):
    """Without a terminal, or when asked for quiet, there is no bar."""
    with bars.progress(quiet=False) as advance:
        assert advance is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with bars.progress(quiet=True) as advance:
        assert advance is None


def test_short_work_shows_nothing(monkeypatch):
    """Work that is soon done shows no bar."""
    monkeypatch.setattr(sys, "stderr", Terminal())

    with bars.progress(quiet=False) as advance:
        advance(1, 10)
    assert sys.stderr.getvalue() == ""


def test_long_work_shows_a_bar(monkeypatch):
    """Long work shows how far it is, and cleans up after itself."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(bars, "SHOWN_AFTER_SECONDS", -1)
    monkeypatch.setenv("TERM", "xterm")

    with bars.progress(quiet=False) as advance:
        advance(5_000_000, 10_000_000)
        advance(6_000_000, None)
    assert "reading" in sys.stderr.getvalue()
