"""Where clients are, as far as their address tells: networks, and what a MaxMind database knows."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import AnalyzerError
from analyzer.wire.sources import display_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

#: The least network that is routed for itself (IPv4), and the size of a subnet (RFC 4291 section 2.5.1).
_BITS: Final = {4: 24, 6: 64}
_DOTTED: Final = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}")

#: By what a database can tell: the kinds that do, as its metadata names them.
KINDS: Final = {"country": ("Country", "City", "Enterprise"), "asn": ("ASN", "ISP", "Enterprise")}


def network_of(client: str) -> str | None:
    """Give the network of an address; None where a log names a host instead."""
    dotted = _DOTTED.fullmatch(client)
    if dotted:
        return f"{dotted[1]}.0/{_BITS[4]}"
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return None
    return str(ipaddress.ip_network((address, _BITS[address.version]), strict=False))


def domain_of(identity: str) -> str | None:
    """Give what follows the last @ of a name, in lower case."""
    _, at, domain = identity.rpartition("@")
    return domain.lower() if at else None


class Places:
    """What MaxMind databases tell of addresses; the first that knows an address tells."""

    def __init__(self, readers: Sequence[Any]) -> None:
        self.readers = readers
        types = [reader.metadata().database_type for reader in readers]
        #: What the databases tell.
        self.kinds = {name for name, marks in KINDS.items() if any(mark in kind for mark in marks for kind in types)}

    def country(self, client: str) -> str | None:
        """Give the country of an address, as two letters (ISO 3166-1)."""
        for record in self._records(client):
            known = record.get("country") or record.get("registered_country") or {}
            if known.get("iso_code"):
                return str(known["iso_code"])
        return None

    def asn(self, client: str) -> str | None:
        """Give the autonomous system of an address: its number and its name."""
        for record in self._records(client):
            number = record.get("autonomous_system_number")
            if number:
                return f"AS{number} {record.get('autonomous_system_organization') or ''}".rstrip()
        return None

    def _records(self, client: str) -> list[dict[str, Any]]:
        try:
            ipaddress.ip_address(client)
        except ValueError:  # a log names a host instead
            return []
        return [record for reader in self.readers if isinstance(record := _asked(reader, client), dict)]


def _asked(reader: Any, client: str) -> Any:
    """Ask a database; one for IPv4 alone complains about IPv6. Raises AnalyzerError for a damaged one."""
    try:
        return reader.get(client)
    except ValueError:
        return None
    except RuntimeError:  # maxminddb.InvalidDatabaseError is one
        raise AnalyzerError("a MaxMind database is damaged: fetch it again") from None


def opened(paths: Sequence[str], resources: ExitStack) -> Places | None:
    """Open databases; None without any. Raises AnalyzerError for what is none, and where the reader is missing."""
    if not paths:
        return None
    try:
        import maxminddb
    except ImportError:
        raise AnalyzerError(
            "MaxMind databases are read by the package maxminddb: pip install 'smtp-trace-analyzer[geo]'"
        ) from None
    readers = []
    for path in paths:
        try:
            readers.append(resources.enter_context(maxminddb.open_database(path)))
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            told = error.strerror if isinstance(error, OSError) and error.strerror else "it is no MaxMind database"
            raise AnalyzerError(f"{display_name(path)}: {told}; give a .mmdb file") from None
    return Places(readers)
