"""One incident that several sources tell of: what they call by the same name at the same time is the same.

A name (alias) is a text that both carry: the group key of Alertmanager, which its PagerDuty integration sends on as the
SHA-256 in hex, or the value of a label that people chose for that.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from service.domain.policy import Milestone
from service.recorder.commands import Delivery
from service.recorder.grouping import Grouping
from service.recorder.incidents import Incidents
from service.store.batch import ALIAS, Batch, IncidentState


class Correlation:
    """Finds and joins the incidents of one batch that share a name and lie no more than `window` apart."""

    def __init__(self, batch: Batch, incidents: Incidents, grouping: Grouping, window: timedelta) -> None:
        self._grouping = grouping
        self._batch = batch
        self._incidents = incidents
        self._window = window

    def find(self, aliases: Iterable[str], at: datetime) -> IncidentState | None:
        """Return the incident that another source calls by one of these names and that goes on at `at`."""
        for alias in aliases:
            incident = self._holder_of(alias)
            if incident is not None and self._touch((at, at), self._interval(incident)):
                return incident
        return None

    def is_joined(self, entry: IncidentState, aliases: Iterable[str]) -> bool:
        """Say whether the incident has all of these names already, so that `join` has nothing to do."""
        holders = map(self._holder_of, aliases)
        return all(holder is not None and holder.id == entry.id for holder in holders)

    def join(self, entry: IncidentState, aliases: Iterable[str], delivery: Delivery) -> IncidentState:
        """Make one of the incident and those that have its names; the later merges into the earlier, which is returned.

        A name is free for the next incident once the interval of the one that has it is over.
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
