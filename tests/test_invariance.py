"""However a capture is read, the tables are the same, row for row: kernels, windows, workers, capacities, ways in."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import scapy.layers.inet6
import scapy.layers.l2  # noqa: F401  (what rdpcap knows of link types)
from scapy.utils import rdpcap

import analyzer
from analyzer import kernel
from tests.truth import DATA, IMPAIRED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.trace import Trace

SAMPLES: Final = sorted((Path(__file__).parents[1] / "samples").glob("*/capture.pcap"))
#: Captures with segments out of order, repeated, missing, in pieces: where windows cut in the most awkward places.
HURT: Final = (
    *("file-order-shuffled", "ip-fragments", "loss5", "midstream", "overlap-conflict", "port-reuse", "reordered"),
    *("clock-jump-back", "retransmit", "seq-wrap", "truncated-middle"),
)
CAPTURES: Final = [
    *SAMPLES,
    *sorted(DATA.glob("*/capture.pcap")),
    *(IMPAIRED / f"{name}.pcap" for name in HURT if IMPAIRED.is_dir()),
    *sorted(DATA.glob("formats/*.pcapng")),
]
#: Up to these sizes a capture is read packet by packet, and in windows of packets, without compiled kernels, too.
SMALL_BYTES: Final = 600_000
MIDDLE_BYTES: Final = 3_000_000
#: Ways to read: how kernels run, and the options.
WAYS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("compiled", {}),
    ("compiled", {"window_packets": 1}),
    ("interpreted", {"window_packets": 1}),
    ("compiled", {"window_packets": 7, "workers": 3}),
    ("interpreted", {"window_packets": 7}),
    ("compiled", {"window_bytes": 4096}),
    ("interpreted", {"window_bytes": 4096, "workers": 3}),
    ("compiled", {"capacity": 1}),
    ("interpreted", {"capacity": 1}),
]
#: Columns that name the input.
PLACES: Final = frozenset({"source", "where", "places"})
#: Every segment of one octet: 39,000 packets, so not read one by one.
LONG: Final = IMPAIRED / "one-byte.pcap"


def _name(value: Any) -> str:
    if isinstance(value, Path):
        return f"{value.parent.name}/{value.name}"
    way, options = value
    return " ".join([way, *(f"{name}={number}" for name, number in options.items())])


def columns(trace: Trace, without: frozenset[str] = frozenset()) -> dict[str, dict[str, list[Any]]]:
    """Give all tables as lists, in order."""
    tables = {name: table.lists() for name, table in trace.tables.items()}
    return {table: {name: c for name, c in lists.items() if name not in without} for table, lists in tables.items()}


@cache
def plainly(path: Path) -> dict[str, dict[str, list[Any]]]:
    """Read a capture interpreted, by one worker, in one window, with room for everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.FORCE, "interpreted")
        return columns(analyzer.read(path, workers=1))


@pytest.fixture(scope="session")
def _kernels() -> Iterator[None]:
    """Compile once; where a cache is at hand that is quick."""
    if kernel.available():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(kernel.FORCE, "compiled")
            analyzer.read(SAMPLES[0])
    yield
    kernel.select(0)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("how", WAYS, ids=_name)
@pytest.mark.parametrize("path", CAPTURES, ids=_name)
def test_ways_agree(path: Path, how: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels, windows, workers and capacities change nothing in any table, ids and order included."""
    way, options = how
    if way == "compiled" and not kernel.available():
        pytest.skip("numba is not installed")
    limits: dict[Any, int] = {1: SMALL_BYTES, 7: MIDDLE_BYTES} if way == "interpreted" else {}
    if path.stat().st_size > limits.get(options.get("window_packets"), path.stat().st_size):
        pytest.skip("windows of a few packets of so large a capture are read compiled; interpreted, they take minutes")
    monkeypatch.setenv(kernel.FORCE, way)

    assert columns(analyzer.read(path, **options)) == plainly(path)


@pytest.mark.usefixtures("_kernels")
@pytest.mark.skipif(not LONG.exists(), reason="real traffic with truth (../shared/data) is not here")
@pytest.mark.parametrize("options", [{"window_packets": 200}, {"window_bytes": 50_000, "workers": 3}, {"capacity": 1}])
def test_one_octet_segments(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of one octet, in windows that cut every line, make the same tables."""
    wanted = plainly(LONG)
    if kernel.available():
        monkeypatch.setenv(kernel.FORCE, "compiled")

    assert columns(analyzer.read(LONG, **options)) == wanted


@pytest.mark.parametrize("path", CAPTURES, ids=_name)
def test_stream_and_gzip(path: Path, tmp_path: Path) -> None:
    """A stream and a compressed copy give the tables of the file."""
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with path.open("rb") as stream:
        streamed = columns(analyzer.read(stream), PLACES)
    wanted = columns(analyzer.read(path), PLACES)
    wanted["skipped"].pop("first")  # names the input
    for found in (streamed, columns(analyzer.read(packed), PLACES)):
        found["skipped"].pop("first")

        assert found == wanted


@pytest.mark.parametrize("path", [path for path in CAPTURES if path.stat().st_size < MIDDLE_BYTES], ids=_name)
@pytest.mark.filterwarnings("ignore")  # scapy's, about what its own dissection meets
def test_packet_list(path: Path) -> None:
    """Packets that scapy has read give the tables of the file that they came from."""
    found = columns(analyzer.read(rdpcap(str(path))), PLACES)
    wanted = columns(analyzer.read(path), PLACES)
    for tables in (found, wanted):
        tables.pop("skipped")  # a list of packets has no damaged end

    assert found == wanted


@pytest.mark.parametrize("path", CAPTURES, ids=_name)
def test_tables_agree(path: Path) -> None:
    """Every row of another table belongs to a session, in the order of the sessions, and is of its client."""
    tables = plainly(path)
    sessions = tables["sessions"]
    order = {name: place for place, name in enumerate(sessions["session"])}
    assert len(order) == len(sessions["session"])
    assert sessions["first"] == sorted(sessions["first"])
    for name in ("auth", "exchanges", "messages"):
        places = [order[session] for session in tables[name]["session"]]
        assert places == sorted(places)
    for session, port in zip(tables["auth"]["session"], tables["auth"]["client_port"], strict=True):
        assert sessions["client_port"][order[session]] == port
    for session, attempts in zip(sessions["session"], sessions["attempts"], strict=True):
        assert attempts in (None, tables["auth"]["session"].count(session))


def test_some_tables_only() -> None:
    """Tables that are not asked for are empty, and the others are the same."""
    path = next(path for path in SAMPLES if path.parent.name == "first-look")
    wanted = plainly(path)
    found = columns(analyzer.read(path, tables=["messages"]))

    assert {name: found[name] for name in ("sessions", "auth", "messages", "skipped")} == {
        name: wanted[name] for name in ("sessions", "auth", "messages", "skipped")
    }
    assert not found["exchanges"]["session"]
