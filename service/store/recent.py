"""The incidents of the recent past, as the statistics over windows need them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from service.domain.checks import Check
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.store import tables as t


@dataclass(frozen=True, slots=True)
class MeasuredIncident:
    """What is measured of one incident: all that is read of thousands for one scrape."""

    severity: Severity
    phase: Phase
    resolution_source: ResolutionSource | None
    milestones: Mapping[Milestone, datetime]
    outlived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostmortemCounts:
    """Counts: verified actions by type, and incidents by severity and the check that they fail."""

    verified: Mapping[str, int]
    checks_failed: Mapping[tuple[Severity, Check], int]


def visit_recent(connection: Connection, since: datetime, visit: Callable[[MeasuredIncident], None]) -> None:
    """Call `visit` with each incident detected after `since`, or opened if its detection is unknown; without a list.

    Dismissed and merged incidents are left out, and so are those that were only detected, thousands in an alert storm:
    they have no interval yet and lack nothing.
    """
    c = t.incidents.c
    columns = {m: c[f"{m.value}_at"] for m in Milestone}
    more = or_(*(column.is_not(None) for milestone, column in columns.items() if milestone is not Milestone.DETECTED))
    query = select(c.severity, c.phase, c.resolution_source, c.outlived_at, *columns.values())
    query = query.where(c.merged_into.is_(None), c.phase != Phase.DISMISSED, more)
    detected = query.where(c.detected_at > since)
    undetected = query.where(c.detected_at.is_(None), c.opened_at > since)
    for rows in (connection.execution_options(yield_per=1000).execute(query) for query in (detected, undetected)):
        for severity, phase, source, outlived_at, *instants in rows:
            milestones = {m: at for m, at in zip(Milestone, instants, strict=True) if at is not None}
            resolution_source = ResolutionSource(source) if source else None
            visit(MeasuredIncident(Severity(severity), Phase(phase), resolution_source, milestones, outlived_at))


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
