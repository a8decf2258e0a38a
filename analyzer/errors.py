"""What the analyzer raises, and how it says what it could not read."""

from __future__ import annotations

from typing import NamedTuple


class AnalyzerError(Exception):
    """Something that a person has to act on; the message is one clear line."""


class InputError(AnalyzerError):
    """An input that cannot be read at all; the message names it, what is wrong with it, and what to do."""


class EmptyInputError(InputError):
    """An input without a single octet: a log that was just rotated, a capture that has not begun, a folder of such."""


class Skip(NamedTuple):
    """A row of the table `skipped`: what could not be read, and why."""

    source: str
    stage: str
    reason: str
    count: int  # type: ignore[assignment]  # a tuple's own `count` is never asked for
    first: str | None
