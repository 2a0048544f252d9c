"""An incident with everything that its annotations and messages tell, and what is known of them over there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from service.domain.episodes import Episode
from service.domain.events import Event
from service.domain.incident import Incident, fold
from service.domain.policy import Policy
from service.store import tables as t
from service.store.loading import episode_of, event_of


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the outbox; `digest` is of what was delivered last, `remote_id` its id there.

    `waits`: it is to go out yet.
    """

    incident_id: int
    item: str
    place: str
    digest: bytes | None
    remote_id: int | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """One incident, of a merged one the incident that absorbed it.

    `told` holds each event with the id of the incident that it was sent to, `opened_at` is by the ids of the incident
    and of those that it absorbed, `known` has the rows of all of them.
    """

    incident: Incident
    told: tuple[tuple[int, Event], ...]
    episodes: tuple[Episode, ...]
    opened_at: Mapping[int, datetime]
    known: tuple[Known, ...]


def read_story(connection: Connection, target: str, incident_id: int, policy: Policy) -> Story | None:
    """Read it, all of one moment; None where there is no such incident."""
    c = t.incidents.c
    found = connection.execute(select(c.id, c.merged_into).where(c.id == incident_id)).one_or_none()
    if found is None:
        return None
    root_id = found.merged_into or found.id
    family = select(c.id, c.opened_at, c.heard_at).where(or_(c.id == root_id, c.merged_into == root_id))
    members = connection.execute(family.order_by(c.id)).all()
    ids = [member.id for member in members]
    events = select(t.events).where(t.events.c.incident_id.in_(ids)).order_by(t.events.c.id)
    told = tuple((row.incident_id, event_of(row)) for row in connection.execute(events))
    fired = select(t.episodes).where(t.episodes.c.incident_id == root_id).order_by(t.episodes.c.id)
    episodes = tuple(episode_of(row) for row in connection.execute(fired))
    heard_at = max(member.heard_at for member in members)
    return Story(
        incident=fold(root_id, [event for _, event in told], episodes, policy, heard_at),
        told=told,
        episodes=episodes,
        opened_at={member.id: member.opened_at for member in members},
        known=_known(connection, target, ids),
    )


def _known(connection: Connection, target: str, ids: list[int]) -> tuple[Known, ...]:
    o = t.outbox.c
    waits = and_(o.wanted > o.delivered, o.failure.is_(None)).label("waits")
    columns = (o.incident_id, o.item, o.place, o.digest, o.remote_id, waits)
    query = select(*columns).where(o.target == target, o.incident_id.in_(ids))
    return tuple(Known(*row) for row in connection.execute(query.order_by(o.id)))
