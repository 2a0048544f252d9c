"""An incident as a pure fold: the same events and episodes give the same incident, in whatever order they arrive.

`_milestones` defines each milestone, `service.domain.recovery` the end of an incident; docs/definitions.md describes
both for readers of the metrics.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from service.domain.actions import Action, actions_of
from service.domain.budgets import budgets_spent, impact_of
from service.domain.checks import Check, CheckState, checks_of
from service.domain.description import dimensions_of, domains_of, labels_of, roles_of, severity_of, title_of, types_of
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind, Role
from service.domain.history import History, Override, effective
from service.domain.policy import Domain, IncidentType, Milestone, Policy, Severity, Stage
from service.domain.recovery import EXPLICIT, Recovery, Resolution, ResolutionSource, recovery_of, source_of


class Phase(StrEnum):
    """The phase of an incident."""

    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


OPEN_PHASES = (Phase.DETECTED, Phase.ACKNOWLEDGED, Phase.MITIGATED)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A stage of the postmortem due at `due_at`; `done_at` is None until it is reached."""

    stage: Stage
    due_at: datetime
    done_at: datetime | None

    def overdue(self, now: datetime) -> bool:
        """Return whether the stage is past its due time at `now` and not reached."""
        return self.done_at is None and self.due_at < now

    @property
    def late(self) -> bool:
        """Return whether the stage was reached after it was due."""
        return self.done_at is not None and self.done_at > self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The computed state of one incident. `deadlines_from` is the start of its postmortem deadlines.

    `labels` are those that all its alerts share; `dimensions` has one value of every label that any of them carries.
    `error_budgets` has the share of each budget that it spent, by objective; 1 is the whole budget.

    `owes_document` is false if its severity requires only the weekly review. A resolved incident without the milestone
    `resolved` has an unknown end; `over_at` is then assumed, for grouping. `settled_at` is when a resolution becomes
    final; `outlived_at` is since when an alert fires after a resolution by hand; `withdrawn`: all its events were
    retracted.
    """

    id: int
    title: str
    severity: Severity
    phase: Phase
    types: tuple[IncidentType, ...] = ()
    domains: tuple[Domain, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[Role, str] = field(default_factory=dict)
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    resolution_source: ResolutionSource | None = None
    dismissed_at: datetime | None = None
    deadlines_from: datetime
    deadlines: tuple[Deadline, ...] = ()
    owes_document: bool = True
    actions: tuple[Action, ...] = ()
    checks: Mapping[Check, CheckState] = field(default_factory=dict)
    error_budgets: Mapping[str, float] = field(default_factory=dict)
    over_at: datetime | None = None
    withdrawn: bool = False
    settled_at: datetime | None = None
    outlived_at: datetime | None = None
    last_seen_at: datetime
    stale_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the impact still needs work."""
        return self.phase in OPEN_PHASES

    @property
    def due(self) -> Mapping[Stage, datetime]:
        """Return when each outstanding stage of the postmortem is due."""
        return {deadline.stage: deadline.due_at for deadline in self.deadlines if deadline.done_at is None}


def fold(
    incident_id: int, events: Iterable[Event], episodes: Sequence[Episode], policy: Policy, last_seen_at: datetime
) -> Incident:
    """Compute the incident from its events and episodes; at least one of either is needed.

    `last_seen_at` is when its sources last reported; an open incident becomes stale `policy.stale_after` later.
    An incident whose events were all retracted counts as dismissed.
    """
    recorded = list(events)
    history = effective(recorded)
    recovery = recovery_of(history.events, episodes)
    resolution = _resolution(recovery, history, episodes)
    severity = severity_of(history.events, episodes, policy)
    owes_document = policy.owes_document(severity)
    milestones = _milestones(history, episodes, recovery, resolution, owes_document=owes_document)
    retracted = any(e.kind is EventKind.RETRACTED for e in recorded)
    withdrawn = retracted and not episodes and all(e.kind is EventKind.MERGED for e in history.events)
    dismissed_at = max(e.recorded_at for e in recorded) if withdrawn else recovery.dismissed_at
    phase = _phase(milestones, resolution, dismissed_at)
    deadlines_from = _deadlines_from(milestones, history.events or recorded)
    checks = checks_of(history.events)
    resolution_source = resolution.source if resolution else None
    owes = dismissed_at is None and checks.get(Check.DEADLINE) is not CheckState.NOT_NEEDED
    return Incident(
        id=incident_id,
        title=title_of(history.events, episodes),
        severity=severity,
        phase=phase,
        types=types_of(history.events, episodes),
        domains=domains_of(history.events, episodes),
        labels=labels_of(history.events, episodes),
        dimensions=dimensions_of(history.events, episodes),
        roles=roles_of(history.events),
        milestones=milestones,
        resolution_source=resolution_source,
        dismissed_at=dismissed_at,
        over_at=resolution.at if resolution else None,
        withdrawn=withdrawn,
        deadlines_from=deadlines_from,
        deadlines=_deadlines(severity, milestones, deadlines_from, policy) if owes else (),
        owes_document=owes_document,
        actions=actions_of(history.events),
        checks=checks,
        error_budgets=budgets_spent(history.events, impact_of(milestones, resolution_source)),
        settled_at=resolution.at + policy.reopen_window if resolution and phase is Phase.RESOLVED else None,
        outlived_at=_outlived_at(resolution, episodes, policy) if phase is Phase.RESOLVED else None,
        last_seen_at=last_seen_at,
        stale_at=last_seen_at + policy.stale_after if phase in OPEN_PHASES else None,
    )


def _resolution(recovery: Recovery, history: History, episodes: Sequence[Episode]) -> Resolution | None:
    """Return what ended the incident, at its corrected time.

    A correction applies to the recovery of its time: it no longer counts if the incident was reopened after the
    corrected time, or if an alert fired after the correction was recorded.
    """
    resolution = recovery.resolution()
    override = history.overrides.get(Milestone.RESOLVED)
    if resolution is None or override is None or not resolution.is_known:
        return resolution
    if recovery.reopened_at is not None and recovery.reopened_at > override.at:
        return resolution
    if any(e.starts_at > override.recorded_at for e in episodes):
        return resolution
    return replace(resolution, at=override.at)


def _outlived_at(resolution: Resolution | None, episodes: Sequence[Episode], policy: Policy) -> datetime | None:
    """Return since when an alert fires, or fired, after a resolution other than its own; None if there is no such."""
    if resolution is None or resolution.source not in EXPLICIT:
        return None
    until = resolution.at + policy.reopen_window
    return until if any(e.ends_at is None or (e.ends_at > until and not e.stale) for e in episodes) else None


def _milestones(
    history: History,
    episodes: Sequence[Episode],
    recovery: Recovery,
    resolution: Resolution | None,
    *,
    owes_document: bool,
) -> dict[Milestone, datetime]:
    """Compute each milestone by its definition (docs/definitions.md); unreported ones are left out.

    `started` comes from people, else from the alerts, else from Prometheus. A milestone derived from another (the
    response from the mitigation or the recovery, the draft from the final) follows corrections of that one.
    `finalized`: the final document, or the review if nothing else is owed (SEV-4).
    """
    events, overrides = history.events, _not_undone(history.overrides, recovery.reopened_at)
    at = {
        Milestone.STARTED: _started(events, episodes),
        Milestone.DETECTED: _first(events, EventKind.DETECTED, (e.starts_at for e in episodes)),
        Milestone.MITIGATED: min((e.occurred_at for e in recovery.mitigations), default=None),
    }
    at |= {milestone: _overridden(milestone, instant, overrides) for milestone, instant in at.items()}
    responded_at = _responded_at(events, resolution, at[Milestone.MITIGATED], overrides.get(Milestone.MITIGATED))
    at[Milestone.ACKNOWLEDGED] = _overridden(Milestone.ACKNOWLEDGED, responded_at, overrides)
    at[Milestone.RESOLVED] = resolution.at if resolution and resolution.is_known else None
    closing = [EventKind.POSTMORTEM_FINALIZED] + ([] if owes_document else [EventKind.REVIEWED])
    finals = [e for e in events if e.kind in closing]
    for milestone, reached_at in (
        (Milestone.DRAFTED, _first(events, EventKind.POSTMORTEM_DRAFTED)),
        (Milestone.FINALIZED, min((e.occurred_at for e in finals), default=None)),
    ):
        at[milestone] = None if reached_at is None else _overridden(milestone, reached_at, overrides)
    if any(e.kind is EventKind.POSTMORTEM_FINALIZED for e in finals):
        stages = (at[Milestone.DRAFTED], at[Milestone.FINALIZED])
        at[Milestone.DRAFTED] = min((i for i in stages if i is not None), default=None)
    return {m: instant for m in Milestone if (instant := at[m]) is not None}


def _not_undone(overrides: Mapping[Milestone, Override], reopened_at: datetime | None) -> Mapping[Milestone, Override]:
    """Return the overrides without a mitigation that a later reopening undid."""
    mitigated = overrides.get(Milestone.MITIGATED)
    if mitigated is None or reopened_at is None or mitigated.at > reopened_at:
        return overrides
    return {m: o for m, o in overrides.items() if m is not Milestone.MITIGATED}


def _first(events: Sequence[Event], kind: EventKind, others: Iterable[datetime] = ()) -> datetime | None:
    return min([*(e.occurred_at for e in events if e.kind is kind), *others], default=None)


def _overridden(milestone: Milestone, at: datetime | None, overrides: Mapping[Milestone, Override]) -> datetime | None:
    override = overrides.get(milestone)
    return at if override is None else override.at


ONSET_FROM_PROMETHEUS = "prometheus"


def _started(events: Sequence[Event], episodes: Sequence[Episode]) -> datetime | None:
    reported = [e for e in events if e.kind is EventKind.STARTED]
    people = [e.occurred_at for e in reported if e.source != ONSET_FROM_PROMETHEUS]
    alerts = [e.onset_at for e in episodes if e.onset_at is not None]
    measured = [e.occurred_at for e in reported if e.source == ONSET_FROM_PROMETHEUS]
    return min(people or alerts or measured, default=None)


def _responded_at(
    events: Sequence[Event], resolution: Resolution | None, mitigated_at: datetime | None, mitigated: Override | None
) -> datetime | None:
    """Return the earliest act of a person: an acknowledgement, a commander, the mitigation, a resolution by hand.

    Each counts at its own effective time; a resolution sent without a time counts when it was sent.
    """
    acts = [e for e in events if not e.automated and _is_response(e)]
    times = [e.occurred_at for e in acts if e.kind is not EventKind.MITIGATED or mitigated is None]
    if mitigated is not None and mitigated_at is not None:
        times.append(mitigated_at)
    if resolution is not None and resolution.event in acts and not resolution.event.untimed:
        times.remove(resolution.event.occurred_at)
        times.append(resolution.at)
    return min(times, default=None)


def _is_response(event: Event) -> bool:
    match event.kind:
        case EventKind.ACKNOWLEDGED | EventKind.MITIGATED:
            return True
        case EventKind.ROLE_ASSIGNED:
            return event.data.get("role") == Role.COMMANDER
        case EventKind.RESOLVED:
            return source_of(event) is ResolutionSource.HUMAN
        case _:
            return False


def _phase(
    milestones: Mapping[Milestone, datetime], resolution: Resolution | None, dismissed_at: datetime | None
) -> Phase:
    if dismissed_at is not None:
        return Phase.DISMISSED
    if resolution is not None:
        return Phase.RESOLVED
    for milestone, phase in (
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
    done = {Stage.DRAFT: milestones.get(Milestone.DRAFTED), Stage.FINAL: finalized}
    dues = ((stage, policy.due_at(severity, stage, start)) for stage in Stage)
    return tuple(Deadline(stage, due_at, done[stage]) for stage, due_at in dues if due_at is not None)
