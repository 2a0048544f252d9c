"""The annotations of an incident: one region for the incident, one point for each important event.

They are a function of the incident's current state, so that computing them again changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from service.domain.episodes import fired_again
from service.domain.events import Event, EventKind
from service.domain.incident import Incident, Phase
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.domain.policy import IncidentType, Milestone, Severity
from service.domain.updates import is_important_note
from service.render.annotation_texts import View, names_of, point_text, region_text
from service.render.item_keys import ItemKey, OutboxKind, unique_key

TAG = "mttx"
"""The tag that dashboards query: every visible annotation of the organisation carries it."""
COPY_TAG = "mttx-copy"
"""Instead of `TAG` on annotations of a dashboard: they show there anyway, and a dashboard that queries `TAG` must not
show the incident twice."""
RETIRED_TAG = "mttx-retired"
"""Instead of `TAG` on annotations that are no longer valid: they are kept, and no dashboard queries it."""
KEY_TAG = "mttx-item"
"""Identifies an annotation among those of all installations. Grafana's tags are `key:value`, with one colon, each part
at most 100 characters long, all together at most 500 (Grafana `pkg/services/tag/model.go`)."""

_ACTIONS = {
    EventKind.ACKNOWLEDGED: "acknowledged",
    EventKind.MITIGATED: "mitigated",
    EventKind.SEVERITY_CHANGED: "severity",
    EventKind.NOTE: "note",
    EventKind.POSTMORTEM_FINALIZED: "postmortem",
}


VOCABULARY = (
    RETIRED_TAG,
    *(f"state:{state}" for state in ("open", Phase.RESOLVED.value, Phase.DISMISSED.value)),
    *(f"sev:{severity.value.removeprefix('SEV-')}" for severity in Severity),
    *(f"type:{kind.value}" for kind in IncidentType),
)
"""Every tag that an annotation may get after its creation, except that of an incident that it moves to."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What Grafana should show. A point ends where it starts; `key` identifies it; `retired`: it is hidden."""

    starts_at: datetime
    ends_at: datetime
    text: str
    tags: tuple[str, ...]
    key: str
    retired: bool = False

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that differ if anything differs."""
        return blake2b(repr((self.starts_at, self.ends_at, self.text, self.tags)).encode(), digest_size=16).digest()


def annotations_of(
    history: IncidentHistory, dashboard_uids: Sequence[str], view: View, now: datetime
) -> dict[ItemKey, Annotation]:
    """Return every annotation that the incident should have, its region first; each once more for each dashboard.

    Nothing ends later than `now`: Grafana would draw a region without an end.
    """
    annotations: dict[ItemKey, Annotation] = {}
    for dashboard_uid in ("", *dashboard_uids):
        key = ItemKey(OutboxKind.INCIDENT, history.incident.id, dashboard_uid)
        annotations[key] = _region(history, key, view, now)
    for incident_id, event in history.recorded:
        current = history.effective(event)
        if current is not None and is_important(current):
            for dashboard_uid in ("", *dashboard_uids):
                key = ItemKey(OutboxKind.EVENT, incident_id, dashboard_uid, event.event_id)
                annotations[key] = _point(history, key, current, view)
    return annotations


def retired_annotation(history: IncidentHistory, key: ItemKey, view: View) -> Annotation:
    """Return the hidden form of an annotation that was merged, withdrawn, or belongs to no dashboard any more."""
    incident = history.incident
    events = (event for incident_id, event in history.recorded if incident_id == key.incident_id)
    at = next((e.occurred_at for e in events if e.event_id == key.event_id), incident.deadlines_from)
    merged = key.incident_id != incident.id and key.kind is OutboxKind.INCIDENT
    why = f"Merged into {public_id(incident.id)}" if merged else "Withdrawn"
    unique = unique_key(history, key)
    tags = (RETIRED_TAG, f"incident:{public_id(key.incident_id)}", f"{KEY_TAG}:{unique}")
    text = region_text(incident, history.effective_events, view, names_of(history.events, incident), why)
    return Annotation(at, at, text, tags, unique, retired=True)


def duplicate(of: Annotation) -> Annotation:
    """Return the hidden form of a second copy of an annotation, without its key."""
    tags = (RETIRED_TAG, *(tag for tag in of.tags if tag.startswith("incident:")))
    return replace(of, ends_at=of.starts_at, text=f"<b>Duplicate</b><br>{of.text}", tags=tags, retired=True)


def tag_carrier(tags: Iterable[str], at: datetime) -> Annotation:
    """Return an annotation that creates these tags and the whole vocabulary; no dashboard queries it."""
    text = (
        "<b>Tags of mttx-exporter</b><br>Leave it here: before 10.1, Grafana on SQLite cannot make a tag when it "
        "changes an annotation."
    )
    return Annotation(at, at, text, tuple(dict.fromkeys((*VOCABULARY, *sorted(tags)))), "", retired=True)


def is_important(event: Event) -> bool:
    """Return whether an event gets a point of its own; a note does if it is flagged as important."""
    if event.kind is EventKind.NOTE:
        return is_important_note(event)
    return event.kind in _ACTIONS and (event.kind is not EventKind.SEVERITY_CHANGED or event.severity is not None)


def _region(history: IncidentHistory, key: ItemKey, view: View, now: datetime) -> Annotation:
    incident = history.incident
    starts_at = incident.deadlines_from
    end = _ends_at(history)
    ends_at = end if end is not None and starts_at < end <= now else starts_at
    unique = unique_key(history, key)
    text = region_text(incident, history.effective_events, view, names_of(history.events, incident))
    return Annotation(starts_at, ends_at, text, _tags(incident, key, "incident", unique), unique)


def _point(history: IncidentHistory, key: ItemKey, event: Event, view: View) -> Annotation:
    incident, at = history.incident, event.occurred_at
    unique = unique_key(history, key)
    text = point_text(incident, event, view, names_of(history.events, incident))
    return Annotation(at, at, text, _tags(incident, key, _ACTIONS[event.kind], unique), unique)


def _tags(incident: Incident, key: ItemKey, what: str, unique: str) -> tuple[str, ...]:
    return (
        COPY_TAG if key.dashboard_uid else TAG,
        f"incident:{public_id(incident.id)}",
        f"sev:{incident.severity.value.removeprefix('SEV-')}",
        *(f"type:{kind.value}" for kind in incident.types),
        f"what:{what}",
        f"state:{'open' if incident.is_open else incident.phase.value}",
        f"{KEY_TAG}:{unique}",
    )


def _ends_at(history: IncidentHistory) -> datetime | None:
    """Return the end of the region: the recovery; while it is open again, the last time it reopened or fired again."""
    incident = history.incident
    if incident.dismissed_at is not None:
        return incident.milestones.get(Milestone.RESOLVED, incident.dismissed_at)
    if not incident.is_open:
        return incident.over_at
    reopened = [e.occurred_at for e in history.effective_events if e.kind is EventKind.REOPENED]
    return max([*reopened, *fired_again(history.episodes)], default=None)
