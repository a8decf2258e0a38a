"""Measure each kernel by itself: python benchmarks/kernels.py [--scale 1] [--runs 20] [--update].

Captures and logs are made and read, and of each kernel the arguments of its largest call are kept; that call is made
again, on fresh copies, and its time is printed for each unit of its work. A kernel that was not called, or whose unit
is not known here, ends it with an error.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import captures
import figures
import logs
import numpy as np

import analyzer
from analyzer.kernel import FORCE, Kernel
from analyzer.wire import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    Values = dict[str, Any]

#: What each kernel works on, and how many of them a call did: from its arguments before and after it, and its result.
UNITS: dict[str, tuple[str, Callable[[Values, Values, Any], int]]] = {
    "walk_records": ("packets", lambda _, __, result: result),
    "walk_blocks": ("packets", lambda _, __, result: result),
    "decode": ("packets", lambda before, _, left: before["state"][decode.COUNT] - before["state"][decode.NEXT] - left),
    "track": ("segments", lambda before, _, result: result - before["start"]),
    "sweep": ("sessions", lambda _, __, result: result),
    "forget": ("sessions", lambda *_: 1),
    "fill": ("sessions", lambda _, __, result: result),
    "stow": ("bytes", lambda _, __, result: result),
    "assemble": ("sessions", lambda before, *_: len(before["ready"])),
    "recognise": ("sessions", lambda before, *_: len(before["sessions"])),
    "run": ("sessions", lambda before, *_: len(before["sessions"])),
    "walk_rounds": ("units", lambda before, *_: len(before["units"])),
    "line_ends": ("bytes", lambda before, *_: len(before["data"]) - before["at"]),
    "cut_heads": ("lines", lambda before, *_: len(before["stops"])),
    "own_times": ("lines", lambda before, *_: len(before["chosen"])),
    "match": ("lines", lambda before, *_: len(before["chosen"])),
    "link": ("events", lambda before, *_: len(before["events"])),
    "divide": ("events", lambda before, *_: len(before["events"])),
    "gather": ("bytes", lambda before, *_: len(before["kept"])),
    "quote": ("events", lambda before, *_: len(before["events"])),
    "count_sides": ("lines", lambda before, *_: len(before["said"])),
    "settle": ("lines", lambda before, *_: len(before["said"])),
    "hear": ("lines", lambda before, *_: len(before["said"])),
    "part": ("lines", lambda before, *_: len(before["said"])),
    "lay": ("lines", lambda before, *_: len(before["said"])),
    "number_words": ("bytes", lambda before, after, _: octets_of(before, after["state"][0])),
    "hash_spans": ("spans", lambda before, *_: len(before["starts"])),
    "read_numbers": ("spans", lambda before, *_: len(before["starts"])),
    "refill": ("words", lambda before, *_: before["known"]),
}


def octets_of(before: Values, stop: int) -> int:
    """Give how many octets the words from the row of the state up to `stop` have."""
    rows = slice(before["state"][0], stop)
    return int(np.maximum(before["stops"][rows] - before["starts"][rows], 0).sum())


class Call(NamedTuple):
    """A call of a kernel: its arguments before it, how many units of work it was, and while reading what."""

    arguments: tuple[Any, ...]
    units: int
    workload: str


def fresh(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy the arrays among some arguments."""
    return tuple(each.copy() if isinstance(each, np.ndarray) else each for each in arguments)


def registered() -> dict[str, Kernel]:
    """Give every kernel of the package by its name."""
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(analyzer.__path__, "analyzer.")
               if not found.name.endswith("__main__")]  # fmt: skip
    return {each.__name__: each for module in modules for each in vars(module).values() if isinstance(each, Kernel)}


def spied(inputs: dict[str, Path]) -> dict[str, Call]:
    """Read all inputs, and give the largest call of each kernel."""
    largest: dict[str, Call] = {}
    call = Kernel.__call__

    def spy(kernel: Kernel, *arguments: Any) -> Any:
        kept = fresh(arguments)
        result = call(kernel, *arguments)
        bind, name = inspect.signature(kernel.function).bind, kernel.__name__
        units = int(UNITS[name][1](bind(*kept).arguments, bind(*arguments).arguments, result))
        if name not in largest or units > largest[name].units:
            largest[name] = Call(kept, units, workload)
        return result

    with patch.object(Kernel, "__call__", spy):
        for workload, file in inputs.items():  # noqa: B007  # the spy looks at it
            analyzer.read(file, workers=1)
    return largest


def write_inputs(folder: Path, scale: float) -> dict[str, Path]:
    """Make an input for each kind of work."""
    made = {}
    for name in captures.WORKLOADS:
        made[name] = folder / f"{name}.pcap"
        captures.write(made[name], name, int(20e6 * scale), seed=1)
    made["bruteforce, pcapng"] = folder / "bruteforce.pcapng"
    as_pcapng(made["bruteforce"], made["bruteforce, pcapng"])
    for name in logs.KINDS:
        made[name] = folder / f"{name}.log"
        logs.write(made[name], name, int(200_000 * scale), seed=1)
    made["hmailserver"] = folder / "hmailserver.log"
    as_hmailserver(made["exchange"], made["hmailserver"])
    return made


def as_hmailserver(exchange: Path, log: Path) -> None:
    """Write the dialogues of an Exchange log as hMailServer does, with the time in the midst of the line."""
    with exchange.open(encoding="ascii") as rows, log.open("w", encoding="ascii") as out:
        for row in rows:
            moment, _, session, _, _, client, event, data = [*row.split(",", 7), *[""] * 7][:8]
            if event in {"<", ">"}:
                said = data.rpartition(",")[0].strip('"')
                ends = f'"{moment[:10]} {moment[11:23]}"\t"{client.partition(":")[0]}"'
                verb = "SENT" if event == ">" else "RECEIVED"
                out.write(f'"SMTPD"\t4711\t{int(session, 16) % 10**9}\t{ends}\t"{verb}: {said}"\n')


def as_pcapng(pcap: Path, pcapng: Path) -> None:
    """Write a capture as pcapng."""
    octets, at = pcap.read_bytes(), 24
    with pcapng.open("wb") as out:
        out.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        out.write(struct.pack("<IIHHII", 1, 20, 1, 0, 65_535, 20))
        while at < len(octets):
            second, microsecond, captured, length = struct.unpack_from("<IIII", octets, at)
            high, low = divmod(second * 1_000_000 + microsecond, 1 << 32)
            data = octets[at + 16 : at + 16 + captured] + b"\0" * (-captured % 4)
            size = 32 + len(data)
            out.write(struct.pack("<IIIIIII", 6, size, 0, high, low, captured, length) + data + struct.pack("<I", size))
            at += 16 + captured


def measure(kernel: Kernel, call: Call, runs: int) -> list[float]:
    """Give the nanoseconds a unit of some calls."""
    taken = []
    for _ in range(runs + 1):  # the first one warms up
        arguments = fresh(call.arguments)
        begun = time.perf_counter_ns()
        kernel(*arguments)
        taken.append((time.perf_counter_ns() - begun) / max(call.units, 1))
    return taken[1:]


def main() -> None:
    """Measure every kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each kernel; the median counts")
    parser.add_argument("--scale", type=float, default=1, help="make all inputs so many times as large")
    parser.add_argument("--update", action="store_true", help="keep the figures, and show them in README.md")
    given, begun = parser.parse_args(), figures.now()
    os.environ.setdefault(FORCE, "compiled")
    kernels = registered()
    if strange := kernels.keys() ^ UNITS.keys():
        sys.exit(f"kernels whose unit is not known, or that are no more: {', '.join(sorted(strange))}")
    with tempfile.TemporaryDirectory() as folder:
        calls = spied(write_inputs(Path(folder), given.scale))
    if missing := kernels.keys() - calls.keys():
        sys.exit(f"kernels that no input calls: {', '.join(sorted(missing))}")
    measured = {
        name: {
            "workload": calls[name].workload,
            "unit": UNITS[name][0],
            "units": calls[name].units,
            "ns": [round(ns, 2) for ns in measure(kernels[name], calls[name], given.runs)],
        }
        for name in UNITS
    }
    store = {"machine": figures.machine(), **begun, "kernels": measured}
    for name, got in measured.items():
        print(f"{name:14} {statistics.median(got['ns']):10.1f} ns each of {got['units']:9,} {got['unit']}")
    if given.update:
        figures.save({**figures.load(), "kernels": store})


if __name__ == "__main__":
    main()
