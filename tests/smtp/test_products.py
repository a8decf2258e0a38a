"""Tests of `analyzer.smtp.products`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp.products import EXTENSIONS, SERVICES, SOFTWARE, product

DATA = Path(__file__).parents[2].parent / "shared" / "data"
LAB = {
    "postfix": "Postfix",
    "exim 4.96": "Exim 4.96",
    "dovecot": "Dovecot",
    "opensmtpd": "OpenSMTPD",
    "aiosmtpd": "aiosmtpd",
}


@pytest.mark.parametrize(
    ("banner", "name"),
    [
        ("mx.example.test ESMTP Postfix", "Postfix"),
        ("220 mail.example.com ESMTP Postfix (Ubuntu)", "Postfix"),
        ("mx.example.test ESMTP Postfix (3.7.11)", "Postfix 3.7.11"),
        ("mx.example.test ESMTP Exim 4.96 Mon, 23 Nov 2026 15:50:28 +0000", "Exim 4.96"),
        ("mail.example.test ESMTP Exim 4.86_2 Ubuntu Tue, 02 Jan 2018 09:51:40 +0000", "Exim 4.86_2"),
        ("core9 ESMTP Sendmail 8.15.2/8.15.2/Debian-18; Thu, 11 Feb 2021 10:07:14 +0100", "Sendmail 8.15.2"),
        ("mx.example.test ESMTP OpenSMTPD", "OpenSMTPD"),
        ("mx.example.test Dovecot (Debian) ready.", "Dovecot"),
        ("localhost Python SMTP 1.4.6", "aiosmtpd 1.4.6"),
        ("redcross ESMTP Haraka 2.8.8 ready", "Haraka 2.8.8"),
        ("mail.example.test ESMTP MailEnable Service, Version: 8.04-- ready at 05/24/17 16:04:36", "MailEnable 8.04"),
        ("example.com ESMTP MDaemon 11.0.3; Mon, 30 Aug 2010 11:03:10 +0700", "MDaemon 11.0.3"),
        (
            "mail.example.test Microsoft ESMTP MAIL Service ready at Wed, 11 Jan 2023 16:59:51 +0000",
            "Microsoft Exchange",
        ),
        (
            "napier Microsoft ESMTP MAIL Service, Version: 6.0.3790.3959 ready at  Sun",
            "Microsoft SMTP Service 6.0.3790.3959",
        ),
        ("AM0PR01CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready at Mon", "Microsoft 365"),
        ("smtp.gmail.com ESMTP br41-20020a05620a462900b0078d54363075sm3435587qkb.40 - gsmtp", "Gmail"),
        ("email-smtp.amazonaws.com ESMTP SimpleEmailService-d-N8DNVJOVF 1hh7w7XwCXyE", "Amazon SES"),
        ("SG ESMTP service ready at ismtpd0013p1las1.sendgrid.net", "SendGrid"),
        ("gmx.com (mrgmx101) Nemesis ESMTP Service ready", "GMX, web.de, IONOS"),
        ("smtp.mail.yahoo.com ESMTP ready", "Yahoo, AOL"),
        ("163.com Anti-spam GT for Coremail System (163com[20141201])", "NetEase"),
        ("newxmesmtplogicsvrszc10.qq.com XMail Esmtp QQ Mail Server.", "QQ Mail"),
        ("mail.example.test Stalwart ESMTP at your service", "Stalwart"),
        ("z-ZD ESMTP IceWarp 11.4.6.0 x64; Tue, 22 May 2018", "IceWarp 11.4.6.0"),
        ("exim.example.test ESMTP Postfix", "Postfix"),
        ("postfix.example.test ESMTP Exim 4.97", "Exim 4.97"),
        ("postfix.example.test ESMTP", "Postfix"),
        ("mx.example.test ESMTP", None),
        ("", None),
    ],
)
def test_greetings(banner: str, name: str | None) -> None:
    """Products are known by their greetings, with a version where it is told; a host's name decides last."""
    assert product(banner) == name


def test_ehlo_tells_where_the_greeting_does_not() -> None:
    """Extensions betray a product with a neutral greeting."""
    assert (
        product("mx.example.test ready", "mx.example.test Hello\nX-EXPS GSSAPI NTLM\nAUTH LOGIN")
        == "Microsoft Exchange"
    )
    assert product("mx.example.test ready", "mx.example.test\nAUTH LOGIN") is None


def test_every_row_has_a_source() -> None:
    """Every row names its product once in its table, with a source."""
    for table in (SERVICES, SOFTWARE, EXTENSIONS):
        assert len({row.name for row in table}) == len(table)
        assert all(row.reference for row in table)


def test_the_servers_of_the_lab() -> None:
    """Every greeting of the lab names the server that sent it."""
    if not DATA.is_dir():
        pytest.skip("the recorded traffic is not here")
    sessions = [json.loads(line) for path in DATA.glob("*/truth.jsonl") for line in path.read_text().splitlines()]
    wrong = {
        (session["server"], session["greeting"])
        for session in sessions
        if session["greeting"]
        and product(session["greeting"])
        != next(name for lead, name in LAB.items() if session["server"].startswith(lead))
    }

    assert len(sessions) > 1000
    assert wrong == set()


def test_hostile_greetings_take_linear_time() -> None:
    """No greeting makes a pattern slow."""
    begin = time.perf_counter()
    for word in ("james ", "exim ", "a", "220 ", "outlook."):
        product(word * 50_000, word * 50_000)

    assert time.perf_counter() - begin < 1


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_raises(banner: str, ehlo: str) -> None:
    """Any greeting names a product or none."""
    assert product(banner, ehlo) is None or product(banner, ehlo)
