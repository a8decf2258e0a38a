from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.logs.unwrap import WAITING_BYTES, unwrapper

STORY = [
    b"connect from unknown[192.0.2.10]",
    b"warning: unknown[192.0.2.10]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=b\xf6b",
    b"disconnect from unknown[192.0.2.10] ehlo=2 auth=0/1 quit=1 commands=3/4",
]
PROGRAM = b"postfix/submission/smtpd[101]: "
LOCAL = [b"Nov 22 10:00:0%d mail " % n + PROGRAM + said for n, said in enumerate(STORY)]
UTC = [b"2026-11-22T09:00:0%d.123456+00:00 mail " % n + PROGRAM + said for n, said in enumerate(STORY)]
US = 1_795_338_000_123_456


def lines(block: bytes | list[bytes], given: list[bytes] | None = None) -> list[bytes]:
    """Unwrap a block, told by itself (or by what is given); checks that line numbers stay true."""
    block = block if isinstance(block, bytes) else b"".join(line + b"\n" for line in block)
    unwrap = unwrapper(b"\n".join(given) + b"\n" if given else block)
    assert unwrap is not None
    made = unwrap(block)
    assert made.count(b"\n") == block.count(b"\n")
    return made.split(b"\n")[:-1]


def journal(said: object, n: int = 0, **fields: object) -> bytes:
    about = {
        "__REALTIME_TIMESTAMP": str(US + n * 10**6),
        "_HOSTNAME": "mail",
        "SYSLOG_IDENTIFIER": "postfix/submission/smtpd",
        "SYSLOG_PID": "101",
        "MESSAGE": list(said) if isinstance(said, bytes) else said,
    }
    return json.dumps({name: value for name, value in {**about, **fields}.items() if value is not ...}).encode()


def docker(log: str, **fields: object) -> bytes:
    return json.dumps({"log": log, "stream": "stdout", "time": "2026-11-22T09:00:00.5Z", **fields}).encode()


JOURNAL = [journal(said, n) for n, said in enumerate(STORY)]
CRI = b"2026-11-22T09:00:00.123456789Z stdout F "
STAMP = b"2026-11-22T09:00:00.123456789Z "

ENVELOPES = {
    "journald": (JOURNAL, UTC),
    "journald, sequence": ([b"\x1e" + line for line in JOURNAL], UTC),
    "docker": ([docker(line.decode("latin-1") + "\n") for line in LOCAL[::2]], LOCAL[::2]),
    "docker, CRLF": ([docker("12:00:00 hello\r\n")], [b"12:00:00 hello"]),
    "cri": ([CRI + line for line in LOCAL], LOCAL),
    "cri, tags": ([CRI[:-1] + b":tag " + line for line in LOCAL], LOCAL),
    "colours": ([b"\x1b[0m" + line.replace(b"SASL", b"\x1b[1;33mSASL\x1b[0m") for line in LOCAL], LOCAL),
    "colours, late": (LOCAL * 20 + [b"\x1b[1m" + line for line in LOCAL], LOCAL * 21),
    "colours, journald": ([b"\x1b[36mmx  |\x1b[0m " + CRI + line for line in JOURNAL], UTC),
    "colours of warnings": ([line.replace(b"warning", b"\x1b[0;1;38;5;185mwarning\x1b[0m") for line in UTC], UTC),
    "docker logs -t in colours": ([STAMP + b"\x1b[2m" + line[:15] + b"\x1b[0m" + line[15:] for line in LOCAL], LOCAL),
    "docker logs -t": ([STAMP + line for line in LOCAL], LOCAL),
    "kubectl logs --timestamps": ([b"2026-11-22T10:00:00.5+01:00 " + line for line in UTC], UTC),
    "compose logs -t": ([b"mx-1  | " + STAMP + line for line in LOCAL], LOCAL),
    "compose": ([b"postfix-1  | " + line for line in LOCAL], LOCAL),
    "compose, colours": ([b"\x1b[36mpostfix_1  |\x1b[0m " + line for line in LOCAL], LOCAL),
    "compose, swarm": ([b"mail_mx.1.x7z@node-2    | " + line for line in LOCAL], LOCAL),
    "forum": ([b"[FONT=Menlo]" + line + b"[/FONT]" for line in LOCAL], LOCAL),
    "forum, two tags": ([b"[QUOTE][SIZE=2]" + line + b"[/SIZE][/QUOTE]\r" for line in LOCAL], LOCAL),
    "forum, around all": ([b"[CODE]", *LOCAL, b"[/CODE]"], [b"", *LOCAL, b""]),
    "compose around journald": ([b"mx  | " + line for line in JOURNAL], UTC),
    "cri around journald": ([CRI + line for line in JOURNAL], UTC),
    "docker around journald": ([docker(line.decode() + "\n") for line in JOURNAL], UTC),
    "forum, compose, journald": ([b"[code]mx | " + line + b"[/code]" for line in JOURNAL], UTC),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes(name: str) -> None:
    """Each envelope is told by its lines and taken off; the lines within are as a file would hold them."""
    wrapped, plain = ENVELOPES[name]
    assert lines(wrapped) == plain


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"\n".join(LOCAL),
        b"\n".join(UTC),
        b'{"timestamp": "2026-11-22T09:00:00Z", "level": "INFO", "type": "auth.failed"}\n',
        b'{"MESSAGE": "no time"}\n[]\n{"log": 7, "time": "now"}\n',
        b"2026-11-22 10:00:00 | INFO | connect\n",
        b"INFO     | connect\n",
        STAMP + b"postfix/smtpd[7]: connect\n",
        STAMP + b"10:00:00 connect\n",
        STAMP + b"[10:00:00] connect\n",
        STAMP + b"9:00:00 connect\n",
        STAMP.strip() + b"," + LOCAL[0] + b"\n",
        b"[192.0.2.10][7] cmd: AUTH LOGIN [/x]\n",
        b"-> EHLO a\n<-  250-AUTH LOGIN PLAIN\n",
    ],
)
def test_plain(head: bytes) -> None:
    """Lines without an envelope, JSON logs of servers among them, are plain."""
    assert unwrapper(head) is None


def test_own_time() -> None:
    """A line with a time of its own keeps it; another one gets that of its envelope."""
    bare = "postfix/smtpd[7]: connect"
    assert lines([docker(bare)]) == [b"2026-11-22T09:00:00.5Z postfix/smtpd[7]: connect"]
    assert lines([docker(bare, time="yesterday\nx")]) == [bare.encode()]
    assert lines([CRI + b"connect"]) == [b"2026-11-22T09:00:00.123456789Z connect"]
    for own in (
        "2026-11-22 10:00:00.123 [7] no MAIL", "11/22/26 10:00:00 x", "22-Nov-2026 10:00:00 x", "10:00:00.123 x",
        "Sun, Nov 22 2026 10:00:00 x", "@400000006a2f3e1c00000000 x", "[2026-11-22T10:00:00Z] x",
        "<22>1 2026-11-22T10:00:00Z mail postfix 7 - - x", "<22>Nov 22 10:00:00 mail x", "22.11.2026 10:00:00 x",
        "1/22/2026 9:00:00 PM x",
    ):  # fmt: skip
        assert lines([docker(own)]) == [own.encode()]
        assert lines([journal(own)]) == [own.encode()]


def test_time_of_the_container() -> None:
    """Lines that a container has put no time before, or that have no other, stay among those that have two."""
    given = [STAMP + LOCAL[0], STAMP + b"postfix/smtpd[7]: connect", LOCAL[1], STAMP, STAMP + UTC[2]]
    assert lines(given, [STAMP + line for line in LOCAL]) == [LOCAL[0], given[1], LOCAL[1], STAMP, UTC[2]]
    assert lines([b"mx-1 | " + STAMP + b"Nov 22 10:00:00 postfix/smtpd[7]: connect"]) == [
        b"Nov 22 10:00:00 mx-1 postfix/smtpd[7]: connect"
    ]


def test_container_is_the_host() -> None:
    """Containers that do not name a host are told apart by their own names."""
    made = lines(
        [
            b"mx-1     | 2026-11-22T09:00:00Z postfix/smtpd[7]: connect",
            b"mx-2     | Nov 22 10:00:00 postfix/smtpd[7]: connect",
            b"mx-1     | Nov 22 10:00:00 mail postfix/smtpd[7]: connect",
            b"dovecot  | Nov 22 10:00:00 auth: Error",
            b"exim-1   | 2026-11-22 10:00:00 [7] no MAIL in SMTP connection",
            b"stray line",
            b"mx-1     | ",
            b"mx-1     |",
        ]
    )
    assert made == [
        b"2026-11-22T09:00:00Z mx-1 postfix/smtpd[7]: connect",
        b"Nov 22 10:00:00 mx-2 postfix/smtpd[7]: connect",
        b"Nov 22 10:00:00 mail postfix/smtpd[7]: connect",
        b"Nov 22 10:00:00 dovecot auth: Error",
        b"2026-11-22 10:00:00 [7] no MAIL in SMTP connection",
        b"stray line",
        b"",
        b"",
    ]
    assert lines([b"mx-1 | " + journal("hi", _HOSTNAME=...)]) == [
        b"2026-11-22T09:00:00.123456+00:00 mx-1 postfix/submission/smtpd[101]: hi"
    ]


def test_fields_of_the_journal() -> None:
    """What journald does not know is left out; a message is one line, whatever it holds."""
    stamp = b"2026-11-22T09:00:00.123456+00:00 "
    assert lines(
        [
            journal("hi", _HOSTNAME=...),
            journal("hi", SYSLOG_PID=..., _PID="9"),
            journal("hi", SYSLOG_PID=7),
            journal("hi", SYSLOG_PID="x"),
            journal("hi", SYSLOG_IDENTIFIER=..., _COMM="smtpd"),
            journal("hi", SYSLOG_IDENTIFIER=...),
            journal("one\r\n  two\n\n"),
            journal(" In:  AUTH", SYSLOG_IDENTIFIER=["smtpd", "other"]),
            journal("\x1b[1mhi\x1b[0m"),
            journal("\ud800?"),
            journal("hi", __REALTIME_TIMESTAMP=10**30),
        ]
    ) == [
        stamp + b"postfix/submission/smtpd[101]: hi",
        stamp + b"mail postfix/submission/smtpd[9]: hi",
        stamp + b"mail postfix/submission/smtpd[7]: hi",
        stamp + b"mail postfix/submission/smtpd: hi",
        stamp + b"mail smtpd[101]: hi",
        stamp + b"hi",
        stamp + b"mail " + PROGRAM + b"one   two",
        stamp + b"mail smtpd[101]:  In:  AUTH",
        stamp + b"mail " + PROGRAM + b"hi",
        stamp + b"mail " + PROGRAM + b"??",
        b"mail " + PROGRAM + b"hi",
    ]


@pytest.mark.parametrize(
    "broken",
    [
        JOURNAL[0][:-9], b"-- No entries --", b"{}", b"[" * 100_000, b"{" + b'"a":{' * 100_000, b"", b"\xff\xfe",
        journal(None), journal({}), journal([{}]), journal([300]),
    ],
)  # fmt: skip
def test_broken_lines_stay(broken: bytes) -> None:
    """A line that cannot be opened stays as it is."""
    assert lines([JOURNAL[0], broken, JOURNAL[1]], JOURNAL) == [UTC[0], broken, UTC[1]]


def test_parts_of_a_line() -> None:
    """A line that came in parts stands on the number of its last part, with the time of its first one."""
    unwrap = unwrapper(CRI + b"x\n")
    assert unwrap is not None
    begin = b"2026-11-22T09:00:00.1Z stdout P postfix/smtpd[7]: con\n2026-11-22T09:00:00.2Z stderr F other\n"
    assert unwrap(begin) == b"\n2026-11-22T09:00:00.2Z other\n"
    rest = b"2026-11-22T09:00:00.3Z stdout P nect\n2026-11-22T09:00:00.4Z stdout F  from\n"
    assert unwrap(rest) == b"\n2026-11-22T09:00:00.1Z postfix/smtpd[7]: connect from\n"


def test_parts_without_end() -> None:
    """Parts whose rest never comes do not fill the memory."""
    unwrap = unwrapper(CRI + b"x\n")
    assert unwrap is not None
    part = CRI.replace(b"F", b"P") + b"x" * (WAITING_BYTES // 4) + b"\n"
    assert len(unwrap(part * 9)) > 2 * WAITING_BYTES


def test_last_line_without_end() -> None:
    """A head that ends within a line is told by the whole ones; a text of one line without an end by this one."""
    assert unwrapper(JOURNAL[0] + b"\n" + JOURNAL[1][:40]) is not None
    unwrap = unwrapper(JOURNAL[0])
    assert unwrap is not None
    assert unwrap(JOURNAL[0]) == UTC[0]


def test_words_before_the_lines() -> None:
    """Some lines of another kind may come first."""
    assert lines([b"Attaching to mx-1, mx-2", *(b"mx-1  | " + line for line in LOCAL)]) == [
        b"Attaching to mx-1, mx-2",
        *LOCAL,
    ]


@given(st.sampled_from(sorted(ENVELOPES)), st.lists(st.binary(max_size=60)), st.randoms(use_true_random=False))
def test_as_many_lines(name: str, junk: list[bytes], shuffler) -> None:
    """Whatever stands among the lines, and however they are damaged, as many lines come out."""
    wrapped = ENVELOPES[name][0]
    unwrap = unwrapper(b"\n".join(wrapped) + b"\n")
    assert unwrap is not None
    cut = [line[: shuffler.randrange(len(line) + 1)] for line in wrapped]
    mixed = [*wrapped, *cut, *junk]
    shuffler.shuffle(mixed)
    block = b"\n".join(mixed)
    assert unwrap(block).count(b"\n") == block.count(b"\n")
    unwrapper(block)


@given(st.lists(st.one_of(st.text(), st.lists(st.integers(0, 255)), st.none(), st.integers(), st.lists(st.text()))))
def test_any_message(messages: list[object]) -> None:
    """Whatever a message is, one line comes out."""
    block = b"".join(journal(said) + b"\n" + docker(str(said), time=str(said)) + b"\n" for said in messages)
    unwrap = unwrapper(JOURNAL[0] + b"\n")
    assert unwrap is not None
    assert unwrap(block).count(b"\n") == block.count(b"\n")
