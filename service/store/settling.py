"""Incidents whose resolution is final by now and whose histogram samples are not taken yet (`settled_at`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, text

from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.domain.totals import Counted
from service.store import tables as t
from service.store.from_rows import milestones_of
from service.store.statements import Read

UNSETTLED = Read(
    lambda _: (
        select(t.incidents)
        .where(t.incidents.c.settled_at <= bindparam("now", type_=t.incidents.c.settled_at.type), text(t.UNSETTLED))
        .order_by(t.incidents.c.settled_at, t.incidents.c.id)
    )
)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What the samples of an incident are computed from, and what is already counted of it."""

    id: int
    severity: Severity
    resolution_source: ResolutionSource | None
    milestones: dict[Milestone, datetime]
    settled_at: datetime
    counted: Counted


def unsettled(rows: Iterable[Row[Any]]) -> list[Unsettled]:
    """Return the incidents that are due, earliest first, of the rows of `UNSETTLED`."""
    return [
        Unsettled(
            id=row.id,
            severity=Severity(row.severity),
            resolution_source=ResolutionSource(row.resolution_source) if row.resolution_source else None,
            milestones=milestones_of(row),
            settled_at=row.settled_at,
            counted=Counted(row.counted),
        )
        for row in rows
    ]
