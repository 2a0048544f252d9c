"""Reminders of due times, sent once for each incident, level and due time.

They continue after an incident is over, until everything it owes is done; a dismissed incident owes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.actions import ActionState
from service.domain.incident import Incident
from service.domain.policy import Stage

SOON = 4
"""A stage is due soon when this fraction of the allowed time is left: a quarter, as in the alert rules."""


class Level(StrEnum):
    """The subject and urgency of a reminder."""

    UPDATE_DUE = "update-due"
    DRAFT_SOON = "draft-soon"
    DRAFT_OVERDUE = "draft-overdue"
    FINAL_SOON = "final-soon"
    FINAL_OVERDUE = "final-overdue"
    ACTION_OVERDUE = "action-overdue"


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder to send at `at` of something due at `due_at`; `action_id` names an action."""

    level: Level
    due_at: datetime
    at: datetime
    action_id: str = ""

    def counts(self, now: datetime) -> bool:
        """Return whether it still applies at `now`: something overdue is no longer due soon."""
        return self.level not in _SOON.values() or now < self.due_at


_SOON = {Stage.DRAFT: Level.DRAFT_SOON, Stage.FINAL: Level.FINAL_SOON}
_OVERDUE = {Stage.DRAFT: Level.DRAFT_OVERDUE, Stage.FINAL: Level.FINAL_OVERDUE}


def reminders(incident: Incident, update_due_at: datetime | None) -> tuple[Reminder, ...]:
    """Return the reminders of an incident in its current state, the earliest first.

    `update_due_at` is when the next update is due while it is open, None if no updates are required.
    """
    if incident.dismissed_at is not None:
        return ()
    upcoming = list(_of_documents(incident))
    if incident.is_open and update_due_at is not None:
        upcoming.append(Reminder(Level.UPDATE_DUE, update_due_at, update_due_at))
    for action in incident.actions:
        if action.state is ActionState.OPEN and action.due_at is not None:
            upcoming.append(Reminder(Level.ACTION_OVERDUE, action.due_at, action.due_at, action.action_id))
    return tuple(sorted(upcoming, key=lambda reminder: (reminder.at, reminder.level, reminder.action_id)))


def _of_documents(incident: Incident) -> Iterator[Reminder]:
    for deadline in incident.deadlines:
        if deadline.done_at is None:
            soon_at = deadline.due_at - (deadline.due_at - incident.deadlines_from) / SOON
            yield Reminder(_SOON[deadline.stage], deadline.due_at, soon_at)
            yield Reminder(_OVERDUE[deadline.stage], deadline.due_at, deadline.due_at)
