"""Computing the incidents of a batch, and counting what is new of each."""

from collections.abc import Sequence
from datetime import datetime

from service.domain import incident as domain
from service.domain.episodes import Episode
from service.domain.firings import add_up, suffices
from service.domain.history import effective
from service.domain.incident import Incident
from service.domain.indicators import intervals
from service.domain.totals import Counted, increments, new_samples
from service.recorder.batch import Batch
from service.recorder.commands import Outcome
from service.store.loaded import IncidentState

OURSELVES = "mttx"
"""The source of the events that the exporter records itself; reserved for it."""


def recompute(batch: Batch, now: datetime) -> None:
    """Compute every incident changed since the last call, and add its new results to the running totals."""
    for incident_id in sorted(batch.outdated):
        state = batch.incidents[incident_id]
        state.incident = fold(batch, state)
        batch.unsettled.pop(incident_id, None)
        if state.merged_into is None:
            _count(batch, state, state.incident, now)
            if state.incident.settled_at is not None and Counted.SETTLED not in state.counted:
                batch.unsettled[incident_id] = state.incident.settled_at
    batch.outdated.clear()


def fold(batch: Batch, state: IncidentState) -> Incident:
    """Compute one incident from its events and episodes, or from the sums over very many, which are kept with it."""
    events = batch.events_of(state)
    episodes: Sequence[Episode]
    if state.partial and state.firings is not None and suffices(effective(events)):
        episodes = state.firings.stand_ins()
    else:
        episodes = batch.episodes_of(state)
        state.firings = add_up(episodes) if len(episodes) > batch.loaded.MANY else None
    return domain.fold(state.id, events, episodes, batch.policy, state.last_seen_at)


def _count(batch: Batch, state: IncidentState, incident: Incident, now: datetime) -> None:
    added, state.counted = increments(incident, state.counted, batch.policy, batch.bucket_bounds, now)
    batch.count(added, state.id, state.last_seen_at)


def outcome(batch: Batch, state: IncidentState, *, created: bool = True) -> Outcome:
    """Return the outcome for an incident."""
    incident = state.incident or fold(batch, state)
    return Outcome(state.id, incident.phase, created)


def count_settled(batch: Batch) -> None:
    """Take the samples of the incidents whose resolution was final before the first command was received.

    A resolution that is final can no longer be taken back. The times of the samples decide, not the order of arrival.
    """
    for stored in batch.loaded.unsettled:
        measured = intervals(stored.milestones, stored.resolution_source, batch.policy.resolve_from)
        flags = stored.counted | Counted.SETTLED
        added, flags = new_samples(measured, stored.severity, flags, batch.bucket_bounds, settled=True)
        batch.count(added, stored.id, stored.settled_at)
        batch.settled[stored.id] = flags
        if stored.id in batch.incidents:
            batch.incidents[stored.id].counted = flags
            batch.unsettled.pop(stored.id, None)


def settle(batch: Batch, now: datetime) -> None:
    """Take the samples that are final by `now`, before later commands are applied."""
    for incident_id in [i for i, at in batch.unsettled.items() if at <= now]:
        del batch.unsettled[incident_id]
        state = batch.incidents[incident_id]
        if state.merged_into is None:
            _count(batch, state, fold(batch, state), now)
            if state.incident is None:
                batch.outdated.add(incident_id)
                batch.unannounced.add(incident_id)
