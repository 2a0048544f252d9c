"""Records that the store returns to readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.domain.episodes import Episode
from service.domain.events import Event
from service.domain.incident import Incident, Phase
from service.domain.policy import Milestone, Severity


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """One incident with everything it was computed from; `merged_into` is the id of its merge target.

    `opened_at` is when it was first recorded, None if unknown.
    """

    incident: Incident
    events: tuple[Event, ...]
    episodes: tuple[Episode, ...]
    merged_into: int | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A page of incidents with all their data, newest first; `next_before` as in `Page`."""

    records: tuple[IncidentRecord, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class RawBody:
    """A webhook body, with the times it was first and last received; `times` includes the repeats."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    content: bytes


@dataclass(frozen=True, slots=True)
class BodyPage:
    """A page of bodies, earliest first; `next_skip` is how many to skip for the next page, None at the end."""

    bodies: tuple[RawBody, ...]
    next_skip: int | None


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident in a list."""

    id: int
    title: str
    severity: Severity
    phase: Phase
    milestones: Mapping[Milestone, datetime]
    stale: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, newest first; `next_before` is the id to continue before, None at the end."""

    lines: tuple[IncidentLine, ...]
    next_before: int | None
