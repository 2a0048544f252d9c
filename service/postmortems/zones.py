"""Names of time zones in a document: UTC, the abbreviations of the local zone, and IANA names."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

_NUMERIC = r"[+-]\d{2}(?::?\d{2})?"
_FROM_UTC = r"(?:UTC|GMT)[+-]\d{1,2}(?::?\d{2})?"
_IANA = r"[A-Z][A-Za-z_]{1,20}/[A-Z][A-Za-z_+-]{1,30}(?:/[A-Z][A-Za-z_]{1,30})?"
_ABBREVIATIONS = (
    "PST|PDT|PT|MST|MDT|MT|CST|CDT|CT|EST|EDT|ET|AKST|AKDT|HST|BRT|ART|CLT|COT|WET|WEST|BST|IST|CET|CEST|EET|EEST|MSK|TRT|SAST"
    "|EAT|GST|PKT|NPT|WIB|SGT|HKT|PHT|AWST|KST|JST|ACST|ACDT|AEST|AEDT|NZST|NZDT"
)
"""Recognised as zones, although only the abbreviations of the local zone are unambiguous."""
_ODD_MINUTES = (-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825)
"""The offsets in use that are not whole hours, in minutes (the IANA time zone database)."""


def zone_names(zone: ZoneInfo) -> frozenset[str]:
    """Return the abbreviations of the zone in winter and in summer, such as JST, or CET and CEST."""
    return frozenset(datetime(2025, month, 1, 12, tzinfo=zone).tzname() or "" for month in (1, 7))


def named_zone(name: str) -> ZoneInfo | None:
    """Return the zone with an IANA name, None if it does not exist."""
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):
        return None


@cache
def zone_pattern(zone: ZoneInfo) -> re.Pattern[str]:
    """Return the pattern of a zone after a time; `zone` is the local one. The group `zone` is its name."""
    name = f"(?P<zone>{_names(zone)}|{_NUMERIC})(?![A-Za-z0-9:_])"
    return re.compile(rf"\s{{0,2}}(?:(?P<open>[(（])\s?)?{name}(?(open)(?:\s?[)）])?|)")


def zones_in(text: str, zone: ZoneInfo) -> tuple[str, ...]:
    """Return the zones named in a text, such as the header of a column, each once."""
    names = re.findall(rf"(?<![A-Za-z0-9_])(?:{_names(zone)})(?![A-Za-z0-9:_])", text)
    return tuple(dict.fromkeys(name for name in names if zone_of(name, zone) is not None))


def zone_of(name: str, local: ZoneInfo) -> tzinfo | None:
    """Return the zone with a name if `local` is the local zone; None if the name is unknown or ambiguous."""
    if name.casefold() in {local_name.casefold() for local_name in (local.key, *zone_names(local))}:
        return UTC if zone_names(local) == {"UTC"} else local
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    length = _from_utc(name)
    if length is not None:
        return timezone(length)
    return named_zone(name) if "/" in name else None


def is_utc(zone: tzinfo | None) -> bool:
    """Return whether a zone is UTC under any of its names."""
    return zone is not None and (zone == UTC or getattr(zone, "key", "") in ("UTC", "Etc/UTC"))


def is_local(zone: tzinfo | None, local: ZoneInfo, day: date | None, clock: time) -> bool:
    """Return whether a zone can be the local one: it has a name, or the offset of the local zone at that time."""
    if zone is None or isinstance(zone, ZoneInfo):
        return zone is not None
    days = [day] if day else [date(2025, 1, 1), date(2025, 7, 1)]
    return any(zone.utcoffset(None) == datetime.combine(d, clock, local).utcoffset() for d in days)


def is_offset(text: str) -> bool:
    """Return whether a text such as +09:00 is an offset from UTC in use somewhere."""
    length = _from_utc(text)
    minutes = length.total_seconds() / 60 if length is not None else 0.5
    return minutes in _ODD_MINUTES or (-12 * 60 <= minutes <= 14 * 60 and minutes % 60 == 0)


def _names(zone: ZoneInfo) -> str:
    own = sorted({zone.key, *zone_names(zone)})
    names = "|".join([_FROM_UTC, "UTC", "GMT", "Z", *(re.escape(name) for name in own if name[:1].isalpha())])
    return f"(?i:{names})|{_IANA}|{_ABBREVIATIONS}"


def _from_utc(name: str) -> timedelta | None:
    match = re.search(r"(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?$", name)
    if match is None or "/" in name:
        return None
    length = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    if length >= timedelta(days=1):
        return None
    return -length if match["sign"] == "-" else length
