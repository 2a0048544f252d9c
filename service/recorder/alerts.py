"""Recording of alerts: reports are grouped into episodes, and the episodes of an alert group into incidents."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.episodes import UNASSIGNED, AlertReport, Episode, Span
from service.domain.events import Alert, Observation
from service.domain.policy import Policy
from service.domain.senders import plain_source, spans_by_source
from service.recorder.commands import Delivery, Outcome
from service.recorder.correlation import Correlation
from service.recorder.grouping import Grouping
from service.recorder.incidents import Incidents
from service.store.batch import AlertKey, Batch, GroupKey, StoredReport, alert_key

HEARD_EVERY = timedelta(minutes=1)
"""Repeats of a notification refresh `heard_at` at most this often: they come by the hundred, staleness takes hours."""


class AlertRecording:
    """Records the alerts of notifications in one batch."""

    def __init__(
        self, batch: Batch, incidents: Incidents, policy: Policy, grouping: Grouping, correlation: Correlation
    ) -> None:
        self._batch = batch
        self._incidents = incidents
        self._window = policy.reopen_window
        self._grouping = grouping
        self._correlation = correlation
        self._fused: dict[int, int] = {}  # incidents of dropped episodes, with the episode that replaced each

    def record(self, alerts: Sequence[Alert], delivery: Delivery) -> tuple[Outcome, ...]:
        """Record the alerts of a notification; a repeat without effect only updates when the alert was last received.

        Returns an outcome for each incident that the alerts belong to, and for each that was split off.
        """
        batch = self._batch
        digest = self._incidents.keep(delivery)
        now = delivery.received_at
        changed: list[int] = []
        for alert in alerts:
            if self._add_report(alert, now, digest):
                changed += self.rebuild_episodes(alert_key(alert.observation), alert)
        self._grouping.begun.clear()
        self.regroup(changed, now)
        self._correlate(alerts, delivery)
        episodes = (batch.episodes.get(self._stored(a).episode_id) for a in alerts)
        touched = {self._incidents.existing(e.incident_id).id for e in episodes if e is not None}
        for incident_id in touched:
            entry = batch.entries[incident_id]
            if now - entry.heard_at >= HEARD_EVERY:
                batch.mark_changed(entry, now)
        self._incidents.recompute(now)
        touched |= {self._incidents.existing(i).id for i in self._grouping.begun}
        return tuple(self._incidents.outcome(batch.entries[i]) for i in sorted(touched))

    def _stored(self, alert: Alert) -> StoredReport:
        return self._batch.reports[alert_key(alert.observation)][alert.observation]

    def regroup(self, episode_ids: Sequence[int], now: datetime) -> None:
        """Group the rebuilt episodes, and the rest of the incidents that lost an episode."""
        left = [e.id for i in self._fused for e in self._batch.episodes_of(self._incidents.existing(i))]
        self._grouping.regroup_episodes([*episode_ids, *left], now)
        for incident_id, episode_id in self._fused.items():
            if episode_id in self._batch.episodes:
                self._grouping.merge_fused(incident_id, episode_id, now)
        self._fused.clear()

    def _correlate(self, alerts: Sequence[Alert], delivery: Delivery) -> None:
        """Join the incidents with those that other sources report under the alerts' aliases."""
        batch = self._batch
        for alert in alerts:
            episode = batch.episodes.get(self._stored(alert).episode_id) if alert.aliases else None
            if episode is not None:
                self._correlation.join(batch.entries[episode.incident_id], alert.aliases, delivery)

    def _add_report(self, alert: Alert, received_at: datetime, digest: bytes) -> bool:
        """Add a report or record its repetition; return whether the alert's episodes may have changed.

        When a firing report was last received matters only after an assumed end or one by the same sender, which it may
        revoke; for an end it always matters, as it may follow such a report. An end under another name may belong to
        this episode once that sender adopts it.
        """
        batch, seen = self._batch, alert.observation
        stored = batch.report(seen)
        if stored is None:
            report = AlertReport(
                observation=seen, first_received=received_at, last_received=received_at, onset_at=alert.onset_at
            )
            batch.add_report(report, digest)
            return True
        is_earlier_onset = alert.onset_at is not None and (stored.onset_at is None or alert.onset_at < stored.onset_at)
        is_later = received_at > stored.last_received and (seen.ends_at is not None or self._follows_end(seen, stored))
        if is_earlier_onset:
            stored.onset_at = alert.onset_at
        if is_later:
            stored.last_received = received_at
        if is_earlier_onset or is_later:
            batch.change_report(seen)
        return is_earlier_onset or is_later

    def _follows_end(self, firing: Observation, stored: StoredReport) -> bool:
        return any(
            (other.episode_id == stored.episode_id or seen.source != firing.source)
            and seen.ends_at is not None
            and (seen.stale or seen.peer == firing.peer)
            for seen, other in self._batch.reports[alert_key(firing)].items()
        )

    def rebuild_episodes(self, key: AlertKey, alert: Alert | None = None) -> list[int]:
        """Compute the episodes of one alert from all its reports; return the changed ones and the one of `alert`.

        An episode keeps its id as long as it keeps its sender and one of its reports; one that turned out to be part of
        another is dropped. Except for its times, an episode's fields come from the first alert received.
        """
        batch = self._batch
        reports = batch.reports_of(key)
        before = {r.observation: batch.reports[key][r.observation].episode_id for r in reports}
        computed = spans_by_source(reports, self._window)
        placed: dict[Observation, int] = {}
        changed: list[int] = []
        for source, span in computed:
            observations = [r.observation for r in span.reports]
            candidates = {before[o] for o in observations if not o.is_end_only} - set(placed.values()) - {UNASSIGNED}
            episode_id = min((e for e in candidates if _may_become(batch.episodes[e].source, source)), default=None)
            episode = replace(self._episode(episode_id, span, alert, before), source=source)
            placed.update(dict.fromkeys(observations, episode.id))
            is_mine = alert is not None and alert.observation in observations
            if batch.episodes.get(episode.id) != episode:
                batch.save_episode(episode)
                changed.append(episode.id)
            elif is_mine:
                changed.append(episode.id)
        for report in reports:
            batch.assign(report.observation, placed.get(report.observation, UNASSIGNED))
        gone = {e for e in before.values() if e in batch.episodes} - set(placed.values())
        self._leave_groups(placed, set(before.values()) - gone - {UNASSIGNED})
        for episode_id in sorted(gone):
            successor = next(placed[o] for o, e in before.items() if e == episode_id and o in placed)
            if (incident_id := batch.episodes[episode_id].incident_id) != UNASSIGNED:
                self._fused[incident_id] = successor
            batch.drop(episode_id)
        return changed

    def _leave_groups(self, placed: Mapping[Observation, int], episode_ids: Set[int]) -> None:
        """Remove episodes from groups in which only reports that now belong to another episode were seen."""
        seen_in: dict[int, set[GroupKey]] = {e: set() for e in episode_ids}
        for observation, episode_id in placed.items():
            if episode_id in seen_in and not observation.is_end_only:
                seen_in[episode_id].add((observation.source, observation.group_key))
        for episode_id, groups in seen_in.items():
            if left := self._batch.groups_of.get(episode_id, set()) - groups:
                self._batch.leave_groups(episode_id, left)

    def _episode(
        self, episode_id: int | None, span: Span, alert: Alert | None, before: dict[Observation, int]
    ) -> Episode:
        """Return the episode of a span; `episode_id` is its previous id, if it had one."""
        observations = {r.observation for r in span.reports}
        earlier = next((e for r in span.reports if (e := before[r.observation])), None)
        if episode_id is not None:
            episode = self._batch.episodes[episode_id]
        elif earlier is not None and (alert is None or alert.observation not in observations):
            copy = self._batch.episodes[earlier]
            episode = replace(copy, id=self._batch.next_episode_id(), incident_id=UNASSIGNED)
        else:
            assert alert is not None  # noqa: S101 - a report without an episode is the one just received
            episode = _first_episode(self._batch.next_episode_id(), alert)
        return replace(
            episode,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            stale=span.stale,
            end_unknown=span.end_unknown,
            onset_at=span.onset_at,
        )


def _first_episode(episode_id: int, alert: Alert) -> Episode:
    return Episode(
        id=episode_id,
        source=alert.observation.source,
        fingerprint=alert.observation.fingerprint,
        starts_at=alert.observation.starts_at,
        ends_at=alert.observation.ends_at,
        name=alert.name,
        severity=alert.severity,
        incident_id=UNASSIGNED,
        labels=alert.labels,
        annotations=alert.annotations,
        generator_url=alert.generator_url,
    )


def _may_become(source: str, other: str) -> bool:
    """Return whether an episode of one source may continue under another: only a sender's name may come or go."""
    return source == other or plain_source(source) in (source, other)
