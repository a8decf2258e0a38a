"""``python -m analyzer``."""

from __future__ import annotations

from analyzer.cli import main

main()
