"""Secrets that would be recognised anywhere: wherever a client types one, no table and no output shows it.

A canary is put in the place of every client line of many dialogues, in every form in which passwords travel, and
servers echo it at once or later. Only where the law says that a line is a name (the first answer of LOGIN, all of
EXTERNAL and ANONYMOUS) may `identity` hold what was typed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest
from click.testing import CliRunner

import analyzer
from analyzer.cli import LISTINGS, main
from analyzer.errors import AnalyzerError
from analyzer.options import FILE_FORMATS, FORMATS
from analyzer.report.ladder import ladder
from analyzer.report.screen import Clock, Screen
from tests.dialogue import Event, secrets_of, to_events
from tests.frames import START, to_packets, to_pcap
from tests.matching import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.trace import Trace

CASES: Final = Path(__file__).parent / "cases"
#: Its base64 has the letters that the URL-safe alphabet spells otherwise.
SECRET: Final = b"S3cr3t-Canary-H\xc3\xbfrs\xc3\xbe~?>"
BEARER: Final = b"user=alice@example.test\x01auth=Bearer %s\x01\x01"
#: The forms in which a secret is typed.
FORMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "plain": bytes,
    "other case": bytes.swapcase,
    "base64": base64.b64encode,
    "base64 without padding": lambda secret: base64.b64encode(secret).rstrip(b"="),
    "base64 of the other case": lambda secret: base64.b64encode(secret.swapcase()),
    "URL-safe": base64.urlsafe_b64encode,
    "SASL PLAIN": lambda secret: base64.b64encode(b"\0alice@example.test\0" + secret),
    "SASL PLAIN with authzid": lambda secret: base64.b64encode(b"bob\0alice\0" + secret),
    "bearer": lambda secret: base64.b64encode(BEARER % secret),
    "digest": lambda secret: base64.b64encode(b"alice " + secret),
    "quoted": lambda secret: b'"' + secret + b'"',
    "behind a name": lambda secret: b"alice " + secret,
    "with a tail": lambda secret: base64.b64encode(secret) + b" =",
}
#: Dialogues in which a canary takes the place of each line.
DIALOGUES: Final = (
    *("answer-cancelled", "answer-early", "bdat-octets", "cram-md5", "digest-md5-success", "login-initial-response"),
    *("login-success", "lmtp", "mail-then-auth", "ntlm", "pipelined-plain-mail", "plain-success", "scram-success"),
    *("several-attempts", "starttls-refused", "xoauth2-failure"),
)
MECHANISMS: Final = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "NTLM", "XOAUTH2"),
    *("OAUTHBEARER", "EXTERNAL", "ANONYMOUS", "GSSAPI", "X-UNHEARD-OF"),
)
#: What servers say of a line that they cannot take; the client's line, and the same in other letters.
ECHOES: Final = (
    b"501 5.5.4 cannot decode AUTH parameter %s",
    b'500 unrecognized command "%s"',
    b"535 5.7.8 %s: no",
    b"500 5.5.1 Command unrecognized: <%s>",
    b"502-5.5.2 Error: command not recognized\r\n502 5.5.2 %s",
)
#: Mechanisms whose whole answer is a name.
NAMES: Final = ("LOGIN", "EXTERNAL", "ANONYMOUS")


@dataclass(frozen=True)
class Variant:
    """A dialogue with a canary in it."""

    what: str
    events: Sequence[Event]
    is_name: bool = False
    """Whether the law takes the canary for a name."""


def _client(data: bytes) -> Event:
    return Event("data", "client", data + b"\r\n")


def _server(data: bytes) -> Event:
    return Event("data", "server", data + b"\r\n")


def _talk(*lines: bytes) -> list[Event]:
    """Make a dialogue of lines that begin with ``C:`` or ``S:``; each of the client's is a segment."""
    greeting = (b"S:220 mx.example.test ESMTP", b"C:EHLO client.example.test", b"S:250 AUTH PLAIN LOGIN")
    return [(_client if line[:2] == b"C:" else _server)(line[2:]) for line in (*greeting, *lines)]


def _names(events: Sequence[Event], place: int) -> bool:
    """Whether the line is the answer that follows an AUTH command whose answer is a name."""
    said = [event.data.upper().split() for event in events[:place] if event.kind == "data" and event.side == "client"]
    last = said[-1] if said else []
    return len(last) >= 2 and last[0] == b"AUTH" and last[1].decode("latin-1") in NAMES


def everywhere() -> Iterator[Variant]:
    """Put each form in the place of each line of each dialogue."""
    for name in DIALOGUES:
        events = to_events((CASES / f"{name}.txt").read_text(encoding="utf-8"))
        places = [place for place, event in enumerate(events) if event.kind == "data" and event.side == "client"]
        for place in places:
            for form, typed in FORMS.items():
                event = replace(events[place], data=typed(SECRET) + b"\r\n")
                what = f"{name}: {form} as line {events[place].line}"
                yield Variant(what, [*events[:place], event, *events[place + 1 :]], _names(events, place))


def after_refusal() -> Iterator[Variant]:
    """Type secrets where no answer is awaited: after a refusal, and without waiting for anything."""
    for form, typed in FORMS.items():
        secret = typed(SECRET)
        user = base64.b64encode(b"alice")
        for refusal in (b"504 5.5.4 no such mechanism", b"530 5.7.0 Must issue STARTTLS first", b"535 5.7.8 no"):
            line = b"AUTH LOGIN"
            yield Variant(
                f"{form} after {refusal[:3]!r}",
                _talk(b"C:" + line, b"S:" + refusal, b"C:" + user, b"S:500 what", b"C:" + secret, b"S:500 what"),
            )
            yield Variant(
                f"{form} pipelined before {refusal[:3]!r}",
                _talk(
                    *(b"C:" + line + b"\r\n" + user + b"\r\n" + secret, b"S:" + refusal),
                    *(b"S:500 5.5.1 what", b"S:500 5.5.1 what", b"C:QUIT", b"S:221 bye"),
                ),
            )


def echoed() -> Iterator[Variant]:
    """Let servers repeat what was typed: at once, one reply later, two replies later."""
    for form, typed in FORMS.items():
        secret = typed(SECRET)
        for echo in ECHOES:
            reply = b"S:" + echo % secret
            what = f"{form} in {echo[:14]!r}"
            yield Variant(f"{what}, as a command", _talk(b"C:" + secret, reply, b"C:QUIT", b"S:221 bye"))
            yield Variant(f"{what}, as an initial response", _talk(b"C:AUTH PLAIN " + secret, reply))
            yield Variant(f"{what}, as an answer", _talk(b"C:AUTH PLAIN", b"S:334 ", b"C:" + secret, reply))
            yield Variant(
                f"{what}, as a password",
                _talk(
                    b"C:AUTH LOGIN", b"S:334 VXNlcm5hbWU6", b"C:YWxpY2U=", b"S:334 UGFzc3dvcmQ6", b"C:" + secret, reply
                ),
            )
            yield Variant(
                f"{what}, one reply later",
                _talk(b"C:AUTH PLAIN", b"S:334 ", b"C:" + secret, b"S:535 5.7.8 no", b"C:RSET", reply),
            )
            yield Variant(
                f"{what}, two replies later",
                _talk(b"C:" + secret, b"S:500 what", b"C:NOOP", b"S:250 ok", b"C:RSET", reply, b"C:QUIT", b"S:221 bye"),
            )


def arguments() -> Iterator[Variant]:
    """Answer every mechanism with secrets, and add them behind its initial response."""
    for mechanism in MECHANISMS:
        auth = b"AUTH " + mechanism.encode()
        for form, typed in FORMS.items():
            secret, is_name = typed(SECRET), mechanism in NAMES
            what = f"{form} to {mechanism}"
            for code in (b"235 ok", b"535 no", b"501 bad"):
                yield Variant(f"{what} at once, {code!r}", _talk(b"C:" + auth + b" " + secret, b"S:" + code), is_name)
            yield Variant(f"{what} behind =", _talk(b"C:" + auth + b" = " + secret, b"S:501 bad"))
            yield Variant(f"{what} behind a response", _talk(b"C:" + auth + b" YWxpY2U= " + secret, b"S:501 bad"))
            yield Variant(f"{what} first", _talk(b"C:" + auth, b"S:334 ", b"C:" + secret, b"S:535 no"), is_name)
            rounds = (b"S:334 ", b"C:YWxpY2U=", b"S:334 cj1h", b"C:" + secret, b"S:334 dj1h")
            yield Variant(f"{what} second", _talk(b"C:" + auth, *rounds, b"C:", b"S:235 ok"))
            yield Variant(f"{what} third", _talk(b"C:" + auth, *rounds, b"C:" + secret, b"S:535 no"))
            yield Variant(
                f"{what} unfinished", _talk(b"C:" + auth, b"S:334 ", b"C:YWxpY2U=", b"S:334 ", b"C:" + secret)
            )


NESTS: Final = {"everywhere": everywhere, "after refusal": after_refusal, "echoed": echoed, "arguments": arguments}
each_nest = pytest.mark.parametrize("nest", NESTS)


def needles(events: Sequence[Event] = ()) -> set[str]:
    """Give all that would show a secret: as typed, decoded, and in base64 at any alignment."""
    found = {form.decode("latin-1") for form in secrets_of("-- secret Canary")}
    for secret in (SECRET, SECRET.swapcase()):
        found |= {secret.decode("utf-8", "replace"), secret.decode("latin-1"), repr(secret)[2:-1]}
        for shift in range(3):
            for code in (base64.b64encode, base64.urlsafe_b64encode):
                found.add(code(bytes(shift) + secret).decode()[4 if shift else 0 :].rstrip("=")[:-1])
    return {needle for needle in found if len(needle) > 5}


NEEDLES: Final = sorted(needles())


def shows(text: str) -> list[str]:
    """Name the first letters of what a text shows of a secret."""
    lower = text.lower()
    return [needle[:3] for needle in NEEDLES if needle in text or needle.lower() in lower]


class Nest:
    """Many dialogues in one capture, each from a client of its own."""

    def __init__(self, variants: Sequence[Variant], path: Path) -> None:
        self.path = path
        self.variants = {("198.51.100.7", 10_000 + number): variant for number, variant in enumerate(variants)}
        packets = [
            packet
            for number, (client, variant) in enumerate(self.variants.items())
            for packet in to_packets(variant.events, client=client, start=START + number * 10**9)
        ]
        path.write_bytes(to_pcap(packets))
        self.trace = analyzer.read(path)


@pytest.fixture(scope="module")
def nests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Nest]:
    """Captures with canaries, and of each nest a part without any line that is a name, for what shows all columns."""
    folder = tmp_path_factory.mktemp("nests")
    made = {}
    for name, variants in NESTS.items():
        every = list(variants())
        made[name] = Nest(every, folder / f"{name}.pcap")
        unnamed = [variant for variant in every if not variant.is_name][::4]
        made[f"{name}, no name"] = Nest(unnamed, folder / f"{name}-unnamed.pcap")
    return made


def _rows(trace: Trace, name: str) -> list[dict[str, Any]]:
    return records(trace.tables[name].lists())


@each_nest
def test_tables(nest: str, nests: dict[str, Nest]) -> None:
    """No table shows a secret, in whatever form and place a client typed it and a server repeated it."""
    trace, variants = nests[nest].trace, nests[nest].variants
    clients = {row["session"]: (row["client_ip"], row["client_port"]) for row in _rows(trace, "sessions")}
    told = []
    for name in trace.tables:
        for row in _rows(trace, name):
            variant = variants.get(clients.get(row.get("session"), ("", 0)))
            named = {"identity", "authenticated_as", "advice"} if variant is not None and variant.is_name else set()
            told += [
                f"{name}.{column} ({variant and variant.what}): {shows(str(value))}"
                for column, value in row.items()
                if column not in named and shows(str(value))
            ]

    assert not told, f"{len(told)}:\n" + "\n".join(told[:40])


@each_nest
def test_every_session_is_seen(nest: str, nests: dict[str, Nest]) -> None:
    """Canaries are looked for where they are: nearly every dialogue is a session, its lines are exchanges."""
    found = nests[nest].trace.tables

    assert len(found["sessions"]) >= 0.95 * len(nests[nest].variants)
    assert len(found["exchanges"]) >= 3 * len(found["sessions"])


@each_nest
@pytest.mark.parametrize("command", LISTINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_listings(nest: str, command: str, form: str, nests: dict[str, Nest]) -> None:
    """No listing shows a secret, in any format, with all its columns."""
    path = str(nests[f"{nest}, no name"].path)
    result = CliRunner().invoke(main, [command, path, "--format", form, "--columns", "all", "--quiet"])

    assert result.exit_code == 0
    assert not shows(result.output)


@each_nest
@pytest.mark.parametrize("form", FILE_FORMATS)
def test_export(nest: str, form: str, nests: dict[str, Nest], tmp_path: Path) -> None:
    """No exported file shows a secret, nor what the command says."""
    path = str(nests[f"{nest}, no name"].path)
    result = CliRunner().invoke(main, ["export", path, "--to", str(tmp_path), "--format", form, "--quiet"])
    files = list(tmp_path.iterdir())

    assert result.exit_code == 0
    assert not shows(result.output)
    assert len(files) == len(LISTINGS)
    for file in files:
        text = file.read_bytes().decode("latin-1")
        if form == "parquet":
            text += pd.read_parquet(file).to_csv()
        assert not shows(text)


@each_nest
def test_report(nest: str, nests: dict[str, Nest]) -> None:
    """No report shows a secret."""
    result = CliRunner().invoke(main, ["report", str(nests[f"{nest}, no name"].path)])

    assert result.exit_code == 0
    assert not shows(result.output)


@each_nest
def test_show(nest: str, nests: dict[str, Nest]) -> None:
    """No ladder of any session shows a secret, on the command line or from Python."""
    trace = nests[f"{nest}, no name"].trace
    screen = Screen(None, colour=False, clock=Clock())
    told = []
    for number, row in enumerate(_rows(trace, "sessions"), 1):
        told += shows("\n".join(ladder(trace.tables, row["session"], screen, number)))
    result = CliRunner().invoke(main, ["show", str(nests[f"{nest}, no name"].path), "--session", "3"])

    assert result.exit_code == 0
    assert not shows(result.output)
    assert not told


@each_nest
def test_python(nest: str, nests: dict[str, Nest]) -> None:
    """No repr, no DataFrame and no error message shows a secret."""
    trace = nests[f"{nest}, no name"].trace
    session = trace.session(1)
    frames = [getattr(trace, name) for name in trace.tables] + [session.auth, session.exchanges, session.messages]
    shown = [repr(trace), repr(session), *(frame.to_csv() for frame in frames)]
    with pytest.raises(AnalyzerError) as error:
        trace.session("none-such")
    shown.append(str(error.value))

    assert [shows(text) for text in shown if shows(text)] == []


def _confused(what: str, *lines: bytes) -> Any:
    return pytest.param(_talk(*lines), id=what)


_B64: Final = base64.b64encode(SECRET)
_PLAIN: Final = FORMS["SASL PLAIN"](SECRET)


@pytest.mark.parametrize(
    "events",
    [
        _confused(
            "decoded echo", b"C:AUTH LOGIN", b"S:334 VXNlcm5hbWU6", b"C:YWxpY2U=", b"S:334 UGFzc3dvcmQ6", b"C:" + _B64,
            b"S:535 bad password " + SECRET,
        ),
        _confused(
            "decoded echo, glued to the name", b"C:AUTH PLAIN " + _PLAIN, b"S:535 5.7.8 alice@example.test/" + SECRET,
        ),
        _confused("echo in capitals", b"C:" + SECRET, b"S:500 what is " + SECRET.upper()),
        _confused("folded echo", b"C:AUTH PLAIN " + _B64, b"S:501-" + _B64[:12], b"S:501 " + _B64[12:]),
        _confused("cut echo", b"C:AUTH PLAIN " + _B64, b"S:501 cannot decode " + _B64[:12] + b"..."),
        _confused("challenge echo", b"C:AUTH PLAIN", b"S:334 ", b"C:" + _B64, b"S:334 " + _B64, b"C:", b"S:535 no"),
        _confused(
            "PLAIN message as user name", b"C:AUTH LOGIN", b"S:334 VXNlcm5hbWU6", b"C:" + _PLAIN, b"S:535 no",
        ),
        _confused(
            "bearer without separators",
            b"C:AUTH XOAUTH2 " + base64.b64encode(b"user=alice auth=Bearer " + SECRET), b"S:535 no",
        ),
        _confused(
            "OAUTHBEARER without separators",
            b"C:AUTH OAUTHBEARER " + base64.b64encode(b"n,a=alice auth=Bearer " + SECRET), b"S:535 no",
        ),
        _confused(
            "secret as mechanism", b"C:AUTH " + _B64, b"S:504 no",
        ),
        _confused(
            "before TLS", b"C:STARTTLS\r\nAUTH PLAIN " + _B64, b"S:220 go ahead", b"S:501 cannot decode " + _B64,
        ),
        _confused("verb glued", b"C:AUTHPLAIN " + _B64, b"S:500 no"),
        _confused("verb with a typo", b"C:AUT PLAIN " + _PLAIN, b"S:500 no"),
        _confused("tabs", b"C:AUTH\tPLAIN\t" + _PLAIN, b"S:501 no"),
        _confused("POP3's PASS", b"C:PASS " + SECRET, b"S:500 no"),
        _confused("IMAP's LOGIN", b"C:a LOGIN alice " + SECRET, b"S:500 no"),
        _confused("refused DATA", b"C:DATA", b"S:503 no", b"C:" + SECRET, b"S:500 what is " + SECRET),
        _confused("PLAIN without NUL", b"C:AUTH PLAIN " + base64.b64encode(b"alice " + SECRET), b"S:535 no"),
        _confused("PLAIN with one NUL", b"C:AUTH PLAIN " + base64.b64encode(b"alice\0" + SECRET), b"S:535 no"),
    ],
)  # fmt: skip
def test_confused(events: Sequence[Event], tmp_path: Path) -> None:
    """Clients and servers that mix up mechanisms, verbs and protocols do not bring a secret into a table."""
    trace = Nest([Variant("", events)], tmp_path / "nest.pcap").trace

    assert len(trace.tables["sessions"]) == 1
    assert not shows(repr([table.lists() for table in trace.tables.values()]))


def test_groups() -> None:
    """Equal secrets are told by a number that says nothing of them."""
    path = Path(__file__).parents[1] / "samples" / "first-look" / "capture.pcap"
    numbers = [analyzer.read(path).tables["auth"].lists()["secret_group"] for _ in range(2)]

    assert numbers[0] == numbers[1]
    assert {number for number in numbers[0] if number is not None} <= set(range(1, len(numbers[0]) + 1))
