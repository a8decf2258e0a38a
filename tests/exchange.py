"""One AUTH exchange read alone, its responses one by one: what the reading of whole batches is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from analyzer.schema import NULL
from analyzer.smtp.challenge import kind, oauth_error
from analyzer.smtp.encoding import unbase64
from analyzer.smtp.sasl import ADDRESS, FOLLOWS, NOBODY, NOT_SAID, Claim, Decoder, Way, first_claim, way_of, whole_claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.smtp.sasl import Response


class Turn(NamedTuple):
    """One round: the text after ``334 ``, and the client's line; None for what was not captured or never given."""

    challenge: bytes | None
    answer: bytes | None
    cut: bool = False  # the capture cut one of them off: its tail says nothing


class Decoded(NamedTuple):
    """What an exchange tells without its secrets."""

    identity: str | None = None
    authzid: str | None = None
    realm: str | None = None
    host: str | None = None
    challenge: str | None = None  # kinds of the challenges in order, space-joined
    oauth_error: str | None = None  # the refusal that an OAuth mechanism put into a challenge, in short
    secret: int | None = None  # keyed digest of the password or token


def read_alone(
    decoder: Decoder, mechanism: str | None, initial: bytes | None, turns: Sequence[Turn], *, initial_cut: bool = False
) -> Decoded:
    """Decode one exchange. `initial` is None without an initial response, ``=`` for an empty one."""
    said: list[Response] = [turn[1:] for turn in turns]
    prompts = [None if turn.challenge is None else kind(turn.challenge) for turn in turns]
    if initial is not None:
        said.insert(0, (initial, initial_cut))
        prompts.insert(0, None)
    identity, authzid, realm, host, secret = _claim(mechanism, said, prompts)
    asked, error = None, None
    if turns:
        asked = " ".join([kind(turn.challenge) for turn in turns])
        error = next(filter(None, (oauth_error(turn.challenge) for turn in turns if turn.challenge)), None)
    digest = decoder.number(secret)
    return Decoded(identity, authzid, realm, host, asked, error, None if digest == NULL else digest)


def _claim(mechanism: str | None, said: Sequence[Response], prompts: Sequence[str | None]) -> Claim:
    way = way_of(mechanism)
    if way is Way.ALL:
        return whole_claim(mechanism, said)
    spoken, passwords = [], []
    nameless = False  # the name that was asked for is empty
    for response, prompt in zip(said, prompts, strict=True):
        if response[0] not in NOT_SAID:
            asked = prompt == "password" or (nameless and prompt != "username")
            (passwords if way is Way.NAME and asked else spoken).append(response)
        nameless |= response[0] == b"" and prompt is not None
    if not spoken:  # a name that came one prompt late
        spoken = [each for each in passwords if ADDRESS.fullmatch(unbase64(each[0] or b"") or b"")]
        passwords = [each for each in passwords if each not in spoken]
    following, cut = (*passwords, *spoken[1:2], (None, False))[0]
    secret = None if following is None or cut else unbase64(following)
    # Where the first was not captured, the meaning of what comes behind it is unknown.
    if not spoken or spoken[0][0] is None or way is Way.NOBODY:
        return (*NOBODY[:-1], secret if passwords else None)
    if way is Way.NAME and following is None and said[0][0] == b"=":
        return NOBODY
    claim = first_claim(mechanism, spoken[0])
    return claim if claim[-1] is not FOLLOWS else (*claim[:-1], secret)
