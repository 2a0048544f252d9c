"""The events of one incident by id, for batches that add many to it."""

from collections import Counter
from collections.abc import Iterable

from service.domain.events import Event
from service.domain.history import ABOUT_EVENTS


class EventIndex:
    """The events of one incident by id, and how many of them correct or retract others.

    Each by the incident that the events were sent to; of several events with one id the first counts.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.first: dict[str, Event] = {}
        self.sent: dict[tuple[int, str], Event] = {}
        self.corrections: Counter[int] = Counter()
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Add an event that was appended."""
        self.first.setdefault(event.event_id, event)
        self.sent.setdefault((event.sent_to, event.event_id), event)
        self.corrections[event.sent_to] += event.kind in ABOUT_EVENTS
