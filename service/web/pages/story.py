"""An incident's history for people: every event, with corrected and retracted ones marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from service.domain.changes import Change, changes
from service.domain.events import Event, EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.domain.timeline import AlertChange, merged_timeline

T = TypeVar("T")
AT_ONCE = 200
"""Entries, or alerts, per page."""
_DETAILS = ("text", "title", "document", "into", "name", "reason")


@dataclass(frozen=True, slots=True)
class ListPart(Generic[T]):
    """Part of a list, in order. `earlier` and `later` are where the adjacent parts end; None without such a part."""

    shown: Sequence[T]
    earlier: int | None
    later: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One entry of the history. `was` is the original time, if it was corrected.

    `change` has the values before and after; `recorded_by` is the name of the token that it was sent with.
    `group` and `name` are the key of its message; `text` is the text of people or alerts.
    """

    at: datetime
    group: str
    name: str
    source: str
    event_id: str = ""
    text: str = ""
    link: str | None = None
    was: datetime | None = None
    about: str | None = None
    change: Change | None = None
    recorded_by: str | None = None
    withdrawn: bool = False
    important: bool = False


def part_of(entries: Sequence[T], until: int | None) -> ListPart[T]:
    """Return the part of a list that ends at `until`, by default the last one."""
    end = len(entries) if until is None else max(1, min(until, len(entries)))
    start = max(0, end - AT_ONCE)
    return ListPart(entries[start:end], start or None, min(len(entries), end + AT_ONCE) if end < len(entries) else None)


def story(history: IncidentHistory, policy: Policy) -> list[TimelineRow]:
    """Return the history in order of effective times; a correction is listed when it was made."""
    counted = {event.event_id: event for event in history.effective_events}
    retracted = _retracted(history.events, counted)
    changed = changes(history.incident, history.events, history.episodes, policy)
    reported = [
        _entry(event, counted.get(event.event_id), event.event_id in retracted, changed.get(event.event_id))
        for event in history.events
    ]
    merged = merged_timeline(((entry.at, entry) for entry in reported), history.episodes)
    return [_alert_entry(at, entry) if isinstance(entry, AlertChange) else entry for at, entry in merged]


def _retracted(events: Iterable[Event], counted: dict[str, Event]) -> set[str]:
    recorded = list(events)
    named = {str(e.data["event_id"]) for e in recorded if e.kind is EventKind.RETRACTED}
    about = {e.event_id for e in recorded if e.kind in (EventKind.CORRECTED, EventKind.RETRACTED)}
    return {event_id for event_id in named if event_id not in counted and event_id not in about} | (named & about)


def _entry(event: Event, counts: Event | None, withdrawn: bool, change: Change | None) -> TimelineRow:
    current = counts or event
    moved = counts is not None and counts.occurred_at != event.occurred_at
    details = [str(current.data[key]) for key in _DETAILS if current.data.get(key) and not (change and key == "name")]
    if event.kind is EventKind.BUDGET_MEASURED:
        details.append(f"{current.data['slo']}: {current.data['spent_ratio']:.1%}")
    if event.severity and event.kind is EventKind.SEVERITY_CHANGED and change is None:
        details.append(event.severity.value)
    if event.title and event.kind is not EventKind.NOTE:
        details.append(event.title)
    if event.kind is EventKind.DESCRIBED:
        details += [*event.types, *event.domains, *(f"{name}={value}" for name, value in event.labels.items())]
    return TimelineRow(
        at=current.occurred_at,
        group="kind",
        name=event.kind.value,
        source=event.source,
        event_id=event.event_id,
        text=" · ".join(details),
        link=web_link(current.data.get("document")),
        was=event.occurred_at if moved else None,
        about=_about(event),
        change=change or _set_time(event),
        recorded_by=event.recorded_by,
        withdrawn=withdrawn,
        important=bool(current.data.get("important")),
    )


def _about(event: Event) -> str | None:
    """Return the subject of a correction or an assignment, as a message key."""
    if event.kind is EventKind.ROLE_ASSIGNED:
        return f"role.{event.data['role']}"
    return f"milestone.{event.data['milestone']}" if "milestone" in event.data else None


def _set_time(event: Event) -> Change | None:
    """Return the time that a retracted correction had set."""
    at = event.data.get("occurred_at") if event.kind is EventKind.CORRECTED else None
    return Change(None, datetime.fromisoformat(at)) if at else None


def _alert_entry(at: datetime, change: AlertChange) -> TimelineRow:
    episode = change.episode
    return TimelineRow(
        at=at,
        group="alert",
        name=change.state.value,
        source=episode.source,
        text=episode.name,
        link=web_link(episode.generator_url),
    )


def web_link(address: Any) -> str | None:
    """Return an address that is safe as a link: http or https with a host, nothing that a browser would execute."""
    if not isinstance(address, str) or any(char.isspace() or ord(char) < 32 for char in address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None
