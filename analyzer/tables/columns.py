"""What a column of a table can be.

All columns but plain arrays give their `arrays` and can be made anew of others (`like`), so they can be cut, joined and
kept on disk without anybody looking at what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.tables.arrays import picked
from analyzer.tables.names import Ids, Places
from analyzer.tables.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]

#: A column of a table.
Column = np.ndarray[Any, Any] | Text | Ids | Places


def together(columns: Sequence[Column]) -> Column:
    """Put columns of one kind one behind the other; at least one."""
    several: Any = columns
    if len(columns) == 1:
        return columns[0]
    joined: Column = np.concatenate(several) if isinstance(columns[0], np.ndarray) else columns[0].joined(several)
    return joined


def taken(column: Column, rows: Array | slice) -> Any:
    """Give the rows of a column that an index or a mask names."""
    return picked(column, rows) if isinstance(column, np.ndarray) else column.take(rows)
