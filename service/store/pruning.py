"""Deleting incidents that ended long ago. Running totals and the windows of the indicators stay as they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, select

from service.domain.actions import ActionState
from service.domain.incident import Phase
from service.store import tables as t
from service.store.detection_days import count_changes
from service.store.titles import forget_blocks

CHUNK = 200
_c = t.incidents.c
_OF_INCIDENTS = (t.episodes, t.events, t.incident_keys, t.actions, t.failed_checks, t.error_budgets, t.outbox)
_OF_EPISODES = (t.observations, t.episode_groups)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted. `last` is the id to continue after, None when done."""

    incidents: int
    events: int
    last: int | None


def _prunable(before: datetime) -> Select[Any]:
    """Select the ids of incidents that may be deleted: over, last reported before `before`, with nothing outstanding.

    The newest incident stays, whatever its age, and so does its merge target: ids are never reused.
    """
    newest = select(func.max(_c.id)).scalar_subquery()
    other = t.incidents.alias()
    merge_target = select(func.coalesce(other.c.merged_into, 0)).where(other.c.id == newest).scalar_subquery()
    return select(_c.id).where(_is_over(before), _c.id != newest, _c.id != merge_target)


def count_prunable(connection: Connection, before: datetime) -> int:
    """Return how many incidents may be deleted, without those merged into them."""
    return connection.scalar(select(func.count()).select_from(_prunable(before).subquery())) or 0


def prune_some(connection: Connection, before: datetime, after: int) -> Pruned:
    """Delete some of the incidents above `after` that may be deleted: a few for each transaction."""
    chosen = _prunable(before).where(_c.id > after).order_by(_c.id).limit(CHUNK)
    ids: list[int] = list(connection.scalars(chosen))
    return _forget(connection, ids) if ids else Pruned(0, 0, None)


def _is_over(before: datetime) -> ColumnElement[bool]:
    owed = exists().where(
        t.actions.c.incident_id == _c.id, t.actions.c.state.in_([ActionState.OPEN, ActionState.COMPLETED])
    )
    firing = exists().where(t.episodes.c.incident_id == _c.id, t.episodes.c.ends_at >= before)
    merged = t.incidents.alias()
    part_seen_later = exists().where(merged.c.merged_into == _c.id, merged.c.heard_at >= before)
    return and_(
        _c.merged_into.is_(None),
        _c.phase.in_([Phase.RESOLVED, Phase.DISMISSED]),
        func.coalesce(_c.detected_at, _c.opened_at) < before,
        _c.heard_at < before,
        _c.draft_due_at.is_(None),
        _c.final_due_at.is_(None),
        ~owed,
        ~firing,
        ~part_seen_later,
    )


def _forget(connection: Connection, ids: list[int]) -> Pruned:
    """Delete incidents, those merged into them, and all their data."""
    merged = connection.scalars(select(_c.id).where(_c.merged_into.in_(ids))).all()
    family = [*ids, *merged]
    events = connection.scalar(select(func.count()).select_from(t.events).where(t.events.c.incident_id.in_(family)))
    count_changes(connection, connection.scalars(select(_c.detected_at).where(_c.id.in_(family))))
    forget_blocks(connection, family)
    episodes = select(t.episodes.c.id).where(t.episodes.c.incident_id.in_(family))
    for table in _OF_EPISODES:
        connection.execute(delete(table).where(table.c.episode_id.in_(episodes)))
    for table in _OF_INCIDENTS:
        connection.execute(delete(table).where(table.c.incident_id.in_(family)))
    connection.execute(delete(t.incidents).where(_c.id.in_(family)))
    return Pruned(len(family), events or 0, ids[-1])
