"""Updates about an incident, and when the next one is due (the standard, section 7)."""

from collections.abc import Iterable
from datetime import datetime

from service.domain.checks import EVIDENCE_COLLECTED
from service.domain.episodes import Episode, fired_again
from service.domain.events import Event, EventKind
from service.domain.policy import Policy, Severity

UPDATE_KINDS = (
    EventKind.ACKNOWLEDGED,
    EventKind.MITIGATED,
    EventKind.RESOLVED,
    EventKind.REOPENED,
    EventKind.DISMISSED,
    EventKind.SEVERITY_CHANGED,
    EventKind.ROLE_ASSIGNED,
    EventKind.NOTE,
    EventKind.POSTMORTEM_DRAFTED,
    EventKind.POSTMORTEM_FINALIZED,
)
"""The kinds of events that are sent as an update at once."""


def is_update(event: Event) -> bool:
    """Return whether an event is sent as an update; a note without text, or of collected evidence, is not."""
    if event.kind is not EventKind.NOTE:
        return event.kind in UPDATE_KINDS
    return bool(str(event.data.get("text", "")).strip()) and EVIDENCE_COLLECTED not in event.data


def is_important_note(event: Event) -> bool:
    """Return whether an event is a note that is marked as important."""
    return event.kind is EventKind.NOTE and event.data.get("important") is True


def last_update_at(opened_at: datetime, events: Iterable[Event], episodes: Iterable[Episode] = ()) -> datetime:
    """Return the time of the last update: the opening, an update event, or alerts firing again.

    An update counts from when it was recorded, since it could not be sent before.
    """
    return max([opened_at, *(e.recorded_at for e in events if is_update(e)), *fired_again(episodes)])


def update_due_at(last_at: datetime, severity: Severity, policy: Policy) -> datetime | None:
    """Return when the next update is due after one at `last_at`, None if no updates are required."""
    every = policy.updates.get(severity)
    return None if every is None else last_at + every
