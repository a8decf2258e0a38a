"""Listings for people."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import AnalyzerError
from analyzer.report.listing import FORMATS, chosen, column_names, listing
from analyzer.report.screen import Clock, Screen, width_of
from analyzer.schema import TABLES
from analyzer.tables import Table
from tests.records import START, attempt, rows, session

UTC = Clock(dt.UTC)
NARROW, WIDE, PIPE = Screen(80, False, UTC), Screen(200, False, UTC), Screen(None, False, UTC)


def lines(table, screen=NARROW, columns=None, sessions=None):
    return "".join(listing(table, "table", screen, columns, sessions or Table.empty("sessions"))).splitlines()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_fits(tables, name, width):
    """No line of a listing is wider than the terminal."""
    got = lines(tables[name], Screen(width, False, UTC), sessions=tables["sessions"])

    assert len(got) == len(tables[name]) + 2
    assert all(width_of(line) <= width for line in got)


def test_auth(tables):
    """The listing of attempts says when, who, how and with what end, and how to find the session."""
    got = lines(tables["auth"], sessions=tables["sessions"])

    assert got[0] == "auth: 10 rows, on 2026-11-18, times in UTC; more: --columns all"
    assert got[1].split() == ["#", "started", "client_ip", "identity", "mechanism", "rounds", "outcome"]
    assert got[2].split() == ["1", "11:03:00", "192.0.2.66", "user0", "LOGIN", "2", "rejected"]
    assert got[-1].split() == ["9", "11:03:20", "198.51.100.7", "alice@example.test", "PLAIN", "-", "client_closed"]


def test_wide_shows_more(tables):
    """A wide terminal shows more columns, a pipe cuts nothing."""
    assert "reason" not in lines(tables["auth"], NARROW)[1]
    assert "reason" in lines(tables["auth"], WIDE)[1]
    assert "Error: authentication failed: authentication failure" in lines(tables["auth"], PIPE)[2]


def test_several_sources():
    """Where several sources tell of one attempt the heading says so, and each row its source, at 80 columns, too."""
    told = [
        attempt(
            f"s{n}", f"203.0.113.{100 + n}", START, "rejected", event=f"e{n}-1", source=source, session=f"{source}{n}"
        )
        for n in range(3)
        for source in ("capture.pcap", "maillog")[: 1 + (n < 2)]
    ]
    table = rows("auth", *told)
    got = lines(table)

    assert got[0] == "auth: 5 rows of 3 attempts, told by 2 sources, on 2026-11-18, times in UTC"
    assert got.pop(1) == "more: --columns all"
    assert got[1].split() == ["#", "started", "client_ip", "identity", "mechanism", "rounds", "outcome", "source"]
    assert max(map(width_of, got)) <= 80
    both = rows("sessions", *(session("a", "192.0.2.1", START, source=name) for name in ("capture.pcap", "maillog")))
    assert lines(both)[0].startswith("sessions: 2 rows of 1 session, told by 2 sources, on ")
    assert " ended_by    source " in lines(both, Screen(100, False, UTC))[1]
    twice = rows("auth", *(attempt("s", "192.0.2.1", START, "rejected", text=None) for _ in range(2)))
    assert lines(twice)[0].startswith("auth: 2 rows of 1 attempt, on ")
    assert lines(table.take(np.arange(1)))[0].startswith("auth: 1 row, on ")


def test_findings(tables):
    """At 80 columns a finding says whom it is about, and the heading that there are more columns."""
    server = {"severity": "info", "kind": "auth_offered_in_clear", "server": "192.0.2.25:587", "evidence": "told " * 9}
    table = rows(
        "findings",
        {"severity": "high", "kind": "break_in", "client": "192.0.2.9", "at": START, "identity": "bob"},
        server,
    )
    got = lines(table)

    assert got[0] == "findings: 2 rows, on 2026-11-18, times in UTC; more: --columns all"
    assert got[1].split() == ["severity", "kind", "#", "about", "count", "at"]
    assert "  from 192.0.2.9 at bob  " in got[2]
    assert "  on 192.0.2.25:587 " in got[3]
    assert max(map(width_of, got)) <= 80
    assert "more" not in lines(table, PIPE, chosen("findings", "all"))[0]
    assert lines(table, PIPE, chosen("findings", "kind,about"))[3].split() == [server["kind"], "on", server["server"]]
    csv = b"".join(listing(table, "csv", PIPE, chosen("findings", "kind,about"), Table.empty("sessions")))
    assert csv.startswith(b"kind\nbreak_in\n")
    with pytest.raises(AnalyzerError, match="auth has no column about"):
        chosen("auth", "about")


def test_days(tables):
    """A listing of several days has the dates in its rows."""
    got = lines(tables["sessions"])

    assert got[0] == "sessions: 10 rows, times in UTC; more: --columns all"
    assert "2026-11-19 11:03:00" in got[-1]


def test_timezone(tables):
    """Times are told in the chosen timezone, which is named."""
    from zoneinfo import ZoneInfo

    got = lines(tables["auth"], Screen(80, False, Clock(ZoneInfo("Asia/Tokyo"))))
    assert got[:2] == ["auth: 10 rows, on 2026-11-18, times in Asia/Tokyo (UTC+09:00)", "more: --columns all"]
    assert "20:03:00" in got[3]


def test_hostile_text():
    """An escape sequence, a wide character and a long text leave the layout alone."""
    table = rows(
        "auth",
        attempt("a", "192.0.2.1", START, "rejected", identity="\x1b[2J[/]" + "x" * 100),
        attempt("b", "192.0.2.1", START, "rejected", identity="日本語" * 30),
        attempt("c", "192.0.2.1", START, "succeeded", identity=""),
    )

    got = lines(table)
    assert "\x1b" not in "".join(got)
    assert all(width_of(line) <= 80 for line in got)
    starts = [
        line.replace("日本語", "ababab").replace("日", "ab").replace("本", "ab").find("LOGIN") for line in got[2:]
    ]
    assert len(set(starts)) == 1


@given(st.lists(st.text(max_size=90), min_size=1, max_size=4))
def test_any_text_keeps_the_layout(texts):
    """Whatever the text, each row is one line that fits."""
    got = lines(rows("auth", *(attempt("a", "192.0.2.1", START, "other", identity=text) for text in texts)))

    assert len(got) == 2 + len(texts)
    assert all(width_of(line) <= 80 for line in got)


def test_colours(tables):
    """Colours mark outcomes and change no width."""
    import re

    coloured = lines(tables["auth"], Screen(80, True, UTC))
    assert "\x1b[31mrejected" in coloured[2]
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == lines(tables["auth"])


@pytest.mark.parametrize("form", FORMATS)
def test_empty(form):
    """A listing of nothing is no error."""
    for name in TABLES:
        text = "".join(
            part if form == "table" else part.decode()
            for part in listing(Table.empty(name), form, NARROW, None, Table.empty("sessions"))
        )
        assert text == {"jsonl": "", "csv": ",".join(column_names(name)) + "\n", "table": f"{name}: 0 rows\n"}[form]


def test_columns_are_chosen(tables):
    """Columns asked for are shown, squeezed if they must be; # is the number of the session."""
    names = chosen("auth", "#, identity,where")

    assert lines(tables["auth"], columns=names, sessions=tables["sessions"])[2].split() == [
        "1",
        "user0",
        "mail.pcap:12",
    ]
    assert (
        b"".join(listing(tables["auth"], "csv", NARROW, names, tables["sessions"])).splitlines()[0] == b"identity,where"
    )
    assert chosen("auth", "all") == column_names("auth")
    assert chosen("auth", None) is None


@pytest.mark.parametrize("columns", ["nothing", "code,,text", "", "CODE"])
def test_unknown_columns(columns):
    """A column that is not there is an error that lists those that are."""
    with pytest.raises(AnalyzerError, match="it has session, attempt"):
        chosen("auth", columns)
    with pytest.raises(AnalyzerError, match="skipped has no column #"):
        chosen("skipped", "#")
