"""Sources to a trace: each is read, what they tell together is put together."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from analyzer import kernel, limits
from analyzer.findings.thresholds import Thresholds
from analyzer.inputs import find
from analyzer.logs.heads import cut_heads
from analyzer.schema import TABLES
from analyzer.smtp.machine.steps import run as machine
from analyzer.smtp.sasl import Decoder
from analyzer.sorting import joined, sorted_tables
from analyzer.stages import Settings, check, read_capture, read_log, skips
from analyzer.tables import Table, replaced
from analyzer.trace import Trace, findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.errors import Skip
    from analyzer.given import Input
    from analyzer.logs.read import Progress
    from analyzer.smtp.writer import Written


def read(*sources: Any, workers: int | None = None, progress: Progress | None = None, **settings: Any) -> Trace:
    """Read captures, logs and transcripts: paths, globs, folders, binary streams, scapy PacketLists, or lists.

    `tables` names the tables that are made (``sessions``, ``auth`` and ``skipped`` always are; with ``sessions=False``
    that one is left out where nothing needs it, which saves time where only attempts count); `thresholds` are those of
    `analyzer.findings.thresholds`, as a dictionary of what differs; the other settings are those of `Settings`.
    Raises AnalyzerError for settings that make no sense, InputError for what cannot be read at all; what is damaged in
    part is told in `Trace.skipped` and `Trace.warnings`.
    """
    folders = settings.get("formats", ())
    settings["formats"] = (folders,) if isinstance(folders, (str, os.PathLike)) else tuple(folders)
    check(Settings(**settings))
    inputs = find(sources)
    # the kernels of a kind that take longest to compile: the machine as long as all that captures need before it
    slow = {cut_heads if each.kind == "text" else machine for each in inputs}
    compiled = kernel.select(sum(map(_weight, inputs)), *slow)
    how = Settings(**settings, workers=workers or (2 if compiled else 1))
    several = len(inputs) > 1 and any(each.kind == "text" for each in inputs)  # they are put together by sessions
    needed = how.sessions or "findings" in how.tables or several
    wanted = frozenset(how.tables) - {"sessions"} | ({"sessions"} if needed else set())
    how = how._replace(tables=wanted, thresholds=Thresholds.of(how.thresholds))
    decoder = Decoder()
    written: list[Written] = []
    skipped: list[Skip] = []
    warnings = [warning for each in inputs for warning in each.warnings]
    cannot: list[dict[str, str]] = []
    # Whether a log has dialogues for the machine shows only later: it is compiled when all else has to be.
    fresh = compiled and kernel.needs_compiling(*slow)
    with _undisturbed(), kernel.ahead(*[machine] * (fresh or machine in slow)):
        for each in inputs:
            if each.kind == "text":
                log = read_log(each, how, decoder, progress)
                written += log.written()
                skipped += [*each.skipped, *log.skips()]
                warnings += log.clock.warnings
                cannot += [entry for entry in log.cannot() if entry not in cannot]
                continue
            capture, told = read_capture(each, how, decoder, progress, fresh=fresh)
            written += [part.written for part in told]
            skipped += skips(capture, told)
            warnings += capture.warnings
        made, found = sorted_tables(written), sum(part.seen for part in written)
        if any(each.kind == "text" for each in inputs):
            made = joined(made)
            found = len(made["sessions"]) if "sessions" in made else found
    names = [column.name for column in TABLES["skipped"]]
    last: dict[str, Any] = {
        "skipped": Table.of("skipped", {name: [getattr(skip, name) for skip in skipped] for name in names})
    }
    if "findings" in how.tables:
        last["findings"] = partial(findings_of, made, how.thresholds)
    trace = Trace(replaced(made, last), [each.name for each in inputs], warnings, inputs, cannot)
    trace.found = found
    return trace


def _weight(given: Input) -> int:
    """Say how much work an input is, in bytes of a capture; one whose size nobody can tell is worth compiling."""
    size, each = given.size, limits.LOG_WEIGHT if given.kind == "text" else 1
    return limits.COMPILE_ABOVE_BYTES if size is None else each * size


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no garbage in cycles: reading makes none, and looking takes a twentieth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
