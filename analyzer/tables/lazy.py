"""Tables that are made when somebody asks for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from analyzer.errors import AnalyzerError
from analyzer.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Tables(Mapping[str, Table]):
    """Tables by their names: some are there, others are made when they are first asked for, by any thread, once.

    One that was left out is told.
    """

    def __init__(self, tables: Mapping[str, Table | Callable[[], Table]]) -> None:
        self._tables = dict(tables)
        self._making = {name: threading.Lock() for name in tables}

    def __getitem__(self, name: str) -> Table:
        """Give a table; raises AnalyzerError for one that was left out."""
        if name not in self._tables:
            raise AnalyzerError(f"the table {name} was left out: read again without {name}=False")
        with self._making[name]:
            table = self._tables[name]
            if not isinstance(table, Table):
                table = self._tables[name] = table()
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __reduce__(self) -> tuple[type[Tables], tuple[dict[str, Table]]]:
        """Copies, and what is written with pickle, have all tables."""
        return Tables, ({**self},)

    def get(self, name: str, default: Any = None) -> Any:
        """Give a table, or the default for one that was left out."""
        return self[name] if name in self._tables else default


def replaced(tables: Mapping[str, Table], others: Mapping[str, Table | Callable[[], Table]]) -> Tables:
    """Give tables with others in the place of some, or besides them; nothing is made for it."""
    return Tables({**{name: partial(tables.__getitem__, name) for name in tables}, **others})
