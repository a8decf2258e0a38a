"""Logs that tell outcomes, not the dialogue: what their lines mean, in the tables."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

import analyzer
from analyzer.logs.told import tls_version_of
from tests.truth import rows

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.trace import Trace


@pytest.fixture
def read(tmp_path: Path):
    """What reads a log of some lines."""

    def read(*lines: str) -> Trace:
        file = tmp_path / "own.log"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return analyzer.read(file, timezone="UTC", year=2026)

    return read


def test_quoted_log(read) -> None:
    """A log that somebody has quoted looks like what curl sends: its lines make no session, and are accounted for."""
    trace = read(*(f"> {POSTFIX}warning: unknown[192.0.2.{n}]: SASL LOGIN authentication failed: x" for n in range(7)))
    assert not len(rows(trace, "sessions"))
    (skipped,) = rows(trace, "skipped")
    assert (skipped["reason"], skipped["count"]) == ("line of a dialogue in which no server speaks", 7)
    assert skipped["first"].startswith("own.log line 1: > x 9 9:9:9 x x/x[9]")


POSTFIX = "Nov 23 15:39:20 mx postfix/smtpd[8863]: "


@pytest.mark.parametrize(
    ("behind", "identity"),
    [
        ("", None),
        (":", None),
        (": ", None),
        (": , sasl_username=bob", "bob"),
        (": , sasl_username=(unavailable)", None),
    ],
)
def test_failure_without_a_reason(read, behind: str, identity: str | None) -> None:
    """A refusal is one though the line has no reason: Postfix names the last challenge, and PLAIN has none."""
    text = f"warning: unknown[192.0.2.7]: SASL PLAIN authentication failed{behind}"
    auth = rows(read(f"{POSTFIX}{text}", f"{POSTFIX}message repeated 2 times: [ {text}]"), "auth")
    names = ("outcome", "reason", "code", "client_ip", "mechanism", "identity", "text")
    told = ("rejected", "bad_credentials", 535, "192.0.2.7", "PLAIN", identity, None)
    assert [tuple(row[name] for name in names) for row in auth] == [told] * 3


RELAY = "Nov 23 15:39:20 mx postfix/smtp[7]: "
SASLAUTHD = "Nov 23 15:39:20 mx saslauthd[14012]: do_auth         : "


@pytest.mark.parametrize(
    ("line", "product"),
    [
        (f"{POSTFIX}warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: bad protocol / cancel", "Postfix"),
        (f"{RELAY}2E9F2A3B05: SASL authentication failed; server mx.example.test[192.0.2.1] said: 535 5.7.8 no", None),
        ("2026-11-23 09:44:33 10HmaZ-000000005vi-0000 plain authenticator failed H=mx [192.0.2.1] 535 no", None),
        (f"{SASLAUTHD}auth failure: [user=bob] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]", None),
    ],
)
def test_product(read, line: str, product: str | None) -> None:
    """The product is the server's; the log of a client, or of an authentication service, does not tell which it is."""
    assert [row["product"] for row in rows(read(line), "sessions")] == [product]


def test_library_of_a_client(read) -> None:
    """What the SASL library of Postfix as a client says is no failure beside that which Postfix tells."""
    trace = read(
        f"{RELAY}warning: SASL authentication failure: No worthy mechs found",
        f"{RELAY}2E9F2A3B05: SASL authentication failed; cannot authenticate to server mx.example.test[192.0.2.1]: "
        "no mechanism available",
    )
    assert [row["reason"] for row in rows(trace, "auth")] == ["mechanism_unavailable"]
    assert len(rows(trace, "sessions")) == 1


DOVECOT = "Nov 23 15:39:{:02} mx dovecot: {}"
SESSION = "method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, TLS, session=<{}>"


@pytest.mark.parametrize("given", ["", " (given password: geheim)", " (SHA1 of given password: 21bd12)"])
@pytest.mark.parametrize("kind", ["passdb", "userdb"])
def test_several_databases(read, kind: str, given: str) -> None:
    """A user whom one database does not know may be in the next: only the last one's word is how it ended."""
    behind = f"{given} - trying the next {kind}"
    trace = read(
        DOVECOT.format(1, f"auth: passwd-file(bob@x,192.0.2.7): unknown user{behind}"),
        DOVECOT.format(1, f"auth: sql(bob@x,192.0.2.7): Password mismatch{given}"),
        DOVECOT.format(2, f"auth(eve@x,192.0.2.7,sasl:plain)<A>: ldap: unknown user{behind}"),
        DOVECOT.format(3, f"auth-worker(9): pam(eve@x,192.0.2.7,<B>): unknown user{behind}"),
        DOVECOT.format(4, f"submission-login: Login: user=<eve@x>, {SESSION.format('B')}"),
    )
    told = [(row["identity"], row["outcome"], row["reason"]) for row in rows(trace, "auth")]
    assert told == [("bob@x", "failed", "bad_password"), ("eve@x", "succeeded", None)]
    assert [(row["reason"], row["count"]) for row in rows(trace, "skipped")] == [("line of no interest for AUTH", 3)]


def test_failures_before_a_success(read) -> None:
    """Failures that an authentication service tells are exchanges of their own, though their session then succeeds."""
    trace = read(
        DOVECOT.format(1, "auth: Info: sql(bob@x,192.0.2.7,<A>): Password mismatch"),
        DOVECOT.format(5, "auth: Info: sql(root@x,192.0.2.7,<A>): unknown user"),
        DOVECOT.format(9, f"submission-login: Login: user=<bob@x>, {SESSION.format('A')}"),
    )
    told = [(row["attempt"], row["identity"], row["outcome"], row["reason"]) for row in rows(trace, "auth")]
    assert told == [
        (1, "bob@x", "failed", "bad_password"),
        (2, "root@x", "failed", "unknown_user"),
        (3, "bob@x", "succeeded", None),
    ]
    assert len(rows(trace, "sessions")) == 1


@pytest.mark.parametrize(
    ("number", "why", "told"),
    [
        (1, "auth failed", [("bob@x", "PLAIN", "failed", "bad_password")]),
        (1, "authorization failed", [(None, "PLAIN", "rejected", "authzid_refused")]),
        (2, "auth failed", [("bob@x", None, "failed", "bad_password"), (None, None, "failed", None)]),
    ],
)
def test_summary_of_a_session(read, number: int, why: str, told: list[tuple[str | None, ...]]) -> None:
    """What the mail server says of a session's last exchange is put to the line of its authentication service.

    Of several exchanges, nothing says which one was the last where not all have a line.
    """
    ends = f"({why}, {number} attempts in 2 secs): user=<bob@x>, {SESSION.format('A')}"
    trace = read(
        DOVECOT.format(1, "auth: sql(bob@x,192.0.2.7,<A>): Password mismatch"),
        DOVECOT.format(3, f"submission-login: Disconnected: Connection closed {ends}"),
    )
    auth = rows(trace, "auth")
    assert [(row["identity"], row["mechanism"], row["outcome"], row["reason"]) for row in auth] == told
    assert not any(row["caveats"] for row in auth)
    assert [row["product"] for row in rows(trace, "sessions")] == ["Dovecot"]


def test_summary_behind_another_failure(read) -> None:
    """A summary names the last exchange: that of the line before it, and not what the authentication service told."""
    trace = read(
        DOVECOT.format(1, "auth: sql(bob@x,192.0.2.7,<A>): Password mismatch"),
        DOVECOT.format(1, f"submission-login: Login: user=<bob@x>, {SESSION.format('A')}"),
        DOVECOT.format(
            3, f"submission-login: Disconnected (auth failed, 1 attempts): user=<eve>, {SESSION.format('A')}"
        ),
    )
    told = [(row["identity"], row["mechanism"], row["outcome"]) for row in rows(trace, "auth")]
    assert told == [("bob@x", None, "failed"), ("bob@x", "PLAIN", "succeeded")]


@pytest.mark.parametrize(
    "command", ['failed-command command="AUTH PLAIN (...)" result="535 Authentication failed"', ""]
)
def test_success_behind_a_refusal(read, command: str) -> None:
    """OpenSMTPD tells who was refused, then the command: one exchange, which is none of the success behind it."""
    told = ["authentication user=eve result=permfail", command, "authentication user=bob result=ok"]
    trace = read(*(f"{OPENSMTPD}{line}" for line in told if line))
    found = [(row["identity"], row["outcome"]) for row in rows(trace, "auth")]
    assert found == [("eve", "rejected" if command else "failed"), ("bob", "succeeded")]


ZIMBRA = (
    "2026-11-23 10:00:0{0},61{1} {2}  [qtp5-{0}:smtp://mx:7073/service/admin/soap/] [{3}oip=192.0.2.7;oport=5775{0};"
)
ZIMBRA += "oproto=smtp;soapId=9fd{0};] {4}"
REFUSED = "authentication failed for [bob@x], invalid password"


def _zimbra(second: int) -> tuple[str, str]:
    """Give what mailbox.log and audit.log tell of one failure."""
    mailbox = ZIMBRA.format(second, 6, "INFO", "", f"SoapEngine - handler exception: {REFUSED}")
    audit = f"security - cmd=Auth; account=bob@x; protocol=soap; error={REFUSED};"
    return mailbox, ZIMBRA.format(second, 5, "WARN", "name=bob@x;", audit)


def test_two_logs_of_zimbra(read, tmp_path: Path) -> None:
    """What mailbox.log and audit.log tell of a request is one exchange, in one file or in two; repeated, it is two."""
    told = [_zimbra(second) for second in (1, 3)]
    good = [
        ZIMBRA.format(5, 5, "INFO", "name=bob@x;", f"security - cmd=Auth; account=bob@x; protocol={name};")
        for name in ("soap", "smtp")
    ]
    for number, name in enumerate(("mailbox.log", "audit.log")):
        lines = [each[number] for each in told] + (good if number else [])
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    apart = analyzer.read(tmp_path / "mailbox.log", tmp_path / "audit.log", timezone="UTC", year=2026)
    mixed = [line for pair in told for line in reversed(pair)] + good
    names = ("client_ip", "client_port", "identity", "outcome", "reason", "caveats")
    wanted = [("192.0.2.7", port, "bob@x", "failed", "bad_password", ["auth_service_only"]) for port in (57751, 57753)]
    wanted.append(("192.0.2.7", 57755, "bob@x", "succeeded", None, ["auth_service_only"]))
    for trace in (apart, read(*mixed), read(*(line for pair in zip(*told, strict=True) for line in pair), *good)):
        auth = rows(trace, "auth")
        assert [tuple(row[name] for name in names) for row in auth] == wanted
        assert len(rows(trace, "sessions")) == len(wanted)
    assert [row["where"] for row in rows(apart, "auth")][:1] == ["audit.log line 1; mailbox.log line 1"]
    assert len(rows(read(*mixed[:2], *mixed[:2]), "auth")) == 2


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("TLSv1.3", "TLS 1.3"),
        ("TLS1.2", "TLS 1.2"),
        ("TLSv1", "TLS 1.0"),
        ("TLSv1_3", "TLS 1.3"),
        ("SP_PROT_TLS1_2_SERVER", "TLS 1.2"),
        ("TLS 1.2", "TLS 1.2"),
        ("SSLv3", "SSL 3.0"),
        ("QUICK", "QUICK"),
    ],
)
def test_versions_of_tls(written: str, version: str) -> None:
    """Every log writes versions in its own way; tables have one, that of captures."""
    assert tls_version_of(written.encode()) == version


def test_version_of_tls(read) -> None:
    """The version is in the table of sessions."""
    trace = read(
        f"{POSTFIX}connect from unknown[192.0.2.7]",
        f"{POSTFIX}Anonymous TLS connection established from unknown[192.0.2.7]: TLSv1.3 with cipher X (256/256 bits)",
        f"{POSTFIX}disconnect from unknown[192.0.2.7] ehlo=2 starttls=1 commands=3",
    )
    assert [row["tls_version"] for row in rows(trace, "sessions")] == ["TLS 1.3"]


def test_success_of_an_authentication_service(read) -> None:
    """Where only an authentication service tells of a login, it is one."""
    success = "auth success: [user=bob] [service={}] [realm=] [mech=pam]"
    (row,) = rows(read(*(f"{SASLAUTHD}{success.format(name)}" for name in ("smtp", "imap"))), "auth")
    assert (row["outcome"], row["identity"], row["reason"], row["caveats"]) == (
        "succeeded",
        "bob",
        None,
        ["auth_service_only"],
    )


HARAKA = "2026-11-23T10:00:07.000Z [NOTICE] [0C7E4B12-93AD-4F60-8E1B-6A5D2F90B3C4] [core] "
HARAKA_BEGINS = f"{HARAKA}connect ip=192.0.2.7 port=4444 local_ip=192.0.2.1 local_port="
HARAKA_ENDS = f"{HARAKA}disconnect ip=192.0.2.7 rdns=NXDOMAIN helo=pc relay=N early=N esmtp=Y tls={{}} pipe=N errors=0 "
HARAKA_ENDS += 'txns=4 rcpts=4/0/0 msgs=3/1/0 bytes=100 lr="" time=3.2'
EXIM = "2026-11-23 09:44:33 10HmbC-000000005vi-000{} <= a@example.test H=(c) [192.0.2.7]:4711 P=esmtpa A=login:bob S=1"
OPENSMTPD = "Nov 23 10:00:15 mx smtpd[470]: 1a2b3c4d5e6f7081 smtp "
SENDMAIL = "Nov 23 10:00:15 mx sm-mta[47]: "
RECEIVED = "proto=ESMTPA, daemon=MTA, relay=c.example.test [192.0.2.7]"
NGINX = "2026/11/23 10:00:43 [info] 10#10: *1 client logged in, client: 192.0.2.7, server: 0.0.0.0:587"


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        pytest.param([EXIM.format(0), EXIM.format(1)], 2, id="exim"),
        pytest.param(
            [
                f"{OPENSMTPD}authentication user=bob result=ok",
                f"{OPENSMTPD}message msgid=abcd1234 size=500 nrcpt=1 proto=ESMTP",
            ],
            1,
            id="opensmtpd",
        ),
        pytest.param(
            [
                f"{SENDMAIL}AUTH=server, relay=c.example.test [192.0.2.7], authid=bob, mech=PLAIN, bits=0",
                f"{SENDMAIL}4AN9xQ12016677: from=<a@example.test>, size=0, class=0, nrcpts=0, {RECEIVED}",
                f"{SENDMAIL}4AN9xQ12016678: from=<a@example.test>, size=9, class=0, nrcpts=1, msgid=<m>, {RECEIVED}",
            ],
            1,
            id="sendmail",
        ),
        pytest.param([f"{HARAKA_BEGINS}465", HARAKA_ENDS.format("Y")], 3, id="haraka"),
        pytest.param([f'{NGINX}, login: "bob", upstream: 192.0.2.9:10025'], None, id="nginx"),
        pytest.param(
            [f"{SASLAUTHD}auth failure: [user=bob] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]"],
            None,
            id="saslauthd",
        ),
        pytest.param(
            [f"{POSTFIX}4ABCDEF0123: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=bob"], 1, id="postfix"
        ),
    ],
)
def test_messages(read, lines: list[str], messages: int | None) -> None:
    """Messages are counted where a log tells of them, and unknown where it cannot."""
    assert [row["messages"] for row in rows(read(*lines), "sessions")] == [messages]


@pytest.mark.parametrize(("port", "said", "tls"), [(465, "Y", "implicit"), (587, "Y", None), (587, "N", "none")])
def test_last_line_of_haraka(read, port: int, said: str, tls: str | None) -> None:
    """The last line of a session has its name and whether it was in TLS, but not since when."""
    (session,) = rows(read(f"{HARAKA_BEGINS}{port}", HARAKA_ENDS.format(said)), "sessions")
    assert (session["helo"], session["tls"]) == ("pc", tls)


def test_nginx_tells_starttls(read) -> None:
    """A session of nginx that began TLS by STARTTLS says so; of another one it is unknown."""
    line = (
        '2026/11/23 10:00:42 [info] 9#9: *{} client login failed: "Authentication credentials invalid" while in'
        ' http auth state, client: 192.0.2.7{}, server: 0.0.0.0:587, login: "bob"'
    )
    trace = read(line.format(1, " using starttls"), line.format(2, ""))
    assert [row["tls"] for row in rows(trace, "auth")] == ["starttls", None]
    assert [row["tls"] for row in rows(trace, "sessions")] == ["starttls", None]


def test_enhanced_code_in_a_message(read) -> None:
    """Where a line has the code apart, the enhanced code is found in the text behind it."""
    line = 'server=mx.example.test:587 code=535 message="5.7.8 Error: authentication failed: (reason unavailable)"'
    (row,) = rows(read(f'Nov 23 15:39:20 mx ns8-sendmail[7]: status=error from=a to=b subject="x" {line}'), "auth")
    assert (row["code"], row["enhanced"]) == (535, "5.7.8")
    assert row["text"] == "Error: authentication failed: (reason unavailable)"


def test_one_refusal_told_of_each_recipient(read) -> None:
    """A client that is refused writes one line a recipient: one attempt; a later one, or of another server, is its own.

    smtp_trouble.c of Postfix: where no server is left, all recipients of the message are put off at once.
    """
    why = "status=deferred (SASL authentication failed; server mx.example.test[{}] said: 535 5.7.8 no)"
    line = (
        "Nov 23 15:39:{:02} mx postfix/smtp[7]: 2E9F2A3B05: to=<{}@example.org>, relay=mx.example.test[{}]:587, " + why
    )
    lines = [line.format(20, name, "192.0.2.1", "192.0.2.1") for name in "abc"]
    lines += [line.format(21, "d", "192.0.2.1", "192.0.2.1"), line.format(21, "a", "192.0.2.2", "192.0.2.2")]
    lines += [line.format(50, name, "192.0.2.1", "192.0.2.1") for name in "ab"]
    auth = rows(read(*lines), "auth")
    told = [(row["started"] // 10**9 % 60, row["server_ip"], row["code"]) for row in auth]
    assert sorted(told) == [(20, "192.0.2.1", 535), (21, "192.0.2.2", 535), (50, "192.0.2.1", 535)]


def test_refusal_of_a_token(read) -> None:
    """Where an old Postfix writes the last challenge instead of a reason, that of OAuth is the refusal itself."""
    error = base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode()
    (row,) = rows(read(f"{POSTFIX}warning: unknown[192.0.2.7]: SASL XOAUTH2 authentication failed: {error}"), "auth")
    assert (row["reason"], row["oauth_error"]) == ("oauth_token_invalid", "status=401 schemes=bearer")
    assert (row["challenge"], row["rounds"]) == ("oauth-error", 1)
