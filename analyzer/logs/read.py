"""One text source to tables: the stages of this room in a row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from analyzer.errors import InputError, Skip
from analyzer.logs.account import Account
from analyzer.logs.blocks import blocks
from analyzer.logs.clock import Clock
from analyzer.logs.dialogue import Dialogues
from analyzer.logs.keys import put_keys
from analyzer.logs.lines import Lines
from analyzer.logs.outcomes import Outcomes
from analyzer.logs.sessions import Sessions
from analyzer.logs.unwrap import unwrapper
from analyzer.meanwhile import meanwhile
from analyzer.wire.sources import modified_ns, total_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import tzinfo

    from analyzer.logs.blocks import Raw
    from analyzer.logs.catalogue import Catalogue
    from analyzer.logs.fields import Block
    from analyzer.logs.sessions import Group
    from analyzer.smtp.sasl import Decoder
    from analyzer.smtp.writer import Written
    from analyzer.wire.sources import Place, Source

    Progress = Callable[[int, int | None], None]

#: Bytes at the beginning of a file in which an envelope shows itself.
HEAD_BYTES: Final = 1 << 16


class Log:
    """Reads one text source, a rotated set of files in their order."""

    def __init__(
        self, name: str, catalogue: Catalogue, zone: tzinfo, year: int | None, forced: str | None,
        wanted: frozenset[str], decoder: Decoder,
    ) -> None:  # fmt: skip
        self.name, self.catalogue = name, catalogue
        self.account = Account(name)
        self.clock = Clock(zone, year)
        self.lines = Lines(catalogue, self.clock, self.account, forced_of(catalogue, forced))
        self.sessions = Sessions(catalogue, name)
        self.dialogues = Dialogues(name, wanted, decoder)
        self.outcomes = Outcomes(name, wanted)
        self.damage: list[Skip] = []
        self._waits = False  # for the lines of the next block

    def read(
        self,
        sources: Iterable[Source],
        places: Sequence[Place],
        progress: Progress | None = None,
        *,
        threaded: bool = False,
    ) -> None:
        """Read all files; `progress` is told how many bytes were taken, and of how many (None: nobody knows).

        `threaded`: the lines of a block are read while the sessions of that before are worked on.
        """
        total, before = total_size(places), 0
        for source, place in zip(sources, places, strict=True):
            self.clock.begin(modified_ns(place))
            unwrap = unwrapper(source.stream.peek(HEAD_BYTES))
            raws = blocks(source, unwrap)
            for block, keyed in meanwhile(partial(self._block, raws), threaded=threaded):
                self._waits = False
                self._write(self.sessions.eat(block, keyed=keyed))
                if progress:
                    progress(before + source.consumed, total)
                self._waits = threaded
            before += source.consumed
            if source.stream.damage:
                self.damage.append(Skip(self.name, "logs", "file is damaged from here on", 1, source.stream.damage))
        self._write(self.sessions.end())

    def _block(self, raws: Iterator[Raw]) -> tuple[Block, bool] | None:
        """Give the next block, and whether it has keys: they are left to whoever waits for it."""
        raw = next(raws, None)
        if raw is None:
            return None
        block, keyed = self.lines.block(raw, self.sessions.room), not self._waits
        if keyed:
            put_keys(block, self.catalogue)
        return block, keyed

    def _write(self, groups: Iterator[Group]) -> None:
        for group in groups:
            told, unanswered = self.dialogues.write(group)
            if unanswered.any():
                self.account.unanswered(group.take(unanswered))
            self.outcomes.write(group.take(~told))

    def written(self) -> list[Written]:
        """Give what was written, and forget it."""
        return [self.outcomes.written(), self.dialogues.writer.written()]

    def skips(self) -> Iterator[Skip]:
        """Give what was not used."""
        yield from self.damage
        yield from self.account.skips()
        if self.sessions.torn:
            yield Skip(self.name, "logs", "session torn: too many were open at a time", self.sessions.torn, None)

    def cannot(self) -> list[dict[str, str]]:
        """Give what the formats that were met do not show, and which settings would."""
        met = [each for each in self.catalogue.formats if each.name in self.account.formats]
        return [{"format": each.title, **entry} for each in met for entry in each.cannot]


def forced_of(catalogue: Catalogue, name: str | None) -> tuple[int, ...]:
    """Give the number of the format that was named; raises InputError for one that nobody knows."""
    if name is None:
        return ()
    names = [each.name for each in catalogue.formats]
    if name not in names:
        message = f"no format {name!r}; there are {', '.join(sorted(names))}"
        raise InputError(message)
    return (names.index(name),)
