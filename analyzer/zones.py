"""Timezones: by name, and that of this machine."""

from __future__ import annotations

import datetime as dt

from analyzer.errors import AnalyzerError


def zone(name: str | None) -> dt.tzinfo | None:
    """Give the timezone of that name; None is the local one."""
    if name is None or name.lower() == "local":
        return None
    if name.upper() in ("UTC", "Z"):
        return dt.UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise AnalyzerError(f"unknown timezone {name!r}: give local, UTC or a name like Europe/Berlin") from None


class LocalZone(dt.tzinfo):
    """The timezone of this machine, with its changes, where an object is wanted."""

    def utcoffset(self, when: dt.datetime | None, /) -> dt.timedelta | None:
        """Give the distance to UTC of a local time."""
        return when.replace(tzinfo=None).astimezone().utcoffset() if when else None

    def dst(self, _when: dt.datetime | None, /) -> dt.timedelta | None:
        """Nobody tells."""
        return None

    def tzname(self, when: dt.datetime | None, /) -> str | None:
        """Give the name of the zone at a local time."""
        return when.replace(tzinfo=None).astimezone().tzname() if when else None

    def fromutc(self, when: dt.datetime, /) -> dt.datetime:
        """Give the local time of a time of UTC."""
        local = when.replace(tzinfo=dt.UTC).astimezone()
        return local.replace(tzinfo=self)
