from __future__ import annotations

import builtins
import bz2
import gzip
import importlib
import lzma
import os
import sys
import threading
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.errors import InputError
from analyzer.wire.capture import Capture
from analyzer.wire.sources import MAGICS, Source
from tests.wire import captures as c

if TYPE_CHECKING:
    from pathlib import Path

FILE = c.pcap(c.traffic(200))
EXPECTED = c.read(FILE)[1]


def zstd(data: bytes) -> bytes:
    try:
        module = importlib.import_module(MAGICS[b"\x28\xb5\x2f\xfd"])
    except ImportError:
        pytest.skip("no zstd")
    return bytes(module.compress(data))


PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


@pytest.mark.parametrize("name", PACKERS)
def test_compressed(name: str, tmp_path: Path) -> None:
    """Compression is told by content, not by name; several members in one file are read on."""
    half = c.read(FILE)[0].counts["packets"] // 2
    assert half
    for data in (PACKERS[name](FILE), PACKERS[name](FILE[:5000]) + PACKERS[name](FILE[5000:])):
        path = tmp_path / "capture.pcap"
        path.write_bytes(data)
        capture, found = c.read([path])
        assert found == EXPECTED
        assert capture.consumed == capture.total_bytes == len(data)
        assert capture.skipped == []


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_compression(name: str) -> None:
    """Of a compressed file that is cut or damaged, what comes before that is read, and the rest is told."""
    noise = os.urandom(2_000_000)  # does not compress, so that a half of the file holds a half of the packets
    packets = [
        c.Packet(c.START, c.ethernet(c.ipv4(c.tcp(noise[n : n + 1000]))), 1054) for n in range(0, 2_000_000, 1000)
    ]
    data = PACKERS[name](c.pcap(packets))
    middle = len(data) // 2
    for broken in (data[:middle], data[:middle] + bytes(100) + data[middle + 100 :]):
        capture, found = c.read(broken)
        assert found
        assert capture.skipped or name == "zstd"  # without a checksum it may not notice
    assert 0 < len(c.read(data[:middle])[1]) < len(packets)
    assert "file cannot be read on" in [skip.reason for skip in c.read(data[:middle])[0].skipped]


def test_damaged_from_the_start() -> None:
    """A compressed file that gives nothing is an InputError."""
    with pytest.raises(InputError, match="damaged"):
        c.read(gzip.compress(FILE)[:12])
    with pytest.raises(InputError, match="empty"):
        c.read(gzip.compress(b""))


def test_no_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a zstd module, the message names the package to install."""
    real = importlib.import_module

    def missing(name: str) -> Any:
        if "zstd" in name:
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"install the package \S*zstd"):
        Source(BytesIO(b"\x28\xb5\x2f\xfd" + bytes(20)))


def test_stream_without_size() -> None:
    """A pipe is read like a file, and its size is unknown."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=lambda: (os.write(writing, FILE), os.close(writing)))
    thread.start()
    with open(reading, "rb") as stream:
        capture, found = c.read([stream])
        assert stream.closed is False
    thread.join()
    assert found == EXPECTED
    assert capture.total_bytes is None
    assert capture.name == "-"


@pytest.mark.skipif(sys.platform == "win32", reason="select waits for sockets only")
def test_patience() -> None:
    """A live source gives what it has when patience ends, and the rest later."""
    reading, writing = os.pipe()
    os.write(writing, FILE[:3000])
    found = 0
    with open(reading, "rb", buffering=0) as stream:
        capture = Capture([stream], patience=0.05)
        begun = time.monotonic()
        window = capture.read()
        assert window is not None
        assert time.monotonic() - begun < 5
        found += len(window.segments)
        assert 0 < found < len(EXPECTED)
        window = capture.read()
        assert window is not None
        assert len(window.segments) == 0
        os.write(writing, FILE[3000:])
        os.close(writing)
        while (window := capture.read()) is not None:
            found += len(window.segments)
    assert found == len(EXPECTED)


def test_patience_without_waiting() -> None:
    """What cannot be waited for, such as bytes in memory, is read at once."""
    assert c.read(FILE, patience=0.0)[1] == EXPECTED
    assert c.read(gzip.compress(FILE), patience=0.0)[1] == EXPECTED


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be opened is an InputError with the reason of the system."""
    with pytest.raises(InputError, match="No such file"):
        Source(tmp_path / "nothing.pcap")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        Source("secret.pcap")


def test_look_ahead() -> None:
    """Looking ahead loses nothing, whatever is read afterwards."""
    stream = Source(BytesIO(FILE)).stream
    assert stream.peek(10) == FILE[:10]
    assert stream.peek(5) == FILE[:5]
    assert stream.take(3) == FILE[:3]
    buffer = bytearray(len(FILE) + 5)
    assert stream.fill(memoryview(buffer)) == len(FILE) - 3
    assert bytes(buffer[: len(FILE) - 3]) == FILE[3:]
    assert stream.peek(1) == b""
