"""The recorder's commands, their results and its errors."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.events import Alert, Event, KeyedEvent
from service.domain.incident import Phase
from service.store import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook body as received, kept as evidence."""

    source: str
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RecordAlerts:
    """Record the alerts of one notification. Returns an `Outcome` for each incident touched, in order of id.

    `notes` are kept beside the body; no incident points to them. `events` came with it, each for an incident; those
    that the state of their incident does not (or no longer) allow are left out.
    """

    alerts: tuple[Alert, ...]
    delivery: Delivery
    notes: tuple[Delivery, ...] = ()
    events: tuple[tuple[int, Event], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """Record events addressed by the sender's own keys, all or none. Returns an `Outcome` per event, in order.

    Raises `UnknownIncident` (a `merged` event whose target does not exist) or `Conflict`.
    """

    events: tuple[KeyedEvent, ...]
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Open an incident by hand with its first events. Returns one `Outcome`."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """Add one event to an incident. Returns one `Outcome`; raises `UnknownIncident` or `Conflict`."""

    incident_id: int
    event: Event


@dataclass(frozen=True, slots=True)
class CloseStale:
    """Resolve every open incident whose `stale_at` is before `now`. Returns an `Outcome` for each."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Take the samples of all incidents whose resolution is final by `now`. Returns no outcomes."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Refold:
    """Recompute up to `limit` incidents that an earlier version computed. Returns an `Outcome` for each change."""

    limit: int
    now: datetime


@dataclass(frozen=True, slots=True)
class PruneDeliveries:
    """Delete raw bodies last received before `before`. Returns no outcomes."""

    before: datetime


Command = RecordAlerts | RecordEvents | OpenIncident | AppendEvent | CloseStale | Settle | Refold | PruneDeliveries


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one incident. `created` False: the event was already recorded, and nothing changed."""

    incident_id: int
    phase: Phase
    created: bool = True


class Refused(Exception):
    """The command can never be accepted as it is; the message says what to change."""


class UnknownIncident(Refused):
    """There is no such incident."""


class Conflict(Refused):
    """The incident's state does not allow it."""


class Busy(Exception):
    """The queue is full; nothing was stored, retry later."""


__all__ = [
    "AppendEvent",
    "Busy",
    "CloseStale",
    "Command",
    "Conflict",
    "Delivery",
    "OpenIncident",
    "Outcome",
    "PruneDeliveries",
    "RecordAlerts",
    "RecordEvents",
    "Refold",
    "Refused",
    "Settle",
    "StoreUnavailable",
    "UnknownIncident",
]
