"""The effect of each command on a batch: the rules of `service.domain` applied to stored data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from service.domain.events import Event, EventKind, Observation
from service.domain.policy import Policy
from service.recorder.alerts import AlertRecording
from service.recorder.commands import (
    AppendEvent,
    CloseStale,
    Command,
    OpenIncident,
    Outcome,
    PruneDeliveries,
    RecordAlerts,
    RecordEvents,
    Refold,
    Settle,
)
from service.recorder.correlation import Correlation
from service.recorder.events import EventRecording, target_of
from service.recorder.grouping import REGROUPING, Grouping
from service.recorder.incidents import Incidents
from service.recorder.key_merges import into_key_of
from service.recorder.refolding import Refolding
from service.recorder.stale import StaleClosing
from service.store.batch import ALIAS, Batch, BatchKeys, alert_key
from service.store.refolding import Shown
from service.store.store import Transaction


@dataclass(frozen=True, slots=True)
class DueIncidents:
    """The incidents that `CloseStale` and `Refold` apply to; those of `Refold` as stored."""

    stale: Sequence[int] = ()
    outdated: Mapping[int, Shown] = field(default_factory=dict)


def look_up(transaction: Transaction, commands: Iterable[Command]) -> DueIncidents:
    """Look up the incidents of commands that name none, and run the commands that concern no incident."""
    due = DueIncidents()
    for command in commands:
        match command:
            case CloseStale(now):
                due = replace(due, stale=transaction.stale_incidents(now))
            case Refold(limit):
                due = replace(due, outdated=transaction.outdated(limit))
            case PruneDeliveries(before):
                transaction.prune_deliveries(before)
            case _:
                pass
    return due


def received_at(commands: Iterable[Command]) -> datetime | None:
    """Return when the first of these commands was received; None if none of them has a time."""
    return min((at for command in commands if (at := _received_at(command)) is not None), default=None)


def _received_at(command: Command) -> datetime | None:
    match command:
        case RecordAlerts(_, delivery) | RecordEvents(_, delivery):
            return delivery.received_at
        case OpenIncident(events):
            return events[0].recorded_at
        case AppendEvent(_, event):
            return event.recorded_at
        case CloseStale(now) | Settle(now) | Refold(_, now):
            return now
        case PruneDeliveries():
            return None
        case _:
            assert_never(command)


def keys_of(commands: Iterable[Command], due: DueIncidents) -> BatchKeys:
    """Return the keys that the batch must load for these commands."""
    incidents: set[int] = set(due.outdated)
    keys: set[tuple[str, str]] = set()
    seen: list[Observation] = []
    onsets: list[datetime] = []
    kinds: set[EventKind] = set()
    for command in commands:
        match command:
            case RecordAlerts(alerts, events=beside):
                seen.extend(a.observation for a in alerts)
                incidents.update(incident_id for incident_id, _ in beside)
                onsets.extend(a.onset_at for a in alerts if a.onset_at is not None)
                keys.update((ALIAS, alias) for a in alerts for alias in a.aliases)
            case RecordEvents(events, delivery):
                keys.update((delivery.source, e.incident_key) for e in events)
                kinds.update(e.event.kind for e in events)
                keys.update((delivery.source, key) for e in events if (key := into_key_of(e.event)))
                keys.update((ALIAS, alias) for e in events for alias in e.aliases)
                incidents.update(_mentioned(e.event for e in events))
            case OpenIncident(events):
                incidents.update(_mentioned(events))
            case AppendEvent(incident_id, event):
                incidents |= {incident_id, *_mentioned([event])}
                kinds.add(event.kind)
            case CloseStale():
                incidents.update(due.stale)
            case Settle() | Refold() | PruneDeliveries():
                pass
            case _:
                assert_never(command)
    return BatchKeys(
        incidents=incidents,
        keys=keys,
        alerts={alert_key(o) for o in seen},
        ended={alert_key(o) for o in seen if o.is_end_only},
        groups={(o.source, o.group_key) for o in seen},
        since=min([*(o.starts_at for o in seen), *onsets], default=None),
        neighbours=not kinds.isdisjoint(REGROUPING) or bool(due.outdated),
        reports=bool(due.outdated),
    )


def _mentioned(events: Iterable[Event]) -> set[int]:
    return {target_of(e) for e in events if e.kind is EventKind.MERGED and not into_key_of(e)}


class Application:
    """Applies commands to one batch under one policy; `limits` are the histograms' bucket bounds."""

    def __init__(self, batch: Batch, policy: Policy, limits: Sequence[int], due: DueIncidents) -> None:
        self._due = due
        self._incidents = Incidents(batch, policy, limits)
        grouping = Grouping(batch, self._incidents, policy)
        correlation = Correlation(batch, self._incidents, grouping, policy.reopen_window)
        self._alerts = AlertRecording(batch, self._incidents, policy, grouping, correlation)
        self._events = EventRecording(batch, self._incidents, grouping, correlation)
        self._stale = StaleClosing(batch, self._incidents)
        self._refolding = Refolding(batch, self._incidents, self._alerts)

    def apply(self, command: Command) -> tuple[Outcome, ...]:
        """Apply one command and compute the incidents it touched.

        Raises `Refused`; the batch may then be half changed and must be discarded.
        """
        if (now := _received_at(command)) is not None:
            self._incidents.settle(now)
        match command:
            case RecordAlerts(alerts, delivery, notes, events):
                for note in notes:
                    self._incidents.keep(note)
                touched = self._alerts.record(alerts, delivery) if alerts or not events else ()
                return (*touched, *self._events.append_allowed(events))
            case RecordEvents(events, delivery):
                return self._events.record_keyed(events, delivery)
            case OpenIncident(events):
                return (self._events.open(events),)
            case AppendEvent(incident_id, event):
                return (self._events.append(incident_id, event),)
            case CloseStale(now):
                return tuple(outcome for i in self._due.stale if (outcome := self._stale.close(i, now)))
            case Refold(_, now):
                return self._refolding.refold(self._due.outdated, now)
            case Settle() | PruneDeliveries():
                return ()  # already done
            case _:
                assert_never(command)
