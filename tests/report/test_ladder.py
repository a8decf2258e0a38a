"""One conversation as a ladder."""

from __future__ import annotations

import datetime as dt

import pytest

from analyzer.report.ladder import ladder
from analyzer.report.screen import Clock, Screen, width_of
from tests.records import START, attempt, id_of, ms, rows, session

SCREEN = Screen(80, False, Clock(dt.UTC))

EXPECTED = """\
Session 9  Person00001  2026-11-18 11:03:20 UTC
client 198.51.100.7 port 41559, server 127.0.0.1 port 2525
Postfix, no TLS

  +0.000                                   <-- 220 mx.example.test ESMTP Postfix
  +0.001  EHLO client.test                 -->
  +0.001                                   <-- 250 mx.example.test
                                                   PIPELINING
                                                   SIZE 10240000
                                                   AUTH PLAIN LOGIN
                                                   CHUNKING
  +0.006  AUTH LOGIN                       -->
  +0.006                                   <-- 334 VXNlcm5hbWU6
                                                   [Username:]
  +0.010  <username, 18 bytes>             -->
  +0.010                                   <-- 334 UGFzc3dvcmQ6
                                                   [Password:]
  +0.011  <password, 14 bytes>             -->
  +0.011                                   <-- 235 2.7.0 Authentication
                                                 successful
          == attempt 1: LOGIN, 2 rounds, succeeded, as alice@example.test
  +0.014  QUIT                             -->
  +0.014                                   <-- 221 2.0.0 Bye
  +0.006  == attempt 2: PLAIN, rounds unknown, client_closed, as
          == alice@example.test (gap), mail.pcap:12

ended by client_fin after 0.015 s; 21 packets; 912 bytes"""


def test_ladder(tables):
    """Times from the start, the client left, the server right, challenges decoded, attempts told where they end."""
    assert "\n".join(ladder(tables, "Person00001", SCREEN, 9)) == EXPECTED


def odd(*exchanges, **about):
    units = [{"session": "a", "n": n, "pipelined": 0, **unit} for n, unit in enumerate(exchanges)]
    return {
        "sessions": rows("sessions", session("a", "192.0.2.1", START, **about)),
        "auth": rows(
            "auth", attempt("a", "192.0.2.1", START, "cancelled", identity="", rounds=1, rounds_known="at_least")
        ),
        "exchanges": rows("exchanges", *units),
    }


def test_odd_units():
    """An empty answer, the end of a message, lost bytes, an unsolicited reply and a missing reply are all shown."""
    tables = odd(
        {"verb": "(answer)", "argument": None, "at": ms(1), "code": None, "attempt": 1},
        {"verb": "(end of data)", "at": ms(2), "code": 250, "text": "queued"},
        {"verb": "(lost)", "at": ms(3), "code": 250, "text": None},
        {"verb": "(unsolicited)", "at": ms(4), "code": 421, "enhanced": "4.4.2", "text": "4.4.2 timeout"},
        readable=0, tls="starttls", tls_version="TLSv1.3", caveats="gap one_sided", packets=None, bytes=None,
    )  # fmt: skip

    text = "\n".join(ladder(tables, id_of("a"), Screen(120, False, Clock(dt.UTC))))
    for part in (
        "(empty line)", "(no reply)", " .  ", "250 queued",
        "(missing)", "<-- 421 4.4.2 timeout", "STARTTLS, TLSv1.3",
        "at least 1 round, cancelled, as (empty name)", "caveats: gap, one_sided", "TLS hides the rest",
    ):  # fmt: skip
        assert part in text
    assert "packets" not in text


def test_hostile_text_stays_on_its_side():
    """Escape sequences are shown, long words are broken, and no line is wider than the terminal."""
    hostile = "\x1b[2J\u202e[/]" + "A" * 300
    tables = odd(
        {"verb": "EHLO", "argument": hostile, "at": ms(1), "code": 250, "text": hostile + "\n  \n\n" + hostile}
    )

    got = list(ladder(tables, id_of("a"), SCREEN))
    assert all(width_of(line) <= 80 for line in got)
    assert "\x1b" not in "".join(got)


@pytest.mark.parametrize("width", [80, 81, 120])
def test_width(tables, width):
    """The ladder takes the width that there is."""
    assert max(map(width_of, ladder(tables, "Person00001", Screen(width, False, Clock(dt.UTC))))) <= width
