"""What a batch has to write: derived by comparing what it holds now with what it was loaded with."""

from collections import defaultdict

from service.domain.budgets import BudgetTotal
from service.domain.events import Event, EventKind
from service.domain.policy import Severity
from service.recorder.batch import Batch
from service.store.changes import Changes, NewEvent
from service.store.loaded import IncidentState


def changes_of(batch: Batch) -> Changes:
    """Return the changes of a batch whose incidents are computed."""
    loaded = batch.loaded
    computed = [state for _, state in sorted(batch.incidents.items()) if state.incident is not None]
    episodes = batch.episodes
    memberships = [
        (episode_id, groups, loaded.groups_of.get(episode_id, frozenset()))
        for episode_id, groups in batch.groups_of.items()
        if groups is not loaded.groups_of.get(episode_id)
    ]
    reports = [
        (stored, loaded.reports.get(key, {}).get(seen))
        for key, reports in batch.reports.items()
        for seen, stored in reports.items()
    ]
    new_events, moved_events = _events_of(batch, computed)
    return Changes(
        new_incidents=[state for state in computed if state.id > loaded.last_incident_id],
        changed_incidents=[state for state in computed if state.id <= loaded.last_incident_id],
        settled=batch.settled,
        new_episodes=[e for i, e in sorted(episodes.items()) if i not in loaded.episodes],
        changed_episodes=[episodes[i] for i, e in loaded.episodes.items() if i in episodes and episodes[i] is not e],
        dropped_episodes=sorted(loaded.episodes.keys() - episodes.keys()),
        joined_groups=[(group, episodes[e]) for e, now, before in memberships for group in sorted(now - before)],
        left_groups=[(group, episodes[e]) for e, now, before in memberships for group in before - now],
        new_reports=[stored for stored, before in reports if before is None],
        changed_reports=[stored for stored, before in reports if before is not None and stored is not before],
        new_events=new_events,
        moved_events=moved_events,
        keys={key: i for key, i in batch.keys.items() if loaded.keys.get(key) != i},
        bodies=batch.bodies,
        totals=[total for _, total in sorted(batch.totals.items())],
        budget_totals=_budget_totals(batch, [new for new in new_events if new.event.kind is EventKind.BUDGET_MEASURED]),
        announced={state.id for state in computed} - batch.unannounced,
        redrawn=batch.redrawn,
        delete_bodies_before=batch.delete_bodies_before,
    )


def _events_of(batch: Batch, computed: list[IncidentState]) -> tuple[list[NewEvent], list[tuple[Event, int]]]:
    """Return the new events in the order in which they were appended, and the stored ones that moved."""
    incident_of = {id(event): state.id for state in computed for event in state.events}
    new = [NewEvent(incident_of[id(event)], event, digest) for event, digest in batch.new_events]
    moved = [
        (event, incident_of[id(event)])
        for incident_id, event in batch.loaded.events
        if incident_of.get(id(event), incident_id) != incident_id
    ]
    return new, moved


def _budget_totals(batch: Batch, measured: list[NewEvent]) -> list[BudgetTotal]:
    """Return what the first measurement of each incident and objective adds; later ones add nothing."""
    new_events = {id(new.event) for new in measured}
    first: dict[tuple[int, str], tuple[Severity, float]] = {}
    for new in measured:
        state, slo = batch.existing(new.incident_id), str(new.event.data["slo"])
        stored = (e for e in batch.events_of(state) if e.kind is EventKind.BUDGET_MEASURED and id(e) not in new_events)
        if state.incident is not None and all(event.data["slo"] != slo for event in stored):
            first.setdefault((state.id, slo), (state.incident.severity, float(new.event.data["spent_ratio"])))
    spent: dict[tuple[str, Severity], list[float]] = defaultdict(list)
    for (_, slo), (severity, spent_ratio) in first.items():
        spent[slo, severity].append(spent_ratio)
    return [BudgetTotal(slo, severity, sum(ratios), len(ratios)) for (slo, severity), ratios in spent.items()]
