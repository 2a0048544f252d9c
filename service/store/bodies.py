"""The raw bodies of webhooks: those that reported an incident, when each source last sent one, and their deletion."""

import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, union

from service.store import tables as t

FORGOTTEN_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class RawBody:
    """A webhook body, with the times it was first and last received; `times` includes the repeats."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    content: bytes


@dataclass(frozen=True, slots=True)
class BodyPage:
    """A page of bodies, earliest first; `next_skip` is how many to skip for the next page, None at the end."""

    bodies: tuple[RawBody, ...]
    next_skip: int | None


def bodies_of(connection: Connection, incident_id: int, *, skip: int = 0, limit: int) -> BodyPage:
    """Return the bodies that reported an incident, earliest first; of a merged incident, those of its target.

    Bodies older than `retention.raw` are deleted; those without new information were never linked to the incident.
    """
    root = select(t.incidents.c.merged_into).where(t.incidents.c.id == incident_id)
    root_id = connection.scalar(root) or incident_id
    family = select(t.incidents.c.id).where((t.incidents.c.id == root_id) | (t.incidents.c.merged_into == root_id))
    reported = select(t.events.c.delivery).where(t.events.c.incident_id.in_(family))
    fired = select(t.episodes.c.id).where(t.episodes.c.incident_id == root_id)
    seen = select(t.observations.c.delivery).where(t.observations.c.episode_id.in_(fired))
    c = t.deliveries.c
    query = select(t.deliveries).where(c.digest.in_(union(reported, seen))).order_by(c.first_received_at, c.digest)
    rows = connection.execute(query.offset(skip).limit(limit + 1)).all()
    bodies = tuple(
        RawBody(
            digest=row.digest.hex(),
            source=row.source,
            first_received_at=row.first_received_at,
            last_received_at=row.last_received_at,
            times=row.times,
            content=zlib.decompress(row.body),
        )
        for row in rows[:limit]
    )
    return BodyPage(bodies, skip + limit if len(rows) > limit else None)


def forget_bodies(connection: Connection, before: datetime) -> None:
    """Delete the bodies last received before `before`, a few at a time, so that no statement takes too long."""
    c = t.deliveries.c
    for source in connection.scalars(select(c.source).distinct()).all():
        old = select(c.digest).where(c.source == source, c.last_received_at < before).limit(FORGOTTEN_AT_ONCE)
        forgotten = FORGOTTEN_AT_ONCE
        while forgotten == FORGOTTEN_AT_ONCE:
            forgotten = connection.execute(delete(t.deliveries).where(c.digest.in_(old))).rowcount


def last_received(connection: Connection) -> dict[str, datetime]:
    """Return when each remembered source last sent a body."""
    c = t.deliveries.c
    last_received: dict[str, datetime] = {}
    source: str | None = ""
    while source is not None:  # skips from source to source by the index, however many deliveries exist
        source = connection.scalar(select(func.min(c.source)).where(c.source > source))
        if source is not None:
            last_received[source] = connection.scalars(
                select(func.max(c.last_received_at)).where(c.source == source)
            ).one()
    return last_received
