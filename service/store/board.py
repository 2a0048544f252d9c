"""Queries behind the pages: a list that can be searched and paged both ways, and what is open or outstanding now."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Row, Select, and_, func, or_, select

from service.domain.actions import Action, ActionState
from service.domain.history import effective
from service.domain.incident import OPEN_PHASES, Phase
from service.domain.policy import IncidentType, Milestone, Policy, Severity, Stage
from service.domain.updates import last_told_at
from service.store import tables as t
from service.store.from_rows import episode_of, event_of, milestones_of
from service.store.reading import incident_record

_LIVE = and_(t.incidents.c.merged_into.is_(None), ~t.incidents.c.withdrawn)
_DUE = {Stage.DRAFT: t.incidents.c.draft_due_at, Stage.FINAL: t.incidents.c.final_due_at}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Filter of incidents; empty fields do not restrict. `number` matches as well as `text`."""

    phases: Collection[Phase] = ()
    severities: Collection[Severity] = ()
    types: Collection[IncidentType] = ()
    detected_since: datetime | None = None
    text: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident in its current state; `due` holds the outstanding stages of the postmortem.

    `told_at`: when people were last informed about it, if requested.
    """

    id: int
    title: str
    severity: Severity
    phase: Phase
    types: tuple[str, ...]
    milestones: dict[Milestone, datetime]
    opened_at: datetime
    stale: bool
    due: dict[Stage, datetime] = field(default_factory=dict)
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """A page, newest first. `older` is the id to continue before, `newer` that to go back after; None at either end."""

    lines: tuple[IncidentRow, ...]
    older: int | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class StageOwed:
    """An outstanding stage of a postmortem."""

    incident: IncidentRow
    stage: Stage
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ActionOwed:
    """An outstanding action, with the id and title of its incident."""

    incident_id: int
    incident_title: str
    action: Action


@dataclass(frozen=True, slots=True)
class Overview:
    """What is open, latest first, and what is due by some instant, most urgent first; counts are complete."""

    open: tuple[IncidentRow, ...]
    open_count: int
    stages: tuple[StageOwed, ...]
    stages_count: int
    actions: tuple[ActionOwed, ...]
    actions_count: int


def page_of(
    connection: Connection, filter_: Filter, now: datetime, *, before: int | None, after: int | None, limit: int
) -> IncidentPage:
    """Return a page by id, so that page 10,000 costs as much as the first and no incident is skipped or repeated."""
    c = t.incidents.c
    query = select(t.incidents).where(_LIVE, *_conditions(filter_, connection.dialect)).limit(limit + 1)
    order = c.id + 0 if _is_narrow(filter_) else c.id
    if after is not None:
        rows = connection.execute(query.where(c.id > after).order_by(order)).all()
        more = len(rows) > limit
        lines = tuple(_row(row, now) for row in reversed(rows[:limit]))
        return IncidentPage(lines, lines[-1].id if lines else None, lines[0].id if lines and more else None)
    if before is not None:
        query = query.where(c.id < before)
    rows = connection.execute(query.order_by(order.desc())).all()
    lines = tuple(_row(row, now) for row in rows[:limit])
    older = lines[-1].id if len(rows) > limit else None
    return IncidentPage(lines, older, lines[0].id if lines and before is not None else None)


def _is_narrow(filter_: Filter) -> bool:
    """Return whether an index finds few rows; ordering by a sum then keeps databases from walking all incidents."""
    return _is_open(filter_) or filter_.detected_since is not None


def _is_open(filter_: Filter) -> bool:
    return bool(filter_.phases) and set(filter_.phases) <= set(OPEN_PHASES)


def _conditions(filter_: Filter, dialect: Dialect) -> list[ColumnElement[bool]]:
    c = t.incidents.c
    conditions: list[ColumnElement[bool]] = []
    if filter_.phases:
        conditions.append(c.phase.in_(list(filter_.phases)))
    if _is_open(filter_):
        conditions.append(c.stale_at.is_not(None))  # set only while open, so its index holds open incidents alone
    if filter_.severities:
        conditions.append(c.severity.in_(list(filter_.severities)))
    if filter_.types:
        conditions.append(
            or_(*(("," + c.types + ",").contains(f",{name},", autoescape=True) for name in filter_.types))
        )
    if filter_.detected_since is not None:
        conditions.append(c.detected_at > filter_.detected_since)
    if filter_.text:
        events = _says(filter_.text, dialect)
        conditions.append(events if filter_.number is None else or_(events, c.id == filter_.number))
    return conditions


def _says(text: str, dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition that the title contains `text` in any case. SQLite's LIKE does, twice as fast as `lower`."""
    title = t.incidents.c.title
    if dialect.name == "sqlite":
        return title.contains(text, autoescape=True)
    return title.icontains(text, autoescape=True)


def read_overview(connection: Connection, policy: Policy, now: datetime, until: datetime, limit: int) -> Overview:
    """Read what is open at `now` and what is due by `until`; at most `limit` of each are listed."""
    c = t.incidents.c
    running = c.stale_at.is_not(None)
    query = select(t.incidents).where(running).order_by(c.stale_at.desc(), c.id.desc()).limit(limit)
    rows = connection.execute(query).all()
    told_at = _told_at(connection, {row.id: row.opened_at for row in rows})
    going_on = [replace(_row(row, now), told_at=told_at[row.id]) for row in rows]
    owed = [owed for stage in Stage for owed in _stages(connection, stage, now, until, limit)]
    return Overview(
        open=tuple(sorted(going_on, key=lambda row: (row.severity, -row.id))),
        open_count=_count(connection, select(func.count()).where(running)),
        stages=tuple(sorted(owed, key=lambda row: row.due_at)[:limit]),
        stages_count=sum(_count(connection, select(func.count()).where(due < until)) for due in list(_DUE.values())),
        actions=_actions(connection, policy, until, limit),
        actions_count=_count(connection, select(func.count()).select_from(t.actions).where(*_owed_until(until))),
    )


def _told_at(connection: Connection, opened_at: dict[int, datetime]) -> dict[int, datetime]:
    """Return when people were last informed about these incidents."""
    events, episodes = defaultdict(list), defaultdict(list)
    query = select(t.events).where(t.events.c.incident_id.in_(opened_at)).order_by(t.events.c.id)
    for row in connection.execute(query):
        events[row.incident_id].append(event_of(row))
    for row in connection.execute(select(t.episodes).where(t.episodes.c.incident_id.in_(opened_at))):
        episodes[row.incident_id].append(episode_of(row))
    return {i: last_told_at(at, effective(events[i]).events, episodes[i]) for i, at in opened_at.items()}


def _stages(connection: Connection, stage: Stage, now: datetime, until: datetime, limit: int) -> list[StageOwed]:
    due_at = _DUE[stage]
    rows = connection.execute(select(t.incidents).where(due_at < until).order_by(due_at).limit(limit))
    incidents = (_row(row, now) for row in rows)
    return [StageOwed(incident, stage, incident.due[stage]) for incident in incidents]


def _owed_until(until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (t.actions.c.state == ActionState.OPEN, t.actions.c.due_at < until)


def _actions(connection: Connection, policy: Policy, until: datetime, limit: int) -> tuple[ActionOwed, ...]:
    """Read the actions with their owners, which are stored only in the incident's history."""
    c = t.actions.c
    rows = connection.execute(
        select(c.incident_id, c.action_id).where(*_owed_until(until)).order_by(c.due_at).limit(limit)
    )
    keys = [(row.incident_id, row.action_id) for row in rows]
    records = {i: incident_record(connection, i, policy) for i in dict.fromkeys(i for i, _ in keys)}
    incidents = {i: record.incident for i, record in records.items() if record is not None}
    return tuple(
        ActionOwed(i, incidents[i].title, action)
        for i, action_id in keys
        if i in incidents
        for action in incidents[i].actions
        if action.action_id == action_id
    )


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.scalar(query) or 0


def _row(row: Row[Any], now: datetime) -> IncidentRow:
    due = {Stage.DRAFT: row.draft_due_at, Stage.FINAL: row.final_due_at}
    return IncidentRow(
        id=row.id,
        title=row.title,
        severity=Severity(row.severity),
        phase=Phase(row.phase),
        types=tuple(row.types.split(",")) if row.types else (),
        milestones=milestones_of(row),
        opened_at=row.opened_at,
        stale=row.stale_at is not None and row.stale_at < now,
        due={stage: at for stage, at in due.items() if at is not None},
    )
