"""The messages that would be sent about an incident, without sending any."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.delivery.message_builder import MessageBuilder
from service.render.thread import MessageKind, Thread
from service.store.outbox_rows import OutboxIncident


@dataclass(frozen=True, slots=True)
class Preview:
    """One message. `what` is its kind or level; `at`: when, None for at once."""

    what: str
    at: datetime | None
    text: str


def preview(incident: OutboxIncident, incident_id: int, builder: MessageBuilder, now: datetime) -> Iterator[Preview]:
    """Yield the first message as of now, the next one, and the reminders, in the order of their times.

    Raises RequestFailed if a template cannot be rendered.
    """
    thread = Thread.of(incident.history, incident_id, incident.rows)
    yield Preview("as it stands", None, builder.message(thread, thread.key(1, MessageKind.FIRST)).text)
    key = thread.next(now)
    if key is not None and key.subject != MessageKind.FIRST:
        yield Preview(key.subject, None, builder.message(thread, key).text)
    for reminder in thread.reminders(builder.policy, now):
        yield Preview(reminder.level.value, reminder.at, builder.reminder(thread, reminder).text)
