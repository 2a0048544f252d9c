"""Parse PagerDuty's webhook body (version 3) into events; docs/sources/pagerduty.md describes it for operators.

One body is one event of one PagerDuty incident; events irrelevant to the indicators give none. Every body repeats the
incident's title, priority and creation, and each event here carries them, since any body may be lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind, KeyedEvent, Role
from service.domain.policy import Severity
from service.domain.recovery import ResolutionSource
from service.intake.event_data import ShortText
from service.intake.keyed_events import KeyedEvents
from service.intake.reasons import Failure
from service.intake.sources import Source
from service.intake.wire import PayloadError, WireModel, checked, instant, invalid, read_json

ROLES = {
    "incident commander": Role.COMMANDER.value,
    "commander": Role.COMMANDER.value,
    "communications lead": Role.COMMS.value,
}
LONGEST_TITLE = 500
LONGEST_NOTE = 4096
LONGEST_KEY = 200


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


def parse(body: bytes, severities: Mapping[str, Severity], now: datetime) -> KeyedEvents:
    """Parse one event. Raises PayloadError if the body is not PagerDuty's, or not of version 3.

    `severities` are those of PagerDuty's priorities, in lower case. An event with an invalid id, time or incident is
    `unreadable`, unless it is irrelevant. The events' alias is the key set by the sender of the alert.
    """
    try:
        payload = read_json(_BODY, body).event
    except PayloadError as error:
        raise _as_other_version(body) or error from None
    try:
        return KeyedEvents(_EventReader(payload, severities, now).events())
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


@dataclass(frozen=True, slots=True)
class _EventReader:
    """Reads one event of PagerDuty into those of its incident. Its methods raise PayloadError."""

    payload: WireEvent
    severities: Mapping[str, Severity]
    now: datetime

    def events(self) -> tuple[KeyedEvent, ...]:
        """Return the event, after the detection of its incident; empty if it is irrelevant."""
        if kind := _OF_INCIDENTS.get(self.payload.event_type):
            return self._of_incident(kind)
        if self.payload.event_type == "incident.annotated":
            return self._of_note()
        if self.payload.event_type == "incident.role.assigned":
            return self._of_roles()
        return ()

    def _of_incident(self, kind: EventKind) -> tuple[KeyedEvent, ...]:
        incident = checked(WireIncident, self.payload.data, "event", "data")
        priority = incident.priority.summary if incident.priority is not None else None
        severity = self.severities.get((priority or "").casefold())
        if kind is EventKind.SEVERITY_CHANGED and severity is None:
            return ()
        kind, data = self._kind_and_data(kind, incident)
        event = self._event(
            kind,
            incident.id,
            data,
            created_at=incident.created_at if kind is EventKind.DETECTED else None,
            severity=severity,
            title=(incident.title or "")[:LONGEST_TITLE] or None,
        )
        opened = () if kind is EventKind.DETECTED else self._opened(incident)
        aliases = (incident.incident_key,) if incident.incident_key else ()
        return tuple(KeyedEvent(incident.id, each, aliases) for each in (*opened, event))

    def _kind_and_data(self, kind: EventKind, incident: WireIncident) -> tuple[EventKind, dict[str, Any]]:
        if self.payload.event_type == "incident.unacknowledged":
            return kind, {"text": "PagerDuty: no longer acknowledged"}
        if kind is EventKind.RESOLVED and (merge := _merge(incident)):
            return merge
        if kind is EventKind.RESOLVED and not self._is_by_person:
            return kind, {"resolution_source": ResolutionSource.ALERTS.value}
        if kind is EventKind.ACKNOWLEDGED and not self._is_by_person:
            return kind, {"automated": True}
        return kind, {}

    def _opened(self, incident: WireIncident) -> tuple[Event, ...]:
        """Return the detection, which every event of an incident carries: `incident.triggered` may be lost."""
        if incident.created_at is None:
            return ()
        detected = Event(
            event_id=f"pagerduty-{incident.id}",
            kind=EventKind.DETECTED,
            occurred_at=instant(incident.created_at, self.now, "event", "data", "created_at"),
            recorded_at=self.now,
            source=Source.PAGERDUTY.value,
            data={INCIDENT_KEY: incident.id},
        )
        return (detected,)

    def _of_note(self) -> tuple[KeyedEvent, ...]:
        note = checked(WireNote, self.payload.data, "event", "data")
        content = (note.content or "").strip()[:LONGEST_NOTE]
        if not content:
            return ()
        return (KeyedEvent(note.incident.id, self._event(EventKind.NOTE, note.incident.id, {"text": content})),)

    def _of_roles(self) -> tuple[KeyedEvent, ...]:
        """Return the assignments of mapped roles; those of one event all belong to one incident."""
        assignments = checked(WireAssignments, self.payload.data, "event", "data").assignments
        key = assignments[0].incident.id
        if any(assignment.incident.id != key for assignment in assignments):
            raise invalid("names several incidents", "event", "data", "incident_role_assignments")
        automated = {} if self._is_by_person else {"automated": True}
        return tuple(
            KeyedEvent(key, self._event(EventKind.ROLE_ASSIGNED, key, {"role": role, "name": name, **automated}, index))
            for index, assignment in enumerate(assignments)
            if (role := ROLES.get((assignment.role.summary or "").casefold())) and (name := _name(assignment.assignee))
        )

    def _event(
        self,
        kind: EventKind,
        incident_key: str,
        data: Mapping[str, Any],
        part: int = 0,
        *,
        created_at: str | None = None,
        severity: Severity | None = None,
        title: str | None = None,
    ) -> Event:
        payload = self.payload
        if not payload.id or len(payload.id) > LONGEST_KEY:
            raise invalid(f"is missing, or longer than {LONGEST_KEY} characters", "event", "id")
        path = ("event", "data", "created_at") if created_at is not None else ("event", "occurred_at")
        at = created_at or payload.occurred_at
        if at is None:
            raise invalid("is missing", *path)
        return Event(
            event_id=f"pagerduty-{payload.id}" + (f"-{part}" if part else ""),
            kind=kind,
            occurred_at=instant(at, self.now, *path),
            recorded_at=self.now,
            source=Source.PAGERDUTY.value,
            title=title,
            severity=severity,
            data={INCIDENT_KEY: incident_key, **data},
        )

    @property
    def _is_by_person(self) -> bool:
        return self.payload.agent is not None and self.payload.agent.type in PEOPLE


def _name(assignee: Reference | None) -> str:
    return (assignee.summary or assignee.id or "")[:200] if assignee else ""


def _merge(incident: WireIncident) -> tuple[EventKind, dict[str, Any]] | None:
    """Return kind and data for an incident that was merged; one without a valid target is dismissed."""
    reason = incident.resolve_reason
    if reason is None or reason.type != MERGED or (reason.incident and reason.incident.id == incident.id):
        return None
    target = reason.incident.id if reason.incident else None
    if not target or len(target) > LONGEST_KEY:
        return EventKind.DISMISSED, {"text": "PagerDuty: merged into another incident"}
    return EventKind.MERGED, {INTO_KEY: target, "text": f"PagerDuty: merged into {target}"}
