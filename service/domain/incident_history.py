"""An incident with everything recorded about it: what pages, messages, annotations and exports of the past read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective
from service.domain.incident import Incident, fold
from service.domain.policy import Policy
from service.domain.updates import last_update_at


@dataclass(frozen=True, kw_only=True)
class IncidentHistory:
    """The events and episodes of an incident, and of those merged into it; what they come to is computed when needed.

    `recorded` has every event, in the order of recording, with the id of the incident that it counted for before any
    merge; `opened_at` is by the ids of all these incidents.
    """

    id: int
    recorded: Sequence[tuple[int, Event]]
    episodes: Sequence[Episode]
    opened_at: Mapping[int, datetime]
    last_seen_at: datetime
    policy: Policy

    @cached_property
    def incident(self) -> Incident:
        """The incident as it is now."""
        return fold(self.id, self.events, self.episodes, self.policy, self.last_seen_at)

    @cached_property
    def events(self) -> Sequence[Event]:
        """Every event, in the order of recording."""
        return tuple(event for _, event in self.recorded)

    @cached_property
    def effective_events(self) -> Sequence[Event]:
        """The events in the order in which they happened, with corrections, without those that were retracted."""
        return effective(self.events).events

    def effective(self, event: Event) -> Event | None:
        """Return an event with its corrections, None if it was retracted."""
        return self._effective.get(_identity(event))

    def last_update_at(self, incident_id: int) -> datetime:
        """Return when people were last informed about this incident, or about one that was merged into it."""
        return last_update_at(self.opened_at[incident_id], self.effective_events, self.episodes)

    @cached_property
    def _effective(self) -> Mapping[tuple[str, EventKind, datetime], Event]:
        return {_identity(event): event for event in self.effective_events}


def _identity(event: Event) -> tuple[str, EventKind, datetime]:
    """Return the identity of an event among merged incidents; corrections do not change it."""
    return event.event_id, event.kind, event.recorded_at
