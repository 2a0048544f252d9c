"""The actions of an imported incident."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.events import EventKind
from service.history.importing import cells
from service.history.importing.imported import ImportOptions, column_error
from service.history.importing.times import read_time
from service.intake.event_data import check_data
from service.intake.wire import PayloadError

_ABOUT = ("action_id", "title", "action_type", "owner", "verification", "due_at")
_REACHED = (("completed_at", EventKind.ACTION_COMPLETED), ("verified_at", EventKind.ACTION_VERIFIED))

_UTC = ZoneInfo("UTC")

ActionEvent = tuple[EventKind, str, datetime, dict[str, Any]]
"""Kind, the distinguishing part of the event's id, time, data."""


def read_actions(
    fields: Mapping[str, Any], default_opened_at: datetime, options: ImportOptions, now: datetime
) -> Iterator[ActionEvent]:
    """Yield the events of the actions; `default_opened_at` is for those without their own. Raises PayloadError."""
    seen: set[str] = set()
    for action in cells.objects(fields, "actions"):
        action_id = cells.text(action, "action_id", 100)
        if not action_id or action_id in seen:
            raise column_error("actions", "requires a unique action_id in each object")
        seen.add(action_id)
        yield (
            EventKind.ACTION_OPENED,
            f"{action_id}-opened",
            _at(action, "opened_at", options, now) or default_opened_at,
            _data(action, options),
        )
        for name, kind in _REACHED:
            if (at := _at(action, name, options, now)) is not None:
                yield kind, f"{action_id}-{name}", at, {"action_id": action_id}


def _at(action: Mapping[str, Any], name: str, options: ImportOptions, now: datetime) -> datetime | None:
    value = cells.cell(action, name)
    return None if value is None else read_time(value, f"actions.{name}", options, now)


def _data(action: Mapping[str, Any], options: ImportOptions) -> dict[str, Any]:
    data: dict[str, Any] = {name: content for name in _ABOUT if (content := cells.text(action, name, 2000))}
    if options.zone is None and "due_at" in data and len(data["due_at"]) == len("2026-11-23"):
        raise column_error("actions.due_at", "is a day without a zone; give --timezone, or a time with an offset")
    try:
        return check_data(EventKind.ACTION_OPENED, data, options.zone or _UTC, "actions")
    except PayloadError as error:
        raise column_error("actions", error.detail.partition(": ")[2]) from None
