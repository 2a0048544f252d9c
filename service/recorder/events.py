"""Recording of events: each is appended once, to the incident it concerns."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from service.domain.events import Event, EventKind, KeyedEvent
from service.domain.history import ABOUT_EVENTS
from service.domain.incident import Incident
from service.domain.policy import Milestone
from service.domain.recovery import ResolutionSource
from service.recorder.commands import Conflict, Delivery, Outcome, Refused
from service.recorder.correlation import Correlation
from service.recorder.grouping import REGROUPING, Grouping
from service.recorder.incidents import Incidents
from service.recorder.key_merges import KeyMerges, into_key_of
from service.store.batch import Batch, IncidentState

MOST_CORRECTIONS = 1000
"""How many events of an incident may correct or retract others; each computation of the incident weighs all of them."""
MOST_LISTED = 20
"""How many event ids an error message lists."""
_KIND_OF = {
    Milestone.RESOLVED: EventKind.RESOLVED,
    Milestone.DRAFTED: EventKind.POSTMORTEM_DRAFTED,
    Milestone.FINALIZED: EventKind.POSTMORTEM_FINALIZED,
}
"""The milestones that a correction cannot set unless they were reported, with the event that reports each."""


def target_of(merged: Event) -> int:
    """Return the id of the incident into which a `merged` event merges."""
    return int(str(merged.data["into"]).removeprefix("INC-"))


class EventRecording:
    """Records events in one batch. Raises `Conflict` and `UnknownIncident`."""

    def __init__(self, batch: Batch, incidents: Incidents, grouping: Grouping, correlation: Correlation) -> None:
        self._batch = batch
        self._incidents = incidents
        self._grouping = grouping
        self._correlation = correlation
        self._key_merges = KeyMerges(batch, incidents)
        self._waiting: dict[int, datetime] = {}  # incidents to be regrouped, and when their last event arrived

    def record_keyed(self, events: Sequence[KeyedEvent], delivery: Delivery) -> tuple[Outcome, ...]:
        """Record events by the sender's own keys; an unknown key opens an incident unless others reported it."""
        batch = self._batch
        digest = self._incidents.keep(delivery)
        added: list[tuple[IncidentState, Event, bool]] = []
        for keyed in events:
            key = (delivery.source, keyed.incident_key)
            if key not in batch.keys:
                self._regroup_waiting()
                correlated = self._correlation.find(keyed.aliases, keyed.event.occurred_at)
                entry = correlated or batch.open(keyed.event.recorded_at)
                batch.keys[key] = batch.new_keys[key] = entry.id
            sent_to = self._incidents.existing(batch.keys[key])
            if not self._may_wait(sent_to, keyed.event):
                self._regroup_waiting()
                sent_to = self._incidents.existing(sent_to.id)
            entry, created = self.add(sent_to, keyed.event, digest, wait=True)
            if not self._correlation.is_joined(entry, keyed.aliases):
                self._regroup_waiting()
                self._correlation.join(self._incidents.existing(entry.id), keyed.aliases, delivery)
            added.append((sent_to, keyed.event, created))
        self._regroup_waiting()
        self._incidents.recompute(delivery.received_at)
        return tuple(
            self._incidents.outcome(self._holder(sent_to, event), created=created) for sent_to, event, created in added
        )

    def open(self, events: Sequence[Event]) -> Outcome:
        """Open an incident by hand."""
        entry = self._batch.open(events[0].recorded_at)
        for event in events:
            self._batch.append(entry, event)
        self._incidents.recompute(events[0].recorded_at)
        return self._incidents.outcome(entry)

    def append(self, incident_id: int, event: Event) -> Outcome:
        """Add an event to an incident."""
        sent_to = self._incidents.existing(incident_id)
        _, created = self.add(sent_to, event)
        self._incidents.recompute(event.recorded_at)
        return self._incidents.outcome(self._holder(sent_to, event), created=created)

    def append_allowed(self, events: Iterable[tuple[int, Event]]) -> tuple[Outcome, ...]:
        """Add events that only set a milestone, skipping those that their incident's state does not allow."""
        outcomes: list[Outcome] = []
        for incident_id, event in events:
            with suppress(Refused):  # raised before the batch is changed
                outcomes.append(self.append(incident_id, event))
        return tuple(outcomes)

    def _may_wait(self, sent_to: IncidentState, event: Event) -> bool:
        """Return whether an event can be added before the changes of earlier events are regrouped.

        Regrouping after each of many events of one incident would take quadratic time.
        """
        if not self._waiting:
            return True
        looks = (
            event.kind is EventKind.MERGED
            or "milestone" in event.data
            or (event.kind is EventKind.RESOLVED and event.untimed and self._batch.has_unknown_end(sent_to))
        )
        return sent_to.id in self._waiting and not looks

    def _regroup_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for incident_id, now in waiting.items():
            self._grouping.regroup_incident(self._incidents.existing(incident_id), now)

    def add(
        self, entry: IncidentState, event: Event, digest: bytes | None = None, *, wait: bool = False
    ) -> tuple[IncidentState, bool]:
        """Append an event unless already recorded; return the incident it counts for, and whether it was new.

        `wait`: if it may change how episodes are grouped, they are regrouped later by `_regroup_waiting`.
        """
        if named := self._named(entry, event.event_id):
            holder, earlier = named
            if earlier.kind is not event.kind:
                msg = f"event_id {event.event_id!r} names a {earlier.kind} event already; give a new event its own id"
                raise Conflict(msg)
            return holder, False
        if into_key_of(event):
            return self._regrouped(self._key_merges.merge(entry, event, digest), event), True
        target = entry
        if event.kind in ABOUT_EVENTS and self._batch.count_corrections(entry) >= MOST_CORRECTIONS:
            msg = f"the incident has {MOST_CORRECTIONS} corrections and retractions, as many as one may have"
            raise Conflict(msg)
        if event.kind in ABOUT_EVENTS and "event_id" in event.data:
            target = self._subject(entry, event)
        elif event.kind is EventKind.CORRECTED:
            self._check_milestone(entry, event)
        elif event.kind is EventKind.RESOLVED and event.untimed:
            self._check_known_end(entry)
        self._batch.append(target, replace(event, sent_to=entry.id), digest)
        if event.kind is EventKind.MERGED:
            target = self._merge(entry, event)
        elif wait and event.kind in REGROUPING:
            self._waiting[target.id] = event.recorded_at
            return target, True
        return self._regrouped(target, event), True

    def _sent_to(self, entry: IncidentState) -> list[tuple[IncidentState, Event]]:
        """Return the events of an incident, and those sent to it that now count for another."""
        elsewhere = [(self._incidents.existing(holder.id), e) for holder, e in self._batch.sent_elsewhere(entry)]
        return [(entry, e) for e in self._batch.events_of(entry)] + elsewhere

    def _holder(self, sent_to: IncidentState, event: Event) -> IncidentState:
        """Return the incident for which an event sent to `sent_to` counts."""
        entry = self._incidents.existing(sent_to.id)
        named = self._named(entry, event.event_id)
        return named[0] if named else entry

    def _named(self, entry: IncidentState, event_id: str) -> tuple[IncidentState, Event] | None:
        """Return an event that belongs or was sent to an incident, with the incident for which it now counts."""
        named = self._batch.event_named(entry, event_id)
        return named and (self._incidents.existing(named[0].id), named[1])

    def _regrouped(self, entry: IncidentState, event: Event) -> IncidentState:
        if event.kind in REGROUPING:
            self._grouping.regroup_incident(entry, event.recorded_at)
        return self._incidents.existing(entry.id)

    def _subject(self, entry: IncidentState, event: Event) -> IncidentState:
        """Return the incident with the corrected or retracted event, which must exist."""
        about = event.data["event_id"]
        if named := self._named(entry, about):
            holder, other = named
            if event.kind is EventKind.RETRACTED and other.kind is EventKind.MERGED:
                msg = (
                    f"{about!r} is a merge, and a merge cannot be undone; "
                    "correct the events of the merged incident instead"
                )
                raise Conflict(msg)
            return holder
        sent = self._sent_to(entry)
        ids = [other.event_id for _, other in sent][:MOST_LISTED]
        more = ", …" if len(sent) > MOST_LISTED else ""
        hint = f"; milestones are {', '.join(Milestone)}" if event.kind is EventKind.CORRECTED else ""
        msg = f"INC-{entry.id} has no event {about!r}; its events are: {', '.join(ids) or 'none'}{more}{hint}"
        raise Conflict(msg)

    def _check_milestone(self, entry: IncidentState, event: Event) -> None:
        milestone = Milestone(event.data["milestone"])
        kind = _KIND_OF.get(milestone)
        if kind is None:
            return
        incident = self._incidents.fold(entry) if self._has_begun(entry) else None
        if incident is None or milestone not in incident.milestones or _is_assumed(incident, milestone):
            msg = f"nobody reported {milestone.value!r} of INC-{entry.id} yet; send a `{kind.value}` event"
            raise Conflict(msg)

    def _has_begun(self, entry: IncidentState) -> bool:
        """Return whether the incident has any data: its key may have just been opened by the current event."""
        return bool(entry.episodes or self._batch.events_of(entry))

    def _check_known_end(self, entry: IncidentState) -> None:
        if not self._batch.has_unknown_end(entry):
            return  # known or not over yet; a fold for each of many events would take quadratic time
        incident = self._incidents.fold(entry)
        if incident.over_at is not None and Milestone.RESOLVED not in incident.milestones:
            msg = (
                f"the end of INC-{entry.id} is unknown, for its alerts cleared while nobody reported it; "
                "say when it was over with `occurred_at`"
            )
            raise Conflict(msg)

    def _merge(self, entry: IncidentState, event: Event) -> IncidentState:
        into = self._incidents.existing(target_of(event))
        if self._incidents.fold(entry).dismissed_at is not None:
            msg = f"INC-{entry.id} is dismissed, and so would be what it is merged into; send reopened first"
            raise Conflict(msg)
        if into.id == entry.id:
            msg = f"INC-{entry.id} cannot be merged into itself"
            raise Conflict(msg)
        if self._incidents.fold(into).dismissed_at is not None:
            msg = f"INC-{into.id} is dismissed, and so would be what is merged into it; send it reopened first"
            raise Conflict(msg)
        self._incidents.merge(entry, into)
        return into


def _is_assumed(incident: Incident, milestone: Milestone) -> bool:
    return milestone is Milestone.RESOLVED and incident.resolution_source is ResolutionSource.STALE
