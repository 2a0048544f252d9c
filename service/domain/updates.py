"""Updates: what people are told of an incident, and when they are owed the next word (the standard, section 7)."""

from collections.abc import Iterable
from datetime import datetime

from service.domain.checks import EVIDENCE_COLLECTED
from service.domain.episodes import Episode, fired_again
from service.domain.events import Event, EventKind
from service.domain.policy import Policy, Severity

TOLD_KINDS = (
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
"""The kinds of events that are an update: something that people want to hear at once."""


def is_update(event: Event) -> bool:
    """Say whether people are told of an event; a note without words is none, nor one that evidence was collected."""
    if event.kind is not EventKind.NOTE:
        return event.kind in TOLD_KINDS
    return bool(str(event.data.get("text", "")).strip()) and EVIDENCE_COLLECTED not in event.data


def last_told_at(opened_at: datetime, events: Iterable[Event], episodes: Iterable[Episode] = ()) -> datetime:
    """Return when people heard of an incident last: that it is there, an update, or that its alerts fired again.

    An update counts from when it was recorded, since nobody heard of it before.
    """
    return max([opened_at, *(e.recorded_at for e in events if is_update(e)), *fired_again(episodes)])


def update_due_at(told_at: datetime, severity: Severity, policy: Policy) -> datetime | None:
    """Return when people are owed the next word; None where nobody promised any."""
    every = policy.updates.get(severity)
    return None if every is None else told_at + every
