"""Recording of alerts: reports are grouped into episodes, and the episodes of an alert group into incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from service.domain.episodes import UNASSIGNED, AlertReport, Episode, Span
from service.domain.events import Alert, Observation, ReceivedWebhook
from service.domain.senders import plain_source, spans_by_source
from service.recorder.batch import Batch
from service.recorder.commands import Outcome
from service.recorder.correlation import join
from service.recorder.grouping import merge_fused, regroup_episodes
from service.recorder.incidents import outcome, recompute
from service.store.loaded import AlertKey, GroupKey, StoredReport, alert_key

LAST_SEEN_EVERY = timedelta(minutes=1)
"""Repeats of a notification refresh `last_seen_at` at most this often: they are many, and staleness takes hours."""


def record_alerts(batch: Batch, alerts: Sequence[Alert], webhook: ReceivedWebhook) -> tuple[Outcome, ...]:
    """Record the alerts of a notification; a repeat without effect only updates when the alert was last received.

    Returns an outcome for each incident that the alerts belong to, and for each that was split off.
    """
    digest = batch.keep(webhook)
    now = webhook.received_at
    changed: list[int] = []
    for alert in alerts:
        if _add_report(batch, alert, now, digest):
            changed += rebuild_episodes(batch, alert_key(alert.observation), alert)
    last_before = batch.last_incident_id
    regroup(batch, changed, now)
    touched: set[int] = set()
    for alert in alerts:
        if alert.aliases and (episode := _episode_with(batch, alert)) is not None:
            join(batch, batch.incidents[episode.incident_id], alert.aliases, now)
    for alert in alerts:
        episode = _episode_with(batch, alert)
        if episode is not None:
            state = batch.existing(episode.incident_id)
            touched.add(state.id)
            if now - state.last_seen_at >= LAST_SEEN_EVERY:
                batch.mark_changed(state, now)
    recompute(batch, now)
    touched |= {batch.existing(i).id for i in range(last_before + 1, batch.last_incident_id + 1)}
    return tuple(outcome(batch, batch.incidents[i]) for i in sorted(touched))


def _episode_with(batch: Batch, alert: Alert) -> Episode | None:
    """Return the episode of an alert's report; None for an end that waits for its start."""
    return batch.episodes.get(batch.reports[alert_key(alert.observation)][alert.observation].episode_id)


def regroup(batch: Batch, episode_ids: Sequence[int], now: datetime) -> None:
    """Group the rebuilt episodes, and the rest of the incidents that lost an episode."""
    left = [e.id for i in batch.fused for e in batch.episodes_of(batch.existing(i))]
    regroup_episodes(batch, [*episode_ids, *left], now)
    for incident_id, episode_id in batch.fused.items():
        if episode_id in batch.episodes:
            merge_fused(batch, incident_id, episode_id, now)
    batch.fused.clear()


def _add_report(batch: Batch, alert: Alert, received_at: datetime, digest: bytes) -> bool:
    """Add a report or record its repetition; return whether the alert's episodes may have changed.

    When a firing report was last received matters only after an assumed end or one by the same sender, which it may
    revoke; for an end it always matters, as it may follow such a report. An end under another name may belong to
    this episode once that sender adopts it.
    """
    seen = alert.observation
    stored = batch.reports.get(alert_key(seen), {}).get(seen)
    if stored is None:
        report = AlertReport(
            observation=seen, first_received=received_at, last_received=received_at, onset_at=alert.onset_at
        )
        batch.save_report(StoredReport(report, UNASSIGNED, digest))
        return True
    report = stored.report
    if alert.onset_at is not None and (report.onset_at is None or alert.onset_at < report.onset_at):
        report = replace(report, onset_at=alert.onset_at)
    if received_at > report.last_received and (seen.ends_at is not None or _follows_end(batch, seen, stored)):
        report = replace(report, last_received=received_at)
    if report is stored.report:
        return False
    batch.save_report(replace(stored, report=report))
    return True


def _follows_end(batch: Batch, firing: Observation, stored: StoredReport) -> bool:
    return any(
        (other.episode_id == stored.episode_id or seen.source != firing.source)
        and seen.ends_at is not None
        and (seen.stale or (firing.peer and seen.peer == firing.peer))
        for seen, other in batch.reports[alert_key(firing)].items()
    )


def rebuild_episodes(batch: Batch, key: AlertKey, alert: Alert | None = None) -> list[int]:
    """Compute the episodes of one alert from all its reports; return the changed ones and the one of `alert`.

    An episode keeps its id as long as it keeps its sender and one of its reports; one that turned out to be part of
    another is dropped. Except for its times, an episode's fields come from the first alert received.
    """
    reports = batch.reports.get(key, {})
    before = {seen: stored.episode_id for seen, stored in reports.items()}
    placed: dict[Observation, int] = {}
    changed: list[int] = []
    for source, span in spans_by_source([stored.report for stored in reports.values()], batch.window):
        observations = [r.observation for r in span.reports]
        candidates = {before[o] for o in observations if not o.is_end_only} - set(placed.values()) - {UNASSIGNED}
        episode_id = min((e for e in candidates if _may_become(batch.episodes[e].source, source)), default=None)
        episode = _episode(batch, episode_id, span, source, alert=alert, before=before)
        placed.update(dict.fromkeys(observations, episode.id))
        if batch.episodes.get(episode.id) != episode:
            batch.save_episode(episode)
            changed.append(episode.id)
        elif alert is not None and alert.observation in observations:
            changed.append(episode.id)
    groups_of: dict[int, set[GroupKey]] = {episode_id: set() for episode_id in placed.values()}
    for seen, stored in reports.items():
        episode_id = placed.get(seen, UNASSIGNED)
        if episode_id != stored.episode_id:
            reports[seen] = replace(stored, episode_id=episode_id)
        # An end without a start ends the episode in all its groups and adds none.
        if episode_id != UNASSIGNED and not seen.is_end_only and seen.group_key:
            groups_of[episode_id].add((seen.source, seen.group_key))
    for episode_id, groups in groups_of.items():
        batch.set_groups(episode_id, frozenset(groups))
    for episode_id in sorted({e for e in before.values() if e in batch.episodes} - groups_of.keys()):
        successor = next(placed[o] for o, e in before.items() if e == episode_id and o in placed)
        batch.drop_episode(episode_id, successor)
    return changed


def _episode(
    batch: Batch,
    episode_id: int | None,
    span: Span,
    source: str,
    *,
    alert: Alert | None,
    before: Mapping[Observation, int],
) -> Episode:
    """Return the episode of a span; `episode_id` is its previous id, if it had one."""
    times: dict[str, Any] = {
        "source": source,
        "starts_at": span.starts_at,
        "ends_at": span.ends_at,
        "stale": span.stale,
        "end_unknown": span.end_unknown,
        "onset_at": span.onset_at,
    }
    if episode_id is not None:
        return replace(batch.episodes[episode_id], **times)
    earlier = next((e for r in span.reports if (e := before[r.observation])), None)
    if earlier is not None and (alert is None or all(r.observation != alert.observation for r in span.reports)):
        return replace(batch.episodes[earlier], id=batch.next_episode_id(), incident_id=UNASSIGNED, **times)
    assert alert is not None  # noqa: S101 - a report without an episode is the one just received
    return Episode(
        id=batch.next_episode_id(),
        fingerprint=alert.observation.fingerprint,
        name=alert.name,
        severity=alert.severity,
        incident_id=UNASSIGNED,
        labels=alert.labels,
        annotations=alert.annotations,
        generator_url=alert.generator_url,
        **times,
    )


def _may_become(source: str, other: str) -> bool:
    """Return whether an episode of one source may continue under another: only a sender's name may come or go."""
    return source == other or plain_source(source) in (source, other)
