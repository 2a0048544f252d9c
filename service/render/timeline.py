"""When things happened, as people read it: UTC first, the local zone beside it, and how long after the detection."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.durations import duration


def both(at: datetime, zone: ZoneInfo) -> str:
    """Write an instant in both zones, with the local date only if it differs: 06:50 UTC / 15:50 JST."""
    universal, local = at.astimezone(UTC), at.astimezone(zone)
    if zone.key == "UTC":
        return f"{universal:%Y-%m-%d %H:%M} UTC"
    there = f"{local:%H:%M}" if local.date() == universal.date() else f"{local:%Y-%m-%d %H:%M}"
    return f"{universal:%Y-%m-%d %H:%M} UTC / {there} {zone_name(local)}"


def span(begin: datetime, end: datetime | None, going_on: str, zone: ZoneInfo) -> str:
    """Write a period in both zones; `going_on` stands in for an end that has not come."""
    return f"{both(begin, zone)} – {both(end, zone) if end else going_on}"


def zone_name(local: datetime) -> str:
    """Return the abbreviation of a zone at a time, such as JST, or its offset, such as -03:00, if it has none."""
    name = local.tzname() or ""
    digits = f"{local:%z}"
    return name if name.isalpha() else f"{digits[:3]}:{digits[3:5]}"


def offset(at: datetime, detected_at: datetime | None) -> str:
    """Write the offset from the detection: T0, T+5m, T-3m, T+18h; "" if that is unknown."""
    if detected_at is None:
        return ""
    length = at.replace(second=0, microsecond=0) - detected_at.replace(second=0, microsecond=0)
    if not length:
        return "T0"
    return f"T{'-' if length < timedelta(0) else '+'}{duration(abs(length))}"
