"""Reading the times of other people's files: an instant, or nothing; never a guess of the zone."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.history.importing.columns import ImportColumn
from service.history.importing.imported import ImportOptions, column_error
from service.intake.wire import CLOCK_SKEW

_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?"
_ISO = re.compile(rf"(\d{{4}}-\d\d-\d\d)[T ]({_CLOCK}) ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = {"epoch": 1.0, "epoch-ms": 0.001}
_NOTHING = frozenset({"-", "?", "null", "none", "n/a", "na", "nan", "nat", "0000-00-00 00:00:00"})
"""What tools write for no time."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
LONGEST_SECONDS = 10 * 366 * 86400


def read_times(values: Iterable[Any], column: ImportColumn, options: ImportOptions, now: datetime) -> datetime | None:
    """Return the instant that counts: the earliest, or the latest for what ends the incident; None for nothing.

    Raises PayloadError, as `read_time`.
    """
    instants = [read_time(value, column.name, options, now) for value in values if not _is_nothing(value)]
    return (max if column.ends else min)(instants, default=None)


def read_time(value: Any, column: str, options: ImportOptions, now: datetime) -> datetime:
    """Return the instant in UTC.

    Raises PayloadError for what is no time, has no zone while none is given, or lies before 1970 or in the future.
    """
    at = _read(value, column, options)
    if not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise column_error(column, f"is outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    at = (at if at.tzinfo is not None else _in_zone(at, column, options.zone)).astimezone(UTC)
    if at > now + CLOCK_SKEW:
        raise column_error(column, "is in the future; leave out what has not happened yet")
    return at


def read_durations(values: Iterable[Any], column: str, *, longest: bool) -> timedelta | None:
    """Return the shortest, or the longest, of numbers of seconds; None for nothing. Raises PayloadError."""
    lengths = [read_seconds(value, column) for value in values if not _is_nothing(value)]
    return (max if longest else min)(lengths, default=None)


def _is_nothing(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in _NOTHING


def read_seconds(value: Any, column: str) -> timedelta:
    """Return a number of seconds, from 0 to ten years. Raises PayloadError."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise column_error(column, "is not a number of seconds") from None
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise column_error(column, "should be a number of seconds from 0 to ten years")
    return timedelta(seconds=seconds)


def _read(value: Any, column: str, options: ImportOptions) -> datetime:
    """Read a time in one of the formats that were given, else as ISO 8601."""
    instants = {at for form in options.time_formats if (at := _in_format(value, form)) is not None}
    if len(instants) > 1:
        raise column_error(
            column, "matches several of --time-format with different results; import it with only one of them"
        )
    return instants.pop() if instants else _from_iso(value, column, options)


def _in_format(value: Any, form: str) -> datetime | None:
    if form in _EPOCH:
        return _from_epoch(value, _EPOCH[form])
    try:
        return datetime.strptime(str(value).strip(), form)  # noqa: DTZ007 - the zone is asked for by whoever calls
    except ValueError:
        return None


def _from_iso(value: Any, column: str, options: ImportOptions) -> datetime:
    if isinstance(value, bool) or not isinstance(value, str):
        raise column_error(
            column, "should be a time string such as 2026-11-23T18:04:05Z; for numbers give --time-format"
        )
    match = _ISO.fullmatch(value.strip())
    if match is None and _DAY.fullmatch(value.strip()):
        raise column_error(column, "is a day without a time, so durations cannot be measured; add the time")
    if match is None and options.time_formats:
        raise column_error(column, "matches neither --time-format nor ISO 8601; give another --time-format for it")
    if match is None:
        hint = "is not a time such as 2026-11-23T18:04:05Z or 2026-11-23 18:04; other formats need --time-format"
        raise column_error(column, hint)
    day, clock, zone = match.groups()
    zone = "Z" if zone and zone.upper() in ("Z", "UTC", "GMT") else zone or ""
    try:
        return datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError:
        raise column_error(column, "is not a valid time") from None


def _from_epoch(value: Any, scale: float) -> datetime | None:
    try:
        seconds = float(value) * scale
        return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _in_zone(at: datetime, column: str, zone: ZoneInfo | None) -> datetime:
    """Place a wall clock's time in a zone; what it showed twice or never, when clocks were changed, is refused."""
    if zone is None:
        raise column_error(column, "has no time zone; append Z or an offset such as +09:00, or give --timezone")
    early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    if early.utcoffset() == late.utcoffset():
        return early
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise column_error(column, "does not exist in this zone: clocks were put forward; add an offset")
    raise column_error(column, "is ambiguous in this zone: clocks were put back; add an offset")
