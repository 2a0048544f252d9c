"""Closing incidents that are no longer reported (Alertmanager is silent about alerts that clear while silenced).

`service.recorder.alerts` undoes it if an alert is reported again.
"""

from dataclasses import replace
from datetime import datetime

from service.domain.episodes import AlertReport, Episode
from service.domain.events import Event, EventKind, Observation
from service.domain.recovery import ResolutionSource
from service.recorder.batch import Batch
from service.recorder.commands import Outcome
from service.recorder.incidents import OURSELVES, fold, outcome, recompute
from service.store.loaded import StoredReport


def close_stale(batch: Batch, incident_id: int, now: datetime) -> Outcome | None:
    """Resolve an incident that is no longer reported, as of the instant at which it became stale.

    Returns None if an earlier command in the same batch reported the incident or ended it.
    """
    state = batch.existing(incident_id)
    at = fold(batch, state).stale_at
    if at is None or at >= now:
        return None
    for episode in batch.episodes_of(state):
        if episode.ends_at is None:
            _assume_end(batch, episode, max(at, episode.starts_at), now)
    event = Event(
        event_id=f"stale-{at.isoformat()}",
        kind=EventKind.RESOLVED,
        occurred_at=at,
        recorded_at=now,
        source=OURSELVES,
        data={"resolution_source": ResolutionSource.STALE.value},
    )
    batch.append(state, event)
    recompute(batch, now)
    return outcome(batch, state)


def _assume_end(batch: Batch, episode: Episode, at: datetime, now: datetime) -> None:
    for source, group_key in sorted(batch.groups_of[episode.id]):
        ended = Observation(
            source=source,
            fingerprint=episode.fingerprint,
            group_key=group_key,
            starts_at=episode.starts_at,
            ends_at=at,
            stale=True,
        )
        report = AlertReport(observation=ended, first_received=now, last_received=now)
        batch.save_report(StoredReport(report, episode.id))
    batch.save_episode(replace(episode, ends_at=at, stale=True))
