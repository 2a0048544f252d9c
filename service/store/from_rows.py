"""From rows to values of the domain: the one way in which stored events, episodes and observations are read."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind, Observation
from service.domain.policy import Domain, IncidentType, Milestone, Severity


def observation_of(row: Row[Any]) -> Observation:
    """Return the observation of a row."""
    return Observation(
        source=row.source,
        fingerprint=row.fingerprint,
        group_key=row.group_key,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        stale=row.stale,
        peer=row.peer,
    )


def event_of(row: Row[Any]) -> Event:
    """Return the event of a row."""
    about = row.about
    return Event(
        event_id=row.event_id,
        kind=EventKind(row.kind),
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        source=row.source,
        title=about.get("title"),
        severity=Severity(about["severity"]) if "severity" in about else None,
        types=tuple(IncidentType(name) for name in about.get("types", ())),
        domains=tuple(Domain(name) for name in about.get("domains", ())),
        labels=about.get("labels", {}),
        data=about.get("data", {}),
        untimed=about.get("untimed", False),
        sent_to=row.sent_to,
        recorded_by=row.recorded_by,
    )


def episode_of(row: Row[Any]) -> Episode:
    """Return the episode of a row."""
    return Episode(
        id=row.id,
        source=row.source,
        fingerprint=row.fingerprint,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        name=row.name,
        severity=Severity(row.severity),
        incident_id=row.incident_id,
        stale=row.stale,
        end_unknown=row.end_unknown,
        onset_at=row.onset_at,
        labels=row.about.get("labels", {}),
        annotations=row.about.get("annotations", {}),
        generator_url=row.about.get("generator_url", ""),
    )


_MILESTONES = [(milestone, f"{milestone.value}_at") for milestone in Milestone]


def milestones_of(row: Row[Any]) -> dict[Milestone, datetime]:
    """Return the known milestones of an `incidents` row."""
    return {milestone: at for milestone, column in _MILESTONES if (at := getattr(row, column)) is not None}
