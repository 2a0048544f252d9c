"""Loading what a batch may change, in a fixed number of queries however many commands there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Set
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, select

from service.domain.episodes import AlertReport
from service.domain.firings import Firings
from service.domain.senders import plain_source
from service.domain.totals import Counted
from service.store import batch_queries as queries
from service.store import tables as t
from service.store.engine import take_turn
from service.store.from_rows import episode_of, observation_of
from service.store.loaded import AlertKey, BatchKeys, GroupKey, IncidentState, LoadedRows, StoredReport, alert_key
from service.store.recorded import episodes_of, events_of
from service.store.refolding import outdated
from service.store.settling import UNSETTLED, unsettled
from service.store.statements import pipelined
from service.store.types import EPOCH, NEVER

_FIRINGS = TypeAdapter(Firings)


def load(connection: Connection, keys: BatchKeys, window: timedelta, *, whole: bool = False) -> LoadedRows:
    """Return everything that the alerts, groups, keys and incidents in `keys` can touch.

    Of incidents and groups with more than `LoadedRows.MANY` episodes only some are loaded (`IncidentState.partial`,
    `LoadedRows.sampled`), unless `whole`, or others are regrouped beside them.
    `window` is the reopen window: an episode of a group that ended longer than that before `keys.since` can no longer
    be joined.
    """
    rows = _load(connection, keys, window, whole)
    if not whole and keys.neighbours and (rows.sampled or any(row.partial for row in rows.incidents.values())):
        return _load(connection, keys, window, whole=True)
    return rows


def _load(connection: Connection, keys: BatchKeys, window: timedelta, whole: bool) -> LoadedRows:
    rows = LoadedRows()
    with pipelined(connection):
        take_turn(connection)
        due = UNSETTLED.ask(connection, now=keys.received_at or EPOCH)
        last_ids = queries.LAST_IDS.ask(connection)
        all_sources = queries.SOURCES.ask(connection)
    rows.unsettled = unsettled(due())
    [last] = last_ids()
    rows.last_incident_id, rows.last_episode_id = last.incident_id or 0, last.episode_id or 0
    reported = {row.source for row in all_sources()}
    if keys.stale_before is not None:
        rows.stale = _stale(connection, keys.stale_before)
    if keys.outdated:
        rows.outdated = outdated(connection, keys.outdated)
    episode_ids: set[int] = set()
    if keys.since is not None:
        since = keys.since - window
        episode_ids = _load_alerts(connection, keys, since, window, rows, reported=reported, whole=whole)
    for source, names in _by_source(keys.keys).items():
        for row in queries.KEYS.among(connection, names, source=source):
            rows.keys[source, row.incident_key] = row.incident_id
    incident_ids = {*keys.incidents, *rows.keys.values(), *rows.stale, *rows.outdated}
    incident_ids |= {row.incident_id for row in queries.INCIDENTS_OF_EPISODES.among(connection, episode_ids)}
    _load_incidents(connection, incident_ids, rows, None if whole else episode_ids)
    if rows.outdated:
        _add_reports(queries.REPORTS_OF.among(connection, rows.episodes), rows)
    if keys.neighbours or rows.outdated:
        _load_neighbours(connection, rows, window)
    if rows.outdated:
        _add_reports(queries.REPORTS_OF.among(connection, rows.episodes), rows)
    return rows


def _stale(connection: Connection, before: datetime) -> list[int]:
    """Return the ids of the open incidents that became stale before then."""
    late = t.incidents.c.stale_at < before
    return list(connection.scalars(select(t.incidents.c.id).where(late).order_by(t.incidents.c.id)))


def _load_alerts(
    connection: Connection,
    keys: BatchKeys,
    since: datetime,
    window: timedelta,
    rows: LoadedRows,
    *,
    reported: Set[str],
    whole: bool,
) -> set[int]:
    """Load the reports of the alerts, and return the episodes of these and of their groups that matter since then.

    `reported` are the sources of all stored reports.
    """
    reporting = {source for source, _ in keys.groups}
    sources = reported | reporting
    _load_reports(connection, keys.alerts, keys.ended, rows, sources=sources, since=since)
    adoptable = _adoptable_since(rows, sources, reporting, window)
    if adoptable is not None:
        waiting = {key for key, reports in rows.reports.items() if any(not r.episode_id for r in reports.values())}
        if adoptable < since or waiting:
            since = min(adoptable, since)
            _load_reports(connection, keys.alerts, keys.ended | waiting, rows, sources=sources, since=since)
    stored = [(o, r.episode_id) for reports in rows.reports.values() for o, r in reports.items()]
    groups = {*keys.groups, *((o.source, o.group_key) for o, _ in stored)}
    return {e for _, e in stored} | _load_groups(connection, groups, since, rows, NEVER if whole else rows.MANY + 1)


def _load_reports(
    connection: Connection,
    alerts: Set[AlertKey],
    ended: Set[AlertKey],
    rows: LoadedRows,
    *,
    sources: Collection[str],
    since: datetime,
) -> None:
    """Load the reports of the episodes that may be ongoing since then, and of those near a reported onset.

    If a sender reports an end without its start, it may belong to the episode that started last.
    """
    for read, keys in ((queries.REPORTS, alerts), (queries.BEGUN_LAST, ended)):
        for plain, fingerprints in _by_source(keys).items():
            mine = [source for source in sources if plain_source(source) == plain]
            _add_reports(read.among(connection, fingerprints, sources=mine, since=since), rows)
    stored = (stored for key in alerts for stored in rows.reports.get(key, {}).values())
    onset_at = min((at for s in stored if (at := s.report.onset_at) is not None), default=since)
    if onset_at < since:
        _load_reports(connection, alerts, ended, rows, sources=sources, since=onset_at)


def _adoptable_since(
    rows: LoadedRows, sources: Collection[str], reporting: Collection[str], window: timedelta
) -> datetime | None:
    """Return since when other episodes matter if one without a sender, stored or reported now, may be adopted.

    The episode then starts at the earliest start of its reports, in the groups of both.
    """
    named = {plain_source(source) for source in sources if source != plain_source(source)}
    starts = [
        seen.starts_at
        for (plain, _), reports in rows.reports.items()
        if plain in named and (plain in reporting or any(seen.source == plain for seen in reports))
        for seen in reports
    ]
    return min(starts) - window if starts else None


def _add_reports(report_rows: Iterable[Row[Any]], rows: LoadedRows) -> None:
    for row in report_rows:
        seen = observation_of(row)
        report = AlertReport(
            observation=seen, first_received=row.recorded_at, last_received=row.last_received_at, onset_at=row.onset_at
        )
        rows.reports.setdefault(alert_key(seen), {}).setdefault(seen, StoredReport(report, row.episode_id))


def _load_neighbours(connection: Connection, rows: LoadedRows, window: timedelta) -> None:
    """Load the incidents whose episodes are near the loaded ones, in the same alert groups."""
    ends = [e.ends_at for e in rows.episodes.values()]
    ends += [o.ends_at or o.starts_at for reports in rows.reports.values() for o in reports]
    if not ends:
        return
    since = min(e.starts_at for e in rows.episodes.values()) - window
    until = None if None in ends else max(at for at in ends if at is not None) + window
    near = {
        row.episode_id: row.incident_id
        for source, keys in _by_source({g for groups in rows.groups_of.values() for g in groups}).items()
        for row in queries.NEAR_EPISODES.among(connection, keys, source=source, since=since, until=until)
    }
    _load_incidents(connection, {i for e, i in near.items() if e not in rows.episodes}, rows)


def _load_groups(
    connection: Connection, groups: Collection[GroupKey], since: datetime, rows: LoadedRows, most: int
) -> set[int]:
    """Return the episodes of groups since then; if there are `most`, each group is read on its own."""
    episode_ids: set[int] = set()
    for source, keys in _by_source(groups).items():
        members = queries.GROUP_EPISODES.among(connection, keys, source=source, since=since, most=most)
        if len(members) < most:
            episode_ids.update(row.episode_id for row in members)
        else:
            episode_ids.update(e for key in keys for e in _sample(connection, (source, key), since, rows, most))
    return episode_ids


def _sample(connection: Connection, group: GroupKey, since: datetime, rows: LoadedRows, most: int) -> list[int]:
    """Return the episodes of a group since then, or a sample if there are at least `most`."""
    named = {"source": group[0], "group_key": group[1]}
    last = [row.episode_id for row in queries.LAST_OF_GROUP.rows(connection, **named, since=since, most=most)]
    if len(last) < most:
        return last
    rows.sampled.add(group)
    going_on = queries.OPEN_OF_GROUP.rows(connection, **named, most=rows.SAMPLE)
    return [*last[: rows.SAMPLE], *(row.episode_id for row in going_on)]


def _load_incidents(
    connection: Connection, incident_ids: Collection[int], rows: LoadedRows, only: Set[int] | None = None
) -> None:
    """Load incidents with everything that belongs to them, including those merged into them or their merge target.

    Of those with very many episodes only the ones in `only`, unless that is None.
    """
    targets = {row.merged_into or row.id for row in queries.MERGE_TARGETS.among(connection, incident_ids)}
    added = {
        row.id: _state_of(row, only) for row in queries.INCIDENTS.among(connection, targets - rows.incidents.keys())
    }
    if not added:
        return
    rows.incidents |= added
    for state in added.values():
        if state.merged_into is not None:
            added[state.merged_into].merged_ids.add(state.id)
    for incident_id, event in events_of(connection, added):
        added[incident_id].events.append(event)
        rows.events.append((incident_id, event))
    whole = [state.id for state in added.values() if not state.partial]
    episodes = episodes_of(connection, whole)
    if only and len(whole) < len(added):
        episode_rows = queries.SOME_EPISODES.among(connection, only)
        episodes += [episode_of(row) for row in episode_rows if row.incident_id in added]
    for episode in episodes:
        rows.episodes[episode.id] = episode
        added[episode.incident_id].episodes.add(episode.id)
    groups_of: dict[int, set[GroupKey]] = defaultdict(set)
    for row in queries.MEMBERSHIPS.among(connection, [episode.id for episode in episodes]):
        groups_of[row.episode_id].add((row.source, row.group_key))
    rows.groups_of |= {episode_id: frozenset(groups) for episode_id, groups in groups_of.items()}
    holders = {row.incident_id for row in queries.HOLDERS.among(connection, added)} - rows.incidents.keys()
    if holders:
        _load_incidents(connection, holders, rows, only)


def _state_of(row: Row[Any], only: Set[int] | None) -> IncidentState:
    return IncidentState(
        id=row.id,
        opened_at=row.opened_at,
        last_seen_at=row.heard_at,
        detected_at=row.detected_at,
        title=row.title,
        counted=Counted(row.counted),
        refold=row.refold,
        settled_at=None if row.counted & Counted.SETTLED else row.settled_at,
        merged_into=row.merged_into,
        firings=_FIRINGS.validate_python(row.firings) if row.firings else None,
        partial=bool(row.firings) and only is not None,
    )


def _by_source(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for source, key in keys:
        grouped[source].append(key)
    return grouped
