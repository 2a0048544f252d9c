"""Putting messages into words, and saying each once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from service.clients.chat import Chat, ChatMessage
from service.clients.delivery import DeliveryError, Reason
from service.delivery.target import LeaseLost
from service.domain.policy import Policy
from service.domain.reminders import Level, Reminder
from service.render.conversation import Kind, Saying, Talk
from service.render.filling import BadTemplate
from service.render.message_facts import facts_of, state_of
from service.render.messages import Facts, Voice
from service.render.subject import Item, key_of
from service.store.outbox_rows import Claim

_PARTS = {Kind.OVER: "over", Kind.DISMISSED: "over", Kind.MERGED: "over"}
_EARLIER = timedelta(minutes=5)
"""How much earlier than we think something may have been said: clocks differ."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Writes messages about incidents. Raises `DeliveryError`, for good, where a template cannot be filled in."""

    voice: Voice
    policy: Policy
    public_url: str | None = None

    def first(self, talk: Talk) -> ChatMessage:
        """Return the first message as it should be now."""
        facts = state_of(talk, self.policy, self.public_url)
        name = talk.said[0].saying.name if talk.said else ""
        return self._written("report", talk, name, facts)

    def next(self, talk: Talk, saying: Saying) -> ChatMessage:
        """Return any other message of the conversation."""
        facts = facts_of(talk, saying, self.policy, self.public_url)
        return self._written(_PARTS.get(saying.kind, "update"), talk, saying.name, facts, loud=saying.kind is Kind.OVER)

    def reminder(self, talk: Talk, reminder: Reminder) -> ChatMessage:
        """Return a reminder."""
        saying = Saying(len(talk.said) + 1, Kind.AFTER, talk.subject.incident.severity)
        facts = facts_of(talk, saying, self.policy, self.public_url, reminder)
        loud = reminder.level is not Level.UPDATE_DUE
        return self._written("reminder", talk, name_of(reminder), facts, loud=loud)

    def _written(self, part: str, talk: Talk, name: str, facts: Facts, *, loud: bool = False) -> ChatMessage:
        text = in_words(lambda: self.voice.say(part, facts))
        return ChatMessage(key_of(talk.subject, Item(talk.owner, name)), text, _about(facts), loud)


def name_of(reminder: Reminder) -> str:
    """Return the name of a reminder's row: one for each level and due instant."""
    return f"remind:{reminder.level}:{int(reminder.due_at.timestamp() * 1000)}:{reminder.action_id}"


def in_words(write: Callable[[], str]) -> str:
    """Return what `write` does. Raises `DeliveryError`, for good, where a team's template cannot be filled in."""
    try:
        return write()
    except BadTemplate as error:
        raise DeliveryError(Reason.REJECTED, f"a template of messages.templates: {error}", permanent=True) from error


def digest_of(message: ChatMessage) -> bytes:
    """Return sixteen bytes that differ where people would see a difference."""
    return blake2b(message.text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: in answer to `thread`, None for the channel itself; never before `since`."""

    thread: int | None
    since: datetime


def say_once(chat: Chat, claim: Claim, message: ChatMessage, place: Place, still_ours: Callable[[], bool]) -> int:
    """Say it and return its id. After an attempt whose end nobody saw, it is looked for first where it can be."""
    if claim.attempts:
        there = chat.find(message.key, place.thread, place.since - _EARLIER)
        if there is not None:
            chat.edit(there, message)
            return there
    if not still_ours():
        raise LeaseLost
    return chat.post(message, place.thread)


def _about(facts: Facts) -> dict[str, Any]:
    """Return what a program may want to know of it."""
    incident = {
        "id": facts.incident,
        "title": facts.title,
        "severity": facts.severity.value,
        "state": facts.state,
        "url": facts.url,
        "began_at": facts.began_at.isoformat(),
        "ended_at": facts.ended_at.isoformat() if facts.ended_at else None,
    }
    if facts.reminder is None:
        return {"kind": str(facts.kind), "incident": incident}
    about = {"level": facts.reminder.level.value, "due_at": facts.reminder.due_at.isoformat()}
    action = {"action_id": facts.reminder.action_id} if facts.reminder.action_id else {}
    return {"kind": "reminder", "incident": incident, "reminder": about | action}
