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
from service.domain.policy import Policy
from service.domain.senders import sender_of
from service.recorder.incidents import OURSELVES, Incidents
from service.recorder.large_groups import LargeGroups
from service.store.batch import Batch, GroupKey, IncidentState, Incomplete

REGROUPING = frozenset(
    {
        EventKind.RESOLVED,
        EventKind.REOPENED,
        EventKind.DISMISSED,
        EventKind.MERGED,
        EventKind.CORRECTED,
        EventKind.RETRACTED,
    }
)
"""The kinds of events that may change which episodes form one incident."""


Family = list[tuple[IncidentState, Event]]
"""The events of an incident and of those merged into it, each with the incident it is stored under."""


class Grouping:
    """Groups the episodes of one batch into incidents."""

    def __init__(self, batch: Batch, incidents: Incidents, policy: Policy) -> None:
        self._batch = batch
        self._incidents = incidents
        self._window = policy.reopen_window
        self._large = LargeGroups(batch, policy.reopen_window)
        self.begun: set[int] = set()
        """The incidents that were created; callers that read it clear it first."""

    def regroup_incident(self, entry: IncidentState, now: datetime) -> None:
        """Regroup the episodes of an incident."""
        self.regroup_episodes([e.id for e in self._batch.episodes_of(entry)], now)

    def regroup_episodes(self, episode_ids: Collection[int], now: datetime) -> None:
        """Regroup the episodes of the alert groups in which these were seen."""
        if not episode_ids:
            return
        batch = self._batch
        changed = [e for e in dict.fromkeys(episode_ids) if e in batch.episodes]
        homes = self._large.homes(changed)
        for episode_id, home in homes.items():
            self._move(episode_id, home, now)
        self._regroup([e for e in changed if e not in homes], now)
        for episode_id in changed:
            batch.grouped.pop(episode_id, None)
            if episode_id in batch.changed_episodes or episode_id in batch.new_episodes:
                batch.mark_changed(self._incidents.existing(batch.episodes[episode_id].incident_id), now)

    def _regroup(self, changed: Collection[int], now: datetime) -> None:
        batch = self._batch
        members = self._members({g for e in changed for g in batch.groups_of.get(e, ())})
        before = {e: batch.episodes[e].incident_id for e in {*members, *changed}}
        incident_ids = set(before.values()) - {UNASSIGNED}
        families = {i: self._family(self._incidents.existing(i)) for i in incident_ids}
        histories = {i: effective(event for _, event in family) for i, family in families.items()}
        groups = sorted({g for e in members for g in batch.groups_of.get(e, ())})
        by_group = [
            clusters((batch.episodes[e] for e in batch.groups[group]), histories, self._window) for group in groups
        ]
        senders = [sender_of(source) for source, _ in groups]
        joined = self._joined_by_people(incident_ids)
        parts = connected(by_group, self._window, joined, senders)
        self._apply(parts, joined, now)
        self._distribute(before, parts, families, now)

    def merge_fused(self, incident_id: int, episode_id: int, now: datetime) -> None:
        """Merge an incident that lost an episode to another one into the incident of that other episode.

        Unless other alerts of its own keep the two apart; alerts that people joined to it do not.
        """
        entry = self._incidents.existing(incident_id)
        episode = self._batch.episodes[episode_id]
        joined_at = self._joined_by_people({entry.id}).get(entry.id)
        if not entry.episodes or (joined_at is not None and episode.starts_at <= joined_at):
            lower, higher = sorted((entry, self._incidents.existing(episode.incident_id)), key=lambda e: e.id)
            self._incidents.merge_overlapping(higher, lower, now)
        else:
            self._batch.mark_changed(entry, now)

    def _members(self, groups: Set[GroupKey]) -> set[int]:
        """Return the episodes of the groups, and of all that share an episode or an incident with them.

        Raises `Incomplete` if the batch does not hold all of them.
        """
        batch = self._batch
        members: set[int] = set()
        reached: set[GroupKey] = set()
        ahead = set(groups)
        while ahead:
            if not ahead.isdisjoint(batch.cut):
                raise Incomplete
            reached |= ahead
            members |= {e for group in ahead for e in batch.groups[group]}
            incidents = {batch.episodes[e].incident_id for e in members} - {UNASSIGNED}
            members |= {e.id for i in incidents for e in batch.episodes_of(self._incidents.existing(i))}
            ahead = {g for e in members for g in batch.groups_of.get(e, ())} - reached
        return members

    def _family(self, entry: IncidentState) -> Family:
        batch = self._batch
        members = [entry, *(batch.entries[i] for i in sorted(entry.merged_ids))]
        return [(member, event) for member in members for event in member.events]

    def _apply(self, parts: list[list[Episode]], joined: Joined, now: datetime) -> None:
        """Assign each part to its incident."""
        assignment = assign(parts, joined)
        for merged, into in assignment.merges.items():
            self._incidents.merge_overlapping(self._batch.entries[merged], self._incidents.existing(into), now)
        for episode_id, incident_id in assignment.kept.items():
            self._move(episode_id, self._incidents.existing(incident_id), now)
        for episode_ids in assignment.fresh:
            entry = self._batch.open(now)
            self.begun.add(entry.id)
            for episode_id in episode_ids:
                self._move(episode_id, entry, now)

    def _move(self, episode_id: int, entry: IncidentState, now: datetime) -> None:
        batch = self._batch
        episode = batch.episodes[episode_id]
        if episode.incident_id == entry.id:
            return
        if episode.incident_id != UNASSIGNED:
            batch.mark_changed(batch.entries[episode.incident_id], now)
        batch.save_episode(replace(episode, incident_id=entry.id))
        batch.mark_changed(entry, now)

    def _distribute(
        self, before: Mapping[int, int], parts: list[list[Episode]], families: Mapping[int, Family], now: datetime
    ) -> None:
        """Move the events of incidents that were split to the parts that they concern."""
        batch = self._batch
        starts: dict[int, list[datetime]] = {}
        for part in parts:
            incident_id = batch.episodes[part[0].id].incident_id
            starts.setdefault(incident_id, []).extend(e.starts_at for e in part)
        spread: dict[int, set[int]] = {}
        for episode_id, incident_id in before.items():
            if incident_id != UNASSIGNED and episode_id in batch.episodes:
                spread.setdefault(incident_id, set()).add(batch.episodes[episode_id].incident_id)
        for home, incident_ids in sorted(spread.items()):
            if len(incident_ids) > 1:
                ordered = [Part(i, tuple(sorted(starts[i]))) for i in incident_ids]
                ordered.sort(key=lambda part: (part.starts[0], part.incident_id))
                self._move_events(families[home], self._incidents.existing(home), ordered, now)

    def _move_events(self, family: Family, home: IncidentState, parts: list[Part], now: datetime) -> None:
        batch = self._batch
        owners = {id(event): owner for owner, event in family}
        for incident_id, events in distribute([event for _, event in family], home.id, parts).items():
            target = batch.entries[incident_id]
            for event in events:
                owner = owners[id(event)]
                if self._incidents.existing(owner.id) is not target:
                    batch.move_event(event, owner, target)
                    batch.mark_changed(target, now)
                    batch.mark_changed(self._incidents.existing(owner.id), now)

    def _joined_by_people(self, incident_ids: Set[int]) -> Joined:
        merges = [
            (i, max(event.occurred_at, event.recorded_at))
            for i in incident_ids
            for merged_id in self._incidents.existing(i).merged_ids
            for event in self._batch.entries[merged_id].events
            if event.kind is EventKind.MERGED and event.source != OURSELVES
        ]
        return dict(sorted(merges, key=lambda merge: merge[1]))
