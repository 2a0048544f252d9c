"""An incident as a pure fold: the same events and episodes give the same incident, whatever order they arrived in.

What sets each milestone is written at `_milestones`; docs/definitions.md says the same for readers of the metrics.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from service.domain.actions import Action, actions_of
from service.domain.checks import Check, CheckState, checks_of
from service.domain.description import domains_of, labels_of, roles_of, severity_of, title_of, types_of
from service.domain.episodes import Episode
from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind, Role
from service.domain.history import Pin, effective
from service.domain.policy import Domain, IncidentType, Milestone, Policy, Severity, Stage


class Phase(StrEnum):
    """Where an incident stands."""

    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


OPEN_PHASES = (Phase.DETECTED, Phase.ACKNOWLEDGED, Phase.MITIGATED)


class ResolutionSource(StrEnum):
    """What ended an incident: its alerts, a person, a machine's event, or that nothing was heard any more."""

    ALERTS = "alerts"
    HUMAN = "human"
    AUTOMATION = "automation"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A stage of the postmortem that is owed by `due_at`; `done_at` None while it is owed."""

    stage: Stage
    due_at: datetime
    done_at: datetime | None

    def overdue(self, now: datetime) -> bool:
        """Say whether the stage is still owed at `now` and late."""
        return self.done_at is None and self.due_at < now

    @property
    def late(self) -> bool:
        """Say whether the stage was reached after it was due."""
        return self.done_at is not None and self.done_at > self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What is known of one incident. `deadlines_from` is the instant from which its postmortem deadlines run.

    `owes_document` is false if the weekly review is all that its severity owes.
    """

    id: int
    title: str
    severity: Severity
    phase: Phase
    types: tuple[IncidentType, ...] = ()
    domains: tuple[Domain, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[Role, str] = field(default_factory=dict)
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    resolution_source: ResolutionSource | None = None
    dismissed_at: datetime | None = None
    deadlines_from: datetime
    deadlines: tuple[Deadline, ...] = ()
    owes_document: bool = True
    actions: tuple[Action, ...] = ()
    checks: Mapping[Check, CheckState] = field(default_factory=dict)
    closed_at: datetime | None = None
    heard_at: datetime
    stale_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to do something about the impact."""
        return self.phase in OPEN_PHASES


def fold(
    incident_id: int, events: Iterable[Event], episodes: Sequence[Episode], policy: Policy, heard_at: datetime
) -> Incident:
    """Compute the incident from all that is known of it.

    `heard_at` is when its sources last said anything; an open incident becomes stale `policy.stale_after` later.
    At least one event or episode is needed.
    """
    told = list(events)
    history = effective(told)
    resolution = _resolution(history.events, episodes, history.pinned.get(Milestone.RESOLVED))
    severity = severity_of(history.events, episodes, policy)
    found = _milestones(history.events, episodes, resolution, owes_document=policy.owes_document(severity))
    pinned = {m: pin.at for m, pin in history.pinned.items() if m in found and m is not Milestone.RESOLVED}
    milestones = found | pinned
    dismissed_at = _dismissed_at(history.events)
    phase = _phase(milestones, dismissed_at)
    deadlines_from = _deadlines_from(milestones, history.events or told)
    checks = checks_of(history.events)
    owes = dismissed_at is None and checks.get(Check.DEADLINE) is not CheckState.NOT_NEEDED
    by_people = resolution is not None and resolution.source in (ResolutionSource.HUMAN, ResolutionSource.AUTOMATION)
    return Incident(
        id=incident_id,
        title=title_of(history.events, episodes),
        severity=severity,
        phase=phase,
        types=types_of(history.events, episodes),
        domains=domains_of(history.events, episodes),
        labels=labels_of(history.events, episodes),
        roles=roles_of(history.events),
        milestones=milestones,
        resolution_source=resolution.source if resolution else None,
        dismissed_at=dismissed_at,
        deadlines_from=deadlines_from,
        deadlines=_deadlines(severity, milestones, deadlines_from, policy) if owes else (),
        owes_document=policy.owes_document(severity),
        actions=actions_of(history.events),
        checks=checks,
        closed_at=dismissed_at or (milestones[Milestone.RESOLVED] if by_people else None),
        heard_at=heard_at,
        stale_at=heard_at + policy.stale_after if phase in OPEN_PHASES else None,
    )


@dataclass(frozen=True, slots=True)
class _Resolution:
    at: datetime
    source: ResolutionSource


def _resolution(events: Sequence[Event], episodes: Sequence[Episode], corrected: Pin | None) -> _Resolution | None:
    """Find what ended the incident, None while it goes on.

    The first explicit resolution that nothing reopened afterwards (an event, or an alert that fired again) counts;
    without one, the end of the last episode. An assumed (stale) resolution counts only where there is neither, and so
    does a second-hand one: that of a pager whose alerts cleared, where we have no alerts ourselves. A time that people
    corrected replaces the one found, unless the incident was reopened after it, or an alert fired after they said so.
    """
    found = _found_resolution(events, episodes)
    if found is None or corrected is None:
        return found
    reopened = any(e.occurred_at > corrected.at for e in events if e.kind is EventKind.REOPENED)
    if reopened or any(e.starts_at > corrected.said_at for e in episodes):
        return found
    return _Resolution(corrected.at, found.source)


def _found_resolution(events: Sequence[Event], episodes: Sequence[Episode]) -> _Resolution | None:
    reopenings = [e.occurred_at for e in events if e.kind is EventKind.REOPENED]
    reopened_at = max(reopenings + [e.starts_at for e in episodes], default=None)
    explicit = [_Resolution(e.occurred_at, _source_of(e)) for e in events if e.kind is EventKind.RESOLVED]
    standing = [r for r in explicit if reopened_at is None or r.at >= reopened_at]
    reported = [r for r in standing if r.source in (ResolutionSource.HUMAN, ResolutionSource.AUTOMATION)]
    if reported:
        return reported[0]
    if episodes:
        ends = [e.ends_at for e in episodes if e.ends_at is not None]
        if len(ends) < len(episodes) or (reopenings and max(ends) < max(reopenings)):
            return None
        stale = any(e.stale for e in episodes)
        return _Resolution(max(ends), ResolutionSource.STALE if stale else ResolutionSource.ALERTS)
    second_hand = [r for r in standing if r.source is ResolutionSource.ALERTS]
    return next(iter(second_hand or standing), None)


def _source_of(resolved: Event) -> ResolutionSource:
    if resolved.data.get("resolution_source") in (ResolutionSource.STALE, ResolutionSource.ALERTS):
        return ResolutionSource(resolved.data["resolution_source"])
    return ResolutionSource.AUTOMATION if resolved.data.get("automated") else ResolutionSource.HUMAN


def _milestones(
    events: Sequence[Event], episodes: Sequence[Episode], resolution: _Resolution | None, *, owes_document: bool
) -> dict[Milestone, datetime]:
    """Find each milestone by its definition (docs/definitions.md); one that nobody reported is left out.

    `started`: people's word, else the alerts' own, else what Prometheus knew. `acknowledged`: the first act of a
    person, which is an acknowledgement, a commander, the mitigation, or a resolution by hand. `finalized`: the final
    document, or the review where that is all that is owed (SEV-4).
    """
    told: dict[EventKind, list[datetime]] = {}
    for event in events:
        told.setdefault(event.kind, []).append(event.occurred_at)
    closing = [EventKind.POSTMORTEM_FINALIZED] + ([] if owes_document else [EventKind.REVIEWED])
    first: dict[Milestone, datetime | None] = {
        Milestone.STARTED: _started(events, episodes),
        Milestone.DETECTED: min([*told.get(EventKind.DETECTED, ()), *(e.starts_at for e in episodes)], default=None),
        Milestone.ACKNOWLEDGED: min([e.occurred_at for e in events if _is_first_response(e)], default=None),
        Milestone.MITIGATED: min(told.get(EventKind.MITIGATED, ()), default=None),
        Milestone.RESOLVED: resolution.at if resolution else None,
        Milestone.DRAFTED: min(told.get(EventKind.POSTMORTEM_DRAFTED, ()), default=None),
        Milestone.FINALIZED: min((at for kind in closing for at in told.get(kind, ())), default=None),
    }
    return {milestone: at for milestone, at in first.items() if at is not None}


ONSET_FROM_PROMETHEUS = "prometheus"


def _started(events: Sequence[Event], episodes: Sequence[Episode]) -> datetime | None:
    reported = [e for e in events if e.kind is EventKind.STARTED]
    people = [e.occurred_at for e in reported if e.source != ONSET_FROM_PROMETHEUS]
    alerts = [e.onset_at for e in episodes if e.onset_at is not None]
    measured = [e.occurred_at for e in reported if e.source == ONSET_FROM_PROMETHEUS]
    return min(people or alerts or measured, default=None)


def _is_first_response(event: Event) -> bool:
    if event.data.get("automated") is True:
        return False
    match event.kind:
        case EventKind.ACKNOWLEDGED | EventKind.MITIGATED:
            return True
        case EventKind.ROLE_ASSIGNED:
            return event.data.get("role") == Role.COMMANDER
        case EventKind.RESOLVED:
            return _source_of(event) is ResolutionSource.HUMAN
        case _:
            return False


def _dismissed_at(events: Sequence[Event]) -> datetime | None:
    """Find since when it counts as a false alarm, or as merged into an incident of which nothing is known here."""
    keys = {(e.source, e.data[INCIDENT_KEY]) for e in events if INCIDENT_KEY in e.data}
    dismissed = None
    for event in events:
        if event.kind is EventKind.DISMISSED or _is_merge_into_unknown(event, keys):
            dismissed = dismissed or event.occurred_at
        elif event.kind is EventKind.REOPENED:
            dismissed = None
    return dismissed


def _is_merge_into_unknown(event: Event, keys: Set[tuple[str, str]]) -> bool:
    data = event.data
    return (
        event.kind is EventKind.MERGED
        and INTO_KEY in data
        and "into" not in data
        and (event.source, data[INTO_KEY]) not in keys
    )


def _phase(milestones: Mapping[Milestone, datetime], dismissed_at: datetime | None) -> Phase:
    if dismissed_at is not None:
        return Phase.DISMISSED
    for milestone, phase in (
        (Milestone.RESOLVED, Phase.RESOLVED),
        (Milestone.MITIGATED, Phase.MITIGATED),
        (Milestone.ACKNOWLEDGED, Phase.ACKNOWLEDGED),
    ):
        if milestone in milestones:
            return phase
    return Phase.DETECTED


def _deadlines_from(milestones: Mapping[Milestone, datetime], events: Sequence[Event]) -> datetime:
    for milestone in (Milestone.STARTED, Milestone.DETECTED):
        if milestone in milestones:
            return milestones[milestone]
    return min([*milestones.values(), *(e.occurred_at for e in events)])


def _deadlines(
    severity: Severity, milestones: Mapping[Milestone, datetime], start: datetime, policy: Policy
) -> tuple[Deadline, ...]:
    finalized = milestones.get(Milestone.FINALIZED)
    done = {Stage.DRAFT: milestones.get(Milestone.DRAFTED) or finalized, Stage.FINAL: finalized}
    dues = ((stage, policy.due_at(severity, stage, start)) for stage in Stage)
    return tuple(Deadline(stage, due_at, done[stage]) for stage, due_at in dues if due_at is not None)
