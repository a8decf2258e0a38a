"""Lab dialogues told anew, with other names, addresses, ports and texts: the labels stay.

A label must follow from the law, not from the lab: captures are rebuilt from the octets at the client's socket
(`dialogue.jsonl.gz`), once as they were and once rewritten, also inside base64.
"""

from __future__ import annotations

import base64
import io
import re
from binascii import Error
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

import analyzer
from tests.dialogue import Event
from tests.frames import START, to_packets, to_pcap
from tests.truth import DATA, GROUPS, by_client, dialogues, judge, needs_data, rows, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.frames import Endpoint
    from tests.matching import Row

    Rewrite = Callable[[str, bytes], bytes]

pytestmark = needs_data

#: Groups with dialogues in the clear.
TOLD: Final = [group for group in GROUPS if (DATA / group / "dialogue.jsonl.gz").exists() and dialogues(group)]
LABEL: Final = ("mechanism", "initial_response", "rounds", "rounds_known", "outcome", "code", "enhanced", "caveats")
#: What the lab is called, and another lab; lengths differ.
NAMES: Final = {
    rb"\bmx\.example\.test\b": b"smtp-out-7.somewhere-else.invalid",
    rb"\bclient\.example\.test\b": b"[203.0.113.9]",
    rb"\bexample\.test\b": b"o.invalid",
    rb"\balice\b": b"zoe.d-l",
    rb"\bbob\b": b"svc_mailer",
    rb"\bPostfix\b|\bExim [0-9.]+|\bDovecot\b": b"MTA 9",
    rb"\bcorrect-horse\b": b"other-secret-of-another-length",
}
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}(?=\s|$)")
_REPLY: Final = re.compile(rb"^(?P<code>\d{3}[ -])(?P<enhanced>[245]\.\d{1,3}\.\d{1,3} )?[^\r\n]*", re.MULTILINE)
_PRINTABLE: Final = re.compile(rb"[\0\x01\x20-\x7e\x80-\xff]*\Z")  # PLAIN and the bearer mechanisms use controls


def renamed(_: str, data: bytes) -> bytes:
    """Use other names, inside base64 too."""

    def inside(match: re.Match[bytes]) -> bytes:
        try:
            text = base64.b64decode(match[0], validate=True)
        except Error:
            return match[0]
        return (
            base64.b64encode(_named(text)) if _PRINTABLE.match(text) and not text.startswith(b"NTLMSSP") else match[0]
        )

    return _BASE64.sub(inside, _named(data))


def _named(data: bytes) -> bytes:
    for pattern, name in NAMES.items():
        data = re.sub(pattern, name, data)
    return data


def silenced(side: str, data: bytes) -> bytes:
    """Drop the texts of replies, but for challenges; codes and enhanced codes stay."""
    if side == "C":
        return data
    return _REPLY.sub(lambda m: m[0] if m["code"] == b"334 " else m["code"] + (m["enhanced"] or b""), data)


def bared(side: str, data: bytes) -> bytes:
    """Leave nothing but the codes of replies, but for challenges."""
    return data if side == "C" else _REPLY.sub(lambda m: m[0] if m["code"] == b"334 " else m["code"], data)


def unchallenged(side: str, data: bytes) -> bytes:
    """Leave nothing but the codes of replies."""
    return data if side == "C" else _REPLY.sub(lambda m: m["code"], data)


def _events(session: Row, rewrite: Rewrite | None) -> Iterator[Event]:
    """Tell a session: what was said, and how it was closed."""
    for side, _, data in dialogues(session["group"])[session["session"]]:
        yield Event("data", {"C": "client", "S": "server"}[side], rewrite(side, data) if rewrite else data)
    kind = {"client_rst": "rst", "client_fin": "fin", "server_fin": "fin", "server_rst": "rst"}.get(session["close"])
    if kind:
        yield Event(kind, session["close"].partition("_")[0])


def _sessions(group: str) -> list[Row]:
    """Give the sessions that were told and are in the clear from beginning to end."""
    said = dialogues(group)
    return [
        session
        for session in truth(group)
        if session["tls"] == "none"
        and not any(b"BDAT " in data for _, _, data in said[session["session"]])  # its sizes would not be right
    ]


def _attempts(group: str, rewrite: Rewrite | None, ends: Callable[[int], tuple[Endpoint, Endpoint]]) -> list[list[Row]]:
    """Rebuild a group and read it; gives the attempts of each session."""
    packets = []
    sessions = _sessions(group)
    for number, session in enumerate(sessions):
        client, server = ends(number)
        start = START + number * 10 * 10**9
        packets += to_packets(list(_events(session, rewrite)), client=client, server=server, start=start)
    found = by_client(rows(analyzer.read(io.BytesIO(to_pcap(packets))), "auth"))
    return [found.get(ends(number)[0], []) for number in range(len(sessions))]


def at_home(number: int) -> tuple[Endpoint, Endpoint]:
    """Give addresses and ports that everybody uses."""
    return (f"198.51.100.{number % 250 + 1}", 30_000 + number), ("192.0.2.25", 587)


def elsewhere(number: int) -> tuple[Endpoint, Endpoint]:
    """Give ports that nobody uses for mail, one of them below the client's, some of them above."""
    return (f"10.{number % 7}.0.{number % 200 + 1}", 39_000 + 3 * number), (
        f"172.16.0.{number % 3}",
        40_000 + number % 2,
    )


@cache
def at_first(group: str) -> list[list[Row]]:
    """Give the attempts of a group that was rebuilt and not rewritten."""
    return _attempts(group, None, at_home)


def _labels(attempts: list[list[Row]], without: frozenset[str] = frozenset()) -> list[list[Row]]:
    return [[{name: row[name] for name in LABEL if name not in without} for row in each] for each in attempts]


@pytest.mark.parametrize("group", TOLD)
def test_rebuilt(group: str) -> None:
    """A capture that is rebuilt from what was said has the labels of the truth."""
    wrong = [
        (session["scenario"], field, row[field], attempt["outcome"])
        for session, found in zip(_sessions(group), at_first(group), strict=True)
        for row, attempt in zip(found, session["attempts"], strict=True)
        for field in judge().FIELDS
        if "server_after_client_close" not in session  # which the client did not read, so nobody told
        if not judge().right(field, row[field], attempt)
    ]

    assert not wrong


@pytest.mark.parametrize("group", TOLD)
def test_renamed(group: str) -> None:
    """Host names, user names, passwords, products and addresses do not change a label, and identities follow."""
    found = _attempts(group, renamed, elsewhere)

    assert _labels(found) == _labels(at_first(group))
    for before, after in zip(at_first(group), found, strict=True):
        for row, other in zip(before, after, strict=True):
            if row["mechanism"] not in ("NTLM", "GSSAPI"):  # binary messages, not rewritten
                wanted = row["identity"] and _named(row["identity"].encode()).decode()
                assert other["identity"] == wanted


@pytest.mark.parametrize("group", TOLD)
def test_ports(group: str) -> None:
    """Ports say nothing: the same dialogues elsewhere are the same sessions."""
    assert _labels(_attempts(group, None, elsewhere)) == _labels(at_first(group))


@pytest.mark.parametrize(
    ("rewrite", "without"),
    [(silenced, frozenset()), (bared, frozenset({"enhanced"})), (unchallenged, frozenset({"enhanced"}))],
    ids=["texts", "texts and enhanced codes", "challenges too"],
)
@pytest.mark.parametrize("group", TOLD)
def test_texts(group: str, rewrite: Rewrite, without: frozenset[str]) -> None:
    """The texts of replies do not change a label; only an OAuth error challenge is told by its text."""
    found = _labels(_attempts(group, rewrite, at_home), without)
    wanted = _labels(at_first(group), without)
    if rewrite is unchallenged:
        for before, after in zip(wanted, found, strict=True):
            kept = [at for at, row in enumerate(before) if "OAUTH" not in (row["mechanism"] or "").replace("XO", "O")]
            before[:], after[:] = [before[at] for at in kept], [after[at] for at in kept]

    assert found == wanted
