"""What is shown in place of secrets: kind and length, never content."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from analyzer.smtp.encoding import printable, unbase64

REMOVED: Final = b"<removed>"

#: What logs write in place of a whole response or challenge: stars (aiosmtpd, hMailServer, MailKit), words in brackets
#: (PHPMailer, Exchange, MailEnable, OpenSMTPD), a row of x (people).
MASK: Final = re.compile(
    rb"\*{2,}|(?i:x{4,})|\(\.\.\.\)|\{blank\}"
    rb"|[\[<({](?i:[\w -]{0,40}(?:credential|response|information|password|user ?name|secret|hidden|removed|redacted"
    rb"|masked|omitted|suppressed)[\w -]{0,40})[\])>}]"
)

#: Longest argument that is shown. RFC 5321 section 4.5.3.1.4: a command line has at most 512 octets.
ARGUMENT_BYTES: Final = 512

_NOTHING: Final = {b"": "<empty response>", b"=": "<empty response>", b"*": "<cancel *>"}
_NO_BASE64: Final = "<not base64, {} bytes>"
_WORDS: Final = ("", _NO_BASE64, *dict.fromkeys(_NOTHING.values()))
_LOGIN: Final = ("user name", "password")

#: From this response on, all are told alike.
PLACES: Final = len(_LOGIN)
#: Mechanisms that are registered (RFC 4422 section 6.2.1; IANA, SASL Mechanisms), and those of products.
_KNOWN: Final = re.compile(
    "PLAIN|LOGIN|EXTERNAL|ANONYMOUS|NTLM|X?OAUTH|XOAUTH2|OAUTHBEARER|OAUTH10A|GSSAPI|GSS-SPNEGO|SPNEGO(-PLUS)?"
    "|(CRAM|DIGEST)-(MD5|SHA-?[0-9]{1,3})|SCRAM-(MD5|SHA-?[0-9A-Z-]{1,11})|GS2-[A-Z0-9]{1,11}(-PLUS)?|KERBEROS(_V[45])?"
    "|OTP|SKEY|S/KEY|SECURID|SAML20|OPENID20|9798-[MU]-[A-Z0-9-]{1,13}|EAP-AES128(-PLUS)?|PASSDSS-3DES-1|SRP|NMAS[A-Z_-]*"
    "|X-GOOGLE-TOKEN|PLAIN-CLIENTTOKEN|X-NETSCAPE-HAS-BUGS|EXCHANGEAUTH|APOP|MSN|DPA"
)
#: An invention that is shown: all in capitals, as hardly a password or base64 is (RFC 4422 section 3.1).
_INVENTED: Final = re.compile(rb"[A-Z][A-Z0-9_-]{0,19}")
_HIDDEN: Final = re.compile(r"(?i)pass|pwd|secret|token|key|cred")

# Commands whose argument holds no secret, those that authenticate, and those made of NAME=value.
_OPEN: Final = frozenset(
    "HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP ETRN ATRN TURN STARTTLS SEND SOML SAML".split()  # noqa: SIM905 (see above)
)
_AUTHENTICATING: Final = frozenset(("AUTH", "X-EXPS"))
_ATTRIBUTES: Final = frozenset(("XCLIENT", "XFORWARD"))


class Form(NamedTuple):
    """What an AUTH line is whatever the mechanism (empty: that of its response), and its bytes, decoded or not."""

    words: str
    size: int


def number_of(form: Form) -> int:
    """Give a number of a form, of which `form_at` makes it again."""
    return form.size * len(_WORDS) + _WORDS.index(form.words)


def form_at(number: int) -> Form:
    """Give the form of a number."""
    size, words = divmod(number, len(_WORDS))
    return Form(_WORDS[words], size)


def form_of(line: bytes) -> Form:
    """Give all that is shown of a client's AUTH line."""
    if line in _NOTHING:
        return Form(_NOTHING[line], 0)
    data = unbase64(line)
    return Form(_NO_BASE64, len(line)) if data is None else Form("", len(data))


def described(mechanism: str | None, index: int, form: Form) -> str:
    """Say what a client's AUTH line of a form is.

    `index` counts the real responses (not empty, no ``*``) before this one, an initial response included.
    """
    if form.words:
        return form.words.format(form.size)
    name = (mechanism or "").upper()
    if name == "LOGIN" and index < len(_LOGIN):
        return f"<{_LOGIN[index]}, {form.size} bytes>"
    if name.startswith("CRAM-"):
        return f"<{_name(name)}digest, {form.size} bytes>"
    return f"<{_name(name)}response, {form.size} bytes>"


def unknown_bytes(size: int) -> str:
    """Say of a line with an unknown verb only how long it is: it may be a password sent too early."""
    return f"<line of {size} bytes>"


def argument(verb: str, rest: bytes) -> str | None:
    """Give what is shown of a command's argument; None where it has none."""
    if not rest.strip():
        return None
    name = verb.upper()
    if name in _OPEN:
        return printable(rest.strip(), ARGUMENT_BYTES)
    if name in _AUTHENTICATING:
        return _auth(rest)
    if name in _ATTRIBUTES:
        return " ".join(_attribute(word) for word in printable(rest, ARGUMENT_BYTES).split())
    return f"<{len(rest)} bytes>"


def mechanism(word: bytes) -> str | None:
    """Give the name of a mechanism, in capitals; None for what may be a secret in the wrong place."""
    name = word.upper().decode("latin-1")  # no letter but those of ASCII becomes another one
    return name if _KNOWN.fullmatch(name) or _INVENTED.fullmatch(word) else None


def _name(name: str) -> str:
    """Name a known mechanism; an unknown one is the client's invention and could be anything."""
    return f"{name} " if _KNOWN.fullmatch(name) else ""


def _auth(rest: bytes) -> str:
    word, *responses = rest.split()
    shown = [word.decode() if mechanism(word) else f"<{len(word)} bytes>"]
    shown += [described(shown[0], 0, form_of(response)) for response in responses[:1]]
    shown += [unknown_bytes(len(b" ".join(responses[1:])))] if responses[1:] else []
    return " ".join(shown)


def _attribute(word: str) -> str:
    name, sign, value = word.partition("=")
    return f"{name}=<{len(value)} bytes>" if sign and _HIDDEN.search(name) else word
