"""Taking in events: each is appended once, where the incident's state allows it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from service.domain.events import Event, EventKind
from service.recorder.commands import Conflict, Delivery, KeyedEvent, Outcome, Refused
from service.recorder.correlation import Correlation
from service.recorder.incidents import Incidents
from service.recorder.key_merges import KeyMerges, into_key_of
from service.store.ledger import Entry, Ledger

MOST_CORRECTIONS = 1000
"""How many events of an incident may correct or retract others; each look at the incident weighs all of them."""
_CORRECTIONS = (EventKind.CORRECTED, EventKind.RETRACTED)
_AFTER_DISMISSAL = (EventKind.REOPENED, EventKind.NOTE, EventKind.CORRECTED, EventKind.RETRACTED)


def target_of(merged: Event) -> int:
    """Return the id of the incident into which a `merged` event merges."""
    return int(str(merged.data["into"]).removeprefix("INC-"))


class EventRecording:
    """Records events in one ledger. Raises `Conflict` and `UnknownIncident`."""

    def __init__(self, ledger: Ledger, incidents: Incidents, correlation: Correlation) -> None:
        self._ledger = ledger
        self._incidents = incidents
        self._correlation = correlation
        self._key_merges = KeyMerges(ledger, incidents)

    def record_keyed(self, events: Sequence[KeyedEvent], delivery: Delivery) -> tuple[Outcome, ...]:
        """Record events by the sender's own keys; an unknown key opens an incident, unless others told of it."""
        ledger = self._ledger
        digest = self._incidents.keep(delivery)
        added: list[tuple[Entry, bool]] = []
        for keyed in events:
            key = (delivery.source, keyed.incident_key)
            if key not in ledger.keys:
                known = self._correlation.find(keyed.aliases, keyed.event.occurred_at)
                entry = known or ledger.open(keyed.event.recorded_at)
                ledger.keys[key] = ledger.new_keys[key] = entry.id
            entry, created = self.add(self._incidents.existing(ledger.keys[key]), keyed.event, digest)
            added.append((self._correlation.join(entry, keyed.aliases, delivery), created))
        self._incidents.recompute()
        return tuple(self._incidents.outcome(entry, created=created) for entry, created in added)

    def open(self, events: Sequence[Event]) -> Outcome:
        """Open an incident by hand."""
        entry = self._ledger.open(events[0].recorded_at)
        for event in events:
            self._ledger.append(entry, event)
        self._incidents.recompute()
        return self._incidents.outcome(entry)

    def append(self, incident_id: int, event: Event) -> Outcome:
        """Add an event to an incident."""
        entry, created = self.add(self._incidents.existing(incident_id), event)
        self._incidents.recompute()
        return self._incidents.outcome(entry, created=created)

    def append_allowed(self, events: Iterable[tuple[int, Event]]) -> tuple[Outcome, ...]:
        """Add events that only set a milestone, without those that the state of their incident does not allow."""
        outcomes: list[Outcome] = []
        for incident_id, event in events:
            with suppress(Refused):  # raised before anything of it is in the ledger
                outcomes.append(self.append(incident_id, event))
        return tuple(outcomes)

    def add(self, entry: Entry, event: Event, digest: bytes | None = None) -> tuple[Entry, bool]:
        """Append an event unless it is here already; returns the incident it counts for, and whether it was new."""
        family = self._ledger.family(entry)
        for known in family:
            if known.event_id == event.event_id:
                if known.kind is not event.kind:
                    msg = f"event_id {event.event_id!r} names a {known.kind} event already; give a new event its own id"
                    raise Conflict(msg)
                return entry, False
        if any(known.kind is EventKind.DISMISSED for known in family):
            self._refuse_after_dismissal(entry, event)
        if into_key_of(event):
            return self._key_merges.merge(entry, event, digest), True
        if event.kind in _CORRECTIONS:
            _refuse_too_many(family)
        if event.kind is EventKind.RETRACTED:
            _refuse_to_unmerge(event, family)
        self._ledger.append(entry, event, digest)
        return (self._merge(entry, event) if event.kind is EventKind.MERGED else entry), True

    def _refuse_after_dismissal(self, entry: Entry, event: Event) -> None:
        dismissed_at = self._incidents.fold(entry).dismissed_at
        if dismissed_at is not None and event.kind not in _AFTER_DISMISSAL and event.occurred_at >= dismissed_at:
            msg = f"INC-{entry.id} is dismissed; send reopened first if it is an incident after all"
            raise Conflict(msg)

    def _merge(self, entry: Entry, event: Event) -> Entry:
        into = self._incidents.existing(target_of(event))
        if into.id == entry.id:
            msg = f"INC-{entry.id} cannot be merged into itself"
            raise Conflict(msg)
        if self._incidents.fold(into).dismissed_at is not None:
            msg = f"INC-{into.id} is dismissed, and so would be what is merged into it; send it reopened first"
            raise Conflict(msg)
        self._incidents.absorb(entry, into)
        return into


def _refuse_too_many(family: Sequence[Event]) -> None:
    if sum(known.kind in _CORRECTIONS for known in family) >= MOST_CORRECTIONS:
        msg = f"the incident has {MOST_CORRECTIONS} corrections and retractions, as many as one may have"
        raise Conflict(msg)


def _refuse_to_unmerge(retraction: Event, family: Sequence[Event]) -> None:
    """Refuse to retract a merge: two histories that were told as one since cannot be told apart again."""
    retracted = retraction.data["event_id"]
    if any(known.event_id == retracted and known.kind is EventKind.MERGED for known in family):
        msg = (
            f"{retracted!r} is a merge, and a merge cannot be undone; correct the events of the merged incident instead"
        )
        raise Conflict(msg)
