"""Real captures, mutated: reading gives tables or an InputError, soon, whatever the octets are."""

from __future__ import annotations

import io
import random
import struct
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer
from analyzer import kernel
from analyzer.errors import InputError
from analyzer.schema import TABLES
from tests.dialogue import to_events
from tests.frames import START, to_packets, to_pcap
from tests.truth import IMPAIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Captures that are mutated: all of `samples`, and lab traffic of other link types and shapes where it is at hand.
SEEDS: Final = [
    *sorted((Path(__file__).parents[1] / "samples").glob("*/capture.pcap")),
    *(
        IMPAIRED / f"{name}.pcap"
        for name in ("big-endian", "gre", "ip-fragments", "null-loopback", "overlap-conflict", "qinq", "raw-ip")
        if IMPAIRED.is_dir()
    ),
]
FILE_HEAD, RECORD_HEAD = 24, 16
#: Records kept of a long capture, so that an example takes milliseconds.
RECORDS: Final = 120
#: A capture of that size is read in well under a second; what takes this long hangs.
PATIENCE_SECONDS: Final = 20.0
OUTCOMES: Final = frozenset(
    next(c.meaning for c in TABLES["auth"] if c.name == "outcome").replace(" or ", ", ").split(", ")
)

#: Columns that are unknown although the schema says that they never are; see test_lost_greeting.
OPEN: Final[set[tuple[str, str]]] = set()

Record = bytearray
"""Header of a record (16 octets) and the octets captured."""


@cache
def _seed(path: Path) -> tuple[bytes, tuple[bytes, ...]]:
    """Cut a capture into its head and its records."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    records, at = [], FILE_HEAD
    while at + RECORD_HEAD <= len(data):
        end = at + RECORD_HEAD + struct.unpack_from(f"{order}I", data, at + 8)[0]
        records.append(data[at:end])
        at = end
    return data[:FILE_HEAD], tuple(records)


def _flip(records: list[Record], rng: random.Random, first: int, last: int) -> None:
    """Change an octet of a record between two places."""
    record = rng.choice(records)
    if len(record) > first:
        place = rng.randrange(first, min(last, len(record)))
        record[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, record[place] ^ 1 << rng.randrange(8), rng.randrange(256)))


def _duplicate(records: list[Record], rng: random.Random) -> None:
    records.insert(rng.randrange(len(records) + 1), bytearray(rng.choice(records)))


def _swap(records: list[Record], rng: random.Random) -> None:
    a, b = rng.randrange(len(records)), rng.randrange(len(records))
    records[a], records[b] = records[b], records[a]


def _drop(records: list[Record], rng: random.Random) -> None:
    if len(records) > 1:
        records.pop(rng.randrange(len(records)))


def _retime(records: list[Record], rng: random.Random) -> None:
    """Give a record another time: any, or the extremes."""
    rng.choice(records)[:8] = rng.choice((bytes(8), b"\xff" * 8, rng.randbytes(8)))


def _shorten(records: list[Record], rng: random.Random) -> None:
    """Capture less of a packet, and say so."""
    record = rng.choice(records)
    kept = rng.randrange(len(record) - RECORD_HEAD + 1)
    little = int.from_bytes(record[8:12], "little") == len(record) - RECORD_HEAD
    record[8:12] = kept.to_bytes(4, "little" if little else "big")
    del record[RECORD_HEAD + kept :]


def _splice(records: list[Record], rng: random.Random) -> None:
    """Put octets of one packet over those of another."""
    one, other = rng.choice(records), rng.choice(records)
    place = rng.randrange(RECORD_HEAD, len(one) + 1)
    one[place:] = other[place : len(one)].ljust(len(one) - place, b"\0")


MUTATIONS: Final[dict[str, Callable[[list[Record], random.Random], None]]] = {
    "record header": lambda records, rng: _flip(records, rng, 0, RECORD_HEAD),
    "packet header": lambda records, rng: _flip(records, rng, RECORD_HEAD, RECORD_HEAD + 60),
    "payload": lambda records, rng: _flip(records, rng, RECORD_HEAD + 54, 1 << 20),
    "duplicate": _duplicate,
    "swap": _swap,
    "drop": _drop,
    "retime": _retime,
    "shorten": _shorten,
    "splice": _splice,
}


def mutated(path: Path, names: Sequence[str], seed: int) -> bytes:
    """Give a stretch of a capture with mutations; the same for the same arguments."""
    rng = random.Random(seed)
    head, whole = _seed(path)
    start = rng.randrange(max(1, len(whole) - RECORDS))
    records = [bytearray(record) for record in whole[start : start + RECORDS]]
    for name in names:
        MUTATIONS[name](records, rng)
    data = bytearray(head + b"".join(records))
    if rng.random() < 0.1:
        data[rng.randrange(FILE_HEAD)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


def tables_of(data: bytes, **options: Any) -> dict[str, dict[str, list[Any]]] | None:
    """Read octets; gives the tables, or None where nobody could read them."""
    try:
        trace = analyzer.read(io.BytesIO(data), **options)
    except InputError:
        return None
    return {name: table.lists() for name, table in trace.tables.items()}


def check(tables: dict[str, dict[str, list[Any]]]) -> None:
    """Hold what is true of any tables."""
    for name, columns in tables.items():
        for column in TABLES[name]:
            known = column.nullable or (name, column.name) in OPEN
            assert known or None not in columns[column.name], (name, column.name)
    auth, sessions = tables["auth"], tables["sessions"]
    named = set(zip(sessions["session"], sessions["last"], strict=True))  # `last`: see test_repeated_packet
    assert len(named) == len(sessions["session"])
    assert set(auth["session"]) <= set(sessions["session"])
    assert set(auth["outcome"]) <= OUTCOMES
    assert all(number >= 0 for number in auth["rounds"] if number is not None)
    assert [known == "unknown" for known in auth["rounds_known"]] == [number is None for number in auth["rounds"]]
    for seconds in (*auth["seconds"], *auth["seconds_server"], *auth["seconds_client"]):
        assert seconds is None or seconds >= 0
    assert all(code is None or 200 <= code <= 599 for code in auth["code"])


def _read(dialogue: str, **options: Any) -> dict[str, dict[str, list[Any]]] | None:
    return tables_of(to_pcap(to_packets(to_events(f"# Found by mutation\n# Kept small.\n{dialogue}"))), **options)


@pytest.mark.parametrize("options", [{}, {"window_packets": 1}])
def test_reused_port_without_smtp(options: dict[str, int]) -> None:
    """Connections that are no SMTP may follow each other on the same addresses and ports."""
    hello = "C: {hello:x.test}\nS> {tls:22:200}\nC> {tls:20:1}\n"
    tables = _read(f"-- port 2665\n{hello}-- connect same\n{hello}", **options)

    assert tables is not None
    assert tables["skipped"]["count"] == [2]


def test_lost_greeting() -> None:
    """A greeting that was not captured has a row without a reply, and a time, or no row."""
    tables = _read("-- lost S: 220 mx ESMTP\nC: EHLO x\nS: 250 ok\n")

    assert tables is not None
    assert None not in tables["exchanges"]["at"]


def test_lost_answers() -> None:
    """A refusal is no timeout where what the client said is missing."""
    lost = "-- lost C: YWxpY2U=\n"
    tables = _read(
        f"-- midstream\n-- lost C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\n{lost}S: 334 UGFzc3dvcmQ6\n{lost}S: 535 5.7.8 no\n"
    )

    assert tables is not None
    assert tables["auth"]["outcome"] == ["rejected"]
    assert tables["auth"]["reason"] == ["bad_credentials"]


@pytest.mark.xfail(strict=True, reason="ids are of the first time and the ends, which a copy of a packet has too")
def test_repeated_packet() -> None:
    """Two sessions have two ids, even where the second begins with a copy of the first one's first packet."""
    greeting, later = (
        to_packets(
            to_events(f"# A\n# B\n-- midstream\n-- no-close\nS: {line}\n"), client=("198.51.100.7", port), start=start
        )
        for line, port, start in (("220 mx ESMTP", 40001, START), ("334 ", 40002, START + 1200 * 10**9))
    )
    tables = tables_of(to_pcap([*greeting, *later, *greeting]))

    assert tables is not None
    assert len(set(tables["sessions"]["session"])) == len(tables["sessions"]["session"]) > 1


mutations = given(
    path=st.sampled_from(SEEDS),
    names=st.lists(st.sampled_from(sorted(MUTATIONS)), max_size=40),
    seed=st.integers(0, 1 << 32),
)
modest = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@modest
@mutations
def test_mutated(path: Path, names: list[str], seed: int) -> None:
    """A mutated capture gives sound tables or an InputError, without delay."""
    began = time.monotonic()
    tables = tables_of(mutated(path, names, seed))

    assert time.monotonic() - began < PATIENCE_SECONDS
    if tables is not None:
        check(tables)


@modest
@mutations
def test_mutated_in_windows(path: Path, names: list[str], seed: int) -> None:
    """A mutated capture gives the same tables in windows of a few packets, and with room for nothing."""
    data = mutated(path, names, seed)
    whole = tables_of(data)

    assert tables_of(data, window_packets=5) == whole
    assert tables_of(data, capacity=1, workers=3) == whole


@pytest.mark.skipif(not kernel.available(), reason="numba is not installed")
@modest
@mutations
def test_mutated_compiled(path: Path, names: list[str], seed: int) -> None:
    """A mutated capture gives the same tables with compiled kernels."""
    data = mutated(path, names, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.FORCE, "interpreted")
        interpreted = tables_of(data)
        patch.setenv(kernel.FORCE, "compiled")

        assert tables_of(data) == interpreted
