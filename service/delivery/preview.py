"""The messages that would be sent about an incident, without sending any."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.delivery.channels import OWN, Channels
from service.delivery.message_builder import MessageBuilder
from service.render.thread import MessageKind, Thread
from service.store.outbox_rows import OutboxIncident


@dataclass(frozen=True, slots=True)
class Preview:
    """One message. `what` is its kind or level; `at`: when, None for at once. `channel` "" is the chat's own."""

    what: str
    at: datetime | None
    text: str
    channel: str = OWN


def preview(
    incident: OutboxIncident, incident_id: int, builder: MessageBuilder, channels: Channels, now: datetime
) -> Iterator[Preview]:
    """Yield the first message as of now, the next one of each thread, and the reminders, in the order of their times.

    Raises RequestFailed if a template cannot be rendered.
    """
    places = channels.of_threads(incident.history.incident, incident_id, incident.rows)
    threads = [Thread.of(incident.history, incident_id, incident.rows, place) for place in places]
    current = threads[0]
    first = builder.message(current, current.key(1, MessageKind.FIRST))
    yield Preview("as it stands", None, first.text, current.channel)
    for thread in threads:
        key = thread.next(now)
        if key is not None and key.subject != MessageKind.FIRST:
            yield Preview(key.subject, None, builder.message(thread, key).text, thread.channel)
    for reminder in current.reminders(builder.policy, now):
        text = builder.reminder(current, reminder).text
        yield Preview(reminder.level.value, reminder.at, text, current.channel)
