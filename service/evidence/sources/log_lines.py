"""One line of a log: when it was written, and the ids in it. No I/O."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from service.evidence.staging import SourceFiles

STANDARD = ("component", "correlation_id", "order_id", "dag_id", "task_id", "strategy")
"""The fields that the standard asks for in every line (section 5)."""
IDS = ("order_id", "correlation_id", "trace_id")
"""The ids of a line that other sources are searched by."""
MAX_IDS = 10_000
LONGEST_ID = 200
_JSON = json.JSONDecoder()
# A number is in the unit in which it lies between 1973 and 5138.
_UNITS = ((1e8, 1e11, 1.0), (1e11, 1e14, 1e3), (1e14, 1e17, 1e6), (1e17, 1e20, 1e9))


def parsed(line: bytes) -> Mapping[str, Any] | None:
    """Return a line's fields, or None if it is not a JSON object."""
    text = line.decode("utf-8", "surrogateescape").strip()
    if not text.startswith("{"):
        return None
    try:
        value, _ = _JSON.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def time_of(fields: Mapping[str, Any], names: Sequence[str], zone: tzinfo) -> datetime | None:
    """Return when a line was written, by the first field that has a time; `zone` is that of naive times."""
    for name in names:
        value = fields.get(name)
        if value is None and "." in name:
            value = _at(fields, name.split("."))
        at = instant(value, zone)
        if at is not None:
            return at
    return None


def instant(value: object, zone: tzinfo) -> datetime | None:
    """Parse RFC 3339 and the like, or seconds, milliseconds, microseconds or nanoseconds since 1970, as UTC."""
    match value:
        case bool():
            return None
        case int() | float():
            return _epoch(value)
        case str():
            return _parsed_time(value.strip(), zone)
        case _:
            return None


def _epoch(number: float) -> datetime | None:
    for low, high, per_second in _UNITS:
        if low <= number < high and math.isfinite(number):
            return datetime.fromtimestamp(number / per_second, UTC)
    return None


def _parsed_time(text: str, zone: tzinfo) -> datetime | None:
    if len(text) < 9 or not text[0].isdigit():
        return None
    try:
        at = datetime.fromisoformat(text.replace(",", ".", 1))
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return _epoch(float(text) if "." in text else int(text))
    except ValueError:
        return None


def _at(fields: Mapping[str, Any], path: Sequence[str]) -> object:
    value: object = fields
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


@dataclass(slots=True)
class Ids:
    """The ids in the lines of the window, for other sources; no more than `MAX_IDS` of each."""

    by_name: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in IDS})

    def take(self, fields: Mapping[str, Any]) -> None:
        """Note the ids of one line, numbers as their digits."""
        for name, values in self.by_name.items():
            value = fields.get(name)
            if value is None or len(values) >= MAX_IDS:
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if isinstance(value, str) and 0 < len(value) <= LONGEST_ID:
                values.add(value)

    def share(self, files: SourceFiles) -> None:
        """Make them available to later sources."""
        for name, values in self.by_name.items():
            if len(values) >= MAX_IDS:
                files.add_failure(
                    name, f"the logs contain {MAX_IDS} or more different values; the rest is not looked up"
                )
            files.share(name, frozenset(values))
