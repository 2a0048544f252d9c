"""Filling a ledger: what a batch of commands needs, in a fixed number of queries however many commands there are."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select, bindparam, or_, select, union_all

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind, Observation
from service.domain.policy import Domain, IncidentType, Severity
from service.domain.totals import Counted
from service.store import tables as t
from service.store.ledger import Entry, Ledger, Wanted
from service.store.statements import Read, among

CHUNK = 500
"""How many values one IN list carries; engines limit the variables of a statement."""


def load(connection: Connection, wanted: Wanted, window: timedelta, reserve: Callable[[str], int]) -> Ledger:
    """Return a ledger with everything that the wanted alerts, groups, keys and incidents can touch.

    `window` is the reopen window: an episode of a group that ended longer than that before `wanted.since` cannot be
    joined any more.
    """
    ledger = Ledger(reserve)
    episode_ids: set[int] = set()
    if wanted.since is not None:
        _load_alerts(connection, wanted.alerts, wanted.since, ledger)
        seen = [(o, e) for sightings in ledger.sightings.values() for o, e in sightings.items()]
        groups = {*wanted.groups, *((o.source, o.group_key) for o, _ in seen)}
        episode_ids = {e for _, e in seen} | _load_groups(connection, groups, wanted.since - window)
    for source, keys in _by_source(wanted.keys).items():
        for row in _KEYS.among(connection, keys, source=source):
            ledger.keys[source, row.incident_key] = row.incident_id
    incident_ids = {*wanted.incidents, *ledger.keys.values()}
    incident_ids |= {row.incident_id for row in _INCIDENTS_OF_EPISODES.among(connection, episode_ids)}
    _load_incidents(connection, incident_ids, ledger)
    return ledger


def _told_since(dialect: Dialect) -> Select[tuple[int]]:
    """Return the firings that ended before `since` and of which an end after it was told as well: it comes again."""
    return select(t.observations.c.episode_id).where(
        t.observations.c.source == bindparam("source"),
        among(t.observations.c.fingerprint, dialect),
        t.observations.c.starts_at >= bindparam("since", type_=t.observations.c.starts_at.type),
    )


def _known(dialect: Dialect) -> Select[Any]:
    """Return the observations of the firings that may go on, or of which more was told."""
    return (
        select(t.observations)
        .join(t.episodes, t.episodes.c.id == t.observations.c.episode_id)
        .where(
            t.episodes.c.source == bindparam("source"),
            among(t.episodes.c.fingerprint, dialect),
            or_(
                t.episodes.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
                t.episodes.c.id.in_(_told_since(dialect)),
            ),
        )
    )


def _waiting(dialect: Dialect) -> Select[Any]:
    """Return the ends that came before their firing (`Observation.is_end_only`); they have no episode yet."""
    return select(t.observations).where(
        t.observations.c.source == bindparam("source"),
        among(t.observations.c.fingerprint, dialect),
        t.observations.c.starts_at >= bindparam("since", type_=t.observations.c.starts_at.type),
        t.observations.c.episode_id == 0,
    )


_SIGHTINGS = Read(lambda dialect: union_all(_known(dialect), _waiting(dialect)))
_GROUP_EPISODES = Read(
    lambda dialect: select(t.episode_groups.c.episode_id).where(
        t.episode_groups.c.source == bindparam("source"),
        among(t.episode_groups.c.group_key, dialect),
        t.episode_groups.c.ends_at >= bindparam("since", type_=t.episodes.c.starts_at.type),
    )
)
_KEYS = Read(
    lambda dialect: select(t.incident_keys.c.incident_key, t.incident_keys.c.incident_id).where(
        t.incident_keys.c.source == bindparam("source"), among(t.incident_keys.c.incident_key, dialect)
    )
)
_INCIDENTS_OF_EPISODES = Read(lambda dialect: select(t.episodes.c.incident_id).where(among(t.episodes.c.id, dialect)))
_ROOTS = Read(
    lambda dialect: select(t.incidents.c.id, t.incidents.c.merged_into).where(among(t.incidents.c.id, dialect))
)
_FAMILIES = Read(
    lambda dialect: select(
        t.incidents.c.id,
        t.incidents.c.opened_at,
        t.incidents.c.heard_at,
        t.incidents.c.counted,
        t.incidents.c.closed_at,
        t.incidents.c.merged_into,
    ).where(or_(among(t.incidents.c.id, dialect), among(t.incidents.c.merged_into, dialect)))
)
_EVENTS = Read(lambda dialect: select(t.events).where(among(t.events.c.incident_id, dialect)).order_by(t.events.c.id))
_EPISODES = Read(lambda dialect: select(t.episodes).where(among(t.episodes.c.incident_id, dialect)))
_MEMBERSHIPS = Read(
    lambda dialect: select(
        t.episode_groups.c.source, t.episode_groups.c.group_key, t.episode_groups.c.episode_id
    ).where(among(t.episode_groups.c.episode_id, dialect))
)


def _load_alerts(connection: Connection, alerts: Collection[tuple[str, str]], since: datetime, ledger: Ledger) -> None:
    for source, fingerprints in _by_source(alerts).items():
        for row in _SIGHTINGS.among(connection, fingerprints, source=source, since=since):
            seen = observation_of(row)
            ledger.sightings.setdefault((row.source, row.fingerprint), {})[seen] = row.episode_id
            if not row.episode_id:
                ledger.waiting.add(seen)


def _load_groups(connection: Connection, groups: Collection[tuple[str, str]], since: datetime) -> set[int]:
    return {
        row.episode_id
        for source, keys in _by_source(groups).items()
        for row in _GROUP_EPISODES.among(connection, keys, source=source, since=since)
    }


def _load_incidents(connection: Connection, incident_ids: Collection[int], ledger: Ledger) -> None:
    """Load incidents with all that belongs to them: those they absorbed, or the one that absorbed them."""
    roots = {row.merged_into or row.id for row in _ROOTS.among(connection, incident_ids)}
    for row in _FAMILIES.among(connection, roots):
        ledger.entries[row.id] = Entry(
            id=row.id,
            opened_at=row.opened_at,
            heard_at=row.heard_at,
            counted=Counted(row.counted),
            closed_at=row.closed_at,
            merged_into=row.merged_into,
        )
    for entry in ledger.entries.values():
        if entry.merged_into is not None:
            ledger.entries[entry.merged_into].absorbed.add(entry.id)
    for row in _EVENTS.among(connection, ledger.entries):
        ledger.entries[row.incident_id].events.append(event_of(row))
    for row in _EPISODES.among(connection, ledger.entries):
        ledger.episodes[row.id] = episode_of(row)
        ledger.entries[row.incident_id].episodes.add(row.id)
    for row in _MEMBERSHIPS.among(connection, ledger.episodes):
        group = (row.source, row.group_key)
        ledger.groups.setdefault(group, set()).add(row.episode_id)
        ledger.groups_of.setdefault(row.episode_id, set()).add(group)


def _by_source(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for source, key in keys:
        grouped[source].append(key)
    return grouped


def observation_of(row: Row[Any]) -> Observation:
    """Return the observation of a row."""
    return Observation(
        source=row.source,
        fingerprint=row.fingerprint,
        group_key=row.group_key,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        stale=row.stale,
    )


def event_of(row: Row[Any]) -> Event:
    """Return the event of a row."""
    about = row.about
    return Event(
        event_id=row.event_id,
        kind=EventKind(row.kind),
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        source=row.source,
        title=about.get("title"),
        severity=Severity(about["severity"]) if "severity" in about else None,
        types=tuple(IncidentType(name) for name in about.get("types", ())),
        domains=tuple(Domain(name) for name in about.get("domains", ())),
        labels=about.get("labels", {}),
        data=about.get("data", {}),
        recorded_by=row.recorded_by,
    )


def episode_of(row: Row[Any]) -> Episode:
    """Return the episode of a row."""
    return Episode(
        id=row.id,
        source=row.source,
        fingerprint=row.fingerprint,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        name=row.name,
        severity=Severity(row.severity),
        incident_id=row.incident_id,
        stale=row.stale,
        onset_at=row.onset_at,
        labels=row.about.get("labels", {}),
        annotations=row.about.get("annotations", {}),
        generator_url=row.about.get("generator_url", ""),
    )
