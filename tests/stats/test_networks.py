"""Countries and networks of clients. The reader of the databases is made up here: it need not be installed."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from analyzer.errors import AnalyzerError
from analyzer.stats.answer import answer
from analyzer.stats.facts import Facts
from analyzer.stats.networks import opened
from tests.stats.traffic import facts

ASN = {"192.0.2.1": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}}
ASN["192.0.2.2"] = {"autonomous_system_number": 64501}
COUNTRY = {"192.0.2.1": {"country": {"iso_code": "DE"}}, "192.0.2.3": {"registered_country": {"iso_code": "FR"}}}


class InvalidDatabaseError(RuntimeError):
    pass


class Reader:
    """What `maxminddb.open_database` gives, as far as it is used."""

    def __init__(self, kind, records):
        self.kind, self.records, self.closed = kind, records, False

    def metadata(self):
        return SimpleNamespace(database_type=self.kind)

    def get(self, client):
        if ":" in client:
            raise ValueError(client)  # as a database for IPv4 alone
        if client == "192.0.2.99":
            raise InvalidDatabaseError
        assert client != "host.example"  # the library would raise
        return self.records.get(client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


@pytest.fixture
def databases(monkeypatch):
    """Install the library, with two databases."""
    known = {"asn.mmdb": Reader("GeoLite2-ASN", ASN), "country.mmdb": Reader("GeoLite2-Country", COUNTRY)}

    def open_database(path):
        if path == "none.mmdb":
            raise FileNotFoundError(2, "No such file or directory")
        if path not in known:
            raise InvalidDatabaseError
        return known[path]

    library = SimpleNamespace(open_database=open_database, InvalidDatabaseError=InvalidDatabaseError)
    monkeypatch.setitem(sys.modules, "maxminddb", library)
    return known


@contextmanager
def placed(*paths, clients):
    with ExitStack() as resources:
        made = facts(*({"client_ip": client} for client in clients))
        yield Facts({"auth": made.auth, "sessions": made.sessions}, None, opened(paths, resources))


def groups(made, by):
    return {row[by]: row["attempts"] for row in answer(made, by).rows()}


def test_places(databases):
    """Each database tells what it knows; hosts, IPv6 addresses and strangers are unknown; the databases are closed."""
    clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "host.example", None]
    with placed("asn.mmdb", "country.mmdb", clients=clients) as made:
        assert groups(made, "asn") == {"AS64500 Example Net": 1, "AS64501": 1, None: 4}
        assert groups(made, "country") == {"DE": 1, "FR": 1, None: 4}
    assert all(reader.closed for reader in databases.values())


@pytest.mark.usefixtures("databases")
def test_nobody_tells():
    """A column that no database tells is an error that says what to give."""
    country = pytest.raises(AnalyzerError, match="country needs a MaxMind")
    with placed("asn.mmdb", clients=["192.0.2.1"]) as made, country:
        answer(made, "asn,country")
    with pytest.raises(AnalyzerError, match="asn, country needs a MaxMind database that tells it: give --geoip FILE"):
        answer(facts({}), "asn,country")


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder/mail.log", "mail.log: it is no MaxMind database; give a .mmdb file"),
        ("none.mmdb", "none.mmdb: No such file or directory; give a .mmdb file"),
    ],
)
def test_no_database(path, message):
    """A file that is none, or not there, is one line."""
    with ExitStack() as resources, pytest.raises(AnalyzerError) as error:
        opened([path], resources)
    assert str(error.value) == message


@pytest.mark.usefixtures("databases")
def test_damaged():
    """A database that is damaged within is one line too."""
    with placed("asn.mmdb", clients=["192.0.2.99"]) as made, pytest.raises(AnalyzerError, match="is damaged"):
        answer(made, "asn")


def test_not_installed(monkeypatch):
    """Without the library, a line says how to get it; without databases it is not needed."""
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with ExitStack() as resources:
        assert opened([], resources) is None
        with pytest.raises(AnalyzerError, match=r"pip install 'smtp-trace-analyzer\[geo\]'"):
            opened(["asn.mmdb"], resources)
