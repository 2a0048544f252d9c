"""Queries for people and programs that read incidents."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from service.domain.incident import OPEN_PHASES, Phase, fold
from service.domain.policy import Policy, Severity
from service.store import tables as t
from service.store.from_rows import episode_of, event_of, milestones_of
from service.store.records import IncidentLine, IncidentRecord, Page


def incident_record(connection: Connection, incident_id: int, policy: Policy) -> IncidentRecord | None:
    """Return the incident, computed from its history; None if it does not exist."""
    row = connection.execute(select(t.incidents).where(t.incidents.c.id == incident_id)).one_or_none()
    if row is None:
        return None
    root_id = row.merged_into or row.id
    family = connection.execute(
        select(t.incidents.c.id, t.incidents.c.heard_at).where(
            or_(t.incidents.c.id == root_id, t.incidents.c.merged_into == root_id)
        )
    ).all()
    ids = [member.id for member in family]
    query = select(t.events).where(t.events.c.incident_id.in_(ids)).order_by(t.events.c.id)
    events = tuple(event_of(r) for r in connection.execute(query))
    fired = select(t.episodes).where(t.episodes.c.incident_id == root_id).order_by(t.episodes.c.starts_at)
    episodes = tuple(episode_of(r) for r in connection.execute(fired))
    heard_at = max(member.heard_at for member in family)
    incident = fold(root_id, events, episodes, policy, heard_at)
    return IncidentRecord(incident, events, episodes, row.merged_into, row.opened_at)


def page_of_incidents(
    connection: Connection,
    *,
    phases: Collection[Phase],
    severities: Collection[Severity],
    open_only: bool,
    before: int | None,
    limit: int,
    now: datetime,
) -> Page:
    """Return a page of the list; new incidents do not shift pages, since ids only grow."""
    c = t.incidents.c
    query = select(t.incidents).where(c.merged_into.is_(None), ~c.withdrawn).order_by(c.id.desc()).limit(limit + 1)
    if phases:
        query = query.where(c.phase.in_(list(phases)))
    if severities:
        query = query.where(c.severity.in_(list(severities)))
    if open_only:
        query = query.where(c.phase.in_(OPEN_PHASES))
    if before is not None:
        query = query.where(c.id < before)
    rows = connection.execute(query).all()
    lines = tuple(_line(row, now) for row in rows[:limit])
    return Page(lines, lines[-1].id if len(rows) > limit else None)


def _line(row: Row[Any], now: datetime) -> IncidentLine:
    return IncidentLine(
        id=row.id,
        title=row.title,
        severity=Severity(row.severity),
        phase=Phase(row.phase),
        milestones=milestones_of(row),
        stale=row.stale_at is not None and row.stale_at < now,
    )
