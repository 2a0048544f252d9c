"""What the questions need from the rest of the house; `service.app` hands it in, the tests hand in fakes."""

from datetime import datetime
from typing import Protocol

from service.domain.events import Event
from service.recorder.commands import AppendEvent, Command, Outcome, Refused
from service.store.concerns import Concern


class Recorder(Protocol):
    """The one writer."""

    def submit(self, command: Command) -> tuple[Outcome, ...]:
        """Return when it is committed. Raises Refused, Busy or StoreUnavailable; then nothing is stored."""


class Concerns(Protocol):
    """What is read of the store. Raises StoreUnavailable."""

    def concerns(self, since: datetime) -> tuple[Concern, ...]:
        """Return the incidents that are open or were detected after `since`, the newest first."""


def tell(recorder: Recorder, incident_id: int, event: Event) -> None:
    """Add an event to an incident; one that its state does not allow (any more) is not worth a word."""
    try:
        recorder.submit(AppendEvent(incident_id, event))
    except Refused:
        return
