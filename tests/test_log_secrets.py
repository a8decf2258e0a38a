"""Secrets in logs: whatever a server or a client wrote of a password into its log, nothing shows it.

Logs hold what captures hold, and more: copies of a line in other forms, lines of the client that the server did not
expect, settings of the program. A canary is put into the lines of every format, by the format's own samples.
"""

from __future__ import annotations

import base64
import itertools
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

import analyzer
from analyzer.cli import LISTINGS, main
from analyzer.errors import AnalyzerError
from analyzer.options import FORMATS
from tests.rendering import DIALOGUES, head_of, pen_of
from tests.test_canaries import FORMS, NEEDLES, NESTS, SECRET, Variant
from tests.test_formats import BY_NAME, KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from analyzer.logs.formats import Format
    from analyzer.trace import Trace

#: So much of a secret, in any of its forms, is too much: logs cut lines, and fold them.
WINDOW: Final = 9
#: Of the dialogues with canaries each format gets every so many, another choice each.
STRIDE: Final = 191
PIECES: Final = sorted(
    {needle.lower()[at : at + WINDOW] for needle in NEEDLES for at in range(0, max(1, len(needle) - WINDOW), 4)}
)
_SHOWN: Final = re.compile("|".join(re.escape(piece) for piece in PIECES))

#: Names that servers' logs give in clear, and mechanisms, are no secrets; nor is what follows what has no user.
PLAIN: Final = FORMS["SASL PLAIN"](SECRET).decode()
B64: Final = base64.b64encode(SECRET).decode()
BEARER: Final = FORMS["bearer"](SECRET).decode()
TEXT: Final = SECRET.decode()
TYPED: Final = {"as typed": TEXT, "base64": B64, "PLAIN": PLAIN, "bearer": BEARER, "half": PLAIN[: len(PLAIN) // 2 + 8]}
each_dialogue = pytest.mark.parametrize("name", [name for name in DIALOGUES if pen_of(name)])


def shows(text: str) -> list[str]:
    """Name the first letters of what a text shows of a secret."""
    return [found[:3] for found in _SHOWN.findall(text.lower())]


def _lines(variant: Variant) -> Iterator[tuple[str, str]]:
    """Give a dialogue line by line; what is no text is written as Latin-1."""
    for event in variant.events:
        if event.kind == "data":
            for line in event.data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")[:-1] or [""]:
                yield event.side, line


EVERY: Final = [variant for variants in NESTS.values() for variant in variants() if not variant.is_name]


def _variants(name: str) -> list[Variant]:
    """Give some of the dialogues, others for every format."""
    return EVERY[DIALOGUES.index(name) % STRIDE :: STRIDE]


def _tables(trace: Trace) -> str:
    return repr([(name, table.lists()) for name, table in trace.tables.items()])


def _read(path: Path, text: str, **options: Any) -> Trace:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trace = analyzer.read(path, **options)
    assert not [str(each.message) for each in caught if shows(str(each.message))]
    assert not shows(" ".join(trace.warnings))
    return trace


@each_dialogue
def test_dialogues(name: str, tmp_path: Path) -> None:
    """No table shows a secret of a dialogue, in whatever format it is logged, and wherever the secret is typed."""
    pen = pen_of(name)
    assert pen is not None
    told, attempts = [], 0
    for variant in _variants(name):
        trace = _read(tmp_path / "one.log", pen.write(_lines(variant)), log_format=name)
        attempts += len(trace.tables["auth"])
        told += [f"{variant.what}: {found}" for found in shows(_tables(trace))[:1]]

    assert not told
    assert attempts > len(_variants(name)) // 2


@each_dialogue
def test_found_by_content(name: str, tmp_path: Path) -> None:
    """No table shows a secret where the format is not named, be it found or not."""
    pen = pen_of(name)
    assert pen is not None
    text = "".join(pen.write(_lines(variant)) for variant in _variants(name)[:1])

    assert not shows(_tables(_read(tmp_path / "all.log", text)))


#: Formats whose logs all commands are run over.
SHOWN: Final = ("aiosmtpd", "postfix", "swaks")


@pytest.mark.parametrize("command", ["report", "formats", "show", *LISTINGS])
def test_commands(command: str, tmp_path: Path) -> None:
    """No command shows a secret of a log, in any format of its output, nor in its messages."""
    paths = []
    for name in SHOWN:
        pen = pen_of(name)
        assert pen is not None
        paths.append(tmp_path / f"{name}.log")
        paths[-1].write_text("".join(pen.write(_lines(variant)) for variant in _variants(name)), "utf-8")
    paths.append(tmp_path / "told.log")
    paths[-1].write_text("".join(f"{line}\n" for _, line in itertools.chain(LEAKS.values(), ODD.values())), "utf-8")
    for arguments in _arguments(command, paths):
        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 0, arguments[0]
        assert not shows(result.output), arguments


def _arguments(command: str, paths: Sequence[Path]) -> Iterator[list[str]]:
    files = [str(path) for path in paths]
    if command == "formats":
        for path in files:
            name = path.rpartition("/")[2].removesuffix(".log")
            yield ["formats", "--test", path, *(["--as", name] if name in BY_NAME else [])]
    elif command in LISTINGS:
        form = FORMATS[list(LISTINGS).index(command) % len(FORMATS)]
        yield [command, *files, "--format", form, "--columns", "all", "--quiet"]
    elif command == "show":
        yield ["show", *files, "--session", "3", "--quiet"]
    else:
        yield [command, *files, "--quiet"]


def _syslog(program: str, text: str) -> str:
    return f"Nov 23 10:00:00 mx {program}[77]: {text}"


_HOST: Final = "unknown[192.0.2.7]"
_COURIER: Final = "error,relay=::ffff:192.0.2.7,port=40001,"

#: What products are known to write of a password, or of the line that holds it: the format, and the line.
LEAKS: Final = {
    "Postfix -v, the command": ("postfix", _syslog("postfix/smtpd", f"< {_HOST}: AUTH PLAIN {PLAIN}")),
    "Postfix -v, the command again": (
        "postfix",
        _syslog("postfix/smtpd", f"xsasl_cyrus_server_first: sasl_method PLAIN, init_response {PLAIN}"),
    ),
    "Postfix -v, Dovecot's plug-in": (
        "postfix",
        _syslog("postfix/smtpd", f"xsasl_dovecot_server_first: sasl_method PLAIN, init_response {PLAIN}"),
    ),
    "Postfix, no mechanism": (
        "postfix",
        _syslog("postfix/smtpd", f"warning: x[192.0.2.7]: SASL {TEXT} authentication failed: no mechanism available"),
    ),
    "Postfix -v, decoded": (
        "postfix", _syslog("postfix/smtpd", f"xsasl_cyrus_server_first: decoded initial response {TEXT}"),
    ),
    "Postfix -v, the answer": (
        "postfix", _syslog("postfix/smtpd", f"xsasl_cyrus_server_next: decoded response: {TEXT}"),
    ),
    "Postfix -v, the request": (
        "postfix", _syslog("postfix/smtpd", f"xsasl_dovecot_handle_reply: CONT\t1\t{PLAIN}"),
    ),
    "Postfix, too long": (
        "postfix", _syslog("postfix/smtpd", f"warning: {_HOST}: request longer than 2048: AUTH PLAIN {PLAIN}..."),
    ),
    "Postfix, too long an answer": (
        "postfix", _syslog("postfix/smtpd", f"warning: {_HOST}: request longer than 2048: {B64}..."),
    ),
    "Postfix, no command": (
        "postfix", _syslog("postfix/smtpd", f"warning: non-SMTP command from {_HOST}: {TEXT}"),
    ),
    "Postfix as client": (
        "postfix-smtp",
        _syslog("postfix/smtp", f"4Y1: SASL authentication failed; server mx[192.0.2.25] said: 501 5.5.4 cannot decode AUTH parameter {B64}"),  # noqa: E501
    ),
    "Postfix as client, deferred": (
        "postfix-smtp",
        _syslog("postfix/smtp", f"4Y1: to=<a@b.test>, relay=mx[192.0.2.25]:25, delay=1, status=deferred (SASL authentication failed; server mx[192.0.2.25] said: 501 5.5.4 cannot decode AUTH parameter {PLAIN})"),  # noqa: E501
    ),
    "Exim, not advertised": (
        "exim",
        f'2026-11-23 10:00:00 SMTP protocol error in "AUTH PLAIN {PLAIN}" H=(x) [192.0.2.7]:40001 AUTH command used when not advertised',  # noqa: E501
    ),
    "Exim, not advertised, no mechanism": (
        "exim",
        f'2026-11-23 10:00:00 SMTP protocol error in "AUTH {B64}" H=(x) [192.0.2.7]:40001 AUTH command used when not advertised',  # noqa: E501
    ),
    "Exim, no such mechanism": (
        "exim",
        f'2026-11-23 10:00:00 SMTP protocol error in "AUTH {B64}" H=(x) [192.0.2.7]:40001 {B64} authentication mechanism not supported',  # noqa: E501
    ),
    "Exim, a lookup": (
        "exim",
        f"""2026-11-23 10:00:00 plain authenticator failed for (x) [192.0.2.7]: 435 Unable to authenticate at present (set_id=a): lookup of "user="uid=a" pass={TEXT} ldap://h/" gave DEFER: down""",  # noqa: E501
    ),
    "Exim, an expansion": (
        "exim",
        f"""2026-11-23 10:00:00 plain authenticator failed for (x) [192.0.2.7]: 435 Unable to authenticate at present (set_id=a): failed to expand "${{if pam{{a:{TEXT}}}}}": PAM error""",  # noqa: E501
    ),
    "Exim, syntax": (
        "exim",
        f'2026-11-23 10:00:00 SMTP syntax error in "{B64}" H=(x) [192.0.2.7]:40001 unrecognized command',
    ),
    "Exim, dropped": (
        "exim",
        f'2026-11-23 10:00:00 SMTP call from (x) [192.0.2.7]:40001 dropped: too many unrecognized commands (last was "{B64}")',  # noqa: E501
    ),
    "Exim, too many syntax errors": (
        "exim",
        f'2026-11-23 10:00:00 SMTP call from (x) [192.0.2.7]:40001 dropped: too many syntax or protocol errors (last command was "AUTH PLAIN {PLAIN}", C=EHLO,AUTH)',  # noqa: E501
    ),
    "OpenSMTPD": (
        "opensmtpd",
        _syslog("smtpd", f'77aa1f5cd4f5c08b smtp failed-command command="AUTH PLAIN {PLAIN}" result="503 5.5.1 Invalid command: Command not allowed at this point."'),  # noqa: E501
    ),
    "OpenSMTPD, no command": (
        "opensmtpd",
        _syslog("smtpd", f'77aa1f5cd4f5c08b smtp failed-command command="{B64}" result="500 5.5.1 Invalid command: Command unrecognized"'),  # noqa: E501
    ),
    "OpenSMTPD, old": (
        "opensmtpd",
        _syslog("smtpd", f'smtp-in: Failed command on session 77aa1f5cd4f5c08b: "AUTH PLAIN {PLAIN}" => 503 5.5.1 Invalid command'),  # noqa: E501
    ),
    "OpenSMTPD, older 6": (
        "opensmtpd",
        _syslog("smtpd", f'77aa1f5cd4f5c08b smtp event=failed-command address=192.0.2.7 host=x command="AUTH PLAIN {PLAIN}" result="503 5.5.1 Invalid command"'),  # noqa: E501
    ),
    "Courier, an answer": (
        "courier", _syslog("courieresmtpd", f'{_COURIER}msg="535 Authentication failed.",cmd: {B64}'),
    ),
    "Courier, the command": (
        "courier", _syslog("courieresmtpd", f'{_COURIER}msg="535 Authentication failed.",cmd: AUTH PLAIN {PLAIN}'),
    ),
    "Courier, no mechanism": (
        "courier", _syslog("courieresmtpd", f'{_COURIER}msg="535 Authentication failed.",cmd: AUTH {B64}'),
    ),
    "Courier, another reply": (
        "courier", _syslog("courieresmtpd", f'{_COURIER}msg="504 Unrecognized type",cmd: AUTH {PLAIN}'),
    ),
    "hMailServer": (
        "hmailserver",
        f'"SMTPD"\t3120\t811\t"2026-11-23 08:15:30.171"\t"192.0.2.7"\t"RECEIVED: AUTH PLAIN {PLAIN}"',
    ),
    "hMailServer, what is no command": (
        "hmailserver", f'"SMTPD"\t3120\t811\t"2026-11-23 08:15:30.171"\t"192.0.2.7"\t"RECEIVED: {B64}"',
    ),
    "Dovecot, debug_passwords": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth: passwd-file(alice,192.0.2.7,<AbC>): Password mismatch (given password: {TEXT})",  # noqa: E501
    ),
    "Dovecot, with a bracket": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth: passwd-file(alice,192.0.2.7,<AbC>): Password mismatch (given password: x): {TEXT})",  # noqa: E501
    ),
    "Dovecot, a hash": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth: ldap(alice,192.0.2.7,<AbC>): unknown user (SHA1 of given password: {TEXT})",
    ),
    "Dovecot 2.4": (
        "dovecot",
        f"2026-11-23T10:00:00+00:00 mx dovecot: auth(alice,192.0.2.7,sasl:plain)<AbC>: Info: sql: Password mismatch (given password: {TEXT})",  # noqa: E501
    ),
    "Dovecot, worker": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth-worker(7): Info: sql(alice,192.0.2.7,<AbC>): Password mismatch (given password: {TEXT})",  # noqa: E501
    ),
    "Dovecot, another database": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth: sql(alice,192.0.2.7,<AbC>): Password mismatch (given password: {TEXT}) - trying the next passdb",  # noqa: E501
    ),
    "Dovecot 2.4, another database": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth(alice,192.0.2.7,sasl:plain)<AbC>: sql: Password mismatch (given password: {TEXT}) - trying the next passdb",  # noqa: E501
    ),
    "Dovecot, debug": (
        "dovecot",
        f"Nov 23 10:00:00 mx dovecot: auth: Debug: client in: AUTH#0111#011PLAIN#011service=smtp#011resp={PLAIN}",
    ),
    "Dovecot, client passdb": (
        "dovecot", f"Nov 23 10:00:00 mx dovecot: auth: Debug: client passdb out: OK#0111#011user=alice#011pass={TEXT}",
    ),
    "Perl, the command": ("net-smtp", f"Net::SMTP=GLOB(0x5)>>> AUTH PLAIN {PLAIN}"),
    "Perl, decoded": ("net-smtp", f"Net::SMTP=GLOB(0x5)>>> (decoded) alice {TEXT}"),
    "Perl, decoded alone": ("net-smtp", f"Net::SMTP=GLOB(0x5)>>> {TEXT} (decoded)"),
    "s-nail": ("s-nail", f"s-nail: >>> user alice pass {TEXT}"),
    "s-nail, PLAIN": ("s-nail", f"s-nail: >>> AUTH PLAIN {PLAIN}"),
    "s-nail, credentials": ("s-nail", f"s-nail: >>> pass {TEXT}"),
    "JavaMail": ("javamail", f"AUTH PLAIN {PLAIN}"),
    "JavaMail, settings": ("javamail", f"DEBUG SMTP: protocolConnect login, host=mx, user=alice, password={TEXT}"),
    "JavaMail, session": ("javamail", f"DEBUG: setProperty mail.smtp.password={TEXT}"),
    "msmtp, settings": ("msmtp", f"password = {TEXT}"),
    "msmtp, the command": ("msmtp", f"--> AUTH PLAIN {PLAIN}"),
    "swaks": ("swaks", f"$ swaks --auth-user alice --auth-password {TEXT}"),
    "curl": ("curl", f"$ curl -v --user alice:{TEXT} smtp://mx"),
    "telnet": ("telnet", f"AUTH PLAIN {PLAIN}"),
    "Claws Mail": ("claws-mail", f"ESMTP> [Encoded: {PLAIN}]"),
    "Claws Mail, decoded": ("claws-mail", f"ESMTP> [Decoded: {TEXT}]"),
    "Claws Mail, the command": ("claws-mail", f"ESMTP> AUTH PLAIN {PLAIN}"),
    "aiosmtpd": ("aiosmtpd", f"mail.log INFO ('192.0.2.7', 40001) >> b'AUTH PLAIN {PLAIN}'"),
    "aiosmtpd, readline": ("aiosmtpd", f"mail.log DEBUG _handle_client readline: b'AUTH PLAIN {PLAIN}'"),
    "Sendmail": ("sendmail", _syslog("sendmail", f'06I02CNi016764: AUTH decode64 error [-5 for "{B64}"], relay=x [192.0.2.7]')),  # noqa: E501
    "Sendmail, the command": ("sendmail", _syslog("sendmail", f"06I02CNi016764: <-- AUTH PLAIN {PLAIN}")),
    "MailEnable": (
        "mailenable",
        f"11/23/26 10:00:00\tSMTP-IN\t5D0F.MAI\t1412\t192.0.2.7\tAUTH\t{B64}\t535 Invalid Username or Password\t34\t10\talice\t",  # noqa: E501
    ),
    "MailEnable, pasted": (
        "mailenable",
        f"11/23/26 10:00:00 SMTP-IN 5D0F.MAI 1412 192.0.2.7 AUTH {B64} 535 Invalid Username or Password 34 10 alice",
    ),
    "MailEnable, pasted command": (
        "mailenable", f"11/23/26 10:00:00 SMTP-IN 5D0F.MAI 1412 192.0.2.7 AUTH AUTH PLAIN {PLAIN} 535 Invalid 34 10",
    ),
    "sSMTP": ("ssmtp", _syslog("sSMTP", f"Server didn't like our AUTH LOGIN (501 5.5.2 cannot decode {B64})")),
    "sSMTP, PLAIN": ("ssmtp", _syslog("sSMTP", f"Server didn't like our AUTH PLAIN {PLAIN} (501 5.5.2 no)")),
    "sSMTP, failed": ("ssmtp", _syslog("sSMTP", f"Authorization failed (535 5.7.8 {PLAIN})")),
    "saslauthd": ("saslauthd", _syslog("saslauthd", f"do_auth         : auth failure: [user=alice] [service=smtp] [realm=] [mech=pam] [reason=no: {B64}]")),  # noqa: E501
}  # fmt: skip

#: The same where lines are of nobody's format, or broken.
ODD: Final = {
    f"{what}, {how}": (None, line)
    for how, secret in TYPED.items()
    for what, line in {
        "alone": secret,
        "behind a time": f"2026-11-23 10:00:00 {secret}",
        "behind a host": f"Nov 23 10:00:00 mx {secret}",
        "of nobody": f"Nov 23 10:00:00 mx app[7]: {secret}",
        "of sshd": f"Nov 23 10:00:00 mx sshd[7]: Failed password for {secret}",
        "as a command": f"2026-11-23 10:00:00 C: PASS {secret}",
        "as a program": f"Nov 23 10:00:00 mx {secret.replace('=', '')}: x",
        "as JSON": f'{{"level": "info", "password": "{secret}"}}',
        "RFC 5424": f"<22>1 2026-11-23T10:00:00Z mx app 7 - - {secret}",
        "as a repeated one": f"Nov 23 10:00:00 mx postfix/smtpd[7]: message repeated 2 times: [ {secret}]",
    }.items()
}


@pytest.mark.parametrize(("owner", "line"), LEAKS.values(), ids=LEAKS)
def test_known_leaks(owner: str, line: str, tmp_path: Path) -> None:
    """Lines in which products write passwords show none of them, alone or within their dialogue."""
    pen = pen_of(owner)
    said = [("server", "220 mx ESMTP"), ("client", "EHLO x"), ("server", "250 AUTH PLAIN LOGIN")]
    before = pen.write([*said, ("client", "AUTH PLAIN"), ("server", "334 ")]) if pen else ""
    after = pen.write([("server", "535 5.7.8 no"), ("client", "QUIT"), ("server", "221 bye")]) if pen else ""
    for text in (f"{line}\n", f"{before}{line}\n{line}\n{after}"):
        for options in ({}, {"log_format": owner}):
            assert not shows(_tables(_read(tmp_path / "one.log", text, **options)))
        result = CliRunner().invoke(main, ["formats", "--test", str(tmp_path / "one.log"), "--as", owner])
        assert result.exit_code == 0
        assert not shows(result.output)


@pytest.mark.parametrize("line", [line for _, line in ODD.values()], ids=ODD)
def test_odd_lines(line: str, tmp_path: Path) -> None:
    """Lines that nobody understands are told by their shape, whatever stands in them."""
    trace = _read(tmp_path / "one.log", f"{line}\n")

    assert not shows(_tables(trace))
    assert not shows(repr(trace))


#: Fields of lines that tell outcomes in which servers may repeat what their clients said.
FIELDS: Final = ("reply", "reason", "text", "command", "mechanism")


def _filled(owner: Format) -> Iterator[str]:
    """Give the samples of a format with secrets in their fields."""
    for pattern in (each for each in owner.patterns if each.event != "line"):
        for sample, name in itertools.product(pattern.samples, FIELDS):
            value = sample.get("is", {}).get(name)
            code = re.match(r"[2-5]\d\d[ -](?:[245]\.\d\.\d+ )?", value or "") if name == "reply" else None
            for secret in (B64, PLAIN) if value else ():
                yield sample["text"].replace(value, f"{code[0] if code else ''}{secret}")


@pytest.mark.parametrize("owner", [each.name for each in KNOWN if list(_filled(each))])
def test_samples(owner: str, tmp_path: Path) -> None:
    """A secret in the fields of a line that may hold one is in no table, and in no output of `formats --test`."""
    each = BY_NAME[owner]
    lines = list(_filled(each))
    text = "".join(f"{head_of(each, second, second + 1)}{line}\n" for second, line in enumerate(lines))
    shown = _tables(_read(tmp_path / "one.log", text, log_format=owner))
    result = CliRunner().invoke(main, ["formats", "--test", str(tmp_path / "one.log"), "--as", owner])

    assert not shows(shown)
    assert not shows(result.output)


def test_errors(tmp_path: Path) -> None:
    """No error message shows what stands in a file."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "own.toml").write_text(f'name = "own"\npassword = "{TEXT}"\n{TEXT}', encoding="utf-8")
    (tmp_path / "one.log").write_text(f"AUTH PLAIN {PLAIN}\n", encoding="utf-8")
    with pytest.raises(AnalyzerError) as bad_format:
        analyzer.read(tmp_path / "one.log", formats=(str(tmp_path / "bad"),))
    with pytest.raises(AnalyzerError) as no_format:
        analyzer.read(tmp_path / "one.log", log_format="none-such")

    assert not shows(f"{bad_format.value} {no_format.value}")
