"""Taking in alerts: what was observed becomes firings, and the firings of an alert group become incidents."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.episodes import UNASSIGNED, Episode, Span, assign, clusters, spans
from service.domain.events import Alert, Event, EventKind
from service.domain.policy import Policy
from service.recorder.commands import Delivery, Outcome
from service.recorder.correlation import Correlation
from service.recorder.incidents import OURSELVES, Incidents
from service.store.ledger import AlertKey, Entry, GroupKey, Ledger, NewObservation

HEARD_EVERY = timedelta(minutes=1)
"""Repeats of a notification refresh `heard_at` at most this often: they come in hundreds, and staleness is hours."""


class AlertRecording:
    """Records the alerts of notifications in one ledger."""

    def __init__(self, ledger: Ledger, incidents: Incidents, policy: Policy, correlation: Correlation) -> None:
        self._ledger = ledger
        self._incidents = incidents
        self._policy = policy
        self._correlation = correlation

    def record(self, alerts: Sequence[Alert], delivery: Delivery) -> tuple[Outcome, ...]:
        """Take in what was observed; whatever was here before changes nothing but when we last heard of it."""
        ledger = self._ledger
        digest = self._incidents.keep(delivery)
        affected: set[int] = set()
        groups: dict[GroupKey, None] = {}
        for alert in alerts:
            observation = alert.observation
            key = (observation.source, observation.fingerprint)
            revived = self._revive(alert, delivery)
            is_new = observation not in ledger.sightings.get(key, {})
            if is_new:
                ledger.see(NewObservation(observation, delivery.received_at, digest))
            if is_new or revived or self._is_earlier_onset(alert):
                for episode_id in self._refire(key, alert, delivery):
                    groups.update(dict.fromkeys(ledger.groups_of[episode_id]))
            affected.add(ledger.sightings[key][observation])  # 0 for an end that waits for its firing
        for group in groups:
            self._regroup(group, delivery)
        self._correlate(alerts, delivery)
        touched = {ledger.episodes[e].incident_id for e in affected if e in ledger.episodes}
        for incident_id in touched:
            entry = ledger.entries[incident_id]
            if delivery.received_at - entry.heard_at >= HEARD_EVERY:
                ledger.touch(entry, delivery.received_at)
        self._incidents.recompute()
        return tuple(self._incidents.outcome(ledger.entries[i]) for i in sorted(touched))

    def _correlate(self, alerts: Sequence[Alert], delivery: Delivery) -> None:
        """Join the incidents with those that other sources told of under the names that the alerts carry."""
        ledger = self._ledger
        for alert in alerts:
            if alert.aliases:
                seen = alert.observation
                episode = ledger.episodes.get(ledger.sightings[seen.source, seen.fingerprint][seen])
                if episode is not None:
                    self._correlation.join(ledger.entries[episode.incident_id], alert.aliases, delivery)

    def _refire(self, key: AlertKey, alert: Alert, delivery: Delivery) -> list[int]:
        """Compute the firings of one alert again from all observations; returns the episodes that changed."""
        ledger = self._ledger
        sightings = ledger.sightings[key]
        changed: list[int] = []
        taken: set[int] = set()
        for span in spans(sightings):
            homes = sorted({sightings[o] for o in span.observations} - taken - {0})
            episode = self._episode(homes, span, alert)
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

    def _is_earlier_onset(self, alert: Alert) -> bool:
        """Say whether a repeat tells more of the start of the impact than was known: an annotation may come later."""
        if alert.onset_at is None:
            return False
        ledger = self._ledger
        seen = alert.observation
        episode = ledger.episodes.get(ledger.sightings[seen.source, seen.fingerprint][seen])
        return episode is not None and (episode.onset_at is None or alert.onset_at < episode.onset_at)

    def _episode(self, homes: Sequence[int], span: Span, alert: Alert) -> Episode:
        """Return the firing of a span; `homes` are the firings as which its observations were known, if any."""
        known = [self._ledger.episodes[e] for e in homes]
        mine = alert.onset_at if alert.observation in span.observations else None
        onset_at = min((at for at in (mine, *(e.onset_at for e in known)) if at is not None), default=None)
        if known:
            return replace(
                known[0], starts_at=span.starts_at, ends_at=span.ends_at, stale=span.stale, onset_at=onset_at
            )
        return Episode(
            id=self._ledger.next_episode_id(),
            source=alert.observation.source,
            fingerprint=alert.observation.fingerprint,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            stale=span.stale,
            name=alert.name,
            severity=alert.severity,
            incident_id=UNASSIGNED,
            onset_at=onset_at,
            labels=alert.labels,
            annotations=alert.annotations,
            generator_url=alert.generator_url,
        )

    def _swallow(self, other: Episode, episode: Episode, delivery: Delivery) -> None:
        """Make one of two firings that turned out to be the same; their incidents are one then as well."""
        ledger = self._ledger
        ledger.drop(other.id)
        if UNASSIGNED in (other.incident_id, episode.incident_id):
            return
        both = sorted({self._incidents.existing(e.incident_id).id for e in (other, episode)})
        for absorbed in both[1:]:
            self._incidents.absorb_by_overlap(ledger.entries[absorbed], ledger.entries[both[0]], delivery)

    def _regroup(self, group: GroupKey, delivery: Delivery) -> None:
        """Compute again which episodes of an alert group make an incident, and put them there."""
        ledger = self._ledger
        members = [ledger.episodes[e] for e in ledger.groups[group]]
        incidents = {e.incident_id for e in members} - {UNASSIGNED}
        closed = {i: at for i in incidents if (at := ledger.entries[i].closed_at) is not None}
        assignment = assign(clusters(members, closed, self._policy.reopen_window), self._joined_by_people(incidents))
        for absorbed, into in assignment.merges.items():
            self._incidents.absorb_by_overlap(ledger.entries[absorbed], self._incidents.existing(into), delivery)
        for episode_id, incident_id in assignment.kept.items():
            self._move(episode_id, self._incidents.existing(incident_id), delivery)
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
