"""An incident with everything recorded about it: what pages, messages, annotations and exports of the past read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Incident
from service.domain.updates import last_update_at


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHistory:
    """An incident with its events and episodes, and those of the incidents merged into it.

    `recorded` has every event, in the order of recording, with the id of the incident that it counted for before any
    merge; `opened_at` is by the ids of all these incidents. `effective_events` has corrections applied, retracted
    events left out, and the order in which things happened.
    """

    incident: Incident
    recorded: Sequence[tuple[int, Event]]
    episodes: Sequence[Episode]
    opened_at: Mapping[int, datetime]
    events: tuple[Event, ...] = field(init=False)
    effective_events: tuple[Event, ...] = field(init=False)
    _effective: Mapping[tuple[str, EventKind, datetime], Event] = field(init=False)

    def __post_init__(self) -> None:
        """Apply retractions and corrections."""
        object.__setattr__(self, "events", tuple(event for _, event in self.recorded))
        object.__setattr__(self, "effective_events", effective(self.events).events)
        object.__setattr__(self, "_effective", {_identity(event): event for event in self.effective_events})

    def last_update_at(self, incident_id: int) -> datetime:
        """Return when people were last informed about this incident, or about one that was merged into it."""
        return last_update_at(self.opened_at[incident_id], self.effective_events, self.episodes)

    def effective(self, event: Event) -> Event | None:
        """Return an event with its corrections, None if it was retracted."""
        return self._effective.get(_identity(event))


def _identity(event: Event) -> tuple[str, EventKind, datetime]:
    """Return the identity of an event among merged incidents; corrections do not change it."""
    return event.event_id, event.kind, event.recorded_at
