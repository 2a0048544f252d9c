"""Durations as Prometheus writes them: `15m`, `1h30m`, `5d`. Parsing and formatting only."""

import re
from datetime import timedelta

_UNITS = {
    "y": timedelta(days=365),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
# Prometheus' own grammar (common/model/time.go): each unit once, the largest first.
_PATTERN = re.compile("".join(f"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS))
_SHAPE = "should be a duration such as 30s, 15m, 1h30m or 5d"
LONGEST = timedelta(days=36_500)  # added to any time of ours it is still a valid time


def parse_duration(value: object) -> timedelta:
    """Read `1h30m` or ISO 8601's `PT1H30M`. Raises ValueError, also for a number without a unit."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    try:
        return _iso(text) if text.startswith("P") else _prometheus(text)
    except OverflowError as error:
        raise ValueError(_SHAPE) from error


def _iso(text: str) -> timedelta:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - slow, and commands rarely need it

    try:
        return TypeAdapter(timedelta).validate_python(text)
    except ValidationError as error:
        raise ValueError(_SHAPE) from error


def _prometheus(text: str) -> timedelta:
    match = _PATTERN.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{_SHAPE}, with its unit" if text.isdecimal() else _SHAPE)
    return sum((int(count) * _UNITS[unit] for unit, count in match.groupdict().items() if count), timedelta(0))


def format_duration(duration: timedelta) -> str:
    """Format a duration as the standard does: in hours up to `72h`, in days beyond; never in weeks or years."""
    return _formatted(duration, ("d", "h", "m", "s", "ms") if duration > timedelta(hours=72) else ("h", "m", "s", "ms"))


def format_window(duration: timedelta) -> str:
    """Format a duration in days first: `1d`, `7d`, `90d`."""
    return _formatted(duration, ("d", "h", "m", "s", "ms"))


def _formatted(duration: timedelta, units: tuple[str, ...]) -> str:
    rest, text = duration, ""
    for unit in units:
        count, rest = divmod(rest, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"
