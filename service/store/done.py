"""Progress of postmortems: what is outstanding, verified actions, failed checks of the definition of done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Connection, and_, func, or_, select, text, union

from service.domain.actions import ActionState
from service.domain.checks import Check
from service.domain.policy import Policy, Severity
from service.store import tables as t
from service.store.reading import incident_record
from service.store.records import RecordPage


@dataclass(frozen=True, slots=True)
class Done:
    """Counts: verified actions by type, and incidents by severity and the check that they fail."""

    verified: Mapping[str, int]
    checks_failed: Mapping[tuple[Severity, Check], int]


def read_done(connection: Connection, now: datetime, since: datetime) -> Done:
    """Read the actions verified since then, and the checks failed by incidents detected since then."""
    return Done(_verified(connection, since), _checks_failed(connection, now, since))


def page_of_postmortems(
    connection: Connection, policy: Policy, *, owing_only: bool, before: int | None, limit: int
) -> RecordPage:
    """Return a page of incidents with their postmortems; a stage that was completed late is no longer outstanding."""
    c = t.incidents.c
    query = select(c.id).where(c.merged_into.is_(None), c.dismissed_at.is_(None)).order_by(c.id.desc())
    if owing_only:
        query = query.where(c.id.in_(_owing()))
    if before is not None:
        query = query.where(c.id < before)
    ids = list(connection.scalars(query.limit(limit + 1)))
    records = (incident_record(connection, incident_id, policy) for incident_id in ids[:limit])
    return RecordPage(tuple(record for record in records if record), ids[limit - 1] if len(ids) > limit else None)


def _owing() -> CompoundSelect[Any]:
    c, actions, failed = t.incidents.c, t.actions.c, t.failed_checks.c
    return union(
        select(c.id).where(c.draft_due_at.is_not(None)),
        select(c.id).where(c.final_due_at.is_not(None)),
        select(actions.incident_id).where(actions.state.in_([ActionState.OPEN, ActionState.COMPLETED])),
        select(failed.incident_id).where(text(t.REPORTED_CHECK)),
    )


def _verified(connection: Connection, since: datetime) -> dict[str, int]:
    c = t.actions.c
    query = select(c.action_type, func.count().label("number")).where(c.verified_at > since).group_by(c.action_type)
    return {row.action_type: row.number for row in connection.execute(query)}


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
