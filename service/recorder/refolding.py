"""Recomputing incidents of an earlier version by today's rules, a few at a time, alongside incoming commands."""

from collections.abc import Mapping
from datetime import datetime

from service.domain.incident import Incident
from service.domain.senders import plain_source
from service.recorder.alerts import AlertRecording
from service.recorder.commands import Outcome
from service.recorder.incidents import Incidents
from service.store.batch import Batch
from service.store.refolding import Shown


class Refolding:
    """Recomputes incidents in one batch. No messages are sent for them; targets that draw them redraw them."""

    def __init__(self, batch: Batch, incidents: Incidents, alerts: AlertRecording) -> None:
        self._batch = batch
        self._incidents = incidents
        self._alerts = alerts

    def refold(self, stored: Mapping[int, Shown], now: datetime) -> tuple[Outcome, ...]:
        """Recompute the incidents from all their reports; return an outcome for each that changed."""
        batch = self._batch
        touched_before = set(batch.touched)
        episodes = [e.id for i in stored for e in batch.episodes_of(batch.entries[i])]
        refolded = (batch.episodes[e] for e in episodes)
        keys = dict.fromkeys((plain_source(e.source), e.fingerprint) for e in refolded)
        for key in keys:
            episodes += self._alerts.rebuild_episodes(key)
        self._alerts.regroup(episodes, now)
        for incident_id in stored:
            entry = batch.entries[incident_id]
            entry.refold = False
            batch.mark_outdated(entry, now)
        self._incidents.recompute(now)
        touched = batch.touched - touched_before
        changed = [i for i in sorted(touched) if _shown(batch.entries[i].incident) != stored.get(i)]
        batch.quiet |= touched
        batch.redrawn.update(changed)
        return tuple(self._incidents.outcome(batch.entries[i]) for i in changed)


def _shown(incident: Incident | None) -> Shown | None:
    if incident is None:
        return None
    return Shown(incident.severity, incident.phase, incident.resolution_source, dict(incident.milestones))
