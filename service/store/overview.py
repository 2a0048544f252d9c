"""What the first page and the weekly review show: what is open, and what is due by some instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, Connection, func, select

from service.domain.actions import Action
from service.domain.clocks import due_next, urgency
from service.domain.policy import Policy, Severity, Stage
from service.store import tables as t
from service.store.breakdown import have_values
from service.store.histories import histories_of
from service.store.incidents import DUE, ROW_COLUMNS, IncidentRow, row_of
from service.store.snapshot import OutstandingAction
from service.store.snapshot_queries import ACTION_IS_OPEN, IS_OPEN, due_actions

MAX_SORTED = 1000
"""Open incidents that are sorted by their clocks; of more, the worst severities and the earliest detections."""


@dataclass(frozen=True, slots=True)
class DueStage:
    """An outstanding stage of a postmortem."""

    incident: IncidentRow
    stage: Stage
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DueAction:
    """An action that is not completed, and the id and dimensions of its incident."""

    incident_id: int
    action: Action
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overview:
    """What is open, and what is due by some instant, overdue or not, most urgent first; counts are complete."""

    open: tuple[IncidentRow, ...]
    open_counts: Mapping[Severity, int]
    stages: tuple[DueStage, ...]
    stages_count: int
    actions: tuple[DueAction, ...]
    actions_count: int

    @property
    def open_count(self) -> int:
        """Return how many incidents are open."""
        return sum(self.open_counts.values())


@dataclass(frozen=True, slots=True)
class OverdueCounts:
    """How many stages of postmortems and actions are overdue."""

    stages: int
    actions: int


def overview_of(
    connection: Connection,
    policy: Policy,
    until: datetime,
    limit: int,
    open_limit: int | None = None,
    *,
    dimensions: Mapping[str, str] = MappingProxyType({}),
) -> Overview:
    """Return what is open and what is due by `until`, of the incidents with these values of dimensions.

    At most `limit` of each are listed, `open_limit` of open ones.
    """
    is_listed = list(have_values(dimensions, connection.dialect))
    has_listed_incident = _of_incidents(is_listed)
    stages = [
        DueStage(row, stage, row.due[stage])
        for stage in Stage
        for row in _due_incidents(connection, stage, limit, until, is_listed)
    ]
    return Overview(
        open=_worst(connection, policy, open_limit or limit, is_listed),
        open_counts=_open_by_severity(connection, is_listed),
        stages=tuple(sorted(stages, key=lambda due: due.due_at)[:limit]),
        stages_count=sum(_count(connection, due_at < until, *is_listed) for due_at in DUE.values()),
        actions=_actions(connection, policy, until, limit, has_listed_incident),
        actions_count=_count(connection, ACTION_IS_OPEN, t.actions.c.due_at < until, *has_listed_incident),
    )


def overdue_counts(
    connection: Connection, now: datetime, *, dimensions: Mapping[str, str] = MappingProxyType({})
) -> OverdueCounts:
    """Count what is overdue at `now`, of the incidents with these values of dimensions."""
    is_listed = list(have_values(dimensions, connection.dialect))
    return OverdueCounts(
        stages=sum(_count(connection, due_at < now, *is_listed) for due_at in DUE.values()),
        actions=_count(connection, ACTION_IS_OPEN, t.actions.c.due_at < now, *_of_incidents(is_listed)),
    )


def _of_incidents(conditions: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """Return the condition that an action is of an incident that meets conditions; none without conditions."""
    listed = select(t.incidents.c.id).where(*conditions)
    return [t.actions.c.incident_id.in_(listed)] if conditions else []


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows of a table meet all conditions."""
    return connection.scalar(select(func.count()).where(*conditions)) or 0


def _open_by_severity(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> dict[Severity, int]:
    """Count the open incidents of each severity that has any, the worst first."""
    severity = t.incidents.c.severity
    query = select(severity, func.count()).where(IS_OPEN, *conditions).group_by(severity).order_by(severity)
    return {Severity(name): number for name, number in connection.execute(query)}


def _due_incidents(
    connection: Connection, stage: Stage, limit: int, until: datetime, conditions: Sequence[ColumnElement[bool]]
) -> list[IncidentRow]:
    """Return the incidents with this stage outstanding by `until`, the earliest due first."""
    query = select(*ROW_COLUMNS).where(DUE[stage] < until, *conditions).order_by(DUE[stage]).limit(limit)
    return [row_of(row) for row in connection.execute(query)]


def _worst(
    connection: Connection, policy: Policy, limit: int, conditions: Sequence[ColumnElement[bool]]
) -> tuple[IncidentRow, ...]:
    """Return the open incidents by severity, then by the clock that runs out next (without the next update's)."""

    def key(row: IncidentRow) -> tuple[Severity, datetime, int]:
        return urgency(row.severity, due_next(row.milestones, row.due, row.severity, policy, None), row.id)

    c = t.incidents.c
    query = select(*ROW_COLUMNS).where(IS_OPEN, *conditions)
    query = query.order_by(c.severity, func.coalesce(c.detected_at, c.opened_at), c.id).limit(max(limit, MAX_SORTED))
    return tuple(sorted((row_of(row) for row in connection.execute(query)), key=key)[:limit])


def _actions(
    connection: Connection, policy: Policy, until: datetime, limit: int, conditions: Sequence[ColumnElement[bool]]
) -> tuple[DueAction, ...]:
    """Return the actions with their titles and owners, which only the histories of their incidents have."""
    query = due_actions(t.actions.c.due_at < until).where(*conditions).limit(limit)
    rows = [OutstandingAction(*row) for row in connection.execute(query)]
    histories = histories_of(connection, {row.incident_id for row in rows}, policy)
    return tuple(
        DueAction(row.incident_id, action, incident.dimensions)
        for row in rows
        for incident in (histories[row.incident_id].incident,)
        for action in incident.actions
        if action.action_id == row.action_id
    )
