"""What is open or outstanding at one moment, and the running totals: the data behind the metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from service.domain.actions import ActionState
from service.domain.budgets import BudgetTotal
from service.domain.incident import Phase
from service.domain.policy import Indicator, Severity, Stage
from service.domain.totals import IncidentCount, Total
from service.store import tables as t
from service.store.breakdown import value_of
from service.store.budgets import RECENT, budget_totals, latest_budgets
from service.store.incidents import DUE, IncidentRow, row_of
from service.store.statements import CHUNK

IS_OPEN = t.incidents.c.stale_at.is_not(None)
ACTION_IS_OPEN = t.actions.c.state == ActionState.OPEN
_IS_UNVERIFIED = t.actions.c.state == ActionState.COMPLETED
_IS_DATED = t.actions.c.due_at.is_not(None)


@dataclass(frozen=True, slots=True)
class OutstandingAction:
    """One action that is not completed, due at `at`; or one that is completed and not verified, since `at`."""

    incident_id: int
    action_id: str
    action_type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of a moment are complete; the lists are capped, and `capped` says how many each leaves out.

    `open_rows` has the most recently reported incidents first, `due_rows` those whose next stage is due first,
    `live_rows` alternates between the two, and then has those with outstanding actions. `budgets` has the shares of
    error budgets, by incident and objective, of those detected last. Keys of `due` and `actions` include whether they
    are overdue; `overdue_by_value` counts overdue stages by label and value. `changes_at` is when the next deadline
    passes, or the next incident becomes stale.
    """

    totals: Sequence[Total]
    open: dict[tuple[Severity, Phase], int]
    stale: int
    due: dict[tuple[Severity, Stage, bool], int]
    open_rows: Sequence[IncidentRow]
    due_rows: Sequence[IncidentRow]
    live_rows: Sequence[IncidentRow]
    actions: dict[tuple[str, bool], int]
    due_actions: Sequence[OutstandingAction]
    unverified: dict[str, int]
    unverified_actions: Sequence[OutstandingAction]
    capped: dict[str, int]
    overdue_by_value: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    budgets: Mapping[tuple[int, str], float] = field(default_factory=dict)
    budget_totals: Sequence[BudgetTotal] = ()
    changes_at: datetime | None = None


_INDICATORS = {member.value: member for member in (*Indicator, *IncidentCount)}


def snapshot_of(connection: Connection, now: datetime, cap: int, labels: Sequence[str] = ()) -> Snapshot:
    """Return the running totals, and what is open and outstanding at `now`; each list has at most `cap` entries.

    What is overdue is also counted by the values of `labels`.
    """
    open_counts, due_counts, unverified = _open(connection), _due(connection, now), _unverified(connection)
    open_rows = open_incidents(connection, cap)
    due_rows = _next_due(connection, cap, open_rows)
    both_stages = count(connection, *(due_at.is_not(None) for due_at in DUE.values()))
    open_and_due = count(connection, IS_OPEN, or_(*(due_at.is_not(None) for due_at in DUE.values())))
    due_actions, unverified_actions = dated_actions(connection, cap), _unverified_actions(connection, cap)
    live_rows = by_turns(open_rows, due_rows)[:cap]
    with_actions = _with_actions(connection, [*due_actions, *unverified_actions], live_rows)
    budgets = latest_budgets(connection, now - RECENT, cap)
    open_count, due_count = sum(open_counts.values()), sum(due_counts.values()) - both_stages
    return Snapshot(
        totals=_totals(connection),
        budget_totals=budget_totals(connection),
        open=open_counts,
        stale=count(connection, t.incidents.c.stale_at < now),
        due=due_counts,
        open_rows=open_rows,
        due_rows=due_rows,
        live_rows=[*live_rows, *with_actions],
        actions=_actions(connection, now),
        due_actions=due_actions,
        unverified=unverified,
        unverified_actions=unverified_actions,
        budgets=budgets,
        capped={
            "open": max(0, open_count - cap),
            "due": max(0, due_count - cap),
            "live": open_count + due_count - open_and_due - sum(is_live(row) for row in (*live_rows, *with_actions)),
            "actions": max(0, count(connection, ACTION_IS_OPEN, _IS_DATED) - cap),
            "unverified": max(0, sum(unverified.values()) - cap),
            "budgets": count(connection, t.error_budgets.c.detected_at > now - RECENT) - len(budgets),
        },
        overdue_by_value={label: _overdue_by_value(connection, now, label) for label in labels},
        changes_at=_changes_at(connection, now),
    )


def count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows of a table meet all conditions."""
    return connection.scalar(select(func.count()).where(*conditions)) or 0


# -- incidents -------------------------------------------------------------------------------------------------------


def open_incidents(connection: Connection, limit: int) -> list[IncidentRow]:
    """Return the open incidents, the most recently reported first."""
    c = t.incidents.c
    # By `stale_at`, whose index holds only open incidents; by id, SQLite would read every incident ever stored.
    return _rows(connection, select(t.incidents).where(IS_OPEN).order_by(c.stale_at.desc(), c.id.desc()), limit)


def worst_open_incidents(connection: Connection, limit: int, *conditions: ColumnElement[bool]) -> list[IncidentRow]:
    """Return the open incidents, the worst severity first, then the earliest detected."""
    c = t.incidents.c
    detected_at = func.coalesce(c.detected_at, c.opened_at)
    query = select(t.incidents).where(IS_OPEN, *conditions)
    return _rows(connection, query.order_by(c.severity, detected_at, c.id), limit)


def open_by_severity(connection: Connection, *conditions: ColumnElement[bool]) -> dict[Severity, int]:
    """Count the open incidents of each severity that has any, the worst first."""
    c = t.incidents.c
    query = select(c.severity, func.count()).where(IS_OPEN, *conditions).group_by(c.severity).order_by(c.severity)
    return {Severity(severity): number for severity, number in connection.execute(query)}


def due_incidents(
    connection: Connection, stage: Stage, limit: int, until: datetime | None = None, *conditions: ColumnElement[bool]
) -> list[IncidentRow]:
    """Return the incidents with this stage outstanding, by `until` if that is given, the earliest due first."""
    due_at = DUE[stage]
    is_due = due_at.is_not(None) if until is None else due_at < until
    return _rows(connection, select(t.incidents).where(is_due, *conditions).order_by(due_at), limit)


def by_turns(first: Sequence[IncidentRow], second: Sequence[IncidentRow]) -> list[IncidentRow]:
    """Return the incidents of two lists, alternating, each once."""
    turns = chain.from_iterable(zip_longest(first, second))
    return list({row.id: row for row in turns if row is not None}.values())


def is_live(row: IncidentRow) -> bool:
    """Return whether an incident is open, or has a stage outstanding."""
    return row.stale_at is not None or bool(row.due)


def _rows(connection: Connection, query: Select[Any], limit: int) -> list[IncidentRow]:
    return [row_of(row) for row in connection.execute(query.limit(limit))]


def _next_due(connection: Connection, cap: int, open_rows: Sequence[IncidentRow]) -> list[IncidentRow]:
    """Return the incidents whose next stage is due first: they are among the first of each stage.

    Most are open, too: only the others are read.
    """
    next_due: dict[int, datetime] = {}
    for due_at in DUE.values():
        query = select(t.incidents.c.id, *DUE.values()).where(due_at.is_not(None)).order_by(due_at).limit(cap)
        next_due |= {i: min(at for at in dates if at is not None) for i, *dates in connection.execute(query)}
    ids = sorted(next_due, key=lambda i: (next_due[i], i))[:cap]
    rows = {row.id: row for row in open_rows}
    rows |= {row.id: row for row in _by_id(connection, set(ids) - rows.keys())}
    return [rows[i] for i in ids]


def _by_id(connection: Connection, ids: Iterable[int]) -> list[IncidentRow]:
    """Return incidents, in order of id."""
    c, ordered = t.incidents.c, sorted(ids)
    query = select(t.incidents).order_by(c.id)
    chunks = (ordered[i : i + CHUNK] for i in range(0, len(ordered), CHUNK))
    return [row for chunk in chunks for row in _rows(connection, query.where(c.id.in_(chunk)), len(chunk))]


def _open(connection: Connection) -> dict[tuple[Severity, Phase], int]:
    c = t.incidents.c
    query = select(c.severity, c.phase, func.count()).where(IS_OPEN).group_by(c.severity, c.phase)
    return {(Severity(severity), Phase(phase)): number for severity, phase, number in connection.execute(query)}


def _due(connection: Connection, now: datetime) -> dict[tuple[Severity, Stage, bool], int]:
    counts: dict[tuple[Severity, Stage, bool], int] = {}
    for stage, due_at in DUE.items():
        overdue = (due_at < now).label("overdue")
        query = select(t.incidents.c.severity, overdue, func.count()).where(due_at.is_not(None))
        for severity, late, number in connection.execute(query.group_by(t.incidents.c.severity, overdue)):
            counts[Severity(severity), stage, bool(late)] = number
    return counts


def _overdue_by_value(connection: Connection, now: datetime, label: str) -> Counter[str]:
    value = value_of(label, connection.dialect)
    counts: Counter[str] = Counter()
    for due_at in DUE.values():
        for text, number in connection.execute(select(value, func.count()).where(due_at < now).group_by(value)):
            counts[text] += number
    return counts


# -- actions ---------------------------------------------------------------------------------------------------------


def dated_actions(
    connection: Connection, limit: int, until: datetime | None = None, *conditions: ColumnElement[bool]
) -> list[OutstandingAction]:
    """Return the actions that are not completed and due, by `until` if that is given, the earliest due first."""
    c = t.actions.c
    is_due = _IS_DATED if until is None else c.due_at < until
    query = select(c.incident_id, c.action_id, c.action_type, c.due_at).where(ACTION_IS_OPEN, is_due, *conditions)
    return [OutstandingAction(*row) for row in connection.execute(query.order_by(c.due_at).limit(limit))]


def _with_actions(
    connection: Connection, actions: Sequence[OutstandingAction], listed: Sequence[IncidentRow]
) -> list[IncidentRow]:
    """Return the incidents of actions that are not listed already, in order of id."""
    return _by_id(connection, {action.incident_id for action in actions} - {row.id for row in listed})


def _actions(connection: Connection, now: datetime) -> dict[tuple[str, bool], int]:
    overdue = func.coalesce(t.actions.c.due_at < now, False).label("overdue")
    query = select(t.actions.c.action_type, overdue, func.count()).where(ACTION_IS_OPEN)
    rows = connection.execute(query.group_by(t.actions.c.action_type, overdue))
    return {(action_type, bool(late)): number for action_type, late, number in rows}


def _unverified(connection: Connection) -> dict[str, int]:
    c = t.actions.c
    rows = connection.execute(select(c.action_type, func.count()).where(_IS_UNVERIFIED).group_by(c.action_type))
    return dict(rows.all())


def _unverified_actions(connection: Connection, cap: int) -> list[OutstandingAction]:
    c = t.actions.c
    query = select(c.incident_id, c.action_id, c.action_type, c.completed_at).where(_IS_UNVERIFIED)
    rows = connection.execute(query.order_by(c.completed_at).limit(cap))
    return [OutstandingAction(*row) for row in rows if row.completed_at is not None]


# -- all of it -------------------------------------------------------------------------------------------------------


def _totals(connection: Connection) -> list[Total]:
    return [
        Total(
            indicator=_INDICATORS[row.indicator],
            severity=Severity(row.severity),
            resolution_source=row.resolution_source,
            le=row.le,
            count=row.number,
            seconds=row.seconds,
            exemplar_incident=row.exemplar_incident,
            exemplar_seconds=row.exemplar_seconds,
            exemplar_at=row.exemplar_at,
        )
        for row in connection.execute(select(t.totals))
    ]


def _changes_at(connection: Connection, now: datetime) -> datetime | None:
    """Return the next instant at which a time that is compared with `now` passes."""
    due_at = t.actions.c.due_at
    queries = [select(func.min(c)).where(c >= now) for c in (t.incidents.c.stale_at, *DUE.values())]
    queries.append(select(func.min(due_at)).where(ACTION_IS_OPEN, due_at >= now))
    return min((at for query in queries if (at := connection.scalar(query)) is not None), default=None)
