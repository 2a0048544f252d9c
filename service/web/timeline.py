"""The timeline of an incident: effective events, and alerts firing and clearing, in order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from service.domain.changes import Change, changes
from service.domain.events import Event
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.policy import Milestone, Policy, Severity
from service.domain.timeline import AlertChange, merged_timeline
from service.web.schemas import EventSchema, merge_target


class What(StrEnum):
    """The kind of an entry; `alert_stale`: the alert was no longer reported."""

    EVENT = "event"
    ALERT_FIRING = "alert_firing"
    ALERT_RESOLVED = "alert_resolved"
    ALERT_STALE = "alert_stale"


class AlertReference(BaseModel):
    """The alert of an entry; `source` includes the sender if there are several: alertmanager@eu."""

    name: str
    source: str
    fingerprint: str
    severity: Severity


class TimelineEntry(BaseModel):
    """One entry; `offset` is in seconds from the detection, negative before it."""

    at: datetime
    local: datetime
    offset: float | None
    what: What
    event: EventSchema | None = None
    alert: AlertReference | None = None


class Timeline(BaseModel):
    """The timeline, in order. `timezone` is the zone of the `local` times; `at` is UTC."""

    id: str
    merged_into: str | None
    timezone: str
    detected_at: datetime | None
    entries: list[TimelineEntry]


def timeline(history: IncidentHistory, asked_for: int, policy: Policy, zone: ZoneInfo) -> Timeline:
    """Merge events and episodes into one list: corrected events at their corrected time, without retracted ones."""
    detected_at = history.incident.milestones.get(Milestone.DETECTED)
    changed = changes(history.incident, history.events, history.episodes, policy)
    events = ((event.occurred_at, event) for event in history.effective_events)
    return Timeline(
        id=public_id(asked_for),
        merged_into=merge_target(history, asked_for),
        timezone=zone.key,
        detected_at=detected_at,
        entries=[
            _entry(at, subject, changed, detected_at, zone) for at, subject in merged_timeline(events, history.episodes)
        ],
    )


def _entry(
    at: datetime,
    subject: Event | AlertChange,
    changed: Mapping[str, Change],
    detected_at: datetime | None,
    zone: ZoneInfo,
) -> TimelineEntry:
    entry = TimelineEntry(
        at=at.astimezone(UTC),
        local=at.astimezone(zone),
        offset=(at - detected_at).total_seconds() if detected_at else None,
        what=What.EVENT if isinstance(subject, Event) else What(f"alert_{subject.state}"),
    )
    if isinstance(subject, Event):
        entry.event = EventSchema.of(subject, changed.get(subject.event_id))
    else:
        entry.alert = AlertReference.model_validate(subject.episode, from_attributes=True)
    return entry
