"""Correlation of incidents across sources: those that share a name, and lie within the reopen window, are one incident.

A name (alias) is a text that both carry: the group key of Alertmanager, which its PagerDuty integration sends on as
SHA-256 in hex, or the value of a label chosen for that in the configuration.
"""

from collections.abc import Iterable
from datetime import datetime

from service.domain.policy import Milestone
from service.recorder.batch import Batch
from service.recorder.grouping import regroup_incident
from service.recorder.incidents import fold
from service.recorder.merging import merge_overlapping
from service.store.loaded import ALIAS, IncidentState

Interval = tuple[datetime, datetime | None]


def named_alike(batch: Batch, aliases: Iterable[str], at: datetime) -> IncidentState | None:
    """Return the incident that another source reports under one of these names and that is ongoing at `at`."""
    for alias in aliases:
        holder = _holder_of(batch, alias)
        if holder is not None and _touch(batch, (at, at), _interval(batch, holder)):
            return holder
    return None


def is_joined(batch: Batch, state: IncidentState, aliases: Iterable[str]) -> bool:
    """Return whether the incident already has all of these names, so that `join` has nothing to do."""
    return all(_holder_of(batch, alias) is state for alias in aliases)


def join(batch: Batch, state: IncidentState, aliases: Iterable[str], now: datetime) -> None:
    """Merge the incident with those that have its names, the later into the earlier.

    A name becomes free for the next incident once the interval of its incident is over.
    """
    for alias in aliases:
        holder = _holder_of(batch, alias)
        if holder is state:
            continue
        if holder is not None:
            if _touch(batch, _interval(batch, state), _interval(batch, holder)):
                state, merged = sorted((state, holder), key=lambda s: s.id)
                merge_overlapping(batch, merged, state, now)
                regroup_incident(batch, state, now)
            elif _interval(batch, state)[0] <= _interval(batch, holder)[0]:
                continue
        batch.keys[ALIAS, alias] = state.id


def _holder_of(batch: Batch, alias: str) -> IncidentState | None:
    incident_id = batch.keys.get((ALIAS, alias))
    return None if incident_id is None else batch.existing(incident_id)


def _interval(batch: Batch, state: IncidentState) -> Interval:
    incident = fold(batch, state)
    begin = incident.milestones.get(Milestone.DETECTED, incident.deadlines_from)
    return begin, incident.dismissed_at or incident.over_at


def _touch(batch: Batch, interval: Interval, other: Interval) -> bool:
    (begin, end), (other_begin, other_end) = interval, other
    return (end is None or other_begin <= end + batch.window) and (
        other_end is None or begin <= other_end + batch.window
    )
