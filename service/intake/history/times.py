"""Reading the times of other people's files: an instant, or nothing; never a guess of the zone."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.intake.history.past import Reading, wrong
from service.intake.wire import CLOCK_SKEW

_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?"
_ISO = re.compile(rf"(\d{{4}}-\d\d-\d\d)[T ]({_CLOCK}) ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?", re.ASCII | re.IGNORECASE)
_EPOCH = {"epoch": 1.0, "epoch-ms": 0.001}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
LONGEST_SECONDS = 10 * 366 * 86400


def read_time(value: Any, column: str, reading: Reading, now: datetime) -> datetime:
    """Return the instant in UTC.

    Raises PayloadError for what is no time, has no zone while none is given, or lies before 1970 or in the future.
    """
    at = _read(value, column, reading)
    if not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise wrong(column, f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    at = (at if at.tzinfo is not None else _in_zone(at, column, reading.zone)).astimezone(UTC)
    if at > now + CLOCK_SKEW:
        raise wrong(column, "lies in the future; leave out what has not happened yet")
    return at


def read_seconds(value: Any, column: str) -> timedelta:
    """Return a number of seconds, from 0 to ten years. Raises PayloadError."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong(column, "is no number of seconds") from None
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise wrong(column, "should be a number of seconds from 0 to ten years")
    return timedelta(seconds=seconds)


def _read(value: Any, column: str, reading: Reading) -> datetime:
    if reading.time_format in _EPOCH:
        return _from_epoch(value, _EPOCH[reading.time_format], column)
    if not isinstance(value, str):
        raise wrong(column, "should be a time in quotes, such as 2026-11-23T18:04:05Z; for numbers give --time-format")
    if reading.time_format is not None:
        try:
            return datetime.strptime(value.strip(), reading.time_format)  # noqa: DTZ007 - the zone is asked for above
        except ValueError:
            raise wrong(column, "is not written as --time-format says") from None
    match = _ISO.fullmatch(value.strip())
    if match is None:
        hint = "is no time such as 2026-11-23T18:04:05Z or 2026-11-23 18:04; other ways of writing need --time-format"
        raise wrong(column, hint)
    day, clock, zone = match.groups()
    zone = "Z" if zone and zone.upper() in ("Z", "UTC", "GMT") else zone or ""
    try:
        return datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError:
        raise wrong(column, "is no time that exists") from None


def _from_epoch(value: Any, scale: float, column: str) -> datetime:
    try:
        seconds = float(value) * scale
        if math.isfinite(seconds):
            return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    raise wrong(column, "is no number of seconds or milliseconds since 1970, as --time-format says")


def _in_zone(at: datetime, column: str, zone: ZoneInfo | None) -> datetime:
    """Place a wall clock's time in a zone; what it showed twice or never, when clocks were changed, is refused."""
    if zone is None:
        raise wrong(column, "has no time zone; append Z or an offset such as +09:00, or give --timezone")
    early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    if early.utcoffset() == late.utcoffset():
        return early
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise wrong(column, "is a time that no clock showed there: clocks were put forward; write it with an offset")
    raise wrong(column, "is a time that clocks showed twice there: they were put back; write it with an offset")
