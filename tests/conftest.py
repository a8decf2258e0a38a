"""What all tests share: the update switch, tables of made-up traffic, and the watch over secrets."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from analyzer import kernel
from tests import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.tables import Table

#: Passwords that the tests type in: no output of any test may show one, in any form in which a client sends it.
#: Every other password of a test holds the word ``Canary``, which is looked for too.
SECRETS = ("S3cr3t-Canary-Horse", "Canary")


# The suite draws the same examples each time, so that it fails for a change and never by chance; a campaign draws
# others: HYPOTHESIS_PROFILE=default.
settings.register_profile("suite", derandomize=True, deadline=None)  # CI is slow at times
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write generated files anew instead of comparing them")


@pytest.fixture(autouse=True)
def _interpreted() -> None:
    """Let every test begin with interpreted kernels: a compiled one knows nothing of a global that a test changes."""
    kernel.select(0)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


def forms(secret: str) -> Iterator[str]:
    """Give the forms in which a client sends a password."""
    yield secret
    raw = secret.encode()
    for lead in (b"", b"\0", b"\0\0", b"x\0"):  # alone, and as the tail of a PLAIN message at each base64 phase
        coded = base64.b64encode(lead + raw).decode().rstrip("=")
        yield coded[4:-1] if lead else coded


def leaks(text: str) -> list[str]:
    """Name the secrets that a text shows."""
    return [secret for secret in SECRETS if any(form in text for form in forms(secret))]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Fail a test whose captured output shows a secret."""
    report = yield
    shown = "".join(text for name, text in report.sections if name.startswith("Captured"))
    if call.when == "call" and report.passed and leaks(shown):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: the output of this test shows a password"
    return report


@pytest.fixture
def tables() -> dict[str, Table]:
    """Three clients: one guesses and gets in, one is a person, one is hidden by TLS."""
    return records.traffic()
