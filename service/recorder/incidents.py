"""Operations on incidents shared by all commands: look up, merge, compute, and count new results."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.firings import add_up, suffices
from service.domain.history import effective
from service.domain.incident import Incident, fold
from service.domain.policy import Policy
from service.domain.totals import Counted, increments
from service.recorder.commands import Delivery, Outcome, UnknownIncident
from service.store.batch import Batch, IncidentState, ReceivedBody

OURSELVES = "mttx"
"""The source of the events that the exporter records itself; reserved for it."""


class Incidents:
    """The incidents of one batch, computed under one policy; `limits` are the histograms' bucket bounds."""

    def __init__(self, batch: Batch, policy: Policy, limits: Sequence[int]) -> None:
        self._batch = batch
        self._policy = policy
        self._limits = limits
        self._unsettled = {e.id: e.settled_at for e in batch.entries.values() if e.settled_at is not None}

    def existing(self, incident_id: int) -> IncidentState:
        """Return the incident, or the one it was merged into. Raises `UnknownIncident`."""
        entry = self._batch.effective(incident_id)
        if entry is None:
            msg = f"there is no incident INC-{incident_id}"
            raise UnknownIncident(msg)
        return entry

    def merge(self, merged: IncidentState, into: IncidentState) -> None:
        """Merge one incident into another: its episodes move, and the events of both are read together from now on."""
        batch = self._batch
        for entry in [merged, *(batch.entries[i] for i in sorted(merged.merged_ids))]:
            entry.merged_into = into.id
            into.merged_ids.add(entry.id)
            batch.mark_changed(entry, entry.heard_at)
        merged.merged_ids = set()
        for episode in batch.episodes_of(merged):
            batch.save_episode(replace(episode, incident_id=into.id))
        batch.mark_changed(into, merged.heard_at)

    def merge_overlapping(self, merged: IncidentState, into: IncidentState, now: datetime) -> None:
        """Merge incidents that turned out to be one, and record that in the history."""
        if merged.id == into.id or merged.merged_into is not None:
            return
        event = Event(
            event_id=f"merged-into-{into.id}",
            kind=EventKind.MERGED,
            occurred_at=now,
            recorded_at=now,
            source=OURSELVES,
            data={"into": f"INC-{into.id}"},
        )
        self._batch.append(merged, event)
        self.merge(merged, into)

    def keep(self, delivery: Delivery) -> bytes:
        """Keep the raw body; return the digest by which events and observations refer to it."""
        digest = blake2b(delivery.source.encode() + b"\0" + delivery.body, digest_size=16).digest()
        self._batch.keep(digest, ReceivedBody(delivery.source, delivery.body, delivery.received_at))
        return digest

    def recompute(self, now: datetime) -> None:
        """Compute every incident touched since the last call, and add its new results to the running totals."""
        batch = self._batch
        for entry in batch.take_outdated():
            incident = self.fold(entry)
            if entry.merged_into is None:
                added, entry.counted = increments(incident, entry.counted, self._policy, self._limits, now)
                batch.count(added, entry.id, entry.heard_at)
            self._wait_for(entry, incident)

    def settle(self, now: datetime) -> None:
        """Take the samples that are final by `now`, before later commands are applied."""
        batch = self._batch
        for incident_id in [i for i, at in self._unsettled.items() if at <= now]:
            del self._unsettled[incident_id]
            entry = batch.entries[incident_id]
            if entry.merged_into is None:
                added, entry.counted = increments(self.fold(entry), entry.counted, self._policy, self._limits, now)
                batch.count(added, entry.id, entry.heard_at)
                if entry.id not in batch.touched:
                    batch.mark_outdated(entry, now)
                    batch.quiet.add(entry.id)

    def _wait_for(self, entry: IncidentState, incident: Incident) -> None:
        self._unsettled.pop(entry.id, None)
        if incident.settled_at is not None and Counted.SETTLED not in entry.counted and entry.merged_into is None:
            self._unsettled[entry.id] = incident.settled_at

    def fold(self, entry: IncidentState) -> Incident:
        """Compute one incident from its events and episodes."""
        events = self._batch.events_of(entry)
        entry.incident = fold(entry.id, events, self._episodes(entry, events), self._policy, entry.heard_at)
        return entry.incident

    def _episodes(self, entry: IncidentState, events: Sequence[Event]) -> Sequence[Episode]:
        """Return the episodes, or their stand-ins; the sums over very many are kept with the incident."""
        if entry.partial and entry.firings is not None and suffices(effective(events)):
            return entry.firings.stand_ins()
        episodes = self._batch.episodes_of(entry)
        entry.firings = add_up(episodes) if len(episodes) > self._batch.MANY else None
        return episodes

    def outcome(self, entry: IncidentState, *, created: bool = True) -> Outcome:
        """Return the outcome for an incident."""
        incident = entry.incident or self.fold(entry)
        return Outcome(entry.id, incident.phase, created)
