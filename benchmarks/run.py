"""Measure the analyzer beside its peers: python benchmarks/run.py [WORKLOAD ...] [--runs N] [--update].

Makes the workloads (seeded), runs the analyzer and those of its peers that are installed in turn, whole processes from
their start to the last octet written, holds the answers against what was written, and prints tables in Markdown. A
wrong answer of the analyzer ends it with an error. `--update` keeps the figures in figures.json and README.md.

`--captures FILE` and `--logs FILE` name other scripts that make the inputs, with the options of captures.py and logs.py
here; `--floor FILE` is the source of a C program that walks a capture, reassembles, and prints a line
``MECHANISM ROUNDS CODE COUNT`` for each kind of attempt.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import figures
from figures import EXPORT, FLOOR, OURS

if TYPE_CHECKING:
    from collections.abc import Callable

    #: What a program told: the folder that it ran in, its output as `out`; and how cells are named.
    Reader = Callable[[Path, str], Counter[str]]

HERE = Path(__file__).resolve().parent

#: Where a program is several processes, how often their memory is summed up.
EVERY_SECONDS = 0.02
SEED = "1"

#: Reads a file with `pyarrow.csv`, as text: the lines that begin with # have no columns.
PYARROW = """
import sys, pyarrow, pyarrow.csv as csv
names = "time connector session number local remote event data context".split()
how = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
print(csv.read_csv(sys.argv[1], csv.ReadOptions(column_names=names, skip_rows=5), convert_options=how).num_rows)
"""
#: Prints the attempts of exported tables as JSON Lines; in a process of its own, so that this one stays small.
PARQUET = """
import json, sys, pyarrow.parquet as parquet
names = ["mechanism", "rounds", "code", "outcome"]
for batch in parquet.ParquetFile(sys.argv[1]).iter_batches(columns=names):
    for row in batch.to_pylist():
        print(json.dumps(row))
"""
FIELDS = ("tcp.stream", "smtp.req.command", "smtp.req.parameter", "smtp.response.code")

#: The outcomes that go with the final codes of the workloads: an attempt whose outcome is another one is wrong.
OUTCOMES = {
    "235": {"succeeded"}, "535": {"rejected"}, "501": {"cancelled"}, "503": {"bad_sequence"},
    "504": {"mechanism_unavailable"}, "530": {"encryption_required"}, "538": {"encryption_required"},
    "534": {"mechanism_too_weak"}, "432": {"transition_needed"}, "454": {"temporary_failure"},
    "421": {"server_closed"}, "none": {"client_closed", "server_closed", "unseen"},
}  # fmt: skip
#: How other generators name endings without a final code, or taken back.
ENDINGS = {"501_cancel": "501", "drop_after_334": "none", "drop_before_reply": "none"}


def told_by_rows(folder: Path, kind: str) -> Counter[str]:
    """Count the rows of `smtp-analyzer auth --format jsonl`."""
    with (folder / "out").open(encoding="ascii") as lines:
        return Counter(filter(None, (cell(json.loads(line), kind) for line in lines)))


def told_by_parquet(folder: Path, kind: str) -> Counter[str]:
    """Count the rows of an exported table."""
    (file,) = folder.rglob("auth*.parquet")
    with subprocess.Popen([sys.executable, "-c", PARQUET, file], stdout=subprocess.PIPE, text=True) as printing:
        assert printing.stdout is not None
        return Counter(filter(None, (cell(json.loads(line), kind) for line in printing.stdout)))


def cell(row: dict[str, Any], kind: str) -> str | None:
    """Name the cell of an attempt as the truth does; one whose outcome does not go with its code is in none of them."""
    mechanism, code = row["mechanism"], str(row["code"] or "none")
    if kind == "postfix":
        return f"sasl_{'ok' if row['outcome'] == 'succeeded' else 'failed'}|{mechanism}" if mechanism else None
    if row["outcome"] not in OUTCOMES.get(code, ()):
        code = f"{code} {row['outcome']}"
    return f"{code}|{mechanism}|{row['rounds']}" if kind == "exchange" else f"{mechanism}|{row['rounds']}|{code}"


def told_by_fields(folder: Path, _: str) -> Counter[str]:
    """Put the lines of tshark together to attempts, as its users have to."""
    cells, running = Counter[str](), dict[str, list[Any]]()
    with (folder / "out").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            stream, command, parameter, codes = line.rstrip("\n").split("\t")
            for code in codes.split(",") if stream in running else ():
                if code == "334":
                    running[stream][1] += 1
                elif code and stream in running:
                    cells["{}|{}|{}".format(*running.pop(stream), code)] += 1
            if command.upper().startswith("AUTH"):
                if stream in running:
                    cells["{}|{}|none".format(*running[stream])] += 1
                running[stream] = [parameter.split(" ")[0].upper(), 0]
    return cells + Counter(f"{mechanism}|{rounds}|none" for mechanism, rounds in running.values())


def told_by_counts(folder: Path, _: str) -> Counter[str]:
    """Read the counts that the C program prints behind a line of its own."""
    lines = (folder / "out").read_text(encoding="utf-8").splitlines()[1:]
    return Counter({"|".join(words[:3]): int(words[3]) for words in map(str.split, lines)})


class Program(NamedTuple):
    """What is run: a command with {names} to be filled in, what has to be installed, and who reads its answer."""

    command: tuple[str, ...]
    needs: str | None
    reader: Reader | None


ANALYZER = (sys.executable, "-m", "analyzer")
PROGRAMS = {
    OURS: Program((*ANALYZER, "auth", "{file}", "--format", "jsonl"), None, told_by_rows),
    EXPORT: Program((*ANALYZER, "export", "{file}", "--to", "{folder}/tables"), None, told_by_parquet),
    "tshark": Program(
        ("tshark", "-r", "{file}", "-Y", "smtp", "-T", "fields", *(word for name in FIELDS for word in ("-e", name))),
        "tshark",
        told_by_fields,
    ),
    "zeek": Program(("zeek", "-C", "-r", "{file}"), "zeek", None),
    "pflogsumm": Program(("pflogsumm", "{file}"), "pflogsumm", None),
    "pyarrow": Program((sys.executable, "-c", PYARROW, "{file}"), None, None),
    FLOOR: Program(("{floor}", "{file}"), None, told_by_counts),
}


class Workload(NamedTuple):
    """What is read: which script makes which kind, how much (MB of captures, lines of logs), and by whom it is read."""

    maker: str
    kind: str
    size: float
    programs: tuple[str, ...]
    right: float = 1
    """Share of the attempts that have to be right, else the answer is wrong."""


WORKLOADS = {
    "sample": Workload("captures", "bruteforce", 0.02, (OURS, "tshark")),
    "bruteforce.XS": Workload("captures", "bruteforce", 2, (OURS, "tshark")),
    "bruteforce.S": Workload("captures", "bruteforce", 20, (OURS, "tshark")),
    "bruteforce.M": Workload("captures", "bruteforce", 200, (OURS, EXPORT, "tshark", "zeek", FLOOR)),
    "bruteforce.L": Workload("captures", "bruteforce", 2000, (OURS, EXPORT, "tshark", "zeek", FLOOR)),
    "mixed.M": Workload("captures", "mixed", 200, (OURS, "tshark", "zeek", FLOOR)),
    "mailflow.M": Workload("captures", "mailflow", 200, (OURS, "tshark", "zeek", FLOOR)),
    "impaired.M": Workload("captures", "impaired", 200, (OURS, "tshark", "zeek", FLOOR), right=0.99),
    "postfix.M": Workload("logs", "postfix", 2e6, (OURS, "pflogsumm")),
    "postfix.L": Workload("logs", "postfix", 20e6, (OURS, "pflogsumm")),
    "exchange.M": Workload("logs", "exchange", 2e6, (OURS, "pyarrow")),
}


def make(workload: Workload, maker: Path, scale: float, folder: Path) -> tuple[Path, Counter[str]]:
    """Make an input; gives it and how many attempts of each kind it holds."""
    file, told = folder / "input", folder / "truth.json"
    captured = workload.maker == "captures"
    size = ("--size-mb", f"{workload.size * scale:g}") if captured else ("--lines", f"{workload.size * scale:.0f}")
    made = [sys.executable, maker, workload.kind, *size, "--seed", SEED, "-o", file, "--truth", told]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    truth = json.loads(told.read_text(encoding="utf-8"))
    if captured:
        cells = Counter[str]()
        for name, count in truth["attempts_by_mech_rounds_outcome"].items():
            start, _, ending = name.rpartition("|")
            cells[f"{start}|{ENDINGS.get(ending, ending)}"] += count
        return file, cells
    return file, Counter({name: count for name, count in truth["counts"].items() if "|" in name})


def held(pid: int) -> int:
    """Give the bytes that a process and those that it began hold now, as Linux counts them; 0: it does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = [
            each for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
        ]
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(held(int(child)) for child in children)


def watch(pid: int, over: threading.Event, peaks: list[int]) -> None:
    """Look at what a process and those that it began hold, again and again."""
    while not over.wait(EVERY_SECONDS):
        peaks.append(held(pid))


def once(program: Program, names: dict[str, str], folder: Path, **environment: str) -> tuple[float, float, float]:
    """Run a program; gives its wall and CPU seconds and its peak memory in MB. A failure ends everything.

    Linux counts what this process held when it started another as the other's peak: so nothing large is kept here.
    """
    command = [word.format(**names) if word.startswith("{") else word for word in program.command]
    settings = {**os.environ, "PYTHONPATH": str(HERE.parent), **environment}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env=settings)
        over, peaks = threading.Event(), [0]
        watcher = threading.Thread(target=watch, args=(child.pid, over, peaks))
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        over.set()
        watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{program.command} ended with {child.returncode}: {(folder / 'err').read_text(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss * unit, *peaks) / 1e6


def share(told: Counter[str], truth: Counter[str]) -> float:
    """Give the share of the attempts that are in their right cell; what was invented counts like what is missing."""
    return 1 - max((truth - told).total(), (told - truth).total()) / max(truth.total(), 1)


#: A program that takes longer than this is run once.
ONCE_ABOVE_SECONDS: Final = 60


def measure(name: str, given: argparse.Namespace, floor: Path | None) -> dict[str, Any]:
    """Run everything that is installed on a workload, in turn, and check what it tells."""
    workload, begun = WORKLOADS[name], figures.now()
    programs = {each: PROGRAMS[each] for each in workload.programs if installed(each, floor, alone=given.alone)}
    got: dict[str, Any] = {each: {"wall": [], "cpu": [], "peak": [], "right": None} for each in programs}
    with tempfile.TemporaryDirectory() as kept:
        file, truth = make(workload, getattr(given, workload.maker), given.scale, Path(kept))
        names = {"file": str(file), "floor": str(floor)}
        for run in range(-1, given.runs):  # the first is not measured: it compiles what may be compiled, and warms up
            for each, program in programs.items():
                ours = each in {OURS, EXPORT}
                if (run < 0 and not ours) or max(got[each]["wall"], default=0) > ONCE_ABOVE_SECONDS:
                    continue
                with tempfile.TemporaryDirectory() as used:
                    folder = Path(used)
                    settings = {"SMTP_ANALYZER_KERNELS": "compiled"} if run < 0 and given.scale == 1 else {}
                    figures_of_run = once(program, {**names, "folder": used}, folder, **settings)
                    if program.reader and (ours or not run):
                        got[each]["right"] = share(program.reader(folder, workload.kind), truth)
                if ours and got[each]["right"] < workload.right:
                    sys.exit(f"wrong answer: {each} on {name}: {got[each]['right']:.3%} of the attempts are right")
                for quantity, value in zip(("wall", "cpu", "peak"), figures_of_run, strict=True):
                    if run >= 0:
                        got[each][quantity].append(round(value, 3))
        return {
            "mb": file.stat().st_size / 1e6,
            "attempts": truth.total(),
            "lines": int(workload.size * given.scale) if workload.maker == "logs" else None,
            "machine": figures.machine(*(each for each in programs if PROGRAMS[each].needs)),
            **begun,
            "programs": got,
        }


def installed(name: str, floor: Path | None, *, alone: bool) -> bool:
    """Whether a program can be run here."""
    if name == FLOOR:
        return floor is not None
    if name == EXPORT:
        return not subprocess.run([*ANALYZER, "export", "--help"], capture_output=True, check=False).returncode
    needs = PROGRAMS[name].needs
    return name == OURS or (not alone and (needs is None or shutil.which(needs) is not None))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="of each program, in turn; medians count")
    parser.add_argument("--scale", type=float, default=1, help="make all inputs so many times as large")
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    parser.add_argument("--captures", type=Path, default=HERE / "captures.py", help="what makes the captures")
    parser.add_argument("--logs", type=Path, default=HERE / "logs.py", help="what makes the logs")
    parser.add_argument("--floor", type=Path, help="source of a C program that only counts")
    parser.add_argument("--update", action="store_true", help="keep the figures, and show them in README.md")
    given = parser.parse_args()
    if unknown := set(given.workloads) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    if given.update and given.scale != 1:
        parser.error("figures of scaled inputs are not kept")
    with tempfile.TemporaryDirectory() as folder:
        floor = Path(folder, "floor") if given.floor else None
        if floor:
            subprocess.run(["cc", "-O2", "-o", floor, given.floor], check=True)  # noqa: S607  # on PATH or not
        measured = {}
        for name in given.workloads or WORKLOADS:
            measured[name] = measure(name, given, floor)
            print(f"{name}: {statistics.median(measured[name]['programs'][OURS]['wall']):.2f} s", file=sys.stderr)
            if given.update:
                store = figures.load()
                known = {**store["workloads"], name: measured[name]}
                store["workloads"] = {each: known[each] for each in WORKLOADS if each in known}
                figures.save(store)
    print("\n".join(figures.figures(measured)))
    if given.scale == 1:
        print("\n".join(["", *figures.marks(figures.load()["workloads"] if given.update else measured)]))


if __name__ == "__main__":
    main()
