"""The incidents of the recent past, as the statistics over windows need them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from service.domain.checks import Check
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity, Stage
from service.domain.recovery import ResolutionSource
from service.store import tables as t
from service.store.breakdown import have_values, value_of
from service.store.incidents import DUE

_SEVERITIES = {member.value: member for member in Severity}
_PHASES = {member.value: member for member in Phase}
_SOURCES: dict[str | None, ResolutionSource | None] = {
    None: None,
    **{member.value: member for member in ResolutionSource},
}
"""By value, for tens of thousands of rows: a call of the enum takes longer."""


@dataclass(slots=True)
class MeasuredIncident:
    """What is measured of one incident: all that is read of thousands for one scrape.

    `values` has its value of each label that was asked for.
    """

    severity: Severity
    phase: Phase
    resolution_source: ResolutionSource | None
    milestones: Mapping[Milestone, datetime]
    outlived_at: datetime | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnfinishedIncident:
    """An incident that is open or owes stages of its postmortem; its detection is known."""

    severity: Severity
    is_open: bool
    owed: tuple[Stage, ...]
    milestones: Mapping[Milestone, datetime]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectedOnly:
    """How many incidents of a group were detected in each window and have no other milestone."""

    severity: Severity
    phase: Phase
    values: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PostmortemCounts:
    """Counts: verified actions by type, and incidents by severity and the check that they fail."""

    verified: Mapping[str, int]
    checks_failed: Mapping[tuple[Severity, Check], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which incidents are measured: those detected after `since`, and before `until` if that is given.

    `dimensions` are values of labels that they must have; `labels` those whose values are wanted of each.
    `compared`: with those of the period before, which is as long, or begins after `before_since`.
    """

    since: datetime
    until: datetime | None = None
    labels: Sequence[str] = ()
    dimensions: Mapping[str, str] = field(default_factory=dict)
    compared: bool = False
    before_since: datetime | None = None

    def includes(self, at: ColumnElement[datetime]) -> ColumnElement[bool]:
        """Return the condition that an instant is in the period."""
        return at > self.since if self.until is None else and_(at > self.since, at < self.until)


def visit_recent(connection: Connection, selection: Selection, visit: Callable[[MeasuredIncident], None]) -> None:
    """Call `visit` with each incident detected then, or opened if its detection is unknown; without a list.

    Dismissed and merged incidents are left out, and so are those that were only detected, thousands in an alert storm:
    they have no interval yet and lack nothing.
    """
    c = t.incidents.c
    columns = {m: c[f"{m.value}_at"] for m in Milestone}
    fixed = 4 + len(selection.labels)
    query = _selected(connection, selection, c.severity, c.phase, c.resolution_source, c.outlived_at)
    query = query.add_columns(*columns.values()).where(_has_more())
    detected = query.where(selection.includes(c.detected_at))
    undetected = query.where(c.detected_at.is_(None), selection.includes(c.opened_at))
    for rows in (connection.execution_options(yield_per=1000).execute(query) for query in (detected, undetected)):
        for severity, phase, source, outlived_at, *others in rows:
            values, instants = others[: fixed - 4], others[fixed - 4 :]
            milestones = {m: at for m, at in zip(columns, instants, strict=True) if at is not None}
            visit(
                MeasuredIncident(
                    _SEVERITIES[severity], _PHASES[phase], _SOURCES[source], milestones, outlived_at, tuple(values)
                )
            )


def visit_unfinished(connection: Connection, selection: Selection, visit: Callable[[UnfinishedIncident], None]) -> None:
    """Call `visit` with each incident detected then that is open or owes a stage; without a list."""
    c = t.incidents.c
    columns = {m: c[f"{m.value}_at"] for m in Milestone}
    is_owed = [due_at.is_not(None) for due_at in DUE.values()]
    query = _selected(connection, selection, c.severity, c.stale_at.is_not(None), *is_owed, *columns.values())
    query = query.where(or_(c.stale_at.is_not(None), *is_owed), selection.includes(c.detected_at))
    stages, milestones = len(is_owed), len(columns)
    for severity, is_open, *others in connection.execution_options(yield_per=1000).execute(query):
        instants, values = others[stages : stages + milestones], others[stages + milestones :]
        visit(
            UnfinishedIncident(
                Severity(severity),
                bool(is_open),
                tuple(stage for stage, owed in zip(DUE, others[:stages], strict=True) if owed),
                {m: at for m, at in zip(Milestone, instants, strict=True) if at is not None},
                tuple(values),
            )
        )


def detected_only(connection: Connection, selection: Selection, windows: Sequence[datetime]) -> list[DetectedOnly]:
    """Count the incidents that `visit_recent` leaves out, by the windows that begin then."""
    c = t.incidents.c
    numbers = [func.sum(case((c.detected_at > since, 1), else_=0)) for since in windows]
    query = _selected(connection, selection, c.severity, c.phase)
    groups = list(query.selected_columns)
    query = query.add_columns(*numbers).where(~_has_more(), selection.includes(c.detected_at)).group_by(*groups)
    split = len(groups)
    return [
        DetectedOnly(Severity(row[0]), Phase(row[1]), tuple(row[2:split]), tuple(row[split:]))
        for row in connection.execute(query)
    ]


def _selected(connection: Connection, selection: Selection, *columns: ColumnElement[Any]) -> Select[Any]:
    c = t.incidents.c
    values = [value_of(label, connection.dialect).label(f"value_{i}") for i, label in enumerate(selection.labels)]
    query = select(*columns, *values).where(c.merged_into.is_(None), c.phase != Phase.DISMISSED)
    return query.where(*have_values(selection.dimensions, connection.dialect))


def _has_more() -> ColumnElement[bool]:
    """Return the condition that an incident has more milestones than its detection."""
    columns = (t.incidents.c[f"{m.value}_at"] for m in Milestone if m is not Milestone.DETECTED)
    return or_(*(column.is_not(None) for column in columns))


def postmortem_counts(connection: Connection, now: datetime, since: datetime) -> PostmortemCounts:
    """Count the actions verified after `since`, and the checks that incidents detected after `since` fail at `now`."""
    c = t.actions.c
    verified = select(c.action_type, func.count()).where(c.verified_at > since).group_by(c.action_type)
    return PostmortemCounts(
        verified=dict(connection.execute(verified).all()),
        checks_failed=_checks_failed(connection, now, since),
    )


def _checks_failed(connection: Connection, now: datetime, since: datetime) -> Counter[tuple[Severity, Check]]:
    """Count failed checks; what is overdue now fails its deadline even if that was never reported."""
    c, failed = t.incidents.c, t.failed_checks.c
    detected = or_(c.detected_at > since, and_(c.detected_at.is_(None), c.opened_at > since))
    recent = and_(c.merged_into.is_(None), detected)
    number = func.count().label("number")
    reported = select(c.severity, failed.name, number).join(t.failed_checks, failed.incident_id == c.id).where(recent)
    counts: Counter[tuple[Severity, Check]] = Counter()
    for row in connection.execute(reported.group_by(c.severity, failed.name)):
        counts[Severity(row.severity), Check(row.name)] += row.number
    late = select(failed.incident_id).where(failed.incident_id == c.id, failed.name == Check.DEADLINE).exists()
    overdue = select(c.severity, number).where(or_(c.draft_due_at < now, c.final_due_at < now), recent, ~late)
    for row in connection.execute(overdue.group_by(c.severity)):
        counts[Severity(row.severity), Check.DEADLINE] += row.number
    return counts
