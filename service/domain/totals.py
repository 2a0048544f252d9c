"""The running totals: what each incident adds, once, to which count or histogram bucket."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag, StrEnum

from service.domain.incident import Incident, Phase
from service.domain.indicators import LEAD_TIMES, Measured, measure
from service.domain.policy import Indicator, Policy, Severity, WeeklyReview

INFINITE = 2**62
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DEFAULT_BOUNDS = (
    *(m * _MINUTE for m in (1, 2, 5, 10, 15, 20, 30, 45)),
    *(h * _HOUR for h in (1, 2, 3, 4, 6, 8, 12)),
    *(d * _DAY for d in (1, 2, 3, 5, 7, 10, 14, 21, 28)),
)


class Counted(IntFlag):
    """What the running totals already include of an incident; each is counted once.

    `SETTLED`: its resolution became final and nothing more is to be counted; cleared when it is reopened.
    """

    NOTHING = 0
    DETECT = 1
    ACKNOWLEDGE = 2
    MITIGATE = 4
    RESOLVE = 8
    DRAFT = 16
    FINALIZE = 32
    OPENED = 64
    RESOLVED = 128
    DISMISSED = 256
    SETTLED = 512


class IncidentCount(StrEnum):
    """A count of incidents, in the place of an indicator; resolved ones by the source of their resolution."""

    OPENED = "opened"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Increment:
    """An increment of a count (`le` 0), or one sample of `seconds` in the bucket up to `le` (not cumulative)."""

    indicator: Indicator | IncidentCount
    severity: Severity
    resolution_source: str = ""
    le: int = 0
    seconds: float = 0.0


def bucket_bounds_of(policy: Policy) -> tuple[int, ...]:
    """Return the upper bounds of all histograms in whole seconds: minutes to weeks, and every target exactly."""
    promised: set[timedelta] = {t.limit for t in policy.targets}
    promised |= {due for of in policy.deadlines.values() for due in of.values() if not isinstance(due, WeeklyReview)}
    return tuple(sorted({*_DEFAULT_BOUNDS, *(int(p.total_seconds()) for p in promised if p >= timedelta(seconds=1))}))


def increments(
    incident: Incident, counted: Counted, policy: Policy, bucket_bounds: Sequence[int], now: datetime
) -> tuple[list[Increment], Counted]:
    """Return what the incident adds to the totals at `now`, and the new `Counted` flags.

    Opened, resolved and dismissed count at once, a lead time when its stage is reached, the other intervals when the
    resolution is final (`settled_at`). A milestone reported later is sampled then. Counts are never taken back:
    corrections show in the window gauges only.
    """
    added: list[Increment] = []
    if Counted.OPENED not in counted:
        counted |= Counted.OPENED
        added.append(Increment(IncidentCount.OPENED, incident.severity))
    if incident.phase is Phase.DISMISSED:
        if Counted.DISMISSED not in counted:
            counted |= Counted.DISMISSED
            added.append(Increment(IncidentCount.DISMISSED, incident.severity))
        return added, counted
    if incident.resolution_source and Counted.RESOLVED not in counted:
        counted |= Counted.RESOLVED
        added.append(Increment(IncidentCount.RESOLVED, incident.severity, incident.resolution_source.value))
    settled = incident.settled_at is not None and incident.settled_at <= now
    counted = counted | Counted.SETTLED if settled else counted & ~Counted.SETTLED
    samples, counted = new_samples(
        measure(incident, policy), incident.severity, counted, bucket_bounds, settled=settled
    )
    return added + samples, counted


def new_samples(
    measured: Measured, severity: Severity, counted: Counted, bucket_bounds: Sequence[int], *, settled: bool
) -> tuple[list[Increment], Counted]:
    """Return the samples that the histograms do not have yet; only lead times before the incident is settled."""
    added: list[Increment] = []
    for indicator, interval in measured.intervals.items():
        flag = Counted[indicator.name]
        if flag in counted or not (settled or indicator in LEAD_TIMES):
            continue
        counted |= flag
        le = bucket(interval, bucket_bounds)
        added.append(Increment(indicator, severity, le=le, seconds=interval.total_seconds()))
    return added, counted


def bucket(interval: timedelta, bucket_bounds: Sequence[int]) -> int:
    """Return the smallest bound at or above the interval, `INFINITE` above the last."""
    at = bisect_left(bucket_bounds, interval.total_seconds())
    return bucket_bounds[at] if at < len(bucket_bounds) else INFINITE


@dataclass(frozen=True, slots=True)
class Total:
    """One running total as stored; the exemplar is the latest sample of its bucket."""

    indicator: Indicator | IncidentCount
    severity: Severity
    resolution_source: str
    le: int
    count: int
    seconds: float
    exemplar_incident: int | None = None
    exemplar_seconds: float | None = None
    exemplar_at: datetime | None = None
