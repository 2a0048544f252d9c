"""Events by the sender's own keys, as the parsers of ticket trackers and incident tools return them."""

from dataclasses import dataclass

from service.domain.events import KeyedEvent
from service.intake.wire import PayloadError


@dataclass(frozen=True, slots=True)
class KeyedEvents:
    """The content of one body, often nothing. `unreadable` has the errors of events that can never be recorded."""

    events: tuple[KeyedEvent, ...] = ()
    unreadable: tuple[PayloadError, ...] = ()
