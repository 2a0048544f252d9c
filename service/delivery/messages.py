"""Incidents as threads: which messages each needs, and how to post each once, in order.

An incident has one thread in the channel that its team, say, has, and keeps those begun before its value changed.

The incident's own row sends nothing: it plans the next message and the reminders. A message that goes out plans the one
after it. A reminder is a row for later; when its time has come, it is sent if it is still relevant.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from service.clients.chat import NO_MESSAGE_ID, Chat, ChatMessage
from service.delivery.channels import Channels
from service.delivery.message_builder import MessageBuilder, digest_of, post_once
from service.delivery.receiver import NOT_SENT, DeliveryPlan, Send
from service.delivery.review import ReviewMessages
from service.delivery.storms import Storms, storm_row
from service.domain.policy import Severity
from service.domain.reminders import Reminder
from service.render.item_keys import ItemKey, OutboxKind, OutboxRow, micros_of
from service.render.thread import MessageKind, Thread
from service.store.outbox_rows import Claim, OutboxIncident, PlannedRow

_GATHERED = b"named in a storm"
"""The digest of a message in place of which a storm's message names the incident."""


@dataclass
class MessageReceiver:
    """Posts messages to one chat, about incidents of `severities`, each in the channel that `channels` says."""

    name: str
    chat: Chat
    builder: MessageBuilder
    review: ReviewMessages
    channels: Channels
    storms: Storms
    severities: frozenset[Severity] = frozenset(Severity)

    def close(self) -> None:
        """Close the connections."""
        self.chat.close()

    def plan(self, claim: Claim, incident: OutboxIncident | None, now: datetime) -> DeliveryPlan:
        """Return what to do about a row. Raises RequestFailed if a template cannot be rendered."""
        kind = claim.key.kind
        if kind is OutboxKind.TEAM_WIDE:
            return self.review.plan(self.chat, claim, now)
        if kind is OutboxKind.STORM:
            return self.storms.plan(self.chat, claim)
        if incident is None:
            return DeliveryPlan()
        if kind in (OutboxKind.INCIDENT, OutboxKind.EXISTING):
            planned = self._planned(incident, claim.key.incident_id, now, is_existing=kind is OutboxKind.EXISTING)
            return DeliveryPlan(planned=tuple(planned))
        if claim.digest is not None and not self._is_editable(claim):
            return DeliveryPlan(claim.digest)
        if kind is OutboxKind.REMINDER:
            return self._plan_reminder(claim, self._threads(incident, claim.key.incident_id)[0], now)
        thread = next(
            (t for t in self._threads(incident, claim.key.incident_id) if t.channel == claim.key.channel), None
        )
        return self._plan_message(claim, thread, now) if thread else DeliveryPlan(claim.digest or NOT_SENT)

    def _threads(self, incident: OutboxIncident, incident_id: int) -> list[Thread]:
        """Return the incident's threads; the first is in the channel that it belongs to now."""
        channels = self.channels.of_threads(incident.history.incident, incident_id, incident.rows)
        return [Thread.of(incident.history, incident_id, incident.rows, channel) for channel in channels]

    # -- which rows --------------------------------------------------------------------------------------------------

    def _planned(
        self, incident: OutboxIncident, incident_id: int, now: datetime, *, is_existing: bool
    ) -> Iterator[PlannedRow]:
        """Yield what each thread needs, and the reminders that have no row yet."""
        threads = self._threads(incident, incident_id)
        for thread in threads:
            yield from self._messages(thread, now, is_existing=is_existing)
        keys = {row.key for row in incident.rows}
        for reminder in self._reminders(threads[0], now):
            reminder_key = ItemKey.of_reminder(incident_id, reminder)
            if reminder_key not in keys:
                yield PlannedRow(reminder_key, at=reminder.at)

    def _messages(self, thread: Thread, now: datetime, *, is_existing: bool) -> Iterator[PlannedRow]:
        """Yield the first message if it is out of date, and the next one.

        `is_existing`: the incident is older than its target; if it is over, only what is outstanding is announced.
        """
        incident = thread.history.incident
        if thread.storm_at is not None:
            yield storm_row(thread.storm_at, thread.channel, now)
        if self._is_outdated(thread):
            yield PlannedRow(thread.messages[0].key)
        is_announced = bool(thread.messages) or incident.severity in self.severities
        is_past = is_existing and not thread.messages and not incident.is_open
        key = thread.next(now) if is_announced and not is_past else None
        if key is not None:
            yield PlannedRow(key)

    def _is_outdated(self, thread: Thread) -> bool:
        if not self.chat.edits or not thread.messages:
            return False
        first = thread.messages[0]
        if first.key.subject != MessageKind.FIRST or not first.was_sent or first.is_pending or first.storm_at:
            return False
        return first.digest != digest_of(self.builder.message(thread, first.key))

    def _reminders(self, thread: Thread, now: datetime) -> list[Reminder]:
        is_announced = thread.history.incident.severity in self.severities
        return thread.reminders(self.builder.policy, now) if is_announced else []

    # -- what each sends ---------------------------------------------------------------------------------------------

    def _is_editable(self, claim: Claim) -> bool:
        """Return whether it is a first message that was sent and can be edited."""
        is_first = claim.key.kind is OutboxKind.MESSAGE and claim.key.subject == MessageKind.FIRST
        return is_first and self.chat.edits and claim.remote_id is not None and claim.remote_id >= 0

    def _plan_message(self, claim: Claim, thread: Thread, now: datetime) -> DeliveryPlan:
        key = claim.key
        is_editable = self._is_editable(claim)
        if not is_editable and not thread.is_relevant(key, now):
            return DeliveryPlan(planned=_after(thread, key, now, None))
        message = self.builder.message(thread, key)
        opened_at = thread.history.opened_at[thread.incident_id]
        if thread.root_id is None and self.chat.edits and (storm_at := self.storms.gather(claim, now)):
            if thread.storm_at is not None:  # it gets its own message once there is room
                return DeliveryPlan(not_before=now + self.storms.window)
            named = -micros_of(storm_at)
            planned = (storm_row(storm_at, thread.channel, now), *_after(thread, key, now, named))
            find = partial(self.storms.find_or_name, self.chat, message, opened_at, named)
            return DeliveryPlan(_GATHERED, planned, find if claim.attempts else None, remote_id=named)
        send = partial(self._edit, claim, message) if is_editable else self._post(claim, message, thread, opened_at)
        return DeliveryPlan(digest_of(message), _after(thread, key, now), send)

    def _plan_reminder(self, claim: Claim, thread: Thread, now: datetime) -> DeliveryPlan:
        reminders = self._reminders(thread, now)
        key, snoozed = replace(claim.key, number=0), claim.key.number
        reminder = next((r for r in reminders if ItemKey.of_reminder(thread.incident_id, r) == key), None)
        if reminder is None:  # not relevant as things are, which may change before its time has come
            return DeliveryPlan(not_before=claim.not_before)
        message = self.builder.reminder(thread, reminder, snoozed)
        send = self._post(claim, message, thread, reminder.at)
        return DeliveryPlan(digest_of(message), (), send, not_before=claim.not_before if snoozed else reminder.at)

    def _post(self, claim: Claim, message: ChatMessage, thread: Thread, since: datetime) -> Send:
        thread_id = thread.root_id if self.chat.edits else None
        return partial(post_once, self.chat, claim, message, thread_id=thread_id, since=since)

    def _edit(self, claim: Claim, message: ChatMessage, is_still_claimed: Callable[[], bool]) -> int | None:  # noqa: ARG002
        if claim.remote_id is not None:
            self.chat.edit(claim.remote_id, message)
        return claim.remote_id


def _after(
    thread: Thread, key: ItemKey, now: datetime, remote_id: int | None = NO_MESSAGE_ID
) -> tuple[PlannedRow, ...]:
    """Return the row of the message that follows one that is sent (or skipped: None) now."""
    this = OutboxRow(key, remote_id=remote_id)
    messages = [this if message.key == key else message for message in thread.messages]
    following = replace(thread, messages=messages).next(now)
    return (PlannedRow(following),) if following else ()
