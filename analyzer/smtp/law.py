"""The law of labelling: what every line means in every mode, and what every ending is called.

1. Everything about verbs, reply codes and transitions is here. No other module holds a verb or a reply code.
2. This file knows nothing of packets, buffers or tables; it is data. `analyzer.smtp.machine` runs it.

Theory of operation. We read as the server reads: one client line after the other, in the mode that the server's
replies have led to. After some lines (AUTH and its answers, DATA, STARTTLS, TURN) only the reply tells how the next
client bytes are meant, so the client's stream waits for it there, however early its bytes arrived. A client line that
wants a reply is a *unit* (the greeting is unit 0); a reply answers the oldest open unit. A unit keeps the mode that
it led to: replies are looked up under that mode, so the reply to a pipelined MAIL changes nothing while DATA waits.

`LAW` maps (mode, kind of line or event) to (next mode, action). A line kind that a mode does not name is impossible
there. `ENDINGS` maps final codes to outcomes. docs/law.md holds the diagram that is drawn from these tables.
"""

from __future__ import annotations

import functools
import operator
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Mode(IntEnum):
    """How the next client bytes are to be read."""

    COMMAND = 0  # a command line
    AUTH = 1  # wait: AUTH or an answer was sent
    ANSWER = 2  # an answer to a 334, whatever it looks like
    DATA = 3  # wait: DATA was sent
    BODY = 4  # message lines, until CRLF . CRLF
    CHUNK = 5  # octets of a BDAT chunk (RFC 3030)
    STARTTLS = 6  # wait: STARTTLS was sent
    CHECK = 7  # the first byte tells whether TLS began
    TLS = 8  # not readable
    TURN = 9  # wait: TURN or ATRN was sent
    SECURED = 10  # after a success: the first byte tells whether a SASL security layer began (RFC 4954 section 4)
    LAYER = 11  # binary data of a security layer
    LOST = 12  # bytes of the client are missing, or the capture began here: look for a verb whose reply fits
    OVER = 13  # the sides have changed roles


class Kind(IntEnum):
    """What a client line, a reply or an event is."""

    # client lines in COMMAND and LOST
    HELLO = 0
    LHLO = 1
    AUTH = 2
    MAIL = 3
    RCPT = 4
    DATA = 5
    BDAT = 6
    STARTTLS = 7
    TURN = 8
    RSET = 9
    QUIT = 10
    PLAIN = 11  # any other known verb: one line, one reply
    UNKNOWN = 12
    # client lines in ANSWER
    RESPONSE = 13
    EMPTY = 14
    CANCEL = 15
    # end of the message in BODY
    DOT = 16
    # replies
    R220 = 17
    R221 = 18
    R235 = 19
    R2XX = 20
    R334 = 21
    R334_FINAL = 22  # its text begins with an enhanced code of class 4 or 5 (Stalwart: second factor missing)
    R354 = 23
    R3XX = 24
    R421 = 25
    R535 = 26
    REFUSAL = 27  # any other 4xx or 5xx
    # events
    GAP = 28  # bytes of the client are missing here
    TLS_BYTE = 29
    ZERO_BYTE = 30
    OTHER_BYTE = 31


class Action(IntEnum):
    """What the machine does besides changing the mode; each is a function of the machine."""

    NOTHING = 0
    UNIT = 1  # open a unit
    BEGIN_ATTEMPT = 2  # open a unit, and an attempt
    BEGIN_CHUNK = 3  # open a unit, and count its octets
    END_DATA = 4  # open a unit for the end of the message (LMTP: one for each accepted recipient)
    ROUND = 5  # count a 334
    END_ATTEMPT = 6  # the reply is the attempt's ending
    BEGIN_TLS = 7
    BEGIN_BODY = 8
    RECIPIENT = 9  # a recipient was accepted
    FORGET = 10  # the transaction is over
    GREET = 11  # as the first thing seen of a session, it is the greeting


K, M, A = Kind, Mode, Action

#: Verbs as the client writes them, and what kind of line they make (RFC 5321 and the extensions named).
VERBS: dict[str, Kind] = {
    "EHLO": K.HELLO, "HELO": K.HELLO, "LHLO": K.LHLO,
    "AUTH": K.AUTH, "X-EXPS": K.AUTH,  # RFC 4954; Exchange's name for it between its servers
    "MAIL": K.MAIL, "SEND": K.MAIL, "SOML": K.MAIL, "SAML": K.MAIL,
    "RCPT": K.RCPT, "DATA": K.DATA,
    "BDAT": K.BDAT, "BURL": K.PLAIN,  # RFC 3030, RFC 4468
    "STARTTLS": K.STARTTLS, "X-ANONYMOUSTLS": K.STARTTLS,  # RFC 3207, Exchange
    "TURN": K.TURN, "ATRN": K.TURN,  # RFC 821, RFC 2645
    "RSET": K.RSET, "QUIT": K.QUIT,
    "NOOP": K.PLAIN, "VRFY": K.PLAIN, "EXPN": K.PLAIN, "HELP": K.PLAIN, "ETRN": K.PLAIN,
    "XCLIENT": K.PLAIN, "XFORWARD": K.PLAIN, "XEXCH50": K.PLAIN, "X-LINK2STATE": K.PLAIN, "XRDST": K.PLAIN,
    "XPROXY": K.PLAIN, "XPROXYTO": K.PLAIN, "XSHADOW": K.PLAIN, "XQDISCARD": K.PLAIN, "XUSR": K.PLAIN,
}  # fmt: skip

#: Verbs that only other protocols have (FTP, POP3, NNTP): a session with these, and none of SMTP's own, is not SMTP.
FOREIGN_VERBS = [
    "USER",
    "PASS",
    "ACCT",
    "SYST",
    "PASV",
    "PORT",
    "EPSV",
    "EPRT",
    "RETR",
    "STOR",
    "LIST",
    "NLST",
    "CWD",
    "PWD",
    "TYPE",
    "FEAT",
    "PBSZ",
    "PROT",
    "ADAT",
    "CCC",
    "AUTHINFO",
    "MODE",
    "GROUP",
    "ARTICLE",
    "CAPA",
    "UIDL",
    "TOP",
    "CLNT",
    "OPTS",
    "MLSD",
    "LOGIN",
]

#: Kinds of command lines that other protocols have too.
SHARED_KINDS = frozenset({K.AUTH, K.QUIT, K.PLAIN})

#: Codes that few other protocols have: with a command like those, they tell SMTP on any port.
TELLING_CODES = (235, 334, 354, 535)

_COMMANDS: dict[Kind, tuple[Mode, Action]] = {
    K.HELLO: (M.COMMAND, A.UNIT),
    K.LHLO: (M.COMMAND, A.UNIT),
    K.AUTH: (M.AUTH, A.BEGIN_ATTEMPT),
    K.MAIL: (M.COMMAND, A.UNIT),
    K.RCPT: (M.COMMAND, A.UNIT),
    K.DATA: (M.DATA, A.UNIT),
    K.BDAT: (M.CHUNK, A.BEGIN_CHUNK),
    K.STARTTLS: (M.STARTTLS, A.UNIT),
    K.TURN: (M.TURN, A.UNIT),
    K.RSET: (M.COMMAND, A.UNIT),
    K.QUIT: (M.COMMAND, A.UNIT),
    K.PLAIN: (M.COMMAND, A.UNIT),
    K.UNKNOWN: (M.COMMAND, A.UNIT),
}

REPLIES = (
    K.R220, K.R221, K.R235, K.R2XX, K.R334, K.R334_FINAL, K.R354, K.R3XX, K.R421, K.R535, K.REFUSAL,
)  # fmt: skip


def _otherwise(
    mode: Mode, then: tuple[Mode, Action], **named: tuple[Mode, Action]
) -> dict[tuple[Mode, Kind], tuple[Mode, Action]]:
    """Write the replies of a waiting mode: the named ones, and what all others do."""
    return {(mode, kind): named.get(kind.name, then) for kind in REPLIES}


LAW: dict[tuple[Mode, Kind], tuple[Mode, Action]] = {
    # --- client lines
    **{(M.COMMAND, kind): then for kind, then in _COMMANDS.items()},
    (M.ANSWER, K.RESPONSE): (M.AUTH, A.UNIT),
    (M.ANSWER, K.EMPTY): (M.AUTH, A.UNIT),
    (M.ANSWER, K.CANCEL): (M.AUTH, A.UNIT),
    (M.BODY, K.DOT): (M.COMMAND, A.END_DATA),
    # --- a verb after missing bytes stands only if its reply fits (FITS); a line without one is text
    **{(M.LOST, kind): then for kind, then in _COMMANDS.items() if kind is not K.UNKNOWN},
    # --- replies to units that wait
    **_otherwise(M.AUTH, (M.COMMAND, A.END_ATTEMPT), R334=(M.ANSWER, A.ROUND), R235=(M.SECURED, A.END_ATTEMPT)),
    **_otherwise(M.DATA, (M.COMMAND, A.NOTHING), R354=(M.BODY, A.BEGIN_BODY)),
    **_otherwise(M.STARTTLS, (M.COMMAND, A.NOTHING), R220=(M.CHECK, A.BEGIN_TLS)),
    **_otherwise(M.TURN, (M.COMMAND, A.NOTHING), R2XX=(M.OVER, A.NOTHING)),
    # --- replies that no unit waits for, by the mode of the client's stream
    **_otherwise(M.ANSWER, (M.COMMAND, A.END_ATTEMPT), R334=(M.ANSWER, A.ROUND), R235=(M.SECURED, A.END_ATTEMPT)),
    **_otherwise(
        M.LOST, (M.LOST, A.NOTHING),
        R220=(M.LOST, A.GREET), R334=(M.ANSWER, A.ROUND), R235=(M.SECURED, A.END_ATTEMPT), R535=(M.LOST, A.END_ATTEMPT),
        R334_FINAL=(M.LOST, A.END_ATTEMPT), R354=(M.BODY, A.BEGIN_BODY),
    ),
    # --- the first byte of the client decides
    (M.CHECK, K.TLS_BYTE): (M.TLS, A.NOTHING),
    (M.CHECK, K.ZERO_BYTE): (M.COMMAND, A.NOTHING),
    (M.CHECK, K.OTHER_BYTE): (M.COMMAND, A.NOTHING),
    (M.SECURED, K.TLS_BYTE): (M.COMMAND, A.NOTHING),
    (M.SECURED, K.ZERO_BYTE): (M.LAYER, A.NOTHING),
    (M.SECURED, K.OTHER_BYTE): (M.COMMAND, A.NOTHING),
    (M.LOST, K.TLS_BYTE): (M.TLS, A.NOTHING),
    (M.ANSWER, K.TLS_BYTE): (M.TLS, A.NOTHING),
    # --- bytes of the client are missing
    (M.COMMAND, K.GAP): (M.LOST, A.NOTHING),
    (M.SECURED, K.GAP): (M.LOST, A.NOTHING),
    (M.CHECK, K.GAP): (M.LOST, A.NOTHING),
}  # fmt: skip

#: What an accepted reply (2xx) to a line of this kind does to the recipients of the mail transaction, which only LMTP
#: has to know.
TRANSACTION: dict[Kind, Action] = {
    K.RCPT: A.RECIPIENT, K.MAIL: A.FORGET, K.RSET: A.FORGET, K.LHLO: A.FORGET,
}  # fmt: skip

_REFUSALS = frozenset({K.R421, K.R535, K.REFUSAL})

#: Which replies fit a line: what a verb that was found after missing bytes has to get to be believed.
FITS: dict[Kind, frozenset[Kind]] = {
    K.HELLO: _REFUSALS | {K.R2XX},
    K.LHLO: _REFUSALS | {K.R2XX},
    K.AUTH: _REFUSALS | {K.R235, K.R334, K.R334_FINAL},
    K.MAIL: _REFUSALS | {K.R2XX},
    K.RCPT: _REFUSALS | {K.R2XX},
    K.DATA: _REFUSALS | {K.R354},
    K.BDAT: _REFUSALS | {K.R2XX},
    K.STARTTLS: _REFUSALS | {K.R220},
    K.TURN: _REFUSALS | {K.R2XX},
    K.RSET: _REFUSALS | {K.R2XX},
    K.QUIT: frozenset({K.R221, K.R2XX, K.R421}),
    K.PLAIN: _REFUSALS | {K.R2XX, K.R220, K.R354},
}

#: The codes of a challenge, of "send the message", of a greeting, and of a command that has no place there.
CHALLENGE, GO_ON, READY, BAD_SEQUENCE = 334, 354, 220, 503

#: What logs name: the codes of a refusal and of "closing", and two commands.
REFUSED, CLOSING = 535, 421
AUTH_COMMAND, TLS_COMMAND = "AUTH", "STARTTLS"

#: Kinds of replies, by code; a code that is not here has the kind of its first digit.
REPLY_KINDS: dict[int, Kind] = {
    220: K.R220, 221: K.R221, 235: K.R235, 334: K.R334, 354: K.R354, 421: K.R421, 535: K.R535,
}  # fmt: skip
CLASS_KINDS: dict[int, Kind] = {2: K.R2XX, 3: K.R3XX, 4: K.REFUSAL, 5: K.REFUSAL}

#: After bytes of the server are missing, an attempt ends on these replies alone.
ENDS_AFTER_GAP = _REFUSALS | {K.R235, K.R334_FINAL}


class Last(IntEnum):
    """The last client line of an attempt."""

    NONE = 0  # the AUTH command, without an initial response
    INITIAL = 1
    ANSWER = 2
    EMPTY = 3
    CANCEL = 4
    OAUTH_CANCEL = 5  # after an OAuth error challenge: it acknowledges the refusal


class How(IntEnum):
    """How an attempt ended, but for its code."""

    OPEN = 0  # nothing ended it, as far as the capture goes
    CODE = 1
    CLIENT = 2  # FIN or RST of the client
    SERVER = 3  # FIN or RST of the server
    UNSEEN = 4  # missing bytes hide it


OUTCOMES = (
    "succeeded", "rejected", "cancelled", "malformed", "not_recognised", "bad_sequence", "mechanism_unavailable",
    "encryption_required", "mechanism_too_weak", "account_disabled", "transition_needed", "temporary_failure",
    "server_closed", "client_closed", "unseen", "failed", "other",
)  # fmt: skip

#: Outcomes by final code; any other 4xx is a temporary failure, any other code is `other`.
ENDINGS: dict[int, str] = {
    235: "succeeded",
    535: "rejected",
    501: "malformed", 553: "malformed", 555: "malformed",
    500: "not_recognised", 502: "not_recognised",
    503: "bad_sequence",
    504: "mechanism_unavailable",
    530: "encryption_required", 538: "encryption_required", 523: "encryption_required", 524: "encryption_required",
    534: "mechanism_too_weak",
    525: "account_disabled",
    432: "transition_needed", 422: "transition_needed",
    421: "server_closed",
}  # fmt: skip

CLOSINGS: dict[How, str] = {
    How.OPEN: "unseen", How.CLIENT: "client_closed", How.SERVER: "server_closed", How.UNSEEN: "unseen",
}  # fmt: skip


def outcome(how: int, code: int, last: int) -> str:
    """Give the outcome of an attempt by how it ended, its final code (0: none) and its last client line."""
    if how == How.CODE and ENDINGS.get(code) == "succeeded":
        return "succeeded"
    if last == Last.CANCEL and how != How.UNSEEN:
        return "cancelled"
    if how != How.CODE:
        return CLOSINGS[How(how)]
    return ENDINGS.get(code, "temporary_failure" if code // 100 == 4 else "other")


@functools.cache
def outcomes() -> Array:
    """Make the table of outcomes: int32[how, code, last], numbers of OUTCOMES."""
    import numpy as np  # here and below: what a code means can be asked without it (`analyzer.knowledge`)

    table = np.empty((len(How), 600, len(Last)), np.int32)
    # Codes that ENDINGS does not name have the outcome of their class.
    named: list[tuple[slice | int, int]] = [
        (slice(None), 0),
        (slice(400, 500), 400),
        *zip(ENDINGS, ENDINGS, strict=True),
    ]
    for how in How:
        for last in Last:
            for codes, code in named:
                table[how, codes, last] = OUTCOMES.index(outcome(how, code, last))
    return table


def is_good(code: int) -> bool:
    """Say whether a reply code is positive completion (RFC 5321 section 4.2.1)."""
    return CLASS_KINDS.get(code // 100) is Kind.R2XX


def is_bad(code: int) -> bool:
    """Say whether a reply code refuses what was asked, for now or for good."""
    return CLASS_KINDS.get(code // 100) is Kind.REFUSAL


class Flag(IntFlag):
    """What weakens a label or deserves a finding; of an attempt, a session or a unit."""

    GAP_SERVER = 1 << 0
    GAP_CLIENT = 1 << 1
    TRUNCATED = 1 << 2
    MIDSTREAM = 1 << 3
    ONE_SIDED = 1 << 4
    OVERLAP_CONFLICT = 1 << 5
    CLOCK = 1 << 6
    HALF_CLOSED = 1 << 7
    REPLY_AFTER_CLOSE = 1 << 8
    AT_LEAST = 1 << 9
    LINE_TOO_LONG = 1 << 10
    UNSOLICITED = 1 << 11
    EARLY_ANSWER = 1 << 12
    INJECTION = 1 << 13
    ODD_END = 1 << 14
    BARE_LF = 1 << 15
    NOT_A_REPLY = 1 << 16
    VOID = 1 << 17
    TENTATIVE = 1 << 18
    PIPELINED = 1 << 19
    LOST_LINE = 1 << 20
    UNSOLICITED_AUTH = 1 << 21
    ROLES_CHANGED = 1 << 22
    HELD = 1 << 23  # of a session that goes on: not written yet
    MASKED = 1 << 24  # a log hides a secret of the client
    RECIPIENT = 1 << 25  # the end of a message, whose reply is about one recipient (LMTP)
    FURTHER = 1 << 26  # and not the first one


#: Names of the flags that are caveats, as tables show them.
CAVEATS: dict[Flag, str] = {
    Flag.GAP_SERVER: "gap", Flag.GAP_CLIENT: "gap", Flag.TRUNCATED: "truncated", Flag.MIDSTREAM: "midstream",
    Flag.ONE_SIDED: "one_sided", Flag.OVERLAP_CONFLICT: "overlap_conflict", Flag.CLOCK: "clock",
    Flag.HALF_CLOSED: "half_closed", Flag.REPLY_AFTER_CLOSE: "reply_after_close", Flag.LINE_TOO_LONG: "line_too_long",
    Flag.UNSOLICITED: "unsolicited_reply", Flag.EARLY_ANSWER: "answer_before_challenge", Flag.BARE_LF: "bare_lf",
    Flag.NOT_A_REPLY: "not_a_reply", Flag.INJECTION: "injection", Flag.ODD_END: "odd_end_of_data",
    Flag.ROLES_CHANGED: "roles_changed",
}  # fmt: skip


#: All flags that are caveats.
ALL_CAVEATS = functools.reduce(operator.or_, CAVEATS)


def packed(verb: str) -> tuple[int, int]:
    """Pack up to 16 characters into two integers of seven bits a character."""
    codes = verb.encode("ascii").ljust(16, b"\0")
    return tuple(sum(code << (7 * i) for i, code in enumerate(codes[a : a + 8])) for a in (0, 8))  # type: ignore[return-value]


#: The names of `exchanges.verb` that are no verbs, by what made the unit.
UNIT_NAMES = ("(greeting)", "(answer)", "(end of data)", "(unsolicited)", "(lost)", "(unknown)", "(before TLS)")
GREETING, ANSWER_UNIT, END_OF_DATA, UNSOLICITED_UNIT, LOST_UNIT, UNKNOWN_VERB, INJECTED = range(len(UNIT_NAMES))
FIRST_VERB = len(UNIT_NAMES)
VERB_NAMES = (*UNIT_NAMES, *VERBS)

#: Numbers of the verbs whose positive reply lists what the server offers (RFC 5321 section 4.1.1.1, RFC 2033).
LISTING = frozenset(VERB_NAMES.index(verb) for verb in ("EHLO", "LHLO"))


def matrices() -> tuple[Array, Array, Array, Array]:
    """Make the tables for the kernel.

    law int64[mode * kind, 2] (mode -1: impossible), verbs int64[n, 4] (packed name, kind, number), kinds int64[600]
    (of reply codes), traits int64[kind, 2 + kinds] (transaction action, ends an attempt after a gap, replies that fit).
    """
    import numpy as np

    law = np.full((len(Mode) * len(Kind), 2), -1, np.int64)
    for (mode, kind), (after, action) in LAW.items():
        law[mode * len(Kind) + kind] = after, action
    verbs = [(*packed(verb), int(kind), FIRST_VERB + i) for i, (verb, kind) in enumerate(VERBS.items())]
    verbs += [(*packed(verb), -1, -1) for verb in FOREIGN_VERBS]
    kinds = np.array([REPLY_KINDS.get(code, CLASS_KINDS.get(code // 100, -1)) for code in range(600)], np.int64)
    traits = np.zeros((len(Kind), 2 + len(Kind)), np.int64)
    for kind in Kind:
        traits[kind, 0] = TRANSACTION.get(kind, Action.NOTHING)
        traits[kind, 1] = kind in ENDS_AFTER_GAP
        for reply in FITS.get(kind, ()):
            traits[kind, 2 + reply] = 1
    return law, np.array(verbs, np.int64), kinds, traits
