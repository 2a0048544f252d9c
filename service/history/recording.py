"""Recording incidents of the past, all of them in one transaction: what an import does beside no running recorder.

Each event counts when it happened: the totals grow as if every event had been told at once, in order of time. What
lies before the detection is told with it, for nobody knew of the incident earlier.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind
from service.domain.policy import Policy
from service.domain.totals import bounds
from service.history.importing.past import Bad, Past
from service.recorder.commands import Delivery, Refused
from service.recorder.correlation import Correlation
from service.recorder.events import EventRecording
from service.recorder.grouping import Grouping
from service.recorder.incidents import Incidents
from service.store import Store
from service.store.ledger import ALIAS, Entry, Ledger, Wanted
from service.store.store import Transaction

CHUNK = 200
"""How many incidents are loaded, computed and written together; memory holds no more of them at once."""


@dataclass(slots=True)
class Recorded:
    """What became of an import: how many incidents it opened, changed, or knew already, and what is to be said."""

    opened: int = 0
    changed: int = 0
    known: int = 0
    events: int = 0
    refused: list[Bad] = field(default_factory=list)
    differences: list[Bad] = field(default_factory=list)


def record_pasts(
    store: Store,
    policy: Policy,
    pasts: Sequence[Past],
    now: datetime,
    *,
    keep: Callable[[Recorded], bool],
    progress: Callable[[int], None] = lambda _: None,
) -> Recorded:
    """Record incidents; `keep` decides at the end, by what came of it, whether anything of it stays.

    Raises `StoreUnavailable`, and nothing was stored then.
    """
    done = Recorded()
    pasts = sorted(pasts, key=lambda past: bool(past.merged_into))  # so that targets of merges are there
    try:
        with store.transaction() as transaction:
            for first in range(0, len(pasts), CHUNK):
                _record(transaction, policy, pasts[first : first + CHUNK], now, done)
                progress(min(first + CHUNK, len(pasts)))
            if not keep(done):
                raise _TakeBack
    except _TakeBack:
        pass
    return done


class _TakeBack(Exception):
    """Rolls the transaction back."""


def _record(transaction: Transaction, policy: Policy, pasts: Sequence[Past], now: datetime, done: Recorded) -> None:
    """Record a chunk; what is refused leaves its ledger half changed, so that the chunk begins again without it."""
    standing = list(pasts)
    while standing:
        wanted = Wanted(
            keys={(past.source, past.key) for past in standing}
            | {(past.source, past.merged_into) for past in standing if past.merged_into}
            | {(ALIAS, a) for past in standing for a in past.aliases},
            neighbours=True,
        )
        ledger = transaction.load(wanted, policy.reopen_window)
        recording = _Recording(ledger, policy, now)
        for past in standing:
            try:
                recording.record(past)
            except Refused as error:
                done.refused.append(Bad(past.where, str(error)))
                standing.remove(past)
                break
        else:
            transaction.save(ledger)
            done.opened += recording.done.opened
            done.changed += recording.done.changed
            done.known += recording.done.known
            done.events += recording.done.events
            done.differences += recording.done.differences
            return


class _Recording:
    """Records into one ledger."""

    def __init__(self, ledger: Ledger, policy: Policy, now: datetime) -> None:
        self._ledger = ledger
        self._now = now
        self._incidents = Incidents(ledger, policy, bounds(policy))
        grouping = Grouping(ledger, self._incidents, policy)
        self._correlation = Correlation(ledger, self._incidents, grouping, policy.reopen_window)
        self._events = EventRecording(ledger, self._incidents, grouping, self._correlation)
        self.done = Recorded()

    def record(self, past: Past) -> None:
        """Record one incident. Raises `Refused`."""
        entry, is_new = self._entry(past)
        known = {event.event_id: event for event in self._ledger.family(entry)}
        told = (*past.events, *past.at_first) if is_new else past.events
        news = [one for event in told if (one := self._news(event, known, past)) is not None]
        begin = next(e.occurred_at for e in past.events if e.kind is EventKind.DETECTED)
        if past.merged_into:
            self._take_back_dismissal(entry, past, known)
        for event in sorted(news, key=lambda e: (e.occurred_at, list(EventKind).index(e.kind))):
            if event.occurred_at > begin:
                self._incidents.recompute(self._now)
            entry, _ = self._events.add(entry, event)
        self._incidents.recompute(self._now)
        if past.aliases:
            self._correlation.join(entry, past.aliases, Delivery(past.source, b"", self._now))
            self._incidents.recompute(self._now)
        self.done.events += len(news)
        if is_new:
            self.done.opened += 1
        elif news:
            self.done.changed += 1
        else:
            self.done.known += 1

    def _entry(self, past: Past) -> tuple[Entry, bool]:
        ledger, key = self._ledger, (past.source, past.key)
        if key in ledger.keys:
            return self._incidents.existing(ledger.keys[key]), False
        at = min(event.occurred_at for event in past.events)
        entry = self._correlation.find(past.aliases, at)
        is_new = entry is None
        entry = entry or ledger.open(self._now)
        ledger.keys[key] = ledger.new_keys[key] = entry.id
        return entry, is_new

    def _take_back_dismissal(self, entry: Entry, past: Past, known: dict[str, Event]) -> None:
        """Retract the dismissal by which an earlier release recorded a merge: it would dismiss the target as well."""
        dismissal = f"{past.source}-{past.key}-dismissed"
        retraction = f"{dismissal}-retracted"
        if dismissal in known and retraction not in known:
            event = Event(
                event_id=retraction,
                kind=EventKind.RETRACTED,
                occurred_at=self._now,
                recorded_at=self._now,
                source=past.source,
                data={"event_id": dismissal},
            )
            self._events.add(entry, event)

    def _news(self, event: Event, known: dict[str, Event], past: Past) -> Event | None:
        """Return what is to be recorded: the event, a correction where the file says another time now, or nothing."""
        before = known.get(event.event_id)
        if before is None and any(_is_same_merge(event, other) for other in known.values()):
            return None
        if before is None or before.kind is not event.kind:
            return event  # of another kind it is refused, as it should be
        earlier = [e for e in known.values() if e.event_id.startswith(f"{event.event_id}-corrected-")]
        said = (
            max(earlier, key=lambda e: e.recorded_at).data["occurred_at"] if earlier else before.occurred_at.isoformat()
        )
        if _differ(before, event):
            detail = (
                f"says otherwise of {event.kind.value} than before; times follow the file, the rest is yours to change"
            )
            self.done.differences.append(Bad(past.where, detail))
        if datetime.fromisoformat(said) == event.occurred_at:
            return None
        return Event(
            event_id=f"{event.event_id}-corrected-{len(earlier) + 1}",
            kind=EventKind.CORRECTED,
            occurred_at=self._now,
            recorded_at=self._now,
            source=past.source,
            data={"event_id": event.event_id, "occurred_at": event.occurred_at.isoformat()},
        )


def _is_same_merge(event: Event, other: Event) -> bool:
    """Say whether both are the same merge: the webhook may have reported it under another id."""
    if event.kind is not EventKind.MERGED or other.kind is not EventKind.MERGED or event.source != other.source:
        return False
    return all(event.data.get(name) == other.data.get(name) for name in (INCIDENT_KEY, INTO_KEY))


def _differ(before: Event, event: Event) -> bool:
    """Say whether two versions of an event contradict each other; what only one of them has is no contradiction."""
    if event.kind is EventKind.MERGED:
        return False  # of which INTO_KEY is all, and the recorder adds to it
    pairs = zip(_about(before), _about(event), strict=True)
    return any(old and new and old != new for old, new in pairs) or _details(before) != _details(event)


def _about(event: Event) -> tuple[object, ...]:
    return event.title, event.severity, event.types, event.domains, dict(event.labels)


def _details(event: Event) -> dict[str, object]:
    return {name: value for name, value in event.data.items() if name != INCIDENT_KEY}
