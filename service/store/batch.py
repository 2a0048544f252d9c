"""One transaction's view of the incidents it touches: loaded in a few queries, changed in memory, written at the end.

A batch of many requests costs as many statements as a batch of one. The rules that change a batch are in
`service.recorder.apply`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from service.domain.episodes import AlertReport, Episode
from service.domain.events import Event, Observation
from service.domain.firings import Firings
from service.domain.history import ABOUT_EVENTS
from service.domain.incident import Incident
from service.domain.senders import plain_source
from service.domain.totals import Counted, Increment


class Incomplete(Exception):
    """The operation needs more than the batch holds: episodes that `load` omits unless it is to load all."""


@dataclass(slots=True)
class IncidentState:
    """One incident in the batch. `merged_ids` are the ids of the incidents merged into it.

    `firings`: the sums over all episodes of an incident with very many. `partial`: the batch holds only some of them.
    """

    id: int
    opened_at: datetime
    heard_at: datetime
    counted: Counted = Counted.NOTHING
    merged_into: int | None = None
    settled_at: datetime | None = None
    refold: bool = False
    is_new: bool = False
    incident: Incident | None = None
    firings: Firings | None = None
    partial: bool = False
    events: list[Event] = field(default_factory=list)
    episodes: set[int] = field(default_factory=set)
    merged_ids: set[int] = field(default_factory=set)


AlertKey = tuple[str, str]
"""Source, without its sender, and fingerprint: reports of several senders are computed together."""
GroupKey = tuple[str, str]
"""Source and group key."""
IncidentKey = tuple[str, str]
"""Source and the sender's key."""
ALIAS = "alias"
"""The source of keys that several sources share; such a key moves to the latest incident that has it."""


def alert_key(observation: Observation) -> AlertKey:
    """Return the key of the alert that an observation reports."""
    return plain_source(observation.source), observation.fingerprint


class EventIndex:
    """The events of one incident by id, and how many of them correct or retract others.

    Each by the incident that the events were sent to; of several events with one id the first counts.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.first: dict[str, Event] = {}
        self.sent: dict[tuple[int, str], Event] = {}
        self.corrections: Counter[int] = Counter()
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Add an event that was appended."""
        self.first.setdefault(event.event_id, event)
        self.sent.setdefault((event.sent_to, event.event_id), event)
        self.corrections[event.sent_to] += event.kind in ABOUT_EVENTS


@dataclass(slots=True)
class NewEvent:
    """An event to be appended to the history of an incident."""

    incident_id: int
    event: Event
    delivery: bytes | None


@dataclass(slots=True)
class StoredReport:
    """When an observation was received, and its episode; 0 for an end that waits for its start."""

    first_received: datetime
    last_received: datetime
    onset_at: datetime | None = None
    episode_id: int = 0


@dataclass(slots=True)
class ReceivedBody:
    """A webhook body to store."""

    source: str
    body: bytes
    received_at: datetime
    times: int = 1


class Batch:
    """The rows of one transaction; changes are announced with `mark_changed` and `save_episode`."""

    MANY = 250
    """Incidents and groups with more episodes are loaded in part if that is enough: each takes 16 µs."""
    SAMPLE = 100
    """How many episodes of such a group are loaded: the last to end or still open, and as many more open ones."""

    def __init__(self, reserve: Callable[[str], int]) -> None:
        self._reserve = reserve
        self.entries: dict[int, IncidentState] = {}
        self.keys: dict[IncidentKey, int] = {}
        self.episodes: dict[int, Episode] = {}
        self.reports: dict[AlertKey, dict[Observation, StoredReport]] = {}
        self.groups: dict[GroupKey, set[int]] = {}
        self.groups_of: dict[int, set[GroupKey]] = {}
        self.cut: set[GroupKey] = set()
        """Groups of which the batch holds only the `SAMPLE` episodes that ended last or are open."""
        self.grouped: dict[int, Episode | None] = {}
        """Episodes changed since they were grouped, as they were then; None for new ones."""
        self.touched: set[int] = set()
        self.quiet: set[int] = set()
        """Incidents written without an update to announce; targets that draw incidents redraw those in `redrawn`."""
        self.redrawn: set[int] = set()
        self.touched_at: datetime | None = None
        """When the transaction's first report arrived; a `heard_at` may come from a clock that was ahead."""
        self.outdated: set[int] = set()
        self.changed_episodes: set[int] = set()
        self.new_episodes: set[int] = set()
        self.dropped_episodes: set[int] = set()
        self.new_reports: dict[Observation, bytes | None] = {}
        self.changed_reports: set[Observation] = set()
        self.new_keys: dict[IncidentKey, int] = {}
        self.aliases: dict[str, int] = {}
        self.new_events: list[NewEvent] = []
        self.moved_events: dict[tuple[int, str], int] = {}
        self._indexes: dict[int, EventIndex] = {}
        self.holders: dict[int, set[int]] = {}
        """The incidents holding events that were sent to others, by the incident they were sent to."""
        self.new_groups: set[tuple[GroupKey, int]] = set()
        self.left_groups: set[tuple[GroupKey, int]] = set()
        self.bodies: dict[bytes, ReceivedBody] = {}
        self.totals: Counter[tuple[str, str, str, int]] = Counter()
        self.seconds: dict[tuple[str, str, str, int], float] = {}
        self.exemplars: dict[tuple[str, str, str, int], tuple[int, float, datetime]] = {}

    # -- incidents ---------------------------------------------------------------------------------------------------

    def effective(self, incident_id: int) -> IncidentState | None:
        """Return the incident, or the one it was merged into; None if it does not exist."""
        entry = self.entries.get(incident_id)
        if entry is not None and entry.merged_into is not None:
            return self.entries[entry.merged_into]
        return entry

    def open(self, opened_at: datetime) -> IncidentState:
        """Open a new incident."""
        entry = IncidentState(self._reserve("incidents"), opened_at, opened_at, is_new=True)
        self.entries[entry.id] = entry
        self.mark_changed(entry, opened_at)
        return entry

    def mark_changed(self, entry: IncidentState, heard_at: datetime) -> None:
        """Mark the incident to be recomputed and written."""
        entry.heard_at = max(entry.heard_at, heard_at)
        self.mark_outdated(entry, heard_at)
        self.quiet.discard(entry.id)

    def mark_outdated(self, entry: IncidentState, now: datetime) -> None:
        """Mark the incident to be recomputed and written although it was not reported."""
        self.touched_at = min(self.touched_at or now, now)
        self.touched.add(entry.id)
        self.outdated.add(entry.id)

    def take_outdated(self) -> list[IncidentState]:
        """Return the incidents touched since the last call, by id."""
        outdated = [self.entries[i] for i in sorted(self.outdated)]
        self.outdated = set()
        return outdated

    def events_of(self, entry: IncidentState) -> list[Event]:
        """Return the events of the incident and of those merged into it."""
        if not entry.merged_ids:
            return entry.events
        return entry.events + [e for i in sorted(entry.merged_ids) for e in self.entries[i].events]

    def append(self, entry: IncidentState, event: Event, delivery: bytes | None = None) -> None:
        """Append an event to the incident's history."""
        if not event.sent_to:
            event = replace(event, sent_to=entry.id)
        if event.sent_to != entry.id:
            self.holders.setdefault(event.sent_to, set()).add(entry.id)
        entry.events.append(event)
        if entry.id in self._indexes:
            self._indexes[entry.id].add(event)
        self.new_events.append(NewEvent(entry.id, event, delivery))
        self.mark_changed(entry, event.recorded_at)

    def move_event(self, event: Event, source: IncidentState, target: IncidentState) -> None:
        """Move an event from the incident for which it counted to another."""
        source.events.remove(event)
        target.events.append(event)
        self._indexes.pop(source.id, None)
        self._indexes.pop(target.id, None)
        self.holders.setdefault(event.sent_to, set()).add(target.id)
        for new in self.new_events:
            if new.event is event:
                new.incident_id = target.id
                return
        self.moved_events[event.sent_to, event.event_id] = target.id

    def sent_elsewhere(self, entry: IncidentState) -> list[tuple[IncidentState, Event]]:
        """Return the events sent to the incident, or to those merged into it, that now count for another."""
        ids = {entry.id, *entry.merged_ids}
        holders = self._holders_of(ids)
        return [(self.entries[h], e) for h in holders for e in self.entries[h].events if e.sent_to in ids]

    def event_named(self, entry: IncidentState, event_id: str) -> tuple[IncidentState, Event] | None:
        """Return the event with that id and the incident that has it: this one, or the one for which it now counts."""
        ids = [entry.id, *sorted(entry.merged_ids)]
        for i in ids:
            if event := self._index(i).first.get(event_id):
                return entry, event
        for holder in self._holders_of(ids):
            for i in ids:
                if event := self._index(holder).sent.get((i, event_id)):
                    return self.entries[holder], event
        return None

    def count_corrections(self, entry: IncidentState) -> int:
        """Count the corrections and retractions of an incident, including those sent to it that count elsewhere."""
        ids = [entry.id, *entry.merged_ids]
        own = sum(self._index(i).corrections.total() for i in ids)
        return own + sum(self._index(holder).corrections[i] for holder in self._holders_of(ids) for i in ids)

    def _holders_of(self, ids: Collection[int]) -> list[int]:
        return sorted({holder for i in ids for holder in self.holders.get(i, ())} - set(ids))

    def _index(self, incident_id: int) -> EventIndex:
        index = self._indexes.get(incident_id)
        if index is None:
            index = self._indexes[incident_id] = EventIndex(self.entries[incident_id].events)
        return index

    # -- alerts ------------------------------------------------------------------------------------------------------

    def episodes_of(self, entry: IncidentState) -> list[Episode]:
        """Return all episodes of an incident, by id. Raises `Incomplete` if not all are loaded."""
        if entry.partial:
            raise Incomplete
        return [self.episodes[e] for e in sorted(entry.episodes)]

    def next_episode_id(self) -> int:
        """Return an id for a new episode."""
        return self._reserve("episodes")

    def save_episode(self, episode: Episode) -> None:
        """Insert or replace an episode, and update the incidents' lists of episodes."""
        before = self.episodes.get(episode.id)
        self.grouped.setdefault(episode.id, before)
        self._add_up(before, episode)
        if before is None:
            self.new_episodes.add(episode.id)
        else:
            self.changed_episodes.add(episode.id)
        if before is not None and before.incident_id != episode.incident_id and before.incident_id in self.entries:
            self.entries[before.incident_id].episodes.discard(episode.id)
        if episode.incident_id in self.entries:
            self.entries[episode.incident_id].episodes.add(episode.id)
        self.episodes[episode.id] = episode

    def has_unknown_end(self, entry: IncidentState) -> bool:
        """Return whether the end of one of the incident's episodes is unknown."""
        if entry.partial and entry.firings is not None:
            return entry.firings.end_unknown > 0
        return any(self.episodes[e].end_unknown for e in entry.episodes)

    def _add_up(self, before: Episode | None, episode: Episode) -> None:
        """Update the sums over an incident's episodes if not all of them are loaded."""
        left = before is not None and before.incident_id != episode.incident_id
        if left and before is not None and self._is_partial(before.incident_id):
            raise Incomplete
        if self._is_partial(episode.incident_id):
            entry = self.entries[episode.incident_id]
            added_up = entry.firings and entry.firings.replaced(None if left else before, episode)
            if added_up is None:
                raise Incomplete
            entry.firings = added_up

    def _is_partial(self, incident_id: int) -> bool:
        entry = self.entries.get(incident_id)
        return entry is not None and entry.partial

    def drop(self, episode_id: int) -> None:
        """Drop an episode that turned out to be part of another."""
        episode = self.episodes.pop(episode_id)
        if self._is_partial(episode.incident_id):
            raise Incomplete
        if episode.incident_id in self.entries:
            self.entries[episode.incident_id].episodes.discard(episode_id)
        for group in self.groups_of.pop(episode_id, set()):
            self.groups[group].discard(episode_id)
        self.new_groups = {(g, e) for g, e in self.new_groups if e != episode_id}
        if episode_id in self.new_episodes:
            self.new_episodes.discard(episode_id)
        else:
            self.dropped_episodes.add(episode_id)
        self.changed_episodes.discard(episode_id)

    def add_report(self, report: AlertReport, delivery: bytes | None) -> None:
        """Append a report; `assign` sets its episode later."""
        seen = report.observation
        stored = StoredReport(report.first_received, report.last_received, report.onset_at)
        self.reports.setdefault(alert_key(seen), {})[seen] = stored
        self.new_reports[seen] = delivery

    def reports_of(self, key: AlertKey) -> list[AlertReport]:
        """Return the loaded reports of an alert."""
        return [
            AlertReport(
                observation=seen,
                first_received=stored.first_received,
                last_received=stored.last_received,
                onset_at=stored.onset_at,
            )
            for seen, stored in self.reports.get(key, {}).items()
        ]

    def report(self, observation: Observation) -> StoredReport | None:
        """Return the stored report of an observation, None if it is new."""
        return self.reports.get(alert_key(observation), {}).get(observation)

    def change_report(self, observation: Observation) -> None:
        """Mark a report to be written again."""
        if observation not in self.new_reports:
            self.changed_reports.add(observation)

    def assign(self, observation: Observation, episode_id: int) -> None:
        """Set the episode of a report (0: it waits), and so the groups in which the episode was seen."""
        stored = self.reports[alert_key(observation)][observation]
        if stored.episode_id != episode_id:
            stored.episode_id = episode_id
            self.change_report(observation)
        if observation.is_end_only or not observation.group_key or not episode_id:
            return  # an end without a start ends the episode in all its groups and adds none
        group = (observation.source, observation.group_key)
        members = self.groups.setdefault(group, set())
        if episode_id not in members:
            members.add(episode_id)
            self.groups_of.setdefault(episode_id, set()).add(group)
            self._change_groups(self.new_groups, self.left_groups, (group, episode_id))

    def leave_groups(self, episode_id: int, groups: Iterable[GroupKey]) -> None:
        """Record that an episode was not seen in these groups after all."""
        for group in groups:
            self.groups[group].discard(episode_id)
            self.groups_of[episode_id].discard(group)
            self._change_groups(self.left_groups, self.new_groups, (group, episode_id))

    @staticmethod
    def _change_groups(
        done: set[tuple[GroupKey, int]], undone: set[tuple[GroupKey, int]], member: tuple[GroupKey, int]
    ) -> None:
        if member in undone:
            undone.discard(member)
        else:
            done.add(member)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def keep(self, digest: bytes, raw: ReceivedBody) -> None:
        """Keep a raw body; a repeat of a stored one is counted."""
        stored = self.bodies.get(digest)
        self.bodies[digest] = raw if stored is None else replace(stored, times=stored.times + 1)

    def count(self, added: Iterable[Increment], incident_id: int, at: datetime) -> None:
        """Add to the running totals; the exemplars refer to the incident."""
        for increment in added:
            key = (increment.indicator.value, increment.severity.value, increment.resolution_source, increment.le)
            self.totals[key] += 1
            self.seconds[key] = self.seconds.get(key, 0.0) + increment.seconds
            if increment.le:
                self.exemplars[key] = (incident_id, increment.seconds, at)


@dataclass(frozen=True, slots=True)
class BatchKeys:
    """What a batch of commands must load. `since` is the earliest start among its observations.

    Of incidents and groups with very many episodes only some are loaded, unless `all`. Of the alerts in `groups`, and
    of stored ones, the reports of every sender are loaded.
    `ended` are the alerts of which an end was reported without its start (`Observation.is_end_only`).
    `neighbours`: also load incidents of the same alert groups that the named ones may be joined with. `reports`: also
    load all reports of the alerts of the named incidents.
    """

    incidents: Collection[int] = ()
    keys: Collection[IncidentKey] = ()
    alerts: Collection[AlertKey] = ()
    ended: Collection[AlertKey] = ()
    groups: Collection[GroupKey] = ()
    since: datetime | None = None
    neighbours: bool = False
    reports: bool = False
    all: bool = False
