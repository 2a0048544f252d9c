"""One transaction's view of the incidents it touches: built from what was loaded, changed in memory by the rules.

A batch of many requests costs as many statements as a batch of one. `service.recorder.changes` derives what to write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from service.domain.episodes import Episode
from service.domain.events import Event, ReceivedWebhook
from service.domain.incident_ids import public_id
from service.domain.policy import Policy
from service.domain.totals import Counted, Increment, Total
from service.recorder.commands import UnknownIncident
from service.recorder.event_index import EventIndex
from service.store.loaded import GroupKey, IncidentState, LoadedRows, StoredReport, alert_key


class Incomplete(Exception):
    """The operation needs more than the batch holds: episodes that are left out unless all are loaded."""


class Batch:
    """What the commands of one transaction see and change.

    Changes of an incident's events or episodes are announced with `mark_changed`, those of an episode with
    `save_episode`.
    """

    def __init__(self, loaded: LoadedRows, policy: Policy, bucket_bounds: Sequence[int]) -> None:
        self.loaded = loaded
        self.policy = policy
        self.window = policy.reopen_window
        self.bucket_bounds = bucket_bounds
        self.last_incident_id = loaded.last_incident_id
        self.last_episode_id = loaded.last_episode_id
        self.incidents = dict(loaded.incidents)
        self.partial = [state for state in loaded.incidents.values() if state.partial]
        self.unsettled = {i: s.settled_at for i, s in self.incidents.items() if s.settled_at is not None}
        """When the resolution of an incident becomes final whose samples are not taken yet."""
        self.holders: dict[int, set[int]] = {}
        """The incidents holding events that were sent to others, by the incident they were sent to."""
        self.episodes = dict(loaded.episodes)
        self.groups_of = dict(loaded.groups_of)
        self.groups: dict[GroupKey, set[int]] = {}
        self.keys = dict(loaded.keys)
        self.reports = {key: dict(reports) for key, reports in loaded.reports.items()}
        self.regrouped_from: dict[int, Episode | None] = {}
        """Episodes changed since they were grouped, as they were then; None for new ones."""
        self.fused: dict[int, int] = {}
        """Incidents that lost an episode which turned out to be part of another, with that other episode."""
        self.outdated: set[int] = set()
        """Incidents to be computed at the end of the command."""
        self.unannounced: set[int] = set()
        """Incidents that change without an update to announce; targets that draw them redraw those in `redrawn`."""
        self.redrawn: set[int] = set()
        self.new_events: list[tuple[Event, bytes | None]] = []
        """The events to append, each with the digest of the body it came in."""
        self.event_indexes: dict[int, EventIndex] = {}
        self.settled: dict[int, Counted] = {}
        self.bodies: dict[bytes, tuple[ReceivedWebhook, int]] = {}
        self.totals: dict[tuple[str, str, str, int], Total] = {}
        self.delete_bodies_before: datetime | None = None
        for incident_id, event in loaded.events:
            if event.sent_to != incident_id:
                self.holders.setdefault(event.sent_to, set()).add(incident_id)
        for episode_id, groups in self.groups_of.items():
            for group in groups:
                self.groups.setdefault(group, set()).add(episode_id)

    # -- incidents ---------------------------------------------------------------------------------------------------

    def existing(self, incident_id: int) -> IncidentState:
        """Return the incident, or the one it was merged into. Raises `UnknownIncident`."""
        state = self.incidents.get(incident_id)
        if state is None:
            msg = f"there is no incident {public_id(incident_id)}"
            raise UnknownIncident(msg)
        return state if state.merged_into is None else self.incidents[state.merged_into]

    def open(self, opened_at: datetime) -> IncidentState:
        """Open a new incident."""
        self.last_incident_id += 1
        state = self.incidents[self.last_incident_id] = IncidentState(self.last_incident_id, opened_at, opened_at)
        self.outdated.add(state.id)
        return state

    def mark_changed(self, state: IncidentState, last_seen_at: datetime) -> None:
        """Mark the incident to be computed, written and announced."""
        state.last_seen_at = max(state.last_seen_at, last_seen_at)
        self.outdated.add(state.id)
        self.unannounced.discard(state.id)

    def merge_group_of(self, state: IncidentState) -> list[IncidentState]:
        """Return the incident and those merged into it."""
        return [state, *(self.incidents[i] for i in sorted(state.merged_ids))]

    def events_of(self, state: IncidentState) -> list[Event]:
        """Return the events of the incident and of those merged into it."""
        if not state.merged_ids:
            return state.events
        return [event for member in self.merge_group_of(state) for event in member.events]

    def append(self, state: IncidentState, event: Event, digest: bytes | None = None) -> None:
        """Append an event to the incident's history."""
        if not event.sent_to:
            event = replace(event, sent_to=state.id)
        if event.sent_to != state.id:
            self.holders.setdefault(event.sent_to, set()).add(state.id)
        state.events.append(event)
        if state.id in self.event_indexes:
            self.event_indexes[state.id].add(event)
        self.new_events.append((event, digest))
        self.mark_changed(state, event.recorded_at)

    def move_event(self, event: Event, source: IncidentState, target: IncidentState) -> None:
        """Move an event from the incident for which it counted to another."""
        source.events.remove(event)
        target.events.append(event)
        self.event_indexes.pop(source.id, None)
        self.event_indexes.pop(target.id, None)
        self.holders.setdefault(event.sent_to, set()).add(target.id)

    # -- episodes ----------------------------------------------------------------------------------------------------

    def episodes_of(self, state: IncidentState) -> list[Episode]:
        """Return all episodes of an incident, by id. Raises `Incomplete` if not all are loaded."""
        if state.partial:
            raise Incomplete
        return [self.episodes[e] for e in sorted(state.episodes)]

    def next_episode_id(self) -> int:
        """Return an id for a new episode."""
        self.last_episode_id += 1
        return self.last_episode_id

    def save_episode(self, episode: Episode) -> None:
        """Insert or replace an episode, and update the incidents' lists of episodes."""
        before = self.episodes.get(episode.id)
        self.regrouped_from.setdefault(episode.id, before)
        old = None if before is None else self.incidents.get(before.incident_id)
        new = self.incidents.get(episode.incident_id)
        if old is not None and old is not new:
            if old.partial:
                raise Incomplete
            old.episodes.discard(episode.id)
        if new is not None:
            if new.partial:
                new.firings = new.firings and new.firings.replaced(before if old is new else None, episode)
                if new.firings is None:
                    raise Incomplete
            new.episodes.add(episode.id)
        self.episodes[episode.id] = episode

    def drop_episode(self, episode_id: int, successor: int) -> None:
        """Drop an episode that turned out to be part of another."""
        episode = self.episodes.pop(episode_id)
        state = self.incidents.get(episode.incident_id)
        if state is not None:
            if state.partial:
                raise Incomplete
            self.fused[state.id] = successor
            state.episodes.discard(episode_id)
        for group in self.groups_of.pop(episode_id, ()):
            self.groups[group].discard(episode_id)

    def has_unknown_end(self, state: IncidentState) -> bool:
        """Return whether the end of one of the incident's episodes is unknown."""
        if state.partial and state.firings is not None:
            return state.firings.end_unknown > 0
        return any(self.episodes[e].end_unknown for e in state.episodes)

    # -- reports -----------------------------------------------------------------------------------------------------

    def save_report(self, stored: StoredReport) -> None:
        """Insert or replace a report."""
        seen = stored.report.observation
        self.reports.setdefault(alert_key(seen), {})[seen] = stored

    def set_groups(self, episode_id: int, groups: frozenset[GroupKey]) -> None:
        """Set the alert groups in which an episode was seen."""
        before = self.groups_of.get(episode_id, frozenset())
        if groups == before:
            return
        self.groups_of[episode_id] = groups
        for group in before - groups:
            self.groups[group].discard(episode_id)
        for group in groups - before:
            self.groups.setdefault(group, set()).add(episode_id)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def keep(self, webhook: ReceivedWebhook) -> bytes:
        """Keep a raw body, or count a repeat; return the digest by which events and reports refer to it."""
        digest = blake2b(webhook.source.encode() + b"\0" + webhook.body, digest_size=16).digest()
        first, times = self.bodies.get(digest, (webhook, 0))
        self.bodies[digest] = first, times + 1
        return digest

    def count(self, added: Iterable[Increment], incident_id: int, at: datetime) -> None:
        """Add to the running totals; the exemplars refer to the incident."""
        for increment in added:
            key = (increment.indicator.value, increment.severity.value, increment.resolution_source, increment.le)
            before = self.totals.get(key)
            self.totals[key] = Total(
                indicator=increment.indicator,
                severity=increment.severity,
                resolution_source=increment.resolution_source,
                le=increment.le,
                count=before.count + 1 if before else 1,
                seconds=before.seconds + increment.seconds if before else increment.seconds,
                exemplar_incident=incident_id if increment.le else None,
                exemplar_seconds=increment.seconds if increment.le else None,
                exemplar_at=at if increment.le else None,
            )
