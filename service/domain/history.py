"""Corrections and retractions: from all that was ever reported to what counts now. History itself never changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.events import Event, EventKind
from service.domain.policy import Milestone

_ABOUT_EVENTS = (EventKind.CORRECTED, EventKind.RETRACTED)


@dataclass(frozen=True, slots=True)
class Pin:
    """The instant of a milestone as people fixed it by hand, and when they said so."""

    at: datetime
    said_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The events that count, by `(occurred_at, recorded_at)`, and the milestones that people fixed by hand."""

    events: tuple[Event, ...]
    pinned: Mapping[Milestone, Pin]


def effective(events: Iterable[Event]) -> History:
    """Apply what was retracted and corrected.

    `retracted` {event_id} withdraws an event, also another correction or retraction. `corrected` {event_id,
    occurred_at?, data?} replaces an event's time and updates its data; `corrected` {milestone, occurred_at} fixes a
    milestone that alerts gave. Of several corrections of the same thing the latest counts.
    """
    told = sorted(events, key=lambda e: (e.occurred_at, e.recorded_at, e.event_id))
    about = [e for e in told if e.kind in _ABOUT_EVENTS]
    if not about:
        return History(tuple(told), {})
    withdrawn = _withdrawn(about)
    corrected: dict[str, Event] = {}
    pinned: dict[Milestone, Pin] = {}
    for event in about:
        if event.kind is EventKind.RETRACTED or event.event_id in withdrawn:
            continue
        if "milestone" in event.data:
            pinned[Milestone(event.data["milestone"])] = Pin(_instant(event), event.recorded_at)
        else:
            corrected[event.data["event_id"]] = event
    standing = [
        _corrected(e, corrected.get(e.event_id))
        for e in told
        if e.kind not in _ABOUT_EVENTS and e.event_id not in withdrawn
    ]
    return History(tuple(sorted(standing, key=lambda e: (e.occurred_at, e.recorded_at, e.event_id))), pinned)


def _withdrawn(about: list[Event]) -> set[str]:
    """Find the ids that are retracted by a retraction which is not itself retracted, whatever their times."""
    withdrawn: set[str] = set()
    undecided = [e for e in about if e.kind is EventKind.RETRACTED]
    while undecided:
        doubted = {e.data["event_id"] for e in undecided}
        clear = [e for e in undecided if e.event_id not in doubted]
        if not clear:
            break  # these withdraw each other in a circle, and nothing else
        withdrawn.update(e.data["event_id"] for e in clear if e.event_id not in withdrawn)
        undecided = [e for e in undecided if e.event_id in doubted]
    return withdrawn


def _corrected(event: Event, correction: Event | None) -> Event:
    if correction is None:
        return event
    occurred_at = _instant(correction) if "occurred_at" in correction.data else event.occurred_at
    return replace(event, occurred_at=occurred_at, data={**event.data, **correction.data.get("data", {})})


def _instant(correction: Event) -> datetime:
    return datetime.fromisoformat(correction.data["occurred_at"])
