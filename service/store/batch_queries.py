"""The queries by which a batch is loaded: a fixed number of statements however many commands it has."""

from typing import Any

from sqlalchemy import Dialect, Select, bindparam, func, literal_column, or_, select, union_all

from service.store import tables as t
from service.store.statements import Read, among
from service.store.types import NEVER


def _sources(_: Dialect) -> Select[tuple[str]]:
    """Return the sources of all reports, including named senders, in one index step per source."""
    seen = t.observations.c.source
    first = select(func.min(seen).label("source")).cte("sources", recursive=True)
    following = select(func.min(seen)).where(seen > first.c.source).correlate(first).scalar_subquery()
    every = first.union_all(select(following).where(first.c.source.is_not(None)))
    return select(every.c.source).where(every.c.source.is_not(None))


def _reported_since(dialect: Dialect) -> Select[tuple[int]]:
    """Return the episodes that ended before `since` and also have an end reported after it, which repeats."""
    return select(t.observations.c.episode_id).where(
        among(t.observations.c.source, dialect, "sources"),
        among(t.observations.c.fingerprint, dialect),
        t.observations.c.starts_at >= bindparam("since", type_=t.observations.c.starts_at.type),
    )


def _going_on(dialect: Dialect) -> Select[Any]:
    """Return the observations of the episodes that may be ongoing, or that have later reports."""
    return (
        select(t.observations)
        .join(t.episodes, t.episodes.c.id == t.observations.c.episode_id)
        .where(
            among(t.episodes.c.source, dialect, "sources"),
            among(t.episodes.c.fingerprint, dialect),
            or_(
                t.episodes.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
                t.episodes.c.id.in_(_reported_since(dialect)),
            ),
        )
    )


def _waiting(dialect: Dialect) -> Select[Any]:
    """Return the ends that arrived before their start (`Observation.is_end_only`); they have no episode yet."""
    return select(t.observations).where(
        among(t.observations.c.source, dialect, "sources"),
        among(t.observations.c.fingerprint, dialect),
        t.observations.c.starts_at >= bindparam("since", type_=t.observations.c.starts_at.type),
        t.observations.c.episode_id == 0,
    )


def _begun_last(dialect: Dialect) -> Select[Any]:
    """Return the observations of the last episode that started before `since`, however long ago."""
    begun = t.episodes.alias()
    latest = (
        select(func.max(begun.c.starts_at))
        .where(
            begun.c.source == t.episodes.c.source,
            begun.c.fingerprint == t.episodes.c.fingerprint,
            begun.c.starts_at < bindparam("since", type_=t.episodes.c.starts_at.type),
        )
        .scalar_subquery()
    )
    return (
        select(t.observations)
        .join(t.episodes, t.episodes.c.id == t.observations.c.episode_id)
        .where(
            among(t.episodes.c.source, dialect, "sources"),
            among(t.episodes.c.fingerprint, dialect),
            t.episodes.c.starts_at == latest,
        )
    )


BEGUN_LAST = Read(_begun_last)
SOURCES = Read(_sources)
REPORTS = Read(lambda dialect: union_all(_going_on(dialect), _waiting(dialect)))
GROUP_EPISODES = Read(
    lambda dialect: (
        select(t.episode_groups.c.episode_id)
        .where(
            t.episode_groups.c.source == bindparam("source"),
            among(t.episode_groups.c.group_key, dialect),
            t.episode_groups.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
        )
        .limit(bindparam("most"))
    )
)
LAST_OF_GROUP = Read(
    lambda _: (
        select(t.episode_groups.c.episode_id)
        .where(
            t.episode_groups.c.source == bindparam("source"),
            t.episode_groups.c.group_key == bindparam("group_key"),
            t.episode_groups.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
        )
        .order_by(t.episode_groups.c.ends_at.desc())
        .limit(bindparam("most"))
    )
)
OPEN_OF_GROUP = Read(
    lambda _: (
        select(t.episode_groups.c.episode_id)
        .where(
            t.episode_groups.c.source == bindparam("source"),
            t.episode_groups.c.group_key == bindparam("group_key"),
            t.episode_groups.c.ends_at == literal_column(str(NEVER)),
        )
        .limit(bindparam("most"))
    )
)
"""Some open episodes, from the other side of the index: mostly the first to start."""
NEAR_EPISODES = Read(
    lambda dialect: (
        select(t.episode_groups.c.episode_id, t.episodes.c.incident_id)
        .join(t.episodes, t.episodes.c.id == t.episode_groups.c.episode_id)
        .where(
            t.episode_groups.c.source == bindparam("source"),
            among(t.episode_groups.c.group_key, dialect),
            t.episode_groups.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
            t.episodes.c.starts_at <= bindparam("until", type_=t.episodes.c.ends_at.type),
        )
    )
)
REPORTS_OF = Read(lambda dialect: select(t.observations).where(among(t.observations.c.episode_id, dialect)))
KEYS = Read(
    lambda dialect: select(t.incident_keys.c.incident_key, t.incident_keys.c.incident_id).where(
        t.incident_keys.c.source == bindparam("source"), among(t.incident_keys.c.incident_key, dialect)
    )
)
INCIDENTS_OF_EPISODES = Read(lambda dialect: select(t.episodes.c.incident_id).where(among(t.episodes.c.id, dialect)))
MERGE_TARGETS = Read(
    lambda dialect: select(t.incidents.c.id, t.incidents.c.merged_into).where(among(t.incidents.c.id, dialect))
)
HOLDERS = Read(
    lambda dialect: select(t.events.c.incident_id).where(
        among(t.events.c.sent_to, dialect), t.events.c.incident_id != t.events.c.sent_to
    )
)
"""The incidents holding events that were sent to others."""
INCIDENTS = Read(
    lambda dialect: select(
        t.incidents.c.id,
        t.incidents.c.title,
        t.incidents.c.opened_at,
        t.incidents.c.heard_at,
        t.incidents.c.detected_at,
        t.incidents.c.counted,
        t.incidents.c.refold,
        t.incidents.c.settled_at,
        t.incidents.c.merged_into,
        t.incidents.c.firings,
    ).where(or_(among(t.incidents.c.id, dialect), among(t.incidents.c.merged_into, dialect)))
)
SOME_EPISODES = Read(lambda dialect: select(t.episodes).where(among(t.episodes.c.id, dialect)))
MEMBERSHIPS = Read(
    lambda dialect: select(
        t.episode_groups.c.source, t.episode_groups.c.group_key, t.episode_groups.c.episode_id
    ).where(among(t.episode_groups.c.episode_id, dialect))
)
LAST_IDS = Read(
    lambda _: select(
        select(func.max(t.incidents.c.id)).scalar_subquery().label("incident_id"),
        select(func.max(t.episodes.c.id)).scalar_subquery().label("episode_id"),
    )
)
