"""Finding events: an incident is asked for those that it has, and for those sent to it that now count for another."""

from collections.abc import Collection

from service.domain.events import Event
from service.recorder.batch import Batch
from service.recorder.event_index import EventIndex
from service.store.loaded import IncidentState


def event_named(batch: Batch, state: IncidentState, event_id: str) -> tuple[IncidentState, Event] | None:
    """Return the event of that id which belongs or was sent to an incident, with the incident for which it counts."""
    ids = [state.id, *sorted(state.merged_ids)]
    for i in ids:
        if event := _index(batch, i).first.get(event_id):
            return state, event
    for holder in _holders_of(batch, ids):
        for i in ids:
            if event := _index(batch, holder).sent.get((i, event_id)):
                return batch.existing(holder), event
    return None


def event_ids(batch: Batch, state: IncidentState) -> list[str]:
    """Return the ids of all events that belong or were sent to an incident."""
    ids = {state.id, *state.merged_ids}
    elsewhere = [e for h in _holders_of(batch, ids) for e in batch.incidents[h].events if e.sent_to in ids]
    return [event.event_id for event in [*batch.events_of(state), *elsewhere]]


def count_corrections(batch: Batch, state: IncidentState) -> int:
    """Count the corrections and retractions of an incident, including those sent to it that count elsewhere."""
    ids = [state.id, *state.merged_ids]
    own = sum(_index(batch, i).corrections.total() for i in ids)
    return own + sum(_index(batch, holder).corrections[i] for holder in _holders_of(batch, ids) for i in ids)


def _holders_of(batch: Batch, ids: Collection[int]) -> list[int]:
    return sorted({holder for i in ids for holder in batch.holders.get(i, ())} - set(ids))


def _index(batch: Batch, incident_id: int) -> EventIndex:
    index = batch.event_indexes.get(incident_id)
    if index is None:
        index = batch.event_indexes[incident_id] = EventIndex(batch.incidents[incident_id].events)
    return index
