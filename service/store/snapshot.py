"""The data behind the metrics: running totals, what is open or outstanding, and the incidents of the recent past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from service.domain.actions import ActionState
from service.domain.incident import Phase
from service.domain.policy import Indicator, Milestone, Severity, Stage
from service.domain.recovery import ResolutionSource
from service.domain.totals import IncidentCount, Total
from service.store import tables as t
from service.store.from_rows import milestones_of


@dataclass(frozen=True, slots=True)
class Recent:
    """An incident detected within the longest window, or opened within it if its detection is unknown."""

    severity: Severity
    phase: Phase
    resolution_source: ResolutionSource | None
    milestones: dict[Milestone, datetime]
    outlived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """An incident that is open or has a postmortem outstanding; `due` holds the outstanding stages."""

    id: int
    title: str
    severity: Severity
    phase: Phase
    types: tuple[str, ...]
    milestones: dict[Milestone, datetime]
    deadlines_from: datetime
    due: dict[Stage, datetime]


@dataclass(frozen=True, slots=True)
class ActionDue:
    """An open action with a due date."""

    incident_id: int
    action_id: str
    action_type: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ActionUnverified:
    """A completed action whose verification is outstanding."""

    incident_id: int
    action_id: str
    action_type: str
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All data of one snapshot. The lists are capped, `capped` counts what they omit; the mappings are counts.

    `watched_open` has the most recently reported incidents first, `watched_owing` those whose next stage is due first,
    `watched_live` alternates between the two.
    `changes_at` is when the next deadline passes, or the next incident becomes stale.
    """

    totals: Sequence[Total]
    open: dict[tuple[Severity, Phase], int]
    stale: int
    owed: dict[tuple[Severity, Stage, bool], int]
    watched_open: Sequence[Watched]
    watched_owing: Sequence[Watched]
    watched_live: Sequence[Watched]
    actions: dict[tuple[str, bool], int]
    actions_due: Sequence[ActionDue]
    unverified: dict[str, int]
    actions_unverified: Sequence[ActionUnverified]
    capped: dict[str, int]
    changes_at: datetime | None = None


_LIVE = t.incidents.c.merged_into.is_(None)
_OPEN = t.incidents.c.stale_at.is_not(None)
_INDICATORS = {member.value: member for member in (*Indicator, *IncidentCount)}
_DUE = {Stage.DRAFT: t.incidents.c.draft_due_at, Stage.FINAL: t.incidents.c.final_due_at}


def read_snapshot(connection: Connection, now: datetime, cap: int) -> Snapshot:
    """Read the snapshot. Keys of `owed` and `actions` include whether they are overdue at `now`."""
    open_counts = _open(connection)
    owed = _owed(connection, now)
    actions = _actions(connection, now)
    # By `stale_at`, whose index holds only open incidents; by id, SQLite would read every incident ever stored.
    heard_last = select(t.incidents).where(_OPEN).order_by(t.incidents.c.stale_at.desc(), t.incidents.c.id.desc())
    watched_open = _watched(connection, heard_last, cap)
    watched_owing = _watched_owing(connection, cap)
    actions_due = _actions_due(connection, cap)
    unverified = _unverified(connection)
    open_count, owing = sum(open_counts.values()), _owing(connection, sum(owed.values()), cap)
    return Snapshot(
        totals=_totals(connection),
        open=open_counts,
        stale=connection.scalar(select(func.count()).where(t.incidents.c.stale_at < now)) or 0,
        owed=owed,
        watched_open=watched_open,
        watched_owing=watched_owing,
        watched_live=by_turns(watched_open, watched_owing)[:cap],
        actions=actions,
        actions_due=actions_due,
        unverified=unverified,
        actions_unverified=_actions_unverified(connection, cap),
        capped={
            "open": max(0, open_count - cap),
            "owing": max(0, owing - cap),
            "live": max(0, _live(connection, open_count + owing, cap) - cap),
            "actions": max(0, _dated_actions(connection) - cap),
            "unverified": max(0, sum(unverified.values()) - cap),
        },
        changes_at=_changes_at(connection, now),
    )


def _changes_at(connection: Connection, now: datetime) -> datetime | None:
    """Return the next instant at which a time that is compared with `now` passes."""
    open_actions = select(func.min(t.actions.c.due_at)).where(t.actions.c.state == ActionState.OPEN)
    columns = (t.incidents.c.stale_at, *_DUE.values())
    queries = [*(select(func.min(c)).where(c >= now) for c in columns), open_actions.where(t.actions.c.due_at >= now)]
    return min((at for query in queries if (at := connection.scalar(query)) is not None), default=None)


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


def visit_recent(connection: Connection, since: datetime, visit: Callable[[Recent], None]) -> None:
    """Call `visit` with each incident detected after `since` that has more than a detection, without building a list.

    Incidents that were only detected, thousands in an alert storm, have no interval yet and lack nothing.
    """
    c = t.incidents.c
    columns = {m: c[f"{m.value}_at"] for m in Milestone}
    more = or_(*(column.is_not(None) for milestone, column in columns.items() if milestone is not Milestone.DETECTED))
    query = select(c.severity, c.phase, c.resolution_source, c.outlived_at, *columns.values())
    query = query.where(_LIVE, c.phase != Phase.DISMISSED, more)
    detected = query.where(c.detected_at > since)
    undetected = query.where(c.detected_at.is_(None), c.opened_at > since)
    for query in (detected, undetected):
        for severity, phase, source, outlived_at, *instants in connection.execution_options(yield_per=1000).execute(
            query
        ):
            milestones = {m: at for m, at in zip(Milestone, instants, strict=True) if at is not None}
            resolution_source = ResolutionSource(source) if source else None
            visit(Recent(Severity(severity), Phase(phase), resolution_source, milestones, outlived_at))


def _open(connection: Connection) -> dict[tuple[Severity, Phase], int]:
    c = t.incidents.c
    query = select(c.severity, c.phase, func.count()).where(_OPEN).group_by(c.severity, c.phase)
    return {(Severity(severity), Phase(phase)): count for severity, phase, count in connection.execute(query)}


def _owed(connection: Connection, now: datetime) -> dict[tuple[Severity, Stage, bool], int]:
    counts: dict[tuple[Severity, Stage, bool], int] = {}
    for stage, due_at in _DUE.items():
        overdue = (due_at < now).label("overdue")
        query = select(t.incidents.c.severity, overdue, func.count()).where(due_at.is_not(None))
        for severity, late, count in connection.execute(query.group_by(t.incidents.c.severity, overdue)):
            counts[Severity(severity), stage, bool(late)] = count
    return counts


def _owing(connection: Connection, stages: int, cap: int) -> int:
    """Return in how many incidents these stages are outstanding; below the cap, one with both counts twice."""
    if stages <= cap:
        return stages
    both = select(func.count()).where(*(due_at.is_not(None) for due_at in _DUE.values()))
    return stages - (connection.scalar(both) or 0)


def _live(connection: Connection, at_most: int, cap: int) -> int:
    """Return how many incidents are open or have a stage outstanding; `at_most` counts those that are both twice."""
    if at_most <= cap:
        return at_most
    both = select(func.count()).where(_OPEN, or_(*(due_at.is_not(None) for due_at in _DUE.values())))
    return at_most - (connection.scalar(both) or 0)


def _watched_owing(connection: Connection, cap: int) -> list[Watched]:
    """Return the incidents whose next stage is due first: they are among the first of each stage."""
    queries = (select(t.incidents).where(due_at.is_not(None)).order_by(due_at) for due_at in _DUE.values())
    owing = {watched.id: watched for query in queries for watched in _watched(connection, query, cap)}
    return sorted(owing.values(), key=by_next_stage)[:cap]


def by_turns(first: Sequence[Watched], second: Sequence[Watched]) -> list[Watched]:
    """Return the incidents of two lists, alternating, each once."""
    turns = chain.from_iterable(zip_longest(first, second))
    return list({watched.id: watched for watched in turns if watched is not None}.values())


def by_next_stage(watched: Watched) -> tuple[datetime, int]:
    """Return the sort key for incidents with an outstanding stage."""
    return min(watched.due.values()), watched.id


def _watched(connection: Connection, query: Select[Any], cap: int) -> list[Watched]:
    return [_watched_of(row) for row in connection.execute(query.limit(cap))]


def _watched_of(row: Row[Any]) -> Watched:
    due = {Stage.DRAFT: row.draft_due_at, Stage.FINAL: row.final_due_at}
    return Watched(
        id=row.id,
        title=row.title,
        severity=Severity(row.severity),
        phase=Phase(row.phase),
        types=tuple(row.types.split(",")) if row.types else (),
        milestones=milestones_of(row),
        deadlines_from=row.deadlines_from,
        due={stage: at for stage, at in due.items() if at is not None},
    )


_ACTION_OPEN = t.actions.c.state == ActionState.OPEN


def _actions(connection: Connection, now: datetime) -> dict[tuple[str, bool], int]:
    overdue = func.coalesce(t.actions.c.due_at < now, False).label("overdue")
    query = select(t.actions.c.action_type, overdue, func.count()).where(_ACTION_OPEN)
    rows = connection.execute(query.group_by(t.actions.c.action_type, overdue))
    return {(action_type, bool(late)): count for action_type, late, count in rows}


def _dated_actions(connection: Connection) -> int:
    query = select(func.count()).select_from(t.actions).where(_ACTION_OPEN, t.actions.c.due_at.is_not(None))
    return connection.scalar(query) or 0


def _actions_due(connection: Connection, cap: int) -> list[ActionDue]:
    c = t.actions.c
    query = select(t.actions).where(_ACTION_OPEN, c.due_at.is_not(None)).order_by(c.due_at).limit(cap)
    return [ActionDue(r.incident_id, r.action_id, r.action_type, r.due_at) for r in connection.execute(query)]


_ACTION_UNVERIFIED = t.actions.c.state == ActionState.COMPLETED


def _unverified(connection: Connection) -> dict[str, int]:
    c = t.actions.c
    query = select(c.action_type, func.count().label("number")).where(_ACTION_UNVERIFIED).group_by(c.action_type)
    return {row.action_type: row.number for row in connection.execute(query)}


def _actions_unverified(connection: Connection, cap: int) -> list[ActionUnverified]:
    query = select(t.actions).where(_ACTION_UNVERIFIED).order_by(t.actions.c.completed_at).limit(cap)
    return [
        ActionUnverified(r.incident_id, r.action_id, r.action_type, r.completed_at)
        for r in connection.execute(query)
        if r.completed_at is not None
    ]
