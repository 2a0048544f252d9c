"""Which reminders of an incident are still to be sent."""

from datetime import datetime, timedelta

from service.domain.policy import Policy
from service.domain.reminders import Reminder, reminders
from service.domain.updates import update_due_at
from service.render.thread import OLD, Thread

RECORDED_LATE = timedelta(days=1)
"""An incident recorded this long after its start is an old one; only what becomes due afterwards is announced."""


def pending_reminders(thread: Thread, policy: Policy, now: datetime) -> list[Reminder]:
    """Return those that are still relevant at `now` or later, the earliest first; none of a merged incident."""
    history, incident = thread.history, thread.history.incident
    if incident.id != thread.incident_id:
        return []
    opened_at = history.opened_at[thread.incident_id]
    due_at = update_due_at(history.last_told_at(incident.id), incident.severity, policy)
    since = max(opened_at, now - OLD) if opened_at - incident.deadlines_from > RECORDED_LATE else now - OLD
    return [reminder for reminder in reminders(incident, due_at) if reminder.at >= since and reminder.counts(now)]
