"""Loading a batch: what its commands need, in a fixed number of queries however many commands there are."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Dialect, Row, Select, bindparam, func, literal_column, or_, select, union_all

from service.domain.firings import Firings
from service.domain.senders import plain_source
from service.domain.totals import Counted
from service.store import tables as t
from service.store.batch import Batch, BatchKeys, GroupKey, IncidentState, StoredReport, alert_key
from service.store.from_rows import episode_of, event_of, observation_of
from service.store.statements import Read, among
from service.store.types import NEVER

_FIRINGS = TypeAdapter(Firings)


def load(connection: Connection, batch_keys: BatchKeys, window: timedelta, reserve: Callable[[str], int]) -> Batch:
    """Return a batch with everything that the alerts, groups, keys and incidents in `batch_keys` can touch.

    Of incidents and groups with more than `Batch.MANY` episodes it holds some (`IncidentState.partial`, `Batch.cut`),
    unless all are requested, or others are regrouped beside them.
    `window` is the reopen window: an episode of a group that ended longer than that before `batch_keys.since` can no
    longer be joined.
    """
    batch = _load(connection, batch_keys, window, reserve)
    if batch_keys.neighbours and (batch.cut or any(entry.partial for entry in batch.entries.values())):
        return _load(connection, replace(batch_keys, all=True), window, reserve)
    return batch


def _load(connection: Connection, batch_keys: BatchKeys, window: timedelta, reserve: Callable[[str], int]) -> Batch:
    batch = Batch(reserve)
    episode_ids: set[int] = set()
    if batch_keys.since is not None:
        reporting = {source for source, _ in batch_keys.groups}
        sources = {row.source for row in _SOURCES.rows(connection)} | reporting
        since = batch_keys.since - window
        _load_reports(connection, batch_keys, sources, since, batch)
        adoptable = _adoptable_since(batch, sources, reporting, window)
        if adoptable is not None:
            waiting = {key for key, reports in batch.reports.items() if any(not r.episode_id for r in reports.values())}
            if adoptable < since or waiting:
                since = min(adoptable, since)
                ended = {*batch_keys.ended, *waiting}
                _load_reports(connection, replace(batch_keys, ended=ended), sources, since, batch)
        stored = [(o, r.episode_id) for reports in batch.reports.values() for o, r in reports.items()]
        groups = {*batch_keys.groups, *((o.source, o.group_key) for o, _ in stored)}
        episode_ids = {e for _, e in stored} | _load_groups(
            connection, groups, since, batch, None if batch_keys.all else batch.MANY
        )
    for source, keys in _by_source(batch_keys.keys).items():
        for row in _KEYS.among(connection, keys, source=source):
            batch.keys[source, row.incident_key] = row.incident_id
    incident_ids = {*batch_keys.incidents, *batch.keys.values()}
    incident_ids |= {row.incident_id for row in _INCIDENTS_OF_EPISODES.among(connection, episode_ids)}
    _load_incidents(connection, incident_ids, batch, None if batch_keys.all else episode_ids)
    if batch_keys.reports:
        _load_reports_of(connection, batch.episodes, batch)
    if batch_keys.neighbours:
        _load_neighbours(connection, batch, window)
    if batch_keys.reports:
        _load_reports_of(connection, batch.episodes, batch)
    return batch


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


_BEGUN_LAST = Read(_begun_last)
_SOURCES = Read(_sources)
_REPORTS = Read(lambda dialect: union_all(_going_on(dialect), _waiting(dialect)))
_GROUP_EPISODES = Read(
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
_LAST_OF_GROUP = Read(
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
_OPEN_OF_GROUP = Read(
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
_NEAR_EPISODES = Read(
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
_REPORTS_OF = Read(lambda dialect: select(t.observations).where(among(t.observations.c.episode_id, dialect)))
_KEYS = Read(
    lambda dialect: select(t.incident_keys.c.incident_key, t.incident_keys.c.incident_id).where(
        t.incident_keys.c.source == bindparam("source"), among(t.incident_keys.c.incident_key, dialect)
    )
)
_INCIDENTS_OF_EPISODES = Read(lambda dialect: select(t.episodes.c.incident_id).where(among(t.episodes.c.id, dialect)))
_ROOTS = Read(
    lambda dialect: select(t.incidents.c.id, t.incidents.c.merged_into).where(among(t.incidents.c.id, dialect))
)
_HOLDERS = Read(
    lambda dialect: select(t.events.c.incident_id).where(
        among(t.events.c.sent_to, dialect), t.events.c.incident_id != t.events.c.sent_to
    )
)
"""The incidents holding events that were sent to others."""
_FAMILIES = Read(
    lambda dialect: select(
        t.incidents.c.id,
        t.incidents.c.opened_at,
        t.incidents.c.heard_at,
        t.incidents.c.counted,
        t.incidents.c.refold,
        t.incidents.c.settled_at,
        t.incidents.c.merged_into,
        t.incidents.c.firings,
    ).where(or_(among(t.incidents.c.id, dialect), among(t.incidents.c.merged_into, dialect)))
)
_EVENTS = Read(lambda dialect: select(t.events).where(among(t.events.c.incident_id, dialect)).order_by(t.events.c.id))
_EPISODES = Read(lambda dialect: select(t.episodes).where(among(t.episodes.c.incident_id, dialect)))
_SOME_EPISODES = Read(lambda dialect: select(t.episodes).where(among(t.episodes.c.id, dialect)))
_MEMBERSHIPS = Read(
    lambda dialect: select(
        t.episode_groups.c.source, t.episode_groups.c.group_key, t.episode_groups.c.episode_id
    ).where(among(t.episode_groups.c.episode_id, dialect))
)


def _load_reports(
    connection: Connection, batch_keys: BatchKeys, sources: Collection[str], since: datetime, batch: Batch
) -> None:
    """Load the reports of the episodes that may be ongoing since then, and of those near a reported onset.

    If a sender reports an end without its start, it may belong to the episode that started last.
    """
    for read, alerts in ((_REPORTS, batch_keys.alerts), (_BEGUN_LAST, batch_keys.ended)):
        for plain, fingerprints in _by_source(alerts).items():
            mine = [source for source in sources if plain_source(source) == plain]
            _add_reports(read.among(connection, fingerprints, sources=mine, since=since), batch)
    reports = (report for key in batch_keys.alerts for report in batch.reports.get(key, {}).values())
    onset_at = min((report.onset_at for report in reports if report.onset_at is not None), default=since)
    if onset_at < since:
        _load_reports(connection, batch_keys, sources, onset_at, batch)


def _adoptable_since(
    batch: Batch, sources: Collection[str], reporting: Collection[str], window: timedelta
) -> datetime | None:
    """Return since when other episodes matter if one without a sender, stored or reported now, may be adopted.

    The episode then starts at the earliest start of its reports, in the groups of both.
    """
    named = {plain_source(source) for source in sources if source != plain_source(source)}
    starts = [
        seen.starts_at
        for (plain, _), reports in batch.reports.items()
        if plain in named and (plain in reporting or any(seen.source == plain for seen in reports))
        for seen in reports
    ]
    return min(starts) - window if starts else None


def _load_reports_of(connection: Connection, episode_ids: Collection[int], batch: Batch) -> None:
    _add_reports(_REPORTS_OF.among(connection, episode_ids), batch)


def _add_reports(rows: Iterable[Row[Any]], batch: Batch) -> None:
    for row in rows:
        seen = observation_of(row)
        stored = StoredReport(row.recorded_at, row.last_received_at, row.onset_at, row.episode_id)
        batch.reports.setdefault(alert_key(seen), {}).setdefault(seen, stored)


def _load_neighbours(connection: Connection, batch: Batch, window: timedelta) -> None:
    """Load the incidents whose episodes are near the loaded ones, in the same alert groups."""
    ends = [e.ends_at for e in batch.episodes.values()]
    ends += [o.ends_at or o.starts_at for reports in batch.reports.values() for o in reports]
    if not ends:
        return
    since = min(e.starts_at for e in batch.episodes.values()) - window
    until = None if None in ends else max(at for at in ends if at is not None) + window
    near = {
        row.episode_id: row.incident_id
        for source, keys in _by_source(batch.groups).items()
        for row in _NEAR_EPISODES.among(connection, keys, source=source, since=since, until=until)
    }
    incident_ids = {incident_id for episode_id, incident_id in near.items() if episode_id not in batch.episodes}
    _load_incidents(connection, incident_ids, batch)


def _load_groups(
    connection: Connection, groups: Collection[tuple[str, str]], since: datetime, batch: Batch, many: int | None
) -> set[int]:
    """Return the episodes of groups since then; if there are more than `many`, each group is read on its own."""
    most = NEVER if many is None else many + 1
    episode_ids: set[int] = set()
    for source, keys in _by_source(groups).items():
        rows = _GROUP_EPISODES.among(connection, keys, source=source, since=since, most=most)
        if len(rows) < most:
            episode_ids.update(row.episode_id for row in rows)
        else:
            episode_ids.update(e for key in keys for e in _sample(connection, (source, key), since, batch, most))
    return episode_ids


def _sample(connection: Connection, group: GroupKey, since: datetime, batch: Batch, most: int) -> list[int]:
    """Return the episodes of a group since then, or a sample if there are at least `most`."""
    named = {"source": group[0], "group_key": group[1]}
    last = [row.episode_id for row in _LAST_OF_GROUP.rows(connection, **named, since=since, most=most)]
    if len(last) < most:
        return last
    batch.cut.add(group)
    going_on = _OPEN_OF_GROUP.rows(connection, **named, most=batch.SAMPLE)
    return [*last[: batch.SAMPLE], *(row.episode_id for row in going_on)]


def _load_incidents(
    connection: Connection, incident_ids: Collection[int], batch: Batch, only: Set[int] | None = None
) -> None:
    """Load incidents with everything that belongs to them, including those merged into them or their merge target.

    Of those with very many episodes only the ones in `only`, unless that is None.
    """
    roots = {row.merged_into or row.id for row in _ROOTS.among(connection, incident_ids)} - batch.entries.keys()
    added: dict[int, IncidentState] = {}
    for row in _FAMILIES.among(connection, roots):
        added[row.id] = IncidentState(
            id=row.id,
            opened_at=row.opened_at,
            heard_at=row.heard_at,
            counted=Counted(row.counted),
            refold=row.refold,
            settled_at=None if row.counted & Counted.SETTLED else row.settled_at,
            merged_into=row.merged_into,
            firings=_FIRINGS.validate_python(row.firings) if row.firings else None,
            partial=bool(row.firings) and only is not None,
        )
    batch.entries |= added
    for entry in added.values():
        if entry.merged_into is not None:
            batch.entries[entry.merged_into].merged_ids.add(entry.id)
    for row in _EVENTS.among(connection, added):
        batch.entries[row.incident_id].events.append(event_of(row))
        if row.sent_to != row.incident_id:
            batch.holders.setdefault(row.sent_to, set()).add(row.incident_id)
    episode_ids = set()
    whole = [entry.id for entry in added.values() if not entry.partial]
    rows = _EPISODES.among(connection, whole)
    if only and len(whole) < len(added):
        rows += [row for row in _SOME_EPISODES.among(connection, only) if row.incident_id in added]
    for row in rows:
        batch.episodes[row.id] = episode_of(row)
        batch.entries[row.incident_id].episodes.add(row.id)
        episode_ids.add(row.id)
    for row in _MEMBERSHIPS.among(connection, episode_ids):
        group = (row.source, row.group_key)
        batch.groups.setdefault(group, set()).add(row.episode_id)
        batch.groups_of.setdefault(row.episode_id, set()).add(group)
    holders = {row.incident_id for row in _HOLDERS.among(connection, added)} - batch.entries.keys()
    if holders:
        _load_incidents(connection, holders, batch, only)


def _by_source(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for source, key in keys:
        grouped[source].append(key)
    return grouped
