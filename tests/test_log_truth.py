"""Server logs against the truth of their sessions: nothing wrong, nothing invented, and how much is told.

How many attempts each log tells, and how exactly, is kept in ``tests/data/logs.json``; ``pytest --update`` writes it
anew, to be looked at by eye: what is not told has to be what the log does not show.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.truth import DATA, needs_data, verdict

pytestmark = needs_data

TOLD: Final = Path(__file__).parent / "data" / "logs.json"

#: Every server log that was written beside a capture.
LOGS: Final = sorted(
    f"{path.parent.name}/{path.name}"
    for pattern in ("*/maillog", "*/exim-*.log", "*/dovecot.log", "*/aiosmtpd.log", "*/opensmtpd-trace.log")
    for path in DATA.glob(pattern)
    if (path.parent / "truth.jsonl").exists()
)


#: Rows that the truth beside a log does not have, although the log does: that of a session of another group.
STRANGERS: Final = {"clients-plain/dovecot.log": 1}


@pytest.mark.parametrize("log", LOGS)
def test_log(log: str, *, update: bool) -> None:
    """No outcome of a log is wrong, no row is too much; and it tells as many attempts as it did."""
    _, told = verdict("--log", log)
    first = told.splitlines()[0].partition("truth; ")[2]
    counts = {name: int(count) for name, count in re.findall(r"([a-z]+) (\d+)(?=[,;])", first.partition("; ")[0] + ",")}
    for name, good, bad in re.findall(r"(\w+) (\d+) right (\d+) wrong", first):
        counts |= {f"{name} right": int(good), f"{name} wrong": int(bad)}
    assert counts["wrong"] == 0, told
    assert counts["extra"] == STRANGERS.get(log, 0), told
    known = json.loads(TOLD.read_text()) if TOLD.exists() else {}
    if update:
        TOLD.write_text(json.dumps(known | {log: counts}, indent=1, sort_keys=True) + "\n")
    else:
        assert counts == known[log]
