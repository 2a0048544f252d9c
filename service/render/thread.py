"""The thread about an incident: which message comes next, given the incident now and the messages so far.

A message covers all updates since the one before, so that after an outage there is one message, not ten. The messages
so far are the outbox's rows; nothing else remembers them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.events import Event, EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Policy
from service.domain.reminders import Reminder, reminders
from service.domain.updates import is_update, update_due_at
from service.render.item_keys import ItemKey, OutboxKind, OutboxRow

OLD = timedelta(days=3)
"""What is older is no longer announced for the first time, and no reminder of it goes out any more."""
RECORDED_LATE = timedelta(days=1)
"""An incident recorded this long after its start is an old one; only what becomes due afterwards is announced."""


class MessageKind(StrEnum):
    """What a message is about: the first report, updates, or the end in some way."""

    FIRST = "first"
    UPDATE = "update"
    OVER = "over"
    DISMISSED = "dismissed"
    MERGED = "merged"
    REOPENED = "again"
    AFTERWARDS = "after"


_WHILE_OPEN = (MessageKind.FIRST, MessageKind.UPDATE, MessageKind.REOPENED)
_EXPRESSED_BY_THE_KIND = (EventKind.RESOLVED, EventKind.DISMISSED, EventKind.REOPENED)


@dataclass(frozen=True, slots=True)
class Thread:
    """The thread about the incident `incident_id`, which may have been merged into that of the history, in one channel.

    `messages` are its rows of the outbox, by number; `channel` "" is the receiver's own. A message's key has its
    `number`, its `subject` (a `MessageKind`), the severity that it states, and the id of the last event that it covers.
    """

    history: IncidentHistory
    incident_id: int
    messages: Sequence[OutboxRow]
    channel: str = ""

    @classmethod
    def of(cls, history: IncidentHistory, incident_id: int, rows: Iterable[OutboxRow], channel: str = "") -> "Thread":
        """Return the thread about an incident in a channel, by all rows of the outbox about it."""
        kind = OutboxKind.MESSAGE
        messages = (r for r in rows if (r.key.kind, r.key.incident_id, r.key.channel) == (kind, incident_id, channel))
        return cls(history, incident_id, sorted(messages, key=lambda row: row.key.number), channel)

    @property
    def root_id(self) -> int | None:
        """The id of the first message that was sent, if any; one of a storm is not about this incident alone."""
        return next((m.remote_id for m in self.messages if m.was_sent and m.storm_at is None), None)

    @property
    def storm_at(self) -> datetime | None:
        """The key's time of the storm's message that names the incident, if any."""
        return next((message.storm_at for message in self.messages if message.storm_at), None)

    @property
    def is_only_named(self) -> bool:
        """Whether a storm's message names the incident, and it has no message of its own."""
        return self.storm_at is not None and self.root_id is None

    def next(self, now: datetime) -> ItemKey | None:
        """Return the key of the next message; None while one is pending, and if there is nothing to announce."""
        if any(message.is_pending for message in self.messages):
            return None
        kind = self._kind(now)
        if kind is None:
            return None
        return self.key(len(self.messages) + 1, kind)

    def key(self, number: int, kind: MessageKind) -> ItemKey:
        """Return the key of a message that covers everything up to now."""
        events = self._events()
        return ItemKey(
            OutboxKind.MESSAGE,
            self.incident_id,
            self.channel,
            event_id=events[-1].event_id if events else "",
            number=number,
            subject=kind.value,
            severity=self.history.incident.severity.value,
        )

    def updates(self, key: ItemKey) -> tuple[Event, ...]:
        """Return the updates that no message before `key` covers, as corrected, in the order of recording."""
        before = [message.key for message in self.messages if message.key.number < key.number]
        events = self._events()
        begin = _index_after(events, before[-1].event_id) if before else 0
        covered = events[begin : max(begin, _index_after(events, key.event_id))]
        effective = [self.history.effective(event) for event in covered if is_update(event)]
        return tuple(e for e in effective if e is not None and e.kind not in _EXPRESSED_BY_THE_KIND)

    def next_update_at(self, policy: Policy) -> datetime | None:
        """Return when the next update is due while the incident is open, None if no updates are required."""
        last_update_at = self.history.last_update_at(self.incident_id)
        return update_due_at(last_update_at, self.history.incident.severity, policy)

    def reminders(self, policy: Policy, now: datetime) -> list[Reminder]:
        """Return those that are still relevant at `now` or later, the earliest first.

        There are none of a merged incident, and none of one that only a storm's message names.
        """
        incident, opened_at = self.history.incident, self.history.opened_at[self.incident_id]
        if incident.id != self.incident_id or self.is_only_named:
            return []
        since = max(opened_at, now - OLD) if opened_at - incident.deadlines_from > RECORDED_LATE else now - OLD
        upcoming = reminders(incident, self.next_update_at(policy))
        return [reminder for reminder in upcoming if reminder.at >= since and reminder.counts(now)]

    @property
    def was_sent(self) -> bool:
        """Whether people have seen any of its messages."""
        return any(message.was_sent for message in self.messages)

    def is_relevant(self, key: ItemKey, now: datetime) -> bool:
        """Return whether a message that was never sent is still worth sending.

        It is not if it reports the start of what is over by now, if later messages were sent (a chat may have rejected
        it), if a storm's message shows the end, or if the incident has long been over.
        """
        if self.is_only_named and self._ending() is not None:
            return False
        overtaken = any(message.was_sent for message in self.messages if message.key.number > key.number)
        too_late = key.subject == MessageKind.FIRST and self._ending() is not None
        return not overtaken and not too_late and not self._is_old(now, *(e.recorded_at for e in self._events()))

    def _kind(self, now: datetime) -> MessageKind | None:
        last, ending = (self.messages[-1].key if self.messages else None), self._ending()
        if last is None:
            return self._opening(ending, now)
        if self.is_only_named and ending is not None:
            return None  # the storm's message shows it
        if last.subject in _WHILE_OPEN:
            if ending is None:
                return MessageKind.UPDATE if self._has_updates(last) else None
            return ending if ending is MessageKind.OVER or self.was_sent else None
        if ending is None:
            return MessageKind.REOPENED
        if ending is MessageKind.OVER:
            if last.subject == MessageKind.DISMISSED:
                return MessageKind.OVER
            return MessageKind.AFTERWARDS if self._has_updates(last) else None
        return ending if ending is MessageKind.DISMISSED and last.subject != ending and self.was_sent else None

    def _opening(self, ending: MessageKind | None, now: datetime) -> MessageKind | None:
        if ending is None:
            return MessageKind.FIRST if now - self.history.opened_at[self.incident_id] < OLD else None
        return MessageKind.OVER if ending is MessageKind.OVER and not self._is_old(now) else None

    def _is_old(self, now: datetime, *recorded_at: datetime) -> bool:
        """Return whether the incident has long been over, and nothing was recorded recently either."""
        over_at = self.history.incident.over_at
        if over_at is None or self._ending() is not MessageKind.OVER:
            return False
        return now - max([over_at, *recorded_at]) >= OLD

    def _ending(self) -> MessageKind | None:
        incident = self.history.incident
        if incident.id != self.incident_id:
            return MessageKind.MERGED
        if incident.dismissed_at is not None:
            return MessageKind.DISMISSED
        return None if incident.is_open else MessageKind.OVER

    def _has_updates(self, last: ItemKey) -> bool:
        following = self.key(last.number + 1, MessageKind.UPDATE)
        return bool(self.updates(following)) or self.history.incident.severity.value != last.severity

    def _events(self) -> list[Event]:
        """Return the events that were sent to this incident, in the order of recording; merged ones have theirs."""
        return [event for incident_id, event in self.history.recorded if incident_id == self.incident_id]


def _index_after(events: Sequence[Event], event_id: str) -> int:
    """Return the index after an event, 0 if there is no such event."""
    return next((i + 1 for i in reversed(range(len(events))) if events[i].event_id == event_id), 0)
