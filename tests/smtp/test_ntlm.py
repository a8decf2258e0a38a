"""Tests of `analyzer.smtp.ntlm` and `gssapi`."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.smtp import gssapi, ntlm

UNICODE = 1


def message(kind: int, *names: str, flags: int = UNICODE, encoding: str = "utf-16-le") -> bytes:
    """Make an NTLM message of kind 1 (domain, host) or 3 (domain, user, host)."""
    size = {1: 32, 3: 64}[kind]
    payload = [name.encode(encoding) for name in names]
    begins = [size + sum(map(len, payload[:place])) for place in range(len(payload))]
    triples = b"".join(pack("<HHI", len(data), len(data), begin) for data, begin in zip(payload, begins, strict=True))
    if kind == 1:
        head = ntlm.SIGNATURE + pack("<II", 1, flags) + triples
    else:
        nothing = pack("<HHI", 0, 0, size)
        head = ntlm.SIGNATURE + pack("<I", 3) + nothing * 2 + triples + nothing + pack("<I", flags)
    return head + b"".join(payload)


def der(tag: int, *parts: bytes) -> bytes:
    """Make a DER element."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def ap_req() -> bytes:
    """Make the initial token of Kerberos for smtp/mx.example.test@EXAMPLE.TEST, its secrets random."""
    name = der(
        0x30, der(0xA0, der(2, b"\x02")), der(0xA1, der(0x30, der(0x1B, b"smtp"), der(0x1B, b"mx.example.test")))
    )
    ticket = der(
        0x61,
        der(
            0x30,
            der(0xA0, der(2, b"\x05")),
            der(0xA1, der(0x1B, b"EXAMPLE.TEST")),
            der(0xA2, name),
            der(0xA3, b"\x55" * 300),
        ),
    )
    request = der(
        0x6E,
        der(
            0x30,
            der(0xA0, der(2, b"\x05")),
            der(0xA1, der(2, b"\x0e")),
            der(0xA2, der(3, b"\0\0\0\0\0")),
            der(0xA3, ticket),
            der(0xA4, b"\x77" * 100),
        ),
    )
    return der(0x60, b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", b"\x01\x00", request)


def spoiled(at: int, octets: bytes) -> bytes:
    """Give the token of a ticket with other octets at a place."""
    return ap_req()[:at] + octets + ap_req()[at + len(octets) :]


def test_the_third_message_names_user_domain_and_host() -> None:
    """User, domain and workstation come from the AUTHENTICATE message, in UTF-16 or the OEM character set."""
    wide = message(3, "CORP", "jürgen", "DESK7")
    oem = message(3, "CORP", "alice", "DESK7", flags=2, encoding="ascii")

    assert ntlm.parse(wide) == ntlm.Message(3, "jürgen", "CORP", "DESK7")
    assert ntlm.parse(oem) == ntlm.Message(3, "alice", "CORP", "DESK7")


def test_the_first_message_is_never_wide() -> None:
    """A NEGOTIATE message names domain and workstation in the OEM character set, whatever its flags say."""
    assert ntlm.parse(message(1, "CORP", "DESK7", encoding="ascii")) == ntlm.Message(1, None, "CORP", "DESK7")


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_old_clients_end_before_the_flags(encoding: str) -> None:
    """Where the payload begins in place of the flags, the user name tells its character set."""
    names = [name.encode(encoding) for name in ("CORP", "alice", "PC")]
    begins = [52, 52 + len(names[0]), 52 + len(names[0] + names[1])]
    triples = b"".join(pack("<HHI", len(data), len(data), at) for data, at in zip(names, begins, strict=True))
    old = ntlm.SIGNATURE + pack("<I", 3) + pack("<HHI", 0, 0, 0) * 2 + triples + b"".join(names)

    assert ntlm.parse(old) == ntlm.Message(3, "alice", "CORP", "PC")


def test_names_outside_of_the_message_are_unknown() -> None:
    """A cut message gives the names that are there whole, and no half of one."""
    whole = message(3, "CORP", "alice", "DESK7")
    told = {ntlm.parse(whole[:end]) for end in range(len(whole))}

    assert {found.user for found in told if found} == {None, "alice"}
    assert {found.host for found in told if found} == {None}


@pytest.mark.parametrize("token", [b"", b"NTLMSSP\0", b"NTLMSSP\0\x09\0\0\0", b"\0" * 80, b"NTLM supported"])
def test_what_is_no_message(token: bytes) -> None:
    """Other bytes, short heads and unknown kinds are no NTLM messages."""
    assert ntlm.parse(token) is None


def test_spnego_can_hold_ntlm() -> None:
    """An NTLM message inside of SPNEGO names its user."""
    token = b"\xa1\x81\x90\x30\x81\x8d\xa2\x81\x8a\x04\x81\x87" + message(3, "CORP", "alice", "DESK7")

    assert gssapi.show(token) == gssapi.Shown("alice", None, "CORP", "DESK7")


def test_a_ticket_shows_the_service() -> None:
    """Of a Kerberos ticket realm and host of the service are visible, the user is not."""
    token = ap_req()
    spnego = der(0x60, b"\x06\x06\x2b\x06\x01\x05\x05\x02", der(0xA0, der(0x30, der(0xA2, der(4, token)))))

    assert gssapi.show(token) == gssapi.Shown(None, None, "EXAMPLE.TEST", "mx.example.test")
    assert gssapi.show(spnego) == gssapi.show(token)


def test_a_cut_ticket_shows_no_half_names() -> None:
    """A token that the capture cut gives whole names or none."""
    told = {gssapi.show(ap_req()[:end]) for end in range(len(ap_req()))}

    assert {shown.realm for shown in told} == {None, "EXAMPLE.TEST"}
    assert {shown.host for shown in told} == {None, "mx.example.test"}


@pytest.mark.parametrize(
    ("flags", "rotated", "authzid"), [(0, 0, "alice"), (0, 5, "alice"), (2, 0, None), (1, 0, None)]
)
def test_an_unsealed_last_message_shows_its_authzid(flags: int, rotated: int, authzid: str | None) -> None:
    """The authorization identity of the last message is read if it is the client's and not encrypted."""
    body = b"\x01\0\0\0alice" + b"\x33" * 12
    body = body[-rotated:] + body[:-rotated] if rotated else body
    token = b"\x05\x04" + bytes([flags]) + b"\xff" + pack(">HHQ", 12, rotated, 1) + body

    assert gssapi.show(token).authzid == authzid


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=120).map(lambda tail: ntlm.SIGNATURE + b"\x03\0\0\0" + tail),
        st.binary(max_size=120).map(lambda tail: ntlm.SIGNATURE + b"\x02\0\0\0" + tail),
        st.binary(max_size=120).map(lambda tail: b"\x60\x20\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00" + tail),
        st.binary(max_size=60).map(lambda tail: b"\x05\x04" + tail),
        st.builds(spoiled, st.integers(0, 500), st.binary(min_size=1, max_size=4)),
    )
)
def test_nothing_raises(token: bytes) -> None:
    """Any bytes are read without an exception."""
    ntlm.parse(token)
    gssapi.show(token)
