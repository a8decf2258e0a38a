"""Tables as Parquet, part after part: columns become Arrow arrays without a Python object a row.

Texts go in as the codes and words that they are, which Parquet keeps, and come out as plain strings: the file says
nothing of Arrow's dictionaries, which pandas would read as categories and polars as something to be cast before it can
be joined. What the file says for pandas gives columns with missing numbers the dtypes that `Trace` gives them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np

from analyzer import limits
from analyzer.report import spelled
from analyzer.report.rows import plain
from analyzer.schema import NULL
from analyzer.tables import is_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from analyzer.tables import Ids, Places, Table, Text

    Array = np.ndarray[Any, Any]


class Kind(NamedTuple):
    """How a kind of column is kept, and what pandas is told of it."""

    array: Callable[[Any], pa.Array]
    arrow: str  # what docs/tables.md says
    pandas: str
    numpy: str
    encoding: (
        str  # of Parquet: texts repeat, numbers that follow each other are near; ids and fractions are as they are
    )


def write(table: Table, file: BinaryIO) -> None:
    """Write a table, a row group a part of it. Raises OSError where there is no room."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {name: KINDS[kind] for name, kind in table.kinds.items()}
    # A table without rows has columns with their types, too.
    parts = table.slices(limits.TABLE_ROWS) if len(table) else iter([table])
    writer = None
    for part in parts:
        made = pa.Table.from_arrays([kind.array(part[name]) for name, kind in kinds.items()], list(kinds))
        if writer is None:
            writer = parquet.ParquetWriter(
                file,
                made.schema,
                compression="zstd",
                store_schema=False,
                use_dictionary=[name for name, kind in kinds.items() if kind.encoding == _WORDS],
                column_encoding={name: kind.encoding for name, kind in kinds.items() if kind.encoding != _WORDS},
                # Who looks for a time or a number skips row groups by these; of words they cost more than they tell.
                write_statistics=[name for name, kind in kinds.items() if kind.encoding == _NEAR],
                write_batch_size=limits.TABLE_ROWS,
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


# Arrays are made of buffers: `pyarrow.array` loads pandas, which takes as long as writing 200,000 rows.


def _array(kind: Any, rows: int, known: Array | None, *buffers: Array | bytes) -> pa.Array:
    """Make an array of its buffers; `known` says which rows have a value, None: all."""
    import pyarrow as pa

    valid = None if known is None or known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(kind, rows, [valid, *map(pa.py_buffer, buffers)])


def _strings(words: Sequence[bytes], known: Array | None = None) -> pa.Array:
    import pyarrow as pa

    return _array(pa.string(), len(words), known, _offsets(np.fromiter(map(len, words), np.int64)), b"".join(words))


def _encoded(word: str) -> bytes:
    return word.encode("utf-8", "replace")  # a lone surrogate is no letter: a question mark


def _offsets(lengths: Array) -> Array:
    return np.append(0, np.cumsum(lengths)).astype(np.int32)


def _text(column: Text) -> pa.Array:
    import pyarrow as pa

    used, codes = _used(column)
    words = _strings([_encoded(column.words[code]) for code in used])
    return pa.DictionaryArray.from_arrays(_array(pa.int32(), len(codes), codes >= 0, codes), words)


def _words(column: Text) -> pa.Array:
    """Give the lists of words of each row."""
    import pyarrow as pa

    used, codes = _used(column)
    lists = [[_encoded(word) for word in column.words[code].split()] for code in used] + [[]]
    lengths = np.array([*map(len, lists)]).take(codes)
    words = [word for code in codes[lengths > 0].tolist() for word in lists[code]]
    return pa.ListArray.from_arrays(_array(pa.int32(), len(codes) + 1, None, _offsets(lengths)), _strings(words))


def _used(column: Text) -> tuple[list[int], Array]:
    """Give the words that rows have, and codes into them; -1 stays."""
    if is_one(column.codes) and len(column):
        code = int(column.codes[0])
        return [code] * (code >= 0), np.full(len(column), min(code, 0), np.int32)
    met = np.zeros(len(column.words) + 1, bool)
    met[column.codes] = True
    met[-1] = False
    used = np.flatnonzero(met)
    codes = np.full(len(met), -1, np.int32)
    codes[used] = np.arange(len(used), dtype=np.int32)
    return used.tolist(), codes.take(column.codes)


def _int(column: Array) -> pa.Array:
    import pyarrow as pa

    return _array(pa.int64(), len(column), column != NULL, np.ascontiguousarray(column))


def _time(column: Array) -> pa.Array:
    import pyarrow as pa

    return _array(pa.timestamp("ns", "UTC"), len(column), column != NULL, np.ascontiguousarray(column))


def _seconds(column: Array) -> pa.Array:
    import pyarrow as pa

    return _array(pa.float64(), len(column), ~np.isnan(column), np.ascontiguousarray(column))


def _flag(column: Array) -> pa.Array:
    import pyarrow as pa

    return _array(pa.bool_(), len(column), column >= 0, np.packbits(column == 1, bitorder="little"))


def _names(column: Ids | Places) -> pa.Array:
    import pyarrow as pa

    lengths, letters = [np.zeros(0, np.int64)], []
    for block in plain(column):
        octets = spelled.matrix(block)
        if spelled.even(block) and octets.all():
            lengths.append(np.full(len(block), octets.shape[1]))
            letters.append(octets.tobytes())
        else:
            has = octets > 0
            lengths.append(has.sum(axis=1))
            letters.append(octets[has].tobytes())
    return _array(pa.string(), len(column), column.known(), _offsets(np.concatenate(lengths)), b"".join(letters))


_WORDS: Final = "RLE_DICTIONARY"
_NEAR: Final = "DELTA_BINARY_PACKED"

#: By the kinds of `analyzer.schema`.
KINDS: Final[dict[str, Kind]] = {
    "text": Kind(_text, "string", "unicode", "str", _WORDS),
    "words": Kind(_words, "list<string>", "list[unicode]", "object", _WORDS),
    "flag": Kind(_flag, "bool", "bool", "boolean", "PLAIN"),
    "int": Kind(_int, "int64", "int64", "Int64", _NEAR),
    "seconds": Kind(_seconds, "double", "float64", "float64", "PLAIN"),
    "time": Kind(_time, "timestamp[ns, UTC]", "datetimetz", "datetime64[ns]", _NEAR),
    "id": Kind(_names, "string", "unicode", "str", "PLAIN"),
    "place": Kind(_names, "string", "unicode", "str", "PLAIN"),
}
