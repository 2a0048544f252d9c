"""When notifications could last arrive, as polling found: a longer pause is a gap that it fills."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from service.store import tables as t

RECONCILE = "reconcile"


def last_heartbeat(connection: Connection) -> datetime | None:
    """Return the last heartbeat, None before the first one."""
    return connection.scalar(select(t.heartbeats.c.at).where(t.heartbeats.c.name == RECONCILE))


def record_heartbeat(connection: Connection, at: datetime) -> None:
    """Replace the last heartbeat."""
    if not connection.execute(update(t.heartbeats).where(t.heartbeats.c.name == RECONCILE).values(at=at)).rowcount:
        connection.execute(insert(t.heartbeats).values(name=RECONCILE, at=at))
