"""What each command does to a ledger. The rules themselves are in `service.domain`; here they meet what is stored."""

from collections.abc import Iterable, Sequence
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
)
from service.recorder.correlation import Correlation
from service.recorder.events import EventRecording, target_of
from service.recorder.incidents import Incidents
from service.recorder.key_merges import into_key_of
from service.recorder.stale import StaleClosing
from service.store.ledger import ALIAS, Ledger, Wanted


def wanted(commands: Iterable[Command], stale: Sequence[int]) -> Wanted:
    """Say what the ledger must hold for these commands; `stale` are the incidents that `CloseStale` is about."""
    incidents: set[int] = set()
    keys: set[tuple[str, str]] = set()
    seen: list[Observation] = []
    for command in commands:
        match command:
            case RecordAlerts(alerts, events=beside):
                seen.extend(a.observation for a in alerts)
                incidents.update(incident_id for incident_id, _ in beside)
                keys.update((ALIAS, alias) for a in alerts for alias in a.aliases)
            case RecordEvents(events, delivery):
                keys.update((delivery.source, e.incident_key) for e in events)
                keys.update((delivery.source, key) for e in events if (key := into_key_of(e.event)))
                keys.update((ALIAS, alias) for e in events for alias in e.aliases)
                incidents.update(_mentioned(e.event for e in events))
            case OpenIncident(events):
                incidents.update(_mentioned(events))
            case AppendEvent(incident_id, event):
                incidents |= {incident_id, *_mentioned([event])}
            case CloseStale():
                incidents.update(stale)
            case PruneDeliveries():
                pass
            case _:
                assert_never(command)
    return Wanted(
        incidents=incidents,
        keys=keys,
        alerts={(o.source, o.fingerprint) for o in seen},
        groups={(o.source, o.group_key) for o in seen},
        since=min((o.starts_at for o in seen), default=None),
    )


def _mentioned(events: Iterable[Event]) -> set[int]:
    return {target_of(e) for e in events if e.kind is EventKind.MERGED and not into_key_of(e)}


class Application:
    """Applies commands to one ledger under one policy; `limits` are the bounds of the histograms."""

    def __init__(self, ledger: Ledger, policy: Policy, limits: Sequence[int]) -> None:
        self._incidents = Incidents(ledger, policy, limits)
        correlation = Correlation(ledger, self._incidents, policy.reopen_window)
        self._alerts = AlertRecording(ledger, self._incidents, policy, correlation)
        self._events = EventRecording(ledger, self._incidents, correlation)
        self._stale = StaleClosing(ledger, self._incidents)

    def apply(self, command: Command, stale: Sequence[int]) -> tuple[Outcome, ...]:
        """Apply one command and compute the incidents it touched.

        Raises a `Refused`; the ledger may be half changed then and must be thrown away.
        """
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
                return tuple(outcome for i in stale if (outcome := self._stale.close(i, now)))
            case PruneDeliveries():
                return ()
            case _:
                assert_never(command)
