"""All findings of a trace: what the machine noted, and what the attempts tell together."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from analyzer.events import attempts_once
from analyzer.findings.accidents import accidents, stale_clients
from analyzer.findings.attacks import accused, attacks
from analyzer.findings.entries import break_ins, many_networks
from analyzer.findings.found import Found, Witness, bounded, table
from analyzer.findings.protocol import protocol
from analyzer.findings.tries import history
from analyzer.smtp.findings import KINDS as NOTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analyzer.findings.thresholds import Thresholds
    from analyzer.tables import Table


def find(tables: Mapping[str, Table], thresholds: Thresholds) -> Table:
    """Give the table `findings`: of the one that is there, what the machine noted stays, the rest is found anew."""
    witness = Witness(attempts_once(tables["auth"]))
    past = history(witness.auth, thresholds)
    who = accused(past, thresholds)
    found = attacks(past, who, witness, thresholds)
    found += break_ins(past, who, witness, thresholds)
    found += many_networks(past, witness, thresholds)
    found += stale_clients(past, who, witness, thresholds)
    found += accidents(past, witness, thresholds)
    found += protocol(witness)
    found = witness.placed(found)
    return table(sorted([*found, *bounded(_noted(tables["findings"]))], key=lambda each: each.worth))


def _noted(known: Table) -> Iterator[Found]:
    """Give the findings of the machine."""
    rows = known.lists()
    rows["first"] = rows.pop("at")
    names = [field.name for field in fields(Found) if field.name in rows]
    for values in zip(*(rows[name] for name in names), strict=True):
        each = Found(**dict(zip(names, values, strict=True)))
        if each.kind in NOTED:
            yield each
