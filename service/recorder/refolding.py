"""Recomputing incidents of an earlier version by today's rules, a few at a time, alongside incoming commands.

No messages are sent for them; targets that draw incidents redraw them.
"""

from datetime import datetime

from service.domain.incident import Incident
from service.domain.senders import plain_source
from service.recorder.alerts import rebuild_episodes, regroup
from service.recorder.batch import Batch
from service.recorder.commands import Outcome
from service.recorder.incidents import outcome, recompute
from service.store.refolding import Shown


def refold(batch: Batch, now: datetime) -> tuple[Outcome, ...]:
    """Recompute the outdated incidents from all their reports; return an outcome for each that changed."""
    stored = batch.loaded.outdated
    computed_before = {i for i, state in batch.incidents.items() if state.incident is not None}
    episodes = [e for i in stored for e in batch.episodes_of(batch.incidents[i])]
    changed = [e.id for e in episodes]
    for key in dict.fromkeys((plain_source(e.source), e.fingerprint) for e in episodes):
        changed += rebuild_episodes(batch, key)
    regroup(batch, changed, now)
    for incident_id in stored:
        batch.incidents[incident_id].refold = False
        batch.outdated.add(incident_id)
    recompute(batch, now)
    computed = {i for i, state in batch.incidents.items() if state.incident is not None} - computed_before
    redrawn = [i for i in sorted(computed) if _shown(batch.incidents[i].incident) != stored.get(i)]
    batch.unannounced |= computed
    batch.redrawn.update(redrawn)
    return tuple(outcome(batch, batch.incidents[i]) for i in redrawn)


def _shown(incident: Incident | None) -> Shown | None:
    if incident is None:
        return None
    return Shown(incident.severity, incident.phase, incident.resolution_source, dict(incident.milestones))
