"""Intervals that have begun and not ended: which limits they have passed, so that a verdict does not overlook them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from service.domain.clocks import RUNNING
from service.domain.indicators import LEAD_TIMES, began_at, bounds_of
from service.domain.policy import Indicator, Milestone, Policy, Severity, Stage

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An interval without an end. `overall`, `severity`: it has passed the limit of that target of a quantile.

    `longest`: it has passed the longest limit of its indicator, so that it will never have met any.
    """

    indicator: Indicator
    overall: bool
    severity: bool
    longest: bool


@dataclass(frozen=True, slots=True)
class Running:
    """An interval that has begun and not ended, and the last instants at which it has not passed those limits."""

    indicator: Indicator
    overall_until: datetime
    severity_until: datetime
    longest_until: datetime

    def at(self, now: datetime) -> Unfinished:
        """Return which limits it has passed."""
        return Unfinished(self.indicator, now > self.overall_until, now > self.severity_until, now > self.longest_until)


def unfinished(
    milestones: Mapping[Milestone, datetime],
    *,
    is_open: bool,
    owed: Collection[Stage],
    severity: Severity,
    policy: Policy,
    now: datetime,
) -> Iterator[Unfinished]:
    """Yield the intervals that run, of an incident that is open or owes stages of its postmortem."""
    intervals = running(milestones, is_open=is_open, owed=owed, severity=severity, policy=policy)
    return (interval.at(now) for interval in intervals)


def running(
    milestones: Mapping[Milestone, datetime],
    *,
    is_open: bool,
    owed: Collection[Stage],
    severity: Severity,
    policy: Policy,
) -> Iterator[Running]:
    """Yield the same intervals, whatever the time."""
    for indicator in (*(RUNNING if is_open else ()), *(i for i, stage in LEAD_TIMES.items() if stage in owed)):
        _, end = bounds_of(indicator, policy.resolve_from)
        began = began_at(indicator, milestones, policy)
        if began is None or end in milestones:
            continue
        targets = (policy.target(indicator, s) for s in (None, severity))
        overall, of_severity = (began + target.limit if target else _NEVER for target in targets)
        yield Running(indicator, overall, of_severity, began + policy.longest_limit(indicator))
