"""Silences as acknowledgements: who silences an alert that fires has seen it. Names of people are not kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from service.domain.events import Event, EventKind
from service.domain.policy import Milestone
from service.domain.silences import People, Silence, acknowledged_by
from service.intake.reasons import Source
from service.polling.parts import Concerns, Recorder, tell
from service.store.concerns import Concern

RECENT = timedelta(hours=1)
"""An incident may be over before the next look at the silences."""


class Alertmanager(Protocol):
    """What is asked. Raises RequestFailed."""

    def silences(self) -> list[Silence]:
        """Return its silences, also those that have ended."""


class Silences:
    """Looks at the silences of every Alertmanager and records `acknowledged` where one is a first response."""

    name = "silences"

    def __init__(
        self, alertmanagers: Sequence[Alertmanager], store: Concerns, recorder: Recorder, people: People
    ) -> None:
        self._alertmanagers = alertmanagers
        self._store = store
        self._recorder = recorder
        self._people = people

    def step(self, now: datetime) -> None:
        """Ask where an alert of Alertmanager is not acknowledged yet."""
        waiting = [c for c in self._store.concerns(now - RECENT) if _waits(c)]
        if waiting:
            for incident_id, event in acknowledgements(self._ask(), waiting, self._people, now):
                tell(self._recorder, incident_id, event)

    def _ask(self) -> list[Silence]:
        """Return the silences of the whole cluster. Raises RequestFailed where one does not answer."""
        return list({s.id: s for one in self._alertmanagers for s in one.silences()}.values())


def acknowledgements(
    silences: Iterable[Silence],
    concerns: Iterable[Concern],
    people: People,
    now: datetime,
    *,
    recorded_by: str | None = None,
) -> Iterator[tuple[int, Event]]:
    """Yield each incident's first silence by a person that comes before what acknowledged it so far, as an event.

    `recorded_by` is the name of the token that the silences were sent with.
    """
    told = list(silences)
    for concern in concerns:
        mine = [e for e in concern.episodes if e.source == Source.ALERTMANAGER]
        silence = acknowledged_by(told, mine, people)
        known = concern.milestones.get(Milestone.ACKNOWLEDGED)
        if silence is not None and (known is None or silence.made_at < known):
            yield concern.id, replace(acknowledged(silence, now), recorded_by=recorded_by)


def acknowledged(silence: Silence, now: datetime) -> Event:
    """Return the event of a silence; read again, it is the same one. Neither author nor comment go along."""
    return Event(
        event_id=f"silence-{silence.id}",
        kind=EventKind.ACKNOWLEDGED,
        occurred_at=silence.made_at,
        recorded_at=now,
        source=Source.ALERTMANAGER.value,
        data={"silence": silence.id},
    )


def _waits(concern: Concern) -> bool:
    return Milestone.ACKNOWLEDGED not in concern.milestones and any(
        e.source == Source.ALERTMANAGER for e in concern.episodes
    )
