"""The fuzz law: rows or an InputError, never another exception, never a hang; windows change nothing."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.inputs import find
from analyzer.wire.sources import MAGICS
from tests.wire import captures as c
from tests.wire.test_decode import STACKS, TUNNELS
from tests.wire.test_fragments import pieces4, pieces6, records

MANY = settings(max_examples=150, deadline=2000)
STACKED = [
    c.Packet(c.START + n, bytes(frame), len(frame)) for n, frame in enumerate([*STACKS.values(), *TUNNELS.values()])
]
PIECES = records(pieces4(size=200) + pieces6())
SEEDS = [
    c.pcap(c.traffic(12)),
    c.pcap(c.traffic(12), order=">", magic=0xA1B2CD34),
    c.pcapng(c.traffic(12)),
    c.snoop(c.traffic(12)),
    c.pcap(STACKED),
    c.pcapng(STACKED, ">"),
    c.pcap(PIECES),
    c.section() + c.interface(options=c.option(9, b"\x8a") + c.option(14, bytes(8))) + c.enhanced(c.traffic()[0]),
]
HEADS = [*(seed[:24] for seed in SEEDS), c.section() + c.interface(), *MAGICS]


def outcome(data: bytes, **options: int) -> object:
    try:
        capture, found = c.read(data, **options)
    except InputError as error:
        return str(error)
    return found, capture.skipped, capture.warnings, capture.counts, capture.secrets


@MANY
@given(st.sampled_from(HEADS), st.binary(max_size=600))
def test_random_bytes(head: bytes, data: bytes) -> None:
    """Random bytes behind any header give rows or an InputError, the same in any windows."""
    assert outcome(head + data) == outcome(head + data, window_packets=1, capacity=1, window_bytes=50)
    with suppress(InputError):
        find([io.BytesIO(data)])


@MANY
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([0, 1, 4]), st.binary(max_size=4)),
        min_size=1,
        max_size=8,
    ),
)
def test_mutated_captures(seed: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    """Captures with bytes changed, lost and added give rows, the same in any windows."""
    data = seed
    for place, lost, added in changes:
        at = int(place * len(data))
        data = data[:at] + added + data[at + lost :]
    assert outcome(data) == outcome(data, window_packets=3, capacity=2, window_bytes=1000)


@MANY
@given(st.sampled_from([0, 1, 9, 101, 105, 113, 127, 276, 192]), st.lists(st.binary(max_size=120), max_size=6))
def test_random_packets(link: int, packets: list[bytes]) -> None:
    """Random packets of any medium are counted one way or another."""
    capture, found = c.read(c.pcap([c.Packet(c.START, data, len(data) + 5) for data in packets], link=link))
    counts = capture.counts
    assert counts["packets"] == len(packets)
    assert len(found) == counts["tcp"]


@settings(max_examples=30, deadline=2000)
@given(st.integers(0, 300), st.binary(max_size=3))
def test_mutated_compression(at: int, added: bytes) -> None:
    """A compressed capture with bytes changed gives rows or an InputError."""
    data = gzip.compress(SEEDS[0])
    outcome(data[:at] + added + data[at + 1 :])
