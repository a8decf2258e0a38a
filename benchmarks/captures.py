"""Make a capture of SMTP traffic whose answers are known.

Run as: python benchmarks/captures.py WORKLOAD --size-mb N [--seed 1] -o FILE --truth JSON

A few thousand conversations are written out in Python; sessions are copies of them with addresses, ports, sequence
numbers, clocks and checksums of their own, which NumPy fills in, interleaved by time. Equal arguments give equal bytes.

    bruteforce  guessing: an attempt or a few a session, three of a hundred succeed
    mailflow    submissions: every mechanism and ending, bodies of 2 to 200 kB by DATA and BDAT, some behind STARTTLS
    mixed       four of five packets are web and DNS; the others guessing and mail
    impaired    guessing and mail; 1 % of the packets change places, 1 % come twice, 0.1 % were not captured
    downloads   no mail at all

The truth counts attempts by mechanism, rounds (334 replies) and final code, ``none`` where the client left without one.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

SERVER, CLIENT = 0, 1
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
#: Payload of a full segment: 1500 less the headers of IPv4 and TCP with a timestamp.
MSS = 1448
#: Seconds between two packets that follow at once.
AT_ONCE = 0.00012
#: Packets that are made at a time.
CHUNK = 250_000
#: 2026-11-23 10:00:00 UTC.
START = 1_795_428_000
#: Addresses that clients have, and the ports that they use one after the other.
CLIENTS, FIRST_PORT, PORTS = 2_000, 20_000, 41_000

#: A record of a capture up to the payload: the record's own header, Ethernet, IPv4, TCP and its timestamp option. Of a
#: UDP packet only the first UDP_HEAD octets are written; the length stands where the sequence number begins.
HEAD = np.dtype(
    [
        *(("second", "<u4"), ("microsecond", "<u4"), ("captured", "<u4"), ("length", "<u4")),
        *(("macs", "V12"), ("ethertype", ">u2")),
        *(("version", "u1"), ("service", "u1"), ("total", ">u2"), ("id", ">u2"), ("fragment", ">u2"), ("ttl", "u1")),
        *(("protocol", "u1"), ("ip_sum", ">u2"), ("source", ">u4"), ("target", ">u4")),
        *(("source_port", ">u2"), ("target_port", ">u2"), ("seq", ">u4"), ("ack", ">u4"), ("offset", "u1")),
        *(("flags", "u1"), ("window", ">u2"), ("tcp_sum", ">u2"), ("urgent", ">u2")),
        *(("option", ">u4"), ("sent", ">u4"), ("echoed", ">u4")),
    ]
)
RECORD_HEAD, UDP_HEAD = 16, 58
IP_WORDS, TCP_WORDS = slice(15, 25), slice(25, 41)
MACS = np.array([bytes.fromhex("020000000001020000000002"), bytes.fromhex("020000000002020000000001")], "V12")


class Server(NamedTuple):
    """How a server speaks."""

    name: str
    banner: bytes
    extensions: str
    accepted: bytes
    refused: tuple[bytes, ...]


SERVERS = (
    Server(
        "mx.example.net",
        b"220 mx.example.net ESMTP Postfix (Debian/GNU)",
        "PIPELINING/SIZE 52428800/ETRN/STARTTLS/AUTH PLAIN LOGIN CRAM-MD5/ENHANCEDSTATUSCODES/8BITMIME/DSN/CHUNKING",
        b"235 2.7.0 Authentication successful",
        (
            b"535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
            b"535 5.7.8 Error: authentication failed: authentication failure",
            b"535 5.7.8 Error: authentication failed: (reason unavailable)",
        ),
    ),
    Server(
        "mail.example.org",
        b"220 mail.example.org ESMTP Exim 4.96 Mon, 23 Nov 2026 10:00:00 +0000",
        "SIZE 52428800/8BITMIME/PIPELINING/PIPECONNECT/AUTH PLAIN LOGIN CRAM-MD5/CHUNKING/STARTTLS/HELP",
        b"235 Authentication succeeded",
        (b"535 Incorrect authentication data",),
    ),
    Server(
        "EX01.corp.example.com",
        b"220 EX01.corp.example.com Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 10:00:00 +0000",
        "SIZE 37748736/PIPELINING/DSN/ENHANCEDSTATUSCODES/STARTTLS/AUTH NTLM LOGIN PLAIN/8BITMIME/BINARYMIME/CHUNKING",
        b"235 2.7.0 Authentication successful",
        (b"535 5.7.3 Authentication unsuccessful",),
    ),
)
USERS = ("admin", "info", "sales", "test", "support", "office", "scanner", "noreply", "billing", "john", "mary", "anna")
DOMAINS = ("example.net", "example.org", "corp.example.com")
NAMES = ("User", "ylmf-pc", "WIN-CLJ1B0GQ6JP", "[198.18.3.7]", "localhost", "127.0.0.1")
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789!@#"

#: Mechanisms and how many of a hundred guesses use them; ``+``: the first answer comes with the command.
GUESSED = {"LOGIN": 60, "LOGIN+": 10, "PLAIN+": 14, "PLAIN": 6, "CRAM-MD5": 10}
MECHANISMS = ("LOGIN", "LOGIN+", "PLAIN", "PLAIN+", "PLAIN+", "CRAM-MD5", "NTLM")
#: What a server says to AUTH itself, before any challenge.
UNHEARD = {
    "503": b"503 5.5.1 Error: already authenticated",
    "504": b"504 5.5.4 Unrecognized authentication type",
    "530": b"530 5.7.0 Must issue a STARTTLS command first",
    "534": b"534 5.7.9 Authentication mechanism is too weak",
    "538": b"538 5.7.11 Encryption required for requested authentication mechanism",
}
#: What it says after the last answer, instead of success or refusal.
FAULTS = {
    "421": b"421 4.7.0 Error: too many errors",
    "432": b"432 4.7.12 A password transition is needed",
    "454": b"454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
}
#: Endings of a mail client's first attempt that are no success; 501: it takes the attempt back with ``*``.
TROUBLES = ("421", "432", "454", "501", "504", "530", "534", "538", "none")
#: Text that looks like a dialogue, for the inside of a message.
TRAP = b"AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n235 2.7.0 Authentication successful\r\n535 5.7.8 Error\r\n.leading dot\r\n"


class Dialogue:
    """A conversation as packets; sequence numbers count from 0, times from its begin, in seconds."""

    def __init__(self, port: int, trip: float = 0.0) -> None:
        self.port, self.trip = port, trip
        self.udp = False
        self.packets: list[tuple[int, int, bytes, int, int, float]] = []
        self.attempts: list[str] = []
        self._sent, self._clock = [0, 0], 0.0

    def packet(self, side: int, flags: int, payload: bytes = b"", wait: float = AT_ONCE) -> None:
        """Send one packet."""
        self._clock += wait
        ack = self._sent[1 - side] if flags & ACK else 0
        self.packets.append((side, flags, payload, self._sent[side], ack, self._clock))
        self._sent[side] += len(payload) + bool(flags & (SYN | FIN))

    def say(self, side: int, octets: bytes, wait: float | None = None) -> None:
        """Send octets in segments; every second full one is acknowledged. A client answers after a round trip."""
        wait = wait if wait is not None else self.trip if side == CLIENT else AT_ONCE
        for at in range(0, len(octets), MSS):
            last = at + MSS >= len(octets)
            self.packet(side, ACK | PSH * last, octets[at : at + MSS], wait if at == 0 else AT_ONCE)
            if at // MSS % 2 and not last:
                self.packet(1 - side, ACK)

    def line(self, side: int, text: bytes, wait: float | None = None) -> None:
        """Send a line."""
        self.say(side, text + b"\r\n", wait)

    def open(self) -> None:
        """Shake hands."""
        self.packet(CLIENT, SYN)
        self.packet(SERVER, SYN | ACK)
        self.packet(CLIENT, ACK, wait=self.trip)

    def close(self, first: int = SERVER) -> None:
        """End the connection from both sides."""
        self.packet(first, FIN | ACK)
        self.packet(1 - first, ACK, wait=self.trip)
        self.packet(1 - first, FIN | ACK)
        self.packet(first, ACK)


def greet(draw: random.Random, slowest: float, name: str) -> tuple[Dialogue, Server]:
    """Open a connection to some server, and say hello."""
    server, talk = draw.choice(SERVERS), Dialogue(draw.choice((25, 587, 587)), 0.005 + draw.random() * slowest)
    talk.open()
    talk.line(SERVER, server.banner, 0.002 + draw.random() * 0.02)
    if draw.random() < 0.3:
        talk.packet(CLIENT, ACK, wait=talk.trip)
    talk.line(CLIENT, f"EHLO {name}".encode())
    lines = [server.name, *server.extensions.split("/")]
    shown = [f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines]
    talk.say(SERVER, "".join(shown).encode())
    return talk, server


def answers(draw: random.Random, mechanism: str, server: Server) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Give the command's own answer, and challenges with the answers to them."""
    user = f"{draw.choice(USERS)}@{draw.choice(DOMAINS)}".encode()
    secret = "".join(draw.choices(LETTERS, k=draw.randint(6, 14))).encode()
    code = base64.b64encode
    plain = code(b"\0" + user + b"\0" + secret)
    if mechanism == "NTLM":
        negotiate, challenge, response = (
            code(b"NTLMSSP\0" + struct.pack("<I", kind) + draw.randbytes(size))
            for kind, size in ((1, 28), (2, 150), (3, 240))
        )
        return b"", [(b"ntlm supported", negotiate), (challenge, response)]
    if mechanism == "CRAM-MD5":
        challenge = code(f"<{draw.getrandbits(40)}.{START}@{server.name}>".encode())
        return b"", [(challenge, code(user + b" " + draw.randbytes(16).hex().encode()))]
    return {
        "LOGIN": (b"", [(b"VXNlcm5hbWU6", code(user)), (b"UGFzc3dvcmQ6", code(secret))]),
        "LOGIN+": (b" " + code(user), [(b"UGFzc3dvcmQ6", code(secret))]),
        "PLAIN": (b"", [(b"", plain)]),
        "PLAIN+": (b" " + plain, []),
    }[mechanism]


def attempt(talk: Dialogue, draw: random.Random, server: Server, mechanism: str, ending: str) -> bool:
    """Add an AUTH exchange; gives whether the session goes on."""
    initial, steps = answers(draw, mechanism, server)
    if ending in UNHEARD:
        steps = []
    elif ending == "501" and not steps:
        ending = "454"  # there is no challenge to answer with *
    name = mechanism.rstrip("+")
    talk.attempts.append(f"{name}|{len(steps)}|{ending}")
    talk.line(CLIENT, b"AUTH " + name.encode() + initial)
    for challenge, answer in steps:
        talk.line(SERVER, b"334 " + challenge, 0.0006)
        if draw.random() < 0.25:
            talk.packet(CLIENT, ACK, wait=talk.trip)
        last = (challenge, answer) == steps[-1]
        if ending == "none" and last:
            talk.packet(CLIENT, RST | ACK, wait=talk.trip)
            return False
        talk.line(CLIENT, b"*" if ending == "501" and last else answer)
        if draw.random() < 0.2:
            talk.packet(SERVER, ACK, wait=0.04)
    if ending == "none":
        talk.packet(CLIENT, FIN | ACK, wait=talk.trip)
        talk.packet(SERVER, RST | ACK)
        return False
    if ending == "535":
        talk.line(SERVER, draw.choice(server.refused), 0.6 + draw.random() * 2.5)
        return True
    own = {"235": server.accepted, "501": b"501 5.7.0 Authentication aborted"}
    talk.line(SERVER, {**own, **UNHEARD, **FAULTS}[ending], 0.01)
    if ending == "421":
        talk.close()
    return ending != "421"


def part(talk: Dialogue) -> None:
    """Say goodbye."""
    talk.line(CLIENT, b"QUIT")
    talk.line(SERVER, b"221 2.0.0 Bye")
    talk.close()


def guessing(draw: random.Random) -> Dialogue:
    """Make a session that tries passwords."""
    talk, server = greet(draw, 0.2, draw.choice(NAMES))
    (tries,) = draw.choices((1, 2, 3), (85, 10, 5))
    for _ in range(tries):
        (mechanism,) = draw.choices(list(GUESSED), list(GUESSED.values()))
        ending = "235" if draw.random() < 0.03 else "535"
        attempt(talk, draw, server, mechanism, ending)
        if ending == "235":
            break
    part(talk)
    return talk


def tls(draw: random.Random, kind: int, size: int) -> bytes:
    """Give a TLS record with noise in it."""
    return struct.pack(">BHH", kind, 0x0303, size) + draw.randbytes(size)


def mail(draw: random.Random) -> Dialogue:
    """Make a submission: a login, sometimes in trouble first, then messages; or all of it behind STARTTLS."""
    talk, server = greet(draw, 0.06, f"client{draw.randrange(500)}.example.com")
    if draw.random() < 0.05:
        talk.line(CLIENT, b"STARTTLS")
        talk.line(SERVER, b"220 2.0.0 Ready to start TLS")
        hide(talk, draw, draw.randint(4, 30), 4000)
        return talk
    trouble = draw.random()
    mechanism = draw.choice(MECHANISMS)
    if trouble < 0.06:
        attempt(talk, draw, server, mechanism, "535")
    elif trouble < 0.14 and not attempt(talk, draw, server, mechanism, draw.choice(TROUBLES)):
        return talk
    attempt(talk, draw, server, mechanism, "235")
    if draw.random() < 0.01:
        attempt(talk, draw, server, mechanism, "503")
    for _ in range(draw.randint(1, 3)):
        message(talk, draw, pipelined=draw.random() < 0.4, chunk=draw.random() < 0.1)
    part(talk)
    return talk


def hide(talk: Dialogue, draw: random.Random, turns: int, most: int) -> None:
    """Go on inside TLS, as far as that can be seen, and close."""
    talk.say(CLIENT, tls(draw, 22, draw.randint(300, 600)))
    talk.say(SERVER, tls(draw, 22, draw.randint(2500, 4200)))
    talk.say(CLIENT, tls(draw, 20, 80))
    for _ in range(turns):
        talk.say(CLIENT, tls(draw, 23, draw.randint(60, 900)))
        talk.say(SERVER, tls(draw, 23, int(200 * (most / 200) ** draw.random())))
        talk.packet(CLIENT, ACK, wait=talk.trip)
    talk.close(CLIENT)


def message(talk: Dialogue, draw: random.Random, *, pipelined: bool, chunk: bool) -> None:
    """Add a mail transaction; a tenth of the messages hold text that looks like a dialogue."""
    size = int(2000 * 100 ** draw.random())
    text = base64.b64encode(draw.randbytes(size * 3 // 4))
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    body = b"From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: report\r\nMIME-Version: 1.0\r\n\r\n"
    body += (TRAP if draw.random() < 0.1 else b"") + b"\r\n".join(lines) + b"\r\n"
    commands = [b"MAIL FROM:<a%d@example.com> SIZE=%d" % (draw.randrange(100), size), b"RCPT TO:<b@example.net>"]
    replies = [b"250 2.1.0 Ok", b"250 2.1.5 Ok"]
    if not chunk:
        commands.append(b"DATA")
        replies.append(b"354 End data with <CR><LF>.<CR><LF>")
    if pipelined:
        talk.line(CLIENT, b"\r\n".join(commands))
        talk.line(SERVER, b"\r\n".join(replies), 0.002)
    else:
        for command, reply in zip(commands, replies, strict=True):
            talk.line(CLIENT, command)
            talk.line(SERVER, reply, 0.001)
    if chunk:
        talk.say(CLIENT, b"BDAT %d LAST\r\n" % len(body) + body)
    else:
        talk.say(CLIENT, body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    talk.line(SERVER, b"250 2.0.0 Ok: queued as %X" % draw.getrandbits(40), 0.03)


def web(draw: random.Random) -> Dialogue:
    """Make a visit to a web server."""
    talk = Dialogue(443, 0.01 + draw.random() * 0.08)
    talk.open()
    hide(talk, draw, draw.randint(1, 6), 12_000)
    return talk


def download(draw: random.Random) -> Dialogue:
    """Fetch a large file in the clear: text first, as in mail."""
    talk = Dialogue(80, 0.01 + draw.random() * 0.08)
    talk.open()
    talk.say(CLIENT, b"GET /update.bin HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
    octets = draw.randbytes(draw.randint(300_000, 500_000))
    talk.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(octets) + octets)
    talk.close(CLIENT)
    return talk


def lookup(draw: random.Random) -> Dialogue:
    """Make a DNS query with its answer."""
    talk = Dialogue(53)
    talk.udp = True
    number, host = draw.randbytes(2), b"\x06host%02d\x07example\x03com\0\0\1\0\1" % draw.randrange(100)
    talk.packet(CLIENT, 0, number + b"\1\0\0\1\0\0\0\0\0\0" + host)
    answer = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4" + draw.randbytes(4)
    talk.packet(SERVER, 0, number + b"\x81\x80\0\1\0\1\0\0\0\0" + host + answer, wait=0.004)
    return talk


class Workload(NamedTuple):
    """What a capture is made of: how many different conversations of a kind, and their share of the packets."""

    kinds: dict[Callable[[random.Random], Dialogue], tuple[int, float]]
    rate: float
    """Sessions that begin in a second."""
    reordered: float = 0
    repeated: float = 0
    lost: float = 0


WORKLOADS = {
    "bruteforce": Workload({guessing: (4000, 1)}, 45),
    "mailflow": Workload({mail: (400, 1)}, 100),
    "mixed": Workload(
        {guessing: (2500, 0.14), mail: (150, 0.06), web: (700, 0.6), download: (15, 0.05), lookup: (500, 0.15)}, 160
    ),
    "impaired": Workload({guessing: (3000, 0.77), mail: (300, 0.23)}, 50, reordered=0.01, repeated=0.01, lost=0.001),
    "downloads": Workload({download: (5, 1)}, 10),
}


class Bank:
    """Conversations with the fields of all their packets as columns, one conversation after the other."""

    def __init__(self, talks: list[Dialogue]) -> None:
        self.counts = np.array([len(talk.packets) for talk in talks])
        self.starts = np.cumsum(self.counts) - self.counts
        sides, flags, payloads, seqs, acks, times = zip(*(p for talk in talks for p in talk.packets), strict=True)
        self.payloads = np.array([*payloads, None], object)[:-1]  # else NumPy would make one text of them
        self.length = np.array([len(payload) for payload in payloads])
        self.side, self.flags, self.time = np.array(sides), np.array(flags), np.array(times)
        self.seq, self.ack = np.array(seqs), np.array(acks)
        self.port, self.udp = (np.repeat([getattr(t, name) for t in talks], self.counts) for name in ("port", "udp"))
        padded = (payload + b"\0" * (len(payload) % 2) for payload in payloads)
        self.sum = np.array([np.frombuffer(octets, ">u2").sum(dtype=np.int64) for octets in padded])
        self.octets = np.add.reduceat(self.length + np.where(self.udp, UDP_HEAD, HEAD.itemsize), self.starts)


def checksum(sums: Array) -> Array:
    """Fold sums of 16-bit words into the checksum of RFC 1071."""
    for _ in range(2):
        sums = (sums & 0xFFFF) + (sums >> 16)
    return ~sums & 0xFFFF


class Tape:
    """Sessions in the order of time; knows the moment, and the port that is used next."""

    def __init__(self, bank: Bank, workload: Workload, draw: np.random.Generator) -> None:
        self.bank, self.workload, self.draw = bank, workload, draw
        self.begin, self.sessions = float(START), 0
        self.clients = (198 << 24 | 18 << 16) + draw.choice(1 << 17, CLIENTS, replace=False)
        weights = np.arange(1, CLIENTS + 1) ** -0.7  # a few do most of it
        self.weights = weights / weights.sum()

    def octets(self, chosen: Array) -> bytes:
        """Give the records of sessions that are copies of the `chosen` conversations."""
        bank, draw, many = self.bank, self.draw, len(chosen)
        counts = bank.counts[chosen]
        session = np.repeat(np.arange(many), counts)
        packet = np.arange(counts.sum()) + np.repeat(bank.starts[chosen] - (np.cumsum(counts) - counts), counts)
        begins = self.begin + np.cumsum(draw.exponential(1 / self.workload.rate, many))
        pace = np.exp(draw.normal(0, 0.35, many)).clip(0.3, 4)
        time = np.round((begins[session] + bank.time[packet] * pace[session]) * 1e6).astype(np.int64)
        session, packet, time = self.impair(session, packet, time)
        order = np.argsort(time, kind="stable")
        session, packet, time = session[order], packet[order], time[order]
        heads = self.heads(session, packet, time, many)
        self.begin, self.sessions = float(time[-1]) / 1e6, self.sessions + many
        whole = heads.view(f"V{HEAD.itemsize}").tolist()
        udp = bank.udp[packet]
        if udp.any():
            whole = [head[:UDP_HEAD] if short else head for head, short in zip(whole, udp.tolist(), strict=True)]
        parts = [b""] * (2 * len(whole))
        parts[::2], parts[1::2] = whole, bank.payloads[packet].tolist()
        return b"".join(parts)

    def impair(self, session: Array, packet: Array, time: Array) -> tuple[Array, Array, Array]:
        """Let neighbours change places, packets with data come again 0.2 s later, and others be missing."""
        work, many = self.workload, len(packet)
        early = np.flatnonzero((self.draw.random(many - 1) < work.reordered) & (session[1:] == session[:-1]))
        early = early[np.diff(early, prepend=-2) > 1]
        time[early], time[early + 1] = time[early + 1] + 1, time[early].copy()
        again = np.flatnonzero((self.draw.random(many) < work.repeated) & (self.bank.length[packet] > 0))
        kept = np.concatenate((np.flatnonzero(self.draw.random(many) >= work.lost), again))
        late = np.concatenate((np.zeros(len(kept) - len(again), np.int64), np.full(len(again), 200_000)))
        return session[kept], packet[kept], time[kept] + late

    def heads(self, session: Array, packet: Array, time: Array, many: int) -> Array:
        """Fill in what stands before the payloads."""
        bank, draw = self.bank, self.draw
        side, udp, length = bank.side[packet], bank.udp[packet], bank.length[packet]
        client = draw.choice(self.clients, many, p=self.weights)[session]
        server = (192 << 24 | 2 << 8 | 10) + draw.integers(0, 4, many)[session]
        client_port = (FIRST_PORT + (self.sessions + np.arange(many)) % PORTS)[session]
        first = draw.integers(0, 1 << 32, (2, many))  # sequence numbers of the SYNs
        heads, ours = np.zeros(len(packet), HEAD), side == CLIENT
        heads["second"], heads["microsecond"] = np.divmod(time, 1_000_000)
        heads["total"] = np.where(udp, 28, 52) + length
        heads["captured"] = heads["length"] = heads["total"] + 14
        heads["macs"] = MACS[side]
        heads["ethertype"], heads["version"], heads["fragment"], heads["ttl"] = 0x0800, 0x45, 0x4000, 64
        heads["id"] = np.arange(len(packet)) & 0xFFFF
        heads["protocol"] = np.where(udp, 17, 6)
        heads["source"], heads["target"] = np.where(ours, client, server), np.where(ours, server, client)
        heads["source_port"] = np.where(ours, client_port, bank.port[packet])
        heads["target_port"] = np.where(ours, bank.port[packet], client_port)
        seq = (first[side, session] + bank.seq[packet]) & 0xFFFFFFFF
        heads["seq"] = np.where(udp, (8 + length) << 16, seq)  # UDP: the length, and no checksum
        ack = (first[1 - side, session] + bank.ack[packet]) & 0xFFFFFFFF
        heads["ack"] = np.where(bank.flags[packet] & ACK, ack, 0)
        heads["offset"], heads["flags"], heads["window"] = 8 << 4, bank.flags[packet], 2048
        heads["option"], heads["sent"] = 0x0101080A, time // 1000 & 0xFFFFFFFF
        words = heads.view(">u2").reshape(len(packet), -1)
        heads["ip_sum"] = checksum(words[:, IP_WORDS].sum(axis=1, dtype=np.int64))
        addresses = words[:, 21:25].sum(axis=1, dtype=np.int64)
        sums = words[:, TCP_WORDS].sum(axis=1, dtype=np.int64) + bank.sum[packet]
        heads["tcp_sum"] = checksum(sums + addresses + 6 + 32 + length)
        return heads


def write(file: Path, name: str, size: int, seed: int) -> dict[str, Any]:
    """Write a capture of about so many octets; gives the truth."""
    draw, numbers = random.Random(f"{name} {seed}"), np.random.default_rng([seed, *name.encode()])  # noqa: S311
    workload, talks, weights = WORKLOADS[name], [], []
    for make, (many, share) in workload.kinds.items():
        made = [make(draw) for _ in range(many)]
        talks += made
        weights += [share / sum(len(talk.packets) for talk in made)] * many
    bank, chances = Bank(talks), np.array(weights) / sum(weights)
    tape, made_of = Tape(bank, workload, numbers), np.zeros(len(talks), np.int64)
    mean, most = bank.octets @ chances, int(CHUNK / (bank.counts @ chances))
    with file.open("wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        while (left := size - capture.tell()) > 0:
            chosen = numbers.choice(len(talks), min(most, int(left / mean) + 1), p=chances)
            made_of += np.bincount(chosen, minlength=len(talks))
            capture.write(tape.octets(chosen))
    cells = Counter[str]()
    for talk, many in zip(talks, made_of.tolist(), strict=True):
        for cell in talk.attempts:
            cells[cell] += many
    told = {cell: many for cell, many in sorted(cells.items()) if many}
    return {"workload": name, "seed": seed, "flows": tape.sessions, "attempts_by_mech_rounds_outcome": told}


def main() -> None:
    """Write a capture and its truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--size-mb", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    given = parser.parse_args()
    truth = write(given.out, given.workload, int(given.size_mb * 1e6), given.seed)
    given.truth.write_text(json.dumps(truth, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
