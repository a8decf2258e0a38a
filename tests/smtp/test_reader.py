"""Tests of `analyzer.smtp.reader`: what it keeps of a session that goes on, and what it leaves to the tracker."""

from __future__ import annotations

import pytest

from analyzer.smtp import columns as s
from analyzer.smtp.law import Flag
from analyzer.smtp.reader import Reader
from analyzer.tcp import columns as c
from tests.dialogue import to_events
from tests.streams import parts_of, sessions_of, to_batch, tracker

HEAD = "# Title\n# Prose.\n"
SMTP = "S: 220 mx ESMTP\nC: EHLO x\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWxpY2U=\nS: 535 no\n"
POP3 = "S: +OK ready\nC: USER alice\nS: +OK\nC: PASS x\nS: +OK\n"
#: The client's lines that are kept after each step of the dialogue: of an open unit, or an open attempt.
KEPT = (*(b"", b"", b"EHLO x\r\n", b"", b"AUTH LOGIN\r\n", b"AUTH LOGIN\r\n", b"AUTH LOGIN\r\nYWxpY2U=\r\n"),)


def batch_of(text: str):
    return to_batch(sessions_of(to_events(HEAD + text)))


def test_counts_what_is_no_smtp():
    """Sessions that are not SMTP, and those without a byte, are counted and give no rows."""
    reader = Reader()
    rows = reader.read(batch_of(f"{SMTP}-- connect\n{POP3}-- connect\n-- fin client\n"), tracker())

    assert len(rows.sessions) == 1
    assert (reader.other_sessions, reader.silent_sessions) == (1, 1)


def test_forgets_what_is_no_smtp():
    """The tracker is told to forget a session that goes on and is not SMTP; nothing of it is kept."""
    batch, place = batch_of(POP3), tracker()
    batch.sessions[0, [c.FINAL, c.OWNER]] = 0, 7
    reader = Reader()
    rows = reader.read(batch, place)

    assert len(rows.sessions) == 0
    assert (reader.parts, place.tails) == ({}, {})
    assert place.table[0, c.DULL] == 1


@pytest.mark.parametrize("cut", range(1, 7))
def test_keeps_what_is_open(cut):
    """Of a session that goes on, the rows that are open and the bytes from the first of them on are kept."""
    place, reader = tracker(), Reader()
    parts = parts_of(batch_of(SMTP), [cut], place)
    rows = reader.read(next(parts), place)
    part, (client, server) = reader.parts[1], place.tails[1]
    held = rows.units[:, s.U_FLAGS] & Flag.HELD != 0

    assert len(part.units) == held.sum()
    assert len(part.attempts) == (cut >= 4)
    assert bytes(client) == KEPT[cut]
    assert bytes(server) == (b"334 VXNlcm5hbWU6\r\n" if cut > 4 else b"")

    done = reader.read(next(parts), place)
    units = len(rows.units) - held.sum() + len(done.units)

    assert (units, len(done.attempts), reader.parts, place.tails) == (4, 1, {}, {})


def test_void_rows_are_marked():
    """A verb behind missing bytes that was text stays in the arrays, marked as void."""
    rows = Reader().read(batch_of("S: 220 mx ESMTP\n-- gap 9 client\nC: AUTH LOGIN\nS: 250 ok\n"), tracker())

    assert [bool(flags & Flag.VOID) for flags in rows.attempts[:, s.A_FLAGS].tolist()] == [True]
    assert [bool(flags & Flag.VOID) for flags in rows.units[:, s.U_FLAGS].tolist()] == [False, True, False]
