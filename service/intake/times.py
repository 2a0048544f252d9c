"""Times as other tools write them: a text in one of many formats, or a number of Unix seconds or parts of them."""

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.intake.wire import instant, invalid, unix_instant

_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
_WRITTEN = re.compile(
    r"(\d{4})([-./]?)(\d\d)\2(\d\d)[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)? ?"
    r"(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?: [A-Z]{2,5})?",
    re.ASCII | re.IGNORECASE,
)
_MAIL = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|[+-]\d{4})", re.ASCII)
_LARGEST = 10**20
_SMALLEST = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From which number on it counts billionths, millionths or thousandths of a second. All before are in the year 5138."""


def read_instant(value: Any, zone: ZoneInfo | None, now: datetime, *path: str | int) -> datetime:
    """Return the instant in UTC; `zone` is that of texts without one.

    Reads ISO 8601 with or without separators, `2026.11.23 18:04:05`, Go's and mail's format, and numbers. Raises
    PayloadError for anything else, such as a day whose order is unknown, and as `instant` for the future.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value, now, *path)
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text), now, *path)
    if _MAIL.fullmatch(text):
        return instant(_valid(lambda: parsedate_to_datetime(text), *path).isoformat(), now, *path)
    if match := _WRITTEN.fullmatch(text):
        return _from_match(match, zone, now, *path)
    raise invalid("is not a time that is understood", *path)


def _from_number(number: float, now: datetime, *path: str | int) -> datetime:
    number = max(-_LARGEST, min(number, _LARGEST))  # a larger integer is no float; NaN is the smallest
    divisor = next((parts for smallest, parts in _SMALLEST if number >= smallest), 1)
    return unix_instant(number / divisor, now, *path)


def _from_match(match: re.Match[str], zone: ZoneInfo | None, now: datetime, *path: str | int) -> datetime:
    year, _, month, day, hour, minute, second, fraction, offset = match.groups()
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}" + (f".{fraction[:6]}" if fraction else "")
    if offset is None and zone is None:
        raise invalid("has no time zone; set `timezone` of its source", *path)
    if offset is None:
        at = _valid(lambda: datetime.fromisoformat(text), *path)
        return instant(_in_zone(at, zone, now).isoformat(), now, *path)
    digits = "Z" if offset.upper() in ("Z", "UTC", "GMT") else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    return instant(text + digits, now, *path)


def _in_zone(at: datetime, zone: ZoneInfo | None, now: datetime) -> datetime:
    """Place a wall clock's time in a zone; of an hour that came twice, the one that is nearer to now."""
    folds = (at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1))
    return min(folds, key=lambda time: abs(time.timestamp() - now.timestamp()))


def _valid(read: Callable[[], datetime], *path: str | int) -> datetime:
    try:
        return read()
    except ValueError:
        raise invalid("is not a time that exists", *path) from None
