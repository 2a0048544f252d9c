"""PagerDuty's webhook body (version 3) into events. docs/sources/pagerduty.md says the same to operators.

One body is one event of one of PagerDuty's incidents; what is of no interest to the indicators gives no events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from service.domain.events import Event, EventKind, Role
from service.domain.incident import ResolutionSource
from service.domain.policy import Severity
from service.intake.event_data import ShortText
from service.intake.reasons import Source
from service.intake.wire import CLOCK_SKEW, checked, instant, invalid, read_json

PRIORITY_MAP = {
    "p1": Severity.SEV_1,
    "p2": Severity.SEV_2,
    "p3": Severity.SEV_3,
    "p4": Severity.SEV_4,
    "p5": Severity.SEV_4,
}
ROLE_MAP = {"incident commander": Role.COMMANDER, "commander": Role.COMMANDER, "communications lead": Role.COMMS}
LONGEST_TITLE = 500
LONGEST_NOTE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read PagerDuty's incidents: `priority_map` and `role_map` have their keys in lower case."""

    priority_map: Mapping[str, Severity] = field(default_factory=lambda: dict(PRIORITY_MAP))
    role_map: Mapping[str, Role] = field(default_factory=lambda: dict(ROLE_MAP))
    clock_skew: timedelta = CLOCK_SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one body says: events of the incident that PagerDuty knows by `incident_key`; none are of interest often.

    `aliases` are names under which other sources may know it: what the sender of the alert gave it to be known by.
    """

    event_type: str
    incident_key: str = ""
    events: tuple[Event, ...] = ()
    aliases: tuple[str, ...] = ()


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True)


class Reference(_Wire):
    """Somebody or something of PagerDuty's."""

    id: ShortText
    type: str = ""
    summary: str | None = None


class WireEvent(_Wire):
    """What is common to all events; `data` depends on `event_type`, `agent` is null where no person did it."""

    id: ShortText
    event_type: ShortText
    occurred_at: str
    agent: Reference | None = None
    data: dict[str, Any]


class PagerDutyPayload(_Wire):
    """One event, as PagerDuty's version 3 webhooks carry it."""

    event: WireEvent


class ResolveReason(_Wire):
    """Why it was resolved, where that was no ordinary resolution."""

    type: str = ""


class WireIncident(_Wire):
    """What is read of an incident."""

    id: ShortText
    title: str = ""
    incident_key: str | None = None
    created_at: str | None = None
    priority: Reference | None = None
    resolve_reason: ResolveReason | None = None


class WireNote(_Wire):
    """A note that somebody wrote."""

    incident: Reference
    content: str = ""


class WireAssignment(_Wire):
    """Who has a role now; nobody where it was taken away."""

    incident: Reference
    role: Reference
    assignee: Reference | None = None


class WireAssignments(_Wire):
    """Every assignment that one event is about."""

    assignments: list[WireAssignment] = Field(alias="incident_role_assignments", min_length=1)


_BODY: TypeAdapter[PagerDutyPayload] = TypeAdapter(PagerDutyPayload)
_OF_INCIDENTS = {
    "incident.triggered": EventKind.DETECTED,
    "incident.acknowledged": EventKind.ACKNOWLEDGED,
    "incident.unacknowledged": EventKind.NOTE,
    "incident.resolved": EventKind.RESOLVED,
    "incident.reopened": EventKind.REOPENED,
    "incident.priority_updated": EventKind.SEVERITY_CHANGED,
}


def read_envelope(body: bytes) -> WireEvent:
    """Read what all of PagerDuty's bodies have. Raises PayloadError where it is no body of theirs."""
    return read_json(_BODY, body).event


def read_message(told: WireEvent, reading: Reading, now: datetime) -> Message:
    """Read an event. Raises PayloadError where PagerDuty says it in another way than we know."""
    if kind := _OF_INCIDENTS.get(told.event_type):
        return _of_incident(told, kind, reading, now)
    if told.event_type == "incident.annotated":
        note: WireNote = checked(WireNote, told.data, "event", "data")
        data = {"text": note.content[:LONGEST_NOTE]}
        events = (_event(told, EventKind.NOTE, reading, now, data=data),) if note.content.strip() else ()
        return Message(event_type=told.event_type, incident_key=note.incident.id, events=events)
    if told.event_type == "incident.role.assigned":
        return _of_roles(told, reading, now)
    return Message(event_type=told.event_type)


def _of_incident(told: WireEvent, kind: EventKind, reading: Reading, now: datetime) -> Message:
    incident: WireIncident = checked(WireIncident, told.data, "event", "data")
    severity = _severity(incident, reading)
    if kind is EventKind.SEVERITY_CHANGED and severity is None:
        return Message(event_type=told.event_type, incident_key=incident.id)
    data: dict[str, Any] = {}
    if told.event_type == "incident.unacknowledged":
        data = {"text": "PagerDuty: no longer acknowledged"}
    elif incident.resolve_reason is not None and "merge" in incident.resolve_reason.type:
        kind, data = EventKind.NOTE, {"text": "PagerDuty: merged into another incident", "important": True}
    elif kind is EventKind.RESOLVED and not _is_person(told.agent):
        data = {"resolution_source": ResolutionSource.ALERTS.value}
    at = incident.created_at if kind is EventKind.DETECTED else None
    event = _event(told, kind, reading, now, data=data, at=at, severity=severity, title=incident.title)
    return Message(
        event_type=told.event_type,
        incident_key=incident.id,
        events=(event,) if kind is EventKind.DETECTED else (*_opened(incident, reading, now), event),
        aliases=(incident.incident_key,) if incident.incident_key else (),
    )


def _opened(incident: WireIncident, reading: Reading, now: datetime) -> tuple[Event, ...]:
    """Return since when the incident is there, which every event of it tells: the one that said so may be lost."""
    if incident.created_at is None:
        return ()
    detected = Event(
        event_id=f"pagerduty-{incident.id}",
        kind=EventKind.DETECTED,
        occurred_at=instant(incident.created_at, now, reading.clock_skew, "event", "data", "created_at"),
        recorded_at=now,
        source=Source.PAGERDUTY.value,
        title=incident.title[:LONGEST_TITLE] or None,
    )
    return (detected,)


def _of_roles(told: WireEvent, reading: Reading, now: datetime) -> Message:
    """Take over the assignments of roles that we have too; those of one event are all of one incident."""
    read: WireAssignments = checked(WireAssignments, told.data, "event", "data")
    key = read.assignments[0].incident.id
    if any(one.incident.id != key for one in read.assignments):
        raise invalid("names several incidents", "event", "data", "incident_role_assignments")
    events = tuple(
        _event(told, EventKind.ROLE_ASSIGNED, reading, now, data={"role": role.value, "name": name[:200]}, part=index)
        for index, one in enumerate(read.assignments)
        if (role := reading.role_map.get((one.role.summary or "").casefold()))
        and (name := (one.assignee.summary or one.assignee.id) if one.assignee else "")
    )
    return Message(event_type=told.event_type, incident_key=key, events=events)


def _event(
    told: WireEvent,
    kind: EventKind,
    reading: Reading,
    now: datetime,
    *,
    data: Mapping[str, Any],
    at: str | None = None,
    severity: Severity | None = None,
    title: str = "",
    part: int = 0,
) -> Event:
    path = ("event", "data", "created_at") if at is not None else ("event", "occurred_at")
    return Event(
        event_id=f"pagerduty-{told.id}" + (f"-{part}" if part else ""),
        kind=kind,
        occurred_at=instant(at or told.occurred_at, now, reading.clock_skew, *path),
        recorded_at=now,
        source=Source.PAGERDUTY.value,
        title=title[:LONGEST_TITLE] or None if kind is EventKind.DETECTED else None,
        severity=severity if kind in (EventKind.DETECTED, EventKind.SEVERITY_CHANGED) else None,
        data=data,
    )


def _severity(incident: WireIncident, reading: Reading) -> Severity | None:
    name = incident.priority.summary if incident.priority is not None else None
    return reading.priority_map.get((name or "").casefold())


def _is_person(agent: Reference | None) -> bool:
    return agent is not None and agent.type.startswith("user")
