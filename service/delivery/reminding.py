"""Which reminders of an incident are still to be said."""

from datetime import datetime, timedelta

from service.domain.policy import Policy
from service.domain.reminders import Reminder, reminders
from service.domain.updates import last_told_at, update_due_at
from service.render.conversation import OLD, Talk

RECORDED_LATE = timedelta(days=1)
"""An incident that was recorded so long after it began is history; only what falls due afterwards is news."""


def standing_reminders(talk: Talk, policy: Policy, now: datetime) -> list[Reminder]:
    """Return those that still say something at `now` or later, the earliest first; none of an absorbed incident."""
    subject, incident = talk.subject, talk.subject.incident
    if incident.id != talk.owner:
        return []
    opened_at = subject.opened_at[talk.owner]
    told_at = last_told_at(opened_at, subject.standing, subject.episodes)
    due_at = update_due_at(told_at, incident.severity, policy)
    since = max(opened_at, now - OLD) if opened_at - incident.deadlines_from > RECORDED_LATE else now - OLD
    return [one for one in reminders(incident, due_at) if one.at >= since and one.counts(now)]
