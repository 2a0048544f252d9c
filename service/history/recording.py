"""Records incidents of the past, all of them in one transaction, while no recorder is running.

Each event counts when it happened: the totals grow as if every event had been reported at once, in order of time. What
is earlier than the detection is reported with it, since the incident was unknown before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind
from service.domain.policy import Policy
from service.domain.totals import bucket_bounds_of
from service.history.importing.imported import ImportedIncident, LineError
from service.recorder.apply import record
from service.recorder.batch import Batch
from service.recorder.correlation import join, named_alike
from service.recorder.events import add_event
from service.recorder.incidents import recompute
from service.store import Store
from service.store.loaded import ALIAS, BatchKeys, IncidentState
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
    """Record a chunk of incidents."""
    done: dict[int, ImportResult] = {}

    def record_one(batch: Batch, incident: ImportedIncident) -> None:
        done[id(incident)] = _Recording(batch, incident, now).record()

    refused = record(
        transaction, policy, bucket_bounds_of(policy), incidents, keys_of=partial(_keys_of, now), apply=record_one
    )
    for incident, error in refused:
        done.pop(id(incident), None)
        result.refused.append(LineError(incident.where, str(error)))
    for recorded in done.values():
        result.opened += recorded.opened
        result.changed += recorded.changed
        result.unchanged += recorded.unchanged
        result.events += recorded.events
        result.differences += recorded.differences


def _keys_of(now: datetime, incidents: Iterable[ImportedIncident]) -> BatchKeys:
    keys = BatchKeys(received_at=now, neighbours=True)
    for incident in incidents:
        keys.keys |= {(incident.source, incident.key), *((ALIAS, alias) for alias in incident.aliases)}
        if incident.merged_into:
            keys.keys.add((incident.source, incident.merged_into))
    return keys


class _Recording:
    """Records one incident into a batch."""

    def __init__(self, batch: Batch, incident: ImportedIncident, now: datetime) -> None:
        self._batch = batch
        self._incident = incident
        self._now = now
        self._result = ImportResult()

    def record(self) -> ImportResult:
        """Record the incident. Raises `Refused`."""
        batch, incident = self._batch, self._incident
        state, is_new = self._state()
        recorded = {event.event_id: event for event in batch.events_of(state)}
        imported = (*incident.events, *incident.initial_events) if is_new else incident.events
        events = [new for event in imported if (new := self._new_event(event, recorded)) is not None]
        events += self._new_labels(recorded)
        detected_at = next(e.occurred_at for e in incident.events if e.kind is EventKind.DETECTED)
        if incident.merged_into:
            self._retract_dismissal(state, recorded)
        for event in sorted(events, key=lambda e: (e.occurred_at, list(EventKind).index(e.kind))):
            if event.occurred_at > detected_at:
                recompute(batch, self._now)
            state, _ = add_event(batch, state, event)
        recompute(batch, self._now)
        if incident.aliases:
            join(batch, state, incident.aliases, self._now)
            recompute(batch, self._now)
        self._result.events = len(events)
        self._result.opened, self._result.changed = int(is_new), int(bool(events) and not is_new)
        self._result.unchanged = int(not events and not is_new)
        return self._result

    def _state(self) -> tuple[IncidentState, bool]:
        batch, incident = self._batch, self._incident
        key = (incident.source, incident.key)
        if key in batch.keys:
            return batch.existing(batch.keys[key]), False
        named = named_alike(batch, incident.aliases, min(event.occurred_at for event in incident.events))
        state = named or batch.open(self._now)
        batch.keys[key] = state.id
        return state, named is None

    def _new_labels(self, recorded: dict[str, Event]) -> Iterator[Event]:
        """Yield the event that sets the labels which the file adds or now has another value of.

        It counts from the detection on, as if the file had always said so; what people set since takes precedence.
        """
        detected = next(event for event in self._incident.events if event.kind is EventKind.DETECTED)
        name = f"{self._incident.source}-{self._incident.key}-labels-"
        earlier = sorted((e for e in recorded.values() if e.event_id.startswith(name)), key=lambda e: e.recorded_at)
        before = recorded.get(detected.event_id)
        labels = dict(before.labels) if before else dict(detected.labels)
        for event in earlier:
            labels |= event.labels
        changed = {label: value for label, value in detected.labels.items() if labels.get(label) != value}
        if changed:
            yield Event(
                event_id=f"{name}{len(earlier) + 1}",
                kind=EventKind.DESCRIBED,
                occurred_at=detected.occurred_at,
                recorded_at=self._now,
                source=self._incident.source,
                labels=changed,
            )

    def _retract_dismissal(self, state: IncidentState, recorded: dict[str, Event]) -> None:
        """Retract the dismissal that an earlier release recorded for a merge: it would dismiss the target as well."""
        incident = self._incident
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
            add_event(self._batch, state, event)

    def _new_event(self, event: Event, recorded: dict[str, Event]) -> Event | None:
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
            self._result.differences.append(LineError(self._incident.where, detail))
        if occurred_at == event.occurred_at:
            return None
        return Event(
            event_id=f"{event.event_id}-corrected-{len(earlier) + 1}",
            kind=EventKind.CORRECTED,
            occurred_at=self._now,
            recorded_at=self._now,
            source=self._incident.source,
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
    return event.title, event.severity, event.types, event.domains


def _details(event: Event) -> dict[str, object]:
    return {name: value for name, value in event.data.items() if name != INCIDENT_KEY}
