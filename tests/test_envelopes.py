"""One story in many envelopes: syslog, containers, the journal, compressed and rotated files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

import analyzer
from tests.truth import DATA, needs_data, rows

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_data

ENVELOPES: Final = DATA / "envelopes"

Moments = tuple[str, str]

#: The clock on the wall shows an hour more than UTC, where no zone is told.
WALL: Final[Moments] = ("2026-11-22T10:00:01", "2026-11-22T10:00:03")
TOLD: Final[Moments] = ("2026-11-22T09:00:01", "2026-11-22T09:00:03")
SHARP: Final[Moments] = ("2026-11-22T09:00:01.123456", "2026-11-22T09:00:03.123456")

#: Files that tell the story, with the times of its two exchanges.
STORIES: Final[dict[str, Moments]] = {
    "docker_compose_prefix.log": WALL,
    "docker_json_file.json": SHARP,
    "file_rfc3164.log": WALL,
    "file_rsyslog_iso.log": SHARP,
    "journalctl_json.json": SHARP,
    "journalctl_short_iso.log": TOLD,
    "k8s_cri.log": SHARP,
    "logger_rfc3164_wire.log": ("2026-11-23T15:55:03", "2026-11-23T15:55:03"),
    "logger_rfc5424_wire.log": ("2026-11-23T15:55:03.863607", "2026-11-23T15:55:03.878564"),
    "mail.log.2.gz": WALL,
    "mail.log.3.bz2": WALL,
    "mail.log.4.xz": WALL,
    "mail.log.5.zst": WALL,
}
ROTATED: Final = [name for name in STORIES if name.startswith("mail.log.")]
#: The journal keeps what is no UTF-8 as numbers: there it is another name.
NAMES: Final = {"journalctl_json.json": r"b\xf6b@example.com"}

#: The time of the files, which tells the year of lines that have none.
WRITTEN: Final = datetime(2026, 11, 23, 18, tzinfo=UTC).timestamp()


def copied(name: str, folder: Path) -> Path:
    """Copy a file of the data, with the time at which it was written."""
    copy = folder / name
    copy.write_bytes((ENVELOPES / name).read_bytes())
    os.utime(copy, (WRITTEN, WRITTEN))
    return copy


def exchanges(*paths: Path, **settings: Any) -> list[dict[str, Any]]:
    """Give the AUTH exchanges of files."""
    return rows(analyzer.read(*map(str, paths), tables=("exchanges",), timezone="UTC", **settings), "auth")


def moment(nanoseconds: int) -> str:
    """Give a time to the microsecond, without a zone."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).replace(
        microsecond=nanoseconds // 1000 % 10**6, tzinfo=None
    ).isoformat()  # fmt: skip


def story(name: str) -> list[dict[str, Any]]:
    """Give what a file has to tell."""
    bad, good = STORIES[name]
    both = {"tls": "starttls", "role": "server", "evidence": "logged", "caveats": []}
    return [
        {
            "client_ip": "192.0.2.10", "mechanism": "LOGIN", "identity": NAMES.get(name, "bob@example.com"),
            "outcome": "rejected", "code": 535, "started": bad, **both,
        },
        {
            "client_ip": "198.51.100.7", "mechanism": "PLAIN", "identity": "alice@example.com",
            "outcome": "succeeded", "code": 235, "started": good, **both,
        },
    ]  # fmt: skip


def told(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Give the columns of a row that are wanted."""
    return {name: moment(row[name]) if name == "started" else row[name] for name in wanted}


def test_every_envelope_is_tested() -> None:
    """No file of the folder is forgotten."""
    others = {"year_wrap.log", "repeated.log"}
    assert {path.name for path in ENVELOPES.iterdir()} == set(STORIES) | others


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, tmp_path: Path) -> None:
    """Two sessions: one exchange failed, one succeeded, at the right time."""
    path = copied(name, tmp_path)
    trace = analyzer.read(str(path), tables=("exchanges",), timezone="UTC")
    assert len(trace.sessions) == 2
    wanted = story(name)
    assert [told(row, wanted[0]) for row in rows(trace, "auth")] == wanted
    assert [row["authenticated_as"] for row in rows(trace, "sessions")] == [None, "alice@example.com"]
    assert trace.warnings == []
    assert rows(trace, "skipped") == []


def test_rotated_set(tmp_path: Path) -> None:
    """Files of one name with numbers are one log, whatever they are compressed with; each tells the story once more."""
    paths = [copied(name, tmp_path) for name in ROTATED]
    found = exchanges(*paths)
    wanted = story(ROTATED[0])
    assert sorted(row["outcome"] for row in found) == ["rejected"] * len(paths) + ["succeeded"] * len(paths)
    assert all(told(row, wanted[0]) in wanted for row in found)
    assert len({row["source"] for row in found}) == 1


def test_years(tmp_path: Path) -> None:
    """The 29th of February and the turn of the year tell of which year lines are that do not say so."""
    path = copied("year_wrap.log", tmp_path)
    days = ["2023-12-31T23:59:58", "2024-01-01T00:00:03", "2024-02-29T12:00:00"]
    assert [moment(row["started"]) for row in exchanges(path)] == days
    assert [moment(row["started"]) for row in exchanges(path, year=2023)] == days
    assert [row["outcome"] for row in exchanges(path)] == ["rejected"] * 3


def test_repeated(tmp_path: Path) -> None:
    """A line that stands for several counts as many: one, three more, and two more."""
    found = exchanges(copied("repeated.log", tmp_path))
    assert [row["outcome"] for row in found] == ["rejected"] * 6
    assert {row["client_ip"] for row in found} == {"192.0.2.10"}
    assert len({(row["session"], row["attempt"]) for row in found}) == 6
