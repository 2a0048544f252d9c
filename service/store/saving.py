"""Writing the changes of a batch: each table once, all rows of a kind in one statement. `rows` builds their content."""

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, update
from sqlalchemy.sql import dml

from service.domain.done import failed_checks
from service.store import rows
from service.store import tables as t
from service.store.bodies import forget_bodies
from service.store.changes import Changes
from service.store.statements import Insert, Write, insert_for


def save(connection: Connection, changes: Changes) -> None:
    """Write all changes. The caller commits.

    The stored actions and failed checks of an incident are replaced; those of merged or dismissed incidents are no
    longer outstanding.
    """
    with_events = [s for s in [*changes.new_incidents, *changes.changed_incidents] if s.events or s.merged_ids]
    replaced = [{"b_id": state.id} for state in with_events]
    effective = [
        state.incident
        for state in with_events
        if state.merged_into is None and state.incident is not None and state.incident.dismissed_at is None
    ]
    _UPDATE_INCIDENT_COUNTED.run(connection, [{"b_id": i, "counted": int(f)} for i, f in changes.settled.items()])
    _INSERT_INCIDENT.run(connection, [rows.incident(state) for state in changes.new_incidents])
    _UPDATE_INCIDENT.run(connection, [rows.incident_update(state) for state in changes.changed_incidents])
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
    _UPSERT_TOTAL.run(connection, [rows.total(total) for total in changes.totals])
    if changes.delete_bodies_before is not None:
        forget_bodies(connection, changes.delete_bodies_before)


def _save_episodes(connection: Connection, changes: Changes) -> None:
    """Write the episodes; ended ones first, so that the one open episode of an alert can take its place."""
    dropped = [{"b_id": i} for i in changes.dropped_episodes]
    changed = sorted(changes.changed_episodes, key=lambda e: (e.ends_at is None, e.id))
    left = [{"b_source": source, "b_group_key": key, "b_episode_id": e.id} for (source, key), e in changes.left_groups]
    joined = [
        {"source": source, "group_key": key, "episode_id": e.id, "ends_at": e.ends_at}
        for (source, key), e in changes.joined_groups
    ]
    _DELETE_MEMBERSHIPS.run(connection, dropped)
    _DELETE_EPISODE.run(connection, dropped)
    _UPDATE_EPISODE.run(connection, [rows.episode_update(e) for e in changed])
    _UPDATE_MEMBERSHIP.run(connection, [{"b_id": e.id, "ends_at": e.ends_at} for e in changed])
    _DELETE_MEMBERSHIP.run(connection, left)
    _INSERT_EPISODE.run(connection, [rows.episode(e) for e in changes.new_episodes])
    _INSERT_MEMBERSHIP.run(connection, joined)
    _UPDATE_OBSERVATION.run(connection, [rows.changed_report(stored) for stored in changes.changed_reports])


_INSERT_INCIDENT = Insert(lambda _: insert(t.incidents))
_UPDATE_INCIDENT = Write(lambda _: update(t.incidents).where(t.incidents.c.id == bindparam("b_id")))
_UPDATE_INCIDENT_COUNTED = Write(lambda _: update(t.incidents).where(t.incidents.c.id == bindparam("b_id")))
_INSERT_EPISODE = Insert(lambda _: insert(t.episodes))
_UPDATE_EPISODE = Write(lambda _: update(t.episodes).where(t.episodes.c.id == bindparam("b_id")))
_DELETE_EPISODE = Write(lambda _: delete(t.episodes).where(t.episodes.c.id == bindparam("b_id")))
_INSERT_MEMBERSHIP = Insert(lambda _: insert(t.episode_groups))
_UPDATE_MEMBERSHIP = Write(lambda _: update(t.episode_groups).where(t.episode_groups.c.episode_id == bindparam("b_id")))
_DELETE_MEMBERSHIPS = Write(
    lambda _: delete(t.episode_groups).where(t.episode_groups.c.episode_id == bindparam("b_id"))
)
_SAME_MEMBERSHIP = tuple(
    t.episode_groups.c[name] == bindparam(f"b_{name}") for name in ("source", "group_key", "episode_id")
)
_DELETE_MEMBERSHIP = Write(lambda _: delete(t.episode_groups).where(*_SAME_MEMBERSHIP))
_SAME_OBSERVATION = tuple(t.observations.c[name] == bindparam(f"b_{name}") for name in rows.IDENTITY)
_INSERT_OBSERVATION = Insert(lambda _: insert(t.observations))
_UPDATE_OBSERVATION = Write(lambda _: update(t.observations).where(*_SAME_OBSERVATION))
_INSERT_EVENT = Insert(lambda _: insert(t.events))
_MOVE_EVENT = Write(
    lambda _: update(t.events).where(
        t.events.c.sent_to == bindparam("b_sent_to"), t.events.c.event_id == bindparam("b_event_id")
    )
)
_INSERT_ACTION = Insert(lambda _: insert(t.actions))
_DELETE_ACTIONS = Write(lambda _: delete(t.actions).where(t.actions.c.incident_id == bindparam("b_id")))
_INSERT_CHECK = Insert(lambda _: insert(t.failed_checks))
_DELETE_CHECKS = Write(lambda _: delete(t.failed_checks).where(t.failed_checks.c.incident_id == bindparam("b_id")))


def _upsert_delivery(dialect: Dialect) -> dml.Insert:
    new = insert_for(dialect)(t.deliveries)
    stored = t.deliveries.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[stored.digest],
        set_={"times": stored.times + new.excluded.times, "last_received_at": new.excluded.last_received_at},
    )
    return statement


def _upsert_key(dialect: Dialect) -> dml.Insert:
    new = insert_for(dialect)(t.incident_keys)
    stored = t.incident_keys.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[stored.source, stored.incident_key], set_={"incident_id": new.excluded.incident_id}
    )
    return statement


def _upsert_total(dialect: Dialect) -> dml.Insert:
    new = insert_for(dialect)(t.totals)
    stored = t.totals.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[stored.indicator, stored.severity, stored.resolution_source, stored.le],
        set_={
            "number": stored.number + new.excluded.number,
            "seconds": stored.seconds + new.excluded.seconds,
            "exemplar_incident": new.excluded.exemplar_incident,
            "exemplar_seconds": new.excluded.exemplar_seconds,
            "exemplar_at": new.excluded.exemplar_at,
        },
    )
    return statement


_UPSERT_DELIVERY = Insert(_upsert_delivery)
_UPSERT_TOTAL = Insert(_upsert_total)
_UPSERT_KEY = Insert(_upsert_key)
