"""The report in the terminal."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from pathlib import Path

import pytest

from analyzer.report.gather import gather, unread
from analyzer.report.page import page
from analyzer.report.screen import Clock, Screen, width_of
from analyzer.report.summary import LOST, summarise
from analyzer.report.terminal import report
from analyzer.schema import TABLES
from analyzer.tables import Table
from analyzer.trace import Trace
from tests.records import attempt, ms, rows, session

SCREEN = Screen(80, False, Clock(dt.UTC))

OPENING = """\
Input     mail.pcap
Seen      10 AUTH attempts in 10 SMTP sessions
When      2026-11-18 11:03:00 to 2026-11-19 11:03:00, UTC
Servers   127.0.0.1:2525 (Postfix)
Outcomes  7 rejected, 2 succeeded, 1 client_closed
Clients   2: 192.0.2.66 (8), 198.51.100.7 (2)
Tried     5: user0 (3), alice@example.test (2), user1 (2), user2 (2), bob (1)
Got in    2 times; by guessing: 192.0.2.66 as bob
Found     password guessing from 192.0.2.66: 7 guesses at 3 identities
Do next   change the password of bob unless 192.0.2.66 is known to you
          keep 192.0.2.66 out
Not seen  1 session inside TLS, 1 attempt with rounds not exact, 2 more
"""


def text(tables, screen=SCREEN, sources=("mail.pcap",), **more):
    return "\n".join(report(tables, list(sources), screen, **more))


def test_opening(tables):
    """The first twelve lines say what happened, to whom, who got in, what to do next and what nobody saw."""
    assert text(tables).startswith(OPENING + "\n")


def test_sections(tables):
    """After the opening come the tables, each under its title."""
    got = text(tables)

    for title in (
        "Attempts by mechanism", "Why attempts", "Clients with", "Identities with", "How sessions",
        "What weakens", "Findings", "What could not be read",
    ):  # fmt: skip
        assert f"\n\n{title}" in got
    assert "         7  LOGIN           2  rejected\n" in got
    assert "         1  PLAIN           ?  client_closed\n" in got
    assert "  medium  guessing  192.0.2.66\n    2026-11-18 11:03:00 to 11:03:06: 7 guesses at 3 identities\n" in got
    assert "  high  break_in  192.0.2.66  bob\n    2026-11-18 11:03:07: got in after 7 guesses" in got
    assert "12  wire   not TCP  frame 3" in got


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_width(tables, width):
    """No line is wider than the terminal, and none is too long to read."""
    assert max(map(width_of, report(tables, ["x" * 300], Screen(width, False, Clock(dt.UTC))))) <= min(width, 120)


def test_colours_change_nothing_else(tables):
    """Without colours there is no escape sequence, with them the text is the same."""
    coloured = text(tables, Screen(80, True, Clock(dt.UTC)))

    assert "\x1b" not in text(tables)
    assert re.sub(r"\x1b\[\d*m", "", coloured) == text(tables)


def test_nothing():
    """A capture without SMTP is said to be one, with what to check."""
    got = text({name: Table.empty(name) for name in TABLES})

    assert "no SMTP session was found in this input" in got
    assert "check the interface and the capture filter" in got
    assert "nothing was hidden, lost or skipped" in got


def test_what_logs_do_not_show(tables):
    """What would show it is a setting, a sentence, or nothing at all: the words before it fit all of them."""
    settings = ["auth_verbose = yes", "none; the user name is in the row", "a capture of the traffic"]
    cannot = [{"format": "Postfix", "what": "the rounds", "setting": setting} for setting in settings]
    got = text(tables, cannot=cannot).split("What these logs do not show, and what would\n")[1]

    assert got.splitlines() == [
        line for setting in settings for line in ("  Postfix: the rounds", f"    would: {setting}")
    ]


def test_what_is_skipped_in_several_inputs():
    """What was skipped for one reason in several files is one number; what TLS hides is counted apart."""
    told = [("logs", "odd", 1), ("wire", "cut", 20), ("logs", "odd", 300), ("tls", "no keys", 999)]
    empty = {name: Table.empty(name) for name in TABLES}
    several = rows("skipped", *({"stage": stage, "reason": why, "count": count} for stage, why, count in told))
    (line,) = re.findall("Not seen +(.*)", text({**empty, "skipped": several}))

    assert unread(told) == [("odd", 301), ("cut", 20)]
    assert line == "301 skipped (odd), 20 skipped (cut)"


def test_lost_input(tables):
    """That a part of the input is lost stands before all else that was not seen, and then nothing is called calm."""
    tables["auth"] = rows("auth", attempt("s", "192.0.2.1", ms(0), "succeeded"))
    tables["findings"] = Table.empty("findings")
    tables["sessions"] = rows("sessions", session("s", "192.0.2.1", ms(0)))
    cut = {"source": "mail.pcap", "stage": "wire", "count": 1}
    told = ("file cannot be read on", "incomplete record at the end of the file")
    tables["skipped"] = rows(
        "skipped", {**cut, "reason": "connection without payload", "count": 40}, *({**cut, "reason": r} for r in told)
    )
    got, object_, shown = text(tables), gather(tables, []), page(tables, ["mail.pcap"], Clock(dt.UTC))

    assert "\nNot seen  input lost (file cannot be read on, incomplete record at the …, 1 more\n" in got
    assert "\nDo next   copy or capture again what could not be read to its end: mail.pcap\n" in got
    assert "nothing is urgent" not in got
    assert object_.verdict == "trouble"
    assert [(each.name, each.count) for each in object_.unseen.lost] == [(reason, 1) for reason in told]
    assert object_.steps[0].text == "Copy or capture again what could not be read to its end: mail.pcap"
    assert "<dd>Input is lost: file cannot be read on</dd>" in "".join(shown)


def test_several_lost_inputs(tables):
    """Of many inputs that are damaged the first are named; a file that could not be opened at all is lost, too."""
    lost = {"stage": "wire", "reason": "file cannot be read: Permission denied", "count": 1}
    tables["skipped"] = rows("skipped", *({**lost, "source": f"h{n}"} for n in range(5)))

    assert gather(tables, []).steps[-1].text.endswith("to its end: h0, h1, h2, and 2 more")


@pytest.mark.parametrize("place", ["wire/capture.py", "logs/read.py", "inputs.py"])
def test_what_is_lost_is_what_readers_say(place):
    """The words by which lost input is known are those of the readers."""
    source = (Path(report.__code__.co_filename).parents[1] / place).read_text("utf-8")
    known = {"wire/capture.py": LOST[:4], "logs/read.py": LOST[4:5], "inputs.py": LOST[5:]}[place]

    assert [words for words in known if f'"{words}' not in source] == []


def test_nothing_in_a_log():
    """A text in which no session was found is said to be looked at by its lines, not by an interface."""
    tables = {name: Table.empty(name) for name in TABLES}
    tables["skipped"] = rows("skipped", {"stage": "logs", "reason": "line not understood", "count": 1})
    got = text(tables)

    assert (
        "Do next   ask `smtp-analyzer formats --test FILE` which lines are understood;\n            docs/logs.md" in got
    )
    assert "interface" not in got
    assert [step.text[:4] for step in gather(tables, []).steps] == ["Ask "]


def test_nobody():
    """Where no attempt succeeded the report says so, and with TLS that it saw not all."""
    tables = {name: Table.empty(name) for name in TABLES}
    tables["auth"] = rows("auth", attempt("a", "192.0.2.1", ms(0), "rejected"))
    tables["sessions"] = rows("sessions", session("a", "192.0.2.1", ms(0)))
    assert "Got in    nobody\n" in text(tables)

    for lacks in ({"attempts": None}, {"readable": 0}, {"caveats": "bare_lf gap"}):
        tables["sessions"] = rows("sessions", session("a", "192.0.2.1", ms(0), **lacks))
        assert "Got in    nobody that could be seen\n" in text(tables)


def test_missing_bytes():
    """Sessions of which bytes are missing are counted, with what they lack, also where no attempt was seen."""
    tables = {name: Table.empty(name) for name in TABLES}
    caveats = ["gap", "gap one_sided", "bare_lf", "truncated", ""]
    made = [session(f"s{n}", "192.0.2.1", ms(n), attempts=0, caveats=words) for n, words in enumerate(caveats)]
    tables["sessions"] = rows("sessions", *made)
    got = text(tables)

    assert "\nGot in    nobody that could be seen\n" in got
    assert "\nNot seen  3 sessions with missing bytes (gap, one_sided, truncated)\n" in got
    assert "\nWhat is missing from sessions\n  sessions  caveat\n         2  gap\n" in got


@pytest.mark.parametrize(
    ("names", "got_in"),
    [
        (["alice", None, "carol", "alice"], "4 times, alice, carol and 1 unknown"),
        (["alice"], "1 time, alice"),
        ([None, None], "2 times, nobody knows as whom"),
        ([None, *"abcdefgh", "x" * 60], "10 times, a, b, c, d, e, f, g, h, 1 more and 1 unknown"),
    ],
)
def test_successes_without_a_name(tables, names, got_in):
    """Successes of which nobody knows the identity are counted among those who got in."""
    made = [attempt(f"s{n}", "192.0.2.1", ms(n), "succeeded", identity=name) for n, name in enumerate(names)]
    tables["auth"], tables["findings"] = rows("auth", *made), Table.empty("findings")

    assert f"\nGot in    {got_in}\n" in text(tables)


@pytest.mark.parametrize(
    ("conditions", "got_in"),
    [
        (["--outcome", "rejected, cancelled"], "not asked"),
        (["--reason", "bad_password"], "not asked"),
        (["--outcome", "Rejected,Succeeded", "--client", "192.0.2.66"], "2 times; by guessing: 192.0.2.66 as bob"),
        (["--outcome", "succeeded", "--outcome", "rejected"], "not asked"),
    ],
)
def test_narrowed(tables, conditions, got_in):
    """The opening names what the report was narrowed to; where that leaves successes out nobody asked who got in."""
    got = text(tables, conditions=conditions)

    assert f"\nOnly      {shlex.join(conditions)}\n" in got
    assert f"\nGot in    {got_in}\n" in got
    assert "\nOnly " not in text(tables)


def test_nothing_met(tables):
    """Where nothing meets the conditions the report says so, and not that nothing is there or that all was seen."""
    tables["skipped"] = rows("skipped", {"stage": "tls", "reason": "dialogue inside TLS, no keys", "count": 1})
    trace = Trace(tables, [], []).filter(identity="zzz")
    got = text(trace.tables, conditions=trace.conditions, unmet=trace.unmet)

    seen = "nothing meets --identity zzz; the input has 10 AUTH attempts in 10\n          SMTP sessions\n"
    assert got.startswith(f"Input     mail.pcap\nOnly      --identity zzz\nSeen      {seen}Do next   give other")
    assert "\nNot seen  1 session inside TLS in the whole input\n\nWhat could not be read (of the whole input)\n" in got
    for untrue in ("interface", "Got in", "nothing was hidden", "Findings"):
        assert untrue not in got
    timed = Trace(tables, [], []).filter(since="2026-11-20")
    assert "Not seen" not in text(timed.tables, conditions=timed.conditions, unmet=timed.unmet)


def test_what_tls_hides_of_those_who_are_asked_for(tables):
    """What an identity did inside TLS nobody knows: the sessions there are told, though they meet no such condition."""
    tables["skipped"] = rows("skipped", {"stage": "tls", "reason": "dialogue inside TLS, no keys", "count": 1})
    trace = Trace(tables, [], []).filter(identity="user1")
    got = text(trace.tables, conditions=trace.conditions)

    assert "\nGot in    nobody that could be seen\n" in got
    assert "\nNot seen  1 session inside TLS in the whole input\n" in got


def test_a_part_is_not_called_calm(tables):
    """That nothing is urgent is said of a whole input alone, not of what conditions leave of it."""
    tables["auth"] = rows("auth", attempt("s", "192.0.2.1", ms(0), "succeeded"))
    tables["findings"] = Table.empty("findings")

    assert "nothing is urgent" in text(tables)
    assert "nothing is urgent" not in text(tables, conditions=["--outcome", "succeeded"])


def test_many(tables):
    """Long lists are cut, and what is left out is counted."""
    many = [attempt(f"S{n}", f"10.0.{n // 250}.{n % 250}", ms(n), "rejected", identity=f"u{n}", mechanism=f"M{n % 30}",
                    rounds=n % 3) for n in range(900)]  # fmt: skip
    tables["auth"] = rows("auth", *many)
    tables["findings"] = rows("findings", *({"severity": "low", "kind": f"k{n}"} for n in range(30)))
    tables["skipped"] = rows("skipped", *({"reason": f"r{n}", "stage": "wire", "count": n} for n in range(30)))

    got = text(tables)
    assert "900 AUTH attempts" in got
    assert "and 10 more combinations with 300 attempts" in got
    assert "and 890 more clients with 890 attempts" in got
    assert "and 10 more: `smtp-analyzer findings mail.pcap` lists them" in got
    assert "and 10 more kinds: `smtp-analyzer skipped mail.pcap` lists them" in got

    got = text(tables, paths=["my mail.pcap", "--year", "2025"], conditions=["--client", "192.0.2.1"])
    assert "and 10 more: `smtp-analyzer findings 'my mail.pcap' --year 2025 --client 192.0.2.1` lists them" in got
    assert "and 10 more kinds: `smtp-analyzer skipped 'my mail.pcap' --year 2025` lists them" in got


def test_one_more(tables):
    """What is left out is one thing, or several."""
    made = [attempt(f"S{n}", f"10.0.0.{n}", ms(n), "rejected", identity=f"u{n}", mechanism=f"M{n}") for n in range(21)]
    tables["auth"] = rows("auth", *made[:11])
    tables["skipped"] = rows("skipped", *({"reason": f"r{n}", "stage": "wire", "count": n} for n in range(21)))

    got = text(tables)
    assert "\n  and 1 more client with 1 attempt\n" in got
    assert "\n  and 1 more identity with 1 attempt\n" in got
    assert "and 1 more kind: `" in got
    tables["auth"] = rows("auth", *made)
    assert "\n  and 1 more combination with 1 attempt\n" in text(tables)
    assert "\n  and 11 more identities with 11 attempts\n" in text(tables)


def entries(count):
    """Make the findings of so many clients that got in by guessing, and of one that did not."""
    told = {"severity": "high", "kind": "break_in", "identity": "bob", "evidence": "got in", "count": 1}
    made = [
        {**told, "client": f"192.0.2.{n}", "advice": f"change the password of bob, unless 192.0.2.{n} is theirs"}
        for n in range(count)
    ]
    guessing = {"severity": "medium", "kind": "guessing", "client": "198.51.100.0/24", "advice": "keep them out"}
    return rows("findings", *made, guessing)


def test_many_got_in(tables):
    """Of many who got in the opening says how many, and the section on findings leaves room for others."""
    tables["findings"] = entries(30)
    got = text(tables)

    assert "\nGot in    2 times; by guessing: 192.0.2.0 as bob; 192.0.2.1 as bob; 28 more\n" in got
    assert "\nDo next   change the password of bob, unless 192.0.2.0 is theirs\n" in got
    assert "\n          change the password of bob, unless 192.0.2.1 is theirs; and 29 more\n" in got
    assert got.count("  high  break_in") == 10
    assert "  medium  guessing  198.51.100.0/24\n" in got
    assert "and 20 more: `smtp-analyzer findings mail.pcap`" in got


def test_findings_without_a_row_count_as_what_they_are(tables):
    """A row that stands for many who got in counts as so many."""
    rest = {"severity": "high", "kind": "break_in", "evidence": "1,200 more findings of this kind, with 1,300 attempts"}
    tables["findings"] = rows("findings", {"severity": "high", "kind": "break_in", "client": "192.0.2.9"}, rest)

    assert "by guessing: 192.0.2.9 as unknown identity; 1,200 more\n" in text(tables)


def test_wide_tables(tables):
    """Of several texts that are long each gives way: what could not be read stays readable at 80 columns."""
    line, reason = "aaaa-bbb " * 20, "line is not understood, and what it is nobody knows " * 2
    tables["skipped"] = rows("skipped", {"reason": reason, "stage": "logs", "count": 1, "first": line})

    got = text(tables).split("What could not be read\n")[1].splitlines()
    assert len(got) == 2
    assert max(map(width_of, got)) == 80
    assert got[1].startswith("      1  logs   line is not understood, and")
    assert "…  aaaa-bbb aaaa-bbb aaaa-" in got[1]


def test_hostile(tables):
    """Names, replies and findings written by strangers print as text."""
    evil = "\x1b[31m[/]\u202e\n" + "w" * 200
    tables["auth"] = rows("auth", attempt("a", evil, ms(0), "rejected", identity=evil, mechanism=evil, reason=evil))
    tables["findings"] = rows("findings", {"severity": evil, "kind": evil, "evidence": evil, "advice": evil})

    got = text(tables, sources=[evil])
    assert "\x1b" not in got
    assert max(map(width_of, got.splitlines())) <= 80


def test_found(tables):
    """Of several findings the opening names what fits, the severe first; low ones only where nothing is worse."""
    kinds = ("medium", "backend_outage"), ("low", "auth_scanner"), ("high", "starttls_mangled"), ("info", "weak")
    tables["findings"] = rows("findings", *({"severity": s, "kind": k, "server": "192.0.2.1"} for s, k in kinds))

    (line,) = (line for line in text(tables).splitlines() if line.startswith("Found"))
    assert line == "Found     STARTTLS overwritten on 192.0.2.1 (0), login outage on 192.0.2.1 (0)"
    assert len(text(tables).split("\n\n")[0].splitlines()) <= 12

    low = {"severity": "low", "kind": "auth_scanner", "client": "192.0.2.9", "evidence": "12 attempts"}
    tables["findings"] = rows("findings", low)
    assert "\nFound     a scanner from 192.0.2.9: 12 attempts\n" in text(tables)


def test_several_findings_that_do_not_fit(tables):
    """Where the names of all do not fit, each finding is shown with the first of them, and the others are counted."""
    told = {"severity": "medium", "kind": "brute_force", "identity": "a.very.long.name@example.test", "count": 40}
    outage = {"severity": "medium", "kind": "backend_outage", "server": "192.0.2.1:587", "count": 9}
    tables["findings"] = rows("findings", {**told, "client": "192.0.2.7"}, outage)
    assert "\nFound     brute force from 192.0.2.7 (40), login outage on 192.0.2.1:587 (9)\n" in text(tables)

    tables["findings"] = rows("findings", *({**told, "client": f"2001:db8:0:{n}::/64"} for n in range(9)))
    assert "\nFound     brute force from 2001:db8:0:0::/64 (40), 8 more\n" in text(tables)


@pytest.mark.parametrize(
    ("endings", "advice"),
    [
        ({"alice": ["succeeded"]}, "nobody was refused"),
        ({"alice": ["rejected", "succeeded"], "bob": ["succeeded"]}, "all who were refused got in, too"),
        ({"alice": ["succeeded"] * 4, "bob": ["rejected"], "eve": ["rejected"] * 2}, "never got in: eve (2), bob (1)"),
    ],
)
def test_calm(tables, endings, advice):
    """Where most attempts succeed and nothing is found, the opening says so, and who needs help."""
    made = [(name, ending) for name, several in endings.items() for ending in several]
    tables["auth"] = rows(
        "auth", *(attempt(f"s{n}", "192.0.2.1", ms(n), end, identity=name) for n, (name, end) in enumerate(made))
    )
    tables["findings"] = Table.empty("findings")

    assert (
        f"\nFound     no attack, no outage, no client that is stuck\nDo next   nothing is urgent; {advice}\n"
        in text(tables)
    )


def test_guessers_inside_tls(tables):
    """What TLS hides of those who guess is told apart: there a guess may have worked unseen."""
    guess = {"severity": "medium", "kind": "guessing", "client": "192.0.2.0/24"}
    hidden = [session(f"h{n}", f"192.0.2.{n}", ms(n), readable=0, event=f"h{n}") for n in range(3)]
    tables["sessions"] = rows("sessions", *hidden, session("x", "198.51.100.7", ms(9), readable=0))
    tables["findings"] = rows("findings", guess)

    assert "Not seen  4 sessions inside TLS (3 of those who guess)" in text(tables)
    assert "; no guess is seen to have worked" in text(tables)


def test_products_of_one_server(tables):
    """A server whose greeting was not always seen is listed once; IPv6 addresses have brackets."""
    tables["sessions"] = rows(
        "sessions",
        session("a", "192.0.2.1", ms(0)),
        session("b", "192.0.2.1", ms(0), product=None),
        session("c", "192.0.2.1", ms(0), server_ip="2001:db8::1", product=None),
        session("d", "192.0.2.1", ms(0), server_ip=None, server_port=None, product=None),
    )

    assert dict(summarise(tables).servers) == {"127.0.0.1:2525 (Postfix)": 2, "[2001:db8::1]:2525": 1, "unknown": 1}
