"""Incidents as rows, for lists, boards and metrics: the current state of each, without its history."""

from collections import defaultdict, namedtuple
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Row, and_, or_, select, text, union

from service.domain.actions import ActionState
from service.domain.episodes import Episode
from service.domain.incident import OPEN_PHASES, Phase
from service.domain.policy import IncidentType, Milestone, Severity, Stage
from service.store import tables as t
from service.store.breakdown import have_values
from service.store.from_rows import milestones_of
from service.store.recorded import episodes_of
from service.store.statements import CHUNK, among
from service.store.titles import candidates, contains
from service.store.types import Stored

REMEMBERED = 500
"""Incidents that are not made of their rows for every scrape: as many as the windows of a small store have."""
DUE = {Stage.DRAFT: t.incidents.c.draft_due_at, Stage.FINAL: t.incidents.c.final_due_at}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident in its current state; `due` has the stages of its postmortem that are outstanding.

    `dimensions` has its value of every label that it has one of.
    """

    id: int
    title: str
    severity: Severity
    phase: Phase
    types: tuple[str, ...]
    milestones: Mapping[Milestone, datetime]
    opened_at: datetime
    last_seen_at: datetime
    stale_at: datetime | None
    deadlines_from: datetime
    due: Mapping[Stage, datetime]
    dimensions: Mapping[str, str] = field(default_factory=dict)

    def is_stale(self, now: datetime) -> bool:
        """Return whether it is open and its sources have not reported for too long."""
        return self.stale_at is not None and self.stale_at < now


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents to list; what is empty does not restrict. `number` matches as well as `text`.

    `detected_before` excludes that instant. `dimensions`: values of labels, "" for incidents without one.
    `outstanding`: a stage, action or verification of its postmortem is outstanding, or it fails a check.
    """

    phases: Collection[Phase] = ()
    open_only: bool = False
    severities: Collection[Severity] = ()
    types: Collection[IncidentType] = ()
    detected_since: datetime | None = None
    detected_before: datetime | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    number: int | None = None
    outstanding: bool = False


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """A page, newest first. `older` is the id to continue before, `newer` that to go back after; None at either end."""

    rows: tuple[IncidentRow, ...]
    older: int | None
    newer: int | None


_OTHER_COLUMNS = {"resolution_source", "dismissed_at", "withdrawn", "settled_at", "outlived_at", "merged_into"}
_OTHER_COLUMNS |= {"counted", "refold", "firings"}
ROW_COLUMNS = tuple(column for column in t.incidents.c if column.name not in _OTHER_COLUMNS)
"""Those of which an `IncidentRow` is made."""


def row_of(row: Any) -> IncidentRow:
    """Return the incident of a row of `incidents`, of which it has at least `ROW_COLUMNS`."""
    return IncidentRow(
        id=row.id,
        title=row.title,
        severity=Severity(row.severity),
        phase=Phase(row.phase),
        types=tuple(row.types.split(",")) if row.types else (),
        milestones=milestones_of(row),
        opened_at=row.opened_at,
        last_seen_at=row.heard_at,
        stale_at=row.stale_at,
        deadlines_from=row.deadlines_from,
        due=_due_of(row),
        dimensions=row.dimensions,
    )


_StoredRow: Any = namedtuple("_StoredRow", [column.name for column in ROW_COLUMNS])  # type: ignore[misc]
_READ = [column.type.read if isinstance(column.type, Stored) else None for column in ROW_COLUMNS]


@lru_cache(REMEMBERED)
def remembered_row(row: tuple[Any, ...]) -> IncidentRow:
    """Return the incident of a row of `ROW_COLUMNS` as the database has it; of equal rows it is the same object."""
    return row_of(_StoredRow._make(v if read is None else read(v) for v, read in zip(row, _READ, strict=True)))


def _due_of(row: Row[Any]) -> dict[Stage, datetime]:
    dates = ((Stage.DRAFT, row.draft_due_at), (Stage.FINAL, row.final_due_at))
    return {stage: at for stage, at in dates if at is not None}


def incident_page(
    connection: Connection,
    filter_: IncidentFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
) -> IncidentPage:
    """Return the incidents that match, without merged ones: the next older ones `before` an id, or newer ones `after`.

    By id, so that page 10,000 costs as much as the first and no incident is skipped or repeated.
    """
    c = t.incidents.c
    live = and_(c.merged_into.is_(None), ~c.withdrawn)
    ids = candidates(connection, filter_.text) if filter_.text and not _is_open(filter_) else None
    is_narrow = ids is not None or _is_narrow(filter_)
    query = (
        select(t.incidents).where(live, *_conditions(filter_, connection.dialect, narrow=is_narrow)).limit(limit + 1)
    )
    if ids is not None:
        query = query.where(among(c.id, connection.dialect, "ids")).params(ids=[*ids, filter_.number or 0])
    order = c.id + 0 if is_narrow else c.id
    if after is not None:
        rows = connection.execute(query.where(c.id > after).order_by(order)).all()
        more = len(rows) > limit
        page = tuple(row_of(row) for row in reversed(rows[:limit]))
        return IncidentPage(page, page[-1].id if page else None, page[0].id if page and more else None)
    if before is not None:
        query = query.where(c.id < before)
    rows = connection.execute(query.order_by(order.desc())).all()
    page = tuple(row_of(row) for row in rows[:limit])
    older = page[-1].id if len(rows) > limit else None
    return IncidentPage(page, older, page[0].id if page and before is not None else None)


def _is_narrow(filter_: IncidentFilter) -> bool:
    """Return whether an index finds few rows; ordering by a sum then keeps databases from walking all incidents."""
    return _is_open(filter_) or filter_.detected_since is not None


def _is_open(filter_: IncidentFilter) -> bool:
    return filter_.open_only or (bool(filter_.phases) and set(filter_.phases) <= set(OPEN_PHASES))


def _conditions(filter_: IncidentFilter, dialect: Dialect, *, narrow: bool) -> list[ColumnElement[bool]]:
    c = t.incidents.c
    conditions: list[ColumnElement[bool]] = []
    if filter_.phases:
        conditions.append(c.phase.in_(list(filter_.phases)))
    if _is_open(filter_):
        conditions.append(c.stale_at.is_not(None))  # set only while open, so its index holds open incidents alone
    if filter_.severities:
        conditions.append(c.severity.in_(list(filter_.severities)))
    if filter_.types:
        conditions.append(
            or_(*(("," + c.types + ",").contains(f",{name},", autoescape=True) for name in filter_.types))
        )
    if filter_.detected_since is not None:
        conditions.append(c.detected_at > filter_.detected_since)
    if filter_.detected_before is not None:
        conditions.append(c.detected_at < filter_.detected_before)
    conditions += have_values(filter_.dimensions, dialect, indexed=not narrow)
    if filter_.text:
        named = contains(filter_.text, dialect)
        conditions.append(named if filter_.number is None else or_(named, c.id == filter_.number))
    if filter_.outstanding:
        conditions.append(_is_outstanding())
    return conditions


def _is_outstanding() -> ColumnElement[bool]:
    """Return the condition; a stage that was completed late is no longer outstanding."""
    c, actions, failed = t.incidents.c, t.actions.c, t.failed_checks.c
    return c.id.in_(
        union(
            *(select(c.id).where(due_at.is_not(None)) for due_at in DUE.values()),
            select(actions.incident_id).where(actions.state.in_([ActionState.OPEN, ActionState.COMPLETED])),
            select(failed.incident_id).where(text(t.REPORTED_CHECK)),
        )
    )


def detected_within(
    connection: Connection, begins_at: datetime, ends_at: datetime, dimensions: Mapping[str, str]
) -> list[int]:
    """Return the ids of the incidents detected from then until before then, in that order, dismissed ones too.

    Merged and withdrawn ones are left out, and those without these values of dimensions.
    """
    c = t.incidents.c
    within = (c.detected_at >= begins_at, c.detected_at < ends_at, c.merged_into.is_(None), ~c.withdrawn)
    query = select(c.id).where(*within, *have_values(dimensions, connection.dialect))
    return list(connection.scalars(query.order_by(c.detected_at, c.id)))


def recent_episodes(
    connection: Connection, since: datetime, most: int = CHUNK
) -> list[tuple[IncidentRow, Sequence[Episode]]]:
    """Return the incidents that are open or were detected after `since`, newest first, with their episodes in order.

    Dismissed and merged incidents are left out, and so is anything beyond `most`.
    """
    c = t.incidents.c
    is_recent = or_(c.stale_at.is_not(None), c.detected_at >= since)
    query = select(t.incidents).where(c.merged_into.is_(None), c.dismissed_at.is_(None), is_recent)
    rows = [row_of(row) for row in connection.execute(query.order_by(c.id.desc()).limit(most))]
    episodes: dict[int, list[Episode]] = defaultdict(list)
    for episode in episodes_of(connection, [row.id for row in rows]):
        episodes[episode.incident_id].append(episode)
    return [(row, episodes[row.id]) for row in rows]


def group_key_of(connection: Connection, episode_id: int) -> str | None:
    """Return the key of an alert group in which an episode was seen; None if it was seen in none."""
    c = t.episode_groups.c
    query = select(c.group_key).where(c.episode_id == episode_id).order_by(c.source, c.group_key).limit(1)
    return connection.scalar(query)
