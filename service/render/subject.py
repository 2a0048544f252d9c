"""An incident with all that is told of it elsewhere, and the names under which what is told is found again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Incident

REGION = "region"
"""The item that stands for the whole incident."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be shown of an incident: `REGION`, or a name that its target gives; at a place, or "" for all."""

    incident_id: int
    name: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An incident with all it was computed from.

    `told` holds every event with the id of the incident that it was sent to, `opened_at` when that incident and those
    that it absorbed were opened.
    """

    incident: Incident
    told: Sequence[tuple[int, Event]]
    episodes: Sequence[Episode]
    opened_at: Mapping[int, datetime]
    standing: tuple[Event, ...] = field(init=False)
    _counting: Mapping[tuple[str, EventKind, datetime], Event] = field(init=False)

    def __post_init__(self) -> None:
        """Leave out what was retracted, and take what was corrected as it is right."""
        object.__setattr__(self, "standing", effective(event for _, event in self.told).events)
        object.__setattr__(self, "_counting", {_identity(event): event for event in self.standing})

    def as_it_counts(self, event: Event) -> Event | None:
        """Return an event as people corrected it, None where they withdrew it."""
        return self._counting.get(_identity(event))


def key_of(subject: Subject, item: Item) -> str:
    """Return the name of something shown among those of all installations.

    The instant at which an incident was opened, to the microsecond, tells the INC-7 of one installation from that of
    another; it never changes and is in every backup.
    """
    named = (item.incident_id, subject.opened_at[item.incident_id], item.name, item.place)
    return blake2b(repr(named).encode(), digest_size=8).hexdigest()


def _identity(event: Event) -> tuple[str, EventKind, datetime]:
    """Name an event across a family of merged incidents; a correction changes none of this."""
    return event.event_id, event.kind, event.recorded_at
