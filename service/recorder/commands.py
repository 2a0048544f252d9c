"""What can be asked of the recorder, what it answers, and how it refuses."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.events import Alert, Event
from service.domain.incident import Phase
from service.store import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook body as it came, kept as evidence."""

    source: str
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RecordAlerts:
    """Take in the alerts of one notification. Answers an `Outcome` for each incident touched, in order of id.

    `notes` are kept beside the body; no incident points to them. `events` came with it, each for an incident; one that
    the state of its incident does not allow (any more) is left out.
    """

    alerts: tuple[Alert, ...]
    delivery: Delivery
    notes: tuple[Delivery, ...] = ()
    events: tuple[tuple[int, Event], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyedEvent:
    """An event of the incident that the sender knows by `incident_key`; an unknown key opens an incident.

    Unless another source has told of it already, under one of `aliases`.
    """

    incident_key: str
    event: Event
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """Take in events addressed by the sender's own keys, all or none. Answers an `Outcome` per event, in order.

    Raises `UnknownIncident` (a `merged` into one that is not there) or `Conflict`.
    """

    events: tuple[KeyedEvent, ...]
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Open an incident by hand with its first events. Answers one `Outcome`."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """Add one event to an incident. Answers one `Outcome`; raises `UnknownIncident` or `Conflict`."""

    incident_id: int
    event: Event


@dataclass(frozen=True, slots=True)
class CloseStale:
    """Resolve every open incident whose `stale_at` lies before `now`. Answers an `Outcome` for each."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Take the samples of all incidents whose resolution is final by `now`. Answers nothing."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Refold:
    """Compute up to `limit` incidents anew that an earlier version computed. Answers an `Outcome` for each change."""

    limit: int
    now: datetime


@dataclass(frozen=True, slots=True)
class PruneDeliveries:
    """Forget raw bodies last received before `before`. Answers nothing."""

    before: datetime


Command = RecordAlerts | RecordEvents | OpenIncident | AppendEvent | CloseStale | Settle | Refold | PruneDeliveries


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one incident. `created` False: the same event was here before, and nothing changed."""

    incident_id: int
    phase: Phase
    created: bool = True


class Refused(Exception):
    """The command can never be accepted as it is; the text says what to change."""


class UnknownIncident(Refused):
    """There is no such incident."""


class Conflict(Refused):
    """The incident's state does not allow it."""


class Busy(Exception):
    """The queue is full; nothing was stored, try again later."""


__all__ = [
    "AppendEvent",
    "Busy",
    "CloseStale",
    "Command",
    "Conflict",
    "Delivery",
    "KeyedEvent",
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
