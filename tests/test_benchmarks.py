"""The benchmarks: what they make is what is read, a wrong answer ends them, and their page shows what was measured.

Nothing here looks at a time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

import analyzer
from analyzer import kernel
from tests.matching import records

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "benchmarks"
#: A generator that says of one more attempt that it was made.
LIAR: Final = """
import json, pathlib, subprocess, sys
subprocess.run([sys.executable, {honest!r}, *sys.argv[1:]], check=True)
told = pathlib.Path(sys.argv[sys.argv.index("--truth") + 1])
truth = json.loads(told.read_text())
counts = truth.get("attempts_by_mech_rounds_outcome") or truth["counts"]
counts[next(name for name in counts if "|" in name)] += 1
told.write_text(json.dumps(truth))
"""


@pytest.fixture
def module(monkeypatch):
    """Load a script; it imports those beside it."""
    monkeypatch.syspath_prepend(FOLDER)

    def load(name):
        return importlib.import_module(name)

    yield load
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def run(name, *arguments, kernels="interpreted"):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SMTP_ANALYZER_KERNELS": kernels}
    return subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def told(file):
    """Count what the attempts of a file are read as."""
    attempts = records(analyzer.read(file, timezone="UTC").tables["auth"].lists())
    return Counter(f"{row['mechanism']}|{row['rounds']}|{row['code'] or 'none'}" for row in attempts)


@pytest.mark.parametrize("name", ["bruteforce", "mailflow", "mixed", "downloads"])
def test_capture(name, module, tmp_path):
    """Every attempt of a made capture is read as what it is."""
    truth = module("captures").write(tmp_path / "made.pcap", name, 600_000, seed=3)

    assert told(tmp_path / "made.pcap") == Counter(truth["attempts_by_mech_rounds_outcome"])


def test_mail_has_every_ending(module):
    """A mail flow holds every mechanism and every ending that the generator knows."""
    captures, draw = module("captures"), random.Random(1)
    cells = [cell.split("|") for _ in range(1000) for cell in captures.mail(draw).attempts]

    assert {mechanism for mechanism, _, _ in cells} == {name.rstrip("+") for name in captures.MECHANISMS}
    assert {ending for _, _, ending in cells} == {"235", "535", "503", *captures.TROUBLES}


def test_same_seed(module, tmp_path):
    """Equal seeds make equal octets, others make others."""
    write = module("captures").write
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / name, "impaired", 300_000, seed)
    first, same, other = ((tmp_path / name).read_bytes() for name in "abc")

    assert first == same != other


@pytest.mark.parametrize(
    ("hurt", "whole"), [({}, True), ({"reordered": 0.3, "repeated": 0.3}, True), ({"lost": 0.1}, False)]
)
def test_impaired(hurt, whole, module, tmp_path, monkeypatch):
    """Other order and copies of packets change no answer, missing ones do."""
    captures, file = module("captures"), tmp_path / "made.pcap"
    workload = captures.WORKLOADS["impaired"]._replace(reordered=0, repeated=0, lost=0)._replace(**hurt)
    monkeypatch.setitem(captures.WORKLOADS, "impaired", workload)
    truth = captures.write(file, "impaired", 300_000, seed=3)
    data = [(packet[26:46], packet[66:]) for packet in packets(file) if len(packet) > 66]

    assert (told(file) == Counter(truth["attempts_by_mech_rounds_outcome"])) == whole
    assert (len(set(data)) < len(data)) == ("repeated" in hurt)


def packets(file):
    octets, at = file.read_bytes(), 24
    while at < len(octets):
        (captured,) = struct.unpack_from("<I", octets, at + 8)
        yield octets[at + 16 : at + 16 + captured]
        at += 16 + captured


def test_checksums(module, tmp_path):
    """Headers of made packets add up, as RFC 1071 has it; those of UDP have none for the payload."""
    module("captures").write(tmp_path / "made.pcap", "mixed", 200_000, seed=1)
    protocols = Counter()
    for packet in packets(tmp_path / "made.pcap"):
        ip, rest = packet[14:34], packet[34:]
        protocols[ip[9]] += 1
        assert int.from_bytes(ip[2:4]) == len(packet) - 14
        assert total(ip) == 0xFFFF
        if ip[9] == 6:
            assert total(ip[12:20] + b"\0\6" + struct.pack(">H", len(rest)) + rest) == 0xFFFF
        else:
            assert int.from_bytes(rest[4:6]) == len(rest)

    assert protocols.keys() == {6, 17}


def total(octets):
    words = sum(struct.unpack(f">{len(octets) // 2}H", octets[: len(octets) // 2 * 2]))
    words += octets[-1] << 8 if len(octets) % 2 else 0
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return words


def test_run():
    """The one command reads one input of each kind, and what it prints says that all answers are right."""
    made = run("run", "sample", "mixed.M", "postfix.M", "exchange.M", "--scale", "0.001", "--runs", "1", "--alone")

    assert made.returncode == 0, made.stderr
    rows = [line for line in made.stdout.splitlines() if "smtp-analyzer" in line]
    assert [line.split("|")[1].strip(" `") for line in rows] == ["sample", "mixed.M", "postfix.M", "exchange.M"]
    assert all(line.endswith("| 100 % |") for line in rows), made.stdout


@pytest.mark.parametrize(
    ("option", "workload"), [("captures", "bruteforce.S"), ("logs", "postfix.M"), ("logs", "exchange.M")]
)
def test_wrong_truth(option, workload, tmp_path):
    """Where one attempt is not as it was told, the command fails and says where."""
    liar = tmp_path / "liar.py"
    liar.write_text(LIAR.format(honest=str(FOLDER / f"{option}.py")))
    made = run("run", workload, "--scale", "0.001", "--runs", "1", "--alone", f"--{option}", liar)

    assert made.returncode == 1
    assert f"wrong answer: smtp-analyzer on {workload}" in made.stderr


def test_invented_attempts_count(module):
    """What is too much is as wrong as what is missing."""
    share, truth = module("run").share, Counter(a=3, b=1)

    assert share(truth, truth) == 1
    assert share(Counter(a=3), truth) == share(Counter(a=3, b=2), truth) == share(Counter(a=4), truth) == 0.75


def test_wrong_outcome_is_no_answer(module):
    """An attempt whose outcome does not go with its code is in no cell of the truth."""
    cell, row = module("run").cell, {"mechanism": "LOGIN", "rounds": 2, "code": 535, "outcome": "rejected"}

    assert cell(row, "bruteforce") == "LOGIN|2|535"
    assert cell({**row, "outcome": "succeeded"}, "bruteforce") == "LOGIN|2|535 succeeded"


def test_lines_of_tshark(module, tmp_path):
    """Lines of tshark become attempts: by stream, several replies in one packet, and what never ended."""
    lines = [
        "0\tAUTH\tLOGIN\t", "1\tAUTH\tplain AAAA\t", "0\t\t\t334", "0\t\t\t334,535", "0\t\t\t250", "1\t\t\t235",
        "0\tAUTH\tCRAM-MD5\t", "0\t\t\t334", "2\tAUTH\tLOGIN\t", "2\tAUTH\tPLAIN\t",
    ]  # fmt: skip
    (tmp_path / "out").write_text("\n".join(lines) + "\n")

    assert module("run").told_by_fields(tmp_path, "") == Counter(
        {"LOGIN|2|535": 1, "PLAIN|0|235": 1, "CRAM-MD5|1|none": 1, "LOGIN|0|none": 1, "PLAIN|0|none": 1}
    )


def test_failure_of_a_program_is_told(module, tmp_path):
    """A program that fails ends the command with what it said."""
    broken = module("run").Program((sys.executable, "-c", "import sys; sys.exit('no room')"), None, None)

    with pytest.raises(SystemExit, match="no room"):
        module("run").once(broken, {}, tmp_path)


def test_kernels():
    """Every kernel is called by some input, and has a line."""
    made = run("kernels", "--scale", "0.02", "--runs", "1")

    assert made.returncode == 0, made.stderr
    assert len(made.stdout.splitlines()) == len({line.split()[0] for line in made.stdout.splitlines()}) >= 15


def test_spent():
    """The profile of a log names the rooms that read it, and its parts add up to all of it."""
    made = run("spent", "postfix.M", "--scale", "0.002")

    assert made.returncode == 0, made.stderr
    parts = dict(line.strip("| ").split(" | ") for line in made.stdout.splitlines()[2:])
    assert parts.keys() >= {"`analyzer/logs`", "`loading modules`"}
    total = float(parts.pop("**all**").strip("*"))
    assert abs(sum(map(float, parts.values())) - total) < 0.01 * len(parts)


def test_lines(tmp_path):
    """A log is read on one core, and an attempt too few or too many ends the command."""
    made = run("lines", "--millions", "0.01", "--runs", "1")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[2].startswith("| 10,0")

    liar = tmp_path / "liar.py"
    liar.write_text(
        (FOLDER / "logs.py").read_text(encoding="utf-8").replace("return truth\n", "return truth + truth\n")
    )
    made = run("lines", "--millions", "0.01", "--runs", "1", "--generator", str(liar))
    assert made.returncode == 1
    assert "were written" in made.stderr


def test_unknown_kernel(module, monkeypatch):
    """A kernel whose unit nobody told, and one that no input calls, end the command."""
    kernels = module("kernels")
    monkeypatch.setenv(kernel.FORCE, "compiled")  # which the command sets, and nobody takes back
    monkeypatch.setattr(sys, "argv", ["kernels.py"])
    units = dict(kernels.UNITS)
    monkeypatch.setattr(kernels, "UNITS", {name: unit for name, unit in units.items() if name != "track"})
    with pytest.raises(SystemExit, match=r"unit is not known.*track"):
        kernels.main()
    monkeypatch.setattr(kernels, "UNITS", units)
    monkeypatch.setattr(kernels, "write_inputs", lambda *_: {})
    with pytest.raises(SystemExit, match=r"no input calls.*assemble.*walk_records"):
        kernels.main()


def test_page_shows_what_was_measured(module, update):
    """The tables of the page are those of the figures that are kept (write them with --update)."""
    figures = module("figures")
    page = figures.README.read_text(encoding="utf-8")
    wanted = figures.shown(page, figures.load())
    if update:
        figures.README.write_text(wanted, encoding="utf-8")

    assert update or page == wanted


def test_marks_are_of_workloads(module):
    """Every mark is of a workload and of programs that are run on it, and a value decides it."""
    figures, workloads = module("figures"), module("run").WORKLOADS
    for mark in figures.MARKS:
        for workload, program, _ in filter(None, (mark.figure, mark.other)):
            assert program in workloads[workload].programs
    (slow,) = (mark for mark in figures.MARKS if mark.text == "at most 2 times the time of pyarrow")
    got = {"smtp-analyzer": {"wall": [3.0, 1.0, 2.0]}, "pyarrow": {"wall": [1.0, 1.0, 0.5]}}

    assert slow.value({"exchange.M": {"programs": got}}) == 2
    assert slow.reached(2)
    assert not slow.reached(2.1)
    assert slow.value({}) is None


def test_chart(module):
    """Both programs stand in both panels, at the sizes that were measured."""
    growth = module("growth")
    store = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))["workloads"]
    axes = growth.draw(store).axes

    assert len(axes) == 2
    for panel in axes:
        assert [line.get_label() for line in panel.lines] == list(growth.LOOKS)
        assert all(list(line.get_xdata()) == [store[name]["mb"] for name in growth.WORKLOADS] for line in panel.lines)
