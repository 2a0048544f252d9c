"""What each command does to a ledger. The rules themselves are in `service.domain`; here they meet what is stored."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import assert_never

from service.domain.episodes import UNASSIGNED, Episode, Span, assign, clusters, spans
from service.domain.events import Alert, Event, EventKind, Observation
from service.domain.incident import Incident, ResolutionSource, fold
from service.domain.policy import Policy
from service.domain.totals import increments
from service.recorder.commands import (
    AppendEvent,
    CloseStale,
    Command,
    Conflict,
    Delivery,
    KeyedEvent,
    OpenIncident,
    Outcome,
    PruneDeliveries,
    RecordAlerts,
    RecordEvents,
    UnknownIncident,
)
from service.store.ledger import AlertKey, Entry, GroupKey, Ledger, NewObservation, RawBody, Wanted

OURSELVES = "mttx"
"""The source of the events that the exporter itself records; nobody else may use it."""
HEARD_EVERY = timedelta(minutes=1)
"""Repeats of a notification refresh `heard_at` at most this often: they come in hundreds, and staleness is hours."""
_AFTER_DISMISSAL = (EventKind.REOPENED, EventKind.NOTE, EventKind.CORRECTED, EventKind.RETRACTED, EventKind.MERGED)


def wanted(commands: Iterable[Command], stale: Sequence[int]) -> Wanted:
    """Say what the ledger must hold for these commands; `stale` are the incidents that `CloseStale` is about."""
    incidents: set[int] = set()
    keys: set[tuple[str, str]] = set()
    seen: list[Observation] = []
    for command in commands:
        match command:
            case RecordAlerts(alerts):
                seen.extend(a.observation for a in alerts)
            case RecordEvents(events, delivery):
                keys.update((delivery.source, e.incident_key) for e in events)
                incidents.update(_mentioned(e.event for e in events))
            case OpenIncident(events):
                incidents.update(_mentioned(events))
            case AppendEvent(incident_id, event):
                incidents |= {incident_id, *_mentioned([event])}
            case CloseStale():
                incidents.update(stale)
            case PruneDeliveries():
                pass
            case _:
                assert_never(command)
    return Wanted(
        incidents=incidents,
        keys=keys,
        alerts={(o.source, o.fingerprint) for o in seen},
        groups={(o.source, o.group_key) for o in seen},
        since=min((o.starts_at for o in seen), default=None),
    )


def _mentioned(events: Iterable[Event]) -> set[int]:
    return {_target(e) for e in events if e.kind is EventKind.MERGED}


def _target(merged: Event) -> int:
    return int(str(merged.data["into"]).removeprefix("INC-"))


class Application:
    """Applies commands to one ledger under one policy; `limits` are the bounds of the histograms."""

    def __init__(self, ledger: Ledger, policy: Policy, limits: Sequence[int]) -> None:
        self._ledger = ledger
        self._policy = policy
        self._limits = limits

    def apply(self, command: Command, stale: Sequence[int]) -> tuple[Outcome, ...]:
        """Apply one command and compute the incidents it touched.

        Raises a `Refused`; the ledger may be half changed then and must be thrown away.
        """
        match command:
            case RecordAlerts(alerts, delivery):
                return self._record_alerts(alerts, delivery)
            case RecordEvents(events, delivery):
                return self._record_keyed(events, delivery.source, self._keep(delivery))
            case OpenIncident(events):
                return (self._open(events),)
            case AppendEvent(incident_id, event):
                return (self._append(incident_id, event),)
            case CloseStale(now):
                return tuple(self._close_stale(i, now) for i in stale)
            case PruneDeliveries():
                return ()
            case _:
                assert_never(command)

    # -- alerts ------------------------------------------------------------------------------------------------------

    def _record_alerts(self, alerts: Sequence[Alert], delivery: Delivery) -> tuple[Outcome, ...]:
        """Take in what was observed; whatever was here before changes nothing but when we last heard of it."""
        ledger = self._ledger
        digest = self._keep(delivery)
        affected: set[int] = set()
        groups: dict[GroupKey, None] = {}
        for alert in alerts:
            observation = alert.observation
            key = (observation.source, observation.fingerprint)
            revived = self._revive(alert, delivery)
            is_new = observation not in ledger.sightings.get(key, {})
            if is_new:
                ledger.see(NewObservation(observation, delivery.received_at, digest))
            if is_new or revived:
                for episode_id in self._refire(key, alert, delivery):
                    groups.update(dict.fromkeys(ledger.groups_of[episode_id]))
            affected.add(ledger.sightings[key][observation])
        for group in groups:
            self._regroup(group, delivery)
        touched = {ledger.episodes[e].incident_id for e in affected if e in ledger.episodes}
        for incident_id in touched:
            entry = ledger.entries[incident_id]
            if delivery.received_at - entry.heard_at >= HEARD_EVERY:
                ledger.touch(entry, delivery.received_at)
        self._recompute()
        return tuple(self._outcome(ledger.entries[i]) for i in sorted(touched))

    def _refire(self, key: AlertKey, alert: Alert, delivery: Delivery) -> list[int]:
        """Compute the firings of one alert again from all observations; returns the episodes that changed."""
        ledger = self._ledger
        sightings = ledger.sightings[key]
        changed: list[int] = []
        taken: set[int] = set()
        for span in spans(sightings):
            homes = sorted({sightings[o] for o in span.observations} - taken - {0})
            episode = self._episode(homes[0] if homes else ledger.next_episode_id(), span, alert)
            taken.add(episode.id)
            for observation in span.observations:
                ledger.place(observation, episode.id)
            if ledger.episodes.get(episode.id) != episode:
                ledger.put(episode)
                changed.append(episode.id)
            elif alert.observation in span.observations:
                changed.append(episode.id)
            for other in homes[1:]:
                self._swallow(ledger.episodes[other], episode, delivery)
        return changed

    def _episode(self, episode_id: int, span: Span, alert: Alert) -> Episode:
        known = self._ledger.episodes.get(episode_id)
        mine = alert.onset_at if alert.observation in span.observations else None
        if known is not None:
            onset_at = min((at for at in (known.onset_at, mine) if at is not None), default=None)
            return replace(known, starts_at=span.starts_at, ends_at=span.ends_at, stale=span.stale, onset_at=onset_at)
        return Episode(
            id=episode_id,
            source=alert.observation.source,
            fingerprint=alert.observation.fingerprint,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            stale=span.stale,
            name=alert.name,
            severity=alert.severity,
            incident_id=UNASSIGNED,
            onset_at=mine,
            labels=alert.labels,
            annotations=alert.annotations,
            generator_url=alert.generator_url,
        )

    def _swallow(self, other: Episode, episode: Episode, delivery: Delivery) -> None:
        """Make one of two firings that turned out to be the same; their incidents are one then as well."""
        ledger = self._ledger
        ledger.drop(other.id)
        if other.incident_id not in (UNASSIGNED, episode.incident_id):
            into, absorbed = sorted((other.incident_id, episode.incident_id))
            self._absorb_by_overlap(ledger.entries[absorbed], ledger.entries[into], delivery)

    def _regroup(self, group: GroupKey, delivery: Delivery) -> None:
        """Compute again which episodes of an alert group make an incident, and put them there."""
        ledger = self._ledger
        members = [ledger.episodes[e] for e in ledger.groups[group]]
        incidents = {e.incident_id for e in members} - {UNASSIGNED}
        closed = {i: at for i in incidents if (at := ledger.entries[i].closed_at) is not None}
        assignment = assign(clusters(members, closed, self._policy.reopen_window), self._joined_by_people(incidents))
        for absorbed, into in assignment.merges.items():
            self._absorb_by_overlap(ledger.entries[absorbed], ledger.entries[into], delivery)
        for episode_id, incident_id in assignment.kept.items():
            self._move(episode_id, ledger.entries[incident_id], delivery)
        for episode_ids in assignment.fresh:
            entry = ledger.open(delivery.received_at)
            for episode_id in episode_ids:
                self._move(episode_id, entry, delivery)

    def _move(self, episode_id: int, entry: Entry, delivery: Delivery) -> None:
        ledger = self._ledger
        episode = ledger.episodes[episode_id]
        if episode.incident_id != entry.id:
            if episode.incident_id != UNASSIGNED:
                ledger.touch(ledger.entries[episode.incident_id], delivery.received_at)
            ledger.put(replace(episode, incident_id=entry.id))
        elif episode_id not in ledger.changed_episodes and episode_id not in ledger.new_episodes:
            return
        ledger.touch(entry, delivery.received_at)

    def _joined_by_people(self, incident_ids: Set[int]) -> set[int]:
        """Return the incidents into which people merged others; what people joined stays together."""
        ledger = self._ledger
        return {
            i
            for i in incident_ids
            for absorbed in ledger.entries[i].absorbed
            if any(e.kind is EventKind.MERGED and e.source != OURSELVES for e in ledger.entries[absorbed].events)
        }

    # -- events ------------------------------------------------------------------------------------------------------

    def _record_keyed(self, events: Sequence[KeyedEvent], source: str, digest: bytes) -> tuple[Outcome, ...]:
        ledger = self._ledger
        added: list[tuple[Entry, bool]] = []
        for keyed in events:
            key = (source, keyed.incident_key)
            if key not in ledger.keys:
                entry = ledger.open(keyed.event.recorded_at)
                ledger.keys[key] = ledger.new_keys[key] = entry.id
            added.append(self._add(self._existing(ledger.keys[key]), keyed.event, digest))
        self._recompute()
        return tuple(self._outcome(entry, created=created) for entry, created in added)

    def _open(self, events: Sequence[Event]) -> Outcome:
        entry = self._ledger.open(events[0].recorded_at)
        for event in events:
            self._ledger.append(entry, event)
        self._recompute()
        return self._outcome(entry)

    def _append(self, incident_id: int, event: Event) -> Outcome:
        entry, created = self._add(self._existing(incident_id), event)
        self._recompute()
        return self._outcome(entry, created=created)

    def _existing(self, incident_id: int) -> Entry:
        entry = self._ledger.root(incident_id)
        if entry is None:
            msg = f"there is no incident INC-{incident_id}"
            raise UnknownIncident(msg)
        return entry

    def _add(self, entry: Entry, event: Event, digest: bytes | None = None) -> tuple[Entry, bool]:
        """Append an event unless it is here already; returns the incident it counts for, and whether it was new."""
        family = self._ledger.family(entry)
        for known in family:
            if known.event_id == event.event_id:
                if known.kind is not event.kind:
                    msg = f"event_id {event.event_id!r} names a {known.kind} event already; give a new event its own id"
                    raise Conflict(msg)
                return entry, False
        if any(known.kind is EventKind.DISMISSED for known in family):
            self._refuse_after_dismissal(entry, event)
        self._ledger.append(entry, event, digest)
        return (self._merge(entry, event) if event.kind is EventKind.MERGED else entry), True

    def _refuse_after_dismissal(self, entry: Entry, event: Event) -> None:
        dismissed_at = self._fold(entry).dismissed_at
        if dismissed_at is not None and event.kind not in _AFTER_DISMISSAL and event.occurred_at >= dismissed_at:
            msg = f"INC-{entry.id} is dismissed; send reopened first if it is an incident after all"
            raise Conflict(msg)

    def _merge(self, entry: Entry, event: Event) -> Entry:
        into = self._existing(_target(event))
        if into.id == entry.id:
            msg = f"INC-{entry.id} cannot be merged into itself"
            raise Conflict(msg)
        self._absorb(entry, into)
        return into

    def _close_stale(self, incident_id: int, now: datetime) -> Outcome:
        """Resolve an incident that nothing was heard of any more, at the instant at which it became stale."""
        ledger = self._ledger
        entry = self._existing(incident_id)
        at = self._fold(entry).stale_at or now
        for episode in [ledger.episodes[e] for e in sorted(entry.episodes)]:
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
        ledger.append(entry, event)
        self._recompute()
        return self._outcome(entry)

    def _assume_end(self, episode: Episode, at: datetime, now: datetime) -> None:
        ledger = self._ledger
        for source, group_key in sorted(ledger.groups_of[episode.id]):
            ended = Observation(
                source=source,
                fingerprint=episode.fingerprint,
                group_key=group_key,
                starts_at=episode.starts_at,
                ends_at=at,
                stale=True,
            )
            ledger.see(NewObservation(ended, now, None))
            ledger.place(ended, episode.id)
        ledger.put(replace(episode, ends_at=at, stale=True))

    def _revive(self, alert: Alert, delivery: Delivery) -> bool:
        """Take back an assumed end when the alert is heard firing behind it; says whether there was one."""
        ledger = self._ledger
        seen = alert.observation
        if seen.ends_at is not None:
            return False
        refuted = [
            (o, episode_id)
            for o, episode_id in ledger.sightings.get((seen.source, seen.fingerprint), {}).items()
            if o.stale and o.ends_at is not None and seen.starts_at <= o.ends_at < delivery.received_at
        ]
        for observation, episode_id in refuted:
            ledger.unsee(observation)
            self._reopen(ledger.entries[ledger.episodes[episode_id].incident_id], observation.ends_at, delivery)
        return bool(refuted)

    def _reopen(self, entry: Entry, at: datetime | None, delivery: Delivery) -> None:
        event_id = f"heard-again-{at}"
        if at is None or any(e.event_id == event_id for e in entry.events):
            return
        event = Event(
            event_id=event_id,
            kind=EventKind.REOPENED,
            occurred_at=at,
            recorded_at=delivery.received_at,
            source=OURSELVES,
        )
        self._ledger.append(entry, event)

    # -- both --------------------------------------------------------------------------------------------------------

    def _absorb(self, absorbed: Entry, into: Entry) -> None:
        """Merge one incident into another: the episodes move, the events are read together from now on."""
        ledger = self._ledger
        for entry in [absorbed, *(ledger.entries[i] for i in sorted(absorbed.absorbed))]:
            entry.merged_into = into.id
            into.absorbed.add(entry.id)
            ledger.touch(entry, entry.heard_at)
        absorbed.absorbed = set()
        for episode_id in sorted(absorbed.episodes):
            ledger.put(replace(ledger.episodes[episode_id], incident_id=into.id))
        ledger.touch(into, absorbed.heard_at)

    def _absorb_by_overlap(self, absorbed: Entry, into: Entry, delivery: Delivery) -> None:
        """Merge what turned out to be one incident, and say so in its history."""
        merged = Event(
            event_id=f"merged-into-{into.id}",
            kind=EventKind.MERGED,
            occurred_at=delivery.received_at,
            recorded_at=delivery.received_at,
            source=OURSELVES,
            data={"into": f"INC-{into.id}"},
        )
        self._ledger.append(absorbed, merged)
        self._absorb(absorbed, into)

    def _keep(self, delivery: Delivery) -> bytes:
        digest = blake2b(delivery.source.encode() + b"\0" + delivery.body, digest_size=16).digest()
        self._ledger.keep(digest, RawBody(delivery.source, delivery.body, delivery.received_at))
        return digest

    def _recompute(self) -> None:
        """Compute every incident touched since the last time, and add what it newly gives to the running totals."""
        ledger = self._ledger
        for entry in ledger.take_outdated():
            incident = self._fold(entry)
            entry.closed_at = incident.closed_at
            if entry.merged_into is None:
                added, entry.counted = increments(incident, entry.counted, self._policy, self._limits)
                ledger.count(added, entry)

    def _fold(self, entry: Entry) -> Incident:
        ledger = self._ledger
        episodes = [ledger.episodes[e] for e in sorted(entry.episodes)]
        entry.incident = fold(entry.id, ledger.family(entry), episodes, self._policy, entry.heard_at)
        return entry.incident

    def _outcome(self, entry: Entry, *, created: bool = True) -> Outcome:
        incident = entry.incident or self._fold(entry)
        return Outcome(entry.id, incident.phase, created)
