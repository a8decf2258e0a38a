"""Tests of `analyzer.smtp.machine`: however its steps are cut, whatever they hold."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analyzer import limits
from analyzer.smtp import columns as s
from analyzer.smtp import law, reader
from analyzer.smtp.law import Flag, How, Last
from analyzer.smtp.reader import Reader, Rows
from analyzer.smtp.recognise import IS_SMTP, recognise
from analyzer.tcp import columns as c
from analyzer.tcp.stage import Batch
from tests.dialogue import to_events
from tests.streams import (
    Session,
    captured,
    octets,
    parts_of,
    sessions_of,
    tables_of,
    to_batch,
    tracker,
    trailing,
    whole,
)
from tests.test_cases import CASES, SMALL, STURDY, Case, failures, read, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

    from tests.streams import Step

#: Marks that say how packets were captured: `tests.streams` has no packets.
OF_PACKETS: Final = frozenset({"cut", "crossing", "late", "again"})
#: How these sessions ended is known to `analyzer.tcp` alone.
OF_TCP: Final = ('"idle"', '"new_session"')
PLAIN: Final = [case for case in CASES if not case.marks & OF_PACKETS and not any(word in case.text for word in OF_TCP)]
#: Columns that hold the time or the frame of a line, or follow from them.
TIMES: Final = frozenset(
    {"exchanges.at", "exchanges.frame", "exchanges.seconds", "messages.at", "findings.at"}
    | {"auth.started", "auth.seconds", "auth.seconds_server", "auth.seconds_client", "auth.where"}
)
#: Cuts of one dialogue at most.
CUTS: Final = 20
FEEDS: Final = (
    [(whole, case) for case in PLAIN if case in STURDY]  # behind missing bytes it matters who waits for whom
    + [(octets, case) for case in PLAIN if case.octets < SMALL]
    + [(trailing, case) for case in PLAIN]
)


# ------------------------------------------------------------------------------------------------ feeding


@pytest.mark.parametrize(("feed", "case"), FEEDS, ids=lambda value: getattr(value, "name", None) or value.__name__)
def test_feeding(feed: Callable[[list[Step]], list[Step]], case: Case) -> None:
    """In one go, octet by octet, or with half a line behind it: a dialogue has the rows that its case expects."""
    sessions = sessions_of(to_events(case.text))
    for session in sessions:
        session.steps = feed(session.steps)

    assert failures(case, tables_of([to_batch(sessions)])) == []


# ------------------------------------------------------------------------------------------------ parts


#: Places of arguments of `recognise`.
STATES, FOUND = (list(inspect.signature(recognise.function).parameters).index(n) for n in ("states", "found"))


def one_by_one(batch: Batch) -> Iterator[Batch]:
    """Give each session of a batch as a batch of its own."""
    for k in range(len(batch.sessions)):
        row = batch.sessions[k : k + 1].copy()
        first = int(row[0, c.STEP])
        row[0, c.STEP] = 0
        yield Batch(row, batch.stream, batch.steps[first : first + int(row[0, c.STEPS])])


def lists(tables: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    return {name: table.lists() for name, table in tables.items()}


def differing(batch: Batch, cuts: Sequence[int], patch: pytest.MonkeyPatch) -> list[str]:
    """Name the columns that differ between a session in one part and in parts."""
    known: list[np.ndarray[Any, Any]] = []

    def learn(*arguments: Any) -> None:
        recognise(*arguments)
        known.extend((arguments[STATES].copy(), arguments[FOUND].copy()))

    def know(*arguments: Any) -> None:
        if len(arguments[STATES]):
            arguments[STATES][:], arguments[FOUND][:] = known

    patch.setattr(reader, "recognise", learn)
    wanted = lists(tables_of([batch]))
    patch.setattr(reader, "recognise", recognise)
    if not known[1][0, IS_SMTP] or _in_preface(batch, cuts[0], known[0][0]):
        return []
    patch.setattr(reader, "recognise", know)
    place = tracker()
    found = lists(tables_of(parts_of(batch, cuts, place), place))
    patch.setattr(reader, "recognise", recognise)
    return [f"{name}.{key}" for name in wanted for key in wanted[name] if wanted[name][key] != found[name][key]]


def _in_preface(batch: Batch, cut: int, state: np.ndarray[Any, Any]) -> bool:
    """Say whether a cut leaves a part without a byte behind a proxy's opening: parts are far longer than those."""
    for side, opening in ((state[s.CLIENT], state[s.CPOS]), (1 - state[s.CLIENT], state[s.SPOS])):
        start = batch.sessions[0, c.STREAM_0 + side]
        ends = batch.steps[:cut][batch.steps[:cut, c.STEP_SIDE] == side, c.STEP_END]
        if opening > 0 and ends.max(initial=start) <= start + opening:
            return True
    return False


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_parts(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that is suspended and resumed, anywhere, or everywhere, gives the same rows in all columns."""
    for batch in (one for whole_batch in captured(case.text) for one in one_by_one(whole_batch)):
        many = len(batch.steps)
        places = [[cut] for cut in range(1, many, 1 + many // CUTS)]
        for cuts in [*places, list(range(1, many))] if many > 1 else []:
            told = differing(batch, cuts, monkeypatch)

            assert not told, f"cut before step {cuts} of {many}: {told}"


def test_conflict_in_a_later_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Different bytes for one place weaken the labels of a session in whichever part they came."""
    case = next(case for case in CASES if case.name == "overlap-conflict-name")
    wanted = table(read(case.text, segmentation=(5,)), "auth")
    monkeypatch.setattr(limits, "PART_SEGMENTS", 20)

    assert table(read(case.text, segmentation=(5,)), "auth") == wanted
    assert "overlap_conflict" in wanted[0]["caveats"]


#: What stands before a message, and what its end, 2 s before the reply, is in `exchanges`: its frame (None: nobody
#: saw it) counted from the reply's, and the seconds between them.
TO_DATA: Final = """# Title
# Prose.
{}
S: 220 mx
C: EHLO c
S: 250 mx
C: MAIL FROM:<a@b.test>
S: 250 ok
C: RCPT TO:<c@d.test>
S: 250 ok
C: DATA
S: 354 go
"""
BODY: Final = "C: Subject: a long line, of which the head is there\nC+ hello\n"
FINAL_DOTS: Final = {
    "whole": (f"{BODY}C: .\n", -1),
    "behind a cut": (f"-- cut 20\n{BODY}C: .\n", -1),
    "behind a cut, with the next command": (f"-- cut 20\n{BODY}C: .\nC+ NOOP\n", -1),
    "behind a cut behind an odd one": (f"C> .\\n\n-- cut 20\n{BODY}C: .\n", -1),
    "behind a gap": (f"{BODY}-- gap 100 client\nC: .\n", -1),
    "an odd one": ("C> hello\\n.\\n\n", -1),
    "without its LF": (f"{BODY}-- cut 2\nC: .\n", -1),
    "cut off": (f"-- cut 20\n{BODY}C+ .\n", None),
    "cut behind a dot": (f"{BODY}-- cut 1\nC: .\n", None),
    "missing": (f"{BODY}-- lost C: .\n", None),
    "missing behind an odd one": (f"C> .\\n\n{BODY}-- lost C: .\n", None),
}


@pytest.mark.parametrize("name", FINAL_DOTS)
@pytest.mark.parametrize("mark", ["", "-- only server"])
def test_frame_of_the_end_of_data(name: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a message has the frame and the time of its dot, wherever that was captured, however it was found."""
    text, before = FINAL_DOTS[name]
    text = f"{TO_DATA.format(mark)}{text}-- time +2\nS: 250 queued\n"
    exchanges = table(read(text), "exchanges")
    (end,) = (row for row in exchanges if row["verb"] == "(end of data)")

    if before is None or mark:
        assert (end["frame"], end["seconds"], end["at"] is None) == (None, None, False)
    else:
        assert (end["frame"], end["seconds"]) == (end["reply_frame"] + before, pytest.approx(2.001))
    (batch,) = captured(text)
    assert not differing(batch, range(1, len(batch.steps)), monkeypatch)


# ------------------------------------------------------------------------------------------------ whatever comes


CLIENT: Final = [
    *(b"EHLO x", b"LHLO x", b"AUTH LOGIN", b"auth plain AGEAYg==", b"AUTH", b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>"),
    *(b"DATA", b"BDAT 7", b"BDAT 3 LAST", b"BDAT 999999999999999999", b"STARTTLS", b"TURN", b"RSET", b"QUIT", b"NOOP"),
    *(b"", b"*", b"=", b".", b"..", b"YWxpY2U=", b"PROXY TCP4 a b", b"\x16\x03\x01\x00\x05hello", b"\0\0\0\x04abcd"),
]
SERVER: Final = [
    *(b"220 mx ESMTP", b"250 ok", b"250-more", b"235 2.7.0 ok", b"334 ", b"334", b"334 eyJzdGF0dXMiOiI0MDAifQ=="),
    *(b"334 5.7.0 no", b"354 go", b"421 bye", b"454 4.7.0 no", b"535 5.7.8 no", b"535-5.7.8 no", b"500 what", b"199 x"),
    *(b"600 x", b"no reply", b"", b"\x16\x03\x03\x00\x02ab", b"99999", b"334 4.", b"221 bye"),
]
ENDS: Final = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"", b"\r"]
ACKED: Final = [c.HEARD, c.HEARD, c.HEARD, 0, c.HEARD | c.EARLY]


def bits(line: bytes, end: bytes) -> bytes:
    return line + end or b"x"


@st.composite
def steps(draw: st.DrawFn) -> Step:
    side = draw(st.integers(0, 1))
    kind = draw(st.sampled_from([c.DATA] * 12 + [c.GAP, c.GAP, c.CUT, c.FIN, c.RST]))
    if kind in (c.FIN, c.RST):
        return kind, side, b"", 0, 0
    acked = draw(st.sampled_from(ACKED))
    if kind == c.GAP:
        return kind, side, b"", draw(st.integers(1, 40)), acked
    lines = st.builds(bits, st.sampled_from((CLIENT, SERVER)[side]), st.sampled_from(ENDS))
    data = (
        draw(st.one_of(lines, lines, lines, st.lists(lines, max_size=3).map(b"".join), st.binary(max_size=12))) or b"?"
    )
    return kind, side, data, draw(st.integers(1, 40)) if kind == c.CUT else len(data), acked


dialogues = st.builds(
    Session,
    steps=st.lists(steps(), max_size=25),
    midstream=st.booleans(),
    only=st.sampled_from([None, None, None, 0, 1]),
)


def rows_of(batch: Batch) -> Rows:
    return Reader().read(batch, tracker())


def shown(rows: np.ndarray[Any, Any], flags: int) -> list[list[int]]:
    return [row for row in rows.tolist() if not row[flags] & (Flag.VOID | Flag.HELD)]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(session=dialogues)
def test_any_steps(session: Session) -> None:
    """Lines, junk, gaps and ends in any order obey the general laws of units and attempts, and never raise."""
    batch = to_batch([session])
    batch.sessions[:, c.PORT_1] = 25
    rows = rows_of(batch)
    units, attempts = shown(rows.units, s.U_FLAGS), shown(rows.attempts, s.A_FLAGS)
    lines = [unit for unit in units if unit[s.U_LENGTH]]
    replies = [unit[s.U_REPLY_OFF] for unit in units if unit[s.U_CODE]]

    assert [unit[s.U_NUMBER] for unit in units] == list(range(len(units)))
    assert [attempt[s.A_NUMBER] for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert len(replies) == len(set(replies)), "a reply answers one unit"
    assert [unit[s.U_OFF] for unit in lines] == sorted({unit[s.U_OFF] for unit in lines}), "lines in order"
    for unit in units:
        early = unit[s.U_CODE] == 421  # an unsolicited one is the reply to the next command
        if unit[s.U_CODE] and unit[s.U_FRAME] and not early:
            assert unit[s.U_FRAME] < unit[s.U_REPLY_FRAME], "a reply is later than what it answers"
    for attempt in attempts:
        how, code, last = attempt[s.A_HOW], attempt[s.A_CODE], attempt[s.A_LAST]
        assert (how == How.CODE) == (code > 0)
        assert how in list(How)
        assert last in list(Last)
        assert attempt[s.A_ROUNDS] >= 0
        assert min(attempt[s.A_SERVER_NS], attempt[s.A_CLIENT_NS]) >= 0
    auth = tables_of([batch])["auth"].lists()
    named = [law.outcome(attempt[s.A_HOW], attempt[s.A_CODE], attempt[s.A_LAST]) for attempt in attempts]
    assert auth["outcome"] == named
    assert set(named) <= set(law.OUTCOMES)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(session=dialogues, data=st.data())
def test_any_steps_in_parts(session: Session, data: st.DataObject) -> None:
    """Whatever the steps are, a session in two parts has the attempts, units and pairs of one in one part.

    But for the times of lines that came in several steps, and waited together from one part into the next: all have
    that of the last. And but for a ClientHello in a session without a beginning: whether it is TLS shows in what the
    server says next, which may be in the next part.
    """
    assume(not any(said.startswith(b"\x16\x03") for _, _, said, *_ in session.steps))
    batch = to_batch([session])
    cut = data.draw(st.integers(1, len(batch.steps) - 1)) if len(batch.steps) > 1 else 0
    with pytest.MonkeyPatch.context() as patch:
        told = differing(batch, [cut], patch) if cut else []

    assert set(told) <= TIMES
