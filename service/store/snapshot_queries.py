"""The queries by which a scrape reads what is open and outstanding: a fixed number of statements, compiled once."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Integer, Select, bindparam, case, func, literal, or_, select, union_all

from service.domain.actions import ActionState
from service.store import tables as t
from service.store.breakdown import value_of
from service.store.incidents import DUE, ROW_COLUMNS
from service.store.statements import Read, among

_c, _actions, _budgets = t.incidents.c, t.actions.c, t.error_budgets.c
NOW, RECENT = (bindparam(name, type_=_c.stale_at.type) for name in ("now", "recent"))
LIMIT = bindparam("limit", type_=Integer())
IS_OPEN = _c.stale_at.is_not(None)
ACTION_IS_OPEN = _actions.state == ActionState.OPEN
_IS_DATED = _actions.due_at.is_not(None)
_IS_UNVERIFIED = _actions.state == ActionState.COMPLETED
_ARE_OWED = [due_at.is_not(None) for due_at in DUE.values()]


def due_actions(is_due: ColumnElement[bool]) -> Select[Any]:
    """Return the query of the actions that are not completed and due, the earliest first."""
    columns = (_actions.incident_id, _actions.action_id, _actions.action_type, _actions.due_at)
    return select(*columns).where(ACTION_IS_OPEN, is_due).order_by(_actions.due_at)


def _read(query: Any) -> Read:
    return Read(lambda _: query)


def _count(name: str, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.count()).where(*conditions).scalar_subquery().label(name)


def _next(name: str, at: ColumnElement[datetime], *conditions: ColumnElement[bool]) -> ColumnElement[datetime]:
    return select(func.min(at)).where(at >= NOW, *conditions).scalar_subquery().label(name)


COUNTS = _read(
    select(
        _count("stale", _c.stale_at < NOW),
        _count("both_stages", *_ARE_OWED),
        _count("open_and_due", IS_OPEN, or_(*_ARE_OWED)),
        _count("dated_actions", ACTION_IS_OPEN, _IS_DATED),
        _count("recent_budgets", _budgets.detected_at > RECENT),
        _next("stale_at", _c.stale_at),
        *(_next(f"{stage}_at", due_at) for stage, due_at in DUE.items()),
        _next("action_at", _actions.due_at, ACTION_IS_OPEN),
    )
)
"""Complete counts, and the next instants at which a time that is compared with `now` passes."""
OPEN = _read(select(_c.severity, _c.phase, func.count().label("number")).where(IS_OPEN).group_by(_c.severity, _c.phase))


def _due(stage: str, due_at: ColumnElement[datetime]) -> Select[Any]:
    overdue = (due_at < NOW).label("overdue")
    query = select(literal(stage).label("stage"), _c.severity, overdue, func.count().label("number"))
    return query.where(due_at.is_not(None)).group_by(_c.severity, overdue)


OWED = _read(union_all(*(_due(stage, due_at) for stage, due_at in DUE.items())))
NEXT_DUE = [
    _read(select(_c.id, *DUE.values()).where(due_at.is_not(None)).order_by(due_at).limit(LIMIT))
    for due_at in DUE.values()
]
# By `stale_at`, whose index holds only open incidents; by id, SQLite would read every incident ever stored.
OPEN_ROWS = _read(select(*ROW_COLUMNS).where(IS_OPEN).order_by(_c.stale_at.desc(), _c.id.desc()).limit(LIMIT))
ROWS = Read(lambda dialect: select(*ROW_COLUMNS).where(among(_c.id, dialect)).order_by(_c.id))
_overdue_action = func.coalesce(_actions.due_at < NOW, False).label("overdue")
ACTIONS = _read(
    select(_actions.state, _actions.action_type, _overdue_action, func.count().label("number"))
    .where(or_(ACTION_IS_OPEN, _IS_UNVERIFIED))
    .group_by(_actions.state, _actions.action_type, _overdue_action)
)
DATED_ACTIONS = _read(due_actions(_IS_DATED).limit(LIMIT))
UNVERIFIED_ACTIONS = _read(
    select(_actions.incident_id, _actions.action_id, _actions.action_type, _actions.completed_at)
    .where(_IS_UNVERIFIED)
    .order_by(_actions.completed_at)
    .limit(LIMIT)
)
TOTALS = _read(select(t.totals))
BUDGET_TOTALS = _read(select(t.budget_totals))
LATEST_BUDGETS = _read(
    select(_budgets.incident_id, _budgets.slo, _budgets.spent_ratio)
    .where(_budgets.detected_at > RECENT)
    .order_by(_budgets.detected_at.desc(), _budgets.incident_id.desc(), _budgets.slo)
    .limit(LIMIT)
)


@cache
def overdue_by_values(labels: tuple[str, ...]) -> Read:
    """Return the query of the numbers of overdue stages by the values of labels, at least one."""

    def make(dialect: Dialect) -> Select[Any]:
        values: list[Any] = [value_of(label, dialect).label(f"value_{i}") for i, label in enumerate(labels)]
        are_overdue = [due_at < NOW for due_at in DUE.values()]
        numbers = (func.sum(case((is_overdue, 1), else_=0)) for is_overdue in are_overdue)
        number: Any = sum(numbers, literal(0))
        return select(*values, number.label("number")).where(or_(*are_overdue)).group_by(*values)

    return Read(make)
