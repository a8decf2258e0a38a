"""SMTP conversation traces: every session reassembled, every AUTH exchange labelled.

>>> import analyzer
>>> trace = analyzer.read("mail.pcap")  # doctest: +SKIP
>>> trace.stats("outcome")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer import knowledge
    from analyzer.reading import read
    from analyzer.report.explanation import explain
    from analyzer.trace import Session, Trace

__all__ = ["Session", "Trace", "__version__", "explain", "knowledge", "read"]
__version__ = "0.1.0"

#: Where what a notebook needs is.
_ROOMS = {
    "Session": "analyzer.trace",
    "Trace": "analyzer.trace",
    "explain": "analyzer.report.explanation",
    "knowledge": "analyzer.knowledge",
    "read": "analyzer.reading",
}


def __getattr__(name: str) -> Any:
    """Import what a notebook needs when it is used: `import analyzer` itself loads nothing heavy."""
    if name in _ROOMS:
        room = import_module(_ROOMS[name])
        return room if room.__name__ == f"{__name__}.{name}" else getattr(room, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
