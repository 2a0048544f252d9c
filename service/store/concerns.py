"""Incidents to poll for in other systems: those that are open or recent, with the episodes of their alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from service.domain.episodes import Episode
from service.domain.incident import Phase
from service.domain.policy import Milestone
from service.store import tables as t
from service.store.from_rows import episode_of, milestones_of
from service.store.statements import CHUNK


@dataclass(frozen=True, slots=True)
class Concern:
    """One incident. `groups` are the alert groups in which each episode (by its id) was seen, as source and key."""

    id: int
    phase: Phase
    milestones: Mapping[Milestone, datetime]
    heard_at: datetime
    episodes: tuple[Episode, ...]
    groups: Mapping[int, tuple[tuple[str, str], ...]]


def read_concerns(connection: Connection, since: datetime, most: int = CHUNK) -> tuple[Concern, ...]:
    """Return the incidents that are open or were detected after `since`, newest first.

    Dismissed and merged incidents are left out.
    """
    c = t.incidents.c
    query = select(t.incidents).where(
        c.merged_into.is_(None), c.dismissed_at.is_(None), or_(c.stale_at.is_not(None), c.detected_at >= since)
    )
    rows = connection.execute(query.order_by(c.id.desc()).limit(most)).all()
    fired: dict[int, list[Episode]] = {row.id: [] for row in rows}
    for row in connection.execute(select(t.episodes).where(t.episodes.c.incident_id.in_(fired))):
        fired[row.incident_id].append(episode_of(row))
    groups = _groups(connection, [e.id for episodes in fired.values() for e in episodes])
    return tuple(
        Concern(
            id=row.id,
            phase=Phase(row.phase),
            milestones=milestones_of(row),
            heard_at=row.heard_at,
            episodes=tuple(sorted(fired[row.id], key=lambda e: (e.starts_at, e.id))),
            groups={e.id: tuple(groups.get(e.id, ())) for e in fired[row.id]},
        )
        for row in rows
    )


def _groups(connection: Connection, episode_ids: list[int]) -> dict[int, list[tuple[str, str]]]:
    groups: dict[int, list[tuple[str, str]]] = {}
    c = t.episode_groups.c
    for first in range(0, len(episode_ids), CHUNK):
        query = select(c.episode_id, c.source, c.group_key).where(c.episode_id.in_(episode_ids[first : first + CHUNK]))
        for row in connection.execute(query.order_by(c.source, c.group_key)):
            groups.setdefault(row.episode_id, []).append((row.source, row.group_key))
    return groups
