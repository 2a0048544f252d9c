"""The policy a team holds itself to: severities, report deadlines, targets, and how alerts map onto them.

The defaults are the standard's (`Incident-Postmortems.md`, sections 2 and 4); all values come in as parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Severity(StrEnum):
    """How bad it is; SEV-1 is the worst (the standard, section 2)."""

    SEV_1 = "SEV-1"
    SEV_2 = "SEV-2"
    SEV_3 = "SEV-3"
    SEV_4 = "SEV-4"


class IncidentType(StrEnum):
    """What kind of thing broke; an incident may have several (the standard, section 2)."""

    EXECUTION = "execution"
    DATA = "data"
    MODEL = "model"
    ORCHESTRATION = "orchestration"
    SECURITY = "security"
    API = "api"
    OBSERVABILITY = "observability"
    GOVERNANCE = "governance"


class Domain(StrEnum):
    """Where it broke (the standard, section 3)."""

    PLAN = "Plan"
    DO = "Do"
    CHECK = "Check"
    ACT = "Act"
    SEC = "Sec"
    MODELS = "Models"


class Stage(StrEnum):
    """What a postmortem document has to reach: 草案 (draft) and 確定 (final)."""

    DRAFT = "draft"
    FINAL = "final"


class Indicator(StrEnum):
    """An interval between two milestones of an incident; docs/definitions.md has the table."""

    DETECT = "detect"
    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    DRAFT = "draft"
    FINALIZE = "finalize"


class Statistic(StrEnum):
    """What is said about many incidents at once."""

    MEAN = "mean"
    P50 = "p50"
    P95 = "p95"
    MAX = "max"


class Milestone(StrEnum):
    """An instant in an incident's life; `service.domain.incident` says what sets each."""

    STARTED = "started"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DRAFTED = "drafted"
    FINALIZED = "finalized"


def worst(severities: list[Severity]) -> Severity | None:
    """Return the worst of several severities, None of none."""
    return min(severities, default=None)


@dataclass(frozen=True, slots=True)
class WeeklyReview:
    """A meeting once a week at a wall-clock time of a zone; `weekday` counts from Monday = 0."""

    weekday: int
    at: time
    zone: ZoneInfo

    def next_after(self, instant: datetime) -> datetime:
        """Return the first meeting strictly after `instant`, in UTC; right across a change of the clocks."""
        local = instant.astimezone(self.zone)
        day = local.date() + timedelta(days=(self.weekday - local.weekday()) % 7)
        meeting = datetime.combine(day, self.at, self.zone).astimezone(UTC)
        if meeting <= instant:
            meeting = datetime.combine(day + timedelta(days=7), self.at, self.zone).astimezone(UTC)
        return meeting


DueRule = timedelta | WeeklyReview


def due(rule: DueRule, start: datetime) -> datetime:
    """Return when something is due that is owed by `rule` and began at `start`."""
    return rule.next_after(start) if isinstance(rule, WeeklyReview) else start + rule


@dataclass(frozen=True, slots=True)
class Target:
    """One promise: the `statistic` of `indicator` stays at or below `limit`; `severity` None means all together."""

    indicator: Indicator
    statistic: Statistic
    limit: timedelta
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a fold or a statistic needs to know about the team's rules."""

    deadlines: Mapping[Severity, Mapping[Stage, DueRule]]
    targets: tuple[Target, ...]
    resolve_from: Milestone
    default_severity: Severity
    reopen_window: timedelta
    stale_after: timedelta
    updates: Mapping[Severity, timedelta] = field(default_factory=dict)
    """How often people are told how it goes while an incident is open (the standard, section 7)."""

    def due_at(self, severity: Severity, stage: Stage, start: datetime) -> datetime | None:
        """Return when `stage` is due for an incident that began at `start`, None where nothing is owed.

        Source: the standard, section 2, "レポート期限"; SEV-4 is due at the next weekly review.
        """
        rule = self.deadlines.get(severity, {}).get(stage)
        return None if rule is None else due(rule, start)

    def owes_document(self, severity: Severity) -> bool:
        """Say whether a document is owed for `severity`: some stage has a deadline of its own, not only the review."""
        return any(isinstance(rule, timedelta) for rule in self.deadlines.get(severity, {}).values())

    def target(self, indicator: Indicator, severity: Severity | None) -> Target | None:
        """Return the target of `indicator` for one severity, or for all together (None); None where there is none."""
        return next((t for t in self.targets if t.indicator is indicator and t.severity is severity), None)
