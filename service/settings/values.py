"""The types of configuration values, with their error messages. Validates text only."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from service.domain.policy import WEEKLY_REVIEW, Severity
from service.settings.durations import LONGEST, format_duration, format_window, parse_duration
from service.settings.errors import without_password

IGNORE = "ignore"
DueSetting = timedelta | Literal["weekly_review"]
SHORTEST = 16
"""The minimum length of a token or a secret, in characters."""
SENDER = "[a-z0-9-]{1,40}"
"""The name of an independent sender. Together with its source it fits into a database column."""
SENDER_ADVICE = "should consist of 1 to 40 characters from a-z, 0-9 and -, such as eu or tenant-7"


def _zone(name: object) -> ZoneInfo:
    if isinstance(name, ZoneInfo):
        return name
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if not available_timezones():
            raise ValueError(
                "cannot be used: this system has no time zone data; install tzdata (apt install tzdata, or "
                "pip install tzdata)"
            ) from error
        near = get_close_matches(str(name), available_timezones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ", such as Asia/Tokyo or Europe/Berlin"
        raise ValueError(f"should be the name of an IANA time zone{hint}") from error


def _clock(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("should be a time of day such as 10:00")
    hour, minute = value.split(":")
    return time(int(hour), int(minute))


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError("should be longer than 0s")
    return duration


def _bounded(duration: timedelta) -> timedelta:
    if not timedelta(0) <= duration <= LONGEST:
        raise ValueError("should not be negative or longer than 100 years")
    return duration


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), AfterValidator(_bounded), PlainSerializer(format_duration)
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Window = Annotated[PositiveDuration, PlainSerializer(format_window)]


def added_to(default: Mapping[Any, Any], *, in_any_case: bool = False) -> BeforeValidator:
    """Add the entries of a mapping to those of the default; null instead of a mapping leaves the default."""

    def add(value: object) -> object:
        if not isinstance(value, Mapping | None):
            return value
        entries = value or {}
        return {**default, **({str(key).strip().lower(): entries[key] for key in entries} if in_any_case else entries)}

    return BeforeValidator(add)


def _due(value: object) -> DueSetting:
    if value == WEEKLY_REVIEW:
        return WEEKLY_REVIEW
    try:
        allowance = parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {WEEKLY_REVIEW}") from error
    if not timedelta(0) < allowance <= LONGEST:
        raise ValueError("should be longer than 0s and not longer than 100 years")
    return allowance


def write_due(due: DueSetting | None) -> str | None:
    """Format a deadline as in the configuration."""
    return format_duration(due) if isinstance(due, timedelta) else due


def _severity_or_ignore(value: object) -> Severity | None:
    if value == IGNORE:
        return None
    try:
        return Severity(value)  # type: ignore[arg-type]  # anything else is a ValueError
    except ValueError:
        raise ValueError(f"should be {', '.join(Severity)} or {IGNORE}") from None


def _address(address: str) -> str:
    host, colon, port = address.strip().rpartition(":")
    ipv6 = host.startswith("[") and host.endswith("]")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65_536 or (":" in host and not ipv6):
        raise ValueError("should be an address and a port, such as 127.0.0.1:9877 or [::1]:9877")
    return f"{host or '0.0.0.0'}:{port}"  # noqa: S104 - ":9877" means every address, as Prometheus reads it


def _database(url: str) -> str:
    if re.fullmatch(r"sqlite:///.+", url) and ":memory:" not in url:
        return url
    if re.fullmatch(r"postgresql(?:\+psycopg)?://[^/?#]*/[^/?#]+(?:\?[^#]*)?", url):
        return url
    raise ValueError(
        "should be the URL of an SQLite file (relative: sqlite:///mttx.db, absolute: sqlite:////data/mttx.db) or of a "
        "PostgreSQL database (postgresql+psycopg://mttx@db.example.com/mttx)"
    )


def is_http_url(url: str) -> bool:
    """Return whether a text is an absolute URL with a host."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _http_url(url: str) -> str:
    if not is_http_url(url) or any(sign in url for sign in "@?#"):
        raise ValueError("should be an http:// or https:// URL without user name, query and fragment")
    return url.rstrip("/")


def _spaced(windows: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if not windows or len(set(windows)) < len(windows):
        raise ValueError("should be one or more different durations, such as [7d, 30d, 90d]")
    return tuple(sorted(windows))


def _label(name: str) -> str:
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError("should be a label name: letters, digits and underscores")
    return name


def _sender(name: str) -> str:
    if not re.fullmatch(SENDER, name):
        raise ValueError(SENDER_ADVICE)
    return name


Zone = Annotated[ZoneInfo, PlainValidator(_zone), PlainSerializer(str, return_type=str)]
Clock = Annotated[time, PlainValidator(_clock), PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str)]
Due = Annotated[DueSetting, PlainValidator(_due), PlainSerializer(write_due, return_type=str)]
SeverityOrIgnore = Annotated[
    Severity | None,
    PlainValidator(_severity_or_ignore),
    PlainSerializer(lambda severity: severity or IGNORE, return_type=str),
]
"""The severity for an alert; None: `ignore`."""
SeverityOrNull = Annotated[SeverityOrIgnore, BeforeValidator(lambda value: IGNORE if value is None else value)]
"""The same, in which null is `ignore` too."""
SenderName = Annotated[str, AfterValidator(_sender), WithJsonSchema({"type": "string", "pattern": f"^{SENDER}$"})]
LabelName = Annotated[str, AfterValidator(_label)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Address = Annotated[str, AfterValidator(_address)]
DatabaseUrl = Annotated[str, AfterValidator(_database), PlainSerializer(without_password)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Windows = Annotated[tuple[Window, ...], AfterValidator(_spaced)]
