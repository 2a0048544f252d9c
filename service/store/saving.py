"""Writing a batch back: each table once, all rows of a kind in one statement. `rows` builds their content."""

from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import dml

from service.store import rows
from service.store import tables as t
from service.store.batch import Batch
from service.store.statements import Insert, Write


def save(connection: Connection, batch: Batch) -> None:
    """Write everything that changed in the batch. The caller commits.

    The stored actions and failed checks of an incident are replaced.
    """
    touched = [batch.entries[i] for i in sorted(batch.touched)]
    told_before = [{"b_id": e.id} for e in touched if (e.events or e.merged_ids) and not e.is_new]
    _INSERT_INCIDENT.run(connection, [rows.incident(e) for e in touched if e.is_new])
    _UPDATE_INCIDENT.run(connection, [rows.incident_update(e) for e in touched if not e.is_new])
    _save_episodes(connection, batch)
    _INSERT_OBSERVATION.run(connection, rows.observations(batch))
    _INSERT_EVENT.run(connection, [rows.event(new) for new in batch.new_events])
    _MOVE_EVENT.run(connection, rows.moved_events(batch))
    _INSERT_KEY.run(connection, rows.keys(batch))
    _UPSERT_ALIAS.run(connection, rows.aliases(batch))
    _DELETE_ACTIONS.run(connection, told_before)
    _INSERT_ACTION.run(connection, rows.actions(touched))
    _DELETE_CHECKS.run(connection, told_before)
    _INSERT_CHECK.run(connection, rows.checks(touched))
    _UPSERT_DELIVERY.run(connection, rows.deliveries(batch))
    _UPSERT_TOTAL.run(connection, rows.totals(batch))


_INSERT_INCIDENT = Insert(lambda _: insert(t.incidents))
_UPDATE_INCIDENT = Write(lambda _: update(t.incidents).where(t.incidents.c.id == bindparam("b_id")))
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
_INSERT_KEY = Insert(lambda _: insert(t.incident_keys))
_INSERT_ACTION = Insert(lambda _: insert(t.actions))
_DELETE_ACTIONS = Write(lambda _: delete(t.actions).where(t.actions.c.incident_id == bindparam("b_id")))
_INSERT_CHECK = Insert(lambda _: insert(t.failed_checks))
_DELETE_CHECKS = Write(lambda _: delete(t.failed_checks).where(t.failed_checks.c.incident_id == bindparam("b_id")))


def _save_episodes(connection: Connection, batch: Batch) -> None:
    """Write the episodes; ended ones first, so that the one open episode of an alert can take its place."""
    dropped = [{"b_id": i} for i in sorted(batch.dropped_episodes)]
    _DELETE_MEMBERSHIPS.run(connection, dropped)
    _DELETE_EPISODE.run(connection, dropped)
    changed = [batch.episodes[i] for i in batch.changed_episodes - batch.new_episodes]
    changed.sort(key=lambda e: (e.ends_at is None, e.id))
    _UPDATE_EPISODE.run(connection, [rows.episode_update(e) for e in changed])
    _UPDATE_MEMBERSHIP.run(connection, [{"b_id": e.id, "ends_at": e.ends_at} for e in changed])
    _DELETE_MEMBERSHIP.run(connection, rows.left_memberships(batch))
    _INSERT_EPISODE.run(connection, [rows.episode(batch.episodes[i]) for i in sorted(batch.new_episodes)])
    _INSERT_MEMBERSHIP.run(connection, rows.memberships(batch))
    _UPDATE_OBSERVATION.run(connection, rows.observation_updates(batch))


def _insert_for(dialect: Dialect) -> Any:
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert


def _upsert_delivery(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.deliveries)
    stored = t.deliveries.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[stored.digest],
        set_={"times": stored.times + new.excluded.times, "last_received_at": new.excluded.last_received_at},
    )
    return statement


def _upsert_alias(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.incident_keys)
    stored = t.incident_keys.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[stored.source, stored.incident_key], set_={"incident_id": new.excluded.incident_id}
    )
    return statement


def _upsert_total(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.totals)
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
_UPSERT_ALIAS = Insert(_upsert_alias)
