"""Grouping of episodes into incidents, recomputed whenever episodes, or the events that closed an incident, change.

Incidents merge if an episode bridges them, and are split if what held them together turns out to be over; each event
then goes to the part that it concerns (`service.domain.grouping`).
"""

from collections.abc import Collection, Mapping, Set
from dataclasses import replace
from datetime import datetime

from service.domain.episodes import UNASSIGNED, Episode
from service.domain.events import Event, EventKind
from service.domain.grouping import Joined, Part, assign, clusters, connected, distribute
from service.domain.history import effective
from service.domain.senders import sender_of
from service.recorder.batch import Batch, Incomplete
from service.recorder.incidents import OURSELVES
from service.recorder.large_groups import certain_incidents
from service.recorder.merging import merge_overlapping
from service.store.loaded import GroupKey, IncidentState

Holders = list[tuple[IncidentState, Event]]
"""The events of an incident and of those merged into it, each with the incident it is stored under."""


def regroup_incident(batch: Batch, state: IncidentState, now: datetime) -> None:
    """Regroup the episodes of an incident."""
    regroup_episodes(batch, [e.id for e in batch.episodes_of(state)], now)


def regroup_episodes(batch: Batch, episode_ids: Collection[int], now: datetime) -> None:
    """Regroup the episodes of the alert groups in which these were seen, and mark the incidents of changed ones."""
    changed = [e for e in dict.fromkeys(episode_ids) if e in batch.episodes]
    if not changed:
        return
    certain = certain_incidents(batch, changed) if batch.partial else {}
    for episode_id, state in certain.items():
        _move(batch, episode_id, state, now)
    if others := [e for e in changed if e not in certain]:
        _regroup(batch, others, now)
    for episode_id in changed:
        if episode_id in batch.regrouped_from:
            del batch.regrouped_from[episode_id]
            batch.mark_changed(batch.existing(batch.episodes[episode_id].incident_id), now)


def _regroup(batch: Batch, changed: Collection[int], now: datetime) -> None:
    members = _members(batch, {g for e in changed for g in batch.groups_of.get(e, ())})
    before = {e: batch.episodes[e].incident_id for e in {*members, *changed}}
    incident_ids = set(before.values()) - {UNASSIGNED}
    held = {
        i: [(state, event) for state in batch.merge_group_of(batch.existing(i)) for event in state.events]
        for i in incident_ids
    }
    histories = {i: effective(event for _, event in events) for i, events in held.items()}
    groups = sorted({g for e in members for g in batch.groups_of.get(e, ())})
    by_group = [clusters((batch.episodes[e] for e in batch.groups[group]), histories, batch.window) for group in groups]
    joined = _joined_by_people(batch, incident_ids)
    parts = connected(by_group, batch.window, joined, [sender_of(source) for source, _ in groups])
    _assign(batch, parts, joined, now)
    _distribute(batch, before, parts, held, now)


def merge_fused(batch: Batch, incident_id: int, episode_id: int, now: datetime) -> None:
    """Merge an incident that lost an episode to another one into the incident of that other episode.

    Unless other alerts of its own keep the two apart; alerts that people joined to it do not.
    """
    state = batch.existing(incident_id)
    episode = batch.episodes[episode_id]
    joined_at = _joined_by_people(batch, {state.id}).get(state.id)
    if not state.episodes or (joined_at is not None and episode.starts_at <= joined_at):
        lower, higher = sorted((state, batch.existing(episode.incident_id)), key=lambda s: s.id)
        merge_overlapping(batch, higher, lower, now)
    else:
        batch.mark_changed(state, now)


def _members(batch: Batch, groups: Set[GroupKey]) -> set[int]:
    """Return the episodes of the groups, and of all that share an episode or an incident with them.

    Raises `Incomplete` if the batch does not hold all of them.
    """
    members: set[int] = set()
    reached: set[GroupKey] = set()
    ahead = set(groups)
    while ahead:
        if not ahead.isdisjoint(batch.loaded.sampled):
            raise Incomplete
        reached |= ahead
        members |= {e for group in ahead for e in batch.groups[group]}
        incidents = {batch.episodes[e].incident_id for e in members} - {UNASSIGNED}
        members |= {e.id for i in incidents for e in batch.episodes_of(batch.existing(i))}
        ahead = {g for e in members for g in batch.groups_of.get(e, ())} - reached
    return members


def _assign(batch: Batch, parts: list[list[Episode]], joined: Joined, now: datetime) -> None:
    """Assign each part to its incident."""
    assignment = assign(parts, joined)
    for merged, into in assignment.merges.items():
        merge_overlapping(batch, batch.incidents[merged], batch.existing(into), now)
    for episode_id, incident_id in assignment.kept.items():
        _move(batch, episode_id, batch.existing(incident_id), now)
    for episode_ids in assignment.fresh:
        state = batch.open(now)
        for episode_id in episode_ids:
            _move(batch, episode_id, state, now)


def _move(batch: Batch, episode_id: int, state: IncidentState, now: datetime) -> None:
    episode = batch.episodes[episode_id]
    if episode.incident_id == state.id:
        return
    if episode.incident_id != UNASSIGNED:
        batch.mark_changed(batch.incidents[episode.incident_id], now)
    batch.save_episode(replace(episode, incident_id=state.id))
    batch.mark_changed(state, now)


def _distribute(
    batch: Batch, before: Mapping[int, int], parts: list[list[Episode]], held: Mapping[int, Holders], now: datetime
) -> None:
    """Move the events of incidents that were split to the parts that they concern."""
    spread: dict[int, set[int]] = {}
    for episode_id, incident_id in before.items():
        if incident_id != UNASSIGNED and episode_id in batch.episodes:
            spread.setdefault(incident_id, set()).add(batch.episodes[episode_id].incident_id)
    if all(len(incident_ids) == 1 for incident_ids in spread.values()):
        return
    starts: dict[int, list[datetime]] = {}
    for part in parts:
        incident_id = batch.episodes[part[0].id].incident_id
        starts.setdefault(incident_id, []).extend(e.starts_at for e in part)
    for home, incident_ids in sorted(spread.items()):
        if len(incident_ids) > 1:
            ordered = [Part(i, tuple(sorted(starts[i]))) for i in incident_ids]
            ordered.sort(key=lambda part: (part.starts[0], part.incident_id))
            _move_events(batch, held[home], batch.existing(home), ordered, now)


def _move_events(batch: Batch, held: Holders, home: IncidentState, parts: list[Part], now: datetime) -> None:
    holders = {id(event): holder for holder, event in held}
    for incident_id, events in distribute([event for _, event in held], home.id, parts).items():
        target = batch.incidents[incident_id]
        for event in events:
            holder = holders[id(event)]
            if batch.existing(holder.id) is not target:
                batch.move_event(event, holder, target)
                batch.mark_changed(target, now)
                batch.mark_changed(batch.existing(holder.id), now)


def _joined_by_people(batch: Batch, incident_ids: Set[int]) -> Joined:
    merges = [
        (i, max(event.occurred_at, event.recorded_at))
        for i in incident_ids
        for merged_id in batch.existing(i).merged_ids
        for event in batch.incidents[merged_id].events
        if event.kind is EventKind.MERGED and event.source != OURSELVES
    ]
    return dict(sorted(merges, key=lambda merge: merge[1]))
