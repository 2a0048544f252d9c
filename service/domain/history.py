"""Corrections and retractions: from all recorded events to the effective ones. Recorded events never change."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.events import Event, EventKind
from service.domain.policy import Milestone

ABOUT_EVENTS = (EventKind.CORRECTED, EventKind.RETRACTED)


@dataclass(frozen=True, slots=True)
class Override:
    """The time of a milestone set by hand, and when that was recorded."""

    at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The effective events, ordered by `(occurred_at, recorded_at, event_id)`, and the milestones set by hand.

    `sent_as` has the original times of corrected events, by event id.
    """

    events: tuple[Event, ...]
    overrides: Mapping[Milestone, Override]
    sent_as: Mapping[str, datetime]

    def sent_at(self, event: Event) -> datetime:
        """Return the sender's time of an effective event."""
        return self.sent_as.get(event.event_id, event.occurred_at)


def in_order(event: Event) -> tuple[datetime, datetime, str]:
    """Return the sort key of an incident's events."""
    return event.occurred_at, event.recorded_at, event.event_id


def effective(events: Iterable[Event]) -> History:
    """Apply retractions and corrections.

    `retracted` {event_id} withdraws an event, also another correction or retraction. `corrected` {event_id,
    occurred_at?, data?} replaces an event's time and updates its data; `corrected` {milestone, occurred_at} sets a
    milestone. Of several corrections of the same thing the latest counts. Takes time in proportion to the events.
    """
    ordered = sorted(events, key=in_order)
    about = [e for e in ordered if e.kind in ABOUT_EVENTS]
    if not about:
        return History(tuple(ordered), {}, {})
    taken_back = withdrawn([e for e in about if e.kind is EventKind.RETRACTED])
    corrections: dict[str, Event] = {}
    overrides: dict[Milestone, Override] = {}
    for event in about:
        if event.kind is EventKind.RETRACTED or event.event_id in taken_back:
            continue
        if "milestone" in event.data:
            overrides[Milestone(event.data["milestone"])] = Override(_instant(event), event.recorded_at)
        else:
            corrections[event.data["event_id"]] = event
    counting = [e for e in ordered if e.kind not in ABOUT_EVENTS and e.event_id not in taken_back]
    corrected = [_corrected(e, corrections.get(e.event_id)) for e in counting]
    sent_as = {e.event_id: e.occurred_at for e in counting if e.event_id in corrections}
    return History(tuple(sorted(corrected, key=in_order)), overrides, sent_as)


def withdrawn(retractions: Sequence[Event]) -> set[str]:
    """Return the ids retracted by a retraction that is not itself retracted, whatever their times.

    A retraction is decided once all that name it are; retractions that name each other in a cycle never are.
    """
    by_id: dict[str, list[Event]] = defaultdict(list)
    for event in retractions:
        by_id[event.event_id].append(event)
    undecided = Counter(e.data["event_id"] for e in retractions)
    ready = deque(e for e in retractions if not undecided[e.event_id])
    ids: set[str] = set()
    while ready:
        event = ready.popleft()
        target = event.data["event_id"]
        if event.event_id not in ids:
            ids.add(target)
        undecided[target] -= 1
        if not undecided[target]:
            ready.extend(by_id.get(target, ()))
    return ids


def _corrected(event: Event, correction: Event | None) -> Event:
    if correction is None:
        return event
    occurred_at, untimed = event.occurred_at, event.untimed
    if "occurred_at" in correction.data:
        occurred_at, untimed = _instant(correction), False
    data = {**event.data, **correction.data.get("data", {})}
    return replace(event, occurred_at=occurred_at, untimed=untimed, data=data)


def _instant(correction: Event) -> datetime:
    return datetime.fromisoformat(correction.data["occurred_at"])
