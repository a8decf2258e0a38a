"""Tables as columns: what every stage after the kernels works on. pandas comes only when somebody asks for a frame."""

from __future__ import annotations

from analyzer.tables.arrays import (
    ROOM,
    among,
    begins_run,
    bounds,
    columns_of,
    distinct,
    in_order,
    is_one,
    mixed,
    nth,
    packed,
    selected,
    span,
)
from analyzer.tables.builder import Builder, changed, concatenate
from analyzer.tables.columns import Column, taken
from analyzer.tables.lazy import Tables, replaced
from analyzer.tables.names import PLACE_BITS, Ids, Places, letters, number_of, spelled
from analyzer.tables.table import Table, rows_of, series
from analyzer.tables.text import Text, Words
from analyzer.tables.timeline import Timeline

__all__ = [
    "PLACE_BITS",
    "ROOM",
    "Builder",
    "Column",
    "Ids",
    "Places",
    "Table",
    "Tables",
    "Text",
    "Timeline",
    "Words",
    "among",
    "begins_run",
    "bounds",
    "changed",
    "columns_of",
    "concatenate",
    "distinct",
    "in_order",
    "is_one",
    "letters",
    "mixed",
    "nth",
    "number_of",
    "packed",
    "replaced",
    "rows_of",
    "selected",
    "series",
    "span",
    "spelled",
    "taken",
]
