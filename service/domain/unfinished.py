"""Intervals that have begun and not ended: which limits they have passed, so that a verdict does not overlook them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from service.domain.clocks import RUNNING
from service.domain.indicators import LEAD_TIMES, began_at, bounds_of
from service.domain.policy import Indicator, Milestone, Policy, Severity, Stage


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An interval without an end. `overall`, `severity`: it has passed the limit of that target of a quantile.

    `longest`: it has passed the longest limit of its indicator, so that it will never have met any.
    """

    indicator: Indicator
    overall: bool
    severity: bool
    longest: bool


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
    for indicator, began in running(milestones, policy, is_open=is_open, owed=owed):
        elapsed = now - began
        targets = (policy.target(indicator, s) for s in (None, severity))
        overall, of_severity = (target is not None and elapsed > target.limit for target in targets)
        yield Unfinished(indicator, overall, of_severity, elapsed > policy.longest_limit(indicator))


def running(
    milestones: Mapping[Milestone, datetime], policy: Policy, *, is_open: bool, owed: Collection[Stage]
) -> Iterator[tuple[Indicator, datetime]]:
    """Yield the intervals that run, and since when."""
    for indicator in (*(RUNNING if is_open else ()), *(i for i, stage in LEAD_TIMES.items() if stage in owed)):
        _, end = bounds_of(indicator, policy.resolve_from)
        began = began_at(indicator, milestones, policy)
        if began is not None and end not in milestones:
            yield indicator, began
