"""Building messages, and posting each exactly once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from service.clients.chat import Chat, ChatMessage
from service.clients.errors import Reason, RequestFailed
from service.delivery.receiver import LeaseLost
from service.domain.policy import Policy
from service.domain.reminders import Level, Reminder
from service.render.buttons import names_of, reminder_buttons, report_buttons
from service.render.chat_texts import ChatTexts
from service.render.item_keys import ItemKey, unique_key
from service.render.message_facts import facts_of
from service.render.messages import MessageFacts, MessageTemplates
from service.render.templating import BadTemplate
from service.render.thread import MessageKind, Thread
from service.store.outbox_rows import Claim

_TEMPLATES: dict[str, str] = {
    MessageKind.FIRST: "report",
    MessageKind.OVER: "over",
    MessageKind.DISMISSED: "over",
    MessageKind.MERGED: "over",
}
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How much earlier than we think a message may have been posted: clocks differ."""


@dataclass(frozen=True, slots=True)
class MessageBuilder:
    """Builds messages about incidents. Raises a permanent RequestFailed if a template cannot be rendered.

    `texts`: those of the buttons; None: the chat takes no presses.
    """

    templates: MessageTemplates
    policy: Policy
    public_url: str | None = None
    texts: ChatTexts | None = None

    def message(self, thread: Thread, key: ItemKey) -> ChatMessage:
        """Return a message of the thread; the first one as it should be now."""
        facts = facts_of(thread, key, self.policy, self.public_url)
        template = _TEMPLATES.get(key.subject, "update")
        message = self._build(template, thread, key, facts, broadcast=key.subject == MessageKind.OVER)
        if self.texts is None or key.subject != MessageKind.FIRST:
            return message
        return replace(message, buttons=report_buttons(thread, self.texts))

    def reminder(self, thread: Thread, reminder: Reminder, snoozed: int = 0) -> ChatMessage:
        """Return a reminder, which was snoozed so often."""
        key = thread.key(len(thread.messages) + 1, MessageKind.AFTERWARDS)
        facts = facts_of(thread, key, self.policy, self.public_url, reminder)
        broadcast = reminder.level is not Level.UPDATE_DUE
        item_key = replace(ItemKey.of_reminder(thread.incident_id, reminder), number=snoozed)
        message = self._build("reminder", thread, item_key, facts, broadcast=broadcast)
        return replace(message, buttons=reminder_buttons(item_key, self.texts)) if self.texts else message

    def _build(
        self, template: str, thread: Thread, key: ItemKey, facts: MessageFacts, *, broadcast: bool = False
    ) -> ChatMessage:
        text = rendered(lambda: self.templates.render(template, facts))
        return ChatMessage(unique_key(thread.history, key), text, _payload(facts), broadcast, thread.channel)


def rendered(render: Callable[[], str]) -> str:
    """Return what `render` does. Raises a permanent RequestFailed if a team's template cannot be rendered."""
    try:
        return render()
    except BadTemplate as error:
        raise RequestFailed(f"a template of messages.templates: {error}", Reason.REJECTED, permanent=True) from error


def digest_of(message: ChatMessage) -> bytes:
    """Return sixteen bytes that differ if people would see a difference."""
    return blake2b((message.text + names_of(message.buttons or ())).encode(), digest_size=16).digest()


def post_once(
    chat: Chat,
    claim: Claim,
    message: ChatMessage,
    is_still_claimed: Callable[[], bool],
    *,
    thread_id: int | None,
    since: datetime,
) -> int:
    """Post a message, as a reply if there is a `thread_id`, and return its id.

    After an attempt with an unknown result it is searched for first, among what was posted `since`.
    """
    if claim.attempts:
        message_id = chat.find(message, thread_id, since - CLOCK_TOLERANCE)
        if message_id is not None:
            chat.edit(message_id, message)
            return message_id
    if not is_still_claimed():
        raise LeaseLost
    return chat.post(message, thread_id)


def _payload(facts: MessageFacts) -> dict[str, Any]:
    """Return the content for programs."""
    incident = {
        "id": facts.incident,
        "title": facts.title,
        "severity": facts.severity.value,
        "state": facts.state,
        "url": facts.url,
        "began_at": facts.began_at.isoformat(),
        "ended_at": facts.ended_at.isoformat() if facts.ended_at else None,
        "dimensions": dict(facts.dimensions),
    }
    if facts.reminder is None:
        return {"kind": str(facts.kind), "incident": incident}
    reminder = {"level": facts.reminder.level.value, "due_at": facts.reminder.due_at.isoformat()}
    action = {"action_id": facts.reminder.action_id} if facts.reminder.action_id else {}
    return {"kind": "reminder", "incident": incident, "reminder": reminder | action}
