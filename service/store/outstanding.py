"""Incidents whose postmortems are outstanding, by lateness: what should have been done first comes first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection, Subquery, and_, func, literal, select, text, union_all

from service.domain.actions import ActionState
from service.domain.incident import Phase
from service.store import tables as t
from service.store.breakdown import have_values
from service.store.incidents import DUE, IncidentRow, row_of
from service.store.types import InstantColumn


@dataclass(frozen=True, slots=True)
class OutstandingPage:
    """A page of incidents, each with when the first of what is outstanding is due, None without a date, of `total`."""

    rows: tuple[tuple[IncidentRow, datetime | None], ...]
    total: int


def outstanding_page(
    connection: Connection, *, skip: int, limit: int, dimensions: Mapping[str, str] = MappingProxyType({})
) -> OutstandingPage:
    """Return the incidents with a stage, an action, a verification or a failed check outstanding, the latest first.

    Dismissed and merged incidents are left out, and those without these values of dimensions; what has no date comes
    last, the newest first.
    """
    c, first = t.incidents.c, _first_due()
    live = and_(
        c.merged_into.is_(None),
        ~c.withdrawn,
        c.phase != Phase.DISMISSED,
        *have_values(dimensions, connection.dialect),
    )
    joined = t.incidents.join(first, first.c.id == c.id)
    query = select(t.incidents, first.c.due_at).select_from(joined).where(live)
    order = (first.c.due_at.is_(None), first.c.due_at, c.id.desc())
    rows = connection.execute(query.order_by(*order).offset(skip).limit(limit)).all()
    total = connection.scalar(select(func.count()).select_from(joined).where(live)) or 0
    return OutstandingPage(tuple((row_of(row), row.due_at) for row in rows), total)


def _first_due() -> Subquery:
    """Return the incidents with something outstanding and when the first of it is due."""
    c, actions, failed = t.incidents.c, t.actions.c, t.failed_checks.c
    undated = literal(None, InstantColumn)
    everything = union_all(
        *(select(c.id.label("id"), due_at.label("due_at")).where(due_at.is_not(None)) for due_at in DUE.values()),
        select(actions.incident_id, actions.due_at).where(actions.state == ActionState.OPEN),
        select(actions.incident_id, undated).where(actions.state == ActionState.COMPLETED),
        select(failed.incident_id, undated).where(text(t.REPORTED_CHECK)),
    ).subquery()
    due_at = func.min(everything.c.due_at).label("due_at")
    return select(everything.c.id, due_at).group_by(everything.c.id).subquery()
