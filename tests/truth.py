"""Real traffic with truth: the groups of `../shared/data`, and the judge beside them, run in this process.

The folder is no part of the project: tests that need it are skipped where it is absent.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest

import analyzer
from tests.matching import Row, records

if TYPE_CHECKING:
    from types import ModuleType

    from analyzer.trace import Trace

SHARED: Final = Path(__file__).parents[2] / "shared"
DATA: Final = SHARED / "data"
#: The groups with a capture of everything.
GROUPS: Final = sorted(path.parent.name for path in DATA.glob("*/capture.pcap"))
#: One capture, hurt in many ways.
IMPAIRED: Final = DATA / "impaired-postfix-plain"
VARIANTS: Final = sorted(path.stem for path in IMPAIRED.glob("*.pcap"))
#: One set of sessions in many kinds of file.
CONTAINERS: Final = sorted(
    path.name for path in (DATA / "formats").glob("*") if path.suffix in (".pcap", ".pcapng", ".gz", ".snoop")
    and "jsonl" not in path.name
)  # fmt: skip

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="real traffic with truth (../shared/data) is not here")

Key = tuple[str, int]


@cache
def judge() -> ModuleType:
    """Load `score.py`, which compares rows with the truth."""
    spec = importlib.util.spec_from_file_location("score", SHARED / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdict(*arguments: str) -> tuple[bool, str]:
    """Run the judge; gives whether all is right, and what it told."""
    module = judge()
    told = io.StringIO()
    argv = ["score.py", "--command", "read {paths}", "--data", str(DATA), *arguments]
    with (
        patch.object(module, "subprocess", SimpleNamespace(run=_run)),
        patch.object(sys, "argv", argv),
        redirect_stdout(told),
    ):
        status = module.main()
    return status == 0, told.getvalue()


def _run(command: list[str], **_: Any) -> SimpleNamespace:
    """Read what the judge would have the command line read."""
    lines = [json.dumps(row) for row in rows(analyzer.read(*command[1:]), "auth")]
    return SimpleNamespace(returncode=0, stdout="\n".join(lines), stderr="")


def rows(trace: Trace, name: str) -> list[Row]:
    """Give the rows of a table."""
    return records(trace.tables[name].lists())


def key_of(row: Row) -> Key:
    """Give the client of a row of a table, or of a session of the truth."""
    address = row["client_ip"] if "client_ip" in row else row["client_addr"]
    return address, int(row["client_port"])


@cache
def truth(group: str) -> list[Row]:
    """Give the sessions that took place, in the order of time."""
    lines = (DATA / group / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted(map(json.loads, lines), key=lambda session: session["t_start"] or 0)


@cache
def dialogues(group: str) -> dict[str, list[tuple[str, float, bytes]]]:
    """Give what was said in each session at the client's socket: side, time and octets; nothing where not recorded."""
    path = DATA / group / "dialogue.jsonl.gz"
    said = {}
    for line in gzip.decompress(path.read_bytes()).splitlines():
        record = json.loads(line)
        said[record["session"]] = [(side, at, text.encode("latin-1")) for side, at, text in record["dialogue"]]
    return said


def by_client(found: list[Row]) -> dict[Key, list[Row]]:
    """Sort rows by their client, in order."""
    clients: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in found:
        clients[key_of(row)].append(row)
    return clients


def paired(group: str, trace: Trace) -> list[tuple[Row, Row]]:
    """Give the sessions of the truth, each with its row; those of one client by their order."""
    sessions = by_client(rows(trace, "sessions"))
    turns = {client: iter(found) for client, found in sessions.items()}
    pairs = ((session, next(turns.get(key_of(session), iter(())), None)) for session in truth(group))
    return [(session, row) for session, row in pairs if row is not None]


def greeted(group: str, session: Row) -> bool:
    """Whether the capture shows that the server speaks SMTP: a greeting in the clear."""
    if session["tls"] == "implicit":
        return False
    said = dialogues(group).get(session["session"], [])
    return bool(session["greeting"]) or any(side == "S" and octets.startswith(b"220") for side, _, octets in said)
