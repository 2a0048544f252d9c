"""Incidents computed by the rules of an earlier version, and the columns missing from their reports."""

import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from service.domain.events import LONGEST_PEER
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.store import tables as t
from service.store.from_rows import milestones_of


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of an incident that are shown elsewhere, as computed."""

    severity: Severity
    phase: Phase
    resolution_source: ResolutionSource | None
    milestones: dict[Milestone, datetime]


def outdated(connection: Connection, limit: int) -> dict[int, Shown]:
    """Return the next incidents to recompute by today's rules, as stored, in order of id.

    Their reports get the sender that an earlier version did not store.
    """
    query = select(t.incidents).where(t.incidents.c.refold).order_by(t.incidents.c.id).limit(limit)
    incidents = {
        row.id: Shown(
            Severity(row.severity),
            Phase(row.phase),
            ResolutionSource(row.resolution_source) if row.resolution_source else None,
            milestones_of(row),
        )
        for row in connection.execute(query)
    }
    _recover_peers(connection, incidents)
    return incidents


def count_outdated(connection: Connection) -> int:
    """Return how many incidents are still to be recomputed by today's rules."""
    return connection.scalar(select(func.count()).where(t.incidents.c.refold)) or 0


def _recover_peers(connection: Connection, incident_ids: Collection[int]) -> None:
    """Restore the sender of reports that were stored without it, from the raw bodies still kept."""
    o, e, d = t.observations.c, t.episodes.c, t.deliveries.c
    query = (
        select(o.id, o.delivery, d.body)
        .join(t.episodes, e.id == o.episode_id)
        .join(t.deliveries, d.digest == o.delivery)
        .where(e.incident_id.in_(incident_ids), o.peer == "")
    )
    peers: dict[bytes, str] = {}
    updates = []
    for row in connection.execute(query):
        if row.delivery not in peers:
            peers[row.delivery] = _peer_of(row.body)
        if peers[row.delivery]:
            updates.append({"b_id": row.id, "b_peer": peers[row.delivery]})
    if updates:
        change = update(t.observations).where(o.id == bindparam("b_id")).values(peer=bindparam("b_peer"))
        connection.execute(change, updates)


def _peer_of(body: bytes) -> str:
    try:
        content = json.loads(zlib.decompress(body))
    except (ValueError, zlib.error):
        return ""
    url = content.get("externalURL") if isinstance(content, dict) else None
    return url[:LONGEST_PEER] if isinstance(url, str) else ""
