"""The actions of an imported incident."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.events import EventKind
from service.history.importing import cells
from service.history.importing.past import Reading, wrong
from service.history.importing.times import read_time
from service.intake.event_data import check_data
from service.intake.wire import PayloadError

_ABOUT = ("action_id", "title", "action_type", "owner", "verification", "due_at")
_REACHED = (("completed_at", EventKind.ACTION_COMPLETED), ("verified_at", EventKind.ACTION_VERIFIED))

_UTC = ZoneInfo("UTC")

Told = tuple[EventKind, str, datetime, dict[str, Any]]
"""Kind, the part of the event's id that tells it from others, time, data."""


def read_actions(fields: Mapping[str, Any], told_at: datetime, reading: Reading, now: datetime) -> Iterator[Told]:
    """Yield the events of the actions; one without `opened_at` was opened at `told_at`. Raises PayloadError."""
    seen: set[str] = set()
    for action in cells.objects(fields, "actions"):
        action_id = cells.text(action, "action_id", 100)
        if not action_id or action_id in seen:
            raise wrong("actions", "needs an action_id for each, and each once")
        seen.add(action_id)
        yield (
            EventKind.ACTION_OPENED,
            f"{action_id}-opened",
            _at(action, "opened_at", reading, now) or told_at,
            _data(action, reading),
        )
        for name, kind in _REACHED:
            if (at := _at(action, name, reading, now)) is not None:
                yield kind, f"{action_id}-{name}", at, {"action_id": action_id}


def _at(action: Mapping[str, Any], name: str, reading: Reading, now: datetime) -> datetime | None:
    value = cells.given(action, name)
    return None if value is None else read_time(value, f"actions.{name}", reading, now)


def _data(action: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    data: dict[str, Any] = {name: said for name in _ABOUT if (said := cells.text(action, name, 2000))}
    if reading.zone is None and "due_at" in data and len(data["due_at"]) == len("2026-11-23"):
        raise wrong("actions.due_at", "is a day, and ends when? Give --timezone, or a time with an offset")
    try:
        return check_data(EventKind.ACTION_OPENED, data, reading.zone or _UTC, "actions")
    except PayloadError as error:
        raise wrong("actions", error.detail.partition(": ")[2]) from None
