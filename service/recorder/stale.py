"""Closing incidents that are no longer reported (Alertmanager is silent about alerts that clear while silenced)."""

from dataclasses import replace
from datetime import datetime

from service.domain.episodes import AlertReport, Episode
from service.domain.events import Event, EventKind, Observation
from service.domain.recovery import ResolutionSource
from service.recorder.commands import Outcome
from service.recorder.incidents import OURSELVES, Incidents
from service.store.batch import Batch


class StaleClosing:
    """Closes stale incidents in one batch; `AlertRecording` undoes it if an alert is reported again."""

    def __init__(self, batch: Batch, incidents: Incidents) -> None:
        self._batch = batch
        self._incidents = incidents

    def close(self, incident_id: int, now: datetime) -> Outcome | None:
        """Resolve an incident that is no longer reported, as of the instant at which it became stale.

        Returns None if an earlier command in the same batch reported the incident or ended it.
        """
        batch = self._batch
        entry = self._incidents.existing(incident_id)
        at = self._incidents.fold(entry).stale_at
        if at is None or at >= now:
            return None
        for episode in batch.episodes_of(entry):
            if episode.ends_at is None:
                self._assume_end(episode, max(at, episode.starts_at), now)
        event = Event(
            event_id=f"stale-{at.isoformat()}",
            kind=EventKind.RESOLVED,
            occurred_at=at,
            recorded_at=now,
            source=OURSELVES,
            data={"resolution_source": ResolutionSource.STALE.value},
        )
        batch.append(entry, event)
        self._incidents.recompute(now)
        return self._incidents.outcome(entry)

    def _assume_end(self, episode: Episode, at: datetime, now: datetime) -> None:
        batch = self._batch
        for source, group_key in sorted(batch.groups_of[episode.id]):
            ended = Observation(
                source=source,
                fingerprint=episode.fingerprint,
                group_key=group_key,
                starts_at=episode.starts_at,
                ends_at=at,
                stale=True,
            )
            batch.add_report(AlertReport(observation=ended, first_received=now, last_received=now), None)
            batch.assign(ended, episode.id)
        batch.save_episode(replace(episode, ends_at=at, stale=True))
