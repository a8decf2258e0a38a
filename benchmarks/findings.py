"""Speed of the findings: python benchmarks/findings.py [--attempts N]: judges made-up attempts, prints CPU seconds.

The attempts are those of `stats.py`: 10,000 clients and 100,000 identities within a week. Making the tables is not part
of the time.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
from stats import attempts

from analyzer.findings.find import find
from analyzer.findings.thresholds import Thresholds
from analyzer.schema import NULL
from analyzer.tables import Table, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray


def _ending(table: Table, worked: Array) -> Table:
    """Let some attempts succeed and the others be refused."""
    outcome = Text(np.where(worked, 0, 1).astype(np.int32), ["succeeded", "rejected"])
    reason = Text(np.where(worked, -1, 0).astype(np.int32), ["bad_credentials"])
    return table.replaced({"outcome": outcome, "reason": reason, "role": Text.one("server", len(table))})


def attack(table: Table, draw: np.random.Generator) -> Table:
    """Make a capture of guessing: one in twenty succeeds, a few clients make most of the attempts."""
    rows = len(table)
    clients = Text(np.minimum(draw.zipf(1.3, rows) - 1, 9999).astype(np.int32), table.text("client_ip").words)
    secrets = draw.integers(0, rows // 2, rows)
    return _ending(table, draw.random(rows) < 0.05).replaced({"client_ip": clients, "secret_group": secrets})


def log(table: Table, draw: np.random.Generator) -> Table:
    """Make a log, which shows no secrets: a third of the attempts succeeds."""
    rows = len(table)
    return _ending(table, draw.random(rows) < 0.3).replaced({"secret_group": np.full(rows, NULL)})


def mixture(table: Table, draw: np.random.Generator) -> Table:
    """Leave every kind of ending as often as every other."""
    secrets = draw.integers(0, len(table) // 2, len(table))
    return table.replaced({"role": Text.one("server", len(table)), "secret_group": secrets})


KINDS: tuple[Callable[[Table, np.random.Generator], Table], ...] = (attack, log, mixture)


def main() -> None:
    """Judge each kind of traffic three times and print the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    asked = parser.parse_args()
    for make in KINDS:
        draw = np.random.default_rng(1)
        tables = {**attempts(asked.attempts, draw), "findings": Table.empty("findings")}
        tables["auth"] = make(tables["auth"], draw)
        best = np.inf
        for _ in range(3):
            begun = time.process_time()
            found = len(find(tables, Thresholds()))
            best = min(best, time.process_time() - begun)
        print(f"{best:8.3f} s  {found:4} findings  {make.__name__}")


if __name__ == "__main__":
    main()
