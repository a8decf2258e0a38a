"""SMTP conversation traces: every session reassembled, every AUTH exchange labelled.

>>> import analyzer
>>> trace = analyzer.read("mail.pcap")  # doctest: +SKIP
>>> trace.auth.groupby("outcome").size()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.report.explanation import explain
    from analyzer.trace import Session, Trace, read

__all__ = ["Session", "Trace", "__version__", "explain", "read"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what a notebook needs when it is used: `import analyzer` itself loads nothing heavy."""
    if name in ("Session", "Trace", "read"):
        from analyzer import trace

        return getattr(trace, name)
    if name == "explain":
        from analyzer.report.explanation import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
