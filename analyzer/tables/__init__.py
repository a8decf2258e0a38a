"""Tables as columns: what every stage after the kernels works on. pandas comes only when somebody asks for a frame."""

from __future__ import annotations

from analyzer.tables.builder import Builder, concatenate
from analyzer.tables.columns import (
    PLACE_BITS,
    Column,
    Ids,
    Places,
    Text,
    Words,
    distinct,
    letters,
    mixed,
    number_of,
    taken,
)
from analyzer.tables.table import Table, among, rows_of, series

__all__ = [
    "PLACE_BITS",
    "Builder",
    "Column",
    "Ids",
    "Places",
    "Table",
    "Text",
    "Words",
    "among",
    "concatenate",
    "distinct",
    "letters",
    "mixed",
    "number_of",
    "rows_of",
    "series",
    "taken",
]
