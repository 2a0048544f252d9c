"""One line of a log: when it was written, and the ids in it. No I/O."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from service.evidence.source import Box

STANDARD = ("component", "correlation_id", "order_id", "dag_id", "task_id", "strategy")
"""The fields that the standard asks for in every line (section 5)."""
IDS = ("order_id", "correlation_id", "trace_id")
"""Those of a line that other sources are asked for."""
MOST_IDS = 10_000
LONGEST_ID = 200
_JSON = json.JSONDecoder()
# A number is taken for the unit in which it lies between 1973 and 5138.
_UNITS = ((1e8, 1e11, 1.0), (1e11, 1e14, 1e3), (1e14, 1e17, 1e6), (1e17, 1e20, 1e9))


def parsed(line: bytes) -> Mapping[str, Any] | None:
    """Return a line's fields, None where it is no JSON object."""
    text = line.decode("utf-8", "surrogateescape").strip()
    if not text.startswith("{"):
        return None
    try:
        found, _ = _JSON.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def time_of(fields: Mapping[str, Any], names: Sequence[str], zone: tzinfo) -> datetime | None:
    """Return when a line was written, by the first of the fields that holds a time; `zone` is that of naive ones."""
    for name in names:
        value = fields.get(name)
        if value is None and "." in name:
            value = _at(fields, name.split("."))
        at = instant(value, zone)
        if at is not None:
            return at
    return None


def instant(value: object, zone: tzinfo) -> datetime | None:
    """Read RFC 3339 and its kin, or seconds, milliseconds, microseconds or nanoseconds since 1970, as UTC."""
    match value:
        case bool():
            return None
        case int() | float():
            return _epoch(value)
        case str():
            return _written(value.strip(), zone)
        case _:
            return None


def _epoch(number: float) -> datetime | None:
    for low, high, per_second in _UNITS:
        if low <= number < high and math.isfinite(number):
            return datetime.fromtimestamp(number / per_second, UTC)
    return None


def _written(text: str, zone: tzinfo) -> datetime | None:
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
    found: object = fields
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


@dataclass(slots=True)
class Ids:
    """The ids of the lines that were kept, for other sources; no more than `MOST_IDS` of each."""

    found: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in IDS})

    def take(self, fields: Mapping[str, Any]) -> None:
        """Note the ids of one line, numbers as their digits."""
        for name, known in self.found.items():
            value = fields.get(name)
            if value is None or len(known) >= MOST_IDS:
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if isinstance(value, str) and 0 < len(value) <= LONGEST_ID:
                known.add(value)

    def hand_on(self, box: Box) -> None:
        """Give them to the sources that follow."""
        for name, values in self.found.items():
            if len(values) >= MOST_IDS:
                box.failed(name, f"the logs have {MOST_IDS} of them or more; the others are not looked up")
            box.found(name, frozenset(values))
