"""Logins of a day, and what sees them: a capture, or Postfix's log of the same sessions."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import analyzer
from tests.dialogue import to_events
from tests.frames import SERVER, START, to_packets, to_pcap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.trace import Trace

MINUTE, HOUR, DAY = 60, 3600, 86400

OFFER: Final = "S: 250-mx.example.test\nS+ 250-STARTTLS\nS+ 250 AUTH PLAIN LOGIN\n"
#: The mail of a session whose client got in.
MAIL: Final = (
    "C: MAIL FROM:<a@example.test>\nC+ RCPT TO:<b@example.test>\nC+ DATA\n"
    "S: 250 2.1.0 Ok\nS+ 250 2.1.5 Ok\nS+ 354 End data with <CR><LF>.<CR><LF>\n"
    "C: Subject: hello\nC+\nC+ hello\nC+ .\nS: 250 2.0.0 Ok: queued\n"
)
BYE: Final = "C: QUIT\nS: 221 2.0.0 Bye\n"
#: A session that goes on inside TLS, where its logins are not seen.
HIDDEN: Final = (
    "C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\nC> {hello:mx.example.test}\nS> {tls:23:90}\nC> {tls:23:60}\n"
)


class Ending(NamedTuple):
    """How an exchange ends: the reply, and the reason that Postfix logs; none for a success."""

    reply: str
    logged: str = ""


ENDINGS: Final = {
    "in": Ending("235 2.7.0 Authentication successful"),
    "wrong": Ending("535 5.7.8 Error: authentication failed: (reason unavailable)", "(reason unavailable)"),
    "down": Ending(
        "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
        "Connection lost to authentication server",
    ),
    "lacking": Ending(
        "535 5.7.8 Error: authentication failed: Invalid authentication mechanism", "Invalid authentication mechanism"
    ),
}


@dataclass(frozen=True, slots=True)
class Login:
    """One AUTH exchange."""

    name: str
    secret: str
    ending: str = "in"
    mechanism: str = "PLAIN"

    @property
    def address(self) -> str:
        """The name as clients send it."""
        return f"{self.name}@example.test"

    @property
    def talk(self) -> str:
        """The exchange in the dialogue language."""
        end = f"S: {ENDINGS[self.ending].reply}\n"
        if self.mechanism == "PLAIN":
            return f"C: AUTH PLAIN {{plain:|{self.address}|Canary-{self.secret}}}\n{end}"
        if self.mechanism != "LOGIN":
            return f"C: AUTH {self.mechanism}\n{end}"
        asked = f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {{b64:{self.address}}}\nS: 334 UGFzc3dvcmQ6\n"
        return f"{asked}C: {{b64:Canary-{self.secret}}}\n{end}"


class Session(NamedTuple):
    """A connection: when it begins, in seconds, who makes it, what is tried, and whether TLS hides it."""

    at: float
    client: str
    logins: tuple[Login, ...]
    hidden: bool = False


def trace_of(sessions: Iterable[Session]) -> Trace:
    """Read the capture of some sessions."""
    return analyzer.read(io.BytesIO(capture(sessions)))


def trace_of_log(sessions: Iterable[Session]) -> Trace:
    """Read Postfix's log of the same sessions."""
    return analyzer.read(io.BytesIO("".join(maillog(sessions)).encode()))


def capture(sessions: Iterable[Session]) -> bytes:
    """Make a capture, one connection after the other."""
    packets = []
    for number, session in enumerate(sorted(sessions)):
        start = START + round(session.at * 10**9)
        if packets:
            start = max(start, packets[-1][0] + 1_000_000)
        client = (session.client, 20000 + number)
        packets += to_packets(to_events(_dialogue(session)), client=client, server=SERVER, start=start)
    return to_pcap(packets)


def _dialogue(session: Session) -> str:
    talk = "# A session\n# Of a day.\n\nS: 220 mx.example.test ESMTP Postfix\nC: EHLO pc.example.test\n" + OFFER
    if session.hidden:
        return talk + HIDDEN
    talk += "".join(login.talk for login in session.logins)
    return talk + (MAIL if session.logins[-1].ending == "in" else "") + BYE


def maillog(sessions: Iterable[Session]) -> Iterator[str]:
    """Write what Postfix's smtpd logs of the sessions; TLS hides nothing from it, and it shows no secrets."""
    for number, session in enumerate(sorted(sessions)):
        for step, text in enumerate(_logged(number, session)):
            time = dt.datetime.fromtimestamp(START / 10**9 + session.at, dt.UTC) + dt.timedelta(milliseconds=step)
            yield f"{time:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx postfix/submission/smtpd[{1000 + number}]: {text}\n"


def _logged(number: int, session: Session) -> Iterator[str]:
    who = f"unknown[{session.client}]"
    got_in = [login for login in session.logins if login.ending == "in"]
    yield f"connect from {who}"
    if session.hidden:
        yield f"Anonymous TLS connection established from {who}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
    for login in session.logins:
        if login.ending == "in":
            yield f"4F{number:08X}: client={who}, sasl_method={login.mechanism}, sasl_username={login.address}"
        else:
            name = "" if login.mechanism not in ("PLAIN", "LOGIN") else f", sasl_username={login.address}"
            yield f"warning: {who}: SASL {login.mechanism} authentication failed: {ENDINGS[login.ending].logged}{name}"
    tls = " starttls=1" if session.hidden else ""
    auth = f"{len(got_in)}/{len(session.logins)}" if len(got_in) < len(session.logins) else f"{len(got_in)}"
    mail = " mail=1 rcpt=1 data=1" if got_in else ""
    yield f"disconnect from {who} ehlo={1 + session.hidden}{tls} auth={auth}{mail} quit=1"


def opening(trace: Trace, name: str) -> str:
    """Give the report at 80 columns, of which the first twelve lines are the opening."""
    from analyzer.report.screen import Clock, Screen
    from analyzer.report.terminal import report

    return "\n".join(report(trace.tables, [name], Screen(80, False, Clock(dt.UTC)), trace.cannot))
