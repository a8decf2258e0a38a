"""Speed of the statistics: python benchmarks/stats.py [--attempts N]: counts made-up attempts and prints CPU seconds.

Sessions have three attempts each; there are 10,000 clients and 100,000 identities. Counting every event once is part of
the time, making the tables is not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from typing import Any

import numpy as np

from analyzer.schema import TABLES
from analyzer.smtp.law import OUTCOMES
from analyzer.smtp.reasons import REASONS
from analyzer.stats.answer import answer
from analyzer.stats.facts import Facts
from analyzer.tables import Builder, Ids, Table, Text

#: What is asked; the first is what the figure in docs/statistics.md is of.
QUESTIONS: tuple[tuple[str, str | None], ...] = (
    ("mechanism,outcome,reason", None),
    ("client,mechanism,reason", None),
    ("identity,client", None),
    ("weekday,hour", None),
    ("mechanism,outcome", "seconds_server"),
)

#: Kinds of columns that hold text.
TEXTS = ("text", "words", "place")


def attempts(rows: int, draw: np.random.Generator) -> dict[str, Table]:
    """Make sessions and attempts."""
    sessions = np.arange(rows) // 3
    ids = draw.integers(0, 2**62, sessions[-1] + 1)
    made: dict[str, Any] = {c.name: None if c.nullable else 0 for c in TABLES["auth"]}
    made |= dict.fromkeys((c.name for c in TABLES["auth"] if not c.nullable and c.kind in TEXTS), "")
    made |= {
        "session": Ids(ids[sessions]),
        "event": Ids(ids[sessions], (np.arange(rows) % 3 + 1).astype(np.int32)),
        "attempt": np.arange(rows) % 3 + 1,
        "client_ip": _some(draw, rows, [f"192.0.{n // 250}.{n % 250}" for n in range(10_000)]),
        "identity": _some(draw, rows, [f"user{n}@example.test" for n in range(100_000)]),
        "mechanism": _some(draw, rows, ["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256"]),
        "outcome": _some(draw, rows, list(OUTCOMES)),
        "reason": _some(draw, rows, list(REASONS)),
        "rounds": draw.integers(0, 3, rows),
        "rounds_known": "exact",
        "evidence": "observed",
        "started": 1_794_999_780 * 10**9 + np.sort(draw.integers(0, 7 * 86_400, rows)) * 10**9,
        "seconds_server": draw.exponential(2, rows),
    }
    builders = {name: Builder(name) for name in ("auth", "sessions")}
    builders["auth"].add(rows, made)
    blank: dict[str, Any] = {c.name: None if c.nullable else 1 for c in TABLES["sessions"]}
    blank |= dict.fromkeys((c.name for c in TABLES["sessions"] if not c.nullable and c.kind in TEXTS), "")
    builders["sessions"].add(len(ids), {**blank, "session": Ids(ids), "event": Ids(ids)})
    return {name: builder.table() for name, builder in builders.items()}


def _some(draw: np.random.Generator, rows: int, words: list[str]) -> Text:
    return Text(draw.integers(0, len(words), rows).astype(np.int32), words)


def main() -> None:
    """Ask every question three times and print the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    asked = parser.parse_args()
    tables = attempts(asked.attempts, np.random.default_rng(1))
    for by, measure in QUESTIONS:
        best = np.inf
        for _ in range(3):
            begun = time.process_time()
            groups = len(answer(Facts(tables, dt.UTC), by, measure=measure))
            best = min(best, time.process_time() - begun)
        print(f"{best:8.3f} s  {groups:8,} groups  {by} {measure or ''}")


if __name__ == "__main__":
    main()
