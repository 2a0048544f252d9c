"""Reading everything ever recorded, incident by incident, without holding all of it in memory."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from service.domain.episodes import Episode
from service.domain.events import Event
from service.store import tables as t
from service.store.from_rows import episode_of, event_of
from service.store.statements import CHUNK


@dataclass(frozen=True, slots=True)
class RecordedIncident:
    """One incident with everything recorded about it and about those merged into it."""

    id: int
    heard_at: datetime
    events: tuple[Event, ...]
    episodes: tuple[Episode, ...]


def read_recorded(connection: Connection) -> Iterator[RecordedIncident]:
    """Yield all incidents except merged ones, by id."""
    c = t.incidents.c
    last = 0
    while True:
        roots = select(c.id).where(c.merged_into.is_(None), c.id > last).order_by(c.id).limit(CHUNK)
        ids = list(connection.scalars(roots))
        if not ids:
            return
        last = ids[-1]
        yield from _read_incidents(connection, ids)


def _read_incidents(connection: Connection, ids: list[int]) -> Iterator[RecordedIncident]:
    c = t.incidents.c
    members = select(c.id, c.merged_into, c.heard_at).where(or_(c.id.in_(ids), c.merged_into.in_(ids)))
    root_of: dict[int, int] = {}
    last_heard_at: dict[int, datetime] = {}
    for row in connection.execute(members):
        target = row.merged_into or row.id
        root_of[row.id] = target
        last_heard_at[target] = max(last_heard_at.get(target, row.heard_at), row.heard_at)
    events: dict[int, list[Event]] = defaultdict(list)
    query = select(t.events).where(t.events.c.incident_id.in_(root_of)).order_by(t.events.c.id)
    for event in connection.execute(query):
        events[root_of[event.incident_id]].append(event_of(event))
    episodes: dict[int, list[Episode]] = defaultdict(list)
    episode_query = select(t.episodes).where(t.episodes.c.incident_id.in_(ids)).order_by(t.episodes.c.id)
    for episode in connection.execute(episode_query):
        episodes[episode.incident_id].append(episode_of(episode))
    for target in ids:
        yield RecordedIncident(target, last_heard_at[target], tuple(events[target]), tuple(episodes[target]))
