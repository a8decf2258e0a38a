"""Eight days at a mail server, each with what is true of it: four attacks, two accidents, an outage, a quiet week.

Every day has the logins of the same few people behind it: an office behind one address, others at home, some of them
inside TLS, some with a typing error.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.days.traffic import DAY, HOUR, MINUTE, Login, Session, trace_of, trace_of_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from analyzer.trace import Trace

OFFICE: Final = "192.0.2.1"
PEOPLE: Final = ("alice", "bob", "carol", "dana", "emil", "fritz", "greta", "hans", "ines", "jan", "karin", "lars")
SERVER: Final = "192.0.2.25:587"


@dataclass(frozen=True)
class Truth:
    """One finding that is right, and how many attempts it counts."""

    kind: str
    client: str | None = None
    identity: str | None = None
    server: str | None = None
    counts: int = 0
    #: In a log, which sees into TLS.
    logged: int | None = None


@dataclass(frozen=True)
class Day:
    """A day: what happens in it, what is true of it, and what a reader has to learn from the report."""

    name: str
    title: str
    sessions: Callable[[random.Random], Iterator[Session]]
    truth: tuple[Truth, ...]
    #: What happened, to whom, did anyone get in, what to do: each in a sentence for people.
    answers: dict[str, str]
    #: Words of the opening that give these answers; who got in and what was not seen is counted.
    words: dict[str, tuple[str, ...]]
    background: dict[str, Any] = field(default_factory=dict)


def home(name: str) -> str:
    """Give the address that a person has at home."""
    return f"203.0.113.{10 + PEOPLE.index(name)}" if name in PEOPLE else f"198.51.100.{10 + sum(map(ord, name)) % 200}"


def person(name: str, at: float, client: str, *, typos: int = 0, hidden: bool = False) -> Session:
    """Make the session of somebody who gets in, after a few typing errors."""
    wrong = [Login(name, f"typo-{name}-{at}-{n}", "wrong", "LOGIN") for n in range(typos)]
    return Session(at, client, (*wrong, Login(name, f"own-{name}", "in", "LOGIN" if typos else "PLAIN")), hidden)


def normal(chance: random.Random, days: float = 1 / 3, logins: int = 40) -> Iterator[Session]:
    """Make the logins of people: two thirds from the office, a fifth inside TLS, a tenth with typing errors."""
    for _ in range(logins):
        name = chance.choice(PEOPLE)
        client = OFFICE if chance.random() < 0.65 else home(name)
        typos = chance.choice((0,) * 18 + (1, 2))
        yield person(name, chance.uniform(0, days * DAY), client, typos=typos, hidden=chance.random() < 0.2)


def sessions_of(day: Day, seed: int = 0) -> list[Session]:
    """Make the sessions of a day with the logins of people around them."""
    chance = random.Random(f"{day.name} {seed}")
    return sorted([*day.sessions(chance), *normal(chance, **day.background)])


# -- the days ---------------------------------------------------------------------------------------------------------

GUESSER: Final = "198.18.7.66"


def brute_force(_: random.Random) -> Iterator[Session]:
    """Forty guesses at Bob's password in ten connections, then the right one, three times and twice inside TLS."""
    for connection in range(10):
        guesses = tuple(Login("bob", f"guess-{4 * connection + n}", "wrong", "LOGIN") for n in range(4))
        yield Session(2 * HOUR + 40 * connection, GUESSER, guesses)
    for n in range(3):
        yield Session(2 * HOUR + 420 + 90 * n, GUESSER, (Login("bob", "own-bob", "in", "LOGIN"),))
    for n in range(2):
        yield Session(3 * HOUR + n * HOUR, GUESSER, (Login("bob", "own-bob"),), hidden=True)


LISTER: Final = "198.18.44.9"
NAMES: Final = (
    "admin",
    "info",
    "root",
    "test",
    "sales",
    "office",
    "contact",
    "support",
    "backup",
    "scan",
    "web",
    "shop",
)


def guessing(chance: random.Random) -> Iterator[Session]:
    """Thirty names, two guesses each, every one over a connection of its own."""
    names = [*NAMES, *PEOPLE[:6], *(f"user{n}" for n in range(12))]
    tries = [(name, n) for name in names for n in range(2)]
    chance.shuffle(tries)
    for number, (name, n) in enumerate(tries):
        yield Session(3 * HOUR + 12 * number, LISTER, (Login(name, f"{name}-{n}", "wrong", "LOGIN"),))


SPRAYER: Final = "198.18.90.5"


def spraying(chance: random.Random) -> Iterator[Session]:
    """Two common passwords at twenty names, one every three hours, for five days."""
    names = [*NAMES[:10], *PEOPLE[:10]]
    tries = [(name, secret) for secret in ("summer", "welcome") for name in names]
    for number, (name, secret) in enumerate(tries):
        yield Session(3 * HOUR * number + chance.uniform(0, HOUR), SPRAYER, (Login(name, secret, "wrong"),))


def distributed(chance: random.Random) -> Iterator[Session]:
    """Forty addresses in forty networks, two guesses each, at Carol's password."""
    for number in range(80):
        client = f"198.18.{100 + number % 40}.{7 + number % 40}"
        guess = Login("carol", f"guess-{number}", "wrong", "LOGIN")
        yield Session(600 * number / 2 + chance.uniform(0, 60), client, (guess,))


def stale(chance: random.Random) -> Iterator[Session]:
    """Dana's laptop has the new password at ten; her phone at home goes on with the old one every ten minutes."""
    client, old = home("dana"), "before"
    for n in range(3):
        yield Session(20 * MINUTE * n + 7, client, (Login("dana", old),))
    for n in range(36):
        yield Session(HOUR + 10 * MINUTE * n + chance.uniform(0, 5), client, (Login("dana", old, "wrong"),))


COPIER: Final = "192.0.2.77"


def copier(chance: random.Random) -> Iterator[Session]:
    """A copier in the corridor insists on CRAM-MD5 after an update of the server, twenty times."""
    for n in range(20):
        yield Session(
            20 * MINUTE * n + chance.uniform(0, 300), COPIER, (Login("copier", "own", "lacking", "CRAM-MD5"),)
        )


def outage(chance: random.Random) -> Iterator[Session]:
    """The user database is away for an hour: everyone is told 454, and mail programs try again."""
    for n in range(60):
        name = PEOPLE[n % len(PEOPLE)]
        client = OFFICE if n % 3 else home(name)
        yield Session(8 * HOUR + 60 * n + chance.uniform(0, 30), client, (Login(name, f"own-{name}", "down"),))
    for n in range(12):
        yield person(PEOPLE[n], 9 * HOUR + 60 * n + 60, OFFICE)


def quiet(chance: random.Random) -> Iterator[Session]:
    """A week: typing errors, a new phone, two travellers, an office of thirty, a forgotten password."""
    for n in range(120):
        name = f"clerk{n % 30:02}"
        typos = chance.choice((0,) * 14 + (1, 2, 3))
        yield person(name, chance.uniform(0, 7 * DAY), OFFICE, typos=typos, hidden=n % 9 == 0)
    for n in range(4):  # the new phone sends what was typed into it, until somebody types it again
        yield Session(2 * DAY + 300 * n, home("emil"), (Login("emil", "new-phone-typo", "wrong"),))
    yield person("emil", 2 * DAY + 1300, home("emil"))
    for n, name in enumerate(("greta", "hans")):
        for stop in range(6):
            yield person(name, (n + 1) * DAY + 5 * HOUR * stop, f"198.18.{200 + 3 * n + stop % 3}.{20 + stop}")
    for n in range(3):
        yield Session(4 * DAY + 40 * n, home("otto"), (Login("otto", f"forgotten-{n}", "wrong", "LOGIN"),))


DAYS: Final = (
    Day(
        "brute-force",
        "Brute force that got in",
        brute_force,
        (
            Truth("brute_force", GUESSER, "bob@example.test", counts=40),
            Truth("break_in", GUESSER, "bob@example.test", counts=3, logged=5),
        ),
        {
            "what": "One address guessed passwords of one account, forty in seven minutes.",
            "whom": "bob@example.test, from 198.18.7.66.",
            "in": "Yes: the guesser got in as bob@example.test, three times.",
            "do": "Change the password of bob@example.test, then keep 198.18.7.66 out.",
        },
        {
            "what": ("brute force",),
            "whom": (GUESSER, "bob@example.test"),
            "do": ("change the password of bob@example.test", f"keep {GUESSER} out"),
        },
    ),
    Day(
        "guessing",
        "One client with a list of names",
        guessing,
        (Truth("guessing", LISTER, counts=60),),
        {
            "what": "One address guessed the passwords of thirty names over sixty connections.",
            "whom": "Thirty names, six of them accounts, from 198.18.44.9.",
            "in": "No guess worked, as far as it can be seen; those who got in are people.",
            "do": "Keep 198.18.44.9 out.",
        },
        {
            "what": ("password guessing",),
            "whom": (LISTER, "30 identities"),
            "do": (f"keep {LISTER} out",),
        },
    ),
    Day(
        "spraying",
        "Two passwords at many names, slowly",
        spraying,
        (Truth("spraying", SPRAYER, counts=40),),
        {
            "what": "One address tried two common passwords at twenty names, one every three hours, for five days.",
            "whom": "Twenty names, ten of them accounts, from 198.18.90.5.",
            "in": "No guess worked, as far as it can be seen.",
            "do": "Keep 198.18.90.5 out, and forbid common passwords.",
        },
        {
            "what": ("password spraying",),
            "whom": (SPRAYER, "20 identities"),
            "do": (f"keep {SPRAYER} out", "common passwords"),
        },
        {"days": 5},
    ),
    Day(
        "distributed",
        "Forty networks guess at one account",
        distributed,
        (Truth("distributed_guessing", identity="carol@example.test", counts=80),),
        {
            "what": "Forty addresses in forty networks guessed the password of one account, two guesses each.",
            "whom": "carol@example.test.",
            "in": "No guess worked, as far as it can be seen.",
            "do": "See that Carol has a strong password and a second factor; blocking addresses helps little.",
        },
        {
            "what": ("distributed guessing",),
            "whom": ("carol@example.test", "40 addresses"),
            "do": ("carol@example.test has a strong password", "second factor"),
        },
    ),
    Day(
        "stale-client",
        "A phone with an old password",
        stale,
        (Truth("stale_client", "203.0.113.13", "dana@example.test", counts=36),),
        {
            "what": "A program repeats one password that worked until an hour into the capture, every ten minutes.",
            "whom": "dana@example.test, from 203.0.113.13.",
            "in": "Only people; this is no attack.",
            "do": "Tell Dana to update the password stored there; do not block.",
        },
        {
            "what": ("old stored password",),
            "whom": ("203.0.113.13", "dana@example.test"),
            "do": ("dana@example.test", "update the stored password", "do not block"),
        },
    ),
    Day(
        "wrong-mechanism",
        "A copier that knows CRAM-MD5 alone",
        copier,
        (Truth("mechanism_mismatch", COPIER, server=SERVER, counts=20),),
        {
            "what": "A device asks for CRAM-MD5, which the server does not have.",
            "whom": "192.0.2.77, at 192.0.2.25:587.",
            "in": "Only people; the device never did.",
            "do": "Set the device to a mechanism that the server lists, or add CRAM-MD5 there.",
        },
        {
            "what": ("no common mechanism", "CRAM-MD5"),
            "whom": (COPIER, SERVER),
            "do": (f"a mechanism {SERVER} lists",),
        },
    ),
    Day(
        "outage",
        "An hour without the user database",
        outage,
        (Truth("backend_outage", server=SERVER, counts=60),),
        {
            "what": "For an hour the server could not ask its user database, and refused everyone with 454.",
            "whom": "All twelve people, at 192.0.2.25:587.",
            "in": "Before and after, all of them; meanwhile those whom TLS hides cannot be told.",
            "do": "Look at the authentication service behind 192.0.2.25:587; nobody needs a new password.",
        },
        {
            "what": ("login outage",),
            "whom": (SERVER, "12 identities"),
            "do": (f"authentication service behind {SERVER}",),
        },
    ),
    Day(
        "quiet-week",
        "A quiet week",
        quiet,
        (),
        {
            "what": "Nothing: people log in, some mistype, two travel, one has a new phone.",
            "whom": "Nobody; otto@example.test has forgotten a password.",
            "in": "Those who should.",
            "do": "Nothing is urgent; help otto@example.test.",
        },
        {
            "what": ("no attack",),
            "whom": ("never got in: otto@example.test (3)",),
            "do": ("nothing is urgent",),
        },
        {"days": 7, "logins": 90},
    ),
)  # fmt: skip
BY_NAME: Final = {day.name: day for day in DAYS}


@cache
def captured(name: str) -> Trace:
    """Read a day's capture, once."""
    return trace_of(sessions_of(BY_NAME[name]))


@cache
def logged(name: str) -> Trace:
    """Read a day's log, once."""
    return trace_of_log(sessions_of(BY_NAME[name]))


def unseen(day: Day) -> str:
    """Say what nobody sees in a day's capture."""
    hidden = [session.client for session in sessions_of(day) if session.hidden]
    guessers = sum(client in {truth.client for truth in day.truth} for client in hidden)
    return f"{len(hidden)} sessions inside TLS" + (f" ({guessers} of those who guess)" if guessers else "")
