"""The samples of `samples/`: what a newcomer is shown is what comes out.

``pytest --update`` writes a sample's capture (from its dialogue), the dialogue in its README, and `expected.json` anew.
A sample of logs has a folder of them instead.
Real traffic (the ``lab-`` samples) has its `expected.json` from the truth beside it, and keeps it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import analyzer
from tests.dialogue import secrets_of, to_events
from tests.frames import to_packets, to_pcap
from tests.matching import Row, differences, records

if TYPE_CHECKING:
    from analyzer.trace import Trace

FOLDER: Final = Path(__file__).parents[1] / "samples"
SAMPLES: Final = sorted(path.parent for path in FOLDER.glob("*/expected.json"))
DIALOGUES: Final = [folder for folder in SAMPLES if (folder / "dialogue.txt").exists()]
LOGS: Final = [folder for folder in SAMPLES if (folder / "logs").exists()]
#: What `expected.json` holds of each table; what depends on the place of the files is left out.
SHOWN: Final = {
    "auth": [
        *("client_ip", "client_port", "attempt", "mechanism", "initial_response", "rounds", "rounds_known", "outcome"),
        *("reason", "code", "enhanced", "identity", "tls", "evidence", "caveats"),
    ],
    "sessions": [
        *("client_ip", "client_port", "server_port", "helo", "tls", "sni", "readable", "attempts", "authenticated_as"),
        *("messages", "ended_by", "caveats"),
    ],
    "messages": ["mail_from", "accepted", "refused", "size", "chunks", "code"],
}
#: The dialogue in a README stands between these lines.
FENCE: Final = ("```text\n", "```\n")
WIDTH: Final = 100

each_sample = pytest.mark.parametrize("folder", SAMPLES, ids=lambda folder: folder.name)
each_dialogue = pytest.mark.parametrize("folder", DIALOGUES, ids=lambda folder: folder.name)


def rows(trace: Trace, name: str) -> list[Row]:
    return records(trace.tables[name].lists())


def typed_out(text: str) -> str:
    """Type a dialogue out as a README shows it."""
    lines = []
    for event in to_events(text):
        arrow = {"client": "--->", "server": "<---", "": "    "}[event.side]
        if event.kind == "connect":
            lines.append("")
        elif event.kind in ("data", "gap"):
            lost = " (not captured)" if event.kind == "gap" else ""
            lines += [f"{arrow} {line}{lost}".rstrip() for line in _printable(event.data)]
        elif event.kind in ("fin", "rst"):
            lines.append(f"{arrow} ({event.kind.upper()})")
        elif event.kind == "time":
            lines.append(f"     ({float(event.argument):g} seconds pass)")
    return "\n".join(lines) + "\n"


def _printable(data: bytes) -> list[str]:
    if data[0] in range(20, 24) and data[1] == 3:
        return [f"({len(data)} octets of TLS)"]
    lines = data.removesuffix(b"\r\n").decode("utf-8", "backslashreplace").split("\r\n")
    return [line if len(line) <= WIDTH else line[:WIDTH] + "…" for line in lines]


def _dumped(tables: dict[str, list[Row]]) -> str:
    """Write tables as JSON, a row a line."""
    parts = [
        f'  "{name}": [\n' + ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in found) + "\n  ]"
        for name, found in tables.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


@each_dialogue
def test_capture_is_the_dialogue(folder: Path, *, update: bool) -> None:
    """The capture of a sample holds its dialogue, and its README types it out."""
    text = (folder / "dialogue.txt").read_text(encoding="utf-8")
    readme = folder / "README.md"
    prose, opening, rest = readme.read_text(encoding="utf-8").partition(FENCE[0])
    shown, closing, after = rest.partition(FENCE[1])
    pcap = to_pcap(to_packets(to_events(text)))
    if update:
        (folder / "capture.pcap").write_bytes(pcap)
        readme.write_text(prose + opening + typed_out(text) + closing + after, encoding="utf-8")
        return

    assert (folder / "capture.pcap").read_bytes() == pcap
    assert shown == typed_out(text)


@each_sample
def test_sample(folder: Path, *, update: bool) -> None:
    """What is read from a sample is what its `expected.json` says."""
    trace = analyzer.read(folder / ("logs" if folder in LOGS else "capture.pcap"))
    expected = folder / "expected.json"
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    if update and folder in [*DIALOGUES, *LOGS]:
        found = {name: [{key: row[key] for key in SHOWN[name]} for row in rows(trace, name)] for name in wanted}
        expected.write_text(_dumped(found), encoding="utf-8")
        return

    told = [line for name in wanted for line in differences(name, wanted[name], rows(trace, name))]
    assert not told, "\n".join(told)


@each_dialogue
def test_no_secret_in_a_table(folder: Path) -> None:
    """No password of a sample stands in any table."""
    text = (folder / "dialogue.txt").read_text(encoding="utf-8")
    tables = analyzer.read(folder / "capture.pcap").tables.values()
    shown = repr([table.lists() for table in tables]).encode()

    assert [len(secret) for secret in secrets_of(text) if secret in shown] == []


def test_every_sample_is_listed() -> None:
    """The list of samples names each of them, and every sample says what it is."""
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")

    for folder in SAMPLES:
        assert f"[{folder.name}]({folder.name}/)" in listed
        assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")
