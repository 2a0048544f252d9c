"""Incidents that were settled lately, whose impact can be measured."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.store import tables as t
from service.store.from_rows import milestones_of

LONGEST = timedelta(days=90)
"""How long before that an incident may have been detected; the index is by detection."""


@dataclass(frozen=True, slots=True)
class SettledIncident:
    """An incident whose resolution is final."""

    id: int
    resolution_source: ResolutionSource | None
    milestones: dict[Milestone, datetime]


def settled_incidents(connection: Connection, since: datetime, now: datetime) -> list[SettledIncident]:
    """Return the incidents settled after `since` and by `now`, the earliest first."""
    c = t.incidents.c
    query = select(t.incidents).where(
        c.detected_at > since - LONGEST,
        c.settled_at > since,
        c.settled_at <= now,
        c.phase == Phase.RESOLVED,
        c.merged_into.is_(None),
    )
    return [
        SettledIncident(
            row.id, ResolutionSource(row.resolution_source) if row.resolution_source else None, milestones_of(row)
        )
        for row in connection.execute(query.order_by(c.settled_at, c.id))
    ]
