"""Recording of events: each is appended once, to the incident it concerns."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from service.domain.events import Event, EventKind, KeyedEvent, ReceivedWebhook
from service.domain.history import ABOUT_EVENTS
from service.recorder.batch import Batch
from service.recorder.commands import REGROUPING, Conflict, Outcome, Refused, into_key_of
from service.recorder.correlation import is_joined, join, named_alike
from service.recorder.event_checks import check_correction, check_known_end, subject_of
from service.recorder.grouping import regroup_incident
from service.recorder.incidents import outcome, recompute
from service.recorder.lookup import event_named
from service.recorder.merging import merge_by_id, merge_by_key
from service.store.loaded import IncidentState

Waiting = dict[int, datetime]
"""Incidents to be regrouped, and when their last event arrived."""


def record_keyed(batch: Batch, events: Sequence[KeyedEvent], webhook: ReceivedWebhook) -> tuple[Outcome, ...]:
    """Record events by the sender's own keys; an unknown key opens an incident unless others reported it.

    Regrouping after each of many events of one incident would take quadratic time: it waits until it matters.
    """
    digest = batch.keep(webhook)
    waiting: Waiting = {}
    added: list[tuple[IncidentState, Event, bool]] = []
    for keyed in events:
        key = (webhook.source, keyed.incident_key)
        if key not in batch.keys:
            _regroup_waiting(batch, waiting)
            correlated = named_alike(batch, keyed.aliases, keyed.event.occurred_at)
            batch.keys[key] = (correlated or batch.open(keyed.event.recorded_at)).id
        sent_to = batch.existing(batch.keys[key])
        if waiting and not _may_wait(batch, waiting, sent_to, keyed.event):
            _regroup_waiting(batch, waiting)
            sent_to = batch.existing(sent_to.id)
        state, created = add_event(batch, sent_to, keyed.event, digest, waiting)
        if not is_joined(batch, state, keyed.aliases):
            _regroup_waiting(batch, waiting)
            join(batch, batch.existing(state.id), keyed.aliases, webhook.received_at)
        added.append((sent_to, keyed.event, created))
    _regroup_waiting(batch, waiting)
    recompute(batch, webhook.received_at)
    return tuple(outcome(batch, _holder(batch, sent_to, event), created=created) for sent_to, event, created in added)


def open_incident(batch: Batch, events: Sequence[Event]) -> Outcome:
    """Open an incident by hand."""
    state = batch.open(events[0].recorded_at)
    for event in events:
        batch.append(state, event)
    recompute(batch, events[0].recorded_at)
    return outcome(batch, state)


def append_event(batch: Batch, incident_id: int, event: Event) -> Outcome:
    """Add an event to an incident."""
    sent_to = batch.existing(incident_id)
    _, created = add_event(batch, sent_to, event)
    recompute(batch, event.recorded_at)
    return outcome(batch, _holder(batch, sent_to, event), created=created)


def append_allowed(batch: Batch, events: Iterable[tuple[int, Event]]) -> tuple[Outcome, ...]:
    """Add events that only set a milestone, skipping those that their incident's state does not allow."""
    outcomes: list[Outcome] = []
    for incident_id, event in events:
        with suppress(Refused):  # raised before the batch is changed
            outcomes.append(append_event(batch, incident_id, event))
    return tuple(outcomes)


def _may_wait(batch: Batch, waiting: Waiting, sent_to: IncidentState, event: Event) -> bool:
    """Return whether an event can be added before the changes of earlier events are regrouped."""
    looks = (
        event.kind is EventKind.MERGED
        or "milestone" in event.data
        or (event.kind is EventKind.RESOLVED and event.untimed and batch.has_unknown_end(sent_to))
    )
    return sent_to.id in waiting and not looks


def _regroup_waiting(batch: Batch, waiting: Waiting) -> None:
    for incident_id, now in waiting.items():
        regroup_incident(batch, batch.existing(incident_id), now)
    waiting.clear()


def add_event(
    batch: Batch, state: IncidentState, event: Event, digest: bytes | None = None, waiting: Waiting | None = None
) -> tuple[IncidentState, bool]:
    """Append an event unless already recorded; return the incident it counts for, and whether it was new.

    If it may change how episodes are grouped, they are regrouped, or entered into `waiting`. Raises `Conflict` and
    `UnknownIncident`.
    """
    if named := event_named(batch, state, event.event_id):
        holder, earlier = named
        if earlier.kind is not event.kind:
            msg = f"event_id {event.event_id!r} already belongs to an event ({earlier.kind}); use a new id"
            raise Conflict(msg)
        return holder, False
    if into_key_of(event):
        target = merge_by_key(batch, state, event, digest)
        waiting = None
    else:
        target = _append(batch, state, event, digest)
        if event.kind is EventKind.MERGED:
            target = merge_by_id(batch, state, event)
            waiting = None
    if event.kind in REGROUPING:
        if waiting is not None:
            waiting[target.id] = event.recorded_at
            return target, True
        regroup_incident(batch, target, event.recorded_at)
    return batch.existing(target.id), True


def _append(batch: Batch, state: IncidentState, event: Event, digest: bytes | None) -> IncidentState:
    """Append an event that the state of its incident allows; return the incident for which it counts."""
    target = state
    if event.kind in ABOUT_EVENTS:
        check_correction(batch, state, event)
        if "event_id" in event.data:
            target = subject_of(batch, state, event)
    elif event.kind is EventKind.RESOLVED and event.untimed:
        check_known_end(batch, state)
    batch.append(target, replace(event, sent_to=state.id), digest)
    return target


def _holder(batch: Batch, sent_to: IncidentState, event: Event) -> IncidentState:
    """Return the incident for which an event sent to `sent_to` counts."""
    state = batch.existing(sent_to.id)
    named = event_named(batch, state, event.event_id)
    return named[0] if named else state
