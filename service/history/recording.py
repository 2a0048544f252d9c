"""Records incidents of the past, all of them in one transaction, while no recorder is running.

Each event counts when it happened: the totals grow as if every event had been reported at once, in order of time. What
is earlier than the detection is reported with it, since nobody knew of the incident before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind
from service.domain.policy import Policy
from service.domain.totals import bounds
from service.history.importing.imported import ImportedIncident, LineError
from service.recorder.commands import Delivery, Refused
from service.recorder.correlation import Correlation
from service.recorder.events import EventRecording
from service.recorder.grouping import Grouping
from service.recorder.incidents import Incidents
from service.store import Store
from service.store.batch import ALIAS, Batch, BatchKeys, IncidentState
from service.store.store import Transaction

CHUNK = 200
"""How many incidents are loaded, computed and written together, and so held in memory at once."""


@dataclass(slots=True)
class ImportResult:
    """The result of an import: how many incidents it opened, changed or left unchanged, and what to report."""

    opened: int = 0
    changed: int = 0
    unchanged: int = 0
    events: int = 0
    refused: list[LineError] = field(default_factory=list)
    differences: list[LineError] = field(default_factory=list)


def record_incidents(
    store: Store,
    policy: Policy,
    incidents: Sequence[ImportedIncident],
    now: datetime,
    *,
    keep: Callable[[ImportResult], bool],
    progress: Callable[[int], None] = lambda _: None,
) -> ImportResult:
    """Record incidents; `keep` decides by the result whether to commit.

    Raises `StoreUnavailable`; nothing was stored then.
    """
    result = ImportResult()
    incidents = sorted(incidents, key=lambda incident: bool(incident.merged_into))  # targets of merges first
    try:
        with store.transaction() as transaction:
            for first in range(0, len(incidents), CHUNK):
                _record(transaction, policy, incidents[first : first + CHUNK], now, result)
                progress(min(first + CHUNK, len(incidents)))
            if not keep(result):
                raise _RollBack
    except _RollBack:
        pass
    return result


class _RollBack(Exception):
    """Rolls the transaction back."""


def _record(
    transaction: Transaction, policy: Policy, incidents: Sequence[ImportedIncident], now: datetime, result: ImportResult
) -> None:
    """Record a chunk; a refused incident leaves the batch half changed, so that the chunk is repeated without it."""
    remaining = list(incidents)
    while remaining:
        keys = BatchKeys(
            keys={(incident.source, incident.key) for incident in remaining}
            | {(incident.source, incident.merged_into) for incident in remaining if incident.merged_into}
            | {(ALIAS, a) for incident in remaining for a in incident.aliases},
            neighbours=True,
        )
        batch = transaction.load(keys, policy.reopen_window)
        recording = _Recording(batch, policy, now)
        for incident in remaining:
            try:
                recording.record(incident)
            except Refused as error:
                result.refused.append(LineError(incident.where, str(error)))
                remaining.remove(incident)
                break
        else:
            transaction.save(batch)
            result.opened += recording.result.opened
            result.changed += recording.result.changed
            result.unchanged += recording.result.unchanged
            result.events += recording.result.events
            result.differences += recording.result.differences
            return


class _Recording:
    """Records into one batch."""

    def __init__(self, batch: Batch, policy: Policy, now: datetime) -> None:
        self._batch = batch
        self._now = now
        self._incidents = Incidents(batch, policy, bounds(policy))
        grouping = Grouping(batch, self._incidents, policy)
        self._correlation = Correlation(batch, self._incidents, grouping, policy.reopen_window)
        self._events = EventRecording(batch, self._incidents, grouping, self._correlation)
        self.result = ImportResult()

    def record(self, incident: ImportedIncident) -> None:
        """Record one incident. Raises `Refused`."""
        entry, is_new = self._entry(incident)
        recorded = {event.event_id: event for event in self._batch.events_of(entry)}
        imported = (*incident.events, *incident.initial_events) if is_new else incident.events
        events = [new for event in imported if (new := self._new_event(event, recorded, incident)) is not None]
        detected_at = next(e.occurred_at for e in incident.events if e.kind is EventKind.DETECTED)
        if incident.merged_into:
            self._retract_dismissal(entry, incident, recorded)
        for event in sorted(events, key=lambda e: (e.occurred_at, list(EventKind).index(e.kind))):
            if event.occurred_at > detected_at:
                self._incidents.recompute(self._now)
            entry, _ = self._events.add(entry, event)
        self._incidents.recompute(self._now)
        if incident.aliases:
            self._correlation.join(entry, incident.aliases, Delivery(incident.source, b"", self._now))
            self._incidents.recompute(self._now)
        self.result.events += len(events)
        if is_new:
            self.result.opened += 1
        elif events:
            self.result.changed += 1
        else:
            self.result.unchanged += 1

    def _entry(self, incident: ImportedIncident) -> tuple[IncidentState, bool]:
        batch, key = self._batch, (incident.source, incident.key)
        if key in batch.keys:
            return self._incidents.existing(batch.keys[key]), False
        at = min(event.occurred_at for event in incident.events)
        entry = self._correlation.find(incident.aliases, at)
        is_new = entry is None
        entry = entry or batch.open(self._now)
        batch.keys[key] = batch.new_keys[key] = entry.id
        return entry, is_new

    def _retract_dismissal(self, entry: IncidentState, incident: ImportedIncident, recorded: dict[str, Event]) -> None:
        """Retract the dismissal that an earlier release recorded for a merge: it would dismiss the target as well."""
        dismissal = f"{incident.source}-{incident.key}-dismissed"
        retraction = f"{dismissal}-retracted"
        if dismissal in recorded and retraction not in recorded:
            event = Event(
                event_id=retraction,
                kind=EventKind.RETRACTED,
                occurred_at=self._now,
                recorded_at=self._now,
                source=incident.source,
                data={"event_id": dismissal},
            )
            self._events.add(entry, event)

    def _new_event(self, event: Event, recorded: dict[str, Event], incident: ImportedIncident) -> Event | None:
        """Return what to record: the event, a correction if the file now has another time, or nothing."""
        before = recorded.get(event.event_id)
        if before is None and any(_is_same_merge(event, other) for other in recorded.values()):
            return None
        if before is None or before.kind is not event.kind:
            return event  # an event of another kind is refused, as it should be
        earlier = [e for e in recorded.values() if e.event_id.startswith(f"{event.event_id}-corrected-")]
        corrected = [max(earlier, key=lambda e: e.recorded_at).data["occurred_at"]] if earlier else []
        occurred_at = datetime.fromisoformat(corrected[0]) if corrected else before.occurred_at
        if _differ(before, event):
            detail = (
                f"{event.kind.value} differs from what is recorded; its time follows the file, edit the rest by hand"
            )
            self.result.differences.append(LineError(incident.where, detail))
        if occurred_at == event.occurred_at:
            return None
        return Event(
            event_id=f"{event.event_id}-corrected-{len(earlier) + 1}",
            kind=EventKind.CORRECTED,
            occurred_at=self._now,
            recorded_at=self._now,
            source=incident.source,
            data={"event_id": event.event_id, "occurred_at": event.occurred_at.isoformat()},
        )


def _is_same_merge(event: Event, other: Event) -> bool:
    """Return whether both are the same merge: the webhook may have reported it with another id."""
    if event.kind is not EventKind.MERGED or other.kind is not EventKind.MERGED or event.source != other.source:
        return False
    return all(event.data.get(name) == other.data.get(name) for name in (INCIDENT_KEY, INTO_KEY))


def _differ(before: Event, event: Event) -> bool:
    """Return whether two versions of an event contradict each other; a field that only one has does not count."""
    if event.kind is EventKind.MERGED:
        return False  # INTO_KEY is all that matters, and the recorder adds to it
    pairs = zip(_about(before), _about(event), strict=True)
    return any(old and new and old != new for old, new in pairs) or _details(before) != _details(event)


def _about(event: Event) -> tuple[object, ...]:
    return event.title, event.severity, event.types, event.domains, dict(event.labels)


def _details(event: Event) -> dict[str, object]:
    return {name: value for name, value in event.data.items() if name != INCIDENT_KEY}
