"""What the kernels do not read: IP fragments, and link types that mail is rarely seen on (by way of scapy)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.errors import Skip
from analyzer.wire import records as r
from analyzer.wire.decode import FRAGMENT4, FRAGMENT6
from analyzer.wire.fragments import Fragments

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, Any]

#: Link types that scapy reads, and the module that does it.
SCAPY = {
    105: "scapy.layers.dot11",  # IEEE 802.11
    119: "scapy.layers.dot11",  # Prism header
    127: "scapy.layers.dot11",  # radiotap
    192: "scapy.layers.ppi",  # per-packet information
}

#: Link type of what comes out: an IP packet.
RAW_IP = 101

ENCRYPTED = "802.11 frame is encrypted"
UNREADABLE = "frame of a rare link type cannot be read"


class Exotic:
    """Opens exotic records of one source; fragments wait in it for the rest of their datagram."""

    def __init__(self) -> None:
        """Begin with no fragments."""
        self.fragments = Fragments()
        self.counts = {"fragments": 0, "rare_links": 0}
        self._lost: dict[str, tuple[int, int]] = {}

    def unwrap(self, buffer: Array, rows: Array) -> tuple[bytes, Array]:
        """Give the IP packets in the records `rows`, one behind the other, and the rows of records of them."""
        packets: list[bytes] = []
        made: list[list[int]] = []
        begin = len(buffer)
        for row in rows.tolist():
            data = buffer[row[r.OFF] : row[r.OFF] + row[r.CAP]].tobytes()
            packet, wire = self._packet(data, row)
            if packet:
                row[r.OFF], row[r.CAP], row[r.WIRE], row[r.LINK] = begin, len(packet), max(wire, len(packet)), RAW_IP
                made.append(row)
                packets.append(packet)
                begin += len(packet)
        return b"".join(packets), np.array(made, np.int64).reshape(-1, r.WIDTH)

    def skipped(self, source: str) -> Iterator[Skip]:
        """Tell what could not be opened."""
        for reason, (count, frame) in self._lost.items():
            yield Skip(source, "wire", reason, count, f"frame {frame}")
        waiting = self.fragments
        if waiting.incomplete:
            yield Skip(source, "wire", "IP datagram lacks fragments", waiting.incomplete, f"frame {waiting.first}")
        if waiting.bad:
            yield Skip(source, "wire", "bad IP fragment", waiting.bad, f"frame {waiting.bad_first}")

    def _packet(self, data: bytes, row: list[int]) -> tuple[bytes, int]:
        link = row[r.LINK]
        if link in (FRAGMENT4, FRAGMENT6):
            self.counts["fragments"] += 1
            datagram = self.fragments.add(data, row[r.WIRE], row[r.TIME], row[r.FRAME])
            return datagram or (b"", 0)
        if link not in SCAPY:
            self._lose(f"link type {link} is not known", row[r.FRAME])
            return b"", 0
        self.counts["rare_links"] += 1
        try:
            packet = _inside(link, data)
        except Exception:  # noqa: BLE001 (scapy raises all kinds on odd bytes)
            self._lose(UNREADABLE, row[r.FRAME])
            return b"", 0
        if packet is None:
            self._lose(ENCRYPTED, row[r.FRAME])
            return b"", 0
        return packet, row[r.WIRE] - (len(data) - len(packet))

    def _lose(self, reason: str, frame: int) -> None:
        count, first = self._lost.get(reason, (0, frame))
        self._lost[reason] = (count + 1, first)


def _inside(link: int, data: bytes) -> bytes | None:
    """Give the first IP packet in a frame; nothing where there is none, None where it is encrypted."""
    importlib.import_module(SCAPY[link])
    from scapy.config import conf
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6

    layer = conf.l2types.num2layer[link](data)
    encrypted = False
    while layer:
        if isinstance(layer, (IP, IPv6)):
            return bytes(layer.original)
        encrypted = encrypted or bool(getattr(layer, "FCfield", 0) & 0x40)
        layer = layer.payload
    return None if encrypted else b""
