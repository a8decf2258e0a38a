"""Speed and memory of reading a mail server's log: python benchmarks/logs.py [--millions 1 2 4] [--generator FILE].

Makes a Postfix log of each size (seeded, forty sessions at a time), reads it in a process of its own on one core,
holds the AUTH exchanges against what was written, and prints the figures. A wrong answer ends it with an error.

A generator of your own is run as `FILE postfix --lines N --seed 1 -o LOG --truth JSON`; of its truth are used the
``counts`` ``sasl_failed|MECHANISM`` and ``sasl_ok|MECHANISM``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve()
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

#: Sessions under way at any time, and octets that are read so that all kernels are compiled.
SLOTS, WARM = 40, 1 << 20


def session(draw: random.Random, pid: int, truth: Counter[str]) -> Iterator[str]:
    """Give the lines of one session: brute force (half of them), a submission, inbound mail, or none of these."""
    kind, user = draw.random(), f"{draw.choice(USERS)}@example.com"
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


def write(file: Path, lines: int, seed: int) -> Counter[str]:
    """Write a log of at least so many lines; gives what its sessions tried."""
    draw, truth = random.Random(seed), Counter[str]()  # noqa: S311  # no secrets are made of it
    slots: list[Iterator[str]] = [iter(())] * SLOTS
    clock, written, started, part = 1_767_600_000, 0, 0, [""]
    with file.open("w", encoding="ascii") as log:
        while part:
            part, stamp = [], time.strftime("%b %e %H:%M:%S mx1 ", time.gmtime(clock))
            for _ in range(30):  # lines of one second
                slot = draw.randrange(SLOTS)
                line = next(slots[slot], None)
                if line is None and written < lines:
                    started += 1
                    slots[slot] = session(draw, 1000 + started % 30_000, truth)
                    line = next(slots[slot])
                if line is not None:
                    part.append(f"{stamp}{line}\n")
            if not part:  # past the end, what is still open is finished
                part = [f"{stamp}{line}\n" for slot in slots for line in slot]
                log.write("".join(part))
                break
            written += len(part)
            clock += 1
            log.write("".join(part))
    return truth


def read(file: str) -> dict[str, Any]:
    """Read a log in this process; imports and compiling do not count."""
    import resource

    import analyzer

    with tempfile.TemporaryDirectory() as folder, Path(file).open("rb") as log:
        head = Path(folder, "head.log")
        head.write_bytes(log.read(WARM).rpartition(b"\n")[0] + b"\n")
        analyzer.read(head, tables=("auth",))
    before, begin, wall = _peak(resource), time.process_time(), time.perf_counter()
    trace = analyzer.read(file, tables=("auth",))
    seconds, waited = time.process_time() - begin, time.perf_counter() - wall
    peak = _peak(resource)
    auth, counts = trace.tables["auth"].lists(), Counter[str]()
    for mechanism, outcome in zip(auth["mechanism"], auth["outcome"], strict=True):
        if mechanism:
            counts[f"sasl_{'ok' if outcome == 'succeeded' else 'failed'}|{mechanism}"] += 1
    sessions = len(trace.tables["sessions"])
    return {"seconds": seconds, "wall": waited, "before": before, "peak": peak, "sessions": sessions, "counts": counts}


def _peak(resource: Any) -> int:
    """Give the peak memory of this process so far in bytes; Linux counts in kB."""
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 2, 4], help="sizes, in millions of lines")
    parser.add_argument("--generator", help="script that writes the log and its truth, instead of the one in here")
    parser.add_argument("--runs", type=int, default=3, help="the median counts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(read(given.one)))
        return
    print(f"{'lines':>10} {'MB':>6} {'CPU s':>7} {'lines/s':>9} {'peak MB':>8} {'sessions':>9} {'bytes/session':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for millions in given.millions:
            log, told = Path(folder, "mail.log"), Path(folder, "truth.json")
            if given.generator:
                size = ["--lines", str(int(millions * 1e6)), "--seed", "1", "-o", str(log), "--truth", str(told)]
                subprocess.run(
                    [sys.executable, given.generator, "postfix", *size], check=True, stdout=subprocess.DEVNULL
                )
                truth = Counter(json.loads(told.read_text())["counts"])
            else:
                truth = write(log, int(millions * 1e6), seed=1)
            _report(log, truth, given.runs)


def _report(log: Path, truth: Counter[str], runs: int) -> None:
    """Read a log some times, hold the answers against the truth, and print the median."""
    command = [sys.executable, str(HERE), "--one", str(log)]
    kernels = {**os.environ, "SMTP_ANALYZER_KERNELS": "compiled", "PYTHONPATH": str(HERE.parent.parent)}
    made = [
        json.loads(subprocess.run(command, env=kernels, check=True, capture_output=True).stdout) for _ in range(runs)
    ]
    wanted = {name: count for name, count in sorted(truth.items()) if name.startswith("sasl_")}
    for each in made:
        if dict(sorted(each["counts"].items())) != wanted:
            sys.exit(f"wrong answer: {each['counts']} instead of {wanted}")
    median = sorted(made, key=lambda each: each["seconds"])[len(made) // 2]
    with log.open("rb") as data:
        lines = sum(part.count(b"\n") for part in iter(lambda: data.read(1 << 24), b""))
    grown = (median["peak"] - median["before"]) / max(median["sessions"], 1)
    print(
        f"{lines:10} {log.stat().st_size / 1e6:6.0f} {median['seconds']:7.2f} {lines / median['seconds']:9.0f} "
        f"{median['peak'] / 1e6:8.0f} {median['sessions']:9} {grown:13.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
