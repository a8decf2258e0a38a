"""Make a log of a mail server whose answers are known.

Run as: python benchmarks/logs.py KIND --lines N [--seed 1] -o FILE --truth JSON

    postfix   half brute force, the rest submissions, inbound mail and rejects, forty sessions at a time
    exchange  the protocol log of a receive connector, CSV with every line of the dialogue

The truth counts AUTH exchanges: of Postfix ``sasl_ok|MECHANISM`` and ``sasl_failed|MECHANISM``, of Exchange
``CODE|MECHANISM|ROUNDS``. Equal arguments give equal octets.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USERS = ("admin", "info", "sales", "test", "support", "office", "scanner", "noreply", "billing", "john", "mary", "anna")
MECHANISMS = ("LOGIN", "PLAIN", "CRAM-MD5")
FAILURES = (
    "UGFzc3dvcmQ6",
    "authentication failure",
    "(reason unavailable), sasl_username={user}",
    "Connection lost to authentication server",
)
CIPHER = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
SENT = "relay=mx.example.org[203.0.113.9]:25, delay=1.2, delays=0.1/0.02/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
DENIED = (
    "554 5.7.1 <t@example.org>: Relay access denied; from=<s@example.com> to=<t@example.org> proto=ESMTP helo=<bot>"
)
COLUMNS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
HELLO = (
    "SIZE 37748736 PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS X-ANONYMOUSTLS AUTH NTLM LOGIN X-EXPS GSSAPI NTLM "
    "8BITMIME BINARYMIME CHUNKING XRDST"
)
#: What Exchange logs of a challenge and of the reply to its answer: their text is left out.
ELIDED = "<authentication response>"
#: The transaction behind a success, as events and data.
DELIVERY = (
    ("<", "MAIL FROM:<a@example.com>"),
    (">", "250 2.1.0 Sender OK"),
    ("<", "RCPT TO:<b@example.net>"),
    (">", "250 2.1.5 Recipient OK"),
    ("<", "DATA"),
    (">", "354 Start mail input; end with <CRLF>.<CRLF>"),
    (">", '"250 2.6.0 <1@EX01> [InternalId=1, Hostname=EX01] 2140 bytes in 0.102, 20 KB/sec Queued mail for delivery"'),
)
GOODBYE = (("<", "QUIT", ""), (">", "221 2.0.0 Service closing transmission channel", ""), ("-", "", "Local"))

#: Sessions under way at any time, and lines that are written in a second.
SLOTS, LINES_A_SECOND = 40, 30
#: 2026-01-05 08:00:00 UTC.
START = 1_767_600_000


def postfix(draw: random.Random, number: int, truth: Counter[str]) -> Iterator[str]:
    """Give the lines of a session: brute force (half of them), a submission, inbound mail, or none of these."""
    kind, user, pid = draw.random(), f"{draw.choice(USERS)}@example.com", 1000 + number % 30_000
    client = f"host{draw.randrange(400)}.example.net[198.18.{draw.randrange(16)}.{draw.randrange(1, 255)}]"
    queued, mail = f"{draw.getrandbits(40):010X}", f"postfix/smtpd[{pid}]: "
    login = f"postfix/submission/smtpd[{pid}]: "
    if kind < 0.5:
        tries = 1 if draw.random() < 0.8 else draw.randint(2, 4)
        yield f"{login}connect from {client}"
        for _ in range(tries):
            (mechanism,) = draw.choices(MECHANISMS, (8, 2, 1))
            (why,) = draw.choices(FAILURES, (9, 5, 5, 1))
            truth[f"sasl_failed|{mechanism}"] += 1
            yield f"{login}warning: {client}: SASL {mechanism} authentication failed: {why.format(user=user)}"
        if draw.random() < 0.6:
            yield f"{login}lost connection after AUTH from {client}"
        yield f"{login}disconnect from {client} ehlo=1 auth=0/{tries} commands=1/{tries + 1}"
    elif kind < 0.7:
        (mechanism,) = draw.choices(MECHANISMS, (2, 7, 1))
        truth[f"sasl_ok|{mechanism}"] += 1
        yield f"{login}connect from {client}"
        yield f"{login}Anonymous TLS connection established from {client}: {CIPHER}"
        yield f"{login}{queued}: client={client}, sasl_method={mechanism}, sasl_username={user}"
        yield f"postfix/cleanup[{pid}]: {queued}: message-id=<{queued}@example.com>"
        yield f"{login}disconnect from {client} ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8"
        yield f"postfix/smtp[{pid}]: {queued}: to=<{user}>, {SENT}"
        yield f"postfix/qmgr[812]: {queued}: removed"
    elif kind < 0.85:
        yield f"{mail}connect from {client}"
        yield f"{mail}{queued}: client={client}"
        yield f"postfix/qmgr[812]: {queued}: from=<news@example.net>, size=4711, nrcpt=1 (queue active)"
        yield f"{mail}disconnect from {client} ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
        yield f"postfix/qmgr[812]: {queued}: removed"
    else:
        yield f"{mail}connect from {client}"
        yield f"{mail}NOQUEUE: reject: RCPT from {client}: {DENIED}"
        yield f"{mail}disconnect from {client} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4"


def exchange(draw: random.Random, number: int, truth: Counter[str]) -> Iterator[str]:
    """Give the rows of a session: a login that is refused (three of four), or one that delivers a message."""
    address, user = f"198.18.{draw.randrange(16)}.{draw.randrange(1, 255)}", f"CORP\\{draw.choice(USERS)}"
    (mechanism,) = draw.choices(("LOGIN", "NTLM"), (4, 1))
    code = "235" if draw.random() < 0.25 else "535"
    truth[f"{code}|{mechanism}|2"] += 1
    rows = [
        ("+", "", ""),
        ("*", "None", "Set Session Permissions"),
        (">", '"220 EX01.corp.example.com Microsoft ESMTP MAIL Service ready at Mon, 5 Jan 2026 08:00:00 +0000"', ""),
        ("<", f"EHLO {draw.choice(('User', 'win-1', '[198.18.1.1]', 'client.example.com'))}", ""),
        (">", f"250  EX01.corp.example.com Hello [{address}] {HELLO}", ""),
        ("<", f"AUTH {mechanism}", ""),
        *[(">", f"334 {ELIDED}", "")] * 2,
    ]
    if code == "235":
        rows += [("*", "SMTPSubmit AcceptRoutingHeaders", "Set Session Permissions"), ("*", user, "authenticated")]
        rows += [(">", f"235 {ELIDED}", ""), *((event, data, "") for event, data in DELIVERY), *GOODBYE]
    else:
        rows += [("*", "", f"Inbound AUTH {mechanism} failed because of LogonDenied"), ("*", f"User Name: {user}", "")]
        rows += [("*", "Tarpit for '0.00:00:05' due to '535 5.7.3 Authentication unsuccessful'", "")]
        rows += [(">", "535 5.7.3 Authentication unsuccessful", "")]
        rows += GOODBYE if draw.random() < 0.4 else [("-", "", "Remote(ConnectionReset)")]
    session = f"EX01\\Default Frontend EX01,{0x08DE4C2000000000 + number:016X}"
    ends = f"192.0.2.25:587,{address}:{draw.randint(1024, 65_000)}"
    for place, (event, data, context) in enumerate(rows):
        yield f"{session},{place},{ends},{event},{data},{context}"


class Kind(NamedTuple):
    """How a log begins, how a moment and one of the thirty of its second are written, and its sessions."""

    head: str
    stamp: str
    tick: str
    session: Callable[[random.Random, int, Counter[str]], Iterator[str]]
    end: str


FILE_HEAD = "#Software: Microsoft Exchange Server\n#Version: 15.02.1118.007\n#Log-type: SMTP Receive Protocol Log\n"
KINDS = {
    "postfix": Kind("", "%b %e %H:%M:%S mx1 ", "", postfix, "\n"),
    "exchange": Kind(
        f"{FILE_HEAD}#Date: 2026-01-05T08:00:00.000Z\n#Fields: {COLUMNS}\n".replace("\n", "\r\n"),
        "%Y-%m-%dT%H:%M:%S.", "{:03}Z,", exchange, "\r\n",
    ),
}  # fmt: skip


def write(file: Path, name: str, lines: int, seed: int) -> Counter[str]:
    """Write a log of at least so many lines; gives what its sessions tried."""
    draw, truth = random.Random(f"{name} {seed}"), Counter[str]()  # noqa: S311  # no secrets are made of it
    kind, slots = KINDS[name], [iter(())] * SLOTS
    second, written, started = START, 0, 0
    with file.open("w", encoding="ascii", newline="") as log:
        log.write(kind.head)
        while slots:
            part, stamp = [], time.strftime(kind.stamp, time.gmtime(second))
            for tick in range(LINES_A_SECOND):
                slot = draw.randrange(len(slots))
                line = next(slots[slot], None)
                if line is None and written < lines:
                    started += 1
                    slots[slot] = kind.session(draw, started, truth)
                    line = next(slots[slot])
                if line is not None:
                    part.append(f"{stamp}{kind.tick.format(tick * 33)}{line}{kind.end}")
                else:  # past the end, what is still open is finished
                    del slots[slot]
                    if not slots:
                        break
            written += len(part)
            second += 1
            log.write("".join(part))
    return truth


def main() -> None:
    """Write a log and its truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    given = parser.parse_args()
    truth = write(given.out, given.kind, given.lines, given.seed)
    told = {"kind": given.kind, "seed": given.seed, "counts": dict(sorted(truth.items()))}
    given.truth.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
