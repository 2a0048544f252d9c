"""The one loader of histories: everything recorded about incidents and those merged into them, whatever reads them."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, select

from service.domain.episodes import Episode
from service.domain.events import Event
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.store import tables as t
from service.store.batch_queries import INCIDENTS, MERGE_TARGETS
from service.store.recorded import episodes_of, events_of
from service.store.statements import CHUNK


def history_of(connection: Connection, incident_id: int, policy: Policy) -> IncidentHistory | None:
    """Return the history of an incident; of a merged one, that of its merge target. None if it does not exist."""
    return histories_of(connection, [incident_id], policy).get(incident_id)


def histories_of(connection: Connection, incident_ids: Collection[int], policy: Policy) -> dict[int, IncidentHistory]:
    """Return the histories of incidents by their ids, as `history_of` does, in the order of the ids."""
    targets = {row.id: row.merged_into or row.id for row in MERGE_TARGETS.among(connection, incident_ids)}
    target_of: dict[int, int] = {}
    opened_at: dict[int, dict[int, datetime]] = defaultdict(dict)
    last_seen_at: dict[int, datetime] = {}
    for row in INCIDENTS.among(connection, set(targets.values())):
        target_of[row.id] = target = row.merged_into or row.id
        opened_at[target][row.id] = row.opened_at
        last_seen_at[target] = max(last_seen_at.get(target, row.heard_at), row.heard_at)
    recorded: dict[int, list[tuple[int, Event]]] = defaultdict(list)
    for incident_id, event in events_of(connection, target_of):
        recorded[target_of[incident_id]].append((incident_id, event))
    episodes: dict[int, list[Episode]] = defaultdict(list)
    for episode in episodes_of(connection, opened_at):
        episodes[episode.incident_id].append(episode)
    histories = {
        target: IncidentHistory(
            id=target,
            recorded=recorded[target],
            episodes=episodes[target],
            opened_at=opened_at[target],
            last_seen_at=last_seen_at[target],
            policy=policy,
        )
        for target in opened_at
    }
    return {incident_id: histories[targets[incident_id]] for incident_id in incident_ids if incident_id in targets}


def visit_histories(connection: Connection, policy: Policy, visit: Callable[[IncidentHistory], None]) -> None:
    """Call `visit` with the history of every incident that was not merged, by id, without a list of them."""
    c = t.incidents.c
    query = select(c.id).where(c.merged_into.is_(None)).order_by(c.id).limit(CHUNK)
    last = 0
    while ids := connection.scalars(query.where(c.id > last)).all():
        histories = histories_of(connection, ids, policy)
        for incident_id in ids:
            visit(histories[incident_id])
        last = ids[-1]
