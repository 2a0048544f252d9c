"""Parse PagerDuty's webhook body (version 3) into events; docs/sources/pagerduty.md describes it for operators.

One body is one event of one PagerDuty incident; events irrelevant to the indicators give none. Every body repeats the
incident's title, priority and creation, and each event here carries them, since any body may be lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind, KeyedEvent, Role
from service.domain.policy import Severity
from service.domain.recovery import ResolutionSource
from service.domain.severity_rules import PRIORITY_MAP
from service.intake.event_data import ShortText
from service.intake.keyed_events import KeyedEvents
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.intake.wire import CLOCK_SKEW, PayloadError, WireModel, checked, instant, invalid, read_json

ROLE_MAP = {"incident commander": Role.COMMANDER, "commander": Role.COMMANDER, "communications lead": Role.COMMS}
LONGEST_TITLE = 500
LONGEST_NOTE = 4096
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyParseOptions:
    """How to parse PagerDuty's incidents; the keys of `priority_map` and `role_map` are in lower case."""

    priority_map: Mapping[str, Severity] = field(default_factory=lambda: dict(PRIORITY_MAP))
    role_map: Mapping[str, Role] = field(default_factory=lambda: dict(ROLE_MAP))
    clock_skew: timedelta = CLOCK_SKEW


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


OptionalText = Annotated[str | None, BeforeValidator(_text_or_none)]
"""An optional text; a value of another type counts as missing, since nothing depends on it."""


class Reference(WireModel):
    """A reference to a PagerDuty object, such as a user or a service."""

    id: OptionalText = None
    type: OptionalText = None
    summary: OptionalText = None


OptionalReference = Annotated[Reference | None, BeforeValidator(_object_or_none)]


class IncidentReference(WireModel):
    """The incident that a note or a role belongs to."""

    id: ShortText


class WireEvent(WireModel):
    """The fields common to all events; `data` depends on `event_type`, `agent` may be null."""

    id: OptionalText = None
    event_type: ShortText
    occurred_at: OptionalText = None
    agent: OptionalReference = None
    data: dict[str, Any] = Field(default={})


class PagerDutyPayload(WireModel):
    """One event, as PagerDuty's version 3 webhooks carry it."""

    event: WireEvent


class ResolveReason(WireModel):
    """The reason of a resolution that was not an ordinary one; `incident` is the one it was merged into."""

    type: OptionalText = None
    incident: OptionalReference = None


class WireIncident(WireModel):
    """The fields read from an incident."""

    id: ShortText
    title: OptionalText = None
    incident_key: OptionalText = None
    created_at: OptionalText = None
    priority: OptionalReference = None
    resolve_reason: Annotated[ResolveReason | None, BeforeValidator(_object_or_none)] = None


class WireNote(WireModel):
    """A note."""

    incident: IncidentReference
    content: OptionalText = None


class WireAssignment(WireModel):
    """The current holder of a role; null if the role was unassigned."""

    incident: IncidentReference
    role: Reference
    assignee: OptionalReference = None


class WireAssignments(WireModel):
    """All assignments of one event."""

    assignments: list[WireAssignment] = Field(alias="incident_role_assignments", min_length=1)


_BODY: TypeAdapter[PagerDutyPayload] = TypeAdapter(PagerDutyPayload)
_ANY_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_OF_INCIDENTS = {
    "incident.triggered": EventKind.DETECTED,
    "incident.acknowledged": EventKind.ACKNOWLEDGED,
    "incident.unacknowledged": EventKind.NOTE,
    "incident.resolved": EventKind.RESOLVED,
    "incident.reopened": EventKind.REOPENED,
    "incident.priority_updated": EventKind.SEVERITY_CHANGED,
}
PEOPLE = ("user", "user_reference")
"""The types of agents that are people, unlike services, integrations, workflows and null."""
MERGED = "merge_resolve_reason"


def parse(body: bytes, options: PagerDutyParseOptions, now: datetime) -> KeyedEvents:
    """Parse one event. Raises PayloadError if the body is not PagerDuty's, or not of version 3.

    An event with an invalid id, time or incident is `unreadable`, unless it is irrelevant. The events' alias is the key
    set by the sender of the alert.
    """
    try:
        payload = read_json(_BODY, body).event
    except PayloadError as error:
        raise _as_other_version(body) or error from None
    try:
        return KeyedEvents(_events(payload, options, now))
    except PayloadError as error:
        return KeyedEvents(unreadable=(error,))


def _as_other_version(body: bytes) -> PayloadError | None:
    """Return the error for a body of version 2 or 1, which have a list of messages; None for any other."""
    try:
        payload = read_json(_ANY_OBJECT, body)
    except PayloadError:
        return None
    if not isinstance(payload.get("messages"), list):
        return None
    detail = (
        "This is PagerDuty's version 2 webhook, which PagerDuty has retired. Add a Generic Webhook (v3) with this URL "
        "(Integrations, Generic Webhooks (v3)) and remove the extension that sends version 2."
    )
    return PayloadError(Failure.WRONG_VERSION, detail)


def _events(payload: WireEvent, options: PagerDutyParseOptions, now: datetime) -> tuple[KeyedEvent, ...]:
    if kind := _OF_INCIDENTS.get(payload.event_type):
        return _of_incident(payload, kind, options, now)
    if payload.event_type == "incident.annotated":
        return _of_note(payload, options, now)
    if payload.event_type == "incident.role.assigned":
        return _of_roles(payload, options, now)
    return ()


def _of_incident(
    payload: WireEvent, kind: EventKind, options: PagerDutyParseOptions, now: datetime
) -> tuple[KeyedEvent, ...]:
    incident: WireIncident = checked(WireIncident, payload.data, "event", "data")
    severity = _severity(incident, options)
    if kind is EventKind.SEVERITY_CHANGED and severity is None:
        return ()
    kind, data = _kind_and_data(payload, kind, incident)
    event = _event(
        payload,
        kind,
        incident.id,
        options,
        now,
        data=data,
        created_at=incident.created_at if kind is EventKind.DETECTED else None,
        severity=severity,
        title=(incident.title or "")[:LONGEST_TITLE] or None,
    )
    opened = () if kind is EventKind.DETECTED else _opened(incident, options, now)
    aliases = (incident.incident_key,) if incident.incident_key else ()
    return tuple(KeyedEvent(incident.id, one, aliases) for one in (*opened, event))


def _kind_and_data(payload: WireEvent, kind: EventKind, incident: WireIncident) -> tuple[EventKind, dict[str, Any]]:
    if payload.event_type == "incident.unacknowledged":
        return kind, {"text": "PagerDuty: no longer acknowledged"}
    if kind is EventKind.RESOLVED and (merge := _merge(incident)):
        return merge
    if kind is EventKind.RESOLVED and not _is_person(payload.agent):
        return kind, {"resolution_source": ResolutionSource.ALERTS.value}
    if kind is EventKind.ACKNOWLEDGED and not _is_person(payload.agent):
        return kind, {"automated": True}
    return kind, {}


def _merge(incident: WireIncident) -> tuple[EventKind, dict[str, Any]] | None:
    """Return kind and data for an incident that was merged; one without a valid target is dismissed."""
    reason = incident.resolve_reason
    if reason is None or reason.type != MERGED or (reason.incident and reason.incident.id == incident.id):
        return None
    target = reason.incident.id if reason.incident else None
    if not target or len(target) > LONGEST_KEY:
        return EventKind.DISMISSED, {"text": "PagerDuty: merged into another incident"}
    return EventKind.MERGED, {INTO_KEY: target, "text": f"PagerDuty: merged into {target}"}


def _opened(incident: WireIncident, options: PagerDutyParseOptions, now: datetime) -> tuple[Event, ...]:
    """Return the detection, which every event of an incident carries: `incident.triggered` may be lost."""
    if incident.created_at is None:
        return ()
    detected = Event(
        event_id=f"pagerduty-{incident.id}",
        kind=EventKind.DETECTED,
        occurred_at=instant(incident.created_at, now, options.clock_skew, "event", "data", "created_at"),
        recorded_at=now,
        source=Source.PAGERDUTY.value,
        data={INCIDENT_KEY: incident.id},
    )
    return (detected,)


def _of_note(payload: WireEvent, options: PagerDutyParseOptions, now: datetime) -> tuple[KeyedEvent, ...]:
    note: WireNote = checked(WireNote, payload.data, "event", "data")
    content = (note.content or "").strip()[:LONGEST_NOTE]
    if not content:
        return ()
    key = note.incident.id
    return (KeyedEvent(key, _event(payload, EventKind.NOTE, key, options, now, data={"text": content})),)


def _of_roles(payload: WireEvent, options: PagerDutyParseOptions, now: datetime) -> tuple[KeyedEvent, ...]:
    """Return the assignments of mapped roles; those of one event all belong to one incident."""
    wire: WireAssignments = checked(WireAssignments, payload.data, "event", "data")
    key = wire.assignments[0].incident.id
    if any(assignment.incident.id != key for assignment in wire.assignments):
        raise invalid("names several incidents", "event", "data", "incident_role_assignments")
    automated = {} if _is_person(payload.agent) else {"automated": True}
    events = (
        _event(
            payload,
            EventKind.ROLE_ASSIGNED,
            key,
            options,
            now,
            data={"role": role.value, "name": name[:200], **automated},
            part=index,
        )
        for index, assignment in enumerate(wire.assignments)
        if (role := options.role_map.get((assignment.role.summary or "").casefold()))
        and (name := (assignment.assignee.summary or assignment.assignee.id) if assignment.assignee else None)
    )
    return tuple(KeyedEvent(key, event) for event in events)


def _event(
    payload: WireEvent,
    kind: EventKind,
    incident_key: str,
    options: PagerDutyParseOptions,
    now: datetime,
    *,
    data: Mapping[str, Any],
    created_at: str | None = None,
    severity: Severity | None = None,
    title: str | None = None,
    part: int = 0,
) -> Event:
    if not payload.id or len(payload.id) > LONGEST_KEY:
        raise invalid(f"is missing, or longer than {LONGEST_KEY} characters", "event", "id")
    path = ("event", "data", "created_at") if created_at is not None else ("event", "occurred_at")
    at = created_at or payload.occurred_at
    if at is None:
        raise invalid("is missing", *path)
    return Event(
        event_id=f"pagerduty-{payload.id}" + (f"-{part}" if part else ""),
        kind=kind,
        occurred_at=instant(at, now, options.clock_skew, *path),
        recorded_at=now,
        source=Source.PAGERDUTY.value,
        title=title,
        severity=severity,
        data={INCIDENT_KEY: incident_key, **data},
    )


def _severity(incident: WireIncident, options: PagerDutyParseOptions) -> Severity | None:
    name = incident.priority.summary if incident.priority is not None else None
    return options.priority_map.get((name or "").casefold())


def _is_person(agent: Reference | None) -> bool:
    return agent is not None and agent.type in PEOPLE
