"""Claims of a whole batch are those of each exchange read alone."""

from __future__ import annotations

import base64

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.schema import NULL
from analyzer.smtp.claims import NAMES, Responses, claims
from analyzer.smtp.sasl import Decoder
from analyzer.smtp.texts import LOST, Texts
from analyzer.tables import Text
from tests.exchange import Turn, read_alone

PLAIN = base64.b64encode(b"\0alice\0secret")
LINES = (
    None, b"", b"=", b"*", b"x", PLAIN, base64.b64encode(b"z\0alice\0other"), base64.b64encode(b"alice"),
    base64.b64encode(b"secret"), base64.b64encode(b"alice@example.test"), base64.b64encode(b"bob 0123"),
    base64.b64encode(b"n,,n=carol,r=1"), base64.b64encode(b"n,a=dora,\x01auth=Bearer token\x01\x01"),
    base64.b64encode(b"NTLMSSP\0\3\0\0\0"),
)  # fmt: skip
MECHANISMS = (None, "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "XOAUTH2", "NTLM", "GSSAPI", "EXTERNAL")

CHALLENGES = (
    None,
    b"",
    base64.b64encode(b"Username:"),
    base64.b64encode(b"Password:"),
    base64.b64encode(b"password\0"),
)

lines = st.sampled_from(LINES)
turns = st.builds(Turn, st.sampled_from(CHALLENGES), lines, st.booleans())
exchanges = st.lists(
    st.tuples(st.sampled_from(MECHANISMS), lines, st.booleans(), st.lists(turns, max_size=4)), max_size=8
)


@given(exchanges)
def test_as_one_by_one(made):
    """Whatever clients say, in whatever mix, each is told as if there were no others; equal secrets are equal."""
    said = [
        (row, turn)
        for row, (_, initial, torn, answers) in enumerate(made)
        for turn in ([Turn(None, initial, torn)] if initial is not None else []) + answers
    ]
    texts, decoder = Texts(), Decoder()

    def numbers(words):
        known = texts.numbers([word or b"" for word in words])
        return np.where([word is None for word in words], LOST, known)

    responses = Responses(
        np.array([row for row, _ in said], np.int64),
        numbers([turn.answer for _, turn in said]),
        np.array([turn.cut for _, turn in said], bool),
        numbers([turn.challenge for _, turn in said]),
    )

    for _ in range(2):  # what is known gives the same
        told, secret = claims(Text.of(each[0] for each in made), responses, texts, decoder)

    alone = [
        read_alone(decoder, mechanism, initial, answers, initial_cut=torn) for mechanism, initial, torn, answers in made
    ]
    for name in NAMES:
        assert told[name].list() == [getattr(each, name) for each in alone]
    digests = [NULL if each.secret is None else each.secret for each in alone]
    assert secret.tolist() == digests
