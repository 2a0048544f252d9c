"""The raw bodies of the webhooks that told of an incident."""

import zlib

from sqlalchemy import Connection, select, union

from service.store import tables as t
from service.store.records import BodyPage, RawBody


def page_of_bodies(connection: Connection, incident_id: int, *, skip: int, limit: int) -> BodyPage:
    """Return bodies in the order of their first receipt; of a merged incident, those of the one that absorbed it.

    Those that are older than `retention.raw` are gone, and those that told nothing new were never tied to it.
    """
    root = select(t.incidents.c.merged_into).where(t.incidents.c.id == incident_id)
    root_id = connection.scalar(root) or incident_id
    family = select(t.incidents.c.id).where((t.incidents.c.id == root_id) | (t.incidents.c.merged_into == root_id))
    told = select(t.events.c.delivery).where(t.events.c.incident_id.in_(family))
    fired = select(t.episodes.c.id).where(t.episodes.c.incident_id == root_id)
    seen = select(t.observations.c.delivery).where(t.observations.c.episode_id.in_(fired))
    c = t.deliveries.c
    query = select(t.deliveries).where(c.digest.in_(union(told, seen))).order_by(c.first_received_at, c.digest)
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
