"""The law, case by case: every text in `tests/cases` is made into a capture, read, and compared.

A case is a dialogue (`tests.dialogue`) and sections behind it. ``== expected`` has one JSON object for each row of
`auth`; ``== sessions`` and ``== messages`` the same for their tables; ``== findings`` one kind a line that has to be
found, or, after ``!``, must not be; ``== exchanges`` one ``verb code`` a line. A section that is not there is not
compared, an empty one means no rows.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer
from tests.dialogue import rewrite, secrets_of, title_of, to_events
from tests.frames import to_packets, to_pcap
from tests.matching import Row, differences, records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.tables import Table
    from analyzer.trace import Trace

FOLDER: Final = Path(__file__).parent / "cases"
JSON_SECTIONS: Final = {"expected": "auth", "sessions": "sessions", "messages": "messages"}
#: What a label is; times, ports and file places are not part of it.
LABEL: Final = frozenset(
    {"attempt", "mechanism", "initial_response", "rounds", "rounds_known", "outcome", "reason", "code", "enhanced"}
    | {"text", "identity", "authzid", "realm", "host", "tls", "evidence", "caveats"}
)
#: What may follow the names and banners of a dialogue.
NAMED: Final = frozenset({"text", "reason", "identity", "authzid", "realm", "host"})
#: Marks and flags under which a dialogue is not indifferent to where and when its octets were captured.
FRAGILE: Final = frozenset({"gap", "cut", "midstream", "only", "lost", "again", "late", "crossing"})
#: Octets up to which a dialogue is cut into segments of one octet.
SMALL: Final = 4000


@dataclass(frozen=True)
class Case:
    """A dialogue, and what has to be found in it."""

    name: str
    text: str
    sections: Mapping[str, list[str]]

    def rows(self, section: str) -> list[Row]:
        return [json.loads(line) for line in self.sections[section]]

    @property
    def marks(self) -> set[str]:
        return {mark for event in to_events(self.text) for mark in (event.kind, *event.flags)}

    @property
    def octets(self) -> int:
        return sum(len(event.data) for event in to_events(self.text))


def _case(path: Path) -> Case:
    text = path.read_text(encoding="utf-8")
    sections: dict[str, list[str]] = {}
    for part in text.split("\n== ")[1:]:
        name, *lines = part.strip("\n").split("\n")
        sections[name] = [line for line in lines if line.strip()]
    return Case(path.stem, text, sections)


CASES: Final = [_case(path) for path in sorted(FOLDER.glob("*.txt"))]
STURDY: Final = [case for case in CASES if not case.marks & FRAGILE]
NAMEABLE: Final = [case for case in STURDY if "\nS: 220 " in case.text and case.sections.get("sessions") != []]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def read(text: str, **options: Any) -> Trace:
    """Read a dialogue by way of a capture."""
    return analyzer.read(io.BytesIO(to_pcap(to_packets(to_events(text), **options), nanosecond=True)))


def table(trace: Trace, name: str) -> list[Row]:
    return records(trace.tables[name].lists())


def labels(trace: Trace, without: frozenset[str] = frozenset()) -> list[Row]:
    """Give the label of every exchange."""
    return [{name: row[name] for name in LABEL - without} for row in table(trace, "auth")]


@cache
def plain_labels(text: str, without: frozenset[str] = frozenset()) -> list[Row]:
    """Give the labels of a dialogue whose capture has no peculiarities."""
    return labels(read(text), without)


def failures(case: Case, tables: Mapping[str, Table]) -> list[str]:
    """Say where the tables of a case are not as it expects; nothing where they are."""
    found = {name: records(table.lists()) for name, table in tables.items() if name != "skipped"}
    told = []
    for section, name in JSON_SECTIONS.items():
        if section in case.sections:
            told += differences(name, case.rows(section), found[name])
    if "findings" in case.sections:
        kinds = {row["kind"] for row in found["findings"]}
        wrong = [kind for kind in case.sections["findings"] if (kind.lstrip("!") in kinds) == kind.startswith("!")]
        told += [f"findings: expected {kind}, found {sorted(kinds)}" for kind in wrong]
    if "exchanges" in case.sections:
        wanted = case.sections["exchanges"]
        pairs = [f"{row['verb']} {row['code'] or '-'}" for row in found["exchanges"]]
        if not any(pair.startswith("(unsolicited)") for pair in wanted):
            pairs = [pair for pair in pairs if not pair.startswith("(unsolicited)")]
        told += [] if wanted == pairs else [f"exchanges: expected {wanted}, found {pairs}"]
    return told


@each_case
def test_case(case: Case) -> None:
    """A dialogue has the labels, sessions, messages, findings and pairs that its case expects."""
    told = failures(case, read(case.text).tables)

    assert not told, "\n".join([title_of(case.text), *told])


@each_case
def test_no_secret_in_a_table(case: Case) -> None:
    """No password and no token of a dialogue stands in any table, in whatever form."""
    shown = repr([table.lists() for table in read(case.text).tables.values()]).encode()

    assert [len(secret) for secret in secrets_of(case.text) if secret in shown] == []


@pytest.mark.parametrize("case", [case for case in STURDY if case.octets < SMALL], ids=lambda case: case.name)
def test_octet_by_octet(case: Case) -> None:
    """Segments of one octet each do not change a label."""
    assert labels(read(case.text, segmentation=(1,))) == plain_labels(case.text)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from([case for case in STURDY if case.octets < SMALL]),
    segmentation=st.none() | st.lists(st.integers(1, 60), min_size=1, max_size=5),
    shuffle=st.none() | st.integers(0, 999),
    duplicate=st.none() | st.integers(0, 999),
    ipv6=st.booleans(),
)
def test_delivery(
    case: Case, segmentation: list[int] | None, shuffle: int | None, duplicate: int | None, *, ipv6: bool
) -> None:
    """Segmentation, reordering, duplication and the version of IP do not change a label."""
    found = labels(read(case.text, segmentation=segmentation, shuffle=shuffle, duplicate=duplicate, ipv6=ipv6))
    for row in found:
        row["caveats"] = [caveat for caveat in row["caveats"] if caveat != "clock"]  # of a segment captured late

    assert found == plain_labels(case.text)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(NAMEABLE),
    host=st.sampled_from([None, "another.test"]),
    user=st.sampled_from([None, "x", "bob", "svc-mail.2", "a.very.long.name.of.somebody"]),
    banner=st.sampled_from([None, "ESMTP", "mail.another.test ESMTP Exim 4.98", "another.test Microsoft ESMTP MAIL"]),
    port=st.sampled_from([25, 26, 587, 2525, 10025]),
    client=st.tuples(st.sampled_from(["203.0.113.200", "192.0.2.9", "198.51.100.255"]), st.integers(1024, 65000)),
)
def test_names(
    case: Case, host: str | None, user: str | None, banner: str | None, *, port: int, client: tuple[str, int]
) -> None:
    """Addresses, ports, host names, user names and banners do not change a label but for what quotes them."""
    text = rewrite(case.text, host=host, user=user, banner=banner, port=port)

    assert labels(read(text, client=client), NAMED) == plain_labels(case.text, NAMED)
