"""Expectations as JSON: how cases and samples say what a table has to hold.

An expectation is an object whose keys are columns. Three spellings go beyond equality: ``column_has`` (the value
contains this text), ``column_in`` (it is one of these), and a list for a column of words (all of these are among
them; an empty list: there are none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]


def records(columns: Mapping[str, list[Any]]) -> list[Row]:
    """Turn columns into rows."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def fits(key: str, wanted: Any, row: Row) -> bool:
    """Say whether a row is as one key of an expectation has it."""
    if key.endswith("_has"):
        return wanted in (row[key.removesuffix("_has")] or "")
    if key.endswith("_in"):
        return row[key.removesuffix("_in")] in wanted
    if isinstance(wanted, list):
        return set(wanted) <= set(row[key]) if wanted else not row[key]
    return bool(row[key] == wanted)


def column(key: str) -> str:
    """Give the column that a key of an expectation is about."""
    return key.removesuffix("_has").removesuffix("_in")


def differences(name: str, wanted: Sequence[Row], got: Sequence[Row]) -> list[str]:
    """Say where the rows of a table are not as expected; nothing where they are."""
    told = []
    if len(wanted) != len(got):
        told.append(f"{name}: {len(wanted)} rows expected, {len(got)} found")
    for number, (want, row) in enumerate(zip(wanted, got, strict=False), 1):
        told += [
            f"{name} {number}: {key} expected {value!r}, found {row[column(key)]!r}"
            for key, value in want.items()
            if not fits(key, value, row)
        ]
    return told
