"""Tables of made-up traffic, record by record."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from analyzer.schema import TABLES
from analyzer.tables import Ids, Table, letters

#: 2026-11-18 11:03:00 UTC.
START = 1_794_999_780_000_000_000


def rows(name: str, *records: dict[str, object]) -> Table:
    """Make a table of a few records; what a record leaves out is unknown, or a default where it cannot be."""
    default = {"int": 0, "time": START, "flag": 1, "seconds": 0.0, "text": "", "words": "", "id": None, "place": ""}
    columns = {
        c.name: [record.get(c.name, None if c.nullable else default[c.kind]) for record in records]
        for c in TABLES[name]
    }
    ids = {c.name: [id_of(value) for value in columns[c.name]] for c in TABLES[name] if c.kind == "id"}
    return Table.of(name, columns | ids)


def id_of(name: str | None) -> str | None:
    """Make an id of a short name; what stands behind a dash is a part."""
    if name is None or Ids.of([name]).known().all():
        return name
    whole, dash, part = name.rpartition("-")
    if dash and part.isdecimal():
        return f"{id_of(whole)}-{part}"
    made = f"{name}z".ljust(11, "0")
    return made if Ids.of([made]).known().all() and len(made) == 11 else letters(np.array([crc32(name.encode())]))[0]


def ms(milliseconds: float) -> int:
    return START + round(milliseconds * 1_000_000)


def session(name: str, client: str, at: int, **more: object) -> dict[str, object]:
    return {
        "session": name, "event": name, "source": "mail.pcap", "role": "server", "first": at, "last": at + 15_104_000,
        "client_ip": client, "client_port": 41559, "server_ip": "127.0.0.1", "server_port": 2525,
        "banner": "mx.example.test ESMTP Postfix", "product": "Postfix", "helo": "client.test", "tls": "none",
        "readable": 1, "commands": 5, "replies": 6, "attempts": 1, "messages": 0, "packets": 21, "bytes": 912,
        "ended_by": "client_fin", **more,
    }  # fmt: skip


def attempt(name: str, client: str, at: int, outcome: str, **more: object) -> dict[str, object]:
    told = {
        "succeeded": (None, 235, "2.7.0", "Authentication successful"),
        "rejected": ("bad_credentials", 535, "5.7.8", "Error: authentication failed: authentication failure"),
        "cancelled": ("cancelled", 501, "5.7.0", "Authentication aborted"),
    }
    reason, code, enhanced, text = told.get(outcome, (None, None, None, None))
    return {
        "session": name, "attempt": 1, "event": f"{name}-{crc32(f'{more} {at}'.encode()) >> 1}",
        "client_ip": client, "client_port": 41559,
        "server_ip": "127.0.0.1", "server_port": 2525, "role": "server", "started": at + 6_000_000,
        "ended": at + 13_992_500, "seconds": 0.0079925, "seconds_server": 0.0075, "seconds_client": 0.0004925,
        "mechanism": "LOGIN", "initial_response": 0, "rounds": 2, "rounds_known": "exact", "outcome": outcome,
        "reason": reason, "code": code, "enhanced": enhanced, "text": text, "identity": "alice@example.test",
        "challenge": "username password", "secret_group": 1, "tls": "none", "evidence": "observed",
        "source": "mail.pcap", "where": "mail.pcap:12", **more,
    }  # fmt: skip


def traffic() -> dict[str, Table]:
    """Three clients: one guesses and gets in, one is a person, one is hidden by TLS."""
    guesses = [(f"Guess{n:06d}", "192.0.2.66", ms(1000 * n)) for n in range(8)]
    person, hidden = ("Person00001", "198.51.100.7", ms(20_000)), ("Hidden00001", "2001:db8::5", ms(86_400_000))
    talk = [
        ("(greeting)", None, 220, None, "mx.example.test ESMTP Postfix", 0),
        ("EHLO", "client.test", 250, None, "mx.example.test\nPIPELINING\nSIZE 10240000\nAUTH PLAIN LOGIN\nCHUNKING", 1),
        ("AUTH", "LOGIN", 334, None, "VXNlcm5hbWU6", 6),
        ("(answer)", "<username, 18 bytes>", 334, None, "UGFzc3dvcmQ6", 10),
        ("(answer)", "<password, 14 bytes>", 235, "2.7.0", "Authentication successful", 11),
        ("QUIT", None, 221, "2.0.0", "Bye", 14),
    ]
    units = [
        {
            "session": person[0], "n": n, "at": person[2] + at * 1_000_000, "verb": verb, "argument": argument,
            "code": code, "enhanced": enhanced, "text": text, "seconds": 0.0004, "pipelined": 0,
            "attempt": 1 if n in (2, 3, 4) else None,
        }
        for n, (verb, argument, code, enhanced, text, at) in enumerate(talk)
    ]  # fmt: skip
    unseen = {"tls": "starttls", "tls_version": "TLSv1.3", "readable": 0, "attempts": None, "messages": None}
    left = {"attempt": 2, "mechanism": "PLAIN", "rounds": None, "rounds_known": "unknown", "caveats": "gap"}
    guessing = {
        "severity": "medium", "kind": "guessing", "client": "192.0.2.66", "session": guesses[0][0], "at": guesses[0][2],
        "last": guesses[6][2], "count": 7, "evidence": "7 guesses at 3 identities", "places": "mail.pcap frame 12",
        "confidence": 0.95, "advice": "keep 192.0.2.66 out",
    }  # fmt: skip
    entry = {
        "severity": "high", "kind": "break_in", "client": "192.0.2.66", "identity": "bob", "session": guesses[7][0],
        "at": guesses[7][2], "last": guesses[7][2], "count": 1, "confidence": 0.9,
        "evidence": "got in after 7 guesses by this client, 0 at this identity",
        "advice": "change the password of bob unless 192.0.2.66 is known to you",
    }  # fmt: skip
    one_way = {"severity": "info", "kind": "one_direction", "evidence": "no server bytes", "advice": "mirror both"}
    skip = {"source": "mail.pcap", "stage": "wire", "reason": "not TCP", "count": 12, "first": "frame 3"}
    return {
        "sessions": rows(
            "sessions",
            *(session(*guess, authenticated_as="bob" if n == 7 else None) for n, guess in enumerate(guesses)),
            session(*person, authenticated_as="alice@example.test"),
            session(*hidden, **unseen, product=None),
        ),
        "auth": rows(
            "auth",
            *(attempt(*guess, "rejected", identity=f"user{n % 3}") for n, guess in enumerate(guesses[:7])),
            attempt(*guesses[7], "succeeded", identity="bob"),
            attempt(*person, "succeeded"),
            attempt(*person, "client_closed", **left),
        ),
        "exchanges": rows("exchanges", *units),
        "messages": rows(
            "messages", {"session": person[0], "n": 1, "at": person[2], "accepted": 1, "mail_from": "<a@b>"}
        ),
        "findings": rows("findings", entry, guessing, one_way),
        "skipped": rows("skipped", skip),
    }
