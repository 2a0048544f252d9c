"""Silences as acknowledgements: whoever silences a firing alert has seen it. People's names are not stored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from service.clients.alertmanager import AlertmanagerApi
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.policy import Milestone
from service.domain.silences import People, Silence, acknowledged_by
from service.intake.sources import Source
from service.polling.recording import record_event
from service.recorder.writer import Recorder
from service.store import Store
from service.store.incidents import IncidentRow, recent_episodes

RECENT = timedelta(hours=1)
"""An incident may be over before the silences are polled again."""


@dataclass(frozen=True, slots=True)
class SilencePoll:
    """Polls the silences of every Alertmanager and records `acknowledged` if one is a first response."""

    name: ClassVar[str] = "silences"
    alertmanagers: Sequence[AlertmanagerApi]
    store: Store
    recorder: Recorder
    people: People
    source: str = Source.ALERTMANAGER.value

    def run(self, now: datetime) -> None:
        """Poll if an alert of Alertmanager is not acknowledged yet."""
        recent = self.store.read(recent_episodes, now - RECENT)
        unacknowledged = [
            (incident, episodes)
            for incident, episodes in recent
            if Milestone.ACKNOWLEDGED not in incident.milestones and any(e.source == self.source for e in episodes)
        ]
        if unacknowledged:
            events = acknowledgements(self._read(), unacknowledged, self.people, now, source=self.source)
            for incident_id, event in events:
                record_event(self.recorder, incident_id, event)

    def _read(self) -> list[Silence]:
        """Return the silences of the whole cluster. Raises RequestFailed if one does not answer."""
        return list({s.id: s for alertmanager in self.alertmanagers for s in alertmanager.silences()}.values())


def acknowledgements(
    silences: Sequence[Silence],
    incidents: Iterable[tuple[IncidentRow, Sequence[Episode]]],
    people: People,
    now: datetime,
    *,
    source: str = Source.ALERTMANAGER.value,
    recorded_by: str | None = None,
) -> Iterator[tuple[int, Event]]:
    """Yield each incident's first silence by a person, if it is earlier than its acknowledgement, as an event.

    `source` is that of the alerts that the silences may be about; `recorded_by` the name of the token that the silences
    were sent with.
    """
    for incident, episodes in incidents:
        silence = acknowledged_by(silences, [e for e in episodes if e.source == source], people)
        acknowledged_at = incident.milestones.get(Milestone.ACKNOWLEDGED)
        if silence is not None and (acknowledged_at is None or silence.made_at < acknowledged_at):
            yield incident.id, replace(acknowledged(silence, now), source=source, recorded_by=recorded_by)


def acknowledged(silence: Silence, now: datetime) -> Event:
    """Return the event of a silence, without its author and comment; its id is the same whenever it is polled."""
    return Event(
        event_id=f"silence-{silence.id}",
        kind=EventKind.ACKNOWLEDGED,
        occurred_at=silence.made_at,
        recorded_at=now,
        source=Source.ALERTMANAGER.value,
        data={"silence": silence.id},
    )
