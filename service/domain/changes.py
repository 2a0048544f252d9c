"""The change an event made, with the values before and after: a severity, a role's holder, or a corrected time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.description import severity_of
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.history import effective, withdrawn
from service.domain.incident import Incident, fold
from service.domain.policy import Policy

Value = str | datetime


@dataclass(frozen=True, slots=True)
class Change:
    """The values before and after an event; `before` is None if there was no earlier value."""

    before: Value | None
    after: Value


def changes(
    incident: Incident, events: Sequence[Event], episodes: Sequence[Episode], policy: Policy
) -> dict[str, Change]:
    """Return the changes by the ids of the events that made them; an event that changed nothing has no entry.

    Severities and roles follow the order in which things happened, corrections the order in which they were recorded.
    """
    happened = effective(events).events
    corrections = _effective_corrections(events)
    times = _uncorrected_times(incident, events, episodes, policy) if corrections else {}
    return dict([*_severities(happened, episodes, policy), *_roles(happened), *_corrected_times(corrections, times)])


def _severities(happened: Sequence[Event], episodes: Sequence[Episode], policy: Policy) -> Iterator[tuple[str, Change]]:
    """Yield severity changes, starting from the alerts that fired before the first event with a severity."""
    severity = None
    for event in happened:
        if event.severity is None:
            continue
        if severity is None and (begun := [e for e in episodes if e.starts_at <= event.occurred_at]):
            severity = severity_of((), begun, policy)
        if severity is not None and severity is not event.severity:
            yield event.event_id, Change(severity.value, event.severity.value)
        severity = event.severity


def _roles(happened: Sequence[Event]) -> Iterator[tuple[str, Change]]:
    holders: dict[str, str] = {}
    for event in happened:
        if event.kind is EventKind.ROLE_ASSIGNED:
            role, name = str(event.data["role"]), str(event.data["name"])
            if holders.get(role) != name:
                yield event.event_id, Change(holders.get(role), name)
            holders[role] = name


def _effective_corrections(events: Sequence[Event]) -> list[Event]:
    """Return the corrections of times that were not withdrawn, as they were recorded."""
    retracted = withdrawn([e for e in events if e.kind is EventKind.RETRACTED])
    corrections = [
        e for e in events if e.kind is EventKind.CORRECTED and "occurred_at" in e.data and e.event_id not in retracted
    ]
    return sorted(corrections, key=lambda e: (e.recorded_at, e.event_id))


def _subject(correction: Event) -> tuple[str, str]:
    kind = "milestone" if "milestone" in correction.data else "event_id"
    return kind, str(correction.data[kind])


def _uncorrected_times(
    incident: Incident, events: Sequence[Event], episodes: Sequence[Episode], policy: Policy
) -> dict[tuple[str, str], datetime]:
    """Return the time of each event, and of each milestone without overrides."""
    plain = [e for e in events if not (e.kind is EventKind.CORRECTED and "milestone" in e.data)]
    times = {("event_id", e.event_id): e.occurred_at for e in events}
    if plain or episodes:
        milestones = fold(incident.id, plain, episodes, policy, incident.last_seen_at).milestones
        times |= {("milestone", milestone.value): at for milestone, at in milestones.items()}
    return times


def _corrected_times(
    corrections: Sequence[Event], times: dict[tuple[str, str], datetime]
) -> Iterator[tuple[str, Change]]:
    """Yield the corrections of each milestone and event, starting from its original time."""
    for correction in corrections:
        subject = _subject(correction)
        after = datetime.fromisoformat(correction.data["occurred_at"])
        yield correction.event_id, Change(times.get(subject), after)
        times[subject] = after
