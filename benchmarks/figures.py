"""What was measured: kept in figures.json, shown as tables between the markers of README.md.

The scripts that measure and draw use this module; only the standard library is loaded here, since what a process holds
when it starts another is counted as the other's peak memory (Linux).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).resolve().parent
STORE, README = HERE / "figures.json", HERE / "README.md"
OURS, EXPORT, FLOOR = "smtp-analyzer", "smtp-analyzer export", "C floor"
UNITS = {"wall": "s", "cpu": "s", "peak": "MB"}

#: What was measured of a workload: its size, machine and versions, and of each program lists of wall seconds, CPU
#: seconds and peak memory in MB, a value a run, and the share of attempts in their right cell.
Measured = dict[str, Any]
#: A quantity of a program on a workload.
Cell = tuple[str, str, str]


class Mark(NamedTuple):
    """What is to be reached: a figure, or how many times it is another one, compared with a limit."""

    text: str
    figure: Cell
    other: Cell | None
    limit: float
    at_least: bool

    def value(self, store: dict[str, Measured]) -> float | None:
        """Give what was measured; None where something of it was not."""
        values = [_median(store, cell) for cell in (self.figure, self.other) if cell]
        if None in values:
            return None
        return values[0] / values[1] if self.other else values[0]

    def reached(self, value: float) -> bool:
        """Whether that is enough."""
        return value >= self.limit if self.at_least else value <= self.limit


def faster(workload: str, peer: str, times: float) -> Mark:
    """Demand that we are so many times faster than a peer."""
    text = f"{times:g} times faster than {peer}" if times != 1 else f"not slower than {peer}"
    return Mark(text, (workload, peer, "wall"), (workload, OURS, "wall"), times, at_least=True)


def within(workload: str, ours: str, peer: str, times: float) -> Mark:
    """Demand that we take at most so many times the time of a peer."""
    text = f"at most {times:g} times the time of {peer}"
    return Mark(text, (workload, ours, "wall"), (workload, peer, "wall"), times, at_least=False)


def grows(workload: str, than: str, quantity: str, times: float) -> Mark:
    """Demand that a quantity is at most so many times that of a smaller workload."""
    names = {"wall": "time", "peak": "peak memory"}
    text = f"{names[quantity]} at most {times:g} times that of {than}"
    return Mark(text, (workload, OURS, quantity), (than, OURS, quantity), times, at_least=False)


MARKS = (
    faster("sample", "tshark", 1),
    faster("bruteforce.M", "tshark", 20),
    faster("bruteforce.M", "zeek", 10),
    Mark("peak memory at most a third of tshark's", ("bruteforce.M", OURS, "peak"), ("bruteforce.M", "tshark", "peak"),
         1 / 3, at_least=False),
    faster("bruteforce.L", "tshark", 35),
    faster("bruteforce.L", "zeek", 15),
    within("bruteforce.L", EXPORT, FLOOR, 10),
    Mark("peak memory at most 1,000 MB", ("bruteforce.L", OURS, "peak"), None, 1000, at_least=False),
    grows("bruteforce.L", "bruteforce.M", "peak", 1.5),
    faster("mixed.M", "tshark", 8),
    faster("mailflow.M", "tshark", 5),
    faster("impaired.M", "tshark", 12),
    Mark("at least 99.4 % of the attempts right", ("impaired.M", OURS, "right"), None, 0.994, at_least=True),
    faster("postfix.M", "pflogsumm", 4),
    faster("postfix.L", "pflogsumm", 5),
    grows("postfix.L", "postfix.M", "wall", 11),
    grows("postfix.L", "postfix.M", "peak", 1.5),
    within("exchange.M", OURS, "pyarrow", 2),
)  # fmt: skip


def _median(store: dict[str, Measured], cell: Cell) -> float | None:
    workload, program, quantity = cell
    values = store.get(workload, {}).get("programs", {}).get(program, {}).get(quantity)
    return statistics.median(values) if isinstance(values, list) else values


def load() -> dict[str, Any]:
    """Give what was measured: ``workloads`` by name, ``kernels``, ``lines``, and where the time was ``spent``."""
    kept = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    return {"workloads": {}, "kernels": {}, "spent": {}, "lines": {}} | kept


def save(store: dict[str, Any]) -> None:
    """Keep what was measured, and write the tables of README.md anew."""
    STORE.write_text(json.dumps(store, indent=1) + "\n", encoding="utf-8")
    README.write_text(shown(README.read_text(encoding="utf-8"), store), encoding="utf-8")


def shown(text: str, store: dict[str, Any]) -> str:
    """Put the tables between the markers of a page."""
    tables = {
        "figures": figures(store["workloads"]),
        "marks": marks(store["workloads"]),
        "machines": machines(store),
        "kernels": kernels(store["kernels"]),
        "spent": spent(store["spent"]),
        "lines": lines(store["lines"]),
    }
    for name, made in tables.items():
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- /{name} -->")
        text = head + begin + "\n".join(["", *made, "", ""]) + end + tail
    return text


def table(head: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """Give the lines of a table; columns whose name begins with ``>`` are of numbers."""
    names = [name.strip() for name in head.split("|")]
    rule = ["--:" if name.startswith(">") else "---" for name in names]
    cells = [[name.lstrip("> ") for name in names], rule, *rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def figures(store: dict[str, Measured]) -> list[str]:
    """Give the table of what was measured: medians, and from the least to the most."""
    rows = []
    for name, measured in store.items():
        ours = _median(store, (name, OURS, "wall"))
        for program, got in measured["programs"].items():
            seconds = statistics.median(got["wall"])
            times = f"{seconds / ours:.1f}" if ours and not program.startswith(OURS) else ""
            right = "" if got["right"] is None else f"{percent(got['right'])} %"
            rows.append([
                *((f"`{name}`", size(measured)) if program == OURS else ("", "")),
                program, spread(got["wall"], 2), spread(got["cpu"], 2), spread(got["peak"], 0), times, right,
            ])  # fmt: skip
    return table("workload | size | program | >wall s | >CPU s | >peak MB | >times faster | >right", rows)


def percent(share: float) -> str:
    """Give a share in percent, cut and not rounded, so that only all of it is 100."""
    return f"{int(share * 10_000) / 100:g}"


def size(measured: Measured) -> str:
    """Give the size of a workload in words."""
    what = f"{measured['lines']:,} lines" if measured.get("lines") else f"{measured['attempts']:,} attempts"
    return f"{measured['mb']:,.{0 if measured['mb'] >= 1 else 2}f} MB, {what}"


def spread(values: Sequence[float], digits: int) -> str:
    """Give the median, and the least and the most where there are several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})" if len(values) > 1 else middle


def marks(store: dict[str, Measured]) -> list[str]:
    """Give the table of what was to be reached."""
    rows = []
    for mark in MARKS:
        workload, _, quantity = mark.figure
        value, got, reached = mark.value(store), "not measured", ""
        if value is not None:
            got = f"{percent(value)} %" if quantity == "right" else f"{value:,.2f}"
            reached = "yes" if mark.reached(value) else "**no**"
        rows.append([f"`{workload}`", mark.text, got, reached])
    return table("workload | mark | >measured | reached", rows)


def kernels(store: Measured) -> list[str]:
    """Give the table of the kernels."""
    rows = [
        [f"`{name}`", got["workload"], f"{got['units']:,} {got['unit']}", spread(got["ns"], 1)]
        for name, got in store.get("kernels", {}).items()
    ]
    return table("kernel | on | >largest call | >ns each", rows)


def spent(store: Measured) -> list[str]:
    """Give the table of where the time went, in seconds; parts of less than a hundredth are put together."""
    columns = store.get("workloads", {})
    least = {name: sum(parts.values()) / 100 for name, parts in columns.items()}
    parts = sorted({part for name, got in columns.items() for part in got if got[part] >= least[name]})
    parts.sort(key=lambda part: not part.startswith("kernel "))
    rows = [[f"`{part}`", *(f"{got[part]:.2f}" if part in got else "" for got in columns.values())] for part in parts]
    rest = (sum(seconds for part, seconds in got.items() if part not in parts) for got in columns.values())
    rows.append(["the rest", *(f"{seconds:.2f}" for seconds in rest)])
    rows.append(["**all**", *(f"**{sum(got.values()):.2f}**" for got in columns.values())])
    return table(" | ".join(["part", *(f">`{name}`" for name in columns)]), rows)


def lines(store: Measured) -> list[str]:
    """Give the table of logs that were read on one core."""
    rows = [
        [f"{got['lines']:,}", f"{got['mb']:,.0f}", spread(got["cpu"], 2),
         f"{got['lines'] / statistics.median(got['cpu']):,.0f}", spread(got["peak"], 0)]
        for got in store.get("logs", {}).values()
    ]  # fmt: skip
    return table(">lines | >MB | >CPU s | >lines a second | >peak MB", rows)


def machines(store: dict[str, Any]) -> list[str]:
    """Say on which machines, and with which versions, which figures were taken."""
    where: dict[str, list[str]] = {}
    for name, measured in store["workloads"].items():
        where.setdefault(measured["machine"], []).append(f"`{name}` ({when(measured)})")
    for name in ("spent", "kernels", "lines"):
        if store[name]:
            where.setdefault(store[name]["machine"], []).append(f"{name} ({when(store[name])})")
    return [f"- {machine}: {', '.join(names)}" for machine, names in where.items()]


def when(measured: Measured) -> str:
    """Say when something was measured, and how busy the machine was with other things."""
    return f"{measured['date']}, load {measured['load']:g}" if "load" in measured else measured["date"]


def now() -> dict[str, Any]:
    """Give the date and how many processes have waited or run in the last minute: ask before anything is measured."""
    return {"date": dt.datetime.now(dt.UTC).date().isoformat(), "load": round(os.getloadavg()[0], 1)}


def machine(*peers: str) -> str:
    """Describe this machine, and the versions of what was run."""
    model = platform.processor() or platform.machine()
    if (about := Path("/proc/cpuinfo")).exists():
        told = dict(line.split(":", 1) for line in about.read_text().splitlines() if ":" in line)
        model = {name.strip(): text.strip() for name, text in told.items()}.get("model name", model)
    parts = [f"{model}, {os.cpu_count()} cores, {platform.system()}", f"Python {platform.python_version()}"]
    for name in ("numpy", "numba", "pyarrow"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"no {name}")
    return ", ".join([*parts, *(f"{peer} {_version(peer)}" for peer in peers if shutil.which(peer))])


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return next((word.strip(".()") for word in said.split() if word[:1].isdigit()), "of unknown version")
