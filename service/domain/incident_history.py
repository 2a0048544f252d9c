"""An incident with its events and episodes, as annotations and messages need it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHistory:
    """An incident, and its events and episodes.

    `events` has every event with the id of the incident that it was sent to; `opened_at` is by the ids of this incident
    and of those merged into it. `effective_events` has corrections applied and retracted events left out.
    """

    incident: Incident
    events: Sequence[tuple[int, Event]]
    episodes: Sequence[Episode]
    opened_at: Mapping[int, datetime]
    effective_events: tuple[Event, ...] = field(init=False)
    _effective: Mapping[tuple[str, EventKind, datetime], Event] = field(init=False)

    def __post_init__(self) -> None:
        """Apply retractions and corrections."""
        object.__setattr__(self, "effective_events", effective(event for _, event in self.events).events)
        object.__setattr__(self, "_effective", {_identity(event): event for event in self.effective_events})

    def effective(self, event: Event) -> Event | None:
        """Return an event with its corrections, None if it was retracted."""
        return self._effective.get(_identity(event))


def _identity(event: Event) -> tuple[str, EventKind, datetime]:
    """Return the identity of an event among merged incidents; corrections do not change it."""
    return event.event_id, event.kind, event.recorded_at
