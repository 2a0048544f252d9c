"""What an incident looks like in Grafana: one region for the incident, one point for each important action.

Everything is computed from the incident as it stands, so that drawing it again changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from service.domain.episodes import fired_again
from service.domain.events import Event, EventKind
from service.domain.incident import Incident, Phase
from service.domain.policy import IncidentType, Milestone, Severity
from service.render.annotation_texts import View, names_of, point_text, region_text
from service.render.subject import REGION, Item, Subject, key_of

TAG = "mttx"
"""What dashboards ask for: every annotation of the organisation that is to be seen carries it."""
COPY_TAG = "mttx-copy"
"""Instead of `TAG` on what is tied to a dashboard: it shows there by itself, and a dashboard that asks for `TAG` must
not show the incident twice."""
RETIRED_TAG = "mttx-retired"
"""Instead of `TAG` on what counts no longer: it is kept, and no dashboard asks for it."""
KEY_TAG = "mttx-item"
"""Names one annotation among all of all installations. Grafana's tags are `key:value`, with one colon, each part at
most 100 characters long, all together at most 500 (Grafana `pkg/services/tag/model.go`)."""

POINT = "point:"
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
"""Every tag that an annotation may be given after it was made, but for that of an incident it moves to."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What Grafana is to show. Both instants are the same for a point; `key` finds it again; `retired`: hide it."""

    starts_at: datetime
    ends_at: datetime
    text: str
    tags: tuple[str, ...]
    key: str
    retired: bool = False

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that differ where anything of it differs."""
        return blake2b(repr((self.starts_at, self.ends_at, self.text, self.tags)).encode(), digest_size=16).digest()


def draw(subject: Subject, places: Sequence[str], view: View, now: datetime) -> dict[Item, Annotation]:
    """Return every annotation that the incident is to have, its region first; `places` are the dashboards besides "".

    Nothing ends later than `now`: Grafana would draw a region without an end.
    """
    drawn: dict[Item, Annotation] = {}
    for place in ("", *places):
        item = Item(subject.incident.id, REGION, place)
        drawn[item] = _region(subject, item, view, now)
    for owner, event in subject.told:
        current = subject.as_it_counts(event)
        if current is not None and is_important(current):
            for place in ("", *places):
                item = Item(owner, POINT + event.event_id, place)
                drawn[item] = _point(subject, item, current, view)
    return drawn


def retire(subject: Subject, item: Item, view: View) -> Annotation:
    """Return what becomes of an annotation that is to be seen no longer: merged, withdrawn, or on no dashboard."""
    incident = subject.incident
    told = next((e for o, e in subject.told if o == item.incident_id and POINT + e.event_id == item.name), None)
    at = told.occurred_at if told else incident.deadlines_from
    merged = item.incident_id != incident.id and item.name == REGION
    why = f"Merged into INC-{incident.id}" if merged else "Withdrawn"
    key = key_of(subject, item)
    tags = (RETIRED_TAG, f"incident:INC-{item.incident_id}", f"{KEY_TAG}:{key}")
    text = region_text(incident, subject.standing, view, names_of(subject.told, incident), why)
    return Annotation(at, at, text, tags, key, retired=True)


def duplicate(of: Annotation) -> Annotation:
    """Return what becomes of a second copy of an annotation: a retired one that nobody finds again by its key."""
    tags = (RETIRED_TAG, *(tag for tag in of.tags if tag.startswith("incident:")))
    return replace(of, ends_at=of.starts_at, text=f"<b>Duplicate</b><br>{of.text}", tags=tags, retired=True)


def tag_carrier(tags: Iterable[str], at: datetime) -> Annotation:
    """Return an annotation whose making makes these tags and the whole vocabulary; no dashboard asks for it."""
    text = (
        "<b>Tags of mttx-exporter</b><br>Leave it here: before 10.1, Grafana on SQLite cannot make a tag when it "
        "changes an annotation."
    )
    return Annotation(at, at, text, tuple(dict.fromkeys((*VOCABULARY, *sorted(tags)))), "", retired=True)


def is_important(event: Event) -> bool:
    """Say whether an event gets a point of its own; a note does when it is flagged."""
    if event.kind is EventKind.NOTE:
        return event.data.get("important") is True
    return event.kind in _ACTIONS and (event.kind is not EventKind.SEVERITY_CHANGED or event.severity is not None)


def _region(subject: Subject, item: Item, view: View, now: datetime) -> Annotation:
    incident = subject.incident
    starts_at = incident.deadlines_from
    end = _ends_at(subject)
    ends_at = end if end is not None and starts_at < end <= now else starts_at
    key = key_of(subject, item)
    tags = _tags(incident, item, "incident", key)
    text = region_text(incident, subject.standing, view, names_of(subject.told, incident))
    return Annotation(starts_at, ends_at, text, tags, key)


def _point(subject: Subject, item: Item, event: Event, view: View) -> Annotation:
    incident = subject.incident
    key = key_of(subject, item)
    text = point_text(incident, event, view, names_of(subject.told, incident))
    return Annotation(event.occurred_at, event.occurred_at, text, _tags(incident, item, _ACTIONS[event.kind], key), key)


def _tags(incident: Incident, item: Item, what: str, key: str) -> tuple[str, ...]:
    return (
        COPY_TAG if item.place else TAG,
        f"incident:INC-{incident.id}",
        f"sev:{incident.severity.value.removeprefix('SEV-')}",
        *(f"type:{kind.value}" for kind in incident.types),
        f"what:{what}",
        f"state:{'open' if incident.is_open else incident.phase.value}",
        f"{KEY_TAG}:{key}",
    )


def _ends_at(subject: Subject) -> datetime | None:
    """Find the end of the region: the recovery; while it is open again, the last time it was seen to go on."""
    incident = subject.incident
    if incident.dismissed_at is not None:
        return incident.milestones.get(Milestone.RESOLVED, incident.dismissed_at)
    if not incident.is_open:
        return incident.over_at
    reopened = [e.occurred_at for e in subject.standing if e.kind is EventKind.REOPENED]
    return max([*reopened, *fired_again(subject.episodes)], default=None)
