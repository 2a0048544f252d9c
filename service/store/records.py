"""What the store hands out to readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.domain.episodes import Episode
from service.domain.events import Event
from service.domain.incident import Incident, Phase
from service.domain.policy import Milestone, Severity


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """One incident with everything it was computed from; `merged_into` is the id of the one that it was merged into.

    `opened_at` is when it was recorded first, None where that is not known.
    """

    incident: Incident
    events: tuple[Event, ...]
    episodes: tuple[Episode, ...]
    merged_into: int | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A page of incidents with all that is known of them, newest first; `next_before` as in `Page`."""

    records: tuple[IncidentRecord, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class RawBody:
    """A webhook body as it was received, for the first time and for the last; `times` counts the repeats as well."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    content: bytes


@dataclass(frozen=True, slots=True)
class BodyPage:
    """A page of bodies, the earliest first; `next_skip` is how many to skip for the next, None at the end."""

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
    """A page of a list, newest first; `next_before` is the id to go on before, None at the end."""

    lines: tuple[IncidentLine, ...]
    next_before: int | None
