"""From files and bytes to TCP segments: containers, compression, link layers, tunnels, fragments, windows."""

from __future__ import annotations

from analyzer.wire.capture import Capture, Window

__all__ = ["Capture", "Window"]
