"""The recorded facts: events from people and systems, and alert reports from webhooks.

Both are append-only. Everything else about an incident is computed from them (`service.domain.incident`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.policy import Domain, IncidentType, Severity

INCIDENT_KEY = "incident_key"
"""Key of `data`: the source's own name of the event's incident, set for sources that repeat themselves."""
INTO_KEY = "into_key"
"""Key of a `merged` event's `data`: the source's own name of the incident that this one was merged into."""


LONGEST_PEER = 200
"""Characters of a sender's URL that are kept (`Observation.peer`): it is part of a key."""


class EventKind(StrEnum):
    """The event kinds of the lifecycle API, in the order in which they occur."""

    STARTED = "started"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    DISMISSED = "dismissed"
    SEVERITY_CHANGED = "severity_changed"
    DESCRIBED = "described"
    ROLE_ASSIGNED = "role_assigned"
    NOTE = "note"
    MERGED = "merged"
    BUDGET_MEASURED = "budget_measured"
    POSTMORTEM_DRAFTED = "postmortem_drafted"
    POSTMORTEM_FINALIZED = "postmortem_finalized"
    POSTMORTEM_CHECKED = "postmortem_checked"
    REVIEWED = "reviewed"
    ACTION_OPENED = "action_opened"
    ACTION_COMPLETED = "action_completed"
    ACTION_VERIFIED = "action_verified"
    CORRECTED = "corrected"
    RETRACTED = "retracted"


class Role(StrEnum):
    """A role in an incident (the standard, section 3); every domain may have one lead.

    `postmortem-owner` writes the document and may differ from the commander.
    """

    COMMANDER = "commander"
    COMMS = "comms"
    OBSERVER = "observer"
    LEAD_PLAN = "lead-plan"
    LEAD_DO = "lead-do"
    LEAD_CHECK = "lead-check"
    LEAD_ACT = "lead-act"
    LEAD_SEC = "lead-sec"
    LEAD_MODELS = "lead-models"
    POSTMORTEM_OWNER = "postmortem-owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about one incident, as it was reported.

    `event_id` is the sender's own id and makes repeats idempotent. The fields that describe the incident (`title` to
    `labels`) may come with any kind; `described` has nothing else. `data` by kind: `role_assigned` {role, name};
    `note` {text, important, evidence_collected: {archive, sha256}}; `merged` {into: "INC-3"} or {incident_key,
    into_key}; `acknowledged` {automated: true}; `resolved` the same, or {resolution_source: "stale"}; `postmortem_*`
    {document}, `postmortem_checked` with checks: {evidence: "passed", …}; `reviewed` (the weekly review discussed it)
    {text}; `budget_measured` {slo, spent_ratio, query, started_at, ended_at};
    `action_opened` {action_id, title, action_type, owner, due_at, verification}; `action_completed` and
    `action_verified` {action_id}; `retracted` {event_id}; `corrected` {event_id or milestone, occurred_at, data};
    `dismissed` and `resolved` may carry a {reason}. `recorded_by` is the name of the token the event was sent with:
    None without tokens, and for events of the service itself.
    `acknowledged`, `mitigated` and `role_assigned` with {automated: true} do not count as a response.

    `untimed`: a `resolved` sent without a time, so that `occurred_at` is only when it was sent. `sent_to` is the
    incident that the sender named; an event moves to another if its incident is split.
    """

    event_id: str
    kind: EventKind
    occurred_at: datetime
    recorded_at: datetime
    source: str
    title: str | None = None
    severity: Severity | None = None
    types: tuple[IncidentType, ...] = ()
    domains: tuple[Domain, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    recorded_by: str | None = None
    untimed: bool = False
    sent_to: int = 0

    @property
    def automated(self) -> bool:
        """Return whether a machine did it, not a person."""
        return self.data.get("automated") is True


@dataclass(frozen=True, slots=True)
class KeyedEvent:
    """An event of the incident with the sender's `incident_key`; an unknown key opens an incident.

    Unless another source has already reported the incident under one of `aliases`.
    """

    incident_key: str
    event: Event
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A report that one alert fires since `starts_at`, or fired from `starts_at` to `ends_at`.

    `stale` marks an end that the service assumed because reports stopped, not one that the sender reported. `peer` is
    the reporter: the `externalURL` of one Alertmanager of a cluster. It is empty for a sender that does not name its
    instance, and then never withdraws an end (`service.domain.episodes`).
    """

    source: str
    fingerprint: str
    group_key: str
    starts_at: datetime
    ends_at: datetime | None = None
    stale: bool = False
    peer: str = ""

    @property
    def is_end_only(self) -> bool:
        """Return whether it has only the end: Grafana since 12.0 sends the end as the start too (grafana#106065)."""
        return self.starts_at == self.ends_at and not self.stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of one notification: the observation and the alert's own description.

    `onset_at` is the start of the impact if the alert carries it (`started_at` annotation or label), else None.
    `aliases` are names that other sources may use for the incident.
    """

    observation: Observation
    name: str
    severity: Severity
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str = ""
    onset_at: datetime | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A webhook body as received, kept as evidence."""

    source: str
    body: bytes
    received_at: datetime
