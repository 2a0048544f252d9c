"""What the first page and the weekly review show: what is open, and what is due by some instant."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from service.domain.actions import Action
from service.domain.policy import Policy, Stage
from service.store import tables as t
from service.store.histories import histories_of
from service.store.incidents import DUE, IncidentRow
from service.store.snapshot import ACTION_IS_OPEN, IS_OPEN, count, dated_actions, due_incidents, open_incidents


@dataclass(frozen=True, slots=True)
class DueStage:
    """An outstanding stage of a postmortem."""

    incident: IncidentRow
    stage: Stage
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DueAction:
    """An action that is not completed, and the id of its incident."""

    incident_id: int
    action: Action


@dataclass(frozen=True, slots=True)
class Overview:
    """What is open, and what is due by some instant, overdue or not, most urgent first; counts are complete."""

    open: tuple[IncidentRow, ...]
    open_count: int
    stages: tuple[DueStage, ...]
    stages_count: int
    actions: tuple[DueAction, ...]
    actions_count: int


def overview_of(connection: Connection, policy: Policy, until: datetime, limit: int) -> Overview:
    """Return what is open and what is due by `until`; at most `limit` of each are listed, the latest reported ones."""
    open_rows = open_incidents(connection, limit)
    stages = [
        DueStage(row, stage, row.due[stage])
        for stage in Stage
        for row in due_incidents(connection, stage, limit, until)
    ]
    return Overview(
        open=tuple(sorted(open_rows, key=lambda row: (row.severity, -row.id))),
        open_count=count(connection, IS_OPEN),
        stages=tuple(sorted(stages, key=lambda due: due.due_at)[:limit]),
        stages_count=sum(count(connection, due_at < until) for due_at in DUE.values()),
        actions=_actions(connection, policy, until, limit),
        actions_count=count(connection, ACTION_IS_OPEN, t.actions.c.due_at < until),
    )


def _actions(connection: Connection, policy: Policy, until: datetime, limit: int) -> tuple[DueAction, ...]:
    """Return the actions with their titles and owners, which only the histories of their incidents have."""
    rows = dated_actions(connection, limit, until)
    histories = histories_of(connection, {row.incident_id for row in rows}, policy)
    return tuple(
        DueAction(row.incident_id, action)
        for row in rows
        for action in histories[row.incident_id].incident.actions
        if action.action_id == row.action_id
    )
