"""A team's policy: severities, report deadlines, targets, and how alerts map onto them.

The defaults are the standard's (`Incident-Postmortems.md`, sections 2 and 4); all values come in as parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from service.domain.breakdown import Dimension


class Severity(StrEnum):
    """The severity of an incident; SEV-1 is the worst (the standard, section 2)."""

    SEV_1 = "SEV-1"
    SEV_2 = "SEV-2"
    SEV_3 = "SEV-3"
    SEV_4 = "SEV-4"


class IncidentType(StrEnum):
    """The type of an incident, which may have several (the standard, section 2)."""

    EXECUTION = "execution"
    DATA = "data"
    MODEL = "model"
    ORCHESTRATION = "orchestration"
    SECURITY = "security"
    API = "api"
    OBSERVABILITY = "observability"
    GOVERNANCE = "governance"


class Domain(StrEnum):
    """The affected domain (the standard, section 3)."""

    PLAN = "Plan"
    DO = "Do"
    CHECK = "Check"
    ACT = "Act"
    SEC = "Sec"
    MODELS = "Models"


class Stage(StrEnum):
    """A stage of a postmortem document: 草案 (draft) or 確定 (final)."""

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
    """A statistic over many incidents."""

    MEAN = "mean"
    GEOMETRIC_MEAN = "geometric_mean"
    P50 = "p50"
    P95 = "p95"
    MAX = "max"


class Weekday(StrEnum):
    """A day of the week, from Monday."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Milestone(StrEnum):
    """A milestone of an incident; `service.domain.incident` defines each."""

    STARTED = "started"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DRAFTED = "drafted"
    FINALIZED = "finalized"


def worst(severities: list[Severity]) -> Severity | None:
    """Return the worst of several severities, None if the list is empty."""
    return min(severities, default=None)


@dataclass(frozen=True, slots=True)
class WeeklyReview:
    """A weekly meeting at a wall-clock time of a zone."""

    weekday: Weekday
    at: time
    zone: ZoneInfo

    def next_after(self, instant: datetime) -> datetime:
        """Return the first meeting strictly after `instant`, in UTC; correct across changes of daylight saving time."""
        local = instant.astimezone(self.zone)
        day = local.date() + timedelta(days=(list(Weekday).index(self.weekday) - local.weekday()) % 7)
        meeting = datetime.combine(day, self.at, self.zone).astimezone(UTC)
        if meeting <= instant:
            meeting = datetime.combine(day + timedelta(days=7), self.at, self.zone).astimezone(UTC)
        return meeting

    def is_at(self, instant: datetime) -> bool:
        """Return whether there is a meeting at that instant."""
        return self.next_after(instant - timedelta(seconds=1)) == instant


DueRule = timedelta | WeeklyReview
WEEKLY_REVIEW: Literal["weekly_review"] = "weekly_review"
"""How mttx.yml and the API write a rule that waits for the weekly review."""


def due(rule: DueRule, start: datetime) -> datetime:
    """Return the due time under `rule` for an incident that began at `start`."""
    return rule.next_after(start) if isinstance(rule, WeeklyReview) else start + rule


@dataclass(frozen=True, slots=True)
class Target:
    """A target: the `statistic` of `indicator` stays at or below `limit`; `severity` None: all together."""

    indicator: Indicator
    statistic: Statistic
    limit: timedelta
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The team's rules, as folds and statistics need them."""

    deadlines: Mapping[Severity, Mapping[Stage, DueRule]]
    targets: tuple[Target, ...]
    resolve_from: Milestone
    default_severity: Severity
    reopen_window: timedelta
    stale_after: timedelta
    breakdown: tuple[Dimension, ...] = ()
    updates: Mapping[Severity, timedelta] = field(default_factory=dict)
    """The interval between updates while an incident is open (the standard, section 7)."""
    _targets: Mapping[tuple[Indicator, Severity | None], Target] = field(init=False, repr=False, compare=False)
    _longest_limits: Mapping[Indicator, timedelta] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = {(t.indicator, t.severity): t for t in reversed(self.targets)}
        longest = {i: max(self.limits(i), default=timedelta(0)) for i in Indicator}
        object.__setattr__(self, "_targets", first)
        object.__setattr__(self, "_longest_limits", longest)

    def due_at(self, severity: Severity, stage: Stage, start: datetime) -> datetime | None:
        """Return when `stage` is due for an incident that began at `start`, None if it is not owed.

        Source: the standard, section 2, "レポート期限"; SEV-4 is due at the next weekly review.
        """
        rule = self.deadlines.get(severity, {}).get(stage)
        return None if rule is None else due(rule, start)

    def owes_document(self, severity: Severity) -> bool:
        """Return whether `severity` requires a document: some stage has a deadline other than the weekly review."""
        return any(isinstance(rule, timedelta) for rule in self.deadlines.get(severity, {}).values())

    def target(self, indicator: Indicator, severity: Severity | None) -> Target | None:
        """Return the target of `indicator` for one severity, or for all together (None); None without a target.

        The first counts of several.
        """
        return self._targets.get((indicator, severity))

    def limits(self, indicator: Indicator) -> set[timedelta]:
        """Return the limits of all targets of `indicator`."""
        return {target.limit for target in self.targets if target.indicator is indicator}

    def longest_limit(self, indicator: Indicator) -> timedelta:
        """Return the longest limit of the targets of `indicator`, nothing without a target.

        An incident that began longer ago than that either has the interval or has missed all targets.
        """
        return self._longest_limits[indicator]
