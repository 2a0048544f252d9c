"""The incidents of the recent past, as the statistics over windows need them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from service.domain.checks import Check
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity, Stage
from service.domain.recovery import ResolutionSource
from service.store import tables as t
from service.store.breakdown import value_of
from service.store.incidents import DUE, REMEMBERED
from service.store.statements import Read
from service.store.types import EPOCH, MICROSECOND, InstantColumn

_SEVERITIES = {member.value: member for member in Severity}
_PHASES = {member.value: member for member in Phase}
_SOURCES: dict[str | None, ResolutionSource | None] = {
    None: None,
    **{member.value: member for member in ResolutionSource},
}
"""By value, for tens of thousands of rows: a call of the enum takes longer."""
_MILESTONES = {milestone: t.incidents.c[f"{milestone}_at"] for milestone in Milestone}


@dataclass(slots=True, eq=False)
class MeasuredIncident:
    """What is measured of one incident: all that is read of thousands for one scrape.

    `values` has its value of each label that was asked for. It is the same object again while its row is the same, of
    at most `REMEMBERED` incidents.
    """

    severity: Severity
    phase: Phase
    resolution_source: ResolutionSource | None
    milestones: Mapping[Milestone, datetime]
    outlived_at: datetime | None = None
    values: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class UnfinishedIncident:
    """An incident that is open or owes stages of its postmortem; its detection is known. The same object as above."""

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


def visit_recent(connection: Connection, selection: Selection, visit: Callable[[MeasuredIncident], None]) -> None:
    """Call `visit` with each incident detected then, or opened if its detection is unknown; without a list.

    Dismissed and merged incidents are left out, and so are those that were only detected, thousands in an alert storm:
    they have no interval yet and lack nothing.
    """
    for has_detection in (True, False):
        query = _recent(_Chosen.by(selection), has_detection=has_detection)
        for row in query.each(connection, **_parameters(selection)):
            visit(_measured_incident(row))


@lru_cache(REMEMBERED)
def _measured_incident(row: tuple[Any, ...]) -> MeasuredIncident:
    severity, phase, source, outlived_at, *others = row
    return MeasuredIncident(
        _SEVERITIES[severity],
        _PHASES[phase],
        _SOURCES[source],
        _milestones(others),
        InstantColumn.read(outlived_at),
        tuple(others[len(Milestone) :]),
    )


def _milestones(instants: Iterable[int | None]) -> dict[Milestone, datetime]:
    """Return the milestones that a row has; other columns may follow theirs."""
    return {m: EPOCH + at * MICROSECOND for m, at in zip(Milestone, instants, strict=False) if at is not None}


def visit_unfinished(connection: Connection, selection: Selection, visit: Callable[[UnfinishedIncident], None]) -> None:
    """Call `visit` with each incident detected then that is open or owes a stage; without a list."""
    for row in _unfinished(_Chosen.by(selection)).each(connection, **_parameters(selection)):
        visit(_unfinished_incident(row))


@lru_cache(REMEMBERED)
def _unfinished_incident(row: tuple[Any, ...]) -> UnfinishedIncident:
    severity, is_open, *others = row
    owed, others = others[: len(DUE)], others[len(DUE) :]
    return UnfinishedIncident(
        _SEVERITIES[severity],
        bool(is_open),
        tuple(stage for stage, is_owed in zip(DUE, owed, strict=True) if is_owed),
        _milestones(others),
        tuple(others[len(Milestone) :]),
    )


def detected_only(connection: Connection, selection: Selection, windows: Sequence[datetime]) -> list[DetectedOnly]:
    """Count the incidents that `visit_recent` leaves out, by the windows that begin then."""
    begins = {f"begins_{i}": since for i, since in enumerate(windows)}
    rows = _detected_only(_Chosen.by(selection), len(windows)).rows(connection, **_parameters(selection), **begins)
    split = len(rows[0]) - len(windows) if rows else 0
    return [DetectedOnly(Severity(row[0]), Phase(row[1]), tuple(row[2:split]), tuple(row[split:])) for row in rows]


# -- queries: one for each combination of labels ----------------------------------------------------------------------


class _Chosen(NamedTuple):
    """What a selection chooses by, without the values: each has a query of its own."""

    labels: tuple[str, ...]
    filtered: tuple[str, ...]
    has_end: bool

    @classmethod
    def by(cls, selection: Selection) -> "_Chosen":
        return cls(tuple(selection.labels), tuple(selection.dimensions), selection.until is not None)

    def includes(self, at: ColumnElement[datetime]) -> ColumnElement[bool]:
        """Return the condition that an instant is in the period."""
        since, until = (bindparam(name, type_=t.incidents.c.detected_at.type) for name in ("since", "until"))
        return and_(at > since, at < until) if self.has_end else at > since

    def select(self, dialect: Dialect, *columns: ColumnElement[Any]) -> Select[Any]:
        """Return the query of these columns, followed by the values of labels."""
        c = t.incidents.c
        values = [value_of(label, dialect).label(f"value_{i}") for i, label in enumerate(self.labels)]
        query = select(*columns, *values).where(c.merged_into.is_(None), c.phase != Phase.DISMISSED)
        return query.where(*(value_of(label, dialect) == bindparam(f"of_{label}") for label in self.filtered))


def _parameters(selection: Selection) -> dict[str, Any]:
    until = {} if selection.until is None else {"until": selection.until}
    return {"since": selection.since, **until, **{f"of_{label}": v for label, v in selection.dimensions.items()}}


@cache
def _recent(chosen: _Chosen, *, has_detection: bool) -> Read:
    c = t.incidents.c
    detected = chosen.includes(c.detected_at)
    when = detected if has_detection else and_(c.detected_at.is_(None), chosen.includes(c.opened_at))
    columns = (c.severity, c.phase, c.resolution_source, c.outlived_at, *_MILESTONES.values())
    return Read(lambda dialect: chosen.select(dialect, *columns).where(_has_more(), when))


@cache
def _unfinished(chosen: _Chosen) -> Read:
    c = t.incidents.c
    is_owed = [due_at.is_not(None).label(f"owes_{stage}") for stage, due_at in DUE.items()]
    is_open = c.stale_at.is_not(None)
    columns = (c.severity, is_open.label("is_open"), *is_owed, *_MILESTONES.values())
    when = (or_(is_open, *is_owed), chosen.includes(c.detected_at))
    return Read(lambda dialect: chosen.select(dialect, *columns).where(*when))


@cache
def _detected_only(chosen: _Chosen, windows: int) -> Read:
    c = t.incidents.c
    begins = (bindparam(f"begins_{i}", type_=c.detected_at.type) for i in range(windows))
    numbers = [func.sum(case((c.detected_at > at, 1), else_=0)).label(f"number_{i}") for i, at in enumerate(begins)]

    def make(dialect: Dialect) -> Select[Any]:
        query = chosen.select(dialect, c.severity, c.phase)
        groups = list(query.selected_columns)
        return query.add_columns(*numbers).where(~_has_more(), chosen.includes(c.detected_at)).group_by(*groups)

    return Read(make)


def _has_more() -> ColumnElement[bool]:
    """Return the condition that an incident has more milestones than its detection."""
    return or_(*(column.is_not(None) for m, column in _MILESTONES.items() if m is not Milestone.DETECTED))


def postmortem_counts(connection: Connection, now: datetime, since: datetime) -> PostmortemCounts:
    """Count the actions verified after `since`, and the checks that incidents detected after `since` fail at `now`.

    What is overdue now fails its deadline even if that was never reported.
    """
    checks_failed: Counter[tuple[Severity, Check]] = Counter()
    for row in _FAILED_CHECKS.rows(connection, now=now, since=since):
        checks_failed[Severity(row.severity), Check(row.name)] += row.number
    verified = {row.action_type: row.number for row in _VERIFIED.rows(connection, since=since)}
    return PostmortemCounts(verified=verified, checks_failed=checks_failed)


def _failed_checks(_: Dialect) -> CompoundSelect[Any]:
    c, failed = t.incidents.c, t.failed_checks.c
    now, since = (bindparam(name, type_=c.detected_at.type) for name in ("now", "since"))
    detected = or_(c.detected_at > since, and_(c.detected_at.is_(None), c.opened_at > since))
    recent = and_(c.merged_into.is_(None), detected)
    number = func.count().label("number")
    reported = select(c.severity, failed.name, number).join(t.failed_checks, failed.incident_id == c.id).where(recent)
    late = select(failed.incident_id).where(failed.incident_id == c.id, failed.name == Check.DEADLINE).exists()
    overdue = select(c.severity, literal(Check.DEADLINE.value).label("name"), number)
    overdue = overdue.where(or_(c.draft_due_at < now, c.final_due_at < now), recent, ~late)
    return union_all(reported.group_by(c.severity, failed.name), overdue.group_by(c.severity))


_FAILED_CHECKS = Read(_failed_checks)
_VERIFIED = Read(
    lambda _: (
        select(t.actions.c.action_type, func.count().label("number"))
        .where(t.actions.c.verified_at > bindparam("since", type_=t.actions.c.verified_at.type))
        .group_by(t.actions.c.action_type)
    )
)
