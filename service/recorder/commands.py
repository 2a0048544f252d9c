"""The recorder's commands, each with what it may change, and their results and errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from service.domain.events import INTO_KEY, Alert, Event, EventKind, KeyedEvent, ReceivedWebhook
from service.domain.incident import Phase
from service.domain.incident_ids import incident_id_of
from service.store.loaded import ALIAS, BatchKeys, alert_key

REGROUPING = frozenset(
    {
        EventKind.RESOLVED,
        EventKind.REOPENED,
        EventKind.DISMISSED,
        EventKind.MERGED,
        EventKind.CORRECTED,
        EventKind.RETRACTED,
    }
)
"""The kinds of events that may change which episodes form one incident."""


def target_of(merged: Event) -> int:
    """Return the id of the incident into which a `merged` event merges."""
    return incident_id_of(str(merged.data["into"]))


def into_key_of(event: Event) -> str:
    """Return the sender's key of the incident that this one was merged into; "" if the event is not such a merge."""
    is_by_key = event.kind is EventKind.MERGED and "into" not in event.data
    return str(event.data.get(INTO_KEY, "")) if is_by_key else ""


def _mentioned(events: Iterable[Event]) -> set[int]:
    return {target_of(e) for e in events if e.kind is EventKind.MERGED and not into_key_of(e)}


@dataclass(frozen=True, slots=True)
class RecordAlerts:
    """Record the alerts of one notification. Returns an `Outcome` for each incident touched, in order of id.

    `notes` are kept beside the body; no incident points to them. `events` came with it, each for an incident; those
    that the state of their incident does not (or no longer) allow are left out.
    """

    alerts: tuple[Alert, ...]
    webhook: ReceivedWebhook
    notes: tuple[ReceivedWebhook, ...] = ()
    events: tuple[tuple[int, Event], ...] = ()

    @property
    def received_at(self) -> datetime:
        """Return when the notification was received."""
        return self.webhook.received_at

    def add_keys(self, keys: BatchKeys) -> None:
        """Add what the alerts may change."""
        keys.incidents.update(incident_id for incident_id, _ in self.events)
        for alert in self.alerts:
            seen = alert.observation
            key = alert_key(seen)
            keys.alerts.add(key)
            keys.groups.add((seen.source, seen.group_key))
            keys.keys.update((ALIAS, alias) for alias in alert.aliases)
            if seen.is_end_only:
                keys.ended.add(key)
            starts_at = seen.starts_at if alert.onset_at is None else min(seen.starts_at, alert.onset_at)
            if keys.since is None or starts_at < keys.since:
                keys.since = starts_at


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """Record events addressed by the sender's own keys, all or none. Returns an `Outcome` per event, in order.

    Raises `UnknownIncident` (a `merged` event whose target does not exist) or `Conflict`.
    """

    events: tuple[KeyedEvent, ...]
    webhook: ReceivedWebhook

    @property
    def received_at(self) -> datetime:
        """Return when the body was received."""
        return self.webhook.received_at

    def add_keys(self, keys: BatchKeys) -> None:
        """Add the incidents that the events name."""
        for keyed in self.events:
            keys.keys.add((self.webhook.source, keyed.incident_key))
            keys.keys.update((ALIAS, alias) for alias in keyed.aliases)
            if into_key := into_key_of(keyed.event):
                keys.keys.add((self.webhook.source, into_key))
        keys.incidents |= _mentioned(e.event for e in self.events)
        keys.neighbours |= any(e.event.kind in REGROUPING for e in self.events)


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Open an incident by hand with its first events. Returns one `Outcome`."""

    events: tuple[Event, ...]

    @property
    def received_at(self) -> datetime:
        """Return when the incident was opened."""
        return self.events[0].recorded_at

    def add_keys(self, keys: BatchKeys) -> None:
        """Add the incidents into which it is merged."""
        keys.incidents |= _mentioned(self.events)


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """Add one event to an incident. Returns one `Outcome`; raises `UnknownIncident` or `Conflict`."""

    incident_id: int
    event: Event

    @property
    def received_at(self) -> datetime:
        """Return when the event was received."""
        return self.event.recorded_at

    def add_keys(self, keys: BatchKeys) -> None:
        """Add the incident, and the one into which it is merged."""
        keys.incidents |= {self.incident_id, *_mentioned([self.event])}
        keys.neighbours |= self.event.kind in REGROUPING


@dataclass(frozen=True, slots=True)
class CloseStale:
    """Resolve every open incident whose `stale_at` is before `received_at`. Returns an `Outcome` for each."""

    received_at: datetime

    def add_keys(self, keys: BatchKeys) -> None:
        """Add the stale incidents."""
        keys.stale_before = self.received_at


@dataclass(frozen=True, slots=True)
class Settle:
    """Take the samples of all incidents whose resolution is final by `received_at`. Returns no outcomes."""

    received_at: datetime

    def add_keys(self, keys: BatchKeys) -> None:
        """Add nothing: every batch begins with these samples."""


@dataclass(frozen=True, slots=True)
class Refold:
    """Recompute up to `limit` incidents that an earlier version computed. Returns an `Outcome` for each change."""

    limit: int
    received_at: datetime

    def add_keys(self, keys: BatchKeys) -> None:
        """Add the incidents."""
        keys.outdated = self.limit


@dataclass(frozen=True, slots=True)
class PruneBodies:
    """Delete raw bodies last received before `before`. Returns no outcomes."""

    before: datetime
    received_at: ClassVar[None] = None

    def add_keys(self, keys: BatchKeys) -> None:
        """Add nothing: bodies are deleted when the batch is written."""


Command = RecordAlerts | RecordEvents | OpenIncident | AppendEvent | CloseStale | Settle | Refold | PruneBodies


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
