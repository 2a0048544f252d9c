"""What is delivered about incidents: the keys of the outbox's rows, and the keys that receivers know them by."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import assert_never

from service.domain.incident_history import IncidentHistory
from service.domain.reminders import Reminder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_of(at: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


class OutboxKind(StrEnum):
    """What a row of the outbox is about.

    `INCIDENT`, the incident itself, is enqueued when anything changes, and delivered before its other rows. `EXISTING`
    is an incident older than its receiver, enqueued when the service starts. `TEAM_WIDE` and `STORM` concern no single
    incident: the agenda of a weekly review, and the message that names the incidents of a storm.
    """

    INCIDENT = "incident"
    EXISTING = "existing"
    EVENT = "event"
    MESSAGE = "message"
    REMINDER = "reminder"
    TEAM_WIDE = "team-wide"
    STORM = "storm"


@dataclass(frozen=True, slots=True)
class ItemKey:
    """The key of one row of the outbox, whose columns its fields are; what a kind does not need is empty.

    `dashboard_uid`: the dashboard that an annotation's copy belongs to; of a message, its `channel`. `event_id`: the
    event, or the last one that a message covers. `number`: that of a message in its thread, or how often a reminder was
    snoozed; `severity`: the one that it states. `subject`: the kind of a message, or the level of a reminder. `due_at`:
    when what it reminds of is due, when the team meets, or a storm began.
    """

    kind: OutboxKind
    incident_id: int = 0
    dashboard_uid: str = ""
    event_id: str = ""
    number: int = 0
    subject: str = ""
    severity: str = ""
    action_id: str = ""
    due_at: datetime | None = None

    @classmethod
    def of_reminder(cls, incident_id: int, reminder: Reminder) -> "ItemKey":
        """Return the key of a reminder: one for each level and due time, to the millisecond."""
        due_at = reminder.due_at - timedelta(microseconds=reminder.due_at.microsecond % 1000)
        subject = reminder.level.value
        return cls(OutboxKind.REMINDER, incident_id, subject=subject, action_id=reminder.action_id, due_at=due_at)

    @property
    def channel(self) -> str:
        """The channel of a message, "" for the receiver's own; that of a reminder is the incident's when it is sent."""
        return self.dashboard_uid

    @property
    def name(self) -> str:
        """The name that `unique_key` digests. Receivers hold those digests, so that it must never change."""
        due_ms = int(self.due_at.timestamp() * 1000) if self.due_at else 0
        match self.kind:
            case OutboxKind.EVENT:
                return f"point:{self.event_id}"
            case OutboxKind.MESSAGE:
                return f"say:{self.number}:{self.subject}:{self.severity}:{self.event_id}"
            case OutboxKind.REMINDER:
                return f"remind:{self.subject}:{due_ms}:{self.action_id}" + (f":{self.number}" if self.number else "")
            case OutboxKind.TEAM_WIDE:
                return f"review:{due_ms // 1000}"
            case OutboxKind.STORM:
                return f"storm:{self.channel}:{self.due_at.isoformat() if self.due_at else ''}"
            case OutboxKind.INCIDENT | OutboxKind.EXISTING:
                return "region"
            case _:
                assert_never(self.kind)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox. `digest` is that of the last delivery, `remote_id` its id at the receiver.

    `is_pending`: it has not been delivered since it was last enqueued.
    """

    key: ItemKey
    digest: bytes | None = None
    remote_id: int | None = None
    is_pending: bool = False

    @property
    def was_sent(self) -> bool:
        """Whether people have seen it."""
        return self.remote_id is not None

    @property
    def storm_at(self) -> datetime | None:
        """The key's time of the storm's message that stands for it, None if it is one of its own."""
        return EPOCH - self.remote_id * _MICROSECOND if self.remote_id is not None and self.remote_id < 0 else None


def unique_key(history: IncidentHistory, key: ItemKey) -> str:
    """Return a key that is unique across installations.

    The instant at which an incident was opened, to the microsecond, tells the INC-7 of one installation from that of
    another; it never changes and is in every backup.
    """
    identity = (key.incident_id, history.opened_at[key.incident_id], key.name, key.dashboard_uid)
    return blake2b(repr(identity).encode(), digest_size=8).hexdigest()
