"""Recording an event that a poll found."""

from service.domain.events import Event
from service.recorder.commands import AppendEvent, Refused
from service.recorder.writer import Recorder


def record_event(recorder: Recorder, incident_id: int, event: Event) -> None:
    """Add an event to an incident; one that its state does not allow (any more) is dropped."""
    try:
        recorder.submit(AppendEvent(incident_id, event))
    except Refused:
        return
