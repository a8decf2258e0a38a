"""One source that was given: its kind, and the files that make it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analyzer.wire.capture import Capture
from analyzer.wire.sources import is_plain, opened_source, total_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.errors import Skip
    from analyzer.wire.sources import Place, Source


@dataclass(frozen=True, slots=True)
class Input:
    """One source: its kind, and the files that make it up, in order."""

    kind: str  #: ``capture``, or ``text``
    places: list[Place]
    name: str
    skipped: list[Skip] = field(default_factory=list)  #: what the folder held besides
    warnings: list[str] = field(default_factory=list)  #: what a person is told of what was named besides

    folder: str = ""  #: what stands before its name, and those of its files, where others have the same name

    def open(self, **options: Any) -> Capture:
        """Open a capture; the options are those of `Capture`."""
        return Capture(self.places, name=self.name, skipped=self.skipped, **options)

    @property
    def size(self) -> int | None:
        """Bytes on disk; None: nobody can tell."""
        return total_size(self.places)

    @property
    def is_plain(self) -> bool:
        """Whether it can be read several times, each time without unpacking it."""
        return all(map(is_plain, self.places))

    def sources(self) -> Iterator[Source]:
        """Open the files of a text, one after another; each is closed before the next."""
        for place in self.places:
            source = opened_source(place)
            if self.folder:  # places tell of lines by the names of files
                source.name = f"{self.folder}/{source.name}"
            try:
                yield source
            finally:
                source.close()
