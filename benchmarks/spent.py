"""Say where the time goes: python benchmarks/spent.py [WORKLOAD ...] [--scale 1] [--update].

Runs `smtp-analyzer auth FILE --format jsonl` under a profiler, on one thread, each workload in a process of its own,
and adds up the CPU seconds by room of the package, by kernel, and by library; what is built in counts for its caller.
Loading modules and compiled kernels is part of it. The profiler itself makes everything some tenths slower.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path

import figures
from run import HERE, WORKLOADS, make

DEFAULT = ("bruteforce.M", "mixed.M", "mailflow.M", "impaired.M", "postfix.M", "exchange.M")
LIBRARIES = Path(sysconfig.get_path("purelib"))
#: Where a function is, as the profiler has it: file, line and name; of what is built in the file is ``~``.
Place = tuple[str, int, str]


def part(place: Place, kernels: dict[Place, str]) -> str:
    """Name the part of the program that a function belongs to; compiled kernels stand for themselves."""
    if place in kernels:
        return f"kernel {kernels[place]}"
    if place[0].startswith("<frozen importlib"):
        return "loading modules"
    file = Path(place[0])
    for folder, name in ((HERE.parent / "analyzer", "analyzer"), (LIBRARIES, "")):
        if file.is_relative_to(folder):
            return f"{name}/{file.relative_to(folder).parts[0]}".strip("/")
    return "standard library"


def profiled(file: str) -> dict[str, float]:
    """Run the command on a file in this process; gives seconds by part."""
    with open(os.devnull, "w") as nowhere:
        kept = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        profile = cProfile.Profile(time.process_time)
        profile.enable()
        from analyzer.cli import main

        main(["auth", file, "--format", "jsonl", "--workers", "1", "--quiet"], standalone_mode=False)
        profile.disable()
        sys.stdout.flush()
        os.dup2(kept, 1)
    from kernels import registered  # it loads everything

    codes = {name: kernel.function.__code__ for name, kernel in registered().items()}
    kernels = {(code.co_filename, code.co_firstlineno, code.co_name): name for name, code in codes.items()}
    parts = Counter[str]()
    for place, (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if place[0] != "~" or not callers:
            parts[part(place, kernels)] += own
            continue
        for caller, (_, _, seconds, _) in callers.items():
            parts[part(caller, kernels)] += seconds
    return dict(parts)


def main() -> None:
    """Profile what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], metavar="WORKLOAD", default=[])
    parser.add_argument("--scale", type=float, default=1, help="make all inputs so many times as large")
    parser.add_argument("--update", action="store_true", help="keep the figures, and show them in README.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(profiled(given.one)))
        return
    spent, begun = {}, figures.now()
    for name in given.workloads or DEFAULT:
        workload = WORKLOADS[name]
        with tempfile.TemporaryDirectory() as folder:
            file, _ = make(workload, HERE / f"{workload.maker}.py", given.scale, Path(folder))
            environment = {"SMTP_ANALYZER_KERNELS": "compiled", **os.environ, "PYTHONPATH": str(HERE.parent)}
            command = [sys.executable, __file__, "--one", str(file)]
            for _ in range(2):  # the first run compiles what is not compiled yet
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
            spent[name] = {part: round(seconds, 3) for part, seconds in json.loads(told).items()}
    store = {"machine": figures.machine(), **begun, "workloads": spent}
    print("\n".join(figures.spent(store)))
    if given.update:
        figures.save({**figures.load(), "spent": store})


if __name__ == "__main__":
    main()
