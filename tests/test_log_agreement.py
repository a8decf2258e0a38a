"""A log and a capture of the same sessions, read in one run: they are one event each, and they agree.

What a log knows has to be what the capture shows. How many exchanges found each other, by server, is kept in
``tests/data/agreement.json``; ``pytest --update`` writes it anew, to be looked at by eye.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import analyzer
from analyzer.errors import AnalyzerError
from tests.truth import DATA, needs_data, rows

if TYPE_CHECKING:
    from tests.matching import Row

pytestmark = needs_data

HELD: Final = Path(__file__).parent / "data" / "agreement.json"

#: Logs whose sessions are in the clear in the capture beside them.
LOGS: Final = (
    "postfix-plain/maillog", "postfix-policy/maillog", "postfix-verbose/maillog", "postfix-bruteforce/maillog",
    "exim-plain/exim-mainlog.log", "backend-down/maillog", "backend-down/exim-mainlog.log",
    "aiosmtpd-policy/aiosmtpd.log", "clients-plain/maillog", "clients-plain/exim-mainlog.log",
    "clients-plain/dovecot.log", "clients-plain/aiosmtpd.log",
)  # fmt: skip

#: What the words of a log that says less may be in truth.
VAGUE: Final = ("failed", "unseen")


def differences(logged: Row, seen: Row) -> list[str]:
    """Name the fields in which a row of a log contradicts that of the capture; unknown contradicts nothing."""
    found = [
        name
        for name in ("mechanism", "initial_response", "identity", "authzid", "client_ip")
        if logged[name] is not None and logged[name] != seen[name]
    ]
    if logged["rounds_known"] == "exact" and logged["rounds"] != seen["rounds"]:
        found.append("rounds")
    if logged["rounds_known"] == "at_least" and logged["rounds"] > seen["rounds"]:
        found.append("rounds")
    if logged["outcome"] in VAGUE:
        return found
    if logged["outcome"] != seen["outcome"]:
        found.append("outcome")
    if logged["code"] is not None and logged["code"] != seen["code"]:
        found.append("code")
    return found


@pytest.mark.parametrize("log", LOGS)
def test_agreement(log: str, *, update: bool) -> None:
    """Every exchange of the log is one of the capture's, counted once, and says nothing else."""
    folder, _, _ = log.partition("/")
    auth = rows(analyzer.read(DATA / log, DATA / folder / "capture.pcap"), "auth")
    seen: dict[Any, Row] = {row["event"]: row for row in auth if row["evidence"] == "observed"}
    logged = [row for row in auth if row["evidence"] == "logged"]
    counts: Counter[str] = Counter(exchanges=len(logged), alone=sum(row["event"] not in seen for row in logged))
    for row in logged:
        if row["event"] in seen:
            for name in differences(row, seen[row["event"]]):
                counts[f"{name} differs"] += 1
    held = json.loads(HELD.read_text()) if HELD.exists() else {}
    if update:
        HELD.write_text(json.dumps(held | {log: counts}, indent=1, sort_keys=True) + "\n")
    else:
        assert counts == held[log]


def test_no_packets_of_a_log() -> None:
    """A session that only a log tells of has no packets, and says so."""
    trace = analyzer.read(DATA / "postfix-policy/maillog")
    session = trace.session(1)
    with pytest.raises(AnalyzerError, match="told by a log, maillog"):
        session.packets()
