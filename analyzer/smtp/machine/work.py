"""What all of the machine works on: its arrays, and the words of the law as plain integers."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

from analyzer.smtp.law import Action, Flag, How, Kind, Last, Mode

if TYPE_CHECKING:
    from enum import IntEnum, IntFlag

KINDS = len(Kind)


# numba takes plain integers of a module for constants, members of an IntEnum not everywhere
def plain(names: type[IntEnum | IntFlag]) -> Any:
    """Give the members of an enumeration as plain integers."""
    tuple_of: Any = namedtuple  # noqa: PYI024
    return tuple_of(names.__name__, names.__members__)(*(int(member) for member in names.__members__.values()))


M: Any = plain(Mode)
K: Any = plain(Kind)
A: Any = plain(Action)
F: Any = plain(Flag)
L: Any = plain(Last)
H: Any = plain(How)

#: All arrays of a run: states, units, attempts, counters (units, attempts), stream, steps, law, verbs, kinds of codes,
#: traits of kinds (see `law.matrices`).
Work: Any = namedtuple("Work", "st un au ct stream steps law verbs codes traits")  # noqa: PYI024
