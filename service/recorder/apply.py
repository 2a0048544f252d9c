"""From commands to what is written: they are applied to one batch, and again without those that are refused."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, assert_never

from service.domain.policy import Policy
from service.recorder.alerts import record_alerts
from service.recorder.batch import Batch, Incomplete
from service.recorder.changes import changes_of
from service.recorder.commands import (
    AppendEvent,
    CloseStale,
    Command,
    OpenIncident,
    Outcome,
    PruneBodies,
    RecordAlerts,
    RecordEvents,
    Refold,
    Refused,
    Settle,
)
from service.recorder.events import append_allowed, append_event, open_incident, record_keyed
from service.recorder.incidents import count_settled, settle
from service.recorder.refolding import refold
from service.recorder.stale import close_stale
from service.store.loaded import BatchKeys
from service.store.store import Transaction

T = TypeVar("T")


def record(
    transaction: Transaction,
    policy: Policy,
    bucket_bounds: Sequence[int],
    items: Iterable[T],
    *,
    keys_of: Callable[[Sequence[T]], BatchKeys],
    apply: Callable[[Batch, T], None],
) -> list[tuple[T, Refused]]:
    """Apply items to one batch and write what changed; return the refused ones, which changed nothing.

    A refusal leaves the batch half changed, so that it is loaded again without that item. Episodes of very large
    incidents and groups are loaded only if some rule needs them (`Incomplete`).
    """
    remaining = list(items)
    refused: list[tuple[T, Refused]] = []
    whole = False
    while remaining:
        keys = keys_of(remaining)
        batch = Batch(transaction.load(keys, policy.reopen_window, whole=whole), policy, bucket_bounds)
        count_settled(batch)
        number = 0
        try:
            for number, item in enumerate(remaining):  # noqa: B007 - the refused one
                apply(batch, item)
        except Refused as error:
            refused.append((remaining.pop(number), error))
        except Incomplete:
            whole = True
        else:
            transaction.save(changes_of(batch), keys.received_at)
            break
    return refused


def keys_of(commands: Iterable[Command]) -> BatchKeys:
    """Return what commands may change."""
    keys = BatchKeys()
    for command in commands:
        command.add_keys(keys)
        at = command.received_at
        if at is not None and (keys.received_at is None or at < keys.received_at):
            keys.received_at = at
    return keys


def apply(batch: Batch, command: Command) -> tuple[Outcome, ...]:
    """Apply one command and compute the incidents it changed.

    Raises `Refused`; the batch may then be half changed and must be discarded.
    """
    if command.received_at is not None:
        settle(batch, command.received_at)
    match command:
        case RecordAlerts():
            return _record_notification(batch, command)
        case RecordEvents(events, webhook):
            return record_keyed(batch, events, webhook)
        case OpenIncident(events):
            return (open_incident(batch, events),)
        case AppendEvent(incident_id, event):
            return (append_event(batch, incident_id, event),)
        case CloseStale(now):
            return tuple(outcome for i in batch.loaded.stale if (outcome := close_stale(batch, i, now)))
        case Refold(_, now):
            return refold(batch, now)
        case PruneBodies(before):
            batch.delete_bodies_before = before
            return ()
        case Settle():
            return ()  # every batch begins with that
        case _:
            assert_never(command)


def _record_notification(batch: Batch, command: RecordAlerts) -> tuple[Outcome, ...]:
    for note in command.notes:
        batch.keep(note)
    if not command.events:
        return record_alerts(batch, command.alerts, command.webhook)
    outcomes = record_alerts(batch, command.alerts, command.webhook) if command.alerts else ()
    return (*outcomes, *append_allowed(batch, command.events))
