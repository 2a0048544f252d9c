"""The events and episodes recorded of incidents, as the recorder and all readers load them."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from service.domain.episodes import Episode
from service.domain.events import Event
from service.store import tables as t
from service.store.from_rows import episode_of, event_of
from service.store.statements import Read, among

_EVENTS = Read(lambda dialect: select(t.events).where(among(t.events.c.incident_id, dialect)).order_by(t.events.c.id))
_EPISODES = Read(
    lambda dialect: (
        select(t.episodes)
        .where(among(t.episodes.c.incident_id, dialect))
        .order_by(t.episodes.c.starts_at, t.episodes.c.id)
    )
)


def events_of(connection: Connection, incident_ids: Collection[int]) -> list[tuple[int, Event]]:
    """Return the events that count for these incidents, each with its incident, in the order of their recording."""
    return [(row.incident_id, event_of(row)) for row in _EVENTS.among(connection, incident_ids)]


def episodes_of(connection: Connection, incident_ids: Collection[int]) -> list[Episode]:
    """Return the episodes of these incidents, in order of their starts."""
    return [episode_of(row) for row in _EPISODES.among(connection, incident_ids)]
