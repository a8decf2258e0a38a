"""Tables as Parquet, part after part: columns become Arrow arrays without a Python object a row.

Texts go in as the codes and words that they are, which Parquet keeps, and come out as plain strings: the file says
nothing of Arrow's dictionaries, which pandas would read as categories and polars as something to be cast before it can
be joined. What the file says for pandas gives columns with missing numbers the dtypes that `Trace` gives them.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.report.rows import plain
from analyzer.schema import NULL

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from analyzer.tables import Ids, Places, Table, Text

    Array = np.ndarray[Any, Any]


class Kind(NamedTuple):
    """How a kind of column is kept, and what pandas is told of it."""

    array: Callable[[Any], pa.Array]
    arrow: str  # what docs/tables.md says
    pandas: str
    numpy: str
    encoding: str  # of Parquet: numbers that follow each other are near, texts and small numbers repeat


def write(table: Table, file: BinaryIO) -> None:
    """Write a table, a row group a part of it. Raises OSError where there is no room."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {name: KINDS[kind] for name, kind in table.kinds.items()}
    # A table without rows has columns with their types, too.
    parts = chain(table.slices(limits.TABLE_ROWS)) if len(table) else iter([table])
    writer = None
    for part in parts:
        made = pa.table({name: kind.array(part[name]) for name, kind in kinds.items()})
        if writer is None:
            writer = parquet.ParquetWriter(
                file,
                made.schema,
                compression="zstd",
                store_schema=False,
                use_dictionary=[name for name, kind in kinds.items() if kind.encoding == _WORDS],
                column_encoding={name: kind.encoding for name, kind in kinds.items() if kind.encoding != _WORDS},
            )
        writer.write_table(made)
    assert writer is not None
    writer.add_key_value_metadata({"pandas": json.dumps(_for_pandas(kinds))})
    writer.close()


def _for_pandas(kinds: dict[str, Kind]) -> dict[str, Any]:
    """Give the metadata that pandas reads its dtypes from (pandas.pydata.org, developer documentation)."""
    columns = [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind.pandas,
            "numpy_type": kind.numpy,
            "metadata": {"timezone": "UTC"} if kind.pandas == "datetimetz" else None,
        }
        for name, kind in kinds.items()
    ]
    return {"index_columns": [], "column_indexes": [], "columns": columns, "attributes": {}, "pandas_version": "3.0.0"}


def _text(column: Text) -> pa.Array:
    import pyarrow as pa

    used, codes = _used(column)
    words = pa.array([column.words[code] for code in used], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), words)


def _words(column: Text) -> pa.Array:
    """Give the lists of words of each row."""
    import pyarrow as pa

    used, codes = _used(column)
    lists = [column.words[code].split() for code in used] + [[]]
    starts = np.cumsum([0, *map(len, lists)])
    lengths = np.diff(starts)[codes]
    offsets = np.cumsum(np.append(0, lengths))
    inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths) + np.repeat(starts[:-1][codes], lengths)
    words = pa.array([*chain.from_iterable(lists)], pa.string())
    values = pa.DictionaryArray.from_arrays(pa.array(inside.astype(np.int32)), words).dictionary_decode()
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def _used(column: Text) -> tuple[list[int], Array]:
    """Give the words that rows have, and codes into them; -1 stays."""
    met = np.zeros(len(column.words) + 1, bool)
    met[column.codes] = True
    met[-1] = False
    used = np.flatnonzero(met)
    codes = np.full(len(met), -1, np.int32)
    codes[used] = np.arange(len(used), dtype=np.int32)
    return used.tolist(), codes.take(column.codes)


def _int(column: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.ascontiguousarray(column), mask=_missing(column == NULL))


def _time(column: Array) -> pa.Array:
    import pyarrow as pa

    return _int(column).view(pa.timestamp("ns", "UTC"))


def _seconds(column: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.ascontiguousarray(column), mask=_missing(np.isnan(column)))


def _flag(column: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(column == 1, mask=_missing(column < 0))


def _names(column: Ids | Places) -> pa.Array:
    import pyarrow as pa

    return pa.array(plain(column), pa.string(), mask=_missing(~column.known()))


def _missing(mask: Array) -> Array | None:
    return mask if mask.any() else None


_WORDS: Final = "RLE_DICTIONARY"
_NEAR: Final = "DELTA_BINARY_PACKED"

#: By the kinds of `analyzer.schema`.
KINDS: Final[dict[str, Kind]] = {
    "text": Kind(_text, "string", "unicode", "str", _WORDS),
    "words": Kind(_words, "list<string>", "list[unicode]", "object", _WORDS),
    "flag": Kind(_flag, "bool", "bool", "boolean", "PLAIN"),
    "int": Kind(_int, "int64", "int64", "Int64", _WORDS),
    "seconds": Kind(_seconds, "double", "float64", "float64", "PLAIN"),
    "time": Kind(_time, "timestamp[ns, UTC]", "datetimetz", "datetime64[ns]", _NEAR),
    "id": Kind(_names, "string", "unicode", "str", "PLAIN"),
    "place": Kind(_names, "string", "unicode", "str", "PLAIN"),
}
