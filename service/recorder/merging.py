"""Merging incidents: those that turned out to be one, and those that people or senders merge."""

from dataclasses import replace
from datetime import datetime

from service.domain.events import Event, EventKind
from service.domain.incident_ids import public_id
from service.recorder.batch import Batch
from service.recorder.commands import Conflict, into_key_of, target_of
from service.recorder.incidents import OURSELVES, fold
from service.store.loaded import IncidentState


def merge(batch: Batch, merged: IncidentState, into: IncidentState) -> None:
    """Merge one incident into another: its episodes move, and the events of both are read together from now on."""
    for state in batch.merge_group_of(merged):
        state.merged_into = into.id
        into.merged_ids.add(state.id)
        batch.mark_changed(state, state.last_seen_at)
    merged.merged_ids = set()
    for episode in batch.episodes_of(merged):
        batch.save_episode(replace(episode, incident_id=into.id))
    batch.mark_changed(into, merged.last_seen_at)


def merge_overlapping(batch: Batch, merged: IncidentState, into: IncidentState, now: datetime) -> None:
    """Merge incidents that turned out to be one, and record that in the history."""
    if merged.id == into.id or merged.merged_into is not None:
        return
    event = Event(
        event_id=f"merged-into-{into.id}",
        kind=EventKind.MERGED,
        occurred_at=now,
        recorded_at=now,
        source=OURSELVES,
        data={"into": public_id(into.id)},
    )
    batch.append(merged, event)
    merge(batch, merged, into)


def merge_by_id(batch: Batch, state: IncidentState, event: Event) -> IncidentState:
    """Merge the incident into the one that the event names, and return that one."""
    into = batch.existing(target_of(event))
    if fold(batch, state).dismissed_at is not None:
        msg = f"{public_id(state.id)} is dismissed and would dismiss the target of the merge; send reopened first"
        raise Conflict(msg)
    if into.id == state.id:
        msg = f"{public_id(state.id)} cannot be merged into itself"
        raise Conflict(msg)
    if fold(batch, into).dismissed_at is not None:
        msg = f"{public_id(into.id)} is dismissed and would dismiss the merged incident; send it reopened first"
        raise Conflict(msg)
    merge(batch, state, into)
    return into


def merge_by_key(batch: Batch, state: IncidentState, event: Event, digest: bytes | None) -> IncidentState:
    """Append a merge reported by the sender's own keys, and return the incident that it counts for.

    A target not reported yet gets this incident's number: its events will be recorded here, and until the first of
    them the fold counts this incident as dismissed.
    """
    key = (event.source, into_key_of(event))
    if key not in batch.keys:
        batch.keys[key] = state.id
        batch.append(state, event, digest)
        return state
    into = batch.existing(batch.keys[key])
    batch.append(state, replace(event, data={**event.data, "into": public_id(into.id)}), digest)
    if into.id != state.id:
        merge(batch, state, into)
    return into
