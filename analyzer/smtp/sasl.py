"""SASL messages (RFC 4422): who a client says that it is, and what it was asked.

Secrets end here. A password or token leaves only as a keyed digest, whose key is random, never stored and of this
`Decoder` alone; everything else that a client sent as an answer does not leave at all.
"""

from __future__ import annotations

import re
import sys
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final

from analyzer.schema import NULL
from analyzer.smtp import gssapi, ntlm
from analyzer.smtp.encoding import readable, unbase64, unbase64_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: A line of the client that may hold a response, and whether its tail was cut off.
Response = tuple[bytes | None, bool]

#: Identity, authorization identity, realm, host, and the secret in the clear, which stays inside this module.
Claim = tuple[str | None, str | None, str | None, str | None, bytes | None]

NOBODY: Final[Claim] = (None, None, None, None, None)

#: In the place of a secret: it is the response that follows.
FOLLOWS: Final = bytes(1)

# Lines that answer nothing: empty, empty said explicitly, and cancel. RFC 4954 section 4.
NOT_SAID: Final = frozenset((b"", b"=", b"*"))

#: What is said to the prompt for a password, where no name came before, and is a name all the same.
ADDRESS: Final = re.compile(rb"[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}")

_DIRECTIVE: Final = re.compile(rb'[\s,]*([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
# A client that forgets the separators puts its token behind the name: the name ends at white space too.
_OAUTH_USER: Final = re.compile(rb"user=(\S*)|[ny],a=([^,\s]*)")
# Its manuals write ^A for the octet 0x01, and so do some clients.
_COMMA, _CONTROL_A = re.compile(rb","), re.compile(rb"\x01|\^A")
_BEARER: Final = re.compile(rb"auth=bearer\s+(.+)", re.IGNORECASE | re.DOTALL)


class Decoder:
    """Makes digests of secrets, which can be compared with others of the same decoder, and with none of another."""

    __slots__ = ("_keyed",)

    def __init__(self) -> None:
        self._keyed = blake2b(key=token_bytes(32), digest_size=8)

    def number(self, secret: bytes | None) -> int:
        """Give the digest of a secret as a number; NULL where there is none."""
        return int.from_bytes(self._digest(secret), sys.byteorder, signed=True) if secret else NULL

    def number_of_base64(self, text: bytes | None) -> int:
        """Give the digest of a secret in base64 as a number."""
        return self.number(None if text is None else unbase64(text))

    def _digest(self, secret: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(secret)
        return keyed.digest()


def way_of(mechanism: str | None) -> Way:
    """Say where a mechanism tells who its client is."""
    return _teller(mechanism)[0]


def first_claim(mechanism: str | None, response: Response) -> Claim:
    """Give what the first real response tells; not for mechanisms that need all of them."""
    return _teller(mechanism)[1](response)


def whole_claim(mechanism: str | None, said: Sequence[Response]) -> Claim:
    """Give what the responses together tell, of a mechanism that needs all of them."""
    return _teller(mechanism)[1](said)


def _head(response: Response) -> bytes | None:
    """Decode as much of a response as is certain."""
    line, cut = response
    if line is None:
        return None
    return unbase64_head(line) if cut else unbase64(line)


def _whole(response: Response) -> bytes | None:
    """Decode a response, unless its end is missing."""
    line, cut = response
    return None if line is None or cut else unbase64(line)


def _tokens(said: Sequence[Response]) -> Iterator[bytes]:
    """Give every token that was captured, for mechanisms whose tokens say themselves what they are."""
    return filter(None, map(_head, said))


def _fields(response: Response, separator: re.Pattern[bytes]) -> list[bytes]:
    """Split a response into its complete fields."""
    fields = separator.split(_head(response) or b"")
    return fields[:-1] if response[1] else fields


def _nobody(_: Response) -> Claim:
    """Tell nothing: an unknown mechanism."""
    return NOBODY


def _plain(response: Response) -> Claim:
    """RFC 4616: ``[authzid] NUL authcid NUL passwd``, by position.

    One NUL alone after a name is ambiguous: broken clients send ``user NUL password``. Nobody is named then, since
    a password must not pass for a name.
    """
    message = _head(response)
    if not message:
        return NOBODY
    authzid, *rest = message.split(b"\0", 2)
    if len(rest) == 2:
        user, password = rest
        return readable(user) or None, readable(authzid) or None, None, None, None if response[1] else password
    if rest and not authzid and not response[1]:
        return readable(rest[0]) or None, None, None, None, None
    return NOBODY


def _login(response: Response) -> Claim:
    """Two prompts, no RFC: the first real response is the name, the next the password.

    After an empty initial response a single answer can be either of them: some servers ask for the name, others take
    the empty string for it and ask for the password.
    """
    name = _whole(response) or b""
    if b"\0" in name:
        return _plain(response)  # a client that mistakes LOGIN for PLAIN: its answer holds the password too
    return readable(name) or None, None, None, None, FOLLOWS


def _cram(response: Response) -> Claim:
    """RFC 2195 section 2: the name, a space, a digest; the name may have spaces."""
    name, _, _ = (_whole(response) or b"").rpartition(b" ")
    return readable(name) or None, None, None, None, None


def _digest_md5(response: Response) -> Claim:
    """RFC 2831 section 2.1.2: directives, among them username, realm, authzid and digest-uri (service/host)."""
    message, cut = _head(response) or b"", response[1]
    named: dict[str, str] = {}
    found = _DIRECTIVE.match(message)
    while found and not (cut and found[3] and found.end() == len(message)):
        value = found[3] if found[2] is None else _QUOTED_PAIR.sub(rb"\1", found[2])
        named.setdefault(found[1].decode().lower(), readable(value))
        found = _DIRECTIVE.match(message, found.end())
    user, realm = named.get("username"), named.get("realm")
    if user and "@" not in user:
        # A realm may be missing because it was cut off: then the name is not known in full.
        user = f"{user}@{realm}" if realm else None if cut and realm is None else user
    host = named.get("digest-uri", "").partition("/")[2]
    return user or None, named.get("authzid") or None, realm or None, host or None, None


def _scram(response: Response) -> Claim:
    """RFC 5802 section 7: a header ``n,a=authzid,``, then attributes, ``n=`` the name."""
    parts = _fields(response, _COMMA)
    if len(parts) < 3 or parts[0][:1] not in (b"n", b"y", b"p"):  # binding flag, authzid, name
        return NOBODY
    name = next((part[2:] for part in parts[2:] if part.startswith(b"n=")), b"")
    return _saslname(name), _saslname(parts[1][2:]), None, None, None


def _saslname(name: bytes) -> str | None:
    return readable(name).replace("=2C", ",").replace("=3D", "=") or None


def _oauth(response: Response) -> Claim:
    """RFC 7628 section 3.1 (``n,a=user,``) and Google's XOAUTH2 (``user=user``), both with fields that end in 0x01."""
    fields = _fields(response, _CONTROL_A)
    found = next(filter(None, map(_OAUTH_USER.match, fields)), None)
    user = None if found is None else _saslname(found[2]) if found[1] is None else readable(found[1])
    host = next((field[5:] for field in fields if field.startswith(b"host=")), b"")
    token = next(filter(None, map(_BEARER.match, fields)), None)
    return user or None, None, None, readable(host) or None, token and token[1]


def _text(response: Response) -> Claim:
    """RFC 4422 appendix A (EXTERNAL) and RFC 4505 (ANONYMOUS): the whole response; there is no NUL in it."""
    name = _whole(response) or b""
    return _plain(response) if b"\0" in name else (readable(name) or None, None, None, None, None)


def _ntlm(said: Sequence[Response]) -> Claim:
    """MS-NLMP: the last message names the user; the first may name domain and workstation."""
    user, domain, host = None, None, None
    for message in filter(None, map(ntlm.parse, _tokens(said))):
        user, domain, host = message.user or user, message.domain or domain, message.host or host
    return user, None, domain, host, None


def _gssapi(said: Sequence[Response]) -> Claim:
    """RFC 4752: names of the service in the first token, perhaps an authorization identity in the last."""
    user, authzid, realm, host = None, None, None, None
    for shown in map(gssapi.show, _tokens(said)):
        user, authzid = shown.user or user, shown.authzid or authzid
        realm, host = shown.realm or realm, shown.host or host
    return user, authzid, realm, host, None


class Way(IntEnum):
    """Where a mechanism tells who its client is."""

    NOBODY = 0  #: nowhere: an unknown mechanism
    FIRST = 1  #: in the first response that is one
    NAME = 2  #: there, and its secret in the next one
    ALL = 3  #: in all of them together


Teller = tuple[Way, "Callable[[Any], Claim]"]

_MECHANISMS: Final[dict[str, Teller]] = {
    "PLAIN": (Way.FIRST, _plain),
    "LOGIN": (Way.NAME, _login),
    "CRAM-MD5": (Way.FIRST, _cram),
    "DIGEST-MD5": (Way.FIRST, _digest_md5),
    "NTLM": (Way.ALL, _ntlm),
    "XOAUTH2": (Way.FIRST, _oauth),
    "OAUTHBEARER": (Way.FIRST, _oauth),
    "EXTERNAL": (Way.FIRST, _text),
    "ANONYMOUS": (Way.FIRST, _text),
    "GSSAPI": (Way.ALL, _gssapi),
    "GSS-SPNEGO": (Way.ALL, _gssapi),
    "SPNEGO": (Way.ALL, _gssapi),
    "KERBEROS": (Way.ALL, _gssapi),
}
_FAMILIES: Final[dict[str, Teller]] = {"SCRAM-": (Way.FIRST, _scram), "CRAM-": (Way.FIRST, _cram)}
_UNKNOWN: Final[Teller] = (Way.NOBODY, _nobody)


@lru_cache(maxsize=256)
def _teller(mechanism: str | None) -> Teller:
    """Find the reader of a mechanism in any case, or of its family."""
    name = (mechanism or "").upper()
    family = next((teller for head, teller in _FAMILIES.items() if name.startswith(head)), _UNKNOWN)
    return _MECHANISMS.get(name, family)
