"""What is going to be said of an incident, without saying it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from service.delivery.messages import talk_of
from service.delivery.reminding import standing_reminders
from service.delivery.speech import Speech
from service.render.conversation import Kind
from service.store.stories import Story


@dataclass(frozen=True, slots=True)
class Preview:
    """One message. `what` is its kind or level; `at`: when, None for at once."""

    what: str
    at: datetime | None
    text: str


def preview(story: Story, incident_id: int, speech: Speech, now: datetime) -> Iterator[Preview]:
    """Yield the first message as it stands, the one that comes next, and the reminders, in the order of their times.

    Raises `DeliveryError` where a template cannot be filled in.
    """
    talk = talk_of(story, incident_id)
    yield Preview("as it stands", None, speech.first(talk).text)
    following = talk.next(now)
    if following is not None and following.kind is not Kind.FIRST:
        yield Preview(following.kind.value, None, speech.next(talk, following).text)
    for reminder in standing_reminders(talk, speech.policy, now):
        yield Preview(reminder.level.value, reminder.at, speech.reminder(talk, reminder).text)
