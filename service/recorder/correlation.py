"""Correlation of incidents across sources: those that share a name at the same time are one incident.

A name (alias) is a text that both carry: the group key of Alertmanager, which its PagerDuty integration sends on as
SHA-256 in hex, or the value of a label chosen for that in the configuration.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from service.domain.policy import Milestone
from service.recorder.commands import Delivery
from service.recorder.grouping import Grouping
from service.recorder.incidents import Incidents
from service.store.batch import ALIAS, Batch, IncidentState


class Correlation:
    """Finds and joins the incidents of one batch that share a name and are at most `window` apart."""

    def __init__(self, batch: Batch, incidents: Incidents, grouping: Grouping, window: timedelta) -> None:
        self._grouping = grouping
        self._batch = batch
        self._incidents = incidents
        self._window = window

    def find(self, aliases: Iterable[str], at: datetime) -> IncidentState | None:
        """Return the incident that another source reports under one of these names and that is ongoing at `at`."""
        for alias in aliases:
            incident = self._holder_of(alias)
            if incident is not None and self._touch((at, at), self._interval(incident)):
                return incident
        return None

    def is_joined(self, entry: IncidentState, aliases: Iterable[str]) -> bool:
        """Return whether the incident already has all of these names, so that `join` has nothing to do."""
        holders = map(self._holder_of, aliases)
        return all(holder is not None and holder.id == entry.id for holder in holders)

    def join(self, entry: IncidentState, aliases: Iterable[str], delivery: Delivery) -> IncidentState:
        """Merge the incident with those that have its names, the later into the earlier; return the earlier.

        A name becomes free for the next incident once the interval of its incident is over.
        """
        for alias in aliases:
            holder = self._holder_of(alias)
            if holder is None:
                self._name(alias, entry)
            elif holder.id != entry.id:
                if self._touch(self._interval(entry), self._interval(holder)):
                    into, merged = sorted((entry, holder), key=lambda e: e.id)
                    self._incidents.merge_overlapping(merged, into, delivery.received_at)
                    self._grouping.regroup_incident(into, delivery.received_at)
                    entry = into
                    self._name(alias, entry)
                elif self._interval(holder)[0] < self._interval(entry)[0]:
                    self._name(alias, entry)
        return entry

    def _holder_of(self, alias: str) -> IncidentState | None:
        incident_id = self._batch.keys.get((ALIAS, alias))
        return None if incident_id is None else self._batch.effective(incident_id)

    def _name(self, alias: str, entry: IncidentState) -> None:
        self._batch.keys[ALIAS, alias] = self._batch.aliases[alias] = entry.id

    def _interval(self, entry: IncidentState) -> tuple[datetime, datetime | None]:
        incident = self._incidents.fold(entry)
        begin = incident.milestones.get(Milestone.DETECTED, incident.deadlines_from)
        return begin, incident.dismissed_at or incident.over_at

    def _touch(self, interval: tuple[datetime, datetime | None], other: tuple[datetime, datetime | None]) -> bool:
        (begin, end), (other_begin, other_end) = interval, other
        return (end is None or other_begin <= end + self._window) and (
            other_end is None or begin <= other_end + self._window
        )
