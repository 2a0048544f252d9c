"""What is open or outstanding at one moment, and the running totals: the data behind the metrics."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import Connection

from service.domain.actions import ActionState
from service.domain.budgets import BudgetTotal
from service.domain.incident import Phase
from service.domain.policy import Indicator, Severity, Stage
from service.domain.totals import IncidentCount, Total
from service.store import snapshot_queries as queries
from service.store.budgets import RECENT
from service.store.incidents import IncidentRow, remembered_row
from service.store.types import InstantColumn


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


REMEMBERED = 1000
"""Totals that are not made of their rows for every scrape."""
_INDICATORS = {member.value: member for member in (*Indicator, *IncidentCount)}


def snapshot_of(connection: Connection, now: datetime, cap: int, labels: Sequence[str] = ()) -> Snapshot:
    """Return the running totals, and what is open and outstanding at `now`; each list has at most `cap` entries.

    What is overdue is also counted by the values of `labels`.
    """
    recent = now - RECENT
    [counts] = queries.COUNTS.rows(connection, now=now, recent=recent)
    open_counts = {(Severity(r.severity), Phase(r.phase)): r.number for r in queries.OPEN.rows(connection)}
    due_counts = {
        (Severity(r.severity), Stage(r.stage), r.overdue): r.number for r in queries.OWED.rows(connection, now=now)
    }
    open_rows = [remembered_row(row) for row in queries.OPEN_ROWS.raw(connection, limit=cap)]
    due_rows = _next_due(connection, cap, open_rows)
    live_rows = by_turns(open_rows, due_rows)[:cap]
    actions, unverified = _actions(connection, now)
    due_actions = [OutstandingAction(*row) for row in queries.DATED_ACTIONS.rows(connection, limit=cap)]
    completed = queries.UNVERIFIED_ACTIONS.rows(connection, limit=cap)
    unverified_actions = [OutstandingAction(*row) for row in completed if row.completed_at is not None]
    with_actions = _with_actions(connection, [*due_actions, *unverified_actions], live_rows)
    budgets = queries.LATEST_BUDGETS.rows(connection, recent=recent, limit=cap)
    open_count, due_count = sum(open_counts.values()), sum(due_counts.values()) - counts.both_stages
    passing = (counts.stale_at, counts.draft_at, counts.final_at, counts.action_at)
    return Snapshot(
        totals=_totals(connection),
        budget_totals=[
            BudgetTotal(row.slo, Severity(row.severity), row.spent_ratio, row.incidents)
            for row in queries.BUDGET_TOTALS.rows(connection)
        ],
        open=open_counts,
        stale=counts.stale,
        due=due_counts,
        open_rows=open_rows,
        due_rows=due_rows,
        live_rows=[*live_rows, *with_actions],
        actions=actions,
        due_actions=due_actions,
        unverified=unverified,
        unverified_actions=unverified_actions,
        budgets={(row.incident_id, row.slo): row.spent_ratio for row in budgets},
        capped={
            "open": max(0, open_count - cap),
            "due": max(0, due_count - cap),
            "live": open_count
            + due_count
            - counts.open_and_due
            - sum(is_live(row) for row in (*live_rows, *with_actions)),
            "actions": max(0, counts.dated_actions - cap),
            "unverified": max(0, sum(unverified.values()) - cap),
            "budgets": counts.recent_budgets - len(budgets),
        },
        overdue_by_value=_overdue_by_value(connection, now, labels),
        changes_at=min((at for at in passing if at is not None), default=None),
    )


def by_turns(first: Sequence[IncidentRow], second: Sequence[IncidentRow]) -> list[IncidentRow]:
    """Return the incidents of two lists, alternating, each once."""
    turns = chain.from_iterable(zip_longest(first, second))
    return list({row.id: row for row in turns if row is not None}.values())


def is_live(row: IncidentRow) -> bool:
    """Return whether an incident is open, or has a stage outstanding."""
    return row.stale_at is not None or bool(row.due)


def _next_due(connection: Connection, cap: int, open_rows: Sequence[IncidentRow]) -> list[IncidentRow]:
    """Return the incidents whose next stage is due first: they are among the first of each stage.

    Most are open, too: only the others are read.
    """
    next_due: dict[int, datetime] = {}
    for query in queries.NEXT_DUE:
        rows = query.rows(connection, limit=cap)
        next_due |= {i: min(at for at in dates if at is not None) for i, *dates in rows}
    ids = sorted(next_due, key=lambda i: (next_due[i], i))[:cap]
    incidents = {row.id: row for row in open_rows}
    incidents |= {row.id: row for row in _by_id(connection, set(ids) - incidents.keys())}
    return [incidents[i] for i in ids]


def _by_id(connection: Connection, ids: Collection[int]) -> list[IncidentRow]:
    """Return incidents, in order of id."""
    return [remembered_row(row) for row in queries.ROWS.raw(connection, values=list(ids))] if ids else []


def _overdue_by_value(connection: Connection, now: datetime, labels: Sequence[str]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {label: Counter() for label in labels}
    rows = queries.overdue_by_values(tuple(labels)).rows(connection, now=now) if labels else ()
    for *values, number in rows:
        for label, value in zip(labels, values, strict=True):
            counts[label][value] += number
    return counts


def _with_actions(
    connection: Connection, actions: Sequence[OutstandingAction], listed: Sequence[IncidentRow]
) -> list[IncidentRow]:
    """Return the incidents of actions that are not listed already, in order of id."""
    return _by_id(connection, {action.incident_id for action in actions} - {row.id for row in listed})


def _actions(connection: Connection, now: datetime) -> tuple[dict[tuple[str, bool], int], dict[str, int]]:
    """Count the actions that are not completed, by type and whether they are overdue, and those not verified."""
    rows = queries.ACTIONS.rows(connection, now=now)
    unverified: Counter[str] = Counter()
    for row in rows:
        if row.state == ActionState.COMPLETED:
            unverified[row.action_type] += row.number
    return {(r.action_type, r.overdue): r.number for r in rows if r.state == ActionState.OPEN}, unverified


def _totals(connection: Connection) -> list[Total]:
    return [_total(row) for row in queries.TOTALS.raw(connection)]


@lru_cache(REMEMBERED)
def _total(row: tuple[Any, ...]) -> Total:
    indicator, severity, source, le, number, seconds, incident, sample, at = row
    exemplar = (incident, sample, InstantColumn.read(at))
    return Total(_INDICATORS[indicator], Severity(severity), source, le, number, seconds, *exemplar)
