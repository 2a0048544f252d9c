"""The one loader of histories: everything recorded about incidents and those merged into them, whatever reads them."""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, or_, select

from service.domain.episodes import Episode
from service.domain.events import Event
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.store import tables as t
from service.store.recorded import episodes_of, events_of
from service.store.statements import CHUNK


def history_of(connection: Connection, incident_id: int, policy: Policy) -> IncidentHistory | None:
    """Return the history of an incident; of a merged one, that of its merge target. None if it does not exist."""
    return histories_of(connection, [incident_id], policy).get(incident_id)


def histories_of(connection: Connection, incident_ids: Collection[int], policy: Policy) -> dict[int, IncidentHistory]:
    """Return the histories of at most `CHUNK` incidents by their ids, as `history_of` does, in order of id."""
    c = t.incidents.c
    rows = connection.execute(select(c.id, c.merged_into).where(c.id.in_(incident_ids)).order_by(c.id))
    targets = {row.id: row.merged_into or row.id for row in rows}
    histories = _load(connection, set(targets.values()), policy)
    return {incident_id: histories[target] for incident_id, target in targets.items()}


def visit_histories(connection: Connection, policy: Policy, visit: Callable[[IncidentHistory], None]) -> None:
    """Call `visit` with the history of every incident that was not merged, by id, without a list of them."""
    c = t.incidents.c
    query = select(c.id).where(c.merged_into.is_(None)).order_by(c.id).limit(CHUNK)
    last = 0
    while ids := connection.scalars(query.where(c.id > last)).all():
        for history in histories_of(connection, ids, policy).values():
            visit(history)
        last = ids[-1]


def _load(connection: Connection, ids: Collection[int], policy: Policy) -> dict[int, IncidentHistory]:
    """Load incidents that were not merged, with those merged into them."""
    c = t.incidents.c
    query = select(c.id, c.merged_into, c.opened_at, c.heard_at).where(or_(c.id.in_(ids), c.merged_into.in_(ids)))
    members = list(connection.execute(query.order_by(c.id)))
    target_of = {member.id: member.merged_into or member.id for member in members}
    opened_at: dict[int, dict[int, datetime]] = {i: {} for i in ids}
    last_seen_at: dict[int, datetime] = {}
    for member in members:
        target = target_of[member.id]
        opened_at[target][member.id] = member.opened_at
        last_seen_at[target] = max(last_seen_at.get(target, member.heard_at), member.heard_at)
    recorded: dict[int, list[tuple[int, Event]]] = {i: [] for i in ids}
    for incident_id, event in events_of(connection, target_of):
        recorded[target_of[incident_id]].append((incident_id, event))
    episodes: dict[int, list[Episode]] = {i: [] for i in ids}
    for episode in episodes_of(connection, ids):
        episodes[episode.incident_id].append(episode)
    return {
        i: IncidentHistory(
            id=i,
            recorded=recorded[i],
            episodes=episodes[i],
            opened_at=opened_at[i],
            last_seen_at=last_seen_at[i],
            policy=policy,
        )
        for i in ids
    }
