"""An incident with its history and its rows in the outbox of one target."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from service.domain.incident import fold
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.render.item_keys import ItemKey, OutboxKind
from service.store import tables as t
from service.store.from_rows import episode_of, event_of


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox. `digest` is that of the last delivery, `remote_id` its id at the receiver.

    `is_pending`: it has not been delivered since it was last enqueued.
    """

    key: ItemKey
    digest: bytes | None
    remote_id: int | None = None
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class OutboxIncident:
    """One incident (of a merged one, the incident that it was merged into), and the rows of all that were merged."""

    history: IncidentHistory
    rows: tuple[OutboxRow, ...]


def read_outbox_incident(
    connection: Connection, target: str, incident_id: int, policy: Policy
) -> OutboxIncident | None:
    """Read it in one snapshot; None if there is no such incident."""
    c = t.incidents.c
    incident = connection.execute(select(c.id, c.merged_into).where(c.id == incident_id)).one_or_none()
    if incident is None:
        return None
    target_id = incident.merged_into or incident.id
    merge_group = select(c.id, c.opened_at, c.heard_at).where(or_(c.id == target_id, c.merged_into == target_id))
    members = connection.execute(merge_group.order_by(c.id)).all()
    ids = [member.id for member in members]
    event_rows = select(t.events).where(t.events.c.incident_id.in_(ids)).order_by(t.events.c.id)
    events = tuple((row.incident_id, event_of(row)) for row in connection.execute(event_rows))
    episode_rows = select(t.episodes).where(t.episodes.c.incident_id == target_id).order_by(t.episodes.c.id)
    episodes = tuple(episode_of(row) for row in connection.execute(episode_rows))
    last_seen_at = max(member.heard_at for member in members)
    history = IncidentHistory(
        incident=fold(target_id, [event for _, event in events], episodes, policy, last_seen_at),
        recorded=events,
        episodes=episodes,
        opened_at={member.id: member.opened_at for member in members},
    )
    return OutboxIncident(history, _rows(connection, target, ids))


def _rows(connection: Connection, target: str, ids: list[int]) -> tuple[OutboxRow, ...]:
    o = t.outbox.c
    is_pending = and_(o.wanted > o.delivered, o.failure.is_(None)).label("is_pending")
    columns = (*(o[name] for name in t.OUTBOX_KEY), o.digest, o.remote_id, is_pending)
    query = select(*columns).where(o.target == target, o.incident_id.in_(ids)).order_by(o.id)
    return tuple(OutboxRow(key_of(row), row.digest, row.remote_id, row.is_pending) for row in connection.execute(query))


def key_of(row: Any) -> ItemKey:
    """Return the key in a row's columns."""
    columns = {name: getattr(row, name) for name in t.OUTBOX_KEY}
    return ItemKey(**columns | {"kind": OutboxKind(row.kind)})
