"""The API's response models and their conversion from the store's. The OpenAPI document is generated from them.

Times are RFC 3339 in UTC, durations seconds; every milestone is included, null if not reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.domain.actions import ActionState
from service.domain.breakdown import NO_VALUE
from service.domain.changes import Change, changes
from service.domain.checks import Check, CheckState
from service.domain.done import definition_of_done
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind, Role
from service.domain.incident import Incident, Phase
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.indicators import measure
from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Policy, Severity, Stage
from service.domain.recovery import ResolutionSource
from service.domain.warnings import order_warnings
from service.intake.notifications import AlertFault
from service.recorder.commands import Outcome
from service.store.incidents import IncidentRow


class TouchedIncident(BaseModel):
    """An incident that a webhook affected."""

    id: str
    phase: Phase

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "list[TouchedIncident]":
        """Return each incident once, in its state after the last event."""
        last = {outcome.incident_id: outcome.phase for outcome in outcomes}
        return [cls(id=public_id(incident_id), phase=phase) for incident_id, phase in last.items()]


class AlertFaultSchema(BaseModel):
    """A fault of one alert of a notification; `index` is its position in `alerts`."""

    index: int
    fingerprint: str | None
    alertname: str | None
    reason: str
    detail: str

    @classmethod
    def of(cls, fault: AlertFault) -> "AlertFaultSchema":
        """Convert a fault."""
        return cls.model_validate(fault, from_attributes=True)


class AlertsReceipt(BaseModel):
    """The result of a notification with `alerts` alerts, of which `ignored` never become an incident.

    `rejected` were not recorded; those in `warnings` were, without the invalid fields.
    """

    incidents: list[TouchedIncident]
    alerts: int
    ignored: int
    rejected: list[AlertFaultSchema] = []
    warnings: list[AlertFaultSchema] = []


class EventsReceipt(BaseModel):
    """The result of lifecycle events: of `events` sent, `repeated` were already recorded."""

    incidents: list[TouchedIncident]
    events: int
    repeated: int


class IncidentSummary(BaseModel):
    """One incident in a list; `dimensions` has its value of each configured one, "" without one.

    `labels` and `indicators`, the intervals in seconds, only with `full=true`; else they are null.
    """

    id: str
    title: str
    severity: Severity
    phase: Phase
    stale: bool
    milestones: dict[Milestone, datetime | None]
    dimensions: dict[str, str]
    labels: dict[str, str] | None = None
    indicators: dict[Indicator, float] | None = None


class IncidentList(BaseModel):
    """A page of incidents, newest first; `next` is the address of the next page."""

    incidents: list[IncidentSummary]
    next: str | None


class DeadlineSchema(BaseModel):
    """A deadline of a postmortem stage."""

    stage: Stage
    due_at: datetime
    done_at: datetime | None
    overdue: bool


class AlertSchema(BaseModel):
    """One episode of one alert; `stale`: its end was assumed, not reported.

    `end_unknown`: the alert fired again later without an end in between, so the end of this episode is unknown.
    """

    name: str
    source: str
    fingerprint: str
    severity: Severity
    starts_at: datetime
    ends_at: datetime | None
    stale: bool
    end_unknown: bool
    started_at: datetime | None = Field(validation_alias="onset_at")
    labels: dict[str, str]
    annotations: dict[str, str]
    generator_url: str

    @classmethod
    def of(cls, episode: Episode) -> "AlertSchema":
        """Convert an episode."""
        alert = cls.model_validate(episode, from_attributes=True)
        return alert.model_copy(update={"ends_at": None}) if episode.end_unknown else alert


class ActionSchema(BaseModel):
    """A corrective action."""

    action_id: str
    title: str
    action_type: str
    owner: str
    verification: str
    due_at: datetime | None
    state: ActionState
    overdue: bool
    completed_at: datetime | None
    verified_at: datetime | None


class ChangeSchema(BaseModel):
    """The change an event made to a severity, a role or a time; `before` is null if there was no earlier value."""

    before: str | datetime | None
    after: str | datetime


class EventSchema(BaseModel):
    """One event as reported; `recorded_by` is the name of the token it was sent with, null without one."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    event_id: str
    kind: EventKind
    occurred_at: datetime
    recorded_at: datetime
    source: str
    title: str | None
    severity: Severity | None
    types: list[IncidentType]
    domains: list[Domain]
    labels: dict[str, str]
    data: dict[str, Any]
    recorded_by: str | None
    change: ChangeSchema | None = None

    @classmethod
    def of(cls, event: Event, change: Change | None) -> "EventSchema":
        """Convert an event."""
        schema = cls.model_validate(event, from_attributes=True)
        schema.change = ChangeSchema(before=change.before, after=change.after) if change else None
        return schema


class IncidentDetail(IncidentSummary):
    """One incident with its history. If `merged_into` is set, the content is that of the incident it names."""

    merged_into: str | None
    types: list[IncidentType]
    domains: list[Domain]
    labels: dict[str, str]
    roles: dict[Role, str]
    resolution_source: ResolutionSource | None
    dismissed_at: datetime | None
    indicators: dict[Indicator, float]
    error_budgets: dict[str, float]
    warnings: list[str]
    deadlines: list[DeadlineSchema]
    checks: dict[Check, CheckState]
    alerts: list[AlertSchema]
    actions: list[ActionSchema]
    events: list[EventSchema]


def summary(row: IncidentRow, policy: Policy, now: datetime, history: IncidentHistory | None = None) -> IncidentSummary:
    """Convert one incident of a list; with its history, in full."""
    return IncidentSummary(
        id=public_id(row.id),
        title=row.title,
        severity=row.severity,
        phase=row.phase,
        stale=row.is_stale(now),
        milestones=_milestones(row.milestones),
        dimensions=_dimensions(row.dimensions, policy),
        labels=dict(history.incident.labels) if history else None,
        indicators=_seconds(history.incident, policy) if history else None,
    )


def _seconds(incident: Incident, policy: Policy) -> dict[Indicator, float]:
    return {indicator: length.total_seconds() for indicator, length in measure(incident, policy).intervals.items()}


def _dimensions(values: Mapping[str, str], policy: Policy) -> dict[str, str]:
    return {dimension.label: values.get(dimension.label, NO_VALUE) for dimension in policy.breakdown}


def detail(history: IncidentHistory, asked_for: int, policy: Policy, now: datetime) -> IncidentDetail:
    """Convert an incident under the requested id, which may be one that was merged into it."""
    incident = history.incident
    changed = changes(incident, history.events, history.episodes, policy)
    return IncidentDetail(
        id=public_id(asked_for),
        merged_into=merge_target(history, asked_for),
        title=incident.title,
        severity=incident.severity,
        phase=incident.phase,
        stale=_is_stale(incident, now),
        milestones=_milestones(incident.milestones),
        dimensions=_dimensions(incident.dimensions, policy),
        types=list(incident.types),
        domains=list(incident.domains),
        labels=dict(incident.labels),
        roles=dict(incident.roles),
        resolution_source=incident.resolution_source,
        dismissed_at=incident.dismissed_at,
        indicators=_seconds(incident, policy),
        error_budgets=dict(history.incident.error_budgets),
        warnings=[str(warning) for warning in order_warnings(incident, policy)],
        deadlines=[
            DeadlineSchema(**asdict(deadline), overdue=deadline.overdue(now)) for deadline in incident.deadlines
        ],
        checks=dict(definition_of_done(incident, now)),
        alerts=[AlertSchema.of(episode) for episode in history.episodes],
        actions=[ActionSchema(**asdict(action), overdue=action.overdue(now)) for action in incident.actions],
        events=[
            EventSchema.of(event, changed.get(event.event_id))
            for event in sorted(history.events, key=lambda e: (e.occurred_at, e.recorded_at))
        ],
    )


def merge_target(history: IncidentHistory, asked_for: int) -> str | None:
    """Return the public id of the incident that the requested one was merged into, None if it was not."""
    return public_id(history.incident.id) if history.incident.id != asked_for else None


def _milestones(milestones: Mapping[Milestone, datetime]) -> dict[Milestone, datetime | None]:
    return {milestone: milestones.get(milestone) for milestone in Milestone}


def _is_stale(incident: Incident, now: datetime) -> bool:
    return incident.stale_at is not None and incident.stale_at < now
