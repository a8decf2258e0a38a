"""A reply without what the client said before it: some servers echo what they refuse.

Sendmail says ``cannot decode AUTH parameter dGVzdA==``. Words that servers say anyway stay: to remove one because the
password happens to be the same would tell the password; and so do names, which are shown beside.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote_from_bytes

from analyzer.smtp.encoding import unbase64
from analyzer.smtp.redact import REMOVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Shorter words are no secrets, and are everywhere.
_SHORTEST = 3

# So many bytes in a row of something that the client sent are no accident: servers cut what they echo.
_WINDOW = 8

# A secret of so many bytes is looked for within words, too.
_WITHIN = 6

# Words of replies to AUTH, of the products in `analyzer.smtp.reasons`, and to QUIT (RFC 5321 section 4.2.3).
_STOCK: Final = frozenset(
    b"""a aborted accept accepted access account accounts administrator advertised after again already an and anonymous
    another answer application application-specific are at attempt attempts auth authenticate authenticated
    authenticating authentication authenticator authorization authorized available backend bad base64 basic be
    bearer because before browser but by bye can cancel canceled cancelled cannot challenge change channel characters
    check client closed closing code command commands connection contact continue continued could cram-md5 credential
    credentials currently data database decode defaults denied digest-md5 disabled disconnect disconnecting does
    down due ehlo enable enabled encrypted encryption enough error errors exceeded exchange expected expired
    external fail failed failure first for found frequency from further generic gone gsmtp gssapi have hello helo
    help host in incorrect information initial input insufficient internal invalid is issue issued it later learn
    level limit limited line local locked log logged login long lost mail mailbox many match mechanism mechanisms
    message method missing more multi-factor must need needed needs no none not ntlm oauth oauth2 oauthbearer of off
    ok on open operation or organization organization's parameter parameters parse password passwords perhaps
    permission permitted plain please policy present problem progress protocol proxy quit reached reason refused
    rejected remote request requested require required requires reset response rules sasl security see send sender
    sent sequence server service session size smtp smtpclientauthentication specific ssl start starttls state step
    string succeeded successful successfully such support supported suspended syntax system system's temp
    temporarily temporary tenant than that the this timed timeout tls to token too transaction transition
    transmission try type
    unable unavailable unexpected unimplemented unknown unrecognised unrecognized unsuccessful unsupported
    unverified use used user username using valid verification verified via visit was weak web when while with
    without wrong x-exps xoauth2 you your
    vxnlcm5hbwu6 ugfzc3dvcmq6 vxnlciboyw1laa== ugfzc3dvcmqa""".split()
)
_CODE: Final = re.compile(rb"[2-5]\d\d|(?:[2-5]\d\d-)?[245]\.\d{1,3}\.\d{1,3}")
_WORD: Final = re.compile(rb"\S+")
_APART: Final = rb"\s<>()\[\]{}\"'`,;:=|\0\x01"
_PIECE: Final = re.compile(rb"[^%s]+" % _APART)
_PIECES: Final = (_PIECE, re.compile(rb"[^%s/@&?\\#*]+" % _APART))  # of a reply: what addresses are made of, too
_READABLE: Final = re.compile(rb"[\t\n\r -~\x80-\xff]+")
_SEPARATOR: Final = re.compile(rb"[\0\x01]|\^A")  # of the fields of PLAIN, and of OAuth messages
_USER: Final = (b"user=", b"n,a=", b"y,a=")
_WRAPPING: Final = b"<>()[]{}\"'`,;:.!?"


def is_strange(text: bytes) -> bool:
    """Whether a reply holds any word that servers do not say anyway: only such words can be an echo."""
    return bool(_reply(text).strange)


def echoed(text: bytes, line: bytes) -> frozenset[bytes]:
    """Give the words of a reply that a client's line holds: those of several lines are those of each of them."""
    reply, said = _reply(text), _said(line)
    if not reply.strange:
        return frozenset()
    forms = {form for password in said.passwords for form in _written(password, escaped=reply.escapes)}
    if not _may_echo(reply, said.lower, forms):
        return frozenset()
    words = {*_words(line), *forms}
    # Of a secret and of a line as it was sent, a part is one, too.
    windows = {part for word in (*_WORD.findall(line), *said.passwords) for part in _windows(word.lower())}
    within = [form for form in forms if len(form) >= _WITHIN]
    found = [
        word
        for word in reply.strange
        if word in words or not windows.isdisjoint(_windows(word)) or any(form in word for form in within)
    ]
    for word, data in reply.coded:
        if any(form in data for form in within) or not forms.isdisjoint(_tokens(data, _PIECES)):
            found.append(word)
    return frozenset(found)


def _may_echo(reply: _Reply, said: bytes, forms: set[bytes]) -> bool:
    """Say whether some word of the reply, or a part of one, is in a line: nearly always this tells that none is."""
    for echo in reply.echoes:  # a generator takes twice as long
        if echo in said:
            return True
    for form in forms:
        if form in reply.lower:
            return True
    return False


def without(text: bytes, words: frozenset[bytes]) -> bytes:
    """Remove words from a reply."""
    return _WORD.sub(lambda found: _cleaned(found[0], words), text) if words else text


class _Reply(NamedTuple):
    """What is looked at of a reply, in lower case."""

    strange: frozenset[bytes]  # words that are not stock: only these can be an echo
    echoes: tuple[bytes, ...]  # what a line must hold for the reply to echo it: these words, and their windows
    coded: tuple[tuple[bytes, bytes], ...]  # words that are base64, and what they decode to
    lower: bytes  # all of it, with what is decoded
    escapes: bool  # something in it may be escaped


class _Said(NamedTuple):
    """What is looked for of a client's line."""

    lower: bytes  # all of it, with what is decoded, in lower case
    passwords: tuple[bytes, ...]  # what may be passwords, or tokens


@lru_cache(maxsize=4096)
def _reply(text: bytes) -> _Reply:
    strange = frozenset(_tokens(text, _PIECES))
    decoded = ((raw.lower(), unbase64(raw)) for raw in _WORD.findall(text) if not _is_stock(raw.lower()))
    coded = tuple((word, data.lower()) for word, data in decoded if data and _READABLE.fullmatch(data))
    echoes = tuple({*strange, *(part for word in strange for part in _windows(word))})
    lower = b"\n".join([text.lower(), *(data for _, data in coded)])
    return _Reply(strange, echoes, coded, lower, b"%" in lower or b"\\" in lower)


@lru_cache(maxsize=256)
def _said(line: bytes) -> _Said:
    decoded = [unbase64(raw) or b"" for raw in _WORD.findall(line)]
    passwords = tuple(word for data in decoded for word in _passwords(data))
    return _Said(b"\n".join([line, *decoded]).lower(), passwords)


def _words(line: bytes) -> Iterator[bytes]:
    """Give every word that a client's line holds: as sent, and in what its base64 decodes to."""
    yield from _tokens(line)
    for raw in _WORD.findall(line):
        parts = _SEPARATOR.split(unbase64(raw) or b"")
        # Who it is, is no secret and shown beside: the first two of PLAIN (RFC 4616), and the user of OAuth messages.
        for part in parts[2:] if len(parts) == 3 else parts:
            if len(parts) == 1 or not part.startswith(_USER):
                yield from _tokens(part)


def _passwords(data: bytes) -> Iterator[bytes]:
    """Give what may be a password, or a token, of what a client's word decodes to."""
    *before, last = _SEPARATOR.split(data)
    found = [last] if before or b"@" not in last else []
    found += [part.rpartition(b" ")[2] for part in before if part[:5].lower() == b"auth="]
    yield from (word for word in found if len(word) >= _SHORTEST and not _is_stock(word.lower()))


def _written(password: bytes, *, escaped: bool) -> Iterator[bytes]:
    """Give a password as other protocols write it, in lower case: in base64; `escaped`, in an address, and in JSON."""
    yield password.lower()
    yield b2a_base64(password, newline=False).rstrip(b"=").lower()
    if escaped and not password.isalnum():
        yield quote_from_bytes(password, safe="").lower().encode()
        yield json.dumps(password.decode("latin-1"), ensure_ascii=False)[1:-1].lower().encode("latin-1")


def _tokens(text: bytes, pieces: Sequence[re.Pattern[bytes]] = (_PIECE,)) -> Iterator[bytes]:
    """Split into lower-case words, each also in the forms that an echo can have; stock words are left out."""
    for word in _WORD.findall(text.lower()):
        if _is_stock(word):
            continue
        for token in (*_forms(word), *(piece for pattern in pieces for piece in pattern.findall(word))):
            if len(token) >= _SHORTEST and not _is_stock(token):
                yield token


def _forms(word: bytes) -> tuple[bytes, ...]:
    """Give a word as it is, without its wrapping, and as the value of ``name=value``."""
    return word, word.strip(_WRAPPING), word.partition(b"=")[2].strip(_WRAPPING)


def _is_stock(token: bytes) -> bool:
    bare = token.strip(_WRAPPING)
    return bare in _STOCK or _CODE.fullmatch(bare) is not None


def _windows(word: bytes) -> Iterator[bytes]:
    return (word[at : at + _WINDOW] for at in range(len(word) - _WINDOW + 1))


def _cleaned(word: bytes, words: frozenset[bytes]) -> bytes:
    if not words.isdisjoint(_forms(word.lower())):
        return REMOVED
    for pattern in _PIECES:
        word = pattern.sub(lambda found: REMOVED if found[0].lower() in words else found[0], word)
    return word
