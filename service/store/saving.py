"""Writing the changes of a batch: each table once, all rows of a kind in one statement. `rows` builds their content."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, insert, update

from service.domain.done import failed_checks
from service.domain.events import EventKind
from service.domain.policy import Milestone
from service.store import rows
from service.store import tables as t
from service.store.changes import Changes
from service.store.detection_days import count_changes
from service.store.loaded import IncidentState
from service.store.statements import Insert, Write, upsert
from service.store.titles import forget_blocks


def save(connection: Connection, changes: Changes) -> None:
    """Write all changes, without reading any results (`pipelined`). The caller commits.

    The stored actions and failed checks of an incident are replaced; those of merged or dismissed incidents are no
    longer outstanding.
    """
    states = [*changes.new_incidents, *changes.changed_incidents]
    with_events = [state for state in states if state.events or state.merged_ids]
    replaced = [{"b_incident_id": state.id} for state in with_events]
    effective = [
        state.incident
        for state in with_events
        if state.merged_into is None and state.incident is not None and state.incident.dismissed_at is None
    ]
    _UPDATE_COUNTED.run(connection, [{"b_id": i, "counted": int(f)} for i, f in changes.settled.items()])
    _INSERT_INCIDENT.run(connection, [rows.incident(state) for state in changes.new_incidents])
    _UPDATE_INCIDENT.run(connection, [rows.incident_update(state) for state in changes.changed_incidents])
    count_changes(connection, _detections(states))
    forget_blocks(connection, [s.id for s in changes.changed_incidents if s.incident and s.incident.title != s.title])
    _save_episodes(connection, changes)
    _INSERT_OBSERVATION.run(connection, [rows.new_report(new) for new in changes.new_reports])
    _INSERT_EVENT.run(connection, [rows.event(new) for new in changes.new_events])
    _MOVE_EVENT.run(
        connection,
        [{"b_sent_to": e.sent_to, "b_event_id": e.event_id, "incident_id": i} for e, i in changes.moved_events],
    )
    _UPSERT_KEY.run(
        connection,
        [{"source": source, "incident_key": key, "incident_id": i} for (source, key), i in changes.keys.items()],
    )
    _DELETE_ACTIONS.run(connection, replaced)
    _INSERT_ACTION.run(connection, [row for incident in effective for row in rows.actions(incident)])
    _DELETE_CHECKS.run(connection, replaced)
    _INSERT_CHECK.run(
        connection, [{"incident_id": i.id, "name": check.value} for i in effective for check in failed_checks(i)]
    )
    _UPSERT_DELIVERY.run(connection, [rows.delivery(digest, *body) for digest, body in changes.bodies.items()])
    _DELETE_BUDGETS.run(
        connection, [{"b_incident_id": state.id} for state in with_events if _may_spend(state, changes)]
    )
    _INSERT_BUDGET.run(connection, [row for incident in effective for row in rows.error_budgets(incident)])
    _UPSERT_TOTAL.run(connection, [rows.total(total) for total in changes.totals])
    _UPSERT_BUDGET_TOTAL.run(connection, [asdict(total) for total in changes.budget_totals])


def _may_spend(state: IncidentState, changes: Changes) -> bool:
    """Return whether the incident may have spent, or did before, of an error budget."""
    has_own = any(event.kind is EventKind.BUDGET_MEASURED for event in state.events)
    return has_own or bool(state.merged_ids or changes.moved_events)


def _detections(states: Iterable[IncidentState]) -> Iterator[datetime | None]:
    """Yield when the incidents were detected, as stored before and now."""
    for state in states:
        yield state.detected_at
        if state.incident is not None:
            yield state.incident.milestones.get(Milestone.DETECTED)


def _save_episodes(connection: Connection, changes: Changes) -> None:
    """Write the episodes; ended ones first, so that the one open episode of an alert can take its place."""
    changed = sorted(changes.changed_episodes, key=lambda e: (e.ends_at is None, e.id))
    left = [{"b_source": source, "b_group_key": key, "b_episode_id": e.id} for (source, key), e in changes.left_groups]
    joined = [
        {"source": source, "group_key": key, "episode_id": e.id, "ends_at": e.ends_at}
        for (source, key), e in changes.joined_groups
    ]
    _DELETE_MEMBERSHIPS.run(connection, [{"b_episode_id": i} for i in changes.dropped_episodes])
    _DELETE_EPISODE.run(connection, [{"b_id": i} for i in changes.dropped_episodes])
    _UPDATE_EPISODE.run(connection, [rows.episode_update(e) for e in changed])
    _UPDATE_MEMBERSHIPS.run(connection, [{"b_episode_id": e.id, "ends_at": e.ends_at} for e in changed])
    _DELETE_MEMBERSHIP.run(connection, left)
    _INSERT_EPISODE.run(connection, [rows.episode(e) for e in changes.new_episodes])
    _INSERT_MEMBERSHIP.run(connection, joined)
    _UPDATE_OBSERVATION.run(connection, [rows.changed_report(stored) for stored in changes.changed_reports])


def _same(table: Table, names: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Return the condition that columns equal the parameters with the prefix `b_`."""
    return (table.c[name] == bindparam(f"b_{name}") for name in names)


def _insert(table: Table) -> Insert:
    return Insert(lambda _: insert(table))


def _update(table: Table, *names: str) -> Write:
    return Write(lambda _: update(table).where(*_same(table, names)))


def _delete(table: Table, *names: str) -> Write:
    return Write(lambda _: delete(table).where(*_same(table, names)))


_INSERT_INCIDENT = _insert(t.incidents)
_UPDATE_INCIDENT = _update(t.incidents, "id")
_UPDATE_COUNTED = _update(t.incidents, "id")
_INSERT_EPISODE = _insert(t.episodes)
_UPDATE_EPISODE = _update(t.episodes, "id")
_DELETE_EPISODE = _delete(t.episodes, "id")
_INSERT_MEMBERSHIP = _insert(t.episode_groups)
_UPDATE_MEMBERSHIPS = _update(t.episode_groups, "episode_id")
_DELETE_MEMBERSHIPS = _delete(t.episode_groups, "episode_id")
_DELETE_MEMBERSHIP = _delete(t.episode_groups, "source", "group_key", "episode_id")
_INSERT_OBSERVATION = _insert(t.observations)
_UPDATE_OBSERVATION = _update(t.observations, *rows.IDENTITY)
_INSERT_EVENT = _insert(t.events)
_MOVE_EVENT = _update(t.events, "sent_to", "event_id")
_UPSERT_KEY = upsert(t.incident_keys, replace=["incident_id"])
_INSERT_ACTION = _insert(t.actions)
_DELETE_ACTIONS = _delete(t.actions, "incident_id")
_INSERT_CHECK = _insert(t.failed_checks)
_DELETE_CHECKS = _delete(t.failed_checks, "incident_id")
_INSERT_BUDGET = _insert(t.error_budgets)
_DELETE_BUDGETS = _delete(t.error_budgets, "incident_id")
_UPSERT_DELIVERY = upsert(t.deliveries, add=["times"], replace=["last_received_at"])
_UPSERT_TOTAL = upsert(
    t.totals, add=["number", "seconds"], replace=["exemplar_incident", "exemplar_seconds", "exemplar_at"]
)
_UPSERT_BUDGET_TOTAL = upsert(t.budget_totals, add=["spent_ratio", "incidents"])
