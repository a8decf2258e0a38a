"""Say how fast a log is read on one core: python benchmarks/lines.py [--millions 1 2 4 20] [--update].

Makes a Postfix log of each size, and reads its AUTH exchanges in a process of its own, on one thread, after another log
was read: neither imports nor loading of kernels count. The attempts of a mechanism are held against what was written.
A generator of your own is run as `FILE postfix --lines N --seed 1 -o LOG --truth JSON`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import figures

HERE = Path(__file__).resolve().parent
#: Lines of the log that is read before.
FEW = 20_000


def read(files: list[str]) -> dict[str, float]:
    """Read two logs in this process; gives the CPU seconds and attempts of the second, and peak memory in MB."""
    import resource

    import analyzer

    analyzer.read(files[0], tables=("auth",), workers=1)
    before = os.times()
    trace = analyzer.read(files[1], tables=("auth",), workers=1)
    after = os.times()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if sys.platform == "linux" else 1) / 1e6
    seconds = after.user + after.system - before.user - before.system
    return {
        "cpu": seconds,
        "peak": round(peak, 1),
        "attempts": int(trace.tables["auth"].text("mechanism").known().sum()),
    }


def made(generator: Path, lines: int, folder: Path) -> tuple[Path, int]:
    """Make a log; gives it, and how many attempts it tells of."""
    log, told = folder / f"postfix.{lines}.log", folder / "truth.json"
    command = [sys.executable, generator, "postfix", "--lines", str(lines), "--seed", "1", "-o", log, "--truth", told]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    counts = Counter(json.loads(told.read_text(encoding="utf-8"))["counts"])
    return log, sum(count for name, count in counts.items() if name.startswith(("sasl_failed|", "sasl_ok|")))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 2, 4, 20], help="lines of each log")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--generator", type=Path, default=HERE / "logs.py", help="script that makes the logs")
    parser.add_argument("--update", action="store_true", help="keep the figures, and show them in README.md")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(read(given.read)))
        return
    logs, begun = {}, figures.now()
    environment = {"SMTP_ANALYZER_KERNELS": "compiled", **os.environ, "PYTHONPATH": str(HERE.parent)}
    with tempfile.TemporaryDirectory() as folder:
        first, _ = made(given.generator, FEW, Path(folder))
        for millions in given.millions:
            log, truth = made(given.generator, int(millions * 10**6), Path(folder))
            with log.open("rb") as file:
                lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
            got = logs[f"{millions:g}"] = {"lines": lines, "mb": log.stat().st_size / 1e6, "cpu": [], "peak": []}
            for _ in range(given.runs):
                command = [sys.executable, __file__, "--read", str(first), str(log)]
                told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)
                if told["attempts"] != truth:
                    sys.exit(f"{log.name}: {told['attempts']} attempts, and {truth} were written")
                for name in ("cpu", "peak"):
                    got[name].append(told[name])
            log.unlink()
    store = {"machine": figures.machine(), **begun, "logs": logs}
    print("\n".join(figures.lines(store)))
    if given.update:
        figures.save({**figures.load(), "lines": store})


if __name__ == "__main__":
    main()
